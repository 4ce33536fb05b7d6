use larder::{Database, record};

#[record(index(by_country = country))]
struct City {
    #[key]
    id: u64,
    country: String,
}

fn main() {
    let db = Database::in_memory().unwrap();
    let tx = db.begin_write().unwrap();
    let mut cities = tx.collection::<City>().unwrap();
    tx.commit().unwrap();
    cities.clear().unwrap();
}
