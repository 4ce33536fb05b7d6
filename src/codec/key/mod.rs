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

mod borrowed;
pub(crate) mod folded;
pub(crate) mod compound;
pub(crate) mod number;
mod plain;
mod prefix;
mod range;
mod reader;
pub(crate) mod reverse;
pub(crate) mod text;

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
