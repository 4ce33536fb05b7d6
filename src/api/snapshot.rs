//! How is a database backed up?

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use uuid::Uuid;

use super::database::Database;
use super::encryption::Unlock;
use super::snapshot_open::{Snapshot, SnapshotInfo};
use crate::base::error::Context;
use crate::base::{CommitId, Error, Result, clock};
use crate::codec::timestamp::Timestamp;
use crate::snapshot::{Header, SnapshotFile, SnapshotWriter};
use crate::store::{Disk, NewFile, OpenOptions, SnapshotKey, write_new_file};
use crate::txn::read::ReadTx;

/// Choices for [`Database::snapshot_with`].
#[must_use = "these are choices only; give them to `snapshot_with`"]
#[derive(Default)]
pub struct SnapshotOptions<'p> {
    level: Option<i32>,
    seal: SealedBy,
    rate: Option<u64>,
    base: Option<&'p Snapshot>,
    progress: Option<Box<OnProgress<'p>>>,
}

/// What a snapshot is opened by.
#[derive(Debug, Default)]
enum SealedBy {
    /// What opens the database.
    #[default]
    Same,
    Nothing,
    Other(Unlock),
}

type OnProgress<'p> = dyn FnMut(u64) -> ControlFlow<()> + 'p;

/// zstd's own.
const LEVEL: i32 = 3;

impl<'p> SnapshotOptions<'p> {
    /// What [`Database::snapshot_to`] does.
    pub fn new() -> Self {
        Self::default()
    }

