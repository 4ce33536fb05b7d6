//! Options of a record that are wrong, all reported at once.
use larder::record;

#[record(
    nam = "cities",
    name = "",
    version = 0,
    version = 2,
    index(),
    index(by_nothing),
    index(by_x = countri),
    index(by_each = (each(tags), country)),
    index(by_down = desc(country)),
    index(by_odd = upper(country)),
    index(by_twice = (country, country)),
    index(by_country = population),
    index(by_same = population),
    index(by_same_again = population),
    unique(by_id = id),
    index(Population = tags),
    index(by_open = country, whn = population > 1),
    banana
)]
struct City {
    #[key(fold)]
    id: u64,
    #[index]
    country: String,
    #[index(desc)]
    population: u64,
    #[index(each, ech)]
    tags: Vec<String>,
    #[indx]
    area: f64,
    #[index(when = area > 1)]
    height: f64,
    #[unique = "yes"]
    depth: f64,
    #[rkyv(niche)]
    #[cfg(test)]
    width: f64,
}

#[record(name = "__mine")]
struct Reserved {
    #[key]
    id: u64,
}

fn main() {}
