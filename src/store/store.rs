//! What does the engine hold in hand? An open store: transactions begin here, commit here, and here
//! the file is closed.

use std::path::PathBuf;

use redb::{ReadableDatabase, StorageBackend};

use super::commit::RecoveryReport;
use super::compact::bytes_of;
#[cfg(feature = "testing")]
use super::controls::Control;
use super::create::Identity;
use super::disk::{Disk, MemoryDisk};
use super::error::{closed, damaged, from_database, from_transaction, poisoned};
use super::guard::guarded;
use super::header::{Header, LOG_BYTES_MIN};
use super::headers::Opened;
use super::kept::KeptTables;
use super::keyring::{Credential, DataKey};
use super::layout::Layout;
use super::log::Log;
use super::open::{OpenOptions, seal_of};
use super::overlay::Overlay;
use super::owner::Owner;
use super::seal::Seal;
use super::sealed::{Backend, SealedFile};
use super::snapshot_key::SnapshotKey;
use super::transaction::{ReadTransaction, WriteTransaction};
use crate::base::sync::{Arc, Mutex, OnceLock, RwLock};
#[cfg(any(test, feature = "testing"))]
use crate::base::sync::{AtomicBool, Ordering};
use crate::base::{Error, ErrorKind, Result};

/// An open database file.
#[derive(Debug)]
pub(crate) struct Store {
    /// `None` once closed. Compaction changes it, together with the file and while it has this lock for
    /// itself.
    pub(super) redb: RwLock<Option<Engine>>,
    /// Never held while another lock is taken: `file` gives what is in it.
    file: RwLock<Arc<SealedFile>>,
    /// Of every file that this is ever in.
    pub(super) layout: Layout,
    /// The file's name, whatever link or relative path led to it; `None` in memory.
    pub(super) home: Option<PathBuf>,
    pub(super) unlocked: Mutex<Unlocked>,
    pub(super) options: OpenOptions,
    pub(super) log: Mutex<Log>,
    pub(super) life: u128,
    pub(super) recovery: RecoveryReport,
    read_only: bool,
    /// Whether redb's header says that it was closed.
    pub(super) was_clean: bool,
    /// The first failure that made the store unusable for writing.
    failure: OnceLock<String>,
}

/// The header, and what unlocked it.
#[derive(Debug)]
pub(super) struct Unlocked {
    pub(super) header: Header,
    pub(super) data_key: Option<DataKey>,
    /// The copy of the header that opened.
    pub(super) copy: usize,
}

/// redb, as it was opened.
pub(super) enum Engine {
    Database {
        redb: redb::Database,
        /// Whether redb had to walk the file in opening it.
        #[cfg(any(test, feature = "testing"))]
        repaired: bool,
    },
    /// A file that was closed, and has nothing to replay. redb writes nothing, not even to memory.
    Reading(redb::ReadOnlyDatabase),
    /// No database: tables of another kind of file.
    Kept(Arc<dyn KeptTables>),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Database { .. } => "Database",
            Self::Reading(_) => "Reading",
            Self::Kept(_) => "Kept",
        })
    }
}

impl Engine {
    pub(super) fn over(
        backend: impl StorageBackend,
        file: &SealedFile,
        options: &OpenOptions,
    ) -> Result<Self> {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(options.cache_bytes);
        #[cfg(any(test, feature = "testing"))]
        let repaired = {
            let repaired = Arc::new(AtomicBool::new(false));
            let seen = repaired.clone();
            builder.set_repair_callback(move |_| seen.store(true, Ordering::Relaxed));
            repaired
        };
        let redb = guarded(|| builder.create_with_backend(backend), refused(file))?;
        Ok(Self::Database {
            redb,
            #[cfg(any(test, feature = "testing"))]
            repaired: repaired.load(Ordering::Relaxed),
        })
    }

    fn reading(file: &Arc<SealedFile>, options: &OpenOptions) -> Result<Self> {
        let overlay = Overlay::over(file)?;
        let mut builder = redb::Database::builder();
        builder.set_cache_size(options.cache_bytes);
        let open = || builder.open_read_only_with_backend(overlay);
        guarded(open, refused(file)).map(Self::Reading)
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction> {
        let begin = || match self {
            Self::Database { redb, .. } => redb.begin_read().map(ReadTransaction::Database),
            Self::Reading(redb) => redb.begin_read().map(ReadTransaction::Database),
            Self::Kept(tables) => Ok(ReadTransaction::Kept(tables.clone())),
        };
        guarded(begin, from_transaction)
    }
}

/// What it means that redb does not open a file.
fn refused(file: &SealedFile) -> impl Fn(redb::DatabaseError) -> Error + '_ {
    |error| match file.damage() {
        Some(damage) => damaged(damage),
        None => from_database(error),
    }
}

