//! How does a file become as small as what is in it? What is committed is written anew, table by table
//! and in order, into a file beside it, which then takes its name.
//!
//! It is the same database for everybody: ids, epoch, keys, sequence and the outcomes of commits stay, and
//! so does the file's own id, which the key slots are bound to. The open store goes on in the new file.
//!
//! 1. Checkpoint: the log is empty, and nobody writes until the end.
//! 2. The new file is created under a temporary name, locked before anything is in it, permitted to whom
//!    the old one is. The tables are copied; it is closed, and opened as any file is, but for its header:
//!    it has none yet. Every block is read back, the trees are walked, the tables counted.
//! 3. No read transaction is alive, and until the end none begins and no key changes.
//! 4. The header is written as it is now, with all its key slots; the file is synced.
//! 5. It gets the old one's name, at once, if that is still the name of the old one.
//! 6. The old file is latched: whatever still has it writes nothing. The store has the new one.
//! 7. The directory is synced. Nothing is acknowledged before.
//!
//! A cut or a kill
//! - before 5 leaves the old file, and one named `.NAME.new-..`, which nothing opens;
//! - after 7 leaves the new one;
//! - between them leaves either: both are whole, and the same. Opening makes the name durable that it
//!   found, so that what is committed then is not in a file that the next cut takes the name from.
//!
//! What fails before 5 leaves the old file in use and removes the new one. When 7 fails, which of the two
//! the name will lead to is not known: nothing more is written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::controls::Control;
use super::copy::copy_tables;
use super::create::{directory_of, temporary_name, zero_log};
use super::disk::{Access, Disk, FileIdentity, MemoryDisk, OpenError, Volume};
use super::error::{closed, from_compaction, from_io, from_open};
use super::guard::guarded;
use super::headers;
use super::keyring::DataKey;
use super::open::OpenOptions;
use super::owner::Owner;
use super::scrub::verify;
use super::sealed::{Backend, SealedFile};
use super::store::{Engine, Store, Unlocked, read_only};
use super::table::ReadTable;
use super::transaction::ReadTransaction;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactReport {
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the file that took its place.
    pub bytes_after: u64,
}

impl fmt::Display for CompactReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bytes_before,
            bytes_after,
        } = self;
        write!(f, "{bytes_before} bytes before, {bytes_after} after")
    }
}

/// Pages of the new file that are kept while it is filled: it is written once, from front to back.
const FILL_CACHE_BYTES_MAX: usize = 16 << 20;

impl Store {
    /// Compacts the file. (redb has a call of that other name, which is never made.) The caller holds the
    /// baton, alone. `quiet` waits until no read transaction is alive, and none begins until what it
    /// gives is dropped.
    pub(crate) fn rewrite<Q>(&self, quiet: impl FnOnce() -> Result<Q>) -> Result<CompactReport> {
        if self.is_read_only() {
            return Err(read_only());
        }
        self.checkpoint()?;
        let old = self.file();
        let bytes_before = bytes_of(&old)?;
        if let Some(home) = &self.home {
            // Asked again when it matters; so that nothing is copied in vain.
            self.check_home(home, &old)?;
        }
        let mut copy = self.copy_of(&old)?;
        let _quiet = quiet()?;
        self.swap(&old, &mut copy)?;
        let bytes_after = bytes_of(&self.file())?;
        Ok(CompactReport {
            bytes_before,
            bytes_after,
        })
    }

    /// Writes everything into a new file, and opens and verifies it.
    fn copy_of(&self, old: &Arc<SealedFile>) -> Result<Copy> {
        let (disk, temporary) = self.new_disk()?;
        let disk = Arc::new(disk);
        self.fill(Lent(disk.clone()))?;
        let disk = Arc::try_unwrap(disk)
            .map_err(|_| Error::new(ErrorKind::Io, "the new file is still being written"))?;
        let owner = Owner::new(disk, old.owner().controls);
        let (file, chosen) = SealedFile::open(owner, self.another_seal(), self.layout)?;
        let file = Arc::new(file);
        verify(&file)?;
        file.settle(&chosen).map_err(not_written)?;
        let engine = Engine::over(Backend(file.clone()), &file, self.options())?;
        let copy = Copy {
            engine: Some(engine),
            file,
            temporary,
        };
        self.check_copy(&copy)?;
        Ok(copy)
    }

