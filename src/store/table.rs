//! How is one table read and changed? Bytes to bytes, ordered by key.

use std::ops::{Bound, Deref};

use redb::{AccessGuard, ReadableTable, ReadableTableMetadata};

use super::error::from_storage;
use super::guard::{guarded, guarded_each, guarded_find, guarded_then};
use super::kept::{KeptBytes, KeptEntry, KeptRange, KeptTable};
use super::transaction::State;
use crate::base::sync::Ordering;
use crate::base::{Error, Result};

type Slice = &'static [u8];

/// Bounds of a range of keys, borrowed.
pub(crate) type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// Every key.
pub(crate) const ALL: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

/// A table as every floor above reads it, whatever transaction it belongs to.
#[derive(Clone, Copy)]
pub(crate) enum ReadTable<'a, 'tx> {
    /// A table that does not exist in this snapshot: it reads as empty.
    Absent,
    /// A table of a read transaction.
    Snapshot(&'tx SnapshotTable),
    /// A table of a write transaction, uncommitted changes included.
    Writing(&'a WriteTable<'tx>),
}

/// A table of a read transaction, opened.
pub(crate) enum SnapshotTable {
    /// Of a database.
    Database(redb::ReadOnlyTable<Slice, Slice>),
    /// Of a file that is written once.
    Kept(Box<dyn KeptTable>),
}

/// A table of a write transaction. One handle at a time may have it open.
pub(crate) struct WriteTable<'tx> {
    table: redb::Table<'tx, Slice, Slice>,
    /// In the journal.
    number: usize,
    open: Open<'tx>,
}

/// One of the handles and iterators that must be gone before their write transaction ends.
struct Open<'tx>(&'tx State);

