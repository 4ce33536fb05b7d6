//! One document: made from JSON or from what serde can write, and read without decoding it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::patch;
use super::project::Tree;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::json::{encode_text, encode_value};
use crate::codec::value::like::encode_value_like;
use crate::codec::value::read::Node;
use crate::codec::value::{self, pointer};
use crate::collection::body::Body;
use crate::schema::json;
use crate::schema::view::ValueRef;
use crate::store::Bytes;

/// A JSON document, and more: an object, a list or a single value.
///
/// Numbers are exact: integers of up to 128 bits and `f64`. Besides what JSON has there are bytes and
/// [`Timestamp`](crate::Timestamp)s. The members of an object keep their order. Lists and objects are
/// nested at most 127 deep.
///
/// Members keep their order through changes where they stay in their place: a `serde_json::Value` forgets
/// the order of what a patch moves or brings.
///
/// In JSON text, and as a [`serde_json::Value`], what JSON cannot say is an object with one key:
/// `{"$bytes": "AQID"}` (base64), `{"$int": "18446744073709551616"}` (beyond 64 bits),
/// `{"$float": "NaN"}` (or `"Infinity"`, `"-Infinity"`), `{"$time": "2026-11-26T10:00:00Z"}` (RFC 3339).
/// An object that only looks like one of these stands in `{"$literal": ..}`. Reading what was
/// written gives the same document.
///
/// # Making one
/// ```
/// use larder::Document;
///
/// let text = r#"{"title": "Jam", "tags": ["fruit", "sugar"], "made": {"$time": "2026-08-01T09:00:00Z"}}"#;
/// let jam = Document::from_json(text)?;
/// assert_eq!(jam.pointer("/tags/1")?.and_then(|tag| tag.as_str()), Some("sugar"));
/// # Ok::<(), larder::Error>(())
/// ```
pub struct Document<'a> {
    bytes: Bytes<'a>,
    start: usize,
}

impl Document<'static> {
    /// The document that a JSON text (RFC 8259) is.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is no JSON, has a key twice in an object,
    /// an integer of more than 128 bits, or is nested too deep; with line and column.
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self> {
        let text = text.as_ref();
        let mut bytes = Vec::with_capacity(text.len());
        encode_text(text, &mut bytes)?;
        Ok(Self::owned(bytes))
    }

    /// The document that a JSON value is. Its objects have the order that `serde_json` gives them,
    /// which by default is that of their keys.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is nested too deep, or an extended form does not
    /// say what it should.
    pub fn from_value(value: &serde_json::Value) -> Result<Self> {
        let mut bytes = Vec::new();
        encode_value(value, &mut bytes)?;
        Ok(Self::owned(bytes))
    }

    /// The document that serde makes of a value. A map that looks like an extended form is a map.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the keys of a map are neither text nor numbers, or
    /// two of them are the same text; [`Limit`](crate::ErrorKind::Limit) where it is nested too deep.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let mut bytes = Vec::with_capacity(BYTES_EXPECTED);
        value::encode(value, &mut bytes)?;
        Ok(Self::owned(bytes))
    }

    pub(super) fn owned(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::owned(bytes),
            start: 0,
        }
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(body: Body<'a>) -> Self {
        let (bytes, start) = body.into_bytes();
        Self { bytes, start }
    }

    /// The whole document, to be looked at step by step.
    pub fn value(&self) -> Result<ValueRef<'_>> {
        ValueRef::of_node(self.root())
    }

    /// The value that a JSON Pointer (RFC 6901) leads to, `None` where it leads nowhere. Nothing else
    /// is decoded: the time grows with the length of the pointer, and with the logarithm of the number
    /// of keys in each object on the way.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is no JSON Pointer.
    pub fn pointer(&self, pointer: &str) -> Result<Option<ValueRef<'_>>> {
        pointer::follow(self.root(), pointer)?
            .map(ValueRef::of_node)
            .transpose()
    }

    /// The value that a JSON Pointer (RFC 6901) leads to, as a document of its own; `None` where it leads
    /// nowhere.
    ///
    /// # Errors
    /// Those of [`pointer`](Document::pointer).
    pub fn part(&self, pointer: &str) -> Result<Option<Document<'static>>> {
        let part = pointer::follow(self.root(), pointer)?;
        part.map(|part| Ok(Document::owned(part.encoded()?.to_vec())))
            .transpose()
    }

    /// The value that serde makes of the document. It may borrow text and bytes from it.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the document is not what the type expects.
    pub fn decode<'d, T: Deserialize<'d>>(&'d self) -> Result<T> {
        value::decode(self.root())
    }

    /// The document as a JSON value.
    pub fn to_value(&self) -> Result<serde_json::Value> {
        json::to_value(self.value()?, self.bytes().len())
    }

    /// The document as JSON text, on one line.
    pub fn to_json(&self) -> Result<String> {
        json::to_text(self.value()?, self.bytes().len())
    }

    /// The document as JSON text on several lines, indented.
    pub fn to_json_pretty(&self) -> Result<String> {
        json::to_text_pretty(self.value()?, self.bytes().len())
    }

    /// The document cut to what is at some paths, such as `author.name`: see
    /// [`Query::project`](crate::Query::project).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a path that leads deeper than documents are.
    pub fn project<P: AsRef<str>>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Document<'static>> {
        Tree::of(paths)?.cut(self.root()).map(Document::owned)
    }

    /// The document changed by a JSON Merge Patch (RFC 7396): members that are null in the patch go,
    /// the others come or are replaced, objects are merged.
    pub fn merge_patch(&self, changes: &serde_json::Value) -> Result<Document<'static>> {
        self.changed(|value| {
            patch::merge(value, changes);
            Ok(())
        })
    }

    /// The document changed by a JSON Patch (RFC 6902): all of its operations, or an error. The patch
    /// sees the document as the JSON value that it is: bytes, for instance, as `{"$bytes": ..}`.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where a `test` finds another value;
    /// [`Invalid`](crate::ErrorKind::Invalid) where the patch is none, or an operation cannot be done:
    /// it names which. [`Limit`](crate::ErrorKind::Limit) where copies of copies would fill the memory.
    pub fn patch(&self, operations: &serde_json::Value) -> Result<Document<'static>> {
        self.changed(|value| patch::patch(value, operations))
    }

    /// The document with the value that a JSON Pointer leads to put in place: an element or member
    /// that is there is replaced, a member that is not comes. To add an element to a list, use
    /// [`patch`](Document::patch); as there, the pointer is into the JSON value.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no such place.
    pub fn with(&self, pointer: &str, new: serde_json::Value) -> Result<Document<'static>> {
        // The syntax is checked before it is relied on.
        let last = pointer::tokens(pointer)?.last();
        self.changed(|value| {
            if let Some(place) = value.pointer_mut(pointer) {
                *place = new;
                return Ok(());
            }
            let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            match (value.pointer_mut(parent), last) {
                (Some(serde_json::Value::Object(members)), Some(key)) => {
                    members.insert(key.into_owned(), new);
                    Ok(())
                }
                _ => Err(Error::new(
                    ErrorKind::NotFound,
                    format!("the document has no place {pointer:?}"),
                )),
            }
        })
    }

    /// The document as it is after a change of its JSON value. Members keep their order, new ones
    /// come behind them.
    pub(super) fn changed<E: From<Error>>(
        &self,
        change: impl FnOnce(&mut serde_json::Value) -> Result<(), E>,
    ) -> Result<Document<'static>, E> {
        let mut value = self.to_value()?;
        change(&mut value)?;
        let mut bytes = Vec::with_capacity(self.bytes().len());
        encode_value_like(&value, self.root(), &mut bytes)?;
        Ok(Document::owned(bytes))
    }

    /// How many bytes it has, before compression.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// A copy that borrows from nothing.
    #[must_use]
    pub fn to_owned(&self) -> Document<'static> {
        Document::owned(self.bytes().to_vec())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node::root(self.bytes())
    }
}

