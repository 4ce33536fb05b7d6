//! How is it known that bytes are what was written here? By a tag beside them.
//!
//! One form for everything that is sealed, plain or encrypted:
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       24    nonce: random, new for every write; zero when not encrypted
//! 24      16    tag: of the cipher; when not encrypted, CRC-32 (ISO-HDLC), little-endian, then the
//!               twelve bytes "larder plain"
//! 40      ..    the bytes, or what the cipher made of them
//! ```
//! The tag covers, beside the bytes, what they are (a block, a superblock), the id of the file and
//! their number in it, so that bytes which belong elsewhere do not pass:
//! `"larder block v1\0" | "larder super v1\0" | "larder frame v1\0"`, file id (16), number (u64, little-endian). A CRC-32
//! takes those 40 bytes first and the sealed bytes behind them.
//!
//! A place that was never written is all zeros, which is no form of anything.

use super::cipher::Cipher;
use super::controls::{Control, Controls};
use super::random::Random;
use crate::base::Result;
use crate::base::sync::Mutex;

/// Bytes in front of what is sealed.
pub(super) const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const PLAIN_MARK: [u8; 12] = *b"larder plain";

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Block,
    Superblock,
    /// Of the commit log; its number is its offset in the file.
    Frame,
}

impl Domain {
    const fn label(self) -> [u8; 16] {
        match self {
            Self::Block => *b"larder block v1\0",
            Self::Superblock => *b"larder super v1\0",
            Self::Frame => *b"larder frame v1\0",
        }
    }
}

/// Why sealed bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nothing was ever written there.
    NeverWritten,
    /// The bytes are not what was written there.
    Damaged,
    /// The file ends before it.
    BeyondEnd,
}

/// The seal of one file.
pub(super) struct Seal {
    file_id: [u8; 16],
    cipher: Option<Cipher>,
    random: Random,
    /// Asked of the system for many blocks at once, which costs what it costs for one.
    fresh_nonces: Mutex<Vec<[u8; NONCE_BYTES]>>,
    controls: Controls,
}

/// Nonces that are asked for at once.
const NONCES_AT_ONCE: usize = 64;

impl Seal {
    pub(super) fn new(
        file_id: [u8; 16],
        cipher: Option<Cipher>,
        random: Random,
        controls: Controls,
    ) -> Self {
        Self {
            file_id,
            cipher,
            random,
            fresh_nonces: Mutex::default(),
            controls,
        }
    }

    pub(super) fn file_id(&self) -> &[u8; 16] {
        &self.file_id
    }

    /// Nonces for so many seals of one write, each given once.
    pub(super) fn nonces(&self, count: usize) -> Result<Vec<[u8; NONCE_BYTES]>> {
        if self.cipher.is_none() {
            return Ok(vec![[0; NONCE_BYTES]; count]);
        }
        if self.controls.has(Control::NonceReused) {
            return Ok(vec![[7; NONCE_BYTES]; count]);
        }
        let mut fresh = self.fresh_nonces.lock();
        if fresh.len() < count {
            let mut more = vec![[0; NONCE_BYTES]; count.max(NONCES_AT_ONCE)];
            self.random.fill(more.as_flattened_mut())?;
            fresh.append(&mut more);
        }
        let rest = fresh.len() - count;
        Ok(fresh.split_off(rest))
    }

    /// Seals the bytes behind the first [`SEAL_BYTES`] of `place`, and fills those.
    pub(super) fn seal(
        &self,
        domain: Domain,
        number: u64,
        nonce: &[u8; NONCE_BYTES],
        place: &mut [u8],
    ) {
        let (front, data) = place.split_at_mut(SEAL_BYTES);
        let associated = self.associated(domain, number);
        let tag = match &self.cipher {
            Some(cipher) => cipher.seal(nonce, &associated, data),
            None => plain_tag(&associated, data),
        };
        let (nonce_place, tag_place) = front.split_at_mut(NONCE_BYTES);
        nonce_place.copy_from_slice(nonce);
        tag_place.copy_from_slice(&tag);
    }

    /// Checks `data`, which lay behind `front`, and makes it readable.
    pub(super) fn open(
        &self,
        domain: Domain,
        number: u64,
        front: &[u8; SEAL_BYTES],
        data: &mut [u8],
    ) -> Result<(), Refused> {
        let associated = self.associated(domain, number);
        let (nonce, tag) = halves(front);
        let good = match &self.cipher {
            Some(cipher) => cipher.open(&nonce, &associated, data, &tag).is_ok(),
            None => nonce == [0; NONCE_BYTES] && tag == plain_tag(&associated, data),
        };
        if good {
            return Ok(());
        }
        if *front == [0; SEAL_BYTES] && data.iter().all(|byte| *byte == 0) {
            return Err(Refused::NeverWritten);
        }
        Err(Refused::Damaged)
    }

    fn associated(&self, domain: Domain, number: u64) -> [u8; 40] {
        let mut associated = [0; 40];
        let (label, rest) = associated.split_at_mut(16);
        let (file_id, place) = rest.split_at_mut(16);
        label.copy_from_slice(&domain.label());
        file_id.copy_from_slice(&self.file_id);
        place.copy_from_slice(&number.to_le_bytes());
        associated
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal")
            .field("encrypted", &self.cipher.is_some())
            .finish_non_exhaustive()
    }
}

