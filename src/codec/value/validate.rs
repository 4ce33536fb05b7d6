//! Is this a whole document, and nothing else? Everything a writer promises is checked, but that each
//! value has the narrowest form there is; without recursion, in time that grows with the bytes (times
//! the logarithm of the number of keys).

use super::read::{Array, IN_ORDER_MAX, Members, Node, Nodes, Object, Value, hash};
use crate::base::{Error, Result};

/// A container that is being gone through.
enum Going<'a> {
    Array {
        array: Array<'a>,
        at: usize,
        nodes: Nodes<'a>,
        length: usize,
    },
    Object {
        object: Object<'a>,
        members: Members<'a>,
        length: usize,
    },
}

/// Says whether the bytes are a document.
pub(crate) fn validate(bytes: &[u8]) -> Result<()> {
    let root = Node::root(bytes);
    if root.size()? != bytes.len() {
        return Err(Error::corrupt("bytes are left over behind a document"));
    }
    let mut going = Vec::new();
    going.extend(enter(root)?);
    while let Some(container) = going.last_mut() {
        match container.next()? {
            // The depth of what is entered is bounded, and so is this.
            Some(node) => going.extend(enter(node)?),
            None => {
                going.pop();
            }
        }
    }
    Ok(())
}

/// Reads a value; gives what there is to go through in it.
fn enter(node: Node<'_>) -> Result<Option<Going<'_>>> {
    Ok(match node.read()? {
        Value::Array(array) => {
            if array.is_even() {
                array.even_size()?;
            }
            let nodes = array.iter();
            let length = nodes.rest();
            Some(Going::Array {
                array,
                at: 0,
                nodes,
                length,
            })
        }
        Value::Object(object) => {
            check_hashes(&object)?;
            let members = object.iter();
            let length = members.rest();
            Some(Going::Object {
                object,
                members,
                length,
            })
        }
        _ => None,
    })
}

/// Refuses hashes that are not those of the keys or not in order. Going through the members finds each
/// by its key, and so refuses a key that is there twice.
fn check_hashes(object: &Object<'_>) -> Result<()> {
    let hashes = object.hashes();
    let mut last = None;
    for (i, hashed) in hashes.iter().enumerate() {
        let key = object.hashed_key(i)?;
        let in_order = (*hashed, key.len(), key);
        if hash(key) != *hashed || (object.len() > IN_ORDER_MAX && last >= Some(in_order)) {
            return Err(Error::corrupt(
                "the hashes of an object are not those of its keys",
            ));
        }
        last = Some(in_order);
    }
    Ok(())
}

impl<'a> Going<'a> {
    /// The next value in it; at the end, whether it ends where it should.
    fn next(&mut self) -> Result<Option<Node<'a>>> {
        let (next, rest) = match self {
            Self::Array {
                array,
                at,
                nodes,
                length,
            } => {
                let start = *length - nodes.rest();
                let next = nodes.next().transpose()?;
                if let Some(node) = &next {
                    if array.offset(*at)? != start
                        || (array.is_even() && node.size()? != array.even_size()?)
                    {
                        return Err(elsewhere());
                    }
                    *at += 1;
                }
                (next, nodes.rest())
            }
            Self::Object {
                object,
                members,
                length,
            } => {
                let start = *length - members.rest();
                match members.next().transpose()? {
                    None => (None, members.rest()),
                    Some((key, node)) => {
                        let found = object.find(key.as_bytes())?;
                        if found.is_none_or(|(said, _)| said != start) {
                            return Err(elsewhere());
                        }
                        (Some(node), members.rest())
                    }
                }
            }
        };
        if next.is_none() && rest > 0 {
            return Err(Error::corrupt("bytes are left over in a list or an object"));
        }
        Ok(next)
    }
}

#[cold]
fn elsewhere() -> Error {
    Error::corrupt("a value in a document is not where its list or object says")
}
