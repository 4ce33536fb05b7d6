//! What opens an encrypted file?
//!
//! ```text
//! passphrase --Argon2id(salt, parameters)--+
//!                                          +--> key-encryption key --unwraps--> data key
//! key -------HKDF(salt, SLOT)--------------+    (one of four slots)             |
//!                                               HKDF(.., BLOCKS), HKDF(.., HEADER), HKDF(.., LOG),
//!                                               HKDF(id of the snapshot, SNAPSHOT)
//! ```
//!
//! - The data key is random, new for every file, and never changes; passphrases and keys come and go
//!   by wrapping it again, which touches the header alone.
//! - It is wrapped with the file's cipher. Bound to the wrapping are the file id, the number of the
//!   slot, and its kind, KDF parameters and salt: a slot opens nowhere else and under nothing weaker.
//! - The ciphers do not commit to their keys. The MAC of the header does, under a key that is derived
//!   from the data key: a data key that unwraps is believed only when the MAC fits it. The MAC also
//!   forbids to weaken whatever else the header says.
//!
//! HKDF-SHA256 is RFC 5869's. A file that was encrypted stays as secret as its weakest slot; a key
//! that was removed still opens every older copy of the file.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::cipher::{Cipher, CipherKind, Forged, Secret};
use super::header::{self, Header, KeySlot, Lock, SLOTS};
use super::kdf::KdfParameters;
use super::random::Random;
use crate::base::{Error, ErrorKind, Result};

const SLOT: &[u8; 18] = b"larder key slot v1";
const BLOCKS: &[u8] = b"larder blocks v1";
const HEADER: &[u8] = b"larder header v1";
const LOG: &[u8] = b"larder log v1";
const SNAPSHOT: &[u8] = b"larder snapshot v1";

/// What a user gives to open a file.
pub(crate) enum Credential {
    None,
    Passphrase(Zeroizing<Vec<u8>>),
    Key(Secret),
}

/// One key of an encrypted file. What opens it is not in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Where it lies, 0 to 3: its name in calls that remove or replace it.
    pub slot: usize,
    /// What it is.
    pub kind: KeyKind,
}

/// What a key of an encrypted file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyKind {
    /// A passphrase, made a key by Argon2id.
    Passphrase,
    /// 32 random bytes that the program keeps.
    Key,
}

/// The key that everything in a file is sealed under, through one of its subkeys. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct DataKey(Secret);

impl DataKey {
    /// A new one, for a new file.
    pub(crate) fn fresh(random: &Random) -> Result<Self> {
        let mut key = Secret::zero();
        random.fill(key.as_mut_bytes())?;
        Ok(Self(key))
    }

    /// Seals blocks and superblocks.
    pub(crate) fn blocks(&self) -> Secret {
        self.subkey(BLOCKS)
    }

    /// Authenticates the header.
    pub(crate) fn header(&self) -> Secret {
        self.subkey(HEADER)
    }

    /// Seals the commit log.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the log is reserved, and not written yet")
    )]
    pub(crate) fn log(&self) -> Secret {
        self.subkey(LOG)
    }

    /// Seals a snapshot, and no other one.
    pub(crate) fn snapshot(&self, id: uuid::Uuid) -> Secret {
        derive(id.as_bytes(), self.0.as_bytes(), SNAPSHOT)
    }

    fn subkey(&self, purpose: &[u8]) -> Secret {
        derive(&[], self.0.as_bytes(), purpose)
    }
}

/// The data key of a file, `None` for a plain one. `page` is the copy that `header` was read from.
///
/// # Errors
///
/// `NotEncrypted` when a credential is given for a plain file; `WrongKey` when none is given for an
/// encrypted one, when the given one opens no slot, or when the header is not what was written.
pub(crate) fn unlock(
    header: &Header,
    page: &[u8; header::SIZE],
    credential: &Credential,
) -> Result<Option<DataKey>> {
    match (header.cipher, credential) {
        (None, Credential::None) => Ok(None),
        (None, _) => Err(not_encrypted()),
        (Some(_), Credential::None) => Err(wrong_key(
            "the file is encrypted; give its passphrase or key on the builder",
        )),
        (Some(cipher), _) => unlock_any(header, cipher, page, credential).map(Some),
    }
}

