//! Scenarios that caught real bugs in other embedded stores. A test's name begins with the section
//! and number of its scenario.

mod indexes;
mod optional;
mod order;
mod transactions;
mod unique;

use larder::record;

/// One index of each common kind.
#[record(name = "people")]
#[derive(Clone, Debug, PartialEq)]
struct Person {
    #[key]
    id: u64,
    #[unique]
    email: String,
    #[index]
    city: String,
    #[index(each)]
    tags: Vec<String>,
    age: u32,
}

fn person(id: u64, city: &str) -> Person {
    Person {
        id,
        email: format!("{id}@example.org"),
        city: city.into(),
        tags: vec!["person".into(), format!("p{id}")],
        age: 30,
    }
}
