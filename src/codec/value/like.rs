//! How does a JSON value become the document that it was made from, changed?

use super::json::{LITERAL, encode_value, says_what_json_cannot, write_value};
use super::read::{Array, Node, Value};
use super::write::Writer;
use crate::base::Result;

/// Appends the document that a JSON value is, the members of each object in the order that those of
/// `like` have, new ones behind them: a value of `serde_json` that was made from it forgot that order.
/// After an error nothing is added.
pub(crate) fn encode_value_like(
    value: &serde_json::Value,
    like: Node<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let result = write_like(value, Some(like), &mut Writer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_like(
    value: &serde_json::Value,
    like: Option<Node<'_>>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    match (value, like.map(Node::read).transpose()?) {
        (serde_json::Value::Array(elements), Some(Value::Array(like))) => {
            let open = writer.begin_array(0)?;
            let like = beside(elements, &like)?;
            for (i, element) in elements.iter().enumerate() {
                writer.element(&open);
                write_like(element, like.get(i).copied().flatten(), writer)?;
            }
            writer.end_array(&open)
        }
        (serde_json::Value::Object(members), Some(Value::Object(like)))
            if let Some(members) = own_members(members) =>
        {
            let open = writer.begin_object(0)?;
            let mut write = |key: &str, value, like| {
                writer.member(&open, key)?;
                write_like(value, like, writer)
            };
            for member in like.iter() {
                let (key, like) = member?;
                if let Some(value) = members.get(key) {
                    write(key, value, Some(like))?;
                }
            }
            for (key, value) in members {
                if like.get(key)?.is_none() {
                    write(key, value, None)?;
                }
            }
            writer.end_object(&open)
        }
        _ => write_value(value, writer),
    }
}

/// For each element the one of `like` that it was: where some came or went, those in front of them
/// and those behind are the same as before.
fn beside<'a>(elements: &[serde_json::Value], like: &Array<'a>) -> Result<Vec<Option<Node<'a>>>> {
    let before: Vec<Node<'a>> = like.iter().collect::<Result<_>>()?;
    let (now, then) = (elements.len(), before.len());
    let mut back = 0;
    if now != then {
        let mut front = 0;
        while let (Some(element), Some(node)) = (elements.get(front), before.get(front))
            && same(element, *node)?
        {
            front += 1;
        }
        let most = now.min(then) - front;
        for (element, node) in elements.iter().rev().zip(before.iter().rev()).take(most) {
            if !same(element, *node)? {
                break;
            }
            back += 1;
        }
    }
    let at = |i: usize| match (now - i <= back, i + back < then) {
        (true, _) => before.get(i + then - now),
        (false, true) => before.get(i),
        (false, false) => None,
    };
    Ok((0..now).map(|i| at(i).copied()).collect())
}

/// Whether a JSON value is that of a document, whatever the order of members.
fn same(value: &serde_json::Value, node: Node<'_>) -> Result<bool> {
    match (value, node.read()?) {
        (serde_json::Value::String(a), Value::String(b)) => Ok(a == b),
        (serde_json::Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !same(a, b?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (serde_json::Value::Object(a), Value::Object(b)) if !says_what_json_cannot(a) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for member in b.iter() {
                let (key, b) = member?;
                match a.get(key) {
                    Some(a) if same(a, b)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (_, Value::Array(_) | Value::Object(_)) => Ok(false),
        _ => {
            let mut encoded = Vec::new();
            Ok(encode_value(value, &mut encoded).is_ok() && encoded == node.encoded()?)
        }
    }
}

/// The members of an object; of one that stands in `$literal`, its own. `None` for what JSON has no
/// other form for.
fn own_members(
    members: &serde_json::Map<String, serde_json::Value>,
) -> Option<&serde_json::Map<String, serde_json::Value>> {
    match members.get(LITERAL) {
        Some(serde_json::Value::Object(own)) if members.len() == 1 => Some(own),
        _ if says_what_json_cannot(members) => None,
        _ => Some(members),
    }
}
