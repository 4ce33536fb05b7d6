//! What does a program say of the versions of a collection of documents? A JSON Schema, and a closure for
//! each step that leads there.

use serde_json::Value;

use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::like::encode_value_like;
use crate::codec::value::read::Node;
use crate::collection::document::{ID, key_within};
use crate::schema::catalog::{FIRST_VERSION, Records, StoredDocuments};
use crate::schema::difference::newer_schema;
use crate::schema::json::document_to_value;
use crate::schema::json_schema::{JsonSchema, text_of};
use crate::schema::step::{BoxError, Convert, Revert};
use crate::schema::upgrade::{Code, CodeBook};

/// A version of a collection of documents, and the way there from the first one: for
/// [`Database::register_documents`](crate::Database::register_documents).
///
/// Documents that nobody gave a version have version 1. Each later version takes a closure, which makes of a
/// document what it is in that version. All closures stay in the program for as long as there may be files
/// with documents from before.
///
/// # A new member, and one with a new name
/// ```
/// use larder::{BoxError, Database, DocumentSchema, ErrorKind};
/// use serde_json::{Value, json};
///
/// fn with_tags(note: &mut Value) -> Result<(), BoxError> {
///     note["tags"] = json!([]);
///     Ok(())
/// }
///
/// fn with_a_heading(note: &mut Value) -> Result<(), BoxError> {
///     let members = note.as_object_mut().ok_or("a note is an object")?;
///     let title = members.remove("title").ok_or("it has no title")?;
///     members.insert("heading".to_owned(), title);
///     Ok(())
/// }
///
/// fn with_a_title(note: &mut Value, _before: Option<Value>) -> Result<(), BoxError> {
///     note["title"] = note["heading"].take();
///     note.as_object_mut().ok_or("a note is an object")?.remove("heading");
///     Ok(())
/// }
///
/// # fn main() -> larder::Result<()> {
/// # let db = Database::in_memory()?;
/// db.write(|tx| tx.documents("notes")?.put("intro", json!({"title": "Hello"})))?;
///
/// let notes = DocumentSchema::new("notes")
///     .step(2, with_tags)
///     .step(3, with_a_heading)
///     .step_back(3, with_a_title);
/// db.register_documents(notes)?;
///
/// let intro = db.read()?.documents("notes")?.get("intro")?.unwrap().to_value()?;
/// assert_eq!(intro, json!({"heading": "Hello", "tags": []}));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a schema does nothing until it is registered"]
pub struct DocumentSchema {
    collection: String,
    /// With the version that each leads to, as they were given.
    steps: Vec<(u32, Convert)>,
    /// With the version that each leads away from.
    steps_back: Vec<(u32, Revert)>,
    json_schema: Option<Value>,
    set_aside: bool,
}

impl DocumentSchema {
    /// The first version of the collection of that name.
    pub fn new(collection: impl Into<String>) -> Self {
        Self {
            collection: collection.into(),
            steps: Vec::new(),
            steps_back: Vec::new(),
            json_schema: None,
            set_aside: false,
        }
    }

    /// Adds a version: the closure makes of a document of the version before what it is in this one. There
    /// has to be one step to each version from 2 on; the last is the version of the collection.
    ///
    /// The closure sees the document as [`Document::to_value`](crate::Document::to_value) gives it: a
    /// timestamp is an object with the key `$time`. Members keep their order, new ones come behind them. It
    /// has to leave the `_id` as it is, and to make the same of the same document each time: a document is
    /// converted whenever it is read, until it is written anew or
    /// [`migrate`](crate::Database::migrate) rewrites it. An error stands for that document only, and is
    /// [`NotMigrated`](crate::ErrorKind::NotMigrated) to who reads it.
    pub fn step(
        mut self,
        version: u32,
        step: impl Fn(&mut Value) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let up = move |body: &[u8], out: &mut Vec<u8>| {
            let failed = || {
                let before = version.saturating_sub(1);
                format!("it cannot be brought from version {before} to {version}")
            };
            convert(body, out, failed, |document| step(document))
        };
        self.steps.push((version, Arc::new(up)));
        self
    }

