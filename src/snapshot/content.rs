//! What do the entries of a table come to? Two tables that come to the same are the same.

use super::format::{Content, TableEntry};
use crate::base::{Error, Result};

/// Entries, summed up as they come by.
#[derive(Clone, Default)]
pub(super) struct Summing {
    entries: u64,
    bytes: u64,
    checksum: crc32fast::Hasher,
}

impl Summing {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.entries += 1;
        self.bytes += (key.len() + value.len()) as u64;
        for bytes in [key, value] {
            // What is longer than that is in no block.
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.checksum.update(&length.to_le_bytes());
            self.checksum.update(bytes);
        }
    }

    /// Goes on with what came behind, and was summed up apart.
    pub(super) fn append(&mut self, behind: &Self) {
        self.entries += behind.entries;
        self.bytes += behind.bytes;
        self.checksum.combine(&behind.checksum);
    }

    pub(super) fn finish(self) -> Content {
        Content {
            entries: self.entries,
            bytes: self.bytes,
            checksum: self.checksum.finalize(),
        }
    }
}

impl Content {
    /// Refuses a table that the manifest says to be another.
    pub(super) fn is(self, table: &TableEntry) -> Result<()> {
        if self != table.content {
            return Err(Error::corrupt("the entries are not what the manifest says"));
        }
        Ok(())
    }
}
