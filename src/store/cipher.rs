//! How are bytes sealed, so that only the key reads them and no change goes unseen?
//!
//! Two ciphers, both always compiled in, both with nonces of 192 bits, long enough to be drawn at
//! random for every write without counting (after 2^80 of them two would agree by chance once in
//! four billion):
//! - XAES-256-GCM (C2SP, `XAES-256-GCM.md`): derives an AES-256-GCM key from the first half of the
//!   nonce. Fast where the processor has AES, slow and open to timing where it has not.
//! - XChaCha20-Poly1305 (`draft-irtf-cfrg-xchacha-03`): fast enough everywhere.
//!
//! Neither commits to its key: bytes can be made that open under two keys. The header's MAC does
//! (`keyring.rs`), and everything else is sealed under keys derived from what it commits to.

use std::fmt;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use xaes_256_gcm::Xaes256Gcm;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a nonce, of either cipher.
pub(crate) const NONCE_BYTES: usize = 24;

/// Bytes of a tag, of either cipher.
pub(crate) const TAG_BYTES: usize = 16;

/// Which cipher seals a file; recorded in its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CipherKind {
    /// XAES-256-GCM (C2SP): where the processor has instructions for AES.
    Xaes256Gcm,
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): everywhere else.
    XChaCha20Poly1305,
}

impl CipherKind {
    /// Its number in the header; 0 is no cipher.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Xaes256Gcm => 1,
            Self::XChaCha20Poly1305 => 2,
        }
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Xaes256Gcm),
            2 => Some(Self::XChaCha20Poly1305),
            _ => None,
        }
    }

    /// The faster one on this processor. A file keeps the one it was created with.
    pub(crate) fn preferred() -> Self {
        if has_aes() {
            Self::Xaes256Gcm
        } else {
            Self::XChaCha20Poly1305
        }
    }
}

/// Whether the processor has instructions for AES and for GCM's multiplication: without the second,
/// GCM is no faster than the other one.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("pclmulqdq")
    }
    #[cfg(target_arch = "aarch64")]
    {
        // On this architecture the one feature has both.
        std::arch::is_aarch64_feature_detected!("aes")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    {
        false
    }
}

