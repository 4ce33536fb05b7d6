//! Where do random bytes come from?
//!
//! Keys, salts, nonces and ids are drawn here and nowhere else, so that a test can repeat a history
//! to the byte.

use std::fmt;

use crate::base::{Error, ErrorKind, Result};

#[cfg(any(test, feature = "testing"))]
use crate::base::sync::{Arc, Mutex};

/// A source of random bytes.
#[derive(Clone)]
pub(crate) struct Random(Source);

#[derive(Clone)]
enum Source {
    OperatingSystem,
    /// Clones continue one stream, or two parts of a store would draw the same nonces.
    #[cfg(any(test, feature = "testing"))]
    Seeded(Arc<Mutex<u64>>),
}

impl Random {
    /// The operating system's generator.
    pub(crate) fn os() -> Self {
        Self(Source::OperatingSystem)
    }

    /// A stream that anybody can repeat. It must never reach a user's file.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(seed))))
    }

    /// Fills `out`.
    pub(crate) fn fill(&self, out: &mut [u8]) -> Result<()> {
        match &self.0 {
            Source::OperatingSystem => getrandom::fill(out).map_err(|error| {
                Error::new(ErrorKind::Io, "the operating system gave no random bytes")
                    .because(error)
            }),
            #[cfg(any(test, feature = "testing"))]
            Source::Seeded(state) => {
                let mut state = state.lock();
                for chunk in out.chunks_mut(8) {
                    for (byte, random) in chunk.iter_mut().zip(split_mix(&mut state).to_le_bytes())
                    {
                        *byte = random;
                    }
                }
                Ok(())
            }
        }
    }

    /// As many bytes as the type says.
    pub(crate) fn array<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[cfg(any(test, feature = "testing"))]
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A key that nobody can guess.
#[cfg(feature = "keychain")]
pub(crate) fn random_key() -> Result<[u8; 32]> {
    Random::os().array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_stream_and_clones_continue_it() {
        let one = Random::seeded(7);
        let other = Random::seeded(7);
        let clone = one.clone();
        let first: [u8; 24] = one.array().unwrap();
        let second: [u8; 24] = clone.array().unwrap();
        assert_ne!(first, second);
        assert_eq!(other.array::<24>().unwrap(), first);
        assert_eq!(other.array::<24>().unwrap(), second);
    }

    #[test]
    fn the_seeded_stream_is_split_mix() {
        // The first output of SplitMix64 from 0, as in its reference implementation.
        let bytes: [u8; 8] = Random::seeded(0).array().unwrap();
        assert_eq!(u64::from_le_bytes(bytes), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn the_operating_system_gives_bytes_and_debug_shows_none() {
        let random = Random::os();
        assert_ne!(random.array::<32>().unwrap(), random.array::<32>().unwrap());
        assert_eq!(format!("{:?}", Random::seeded(7)), "Random(..)");
    }
}
