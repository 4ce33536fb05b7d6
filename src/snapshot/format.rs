//! How does a snapshot lie in its file? Written once, from its beginning to its end, so that it can go down
//! any pipe; read from its end, so that nothing before it has to be trusted.
//!
//! ```text
//! header     128 bytes, below
//! key page   4096 bytes, where it is encrypted: what opens it (`store/header.rs`, `store/snapshot_key.rs`)
//! blocks     one behind the other, numbered from 0: of each table a dictionary, where it has one; its entries
//!            (`snapshot/block.rs`); one that is its index, where it has entries; last the manifest
//! footer     64 bytes, below
//!
//! HEADER
//! OFFSET  SIZE  MEANING
//! 0       16    "larder snapshot\0"
//! 16      2     format, 1
//! 18      1     seal: 0, a CRC-32 for each block; 1, each block is encrypted
//! 19      5     zeros
//! 24      16    id of this snapshot, random
//! 40      16    id of the snapshot that it builds on, zeros where it is whole by itself
//! 56      16    id of the database
//! 72      16    life of the commit that it shows
//! 88      8     sequence of that commit
//! 96      8     revision of what that commit wrote
//! 104     8     when it was taken: i64 microseconds since 1970 UTC
//! 112     8     epoch of the database: how often it was restored
//! 120     4     zeros
//! 124     4     CRC-32 of the 124 bytes before
//!
//! BLOCK
//! 0       4     bytes of the payload as it lies
//! 4       4     bytes of the payload before compression, 0 where it is not compressed
//! 8       1     what it is: 1 entries, 2 an index, 3 the manifest, 4 a dictionary
//! 9       ..    payload; where it is compressed, one zstd frame (RFC 8878): entries with the dictionary of their
//!               table, where it has one
//! ..      4     seal 0: CRC-32 of: id of the snapshot, number of the block (u64), the 9 bytes, payload
//!         16    seal 1: the tag; cipher and key are those of the key page, the nonce is the number (24 bytes),
//!               the associated data "larder snapshot block v1", header, the 9 bytes
//!
//! More than 1 MiB that would get more than 1000 times as small is not compressed, and a dictionary never is: what
//! a reader has to make room for is bounded by what it has.
//!
//! Every block lies directly behind the one of the number before, from the header to the footer; a reader refuses
//! anything else, so that no block is there twice or belongs to two tables.
//!
//! INDEX      a block of entries: the first key of each block -> where it lies
//!            (offset u64, number u64, bytes of the payload as it lies u32, entries u32)
//! MANIFEST   JSON: the tables, each with its name; of what a reader sees there: entries, their bytes, the CRC-32
//!            of their lengths and that of keys and values; of what this file has of it: blocks, and where the
//!            index and the dictionary lie
//!
//! A snapshot that builds on another one has the entries that are others there, and the keys that were removed
//! since. A table that its manifest does not name is gone.
//!
//! FOOTER
//! 0       8     offset of the manifest
//! 8       8     its number
//! 16      8     bytes of the whole file
//! 24      16    id of this snapshot
//! 40      4     bytes of the manifest's payload as it lies
//! 44      4     zeros
//! 48      4     CRC-32 of the 48 bytes before
//! 52      12    "larder end.\0"
//! ```
//! Numbers are little-endian.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::Content;
use crate::base::{CommitId, Error, ErrorKind, Result};
use crate::codec::timestamp::Timestamp;

/// What a snapshot says of itself first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: Uuid,
    /// The snapshot that it builds on.
    pub(crate) base: Option<Uuid>,
    pub(crate) database: Uuid,
    /// The commit that it shows.
    pub(crate) commit: CommitId,
    /// The revision of what that commit wrote.
    pub(crate) revision: u64,
    pub(crate) created: Timestamp,
    /// How often the database was restored.
    pub(crate) epoch: u64,
    /// Whether its blocks are encrypted.
    pub(crate) is_encrypted: bool,
}

/// When a snapshot was taken: by what the database counts, and only then by the clock, which may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) created: Timestamp,
    /// So that no two are the same.
    pub(crate) id: Uuid,
}

pub(super) const HEADER_BYTES: usize = 128;
pub(super) const FOOTER_BYTES: usize = 64;
const MAGIC: [u8; 16] = *b"larder snapshot\0";
const END: [u8; 12] = *b"larder end.\0";
const FORMAT: u16 = 1;

