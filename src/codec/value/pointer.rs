//! Where does a JSON Pointer lead? RFC 6901.

use std::borrow::Cow;

use super::read::{Node, Value};
use crate::base::{Error, Result};

/// The reference tokens of a pointer, unescaped.
///
/// # Errors
/// `Invalid` where it is neither empty nor begins with a slash, or has a tilde that is followed by
/// neither 0 nor 1.
pub(crate) fn tokens(pointer: &str) -> Result<impl Iterator<Item = Cow<'_, str>>> {
    let mut parts = pointer.split('/');
    // What is before the first slash is empty.
    if parts.next() != Some("") {
        return Err(refused(pointer, "it does not begin with a slash"));
    }
    let escapes = || pointer.split('~').skip(1);
    if escapes().any(|behind| !behind.starts_with(['0', '1'])) {
        return Err(refused(pointer, "a tilde is followed by neither 0 nor 1"));
    }
    Ok(parts.map(|part| {
        if part.contains('~') {
            Cow::Owned(part.replace("~1", "/").replace("~0", "~"))
        } else {
            Cow::Borrowed(part)
        }
    }))
}

/// The position in a list that a token names: digits without leading zeros.
pub(crate) fn position(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = token.len() > 1 && token.starts_with('0');
    if digits && !leading_zero {
        token.parse().ok()
    } else {
        None
    }
}

/// The value that a pointer leads to, `None` where it leads nowhere.
pub(crate) fn follow<'a>(root: Node<'a>, pointer: &str) -> Result<Option<Node<'a>>> {
    let mut node = root;
    for token in tokens(pointer)? {
        let next = match node.read()? {
            Value::Object(object) => object.get(&token)?,
            Value::Array(array) => match position(&token) {
                Some(i) => array.get(i)?,
                None => None,
            },
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

fn refused(pointer: &str, why: &str) -> Error {
    Error::invalid(format!("{pointer:?} is no JSON pointer (RFC 6901): {why}"))
}
