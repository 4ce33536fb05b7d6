//! How do keys, filters and documents come from the command line, and how do those of a file go out?

use std::io::Read;

use larder::serde_json::{self, Value};
use larder::uuid::Uuid;
use larder::{CollectionKind, Document, DocumentKey, DocumentView, Key, KeyReader};
use serde::Serializer;
use serde::ser::Serialize;

use crate::fault::{Code, Fault, Result};

/// JSON that stands on the command line, or, where that is `-`, on standard input.
pub(crate) fn argument(what: &str, text: &str) -> Result<Document<'static>> {
    let mut typed = String::new();
    let text = if text == "-" {
        std::io::stdin().read_to_string(&mut typed)?;
        typed.as_str()
    } else {
        text
    };
    Document::from_json(text).map_err(|error| {
        let shell = "quote it for the shell: '{\"name\": \"Jam\"}'";
        Fault::new(Code::Refused, format!("the {what} is no JSON: {error}")).hint(shell)
    })
}

/// A key: JSON, and what is none is text.
pub(crate) fn key_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A key of documents.
pub(crate) fn document_key(text: &str) -> Result<DocumentKey> {
    let key = match Document::from_json(text) {
        Ok(document) => DocumentKey::of(document),
        Err(_) => DocumentKey::of(Value::String(text.to_owned())),
    };
    key.map_err(|error| Fault::refused(format!("{text} is no key: {error}")))
}

/// An encoded key of a collection or bucket as it is typed; a list where several fields make it up. `None` where it
/// is of a type that is not typed.
pub(crate) fn decoded_key(kind: &CollectionKind, encoded: &[u8]) -> Option<Value> {
    let reader = &mut KeyReader::new(encoded);
    let key = match kind {
        CollectionKind::Documents { .. } => DocumentKey::decode(reader).ok()?.to_value().ok()?,
        CollectionKind::Bucket { key } => key_part(key, reader)?,
        CollectionKind::Records(record) => {
            let type_of = |name: &String| record.fields.iter().find(|field| field.name == *name);
            let parts = record.key.iter().map(|name| {
                let of = type_of(name)?.ty.to_string().to_ascii_lowercase();
                key_part(&of, reader)
            });
            let mut parts = parts.collect::<Option<Vec<Value>>>()?;
            match parts.as_slice() {
                [_] => parts.remove(0),
                _ => Value::Array(parts),
            }
        }
        _ => return None,
    };
    reader.is_empty().then_some(key)
}

/// One part of a key, of the type of that name.
fn key_part(of: &str, reader: &mut KeyReader<'_>) -> Option<Value> {
    macro_rules! of_type {
        ($($type:ident)*) => {
            match of {
                $(stringify!($type) => $type::decode(reader).ok()?.into(),)*
                "string" => String::decode(reader).ok()?.into(),
                "uuid" => Uuid::decode(reader).ok()?.to_string().into(),
                _ => return None,
            }
        };
    }
    Some(of_type!(bool u8 u16 u32 u64 i8 i16 i32 i64))
}

/// A document as one JSON object that holds its key: as `_id` in front, or, where it is no object, beside it.
pub(crate) fn with_key(view: &DocumentView<'_>) -> Result<String> {
    let text = view.to_json()?;
    with_key_in(view, text)
}

/// The same, of what is left of the document.
pub(crate) fn with_key_in(view: &DocumentView<'_>, text: String) -> Result<String> {
    let key = || -> Result<String> { Ok(view.key().to_value()?.to_string()) };
    let Some(members) = text.strip_prefix('{') else {
        return Ok(format!("{{\"$key\":{},\"$document\":{text}}}", key()?));
    };
    if view.pointer("/_id")?.is_some() {
        return Ok(text);
    }
    let comma = if members == "}" { "" } else { "," };
    Ok(format!("{{\"_id\":{}{comma}{members}", key()?))
}

/// Bytes as documents have them in JSON: text where they are text, else `{"$bytes": ..}`.
pub(crate) fn bytes_value(bytes: &[u8]) -> Result<Value> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Value::String(text.to_owned()));
    }
    Ok(Document::of(&Bytes(bytes))?.to_value()?)
}

/// Bytes, to serde.
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}