impl Header {
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            epoch: self.epoch,
            sequence: self.commit.sequence(),
            created: self.created,
            id: self.id,
        }
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.push(u8::from(self.is_encrypted));
        out.resize(24, 0);
        for id in [Some(self.id), self.base, Some(self.database)] {
            out.extend_from_slice(id.unwrap_or_default().as_bytes());
        }
        out.extend_from_slice(&self.commit.life().to_le_bytes());
        out.extend_from_slice(&self.commit.sequence().to_le_bytes());
        out.extend_from_slice(&self.revision.to_le_bytes());
        out.extend_from_slice(&self.created.as_micros().to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.resize(HEADER_BYTES - 4, 0);
        sealed(out)
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self> {
        let mut fields = Fields(bytes);
        if fields.take::<16>()? != MAGIC {
            return Err(Error::new(
                ErrorKind::NotADatabase,
                "this is no snapshot of Larder's",
            ));
        }
        check_seal(bytes, "header")?;
        let format = u16::from_le_bytes(fields.take()?);
        if format != FORMAT {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!("the snapshot has format {format}, this version of Larder knows {FORMAT}"),
            ));
        }
        let [seal, zeros @ ..] = fields.take::<6>()?;
        if seal > 1 {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!(
                    "the snapshot is sealed in way {seal}, which this version of Larder does not know"
                ),
            ));
        }
        let mut id = || Ok::<_, Error>(Uuid::from_bytes(fields.take()?));
        let (own, base, database) = (id()?, id()?, id()?);
        let life = u128::from_le_bytes(fields.take()?);
        let sequence = fields.number()?;
        let header = Self {
            id: own,
            base: (!base.is_nil()).then_some(base),
            database,
            commit: CommitId::new(life, sequence),
            revision: fields.number()?,
            created: Timestamp::from_micros(i64::from_le_bytes(fields.take()?)),
            epoch: fields.number()?,
            is_encrypted: seal == 1,
        };
        // The seal of each block is over what is read here: nothing else may stand there.
        if zeros != [0; 5] || fields.take::<4>()? != [0; 4] {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                "the header of the snapshot says what this version of Larder does not know",
            ));
        }
        Ok(header)
    }
}

/// What stands at the end of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    /// Where the manifest lies.
    pub(super) manifest: Place,
    /// Bytes of the whole file.
    pub(super) length: u64,
    pub(super) id: Uuid,
}

/// Where a block lies, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) number: u64,
    /// Bytes of its payload as it lies.
    pub(super) stored: u32,
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for number in [self.manifest.offset, self.manifest.number, self.length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.manifest.stored.to_le_bytes());
        out.resize(48, 0);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&END);
        fixed(&out)
    }

    pub(super) fn decode(bytes: &[u8; FOOTER_BYTES]) -> Result<Self> {
        let (front, end) = bytes.split_at(FOOTER_BYTES - END.len());
        if end != END {
            return Err(Error::corrupt(
                "the snapshot is cut off, or was never finished",
            ));
        }
        check_seal(front, "footer")?;
        let mut fields = Fields(front);
        let (offset, number) = (fields.number()?, fields.number()?);
        let (length, id) = (fields.number()?, Uuid::from_bytes(fields.take()?));
        let stored = u32::from_le_bytes(fields.take()?);
        if fields.take::<4>()? != [0; 4] {
            return Err(Error::corrupt("the footer of the snapshot is no footer"));
        }
        Ok(Self {
            manifest: Place {
                offset,
                number,
                stored,
            },
            length,
            id,
        })
    }
}

impl Place {
    /// An error about that block.
    pub(super) fn named(self, error: Error) -> Error {
        let Self { number, offset, .. } = self;
        error.during(format!("block {number} of the snapshot, at byte {offset}"))
    }
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Entries = 1,
    Index = 2,
    Manifest = 3,
    Dictionary = 4,
}

/// What stands before a block's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHead {
    /// Bytes of the payload as it lies.
    pub(super) stored: u32,
    /// Bytes of it before compression, 0 where it is not compressed.
    pub(super) raw: u32,
    pub(super) kind: BlockKind,
}

pub(super) const BLOCK_HEAD_BYTES: usize = 9;

/// What of a block may be as much smaller as it gets.
pub(super) const SMALL_BYTES: usize = 1 << 20;

/// How many times smaller more than that may get.
pub(super) const RATIO_MAX: usize = 1000;

