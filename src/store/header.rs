//! Is this file ours, can this version read it, and which keys open it? One copy of the header.
//!
//! Two copies lie at the offsets 0 and 4096 (`headers.rs` says how they change).
//!
//! ```text
//! OFFSET  SIZE     MEANING (numbers are little-endian)
//! 0       12       magic: "larder", CR LF 1A LF 00 00 (breaks where a transfer mangles line ends)
//! 12      4        format version, 2
//! 16      4        record format: 1 is rkyv 0.8 little_endian unaligned pointer_width_32
//! 20      4        cipher: 0 none, 1 XAES-256-GCM, 2 XChaCha20-Poly1305
//! 24      16       file id, random, new for every file
//! 40      16       database id, a random UUID
//! 56      8        epoch: counts restores, 0 for a new database
//! 64      8        bytes of the commit log: 64 KiB to 256 MiB in steps of 4 KiB
//! 72      8        generation: of two good copies the higher is newer
//! 80      4 x 160  key slots
//! 720     3340     zero
//! 4060    32       HMAC-SHA256 (RFC 2104) of bytes 0..4060 under a key that is derived from the data
//!                  key; zero when not encrypted
//! 4092    4        CRC-32 (ISO-HDLC) of bytes 0..4092
//! ```
//!
//! A key slot; an empty one is zero throughout:
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       1     kind: 0 empty, 1 passphrase, 2 key
//! 1       3     zero
//! 4       4     Argon2id: memory in KiB; zero for a key
//! 8       4     Argon2id: iterations; zero for a key
//! 12      4     Argon2id: lanes; zero for a key
//! 16      32    salt
//! 48      24    nonce of the wrapped data key
//! 72      16    tag of the wrapped data key
//! 88      32    the data key, wrapped (`keyring.rs`)
//! 120     40    zero
//! ```
//!
//! What holds of a decoded header, whoever wrote the bytes: KDF parameters are within their bounds,
//! an encrypted file has a slot, a plain one has none, and encoding it gives the same bytes again.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::cipher::{CipherKind, Secret};
use super::kdf::KdfParameters;
use super::random::Random;
use crate::base::{Error, ErrorKind, Result};

/// Bytes of one copy.
pub(super) const SIZE: usize = 4096;

/// The most keys a file can have.
pub(crate) const SLOTS: usize = 4;

/// Bytes of a commit log that is not worth having, and one that takes too long to replay.
pub(super) const LOG_BYTES_MIN: u64 = 64 << 10;
const LOG_BYTES_MAX: u64 = 256 << 20;

const MAGIC: [u8; 12] = *b"larder\r\n\x1a\n\0\0";
pub(crate) const VERSION: u32 = 2;
const RECORD_FORMAT: u32 = 1;
const SLOT_ZEROS: usize = 40;
const MAC_AT: usize = 4060;
const CRC_AT: usize = SIZE - 4;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// `None`: the file is not encrypted.
    pub(crate) cipher: Option<CipherKind>,
    pub(crate) file_id: [u8; 16],
    pub(crate) database_id: Uuid,
    pub(crate) epoch: u64,
    pub(crate) log_bytes: u64,
    pub(crate) generation: u64,
    pub(crate) slots: [Option<KeySlot>; SLOTS],
}

/// One key of the file: how to make the key-encryption key, and the data key under it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeySlot {
    pub(super) lock: Lock,
    pub(super) salt: [u8; 32],
    pub(super) nonce: [u8; 24],
    pub(super) tag: [u8; 16],
    pub(super) wrapped: [u8; 32],
}

/// What opens a key slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lock {
    Passphrase(KdfParameters),
    Key,
}

impl Header {
    /// The header of a new database. One that is to be encrypted gets its first key from
    /// `keyring::add_key` before it can be written.
    pub(super) fn fresh(
        random: &Random,
        cipher: Option<CipherKind>,
        log_bytes: u64,
    ) -> Result<Self> {
        if !is_log_size(log_bytes) {
            return Err(Error::invalid(format!(
                "a commit log of {log_bytes} bytes is not possible: it has {LOG_BYTES_MIN} to \
                 {LOG_BYTES_MAX} bytes, in steps of 4096"
            )));
        }
        Ok(Self {
            cipher,
            file_id: random.array()?,
            database_id: uuid::Builder::from_random_bytes(random.array()?).into_uuid(),
            epoch: 0,
            log_bytes,
            generation: 1,
            slots: [const { None }; SLOTS],
        })
    }

