//! Is this file ours, and can this version read it? The first page of the file.
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       12    magic: "larder", CR LF 1A LF 00 00 (breaks where a transfer mangles line ends)
//! 12      4     format version, little-endian, 1
//! 16      16    database id, a random UUID
//! 32      8     epoch, little-endian: counts restores, 0 for a new database
//! 40      4     record format, little-endian: 1 is rkyv 0.8 little_endian unaligned pointer_width_32
//! 44      4048  zero
//! 4092    4     CRC-32 (ISO-HDLC) of bytes 0..4092, little-endian
//! 4096    ..    redb's file
//! ```
//! This layout is not frozen: the sealed file replaces it.

use uuid::Uuid;

use crate::base::{Error, ErrorKind, Result};

/// Bytes the header takes at the start of the file.
pub(super) const SIZE: usize = 4096;

const MAGIC: [u8; 12] = *b"larder\r\n\x1a\n\0\0";
const VERSION: u32 = 1;
const RECORD_FORMAT: u32 = 1;
const CRC_AT: usize = SIZE - 4;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) database_id: Uuid,
    pub(crate) epoch: u64,
}

impl Header {
    /// The header of a new database.
    pub(super) fn fresh() -> Self {
        Self {
            database_id: Uuid::new_v4(),
            epoch: 0,
        }
    }

    pub(super) fn encode(&self) -> [u8; SIZE] {
        let mut page = Vec::with_capacity(SIZE);
        page.extend_from_slice(&MAGIC);
        page.extend_from_slice(&VERSION.to_le_bytes());
        page.extend_from_slice(self.database_id.as_bytes());
        page.extend_from_slice(&self.epoch.to_le_bytes());
        page.extend_from_slice(&RECORD_FORMAT.to_le_bytes());
        page.resize(CRC_AT, 0);
        page.extend_from_slice(&crc32fast::hash(&page).to_le_bytes());
        let mut header = [0; SIZE];
        header.copy_from_slice(&page);
        header
    }

    pub(super) fn decode(page: &[u8; SIZE]) -> Result<Self> {
        let (magic, rest) = split::<12>(page)?;
        if magic != MAGIC {
            return Err(not_ours());
        }
        let (version, rest) = split::<4>(rest)?;
        let version = u32::from_le_bytes(version);
        let (body, crc) = page.split_at(CRC_AT);
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err(Error::corrupt(
                "the header of the file is damaged: its checksum is wrong",
            ));
        }
        let (database_id, rest) = split::<16>(rest)?;
        let (epoch, rest) = split::<8>(rest)?;
        let (record_format, _) = split::<4>(rest)?;
        let record_format = u32::from_le_bytes(record_format);
        if version != VERSION || record_format != RECORD_FORMAT {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!(
                    "the file has format {version}.{record_format}, this version of larder reads \
                     {VERSION}.{RECORD_FORMAT}; use the version that wrote it"
                ),
            ));
        }
        Ok(Self {
            database_id: Uuid::from_bytes(database_id),
            epoch: u64::from_le_bytes(epoch),
        })
    }
}

/// The error for a file that something else wrote.
pub(super) fn not_ours() -> Error {
    Error::new(
        ErrorKind::NotADatabase,
        "the file is not a larder database; it was left as it is, choose another path",
    )
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8])> {
    let (head, rest) = bytes
        .split_first_chunk::<N>()
        .ok_or_else(|| Error::corrupt("the header is cut short"))?;
    Ok((*head, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_golden_bytes_and_reads_back() {
        let header = Header {
            database_id: Uuid::from_bytes([7; 16]),
            epoch: 3,
        };
        let page = header.encode();
        let mut expected = b"larder\r\n\x1a\n\0\0\x01\0\0\0".to_vec();
        expected.extend_from_slice(&[7; 16]);
        expected.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(&page[..44], expected);
        assert!(page[44..CRC_AT].iter().all(|byte| *byte == 0));
        assert_eq!(Header::decode(&page).unwrap(), header);
    }

    #[test]
    fn a_foreign_a_damaged_and_a_newer_header_are_told_apart() {
        let page = Header {
            database_id: Uuid::nil(),
            epoch: 0,
        }
        .encode();
        let kind = |page: &[u8; SIZE]| Header::decode(page).unwrap_err().kind();
        assert_eq!(kind(&[0; SIZE]), ErrorKind::NotADatabase);
        for at in [13, 20, 35, 41, 2000, 4095] {
            let mut damaged = page;
            damaged[at] ^= 1;
            assert_eq!(kind(&damaged), ErrorKind::Corrupt, "byte {at}");
        }
        let mut newer = page;
        newer[12] = 2;
        let crc = crc32fast::hash(&newer[..CRC_AT]).to_le_bytes();
        newer[CRC_AT..].copy_from_slice(&crc);
        assert_eq!(kind(&newer), ErrorKind::UnsupportedFormat);
    }
}
