//! What opens an encrypted snapshot? A page like the header of an encrypted database (`header.rs`), with the
//! key slots that open it; under the data key that they give, each snapshot has a key of its own.

use uuid::Uuid;

use super::cipher::{Cipher, CipherKind, Secret};
use super::header::{self, Header};
use super::kdf::KdfParameters;
use super::keyring::{Credential, DataKey, add_key, not_encrypted, unlock};
use super::store::Store;
use crate::base::{ErrorKind, Result};

/// Bytes of the page.
pub(crate) const KEY_PAGE_BYTES: usize = header::SIZE;

/// The key of one snapshot.
pub(crate) struct SnapshotKey {
    pub(super) header: Header,
    pub(super) data_key: DataKey,
    pub(crate) page: Box<[u8; KEY_PAGE_BYTES]>,
    kind: CipherKind,
    secret: Secret,
}

impl Store {
    /// The key of a new snapshot: what opens the database opens it, or only `other` does. `None` where nothing
    /// is to be encrypted.
    pub(crate) fn snapshot_key(
        &self,
        snapshot: Uuid,
        other: Option<(&Credential, KdfParameters)>,
    ) -> Result<Option<SnapshotKey>> {
        let unlocked = self.unlocked.lock();
        let Some((credential, kdf)) = other else {
            return match &unlocked.data_key {
                Some(data_key) => {
                    SnapshotKey::new(unlocked.header.clone(), data_key.clone(), snapshot).map(Some)
                }
                None => Ok(None),
            };
        };
        let random = &self.options.random;
        let kind = self.options.cipher.unwrap_or_else(CipherKind::preferred);
        let mut header = Header {
            database_id: unlocked.header.database_id,
            epoch: unlocked.header.epoch,
            ..Header::fresh(random, Some(kind), unlocked.header.log_bytes)?
        };
        let data_key = DataKey::fresh(random)?;
        add_key(&mut header, &data_key, credential, kdf, random)?;
        SnapshotKey::new(header, data_key, snapshot).map(Some)
    }
}

impl SnapshotKey {
    fn new(header: Header, data_key: DataKey, snapshot: Uuid) -> Result<Self> {
        let kind = header.cipher.ok_or_else(not_encrypted)?;
        Ok(Self {
            kind,
            secret: data_key.snapshot(snapshot),
            page: Box::new(header.encode(Some(&data_key.header()))),
            header,
            data_key,
        })
    }

    /// What seals its blocks.
    pub(crate) fn cipher(&self) -> Cipher {
        Cipher::new(self.kind, &self.secret)
    }

    /// The key of a snapshot that has this page.
    ///
    /// # Errors
    /// `WrongKey` where the credential does not open it; `Corrupt` where the page is damaged.
    pub(crate) fn open(
        page: &[u8; KEY_PAGE_BYTES],
        snapshot: Uuid,
        credential: &Credential,
    ) -> Result<Self> {
        let header = Header::decode(page)?;
        let data_key = unlock(&header, page, credential)?.ok_or_else(not_encrypted)?;
        Self::new(header, data_key, snapshot)
    }

    /// The key of another snapshot that has this page, if it is under the same data key; `None` where it is not.
    /// What opens the one may open the other no more: a passphrase was changed in between.
    pub(crate) fn of_other(
        &self,
        page: &[u8; KEY_PAGE_BYTES],
        snapshot: Uuid,
    ) -> Result<Option<Self>> {
        let header = Header::decode(page)?;
        if header.cipher.is_none() || !header::verify_mac(page, &self.data_key.header()) {
            return Ok(None);
        }
        Self::new(header, self.data_key.clone(), snapshot).map(Some)
    }

    /// Whether a passphrase or key opens it. Deriving a key from a passphrase takes its time.
    pub(crate) fn is_opened_by(&self, credential: &Credential) -> Result<bool> {
        match unlock(&self.header, &self.page, credential) {
            Err(error) if error.is(ErrorKind::WrongKey) => Ok(false),
            unlocked => Ok(unlocked?.is_some()),
        }
    }
}
