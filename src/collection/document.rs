//! What is the key of a document, and how is one spoken of?

use crate::base::{Error, Result};
use crate::codec::key::DocumentKey;
use crate::codec::key::document::encode;
use crate::codec::value::read::{Node, Value};

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
    let kind = match id.read()? {
        Value::Null => "null",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        _ => {
            let mut key = Vec::with_capacity(40);
            encode(id, &mut key)?;
            return Ok(key);
        }
    };
    Err(Error::invalid(format!(
        "the key of a document is {kind}; it can be text, a number, a bool, bytes or a timestamp"
    )))
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
