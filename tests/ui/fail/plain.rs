//! Keys of maps and elements of tuples that are not plain.
use std::collections::BTreeMap;

#[larder::record]
struct Bag {
    #[key]
    id: u64,
    map: BTreeMap<Vec<u8>, u8>,
    pair: (u8, Option<u8>),
}

fn main() {}
