//! Indexes over what cannot be sorted.
use larder::{part, record};

#[part]
pub struct Location {
    pub lat: f64,
}

#[record(
    index(by_where = location),
    index(by_lan = location.lan),
    index(by_deep = country.length),
    index(by_both = (country, location))
)]
struct City {
    #[key]
    id: u64,
    #[index(each)]
    country: String,
    #[index(fold)]
    population: u64,
    #[index]
    tags: Vec<String>,
    location: Location,
}

fn main() {}
