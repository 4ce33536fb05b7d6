//! How do the entries of a table lie in a snapshot? In blocks of some kilobytes, sorted by key, each whole by
//! itself, so that one is read without the others and searched without being gone through.
//!
//! ```text
//! entries    key, value, key, value, ..
//! ends       for each entry: where its key ends (u32), where its value ends (u32), both from the start
//! count      u32: how many entries
//! ```
//! Numbers are little-endian. These bytes are what is compressed and sealed (`snapshot/format.rs`).

use crate::base::{Error, Result};

/// Bytes of a block before it is full: an entry more may follow.
pub(super) const BLOCK_BYTES: usize = 16 << 10;

/// A block on its way.
#[derive(Default)]
pub(super) struct BlockWriter {
    entries: Vec<u8>,
    ends: Vec<u8>,
    count: u32,
    first: Vec<u8>,
}

impl BlockWriter {
    /// Adds an entry, whose key is greater than those before it.
    ///
    /// # Errors
    /// `Limit` where a block would be larger than its numbers can say.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if self.count == 0 {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        self.entries.extend_from_slice(key);
        let key_end = end(self.entries.len())?;
        self.entries.extend_from_slice(value);
        let value_end = end(self.entries.len())?;
        self.ends.extend_from_slice(&key_end.to_le_bytes());
        self.ends.extend_from_slice(&value_end.to_le_bytes());
        self.count += 1;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= BLOCK_BYTES
    }

    /// The first key, and how many entries there are.
    pub(super) fn head(&self) -> (&[u8], u32) {
        (&self.first, self.count)
    }

    /// Appends the block, and begins another.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.entries);
        out.append(&mut self.ends);
        out.extend_from_slice(&self.count.to_le_bytes());
        self.count = 0;
    }
}

fn end(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Error::limit("an entry is larger than a snapshot can hold"))
}

/// A block, looked at. Every number in it is checked where it is used.
#[derive(Clone, Copy)]
pub(super) struct Block<'b> {
    entries: &'b [u8],
    ends: &'b [u8],
    count: usize,
}

impl<'b> Block<'b> {
    /// # Errors
    /// `Corrupt` where it is shorter than it says.
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self> {
        let (rest, count) = bytes.split_last_chunk::<4>().ok_or_else(cut_short)?;
        let count = u32::from_le_bytes(*count) as usize;
        let ends = count
            .checked_mul(8)
            .and_then(|ends| rest.len().checked_sub(ends));
        let (entries, ends) = rest
            .split_at_checked(ends.ok_or_else(cut_short)?)
            .ok_or_else(cut_short)?;
        Ok(Self {
            entries,
            ends,
            count,
        })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Where key and value of an entry lie among the entries.
    fn places(&self, i: usize) -> Result<(usize, usize, usize)> {
        let number = |at: usize| -> Option<usize> {
            let bytes = self.ends.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes) as usize)
        };
        let start = match i.checked_sub(1) {
            Some(before) => number(before * 8 + 4),
            None => Some(0),
        };
        let places = start.zip(number(i * 8)).zip(number(i * 8 + 4));
        let ((start, key), value) = places.ok_or_else(cut_short)?;
        Ok((start, key, value))
    }

    /// Key and value of an entry.
    pub(super) fn entry(&self, i: usize) -> Result<(&'b [u8], &'b [u8])> {
        let (start, key, value) = self.places(i)?;
        let entry = self
            .entries
            .get(start..key)
            .zip(self.entries.get(key..value));
        entry.ok_or_else(|| Error::corrupt("an entry lies outside its block"))
    }
}

#[cold]
fn cut_short() -> Error {
    Error::corrupt("a block is shorter than it says")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::ErrorKind;

    fn written(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
        let mut writer = BlockWriter::default();
        for (key, value) in entries {
            writer.add(key, value).unwrap();
        }
        let mut out = Vec::new();
        writer.finish(&mut out);
        out
    }

    #[test]
    fn a_block_has_golden_bytes() {
        let entries = BTreeMap::from([
            (b"a".to_vec(), b"one".to_vec()),
            (b"bc".to_vec(), Vec::new()),
        ]);
        let mut expected = b"aonebc".to_vec();
        for number in [1_u8, 4, 6, 6, 2] {
            expected.extend([number, 0, 0, 0]);
        }
        assert_eq!(written(&entries), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_found(entries: BTreeMap<Vec<u8>, Vec<u8>>) {
            let bytes = written(&entries);
            let block = Block::new(&bytes).unwrap();
            prop_assert_eq!(block.len(), entries.len());
            for (i, (key, value)) in entries.iter().enumerate() {
                prop_assert_eq!(block.entry(i).unwrap(), (key.as_slice(), value.as_slice()));
            }
            prop_assert!(block.entry(entries.len()).is_err());
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_block(bytes: Vec<u8>) {
            let Ok(block) = Block::new(&bytes) else { return Ok(()) };
            for i in 0..block.len().min(100) {
                if let Err(error) = block.entry(i) {
                    prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
                }
            }
        }
    }
}
