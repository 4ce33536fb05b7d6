//! The open database: where everything begins.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::builder::Builder;
use crate::base::sync::Arc;
use crate::base::{Error, Result};
use crate::txn::core::Core;
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
    /// Writers take turns. When this returns `Ok`, what was written survives a power cut.
    ///
    /// # Errors
    /// The closure's; [`Invalid`](crate::ErrorKind::Invalid) when this thread is in a write
    /// transaction already; [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when the disk
    /// failed at the wrong moment.
    pub fn write<R>(&self, closure: impl FnOnce(&WriteTx) -> Result<R>) -> Result<R> {
        WriteTx::run(&self.core, closure)
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
        WriteTx::run(&self.core, closure)
    }

    /// Begins a write transaction that ends with its [`commit`](WriteTx::commit), for where a
    /// closure does not fit. Other writers wait until then.
    pub fn begin_write(&self) -> Result<WriteTx> {
        WriteTx::begin(&self.core)
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
        let _baton = self.core.baton.take()?;
        self.core.store.close()
    }
}
