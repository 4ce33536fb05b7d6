//! B: unique constraints, and what a refused operation leaves behind: nothing.

use larder::{Collection, ErrorKind, record};

use super::{Person, person};
use crate::support::db;

fn all(people: &Collection<'_, Person>) -> Vec<Person> {
    let people = people.iter().expect("a scan begins");
    people
        .map(|person| person.and_then(|person| person.to_owned()).expect("sound"))
        .collect()
}

#[test]
fn b8_an_insert_with_a_taken_unique_key_leaves_no_record_and_no_entry() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert(&person(1, "Rome"))?;
        let twin = Person {
            email: "1@example.org".into(),
            ..person(2, "Oslo")
        };
        assert!(people.insert(&twin).unwrap_err().is(ErrorKind::Conflict));
        assert!(!people.contains(2)?);
        assert_eq!(people.len()?, 1);
        assert_eq!(people.by(Person::BY_CITY).len()?, 1);
        assert_eq!(people.by(Person::BY_EMAIL).len()?, 1);
        assert_eq!(people.by(Person::BY_TAGS).len()?, 2);
        assert!(!people.by(Person::BY_TAGS).contains("p2")?);
        Ok(())
    })
    .unwrap();
}

#[test]
fn b9_an_upsert_onto_another_records_unique_key_is_a_conflict() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert_many(&[person(1, "Rome"), person(2, "Oslo")])?;
        let before = all(&people);
        let thief = Person {
            email: "1@example.org".into(),
            ..person(2, "Bern")
        };
        assert!(people.put(&thief).unwrap_err().is(ErrorKind::Conflict));
        assert_eq!(all(&people), before);
        Ok(())
    })
    .unwrap();
}

#[test]
fn b10_an_update_to_a_taken_unique_key_changes_neither_record() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert_many(&[person(1, "Rome"), person(2, "Oslo")])?;
        let before = all(&people);
        let error = people
            .update(2, |person| {
                person.email = "1@example.org".into();
                person.city = "Bern".into();
            })
            .unwrap_err();
        assert!(error.is(ErrorKind::Conflict));
        assert_eq!(all(&people), before);
        assert!(!people.by(Person::BY_CITY).contains("Bern")?);
        Ok(())
    })
    .unwrap();
}

#[test]
fn b11_a_record_does_not_collide_with_itself() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert(&person(1, "Rome"))?;
        people.update(1, |person| person.age = 31)?;
        assert!(people.put(&Person {
            age: 32,
            ..person(1, "Oslo")
        })?);
        people.replace_if(
            tx.revision(),
            &Person {
                age: 33,
                ..person(1, "Oslo")
            },
        )?;
        assert_eq!(people.field(1, Person::AGE)?, Some(33));
        Ok(())
    })
    .unwrap();
}

#[test]
fn b12_a_duplicate_in_the_middle_of_many_undoes_those_before_it() {
    let db = db();
    db.write(|tx| tx.collection::<Person>()?.insert(&person(5, "Rome")))
        .unwrap();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        let before = all(&people);
        let twin = Person {
            email: "1@example.org".into(),
            ..person(9, "Rome")
        };
        let taken_key = vec![person(1, "Rome"), person(5, "Oslo"), person(6, "Rome")];
        let twice = vec![person(1, "Rome"), person(2, "Rome"), person(1, "Oslo")];
        let unique = vec![person(1, "Rome"), twin, person(3, "Rome")];
        for many in [taken_key, twice, unique] {
            assert!(
                people
                    .insert_many(&many)
                    .unwrap_err()
                    .is(ErrorKind::Conflict)
            );
            assert_eq!(all(&people), before);
            assert!(people.load(many).unwrap_err().is(ErrorKind::Conflict));
            assert_eq!(all(&people), before);
        }
        assert_eq!(people.by(Person::BY_TAGS).len()?, 2);
        Ok(())
    })
    .unwrap();
}

mod without {
    #[larder::record(name = "books")]
    pub(super) struct Book {
        #[key]
        pub(super) id: u64,
        pub(super) isbn: String,
    }
}

mod with_unique {
    #[larder::record(name = "books")]
    pub(super) struct Book {
        #[key]
        pub(super) id: u64,
        #[unique]
        pub(super) isbn: String,
    }
}