    /// The bytes of a copy. `mac_key` goes with `cipher`: both or neither.
    pub(super) fn encode(&self, mac_key: Option<&Secret>) -> [u8; SIZE] {
        assert_eq!(
            self.cipher.is_some(),
            mac_key.is_some(),
            "an encrypted header is authenticated, a plain one is not"
        );
        assert_eq!(
            self.cipher.is_some(),
            self.slots.iter().any(Option::is_some),
            "an encrypted file has a key, a plain one has none"
        );
        let mut page = Vec::with_capacity(SIZE);
        page.extend_from_slice(&MAGIC);
        page.extend_from_slice(&VERSION.to_le_bytes());
        page.extend_from_slice(&RECORD_FORMAT.to_le_bytes());
        page.extend_from_slice(&self.cipher.map_or(0, CipherKind::code).to_le_bytes());
        page.extend_from_slice(&self.file_id);
        page.extend_from_slice(self.database_id.as_bytes());
        page.extend_from_slice(&self.epoch.to_le_bytes());
        page.extend_from_slice(&self.log_bytes.to_le_bytes());
        page.extend_from_slice(&self.generation.to_le_bytes());
        for slot in &self.slots {
            encode_slot(slot.as_ref(), &mut page);
        }
        page.resize(MAC_AT, 0);
        let mac = mac_key.map_or([0; 32], |key| {
            mac_of(&page, key).finalize().into_bytes().into()
        });
        page.extend_from_slice(&mac);
        page.extend_from_slice(&crc32fast::hash(&page).to_le_bytes());
        let mut copy = [0; SIZE];
        copy.copy_from_slice(&page);
        copy
    }

    /// Reads a copy. An encrypted one proves nothing until [`verify_mac`] has seen it.
    ///
    /// # Errors
    ///
    /// In this order: `NotADatabase` without the magic, `Corrupt` with a wrong checksum,
    /// `UnsupportedFormat` for an unknown version, record format or cipher, `Corrupt` for anything
    /// else that no version of larder writes.
    pub(super) fn decode(page: &[u8; SIZE]) -> Result<Self> {
        if !page.starts_with(&MAGIC) {
            return Err(not_ours());
        }
        let (body, crc) = page.split_at(CRC_AT);
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err(damaged("its checksum is wrong"));
        }
        let mut fields = Fields(body);
        fields.take::<12>()?;
        let cipher = decode_format(&mut fields)?;
        let header = Self {
            cipher,
            file_id: fields.take()?,
            database_id: Uuid::from_bytes(fields.take()?),
            epoch: fields.u64()?,
            log_bytes: fields.u64()?,
            generation: fields.u64()?,
            slots: decode_slots(&mut fields)?,
        };
        if !is_log_size(header.log_bytes) {
            return Err(damaged("its commit log has an impossible size"));
        }
        let mac_at = fields.0.len().saturating_sub(32);
        fields.zeros(mac_at)?;
        header.check_encryption(fields)?;
        Ok(header)
    }

    /// That slots and MAC are where the cipher says they are.
    fn check_encryption(&self, mut mac: Fields<'_>) -> Result<()> {
        let has_slot = self.slots.iter().any(Option::is_some);
        match self.cipher {
            Some(_) if !has_slot => Err(damaged("it is encrypted, and no key opens it")),
            Some(_) => Ok(()),
            None if has_slot => Err(damaged("it is not encrypted, and has keys")),
            None => mac.zeros(32),
        }
    }
}

/// Whether the copy was written by somebody who has the data key. Takes as long whatever the answer.
pub(super) fn verify_mac(page: &[u8; SIZE], mac_key: &Secret) -> bool {
    let (body, rest) = page.split_at(MAC_AT);
    rest.first_chunk::<32>()
        .is_some_and(|mac| mac_of(body, mac_key).verify_slice(mac).is_ok())
}

