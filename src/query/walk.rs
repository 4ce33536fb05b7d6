//! How is a plan carried out? By going through its tables, in its spans, and asking each record.
//!
//! What is right does not rest on what was given before, so that a walk of any length takes bounded memory,
//! and another may go on where one ended: a record that has several entries is given at the first of them,
//! and one that is on several walks on the first. The keys of such records are remembered only to save time,
//! as far as there is room.

use std::collections::HashSet;
use std::ops::Bound;

use super::column::Source;
use super::find::{Find, Met};
use super::plan::{Counts, Plan, Reads, Walk};
use super::span::Span;
use crate::base::{Error, Result};
use crate::collection::body::look;
use crate::collection::entry::{LISTS_ROW, Parts, entry, split};
use crate::collection::tables::Tables;
use crate::collection::write::index_keys;
use crate::schema::catalog::{Index, Records};
use crate::schema::index::Scratch;
use crate::store::{Bytes, Range, ReadTable};

/// A record that was found.
pub(crate) struct Found<'a> {
    pub(crate) key: Bytes<'a>,
    /// As it lies in its table, or what an index includes of it.
    pub(crate) stored: Bytes<'a>,
    pub(crate) is_included: bool,
}

impl<'a> Found<'a> {
    /// One as it lies in its table.
    pub(crate) fn stored(key: Bytes<'a>, stored: Bytes<'a>) -> Self {
        Self {
            key,
            stored,
            is_included: false,
        }
    }

    pub(crate) fn met(&self) -> Met<'_> {
        Met {
            key: &self.key,
            bytes: &self.stored,
            is_included: self.is_included,
        }
    }
}

/// What was looked at so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Entries of tables.
    pub(crate) keys: u64,
    /// Records and documents.
    pub(crate) records: u64,
}

/// The tables that a query goes through.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) info: &'a Records,
    pub(crate) tables: &'a Tables<'a>,
}

/// Goes through the tables of a plan.
pub(crate) struct Walker<'a> {
    place: Place<'a>,
    plan: Plan,
    /// Which walk, and how many of its spans were begun.
    walk: usize,
    begun: usize,
    range: Option<Range<'a>>,
    /// Go on behind this entry.
    after: Option<Vec<u8>>,
    /// The entry that the last record was found by.
    last: Vec<u8>,
    pub(crate) seen: Seen,
    met: MetKeys,
    scratch: Scratch,
}

/// The keys of records that were met on a walk where they may be met again.
#[derive(Default)]
struct MetKeys {
    keys: HashSet<Vec<u8>>,
    bytes: usize,
    /// Whether some were not remembered: then only a record's other keys tell whether it was met.
    is_full: bool,
}

impl MetKeys {
    /// Remembers a key, if there is room; says whether it was there.
    fn meet(&mut self, key: &[u8]) -> bool {
        if self.keys.contains(key) {
            return true;
        }
        self.bytes += key.len() + MET_KEY_BYTES;
        self.is_full |= self.bytes > MET_BYTES_MAX;
        if !self.is_full {
            self.keys.insert(key.to_vec());
        }
        false
    }
}

/// What may be remembered of the keys that were met: 64 MiB.
const MET_BYTES_MAX: usize = 64 << 20;

/// What one takes besides its bytes.
const MET_KEY_BYTES: usize = 48;

impl<'a> Place<'a> {
    fn table(&self, walk: &Walk) -> Result<ReadTable<'a, 'a>> {
        match walk.index {
            None => Ok(self.tables.records()),
            Some((position, _)) => self.tables.index(position),
        }
    }

    fn index(&self, walk: &Walk) -> Option<&'a Index> {
        self.info.indexes.get(walk.index?.0)
    }
}

impl<'a> Walker<'a> {
    /// Goes through a plan; behind an entry, where there is one, of its one walk.
    pub(crate) fn new(place: Place<'a>, plan: Plan, after: Option<Vec<u8>>) -> Self {
        Self {
            place,
            plan,
            walk: 0,
            begun: 0,
            range: None,
            after,
            last: Vec::new(),
            seen: Seen::default(),
            met: MetKeys::default(),
            scratch: Scratch::default(),
        }
    }

    /// The entry that the last record was found by.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    /// The id of the index that it is in, 0 for the table of the records.
    pub(crate) fn index(&self) -> u32 {
        let walk = self.plan.walks.get(self.walk).or(self.plan.walks.last());
        let index = walk.and_then(|walk| walk.index);
        index.map_or(0, |(_, id)| id)
    }

