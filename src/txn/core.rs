//! What do all handles of one open database share?

use std::time::Duration;

use super::batch::Batch;
use super::group::{ALONE, Ask, Group};
use super::readers::Readers;
use crate::base::clock;
use crate::base::sync::{Arc, AtomicU64, Ordering, RwLock};
use crate::base::{Error, ErrorKind, Result};
use crate::collection::body::BodyOptions;
use crate::schema::catalog::{Catalog, Records, StoredCollection, catalog_rows};
use crate::store::{CompactReport, Control, ReadTable, ReadTransaction, SYSTEM_TABLE, Store};

/// When a commit returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When the disk has it: it survives a power cut.
    #[default]
    Synced,
    /// When the operating system has it: it survives the end of the process, however that comes, and
    /// a power cut once anything else was synced: the next synced commit,
    /// [`Database::sync`](crate::Database::sync), a checkpoint, or the interval that
    /// [`Builder::sync_interval`](crate::Builder::sync_interval) sets. Commits are never lost out of
    /// order. One that shares a batch with a synced commit waits for that sync.
    Buffered,
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Core {
    /// Shared with the thread that syncs, which keeps nobody from closing it.
    pub(crate) store: Arc<Store>,
    catalogs: RwLock<Catalogs>,
    /// The sequence of the last commit.
    sequence: AtomicU64,
    /// The greatest revision that a write transaction was given, committed or not.
    revision: AtomicU64,
    pub(crate) group: Arc<Group<Batch>>,
    /// Of commits that do not say otherwise.
    pub(crate) durability: Durability,
    pub(crate) body_bytes_max: usize,
    readers: Readers,
}

/// The catalog, and during a commit that changes it the next one, too: a reader finds its snapshot
/// to be of before or after that commit, and never waits for it.
#[derive(Debug)]
struct Catalogs {
    /// As the last commit left it.
    current: Arc<Catalog>,
    /// What a commit that is going on makes of it, with the sequence of that commit.
    coming: Option<(u64, Arc<Catalog>)>,
}

impl Core {
    /// Loads what every handle needs from a store.
    pub(crate) fn new(store: Store, body_bytes_max: usize, durability: Durability) -> Result<Self> {
        let transaction = store.begin_read()?;
        let Loaded {
            catalog,
            sequence,
            revision,
        } = load(&transaction)?;
        drop(transaction);
        Ok(Self {
            store: Arc::new(store),
            catalogs: RwLock::new(Catalogs {
                current: Arc::new(catalog),
                coming: None,
            }),
            sequence: AtomicU64::new(sequence),
            revision: AtomicU64::new(revision),
            group: Arc::default(),
            durability,
            body_bytes_max,
            readers: Readers::default(),
        })
    }

    /// A snapshot and the catalog that belongs to it.
    pub(crate) fn begin_read(&self) -> Result<(ReadTransaction, Arc<Catalog>)> {
        // Neither catalog can change as long as this is held; it is never held during a commit.
        let catalogs = self.catalogs.read();
        let transaction = self.store.begin_read()?;
        let catalog = match &catalogs.coming {
            Some((sequence, coming)) if stored_sequence(&transaction)? >= *sequence => coming,
            _ => &catalogs.current,
        };
        Ok((transaction, catalog.clone()))
    }

    /// Does what nobody may write meanwhile.
    pub(crate) fn alone<R>(&self, act: impl FnOnce(&Store) -> Result<R>) -> Result<R> {
        let _turn = self.group.take(ALONE)?;
        act(&self.store)
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalogs.read().current.clone()
    }

