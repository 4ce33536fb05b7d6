//! Conditions that are none.
use larder::record;

#[record(
    index(by_a = country, when = populatio > 1000),
    index(by_b = country, when = 1000 < population),
    index(by_c = country, when = population + 1),
    index(by_d = country, when = population > area),
    index(by_e = country, when = country.starts_with("F")),
    index(by_f = country, when = country == Some("FR")),
    index(by_g = country, when = area > None),
    index(by_h = country, when = population == 99999999999999999999),
    index(by_i = country, when = ),
    index(by_j = country, when = area > f(1)),
    index(by_k = country, when = population > 1, when = population > 2),
    index(by_l = country, when = country.is_nome())
)]
struct City {
    #[key]
    id: u64,
    country: String,
    population: u64,
    area: Option<f64>,
}

fn main() {}
