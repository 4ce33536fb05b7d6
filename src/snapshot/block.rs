//! How do the entries of a table lie in a snapshot? In blocks of some kilobytes, sorted by key, each whole by
//! itself, so that one is read without the others.
//!
//! ```text
//! count      u32, little-endian: how many entries
//! lengths    for each entry: the length of its key, and 0 where the key was removed, else 1 + the length of
//!            its value; each a varint (LEB128)
//! entries    key, value, key, value, ..
//! ```
//! These bytes are what is compressed and sealed (`snapshot/format.rs`). Keys are removed in a snapshot that
//! builds on another one.
//!
//! The lengths and the entries of all blocks of a table, each one behind the other, do not depend on where the
//! blocks end: their checksums are those of the table.

use std::cmp::Ordering;

use crate::base::{Error, Result};
use crate::codec::varint;
use crate::store::KeptBlock;

/// Says that a key was removed.
const REMOVED: u32 = 1 << 31;

/// Bytes of entries of a block before it is full: an entry more may follow.
pub(super) const BLOCK_BYTES: usize = 16 << 10;

/// A block on its way.
#[derive(Default)]
pub(super) struct BlockWriter {
    lengths: Vec<u8>,
    entries: Vec<u8>,
    count: u32,
    first: Vec<u8>,
}

/// Appends what is said of an entry before it.
pub(super) fn encode_lengths(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    varint::encode(key.len() as u64, out);
    varint::encode(value.map_or(0, |value| 1 + value.len() as u64), out);
}

impl BlockWriter {
    /// Adds an entry, whose key is greater than those before it; without a value one that was removed.
    ///
    /// # Errors
    /// `Limit` where a block would be larger than a reader could tell.
    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        if self.count == 0 {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        encode_lengths(&mut self.lengths, key, value);
        self.entries.extend_from_slice(key);
        self.entries.extend_from_slice(value.unwrap_or_default());
        if self.entries.len() >= REMOVED as usize {
            return Err(Error::limit("an entry is larger than a snapshot can hold"));
        }
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

    /// What lies in it, as its table sums it up.
    pub(super) fn content(&self) -> Areas<'_> {
        Areas {
            lengths: &self.lengths,
            entries: &self.entries,
        }
    }

    /// The bytes of the block; begins another.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.lengths.len() + self.entries.len());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.append(&mut self.lengths);
        out.append(&mut self.entries);
        self.count = 0;
        out
    }
}

/// The two parts of a block.
#[derive(Clone, Copy)]
pub(super) struct Areas<'b> {
    pub(super) lengths: &'b [u8],
    pub(super) entries: &'b [u8],
}

/// Reads a block: where its entries lie, all of them within it.
///
/// # Errors
/// `Corrupt` where the lengths are not those of the entries.
pub(super) fn decode(bytes: Vec<u8>) -> Result<KeptBlock> {
    let (start, ends) = decode_ends(&bytes).ok_or_else(cut_short)?;
    Ok(KeptBlock { bytes, start, ends })
}

fn decode_ends(bytes: &[u8]) -> Option<(u32, Vec<[u32; 2]>)> {
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    // Each has two bytes of lengths at least.
    if count > rest.len() / 2 {
        return None;
    }
    let mut ends = Vec::with_capacity(count);
    let mut end = 0_u32;
    let mut length = || u32::try_from(varint::decode(&mut rest)?).ok();
    for _ in 0..count {
        let (key, value) = (length()?, length()?);
        let key_end = end.checked_add(key)?;
        end = key_end.checked_add(value.saturating_sub(1))?;
        let removed = if value == 0 { REMOVED } else { 0 };
        if end >= REMOVED {
            return None;
        }
        ends.push([key_end, end | removed]);
    }
    if rest.len() != end as usize {
        return None;
    }
    // The entries lie behind the lengths.
    let start = u32::try_from(bytes.len() - rest.len()).ok()?;
    if start.checked_add(end)? >= REMOVED {
        return None;
    }
    for [key_end, end] in &mut ends {
        *key_end += start;
        *end += start;
    }
    Some((start, ends))
}

#[cold]
fn cut_short() -> Error {
    Error::corrupt("the lengths in a block are not those of its entries")
}

