//! How are all records brought to the current version, at once and for good?

use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::database::Database;
use super::history::{Event, MigrationEvent, note};
use super::index_build::change_stored;
use crate::base::error::Context;
use crate::base::name::check_name;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result, clock};
use crate::codec::envelope::Envelope;
use crate::collection::migrate::{Stepped, UnfitRecord, step};
use crate::collection::tables::WritingTables;
use crate::schema::catalog::{Catalog, Migrated, Records, Shape, migration_row};
use crate::schema::json::{document_to_value, to_value};
use crate::schema::view::Slot;
use crate::store::{ALL, Control, ReadTable, SYSTEM_TABLE};
use crate::txn::read::ReadTx;
use crate::txn::write::WriteTx;

/// Choices for [`Database::migrate_with`].
#[must_use = "these are choices only; give them to `migrate_with`"]
#[derive(Default)]
pub struct Migration<'p> {
    collection: Option<String>,
    set_aside: bool,
    progress: Option<Box<OnProgress<'p>>>,
}

type OnProgress<'p> = dyn FnMut(&MigrationProgress) -> ControlFlow<()> + 'p;

impl<'p> Migration<'p> {
    /// All collections that this program has registered; a record that cannot be migrated ends it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only the collection of that name, also where another program has registered it and no code is
    /// needed.
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = Some(name.into());
        self
    }

    /// Takes a record out that the program's code fails on, and goes on. It becomes a document of the
    /// collection `"{name}.quarantine"`: `{"_id": its encoded key in hexadecimal, "version": .., "error": ..,
    /// "record": ..}`; [`undo_migration`](Database::undo_migration), or
    /// [`undo_documents_migration`](Database::undo_documents_migration), puts it back as it was. `record` is not
    /// there where it is too large for that document, or nested too deep.
    pub fn set_aside(mut self) -> Self {
        self.set_aside = true;
        self
    }

    /// Calls `progress` after each step, a transaction of at most 50,000 records or 16 MiB; `Break` ends
    /// the migration there, and what was done stays.
    pub fn on_progress(
        mut self,
        progress: impl FnMut(&MigrationProgress) -> ControlFlow<()> + 'p,
    ) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }
}

impl std::fmt::Debug for Migration<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migration")
            .field("collection", &self.collection)
            .field("set_aside", &self.set_aside)
            .finish_non_exhaustive()
    }
}

/// How far the migration of a collection is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationProgress {
    /// The name of the collection.
    pub collection: String,
    /// How many records were looked at, also by a run before that was interrupted.
    pub seen: u64,
    /// How many there are.
    pub records: u64,
    /// How many of them were rewritten.
    pub migrated: u64,
    /// How many were set aside.
    pub set_aside: u64,
}

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// How many records were rewritten.
    pub records: u64,
    /// How many were set aside.
    pub set_aside: u64,
    /// Whether the progress callback ended it.
    pub cancelled: bool,
    /// The collections that may have records of earlier versions still: this program has not registered
    /// them, or not the code that leads on from there.
    pub unregistered: Vec<String>,
}

/// The row of a migration that is under way.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// The version that it leads to: another one begins anew.
    to: u32,
    /// The encoded key of the last record that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Vec<u8>>,
    seen: u64,
    migrated: u64,
    set_aside: u64,
    /// How long the transactions before took.
    millis: u64,
}

impl Database {
    /// Rewrites every record of an earlier version under the current one of its collection, of all that this
    /// program has registered. Nothing changes for those who read: it saves converting each time, and
    /// [`MigrationReport`] says that no record is in the way.
    ///
    /// Works in transactions of bounded size, between which others may write, and goes on where it was
    /// interrupted, also by a crash. What is lost is kept for
    /// [`undo_migration`](Database::undo_migration), until
    /// [`forget_migration`](Database::forget_migration). Records keep their revisions.
    ///
    /// # Errors
    /// [`NotMigrated`](crate::ErrorKind::NotMigrated) when the program's code fails on a record, naming it:
    /// those before it are migrated.
    pub fn migrate(&self) -> Result<MigrationReport> {
        self.migrate_with(Migration::new())
    }

    /// Like [`migrate`](Database::migrate), with choices.
    ///
    /// # Errors
    /// Those of `migrate`; [`NotFound`](crate::ErrorKind::NotFound) when there is no collection of the
    /// name that was given.
    pub fn migrate_with(&self, mut migration: Migration<'_>) -> Result<MigrationReport> {
        let mut report = MigrationReport::default();
        let names = self.to_be_migrated(migration.collection.as_deref(), &mut report)?;
        if migration.set_aside {
            let catalog = self.core.catalog();
            let mut all = names.iter();
            all.try_for_each(|name| check_quarantine(&catalog, name))?;
        }
        for name in names {
            self.migrate_collection(&name, &mut migration, &mut report)
                .context(|| format!("migrate collection {name:?}"))?;
            if report.cancelled {
                break;
            }
        }
        Ok(report)
    }

