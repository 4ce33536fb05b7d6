//! What does a reader see in a snapshot, or in a chain of snapshots of which each builds on the one before?

use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;

use super::cache::BlockCache;
use super::content::Summing;
use super::format::TableEntry;
use super::read::{Layer, LayerRange, Said, SnapshotFile};
use super::verify::{Order, removed_from_nothing, verify_layer};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::store::{Bounds, KeptBytes, KeptEntry, KeptRange, KeptTable, KeptTables, ReadTable};

/// The tables of a snapshot.
pub(crate) struct SnapshotTables {
    /// The one that builds on nothing first.
    files: Vec<Arc<SnapshotFile>>,
    newest: Arc<SnapshotFile>,
    cache: Arc<BlockCache>,
}

impl SnapshotTables {
    /// Puts a chain together.
    ///
    /// # Errors
    /// `Invalid` where the first builds on another one, or a later one not on the one before it.
    pub(crate) fn new(files: Vec<SnapshotFile>, cache_bytes: usize) -> Result<Self> {
        let mut before = None;
        for file in &files {
            let base = file.header.base;
            if base != before {
                return Err(Error::new(ErrorKind::Invalid, out_of_order(base, before)));
            }
            let of = |file: &SnapshotFile| (file.header.database, file.header.is_encrypted);
            if files.first().map(of) != Some(of(file)) {
                return Err(Error::invalid(
                    "a snapshot of the chain is of another database, or encrypted where the others are not",
                ));
            }
            before = Some(file.header.id);
        }
        let files: Vec<_> = files.into_iter().map(Arc::new).collect();
        let newest = files.last().cloned();
        Ok(Self {
            newest: newest.ok_or_else(|| Error::invalid("a chain has at least one snapshot"))?,
            files,
            cache: Arc::new(BlockCache::new(cache_bytes)),
        })
    }

    /// The files, the one that builds on nothing first.
    pub(crate) fn files(&self) -> &[Arc<SnapshotFile>] {
        &self.files
    }

    /// The last file of the chain, which says what there is.
    pub(crate) fn newest(&self) -> &SnapshotFile {
        &self.newest
    }

    /// What lies of a table in the files, the newest first.
    fn layers(&self, name: &str) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        for (number, file) in self.files.iter().enumerate().rev() {
            // What an earlier file has of a table that was gone in between is nothing to later ones.
            if file.table(name).is_none() {
                break;
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            layers.extend(file.layer(name, number)?);
        }
        Ok(layers)
    }

    /// Goes through a table and verifies it: each block, that its entries are in order, and that they are what
    /// the manifest says.
    fn verify_table(&self, table: &TableEntry) -> Result<()> {
        let layers = self.layers(&table.name)?;
        if let [layer] = layers.as_slice() {
            return verify_layer(layer, true)?.is(table);
        }
        let mut entries = Verified::new(&layers);
        while entries.advance()? {}
        entries.content.finish().is(table)
    }

    /// Verifies all tables; names the first that is damaged.
    pub(crate) fn verify(&self) -> Result<()> {
        self.verified().collect()
    }

    /// Verifies one table after the other.
    fn verified(&self) -> impl Iterator<Item = Result<()>> {
        self.newest()
            .tables()
            .iter()
            .map(|table| self.verify_table(table).map_err(|error| table.named(error)))
    }

    /// Gives `fill` each table with its entries, verified as they come; behind the last of a table it is an
    /// error where they were not what the manifest says.
    pub(crate) fn each_table(
        &self,
        mut fill: impl FnMut(&str, &mut dyn Iterator<Item = Result<KeptEntry>>) -> Result<()>,
    ) -> Result<()> {
        for table in self.newest().tables() {
            let mut copy = || {
                let layers = self.layers(&table.name)?;
                let mut entries = Verified::new(&layers);
                fill(&table.name, &mut entries)?;
                entries.content.finish().is(table)
            };
            copy().map_err(|error| table.named(error))?;
        }
        Ok(())
    }
}

fn out_of_order(base: Option<uuid::Uuid>, before: Option<uuid::Uuid>) -> String {
    match (base, before) {
        (Some(base), None) => format!(
            "it builds on snapshot {base}, which has to be opened with it: give all of them, the one that \
             builds on nothing first"
        ),
        (Some(base), Some(before)) => format!(
            "a snapshot of the chain builds on {base}, and before it comes {before}: one is missing, or \
             they are in another order"
        ),
        (None, _) => "a snapshot within the chain builds on nothing: it begins another one".into(),
    }
}

impl KeptTables for SnapshotTables {
    fn names(&self) -> Vec<String> {
        let tables = self.newest().tables().iter();
        tables.map(|table| table.name.clone()).collect()
    }

