//! How does a declaration meet what is stored? By `register`, which does the work there is.

use super::database::Database;
use super::index_build::{change_stored, delete_tables, new_index};
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::folded::folding_version;
use crate::schema::catalog::{
    BuildState, Member, Records, StoredCollection, StoredKind, StoredRecords,
};
use crate::schema::difference::{Difference, compare};
use crate::schema::record::Record;
use crate::schema::types::RecordType;
use crate::txn::write::WriteTx;

/// Choices for the collection of a record, kept in the file so that every program follows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CollectionOptions {
    pub(super) compress_above: Option<u32>,
}

impl CollectionOptions {
    /// The choices that a new collection has where none are made: nothing is compressed.
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
    /// new, rebuilds those that changed and drops those that are gone. A collection that exists
    /// keeps its [`CollectionOptions`].
    ///
    /// Works in transactions of bounded size, between which others may write, and goes on where it
    /// was interrupted. Where there is nothing to do, nothing is written. Opened read-only, it only
    /// compares.
    ///
    /// # Errors
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) when fields or key differ under the same
    /// version, naming them; [`NewerSchema`](crate::ErrorKind::NewerSchema) when the file has a
    /// newer version; [`Conflict`](crate::ErrorKind::Conflict) when a new unique index would hold
    /// one key of two records, naming them: that index is then not there, and one that it was to
    /// replace stays.
    pub fn register<T: Record>(&self) -> Result<()> {
        self.register_type::<T>(None)
    }

    /// Like [`register`](Database::register), with choices for the collection.
    pub fn register_with<T: Record>(&self, options: CollectionOptions) -> Result<()> {
        self.register_type::<T>(Some(options))
    }

    fn register_type<T: Record>(&self, options: Option<CollectionOptions>) -> Result<()> {
        self.bring_to::<T>(&declared::<T>(), options)
            .context(|| format!("register collection {:?}", T::NAME))
    }

    fn bring_to<T: Record>(
        &self,
        declared: &RecordType,
        options: Option<CollectionOptions>,
    ) -> Result<()> {
        // Between two transactions another thread may drop what this one builds, as its own build
        // failed or its declaration is another: only what is found at the end counts.
        for _ in 0..ROUNDS_MAX {
            if self.is_registered(declared, options)? {
                return Ok(());
            }
            self.write(|tx| prepare::<T>(tx, declared, options))?;
            while let Some(index) = self.next_build(declared)? {
                self.build_step(T::NAME, index)?;
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "other threads register another declaration of it at the same time; register one \
             declaration, and use only that",
        ))
    }

    /// Whether there is nothing to do, or nothing that could be done; needs no writer's turn.
    fn is_registered(
        &self,
        declared: &RecordType,
        options: Option<CollectionOptions>,
    ) -> Result<bool> {
        let read_only = self.core.store.is_read_only();
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(&declared.name) else {
            return Ok(read_only);
        };
        let info = member.records()?;
        let difference = compare(declared, info.typed()?)?;
        let same_options =
            options.is_none_or(|options| options.compress_above == info.compress_above());
        Ok(read_only || (difference.is_empty() && same_options))
    }

    /// The id of a declared index that is not built.
    fn next_build(&self, declared: &RecordType) -> Result<Option<u32>> {
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(&declared.name) else {
            return Ok(None);
        };
        Ok(compare(declared, member.records()?.typed()?)?
            .resume
            .first()
            .copied())
    }
}

/// How often a registration begins anew when others interfere.
const ROUNDS_MAX: usize = 16;

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

/// Brings the catalog to the declaration: all that remains is to build.
fn prepare<T: Record>(
    tx: &WriteTx,
    declared: &RecordType,
    options: Option<CollectionOptions>,
) -> Result<()> {
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(T::NAME) else {
        create::<T>(tx, options.and_then(|options| options.compress_above))?;
        return Ok(());
    };
    let info = member.records()?;
    let Difference {
        build,
        drop,
        version,
        ..
    } = compare(declared, info.typed()?)?;
    let added = build
        .into_iter()
        .map(|definition| new_index(tx, definition, Some(BuildState::default())))
        .collect::<Result<Vec<_>>>()?;
    delete_tables(tx, info, &drop)?;
    change_stored(tx, info, |stored| {
        let StoredKind::Records(stored) = stored else {
            return;
        };
        stored.indexes.retain(|index| !drop.contains(&index.id));
        stored.indexes.extend(added);
        if let Some(options) = options {
            stored.compress_above = options.compress_above;
        }
        if version {
            stored.versions.push(RecordType {
                indexes: Vec::new(),
                ..declared.clone()
            });
        }
    })
}
