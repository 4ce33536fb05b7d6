//! How is a database read without writing one byte of its file? A copy-on-write overlay in memory.
//!
//! redb writes to its file when it merely opens it. Here those writes go to blocks in memory, which
//! later reads find; the file itself is not written. So a file is opened read-only, and so it is
//! checked by a second redb.

use std::collections::BTreeMap;
use std::io;

use redb::StorageBackend;

use super::controls::Control;
use super::disk::Disk;
use super::layout::BLOCK_BYTES;
use super::seal::Refused;
use super::sealed::{BlockError, SealedFile};
use super::superblock::REDB_HEADER_BYTES;
use crate::base::Result;
use crate::base::sync::{Arc, Mutex};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// A file that is read, and blocks in memory that lie over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: Arc<SealedFile>,
    /// Whether the engine works with it, and closing gives up the file's lock; otherwise it is a
    /// second look at a file that is open.
    live: bool,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    len: u64,
    /// Below this what is not in memory is in the file; above it was cut off, or never there.
    file_len: u64,
    header: Option<[u8; REDB_HEADER_BYTES]>,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Overlay {
    /// Lies over a file that nobody writes meanwhile.
    pub(super) fn new(file: Arc<SealedFile>, live: bool) -> io::Result<Self> {
        let len = file.logical_len()?;
        let memory = Mutex::new(Memory {
            len,
            file_len: len,
            header: None,
            blocks: BTreeMap::new(),
        });
        Ok(Self { file, live, memory })
    }

    /// The same, for a store: it remembers damage.
    pub(super) fn over(file: &Arc<SealedFile>) -> Result<Self> {
        Self::new(file.clone(), true)
            .map_err(|error| super::error::from_io(error, "the file cannot be read"))
    }

    fn read_file(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.live {
            self.file.read_live(offset, out)
        } else {
            self.file.read_logical(offset, out)
        }
    }

    fn read_header(&self, out: &mut [u8]) -> io::Result<()> {
        let header = self.memory.lock().header;
        match header.as_ref().and_then(|header| header.get(..out.len())) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => self.file.read_logical(0, out),
        }
    }
}

/// What redb asks for in blocks.
fn check_whole(offset: u64, len: usize) -> io::Result<()> {
    if !offset.is_multiple_of(BLOCK) || !len.is_multiple_of(BLOCK_BYTES) {
        return Err(io::Error::other("not whole blocks"));
    }
    Ok(())
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.memory.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        if offset == 0 {
            return self.read_header(out);
        }
        check_whole(offset, out.len())?;
        let memory = self.memory.lock();
        let end = offset + out.len() as u64;
        if end > memory.len {
            return Err(BlockError::io(offset / BLOCK, Refused::BeyondEnd));
        }
        if memory
            .blocks
            .range(offset / BLOCK..end / BLOCK)
            .next()
            .is_none()
            && end <= memory.file_len
        {
            drop(memory);
            return self.read_file(offset, out);
        }
        for (number, out) in (offset / BLOCK..).zip(out.chunks_exact_mut(BLOCK_BYTES)) {
            match memory.blocks.get(&number) {
                Some(block) => out.copy_from_slice(block),
                None if number * BLOCK < memory.file_len => {
                    self.read_file(number * BLOCK, out)?;
                }
                None => return Err(BlockError::io(number, Refused::NeverWritten)),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut memory = self.memory.lock();
        memory.file_len = memory.file_len.min(len);
        memory.blocks.split_off(&len.div_ceil(BLOCK));
        memory.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut memory = self.memory.lock();
        if offset == 0 {
            let header = <[u8; REDB_HEADER_BYTES]>::try_from(data)
                .map_err(|_| io::Error::other("a header of another length"))?;
            memory.header = Some(header);
            if self.file.owner().controls.has(Control::ReadOnlyWrites) {
                self.file.owner().write_at(0, b"l")?;
            }
            return Ok(());
        }
        check_whole(offset, data.len())?;
        for (number, block) in (offset / BLOCK..).zip(data.chunks_exact(BLOCK_BYTES)) {
            memory.blocks.insert(number, block.into());
        }
        Ok(())
    }

    fn close(&self) -> Result<(), io::Error> {
        Ok(())
    }
}
