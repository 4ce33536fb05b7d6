//! The key of a document, as a key like any other.

use std::fmt;

use uuid::Uuid;

use super::document::{self, BOOL, BYTES, NUMBER, STRING, TIMESTAMP};
use super::number::{encode_bool, encode_i64};
use super::text::{encode_bytes, encode_start, encode_str};
use super::{AsKey, Key, KeyPrefix, KeyReader};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;
use crate::codec::value::read::{Node, Value};
use crate::codec::value::write::Writer;

/// The key of a document: a number, text, bytes, a bool or a timestamp; also null or an object.
///
/// They sort as null, numbers, text, objects, bytes, bools, timestamps; numbers by their value, whatever
/// their type. In a call stands what the key is: `"intro"`, `42`, a [`Uuid`] (which is its text), a
/// reference to a `DocumentKey`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey(Vec<u8>);

impl DocumentKey {
    /// The key that this is.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers have the key by value"
    )]
    pub fn new<Q: AsKey<Self>>(key: Q) -> Self {
        let mut encoded = Vec::with_capacity(16);
        key.encode_as(&mut encoded);
        Self(encoded)
    }

    /// A key that nobody else has, and that sorts by the time at which it is made: the text of a UUID
    /// version 7 (RFC 9562).
    #[must_use]
    pub fn now_v7() -> Self {
        Self::new(Uuid::now_v7())
    }

    /// The text that the key is, `None` where it is something else.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let document = self.to_document().ok()?;
        match Node::root(&document).read() {
            Ok(Value::String(text)) => Some(text.to_owned()),
            _ => None,
        }
    }

    /// The key that a document has, or that was found in a table: its encoding, checked when it is
    /// looked at.
    pub(crate) fn of_encoded(encoded: &[u8]) -> Self {
        Self(encoded.to_vec())
    }

    pub(crate) fn encoded(&self) -> &[u8] {
        &self.0
    }

    /// The key as a document of its own.
    pub(crate) fn to_document(&self) -> Result<Vec<u8>> {
        let mut document = Vec::new();
        let mut input = KeyReader::new(&self.0);
        document::decode(&mut input, &mut Writer::new(&mut document))?;
        input.finish()?;
        Ok(document)
    }
}

impl Key for DocumentKey {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        // Every value has one encoding, also where this one was complemented.
        let mut value = Vec::new();
        document::decode(input, &mut Writer::new(&mut value))
            .map_err(|error| Error::corrupt("this is no key of a document").because(error))?;
        let node = Node::root(&value);
        if matches!(node.read()?, Value::Array(_)) {
            return Err(Error::corrupt("the key of a document is a list"));
        }
        let mut encoded = Vec::new();
        document::encode(node, &mut encoded)?;
        Ok(Self(encoded))
    }

    fn describe() -> String {
        "document key".to_owned()
    }
}

macro_rules! as_key {
    ($($type:ty, $tag:expr, |$key:ident, $out:ident| $encode:expr;)*) => {$(
        impl AsKey<DocumentKey> for $type {
            fn encode_as(&self, $out: &mut Vec<u8>) {
                let $key = self;
                $out.push($tag);
                $encode;
            }
        }
    )*};
}

as_key! {
    &str, STRING, |text, out| encode_str(text, out);
    String, STRING, |text, out| encode_str(text, out);
    &String, STRING, |text, out| encode_str(text, out);
    Uuid, STRING, |uuid, out| encode_str(uuid.hyphenated().encode_lower(&mut [0; 36]), out);
    &Uuid, STRING, |uuid, out| encode_str(uuid.hyphenated().encode_lower(&mut [0; 36]), out);
    &[u8], BYTES, |bytes, out| encode_bytes(bytes, out);
    Vec<u8>, BYTES, |bytes, out| encode_bytes(bytes, out);
    bool, BOOL, |value, out| encode_bool(*value, out);
    i8, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    u8, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    i16, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    u16, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    i32, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    u32, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    i64, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    u64, NUMBER, |value, out| document::encode_integer((*value).into(), out);
    i128, NUMBER, |value, out| document::encode_integer(*value, out);
    u128, NUMBER, |value, out| document::encode_unsigned(*value, out);
    f64, NUMBER, |value, out| document::encode_float(*value, out);
    Timestamp, TIMESTAMP, |value, out| encode_i64(value.as_micros(), out);
}

impl AsKey<DocumentKey> for DocumentKey {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl AsKey<DocumentKey> for &DocumentKey {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

macro_rules! text_prefix {
    ($($type:ty),*) => {$(
        impl KeyPrefix<DocumentKey> for $type {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                out.push(STRING);
                encode_start(self.as_bytes(), out);
            }
        }
    )*};
}

text_prefix!(&str, String, &String);

/// Text as it is, bytes escaped, anything else as the value that it is.
impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.to_document().unwrap_or_default();
        match Node::root(&document).read() {
            Ok(Value::String(text)) => f.write_str(text),
            Ok(Value::Bool(value)) => value.fmt(f),
            Ok(Value::I64(value)) => value.fmt(f),
            Ok(Value::U64(value)) => value.fmt(f),
            Ok(Value::I128(value)) => value.fmt(f),
            Ok(Value::U128(value)) => value.fmt(f),
            Ok(Value::F64(value)) => fmt::Debug::fmt(&value, f),
            Ok(Value::Timestamp(value)) => value.fmt(f),
            Ok(Value::Bytes(bytes)) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Ok(Value::Null) => f.write_str("null"),
            Ok(Value::Object(_)) => write!(f, "object \"{}\"", self.0.escape_ascii()),
            _ => write!(f, "damaged \"{}\"", self.0.escape_ascii()),
        }
    }
}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => fmt::Debug::fmt(&text, f),
            None => fmt::Display::fmt(self, f),
        }
    }
}
