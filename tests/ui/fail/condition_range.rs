//! A constant that is too large for the type of its field.
#[larder::record(index(by_level = level, when = level == 256))]
struct City {
    #[key]
    id: u64,
    level: u8,
}

fn main() {}
