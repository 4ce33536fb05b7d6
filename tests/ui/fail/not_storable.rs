//! A type of one's own that is no part.
use larder::{part, record};

struct Color(u8, u8, u8);

#[record]
struct Car {
    #[key]
    id: u64,
    color: Color,
}

#[record]
struct Garage {
    #[key]
    id: u64,
    colors: Vec<Option<Color>>,
}

#[part]
enum Paint {
    Plain(Color),
    None,
}

fn main() {}
