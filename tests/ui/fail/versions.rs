//! What is wrong in defaults, old names and the record that one comes from, all reported at once.
use larder::{part, record};

#[record(name = "cities", version = 2)]
struct CityV2 {
    #[key]
    id: u64,
}

#[record(
    version = 3,
    from = "CityV2",
    from,
    from = CityV2,
    from = CityV2,
    form = CityV2,
    downgrade = CityV2,
    downgrade,
    downgrad
)]
struct City {
    #[key]
    #[default]
    id: u64,
    #[default]
    #[default = 1]
    population: u64,
    #[default(5)]
    stars: u64,
    #[default()]
    rooms: u64,
    #[defaults]
    floors: u64,
    #[defualt = 5]
    doors: u64,
    #[renamed]
    a: u64,
    #[renamed = "b"]
    b: u64,
    #[renamed()]
    c: u64,
    #[renamed(from)]
    d: u64,
    #[renamed(from = e)]
    e: u64,
    #[renamed(from = "")]
    f: u64,
    #[renamed(form = "g")]
    g: u64,
    #[renamed("h", to = "i", from("j"), from = "")]
    h: u64,
    #[renamed(from = "i")]
    i: u64,
    #[renamed(from = "x", from = "x")]
    #[renamed(from = "x")]
    j: u64,
    #[renamed(from = "x")]
    k: u64,
    #[renamed(from = "r#type")]
    r#type: u64,
    #[rename(from = "old")]
    l: u64,
    #[rename_from("old")]
    m: u64,
}

#[record(from = CityV2)]
struct NoVersion {
    #[key]
    id: u64,
}

#[record(version = 1, from = CityV2)]
struct First {
    #[key]
    id: u64,
}

#[record(version = 2, downgrade)]
struct FromNothing {
    #[key]
    id: u64,
}

#[record(version = 2, from = Itself)]
struct Itself {
    #[key]
    id: u64,
}

#[record(version = 2, from = Self, downgrade(CityV2))]
struct ItsSelf {
    #[key]
    id: u64,
}

#[part]
struct Part {
    #[default]
    #[default]
    a: u8,
    #[renamed(from = "a", from = "b")]
    b: u8,
}

#[part]
struct Tuple(#[default(1)] u8, #[renamed(from = "1")] u8, #[renamed(from = "1")] u8);

#[part]
#[derive(Default)]
enum Enum {
    #[default]
    #[renamed(from = "B", from = "Z", from = "Z")]
    A,
    #[renamed(from = "B")]
    B,
    #[renamed]
    #[rename(from = "D")]
    C {
        #[default(1)]
        #[renamed(from = "a")]
        a: u8,
        #[renamed(from = "x")]
        b: u8,
        #[renamed(from = "x")]
        c: u8,
    },
}

fn main() {}
