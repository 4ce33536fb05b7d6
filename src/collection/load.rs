//! How do many records get in at once? Everything is encoded first, sorted by its encoded key, and
//! then appended to each table in that order: several times as fast as one after the other, and
//! the pages are full.
//!
//! Nothing is written before every key was checked, so a refused load has written nothing. All
//! records of one call are held in memory, encoded.

use super::body::Sealed;
use super::entry::entry;
use super::tables::WritingTables;
use super::write::{check_key, exists, index_keys, taken};
use crate::base::name::show_key;
use crate::base::sync::Mutex;
use crate::base::{Error, Result, threads};
use crate::schema::catalog::{Index, Records};
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

fn append_to(arena: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = arena.len();
    arena.extend_from_slice(bytes);
    Span {
        start,
        length: bytes.len(),
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
                let (entry, value) = if index.plan.included.is_some() {
                    let own = key.of(&self.arena).to_vec();
                    let (entry, value) = entry(index, index_key, &own, self.scratch.included());
                    (
                        append_to(&mut self.arena, &entry),
                        append_to(&mut self.arena, &value),
                    )
                } else if index.plan.unique {
                    (append_to(&mut self.arena, index_key), key)
                } else {
                    let start = append_to(&mut self.arena, index_key).start;
                    self.arena
                        .extend_from_within(key.start..key.start + key.length);
                    let length = self.arena.len() - start;
                    (Span { start, length }, Span::NOTHING)
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
        let arena = arena.as_slice();
        let entries = std::iter::once(records).chain(indexes);
        let mut parts: Vec<Part<'_, '_>> = std::iter::once(None)
            .chain(info.indexes.iter().map(Some))
            .zip(entries)
            .zip(std::iter::once(&mut tables.records).chain(&mut tables.indexes))
            .map(|((index, entries), table)| Part {
                index,
                entries,
                table,
            })
            .collect();
        in_parallel(&mut parts, |part| part.prepare(arena))?;
        let change = tables.transaction.begin_change();
        in_parallel(&mut parts, |part| append(arena, part.entries, part.table))?;
        change.finish();
        Ok(self.len())
    }
}

/// One table of the collection, and what goes into it.
struct Part<'l, 'tx> {
    /// `None`: the table of the records.
    index: Option<&'l Index>,
    entries: &'l mut Vec<Entry>,
    table: &'l mut WriteTable<'tx>,
}

impl Part<'_, '_> {
    fn prepare(&mut self, arena: &[u8]) -> Result<()> {
        prepare(arena, self.entries, self.table).map_err(|refusal| match refusal {
            Refusal::Taken(key) => self.index.map_or_else(exists, taken).during(show_key(key)),
            Refusal::Failed(error) => error,
        })
    }
}

/// Does the same work on each part: the tables of a transaction do not share pages, so a large load
/// uses the processor's cores. The error is that of the first part that has one, in their order.
fn in_parallel<'l, 'tx>(
    parts: &mut [Part<'l, 'tx>],
    work: impl Fn(&mut Part<'l, 'tx>) -> Result<()> + Sync,
) -> Result<()> {
    let entries: usize = parts.iter().map(|part| part.entries.len()).sum();
    let threads = threads::up_to(THREADS_MAX);
    if threads == 1 || entries < PARALLEL_ENTRIES_MIN {
        return parts.iter_mut().try_for_each(work);
    }
    let mut results: Vec<Result<()>> = parts.iter().map(|_| Ok(())).collect();
    let waiting = Mutex::new(parts.iter_mut().zip(&mut results));
    let worker = || {
        while let Some((part, result)) = { waiting.lock().next() } {
            *result = work(part);
        }
    };
    // A worker's panic comes out of the scope: the change stays unfinished, and cannot be committed.
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without another thread this one does it all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
    results.into_iter().collect()
}

/// Below this a thread costs more than it brings.
const PARALLEL_ENTRIES_MIN: usize = 20_000;

/// More would wait for memory and for redb's allocator.
const THREADS_MAX: usize = 4;

/// Why entries cannot go into a table.
enum Refusal<'a> {
    /// This key is there already, or twice in the load.
    Taken(&'a [u8]),
    Failed(Error),
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
