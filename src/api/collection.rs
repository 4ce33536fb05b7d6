//! A collection of records, to read.

use std::io::Write;
use std::marker::PhantomData;

use super::index::{IndexReader, IndexToken};
use super::iter::{Iter, view};
use super::ndjson;
use super::view::View;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::scratch::with_encoded;
use crate::codec::key::{AsKey, KeyPrefix, KeyRange};
use crate::collection::read::{self, FieldPath};
use crate::collection::tables::Tables;
use crate::schema::catalog::{Records, Usable};
use crate::schema::json::{to_text, to_value};
use crate::schema::record::Record;
use crate::schema::storable::Storable;
use crate::schema::token::Field;
use crate::schema::view::{Budget, ValueRef};
use crate::store::{ALL, Bytes, ReadTable};

/// The records of type `T` in one transaction, ordered by their primary key.
///
/// Keys are given as they are, by reference or borrowed: `&str` for `String`, `("FR", 7)` for
/// `(String, u64)`. Ranges are std ranges of those, or a [`KeyRange`].
pub struct Collection<'tx, T> {
    pub(super) tables: Tables<'tx>,
    /// `None` where the collection does not exist.
    pub(super) info: Option<Info<'tx>>,
    /// The indexes that `T` may read.
    pub(super) usable: Usable,
    pub(super) _record: PhantomData<fn() -> T>,
}

/// A collection's description: borrowed from the snapshot, or kept by a write transaction's handle.
pub(super) enum Info<'tx> {
    Snapshot(&'tx Records),
    Writing(Arc<Records>),
}

impl std::ops::Deref for Info<'_> {
    type Target = Records;

    fn deref(&self) -> &Records {
        match self {
            Self::Snapshot(info) => info,
            Self::Writing(info) => info,
        }
    }
}

impl<T> Collection<'_, T> {
    /// One that does not exist, and reads as empty.
    pub(super) fn absent() -> Self {
        Self {
            tables: Tables::Absent,
            info: None,
            usable: Usable::ALL,
            _record: PhantomData,
        }
    }
}

