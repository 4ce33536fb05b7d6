//! How is a file read, written, locked, named and made durable? Everything that differs by platform.
//!
//! The lock is the operating system's lock on the whole open file, so it holds against every other
//! open of the same file: in this process, in another, through a symbolic or a hard link.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Access, Disk, FileIdentity, OpenError, Volume};
use super::map::MappedFile;

/// The files of the operating system.
#[derive(Debug)]
pub(crate) struct Files;

/// An open file, locked.
#[derive(Debug)]
struct LockedFile(File);

impl Volume for Files {
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError> {
        refuse_others(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(access != Access::Read)
            .create_new(access == Access::Create)
            .open(path)
            .map_err(OpenError::Io)?;
        locked(file)
    }

    fn open_kept(&self, path: &Path, mapped: bool) -> Result<Box<dyn Disk>, OpenError> {
        refuse_others(path)?;
        let file = File::open(path).map_err(OpenError::Io)?;
        file.try_lock_shared().map_err(not_locked)?;
        if mapped {
            return match MappedFile::new(file) {
                Ok(mapped) => Ok(Box::new(mapped)),
                // Not every file can be mapped, and not every address space has room.
                Err(file) => Ok(Box::new(LockedFile(file))),
            };
        }
        Ok(Box::new(LockedFile(file)))
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match std::fs::hard_link(from, to) {
            Ok(()) => std::fs::remove_file(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links (FAT, some network mounts): take the name with an
            // empty file, which fails where one exists, then rename over that.
            Err(_) => {
                drop(OpenOptions::new().write(true).create_new(true).open(to)?);
                std::fs::rename(from, to).inspect_err(|_| {
                    // An empty file is no database: nothing could be created there any more.
                    let _ = std::fs::remove_file(to);
                })
            }
        }
    }

    fn create_like(&self, path: &Path, model: &Path) -> Result<Box<dyn Disk>, OpenError> {
        let file = create_private(path).map_err(OpenError::Io)?;
        let created = permit_like(&file, model)
            .map_err(OpenError::Io)
            .and_then(|()| locked(file));
        created.inspect_err(|_| {
            let _ = std::fs::remove_file(path);
        })
    }

    /// On Windows std asks for POSIX semantics, so that an open file is replaced, too, where the file
    /// system can do that.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        // Not through a link: what is renamed over would be the link.
        path.symlink_metadata()
            .map(|metadata| identity_of(&metadata))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list_directory(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(directory)?;
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let parent = super::create::directory_of(directory);
        if parent != directory {
            self.create_directory(&parent)?;
        }
        match std::fs::create_dir(directory) {
            // Somebody else was faster.
            Err(_) if directory.is_dir() => {}
            created => created?,
        }
        self.sync_directory(&parent)
    }

    /// Windows has no such call; NTFS journals names.
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        if cfg!(windows) {
            return Ok(());
        }
        File::open(directory)?.sync_all()
    }
}

/// A device or a pipe could block; a directory opens, to read, on some systems.
fn refuse_others(path: &Path) -> Result<(), OpenError> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => Err(OpenError::NotAFile),
        _ => Ok(()),
    }
}

fn not_locked(error: TryLockError) -> OpenError {
    match error {
        TryLockError::WouldBlock => OpenError::Locked,
        TryLockError::Error(error) => OpenError::Io(error),
    }
}

impl Disk for LockedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.0, offset, out)
    }

    #[cfg(unix)]
    fn read_two_at(&self, offset: u64, front: &mut [u8], rest: &mut [u8]) -> io::Result<()> {
        let wanted = front.len() + rest.len();
        let mut buffers = [io::IoSliceMut::new(front), io::IoSliceMut::new(rest)];
        let read = rustix::io::preadv(&self.0, &mut buffers, offset);
        if read == Ok(wanted) {
            return Ok(());
        }
        // Interrupted, or at the end of the file: the plain way knows what to do.
        read_exact_at(&self.0, offset, front)?;
        read_exact_at(&self.0, offset + front.len() as u64, rest)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_all_at(&self.0, offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let now = self.len()?;
        if len > now {
            allocate(&self.0, now, len)?;
        }
        self.0.set_len(len)
    }

    /// The length included. On Apple systems std issues `F_FULLFSYNC`.
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }

    fn identity(&self) -> io::Result<Option<FileIdentity>> {
        self.0.metadata().map(|metadata| identity_of(&metadata))
    }
}

fn locked(file: File) -> Result<Box<dyn Disk>, OpenError> {
    file.try_lock().map_err(not_locked)?;
    Ok(Box::new(LockedFile(file)))
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "not every system tells without asking for more"
)]
fn identity_of(metadata: &std::fs::Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;

    Some(FileIdentity {
        device: metadata.dev(),
        file: metadata.ino(),
        names: metadata.nlink(),
    })
}

/// std does not tell yet (`windows_by_handle`).
#[cfg(windows)]
fn identity_of(_metadata: &std::fs::Metadata) -> Option<FileIdentity> {
    None
}

/// Creates a file that nobody else may open: who opened it once keeps it, whatever is permitted later.
#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Gives a file the owner, the group and the permissions of another one.
#[cfg(unix)]
fn permit_like(file: &File, model: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let (model, now) = (model.metadata()?, file.metadata()?);
    let differing = |wanted, has| (wanted != has).then_some(wanted);
    let (owner, group) = (
        differing(model.uid(), now.uid()),
        differing(model.gid(), now.gid()),
    );
    if owner.is_some() || group.is_some() {
        std::os::unix::fs::fchown(file, owner, group)?;
    }
    // Last: a change of owner takes some of them away.
    file.set_permissions(model.permissions())
}

#[cfg(windows)]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// A new file has what its directory passes on.
#[cfg(windows)]
fn permit_like(_file: &File, _model: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, data, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
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
fn write_all_at(file: &File, mut offset: u64, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, data, offset) {
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

/// Takes room on the disk for the bytes from `from` to `to`, behind the file's end.
#[cfg(unix)]
fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;

    loop {
        match fallocate(file, FallocateFlags::empty(), from, to - from) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            // File systems that cannot reserve (some network mounts, ZFS): written zeros are room.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let zeros = vec![0; 1 << 20];
    let mut at = from;
    while at < to {
        let count = usize::try_from(to - at).map_or(zeros.len(), |rest| rest.min(zeros.len()));
        write_all_at(file, at, zeros.get(..count).unwrap_or_default())?;
        at += count as u64;
    }
    Ok(())
}

/// NTFS allocates what a length covers.
#[cfg(windows)]
fn allocate(_file: &File, _from: u64, _to: u64) -> io::Result<()> {
    Ok(())
}