    fn to_be_migrated(
        &self,
        only: Option<&str>,
        report: &mut MigrationReport,
    ) -> Result<Vec<String>> {
        let catalog = self.core.catalog();
        if let Some(name) = only {
            existing(&catalog, name)?;
        }
        let all = catalog.members().iter();
        let pending = all
            .filter_map(|member| member.records().ok())
            .filter(|info| info.upgrades.are_pending())
            .filter(|info| only.is_none_or(|name| info.name == name));
        let mut names = Vec::new();
        for info in pending {
            // What another program has registered is left alone, unless it is asked for by name.
            let known = only.is_some() || catalog.code().knows(&info.name);
            if !known || self.lacks_code(info)?.is_some() {
                report.unregistered.push(info.name.clone());
            } else {
                names.push(info.name.clone());
            }
        }
        Ok(names)
    }

    /// Migrates a collection where the code for it may fail, and sets aside what it fails on.
    pub(super) fn set_aside_unfit(&self, name: &str) -> Result<()> {
        let catalog = self.core.catalog();
        let pending = match catalog.find(name) {
            Some((_, member)) => member.records()?.upgrades.are_by_code(),
            None => false,
        };
        if pending {
            self.migrate_with(Migration::new().collection(name).set_aside())?;
        }
        Ok(())
    }

    fn migrate_collection(
        &self,
        name: &str,
        migration: &mut Migration<'_>,
        report: &mut MigrationReport,
    ) -> Result<()> {
        loop {
            let set_aside = migration.set_aside;
            let Some((progress, done)) =
                self.write(|tx| migrate_step(tx, name, set_aside, report))?
            else {
                return Ok(());
            };
            let told = migration.progress.as_mut().map(|tell| tell(&progress));
            if done {
                return Ok(());
            }
            if told.is_some_and(|told| told.is_break()) {
                report.cancelled = true;
                return Ok(());
            }
        }
    }
}

/// One step; says how far it is, and whether it was the last. `None` where there is nothing to do.
fn migrate_step(
    tx: &WriteTx,
    name: &str,
    set_aside: bool,
    report: &mut MigrationReport,
) -> Result<Option<(MigrationProgress, bool)>> {
    let began = clock::instant();
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(name) else {
        return Ok(None);
    };
    let info = member.records()?;
    if !info.upgrades.are_pending() {
        return Ok(None);
    }
    let mut state = read_state(tx, info)?;
    tx.mark_changed();
    let mut tables = WritingTables::open(tx.transaction()?, info)?;
    let after = state.after.as_deref();
    let options = tx.core.body_options(info);
    let check = |body: &[u8]| match &info.shape {
        Shape::Typed(_) => Ok(()),
        Shape::Documents(documents) => documents.check(body),
    };
    let Stepped {
        after,
        seen,
        migrated,
        unfit,
    } = step(&mut tables, info, after, options, set_aside, &check)?;
    let records = ReadTable::Writing(&tables.records).len()?;
    drop(tables);
    set_apart(tx, info, &unfit)?;
    let unfit = unfit.len() as u64;
    state.seen = state.seen.saturating_add(seen);
    state.migrated = state.migrated.saturating_add(migrated);
    state.set_aside = state.set_aside.saturating_add(unfit);
    let took = clock::instant().duration_since(began);
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    state.millis = state.millis.saturating_add(took);
    report.records += migrated;
    report.set_aside += unfit;
    let progress = MigrationProgress {
        collection: info.name.clone(),
        seen: state.seen,
        records,
        migrated: state.migrated,
        set_aside: state.set_aside,
    };
    match after {
        Some(key) if !tx.core.store.options().controls.has(Control::MigratedEarly) => {
            state.after = Some(key);
            write_state(tx, info, Some(&state))?;
            Ok(Some((progress, false)))
        }
        _ => {
            finish(tx, info, &state)?;
            Ok(Some((progress, true)))
        }
    }
}

/// No record is of an earlier version any more.
fn finish(tx: &WriteTx, info: &Records, state: &State) -> Result<()> {
    write_state(tx, info, None)?;
    let current = info.upgrades.current;
    let oldest = info.upgrades.oldest();
    change_stored(tx, info, |kind| {
        if let Some(migrated) = kind.state_mut() {
            *migrated = Migrated {
                oldest: current,
                ..*migrated
            };
        }
    })?;
    let now = clock::instant();
    let event = Event {
        what: MigrationEvent::Migrated,
        from: oldest,
        to: current,
        records: state.migrated,
        set_aside: state.set_aside,
        began: now
            .checked_sub(Duration::from_millis(state.millis))
            .unwrap_or(now),
    };
    note(tx, info, &event)
}

