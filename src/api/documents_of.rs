//! A collection of documents that are all values of one Rust type, through serde.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document::{Document, Encoded};
use super::documents::{DocumentIter, DocumentView, Documents};
use super::documents_mut::DocumentsMut;
use crate::base::Result;
use crate::codec::key::{AsKey, DocumentKey, KeyPrefix, KeyRange};
use crate::codec::value::keep::keep_unknown;
use crate::collection::document::at;

/// The documents of a collection in one transaction, as values of a type that serde reads and writes.
///
/// It is the same collection as [`Documents`] shows: [`documents`](DocumentsOf::documents) gives that.
/// A document that is no `T` is an error where it is read, which names its key.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Window { width: u32, height: u32 }
///
/// # fn main() -> larder::Result<()> {
/// # let db = larder::Database::in_memory()?;
/// db.write(|tx| tx.documents_of::<Window>("windows")?.put("main", &Window { width: 800, height: 600 }))?;
/// let main = db.read()?.documents_of::<Window>("windows")?.get("main")?.unwrap();
/// assert_eq!(main.width, 800);
/// # Ok(())
/// # }
/// ```
pub struct DocumentsOf<'tx, T> {
    documents: Documents<'tx>,
    _type: PhantomData<fn() -> T>,
}

/// The same in a write transaction: everything [`DocumentsOf`] can, and changes.
pub struct DocumentsOfMut<'tx, T> {
    documents: DocumentsMut<'tx>,
    _type: PhantomData<fn() -> T>,
}

impl<'tx, T> DocumentsOf<'tx, T> {
    pub(super) fn new(documents: Documents<'tx>) -> Self {
        Self {
            documents,
            _type: PhantomData,
        }
    }

    /// The documents as they are.
    #[must_use]
    pub fn documents(&self) -> &Documents<'tx> {
        &self.documents
    }
}

impl<'tx, T> DocumentsOfMut<'tx, T> {
    pub(super) fn new(documents: DocumentsMut<'tx>) -> Self {
        Self {
            documents,
            _type: PhantomData,
        }
    }

    /// The documents as they are.
    #[must_use]
    pub fn documents(&self) -> &DocumentsMut<'tx> {
        &self.documents
    }

    /// The documents as they are, to change.
    #[must_use]
    pub fn documents_mut(&mut self) -> &mut DocumentsMut<'tx> {
        &mut self.documents
    }
}

/// What both can: one of them in terms of the documents beneath.
macro_rules! reading {
    ($of:ident) => {
        impl<T: DeserializeOwned> $of<'_, T> {
            /// The value with that key.
            pub fn get<Q: AsKey<DocumentKey>>(&self, key: Q) -> Result<Option<T>> {
                let document = self.documents.get(key)?;
                document
                    .map(|document| decode(&self.documents.name, &document))
                    .transpose()
            }

            /// The value with that key, and the revision that
            /// [`replace_if`](DocumentsOfMut::replace_if) asks for.
            pub fn get_with_revision<Q: AsKey<DocumentKey>>(
                &self,
                key: Q,
            ) -> Result<Option<(T, u64)>> {
                let Some(document) = self.documents.get(key)? else {
                    return Ok(None);
                };
                let value = decode(&self.documents.name, &document)?;
                Ok(Some((value, document.revision())))
            }

            /// Whether there is a value with that key.
            pub fn contains<Q: AsKey<DocumentKey>>(&self, key: Q) -> Result<bool> {
                self.documents.contains(key)
            }

            /// How many values there are; takes constant time.
            pub fn len(&self) -> Result<u64> {
                self.documents.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> Result<bool> {
                self.documents.is_empty()
            }

            /// All keys and values in the order of the keys.
            pub fn iter(&self) -> Result<DocumentsOfIter<'_, T>> {
                Ok(DocumentsOfIter::new(
                    &self.documents.name,
                    self.documents.iter()?,
                ))
            }

            /// The keys and values whose keys are in a range. A reversed range is empty.
            pub fn range<R: Into<KeyRange<DocumentKey>>>(
                &self,
                range: R,
            ) -> Result<DocumentsOfIter<'_, T>> {
                Ok(DocumentsOfIter::new(
                    &self.documents.name,
                    self.documents.range(range)?,
                ))
            }

            /// The keys and values whose keys are text that starts so.
            pub fn prefix<P: KeyPrefix<DocumentKey>>(
                &self,
                prefix: P,
            ) -> Result<DocumentsOfIter<'_, T>> {
                Ok(DocumentsOfIter::new(
                    &self.documents.name,
                    self.documents.prefix(prefix)?,
                ))
            }
        }

        impl<T> std::fmt::Debug for $of<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.documents.fmt(f)
            }
        }
    };
}

