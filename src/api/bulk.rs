//! How is all that a filter finds changed or removed? First it is found, then each is changed: nothing that
//! was changed is found again.

use super::collection_mut::CollectionMut;
use super::document::IntoDocument;
use super::documents_mut::DocumentsMut;
use super::filter::IntoFilter;
use super::query::{Found, Query};
use crate::base::{Error, Result};
use crate::codec::key::DocumentKey;
use crate::schema::record::Record;

/// The most that the keys of what was found may take in memory: 256 MiB.
const KEYS_BYTES_MAX: usize = 256 << 20;

/// What a key takes besides its bytes.
const KEY_BYTES: usize = 32;

impl<'a, V: Found<'a>> Query<'a, V> {
    /// The encoded keys of all that is found, in order.
    pub(super) fn encoded_keys(&self) -> Result<Vec<Vec<u8>>> {
        let begin = || (Vec::new(), 0_usize);
        let parts = self.reading(Vec::new()).fold(&begin, &|(keys, bytes): &mut (Vec<_>, _), met| {
            let key = met.key;
            *bytes += key.len() + KEY_BYTES;
            if *bytes > KEYS_BYTES_MAX {
                return Err(Error::limit(format!(
                    "the keys of what is found take more than {KEYS_BYTES_MAX} bytes in memory; do it in \
                     several steps, with a filter that finds less"
                )));
            }
            keys.push(key.to_vec());
            Ok(())
        })?;
        let mut keys: Vec<Vec<u8>> = parts.into_iter().flat_map(|(keys, _)| keys).collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

impl DocumentsMut<'_> {
    /// Changes each document that a filter finds, as [`update`](DocumentsMut::update) does; gives how many.
    /// What is found is found before anything is changed.
    ///
    /// ```
    /// # use serde_json::json;
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// db.write(|tx| {
    ///     let mut notes = tx.documents("notes")?;
    ///     notes.put(1, json!({"done": false, "due": 3}))?;
    ///     notes.put(2, json!({"done": false, "due": 9}))?;
    ///     let late = json!({"done": false, "due": {"$lt": 5}});
    ///     assert_eq!(notes.update_all(&late, |note| note["late"] = json!(true))?, 1);
    ///     assert_eq!(notes.remove_all(json!({"late": true}))?, 1);
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`find`](crate::Documents::find) and `update`. Then some are changed and some are not: let
    /// the transaction fail, and none is. [`Limit`](crate::ErrorKind::Limit) when there are more keys than
    /// fit into 256 MiB.
    pub fn update_all(
        &mut self,
        filter: impl IntoDocument,
        mut change: impl FnMut(&mut serde_json::Value),
    ) -> Result<u64> {
        let keys = self.find(filter)?.encoded_keys()?;
        for key in &keys {
            self.update(DocumentKey::of_encoded(key), &mut change)?;
        }
        Ok(keys.len() as u64)
    }

    /// Removes each document that a filter finds; gives how many.
    ///
    /// # Errors
    /// Those of [`update_all`](DocumentsMut::update_all).
    pub fn remove_all(&mut self, filter: impl IntoDocument) -> Result<u64> {
        let keys = self.find(filter)?.encoded_keys()?;
        for key in &keys {
            self.remove(DocumentKey::of_encoded(key))?;
        }
        Ok(keys.len() as u64)
    }
}

impl<T: Record> CollectionMut<'_, T> {
    /// Changes each record that a filter finds, as [`update`](CollectionMut::update) does; gives how many.
    /// What is found is found before anything is changed.
    ///
    /// # Errors
    /// Those of [`find`](crate::Collection::find) and `update`. Then some are changed and some are not: let
    /// the transaction fail, and none is. [`Limit`](crate::ErrorKind::Limit) when there are more keys than
    /// fit into 256 MiB.
    pub fn update_all(
        &mut self,
        filter: impl IntoFilter<T>,
        mut change: impl FnMut(&mut T),
    ) -> Result<u64> {
        let keys = self.find(filter)?.encoded_keys()?;
        for key in &keys {
            self.update_encoded(key, &mut change)?;
        }
        Ok(keys.len() as u64)
    }

    /// Removes each record that a filter finds; gives how many.
    ///
    /// # Errors
    /// Those of [`update_all`](CollectionMut::update_all).
    pub fn remove_all(&mut self, filter: impl IntoFilter<T>) -> Result<u64> {
        let keys = self.find(filter)?.encoded_keys()?;
        for key in &keys {
            self.remove_encoded(key)?;
        }
        Ok(keys.len() as u64)
    }
}
