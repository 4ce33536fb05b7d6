//! A collection of documents, to read.

use std::io::Write;
use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::collection::{Info, count};
use super::document::{Document, IntoDocument};
use super::iter::open;
use super::ndjson;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::scratch::with_encoded;
use crate::codec::key::{AsKey, DocumentKey, KeyPrefix, KeyRange};
use crate::codec::value::read::Node;
use crate::codec::value::{decode_owned, pointer};
use crate::collection::document::{at, key_of};
use crate::collection::tables::Tables;
use crate::schema::catalog::Records;
use crate::schema::json_schema::JsonSchema;
use crate::store::{ALL, Bounds, Bytes, Range};

/// The documents of a collection in one transaction, ordered by their keys.
///
/// A collection that does not exist, by a name that is written wrongly for instance, reads as empty.
///
/// Keys are given as they are: `"intro"`, `42`, a `Uuid`; see [`DocumentKey`]. Ranges are std ranges of
/// those, or a [`KeyRange`].
///
/// ```
/// use serde_json::json;
///
/// # fn main() -> larder::Result<()> {
/// # let db = larder::Database::in_memory()?;
/// db.write(|tx| tx.documents("notes")?.put("intro", json!({"title": "Hello", "stars": 3})))?;
///
/// let tx = db.read()?;
/// let notes = tx.documents("notes")?;
/// let intro = notes.get("intro")?.unwrap();
/// assert_eq!(intro.pointer("/stars")?.and_then(|stars| stars.as_i64()), Some(3));
/// # Ok(())
/// # }
/// ```
pub struct Documents<'tx> {
    pub(super) name: String,
    pub(super) tables: Tables<'tx>,
    /// `None` where the collection does not exist.
    pub(super) info: Option<Info<'tx>>,
}

impl DocumentKey {
    /// The key that a document is: for those that are objects.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is a list, which no key can be.
    pub fn of(document: impl IntoDocument) -> Result<Self> {
        let mut bytes = Vec::new();
        document.append_to(&mut bytes)?;
        Ok(Self::of_encoded(&key_of(Node::root(&bytes))?))
    }

    /// The key as a JSON value.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where it comes from a damaged file.
    pub fn to_value(&self) -> Result<serde_json::Value> {
        Document::owned(self.to_document()?).to_value()
    }
}

/// A document in the file, with its key and its revision; derefs to the [`Document`].
#[derive(Debug)]
pub struct DocumentView<'a> {
    key: DocumentKey,
    revision: u64,
    document: Document<'a>,
}

impl DocumentView<'_> {
    /// The key that it lies under.
    #[must_use]
    pub fn key(&self) -> &DocumentKey {
        &self.key
    }

    /// The revision that the transaction which wrote it gave to all that it wrote: what
    /// [`replace_if`](crate::DocumentsMut::replace_if) compares. See
    /// [`View::revision`](crate::View::revision).
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl<'a> Deref for DocumentView<'a> {
    type Target = Document<'a>;

    fn deref(&self) -> &Document<'a> {
        &self.document
    }
}

