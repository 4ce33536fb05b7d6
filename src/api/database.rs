//! The open database: where everything begins.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::builder::Builder;
use crate::base::sync::Arc;
use crate::base::{CommitId, Error, Result};
use crate::store::{Outcome, RecoveryReport, Store};
use crate::txn::core::Core;
use crate::txn::group::{ALONE, Ask};
use crate::txn::read::ReadTx;
use crate::txn::write::WriteTx;

/// An open database. Clones are handles of the same one; it may be used from any thread.
///
/// The file is closed when the last handle and the last transaction are gone. That cannot report an
/// error; [`close`](Database::close) can.
///
/// ```
/// # fn main() -> larder::Result<()> {
/// use larder::{Database, record};
///
/// #[record]
/// pub struct Note {
///     #[key(auto)]
///     pub id: u64,
///     #[index]
///     pub topic: String,
///     pub text: String,
/// }
///
/// let db = Database::in_memory()?;
/// let id = db.write(|tx| {
///     let note = Note { id: 0, topic: "rust".into(), text: "snapshots are cheap".into() };
///     tx.collection::<Note>()?.insert(&note)
/// })?;
/// let tx = db.read()?;
/// let notes = tx.collection::<Note>()?;
/// assert_eq!(notes.get(id)?.unwrap().text, "snapshots are cheap");
/// assert_eq!(notes.by(Note::BY_TOPIC).count("rust"..="rust")?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) core: Arc<Core>,
}

impl Database {
    /// Choices for opening: records to register, cache size, limits.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Opens the database at `path`, creating it where nothing is.
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) when it is open already, through whatever path;
    /// [`NotADatabase`](crate::ErrorKind::NotADatabase) when another program wrote the file, which
    /// is left as it is; [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open(path)
    }

    /// Creates a database at `path`, where nothing may be.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something is there.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().create(path)
    }

    /// Opens the database at `path`, which must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it does not, and those of
    /// [`open`](Database::open).
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open_existing(path)
    }

    /// Opens the database at `path` without writing one byte of it, whatever state it was left in.
    ///
    /// # Errors
    /// Those of [`open_existing`](Database::open_existing): a reader needs the file for itself too.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open_read_only(path)
    }

    /// A database in memory, gone when it is dropped.
    pub fn in_memory() -> Result<Self> {
        Self::builder().in_memory()
    }

    /// Runs `closure` in a write transaction: `Ok` commits durably; `Err` and a panic roll back.
    ///
    /// Writers take turns. When this returns `Ok`, what was written survives a power cut (see
    /// [`Durability`](crate::Durability)).
    ///
    /// Those who wait at the same moment are committed together, with one sync: many threads commit
    /// many times as fast as one. Whoever shares a batch waits for the closures behind their own, so a
    /// closure should take milliseconds, and must not wait for a thread that may be in `write`; for
    /// longer work there is [`begin_write`](Database::begin_write).
    ///
    /// # Errors
    /// The closure's; [`Invalid`](crate::ErrorKind::Invalid) when this thread is in a write
    /// transaction already; [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when the disk
    /// failed at the wrong moment.
    pub fn write<R>(&self, closure: impl FnOnce(&WriteTx) -> Result<R>) -> Result<R> {
        WriteTx::run(&self.core, Ask::default(), closure)
    }

    /// Like [`write`](Database::write), but waits for at most `timeout` until it is this thread's turn;
    /// with [`Duration::ZERO`] for the blink of an eye. Once it is, the closure runs as long as it takes,
    /// and those of its batch.
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) when others were writing all that time; the closure was not
    /// called.
    pub fn write_timeout<R>(
        &self,
        timeout: Duration,
        closure: impl FnOnce(&WriteTx) -> Result<R>,
    ) -> Result<R> {
        let ask = Ask {
            timeout: Some(timeout),
            ..Ask::default()
        };
        WriteTx::run(&self.core, ask, closure)
    }

    /// Like [`write`](Database::write), for closures with an error type of their own: any that
    /// [`Error`](crate::Error) converts into, also `Box<dyn Error>`.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record] pub struct City { #[key] pub id: u64, pub population: u64 }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let db = Database::in_memory()?;
    /// let line = "7,52220";
    /// db.try_write(|tx| -> Result<(), Box<dyn std::error::Error>> {
    ///     let (id, population) = line.split_once(',').ok_or("no comma")?;
    ///     let city = City { id: id.parse()?, population: population.parse()? };
    ///     tx.collection::<City>()?.insert(&city)?;
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_write<R, E: From<Error>>(
        &self,
        closure: impl FnOnce(&WriteTx) -> Result<R, E>,
    ) -> Result<R, E> {
        WriteTx::run(&self.core, Ask::default(), closure)
    }

    /// Begins a write transaction that ends with its [`commit`](WriteTx::commit), for where a
    /// closure does not fit, and for work that takes long. Other writers wait until then, but none
    /// that was there before.
    pub fn begin_write(&self) -> Result<WriteTx> {
        WriteTx::begin(&self.core, ALONE)
    }

    /// Begins a read transaction: a snapshot of everything that is committed now.
    pub fn read(&self) -> Result<ReadTx> {
        ReadTx::begin(&self.core)
    }

    /// The sequence of the last commit; grows by one with each that changed something.
    #[must_use]
    pub fn commit_sequence(&self) -> u64 {
        self.core.sequence()
    }

    /// Makes everything durable that was committed as [`Buffered`](crate::Durability::Buffered). Waits
    /// for its turn to write; one sync, or nothing where nothing is left to do.
    pub fn sync(&self) -> Result<()> {
        self.core.alone(Store::sync)
    }

    /// Brings what is in the commit log into the tables, so that the next opening has nothing to do.
    ///
    /// This happens by itself whenever the log is three quarters full, and when the database is
    /// closed. It takes three syncs and waits for its turn to write.
    pub fn checkpoint(&self) -> Result<()> {
        self.core.alone(Store::checkpoint)
    }

    /// What became of a commit, by the name that [`WriteTx::commit_id`] or an error
    /// ([`Error::commit`]) gave.
    ///
    /// After an [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), close the database, open it
    /// again and ask:
    ///
    /// ```
    /// # use larder::{Database, Outcome, record};
    /// # #[record] pub struct City { #[key] pub id: u64 }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// let commit = db.write(|tx| {
    ///     tx.collection::<City>()?.insert(&City { id: 1 })?;
    ///     Ok(tx.commit_id())
    /// })?;
    /// assert_eq!(db.outcome(commit)?, Outcome::Committed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Poisoned`](crate::ErrorKind::Poisoned) when the commit failed in this very handle: only the
    /// next opening finds out.
    pub fn outcome(&self, commit: CommitId) -> Result<Outcome> {
        self.core.store.outcome(commit)
    }

    /// What opening had to do: nothing, when the database was closed before.
    #[must_use]
    pub fn recovery_report(&self) -> RecoveryReport {
        self.core.store.recovery()
    }

    /// The random id that the database was created with.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.core.store.database_id()
    }

    /// How many read transactions are alive, and for how long the oldest has been: while it lives,
    /// the pages it sees are not reused and the file grows.
    #[must_use]
    pub fn readers(&self) -> (usize, Option<Duration>) {
        self.core.readers()
    }

    /// Closes the file and reports what went wrong in doing so. Waits for a writer.
    ///
    /// Every other handle, and transactions that are still alive, get
    /// [`Closed`](crate::ErrorKind::Closed) from then on.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when this thread is in a write transaction.
    pub fn close(self) -> Result<()> {
        self.core.alone(Store::close)
    }
}