/// The error for a file that something else wrote.
pub(super) fn not_ours() -> Error {
    Error::new(
        ErrorKind::NotADatabase,
        "the file is not a larder database; it was left as it is, choose another path",
    )
}

impl Lock {
    /// The first 16 bytes of its slot.
    pub(super) fn encode(self) -> [u8; 16] {
        let (kind, [memory, iterations, lanes]) = match self {
            Self::Passphrase(parameters) => (1_u32, parameters.parts()),
            Self::Key => (2, [0; 3]),
        };
        let mut bytes = [0; 16];
        let words = [kind, memory, iterations, lanes];
        for (field, word) in bytes.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Debug for KeySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySlot({:?}, ..)", self.lock)
    }
}

fn encode_slot(slot: Option<&KeySlot>, page: &mut Vec<u8>) {
    let end = page.len() + 120 + SLOT_ZEROS;
    if let Some(slot) = slot {
        page.extend_from_slice(&slot.lock.encode());
        page.extend_from_slice(&slot.salt);
        page.extend_from_slice(&slot.nonce);
        page.extend_from_slice(&slot.tag);
        page.extend_from_slice(&slot.wrapped);
    }
    page.resize(end, 0);
}

/// Version, record format and cipher: whether this program knows how to go on.
fn decode_format(fields: &mut Fields<'_>) -> Result<Option<CipherKind>> {
    let (version, record_format, code) = (fields.u32()?, fields.u32()?, fields.u32()?);
    if version != VERSION || record_format != RECORD_FORMAT {
        return Err(unsupported(format!(
            "the file has format {version}.{record_format}, this version of larder reads \
             {VERSION}.{RECORD_FORMAT}; use the version that wrote it"
        )));
    }
    let cipher = CipherKind::from_code(code);
    if code != 0 && cipher.is_none() {
        return Err(unsupported(format!(
            "the file is encrypted with cipher {code}, which this version of larder does not \
             know; use the version that wrote it"
        )));
    }
    Ok(cipher)
}

fn decode_slots(fields: &mut Fields<'_>) -> Result<[Option<KeySlot>; SLOTS]> {
    let mut slots = [const { None }; SLOTS];
    for slot in &mut slots {
        *slot = decode_slot(fields)?;
    }
    Ok(slots)
}

fn decode_slot(fields: &mut Fields<'_>) -> Result<Option<KeySlot>> {
    // The kind has one byte and three zeros behind it.
    let kind = fields.u32()?;
    let kdf = [fields.u32()?, fields.u32()?, fields.u32()?];
    let lock = match (kind, kdf) {
        (0, [0, 0, 0]) => {
            fields.zeros(104 + SLOT_ZEROS)?;
            return Ok(None);
        }
        (1, [memory_kib, iterations, lanes]) => KdfParameters::new(memory_kib, iterations, lanes)
            .map(Lock::Passphrase)
            .map_err(|error| damaged("a key slot asks for the impossible").because(error))?,
        (2, [0, 0, 0]) => Lock::Key,
        _ => return Err(damaged("a key slot is of no kind")),
    };
    let slot = KeySlot {
        lock,
        salt: fields.take()?,
        nonce: fields.take()?,
        tag: fields.take()?,
        wrapped: fields.take()?,
    };
    fields.zeros(SLOT_ZEROS)?;
    Ok(Some(slot))
}

fn mac_of(body: &[u8], key: &Secret) -> Hmac<Sha256> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes());
    mac.expect("HMAC takes a key of any length")
        .chain_update(body)
}

fn is_log_size(bytes: u64) -> bool {
    (LOG_BYTES_MIN..=LOG_BYTES_MAX).contains(&bytes) && bytes.is_multiple_of(4096)
}

fn damaged(how: &str) -> Error {
    Error::corrupt(format!("the header of the file is damaged: {how}"))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::UnsupportedFormat, message)
}

