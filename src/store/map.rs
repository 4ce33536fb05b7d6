//! How is a snapshot read without a call of the operating system for each block? It is mapped into memory.
//!
//! One of the two files with `unsafe`. Only a file that nobody writes any more is mapped, never a database's,
//! and what is read is copied out of the map before anything looks at it: bytes that another program changes
//! at that moment are bytes with a wrong checksum. While it is mapped, Larder's own lock keeps every Larder
//! from writing it.
//!
//! What is left: when another program makes the file *shorter*, the operating system ends ours where it reads
//! behind the new end (`SIGBUS`; an exception on Windows, which refuses the truncation in the first place).
//! Who cannot rule that out reads without a map: `Builder::map_snapshots(false)`.

#![allow(
    unsafe_code,
    reason = "a file is mapped; the argument is above, and where it is done"
)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

use super::disk::Disk;

/// A file that nobody writes, mapped.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: Mmap,
    /// Holds the lock.
    file: File,
}

impl MappedFile {
    /// Maps a file that is locked against writers; gives it back where that is not possible.
    pub(super) fn new(file: File) -> Result<Self, File> {
        // SAFETY: the map is only ever read, and by `read_at` alone, which copies. The lock that the file has
        // keeps those from writing it who obey it. Where one does not, what is copied may be anything, and the
        // floors above believe nothing that has no checksum.
        match unsafe { Mmap::map(&file) } {
            Ok(map) => Ok(Self { map, file }),
            Err(_) => Err(file),
        }
    }
}

impl Disk for MappedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.map.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let bytes = start
            .and_then(|start| self.map.get(start..)?.get(..out.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
