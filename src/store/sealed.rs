//! What does redb see? A file of its own, in which every block was verified before redb gets it.
//!
//! A sealed block, 4136 bytes; block n of redb's file has the number n (`layout`):
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       40    nonce and tag (`seal`)
//! 40      4096  the block, encrypted where the file is
//! ```
//! - A block that fails, and a block that was never written, is an error that names it, from the first
//!   byte on and also while redb recovers: no zeros, no sealing anew. That is possible because every
//!   durable commit is two-phase and saves the allocator's state, so that whatever a header points to
//!   was synced before that header was written.
//! - redb writes whole blocks and its header, and nothing else; anything else is refused.
//! - A device may tear what is being written, not what lies beside it (powersafe overwrite): a block
//!   shares its first and last sector with its neighbours.

use std::fmt;
use std::io;

use redb::StorageBackend;

use super::controls::Control;
use super::disk::Disk;
use super::layout::{BLOCK_BYTES, Layout, SEALED_BYTES};
use super::owner::Owner;
use super::seal::{Domain, Refused, SEAL_BYTES, Seal};
use super::superblock::{Chosen, REDB_HEADER_BYTES, RedbHeader, Superblocks};
use crate::base::sync::{Arc, OnceLock};
use crate::base::{Error, Result};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// A database file as redb's storage.
#[derive(Debug)]
pub(super) struct SealedFile {
    owner: Owner,
    seal: Seal,
    superblocks: Superblocks,
    layout: Layout,
    /// The first damaged block that was read: redb reads nothing more after an error, and says no
    /// more than that.
    damage: OnceLock<BlockError>,
}

/// A block that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockError {
    pub(crate) block: u64,
    refused: Refused,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.refused {
            Refused::NeverWritten => "was never written",
            Refused::Damaged => "is not what was written there",
            Refused::BeyondEnd => "lies beyond the end of the file",
        };
        write!(f, "block {} {what}", self.block)
    }
}

impl std::error::Error for BlockError {}

impl BlockError {
    /// The error of reading that block.
    pub(super) fn io(block: u64, refused: Refused) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self { block, refused })
    }
}

impl SealedFile {
    /// A file that is being created: nothing is in it but its headers.
    pub(super) fn fresh(owner: Owner, seal: Seal, layout: Layout) -> Self {
        Self {
            owner,
            seal,
            superblocks: Superblocks::fresh(),
            layout,
            damage: OnceLock::new(),
        }
    }

    /// A file that exists. Not one byte is written.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when its superblocks are damaged, when it ends too
    /// early, or when what it was left with cannot be what this program wrote.
    pub(super) fn open(owner: Owner, seal: Seal, layout: Layout) -> Result<(Self, Chosen)> {
        let len = owner
            .len()
            .map_err(|error| super::error::from_io(error, "the length of the file is not known"))?;
        let (blocks, partial) = layout.blocks(len);
        if blocks == 0 {
            return Err(Error::corrupt(
                "the file ends before its data should begin: everything was cut off",
            ));
        }
        let (superblocks, chosen) = Superblocks::read(&owner, &seal)?;
        let gate = !owner.controls.has(Control::NoPhaseGate);
        if gate && !chosen.header.is_clean() && !chosen.header.is_two_phase() {
            return Err(Error::corrupt(
                "the file was not closed, and its last commit is not of the kind that survives that",
            ));
        }
        // Left to itself, redb goes by the length of a file that was not closed, whatever was cut off.
        let (has, needs) = (layout.logical_len(len), chosen.header.least_len());
        if has < needs {
            return Err(Error::corrupt(format!(
                "the file ends behind block {blocks}, and has {} of them in use: it was cut off",
                needs / BLOCK - 1
            )));
        }
        if partial && chosen.header.is_clean() {
            return Err(Error::corrupt(format!(
                "the file ends within block {}: it was cut off, or something was appended",
                blocks + 1
            )));
        }
        let file = Self {
            superblocks,
            ..Self::fresh(owner, seal, layout)
        };
        Ok((file, chosen))
    }

