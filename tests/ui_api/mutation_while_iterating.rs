use larder::{Database, record};

#[record(index(by_country = country))]
struct City {
    #[key]
    id: u64,
    country: String,
}

fn main() {
    let db = Database::in_memory().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        for city in cities.iter()? {
            let id = city?.id.to_native();
            cities.remove(id)?;
        }
        Ok(())
    })
    .unwrap();
}
