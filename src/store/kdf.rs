//! How hard is it to guess a passphrase?
//!
//! Argon2id, version 0x13 (RFC 9106). The parameters come out of a file whose checksum anybody can
//! mend, so they exist only within bounds: no file can ask for more than 1 GiB or more than minutes.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::cipher::Secret;
use crate::base::{Error, Result};

/// What one attempt at a passphrase costs, for its owner and for whoever guesses.
///
/// The default, 64 MiB, three passes and one lane, is the second recommendation of RFC 9106 with
/// one lane for its four: a tenth to a quarter of a second, and memory that any desktop has. Each
/// key of a file keeps the parameters it was added with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KdfParameters {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

impl KdfParameters {
    /// Argon2id with so much memory in KiB (8 to 1,048,576, and 8 for each lane), so many passes
    /// over it (1 to 64) and so many lanes (1 to 16, computed one after the other).
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) outside these bounds.
    pub fn new(memory_kib: u32, iterations: u32, lanes: u32) -> Result<Self> {
        let fits = (8..=1 << 20).contains(&memory_kib)
            && (1..=64).contains(&iterations)
            && (1..=16).contains(&lanes)
            && memory_kib >= 8 * lanes;
        if !fits {
            return Err(Error::invalid(format!(
                "Argon2id with {memory_kib} KiB, {iterations} iterations and {lanes} lanes is out \
                 of bounds: 8 to 1048576 KiB and 8 a lane, 1 to 64 iterations, 1 to 16 lanes"
            )));
        }
        Ok(Self {
            memory_kib,
            iterations,
            lanes,
        })
    }

    /// The least there is: 8 KiB, one pass, one lane. For tests only: it offers no protection, a
    /// passphrase under it is guessed at the speed of a hash.
    #[must_use]
    pub fn lowest() -> Self {
        Self {
            memory_kib: 8,
            iterations: 1,
            lanes: 1,
        }
    }

    /// Memory in KiB, iterations, lanes: as they lie in a key slot.
    pub(super) fn parts(self) -> [u32; 3] {
        [self.memory_kib, self.iterations, self.lanes]
    }

    /// The key that `passphrase` stands for.
    pub(super) fn derive(self, passphrase: &[u8], salt: &[u8]) -> Result<Secret> {
        #[cfg(test)]
        DERIVATIONS.set(DERIVATIONS.get() + 1);
        let parameters = Params::new(self.memory_kib, self.iterations, self.lanes, None)
            .map_err(|error| self.refused(error))?;
        let memory = self.memory(parameters.block_count())?;
        let mut key = Secret::zero();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into_with_memory(passphrase, salt, key.as_mut_bytes(), memory)
            .map_err(|error| self.refused(error))?;
        Ok(key)
    }

    /// Ours, not Argon2's own: that is freed as it was left, and the key follows from it by a hash.
    fn memory(self, blocks: usize) -> Result<Zeroizing<Vec<Block>>> {
        let mut memory = Vec::new();
        memory
            .try_reserve_exact(blocks)
            .map_err(|error| self.refused(error))?;
        memory.resize(blocks, Block::new());
        Ok(Zeroizing::new(memory))
    }

    fn refused(self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::limit(format!(
            "the key cannot be derived from the passphrase with {} KiB of memory",
            self.memory_kib
        ))
        .because(error)
    }
}

#[cfg(test)]
thread_local! {
    /// How often this thread ran Argon2: tests hold that it is not run in vain.
    pub(super) static DERIVATIONS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl Default for KdfParameters {
    fn default() -> Self {
        Self {
            memory_kib: 64 << 10,
            iterations: 3,
            lanes: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;
    use crate::store::hex::hex;
    use argon2::{AssociatedData, ParamsBuilder};

    /// RFC 9106, section 5.3. It has a secret and associated data, which a key slot has not.
    #[test]
    fn argon2id_answers_as_rfc_9106_says() {
        let parameters = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon2 =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, parameters)
                .unwrap();
        let mut tag = [0; 32];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .unwrap();
        assert_eq!(
            tag.to_vec(),
            hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
        );
    }

    /// From the tests of the reference implementation (`phc-winner-argon2`, `src/test.c`).
    #[test]
    fn a_passphrase_gives_the_key_of_the_reference_implementation() {
        let parameters = KdfParameters::new(1 << 16, 2, 1).unwrap();
        let key = parameters.derive(b"password", b"somesalt").unwrap();
        assert_eq!(
            key.as_bytes().to_vec(),
            hex("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")
        );
    }

    /// `cargo test --release --lib -- --ignored --nocapture cost_of_a_passphrase`
    #[test]
    #[ignore = "a measurement, not a test"]
    fn cost_of_a_passphrase() {
        let start = crate::base::clock::instant();
        KdfParameters::default()
            .derive(b"password", &[7; 32])
            .unwrap();
        println!("{:?}: {:?}", KdfParameters::default(), start.elapsed());
    }

    #[test]
    fn parameters_out_of_bounds_do_not_exist() {
        for (memory, iterations, lanes) in [
            (7, 1, 1),
            ((1 << 20) + 1, 1, 1),
            (u32::MAX, u32::MAX, u32::MAX),
            (64, 0, 1),
            (64, 65, 1),
            (64, 1, 0),
            (1024, 1, 17),
            (31, 1, 4),
            (64, 1, 1 << 29),
        ] {
            let error = KdfParameters::new(memory, iterations, lanes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert!(KdfParameters::new(1 << 20, 64, 16).is_ok());
        assert_eq!(KdfParameters::default().parts(), [65_536, 3, 1]);
        assert_eq!(KdfParameters::lowest().parts(), [8, 1, 1]);
    }
}
