//! How does a value become bytes that sort as the value does?
//!
//! - Byte order of the encodings is `Ord` of the Rust type; floats have the total order that
//!   [`number`] describes.
//! - An encoding delimits itself: no encoding of a type is a proper prefix of another of that type.
//!   So encodings are concatenated, and an index entry (index key, then primary key) is split by
//!   decoding its first part.
//! - Every value has exactly one encoding, and decoding refuses every other byte string.
//! - The encoding is a promise on disk: golden bytes stand in the tests of the files that write it.
//!
//! The bytes are written in two files, each with its table: [`number`] for everything of a fixed
//! size, [`text`] for strings and bytes. What is built from parts ([`compound`]) adds one byte for
//! `Option` and nothing else. A program without the Rust type (driven by a schema) writes the same
//! bytes with the functions of these modules.

mod between;
mod borrowed;
pub(crate) mod compound;
pub(crate) mod document;
mod document_key;
pub(crate) mod folded;
pub(crate) mod number;
mod plain;
mod prefix;
pub(crate) mod range;
mod reader;
pub(crate) mod reverse;
pub(crate) mod scratch;
pub(crate) mod text;

pub(crate) use between::between;
pub use document_key::DocumentKey;
pub use prefix::{KeyPrefix, Starting};
pub use range::KeyRange;
pub use reader::KeyReader;
pub use reverse::Reverse;

use crate::base::Result;

/// A type whose values are keys: their encodings sort as the values do.
///
/// Implemented for integers of up to 128 bits, `bool`, `char`, `f32`, `f64`, `String`, `Vec<u8>`,
/// `Uuid`, [`Timestamp`](crate::Timestamp), [`Duration`](std::time::Duration), and for `Option`,
/// arrays, `Box`, [`Reverse`] and tuples of up to six of these. `#[larder::part(key)]` implements
/// it for a struct or an enum; by hand it is rarely right, because the encoding of a type is a
/// promise for as long as a file with such keys lives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a key type",
    note = "keys are integers, `bool`, `char`, floats, `String`, `Vec<u8>`, `Uuid`, `Timestamp`, \
            `Duration`, and `Option`, arrays, `Reverse` and tuples (up to six) of keys",
    note = "for a struct or enum of your own add `#[larder::part(key)]`"
)]
pub trait Key: Sized {
    /// Appends the encoding of the key to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads one key from the front of `input` and leaves what follows it.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the bytes are not the encoding of any key.
    fn decode(input: &mut KeyReader<'_>) -> Result<Self>;

    /// The canonical name of the type, as the file stores it: `u64`, `(string, reverse u64)`.
    /// Types with the same name have the same encoding.
    fn describe() -> String;
}

/// What can stand for a key of type `K` in a call: the key itself, a reference to it, or its
/// borrowed form, such as `&str` for `String` and `("FR", 100_000)` for `(String, u64)`.
///
/// A bare `None` needs its type: `None::<u64>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand for a key of type `{K}`",
    label = "expected a `{K}` or a borrowed form of it",
    note = "a key is given as its own type, by reference, or borrowed: `&str` for `String`, \
            `&[u8]` for `Vec<u8>`, and tuples of these for a tuple"
)]
pub trait AsKey<K: Key> {
    /// Appends the encoding of the key that this stands for to `out`.
    fn encode_as(&self, out: &mut Vec<u8>);
}

/// The encoding of a key, alone.
#[cfg(test)]
pub(crate) fn encode_key<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out);
    out
}

/// The key whose encoding `bytes` is, from the first byte to the last.
pub(crate) fn decode_key<K: Key>(bytes: &[u8]) -> Result<K> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{ErrorKind, Timestamp};

    /// Bytes are refused as corrupt, or they are the one encoding of the value they give.
    fn assert_total<K: Key + Debug>(bytes: &[u8]) {
        let mut reader = KeyReader::new(bytes);
        match K::decode(&mut reader) {
            Ok(key) => {
                let read = bytes
                    .strip_suffix(reader.rest())
                    .expect("the rest is a suffix");
                assert_eq!(encode_key(&key), read, "{key:?}");
            }
            Err(error) => assert!(error.is(ErrorKind::Corrupt), "{error}"),
        }
    }

    fn assert_all_total(bytes: &[u8]) {
        assert_total::<(u8, i16, u128, i128)>(bytes);
        assert_total::<(bool, char)>(bytes);
        assert_total::<(f32, Reverse<f32>)>(bytes);
        assert_total::<f64>(bytes);
        assert_total::<(String, Vec<u8>, Reverse<String>)>(bytes);
        assert_total::<Reverse<(Option<String>, Reverse<Vec<u8>>)>>(bytes);
        assert_total::<[Option<Box<u16>>; 3]>(bytes);
        assert_total::<(Uuid, Timestamp, std::time::Duration)>(bytes);
        assert_total::<Option<std::time::Duration>>(bytes);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_corrupt(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            assert_all_total(&bytes);
        }

        /// The bytes that mean something: tags, escapes, ends and their complements.
        #[test]
        fn bytes_that_look_like_keys_are_a_key_or_corrupt(
            bytes in prop::collection::vec(
                prop::sample::select(vec![0x00, 0x01, 0x02, 0x41, 0x7F, 0x80, 0xC3, 0xFE, 0xFF]),
                0..24,
            ),
        ) {
            assert_all_total(&bytes);
        }

        #[test]
        fn what_is_left_over_behind_a_key_is_refused(key: (u64, String), tail: u8) {
            let mut bytes = encode_key(&key);
            assert_eq!(decode_key::<(u64, String)>(&bytes).unwrap(), key);
            bytes.push(tail);
            assert!(decode_key::<(u64, String)>(&bytes).is_err());
        }
    }
}
