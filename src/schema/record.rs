//! What is a record? The trait that `#[larder::record]` implements.

use super::body;
use super::step::Step;
use super::storable::Storable;
use super::types::RecordType;
use crate::base::Result;
use crate::codec::key::Key;

/// A struct that a collection holds. Implemented by [`#[larder::record]`](crate::record) only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record",
    label = "not a record",
    note = "add `#[larder::record]` to the struct, and `#[key]` to the field that is its key"
)]
pub trait Record: Storable + 'static {
    /// The primary key: the type of the `#[key]` field, a tuple in declaration order where there
    /// are several.
    type Key: Key;

    /// The name of the collection.
    const NAME: &'static str;

    /// The version of the record's schema, from 1.
    const VERSION: u32;

    /// Where the eight little-endian bytes of the key lie in the archived struct, if `insert`
    /// assigns the key.
    #[doc(hidden)]
    const AUTO_KEY_OFFSET: Option<usize>;

    /// The record and its indexes as data. `folding` is left to the engine.
    #[doc(hidden)]
    fn describe_record() -> RecordType;

    /// The steps by code that lead to this version, the earliest first.
    #[doc(hidden)]
    #[must_use]
    fn steps() -> Vec<Step> {
        Vec::new()
    }

    /// Appends the encoded primary key.
    fn encode_key(&self, out: &mut Vec<u8>);

    /// A copy of the primary key.
    fn key(&self) -> Self::Key;

    /// Appends the body. What stands in `out` already stays there; after an error nothing is added.
    ///
    /// # Errors
    ///
    /// [`Limit`](crate::ErrorKind::Limit) if the body would be larger than a body can be.
    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        body::encode(self, out)
    }

    /// Whether `body` is a record of this type, in time linear to its length.
    ///
    /// Every value that passes can be decoded. It does not check that the entries of a map are
    /// sorted and distinct; of two entries with one key, decoding takes the later.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if it is not.
    fn validate(body: &[u8]) -> Result<()> {
        body::access::<Self>(body).map(drop)
    }

    /// The record that a validated body holds.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if it holds what the type cannot have.
    #[doc(hidden)]
    fn from_stored(stored: &Self::Stored) -> Result<Self> {
        body::from_stored(stored)
    }

    /// The record that `body` holds; validates first.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if it holds none.
    fn decode(body: &[u8]) -> Result<Self> {
        Self::from_stored(body::access::<Self>(body)?)
    }
}

#[cfg(test)]
mod tests;
