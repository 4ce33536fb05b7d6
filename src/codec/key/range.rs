//! Which bytes lie in a range of keys?
//!
//! - The bytes of a table may be a key and something behind it (an index key, then the primary
//!   key). So a bound stands before or behind *all* byte strings that start with its key, and the
//!   range is always `lower <= bytes < upper`.
//! - `lower` is never above `upper`: an empty range has both empty.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

use super::{AsKey, Key, KeyPrefix};

/// A range of keys of type `K`, made from the ranges of std: `5..10`, `"a"..="m"`, `..`.
///
/// A reversed range (`10..5`) is empty, not a mistake.
///
/// # Every French city of at least 100,000 people
/// ```
/// use larder::KeyRange;
///
/// let range: KeyRange<(String, u64)> = (("FR", 100_000)..=("FR", u64::MAX)).into();
/// assert!(!range.is_empty());
/// ```
pub struct KeyRange<K> {
    lower: Vec<u8>,
    /// `None`: nothing is above.
    upper: Option<Vec<u8>>,
    key: PhantomData<fn() -> K>,
}

impl<K: Key> KeyRange<K> {
    /// All keys.
    #[must_use]
    pub fn all() -> Self {
        Self::between(Vec::new(), None)
    }

    /// The one key.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads as it is meant: `only(5)`"
    )]
    pub fn only<Q: AsKey<K>>(key: Q) -> Self {
        Self::starting_with(encode_as(&key))
    }

    /// The keys with this prefix, such as `"par"` or `("FR",)`: see [`KeyPrefix`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads as it is meant: `prefix((\"FR\",))`"
    )]
    pub fn prefix<P: KeyPrefix<K>>(prefix: P) -> Self {
        let mut bytes = Vec::new();
        prefix.encode_prefix(&mut bytes);
        Self::starting_with(bytes)
    }

    fn starting_with(bytes: Vec<u8>) -> Self {
        let upper = successor(bytes.clone());
        Self::between(bytes, upper)
    }

    fn from_bounds<Q: AsKey<K>>(range: &impl RangeBounds<Q>) -> Self {
        let lower = match range.start_bound() {
            Bound::Unbounded => Some(Vec::new()),
            Bound::Included(key) => Some(encode_as(key)),
            Bound::Excluded(key) => successor(encode_as(key)),
        };
        let upper = match range.end_bound() {
            Bound::Unbounded => None,
            Bound::Included(key) => successor(encode_as(key)),
            Bound::Excluded(key) => Some(encode_as(key)),
        };
        // No successor below: nothing lies above the lower bound.
        lower.map_or_else(Self::empty, |lower| Self::between(lower, upper))
    }

    fn between(lower: Vec<u8>, upper: Option<Vec<u8>>) -> Self {
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return Self::empty();
        }
        Self {
            lower,
            upper,
            key: PhantomData,
        }
    }

    fn empty() -> Self {
        Self {
            lower: Vec::new(),
            upper: Some(Vec::new()),
            key: PhantomData,
        }
    }
}

impl<K> KeyRange<K> {
    /// Whether the range is reversed or its bounds meet, so that nothing lies in it. A range that
    /// is not empty in this sense may still hold no key: `..0_u8`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upper.as_ref().is_some_and(Vec::is_empty)
    }

    /// The bounds as bytes, the lower never above the upper.
    #[doc(hidden)]
    #[must_use]
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let upper = self
            .upper
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(&self.lower), upper)
    }
}

impl<K> Clone for KeyRange<K> {
    fn clone(&self) -> Self {
        Self {
            lower: self.lower.clone(),
            upper: self.upper.clone(),
            key: PhantomData,
        }
    }
}

impl<K> fmt::Debug for KeyRange<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRange").field(&self.bounds()).finish()
    }
}

impl<K: Key> From<RangeFull> for KeyRange<K> {
    fn from(_: RangeFull) -> Self {
        Self::all()
    }
}

macro_rules! from_std {
    ($($range:ty),*) => {$(
        impl<K: Key, Q: AsKey<K>> From<$range> for KeyRange<K> {
            fn from(range: $range) -> Self {
                Self::from_bounds(&range)
            }
        }
    )*};
}

from_std!(
    Range<Q>,
    RangeInclusive<Q>,
    RangeFrom<Q>,
    RangeTo<Q>,
    RangeToInclusive<Q>,
    (Bound<Q>, Bound<Q>)
);

fn encode_as<K: Key, Q: AsKey<K>>(key: &Q) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_as(&mut out);
    out
}

/// The least byte string above all that start with `bytes`, or `None` when there is none.
pub(crate) fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<K>(range: &KeyRange<K>) -> (&[u8], Option<&[u8]>) {
        (&range.lower, range.upper.as_deref())
    }

    #[test]
    fn the_successor_of_a_prefix_is_the_least_string_above_all_that_start_with_it() {
        assert_eq!(successor(vec![1, 2]), Some(vec![1, 3]));
        assert_eq!(successor(vec![1, 0xFF, 0xFF]), Some(vec![2]));
        assert_eq!(successor(vec![0xFF, 0xFF]), None);
        assert_eq!(successor(Vec::new()), None);
    }

    #[test]
    fn bounds_stand_before_or_behind_all_entries_of_a_key() {
        assert_eq!(
            bytes(&KeyRange::<u8>::from(5..7)),
            (&[5][..], Some(&[7][..]))
        );
        assert_eq!(
            bytes(&KeyRange::<u8>::from(5..=7)),
            (&[5][..], Some(&[8][..]))
        );
        assert_eq!(bytes(&KeyRange::<u8>::from(5..=255)), (&[5][..], None));
        assert_eq!(
            bytes(&KeyRange::<u8>::from(..=7)),
            (&[][..], Some(&[8][..]))
        );
        let above = (Bound::Excluded(5), Bound::Unbounded);
        assert_eq!(bytes(&KeyRange::<u8>::from(above)), (&[6][..], None));
        assert_eq!(bytes(&KeyRange::<u8>::only(255)), (&[255][..], None));
        assert_eq!(
            bytes(&KeyRange::<String>::prefix("par")),
            (&b"par"[..], Some(&b"pas"[..]))
        );
        assert_eq!(bytes(&KeyRange::<String>::prefix("")), (&[][..], None));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "they are what is tested")]
    fn reversed_and_exhausted_ranges_are_empty_and_never_upside_down() {
        let mut exhausted = 3..=3;
        exhausted.next();
        let nothing_above = (Bound::Excluded(255), Bound::Unbounded);
        for range in [
            KeyRange::<u8>::from(7..5),
            KeyRange::from(5..5),
            KeyRange::from(exhausted),
            KeyRange::from(nothing_above),
        ] {
            assert!(range.is_empty(), "{range:?}");
            assert_eq!(bytes(&range), (&[][..], Some(&[][..])));
        }
        assert!(!KeyRange::<u8>::from(..).is_empty());
    }

    #[test]
    fn a_key_of_no_bytes_has_a_range() {
        assert!(!KeyRange::<[u8; 0]>::only([0_u8; 0]).is_empty());
        assert!(KeyRange::<[u8; 0]>::from(..[0_u8; 0]).is_empty());
    }
}
