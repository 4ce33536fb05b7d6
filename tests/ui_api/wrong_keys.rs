use larder::{Database, record};

#[record(index(by_country = country))]
struct City {
    #[key]
    id: u64,
    country: String,
}

fn main() {
    let db = Database::in_memory().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<City>().unwrap();
    let _ = cities.get("paris");
    let _ = cities.by(City::BY_COUNTRY).range(1..5);
    let _ = cities.by(City::BY_COUNTRY).get("FR");
}