    /// Makes an opened file ready to be written: a last block that a crash left in part is cut off, and
    /// the length and what opening chose are made durable. After a failed sync in an earlier process the
    /// length may be that of the page cache alone, and no later sync would make it durable by itself.
    pub(super) fn settle(&self, chosen: &Chosen) -> io::Result<()> {
        let mut len = self.owner.len()?;
        let (blocks, partial) = self.layout.blocks(len);
        if partial {
            len = self.layout.block_offset(blocks + 1)?;
        }
        self.owner.set_len(len)?;
        self.superblocks.settle(&self.owner, &self.seal, chosen)
    }

    /// Writes the newest header into both slots, so that no single damage is a step back.
    pub(super) fn mirror(&self) -> io::Result<()> {
        if self.owner.controls.has(Control::NoMirror) {
            return Ok(());
        }
        if self.superblocks.mirror(&self.owner, &self.seal)? {
            self.sync_all()?;
        }
        Ok(())
    }

    /// Nothing is written from now on.
    pub(super) fn latch(&self, why: &io::Error) {
        self.owner.latch(why);
    }

    /// How many headers of redb's were ever written.
    pub(super) fn headers_written(&self) -> u64 {
        self.superblocks.written()
    }

    /// The first damage that was read.
    pub(super) fn damage(&self) -> Option<BlockError> {
        self.damage.get().copied()
    }

    /// The file beneath, for the header's copies.
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether redb's newest header says that the file was closed.
    pub(super) fn is_clean(&self) -> bool {
        let header = self.superblocks.header();
        header.is_some_and(|header| header.is_clean())
    }

    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// How many blocks the file has.
    pub(super) fn blocks(&self) -> io::Result<u64> {
        Ok(self.layout.blocks(self.owner.len()?).0)
    }

    /// How long redb's file is.
    pub(super) fn logical_len(&self) -> io::Result<u64> {
        Ok(self.layout.logical_len(self.owner.len()?))
    }

    /// Checks one block, and keeps nothing of it.
    pub(super) fn verify(&self, number: u64) -> io::Result<Result<(), Refused>> {
        let (mut front, mut data) = ([0; SEAL_BYTES], [0; BLOCK_BYTES]);
        let offset = self.layout.block_offset(number)?;
        self.owner.read_two_at(offset, &mut front, &mut data)?;
        Ok(self.seal.open(Domain::Block, number, &front, &mut data))
    }

    /// Reads what redb would; `out` lies within the header, or is whole blocks.
    pub(super) fn read_logical(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset == 0 {
            return self.read_header(out);
        }
        let first = block_number(offset, out.len())?;
        if out.len() == BLOCK_BYTES {
            // Most reads are of one block: it is read to where it is wanted.
            let mut front = [0; SEAL_BYTES];
            let offset = self.layout.block_offset(first)?;
            let read = self.owner.read_two_at(offset, &mut front, out);
            read.map_err(|error| beyond_end(error, first))?;
            return self.open_block(first, &front, out);
        }
        // A damaged page may say of another that it is larger than any file: no memory for that.
        let count = out.len() / BLOCK_BYTES;
        if first.saturating_add(count as u64) > self.blocks()?.saturating_add(1) {
            return Err(BlockError::io(first, Refused::BeyondEnd));
        }
        let mut sealed = vec![0; count * SEALED_BYTES];
        let offset = self.layout.block_offset(first)?;
        let read = self.owner.read_at(offset, &mut sealed);
        read.map_err(|error| beyond_end(error, first))?;
        let places = sealed
            .chunks_exact(SEALED_BYTES)
            .zip(out.chunks_exact_mut(BLOCK_BYTES));
        for (number, (sealed, out)) in (first..).zip(places) {
            if let Some((front, data)) = sealed.split_first_chunk::<SEAL_BYTES>() {
                out.copy_from_slice(data);
                self.open_block(number, front, out)?;
            }
        }
        Ok(())
    }