impl From<Opened> for Unlocked {
    fn from(opened: Opened) -> Self {
        Self {
            header: opened.header,
            data_key: opened.data_key,
            copy: opened.copy,
        }
    }
}

impl Store {
    /// A store over a file, to be written or, read-only, over memory that lies over it.
    pub(super) fn new(
        file: Arc<SealedFile>,
        unlocked: Unlocked,
        read_only: bool,
        options: &OpenOptions,
    ) -> Result<Self> {
        let was_clean = file.is_clean();
        let engine = if !read_only {
            Engine::over(Backend(file.clone()), &file, options)?
        } else if was_clean {
            Engine::reading(&file, options)?
        } else {
            Engine::over(Overlay::over(&file)?, &file, options)?
        };
        let mut store = Self::with_engine(file, unlocked, options, engine)?;
        (store.read_only, store.was_clean) = (read_only, was_clean);
        Ok(store)
    }

    /// A store that reads tables which lie elsewhere. There is no file of its own beneath it.
    pub(crate) fn over_kept(
        tables: Arc<dyn KeptTables>,
        (database_id, epoch): Identity,
        key: Option<&SnapshotKey>,
        options: &OpenOptions,
    ) -> Result<Self> {
        let header = Header {
            database_id,
            epoch,
            ..Header::fresh(&options.random, None, LOG_BYTES_MIN)?
        };
        let layout = Layout::new(header.log_bytes);
        let owner = Owner::new(Box::new(MemoryDisk::default()), options.controls);
        let seal = seal_of(&header, None, options);
        let file = Arc::new(SealedFile::fresh(owner, seal, layout));
        let unlocked = Unlocked {
            header: key.map_or(header, |key| key.header.clone()),
            data_key: key.map(|key| key.data_key.clone()),
            copy: 0,
        };
        Self::with_engine(file, unlocked, options, Engine::Kept(tables))
    }

    fn with_engine(
        file: Arc<SealedFile>,
        unlocked: Unlocked,
        options: &OpenOptions,
        engine: Engine,
    ) -> Result<Self> {
        let life = u128::from_le_bytes(options.random.array()?);
        let log = Log::new(file.layout(), life, 0, options.controls);
        Ok(Self {
            redb: RwLock::new(Some(engine)),
            log: Mutex::new(log),
            life,
            recovery: RecoveryReport::default(),
            was_clean: true,
            layout: file.layout(),
            home: None,
            file: RwLock::new(file),
            unlocked: Mutex::new(unlocked),
            // What opened the file is not needed any more, and not to be found in memory.
            options: OpenOptions {
                credential: Arc::new(Credential::None),
                ..options.clone()
            },
            read_only: true,
            failure: OnceLock::new(),
        })
    }

    /// Makes it possible to replay the log of a file that is only read: into memory.
    pub(super) fn make_replayable(&self) -> Result<()> {
        let mut redb = self.redb.write();
        if let Some(Engine::Reading(_)) = &*redb {
            let file = self.file();
            *redb = Some(Engine::over(Overlay::over(&file)?, &file, &self.options)?);
        }
        Ok(())
    }

    /// The file, as it is now.
    pub(super) fn file(&self) -> Arc<SealedFile> {
        self.file.read().clone()
    }

    /// Goes on with another file. Whoever calls this has `redb` for itself.
    pub(super) fn set_file(&self, file: Arc<SealedFile>) {
        *self.file.write() = file;
    }

    /// The seal of another file with the same keys.
    pub(super) fn another_seal(&self) -> Seal {
        let unlocked = self.unlocked.lock();
        seal_of(&unlocked.header, unlocked.data_key.as_ref(), &self.options)
    }

    /// How often the database was restored.
    pub(crate) fn epoch(&self) -> u64 {
        self.unlocked.lock().header.epoch
    }

    /// Bytes of the file, and of those the header and the log.
    pub(crate) fn size(&self) -> Result<(u64, u64)> {
        Ok((bytes_of(&self.file())?, self.layout.data_offset()))
    }

    /// The random id that the database was created with.
    pub(crate) fn database_id(&self) -> uuid::Uuid {
        self.unlocked.lock().header.database_id
    }

