//! Where does a JSON Pointer lead? RFC 6901.

use std::borrow::Cow;

use super::read::{Node, Value};
use crate::base::{Error, Result};

/// The reference tokens of a pointer, unescaped.
///
/// # Errors
/// `Invalid` where it is neither empty nor begins with a slash, or has a tilde that is followed by
/// neither 0 nor 1.
pub(crate) fn tokens(pointer: &str) -> Result<Tokens<'_>> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(refused(pointer, "it does not begin with a slash"));
    }
    let escaped = pointer.as_bytes().contains(&b'~');
    if escaped
        && pointer
            .split('~')
            .skip(1)
            .any(|behind| !behind.starts_with(['0', '1']))
    {
        return Err(refused(pointer, "a tilde is followed by neither 0 nor 1"));
    }
    Ok(Tokens {
        rest: pointer,
        escaped,
    })
}

/// The tokens that are left of a pointer.
#[derive(Clone)]
pub(crate) struct Tokens<'p> {
    /// Empty, or from a slash on.
    rest: &'p str,
    /// Whether there is a tilde in the pointer.
    escaped: bool,
}

impl<'p> Iterator for Tokens<'p> {
    type Item = Cow<'p, str>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let behind_slash = self.rest.get(1..)?;
        let end = behind_slash.bytes().position(|byte| byte == b'/');
        let (token, rest) = behind_slash.split_at(end.unwrap_or(behind_slash.len()));
        self.rest = rest;
        Some(if self.escaped && token.contains('~') {
            Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
        } else {
            Cow::Borrowed(token)
        })
    }
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
#[inline]
pub(crate) fn follow<'a>(root: Node<'a>, pointer: &str) -> Result<Option<Node<'a>>> {
    let tokens = tokens(pointer)?;
    if tokens.escaped {
        return follow_escaped(root, tokens);
    }
    let mut node = root;
    let mut rest = pointer;
    while let Some(behind_slash) = rest.get(1..) {
        let bytes = behind_slash.as_bytes();
        let mut end = 0;
        while bytes.get(end).is_some_and(|byte| *byte != b'/') {
            end += 1;
        }
        let (token, behind) = behind_slash.split_at(end);
        rest = behind;
        // The two ways apart: one `node` out of both would go through memory.
        match node.object()? {
            Some(object) => match object.get(token)? {
                Some(next) => node = next,
                None => return Ok(None),
            },
            None => match element(node, token)? {
                Some(next) => node = next,
                None => return Ok(None),
            },
        }
    }
    Ok(Some(node))
}

#[cold]
fn follow_escaped<'a>(root: Node<'a>, tokens: Tokens<'_>) -> Result<Option<Node<'a>>> {
    let mut node = root;
    for token in tokens {
        let next = match node.object()? {
            Some(object) => object.get(&token)?,
            None => element(node, &token)?,
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// The element of an array whose position a token names.
fn element<'a>(node: Node<'a>, token: &str) -> Result<Option<Node<'a>>> {
    match (node.read()?, position(token)) {
        (Value::Array(array), Some(i)) => array.get(i),
        _ => Ok(None),
    }
}

fn refused(pointer: &str, why: &str) -> Error {
    Error::invalid(format!("{pointer:?} is no JSON pointer (RFC 6901): {why}"))
}
