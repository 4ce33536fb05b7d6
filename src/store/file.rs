//! How is a file read, written, locked and made durable? Everything that differs by platform.
//!
//! The lock is the operating system's lock on the whole open file, so it holds against every other
//! open of the same file: in this process, in another, through a symbolic or a hard link.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use redb::StorageBackend;

use super::header::SIZE as HEADER_SIZE;

/// An open file, locked against everybody else until it is dropped.
#[derive(Debug)]
pub(super) struct LockedFile(File);

/// Why a file could not be opened.
pub(super) enum OpenError {
    Locked,
    Io(io::Error),
}

impl LockedFile {
    /// Opens what exists, for reading and, unless `read_only`, for writing.
    pub(super) fn open(path: &Path, read_only: bool) -> Result<Self, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(!read_only)
            .open(path)
            .map_err(OpenError::Io)?;
        Self::lock(file)
    }

    /// Creates a file that must not exist.
    pub(super) fn create(path: &Path) -> Result<Self, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(OpenError::Io)?;
        Self::lock(file)
    }

    fn lock(file: File) -> Result<Self, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked),
            Err(TryLockError::Error(error)) => Err(OpenError::Io(error)),
        }
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    pub(super) fn is_file(&self) -> io::Result<bool> {
        self.0.metadata().map(|metadata| metadata.is_file())
    }

    /// Makes everything durable, the length included. On Apple systems std issues `F_FULLFSYNC`.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    pub(super) fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }

    #[cfg(unix)]
    pub(super) fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, out, offset)
    }

    #[cfg(unix)]
    pub(super) fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, data, offset)
    }

    #[cfg(windows)]
    pub(super) fn read_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.0, out, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    out = out.get_mut(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[cfg(windows)]
    pub(super) fn write_at(&self, mut offset: u64, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(&self.0, data, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    data = data.get(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Gives the file at `from` the name `to` as well, unless something has that name: never replaces.
pub(super) fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links (FAT, some network mounts): take the name with an empty
        // file, which fails where one exists, then rename over that.
        Err(_) => {
            drop(OpenOptions::new().write(true).create_new(true).open(to)?);
            std::fs::rename(from, to)
        }
    }
}

/// Makes a new name in a directory durable. Windows has no such call; NTFS journals names.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(directory)?.sync_all()
}

/// redb's view of the file: everything behind the header.
///
/// The lock methods keep their default, *unsupported*: the whole file is locked already, by us, for
/// as long as the backend lives.
#[derive(Debug)]
pub(super) struct FileBackend(LockedFile);

impl FileBackend {
    pub(super) fn new(file: LockedFile) -> Self {
        Self(file)
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.len()?.saturating_sub(HEADER_SIZE as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read_at(offset + HEADER_SIZE as u64, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len + HEADER_SIZE as u64)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write_at(offset + HEADER_SIZE as u64, data)
    }

    /// redb calls this once, when the database closes; read transactions may live on and keep the
    /// backend, but not the lock.
    fn close(&self) -> Result<(), io::Error> {
        self.0.unlock()
    }
}