reading!(DocumentsOf);
reading!(DocumentsOfMut);

impl<T: Serialize + DeserializeOwned> DocumentsOfMut<'_, T> {
    /// Adds a value and gives its key: its `_id`, where it is an object that has one, else a new UUID
    /// version 7. The value stays as it is: an `_id` is not put into it.
    ///
    /// # Errors
    /// Those of [`DocumentsMut::insert`].
    pub fn insert(&mut self, value: &T) -> Result<DocumentKey> {
        self.documents.insert_as_it_is(Encoded(value))
    }

    /// Adds a value under a key. See [`DocumentsMut::insert_at`].
    pub fn insert_at<Q: AsKey<DocumentKey>>(&mut self, key: Q, value: &T) -> Result<()> {
        self.documents.insert_at(key, Encoded(value))
    }

    /// Adds a value under a key, or replaces the whole document that is there; says whether there was
    /// one. See [`DocumentsMut::put`].
    pub fn put<Q: AsKey<DocumentKey>>(&mut self, key: Q, value: &T) -> Result<bool> {
        self.documents.put(key, Encoded(value))
    }

    /// Replaces the value with that key if it still is as that revision left it. See
    /// [`DocumentsMut::replace_if`].
    pub fn replace_if<Q: AsKey<DocumentKey>>(
        &mut self,
        revision: u64,
        key: Q,
        value: &T,
    ) -> Result<()> {
        self.documents.replace_if(revision, key, Encoded(value))
    }

    /// Changes the value with that key. Members of the document that the type does not know stay as
    /// they are.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none; those of
    /// [`put`](DocumentsOfMut::put).
    pub fn update<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        change: impl FnOnce(&mut T),
    ) -> Result<()> {
        self.documents.change(key, "update", |document| {
            let mut value: T = document.decode()?;
            let known = Document::of(&value)?;
            change(&mut value);
            let new = Document::of(&value)?;
            let mut bytes = Vec::with_capacity(document.size());
            keep_unknown(document.root(), known.root(), new.root(), &mut bytes)?;
            let kept = Document::owned(bytes);
            // What is kept may stand in the way: a field under an alias, say, is there twice.
            Ok(if kept.decode::<T>().is_ok() {
                kept
            } else {
                new
            })
        })
    }

    /// Removes the value with that key; says whether there was one.
    pub fn remove<Q: AsKey<DocumentKey>>(&mut self, key: Q) -> Result<bool> {
        self.documents.remove(key)
    }

    /// Removes all values.
    pub fn clear(&mut self) -> Result<()> {
        self.documents.clear()
    }
}

fn decode<T: DeserializeOwned>(collection: &str, document: &DocumentView<'_>) -> Result<T> {
    let value = document.decode();
    value.map_err(|error| at(error, collection, document.key().encoded()))
}

/// Keys and values of a collection of documents, from both ends.
pub struct DocumentsOfIter<'a, T> {
    collection: &'a str,
    iter: DocumentIter<'a>,
    _type: PhantomData<fn() -> T>,
}

impl<'a, T: DeserializeOwned> DocumentsOfIter<'a, T> {
    fn new(collection: &'a str, iter: DocumentIter<'a>) -> Self {
        Self {
            collection,
            iter,
            _type: PhantomData,
        }
    }

    fn entry(&self, document: Result<DocumentView<'a>>) -> Result<(DocumentKey, T)> {
        let document = document?;
        let value = decode(self.collection, &document)?;
        Ok((document.key().clone(), value))
    }
}

impl<T: DeserializeOwned> Iterator for DocumentsOfIter<'_, T> {
    type Item = Result<(DocumentKey, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let document = self.iter.next()?;
        Some(self.entry(document))
    }
}

impl<T: DeserializeOwned> DoubleEndedIterator for DocumentsOfIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let document = self.iter.next_back()?;
        Some(self.entry(document))
    }
}

impl<T> std::fmt::Debug for DocumentsOfIter<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.iter.fmt(f)
    }
}
