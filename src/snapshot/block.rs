//! How do the entries of a table lie in a snapshot? In blocks of some kilobytes, sorted by key, each whole by
//! itself, so that one is read without the others and searched without being gone through.
//!
//! ```text
//! entries    key, value, key, value, ..
//! ends       for each entry: where its key ends (u32), where its value ends (u32), both from the start; the
//!            highest bit of the second says that the key was removed
//! count      u32: how many entries
//! ```
//! Numbers are little-endian. Keys are removed in a snapshot that builds on another one. These bytes are what is compressed and sealed (`snapshot/format.rs`).

use std::cmp::Ordering;

use crate::base::{Error, Result};

/// Says that a key was removed.
const REMOVED: u32 = 1 << 31;

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
    /// Adds an entry, whose key is greater than those before it; without a value one that was removed.
    ///
    /// # Errors
    /// `Limit` where a block would be larger than its numbers can say.
    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        if self.count == 0 {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        self.entries.extend_from_slice(key);
        let key_end = end(self.entries.len())?;
        self.entries.extend_from_slice(value.unwrap_or_default());
        let mut value_end = end(self.entries.len())?;
        if value.is_none() {
            value_end |= REMOVED;
        }
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
    let end = u32::try_from(bytes).ok().filter(|end| *end < REMOVED);
    end.ok_or_else(|| Error::limit("an entry is larger than a snapshot can hold"))
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

    /// Where an entry lies.
    pub(super) fn spot(&self, i: usize) -> Result<Spot> {
        let number = |at: usize| -> Option<u32> {
            let bytes = self.ends.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let start = match i.checked_sub(1) {
            Some(before) => number(before * 8 + 4).map(|end| end & !REMOVED),
            None => Some(0),
        };
        let places = start.zip(number(i * 8)).zip(number(i * 8 + 4));
        let ((start, key_end), end) = places.ok_or_else(cut_short)?;
        let spot = Spot {
            start: start as usize,
            key_end: key_end as usize,
            end: (end & !REMOVED) as usize,
            is_removed: end & REMOVED != 0,
        };
        let is_within = spot.start <= spot.key_end && spot.key_end <= spot.end;
        if !is_within || spot.end > self.entries.len() {
            return Err(Error::corrupt("an entry lies outside its block"));
        }
        Ok(spot)
    }

    fn key(&self, i: usize) -> Result<&'b [u8]> {
        let spot = self.spot(i)?;
        Ok(self
            .entries
            .get(spot.start..spot.key_end)
            .unwrap_or_default())
    }

    /// Key and value of an entry; no value where the key was removed.
    pub(super) fn entry(&self, i: usize) -> Result<(&'b [u8], Option<&'b [u8]>)> {
        let spot = self.spot(i)?;
        let bytes = |start, end| self.entries.get(start..end).unwrap_or_default();
        let value = (!spot.is_removed).then(|| bytes(spot.key_end, spot.end));
        Ok((bytes(spot.start, spot.key_end), value))
    }

    /// Which entry has that key, or before which it would have to lie.
    pub(super) fn search(&self, key: &[u8]) -> Result<Result<usize, usize>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle)?.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Ok(middle)),
            }
        }
        Ok(Err(low))
    }
}

/// Where an entry lies in its block, within its bounds.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) start: usize,
    /// Where its key ends, and its value begins.
    pub(super) key_end: usize,
    pub(super) end: usize,
    pub(super) is_removed: bool,
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

    type Entries = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    fn written(entries: &Entries) -> Vec<u8> {
        let mut writer = BlockWriter::default();
        for (key, value) in entries {
            writer.add(key, value.as_deref()).unwrap();
        }
        let mut out = Vec::new();
        writer.finish(&mut out);
        out
    }

    #[test]
    fn a_block_has_golden_bytes() {
        let entries = Entries::from([
            (b"a".to_vec(), Some(b"one".to_vec())),
            (b"bc".to_vec(), Some(Vec::new())),
            (b"d".to_vec(), None),
        ]);
        let mut expected = b"aonebcd".to_vec();
        for number in [1_u32, 4, 6, 6, 7, 7 | 0x8000_0000, 3] {
            expected.extend(number.to_le_bytes());
        }
        assert_eq!(written(&entries), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_found(entries: Entries, other: Vec<u8>) {
            let bytes = written(&entries);
            let block = Block::new(&bytes).unwrap();
            prop_assert_eq!(block.len(), entries.len());
            for (i, (key, value)) in entries.iter().enumerate() {
                prop_assert_eq!(block.entry(i).unwrap(), (key.as_slice(), value.as_deref()));
                prop_assert_eq!(block.search(key).unwrap(), Ok(i));
            }
            prop_assert!(block.entry(entries.len()).is_err());
            let before = entries.range(..other.clone()).count();
            let expected = if entries.contains_key(&other) { Ok(before) } else { Err(before) };
            prop_assert_eq!(block.search(&other).unwrap(), expected);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_block(bytes: Vec<u8>, key: Vec<u8>) {
            let Ok(block) = Block::new(&bytes) else { return Ok(()) };
            for i in 0..block.len().min(100) {
                if let Err(error) = block.entry(i) {
                    prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
                }
            }
            let _ = block.search(&key);
        }
    }
}