impl<'tx> Open<'tx> {
    fn new(state: &'tx State) -> Self {
        state.open.fetch_add(1, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes read from a table: borrowed from its page, or a copy.
pub(crate) struct Bytes<'a>(Source<'a>);

enum Source<'a> {
    /// A page of a read transaction.
    Page(AccessGuard<'a, Slice>),
    /// A page of a write transaction: gone before that ends, or redb panics in ending it.
    Lent(AccessGuard<'a, Slice>),
    Kept(KeptBytes),
    Owned(Vec<u8>),
}

impl Bytes<'_> {
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self(Source::Owned(bytes))
    }

    /// What may be given to a user, who may forget it (`mem::forget`): no page of a write transaction,
    /// but a copy.
    pub(crate) fn kept(self) -> Self {
        match self.0 {
            Source::Lent(guard) => Self::owned(guard.value().to_vec()),
            Source::Page(_) | Source::Kept(_) | Source::Owned(_) => self,
        }
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Source::Page(guard) | Source::Lent(guard) => guard.value(),
            Source::Kept(bytes) => bytes,
            Source::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<'a, 'tx> ReadTable<'a, 'tx> {
    /// A table of a read transaction that may not exist there.
    pub(crate) fn of(table: Option<&'tx SnapshotTable>) -> Self {
        table.map_or(Self::Absent, Self::Snapshot)
    }

    /// The value under a key, for as long as the transaction lives. In a write transaction it is a
    /// copy, so that the table may change meanwhile.
    pub(crate) fn get(self, key: &[u8]) -> Result<Option<Bytes<'tx>>> {
        match self {
            Self::Absent => Ok(None),
            Self::Snapshot(SnapshotTable::Database(table)) => {
                let get = || Ok(ReadableTable::get(table, key)?.inspect(within_its_page));
                let guard = guarded(get, from_storage)?;
                Ok(guard.map(|guard| Bytes(Source::Page(guard))))
            }
            Self::Snapshot(SnapshotTable::Kept(table)) => {
                Ok(table.get(key)?.map(|bytes| Bytes(Source::Kept(bytes))))
            }
            Self::Writing(table) => Ok(table.peek(key)?.map(|bytes| Bytes::owned(bytes.to_vec()))),
        }
    }

    /// The value under a key, for as long as the table is not changed.
    pub(crate) fn peek(self, key: &[u8]) -> Result<Option<Bytes<'a>>>
    where
        'tx: 'a,
    {
        match self {
            Self::Absent | Self::Snapshot(_) => self.get(key),
            Self::Writing(table) => table.peek(key),
        }
    }

    /// The entries between two bounds, from both ends. Bounds that cross are an empty range.
    pub(crate) fn range(self, bounds: Bounds<'_>) -> Result<Range<'a>>
    where
        'tx: 'a,
    {
        if is_crossed(bounds) {
            return Ok(Range::default());
        }
        match self {
            Self::Absent => Ok(Range::default()),
            Self::Snapshot(SnapshotTable::Database(table)) => {
                let range = guarded(
                    || ReadableTable::range::<&[u8]>(table, bounds),
                    from_storage,
                )?;
                Ok(Range(Entries::Pages { range, open: None }))
            }
            Self::Snapshot(SnapshotTable::Kept(table)) => {
                Ok(Range(Entries::Kept(table.range(bounds)?)))
            }
            Self::Writing(table) => {
                let range = guarded(
                    || ReadableTable::range::<&[u8]>(&table.table, bounds),
                    from_storage,
                );
                Ok(Range(Entries::Pages {
                    range: table.open.0.note(range)?,
                    open: Some(Open::new(table.open.0)),
                }))
            }
        }
    }

    /// Gives `read` each entry from a bound on, until it says to stop. It costs less than a range does.
    pub(crate) fn each(
        self,
        from: Bound<&[u8]>,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Absent => Ok(()),
            Self::Snapshot(SnapshotTable::Database(table)) => guarded_each(
                || ReadableTable::lower_bound(table, from),
                from_storage,
                &mut read,
            ),
            Self::Snapshot(SnapshotTable::Kept(_)) | Self::Writing(_) => {
                let mut range = self.range((from, Bound::Unbounded))?;
                while let Some(going_on) = range.next_with(&mut read) {
                    if !going_on? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// How many entries there are; takes constant time.
    pub(crate) fn len(self) -> Result<u64> {
        match self {
            Self::Absent => Ok(0),
            Self::Snapshot(SnapshotTable::Database(table)) => guarded(|| table.len(), from_storage),
            Self::Snapshot(SnapshotTable::Kept(table)) => Ok(table.len()),
            Self::Writing(table) => {
                let len = guarded(|| table.table.len(), from_storage);
                table.open.0.note(len)
            }
        }
    }
}

impl SnapshotTable {
    /// Bytes of its keys and values, and of what leads to them. Goes through the table's pages; of a file that
    /// is written once `None`.
    pub(super) fn used_bytes(&self) -> Result<Option<u64>> {
        let Self::Database(table) = self else {
            return Ok(None);
        };
        let stats = guarded(|| table.stats(), from_storage)?;
        Ok(Some(
            stats.stored_bytes().saturating_add(stats.metadata_bytes()),
        ))
    }
}

impl<'tx> WriteTable<'tx> {
    pub(super) fn new(
        table: redb::Table<'tx, Slice, Slice>,
        number: usize,
        state: &'tx State,
    ) -> Self {
        Self {
            table,
            number,
            open: Open::new(state),
        }
    }

    fn peek(&self, key: &[u8]) -> Result<Option<Bytes<'_>>> {
        let get = || Ok(self.table.get(key)?.inspect(within_its_page));
        let guard = self.open.0.note(guarded(get, from_storage))?;
        Ok(guard.map(|guard| Bytes(Source::Lent(guard))))
    }

    /// Sets or, with `None`, removes the value under a key; says whether there was one before.
    ///
    /// Every change of single entries goes through here, and into the journal.
    pub(crate) fn change(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<bool> {
        let (table, number, state) = (&mut self.table, self.number, self.open.0);
        let change = || {
            let before = match value {
                Some(value) => table.insert(key, value)?,
                None => table.remove(key)?,
            };
            let before = before.as_ref().map(AccessGuard::value);
            if value.is_some() || before.is_some() {
                state.journal.lock().changed(number, key, value, before);
            }
            Ok(before.is_some())
        };
        state.note(guarded(change, from_storage))
    }

    /// The same without the journal: what undoes or repeats a change, or follows from a commit.
    pub(super) fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let (table, state) = (&mut self.table, self.open.0);
        let change = || match value {
            Some(value) => table.insert(key, value).map(drop),
            None => table.remove(key).map(drop),
        };
        state.note(guarded(change, from_storage))
    }

    /// Appends entries that are sorted, without repetition, and greater than every key there is.
    ///
    /// Several times as fast as single insertions, and leaves full pages behind.
    pub(crate) fn append<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        entries: impl Iterator<Item = Result<(K, V)>>,
    ) -> Result<()> {
        let state = self.open.0;
        state.journal.lock().bypass();
        let table = &mut self.table;
        let cursor = guarded(
            move || table.upper_bound_mut(Bound::<&[u8]>::Unbounded),
            from_storage,
        );
        let mut cursor = state.note(cursor)?;
        for entry in entries {
            let (key, value) = entry?;
            let inserted = guarded(
                || cursor.insert_before(key.as_ref(), value.as_ref()),
                |error| match error {
                    redb::CursorError::Storage(error) => from_storage(error),
                    other => {
                        Error::invalid("a bulk load is not in the order of its keys").because(other)
                    }
                },
            );
            state.note(inserted)?;
        }
        state.note(guarded(|| cursor.close(), from_storage))
    }
}

/// The entries of a table between two bounds.
#[derive(Default)]
pub(crate) struct Range<'a>(Entries<'a>);

#[derive(Default)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost an allocation for each range of a database"
)]
enum Entries<'a> {
    /// Nothing more comes.
    #[default]
    Ended,
    Pages {
        range: redb::Range<'a, Slice, Slice>,
        /// Of a write transaction.
        open: Option<Open<'a>>,
    },
    Kept(Box<dyn KeptRange + 'a>),
}

type Entry<'a> = Result<(Bytes<'a>, Bytes<'a>)>;

type Guards<'a> = (AccessGuard<'a, Slice>, AccessGuard<'a, Slice>);

/// An entry where it was found.
enum Found<'a> {
    Page { guards: Guards<'a>, is_lent: bool },
    Kept(KeptEntry),
}

impl<'a> Range<'a> {
    /// Gives `read` the next entry for a moment, which costs less than keeping it.
    pub(crate) fn next_with<R>(
        &mut self,
        read: impl FnOnce(&[u8], &[u8]) -> Result<R>,
    ) -> Option<Result<R>> {
        self.step(false, |found| found.read(read))
    }

