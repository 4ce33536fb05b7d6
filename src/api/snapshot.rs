//! How is a database backed up, and brought back?

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use uuid::Uuid;

use super::builder::Builder;
use super::check::CheckReport;
use super::database::Database;
use crate::base::error::Context;
use crate::base::sync::Arc;
use crate::base::{CommitId, Error, ErrorKind, Result, clock};
use crate::codec::timestamp::Timestamp;
use crate::snapshot::{Header, SnapshotFile, SnapshotWriter, Source};
use crate::store::{
    Access, Disk, OpenError, ReadTable, WriteTransaction, restore_in_memory, restore_to,
    write_new_file,
};
use crate::txn::core::Core;

/// Choices for [`Database::snapshot_with`].
#[must_use = "these are choices only; give them to `snapshot_with`"]
pub struct SnapshotOptions<'p> {
    level: i32,
    plain: bool,
    progress: Option<Box<OnProgress<'p>>>,
}

type OnProgress<'p> = dyn FnMut(u64) -> ControlFlow<()> + 'p;

impl Default for SnapshotOptions<'_> {
    fn default() -> Self {
        Self {
            level: LEVEL,
            plain: false,
            progress: None,
        }
    }
}

/// zstd's default.
const LEVEL: i32 = 3;

impl<'p> SnapshotOptions<'p> {
    /// What [`Database::snapshot_to`] does.
    pub fn new() -> Self {
        Self::default()
    }

    /// zstd's level, 3 unless set: 1 is the fastest, 19 the smallest.
    pub fn level(mut self, level: i32) -> Self {
        self.level = level.clamp(1, 19);
        self
    }

    /// Writes in the clear what lies encrypted in the database: whoever has the snapshot has the data.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Calls `progress` with the bytes that were written so far; `Break` ends it, and leaves nothing behind.
    pub fn on_progress(mut self, progress: impl FnMut(u64) -> ControlFlow<()> + 'p) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }
}

/// What a snapshot shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Its id.
    pub id: Uuid,
    /// The id of the database.
    pub database: Uuid,
    /// The last commit that it has.
    pub commit: CommitId,
    /// When it was taken.
    pub created: Timestamp,
    /// How many entries its tables have: of records, documents, buckets and indexes.
    pub entries: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Database {
    /// Writes a snapshot of what is committed now into a new file at `path`. Others read and write
    /// meanwhile. It gets its name when every block of it was read again and found whole; a failure leaves
    /// nothing.
    ///
    /// ```
    /// # use larder::{Database, Snapshot};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = |name: &str| directory.path().join(name);
    /// # fn main_() -> larder::Result<()> { Ok(()) }
    /// # let run = || -> larder::Result<()> {
    /// # let db = Database::open(path("atlas.larder"))?;
    /// db.snapshot_to(path("atlas.snapshot"))?;
    /// Snapshot::open(path("atlas.snapshot"))?.restore_to(path("again.larder"))?;
    /// # Ok(()) };
    /// # run().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something has that name;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the database is encrypted, unless
    /// [`plain`](SnapshotOptions::plain) is asked for.
    pub fn snapshot_to(&self, path: impl AsRef<Path>) -> Result<SnapshotInfo> {
        self.snapshot_with(path, SnapshotOptions::new())
    }

    /// Like [`snapshot_to`](Database::snapshot_to), with choices.
    pub fn snapshot_with(
        &self,
        path: impl AsRef<Path>,
        options: SnapshotOptions<'_>,
    ) -> Result<SnapshotInfo> {
        let path = path.as_ref();
        let write = || {
            write_new_file(
                path,
                self.core.store.options(),
                |file| {
                    let out = BufWriter::with_capacity(BUFFER_BYTES, file);
                    self.write_snapshot(out, options)
                },
                |disk| {
                    let snapshot = Snapshot::new(disk)?;
                    snapshot.verify(SnapshotDepth::Blocks)?;
                    Ok(snapshot.info())
                },
            )
        };
        write().context(|| format!("write the snapshot {}", path.display()))
    }

    /// Writes a snapshot down a pipe: a file, a socket, a program that sends it elsewhere. It is not
    /// verified: that is for whoever has it at the other end.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the writer fails.
    pub fn snapshot_into(&self, out: impl Write, options: SnapshotOptions<'_>) -> Result<()> {
        self.write_snapshot(out, options)
            .context(|| "write a snapshot")
    }

    fn write_snapshot(&self, out: impl Write, mut options: SnapshotOptions<'_>) -> Result<()> {
        if self.is_encrypted() && !options.plain {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the database is encrypted, and snapshots are not yet; ask for a plain one by name, or copy \
                 it by `reencrypt_to`",
            ));
        }
        let tx = self.read()?;
        let transaction = tx.transaction();
        let last = transaction.last_commit()?;
        let header = Header {
            id: Uuid::new_v4(),
            base: None,
            database: self.core.store.database_id(),
            commit: last.map_or(CommitId::new(0, 0), |last| last.id),
            revision: last.map_or(0, |last| last.revision),
            created: Timestamp::try_from(clock::now())?,
            epoch: self.core.store.epoch(),
        };
        let mut writer = SnapshotWriter::new(out, &header, options.level)?;
        let mut progress = |bytes| {
            let told = options.progress.as_mut().map(|tell| tell(bytes));
            match told {
                Some(ControlFlow::Break(())) => {
                    Err(Error::invalid("the progress callback ended it"))
                }
                _ => Ok(()),
            }
        };
        for name in transaction.tables()? {
            let table = transaction.existing_table(&name)?;
            writer.table(&name, ReadTable::Snapshot(&table), &mut progress)?;
        }
        writer.finish().map(drop)
    }
}

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// How closely a snapshot is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotDepth {
    /// Its beginning, its end and what they say of the rest: that it is whole, not what lies between. Opening
    /// does this.
    Manifest,
    /// Every block, the order of the entries, and that they are what the manifest says.
    Blocks,
    /// It is restored into memory, and checked there as [`Database::check`] does.
    Restore,
}