    /// Whether redb had to walk the file in opening it, as it never should.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn was_repaired(&self) -> bool {
        match &*self.redb.read() {
            Some(Engine::Database { repaired, .. }) => *repaired,
            _ => false,
        }
    }

    /// What it was opened with.
    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Bytes of changes above which a transaction bypasses the log.
    pub(crate) fn part_bytes_max(&self) -> usize {
        Log::part_bytes_max(self.layout)
    }

    /// What opening had to do.
    pub(crate) fn recovery(&self) -> RecoveryReport {
        self.recovery
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The tables that lie elsewhere, where it reads such.
    pub(super) fn kept(&self) -> Option<Arc<dyn KeptTables>> {
        match &*self.redb.read() {
            Some(Engine::Kept(tables)) => Some(tables.clone()),
            _ => None,
        }
    }

    /// Keeps the file open, and locked, until the result is dropped.
    pub(super) fn held_open(&self) -> Result<impl Sized> {
        let redb = self.redb.read();
        if redb.is_none() {
            return Err(closed());
        }
        Ok(redb)
    }

    /// Begins a snapshot; takes about 0.2 us and waits for nobody.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction> {
        let redb = self.redb.read();
        let redb = redb.as_ref().ok_or_else(closed)?;
        self.check_damage()?;
        redb.begin_read()
    }

    /// Begins the write transaction. The caller sees to it that there is one at a time.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        if self.read_only {
            return Err(read_only());
        }
        self.begin_write_any()
    }

    /// The same, also into the memory over a file that is only read.
    pub(super) fn begin_write_any(&self) -> Result<WriteTransaction> {
        let redb = self.redb.read();
        let redb = redb.as_ref().ok_or_else(closed)?;
        self.check_failure()?;
        self.check_damage()?;
        let Engine::Database { redb, .. } = redb else {
            return Err(read_only());
        };
        guarded(|| redb.try_begin_write(), from_transaction).map(|transaction| {
            WriteTransaction::new(transaction, self.part_bytes_max(), self.options.controls)
        })
    }

    /// Nothing is written to the file any more.
    pub(super) fn latch(&self, why: &Error) {
        self.file().latch(&std::io::Error::other(why.to_string()));
    }

    /// Every later write fails because of this.
    pub(super) fn fail(&self, error: Error) -> Error {
        self.latch(&error);
        let _ = self.failure.set(error.to_string());
        error
    }

    pub(super) fn check_failure(&self) -> Result<()> {
        match self.failure.get() {
            Some(failure) => Err(poisoned().because(failure.clone())),
            None => Ok(()),
        }
    }

    /// redb reads nothing more after a damaged block, and would not say why.
    fn check_damage(&self) -> Result<()> {
        match self.file.read().damage() {
            Some(damage) => Err(damaged(damage)),
            None => Ok(()),
        }
    }

    /// Closes the file and reports what went wrong in doing so. Later calls give `Closed`.
    pub(crate) fn close(&self) -> Result<()> {
        let is_open = self.redb.read().is_some();
        if !is_open {
            return Ok(());
        }
        let checkpointed = self.checkpoint();
        if let Err(error) = &checkpointed {
            // What redb has in memory is in the log; without a checkpoint it is not to be written.
            self.latch(error);
        }
        let Some(redb) = self.redb.write().take() else {
            return Ok(());
        };
        let closed = match redb {
            Engine::Database { redb, .. } => guarded(
                || redb.close(),
                |error| self.damage_or(|| from_database(error)),
            ),
            other => {
                drop(other);
                Ok(())
            }
        };
        if let Err(error) = &closed {
            // Whatever of redb is still there, in a transaction that was leaked, writes nothing more.
            self.latch(error);
        }
        // Read transactions may live on, and with them what lies over the file.
        let _ = self.file().owner().unlock();
        self.check_failure().and(checkpointed).and(closed)
    }

    /// The damage that was read from the file, or where there was none, another error.
    pub(super) fn damage_or(&self, other: impl FnOnce() -> Error) -> Error {
        match self.file().damage() {
            Some(damage) => damaged(damage),
            None => other(),
        }
    }

    /// Runs redb's own check on the live handle, as nothing ever should.
    #[cfg(feature = "testing")]
    pub(super) fn check_on_live_handle(&self) -> Result<()> {
        if !self.options.controls.has(Control::CheckOnLiveHandle) {
            return Ok(());
        }
        if let Some(Engine::Database { redb, .. }) = self.redb.write().as_mut() {
            redb.check_integrity().map_err(from_database)?;
        }
        Ok(())
    }

    /// Closes it where no error can be told. redb may panic over damaged trees in that.
    pub(crate) fn close_in_drop(&self) {
        let closed = guarded(|| self.close(), |error| error);
        if let Err(error) = closed {
            self.latch(&error);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close_in_drop();
    }
}

pub(super) fn read_only() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "the database was opened read-only; open it with `open` to write",
    )
}
