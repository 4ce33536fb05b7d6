//! How does an index come to be, and go? In transactions of bounded size, between which others may write;
//! or within one.

use super::database::Database;
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::base::{ErrorKind, Result};
use crate::collection::rebuild::{Progress, step};
use crate::schema::catalog::{BuildState, Catalog, Index, Records, StoredIndex, StoredKind};
use crate::schema::types::IndexDefinition;
use crate::txn::write::WriteTx;

impl Database {
    /// One step of building an index; where it cannot be, it is dropped.
    pub(super) fn build_step(&self, collection: &str, index: u32) -> Result<()> {
        let Err(error) = self.write(|tx| build(tx, collection, index)) else {
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
        if let Err(error) = build(tx, collection, index) {
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
        ErrorKind::Conflict | ErrorKind::Limit | ErrorKind::ParallelArrays
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
fn build(tx: &WriteTx, collection: &str, id: u32) -> Result<()> {
    let catalog = tx.catalog();
    let Some((info, index, state)) = unfinished(&catalog, collection, id)? else {
        return Ok(());
    };
    tx.mark_changed();
    let progress = step(tx.transaction()?, info, index, state.after.as_deref())
        .context(|| format!("build index {:?}", index.name))?;
    match progress {
        Progress::Done => finish(tx, info, index),
        Progress::After(key) => change_indexes(tx, info, |indexes| {
            set_building(indexes, id, Some(BuildState { after: Some(key) }));
        }),
    }
}

/// An index is ready: the ones that it replaces go.
fn finish(tx: &WriteTx, info: &Records, ready: &Index) -> Result<()> {
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
/// been removed.
fn give_up(tx: &WriteTx, collection: &str, id: u32) -> Result<()> {
    let catalog = tx.catalog();
    let Some((info, ..)) = unfinished(&catalog, collection, id)? else {
        return Ok(());
    };
    delete_tables(tx, info, &[id])?;
    change_indexes(tx, info, |indexes| {
        indexes.retain(|index| index.id != id);
    })
}

/// The index with that id and how far it is built; `None` where it is ready or gone.
fn unfinished<'c>(
    catalog: &'c Catalog,
    collection: &str,
    id: u32,
) -> Result<Option<(&'c Records, &'c Index, &'c BuildState)>> {
    let Some((_, member)) = catalog.find(collection) else {
        return Ok(None);
    };
    let info = member.records()?;
    let Some((position, index)) = info.index(id) else {
        return Ok(None);
    };
    let stored = info.stored_indexes().get(position);
    let state = stored.and_then(|stored| stored.building.as_ref());
    Ok(state.map(|state| (&**info, index, state)))
}

fn set_building(indexes: &mut [StoredIndex], id: u32, building: Option<BuildState>) {
    if let Some(index) = indexes.iter_mut().find(|index| index.id == id) {
        index.building = building;
    }
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