    /// The next record that the filter takes.
    pub(crate) fn next(&mut self, find: &Find) -> Result<Option<Found<'a>>> {
        loop {
            let Some(walk) = self.plan.walks.get(self.walk) else {
                return Ok(None);
            };
            let Some(range) = &mut self.range else {
                if !self.begin_span()? {
                    self.walk += 1;
                    self.begun = 0;
                    self.met = MetKeys::default();
                }
                continue;
            };
            let mut look = Look {
                place: self.place,
                find,
                walk,
                earlier: self.plan.walks.get(..self.walk).unwrap_or_default(),
                last: &mut self.last,
                seen: &mut self.seen,
                met: &mut self.met,
                is_resumed: self.after.is_some(),
                scratch: &mut self.scratch,
            };
            let found = match self.place.index(walk) {
                None => {
                    let next =
                        range.next_where(walk.reversed, |key, stored| look.at_record(key, stored));
                    next.map(|next| next.map(|(key, stored)| Some(Found::stored(key, stored))))
                }
                Some(index) => {
                    let at = |entry: &[u8], value: &[u8]| look.at_entry(index, entry, value);
                    if walk.reversed {
                        range.next_back_with(at)
                    } else {
                        range.next_with(at)
                    }
                }
            };
            match found.transpose()? {
                Some(Some(found)) => return Ok(Some(found)),
                Some(None) => {}
                None => self.range = None,
            }
        }
    }

    /// Begins the next span of the walk; says whether there is one.
    fn begin_span(&mut self) -> Result<bool> {
        let Some(walk) = self.plan.walks.get(self.walk) else {
            return Ok(false);
        };
        let i = if walk.reversed {
            walk.spans.len().checked_sub(self.begun + 1)
        } else {
            Some(self.begun)
        };
        let Some(span) = i.and_then(|i| walk.spans.get(i)) else {
            return Ok(false);
        };
        self.begun += 1;
        let after = self.after.as_deref();
        let range = range_of(
            self.place.table(walk)?,
            walk.index.is_some(),
            span,
            |lower, upper| match (after, walk.reversed) {
                (None, _) => (lower, upper),
                (Some(after), false) => (greater(lower, after), upper),
                (Some(after), true) => (lower, less(upper, after)),
            },
        )?;
        self.range = Some(range);
        Ok(true)
    }
}

/// Goes through all records, and gives those that the filter takes: what a walk does, with less to do for
/// each.
pub(crate) fn scan(
    place: Place<'_>,
    find: &Find,
    give: &mut dyn FnMut(Met<'_>) -> Result<()>,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let records = place.tables.records();
    records.each(Bound::Unbounded, |key, stored| {
        seen.keys += 1;
        let met = Met::stored(key, stored);
        if find.takes(place.info, met)? {
            give(met)?;
        }
        Ok(true)
    })?;
    seen.records = seen.keys;
    Ok(seen)
}

type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// The entries of a span, its bounds changed.
fn range_of<'a, 'k>(
    table: ReadTable<'a, 'a>,
    is_index: bool,
    span: &'k Span,
    change: impl FnOnce(Bound<&'k [u8]>, Bound<&'k [u8]>) -> Bounds<'k>,
) -> Result<Range<'a>> {
    let lower = match span.lower.as_slice() {
        [] if is_index => Bound::Excluded(LISTS_ROW),
        lower => Bound::Included(lower),
    };
    let upper = match &span.upper {
        Some(upper) => Bound::Excluded(upper.as_slice()),
        None => Bound::Unbounded,
    };
    table.range(change(lower, upper))
}

fn greater<'k>(lower: Bound<&'k [u8]>, after: &'k [u8]) -> Bound<&'k [u8]> {
    match lower {
        Bound::Included(lower) if lower > after => Bound::Included(lower),
        _ => Bound::Excluded(after),
    }
}

fn less<'k>(upper: Bound<&'k [u8]>, after: &'k [u8]) -> Bound<&'k [u8]> {
    match upper {
        Bound::Excluded(upper) if upper < after => Bound::Excluded(upper),
        _ => Bound::Excluded(after),
    }
}

/// A look at one entry.
struct Look<'l, 'a> {
    place: Place<'a>,
    find: &'l Find,
    walk: &'l Walk,
    /// The walks before this one.
    earlier: &'l [Walk],
    last: &'l mut Vec<u8>,
    seen: &'l mut Seen,
    met: &'l mut MetKeys,
    /// Whether entries before were given on another page.
    is_resumed: bool,
    scratch: &'l mut Scratch,
}

