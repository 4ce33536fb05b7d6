//! What says that a block is the one that was written there? A checksum, or where it is encrypted a tag.

use super::format::{BLOCK_HEAD_BYTES, HEADER_BYTES, Header};
use crate::base::{Error, Result};
use crate::store::Cipher;

const DOMAIN: &[u8; 24] = b"larder snapshot block v1";

/// How the blocks of one snapshot are sealed: each to the snapshot, and to its number there.
pub(super) struct Seal {
    header: [u8; HEADER_BYTES],
    id: [u8; 16],
    cipher: Option<Cipher>,
}

/// What stands behind a block's payload.
const CHECKSUM_BYTES: usize = 4;
const TAG_BYTES: usize = 16;

impl Seal {
    pub(super) fn new(header: &Header, cipher: Option<Cipher>) -> Self {
        Self {
            header: header.encode(),
            id: *header.id.as_bytes(),
            cipher,
        }
    }

    /// Bytes behind each payload.
    pub(super) fn bytes(&self) -> usize {
        match self.cipher {
            Some(_) => TAG_BYTES,
            None => CHECKSUM_BYTES,
        }
    }

    /// Seals a payload where it lies, and appends what says so.
    pub(super) fn seal(&self, number: u64, head: &[u8; BLOCK_HEAD_BYTES], payload: &mut Vec<u8>) {
        match &self.cipher {
            Some(cipher) => {
                let tag = cipher.seal(&nonce(number), &self.associated(head), payload);
                payload.extend_from_slice(&tag);
            }
            None => {
                let checksum = self.checksum(number, head, payload);
                payload.extend_from_slice(&checksum.to_le_bytes());
            }
        }
    }

    /// Opens what was sealed, and cuts the seal off.
    ///
    /// # Errors
    /// `Corrupt` where it is not what was sealed as this block of this snapshot.
    pub(super) fn open(
        &self,
        number: u64,
        head: &[u8; BLOCK_HEAD_BYTES],
        sealed: &mut Vec<u8>,
    ) -> Result<()> {
        let length = sealed.len().checked_sub(self.bytes());
        let length = length.ok_or_else(|| Error::corrupt("it is shorter than its seal"))?;
        let seal = sealed.split_off(length);
        match &self.cipher {
            Some(cipher) => {
                let tag = <[u8; TAG_BYTES]>::try_from(seal.as_slice()).unwrap_or_default();
                let opened = cipher.open(&nonce(number), &self.associated(head), sealed, &tag);
                opened.map_err(|_| Error::corrupt("it is not what was encrypted there"))
            }
            None => {
                let checksum =
                    <[u8; CHECKSUM_BYTES]>::try_from(seal.as_slice()).unwrap_or_default();
                if u32::from_le_bytes(checksum) != self.checksum(number, head, sealed) {
                    return Err(Error::corrupt("its checksum is another"));
                }
                Ok(())
            }
        }
    }

    fn checksum(&self, number: u64, head: &[u8; BLOCK_HEAD_BYTES], payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.id);
        hasher.update(&number.to_le_bytes());
        hasher.update(head);
        hasher.update(payload);
        hasher.finalize()
    }

    fn associated(&self, head: &[u8; BLOCK_HEAD_BYTES]) -> Vec<u8> {
        [DOMAIN.as_slice(), &self.header, head].concat()
    }
}

/// No number comes twice in a snapshot, and no other snapshot has its key.
fn nonce(number: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    for (to, from) in nonce.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    nonce
}
