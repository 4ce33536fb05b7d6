//! What is in a backup? A snapshot is opened where it lies, read like a database, verified, and made one again.

use std::path::Path;

use uuid::Uuid;

use super::builder::Builder;
use super::check::CheckReport;
use super::database::Database;
use crate::base::error::Context;
use crate::base::sync::Arc;
use crate::base::{CommitId, Error, ErrorKind, Result};
use crate::codec::timestamp::Timestamp;
use crate::snapshot::{Header, SnapshotFile, SnapshotTables};
use crate::store::{Store, WriteTransaction, open_kept, restore_in_memory, restore_to};
use crate::txn::read::ReadTx;

/// What a snapshot shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Its id.
    pub id: Uuid,
    /// The snapshot that it builds on, and cannot be read without.
    pub base: Option<Uuid>,
    /// The id of the database.
    pub database: Uuid,
    /// How often the database was restored before it was taken.
    pub epoch: u64,
    /// The last commit that it has.
    pub commit: CommitId,
    /// When it was taken.
    pub created: Timestamp,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// How many bytes the file has.
    pub bytes: u64,
}

impl SnapshotInfo {
    pub(super) fn of(file: &SnapshotFile) -> Self {
        Self::new(&file.header, file.bytes)
    }

    pub(super) fn new(header: &Header, bytes: u64) -> Self {
        Self {
            id: header.id,
            base: header.base,
            database: header.database,
            epoch: header.epoch,
            commit: header.commit,
            created: header.created,
            is_encrypted: header.is_encrypted,
            bytes,
        }
    }
}

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

/// A snapshot, or a chain of snapshots of which each builds on the one before, opened where it lies.
///
/// Nobody changes its files any more; several programs may have them open at once. What is read of them is
/// verified when it is read: damage is an error that names the block. They are mapped into memory, unless
/// [`Builder::map_snapshots`] says otherwise.
///
/// ```
/// # use larder::{Database, Snapshot, record};
/// # #[record] pub struct City { #[key] pub id: u64, pub name: String }
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = |name: &str| directory.path().join(name);
/// # let run = || -> larder::Result<()> {
/// # let db = Database::open(path("atlas.larder"))?;
/// # db.write(|tx| tx.collection::<City>()?.insert(&City { id: 1, name: "Ulm".into() }))?;
/// # db.snapshot_to(path("atlas.snapshot"))?;
/// let snapshot = Snapshot::open(path("atlas.snapshot"))?;
/// let tx = snapshot.read()?;
/// assert_eq!(tx.collection::<City>()?.get(1)?.unwrap().name, "Ulm");
/// # Ok(()) };
/// # run().unwrap();
/// ```
pub struct Snapshot {
    pub(super) tables: Arc<SnapshotTables>,
    db: Database,
}