/// Makes documents of the records that were taken out.
fn set_apart(tx: &WriteTx, info: &Records, unfit: &[UnfitRecord]) -> Result<()> {
    if unfit.is_empty() {
        return Ok(());
    }
    let mut quarantine = tx.documents(&quarantine(&info.name))?;
    for record in unfit {
        let mut document = serde_json::Map::new();
        let id = id_of(&record.key);
        document.insert("_id".into(), id.as_str().into());
        document.insert("version".into(), record.version.into());
        document.insert("error".into(), record.error.to_string().into());
        document.insert("record".into(), shown(info, record)?);
        let put = quarantine.put(id.as_str(), serde_json::Value::Object(document.clone()));
        match put {
            // It is deeper within the other document, and larger: that must not keep it where it is. What it was
            // is kept for going back in any case.
            Err(error) if error.is(ErrorKind::Limit) || error.is(ErrorKind::Invalid) => {
                document.remove("record");
                quarantine.put(id.as_str(), serde_json::Value::Object(document))?;
            }
            put => drop(put?),
        }
    }
    Ok(())
}

/// The longest key that is shown as it is.
const KEY_SHOWN_MAX: usize = 1024;

/// The name of the collection of what was set aside.
pub(super) fn quarantine(collection: &str) -> String {
    format!("{collection}.quarantine")
}

/// Refuses a collection for which there can be none of what is set aside.
pub(super) fn check_quarantine(catalog: &Catalog, collection: &str) -> Result<()> {
    let name = quarantine(collection);
    let fits = || {
        check_name("collection", &name)?;
        let Some((_, member)) = catalog.find(&name) else {
            return Ok(());
        };
        if member.records()?.documents()?.json_schema.is_some() {
            return Err(Error::invalid("it has a JSON Schema; take that off"));
        }
        Ok(())
    };
    fits().context(|| format!("what is set aside would go into collection {name:?}"))
}

/// The `_id` of a record that was set aside: the bytes of its key, in hexadecimal; of a long one those of its
/// SHA-256.
pub(super) fn id_of(key: &[u8]) -> String {
    if key.len() > KEY_SHOWN_MAX {
        return format!("sha256-{}", id_of(&Sha256::digest(key)));
    }
    let mut digits = String::with_capacity(2 * key.len());
    for byte in key {
        // Nothing is written to that could fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A record as JSON, as it is under its own version.
fn shown(info: &Records, record: &UnfitRecord) -> Result<serde_json::Value> {
    match &info.shape {
        Shape::Documents(_) => document_to_value(&record.body),
        Shape::Typed(typed) => {
            let layout = typed.layout_of(record.version)?;
            to_value(Slot::record(&record.body, &layout)?, record.body.len())
        }
    }
}

fn read_state(tx: &WriteTx, info: &Records) -> Result<State> {
    let system = tx.transaction()?.open_table(SYSTEM_TABLE)?;
    let current = info.upgrades.current;
    // One that is damaged is none: it only saves looking at what was looked at before.
    let row = ReadTable::Writing(&system).peek(&migration_row(info.id))?;
    let state = row.and_then(|row| serde_json::from_slice(&row).ok());
    let state: State = state.unwrap_or_default();
    if state.to == current {
        return Ok(state);
    }
    Ok(State {
        to: current,
        ..State::default()
    })
}

/// Notes how far the migration of a collection is; `None` where none is under way.
fn write_state(tx: &WriteTx, info: &Records, state: Option<&State>) -> Result<()> {
    let row = state.map(serde_json::to_vec).transpose();
    let row = row.map_err(|error| Error::invalid("a state cannot be written").because(error))?;
    let mut system = tx.transaction()?.open_table(SYSTEM_TABLE)?;
    system.change(&migration_row(info.id), row.as_deref())?;
    Ok(())
}

/// Begins a migration that is under way anew: records of earlier versions came to be behind it.
pub(super) fn begin_anew(tx: &WriteTx, info: &Records) -> Result<()> {
    write_state(tx, info, None)
}

/// The key of a record of that version or an earlier one.
pub(super) fn first_up_to(tx: &ReadTx, name: &str, version: u32) -> Result<Option<Vec<u8>>> {
    let Some((slot, member)) = tx.catalog().find(name) else {
        return Ok(None);
    };
    let info = member.records()?;
    for record in tx.tables(slot, info)?.records().range(ALL)? {
        let (key, stored) = record?;
        if Envelope::decode(&stored)?.0.version <= version {
            return Ok(Some(key.to_vec()));
        }
    }
    Ok(None)
}

/// The collection of that name.
pub(super) fn existing<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Arc<Records>> {
    let (_, member) = catalog.find(name).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("there is no collection {name:?}"),
        )
    })?;
    member.records()
}
