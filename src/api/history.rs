//! What became of the schemas of this file, and when? Rows of the system table:
//!
//! ```text
//! "history/" ++ sequence of the commit (u64, BE) ++ id of the collection (u32, BE)
//!                       -> a `MigrationEntry`, as JSON
//! ```

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::database::Database;
use crate::base::{Error, Result, clock};
use crate::codec::timestamp::Timestamp;
use crate::schema::catalog::Records;
use crate::store::{ReadTable, SYSTEM_TABLE};
use crate::txn::write::WriteTx;

/// One step in the history of a collection's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MigrationEntry {
    /// The name of the collection.
    pub collection: String,
    /// What happened.
    pub event: MigrationEvent,
    /// The version before it.
    pub from: u32,
    /// The version behind it.
    pub to: u32,
    /// How many records it concerned: of a registration all that there were, otherwise those that were
    /// rewritten, restored or forgotten.
    pub records: u64,
    /// How many of them were set aside.
    #[serde(default)]
    pub set_aside: u64,
    /// When it was done.
    pub at: Timestamp,
    /// How long it took, of a registration without the building of indexes.
    pub duration: Duration,
}

/// What happened to the schema of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MigrationEvent {
    /// A later version was registered: records are read in it from then on.
    Registered,
    /// All records of earlier versions were rewritten, by [`Database::migrate`].
    Migrated,
    /// [`Database::undo_migration`] or [`Database::undo_documents_migration`] went back to an earlier version.
    Undone,
    /// [`Database::forget_migration`] dropped what would be needed for going back.
    Forgotten,
}

impl Database {
    /// What was done to the schemas of this file, the earliest first.
    pub fn migration_history(&self) -> Result<Vec<MigrationEntry>> {
        let tx = self.read()?;
        let Some(table) = tx.transaction().open_table(SYSTEM_TABLE)? else {
            return Ok(Vec::new());
        };
        let bounds = (
            std::ops::Bound::Included(PREFIX),
            std::ops::Bound::Excluded(PREFIX_END),
        );
        let mut entries = Vec::new();
        for row in ReadTable::Snapshot(&table).range(bounds)? {
            let (_, value) = row?;
            entries.push(serde_json::from_slice(&value).map_err(|error| {
                Error::corrupt("a row of the history of the schemas is damaged").because(error)
            })?);
        }
        Ok(entries)
    }
}

const PREFIX: &[u8] = b"history/";
const PREFIX_END: &[u8] = b"history0";

/// What is known of a step before it is noted.
pub(super) struct Event {
    pub(super) what: MigrationEvent,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) records: u64,
    pub(super) set_aside: u64,
    pub(super) began: Instant,
}

/// Notes a step.
pub(super) fn note(tx: &WriteTx, info: &Records, event: &Event) -> Result<()> {
    let entry = MigrationEntry {
        collection: info.name.clone(),
        event: event.what,
        from: event.from,
        to: event.to,
        records: event.records,
        set_aside: event.set_aside,
        at: Timestamp::try_from(clock::now())?,
        duration: clock::instant().duration_since(event.began),
    };
    let row = serde_json::to_vec(&entry)
        .map_err(|error| Error::invalid("the history cannot be written").because(error))?;
    let key = [PREFIX, &tx.sequence().to_be_bytes(), &info.id.to_be_bytes()].concat();
    tx.mark_changed();
    let mut system = tx.transaction()?.open_table(SYSTEM_TABLE)?;
    system.change(&key, Some(&row))?;
    Ok(())
}

/// Notes that a later version was registered.
pub(super) fn note_registered(tx: &WriteTx, info: &Records, later: &Records) -> Result<()> {
    let records = tx.transaction()?.open_table(&info.table)?;
    let event = Event {
        what: MigrationEvent::Registered,
        from: info.upgrades.current,
        to: later.upgrades.current,
        records: ReadTable::Writing(&records).len()?,
        set_aside: 0,
        began: clock::instant(),
    };
    drop(records);
    note(tx, info, &event)
}