/// Room for a document of usual size, so that it does not move while it grows.
const BYTES_EXPECTED: usize = 1024;

/// Documents are equal that have the same values, their members in the same order.
impl PartialEq<Document<'_>> for Document<'_> {
    fn eq(&self, other: &Document<'_>) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_json() {
            Ok(text) => f.write_str(&text),
            Err(error) => error.fmt(f),
        }
    }
}

/// What can be put into a document collection: a [`Document`], or a [`serde_json::Value`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no document",
    label = "expected a `Document` or a `serde_json::Value`",
    note = "for a type of serde's use `tx.documents_of::<T>(..)`, or `Document::of(&value)?`",
    note = "for JSON text use `Document::from_json(text)?`"
)]
pub trait IntoDocument: sealed::Sealed {
    /// Appends the document's bytes.
    #[doc(hidden)]
    fn append_to(&self, out: &mut Vec<u8>) -> Result<()>;
}

mod sealed {
    /// Nobody else says what a document is.
    pub trait Sealed {}
}

impl sealed::Sealed for serde_json::Value {}
impl IntoDocument for serde_json::Value {
    fn append_to(&self, out: &mut Vec<u8>) -> Result<()> {
        encode_value(self, out)
    }
}

impl sealed::Sealed for Document<'_> {}
impl IntoDocument for Document<'_> {
    fn append_to(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(self.bytes());
        Ok(())
    }
}

impl<T: sealed::Sealed + ?Sized> sealed::Sealed for &T {}
impl<T: IntoDocument + ?Sized> IntoDocument for &T {
    fn append_to(&self, out: &mut Vec<u8>) -> Result<()> {
        (**self).append_to(out)
    }
}

/// What serde can write, on its way into a collection of a type.
pub(super) struct Encoded<'t, T>(pub(super) &'t T);

impl<T> sealed::Sealed for Encoded<'_, T> {}
impl<T: Serialize> IntoDocument for Encoded<'_, T> {
    fn append_to(&self, out: &mut Vec<u8>) -> Result<()> {
        value::encode(self.0, out)
    }
}