    fn table(&self, name: &str) -> Result<Option<Box<dyn KeptTable>>> {
        let Some(table) = self.newest().table(name) else {
            return Ok(None);
        };
        let layers = self.layers(name)?.into_iter();
        Ok(Some(Box::new(SnapshotTable {
            layers: layers.map(|layer| layer.cached(&self.cache)).collect(),
            entries: table.content.entries,
        })))
    }

    fn problems(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for verified in self.verified() {
            match verified {
                Err(error) if error.is(ErrorKind::Corrupt) => problems.push(error.to_string()),
                verified => verified?,
            }
        }
        Ok(problems)
    }
}

impl fmt::Debug for SnapshotTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.iter().map(|file| file.header);
        f.debug_list().entries(files).finish()
    }
}

/// One table of a snapshot.
struct SnapshotTable {
    /// The newest first.
    layers: Vec<Layer>,
    entries: u64,
}

impl KeptTable for SnapshotTable {
    fn len(&self) -> u64 {
        self.entries
    }

    fn get(&self, key: &[u8]) -> Result<Option<KeptBytes>> {
        for layer in &self.layers {
            match layer.get(key)? {
                Some(Said::Value(value)) => return Ok(Some(value)),
                Some(Said::Removed) => return Ok(None),
                None => {}
            }
        }
        Ok(None)
    }

    fn range(&self, bounds: Bounds<'_>) -> Result<Box<dyn KeptRange + '_>> {
        Ok(match self.layers.as_slice() {
            [layer] => Box::new(Single(layer.range(bounds)?)),
            layers => Box::new(Both {
                front: OneWay::new(layers, bounds)?,
                back: OneWay::new(layers, bounds)?,
            }),
        })
    }
}

/// The entries of a table that lies in one file.
struct Single<'l>(LayerRange<'l>);

impl KeptRange for Single<'_> {
    fn step(&mut self, back: bool) -> Option<Result<KeptEntry>> {
        let entry = self.0.step(back).transpose()?;
        Some(entry.and_then(|entry| match entry.kept() {
            (key, Some(value)) => Ok((key, value)),
            (_, None) => Err(removed_from_nothing()),
        }))
    }
}

/// Entries of several files, in one direction: of each key what the newest file says.
struct Merged<'l> {
    /// The newest first.
    ranges: Vec<(LayerRange<'l>, Head)>,
}

/// What comes next in a file.
enum Head {
    Unknown,
    Ended,
    Entry(KeptBytes, Option<KeptBytes>),
}

impl<'l> Merged<'l> {
    fn new(layers: &'l [Layer], bounds: Bounds<'_>) -> Result<Self> {
        let ranges = layers
            .iter()
            .map(|layer| Ok((layer.range(bounds)?, Head::Unknown)));
        Ok(Self {
            ranges: ranges.collect::<Result<_>>()?,
        })
    }

    /// The next key that is there.
    fn next(&mut self, back: bool) -> Result<Option<KeptEntry>> {
        loop {
            let Some((key, value)) = self.next_any(back)? else {
                return Ok(None);
            };
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
    }

    fn next_any(&mut self, back: bool) -> Result<Option<(KeptBytes, Option<KeptBytes>)>> {
        let mut nearest: Option<KeptBytes> = None;
        for (range, head) in &mut self.ranges {
            if matches!(head, Head::Unknown) {
                *head = range.step(back)?.map_or(Head::Ended, |entry| {
                    let (key, value) = entry.kept();
                    Head::Entry(key, value)
                });
            }
            if let Head::Entry(key, _) = head {
                let is_nearer = nearest.as_ref().is_none_or(|nearest| {
                    let wanted = if back {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    };
                    (**key).cmp(&**nearest) == wanted
                });
                if is_nearer {
                    nearest = Some(key.clone());
                }
            }
        }
        let Some(nearest) = nearest else {
            return Ok(None);
        };
        // All that have it go on; the first of them is the newest.
        let mut found = None;
        for (_, head) in &mut self.ranges {
            if matches!(head, Head::Entry(key, _) if **key == *nearest)
                && let Head::Entry(key, value) = std::mem::replace(head, Head::Unknown)
            {
                found.get_or_insert((key, value));
            }
        }
        Ok(found)
    }
}

/// Both directions. They know nothing of each other but the last keys that they gave.
struct Both<'l> {
    front: OneWay<'l>,
    back: OneWay<'l>,
}

struct OneWay<'l> {
    merged: Merged<'l>,
    /// The key that it gave last.
    last: Option<KeptBytes>,
}

impl<'l> OneWay<'l> {
    fn new(layers: &'l [Layer], bounds: Bounds<'_>) -> Result<Self> {
        Ok(Self {
            merged: Merged::new(layers, bounds)?,
            last: None,
        })
    }
}

