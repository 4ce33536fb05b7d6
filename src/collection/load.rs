//! How do many records get in at once? Everything is encoded first, sorted by its encoded key, and
//! then appended to each table in that order: several times as fast as one after the other, and
//! the pages are full.
//!
//! Nothing is written before every key was checked, so a refused load has written nothing. All
//! records of one call are held in memory, encoded.

use super::body::Sealed;
use super::tables::WritingTables;
use super::write::{check_key, exists, index_keys, taken};
use crate::base::name::show_key;
use crate::base::{Error, Result};
use crate::schema::catalog::Records;
use crate::schema::index::Scratch;
use crate::store::{ALL, ReadTable, WriteTable};

/// Records on their way into a collection.
pub(crate) struct Load<'c> {
    info: &'c Records,
    /// Everything encoded, one behind the other.
    arena: Vec<u8>,
    records: Vec<Entry>,
    /// Entries of each index.
    indexes: Vec<Vec<Entry>>,
    scratch: Scratch,
}

/// Where in the arena an entry of a table lies.
#[derive(Clone, Copy)]
struct Entry {
    /// The first bytes of the key, so that most comparisons need not look into the arena.
    front: u64,
    key: Span,
    value: Span,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
}

impl Span {
    const NOTHING: Self = Self {
        start: 0,
        length: 0,
    };

    fn of(self, arena: &[u8]) -> &[u8] {
        arena
            .get(self.start..self.start + self.length)
            .unwrap_or_default()
    }
}

impl Entry {
    fn new(arena: &[u8], key: Span, value: Span) -> Self {
        let mut front = [0; 8];
        for (to, from) in front.iter_mut().zip(key.of(arena)) {
            *to = *from;
        }
        Self {
            front: u64::from_be_bytes(front),
            key,
            value,
        }
    }
}

impl<'c> Load<'c> {
    pub(crate) fn new(info: &'c Records) -> Self {
        Self {
            info,
            arena: Vec::new(),
            records: Vec::new(),
            indexes: info.indexes.iter().map(|_| Vec::new()).collect(),
            scratch: Scratch::default(),
        }
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Adds a record: `encode_key` appends its key; `seal` appends its envelope and body, and says
    /// where the uncompressed body is.
    pub(crate) fn add(
        &mut self,
        encode_key: impl FnOnce(&mut Vec<u8>),
        seal: impl FnOnce(&mut Vec<u8>) -> Result<Sealed>,
    ) -> Result<()> {
        let start = self.arena.len();
        encode_key(&mut self.arena);
        let key = Span {
            start,
            length: self.arena.len() - start,
        };
        check_key(key.of(&self.arena))?;
        let start = self.arena.len();
        let sealed = seal(&mut self.arena)?;
        let stored = Span {
            start,
            length: self.arena.len() - start,
        };
        self.records.push(Entry::new(&self.arena, key, stored));
        for (index, entries) in self.info.indexes.iter().zip(&mut self.indexes) {
            let appended = self
                .arena
                .get(..stored.start + stored.length)
                .unwrap_or_default();
            index_keys(index, self.info, sealed.body(appended), &mut self.scratch)?;
            for index_key in self.scratch.keys() {
                let start = self.arena.len();
                self.arena.extend_from_slice(index_key);
                let value = if index.plan.unique {
                    key
                } else {
                    self.arena
                        .extend_from_within(key.start..key.start + key.length);
                    Span::NOTHING
                };
                let entry = Span {
                    start,
                    length: self.arena.len() - start,
                };
                entries.push(Entry::new(&self.arena, entry, value));
            }
        }
        Ok(())
    }

    /// Checks everything, then writes everything; gives the number of records.
    pub(crate) fn write(mut self, tables: &mut WritingTables<'_>) -> Result<u64> {
        let Self {
            info,
            arena,
            records,
            indexes,
            ..
        } = &mut self;
        prepare(arena, records, &tables.records)
            .map_err(|key| key.error(|key| exists().during(show_key(key))))?;
        for ((index, entries), table) in info.indexes.iter().zip(&mut *indexes).zip(&tables.indexes)
        {
            prepare(arena, entries, table)
                .map_err(|key| key.error(|key| taken(index).during(show_key(key))))?;
        }
        let change = tables.transaction.begin_change();
        append(arena, records, &mut tables.records)?;
        for (entries, table) in indexes.iter().zip(&mut tables.indexes) {
            append(arena, entries, table)?;
        }
        change.finish();
        Ok(self.len())
    }
}

/// Why entries cannot go into a table.
enum Refusal<'a> {
    /// This key is there already, or twice in the load.
    Taken(&'a [u8]),
    Failed(Error),
}

impl Refusal<'_> {
    fn error(self, taken: impl FnOnce(&[u8]) -> Error) -> Error {
        match self {
            Self::Taken(key) => taken(key),
            Self::Failed(error) => error,
        }
    }
}

/// Sorts entries by key, and refuses a key that occurs twice or is in the table.
fn prepare<'a>(
    arena: &'a [u8],
    entries: &mut [Entry],
    table: &WriteTable<'_>,
) -> Result<(), Refusal<'a>> {
    entries.sort_unstable_by(|a, b| {
        a.front
            .cmp(&b.front)
            .then_with(|| a.key.of(arena).cmp(b.key.of(arena)))
    });
    let twice = entries.windows(2).find_map(|pair| match pair {
        [a, b] if a.front == b.front && a.key.of(arena) == b.key.of(arena) => Some(a.key),
        _ => None,
    });
    if let Some(key) = twice {
        return Err(Refusal::Taken(key.of(arena)));
    }
    let table = ReadTable::Writing(table);
    if table.len().map_err(Refusal::Failed)? == 0 {
        return Ok(());
    }
    for entry in entries {
        let key = entry.key.of(arena);
        if table.peek(key).map_err(Refusal::Failed)?.is_some() {
            return Err(Refusal::Taken(key));
        }
    }
    Ok(())
}

/// Puts sorted entries into a table: at its end in one go where they all belong there.
fn append(arena: &[u8], entries: &[Entry], table: &mut WriteTable<'_>) -> Result<()> {
    let Some(first) = entries.first() else {
        return Ok(());
    };
    let last = ReadTable::Writing(table)
        .range(ALL)?
        .next_back()
        .transpose()?;
    let behind_all = last.is_none_or(|(key, _)| *key < *first.key.of(arena));
    if behind_all {
        return table.append(
            entries
                .iter()
                .map(|e| Ok((e.key.of(arena), e.value.of(arena)))),
        );
    }
    for entry in entries {
        table.change(entry.key.of(arena), Some(entry.value.of(arena)))?;
    }
    Ok(())
}