impl<'tx> Documents<'tx> {
    /// The document with that key, for as long as the transaction lives.
    pub fn get<Q: AsKey<DocumentKey>>(&self, key: Q) -> Result<Option<DocumentView<'tx>>> {
        with_encoded(key, |key| match self.tables.records().get(key)? {
            Some(stored) => view(&self.name, self.info.as_deref(), key, stored).map(Some),
            None => Ok(None),
        })
    }

    /// What serde makes of the value that a JSON Pointer (RFC 6901) leads to in the document with that
    /// key; `None` where there is no such document, or no such place in it. Only that is decoded.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// # db.write(|tx| tx.documents("notes")?.put("intro", serde_json::json!({"tags": ["a", "b"]})))?;
    /// # let tx = db.read()?;
    /// let second: Option<String> = tx.documents("notes")?.pointer("intro", "/tags/1")?;
    /// # assert_eq!(second.as_deref(), Some("b"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pointer<T: DeserializeOwned>(
        &self,
        key: impl AsKey<DocumentKey>,
        pointer: &str,
    ) -> Result<Option<T>> {
        with_encoded(key, |key| {
            let Some(stored) = self.tables.records().peek(key)? else {
                return Ok(None);
            };
            let read = || {
                let body = open(self.info.as_deref(), stored)?;
                let place = pointer::follow(Node::root(body.bytes()), pointer)?;
                place.map(decode_owned).transpose()
            };
            read().map_err(|error| at(error, &self.name, key))
        })
    }

    /// Whether there is a document with that key; it is not read.
    pub fn contains<Q: AsKey<DocumentKey>>(&self, key: Q) -> Result<bool> {
        with_encoded(key, |key| Ok(self.tables.records().peek(key)?.is_some()))
    }

    /// How many documents there are; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.tables.records().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All documents in the order of their keys.
    pub fn iter(&self) -> Result<DocumentIter<'_>> {
        self.between(ALL)
    }

    /// The documents whose keys are in a range. A reversed range is empty.
    pub fn range<R: Into<KeyRange<DocumentKey>>>(&self, range: R) -> Result<DocumentIter<'_>> {
        self.between(range.into().bounds())
    }

    /// The documents whose keys are text that starts so.
    pub fn prefix<P: KeyPrefix<DocumentKey>>(&self, prefix: P) -> Result<DocumentIter<'_>> {
        self.range(KeyRange::prefix(prefix))
    }

    /// How many documents have keys in a range; takes time that grows with the answer, and reads no
    /// document.
    pub fn count<R: Into<KeyRange<DocumentKey>>>(&self, range: R) -> Result<u64> {
        count(self.tables.records(), &range.into())
    }

    /// The document with the least key.
    pub fn first(&self) -> Result<Option<DocumentView<'_>>> {
        self.iter()?.next().transpose()
    }

    /// The document with the greatest key.
    pub fn last(&self) -> Result<Option<DocumentView<'_>>> {
        self.iter()?.next_back().transpose()
    }

    /// The JSON Schema that each document fits, where the collection has one.
    pub fn json_schema(&self) -> Result<Option<serde_json::Value>> {
        let Some(info) = self.info.as_deref() else {
            return Ok(None);
        };
        let schema = info.documents()?.json_schema.as_ref();
        schema.map(JsonSchema::to_value).transpose()
    }

    /// Writes every document as a line of JSON (NDJSON), in the order of the keys; gives how many.
    ///
    /// A document that has its key in `_id` is a line as it is, any other stands in
    /// `{"$key": .., "$document": ..}`. [`import_ndjson`](crate::DocumentsMut::import_ndjson) of what
    /// was written here gives the same documents under the same keys.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the writer fails, and those of reading.
    pub fn export_ndjson(&self, mut to: impl Write) -> Result<u64> {
        let mut count = 0;
        for document in self.iter()? {
            let document = document?;
            let line = ndjson::line(&document)
                .map_err(|error| at(error, &self.name, document.key().encoded()))?;
            to.write_all(line.as_bytes()).map_err(ndjson::not_written)?;
            count += 1;
        }
        to.flush().map_err(ndjson::not_written)?;
        Ok(count)
    }

    fn between(&self, bounds: Bounds<'_>) -> Result<DocumentIter<'_>> {
        Ok(DocumentIter {
            info: self.info.as_deref(),
            range: self.tables.records().range(bounds)?,
            name: &self.name,
        })
    }

    /// The description of a collection that exists, as it does in every write transaction.
    pub(super) fn existing(&self) -> Result<&Records> {
        self.info.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("collection {:?} does not exist", self.name),
            )
        })
    }
}

/// Opens a stored document; an error names collection and key.
pub(super) fn view<'a>(
    collection: &str,
    info: Option<&Records>,
    key: &[u8],
    stored: Bytes<'a>,
) -> Result<DocumentView<'a>> {
    match open(info, stored) {
        Ok(body) => Ok(DocumentView {
            key: DocumentKey::of_encoded(key),
            revision: body.envelope.revision,
            document: Document::new(body),
        }),
        Err(error) => Err(at(error, collection, key)),
    }
}

/// The documents of a collection between two keys, from both ends.
///
/// It reads one document at a time: a scan of any length takes the same memory.
pub struct DocumentIter<'a> {
    range: Range<'a>,
    name: &'a str,
    info: Option<&'a Records>,
}

impl<'a> DocumentIter<'a> {
    fn view(&self, entry: Result<(Bytes<'a>, Bytes<'a>)>) -> Result<DocumentView<'a>> {
        let (key, stored) = entry.context(|| format!("collection {:?}", self.name))?;
        view(self.name, self.info, &key, stored.kept())
    }
}

impl<'a> Iterator for DocumentIter<'a> {
    type Item = Result<DocumentView<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.range.next()?;
        Some(self.view(entry))
    }
}

impl DoubleEndedIterator for DocumentIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.range.next_back()?;
        Some(self.view(entry))
    }
}

impl std::fmt::Debug for Documents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DocumentIter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentIter").finish_non_exhaustive()
    }
}