    /// zstd's level, 3 unless set: from 1, the fastest, to 19, the smallest; or 0, which does not compress. What is
    /// beyond is the nearest of these. An entry of more than a mebibyte that would get more than a thousand times
    /// as small is not compressed at any.
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level.clamp(0, 19));
        self
    }

    /// Writes what differs from another snapshot of the same database, which is needed to read this one:
    /// [`Snapshot::open_chain`].
    ///
    /// Everything is compared, so that nothing is forgotten; it takes the time of reading both, not of
    /// compressing. [`SnapshotDepth::Blocks`](crate::SnapshotDepth::Blocks) of the chain compares the whole.
    pub fn since(mut self, base: &'p Snapshot) -> Self {
        self.base = Some(base);
        self
    }

    /// Writes in the clear what lies encrypted in the database: whoever has the snapshot has the data.
    pub fn plain(mut self) -> Self {
        self.seal = SealedBy::Nothing;
        self
    }

    /// Encrypts it by a key of its own, that only this opens. Otherwise what opens the database when it is
    /// taken opens the snapshot, too, whatever becomes of the keys of the database later; a database that is
    /// not encrypted has plain snapshots.
    pub fn encrypted(mut self, unlock: &Unlock) -> Self {
        self.seal = SealedBy::Other(unlock.clone());
        self
    }

    /// Bounds how many bytes are written a second, so that the disk has time for others.
    pub fn rate(mut self, bytes_per_second: u64) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }

    /// Calls `progress` with the bytes that were written so far, now and then; `Break` ends it, and leaves nothing
    /// behind.
    pub fn on_progress(mut self, progress: impl FnMut(u64) -> ControlFlow<()> + 'p) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    pub(super) fn has_base(&self) -> bool {
        self.base.is_some()
    }

    /// Whether a snapshot of that database will be encrypted.
    pub(super) fn encrypts(&self, db: &Database) -> bool {
        match self.seal {
            SealedBy::Same => db.is_encrypted(),
            SealedBy::Nothing => false,
            SealedBy::Other(_) => true,
        }
    }

    /// Whether what will open a snapshot of that database opens another one, too: a chain opens by one key.
    pub(super) fn opens(&self, db: &Database, other: &Snapshot) -> Result<bool> {
        let store = &db.core.store;
        let keys = other.tables.files().iter().filter_map(|file| file.key());
        for key in keys {
            let opens = match &self.seal {
                SealedBy::Nothing => false,
                SealedBy::Other(unlock) => key.is_opened_by(unlock.parts().0)?,
                SealedBy::Same => match store.snapshot_key(Uuid::nil(), None)? {
                    Some(own) => own.of_other(&key.page, Uuid::nil())?.is_some(),
                    None => false,
                },
            };
            if !opens {
                return Ok(false);
            }
        }
        Ok(true)
    }
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
    /// What opens the database opens the snapshot; see [`SnapshotOptions`] for other ways.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something has that name;
    /// [`Full`](crate::ErrorKind::Full) when the disk is.
    pub fn snapshot_to(&self, path: impl AsRef<Path>) -> Result<SnapshotInfo> {
        self.snapshot_with(path, SnapshotOptions::new())
    }

    /// Writes what changed since `base` was taken: like [`snapshot_to`](Database::snapshot_to), with
    /// [`SnapshotOptions::since`].
    ///
    /// ```
    /// # use larder::{Database, Snapshot};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = |name: &str| directory.path().join(name);
    /// # let run = || -> larder::Result<()> {
    /// # let db = Database::open(path("atlas.larder"))?;
    /// db.snapshot_to(path("monday.snapshot"))?;
    /// db.write(|tx| tx.bucket("settings")?.put(b"theme", b"dark").map(drop))?;
    /// let monday = Snapshot::open(path("monday.snapshot"))?;
    /// db.snapshot_since(&monday, path("tuesday.snapshot"))?;
    /// let tuesday = Snapshot::open_chain([path("monday.snapshot"), path("tuesday.snapshot")])?;
    /// assert_eq!(tuesday.read()?.bucket("settings")?.get(b"theme")?.as_deref(), Some(&b"dark"[..]));
    /// # Ok(()) };
    /// # run().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when `base` is of another database, or would not be opened by what
    /// opens this one.
    pub fn snapshot_since(&self, base: &Snapshot, path: impl AsRef<Path>) -> Result<SnapshotInfo> {
        self.snapshot_with(path, SnapshotOptions::new().since(base))
    }

    /// Like [`snapshot_to`](Database::snapshot_to), with choices.
    pub fn snapshot_with(
        &self,
        path: impl AsRef<Path>,
        options: SnapshotOptions<'_>,
    ) -> Result<SnapshotInfo> {
        let path = path.as_ref();
        self.plan_snapshot(options)
            .and_then(|planned| planned.write_file(path, self.core.store.options()))
            .context(|| format!("write the snapshot {}", path.display()))
    }

    /// Writes a snapshot down a pipe: a file, a socket, a program that sends it elsewhere. It is not
    /// verified: that is for whoever has it at the other end.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the writer fails.
    pub fn snapshot_into(&self, out: impl Write, options: SnapshotOptions<'_>) -> Result<()> {
        self.plan_snapshot(options)
            .and_then(|planned| planned.write(out))
            .map(drop)
            .context(|| "write a snapshot")
    }

    /// Begins to read what is committed now, and says what a snapshot of it will be.
    pub(super) fn plan_snapshot<'p>(
        &self,
        options: SnapshotOptions<'p>,
    ) -> Result<PlannedSnapshot<'p>> {
        let tx = self.read()?;
        let transaction = tx.transaction();
        // Of a snapshot that is damaged no whole one is made.
        transaction.verify_kept()?;
        let last = transaction.last_commit()?;
        let id = Uuid::new_v4();
        let store = &self.core.store;
        let key = match &options.seal {
            SealedBy::Nothing => None,
            SealedBy::Same => store.snapshot_key(id, None)?,
            SealedBy::Other(unlock) => {
                let (credential, kdf) = unlock.parts();
                store.snapshot_key(id, Some((credential, kdf.unwrap_or(store.options().kdf))))?
            }
        };
        let header = Header {
            id,
            base: options.base.map(|base| base.info().id),
            database: store.database_id(),
            commit: last.map_or(CommitId::new(0, 0), |last| last.id),
            revision: last.map_or(0, |last| last.revision),
            created: Timestamp::try_from(clock::now())?,
            epoch: store.epoch(),
            is_encrypted: key.is_some(),
        };
        if let Some(base) = options.base {
            check_base(&header, base)?;
            if !options.opens(self, base)? {
                return Err(Error::invalid(
                    "what would open this snapshot does not open the one that it is to build on; take a whole \
                     one, or say `encrypted` as it was said there",
                ));
            }
        }
        Ok(PlannedSnapshot {
            tx,
            header,
            key,
            options,
        })
    }
}

