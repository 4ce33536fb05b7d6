//! What does the store need of a disk? One file, read and written at offsets; and names in a
//! directory, for the steps that take more than one file.
//!
//! The seam beneath everything: the tests put a simulated disk here, which loses, tears and reorders
//! what was not synced.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::sync::{Arc, RwLock};

/// One file, locked against everybody else until it is dropped: what the store needs of it, and
/// nothing else.
#[allow(clippy::len_without_is_empty, reason = "nobody asks whether it is")]
pub trait Disk: Debug + Send + Sync + 'static {
    /// How many bytes the file has.
    fn len(&self) -> io::Result<u64>;

    /// Fills `out` with what lies at `offset`; an error where the file is shorter.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Fills `front` and then `rest` with what lies at `offset`, in one go where the system can.
    fn read_two_at(&self, offset: u64, front: &mut [u8], rest: &mut [u8]) -> io::Result<()> {
        self.read_at(offset, front)?;
        self.read_at(offset + front.len() as u64, rest)
    }

    /// Writes `data` at `offset`, which may make the file longer.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Sets the length. What is new reads as zeros and is really allocated, so that writing there
    /// does not fail for lack of room.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes durable what was written and how long the file is.
    fn sync(&self) -> io::Result<()>;

    /// Gives the lock up; the store reads and writes no more.
    fn unlock(&self) -> io::Result<()> {
        Ok(())
    }

    /// Which file it is, whatever it is called; `None` where the platform does not tell.
    fn identity(&self) -> io::Result<Option<FileIdentity>> {
        Ok(None)
    }
}

/// Which file something is.
#[derive(Clone, Copy, Debug)]
pub struct FileIdentity {
    /// The file system it is in.
    pub device: u64,
    /// Its number there.
    pub file: u64,
    /// How many names it has.
    pub names: u64,
}

impl FileIdentity {
    /// Whether both are the same file.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.device, self.file) == (other.device, other.file)
    }
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It exists; to read and to write.
    Write,
    /// It exists; never written.
    Read,
    /// It must not exist.
    Create,
}

/// Why a file could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another handle has it.
    Locked,
    /// It exists, and is not a file.
    NotAFile,
    /// What the operating system said.
    Io(io::Error),
}

/// Files by name.
pub trait Volume: Debug + Send + Sync + 'static {
    /// Opens and locks a file.
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError>;

    /// Opens a file that nobody writes any more, to read it while others may do so, too. Where `mapped`, it
    /// may be read from memory that the operating system fills.
    fn open_kept(&self, path: &Path, mapped: bool) -> Result<Box<dyn Disk>, OpenError> {
        let _ = mapped;
        self.open(path, Access::Read)
    }

    /// Whether something has that name, be it a broken link.
    fn exists(&self, path: &Path) -> bool;

    /// Gives a file another name in place of its own, unless something has it: never replaces.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Creates and locks a file that may be read and written by whom the one at `model` may be.
    fn create_like(&self, path: &Path, model: &Path) -> Result<Box<dyn Disk>, OpenError> {
        let _ = model;
        self.open(path, Access::Create)
    }

    /// Gives a file another name in place of its own, and in place of the file that has it: at once, so
    /// that there always is one of the two.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// The name of the file itself, from the root on, where a path leads through links.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }

    /// Which file has that name; `None` where the platform does not tell.
    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        let _ = path;
        Ok(None)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// All names in a directory, as paths of their own.
    fn list_directory(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let _ = directory;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes a directory, and what it is to lie in, where they are absent: durable. Nothing where paths need
    /// none.
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let _ = directory;
        Ok(())
    }

    /// Makes the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// Bytes in memory. Clones are the same bytes.
#[derive(Clone, Default)]
pub(super) struct MemoryDisk(Arc<RwLock<Vec<u8>>>);

impl Disk for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.0.read();
        let from = bytes
            .get(offset..)
            .and_then(|rest| rest.get(..out.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(from);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start
            .checked_add(data.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = self.0.write();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(to) = bytes.get_mut(start..end) {
            to.copy_from_slice(data);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.0.write().resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDisk").finish_non_exhaustive()
    }
}
