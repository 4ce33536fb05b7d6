//! A collection of documents, to change.

use std::io::Read;
use std::ops::Deref;

use super::collection::{Info, does_not_exist};
use super::document::{Document, IntoDocument};
use super::documents::{Documents, view};
use super::ndjson::{self, import_lines};
use super::register::CollectionOptions;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::{AsKey, DocumentKey};
use crate::codec::value::read::Node;
use crate::collection::body::seal;
use crate::collection::document::{ID, key_of, key_within, show, with_member_in_front};
use crate::collection::write::{Expect, NewRecord, write};
use crate::schema::catalog::{Member, StoredCollection, StoredDocuments, StoredKind};
use crate::schema::json_schema::{check_schema, text_of};
use crate::txn::write::WriteTx;

/// The documents of a collection in a write transaction: everything [`Documents`] can, and changes.
///
/// A document is given as a [`serde_json::Value`], such as `json!({..})`, or as a [`Document`]. One
/// that is an object and has an `_id` lies under that key and no other.
///
/// A change that is refused has written nothing, so that a transaction may go on after it.
pub struct DocumentsMut<'tx> {
    pub(super) reading: Documents<'tx>,
    pub(super) tx: &'tx WriteTx,
}

impl<'tx> Deref for DocumentsMut<'tx> {
    type Target = Documents<'tx>;

    fn deref(&self) -> &Documents<'tx> {
        &self.reading
    }
}

