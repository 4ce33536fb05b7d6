//! What do all handles of one open database share?

use std::time::{Duration, Instant};

use super::baton::Baton;
use crate::base::clock;
use crate::base::sync::{Arc, AtomicU64, Mutex, Ordering, RwLock};
use crate::base::{Error, Result};
use crate::collection::body::BodyOptions;
use crate::schema::catalog::{
    Catalog, Records, SEQUENCE_ROW, SYSTEM_TABLE, StoredCollection, catalog_rows,
};
use crate::store::{ReadTable, ReadTransaction, Store};

/// An open database.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    /// As the last commit left it. Held for writing while a commit that changes it is published, so
    /// that a reader's snapshot and catalog belong together.
    catalog: RwLock<Arc<Catalog>>,
    /// The sequence of the last commit.
    sequence: AtomicU64,
    pub(crate) baton: Arc<Baton>,
    pub(crate) body_bytes_max: usize,
    readers: Mutex<Readers>,
}

/// The read transactions that are alive, in the order they began.
#[derive(Debug, Default)]
struct Readers {
    next: u64,
    alive: std::collections::BTreeMap<u64, Instant>,
}

impl Core {
    /// Loads what every handle needs from a store.
    pub(crate) fn new(store: Store, body_bytes_max: usize) -> Result<Self> {
        let transaction = store.begin_read()?;
        let (catalog, sequence) = load(&transaction)?;
        drop(transaction);
        Ok(Self {
            store,
            catalog: RwLock::new(Arc::new(catalog)),
            sequence: AtomicU64::new(sequence),
            baton: Arc::default(),
            body_bytes_max,
            readers: Mutex::default(),
        })
    }

    /// A snapshot and the catalog that belongs to it.
    pub(crate) fn begin_read(&self) -> Result<(ReadTransaction, Arc<Catalog>)> {
        let catalog = self.catalog.read();
        let transaction = self.store.begin_read()?;
        Ok((transaction, catalog.clone()))
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().clone()
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Commits by `commit`, and shows everybody the catalog it wrote and its sequence.
    pub(crate) fn publish(
        &self,
        catalog: Option<Arc<Catalog>>,
        sequence: u64,
        commit: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        match catalog {
            None => commit()?,
            Some(changed) => {
                let mut current = self.catalog.write();
                commit()?;
                *current = changed;
            }
        }
        self.sequence.store(sequence, Ordering::Release);
        Ok(())
    }

    pub(crate) fn body_options(&self, info: &Records) -> BodyOptions {
        BodyOptions {
            bytes_max: self.body_bytes_max,
            compress_above: info.stored.compress_above,
        }
    }

    /// Counts a read transaction in; gives the number to count it out with.
    pub(crate) fn enter_reader(&self) -> u64 {
        let mut readers = self.readers.lock();
        let number = readers.next;
        readers.next += 1;
        readers.alive.insert(number, clock::instant());
        number
    }

    pub(crate) fn leave_reader(&self, number: u64) {
        self.readers.lock().alive.remove(&number);
    }

    /// How many read transactions are alive, and how long the oldest has been.
    pub(crate) fn readers(&self) -> (usize, Option<Duration>) {
        let readers = self.readers.lock();
        let oldest = readers.alive.first_key_value();
        (
            readers.alive.len(),
            oldest.map(|(_, since)| clock::instant().duration_since(*since)),
        )
    }
}

/// Reads the catalog and the sequence of the last commit.
fn load(transaction: &ReadTransaction) -> Result<(Catalog, u64)> {
    let Some(table) = transaction.open_table(SYSTEM_TABLE)? else {
        return Ok((Catalog::default(), 0));
    };
    let table = ReadTable::Snapshot(&table);
    let (lower, upper) = catalog_rows();
    let bounds = (
        std::ops::Bound::Included(lower),
        std::ops::Bound::Excluded(upper),
    );
    let mut members = Vec::new();
    for row in table.range(bounds)? {
        let (key, value) = row?;
        let name = key
            .get(lower.len()..)
            .and_then(|name| std::str::from_utf8(name).ok())
            .ok_or_else(|| Error::corrupt("a name in the catalog is not UTF-8"))?;
        members.push(StoredCollection::decode(name, &value)?);
    }
    let sequence = read_number(table, SEQUENCE_ROW)?.unwrap_or(0);
    Ok((Catalog::new(members), sequence))
}

/// A number in a row of the system table.
pub(crate) fn read_number(table: ReadTable<'_, '_>, row: &[u8]) -> Result<Option<u64>> {
    let Some(bytes) = table.peek(row)? else {
        return Ok(None);
    };
    let bytes = <[u8; 8]>::try_from(&*bytes)
        .map_err(|_| Error::corrupt("a counter in the system table has not eight bytes"))?;
    Ok(Some(u64::from_le_bytes(bytes)))
}