impl KeptRange for Both<'_> {
    fn step(&mut self, back: bool) -> Option<Result<KeptEntry>> {
        let (own, other) = if back {
            (&mut self.back, &self.front)
        } else {
            (&mut self.front, &self.back)
        };
        let next = own.merged.next(back).transpose()?;
        if let Ok((key, _)) = &next {
            let order = other.last.as_ref().map(|last| (**key).cmp(&**last));
            let has_met = match order {
                Some(Ordering::Less) => back,
                Some(Ordering::Greater) => !back,
                Some(Ordering::Equal) => true,
                None => false,
            };
            if has_met {
                return None;
            }
            own.last = Some(key.clone());
        }
        Some(next)
    }
}

/// All entries of a table in order, each block read once, and nothing of it kept.
enum Walk<'l> {
    One {
        range: LayerRange<'l>,
        /// Whether it stands at an entry.
        is_at: bool,
    },
    Several {
        merged: Merged<'l>,
        at: Option<KeptEntry>,
    },
}

impl<'l> Walk<'l> {
    fn new(layers: &'l [Layer]) -> Self {
        match layers {
            [layer] => Self::One {
                range: layer.ahead(),
                is_at: false,
            },
            layers => Self::Several {
                merged: Merged {
                    ranges: layers
                        .iter()
                        .map(|layer| (layer.ahead(), Head::Unknown))
                        .collect(),
                },
                at: None,
            },
        }
    }

    /// Goes to the next entry; whether there is one.
    fn advance(&mut self) -> Result<bool> {
        match self {
            Self::One { range, is_at } => {
                *is_at = match range.next()? {
                    Some(entry) if entry.value().is_none() => return Err(removed_from_nothing()),
                    entry => entry.is_some(),
                };
                Ok(*is_at)
            }
            Self::Several { merged, at } => {
                *at = merged.next(false)?;
                Ok(at.is_some())
            }
        }
    }

    /// The entry where it stands.
    fn at(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::One { range, is_at } => {
                let entry = range.last_given().filter(|_| *is_at)?;
                Some((entry.key(), entry.value()?))
            }
            Self::Several { at, .. } => at.as_ref().map(|(key, value)| (&**key, &**value)),
        }
    }

    fn kept(&self) -> Option<KeptEntry> {
        match self {
            Self::One { range, is_at } => {
                let (key, value) = range.last_given().filter(|_| *is_at)?.kept();
                Some((key, value?))
            }
            Self::Several { at, .. } => at.clone(),
        }
    }
}

/// All entries of a table, their order verified, and summed up.
struct Verified<'l> {
    walk: Walk<'l>,
    order: Order,
    content: Summing,
}

impl<'l> Verified<'l> {
    fn new(layers: &'l [Layer]) -> Self {
        Self {
            walk: Walk::new(layers),
            order: Order::default(),
            content: Summing::default(),
        }
    }

    /// Goes to the next entry; whether there is one.
    fn advance(&mut self) -> Result<bool> {
        self.walk.advance()?;
        let Some((key, value)) = self.walk.at() else {
            return Ok(false);
        };
        self.content.add(key, value);
        self.order.next(key)?;
        Ok(true)
    }
}

impl Iterator for Verified<'_> {
    type Item = Result<KeptEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(_) => self.walk.kept().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

/// What became of a key between two states.
pub(crate) enum Changed<'e> {
    Same(&'e [u8], &'e [u8]),
    /// It has another value.
    Replaced(&'e [u8], &'e [u8]),
    Added(&'e [u8], &'e [u8]),
    Removed(&'e [u8]),
}

/// Compares a table with what a snapshot has of it, in the order of the keys. That is verified on the way.
pub(crate) fn changes(
    base: &SnapshotTables,
    name: &str,
    table: ReadTable<'_, '_>,
    mut tell: impl FnMut(Changed<'_>) -> Result<()>,
) -> Result<()> {
    let layers = base.layers(name)?;
    let mut before = Verified::new(&layers);
    before.advance()?;
    table.each(Bound::Unbounded, |key, value| {
        while let Some((old_key, old_value)) = before.walk.at() {
            match old_key.cmp(key) {
                Ordering::Less => tell(Changed::Removed(old_key))?,
                Ordering::Equal if old_value == value => {
                    tell(Changed::Same(key, value))?;
                    return before.advance().map(|_| true);
                }
                Ordering::Equal => {
                    tell(Changed::Replaced(key, value))?;
                    return before.advance().map(|_| true);
                }
                Ordering::Greater => break,
            }
            before.advance()?;
        }
        tell(Changed::Added(key, value)).map(|()| true)
    })?;
    while let Some((key, _)) = before.walk.at() {
        tell(Changed::Removed(key))?;
        before.advance()?;
    }
    match base.newest.table(name) {
        Some(table) => before.content.finish().is(table),
        None => Ok(()),
    }
}