impl Snapshot {
    /// Opens a snapshot that builds on no other.
    ///
    /// # Errors
    /// [`NotADatabase`](crate::ErrorKind::NotADatabase) when it is no snapshot;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged or cut off;
    /// [`Invalid`](crate::ErrorKind::Invalid) when it builds on another one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Database::builder().open_snapshot(path)
    }

    /// Opens a chain of snapshots as one, which shows what the last of them was taken of: the one that builds
    /// on nothing first, then each that builds on the one before.
    ///
    /// # Errors
    /// Those of [`open`](Snapshot::open); [`Invalid`](crate::ErrorKind::Invalid) when one is missing, of
    /// another chain, or in another place.
    pub fn open_chain(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self> {
        Database::builder().open_snapshot_chain(paths)
    }

    /// What a file says of itself, encrypted or not, and whatever it builds on. Only its beginning is looked
    /// at, which is not protected from those who want to deceive.
    ///
    /// # Errors
    /// [`NotADatabase`](crate::ErrorKind::NotADatabase) when it is no snapshot.
    pub fn read_info(path: impl AsRef<Path>) -> Result<SnapshotInfo> {
        Database::builder().read_snapshot_info(path.as_ref())
    }

    /// What it shows: of a chain, the last.
    #[must_use]
    pub fn info(&self) -> SnapshotInfo {
        SnapshotInfo::of(self.tables.newest())
    }

    /// What each file of the chain says of itself, the one that builds on nothing first.
    #[must_use]
    pub fn chain(&self) -> Vec<SnapshotInfo> {
        let files = self.tables.files().iter();
        files.map(|file| SnapshotInfo::of(file)).collect()
    }

    /// Reads it, as a database is read: records, documents, buckets, indexes, queries.
    pub fn read(&self) -> Result<ReadTx> {
        self.db.read()
    }

    /// A database that cannot be written, and shows what the snapshot does: for whatever else takes one.
    /// [`check`](Database::check) and [`scrub`](Database::scrub) verify every block.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Looks whether it can be relied on, as closely as is asked for.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it cannot, naming the table and block.
    pub fn verify(&self, depth: SnapshotDepth) -> Result<()> {
        match depth {
            // It was when the snapshot was opened.
            SnapshotDepth::Manifest => Ok(()),
            SnapshotDepth::Blocks => self.tables.verify().and_then(|()| self.check_commit()),
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
    /// The file is not encrypted, unless [`restore_with`](Snapshot::restore_with) says so.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something has that name;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the snapshot is damaged;
    /// [`Invalid`](crate::ErrorKind::Invalid) when it is encrypted: it says by what, or that nothing shall be.
    pub fn restore_to(&self, path: impl AsRef<Path>) -> Result<()> {
        let restore = || {
            if self.info().is_encrypted {
                return Err(Error::invalid(
                    "the snapshot is encrypted; `restore_with` says what the new file is opened by, or, with \
                     `Database::builder()`, that it is not encrypted",
                ));
            }
            self.restore(path.as_ref(), Builder::new())
        };
        restore().context(|| format!("restore to {}", path.as_ref().display()))
    }

    /// Like [`restore_to`](Snapshot::restore_to), into a file that has the passphrase or key, and the size of
    /// the log, that the builder says. Without one of the first two it is not encrypted.
    pub fn restore_with(&self, path: impl AsRef<Path>, builder: Builder) -> Result<()> {
        let path = path.as_ref();
        self.restore(path, builder)
            .context(|| format!("restore to {}", path.display()))
    }

    /// Whether the tables show the commit that the header names.
    fn check_commit(&self) -> Result<()> {
        let last = self.read()?.transaction().last_commit()?;
        let last = last.map_or((CommitId::new(0, 0), 0), |last| (last.id, last.revision));
        let header = &self.tables.newest().header;
        if last != (header.commit, header.revision) {
            return Err(Error::corrupt(
                "the header of the snapshot names another commit than it shows",
            ));
        }
        Ok(())
    }

    fn restore(&self, path: &Path, Builder { options, .. }: Builder) -> Result<()> {
        self.check_commit()?;
        restore_to(path, &options, self.identity(), |to| self.fill(to))
    }

    fn identity(&self) -> (Uuid, u64) {
        let header = &self.tables.newest().header;
        (header.database, header.epoch.saturating_add(1))
    }

    fn fill(&self, to: &WriteTransaction) -> Result<()> {
        self.tables
            .each_table(|name, entries| to.open_table(name)?.append(entries))
    }

    fn restored(&self) -> Result<CheckReport> {
        self.check_commit()?;
        let builder = Builder::new();
        let store = restore_in_memory(&builder.options, self.identity(), |to| self.fill(to))?;
        builder.open_store(store, 0)?.check()
    }
}

impl Builder {
    /// Whether snapshots are mapped into memory: they are, unless this says no.
    ///
    /// When another program makes a mapped file *shorter* while it is open, the operating system ends this
    /// program as it reads behind the new end (`SIGBUS`). Larder itself never does that. Where it cannot be
    /// ruled out, as on a network mount, files are read instead, and a file that became shorter is
    /// [`Corrupt`](crate::ErrorKind::Corrupt).
    pub fn map_snapshots(mut self, mapped: bool) -> Self {
        self.map_snapshots = mapped;
        self
    }

    /// Opens a snapshot: [`Snapshot::open`], by a passphrase or key, with records registered, and with as much
    /// memory for blocks as [`cache_size`](Builder::cache_size) says.
    pub fn open_snapshot(self, path: impl AsRef<Path>) -> Result<Snapshot> {
        self.open_snapshot_chain([path])
    }

    /// Opens a chain of snapshots: [`Snapshot::open_chain`], with choices. What is encrypted opens by the one
    /// passphrase or key; of those that were taken under the database's own, any one has to, so that a chain
    /// goes on when that is changed.
    pub fn open_snapshot_chain(
        self,
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
    ) -> Result<Snapshot> {
        let paths: Vec<_> = paths.into_iter().collect();
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let Some(last) = paths.last() else {
            return Err(Error::invalid("a chain has at least one snapshot"));
        };
        let files = self.open_each(&paths)?;
        self.open_files(files)
            .context(|| format!("open the snapshot {}", last.display()))
    }

    /// Opens the files, those whose key is not known after the others, by whose data key they may open.
    fn open_each(&self, paths: &[&Path]) -> Result<Vec<SnapshotFile>> {
        let open = |path: &Path, others: &[SnapshotFile]| {
            open_kept(path, self.map_snapshots, &self.options)
                .and_then(|disk| SnapshotFile::open(disk, &self.options.credential, others))
                .context(|| format!("open the snapshot {}", path.display()))
        };
        let mut opened: Vec<SnapshotFile> = Vec::new();
        let mut places = Vec::new();
        let mut left = Vec::new();
        for (place, path) in paths.iter().enumerate() {
            match open(path, &opened) {
                Err(error) if error.is(ErrorKind::WrongKey) => left.push(place),
                file => {
                    opened.push(file?);
                    places.push(place);
                }
            }
        }
        for place in left {
            let Some(path) = paths.get(place) else {
                continue;
            };
            opened.push(open(path, &opened)?);
            places.push(place);
        }
        let mut files: Vec<_> = places.into_iter().zip(opened).collect();
        files.sort_unstable_by_key(|(place, _)| *place);
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }

    fn open_files(self, files: Vec<SnapshotFile>) -> Result<Snapshot> {
        let tables = Arc::new(SnapshotTables::new(files, self.options.cache_bytes)?);
        let newest = tables.newest();
        let identity = (newest.header.database, newest.header.epoch);
        let store = Store::over_kept(tables.clone(), identity, newest.key(), &self.options)?;
        let db = self.open_store(store, 0)?;
        Ok(Snapshot { tables, db })
    }

    fn read_snapshot_info(self, path: &Path) -> Result<SnapshotInfo> {
        let read = || {
            let disk = open_kept(path, false, &self.options)?;
            let (header, bytes) = SnapshotFile::header_of(&*disk)?;
            Ok(SnapshotInfo::new(&header, bytes))
        };
        read().context(|| format!("look at the snapshot {}", path.display()))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("chain", &self.chain())
            .finish_non_exhaustive()
    }
}
