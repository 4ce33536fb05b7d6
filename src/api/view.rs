//! One record, read in place.

use std::fmt;
use std::ops::Deref;

use crate::base::Result;
use crate::base::error::Context;
use crate::collection::body::Body;
use crate::schema::access::Validated;
use crate::schema::record::Record;
use crate::store::Bytes;

/// A record in the file, validated, and read without copying it.
///
/// It derefs to the record's archived form, which has the same fields: text as `ArchivedString`
/// (a `str` by deref), numbers in little-endian (`city.population.to_native()`), vectors as slices.
/// [`to_owned`](View::to_owned) makes the Rust value of it.
pub struct View<'a, T: Record> {
    record: Validated<Bytes<'a>, T>,
    revision: u64,
}

impl<'a, T: Record> View<'a, T> {
    pub(super) fn new(body: Body<'a>) -> Result<Self> {
        let revision = body.envelope.revision;
        let (bytes, start) = body.into_bytes();
        let end = bytes.len();
        Ok(Self {
            record: Validated::new(bytes, start..end)?,
            revision,
        })
    }

    /// The record as its Rust type.
    pub fn to_owned(&self) -> Result<T> {
        T::from_stored(&self.record).context(|| format!("collection {:?}", T::NAME))
    }

    /// The revision that the transaction which wrote the record gave to all that it wrote: what
    /// [`replace_if`](crate::CollectionMut::replace_if) compares.
    ///
    /// It tells transactions apart, not the changes of one: a record that is read, changed and
    /// changed again within one write transaction has the same revision each time. A revision from
    /// a transaction that was rolled back is not given again while the database is open; keep none
    /// of those for longer.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl<T: Record> Deref for View<'_, T> {
    type Target = T::Stored;

    fn deref(&self) -> &T::Stored {
        &self.record
    }
}

impl<T: Record + fmt::Debug> fmt::Debug for View<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_owned() {
            Ok(record) => record.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}
