//! How is a file encrypted, and how do its keys change?

use std::path::Path;

use zeroize::Zeroizing;

use super::builder::Builder;
use super::database::Database;
use crate::base::Result;
use crate::base::sync::Arc;
use crate::store::{Credential, KdfParameters, KeyInfo, OpenOptions, Secret};

/// Something that opens an encrypted file: a passphrase, or a key of 32 bytes.
///
/// It is wiped from memory when it is dropped, and never printed.
#[derive(Clone, Debug)]
pub struct Unlock {
    credential: Arc<Credential>,
    /// `None`: as where it is stored, or the default where that says nothing.
    kdf: Option<KdfParameters>,
}

impl Unlock {
    /// A passphrase that a person types. A key is derived from it by Argon2id (RFC 9106), which costs
    /// whoever guesses as much as whoever knows: 64 MiB of memory and about a tenth of a second.
    #[must_use]
    pub fn passphrase(passphrase: &str) -> Self {
        let bytes = Zeroizing::new(passphrase.as_bytes().to_vec());
        Self {
            credential: Arc::new(Credential::Passphrase(bytes)),
            kdf: None,
        }
    }

    /// A key of 32 bytes that nobody can guess, such as one that the system's keychain keeps. It is
    /// not made more expensive, as a passphrase is.
    #[must_use]
    pub fn key(key: [u8; 32]) -> Self {
        Self {
            credential: Arc::new(Credential::Key(Secret::new(key))),
            kdf: None,
        }
    }

    /// What deriving a key from the passphrase costs, where it is stored anew.
    #[must_use]
    pub fn kdf(mut self, parameters: KdfParameters) -> Self {
        self.kdf = Some(parameters);
        self
    }

    /// The credential, and what storing it costs.
    pub(super) fn parts(&self) -> (&Credential, Option<KdfParameters>) {
        (&self.credential, self.kdf)
    }

    fn none() -> Self {
        Self {
            credential: Arc::new(Credential::None),
            kdf: None,
        }
    }
}

impl Builder {
    /// Opens an encrypted file by this passphrase, and encrypts a file that is created.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # use larder::{Database, ErrorKind, KdfParameters};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("diary.larder");
    /// # let secret = "correct horse battery staple";
    /// # Database::builder().passphrase(secret).kdf(KdfParameters::lowest()).create(&path)?.close()?;
    /// let db = Database::builder().passphrase(secret).open(&path)?;
    /// # drop(db);
    /// let error = Database::builder().passphrase("guess").open(&path).unwrap_err();
    /// assert!(error.is(ErrorKind::WrongKey));
    /// # Ok(())
    /// # }
    /// ```
    pub fn passphrase(self, passphrase: &str) -> Self {
        self.unlock(Unlock::passphrase(passphrase))
    }

    /// Opens an encrypted file by this key, and encrypts a file that is created.
    pub fn key(self, key: [u8; 32]) -> Self {
        self.unlock(Unlock::key(key))
    }

    /// What deriving a key from the passphrase costs in a file that is created.
    pub fn kdf(mut self, parameters: KdfParameters) -> Self {
        self.options.kdf = parameters;
        self
    }

    /// Opens an encrypted file by this, and encrypts a file that is created.
    pub fn unlock(mut self, unlock: Unlock) -> Self {
        self.options.credential = unlock.credential;
        if let Some(kdf) = unlock.kdf {
            self.options.kdf = kdf;
        }
        self
    }
}

impl Database {
    /// Whether the file is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        !self.list_keys().is_empty()
    }

    /// What opens the file, at most four; none when it is not encrypted.
    #[must_use]
    pub fn list_keys(&self) -> Vec<KeyInfo> {
        self.core.store.list_keys()
    }

    /// Lets something else open the file, too; gives its slot. Takes constant time: what is encrypted
    /// stays as it is.
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when there are four already;
    /// [`NotEncrypted`](crate::ErrorKind::NotEncrypted) when the file is not.
    pub fn add_key(&self, unlock: &Unlock) -> Result<usize> {
        let kdf = unlock.kdf.unwrap_or_default();
        self.core.store.add_key(&unlock.credential, kdf)
    }

    /// What is in that slot opens the file no longer.
    ///
    /// Whoever had it *and* a copy of the file may have kept the key beneath, which stays the same:
    /// [`reencrypt_to`](Database::reencrypt_to) shuts them out of what is written from then on.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the slot is empty;
    /// [`Invalid`](crate::ErrorKind::Invalid) when it is the last one.
    pub fn remove_key(&self, slot: usize) -> Result<()> {
        self.core.store.remove_key(slot)
    }

    /// Puts a new passphrase into the place of an old one, in constant time. When the power fails
    /// meanwhile, the file opens by one of the two. A guess costs what it cost before; to change that,
    /// call [`change_key`](Database::change_key) with [`Unlock::kdf`].
    ///
    /// # Errors
    /// [`WrongKey`](crate::ErrorKind::WrongKey) when the old one does not open the file.
    pub fn change_passphrase(&self, old: &str, new: &str) -> Result<()> {
        self.change_key(&Unlock::passphrase(old), &Unlock::passphrase(new))
    }

    /// Puts something else into the place of what opens the file now, as
    /// [`change_passphrase`](Database::change_passphrase) does: a passphrase in place of a passphrase
    /// costs what that did, unless `new` says otherwise.
    pub fn change_key(&self, old: &Unlock, new: &Unlock) -> Result<()> {
        self.core
            .store
            .change_key(&old.credential, &new.credential, new.kdf)
    }

    /// Copies the database into a new, encrypted file. Others may read and write meanwhile; what they
    /// commit after the copy began is not in it.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something has that name. A copy that
    /// fails leaves nothing.
    pub fn encrypt_to(&self, path: impl AsRef<Path>, unlock: &Unlock) -> Result<()> {
        self.copy_to(path.as_ref(), unlock)
    }

    /// Copies the database into a new file that is not encrypted; otherwise like
    /// [`encrypt_to`](Database::encrypt_to).
    pub fn decrypt_to(&self, path: impl AsRef<Path>) -> Result<()> {
        self.copy_to(path.as_ref(), &Unlock::none())
    }

    /// Copies the database into a new file that is encrypted by a key of its own, so that nothing that
    /// was known of the old file opens it; otherwise like [`encrypt_to`](Database::encrypt_to).
    ///
    /// # Errors
    /// [`NotEncrypted`](crate::ErrorKind::NotEncrypted) when this file is not.
    pub fn reencrypt_to(&self, path: impl AsRef<Path>, unlock: &Unlock) -> Result<()> {
        if !self.is_encrypted() {
            return Err(crate::base::Error::new(
                crate::base::ErrorKind::NotEncrypted,
                "the file is not encrypted; `encrypt_to` copies it into one that is",
            ));
        }
        self.copy_to(path.as_ref(), unlock)
    }

    fn copy_to(&self, path: &Path, unlock: &Unlock) -> Result<()> {
        let options = OpenOptions {
            credential: unlock.credential.clone(),
            kdf: unlock.kdf.unwrap_or_default(),
            ..self.core.store.options().clone()
        };
        // It is read, which compaction waits for.
        let _reader = self.core.enter_reader();
        self.core.store.copy_to(path, &options)
    }
}
