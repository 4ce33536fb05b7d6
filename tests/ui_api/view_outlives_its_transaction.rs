use larder::{Database, record};

#[record(index(by_country = country))]
struct City {
    #[key]
    id: u64,
    country: String,
}

fn main() {
    let db = Database::in_memory().unwrap();
    let view = {
        let tx = db.read().unwrap();
        tx.collection::<City>().unwrap().get(1).unwrap()
    };
    drop(view);
}