    /// An empty place for the new file, locked; and its name, where it has one.
    fn new_disk(&self) -> Result<(Box<dyn Disk>, Option<Temporary>)> {
        let Some(home) = &self.home else {
            return Ok((Box::new(MemoryDisk::default()), None));
        };
        let volume = &self.options().volume;
        let path = temporary_name(home, self.options())?;
        let disk = volume
            .create_like(&path, home)
            .map_err(|error| from_open(error, "no file can be created beside the old one"))?;
        let temporary = Temporary {
            volume: volume.clone(),
            path,
            is_named: false,
        };
        Ok((disk, Some(temporary)))
    }

    /// Copies the tables into a file without a header, and closes it.
    fn fill(&self, disk: Lent) -> Result<()> {
        let owner = Owner::new(Box::new(disk), self.options().controls);
        owner
            .set_len(self.layout.data_offset())
            .and_then(|()| zero_log(&owner, self.layout))
            .map_err(not_written)?;
        let file = SealedFile::fresh(owner, self.another_seal(), self.layout);
        let unlocked = Unlocked {
            header: self.unlocked.lock().header.clone(),
            data_key: None,
            copy: 0,
        };
        let options = OpenOptions {
            cache_bytes: self.options().cache_bytes.min(FILL_CACHE_BYTES_MAX),
            ..self.options().clone()
        };
        let to = Self::new(Arc::new(file), unlocked, false, &options)?;
        let from = self.begin_read()?;
        let writing = to.begin_write()?;
        copy_tables(&from, &writing)?;
        to.commit_durably(writing).map_err(without_outcome)?;
        to.close_gaps()?;
        to.close()
    }

