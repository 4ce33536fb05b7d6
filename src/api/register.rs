//! How does a declaration meet what is stored? By `register`, which does the work there is.

use super::database::Database;
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::folded::folding_version;
use crate::collection::rebuild::{Progress, step};
use crate::schema::catalog::{
    BuildState, Difference, Member, Records, StoredCollection, StoredIndex, StoredKind,
    StoredRecords, compare,
};
use crate::schema::record::Record;
use crate::schema::types::{IndexDefinition, RecordType};
use crate::txn::write::WriteTx;

/// Choices for the collection of a record, kept in the file so that every program follows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CollectionOptions {
    compress_above: Option<u32>,
}

impl CollectionOptions {
    /// The choices that hold where none are made: nothing is compressed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses records of more than so many bytes with zstd, where that makes them smaller.
    /// Holds for records written from now on; all can be read.
    pub fn compress_above(mut self, bytes: u32) -> Self {
        self.compress_above = Some(bytes);
        self
    }
}

impl Database {
    /// Makes the file fit the declaration of `T`: creates the collection, builds indexes that are
    /// new, rebuilds those that changed and drops those that are gone.
    ///
    /// Works in transactions of bounded size, between which others may write, and goes on where it
    /// was interrupted. Where there is nothing to do, nothing is written. Opened read-only, it only
    /// compares.
    ///
    /// # Errors
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) when fields or key differ under the same
    /// version, naming them; [`NewerSchema`](crate::ErrorKind::NewerSchema) when the file has a
    /// newer version; [`Conflict`](crate::ErrorKind::Conflict) when a new unique index would hold
    /// one key of two records: that index is then not there.
    pub fn register<T: Record>(&self) -> Result<()> {
        self.register_with::<T>(CollectionOptions::default())
    }

    /// Like [`register`](Database::register), with choices for the collection.
    pub fn register_with<T: Record>(&self, options: CollectionOptions) -> Result<()> {
        self.register_type::<T>(options)
            .context(|| format!("register collection {:?}", T::NAME))
    }

    fn register_type<T: Record>(&self, options: CollectionOptions) -> Result<()> {
        let declared = declared::<T>();
        // Most often there is nothing to do, and no writer to wait for.
        if let Some((_, member)) = self.core.catalog().find(T::NAME) {
            let info = member.records()?;
            let difference = compare(&declared, info)?;
            let same_options = info.stored.compress_above == options.compress_above;
            if self.core.store.is_read_only() || (difference.is_empty() && same_options) {
                return Ok(());
            }
        } else if self.core.store.is_read_only() {
            return Ok(());
        }
        self.write(|tx| prepare::<T>(tx, &declared, options))?;
        while let Some(index) = self.next_build(T::NAME)? {
            self.build_step(T::NAME, &index)?;
        }
        Ok(())
    }

    /// The name of an index of the collection that is not built.
    fn next_build(&self, collection: &str) -> Result<Option<String>> {
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(collection) else {
            return Ok(None);
        };
        let index = member.records()?.indexes.iter().find(|index| !index.ready);
        Ok(index.map(|index| index.name.clone()))
    }

    /// One step of building an index; a conflict drops it.
    fn build_step(&self, collection: &str, index: &str) -> Result<()> {
        let built = self.write(|tx| {
            let catalog = tx.catalog();
            let Some((_, member)) = catalog.find(collection) else {
                return Ok(());
            };
            let info = member.records()?;
            let Some((position, index)) = info.index(index) else {
                return Ok(());
            };
            let Some(StoredIndex {
                building: Some(state),
                ..
            }) = info.stored.indexes.get(position)
            else {
                return Ok(());
            };
            tx.mark_changed();
            let progress = step(tx.transaction()?, info, index, state.after.as_deref())?;
            change(tx, info, |stored| {
                if let Some(index) = stored.indexes.get_mut(position) {
                    index.building = match progress {
                        Progress::Done => None,
                        Progress::After(key) => Some(BuildState { after: Some(key) }),
                    };
                }
            })
        });
        let Err(error) = built else {
            return Ok(());
        };
        if error.is(ErrorKind::Conflict) || error.is(ErrorKind::Limit) {
            self.write(|tx| {
                let catalog = tx.catalog();
                match catalog.find(collection) {
                    Some((_, member)) => drop_index(tx, member.records()?, index),
                    None => Ok(()),
                }
            })?;
        }
        Err(error.during(format!("build index {index:?}")))
    }
}

/// The declaration of a type as it would be stored.
pub(super) fn declared<T: Record>() -> RecordType {
    let mut declared = T::describe_record();
    for index in &mut declared.indexes {
        if index.parts.iter().any(|part| part.fold) {
            index.folding = Some(folding_version());
        }
    }
    declared
}

/// Creates the collection of a type, with its indexes ready: there is nothing to index.
pub(super) fn create<T: Record>(tx: &WriteTx, compress_above: Option<u32>) -> Result<Arc<Records>> {
    check_name("collection", T::NAME)?;
    let mut current = declared::<T>();
    let indexes = std::mem::take(&mut current.indexes)
        .into_iter()
        .map(|definition| new_index(tx, definition, None))
        .collect::<Result<_>>()?;
    let stored = StoredRecords {
        versions: vec![current],
        indexes,
        compress_above,
    };
    let id = tx.next_id()?;
    let stored = StoredCollection {
        id,
        kind: StoredKind::Records(stored),
    };
    match tx.store_member(T::NAME, stored)? {
        Member::Records(info) => Ok(info),
        Member::Bucket(_) => Err(Error::invalid("a collection was stored as a bucket")),
    }
}

fn new_index(
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

/// Brings the catalog to the declaration: all that remains is to build.
fn prepare<T: Record>(
    tx: &WriteTx,
    declared: &RecordType,
    options: CollectionOptions,
) -> Result<()> {
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(T::NAME) else {
        create::<T>(tx, options.compress_above)?;
        return Ok(());
    };
    let Difference {
        build,
        drop,
        version,
        ..
    } = compare(declared, member.records()?)?;
    for name in &drop {
        let catalog = tx.catalog();
        if let Some((_, member)) = catalog.find(T::NAME) {
            drop_index(tx, member.records()?, name)?;
        }
    }
    let added = build
        .into_iter()
        .map(|definition| new_index(tx, definition, Some(BuildState::default())))
        .collect::<Result<Vec<_>>>()?;
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(T::NAME) else {
        return Ok(());
    };
    change(tx, member.records()?, |stored| {
        stored.indexes.extend(added);
        stored.compress_above = options.compress_above;
        if version {
            stored.versions.push(RecordType {
                indexes: Vec::new(),
                ..declared.clone()
            });
        }
    })
}

fn drop_index(tx: &WriteTx, info: &Records, name: &str) -> Result<()> {
    let Some((position, index)) = info.index(name) else {
        return Ok(());
    };
    tx.mark_changed();
    tx.transaction()?.delete_table(&index.table)?;
    change(tx, info, |stored| {
        stored.indexes.remove(position);
    })
}

/// Stores a collection with its description changed.
fn change(tx: &WriteTx, info: &Records, change: impl FnOnce(&mut StoredRecords)) -> Result<()> {
    let mut stored = info.stored.clone();
    change(&mut stored);
    let stored = StoredCollection {
        id: info.id,
        kind: StoredKind::Records(stored),
    };
    tx.store_member(&info.name, stored)?;
    Ok(())
}
