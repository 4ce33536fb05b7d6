//! How does a version of documents meet what is stored? In one transaction, with all that it takes: their
//! indexes are of what the closures make of them, so that none of the version before can stay.

use super::database::Database;
use super::document_schema::DocumentSchema;
use super::history::note_registered;
use super::index_build::{delete_tables, new_index};
use super::register::Registration;
use crate::base::Result;
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::collection::rebuild::{Progress, Unfit, step};
use crate::schema::catalog::{
    BuildState, Records, StoredCollection, StoredDocuments, StoredIndex, StoredKind,
};
use crate::txn::write::WriteTx;

impl Database {
    /// Makes a collection of documents have the version that a [`DocumentSchema`] says: creates it, or brings
    /// it to a later version, or notes the closures for the documents of earlier versions that are still
    /// there. The program has to call it each time the file is opened, here or on the
    /// [`Builder`](crate::Builder::register_documents): the closures are no part of the file, and a document
    /// that needs them cannot be read, replaced or removed without.
    ///
    /// A later version holds once the indexes are built anew, in one transaction. The documents stay as they
    /// are until they are written, or [`migrate`](Database::migrate) rewrites them; read, each is what it would
    /// be. Where there is nothing to do, nothing is written. Opened read-only, it only compares; documents are
    /// read as the schema has them, and queries do without the indexes of the version before.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when there is not one step to each version from 2 on, or the
    /// JSON Schema is none; [`NewerSchema`](crate::ErrorKind::NewerSchema) when the file has a later version;
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) when the JSON Schema is another one under the same
    /// version; [`NotMigrated`](crate::ErrorKind::NotMigrated) when there are indexes and a closure fails on a
    /// document, naming it; those of [`create_index`](Database::create_index) when there cannot be an index of
    /// what the closures make of the documents. Nothing was changed then.
    pub fn register_documents(&self, schema: DocumentSchema) -> Result<()> {
        self.register_all(&[Registration::Documents(schema)])
    }

    /// Whether there is nothing to do, or nothing that could be done; needs no writer's turn.
    pub(super) fn has_documents(&self, schema: &DocumentSchema) -> Result<bool> {
        schema.version()?;
        let read_only = self.core.store.is_read_only();
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(schema.collection()) else {
            schema.note_steps(catalog.code());
            return Ok(read_only);
        };
        let info = member.records()?;
        let later = schema.is_later_than(info)?;
        schema.note_steps(catalog.code());
        if later && read_only {
            let stored = schema.become_of(info.documents()?.stored.clone())?;
            self.core.show(&info.name, with_kind(info, stored))?;
        }
        Ok(read_only || !later)
    }
}

/// Brings the file to the version, unless another thread was faster.
pub(super) fn bring(tx: &WriteTx, schema: &DocumentSchema, unfit: Unfit) -> Result<()> {
    let catalog = tx.catalog();
    match catalog.find(schema.collection()) {
        None => create(tx, schema),
        Some((_, member)) if schema.is_later_than(member.records()?)? => {
            raise(tx, member.records()?, schema, unfit)
        }
        Some(_) => Ok(()),
    }
}

fn create(tx: &WriteTx, schema: &DocumentSchema) -> Result<()> {
    check_name("collection", schema.collection())?;
    let stored = StoredCollection {
        kind: StoredKind::Documents(schema.new_stored()?),
        id: tx.next_id()?,
    };
    tx.store_member(schema.collection(), stored)?;
    Ok(())
}

/// Brings a collection to a later version, with its indexes.
fn raise(tx: &WriteTx, info: &Records, schema: &DocumentSchema, unfit: Unfit) -> Result<()> {
    let mut stored = schema.become_of(info.documents()?.stored.clone())?;
    stored.indexes = anew(tx, info.stored_indexes())?;
    let old: Vec<u32> = info.indexes.iter().map(|index| index.id).collect();
    delete_tables(tx, info, &old)?;
    let member = tx.store_member(&info.name, with_kind(info, stored.clone()))?;
    let raised = member.records()?;
    for (index, before) in raised.indexes.iter().zip(&info.indexes) {
        // One that was not ready goes on being built by whoever had begun, and then takes the place of one
        // that is ready and has its name: so none is finished here as one that is built alone.
        if before.ready {
            let mut after = None;
            while let Progress::After(key) =
                step(tx.transaction()?, raised, index, after.as_deref(), unfit)
                    .context(|| format!("build index {:?}", index.name))?
            {
                after = Some(key);
            }
        }
    }
    for (index, before) in stored.indexes.iter_mut().zip(&info.indexes) {
        if before.ready {
            index.building = None;
        }
    }
    let member = tx.store_member(&info.name, with_kind(info, stored))?;
    note_registered(tx, info, member.records()?)
}

/// The indexes of the version before, as they are before they are built. Those that were ready have new ids,
/// so that no cursor leads from the old one into the new one.
fn anew(tx: &WriteTx, indexes: &[StoredIndex]) -> Result<Vec<StoredIndex>> {
    let anew = |index: &StoredIndex| {
        let begin = Some(BuildState::default());
        match index.building {
            None => new_index(tx, index.definition.clone(), begin),
            Some(_) => Ok(StoredIndex {
                building: begin,
                ..index.clone()
            }),
        }
    };
    indexes.iter().map(anew).collect()
}

fn with_kind(info: &Records, stored: StoredDocuments) -> StoredCollection {
    StoredCollection {
        id: info.id,
        kind: StoredKind::Documents(stored),
    }
}