impl BlockHead {
    pub(super) fn encode(&self) -> [u8; BLOCK_HEAD_BYTES] {
        let mut out = [0; BLOCK_HEAD_BYTES];
        let numbers = [self.stored, self.raw].map(u32::to_le_bytes);
        for (to, from) in out.iter_mut().zip(numbers.as_flattened()) {
            *to = *from;
        }
        if let Some(kind) = out.last_mut() {
            *kind = self.kind as u8;
        }
        out
    }

    pub(super) fn decode(bytes: &[u8; BLOCK_HEAD_BYTES]) -> Result<Self> {
        let mut fields = Fields(bytes);
        Ok(Self {
            stored: u32::from_le_bytes(fields.take()?),
            raw: u32::from_le_bytes(fields.take()?),
            kind: match fields.take()? {
                [1] => BlockKind::Entries,
                [2] => BlockKind::Index,
                [3] => BlockKind::Manifest,
                [4] => BlockKind::Dictionary,
                [kind] => return Err(Error::corrupt(format!("there is no block of kind {kind}"))),
            },
        })
    }
}

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// In the order of their names.
    pub(super) tables: Vec<TableEntry>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub(super) name: String,
    /// What a reader sees there, whatever the file builds on.
    #[serde(flatten)]
    pub(super) content: Content,
    /// Blocks of this file.
    pub(super) blocks: u64,
    /// Where the index of these blocks lies; none where there are no blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<Place>,
    /// What its blocks are compressed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dictionary: Option<Place>,
}

impl TableEntry {
    /// An error about that table.
    pub(super) fn named(&self, error: Error) -> Error {
        error.during(format!("table {:?}", self.name))
    }
}

/// Appends the checksum of what is there.
fn sealed(mut out: Vec<u8>) -> [u8; HEADER_BYTES] {
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    fixed(&out)
}

/// Bytes of a length that is known.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut fixed = [0; N];
    for (to, from) in fixed.iter_mut().zip(bytes) {
        *to = *from;
    }
    fixed
}

/// Refuses bytes whose last four are not the checksum of those before.
fn check_seal(bytes: &[u8], what: &str) -> Result<()> {
    match bytes.split_last_chunk::<4>() {
        Some((front, crc)) if crc32fast::hash(front) == u32::from_le_bytes(*crc) => Ok(()),
        _ => Err(Error::corrupt(format!(
            "the {what} of the snapshot is damaged"
        ))),
    }
}

/// Fields one behind the other.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.0.split_first_chunk::<N>();
        let (field, rest) = taken.ok_or_else(|| Error::corrupt("a field is cut short"))?;
        self.0 = rest;
        Ok(*field)
    }

    fn number(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            id: Uuid::from_bytes([1; 16]),
            base: Some(Uuid::from_bytes([2; 16])),
            database: Uuid::from_bytes([3; 16]),
            commit: CommitId::new(4, 5),
            revision: 6,
            created: Timestamp::from_micros(-7),
            epoch: 8,
            is_encrypted: true,
        }
    }

    #[test]
    fn header_and_footer_have_golden_bytes() {
        let bytes = header().encode();
        let mut expected = b"larder snapshot\0".to_vec();
        expected.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        for byte in 1..=3 {
            expected.extend([byte; 16]);
        }
        expected.extend(4_u128.to_le_bytes());
        expected.extend(5_u64.to_le_bytes());
        expected.extend(6_u64.to_le_bytes());
        expected.extend((-7_i64).to_le_bytes());
        expected.extend(8_u64.to_le_bytes());
        expected.extend([0; 4]);
        assert_eq!(bytes[..124], expected);
        assert_eq!(Header::decode(&bytes).unwrap(), header());

        let footer = Footer {
            manifest: Place {
                offset: 1,
                number: 2,
                stored: 5,
            },
            length: 3,
            id: Uuid::from_bytes([4; 16]),
        };
        let bytes = footer.encode();
        let mut expected = Vec::new();
        for number in 1..=3_u64 {
            expected.extend(number.to_le_bytes());
        }
        expected.extend([4; 16]);
        expected.extend([5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[..48], expected);
        assert_eq!(&bytes[52..], b"larder end.\0");
        assert_eq!(Footer::decode(&bytes).unwrap(), footer);
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let bytes = header().encode();
        for bit in 0..8 * HEADER_BYTES {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&changed).is_err(), "{bit}");
        }
    }
}
