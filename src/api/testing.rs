//! What may the tests of this crate do that users may not? Put a disk of their own beneath the store,
//! take random bytes from a seed, and break rules.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::database::Database;
use super::document::Document;
use crate::base::sync::Arc;
use crate::base::{Error, Result};
use crate::codec::envelope::Envelope;
use crate::codec::value::validate::validate;
use crate::store::{ALL, Batch, Files, Random, ReadTable};
pub use crate::store::{
    Access, CipherKind, Control, Controls, Disk, FileIdentity, OpenError, Volume, sealed_backend,
};
use crate::txn::write::WriteTx;

impl Builder {
    /// Files are those of this volume.
    pub fn volume(mut self, volume: Arc<dyn Volume>) -> Self {
        self.options.volume = volume;
        self
    }

    /// Random bytes come from this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.random = Random::seeded(seed);
        self
    }

    /// Rules that are not kept.
    pub fn controls(mut self, controls: Controls) -> Self {
        self.options.controls = controls;
        self
    }

    /// The cipher of a file that is created.
    pub fn cipher(mut self, kind: CipherKind) -> Self {
        self.options.cipher = Some(kind);
        self
    }
}

/// What a transaction does.
pub type Closure<'c> = Box<dyn FnOnce(&WriteTx) -> Result<()> + 'c>;

impl Database {
    /// Runs closures one after the other in one batch, as threads do that wait for each other; gives
    /// what each of them would get. A batch closes early for the reasons that it always has: closures
    /// that are left over are not run, and have no result.
    pub fn write_together<'c>(
        &self,
        closures: impl IntoIterator<Item = Closure<'c>>,
    ) -> Result<Vec<Result<()>>> {
        WriteTx::run_together(&self.core, closures)
    }

    /// Whether redb had to walk the file in opening it, as it never should.
    #[must_use]
    pub fn was_repaired(&self) -> bool {
        self.core.store.was_repaired()
    }
}

/// Commits one entry without a turn, to measure what taking turns costs. Nobody else may write meanwhile.
pub fn put_straight(db: &Database, table: &str, key: &[u8], value: &[u8]) -> Result<()> {
    let core = &db.core;
    let transaction = core.store.begin_write()?;
    transaction.open_table(table)?.change(key, Some(value))?;
    let parts = &[transaction.end_part(core.next_revision()?)?];
    let synced = true;
    core.publish(None, core.sequence() + 1, || {
        core.store.commit(transaction, &Batch { parts, synced })
    })
}

/// The files of the operating system.
#[must_use]
pub fn files() -> &'static dyn Volume {
    &Files
}

/// The bytes under a key of a table of redb's, and a way to change them behind the engine's back.
pub fn put_raw(db: &Database, table: &str, key: &[u8], value: Option<&[u8]>) -> Result<()> {
    db.core.alone(|store| {
        store.checkpoint()?;
        let transaction = store.begin_write()?;
        transaction.open_table(table)?.change(key, value)?;
        store.commit_durably(transaction)
    })
}

/// All entries of all tables, one after the other.
pub fn each_entry(db: &Database, mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let tx = db.read()?;
    for name in tx.transaction().tables()? {
        let table = tx.transaction().existing_table(&name)?;
        let mut rows = ReadTable::Snapshot(&table).range(ALL)?;
        while let Some(told) = rows.next_with(&mut each) {
            told?;
        }
    }
    Ok(())
}

/// The document that lies in these bytes, whatever they are, and whether they are one.
pub fn document_of(bytes: Vec<u8>) -> (Document<'static>, Result<()>) {
    let valid = validate(&bytes);
    (Document::owned(bytes), valid)
}

/// How a collection lies in the file, whatever it is read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The version that it has.
    pub version: u32,
    /// Of each index of the later version that is coming whether it is built.
    pub coming: Option<Vec<bool>>,
    /// By key: the version that a record lies there as, and its bytes with their envelope.
    pub records: BTreeMap<Vec<u8>, (u32, Vec<u8>)>,
    /// The rows of the undo table: by the version that a record became and its key, the bytes that it was.
    pub undo: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
}

/// How a collection of records or documents lies in the file; `None` where there is none of the name.
pub fn stored(db: &Database, name: &str) -> Result<Option<Stored>> {
    let tx = db.read()?;
    let Some((slot, member)) = tx.catalog().find(name) else {
        return Ok(None);
    };
    let info = member.records()?;
    let mut stored = Stored {
        version: info.upgrades.current,
        coming: info.coming.as_ref().map(|coming| {
            let ready = coming.indexes.iter().map(|index| index.ready);
            ready.collect()
        }),
        records: BTreeMap::new(),
        undo: BTreeMap::new(),
    };
    for record in tx.tables(slot, info)?.records().range(ALL)? {
        let (key, bytes) = record?;
        let version = Envelope::decode(&bytes)?.0.version;
        let record = (version, bytes.to_vec());
        stored.records.insert(key.to_vec(), record);
    }
    let undo = match &info.undo {
        Some(table) => tx.transaction().open_table(table)?,
        None => None,
    };
    for row in ReadTable::of(undo.as_ref()).range(ALL)? {
        let (key, bytes) = row?;
        let (version, key) = key
            .split_first_chunk()
            .ok_or_else(|| Error::corrupt("a row of an undo table without a version"))?;
        let version = u32::from_be_bytes(*version);
        stored.undo.insert((version, key.to_vec()), bytes.to_vec());
    }
    Ok(Some(stored))
}

/// The bytes under a key of a table of redb's, as the last commit left them.
pub fn get_raw(db: &Database, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let tx = db.read()?;
    let table = tx.transaction().open_table(table)?;
    let found = ReadTable::of(table.as_ref()).peek(key)?;
    Ok(found.map(|bytes| bytes.to_vec()))
}
