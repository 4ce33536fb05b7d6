//! What changed between two snapshots?

use std::collections::BTreeSet;
use std::fmt;

use super::snapshot_open::Snapshot;
use crate::base::error::Context;
use crate::base::name::show_key;
use crate::base::{Error, Result};
use crate::schema::catalog::{Catalog, Member};
use crate::snapshot::{Changed, changes};
use crate::store::ReadTable;

/// How much changed between two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotDiff {
    /// The collections and buckets in which something did, in the order of their names.
    pub collections: Vec<CollectionDiff>,
}

/// How much changed in a collection or bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionDiff {
    /// Its name.
    pub name: String,
    /// Records, documents or entries that the earlier snapshot does not have.
    pub added: u64,
    /// Those that only the earlier one has.
    pub removed: u64,
    /// Those that were written in between, be it with what they had before.
    pub changed: u64,
}

/// Something that changed between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotChange<'c> {
    /// The collection or bucket.
    pub collection: &'c str,
    /// The encoded key.
    pub key: &'c [u8],
    /// What became of it.
    pub kind: ChangeKind,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The earlier snapshot does not have it.
    Added,
    /// Only the earlier one has it.
    Removed,
    /// It was written in between.
    Changed,
}

impl SnapshotDiff {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.collections.is_empty()
    }
}

impl fmt::Display for SnapshotChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
        };
        write!(f, "{:?} {}: {kind}", self.collection, show_key(self.key))
    }
}

impl Snapshot {
    /// How much changed from this snapshot to a later one of the same database. Both are read and verified.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the other is of another database.
    pub fn diff(&self, later: &Self) -> Result<SnapshotDiff> {
        self.diff_with(later, |_| Ok(()))
    }

    /// Like [`diff`](Snapshot::diff), and tells of each change, by collection and in the order of the keys. An
    /// error of `tell` ends it.
    pub fn diff_with(
        &self,
        later: &Self,
        mut tell: impl FnMut(SnapshotChange<'_>) -> Result<()>,
    ) -> Result<SnapshotDiff> {
        let ids = (self.info().database, later.info().database);
        if ids.0 != ids.1 {
            return Err(Error::invalid(format!(
                "the snapshots are of two databases, {} and {}",
                ids.0, ids.1
            )));
        }
        // The earlier one is verified as it is gone through.
        later.tables.verify()?;
        let (before, after) = (self.read()?, later.read()?);
        let names: BTreeSet<&str> = [before.catalog(), after.catalog()]
            .into_iter()
            .flat_map(|catalog| catalog.members().iter().map(Member::name))
            .collect();
        let mut diff = SnapshotDiff::default();
        for name in names {
            let earlier = table_of(before.catalog(), name).unwrap_or_default();
            let table = match table_of(after.catalog(), name) {
                Some(table) => after.transaction().open_table(table)?,
                None => None,
            };
            let mut found = CollectionDiff {
                name: name.to_owned(),
                added: 0,
                removed: 0,
                changed: 0,
            };
            let count = |changed: Changed<'_>| {
                let (key, kind, number) = match changed {
                    Changed::Same(..) => return Ok(()),
                    Changed::Added(key, _) => (key, ChangeKind::Added, &mut found.added),
                    Changed::Removed(key) => (key, ChangeKind::Removed, &mut found.removed),
                    Changed::Replaced(key, _) => (key, ChangeKind::Changed, &mut found.changed),
                };
                *number += 1;
                tell(SnapshotChange {
                    collection: name,
                    key,
                    kind,
                })
            };
            changes(&self.tables, earlier, ReadTable::of(table.as_ref()), count)
                .context(|| format!("compare {name:?}"))?;
            if found.added + found.removed + found.changed > 0 {
                diff.collections.push(found);
            }
        }
        Ok(diff)
    }
}

/// Where the entries of a member lie.
fn table_of<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c str> {
    catalog.find(name).map(|(_, member)| match member {
        Member::Records(info) => info.table.as_str(),
        Member::Bucket(info) => info.table.as_str(),
    })
}
