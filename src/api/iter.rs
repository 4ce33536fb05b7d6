//! Records one after the other: in the order of their keys, or of an index.

use std::marker::PhantomData;

use super::query::nothing_there;
use super::view::View;
use crate::base::name::show_key;
use crate::base::{Error, Result};
use crate::collection::body::Body;
use crate::collection::entry::split;
use crate::collection::read::at;
use crate::schema::catalog::{Index, Records};
use crate::schema::record::Record;
use crate::store::{Bytes, Range, ReadTable};

/// The records of a collection between two keys, from both ends.
///
/// It reads one record at a time: a scan of any length takes the same memory. After an error it may
/// go on with the next record.
pub struct Iter<'a, T> {
    range: Range<'a>,
    info: Option<&'a Records>,
    _record: PhantomData<fn() -> T>,
}

impl<'a, T: Record> Iter<'a, T> {
    pub(super) fn new(range: Range<'a>, info: Option<&'a Records>) -> Self {
        Self {
            range,
            info,
            _record: PhantomData,
        }
    }

    fn view(&self, entry: Result<(Bytes<'a>, Bytes<'a>)>) -> Result<View<'a, T>> {
        let (key, stored) = entry?;
        view(self.info, &key, stored.kept())
    }
}

/// Opens a stored record; an error names collection and key.
#[inline]
pub(super) fn view<'a, T: Record>(
    info: Option<&Records>,
    key: &[u8],
    stored: Bytes<'a>,
) -> Result<View<'a, T>> {
    match open(info, stored).and_then(View::new) {
        Ok(view) => Ok(view),
        Err(error) => Err(at(error, info.map_or(T::NAME, |info| &info.name), key)),
    }
}

/// Opens what lies in the table of a collection, which so is there.
#[inline]
pub(super) fn open<'a>(info: Option<&Records>, stored: Bytes<'a>) -> Result<Body<'a>> {
    match info {
        Some(info) => Body::open(stored, &info.upgrades),
        None => Err(nothing_there()),
    }
}

impl<'a, T: Record> Iterator for Iter<'a, T> {
    type Item = Result<View<'a, T>>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.range.next()?;
        Some(self.view(entry))
    }
}

impl<T: Record> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.range.next_back()?;
        Some(self.view(entry))
    }
}

/// The records that an index has between two index keys, in the order of the index, from both ends.
///
/// A record comes once for each of its entries: with `each`, once for every element in the range.
pub struct IndexEntries<'a, T> {
    range: Range<'a>,
    /// `None` where the collection does not exist, and so no entry either.
    source: Option<Source<'a>>,
    _record: PhantomData<fn() -> T>,
}

/// What the entries of an index point into.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) info: &'a Records,
    pub(super) index: &'a Index,
    pub(super) records: ReadTable<'a, 'a>,
}

impl<'a, T: Record> IndexEntries<'a, T> {
    pub(super) fn new(range: Range<'a>, source: Option<Source<'a>>) -> Self {
        Self {
            range,
            source,
            _record: PhantomData,
        }
    }
}

impl<'a> Source<'a> {
    /// The record that an entry of the index points to.
    pub(super) fn view<T: Record>(&self, entry: &[u8], value: &[u8]) -> Result<View<'a, T>> {
        let key = split(self.info, self.index, entry, value)?.key;
        let stored = self.records.peek(key)?.ok_or_else(|| {
            Error::corrupt(format!(
                "index {:?} of collection {:?} points to a record that does not exist, with {}",
                self.index.name,
                self.info.name,
                show_key(key)
            ))
        })?;
        view(Some(self.info), key, stored.kept())
    }
}

impl<'a, T: Record> Iterator for IndexEntries<'a, T> {
    type Item = Result<View<'a, T>>;

    fn next(&mut self) -> Option<Self::Item> {
        // Without a collection there is no entry either.
        let source = self.source.as_ref()?;
        self.range
            .next_with(|entry, value| source.view(entry, value))
    }
}

impl<T: Record> DoubleEndedIterator for IndexEntries<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let source = self.source.as_ref()?;
        self.range
            .next_back_with(|entry, value| source.view(entry, value))
    }
}

impl<T> std::fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for IndexEntries<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexEntries").finish_non_exhaustive()
    }
}
