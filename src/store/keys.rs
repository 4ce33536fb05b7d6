//! How do the keys of an open file change? In its header alone, in constant time: what is wrapped stays.

use super::error::from_io;
use super::header::Header;
use super::headers;
use super::kdf::KdfParameters;
use super::keyring::{
    Credential, DataKey, KeyInfo, add_key, kdf_of, list_keys, remove_key, replace_key, slot_of,
};
use super::random::Random;
use super::store::{Store, read_only};
use crate::base::{Error, ErrorKind, Result};

impl Store {
    /// The keys that open the file; none when it is not encrypted.
    pub(crate) fn list_keys(&self) -> Vec<KeyInfo> {
        list_keys(&self.unlocked.lock().header)
    }

    /// Adds a key; gives its slot.
    pub(crate) fn add_key(&self, credential: &Credential, kdf: KdfParameters) -> Result<usize> {
        self.change_header(|header, data_key, random| {
            add_key(header, data_key, credential, kdf, random)
        })
    }

    /// Removes the key in a slot, unless it is the last.
    pub(crate) fn remove_key(&self, slot: usize) -> Result<()> {
        self.change_header(|header, _, _| remove_key(header, slot))
    }

    /// Puts another key into the place of one that opens the file. A passphrase keeps the costs of the
    /// one before, unless there are others given.
    pub(crate) fn change_key(
        &self,
        old: &Credential,
        new: &Credential,
        kdf: Option<KdfParameters>,
    ) -> Result<()> {
        self.change_header(|header, data_key, random| {
            let slot = slot_of(header, old)?.ok_or_else(|| {
                Error::new(
                    ErrorKind::WrongKey,
                    "the old passphrase or key does not open the file",
                )
            })?;
            let kdf = kdf.or_else(|| kdf_of(header, slot)).unwrap_or_default();
            replace_key(header, data_key, slot, new, kdf, random)
        })
    }

    fn change_header<R>(
        &self,
        change: impl FnOnce(&mut Header, &DataKey, &Random) -> Result<R>,
    ) -> Result<R> {
        if self.is_read_only() {
            return Err(read_only());
        }
        // Held until the header is written: closing gives the lock of the file up.
        let _open = self.held_open()?;
        self.check_failure()?;
        let mut unlocked = self.unlocked.lock();
        let Some(data_key) = &unlocked.data_key else {
            return Err(Error::new(
                ErrorKind::NotEncrypted,
                "the file is not encrypted; copy it into an encrypted one by `encrypt_to`",
            ));
        };
        let mut header = unlocked.header.clone();
        let result = change(&mut header, data_key, &self.options.random)?;
        let mac_key = data_key.header();
        let (file, controls) = (self.file(), self.options.controls);
        headers::write(
            file.owner(),
            &header,
            Some(&mac_key),
            unlocked.copy,
            controls,
        )
        .map_err(|error| {
            // Which of the two headers counts is not known: no third may be written.
            self.fail(from_io(error, "the header cannot be written"))
        })?;
        unlocked.header = header;
        Ok(result)
    }
}