impl DocumentsMut<'_> {
    /// Adds a document, an object, and gives its key: its `_id`; or, where it has none, a new UUID
    /// version 7, which becomes its `_id`.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when the key is taken;
    /// [`Invalid`](crate::ErrorKind::Invalid) when the document is no object, or its `_id` nothing that
    /// a key can be; [`Limit`](crate::ErrorKind::Limit) when it is too large;
    /// [`Rejected`](crate::ErrorKind::Rejected) when it does not fit the JSON Schema.
    pub fn insert(&mut self, document: impl IntoDocument) -> Result<DocumentKey> {
        let with_key = encoded(document).and_then(with_own_or_new_key);
        let result = with_key.and_then(|(key, body)| self.store_new(key, &body));
        self.during(result, "insert")
    }

    /// Adds a document under its `_id`, or under a new key that is not put into it.
    pub(super) fn insert_as_it_is(&mut self, document: impl IntoDocument) -> Result<DocumentKey> {
        let with_key = encoded(document).and_then(|body| {
            let own = key_within(Node::root(&body))?;
            let key = own.map_or_else(DocumentKey::now_v7, |key| DocumentKey::of_encoded(&key));
            Ok((key, body))
        });
        let result = with_key.and_then(|(key, body)| self.store_new(key, &body));
        self.during(result, "insert")
    }

    /// Adds a document under a key.
    ///
    /// # Errors
    /// Those of [`insert`](DocumentsMut::insert); [`Invalid`](crate::ErrorKind::Invalid) when its `_id`
    /// is another key.
    pub fn insert_at<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        document: impl IntoDocument,
    ) -> Result<()> {
        self.store_at(
            &DocumentKey::new(key),
            document,
            Expect::Absent,
            "insert_at",
        )?;
        Ok(())
    }

    /// Adds a document under a key, or replaces the one that is there; says whether there was one.
    ///
    /// # Errors
    /// Those of [`insert_at`](DocumentsMut::insert_at) but `Conflict`.
    pub fn put<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        document: impl IntoDocument,
    ) -> Result<bool> {
        self.store_at(&DocumentKey::new(key), document, Expect::Any, "put")
    }

    /// Replaces the document with that key if it still is as that revision left it: optimistic
    /// locking, as [`CollectionMut::replace_if`](crate::CollectionMut::replace_if).
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when it was changed meanwhile,
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is gone.
    pub fn replace_if<Q: AsKey<DocumentKey>>(
        &mut self,
        revision: u64,
        key: Q,
        document: impl IntoDocument,
    ) -> Result<()> {
        let key = DocumentKey::new(key);
        self.store_at(&key, document, Expect::Revision(revision), "replace_if")?;
        Ok(())
    }

    /// Changes the document with that key by a closure over its JSON value. Members keep their order,
    /// new ones come behind them.
    ///
    /// ```
    /// # use serde_json::json;
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// # db.write(|tx| tx.documents("notes")?.put("intro", json!({"stars": 1})))?;
    /// db.write(|tx| tx.documents("notes")?.update("intro", |note| note["stars"] = json!(5)))?;
    /// # assert_eq!(db.read()?.documents("notes")?.pointer("intro", "/stars")?, Some(5));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such document, and those of
    /// [`put`](DocumentsMut::put).
    pub fn update<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Result<()> {
        self.change(key, "update", |document| {
            document.changed(|value| {
                change(value);
                Ok(())
            })
        })
    }

    /// Like [`update`](DocumentsMut::update), with a closure that may refuse: then the document stays as
    /// it is.
    ///
    /// # Errors
    /// The closure's, and those of `update`.
    pub fn try_update<Q: AsKey<DocumentKey>, E: From<Error>>(
        &mut self,
        key: Q,
        change: impl FnOnce(&mut serde_json::Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut refused = None;
        let result = self.change(key, "try_update", |document| {
            document.changed(|value| {
                change(value).map_err(|error| {
                    refused = Some(error);
                    Error::invalid("the closure refused the change")
                })
            })
        });
        match refused {
            Some(error) => Err(error),
            None => Ok(result?),
        }
    }

    /// Changes the document with that key by a JSON Merge Patch; see
    /// [`Document::merge_patch`].
    ///
    /// # Errors
    /// Those of [`update`](DocumentsMut::update).
    pub fn merge_patch<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        patch: &serde_json::Value,
    ) -> Result<()> {
        self.change(key, "merge_patch", |document| document.merge_patch(patch))
    }

    /// Changes the document with that key by a JSON Patch: all of its operations, or none; see
    /// [`Document::patch`].
    ///
    /// # Errors
    /// Those of [`update`](DocumentsMut::update); [`Conflict`](crate::ErrorKind::Conflict) where a
    /// `test` fails.
    pub fn patch<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        patch: &serde_json::Value,
    ) -> Result<()> {
        self.change(key, "patch", |document| document.patch(patch))
    }

    /// Puts a value in the place of the document with that key that a JSON Pointer leads to; see
    /// [`Document::with`].
    ///
    /// # Errors
    /// Those of [`update`](DocumentsMut::update), and [`NotFound`](crate::ErrorKind::NotFound) where
    /// there is no such place.
    pub fn set<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        pointer: &str,
        value: serde_json::Value,
    ) -> Result<()> {
        self.change(key, "set", |document| document.with(pointer, value))
    }

    /// Removes the document with that key; says whether there was one.
    pub fn remove<Q: AsKey<DocumentKey>>(&mut self, key: Q) -> Result<bool> {
        let key = DocumentKey::new(key);
        let result = self.write(key.encoded(), None, Expect::Any);
        self.during(result.context(|| show(key.encoded())), "remove")
    }

    /// Removes the document with that key and gives it.
    pub fn take<Q: AsKey<DocumentKey>>(&mut self, key: Q) -> Result<Option<Document<'static>>> {
        let key = DocumentKey::new(key);
        let document = self.get(&key)?.map(|document| document.to_owned());
        self.remove(&key)?;
        Ok(document)
    }

    /// Removes all documents, in time that grows with the pages and not with the documents.
    pub fn clear(&mut self) -> Result<()> {
        self.tx.mark_changed();
        let transaction = self.tx.transaction()?;
        let Documents { tables, info, .. } = &mut self.reading;
        match info {
            Some(info) => tables.clear(transaction, info),
            None => Err(does_not_exist()),
        }
    }

    /// Adds the documents of a text with one on each line (NDJSON); gives how many. Each is inserted as
    /// by [`insert`](DocumentsMut::insert), or under its key as
    /// [`export_ndjson`](Documents::export_ndjson) writes it. Blank lines are passed over.
    ///
    /// It reads one line at a time. After an error the documents of the lines before it are in the
    /// transaction: let it fail, and they are not.
    ///
    /// # Errors
    /// Those of `insert`, with the number of the line. [`Limit`](crate::ErrorKind::Limit) for a line of
    /// more than eight times the largest document's bytes: it is never held in memory.
    pub fn import_ndjson(&mut self, from: impl Read) -> Result<u64> {
        let bytes_max = self.tx.core.body_bytes_max;
        let imported = import_lines(from, bytes_max, |line| self.import(line));
        self.during(imported, "import")
    }

    /// From now on every document that is written must fit a JSON Schema (draft 2020-12, whatever its
    /// `$schema` says), kept in the file so that every program follows it; with `None`, no more. It changes
    /// that of the collection's version; a [`DocumentSchema`](crate::DocumentSchema) brings one with a version.
    ///
    /// The schema sees the document as its JSON: a timestamp is an object with the key `$time`. A
    /// `format` is not looked at, as the draft has it.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when it is no JSON Schema, or refers to one elsewhere;
    /// [`Rejected`](crate::ErrorKind::Rejected) when a document that is there does not fit, naming it;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without the feature `json-schema`.
    pub fn set_json_schema(&mut self, schema: Option<&serde_json::Value>) -> Result<()> {
        let result = self.store_schema(schema);
        self.during(result, "set_json_schema")
    }

    pub(super) fn set_options(&mut self, options: CollectionOptions) -> Result<()> {
        let before = &self.existing()?.documents()?.stored;
        if before.compress_above == options.compress_above {
            return Ok(());
        }
        let stored = StoredDocuments {
            compress_above: options.compress_above,
            ..before.clone()
        };
        self.store_info(stored, |_| Ok(()))
    }

    fn store_schema(&mut self, schema: Option<&serde_json::Value>) -> Result<()> {
        let json_schema = match schema {
            Some(schema) => Some(text_of(schema)?),
            None => check_schema(None).map(|()| None)?,
        };
        let stored = StoredDocuments {
            json_schema,
            ..self.existing()?.documents()?.stored.clone()
        };
        self.store_info(stored, |this| {
            for document in this.iter()? {
                let document = document?;
                this.check(document.bytes())
                    .context(|| show(document.key().encoded()))?;
            }
            Ok(())
        })
    }

    /// Stores the description of the collection, if `allows` what is there under it.
    fn store_info(
        &mut self,
        stored: StoredDocuments,
        allows: impl FnOnce(&Documents<'_>) -> Result<()>,
    ) -> Result<()> {
        let id = self.existing()?.id;
        let kind = StoredKind::Documents(stored);
        let collection = StoredCollection { id, kind };
        let before = match collection
            .clone()
            .resolve(&self.name, self.tx.catalog().code())?
        {
            Member::Records(info) => self.reading.info.replace(Info::Writing(info)),
            Member::Bucket(_) => return Err(Error::invalid("a collection became a bucket")),
        };
        if let Err(error) = allows(&self.reading) {
            self.reading.info = before;
            return Err(error);
        }
        self.tx.store_member(&self.reading.name, collection)?;
        Ok(())
    }

    fn import(&mut self, line: &[u8]) -> Result<()> {
        let document = Document::from_json(line)?;
        let (key, body) = match ndjson::apart(document.root())? {
            Some((key, document)) => {
                let key = DocumentKey::of_encoded(&key_of(key)?);
                (key, document.encoded()?.to_vec())
            }
            None => with_own_or_new_key(document.to_bytes())?,
        };
        self.store_new(key, &body)?;
        Ok(())
    }

    fn store_new(&mut self, key: DocumentKey, body: &[u8]) -> Result<DocumentKey> {
        self.store(key.encoded(), body, Expect::Absent)?;
        Ok(key)
    }

    pub(super) fn store_at(
        &mut self,
        key: &DocumentKey,
        document: impl IntoDocument,
        expect: Expect,
        verb: &str,
    ) -> Result<bool> {
        let result = encoded(document).and_then(|body| self.store(key.encoded(), &body, expect));
        self.during(result, verb)
    }

    /// Replaces a document by what is made of it.
    pub(super) fn change<Q: AsKey<DocumentKey>>(
        &mut self,
        key: Q,
        verb: &str,
        change: impl FnOnce(&Document<'_>) -> Result<Document<'static>>,
    ) -> Result<()> {
        let key = DocumentKey::new(key);
        let changed = match self.tables.records().peek(key.encoded()) {
            Ok(Some(stored)) => view(&self.name, self.info.as_deref(), key.encoded(), stored)
                .and_then(|document| change(&document).context(|| show(key.encoded()))),
            Ok(None) => Err(no_document(&key)),
            Err(error) => Err(error),
        };
        let result = changed
            .and_then(|document| self.store(key.encoded(), document.bytes(), Expect::Present));
        self.during(result.map(drop), verb)
    }

    /// Puts a document under its key; says whether there was one.
    fn store(&mut self, key: &[u8], body: &[u8], expect: Expect) -> Result<bool> {
        let mut store = || {
            if key_within(Node::root(body))?.is_some_and(|own| own != key) {
                return Err(Error::invalid(format!(
                    "the {ID:?} of the document is another key; give it this one, or none"
                )));
            }
            self.check(body)?;
            let options = self.tx.core.body_options(self.existing()?);
            let mut stored = Vec::with_capacity(body.len() + 16);
            let sealed = seal(
                self.existing()?.upgrades.current,
                self.tx.revision(),
                None,
                options,
                &mut stored,
                |out| {
                    out.extend_from_slice(body);
                    Ok(())
                },
            )?;
            let new = NewRecord {
                body: sealed.body(&stored),
                stored: &stored,
            };
            self.write(key, Some(new), expect)
        };
        let result = store();
        result.context(|| show(key))
    }

    fn write(&mut self, key: &[u8], new: Option<NewRecord<'_>>, expect: Expect) -> Result<bool> {
        self.tx.mark_changed();
        let Documents { tables, info, .. } = &mut self.reading;
        match info {
            Some(info) => write(tables.writing()?, info, key, new, expect),
            None => Err(does_not_exist()),
        }
    }

    fn during<T>(&self, result: Result<T>, verb: &str) -> Result<T> {
        result.context(|| format!("{verb} in collection {:?}", self.name))
    }
}

impl Documents<'_> {
    /// Refuses a document that does not fit the collection's JSON Schema.
    fn check(&self, body: &[u8]) -> Result<()> {
        self.existing()?.documents()?.check(body)
    }
}

fn encoded(document: impl IntoDocument) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    document.append_to(&mut body)?;
    Ok(body)
}

/// A document and the key that it has in its `_id`; a new one, put there, where it had none.
fn with_own_or_new_key(body: Vec<u8>) -> Result<(DocumentKey, Vec<u8>)> {
    let root = Node::root(&body);
    if let Some(key) = key_within(root)? {
        return Ok((DocumentKey::of_encoded(&key), body));
    }
    let Some(object) = root.object()? else {
        return Err(Error::invalid(
            "a document that is no object has no key in it; give it one: use `insert_at` or `put`",
        ));
    };
    let key = DocumentKey::now_v7();
    let with_key = with_member_in_front(&object, ID, &key.to_document()?)?;
    Ok((key, with_key))
}

fn no_document(key: &DocumentKey) -> Error {
    Error::new(ErrorKind::NotFound, "there is no document with that key")
        .during(show(key.encoded()))
}

impl std::fmt::Debug for DocumentsMut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reading.fmt(f)
    }
}