#[test]
fn b13_a_unique_index_over_duplicates_is_refused_and_leaves_no_index() {
    let db = db();
    let books = ["a", "b", "a"].into_iter().zip(0..);
    db.write(|tx| {
        let books = books.map(|(isbn, id)| without::Book {
            id,
            isbn: isbn.into(),
        });
        tx.collection::<without::Book>()?.load(books)
    })
    .unwrap();
    let error = db.register::<with_unique::Book>().unwrap_err();
    assert!(error.is(ErrorKind::Conflict), "{error}");
    assert!(error.to_string().contains("by_isbn"), "{error}");
    assert_eq!(db.check().unwrap().index_entries, 0);
    let db = db.reopen();
    db.write(|tx| tx.collection::<without::Book>()?.remove(2))
        .unwrap();
    db.register::<with_unique::Book>().unwrap();
    let tx = db.read().unwrap();
    let books = tx.collection::<with_unique::Book>().unwrap();
    assert_eq!(
        books
            .by(with_unique::Book::BY_ISBN)
            .get("a")
            .unwrap()
            .unwrap()
            .id,
        0
    );
}

#[record(name = "parcels")]
struct Parcel {
    #[key]
    id: u64,
    #[unique(each)]
    labels: Vec<String>,
}

fn parcel(id: u64, labels: &[&str]) -> Parcel {
    Parcel {
        id,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    }
}

#[test]
fn b14_lists_under_a_unique_index_collide_across_records_and_not_within_one() {
    let db = db();
    db.write(|tx| {
        let mut parcels = tx.collection::<Parcel>()?;
        parcels.insert(&parcel(1, &["a", "b", "a", "a"]))?;
        assert_eq!(parcels.by(Parcel::BY_LABELS).len()?, 2);
        assert!(
            parcels
                .insert(&parcel(2, &["c", "b"]))
                .unwrap_err()
                .is(ErrorKind::Conflict)
        );
        assert!(!parcels.by(Parcel::BY_LABELS).contains("c")?);
        parcels.insert(&parcel(2, &["c"]))?;
        parcels.insert(&parcel(3, &[]))?;
        parcels.insert(&parcel(4, &[]))?;
        assert!(
            parcels
                .update(2, |parcel| parcel.labels.push("a".into()))
                .unwrap_err()
                .is(ErrorKind::Conflict)
        );
        parcels.update(1, |parcel| parcel.labels.retain(|label| label == "b"))?;
        parcels.update(2, |parcel| parcel.labels.push("a".into()))?;
        assert_eq!(
            parcels
                .by(Parcel::BY_LABELS)
                .get("a")?
                .expect("it moved")
                .id,
            2
        );
        let twice = vec![parcel(5, &["x", "x"]), parcel(6, &["y"])];
        assert_eq!(parcels.load(twice)?, 2);
        let clash = vec![parcel(7, &["z"]), parcel(8, &["w", "z"])];
        assert!(parcels.load(clash).unwrap_err().is(ErrorKind::Conflict));
        Ok(())
    })
    .unwrap();
}

#[test]
fn b15_what_a_removed_record_held_is_free_again() {
    let db = db();
    db.write(|tx| tx.collection::<Person>()?.insert(&person(1, "Rome")))
        .unwrap();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        assert!(people.remove(1)?);
        assert!(!people.remove(1)?);
        people.insert(&Person {
            email: "1@example.org".into(),
            ..person(2, "Oslo")
        })?;
        people.insert(&Person {
            email: "2@example.org".into(),
            ..person(1, "Oslo")
        })?;
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    assert_eq!(
        people
            .by(Person::BY_EMAIL)
            .get("1@example.org")
            .unwrap()
            .unwrap()
            .id,
        2
    );
}

#[record(name = "pages")]
struct Page {
    #[key(auto)]
    id: u64,
    #[unique]
    slug: String,
}

fn page(id: u64, slug: &str) -> Page {
    Page {
        id,
        slug: slug.into(),
    }
}

/// One refused insert with the greatest key, caught by its closure, and a collection could never
/// assign a key again.
#[test]
fn a_refused_operation_uses_up_no_automatic_key() {
    let db = db();
    db.write(|tx| {
        let mut pages = tx.collection::<Page>()?;
        assert_eq!(pages.insert(&page(0, "home"))?, 1);
        let refused = [
            pages.insert(&page(u64::MAX, "home")).map(drop),
            pages.insert(&page(0, "home")).map(drop),
            pages.put(&page(u64::MAX, "home")).map(drop),
            pages
                .load([page(0, "news"), page(u64::MAX, "home")])
                .map(drop),
        ];
        for result in refused {
            assert!(result.unwrap_err().is(ErrorKind::Conflict));
        }
        assert_eq!(pages.insert(&page(0, "about"))?, 2);
        pages.load([page(0, "a"), page(10, "b"), page(0, "c")])?;
        assert_eq!(pages.by(Page::BY_SLUG).get("c")?.expect("loaded").id, 11);
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    let next = db.write(|tx| tx.collection::<Page>()?.insert(&page(0, "next")));
    assert_eq!(next.unwrap(), 12);
}
