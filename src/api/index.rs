//! A collection read through one of its indexes.

use std::marker::PhantomData;

use super::collection::{Collection, count};
use super::iter::{IndexEntries, Source};
use super::view::View;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::scratch::with_encoded;
use crate::codec::key::{AsKey, Key, KeyPrefix, KeyRange};
use crate::schema::record::Record;
use crate::schema::token::{Index, Unique};
use crate::store::{Range, ReadTable};

/// A constant that names an index of `T`: [`Index`] or [`Unique`], as the macro made it.
pub trait IndexToken<T>: Copy {
    /// What the index is sorted by.
    type Key: Key;

    /// The name of the index.
    fn name(&self) -> &'static str;
}

impl<T, K: Key> IndexToken<T> for Index<T, K> {
    type Key = K;

    fn name(&self) -> &'static str {
        Index::name(self)
    }
}

impl<T, K: Key> IndexToken<T> for Unique<T, K> {
    type Key = K;

    fn name(&self) -> &'static str {
        Unique::name(self)
    }
}

/// The records of a collection, found and ordered by an index.
///
/// Every call gives [`IndexNotReady`](crate::ErrorKind::IndexNotReady) while the index is not built,
/// and where the file has another definition under its name.
pub struct IndexReader<'c, 'tx, T, I> {
    collection: &'c Collection<'tx, T>,
    index: I,
    _record: PhantomData<fn() -> T>,
}

/// An index found in its collection: its table, and what its entries point to.
type Resolved<'c> = (ReadTable<'c, 'c>, Option<Source<'c>>);

impl<'c, 'tx, T: Record, I: IndexToken<T>> IndexReader<'c, 'tx, T, I> {
    pub(super) fn new(collection: &'c Collection<'tx, T>, index: I) -> Self {
        Self {
            collection,
            index,
            _record: PhantomData,
        }
    }

    /// All records that the index has, in its order.
    pub fn iter(&self) -> Result<IndexEntries<'c, T>> {
        self.range(..)
    }

    /// The records whose index keys are in a range, in the order of the index; records with equal
    /// index keys in the order of their primary keys. A reversed range is empty.
    pub fn range<R: Into<KeyRange<I::Key>>>(&self, range: R) -> Result<IndexEntries<'c, T>> {
        let (table, source) = self.resolve()?;
        let entries: Range<'c> = table.range(range.into().bounds())?;
        Ok(IndexEntries::new(entries, source))
    }

    /// The records with exactly this index key.
    pub fn equal<Q: AsKey<I::Key>>(&self, key: Q) -> Result<IndexEntries<'c, T>> {
        self.range(KeyRange::only(key))
    }

    /// The records whose index keys start with a text, or with the leading parts of a compound key.
    pub fn prefix<P: KeyPrefix<I::Key>>(&self, prefix: P) -> Result<IndexEntries<'c, T>> {
        self.range(KeyRange::prefix(prefix))
    }

    /// How many entries the index has in a range; no record is read.
    pub fn count<R: Into<KeyRange<I::Key>>>(&self, range: R) -> Result<u64> {
        count(self.resolve()?.0, &range.into())
    }

    /// How many entries the index has; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.resolve()?.0.len()
    }

    /// Whether the index has no entries.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The record with the least index key.
    pub fn first(&self) -> Result<Option<View<'c, T>>> {
        self.iter()?.next().transpose()
    }

    /// The record with the greatest index key.
    pub fn last(&self) -> Result<Option<View<'c, T>>> {
        self.iter()?.next_back().transpose()
    }

    /// Whether the index has a record with that key.
    pub fn contains<Q: AsKey<I::Key>>(&self, key: Q) -> Result<bool> {
        let (table, _) = self.resolve()?;
        let range = KeyRange::<I::Key>::only(key);
        Ok(table.range(range.bounds())?.next().transpose()?.is_some())
    }

    fn resolve(&self) -> Result<Resolved<'c>> {
        let Some(info) = self.collection.info() else {
            return Ok((ReadTable::Absent, None));
        };
        let name = self.index.name();
        let (position, index) = info
            .usable_index(name, &self.collection.usable)
            .filter(|(_, index)| index.ready)
            .ok_or_else(|| not_ready(&info.name, name))?;
        let source = Source {
            info,
            index,
            records: self.collection.tables.records(),
        };
        Ok((self.collection.tables.index(position)?, Some(source)))
    }
}

impl<'c, T: Record, K: Key> IndexReader<'c, '_, T, Unique<T, K>> {
    /// The one record with that index key.
    pub fn get<Q: AsKey<K>>(&self, key: Q) -> Result<Option<View<'c, T>>> {
        let (table, source) = self.resolve()?;
        with_encoded(key, |entry| match (table.peek(entry)?, source) {
            (Some(key), Some(source)) => source.view(entry, &key).map(Some),
            _ => Ok(None),
        })
    }
}

#[cold]
fn not_ready(collection: &str, index: &str) -> Error {
    Error::new(
        ErrorKind::IndexNotReady,
        format!(
            "index {index:?} of collection {collection:?} is not built as it is declared; call \
             `register`, which builds it"
        ),
    )
}

impl<T, I> std::fmt::Debug for IndexReader<'_, '_, T, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexReader").finish_non_exhaustive()
    }
}
