//! How does an index come to be, and go? In transactions of bounded size, between which others may write;
//! or within one.

use super::database::Database;
use super::history::note_registered;
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::base::{ErrorKind, Result};
use crate::collection::rebuild::{Progress, Unfit, step};
use crate::schema::catalog::{BuildState, Catalog, Index, Records, StoredIndex, StoredKind};
use crate::schema::types::IndexDefinition;
use crate::txn::write::WriteTx;

impl Database {
    /// One step of building an index; where it cannot be, it is dropped.
    pub(super) fn build_step(&self, collection: &str, index: u32, unfit: Unfit) -> Result<()> {
        let Err(error) = self.write(|tx| build(tx, collection, index, unfit)) else {
            return Ok(());
        };
        if cannot_be(error.kind()) {
            self.write(|tx| give_up(tx, collection, index))?;
        }
        Err(error)
    }
}

/// Builds an index within one transaction; where it cannot be, it is dropped.
pub(super) fn build_whole(tx: &WriteTx, collection: &str, index: u32) -> Result<()> {
    while unfinished(&tx.catalog(), collection, index)?.is_some() {
        if let Err(error) = build(tx, collection, index, Unfit::Refused) {
            if cannot_be(error.kind()) {
                give_up(tx, collection, index)?;
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Whether an error of a build says that there cannot be such an index of these records.
fn cannot_be(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Conflict
            | ErrorKind::Limit
            | ErrorKind::ParallelArrays
            | ErrorKind::NotMigrated
            | ErrorKind::NotRegistered
    )
}

/// A new index, with an id of its own.
pub(super) fn new_index(
    tx: &WriteTx,
    definition: IndexDefinition,
    building: Option<BuildState>,
) -> Result<StoredIndex> {
    check_name("index", &definition.name)?;
    Ok(StoredIndex {
        id: tx.next_id()?,
        definition,
        building,
    })
}

/// Builds an index as far as one transaction goes, unless another thread was faster.
fn build(tx: &WriteTx, collection: &str, id: u32, unfit: Unfit) -> Result<()> {
    let catalog = tx.catalog();
    let Some(found) = unfinished(&catalog, collection, id)? else {
        return Ok(());
    };
    let Unfinished { of, index, .. } = found;
    tx.mark_changed();
    let after = found.state.after.as_deref();
    let progress = step(tx.transaction()?, of, index, after, unfit)
        .context(|| format!("build index {:?}", index.name))?;
    match progress {
        Progress::Done => finish(tx, &found),
        Progress::After(key) => {
            let state = BuildState { after: Some(key) };
            change_indexes_of(tx, &found, |indexes| set_building(indexes, id, Some(state)))
        }
    }
}

/// An index is ready: the ones that it replaces go. Those of a version that is coming wait for it.
fn finish(tx: &WriteTx, found: &Unfinished<'_>) -> Result<()> {
    let (info, ready) = (found.info, found.index);
    if found.is_coming() {
        return change_indexes_of(tx, found, |indexes| set_building(indexes, ready.id, None));
    }
    let others = info
        .indexes
        .iter()
        .filter(|index| index.name == ready.name && index.id != ready.id);
    let replaced: Vec<u32> = others.map(|index| index.id).collect();
    delete_tables(tx, info, &replaced)?;
    change_indexes(tx, info, |indexes| {
        indexes.retain(|index| !replaced.contains(&index.id));
        set_building(indexes, ready.id, None);
    })
}

/// Drops an index that cannot be built, unless it was built meanwhile: what was in its way may have
/// been removed. With it goes the version that waits for it.
fn give_up(tx: &WriteTx, collection: &str, id: u32) -> Result<()> {
    let catalog = tx.catalog();
    let Some(found) = unfinished(&catalog, collection, id)? else {
        return Ok(());
    };
    if found.is_coming() {
        return abandon(tx, found.info);
    }
    delete_tables(tx, found.info, &[id])?;
    change_indexes(tx, found.info, |indexes| {
        indexes.retain(|index| index.id != id);
    })
}

/// An index that is not ready.
struct Unfinished<'c> {
    info: &'c Records,
    /// What the index is of: the collection as it is, or as it is going to be.
    of: &'c Records,
    index: &'c Index,
    /// How far it is built.
    state: &'c BuildState,
}

impl Unfinished<'_> {
    fn is_coming(&self) -> bool {
        !std::ptr::eq(self.info, self.of)
    }
}

/// The index with that id and how far it is built; `None` where it is ready or gone.
fn unfinished<'c>(
    catalog: &'c Catalog,
    collection: &str,
    id: u32,
) -> Result<Option<Unfinished<'c>>> {
    let Some((_, member)) = catalog.find(collection) else {
        return Ok(None);
    };
    let info: &Records = member.records()?;
    let both = std::iter::once(info).chain(info.coming.as_deref());
    Ok(both.into_iter().find_map(|of| {
        let (position, index) = of.index(id)?;
        let state = of.stored_indexes().get(position)?.building.as_ref()?;
        Some(Unfinished {
            info,
            of,
            index,
            state,
        })
    }))
}