    /// The same from the other end.
    pub(crate) fn next_back_with<R>(
        &mut self,
        read: impl FnOnce(&[u8], &[u8]) -> Result<R>,
    ) -> Option<Result<R>> {
        self.step(true, |found| found.read(read))
    }

    /// The next entry that is `wanted`, from the other end where `back` says so.
    pub(crate) fn next_where(
        &mut self,
        back: bool,
        mut wanted: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Option<Entry<'a>> {
        let (range, open) = match &mut self.0 {
            Entries::Ended => return None,
            Entries::Pages { range, open } => (range, open),
            Entries::Kept(_) => {
                let mut next = || {
                    self.step(back, |found| {
                        let takes = found.read(&mut wanted)?;
                        Ok(takes.then(|| found.kept()))
                    })
                };
                return loop {
                    if let Some(found) = next()?.transpose() {
                        break Some(found);
                    }
                };
            }
        };
        let is_lent = open.is_some();
        let mut failed = false;
        let step = || page_step(range, back).map(|next| next.map_err(from_storage));
        let found = guarded_find(step, &mut failed, |(key, value)| {
            wanted(key.value(), value.value())
        });
        if let (true, Some(open), Some(Err(error))) = (failed, open, &found) {
            open.0.note_error(error);
        }
        if failed || found.is_none() {
            self.0 = Entries::Ended;
        }
        found.map(|found| found.map(|guards| Found::Page { guards, is_lent }.kept()))
    }

    /// After an error of redb's nothing more comes: it would give the same error for ever.
    #[inline]
    fn step<R>(
        &mut self,
        back: bool,
        read: impl FnOnce(Found<'a>) -> Result<R>,
    ) -> Option<Result<R>> {
        let mut given = false;
        let result = match &mut self.0 {
            Entries::Ended => return None,
            Entries::Pages { range, open } => {
                let is_lent = open.is_some();
                let step = || page_step(range, back);
                let result = guarded_then(step, from_storage, |guards| {
                    given = true;
                    read(Found::Page { guards, is_lent })
                });
                if let (false, Some(open), Some(Err(error))) = (given, open, &result) {
                    open.0.note_error(error);
                }
                result
            }
            Entries::Kept(range) => range.step(back).map(|entry| {
                let found = Found::Kept(entry?);
                given = true;
                read(found)
            }),
        };
        if !given {
            self.0 = Entries::Ended;
        }
        result
    }
}

impl<'a> Found<'a> {
    #[inline]
    fn read<R>(&self, read: impl FnOnce(&[u8], &[u8]) -> R) -> R {
        match self {
            Self::Page { guards, .. } => read(guards.0.value(), guards.1.value()),
            Self::Kept((key, value)) => read(key, value),
        }
    }

    #[inline]
    fn kept(self) -> (Bytes<'a>, Bytes<'a>) {
        match self {
            Self::Page {
                guards: (key, value),
                is_lent,
            } => {
                let source = if is_lent { Source::Lent } else { Source::Page };
                (Bytes(source(key)), Bytes(source(value)))
            }
            Self::Kept((key, value)) => (Bytes(Source::Kept(key)), Bytes(Source::Kept(value))),
        }
    }
}

/// The next entry of redb's range, from the other end where `back` says so.
#[inline]
fn page_step<'a>(
    range: &mut redb::Range<'a, Slice, Slice>,
    back: bool,
) -> Option<Result<Guards<'a>, redb::StorageError>> {
    let next = if back {
        range.next_back()
    } else {
        range.next()
    };
    if let Some(Ok((key, value))) = &next {
        within_its_page(key);
        within_its_page(value);
    }
    next
}

/// Panics where a page says that bytes of it lie behind its end: here it is caught (`guard.rs`), and where
/// the bytes are read, later, it would not be.
fn within_its_page(guard: &AccessGuard<'_, Slice>) {
    let _ = guard.value();
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(false, |found| Ok(found.kept()))
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(true, |found| Ok(found.kept()))
    }
}

/// Whether no key can lie between the bounds; redb must not be asked for such a range.
fn is_crossed((lower, upper): Bounds<'_>) -> bool {
    match (lower, upper) {
        (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) => lower >= upper,
        _ => false,
    }
}