/// A key of 256 bits: wiped when dropped, never printed, never compared.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key of zeros, to be filled in place through [`Secret::as_mut_bytes`]: fewer copies on the
    /// stack than making it elsewhere and moving it here.
    pub(crate) fn zero() -> Self {
        Self([0; 32])
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What was opened is not what was sealed: other bytes, another place, or another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Forged;

/// A cipher with its key; wiped when dropped.
pub(crate) struct Cipher(Keyed);

/// Boxed: the key schedule stays in one place, so that moving a `Cipher` leaves no copy behind.
enum Keyed {
    Xaes(Box<Xaes256Gcm>),
    XChaCha(Box<XChaCha20Poly1305>),
}

impl Cipher {
    pub(crate) fn new(kind: CipherKind, key: &Secret) -> Self {
        let key = key.as_bytes().into();
        Self(match kind {
            CipherKind::Xaes256Gcm => Keyed::Xaes(Box::new(Xaes256Gcm::new(key))),
            CipherKind::XChaCha20Poly1305 => Keyed::XChaCha(Box::new(XChaCha20Poly1305::new(key))),
        })
    }

    /// Seals `data` in place and returns its tag. A nonce must not serve twice under one key.
    ///
    /// # Panics
    ///
    /// Where `data` has more than 64 GiB, which nothing in a file has.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = nonce.into();
        let sealed = match &self.0 {
            Keyed::Xaes(cipher) => cipher.encrypt_inout_detached(nonce, associated, data.into()),
            Keyed::XChaCha(cipher) => cipher.encrypt_inout_detached(nonce, associated, data.into()),
        };
        sealed.expect("no block has 64 GiB").into()
    }

    /// Opens `data` in place. Where it is forged, `data` keeps the sealed bytes.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), Forged> {
        let (nonce, tag) = (nonce.into(), tag.into());
        let opened = match &self.0 {
            Keyed::Xaes(cipher) => {
                cipher.decrypt_inout_detached(nonce, associated, data.into(), tag)
            }
            Keyed::XChaCha(cipher) => {
                cipher.decrypt_inout_detached(nonce, associated, data.into(), tag)
            }
        };
        opened.map_err(|_| Forged)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Keyed::Xaes(_) => "Cipher(Xaes256Gcm, ..)",
            Keyed::XChaCha(_) => "Cipher(XChaCha20Poly1305, ..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;
    use crate::store::hex::hex;

    const BOTH: [CipherKind; 2] = [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305];

    fn check(
        kind: CipherKind,
        key: [u8; 32],
        nonce: [u8; 24],
        associated: &[u8],
        plain: &[u8],
        sealed: &str,
        tag: &str,
    ) {
        let cipher = Cipher::new(kind, &Secret::new(key));
        let mut data = plain.to_vec();
        let made = cipher.seal(&nonce, associated, &mut data);
        assert_eq!(data, hex(sealed));
        assert_eq!(made.to_vec(), hex(tag));
        cipher.open(&nonce, associated, &mut data, &made).unwrap();
        assert_eq!(data, plain);
    }

    /// C2SP, `XAES-256-GCM.md`, Test Vectors: one for each value of the first bit of L.
    #[test]
    fn xaes_256_gcm_answers_as_its_specification_says() {
        let nonce = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
        check(
            CipherKind::Xaes256Gcm,
            [1; 32],
            nonce,
            b"",
            b"XAES-256-GCM",
            "ce546ef63c9cc60765923609",
            "b33a9a1974e96e52daf2fcf7075e2271",
        );
        check(
            CipherKind::Xaes256Gcm,
            [3; 32],
            nonce,
            b"c2sp.org/XAES-256-GCM",
            b"XAES-256-GCM",
            "986ec1832593df5443a17943",
            "7fd083bf3fdb41abd740a21f71eb769d",
        );
    }

    /// `draft-irtf-cfrg-xchacha-03`, appendix A.3.1.
    #[test]
    fn xchacha20_poly1305_answers_as_its_draft_says() {
        let counted = |first: u8| move |i: usize| first + u8::try_from(i).unwrap();
        check(
            CipherKind::XChaCha20Poly1305,
            std::array::from_fn(counted(0x80)),
            std::array::from_fn(counted(0x40)),
            &hex("50515253c0c1c2c3c4c5c6c7"),
            b"Ladies and Gentlemen of the class of '99: \
              If I could offer you only one tip for the future, sunscreen would be it.",
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
             731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
             2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
             21f9664c97637da9768812f615c68b13b52e",
            "c0875924c1c7987947deafd8780acf49",
        );
    }

    #[test]
    fn every_changed_bit_is_seen_and_leaves_the_sealed_bytes() {
        for kind in BOTH {
            let cipher = Cipher::new(kind, &Secret::new([5; 32]));
            let (nonce, place) = ([9; 24], *b"block 7");
            let mut sealed = [0x61; 64];
            let tag = cipher.seal(&nonce, &place, &mut sealed);
            let refused = |nonce: &[u8; 24], place: &[u8], sealed: &[u8; 64], tag: &[u8; 16]| {
                let mut data = *sealed;
                assert_eq!(cipher.open(nonce, place, &mut data, tag), Err(Forged));
                assert_eq!(data, *sealed);
            };
            for bit in 0..8 {
                for at in 0..64 {
                    let mut changed = sealed;
                    changed[at] ^= 1 << bit;
                    refused(&nonce, &place, &changed, &tag);
                }
                for at in 0..16 {
                    let mut changed = tag;
                    changed[at] ^= 1 << bit;
                    refused(&nonce, &place, &sealed, &changed);
                }
                for at in 0..24 {
                    let mut changed = nonce;
                    changed[at] ^= 1 << bit;
                    refused(&changed, &place, &sealed, &tag);
                }
            }
            refused(&nonce, b"block 8", &sealed, &tag);
            refused(&nonce, b"", &sealed, &tag);
        }
    }

    #[test]
    fn codes_are_frozen_and_nothing_prints_a_key() {
        for (kind, code) in BOTH.into_iter().zip([1, 2]) {
            assert_eq!(kind.code(), code);
            assert_eq!(CipherKind::from_code(code), Some(kind));
        }
        assert_eq!(CipherKind::from_code(0), None);
        assert_eq!(CipherKind::from_code(3), None);
        assert!(BOTH.contains(&CipherKind::preferred()));
        let secret = Secret::new([7; 32]);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let cipher = Cipher::new(CipherKind::Xaes256Gcm, &secret);
        assert_eq!(format!("{cipher:?}"), "Cipher(Xaes256Gcm, ..)");
    }

    /// The feature of the dependencies that wipes keys is on: this would not compile without.
    #[test]
    fn keys_are_wiped_when_dropped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Secret>();
        wiped::<Xaes256Gcm>();
        wiped::<XChaCha20Poly1305>();
    }

    /// `cargo test --release --lib -- --ignored --nocapture cost_of_a_block`
    #[test]
    #[ignore = "a measurement, not a test"]
    fn cost_of_a_block() {
        const ROUNDS: u32 = 20_000;
        println!("preferred here: {:?}", CipherKind::preferred());
        for kind in BOTH {
            for bytes in [32, 4096] {
                let cipher = Cipher::new(kind, &Secret::new([5; 32]));
                let mut block = vec![0x61; bytes];
                let mut nonce = [0; 24];
                let (mut sealing, mut opening) = (f64::MAX, f64::MAX);
                // The best of several runs: the machine is shared.
                for _ in 0..7 {
                    let start = clock::instant();
                    for round in 0..ROUNDS {
                        nonce[..4].copy_from_slice(&round.to_le_bytes());
                        std::hint::black_box(cipher.seal(&nonce, b"place", &mut block));
                    }
                    sealing = sealing.min(start.elapsed().as_secs_f64());
                    let tag = cipher.seal(&nonce, b"place", &mut block);
                    let sealed = block.clone();
                    let start = clock::instant();
                    for _ in 0..ROUNDS {
                        block.copy_from_slice(&sealed);
                        cipher.open(&nonce, b"place", &mut block, &tag).unwrap();
                    }
                    opening = opening.min(start.elapsed().as_secs_f64());
                }
                let each = |seconds: f64| seconds * 1e6 / f64::from(ROUNDS);
                println!(
                    "{kind:?}, {bytes} bytes: seal {:.3} us, open {:.3} us",
                    each(sealing),
                    each(opening)
                );
            }
        }
    }
}
