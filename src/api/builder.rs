//! How is a database to be opened?

use std::path::Path;
use std::time::Duration;

use super::database::Database;
use super::document_schema::DocumentSchema;
use super::register::{CollectionOptions, Declared, Registration};
use crate::base::limits::{BODY_BYTES_MAX, BODY_BYTES_MAX_DEFAULT, CACHE_BYTES_DEFAULT};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::record::Record;
use crate::store::{Mode, OpenOptions, Place, Store, Verify};
use crate::txn::core::{Core, Durability};
use crate::txn::interval::sync_every;

/// Choices for opening a [`Database`].
///
/// ```no_run
/// # use larder::{Database, record};
/// # #[record] struct City { #[key] id: u64 }
/// # fn main() -> larder::Result<()> {
/// let db = Database::builder().cache_size(256 << 20).register::<City>().open("atlas.larder")?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it opens a database"]
#[derive(Clone)]
pub struct Builder {
    pub(super) options: OpenOptions,
    body_bytes_max: usize,
    durability: Durability,
    sync_interval: Option<Duration>,
    registrations: Vec<Registration>,
    pub(super) map_snapshots: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            options: OpenOptions::new(CACHE_BYTES_DEFAULT),
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            durability: Durability::Synced,
            sync_interval: None,
            registrations: Vec::new(),
            map_snapshots: true,
        }
    }

    /// Memory for pages of the file in bytes; 64 MiB unless set. Choose about the size of what is
    /// read often: a miss costs a read from the file.
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// The largest record in bytes, before compression, and the largest value of a bucket; 16 MiB
    /// unless set, at most 1 GiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Registers a record once the database is open: see [`Database::register`]. Of all that is registered
    /// here later versions come together, or none does: where one cannot, the program that was can go on.
    pub fn register<T: Record>(mut self) -> Self {
        let declared = Declared::of::<T>();
        self.registrations
            .push(Registration::Records(declared, None));
        self
    }

    /// Registers a record with choices for its collection: see [`Database::register_with`].
    pub fn register_with<T: Record>(mut self, options: CollectionOptions) -> Self {
        let declared = Declared::of::<T>();
        self.registrations
            .push(Registration::Records(declared, Some(options)));
        self
    }

    /// Registers a version of documents once the database is open: see [`Database::register_documents`].
    pub fn register_documents(mut self, schema: DocumentSchema) -> Self {
        self.registrations.push(Registration::Documents(schema));
        self
    }

    /// How much of the file is verified before it is used; [`Verify::None`] unless set. Every block is
    /// verified when it is read, whatever is chosen here.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.options.verify = verify;
        self
    }

    /// Bytes of the commit log of a file that is created: 64 KiB to 256 MiB in steps of 4 KiB, 1 MiB
    /// unless set.
    pub fn log_size(mut self, bytes: u64) -> Self {
        self.options.log_bytes = bytes;
        self
    }

    /// When commits return that do not say otherwise ([`WriteTx::set_durability`]);
    /// [`Durability::Synced`] unless set.
    ///
    /// [`WriteTx::set_durability`]: crate::WriteTx::set_durability
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Lets a thread of the database make buffered commits durable that are older than this: what a
    /// power cut may take is bounded by it.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = Some(interval);
        self
    }

    /// Opens the database at `path`, creating it where nothing is.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        self.open_file(path.as_ref(), Mode::OpenOrCreate, 0)
    }

    /// Creates a database at `path`, where nothing may be.
    pub fn create(self, path: impl AsRef<Path>) -> Result<Database> {
        self.open_file(path.as_ref(), Mode::Create, 0)
    }

    /// Opens the database at `path`, which must exist.
    pub fn open_existing(self, path: impl AsRef<Path>) -> Result<Database> {
        self.open_file(path.as_ref(), Mode::Existing, 0)
    }

    /// Opens the database at `path`, which must exist and have got at least as far as that commit.
    ///
    /// A seal tells that a file was changed, not that all of it was exchanged for an older copy of
    /// itself. An application that keeps [`Database::commit_sequence`] elsewhere finds out here.
    ///
    /// # Errors
    /// [`RolledBack`](crate::ErrorKind::RolledBack) when the last commit in the file is an earlier one.
    pub fn open_at_least(self, path: impl AsRef<Path>, sequence: u64) -> Result<Database> {
        self.open_file(path.as_ref(), Mode::Existing, sequence)
    }

    /// Opens the database at `path`, which must exist, without writing one byte of it. Registered
    /// records are compared with what is stored, and nothing is built.
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<Database> {
        self.open_file(path.as_ref(), Mode::ReadOnly, 0)
    }

    /// A database in memory.
    pub fn in_memory(self) -> Result<Database> {
        self.check_limits()?;
        let store = Store::open(&Place::Memory, &self.options)?;
        self.open_store(store, 0)
    }

    fn open_file(self, path: &Path, mode: Mode, least: u64) -> Result<Database> {
        let named = |error: Error| error.during(format!("open {}", path.display()));
        self.check_limits().map_err(named)?;
        let path = path.to_path_buf();
        // The store names the path itself.
        let store = Store::open(&Place::File { path, mode }, &self.options)?;
        self.open_store(store, least).map_err(named)
    }

    fn check_limits(&self) -> Result<()> {
        if self.body_bytes_max > BODY_BYTES_MAX {
            return Err(Error::limit(format!(
                "a body limit of {} bytes is more than {BODY_BYTES_MAX}",
                self.body_bytes_max
            )));
        }
        Ok(())
    }

    /// Loads the catalog, and registers what is to be registered: only where the file got as far as
    /// `least`, since registering may commit, and with that catch up.
    pub(super) fn open_store(self, store: Store, least: u64) -> Result<Database> {
        let db = Database {
            core: Arc::new(Core::new(store, self.body_bytes_max, self.durability)?),
        };
        let found = db.commit_sequence();
        if found < least {
            return Err(Error::new(
                ErrorKind::RolledBack,
                format!(
                    "its last commit is {found}, and {least} was there already; it is an older copy \
                     of the file"
                ),
            ));
        }
        if let Some(interval) = self.sync_interval
            && !db.core.store.is_read_only()
        {
            sync_every(interval, &db.core)?;
        }
        db.register_all(&self.registrations)?;
        Ok(db)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("body_limit", &self.body_bytes_max)
            .field("durability", &self.durability)
            .field("sync_interval", &self.sync_interval)
            .field("registered", &self.registrations.len())
            .field("map_snapshots", &self.map_snapshots)
            .finish()
    }
}
