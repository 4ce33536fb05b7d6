//! Constants that do not fit the type of their field.
use larder::{part, record};

#[part]
pub enum Status {
    Open,
    Closed(u8),
}

#[part]
pub struct Location {
    pub lat: f64,
}

#[record(
    index(by_a = country, when = population > "many"),
    index(by_b = country, when = population > -1),
    index(by_d = country, when = area > 1),
    index(by_e = country, when = country == 'F'),
    index(by_f = country, when = status == Status::Opne),
    index(by_g = country, when = country == None),
    index(by_h = country, when = location.lat.is_some()),
    index(by_i = country, when = location.lan > 1.0),
    index(by_j = country, when = tags == "x"),
    index(by_k = country, when = country)
)]
struct City {
    #[key]
    id: u64,
    country: String,
    population: u64,
    area: Option<f64>,
    status: Status,
    location: Location,
    tags: Vec<String>,
}

fn main() {}