/// A snapshot, opened. It is a file that nobody changes any more.
pub struct Snapshot {
    file: SnapshotFile<DiskSource>,
}

impl Snapshot {
    /// Opens a snapshot: its beginning and its end are verified, and that it is as long as it says.
    ///
    /// # Errors
    /// [`NotADatabase`](crate::ErrorKind::NotADatabase) when it is no snapshot;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged or cut off.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            let volume = &Builder::new().options.volume;
            match volume.open(path, Access::Read) {
                Ok(disk) => Self::new(disk),
                Err(OpenError::Locked) => Err(Error::new(
                    ErrorKind::Locked,
                    "another handle has the snapshot open",
                )),
                Err(OpenError::NotAFile) => Err(Error::new(
                    ErrorKind::NotADatabase,
                    "this is no snapshot of Larder's",
                )),
                Err(OpenError::Io(error)) => {
                    let kind = match error.kind() {
                        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                        _ => ErrorKind::Io,
                    };
                    Err(Error::new(kind, "the snapshot cannot be read").because(error))
                }
            }
        };
        open().context(|| format!("open the snapshot {}", path.display()))
    }

    fn new(disk: Box<dyn Disk>) -> Result<Self> {
        let bytes = disk.len().map_err(not_read)?;
        Ok(Self {
            file: SnapshotFile::open(DiskSource { disk, bytes })?,
        })
    }

    /// What it shows.
    #[must_use]
    pub fn info(&self) -> SnapshotInfo {
        let header = &self.file.header;
        SnapshotInfo {
            id: header.id,
            database: header.database,
            commit: header.commit,
            created: header.created,
            entries: self.file.entries(),
            bytes: self.file.bytes(),
        }
    }

    /// Looks whether it can be relied on, as closely as is asked for.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it cannot, naming the table and block.
    pub fn verify(&self, depth: SnapshotDepth) -> Result<()> {
        match depth {
            // It was when the snapshot was opened.
            SnapshotDepth::Manifest => Ok(()),
            SnapshotDepth::Blocks => self.file.tables().try_for_each(|name| {
                let mut entries = self.file.entries_of(name)?;
                while let Some(entry) = entries.next_with(|_, _| Ok(())) {
                    entry?;
                }
                Ok(())
            }),
            SnapshotDepth::Restore => {
                let report = self.restored()?;
                if report.is_ok() {
                    return Ok(());
                }
                Err(Error::corrupt(format!(
                    "what it holds does not fit together: {report}"
                )))
            }
        }
    }

    /// Makes a new database of it at `path`: the same one, with the same id, in another epoch. Its commits go on
    /// behind the one that the snapshot shows. Every block is verified; a failure leaves nothing.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something has that name;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the snapshot is damaged.
    pub fn restore_to(&self, path: impl AsRef<Path>) -> Result<()> {
        self.restore_with(path, Builder::new())
    }

    /// Like [`restore_to`](Snapshot::restore_to), into a file that has the passphrase or key, and the size of
    /// the log, that the builder says.
    pub fn restore_with(&self, path: impl AsRef<Path>, builder: Builder) -> Result<()> {
        let path = path.as_ref();
        let Builder { options, .. } = builder;
        restore_to(path, &options, self.identity(), |to| self.fill(to))
            .context(|| format!("restore to {}", path.display()))
    }

    fn identity(&self) -> (Uuid, u64) {
        let header = &self.file.header;
        (header.database, header.epoch.saturating_add(1))
    }

    fn fill(&self, to: &WriteTransaction) -> Result<()> {
        for name in self.file.tables() {
            to.open_table(name)?.append(self.file.entries_of(name)?)?;
        }
        Ok(())
    }

    fn restored(&self) -> Result<CheckReport> {
        let Builder { options, .. } = Builder::new();
        let store = restore_in_memory(&options, self.identity(), |to| self.fill(to))?;
        let core = Core::new(
            store,
            crate::base::limits::BODY_BYTES_MAX,
            crate::txn::core::Durability::Synced,
        )?;
        let db = Database {
            core: Arc::new(core),
        };
        db.check()
    }
}

/// A file on a disk.
struct DiskSource {
    disk: Box<dyn Disk>,
    bytes: u64,
}

impl Source for DiskSource {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.disk.read_at(offset, out).map_err(not_read)
    }
}

fn not_read(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::corrupt("the snapshot became shorter while it was read").because(error)
        }
        _ => Error::new(ErrorKind::Io, "the snapshot cannot be read").because(error),
    }
}

impl std::fmt::Debug for SnapshotOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotOptions")
            .field("level", &self.level)
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("info", &self.info())
            .finish_non_exhaustive()
    }
}
