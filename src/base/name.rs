//! What may a collection, bucket or index be called, and how is a key shown in a message?

use super::error::{Error, Result};
use super::limits::NAME_BYTES_MAX;

/// Refuses a name that is empty, too long, or holds control characters.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("the name of this {what} is empty")));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::limit(format!(
            "the name of this {what} has {} bytes, the most is {NAME_BYTES_MAX}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "the name {name:?} of this {what} has control characters"
        )));
    }
    Ok(())
}

/// The bytes of an encoded key for a message: printable ASCII as it is, the rest escaped, cut short.
pub(crate) fn show_key(key: &[u8]) -> String {
    let shown = key.get(..SHOWN_BYTES_MAX).unwrap_or(key);
    let dots = if shown.len() < key.len() { "..." } else { "" };
    format!("key \"{}\"{dots}", shown.escape_ascii())
}

const SHOWN_BYTES_MAX: usize = 64;