/// A snapshot that is to be written, and the transaction that it is read in.
pub(super) struct PlannedSnapshot<'p> {
    tx: ReadTx,
    pub(super) header: Header,
    key: Option<SnapshotKey>,
    options: SnapshotOptions<'p>,
}

impl<'p> PlannedSnapshot<'p> {
    /// Into a new file, which gets its name when it was read again.
    pub(super) fn write_file(self, path: &Path, to: &OpenOptions) -> Result<SnapshotInfo> {
        let write = |file: &mut NewFile| {
            let out = BufWriter::with_capacity(BUFFER_BYTES, file);
            self.write(out)
        };
        write_new_file(path, to, write, Written::verify)
    }

    fn write(self, out: impl Write) -> Result<Written<'p>> {
        let Self {
            tx,
            header,
            key,
            options:
                SnapshotOptions {
                    level,
                    rate,
                    base,
                    mut progress,
                    ..
                },
        } = self;
        let begin = clock::instant();
        let mut progress = |bytes| go_on(bytes, rate, begin, progress.as_deref_mut());
        let level = level.unwrap_or(LEVEL);
        let mut writer = SnapshotWriter::new(out, &header, key.as_ref(), level, &mut progress)?;
        writer.all(tx.transaction(), base.map(|base| &*base.tables))?;
        writer.finish()?;
        Ok(Written { key, base })
    }
}

/// What a snapshot was written with.
struct Written<'p> {
    key: Option<SnapshotKey>,
    base: Option<&'p Snapshot>,
}

impl Written<'_> {
    /// Reads again what was written. What it builds on was verified when it was compared.
    fn verify(self, disk: Box<dyn Disk>) -> Result<SnapshotInfo> {
        let file = SnapshotFile::open_by(disk, self.key)?;
        Ok(SnapshotInfo::of(&*file.verify(self.base.is_none())?))
    }
}

/// What is told to whom, and how long to wait, after so many bytes.
fn go_on(
    bytes: u64,
    rate: Option<u64>,
    begin: Instant,
    progress: Option<&mut OnProgress<'_>>,
) -> Result<()> {
    if let Some(ControlFlow::Break(())) = progress.map(|tell| tell(bytes)) {
        return Err(Error::invalid("the progress callback ended it"));
    }
    if let Some(rate) = rate {
        clock::keep_to(rate, bytes, begin);
    }
    Ok(())
}

/// Refuses to build on what this cannot be read with.
fn check_base(header: &Header, base: &Snapshot) -> Result<()> {
    let base = base.tables.newest().header;
    if base.database != header.database {
        return Err(Error::invalid(format!(
            "the snapshot that it is to build on is of another database: {}, and this is {}",
            base.database, header.database
        )));
    }
    if base.is_encrypted != header.is_encrypted {
        return Err(Error::invalid(
            "a snapshot that is encrypted builds on one that is, and a plain one on a plain one; take a whole \
             one, or say `plain` or `encrypted` as it was said there",
        ));
    }
    Ok(())
}

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;

impl std::fmt::Debug for SnapshotOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotOptions")
            .field("level", &self.level)
            .field("seal", &self.seal)
            .field("rate", &self.rate)
            .field("since", &self.base.map(|base| base.info().id))
            .finish_non_exhaustive()
    }
}