impl<'tx, T: Record> Collection<'tx, T> {
    /// The record with that key, read in place for as long as the transaction lives.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the record is damaged.
    pub fn get<Q: AsKey<T::Key>>(&self, key: Q) -> Result<Option<View<'tx, T>>> {
        with_encoded(key, |key| match self.tables.records().get(key)? {
            Some(stored) => view(self.info(), key, stored).map(Some),
            None => Ok(None),
        })
    }

    /// The record with that key, as its Rust type.
    pub fn get_owned<Q: AsKey<T::Key>>(&self, key: Q) -> Result<Option<T>> {
        self.get(key)?.map(|record| record.to_owned()).transpose()
    }

    /// One field of the record with that key, `None` where there is no such record. Cheaper than
    /// [`get`](Collection::get): only that field is looked at and checked.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record] pub struct City { #[key] pub id: u64, pub name: String, pub population: u64 }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # db.write(|tx| tx.collection::<City>()?.insert(
    /// #     &City { id: 7, name: "Pula".into(), population: 52_220 }))?;
    /// # let tx = db.read()?;
    /// let cities = tx.collection::<City>()?;
    /// assert_eq!(cities.field(7, City::POPULATION)?, Some(52_220));
    /// # Ok(())
    /// # }
    /// ```
    pub fn field<Q, V>(&self, key: Q, field: Field<T, V>) -> Result<Option<V>>
    where
        Q: AsKey<T::Key>,
        V: Storable,
    {
        let Some(info) = self.info() else {
            return Ok(None);
        };
        let path = FieldPath {
            names: field.path(),
            positions: field.positions(),
        };
        let mut found = None;
        let mut read = |value: ValueRef<'_>, body: &[u8]| {
            found = Some(V::from_value(value, &mut Budget::new(body.len()))?);
            Ok(())
        };
        with_encoded(key, |key| {
            let records = self.tables.records();
            read::field(records, info, key, &path, &mut read)
        })?;
        Ok(found)
    }

    /// The record with that key as JSON: what [`export_ndjson`](Collection::export_ndjson) writes.
    pub fn get_json<Q: AsKey<T::Key>>(&self, key: Q) -> Result<Option<serde_json::Value>> {
        let Some(info) = self.info() else {
            return Ok(None);
        };
        let mut json = None;
        with_encoded(key, |key| {
            let mut write = |record: ValueRef<'_>, bytes| {
                json = Some(to_value(record, bytes)?);
                Ok(())
            };
            read::record(self.tables.records(), info, key, &mut write)
        })?;
        Ok(json)
    }

    /// Writes every record as a line of JSON (NDJSON), in the order of the keys; gives how many.
    ///
    /// Structs are objects, variants their name or an object of it and their fields, as serde has them;
    /// characters and `Uuid`s are text, a `Duration` is `{"secs": .., "nanos": ..}`, the keys of a map
    /// become text; what JSON cannot say (bytes, large integers, timestamps, NaN) has the forms of
    /// [`Document`](crate::Document). [`import_ndjson`](crate::CollectionMut::import_ndjson) gives the
    /// same records.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the writer fails, and those of reading.
    pub fn export_ndjson(&self, mut to: impl Write) -> Result<u64> {
        let Some(info) = self.info() else {
            return Ok(0);
        };
        let mut count = 0;
        for entry in self.tables.records().range(ALL)? {
            let (key, stored) = entry?;
            let mut write = |record: ValueRef<'_>, bytes| {
                let line = to_text(record, bytes)?;
                writeln!(to, "{line}").map_err(ndjson::not_written)
            };
            read::show(&stored, info, &key, &mut write)?;
            count += 1;
        }
        to.flush().map_err(ndjson::not_written)?;
        Ok(count)
    }

    /// Whether there is a record with that key; the record is not read.
    pub fn contains<Q: AsKey<T::Key>>(&self, key: Q) -> Result<bool> {
        with_encoded(key, |key| Ok(self.tables.records().peek(key)?.is_some()))
    }

    /// How many records there are; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.tables.records().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All records in the order of their keys.
    pub fn iter(&self) -> Result<Iter<'_, T>> {
        Ok(Iter::new(self.tables.records().range(ALL)?, self.info()))
    }

    /// The records whose keys are in a range. A reversed range is empty.
    pub fn range<R: Into<KeyRange<T::Key>>>(&self, range: R) -> Result<Iter<'_, T>> {
        let range = range.into();
        Ok(Iter::new(
            self.tables.records().range(range.bounds())?,
            self.info(),
        ))
    }

    /// The records whose keys start with a text, or with the leading parts of a compound key.
    pub fn prefix<P: KeyPrefix<T::Key>>(&self, prefix: P) -> Result<Iter<'_, T>> {
        self.range(KeyRange::prefix(prefix))
    }

    /// How many records have keys in a range; takes time that grows with the answer, and reads no
    /// record.
    pub fn count<R: Into<KeyRange<T::Key>>>(&self, range: R) -> Result<u64> {
        count(self.tables.records(), &range.into())
    }

    /// The record with the least key.
    pub fn first(&self) -> Result<Option<View<'tx, T>>> {
        let entry = self.tables.records().range(ALL)?.next();
        self.at_end(entry)
    }

    /// The record with the greatest key.
    pub fn last(&self) -> Result<Option<View<'tx, T>>> {
        let entry = self.tables.records().range(ALL)?.next_back();
        self.at_end(entry)
    }

    /// The record at one end of the table. It is looked up anew, so that it lives as long as the
    /// transaction and not as the range.
    fn at_end(
        &self,
        entry: Option<Result<(Bytes<'_>, Bytes<'_>)>>,
    ) -> Result<Option<View<'tx, T>>> {
        let Some((key, _)) = entry.transpose()? else {
            return Ok(None);
        };
        match self.tables.records().get(&key)? {
            Some(stored) => view(self.info(), &key, stored).map(Some),
            None => Ok(None),
        }
    }

    /// The records through one of their indexes.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record(index(by_country_population = (country, population)))]
    /// # pub struct City { #[key] pub id: u64, pub country: String, pub population: u64 }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # let tx = db.read()?;
    /// # let cities = tx.collection::<City>()?;
    /// for city in cities.by(City::BY_COUNTRY_POPULATION).prefix(("FR",))?.rev().take(10) {
    ///     println!("{}", city?.population);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn by<I: IndexToken<T>>(&self, index: I) -> IndexReader<'_, 'tx, T, I> {
        IndexReader::new(self, index)
    }

    pub(super) fn info(&self) -> Option<&Records> {
        self.info.as_deref()
    }

    /// The description of a collection that exists, as it does in every write transaction.
    pub(super) fn existing(&self) -> Result<&Records> {
        self.info().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("collection {:?} does not exist", T::NAME),
            )
        })
    }
}

impl<T> std::fmt::Debug for Collection<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.info.as_ref().map(|info| info.name.as_str());
        f.debug_struct("Collection")
            .field("name", &name)
            .finish_non_exhaustive()
    }
}

/// The error where a write transaction's handle has lost its collection.
pub(super) fn does_not_exist() -> Error {
    Error::new(ErrorKind::NotFound, "the collection does not exist")
}

/// A key as its bytes.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers have the key by value"
)]
pub(super) fn encoded<K: crate::codec::key::Key, Q: AsKey<K>>(key: Q) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    key.encode_as(&mut bytes);
    bytes
}

/// How many entries of a table are in a range.
pub(super) fn count<K>(table: ReadTable<'_, '_>, range: &KeyRange<K>) -> Result<u64> {
    let mut count = 0;
    for entry in table.range(range.bounds())? {
        entry?;
        count += 1;
    }
    Ok(count)
}
