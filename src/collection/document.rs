//! What is the key of a document, and how is one spoken of?

use crate::base::{Error, Result};
use crate::codec::key::DocumentKey;
use crate::codec::key::document::encode;
use crate::codec::value::read::{Node, Object, Value};
use crate::codec::value::write::Writer;

/// The member of a document that is its key, where it has one.
pub(crate) const ID: &str = "_id";

/// The encoded key that a document has in its `_id`.
///
/// # Errors
/// `Invalid` where that is nothing that a key can be.
pub(crate) fn key_within(document: Node<'_>) -> Result<Option<Vec<u8>>> {
    let Some(object) = document.object()? else {
        return Ok(None);
    };
    match object.get(ID)? {
        Some(id) => key_of(id).map(Some),
        None => Ok(None),
    }
}

/// A value as the encoded key of a document.
pub(crate) fn key_of(id: Node<'_>) -> Result<Vec<u8>> {
    if matches!(id.read()?, Value::Array(_)) {
        return Err(Error::invalid(
            "the key of a document is a list; it can be anything else",
        ));
    }
    let mut key = Vec::with_capacity(40);
    encode(id, &mut key)?;
    Ok(key)
}

/// A document with its key in it, where it is an object that has none: to a query every object has one.
pub(crate) fn value_with_key(document: Node<'_>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(object) = document.object()? else {
        return Ok(None);
    };
    if object.get(ID)?.is_some() {
        return Ok(None);
    }
    let key = DocumentKey::of_encoded(key).to_document()?;
    with_member_in_front(&object, ID, &key).map(Some)
}

/// An object with one more member, in front of its own.
pub(crate) fn with_member_in_front(
    object: &Object<'_>,
    key: &str,
    value: &[u8],
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let open = writer.begin_object(0)?;
    writer.member(&open, key)?;
    writer.encoded(value);
    for member in object.iter() {
        let (key, value) = member?;
        writer.member(&open, key)?;
        writer.encoded(value.encoded()?);
    }
    writer.end_object(&open)?;
    Ok(out)
}

/// Says of an error which document it is about.
#[cold]
pub(crate) fn at(error: Error, collection: &str, key: &[u8]) -> Error {
    error
        .during(show(key))
        .during(format!("collection {collection:?}"))
}

/// An encoded key for a message.
pub(crate) fn show(key: &[u8]) -> String {
    format!("document {:?}", DocumentKey::of_encoded(key))
}
