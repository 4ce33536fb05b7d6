//! How does a collection go back to the version before?

use super::database::Database;
use super::history::{Event, MigrationEvent, note};
use super::index_build::{abandon, change_stored, delete_tables};
use super::migrate::{begin_anew, existing, id_of, quarantine};
use super::register::Declared;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result, clock};
use crate::collection::tables::WritingTables;
use crate::collection::undo::restore;
use crate::schema::catalog::{Migrated, Records, Shape, StoredKind};
use crate::schema::record::Record;
use crate::schema::upgrade::{WayBack, note_steps};
use crate::store::ReadTable;
use crate::txn::write::WriteTx;

impl Database {
    /// Takes the collection of `T` back to the version that it had before; gives how many records were
    /// rewritten for it. The program that registered that version can open the file again.
    ///
    /// A record that is as the migration left it becomes what it was, byte for byte. One that was written
    /// since is converted back: renames and widenings are undone, what was added is dropped, and what was
    /// removed is what it was before the migration. Where code led to the later version, `T` needs
    /// `downgrade` and [`Downgrade`](crate::Downgrade) for it. What was set aside is put back.
    ///
    /// It is one transaction: all of it happens, or nothing. The indexes go, since they are of the later
    /// version: [`register`](Database::register) by the earlier one builds its own.
    ///
    /// # Errors
    /// [`NotMigrated`](crate::ErrorKind::NotMigrated) when a record has no counterpart in the earlier
    /// version, naming it; [`NotFound`](crate::ErrorKind::NotFound) when there is no earlier version.
    pub fn undo_migration<T: Record>(&self) -> Result<u64> {
        let declared = Declared::of::<T>();
        let undo = || {
            let catalog = self.core.catalog();
            let info = existing(&catalog, T::NAME)?;
            if declared.compare(info)?.later.is_some() {
                return Err(Error::new(
                    ErrorKind::NotRegistered,
                    format!(
                        "version {} is not the one in the file: it was not registered, or is undone already",
                        T::VERSION
                    ),
                ));
            }
            note_steps(catalog.code(), T::NAME, &declared.steps);
            self.write(|tx| undo(tx, T::NAME))
        };
        undo().context(|| format!("undo the migration of collection {:?}", T::NAME))
    }

    /// Takes a collection of documents back to the version that it had before, and to the JSON Schema that it
    /// had then; gives how many documents were rewritten for it. The program that registered that version can
    /// open the file again.
    ///
    /// A document that is as the migration left it becomes what it was, byte for byte. One that was written
    /// since is converted back by the [`step_back`](crate::DocumentSchema::step_back) of the schema that this
    /// program has registered. What was set aside is put back.
    ///
    /// It is one transaction: all of it happens, or nothing. The indexes go, since they are of the later
    /// version: [`create_index`](Database::create_index) makes them anew.
    ///
    /// # Errors
    /// [`NotMigrated`](crate::ErrorKind::NotMigrated) when a document has no counterpart in the earlier
    /// version, naming it; [`NotRegistered`](crate::ErrorKind::NotRegistered) when one was written since and
    /// the closures are not registered; [`Rejected`](crate::ErrorKind::Rejected) when what one is converted to
    /// does not fit the earlier JSON Schema; [`NotFound`](crate::ErrorKind::NotFound) when there is no such
    /// collection, or no earlier version.
    pub fn undo_documents_migration(&self, collection: &str) -> Result<u64> {
        let undo = || {
            let catalog = self.core.catalog();
            let info = existing(&catalog, collection)?;
            info.documents()?;
            self.write(|tx| undo(tx, collection))
        };
        undo().context(|| format!("undo the migration of collection {collection:?}"))
    }

    /// Drops what was kept for [`undo_migration`](Database::undo_migration) and
    /// [`undo_documents_migration`](Database::undo_documents_migration); gives how many records that were.
    /// Going back is then possible only where nothing was lost.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such collection.
    pub fn forget_migration(&self, collection: &str) -> Result<u64> {
        self.write(|tx| forget(tx, collection))
            .context(|| format!("forget the migration of collection {collection:?}"))
    }
}

