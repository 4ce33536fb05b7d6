//! Primary keys that are none.
use larder::record;

#[record]
struct None {
    id: u64,
}

#[record]
struct Mixed {
    #[key(auto)]
    id: u64,
    #[key]
    country: String,
}

#[record]
struct Auto {
    #[key(auto)]
    id: u32,
}

type U64 = u32;

mod alias {
    type u64 = i64;

    #[larder::record]
    struct AutoAlias {
        #[key(auto)]
        id: u64,
    }
}

#[record]
struct List {
    #[key]
    ids: Vec<U64>,
}

#[record]
struct Twice {
    #[key]
    #[key]
    id: u64,
}

#[record]
struct Many {
    #[key]
    a: u8,
    #[key]
    b: u8,
    #[key]
    c: u8,
    #[key]
    d: u8,
    #[key]
    e: u8,
    #[key]
    f: u8,
    #[key]
    g: u8,
}

fn main() {}