    /// Adds the way back from a version to the one before it, for documents that were written since:
    /// [`undo_documents_migration`](crate::Database::undo_documents_migration) needs it for these only. The
    /// closure is also given the document as it was before it was migrated, where there was one.
    pub fn step_back(
        mut self,
        version: u32,
        step: impl Fn(&mut Value, Option<Value>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let down = move |body: &[u8], before: Option<&[u8]>, out: &mut Vec<u8>| {
            let failed = || {
                let before = version.saturating_sub(1);
                format!("it cannot be brought back from version {version} to {before}")
            };
            let before = before.map(document_to_value).transpose()?;
            convert(body, out, failed, |document| step(document, before))
        };
        self.steps_back.push((version, Arc::new(down)));
        self
    }

    /// The JSON Schema that documents of the last version have to fit: see
    /// [`set_json_schema`](crate::DocumentsMut::set_json_schema). Without one the collection keeps what it
    /// has. Documents of earlier versions are held against it when they are written anew or migrated.
    pub fn json_schema(mut self, schema: &Value) -> Self {
        self.json_schema = Some(schema.clone());
        self
    }

    /// Takes the documents out that a closure fails on, or that do not fit the JSON Schema, instead of
    /// refusing the version: see [`Migration::set_aside`](crate::Migration::set_aside). All documents are
    /// migrated at once, since there is no other way to find them.
    pub fn set_aside(mut self) -> Self {
        self.set_aside = true;
        self
    }

    pub(super) fn collection(&self) -> &str {
        &self.collection
    }

    pub(super) fn sets_aside(&self) -> bool {
        self.set_aside
    }

    /// The last version.
    ///
    /// # Errors
    /// `Invalid` where there is not one step to each.
    pub(super) fn version(&self) -> Result<u32> {
        let mut versions: Vec<u32> = self.steps.iter().map(|(version, _)| *version).collect();
        versions.sort_unstable();
        let mut last = FIRST_VERSION;
        for version in versions {
            if version <= last {
                return Err(Error::invalid(format!(
                    "two steps lead to version {version}, or one to the first; there has to be one to each \
                     version from 2 on"
                )));
            }
            if version - 1 != last {
                return Err(Error::invalid(format!(
                    "no step leads to version {}, but one to version {version}; there has to be one to each \
                     version from 2 on",
                    last + 1
                )));
            }
            last = version;
        }
        let mut back: Vec<u32> = self.steps_back.iter().map(|(from, _)| *from).collect();
        back.sort_unstable();
        if back.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(Error::invalid("two steps lead back from the same version"));
        }
        let nowhere = back
            .iter()
            .find(|from| **from <= FIRST_VERSION || **from > last);
        match nowhere {
            Some(from) => Err(Error::invalid(format!(
                "a step leads back from version {from}, and none leads there"
            ))),
            None => Ok(last),
        }
    }

    /// Whether what is stored is of an earlier version.
    ///
    /// # Errors
    /// `NewerSchema` where it is of a later one, `SchemaChanged` where it has another JSON Schema.
    pub(super) fn is_later_than(&self, info: &Records) -> Result<bool> {
        let stored = info.documents()?;
        let (version, found) = (self.version()?, stored.stored.version);
        if found > version {
            return Err(newer_schema(&self.collection, found, version));
        }
        if found < version {
            return Ok(true);
        }
        let Some(declared) = &self.json_schema else {
            return Ok(false);
        };
        let stored = stored.json_schema.as_ref();
        let stored = stored.map(JsonSchema::to_value).transpose()?;
        if stored.as_ref() == Some(declared) {
            return Ok(false);
        }
        Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "the JSON Schema of collection {:?} differs from that of version {version} in the file; restore \
                 it, raise the version, or change the file's by `set_json_schema`",
                self.collection
            ),
        ))
    }

    /// What the catalog is to have of a collection that had `before`.
    pub(super) fn become_of(&self, mut before: StoredDocuments) -> Result<StoredDocuments> {
        let json_schema = self.json_schema.as_ref().map(text_of).transpose()?;
        before.become_later(self.version()?, json_schema);
        Ok(before)
    }

    /// What the catalog is to have of a new collection.
    pub(super) fn new_stored(&self) -> Result<StoredDocuments> {
        Ok(StoredDocuments {
            version: self.version()?,
            json_schema: self.json_schema.as_ref().map(text_of).transpose()?,
            ..StoredDocuments::default()
        })
    }

    /// Makes the closures known.
    pub(super) fn note_steps(&self, book: &CodeBook) {
        book.note_known(&self.collection);
        for (version, up) in &self.steps {
            let mut back = self.steps_back.iter();
            let code = Code {
                up: up.clone(),
                down: back
                    .find(|(from, _)| from == version)
                    .map(|(_, down)| down.clone()),
            };
            let before = version.saturating_sub(1);
            book.note(&self.collection, before, *version, code);
        }
    }
}

/// Appends what a closure makes of a document.
fn convert(
    body: &[u8],
    out: &mut Vec<u8>,
    failed: impl Fn() -> String,
    change: impl FnOnce(&mut Value) -> Result<(), BoxError>,
) -> Result<()> {
    let not_migrated = || Error::new(ErrorKind::NotMigrated, failed());
    let root = Node::root(body);
    let mut document = document_to_value(body)?;
    change(&mut document).map_err(|error| not_migrated().because(error))?;
    let start = out.len();
    let own = |body| key_within(Node::root(body));
    let changed = encode_value_like(&document, root, out)
        .and_then(|()| own(out.get(start..).unwrap_or_default()))
        .map_err(|error| not_migrated().because(error))?;
    // It lies under its key: there is no place for it under another.
    if changed != own(body)? {
        return Err(not_migrated().because(format!("its {ID:?} is not what it was")));
    }
    Ok(())
}

impl std::fmt::Debug for DocumentSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions = |steps: &mut dyn Iterator<Item = u32>| steps.collect::<Vec<_>>();
        f.debug_struct("DocumentSchema")
            .field("collection", &self.collection)
            .field(
                "steps",
                &versions(&mut self.steps.iter().map(|(to, _)| *to)),
            )
            .field(
                "steps_back",
                &versions(&mut self.steps_back.iter().map(|(from, _)| *from)),
            )
            .field("json_schema", &self.json_schema)
            .field("set_aside", &self.set_aside)
            .finish()
    }
}