    /// Shows a collection in another way than the file has it, where that cannot be changed.
    pub(crate) fn show(&self, name: &str, stored: StoredCollection) -> Result<()> {
        let mut catalogs = self.catalogs.write();
        let member = stored.resolve(name, catalogs.current.code())?;
        catalogs.current = Arc::new(catalogs.current.with(member));
        Ok(())
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// A revision that no other write transaction of this process has.
    pub(crate) fn next_revision(&self) -> Result<u64> {
        self.revision
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
                last.checked_add(1)
            })
            .map(|last| last + 1)
            .map_err(|_| Error::corrupt("the last revision in the file is the last there is"))
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
                let announced = self.announce(sequence, changed.clone());
                if self.store.options().controls.has(Control::EarlyCatalog) {
                    self.catalogs.write().current = changed.clone();
                }
                let committed = commit();
                if let Err(error) = &committed
                    && error.is(ErrorKind::OutcomeUnknown)
                {
                    announced.stay();
                }
                committed?;
                self.catalogs.write().current = changed;
            }
        }
        self.sequence.store(sequence, Ordering::Release);
        Ok(())
    }

    /// Lets readers know of a catalog that is being committed, until the result is dropped.
    fn announce(&self, sequence: u64, catalog: Arc<Catalog>) -> Announced<'_> {
        self.catalogs.write().coming = Some((sequence, catalog));
        Announced(self)
    }

    /// Whether errors are told before the fate of their batch is known, as they never should.
    pub(crate) fn tells_early(&self) -> bool {
        self.store.options().controls.has(Control::EarlyError)
    }

    pub(crate) fn body_options(&self, info: &Records) -> BodyOptions {
        BodyOptions {
            bytes_max: self.body_bytes_max,
            compress_above: info.compress_above(),
        }
    }

    /// Counts a read transaction in, until the result is dropped.
    pub(crate) fn enter_reader(self: &Arc<Self>) -> Reader {
        Reader {
            number: self.readers.enter(),
            core: self.clone(),
        }
    }

    /// How many read transactions are alive, and how long the oldest has been.
    pub(crate) fn readers(&self) -> (usize, Option<Duration>) {
        self.readers.alive()
    }

    /// Rewrites the file, where others let it: waits for the turn to write and for read transactions, for
    /// no longer than that altogether.
    pub(crate) fn rewrite(&self, timeout: Duration) -> Result<CompactReport> {
        if self.store.is_read_only() {
            // Says so without waiting.
            self.store.begin_write()?;
        }
        let begin = clock::instant();
        let ask = Ask {
            timeout: Some(timeout),
            ..ALONE
        };
        let _turn = self.group.take(ask)?;
        let waited = clock::instant().duration_since(begin);
        let mut patience = timeout.saturating_sub(waited);
        // Whoever reads for longer than that will do so when the copy is there, too: no copy then.
        self.readers.outlast(&mut patience)?;
        self.store.rewrite(|| self.readers.shut(patience))
    }
}

/// A read transaction that is counted.
#[derive(Debug)]
pub(crate) struct Reader {
    core: Arc<Core>,
    number: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.core.readers.leave(self.number);
    }
}

impl Drop for Core {
    /// Here, and not where the thread that syncs lets go of it.
    fn drop(&mut self) {
        self.store.close_in_drop();
    }
}

/// A catalog on its way: whether its commit succeeds, fails or panics, it is no longer coming.
struct Announced<'c>(&'c Core);

impl Announced<'_> {
    /// Leaves it coming. A commit that failed at the wrong moment may be visible: every reader goes by its
    /// own snapshot from then on, and nothing is committed any more.
    fn stay(self) {
        std::mem::forget(self);
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.0.catalogs.write().coming = None;
    }
}

/// What a file says of itself when it is opened.
#[derive(Default)]
struct Loaded {
    catalog: Catalog,
    /// The sequence of the last commit.
    sequence: u64,
    /// The revision of what the last commit wrote.
    revision: u64,
}

fn load(transaction: &ReadTransaction) -> Result<Loaded> {
    let Some(table) = transaction.open_table(SYSTEM_TABLE)? else {
        return Ok(Loaded::default());
    };
    let table = ReadTable::Snapshot(&table);
    let (lower, upper) = catalog_rows();
    let bounds = (
        std::ops::Bound::Included(lower),
        std::ops::Bound::Excluded(upper),
    );
    let mut members = Vec::new();
    let code = Arc::default();
    for row in table.range(bounds)? {
        let (key, value) = row?;
        let name = key
            .get(lower.len()..)
            .and_then(|name| std::str::from_utf8(name).ok())
            .ok_or_else(|| Error::corrupt("a name in the catalog is not UTF-8"))?;
        members.push(StoredCollection::decode(name, &value, &code)?);
    }
    let last = transaction.last_commit()?;
    Ok(Loaded {
        catalog: Catalog::new(members, code),
        sequence: last.map_or(0, |last| last.id.sequence()),
        revision: last.map_or(0, |last| last.revision),
    })
}

/// The sequence of the commit that a snapshot shows.
fn stored_sequence(transaction: &ReadTransaction) -> Result<u64> {
    Ok(transaction
        .last_commit()?
        .map_or(0, |last| last.id.sequence()))
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
