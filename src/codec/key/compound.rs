//! How are keys built from other keys?
//!
//! ```text
//! TYPE                BYTES
//! Option<K>           00 for None; 01, then the key, for Some
//! [K; N]              the N keys, one behind the other
//! (A,) .. (A .. F)    the parts, one behind the other
//! Box<K>              the key
//! Reverse<K>          the key, every byte complemented (see `reverse`)
//! ```

use super::{Key, KeyReader, number};
use crate::base::{Error, Result};

impl<K: Key> Key for Option<K> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_option(self.as_ref(), out, K::encode);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        if decode_is_some(input)? {
            K::decode(input).map(Some)
        } else {
            Ok(None)
        }
    }

    fn describe() -> String {
        format!("option {}", K::describe())
    }
}

impl<K: Key, const N: usize> Key for [K; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        for key in self {
            key.encode(out);
        }
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        let keys = (0..N)
            .map(|_| K::decode(input))
            .collect::<Result<Vec<K>>>()?;
        keys.try_into()
            .map_err(|_| Error::corrupt("an array in a key has another length"))
    }

    fn describe() -> String {
        format!("[{}; {N}]", K::describe())
    }
}

impl<K: Key> Key for Box<K> {
    fn encode(&self, out: &mut Vec<u8>) {
        K::encode(self, out);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        K::decode(input).map(Self::new)
    }

    fn describe() -> String {
        K::describe()
    }
}

macro_rules! tuple {
    ($($part:ident $place:tt)+) => {
        impl<$($part: Key),+> Key for ($($part,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$place.encode(out);)+
            }

            fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
                Ok(($($part::decode(input)?,)+))
            }

            fn describe() -> String {
                describe_tuple(&[$($part::describe()),+])
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);

/// Writes whether there is a value, then the value.
pub(crate) fn encode_option<T>(
    value: Option<T>,
    out: &mut Vec<u8>,
    encode: impl FnOnce(T, &mut Vec<u8>),
) {
    number::encode_bool(value.is_some(), out);
    if let Some(value) = value {
        encode(value, out);
    }
}

/// Reads whether a value follows.
pub(crate) fn decode_is_some(input: &mut KeyReader<'_>) -> Result<bool> {
    number::decode_bool(input)
}

/// The canonical name of a tuple of parts with these names: `(u64,)`, `(string, u64)`.
pub(crate) fn describe_tuple(parts: &[String]) -> String {
    match parts {
        [only] => format!("({only},)"),
        parts => format!("({})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reverse, decode_key, encode_key};
    use super::*;

    #[test]
    fn golden_bytes_of_compound_keys() {
        assert_eq!(encode_key(&None::<u16>), [0]);
        assert_eq!(encode_key(&Some(1_u16)), [1, 0, 1]);
        assert_eq!(encode_key(&Some(None::<u16>)), [1, 0]);
        assert_eq!(encode_key(&[1_u16, 2]), [0, 1, 0, 2]);
        assert_eq!(encode_key(&[0_u8; 4]), [0; 4]);
        assert_eq!(encode_key(&(7_u8,)), [7]);
        assert_eq!(
            encode_key(&("FR".to_owned(), 7_u16)),
            *b"FR\x00\x01\x00\x07"
        );
        assert_eq!(encode_key(&Box::new(7_u8)), [7]);
    }

    #[test]
    fn golden_bytes_of_descending_parts() {
        assert_eq!(encode_key(&Reverse(1_u16)), [0xFF, 0xFE]);
        assert_eq!(encode_key(&Reverse(String::new())), [0xFF, 0xFE]);
        assert_eq!(encode_key(&Reverse(Reverse(1_u16))), [0, 1]);
        assert_eq!(
            encode_key(&(1_u8, Reverse((1_u8, Reverse(1_u8))), 1_u8)),
            [1, 0xFE, 1, 1]
        );
    }

    #[test]
    fn an_option_tag_other_than_zero_and_one_is_refused() {
        assert!(decode_key::<Option<u8>>(&[2, 0]).is_err());
        assert!(decode_key::<Option<u8>>(&[0, 0]).is_err());
        assert!(decode_key::<Reverse<Option<u8>>>(&[0, 0]).is_err());
    }

    #[test]
    fn names_are_canonical() {
        type Key1 = (String, Reverse<u64>, Option<Vec<u8>>);
        assert_eq!(Key1::describe(), "(string, reverse u64, option bytes)");
        assert_eq!(<[Box<u8>; 16]>::describe(), "[u8; 16]");
        assert_eq!(
            <(Option<Reverse<f64>>,)>::describe(),
            "(option reverse f64,)"
        );
        assert_eq!(
            <((uuid::Uuid, char), bool)>::describe(),
            "((uuid, char), bool)"
        );
    }
}
