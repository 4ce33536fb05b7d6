//! Where does an application keep its key? In the keychain of the operating system, by the `keyring`
//! crate: Keychain Services on macOS, the Credential Manager on Windows, the Secret Service on others.

use keyring::Entry;
use zeroize::Zeroizing;

use super::encryption::Unlock;
use crate::base::{Error, ErrorKind, Result};
use crate::store::random_key;

impl Unlock {
    /// The key that the system's keychain keeps for that service and user; where there is none, a new
    /// one is made and kept there.
    ///
    /// Whoever loses the keychain loses the file: give it a second key, such as a passphrase that the
    /// person writes down, by [`Database::add_key`](crate::Database::add_key).
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the keychain cannot be used, or is locked;
    /// [`Invalid`](ErrorKind::Invalid) when what it keeps there is not a key of 32 bytes.
    pub fn keychain(service: &str, user: &str) -> Result<Self> {
        let entry = Entry::new(service, user).map_err(unusable)?;
        let read = || match entry.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(unusable(error)),
        };
        let write = |key: &[u8]| entry.set_secret(key).map_err(unusable);
        read_or_make(&read, write).map(Self::key)
    }
}

fn read_or_make(
    read: &dyn Fn() -> Result<Option<Zeroizing<Vec<u8>>>>,
    write: impl FnOnce(&[u8]) -> Result<()>,
) -> Result<[u8; 32]> {
    let kept = match read()? {
        Some(kept) => kept,
        None => {
            write(&*Zeroizing::new(random_key()?))?;
            // Somebody may have made one at the same moment: the one that stayed counts.
            read()?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Io,
                    "the system's keychain does not keep what it is given",
                )
            })?
        }
    };
    <[u8; 32]>::try_from(kept.as_slice()).map_err(|_| {
        Error::invalid(format!(
            "what the system's keychain keeps there has {} bytes, a key has 32; choose another name",
            kept.len()
        ))
    })
}

fn unusable(error: keyring::Error) -> Error {
    Error::new(ErrorKind::Io, "the system's keychain cannot be used").because(error)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_then_kept() {
        let kept = RefCell::new(None::<Vec<u8>>);
        let read = || Ok(kept.borrow().clone().map(Zeroizing::new));
        let write = |key: &[u8]| {
            *kept.borrow_mut() = Some(key.to_vec());
            Ok(())
        };
        let made = read_or_make(&read, write).unwrap();
        assert_eq!(kept.borrow().as_deref(), Some(made.as_slice()));
        assert_ne!(made, [0; 32]);
        let again = read_or_make(&read, |_| Err(Error::invalid("not needed"))).unwrap();
        assert_eq!(again, made);
    }

    #[test]
    fn the_key_that_stayed_counts_and_what_is_no_key_is_refused() {
        let asked = RefCell::new(0);
        let read = || {
            *asked.borrow_mut() += 1;
            Ok((*asked.borrow() > 1).then(|| Zeroizing::new(vec![9; 32])))
        };
        assert_eq!(read_or_make(&read, |_| Ok(())).unwrap(), [9; 32]);
        let short = || Ok(Some(Zeroizing::new(vec![9; 31])));
        let error = read_or_make(&short, |_| Ok(())).unwrap_err();
        assert!(error.is(ErrorKind::Invalid), "{error}");
        let forgets = || Ok(None);
        let error = read_or_make(&forgets, |_| Ok(())).unwrap_err();
        assert!(error.is(ErrorKind::Io), "{error}");
    }
}
