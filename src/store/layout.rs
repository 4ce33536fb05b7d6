//! Where in the file does what lie?
//!
//! ```text
//! OFFSET          SIZE        MEANING
//! 0x0000          4096        header, first copy (`header`)
//! 0x1000          4096        header, second copy
//! 0x2000          4096        superblock slot 0 (`superblock`); 368 bytes are used, the rest is zero
//! 0x3000          4096        superblock slot 1
//! 0x4000          log size    commit log (`log`)
//! 0x4000 + log    n x 4136    sealed blocks 1 .. n (`sealed`)
//! ```
//! redb sees a file of its own, which is made of 4096-byte blocks. Its block 0 holds redb's header of
//! 320 bytes and nothing else: that is what the superblock slots keep, so the sealed blocks count
//! from 1. How long redb's file is follows from how long ours is, and from nothing else:
//! `(n + 1) * 4096` bytes where there are n whole sealed blocks, 0 where there are none.

use std::io;

/// Where the superblock slots lie.
pub(super) const SLOT_OFFSETS: [u64; 2] = [0x2000, 0x3000];

/// Where the commit log lies.
pub(super) const LOG_OFFSET: u64 = 0x4000;

/// Bytes of a block as redb sees it.
pub(super) const BLOCK_BYTES: usize = 4096;

const BLOCK: u64 = BLOCK_BYTES as u64;

/// Bytes of a block as it lies in the file: nonce, tag, block.
pub(super) const SEALED_BYTES: usize = 24 + 16 + BLOCK_BYTES;

const SEALED: u64 = SEALED_BYTES as u64;

/// The layout of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the sealed blocks begin.
    data_offset: u64,
}

impl Layout {
    pub(super) fn new(log_bytes: u64) -> Self {
        Self {
            data_offset: LOG_OFFSET + log_bytes,
        }
    }

    /// Where the sealed blocks begin: the least length of a file.
    pub(super) fn data_offset(self) -> u64 {
        self.data_offset
    }

    /// Where sealed block `number` lies; it is at least 1.
    pub(super) fn block_offset(self, number: u64) -> io::Result<u64> {
        number
            .checked_sub(1)
            .and_then(|index| index.checked_mul(SEALED))
            .and_then(|offset| offset.checked_add(self.data_offset))
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// How many whole sealed blocks a file of that length has, and whether bytes are left over.
    pub(super) fn blocks(self, file_len: u64) -> (u64, bool) {
        let data = file_len.saturating_sub(self.data_offset);
        (data / SEALED, !data.is_multiple_of(SEALED))
    }

    /// How long redb's file is in a file of that length.
    pub(super) fn logical_len(self, file_len: u64) -> u64 {
        match self.blocks(file_len).0 {
            0 => 0,
            blocks => (blocks + 1) * BLOCK,
        }
    }

    /// How long a file must be for redb's to have that length.
    pub(super) fn file_len(self, logical_len: u64) -> io::Result<u64> {
        if logical_len == 0 {
            return Ok(self.data_offset);
        }
        if !logical_len.is_multiple_of(BLOCK) || logical_len == BLOCK {
            return Err(io::Error::other(format!(
                "a length of {logical_len} bytes does not end with a block"
            )));
        }
        self.block_offset(logical_len / BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_from_each_other() {
        let layout = Layout::new(1 << 16);
        assert_eq!(layout.data_offset(), 0x4000 + 0x10000);
        assert_eq!(layout.block_offset(1).unwrap(), layout.data_offset());
        assert_eq!(
            layout.block_offset(3).unwrap(),
            layout.data_offset() + 2 * 4136
        );
        assert!(layout.block_offset(0).is_err());
        assert!(layout.block_offset(u64::MAX).is_err());
        for blocks in [0, 1, 2, 100, 1 << 40] {
            let logical = if blocks == 0 { 0 } else { (blocks + 1) * 4096 };
            let file = layout.file_len(logical).unwrap();
            assert_eq!(layout.logical_len(file), logical);
            assert_eq!(layout.blocks(file), (blocks, false));
            for more in [1, 4135] {
                assert_eq!(layout.logical_len(file + more), logical);
                assert_eq!(layout.blocks(file + more), (blocks, true));
            }
        }
        assert_eq!(layout.logical_len(0), 0);
        for bad in [1, 4095, 4096, 4097, 8191] {
            assert!(layout.file_len(bad).is_err(), "{bad}");
        }
    }
}
