//! How does a part of a key sort in descending order?
//!
//! Every byte of its encoding is complemented. Since no encoding is a proper prefix of another,
//! two of them differ at a byte that both have, and there the complement turns the order around.

use std::cmp::Ordering;

use super::{Key, KeyReader};
use crate::base::Result;

/// A key that sorts the other way round: the greatest first.
///
/// ```text
/// index(by_country_population = (country, desc(population)))   // (String, Reverse<u64>)
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reverse<T>(pub T);

impl<T: PartialOrd> PartialOrd for Reverse<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        other.0.partial_cmp(&self.0)
    }
}

impl<T: Ord> Ord for Reverse<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl<K: Key> Key for Reverse<K> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_reverse(out, |out| self.0.encode(out));
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        input.complemented(K::decode).map(Self)
    }

    fn describe() -> String {
        format!("reverse {}", K::describe())
    }
}

/// Complements what `encode` appends.
pub(crate) fn encode_reverse(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    encode(out);
    for byte in out.iter_mut().skip(start) {
        *byte = !*byte;
    }
}