fn plain_tag(associated: &[u8; 40], data: &[u8]) -> [u8; TAG_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(associated);
    hasher.update(data);
    let mut tag = [0; TAG_BYTES];
    let (crc, mark) = tag.split_at_mut(4);
    crc.copy_from_slice(&hasher.finalize().to_le_bytes());
    mark.copy_from_slice(&PLAIN_MARK);
    tag
}

fn halves(front: &[u8; SEAL_BYTES]) -> ([u8; NONCE_BYTES], [u8; TAG_BYTES]) {
    let (mut nonce, mut tag) = ([0; NONCE_BYTES], [0; TAG_BYTES]);
    let (nonce_place, tag_place) = front.split_at(NONCE_BYTES);
    nonce.copy_from_slice(nonce_place);
    tag.copy_from_slice(tag_place);
    (nonce, tag)
}

#[cfg(test)]
mod tests {
    use super::super::cipher::{CipherKind, Secret};
    use super::super::hex::hex;
    use super::*;

    const FILE_ID: [u8; 16] = *b"0123456789abcdef";

    fn seals() -> Vec<Seal> {
        [
            None,
            Some(CipherKind::Xaes256Gcm),
            Some(CipherKind::XChaCha20Poly1305),
        ]
        .map(|kind| {
            let cipher = kind.map(|kind| Cipher::new(kind, &Secret::new([7; 32])));
            Seal::new(FILE_ID, cipher, Random::seeded(1), Controls::default())
        })
        .into()
    }

    fn sealed(seal: &Seal, number: u64) -> Vec<u8> {
        let mut place = vec![0xA5; SEAL_BYTES + 64];
        let nonce = seal.nonces(1).unwrap()[0];
        seal.seal(Domain::Block, number, &nonce, &mut place);
        place
    }

    fn open(seal: &Seal, domain: Domain, number: u64, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
        let (front, data) = bytes.split_first_chunk::<SEAL_BYTES>().unwrap();
        let mut data = data.to_vec();
        seal.open(domain, number, front, &mut data).map(|()| data)
    }

    #[test]
    fn sealed_bytes_have_golden_bytes() {
        for (seal, golden) in seals().iter().zip(GOLDEN) {
            let nonce = match &seal.cipher {
                None => [0; NONCE_BYTES],
                Some(_) => *b"a nonce of 24 bytes ....",
            };
            let mut place = vec![0xA5; SEAL_BYTES + 64];
            seal.seal(Domain::Block, 0x0102_0304_0506_0708, &nonce, &mut place);
            assert_eq!(place[..SEAL_BYTES + 8], hex(golden));
        }
    }

    #[test]
    fn a_plain_tag_is_the_checksum_of_place_and_bytes() {
        let mut covered = b"larder block v1\0".to_vec();
        covered.extend_from_slice(&FILE_ID);
        covered.extend_from_slice(&9_u64.to_le_bytes());
        covered.extend_from_slice(&[0xA5; 64]);
        let mut expected = vec![0; 24];
        expected.extend_from_slice(&crc32fast::hash(&covered).to_le_bytes());
        expected.extend_from_slice(b"larder plain");
        expected.extend_from_slice(&[0xA5; 64]);
        assert_eq!(sealed(&seals()[0], 9), expected);
    }

    #[test]
    fn only_what_was_sealed_there_opens() {
        for seal in seals() {
            let bytes = sealed(&seal, 5);
            assert_eq!(open(&seal, Domain::Block, 5, &bytes).unwrap(), [0xA5; 64]);
            assert!(open(&seal, Domain::Block, 6, &bytes).is_err());
            assert!(open(&seal, Domain::Superblock, 5, &bytes).is_err());
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let opened = open(&seal, Domain::Block, 5, &damaged);
                assert_eq!(opened, Err(Refused::Damaged), "bit {bit}");
            }
        }
    }

    #[test]
    fn another_file_and_another_seal_do_not_open_it() {
        let seals = seals();
        for seal in &seals {
            let elsewhere = Seal::new(
                *b"fedcba9876543210",
                None,
                Random::seeded(1),
                Controls::default(),
            );
            let bytes = sealed(seal, 5);
            assert!(open(&elsewhere, Domain::Block, 5, &bytes).is_err());
            for other in seals.iter().filter(|other| !std::ptr::eq(*other, seal)) {
                assert!(open(other, Domain::Block, 5, &bytes).is_err());
            }
        }
    }

    #[test]
    fn what_was_never_written_is_told_from_damage() {
        for seal in seals() {
            let zeros = [0; SEAL_BYTES + 64];
            assert_eq!(
                open(&seal, Domain::Block, 5, &zeros),
                Err(Refused::NeverWritten)
            );
        }
    }

    /// Computed by other programs: zlib's CRC-32, OpenSSL's AES as C2SP's XAES-256-GCM says, libsodium.
    const GOLDEN: [&str; 3] = [
        "000000000000000000000000000000000000000000000000\
         106592796c617264657220706c61696e\
         a5a5a5a5a5a5a5a5",
        "61206e6f6e6365206f66203234206279746573202e2e2e2e\
         e26bca3cad65c86837922de48be0718e\
         6216aa9ba35d5db5",
        "61206e6f6e6365206f66203234206279746573202e2e2e2e\
         e447de9de108ad3b5ed11b036e4f4687\
         11f2838352ec7163",
    ];
}