/// What lies in a block, as its table sums it up.
pub(super) fn areas(block: &KeptBlock) -> Areas<'_> {
    let start = block.start as usize;
    Areas {
        lengths: block.bytes.get(4..start).unwrap_or_default(),
        entries: block.bytes.get(start..).unwrap_or_default(),
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

/// Where an entry lies, `None` behind the last.
#[inline]
pub(super) fn spot(block: &KeptBlock, i: usize) -> Option<Spot> {
    let [key_end, end] = *block.ends.get(i)?;
    let start = match i.checked_sub(1) {
        Some(before) => block.ends.get(before)?[1] & !REMOVED,
        None => block.start,
    };
    Some(Spot {
        start: start as usize,
        key_end: key_end as usize,
        end: (end & !REMOVED) as usize,
        is_removed: end & REMOVED != 0,
    })
}

/// The key of an entry; empty behind the last.
#[inline]
pub(super) fn key(block: &KeptBlock, i: usize) -> &[u8] {
    let spot = spot(block, i);
    let key = spot.and_then(|spot| block.bytes.get(spot.start..spot.key_end));
    key.unwrap_or_default()
}

/// The key of the last entry; empty where there is none.
pub(super) fn last_key(block: &KeptBlock) -> &[u8] {
    key(block, block.ends.len().wrapping_sub(1))
}

/// Key and value of an entry, no value where the key was removed; `None` behind the last.
pub(super) fn entry(block: &KeptBlock, i: usize) -> Option<(&[u8], Option<&[u8]>)> {
    let spot = spot(block, i)?;
    let value = block.bytes.get(spot.key_end..spot.end)?;
    Some((key(block, i), (!spot.is_removed).then_some(value)))
}

/// Which entry has that key, or before which it would have to lie.
pub(super) fn search(block: &KeptBlock, wanted: &[u8]) -> Result<usize, usize> {
    let (mut low, mut high) = (0, block.ends.len());
    while low < high {
        let middle = low.midpoint(high);
        match key(block, middle).cmp(wanted) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return Ok(middle),
        }
    }
    Err(low)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Entries = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    fn written(entries: &Entries) -> Vec<u8> {
        let mut writer = BlockWriter::default();
        for (key, value) in entries {
            writer.add(key, value.as_deref()).unwrap();
        }
        writer.finish()
    }

    #[test]
    fn a_block_has_golden_bytes() {
        let entries = Entries::from([
            (b"a".to_vec(), Some(b"one".to_vec())),
            (b"bc".to_vec(), Some(Vec::new())),
            (b"d".to_vec(), None),
            (b"e".to_vec(), Some(vec![b'x'; 127])),
        ]);
        let mut expected = vec![4, 0, 0, 0, 1, 4, 2, 1, 1, 0, 1, 0x80, 1];
        expected.extend(b"aonebcde");
        expected.extend([b'x'; 127]);
        assert_eq!(written(&entries), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_found(entries: Entries, other: Vec<u8>) {
            let bytes = written(&entries);
            let block = decode(bytes.clone()).unwrap();
            prop_assert_eq!(block.ends.len(), entries.len());
            for (i, (key, value)) in entries.iter().enumerate() {
                prop_assert_eq!(entry(&block, i).unwrap(), (key.as_slice(), value.as_deref()));
                prop_assert_eq!(search(&block, key), Ok(i));
            }
            prop_assert!(entry(&block, entries.len()).is_none());
            let before = entries.range(..other.clone()).count();
            let expected = if entries.contains_key(&other) { Ok(before) } else { Err(before) };
            prop_assert_eq!(search(&block, &other), expected);
            let Areas { lengths, entries } = areas(&block);
            prop_assert_eq!(&[&bytes[..4], lengths, entries].concat(), &bytes);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_the_only_form_of_a_block(bytes: Vec<u8>, wanted: Vec<u8>) {
            let Ok(block) = decode(bytes.clone()) else { return Ok(()) };
            let mut again = BlockWriter::default();
            for i in 0..block.ends.len() {
                let (key, value) = entry(&block, i).unwrap();
                again.add(key, value).unwrap();
            }
            let _ = search(&block, &wanted);
            prop_assert_eq!(again.finish(), bytes);
        }
    }
}