fn forget(tx: &WriteTx, collection: &str) -> Result<u64> {
    let began = clock::instant();
    let catalog = tx.catalog();
    let info = existing(&catalog, collection)?;
    let Some(table) = &info.undo else {
        return Ok(0);
    };
    let records = ReadTable::Writing(&tx.transaction()?.open_table(table)?).len()?;
    tx.mark_changed();
    tx.transaction()?.delete_table(table)?;
    // What is not migrated yet is kept when it is.
    let pending = info.upgrades.lose(0);
    change_stored(tx, info, |kind| {
        if let Some(state) = kind.state_mut() {
            state.undo = pending;
        }
    })?;
    let current = info.upgrades.current;
    let event = Event {
        what: MigrationEvent::Forgotten,
        from: current,
        to: current,
        records,
        set_aside: 0,
        began,
    };
    note(tx, info, &event)?;
    Ok(records)
}

fn undo(tx: &WriteTx, collection: &str) -> Result<u64> {
    let began = clock::instant();
    abandon(tx, existing(&tx.catalog(), collection)?)?;
    // As it is now: what was coming is not to be stored again.
    let catalog = tx.catalog();
    let info = existing(&catalog, collection)?;
    let target = target(info)?;
    tx.mark_changed();
    let back = WayBack::new(info, target, catalog.code())?;
    let options = tx.core.body_options(info);
    let mut tables = WritingTables::open(tx.transaction()?, info)?;
    let json_schema = match &info.shape {
        Shape::Typed(_) => None,
        Shape::Documents(documents) => documents.stored.json_schema_of(target),
    };
    let check = |body: &[u8]| match &json_schema {
        Some(schema) => schema.check_body(body),
        None => Ok(()),
    };
    let (restored, put_back) = restore(&mut tables, info, &back, options, &check)?;
    drop(tables);
    release(tx, info, &put_back)?;
    let records = restored + put_back.len() as u64;
    let indexes: Vec<u32> = info.indexes.iter().map(|index| index.id).collect();
    delete_tables(tx, info, &indexes)?;
    begin_anew(tx, info)?;
    change_stored(tx, info, |kind| go_back(kind, target))?;
    let event = Event {
        what: MigrationEvent::Undone,
        from: info.upgrades.current,
        to: target,
        records,
        set_aside: 0,
        began,
    };
    note(tx, info, &event)?;
    Ok(records)
}

/// What was set aside is put back: there are no documents of it any more.
fn release(tx: &WriteTx, info: &Records, keys: &[Vec<u8>]) -> Result<()> {
    let name = quarantine(&info.name);
    if keys.is_empty() || tx.catalog().find(&name).is_none() {
        return Ok(());
    }
    let mut quarantine = tx.documents(&name)?;
    for key in keys {
        quarantine.remove(id_of(key).as_str())?;
    }
    Ok(())
}

/// The version that a collection had before its current one.
fn target(info: &Records) -> Result<u32> {
    let target = match &info.shape {
        Shape::Typed(typed) => {
            let earlier = typed.stored.versions.iter().rev().skip(1);
            let mut real = earlier.filter(|version| !version.passed);
            real.next().map(|version| version.version)
        }
        Shape::Documents(documents) => {
            let earlier = documents.stored.earlier.iter().rev();
            let mut real = earlier.filter(|version| !version.passed);
            real.next().map(|version| version.version)
        }
    };
    target.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "it has version {}, and never had an earlier one",
                info.upgrades.current
            ),
        )
    })
}

/// What the catalog has of a collection at the version that it goes back to.
fn go_back(kind: &mut StoredKind, target: u32) {
    if let Some(indexes) = kind.indexes_mut() {
        indexes.clear();
    }
    match kind {
        StoredKind::Records(records) => {
            records.versions.retain(|version| version.version <= target);
            records.coming = None;
        }
        StoredKind::Documents(documents) => {
            let position = documents
                .earlier
                .iter()
                .position(|version| version.version == target);
            if let Some(position) = position {
                let rest = documents.earlier.split_off(position);
                if let Some(version) = rest.into_iter().next() {
                    documents.version = version.version;
                    documents.json_schema = version.json_schema;
                }
            }
        }
        StoredKind::Bucket { .. } => {}
    }
    if let Some(state) = kind.state_mut() {
        // Records of any version may have come back.
        *state = Migrated {
            oldest: 0,
            ..*state
        };
    }
}