/// Adds a key and returns its slot.
///
/// # Errors
///
/// `Limit` when four are there already, `Invalid` for no credential or an empty passphrase.
pub(crate) fn add_key(
    header: &mut Header,
    data_key: &DataKey,
    credential: &Credential,
    kdf: KdfParameters,
    random: &Random,
) -> Result<usize> {
    let free = header.slots.iter().position(Option::is_none);
    let number = free.ok_or_else(|| {
        Error::limit(format!(
            "a file has {SLOTS} keys at most; remove or replace one"
        ))
    })?;
    let slot = wrap(header, data_key, number, credential, kdf, random)?;
    put(header, number, Some(slot))?;
    Ok(number)
}

/// Removes a key. The last one stays: nothing would open the file any more.
///
/// # Errors
///
/// `NotFound` where there is no key, `Invalid` for the last one.
pub(crate) fn remove_key(header: &mut Header, number: usize) -> Result<()> {
    check_taken(header, number)?;
    if header.slots.iter().flatten().count() == 1 {
        return Err(Error::invalid(
            "the last key of a file cannot be removed; add another one first, or replace it",
        ));
    }
    put(header, number, None)
}

/// Puts another key into a slot that has one.
///
/// # Errors
///
/// `NotFound` where there is no key, `Invalid` for no credential or an empty passphrase.
pub(crate) fn replace_key(
    header: &mut Header,
    data_key: &DataKey,
    number: usize,
    credential: &Credential,
    kdf: KdfParameters,
    random: &Random,
) -> Result<()> {
    check_taken(header, number)?;
    let slot = wrap(header, data_key, number, credential, kdf, random)?;
    put(header, number, Some(slot))
}