fn set_building(indexes: &mut [StoredIndex], id: u32, building: Option<BuildState>) {
    if let Some(index) = indexes.iter_mut().find(|index| index.id == id) {
        index.building = building;
    }
}

/// What is coming takes the place of what is: the indexes that it has not go.
pub(super) fn come(tx: &WriteTx, collection: &str) -> Result<()> {
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(collection) else {
        return Ok(());
    };
    let info = member.records()?;
    let Some(coming) = &info.coming else {
        return Ok(());
    };
    let gone = info.indexes.iter().map(|index| index.id);
    let gone: Vec<u32> = gone.filter(|id| coming.index(*id).is_none()).collect();
    delete_tables(tx, info, &gone)?;
    let stored = coming.stored();
    note_registered(tx, info, coming)?;
    tx.store_member(collection, stored)?;
    Ok(())
}

/// Nothing is coming any more: the indexes that were built for it go.
pub(super) fn abandon(tx: &WriteTx, info: &Records) -> Result<()> {
    let Some(coming) = &info.coming else {
        return Ok(());
    };
    let gone = coming.indexes.iter().map(|index| index.id);
    let gone: Vec<u32> = gone.filter(|id| info.index(*id).is_none()).collect();
    delete_tables(tx, coming, &gone)?;
    change_stored(tx, info, |kind| {
        if let StoredKind::Records(records) = kind {
            records.coming = None;
        }
    })
}

/// Deletes the tables of indexes, told by their ids.
pub(super) fn delete_tables(tx: &WriteTx, info: &Records, ids: &[u32]) -> Result<()> {
    for index in info.indexes.iter().filter(|index| ids.contains(&index.id)) {
        tx.mark_changed();
        tx.transaction()?.delete_table(&index.table)?;
    }
    Ok(())
}

/// Stores a collection with its indexes changed.
pub(super) fn change_indexes(
    tx: &WriteTx,
    info: &Records,
    change: impl FnOnce(&mut Vec<StoredIndex>),
) -> Result<()> {
    change_stored(tx, info, |kind| {
        if let Some(indexes) = kind.indexes_mut() {
            change(indexes);
        }
    })
}

/// Stores a collection with the indexes changed of what an unfinished one is of.
fn change_indexes_of(
    tx: &WriteTx,
    found: &Unfinished<'_>,
    change: impl FnOnce(&mut Vec<StoredIndex>),
) -> Result<()> {
    if !found.is_coming() {
        return change_indexes(tx, found.info, change);
    }
    change_stored(tx, found.info, |kind| {
        if let StoredKind::Records(records) = kind
            && let Some(coming) = &mut records.coming
        {
            change(&mut coming.indexes);
        }
    })
}

/// Stores a collection with its description changed, if it is.
pub(super) fn change_stored(
    tx: &WriteTx,
    info: &Records,
    change: impl FnOnce(&mut StoredKind),
) -> Result<()> {
    let before = info.stored();
    let mut stored = before.clone();
    change(&mut stored.kind);
    if stored != before {
        tx.store_member(&info.name, stored)?;
    }
    Ok(())
}