    /// Moves pages to the front of a file that nobody has yet, which is cut off behind them when it is closed: a
    /// file doubles as it grows, and filling it leaves room in between. One in which this is interrupted is no
    /// database.
    pub(super) fn close_gaps(&self) -> Result<()> {
        match self.redb.write().as_mut() {
            Some(Engine::Database { redb, .. }) => {
                guarded(|| redb.compact(), from_compaction).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Compares what can be compared in constant time for each table: the blocks were verified.
    fn check_copy(&self, copy: &Copy) -> Result<()> {
        let differs = |what: &str| {
            Error::corrupt(format!(
                "{what} of the new file is not that of the old one; nothing was changed"
            ))
        };
        let (old, new) = (self.begin_read()?, copy.begin_read()?);
        let tables = old.tables()?;
        if new.tables()? != tables {
            return Err(differs("the list of tables"));
        }
        for name in tables {
            let (old, new) = (old.existing_table(&name)?, new.existing_table(&name)?);
            if ReadTable::Snapshot(&old).len()? != ReadTable::Snapshot(&new).len()? {
                return Err(differs(&format!("the length of table {name:?}")));
            }
        }
        if old.last_commit()? != new.last_commit()? {
            return Err(differs("the last commit"));
        }
        Ok(())
    }

    /// Puts the copy in the place of the old file. An error leaves the old one in use, or what is
    /// latched.
    fn swap(&self, old: &SealedFile, copy: &mut Copy) -> Result<()> {
        // Whoever changes keys holds this, too.
        let mut redb = self.redb.write();
        if redb.is_none() {
            return Err(closed());
        }
        self.write_header(&copy.file)?;
        self.take_name(old, copy)?;
        // Before redb lets go of the old file: it would write that it was closed.
        old.latch(&io::Error::other("another file took its place"));
        self.set_file(copy.file.clone());
        let retired = std::mem::replace(&mut *redb, copy.engine.take());
        let settled = self.settle_swap();
        drop(redb);
        // redb may panic over damaged trees in that, and nothing depends on it any more.
        let _ = guarded(
            || {
                drop(retired);
                Ok(())
            },
            |error: Error| error,
        );
        settled
    }

    /// Makes the name of the new file durable, before anything that is in it alone is acknowledged.
    fn settle_swap(&self) -> Result<()> {
        let Some(home) = &self.home else {
            return Ok(());
        };
        if self.options().controls.has(Control::NoDirectorySync) {
            return Ok(());
        }
        let synced = self.options().volume.sync_directory(&directory_of(home));
        synced.map_err(|error| {
            self.fail(from_io(
                error,
                "the compacted file is in place, but its name cannot be made durable; nothing is lost: \
                 open the database again",
            ))
        })
    }

    /// Makes a file of a database of the copy: with the header that the old one has now.
    fn write_header(&self, file: &SealedFile) -> Result<()> {
        let unlocked = self.unlocked.lock();
        let mac_key = unlocked.data_key.as_ref().map(DataKey::header);
        headers::create(file.owner(), &unlocked.header, mac_key.as_ref()).map_err(not_written)?;
        if self.options().controls.has(Control::NoSyncBeforeSwap) {
            return Ok(());
        }
        file.sync_all().map_err(not_written)
    }

    /// Gives the copy the name of the old file.
    fn take_name(&self, old: &SealedFile, copy: &mut Copy) -> Result<()> {
        let (Some(home), Some(temporary)) = (&self.home, &mut copy.temporary) else {
            return Ok(());
        };
        let volume = &self.options().volume;
        // What cannot be synced is better known before.
        self.options().sync_directory(&directory_of(home))?;
        self.check_home(home, old)?;
        let renamed = volume.rename_over(&temporary.path, home);
        renamed.map_err(|error| {
            let error = from_io(error, "the new file cannot take the place of the old one");
            match self.check_home(home, old) {
                Ok(()) => error,
                // It failed and happened: what would be committed to the old file would be lost.
                Err(_) => self.fail(error),
            }
        })?;
        temporary.is_named = true;
        Ok(())
    }

    /// Whether that is still the name, and the only one, of the file that is open.
    fn check_home(&self, home: &Path, old: &SealedFile) -> Result<()> {
        let volume = &self.options().volume;
        let unknown = |error| from_io(error, "the file cannot be found under its name");
        let ours = old.owner().identity().map_err(unknown)?;
        let there = volume.identity(home).map_err(unknown)?;
        match (ours, there) {
            (Some(ours), Some(there)) if !ours.is_same(&there) => Err(moved(home)),
            (Some(FileIdentity { names: 2.., .. }), _) => Err(Error::invalid(format!(
                "the file of {} has further names (hard links), which would go on naming what is there \
                 now; remove them, or copy the database",
                home.display()
            ))),
            (Some(_), Some(_)) => Ok(()),
            // Whoever opens it finds it locked, which hardly anything is but ours.
            _ => match volume.open(home, Access::Read) {
                Err(OpenError::Locked) => Ok(()),
                _ => Err(moved(home)),
            },
        }
    }
}

/// The new file, open, until it has the name of the old one.
struct Copy {
    engine: Option<Engine>,
    file: Arc<SealedFile>,
    /// Behind what has it open: some systems remove no open file.
    temporary: Option<Temporary>,
}

impl Copy {
    fn begin_read(&self) -> Result<ReadTransaction> {
        let engine = self.engine.as_ref().ok_or_else(closed)?;
        engine.begin_read()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if self.engine.is_some() {
            // It is removed at once; nothing more need be written.
            self.file.latch(&io::Error::other("it was not needed"));
        }
    }
}

/// A temporary name, which goes when it has not become the right one.
#[derive(Debug)]
struct Temporary {
    volume: Arc<dyn Volume>,
    path: PathBuf,
    is_named: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_named {
            // Where that fails, too, the first error is to be told; nothing opens what is left.
            let _ = self.volume.remove(&self.path);
        }
    }
}

/// The new file while it is filled. Closing it then does not give its lock up.
#[derive(Debug)]
struct Lent(Arc<Box<dyn Disk>>);

impl Disk for Lent {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn read_two_at(&self, offset: u64, front: &mut [u8], rest: &mut [u8]) -> io::Result<()> {
        self.0.read_two_at(offset, front, rest)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Bytes of the file.
pub(super) fn bytes_of(file: &SealedFile) -> Result<u64> {
    let len = file.owner().len();
    len.map_err(|error| from_io(error, "the length of the file is not known"))
}

fn not_written(error: io::Error) -> Error {
    from_io(error, "the new file cannot be written")
}

/// The error of a commit to a file that nobody will ask.
fn without_outcome(error: Error) -> Error {
    let source =
        std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Error>());
    match source {
        Some(source) if error.is(ErrorKind::OutcomeUnknown) => {
            Error::new(source.kind(), "the new file cannot be written").because(source.to_string())
        }
        _ => error,
    }
}

fn moved(home: &Path) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "the file was moved or replaced while it was open: {} is not it, and was left as it is",
            home.display()
        ),
    )
}