    /// The same for the handle that the engine works with, which remembers damage.
    pub(super) fn read_live(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = self.read_logical(offset, out);
        if let Err(error) = &read
            && let Some(damage) = super::error::damage_of(error)
        {
            let _ = self.damage.set(damage);
        }
        read
    }

    fn open_block(&self, number: u64, front: &[u8; SEAL_BYTES], data: &mut [u8]) -> io::Result<()> {
        match self.seal.open(Domain::Block, number, front, data) {
            Ok(()) => Ok(()),
            Err(_) if self.owner.controls.has(Control::ZerosForDamage) => {
                data.fill(0);
                Ok(())
            }
            Err(refused) => Err(BlockError::io(number, refused)),
        }
    }

    fn read_header(&self, out: &mut [u8]) -> io::Result<()> {
        let header = self.superblocks.header();
        let header = header.ok_or(io::ErrorKind::UnexpectedEof)?;
        // A page that is said to lie there is none.
        let bytes = header.0.get(..out.len());
        out.copy_from_slice(bytes.ok_or_else(|| BlockError::io(0, Refused::NeverWritten))?);
        Ok(())
    }

    fn write_blocks(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let first = block_number(offset, data.len())?;
        if data.len() == BLOCK_BYTES {
            // Most writes are of one block, which fits on the stack.
            return self.seal_to(first, data, &mut [0; SEALED_BYTES]);
        }
        let mut sealed = vec![0; data.len() / BLOCK_BYTES * SEALED_BYTES];
        self.seal_to(first, data, &mut sealed)
    }

    fn seal_to(&self, first: u64, data: &[u8], sealed: &mut [u8]) -> io::Result<()> {
        let nonces = self.seal.nonces(data.len() / BLOCK_BYTES);
        let places = sealed
            .chunks_exact_mut(SEALED_BYTES)
            .zip(data.chunks_exact(BLOCK_BYTES))
            .zip(nonces.map_err(io::Error::other)?);
        for (number, ((place, data), nonce)) in (first..).zip(places) {
            if let Some(to) = place.get_mut(SEAL_BYTES..) {
                to.copy_from_slice(data);
            }
            self.seal.seal(Domain::Block, number, &nonce, place);
        }
        self.owner
            .write_at(self.layout.block_offset(first)?, sealed)
    }

    /// Makes everything durable that was written.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        let before = self.superblocks.before_sync();
        self.owner.sync()?;
        self.superblocks.after_sync(before);
        Ok(())
    }
}

/// What it means that nothing is to be read there.
fn beyond_end(error: io::Error, block: u64) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BlockError::io(block, Refused::BeyondEnd),
        _ => error,
    }
}

/// The number of the first block of a span that is whole blocks.
fn block_number(offset: u64, len: usize) -> io::Result<u64> {
    if !offset.is_multiple_of(BLOCK) || !len.is_multiple_of(BLOCK_BYTES) {
        return Err(io::Error::other(format!(
            "{len} bytes at {offset} are not whole blocks"
        )));
    }
    Ok(offset / BLOCK)
}

/// redb's storage: a file that is shared with what else must reach it.
#[derive(Debug)]
pub(super) struct Backend(pub(super) Arc<SealedFile>);

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.logical_len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read_live(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let file = &self.0;
        let len = file.layout.file_len(len)?;
        if len < file.owner.len()? {
            // The older superblock may lead to what is cut off.
            file.mirror()?;
        }
        file.owner.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync_all()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let file = &self.0;
        if offset > 0 {
            return file.write_blocks(offset, data);
        }
        let header = <[u8; REDB_HEADER_BYTES]>::try_from(data)
            .map_err(|_| io::Error::other("a header of another length"))?;
        file.superblocks
            .write(&file.owner, &file.seal, &RedbHeader(header))
    }

    /// redb calls this once, when the database closes; read transactions may live on and keep the
    /// backend, but not the lock. The header that says so gets its mirror.
    fn close(&self) -> Result<(), io::Error> {
        let file = &self.0;
        let mirrored = if file.owner.is_latched() {
            Ok(())
        } else {
            file.mirror()
        };
        mirrored.and(file.owner.unlock())
    }
}