/// What is left to read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (field, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// What this version writes as zero may mean something to a later one: it is refused, not lost.
    fn zeros(&mut self, count: usize) -> Result<()> {
        let (zeros, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(damaged("bytes that must be zero are not"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hex::hex;

    fn plain() -> Header {
        Header {
            cipher: None,
            file_id: [6; 16],
            database_id: Uuid::from_bytes([7; 16]),
            epoch: 3,
            log_bytes: 1 << 20,
            generation: 5,
            slots: [const { None }; SLOTS],
        }
    }

    fn slot(lock: Lock) -> KeySlot {
        KeySlot {
            lock,
            salt: [11; 32],
            nonce: [12; 24],
            tag: [13; 16],
            wrapped: [14; 32],
        }
    }

    fn encrypted() -> Header {
        let parameters = KdfParameters::new(0x0001_0203, 4, 5).unwrap();
        Header {
            cipher: Some(CipherKind::XChaCha20Poly1305),
            slots: [
                Some(slot(Lock::Passphrase(parameters))),
                None,
                Some(slot(Lock::Key)),
                None,
            ],
            ..plain()
        }
    }

    fn kind(page: &[u8; SIZE]) -> ErrorKind {
        Header::decode(page).unwrap_err().kind()
    }

    /// The page with other bytes at `at`, and a checksum that is right again.
    fn mended(page: &[u8; SIZE], at: usize, bytes: &[u8]) -> [u8; SIZE] {
        let mut page = *page;
        page[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32fast::hash(&page[..CRC_AT]).to_le_bytes();
        page[CRC_AT..].copy_from_slice(&crc);
        page
    }

    #[test]
    fn a_plain_header_has_golden_bytes_and_reads_back() {
        let page = plain().encode(None);
        let mut expected = b"larder\r\n\x1a\n\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(&[6; 16]);
        expected.extend_from_slice(&[7; 16]);
        expected.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend_from_slice(&[0, 0, 16, 0, 0, 0, 0, 0]);
        expected.extend_from_slice(&[5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(expected.len(), 80);
        assert_eq!(&page[..80], expected);
        assert!(page[80..CRC_AT].iter().all(|byte| *byte == 0));
        assert_eq!(page[CRC_AT..], 0x4c85_3edb_u32.to_le_bytes());
        assert_eq!(Header::decode(&page).unwrap(), plain());
    }

    #[test]
    fn an_encrypted_header_has_golden_bytes_and_reads_back() {
        let key = Secret::new([9; 32]);
        let page = encrypted().encode(Some(&key));
        assert_eq!(page[20..24], [2, 0, 0, 0]);
        let mut rest_of_slot = [[11; 32].as_slice(), &[12; 24], &[13; 16], &[14; 32]].concat();
        rest_of_slot.resize(144, 0);
        assert_eq!(
            page[80..96],
            [1, 0, 0, 0, 3, 2, 1, 0, 4, 0, 0, 0, 5, 0, 0, 0]
        );
        assert_eq!(page[96..240], rest_of_slot);
        assert!(page[240..400].iter().all(|byte| *byte == 0));
        assert_eq!(
            page[400..416],
            [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(page[416..560], rest_of_slot);
        assert!(page[560..MAC_AT].iter().all(|byte| *byte == 0));
        // As Python's hmac gives it.
        let mac = hex("f64b8b9dc11257923143bbcabe41c93605e7a08cc67bcdb6b57c8dbc60880ba5");
        assert_eq!(page[MAC_AT..CRC_AT], mac);
        let read = Header::decode(&page).unwrap();
        assert_eq!(read, encrypted());
        assert_eq!(read.encode(Some(&key)), page);
    }

    /// RFC 4231, test cases 1 and 2: the HMAC-SHA256 that the header's MAC is.
    #[test]
    fn hmac_sha256_answers_as_rfc_4231_says() {
        let mac = |key: &[u8], data: &[u8]| {
            let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
            mac.chain_update(data).finalize().into_bytes().to_vec()
        };
        assert_eq!(
            mac(&[0x0b; 20], b"Hi There"),
            hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        );
        assert_eq!(
            mac(b"Jefe", b"what do ya want for nothing?"),
            hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn the_mac_sees_every_changed_byte_and_another_key() {
        let key = Secret::new([9; 32]);
        let page = encrypted().encode(Some(&key));
        assert!(verify_mac(&page, &key));
        assert!(!verify_mac(&page, &Secret::new([8; 32])));
        for at in 0..CRC_AT {
            let mut changed = page;
            changed[at] ^= 1;
            assert!(!verify_mac(&changed, &key), "byte {at}");
        }
    }

    #[test]
    fn a_foreign_and_a_damaged_header_are_told_apart() {
        assert_eq!(kind(&[0; SIZE]), ErrorKind::NotADatabase);
        let pages = [
            plain().encode(None),
            encrypted().encode(Some(&Secret::new([9; 32]))),
        ];
        for (page, at) in pages
            .iter()
            .flat_map(|page| (0..SIZE).map(move |at| (page, at)))
        {
            let mut damaged = *page;
            damaged[at] ^= 1;
            let expected = if at < 12 {
                ErrorKind::NotADatabase
            } else {
                ErrorKind::Corrupt
            };
            assert_eq!(kind(&damaged), expected, "byte {at}");
        }
    }

    #[test]
    fn a_format_of_another_version_is_named() {
        let page = plain().encode(None);
        for at in [12, 16, 20] {
            let newer = mended(&page, at, &[9]);
            assert_eq!(kind(&newer), ErrorKind::UnsupportedFormat, "byte {at}");
        }
    }

    #[test]
    fn what_no_version_writes_is_corrupt_though_its_checksum_is_right() {
        let plain = plain().encode(None);
        let encrypted = encrypted().encode(Some(&Secret::new([9; 32])));
        let nothing = [0; 640];
        let log = |bytes: u64| bytes.to_le_bytes();
        for (page, at, bytes) in [
            // The size of the log.
            (&plain, 64, log(0).as_slice()),
            (&plain, 64, &log(60 << 10)),
            (&plain, 64, &log((64 << 10) + 1)),
            (&plain, 64, &log((256 << 20) + 4096)),
            (&plain, 64, &log(u64::MAX)),
            // What must be zero.
            (&plain, 720, &[1]),
            (&plain, 4059, &[1]),
            (&plain, 4060, &[1]),
            (&plain, 4091, &[1]),
            (&encrypted, 81, &[1]),
            (&encrypted, 239, &[1]),
            (&encrypted, 241, &[1]),
            (&encrypted, 399, &[1]),
            (&encrypted, 404, &[1]),
            (&encrypted, 412, &[1]),
            // Slots of no kind, slots without a cipher, a cipher without slots.
            (&encrypted, 80, &[3]),
            (&encrypted, 80, &[0]),
            (&plain, 240, &[2]),
            (&plain, 20, &[1]),
            (&encrypted, 20, &[0]),
            (&encrypted, 80, &nothing),
            // KDF parameters that would take all memory, or for ever.
            (&encrypted, 84, &[0xff; 12]),
            (&encrypted, 84, &(u32::MAX).to_le_bytes()),
            (&encrypted, 84, &((1_u32 << 20) + 1).to_le_bytes()),
            (&encrypted, 84, &[0; 4]),
            (&encrypted, 88, &(u32::MAX).to_le_bytes()),
            (&encrypted, 88, &[0; 4]),
            (&encrypted, 92, &(u32::MAX).to_le_bytes()),
            (&encrypted, 92, &[0; 4]),
        ] {
            let page = mended(page, at, bytes);
            assert_eq!(kind(&page), ErrorKind::Corrupt, "{bytes:x?} at {at}");
        }
    }

    #[test]
    fn a_fresh_header_has_new_ids_and_a_log_within_bounds() {
        let random = Random::seeded(1);
        let one = Header::fresh(&random, None, 1 << 20).unwrap();
        let other = Header::fresh(&random, None, 1 << 20).unwrap();
        assert_ne!(one.file_id, other.file_id);
        assert_ne!(one.database_id, other.database_id);
        assert_eq!(one.database_id.get_version_num(), 4);
        assert_eq!(Header::decode(&one.encode(None)).unwrap(), one);
        let refused = Header::fresh(&random, None, 4096).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}
