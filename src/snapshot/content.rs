//! What do the entries of a table come to? Two tables that come to the same are the same, wherever their blocks
//! begin and end.

use serde::{Deserialize, Serialize};

use super::block::{Areas, encode_lengths};
use super::format::TableEntry;
use crate::base::{Error, Result};

/// What entries come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) entries: u64,
    /// Bytes of all keys and values.
    pub(super) bytes: u64,
    /// CRC-32 of all lengths, as they lie in blocks.
    pub(super) lengths: u32,
    /// CRC-32 of all keys and values.
    pub(super) checksum: u32,
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

/// Entries, summed up as they come by.
#[derive(Clone, Default)]
pub(super) struct Summing {
    entries: u64,
    bytes: u64,
    lengths: crc32fast::Hasher,
    checksum: crc32fast::Hasher,
    /// What came by one by one, and is not in the checksums yet: many short pieces would take long.
    new_lengths: Vec<u8>,
    new_entries: Vec<u8>,
}

/// Bytes before they are summed up.
const STEP_BYTES: usize = 16 << 10;

impl Summing {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.entries += 1;
        encode_lengths(&mut self.new_lengths, key, Some(value));
        self.new_entries.extend_from_slice(key);
        self.new_entries.extend_from_slice(value);
        if self.new_entries.len() >= STEP_BYTES {
            self.settle();
        }
    }

    /// Adds all entries of a block.
    pub(super) fn add_block(&mut self, entries: usize, areas: Areas<'_>) {
        self.settle();
        self.entries += entries as u64;
        self.sum(areas);
    }

    fn settle(&mut self) {
        let lengths = std::mem::take(&mut self.new_lengths);
        let entries = std::mem::take(&mut self.new_entries);
        self.sum(Areas {
            lengths: &lengths,
            entries: &entries,
        });
        (self.new_lengths, self.new_entries) = (lengths, entries);
        self.new_lengths.clear();
        self.new_entries.clear();
    }

    fn sum(&mut self, Areas { lengths, entries }: Areas<'_>) {
        self.bytes += entries.len() as u64;
        self.lengths.update(lengths);
        self.checksum.update(entries);
    }

    /// Goes on with what came behind, and was summed up apart.
    pub(super) fn append(&mut self, mut behind: Self) {
        self.settle();
        behind.settle();
        self.entries += behind.entries;
        self.bytes += behind.bytes;
        self.lengths.combine(&behind.lengths);
        self.checksum.combine(&behind.checksum);
    }

    pub(super) fn finish(mut self) -> Content {
        self.settle();
        Content {
            entries: self.entries,
            bytes: self.bytes,
            lengths: self.lengths.finalize(),
            checksum: self.checksum.finalize(),
        }
    }
}
