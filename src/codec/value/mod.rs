//! How does a document become bytes that are read without decoding it?
//!
//! A value is a tag and what the tag says lies behind it. Numbers are little-endian. A width, which
//! the tag of a container has in it, is 1, 2 or 4 bytes, the least that holds its length.
//!
//! ```text
//! TAG       VALUE                         BEHIND THE TAG
//! 00        null
//! 01, 02    false, true
//! 03 .. 06  integer                       i8, i16, i32, i64: the narrowest
//! 07        integer from 2^63             u64
//! 08        integer beyond 64 bits        i128
//! 09        integer from 2^127            u128
//! 0A        float that f32 has exactly    f32
//! 0B        float                         f64; the one NaN is 7FF8_0000_0000_0000
//! 0C        timestamp                     i64, microseconds since 1970 UTC
//! 10 .. 12  string from 64 bytes          length (1, 2, 4 bytes), UTF-8
//! 14 .. 16  bytes                         length (1, 2, 4 bytes), the bytes
//! 18 .. 1A  array                         length, count, count offsets, the elements
//! 1C .. 1E  array of elements of          length, count, the elements
//!           one size
//! 20 .. 22  object                        length, count, count hashes, count offsets, the members
//! 40 .. 7F  string of 0 to 63 bytes       UTF-8
//! 80 .. FF  integer 0 to 127
//! ```
//! A member is its key, a string, and its value; no key is there twice. Elements and members lie one
//! behind the other in their own order. An offset counts from the first of them, and has the width; a
//! hash is one byte ([`read::hash`]). Those of an array, and of an object of up to 32 members, are in the
//! order of the elements and members; those of a larger object in the order of the hashes, those of one
//! hash in that of the keys, shorter ones first, then by their bytes. The length is that of everything
//! behind it.
//!
//! - Containers are at most 127 deep, so that values are at most 128 deep, as in `serde_json`.
//! - Who writes ([`write`]) writes exactly one form of each value. Who reads ([`read`]) takes each
//!   step by itself, checked, and is total on hostile bytes: going through a container goes by what
//!   lies there, so that each byte is seen once, and never by its offsets, which may overlap.
//! - [`validate`] says whether everything is as it should be.
//! - The encoding is a promise on disk: golden bytes stand in `tests`.

mod de;
pub(crate) mod json;
pub(crate) mod keep;
pub(crate) mod like;
mod numbers;
pub(crate) mod pointer;
pub(crate) mod read;
mod ser;
#[cfg(test)]
mod tests;
pub(crate) mod validate;
pub(crate) mod write;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::{Error, Result};
use read::Node;
use write::Writer;

/// How deep containers may lie within containers.
pub(crate) const CONTAINERS_DEEP_MAX: usize = 127;

/// Appends the document that serde makes of a value. After an error nothing is added.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let mut writer = Writer::new(out);
    let mut result = value.serialize(ser::Serializer(&mut writer));
    if result.is_ok() && writer.has_failed() {
        let hidden = "a part of the value could not be written, and its `Serialize` hid it";
        result = Err(Error::invalid(hidden).into());
    }
    if result.is_err() {
        out.truncate(start);
    }
    result.map_err(|Failure(error)| error)
}

/// The value that serde makes of a document, borrowing from it.
pub(crate) fn decode<'de, T: Deserialize<'de>>(document: Node<'de>) -> Result<T> {
    T::deserialize(document.read()?).map_err(|Failure(error)| error)
}

/// The same, with nothing borrowed.
pub(crate) fn decode_owned<T: DeserializeOwned>(document: Node<'_>) -> Result<T> {
    decode(document)
}

/// Our error as serde's: no other door leads from serde's traits to the public error.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl serde::ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Error::invalid(message.to_string()))
    }
}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Error::invalid(message.to_string()))
    }
}