/// The slot that `credential` opens: what a change of passphrase replaces.
pub(crate) fn slot_of(header: &Header, credential: &Credential) -> Result<Option<usize>> {
    let Some(cipher) = header.cipher else {
        return Ok(None);
    };
    for (number, slot) in taken(header) {
        if unwrap(header, cipher, number, slot, credential)?.is_some() {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// What the passphrase in a slot costs; `None` where there is none.
pub(crate) fn kdf_of(header: &Header, number: usize) -> Option<KdfParameters> {
    match header.slots.get(number)?.as_ref()?.lock {
        Lock::Passphrase(parameters) => Some(parameters),
        Lock::Key => None,
    }
}

/// The keys of a file, in the order of their slots.
pub(crate) fn list_keys(header: &Header) -> Vec<KeyInfo> {
    taken(header)
        .map(|(slot, key)| KeyInfo {
            slot,
            kind: match key.lock {
                Lock::Passphrase(_) => KeyKind::Passphrase,
                Lock::Key => KeyKind::Key,
            },
        })
        .collect()
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Passphrase(_) => "Passphrase(..)",
            Self::Key(_) => "Key(..)",
        })
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

fn unlock_any(
    header: &Header,
    cipher: CipherKind,
    page: &[u8; header::SIZE],
    credential: &Credential,
) -> Result<DataKey> {
    let mut altered = false;
    for (number, slot) in taken(header) {
        if let Some(data_key) = unwrap(header, cipher, number, slot, credential)? {
            if header::verify_mac(page, &data_key.header()) {
                return Ok(data_key);
            }
            altered = true;
        }
    }
    Err(wrong_key(if altered {
        "the key fits, but the header of the file was altered by somebody who does not have it"
    } else {
        "the file does not open with this passphrase or key"
    }))
}

/// The slots that have a key, with their numbers.
fn taken(header: &Header) -> impl Iterator<Item = (usize, &KeySlot)> {
    let numbered = header.slots.iter().enumerate();
    numbered.filter_map(|(number, slot)| slot.as_ref().map(|slot| (number, slot)))
}

fn check_taken(header: &Header, number: usize) -> Result<()> {
    match header.slots.get(number) {
        Some(Some(_)) => Ok(()),
        _ => Err(Error::new(
            ErrorKind::NotFound,
            format!("the file has no key in slot {number}"),
        )),
    }
}

/// The one place where a header changes: all or nothing, and always under a new generation.
fn put(header: &mut Header, number: usize, slot: Option<KeySlot>) -> Result<()> {
    let generation = header.generation.checked_add(1);
    let (Some(generation), Some(place)) = (generation, header.slots.get_mut(number)) else {
        return Err(Error::limit("the keys of this file cannot be changed"));
    };
    *place = slot;
    header.generation = generation;
    Ok(())
}

/// A slot that gives `data_key` to whoever has `credential`.
fn wrap(
    header: &Header,
    data_key: &DataKey,
    number: usize,
    credential: &Credential,
    kdf: KdfParameters,
    random: &Random,
) -> Result<KeySlot> {
    let cipher = header.cipher.ok_or_else(not_encrypted)?;
    let lock = match credential {
        Credential::None => return Err(Error::invalid("a key or a passphrase must be given")),
        Credential::Passphrase(passphrase) if passphrase.is_empty() => {
            return Err(Error::invalid("an empty passphrase protects nothing"));
        }
        Credential::Passphrase(_) => Lock::Passphrase(kdf),
        Credential::Key(_) => Lock::Key,
    };
    let (salt, nonce) = (random.array()?, random.array()?);
    let key = key_encryption_key(lock, &salt, credential)?
        .ok_or_else(|| Error::invalid("the credential is of another kind than its slot"))?;
    // The copy is sealed in place; what leaves this function is the sealed one.
    let mut wrapped = Zeroizing::new(*data_key.0.as_bytes());
    let place = place_of(header, number, lock, &salt);
    let tag = Cipher::new(cipher, &key).seal(&nonce, &place, wrapped.as_mut_slice());
    Ok(KeySlot {
        lock,
        salt,
        nonce,
        tag,
        wrapped: *wrapped,
    })
}

/// The data key in a slot; `None` where the credential is of another kind, or the wrong one.
fn unwrap(
    header: &Header,
    cipher: CipherKind,
    number: usize,
    slot: &KeySlot,
    credential: &Credential,
) -> Result<Option<DataKey>> {
    let Some(key) = key_encryption_key(slot.lock, &slot.salt, credential)? else {
        return Ok(None);
    };
    let mut data_key = Secret::new(slot.wrapped);
    let place = place_of(header, number, slot.lock, &slot.salt);
    let opened =
        Cipher::new(cipher, &key).open(&slot.nonce, &place, data_key.as_mut_bytes(), &slot.tag);
    match opened {
        Ok(()) => Ok(Some(DataKey(data_key))),
        Err(Forged) => Ok(None),
    }
}

/// `None` where lock and credential are of different kinds.
fn key_encryption_key(
    lock: Lock,
    salt: &[u8; 32],
    credential: &Credential,
) -> Result<Option<Secret>> {
    match (lock, credential) {
        (Lock::Passphrase(parameters), Credential::Passphrase(passphrase)) => {
            parameters.derive(passphrase, salt).map(Some)
        }
        (Lock::Key, Credential::Key(key)) => Ok(Some(derive(salt, key.as_bytes(), SLOT))),
        _ => Ok(None),
    }
}

/// What a wrapped key is bound to: domain, file id, slot number, kind and KDF parameters, salt.
fn place_of(header: &Header, number: usize, lock: Lock, salt: &[u8; 32]) -> Vec<u8> {
    // There are four slots.
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    [
        SLOT.as_slice(),
        &header.file_id,
        &[number],
        &lock.encode(),
        salt,
    ]
    .concat()
}

/// HKDF-SHA256: 32 bytes.
fn derive(salt: &[u8], key: &[u8; 32], purpose: &[u8]) -> Secret {
    let (mut extracted, hkdf) = Hkdf::<Sha256>::extract(Some(salt), key);
    extracted.as_mut_slice().zeroize();
    let mut derived = Secret::zero();
    hkdf.expand(purpose, derived.as_mut_bytes())
        .expect("HKDF gives up to 8160 bytes");
    derived
}

pub(super) fn not_encrypted() -> Error {
    Error::new(
        ErrorKind::NotEncrypted,
        "the file is not encrypted, but a passphrase or key was given; open it without",
    )
}

fn wrong_key(message: &'static str) -> Error {
    Error::new(ErrorKind::WrongKey, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hex::hex;
    use crate::store::kdf::DERIVATIONS;

    fn passphrase(text: &str) -> Credential {
        Credential::Passphrase(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn key(byte: u8) -> Credential {
        Credential::Key(Secret::new([byte; 32]))
    }

    /// A header with `credentials` in its first slots, and the data key.
    fn keyed(cipher: CipherKind, credentials: &[Credential]) -> (Header, DataKey, Random) {
        let random = Random::seeded(42);
        let mut header = Header::fresh(&random, Some(cipher), 1 << 20).unwrap();
        let data_key = DataKey::fresh(&random).unwrap();
        for credential in credentials {
            let kdf = KdfParameters::lowest();
            add_key(&mut header, &data_key, credential, kdf, &random).unwrap();
        }
        (header, data_key, random)
    }

    fn unlocked(header: &Header, data_key: &DataKey, credential: &Credential) -> Result<Secret> {
        let page = header.encode(Some(&data_key.header()));
        let header = Header::decode(&page).unwrap();
        unlock(&header, &page, credential).map(|key| key.unwrap().0)
    }

    fn kind<T: fmt::Debug>(result: Result<T>) -> ErrorKind {
        result.unwrap_err().kind()
    }

    /// RFC 5869, test cases 1 and 3.
    #[test]
    fn hkdf_sha256_answers_as_rfc_5869_says() {
        let salt: [u8; 13] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let info: [u8; 10] = std::array::from_fn(|i| 0xf0 + u8::try_from(i).unwrap());
        let mut out = [0; 42];
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22]);
        hkdf.expand(&info, &mut out).unwrap();
        assert_eq!(
            out.to_vec(),
            hex(
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
                 34007208d5b887185865"
            )
        );
        let hkdf = Hkdf::<Sha256>::new(Some(&[]), &[0x0b; 22]);
        hkdf.expand(&[], &mut out).unwrap();
        assert_eq!(
            out.to_vec(),
            hex(
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
                 9d201395faa4b61a96c8"
            )
        );
    }

    /// What files are made of: if this changes, no file of an earlier version opens. They were
    /// computed a second time by other programs (Python, OpenSSL), from the RFCs and the head of
    /// this file.
    #[test]
    fn derived_and_wrapped_keys_have_golden_bytes() {
        let data_key = DataKey(Secret::new([1; 32]));
        let subkeys = [data_key.blocks(), data_key.header(), data_key.log()];
        for (subkey, golden) in subkeys.iter().zip(GOLDEN_SUBKEYS) {
            assert_eq!(subkey.as_bytes().to_vec(), hex(golden));
        }
        let mut wrapped = Vec::new();
        for cipher in [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305] {
            let (header, ..) = keyed(cipher, &[passphrase("open sesame"), key(2)]);
            for slot in header.slots.iter().flatten() {
                wrapped.push([slot.tag.as_slice(), &slot.wrapped].concat());
            }
        }
        assert_eq!(wrapped, GOLDEN_WRAPPED.map(hex));
    }

    const GOLDEN_SUBKEYS: [&str; 3] = [
        "9d3c3a552633b747fc1e5305e9427b16941eb3d54bc7a666090d1c1ea7634688",
        "7dd5f94df199ab705f8487f6128c3565cec1ca526bb9da19e6d795da97c970fc",
        "f747aad9ea59e9b5579bf64131d0b1698216615f7259fc64266d68e3b438f203",
    ];

    const GOLDEN_WRAPPED: [&str; 4] = [
        "860024e9e3d30a139833ef893e587a07ba72f67300e35516422e467ea75065cb\
         d98816e6a3ba87514754b8d2619fdded",
        "719dbacbdaa941a6eadb6f57dddc8963a2d7467e5f90304df9eae0d4219dceca\
         5e445a524d1cced0c656cd4ec9b206a0",
        "a8b95f47155d31fca3db3db1bedc9ffe96578a71a4b52b36f1007ea54e0bfe1b\
         13738ac08ff222534defe5b898c2986f",
        "5bc5e1f0364bbc1796b19c94bb9430e18881157f056f4b275375339d67ff3eed\
         baebbcae41ea49f9c6b85dd7cf446745",
    ];

    #[test]
    fn every_key_opens_and_no_other_does() {
        for cipher in [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305] {
            let mine = [passphrase("one"), key(2), passphrase("three"), key(4)];
            let (header, data_key, _) = keyed(cipher, &mine);
            for credential in &mine {
                let opened = unlocked(&header, &data_key, credential).unwrap();
                assert_eq!(opened.as_bytes(), data_key.0.as_bytes());
            }
            let bytes_of_a_key = Credential::Passphrase(Zeroizing::new(vec![2; 32]));
            for credential in [
                passphrase("two"),
                passphrase(""),
                key(3),
                bytes_of_a_key,
                Credential::None,
            ] {
                let refused = unlocked(&header, &data_key, &credential);
                assert_eq!(kind(refused), ErrorKind::WrongKey);
            }
        }
    }

    #[test]
    fn a_plain_file_opens_without_a_credential_and_only_so() {
        let header = Header::fresh(&Random::seeded(1), None, 1 << 20).unwrap();
        let page = header.encode(None);
        assert!(unlock(&header, &page, &Credential::None).unwrap().is_none());
        for credential in [passphrase("one"), key(2)] {
            let refused = unlock(&header, &page, &credential);
            assert_eq!(kind(refused), ErrorKind::NotEncrypted);
        }
    }

    #[test]
    fn keys_come_change_and_go_until_the_last() {
        let (mut header, data_key, random) = keyed(CipherKind::preferred(), &[passphrase("one")]);
        let kdf = KdfParameters::lowest();
        assert_eq!(header.generation, 2);
        assert_eq!(kind(remove_key(&mut header, 0)), ErrorKind::Invalid);
        for (slot, byte) in [(1, 2), (2, 3), (3, 4)] {
            let added = add_key(&mut header, &data_key, &key(byte), kdf, &random);
            assert_eq!(added.unwrap(), slot);
        }
        let fifth = add_key(&mut header, &data_key, &key(5), kdf, &random);
        assert_eq!(kind(fifth), ErrorKind::Limit);
        assert_eq!(header.generation, 5);

        let two = passphrase("two");
        replace_key(&mut header, &data_key, 0, &two, kdf, &random).unwrap();
        remove_key(&mut header, 2).unwrap();
        assert_eq!(header.generation, 7);
        assert_eq!(slot_of(&header, &two).unwrap(), Some(0));
        assert_eq!(slot_of(&header, &key(4)).unwrap(), Some(3));
        assert_eq!(slot_of(&header, &key(3)).unwrap(), None);
        let listed: Vec<_> = list_keys(&header)
            .iter()
            .map(|k| (k.slot, k.kind))
            .collect();
        assert_eq!(
            listed,
            [
                (0, KeyKind::Passphrase),
                (1, KeyKind::Key),
                (3, KeyKind::Key)
            ]
        );
        let gone = unlocked(&header, &data_key, &passphrase("one"));
        assert_eq!(kind(gone), ErrorKind::WrongKey);
    }

    #[test]
    fn a_refused_change_leaves_the_header_as_it_was() {
        let (mut header, data_key, random) = keyed(CipherKind::preferred(), &[key(1), key(2)]);
        let (before, kdf) = (header.clone(), KdfParameters::lowest());
        for credential in [passphrase(""), Credential::None] {
            let added = add_key(&mut header, &data_key, &credential, kdf, &random);
            assert_eq!(kind(added), ErrorKind::Invalid);
            let replaced = replace_key(&mut header, &data_key, 0, &credential, kdf, &random);
            assert_eq!(kind(replaced), ErrorKind::Invalid);
        }
        for absent in [2, 4, usize::MAX] {
            let replaced = replace_key(&mut header, &data_key, absent, &key(3), kdf, &random);
            assert_eq!(kind(replaced), ErrorKind::NotFound);
            assert_eq!(kind(remove_key(&mut header, absent)), ErrorKind::NotFound);
        }
        assert_eq!(header, before);
        header.generation = u64::MAX;
        assert_eq!(kind(remove_key(&mut header, 0)), ErrorKind::Limit);
        assert_eq!(header.slots, before.slots);

        let mut plain = Header::fresh(&random, None, 1 << 20).unwrap();
        let added = add_key(&mut plain, &data_key, &key(1), kdf, &random);
        assert_eq!(kind(added), ErrorKind::NotEncrypted);
    }

    /// What somebody without a key can do to a header: everything but the MAC.
    #[test]
    fn a_tampered_header_opens_for_nobody() {
        let mine = [key(1), passphrase("two")];
        let (header, data_key, _) = keyed(CipherKind::Xaes256Gcm, &mine);
        let (foreign, ..) = {
            let random = Random::seeded(43);
            let mut header = Header::fresh(&random, header.cipher, 1 << 20).unwrap();
            let data_key = DataKey::fresh(&random).unwrap();
            let kdf = KdfParameters::lowest();
            add_key(&mut header, &data_key, &mine[0], kdf, &random).unwrap();
            (header, data_key)
        };
        let tampered: [fn(&mut Header, &Header); 9] = [
            |header, _| header.slots.swap(0, 1),
            |header, _| header.slots.swap(0, 2),
            |header, foreign| header.slots.clone_from(&foreign.slots),
            |header, foreign| header.slots[2].clone_from(&foreign.slots[0]),
            |header, _| header.cipher = Some(CipherKind::XChaCha20Poly1305),
            |header, _| header.epoch += 1,
            |header, _| header.log_bytes *= 2,
            |header, _| header.generation += 1,
            |header, _| header.file_id[0] ^= 1,
        ];
        let mac_key = data_key.header();
        let page = header.encode(Some(&mac_key));
        for (number, tamper) in tampered.iter().enumerate() {
            let mut header = header.clone();
            tamper(&mut header, &foreign);
            let mut forged = header.encode(Some(&Secret::new([0; 32])));
            forged[4060..4092].copy_from_slice(&page[4060..4092]);
            for credential in &mine {
                let refused = unlock(&header, &forged, credential);
                assert_eq!(kind(refused), ErrorKind::WrongKey, "tampering {number}");
            }
        }
        // Binding to place and file holds without the MAC too: a swapped slot does not unwrap.
        let mut swapped = header.clone();
        swapped.slots.swap(0, 2);
        assert_eq!(slot_of(&swapped, &mine[0]).unwrap(), None);
        let mut weakened = header.clone();
        weakened.slots[1].as_mut().unwrap().lock =
            Lock::Passphrase(KdfParameters::new(16, 1, 1).unwrap());
        assert_eq!(slot_of(&weakened, &mine[1]).unwrap(), None);
    }

    #[test]
    fn a_key_is_not_run_through_a_passphrase_slot() {
        let (mut header, ..) = keyed(CipherKind::preferred(), &[passphrase("one"), key(2)]);
        let dear = KdfParameters::new(1 << 20, 64, 1).unwrap();
        header.slots[0].as_mut().unwrap().lock = Lock::Passphrase(dear);
        DERIVATIONS.set(0);
        assert_eq!(slot_of(&header, &key(2)).unwrap(), Some(1));
        assert_eq!(DERIVATIONS.get(), 0);
    }

    #[test]
    fn nothing_prints_a_secret() {
        assert_eq!(format!("{:?}", passphrase("one")), "Passphrase(..)");
        assert_eq!(format!("{:?}", key(1)), "Key(..)");
        let (header, data_key, _) = keyed(CipherKind::preferred(), &[key(1)]);
        assert_eq!(format!("{data_key:?}"), "DataKey(..)");
        assert!(format!("{header:?}").contains("KeySlot(Key, ..)"));
    }
}