impl<'a> Look<'_, 'a> {
    /// Whether to give a record that was met in its own table.
    fn at_record(&mut self, key: &[u8], stored: &[u8]) -> Result<bool> {
        self.seen.keys += 1;
        self.seen.records += 1;
        let takes = self.takes(Met::stored(key, stored))?;
        if takes {
            self.note(key);
        }
        Ok(takes)
    }

    /// The record that an entry of an index leads to, where it is to be given.
    fn at_entry(&mut self, index: &Index, entry: &[u8], value: &[u8]) -> Result<Option<Found<'a>>> {
        self.seen.keys += 1;
        let Parts { key, included } = split(self.place.info, index, entry, value)?;
        if self.walk.repeats && self.met.meet(key) {
            return Ok(None);
        }
        match self.walk.reads {
            Reads::Record => {}
            Reads::Included => return self.at_included(entry, key, included),
            Reads::Key => return Ok(Some(self.given_included(entry, key, &[]))),
        }
        let stored = self
            .place
            .tables
            .records()
            .peek(key)?
            .ok_or_else(|| leads_nowhere(index))?;
        self.seen.records += 1;
        if !self.takes(Met::stored(key, &stored))? || !self.is_first(index, entry, key, &stored)? {
            return Ok(None);
        }
        self.note(entry);
        let key = Bytes::owned(key.to_vec());
        Ok(Some(Found::stored(key, stored)))
    }

    /// The same where what is included with the entry is all that is asked for.
    fn at_included(
        &mut self,
        entry: &[u8],
        key: &[u8],
        included: &[u8],
    ) -> Result<Option<Found<'a>>> {
        let met = Met {
            key,
            bytes: included,
            is_included: true,
        };
        let takes = self.takes(met)?;
        Ok(takes.then(|| self.given_included(entry, key, included)))
    }

    fn given_included(&mut self, entry: &[u8], key: &[u8], included: &[u8]) -> Found<'a> {
        self.note(entry);
        Found {
            key: Bytes::owned(key.to_vec()),
            stored: Bytes::owned(included.to_vec()),
            is_included: true,
        }
    }

    fn note(&mut self, entry: &[u8]) {
        self.last.clear();
        self.last.extend_from_slice(entry);
    }

    fn takes(&self, met: Met<'_>) -> Result<bool> {
        if self.walk.is_exact {
            return Ok(true);
        }
        let (find, info) = (self.find, self.place.info);
        if !find.takes(info, met)? {
            return Ok(false);
        }
        // What another branch holds for is found there, what an earlier one holds for was given there.
        if let Some(branch) = &self.walk.branch
            && !find.holds(branch, info, met)?
        {
            return Ok(false);
        }
        for branch in self.earlier.iter().filter_map(|walk| walk.branch.as_ref()) {
            if find.holds(branch, info, met)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the entry is the first that the record has in the spans.
    fn is_first(&mut self, index: &Index, at: &[u8], key: &[u8], stored: &[u8]) -> Result<bool> {
        // What was not met on this walk was met on none, if none was before and all were remembered.
        if !self.walk.repeats || !(self.is_resumed || self.met.is_full) {
            return Ok(true);
        }
        index_keys(
            index,
            self.place.info,
            &look(stored, &self.place.info.upgrades)?,
            self.scratch,
        )?;
        let within = |index_key: &&[u8]| {
            let (entry, _) = entry(index, index_key, key, &[]);
            self.walk.spans.iter().any(|span| span.has(&entry))
        };
        let mut keys = self.scratch.keys();
        let first = if self.walk.reversed {
            keys.rfind(within)
        } else {
            keys.find(within)
        };
        Ok(first.is_some_and(|first| entry(index, first, key, &[]).0 == at))
    }
}

#[cold]
fn leads_nowhere(index: &Index) -> Error {
    Error::corrupt(format!(
        "index {:?} points to a record that does not exist",
        index.name
    ))
}

impl Counts for Tables<'_> {
    fn within(&self, source: &Source<'_>, spans: &[Span], most: u64) -> Result<u64> {
        let table = match source.index {
            None => self.records(),
            Some((position, _)) => self.index(position)?,
        };
        let mut count = 0;
        for span in spans {
            let mut range = range_of(table, source.index.is_some(), span, |lower, upper| {
                (lower, upper)
            })?;
            while count < most
                && let Some(entry) = range.next_with(|_, _| Ok(()))
            {
                entry?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// The sources that may serve a query: the records, and the indexes that begin with one of these paths.
pub(crate) fn sources(
    place: Place<'_>,
    mut begins: impl FnMut(&Index, &[String]) -> bool,
) -> Result<Vec<Source<'_>>> {
    let mut sources = vec![Source::of_records(place.info, place.tables)?];
    let stored = place.info.stored_indexes();
    for (position, (index, stored)) in place.info.indexes.iter().zip(stored).enumerate() {
        let first = stored.definition.parts.first();
        if first.is_some_and(|first| begins(index, &first.path)) {
            sources.extend(Source::of_index(place.info, position, place.tables)?);
        }
    }
    Ok(sources)
}
