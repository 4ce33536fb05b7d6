//! What does a document become that was read as a type, changed, and is written again? Members that the
//! type does not know stay as they were.

use super::read::{Node, Object};
use super::write::Writer;
use crate::base::Result;

/// Appends the document `new` with the members of `old` that `known`, what the type made of `old`, does
/// not have: in it, and in the objects within objects. Members have the order of `old`, new ones come
/// behind them. After an error nothing is added.
pub(crate) fn keep_unknown(
    old: Node<'_>,
    known: Node<'_>,
    new: Node<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let result = write(old, Some(known), new, &mut Writer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write(
    old: Node<'_>,
    known: Option<Node<'_>>,
    new: Node<'_>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let known = known.map(Node::object).transpose()?.flatten();
    match (old.object()?, known, new.object()?) {
        (Some(old), Some(known), Some(new)) => write_object(&old, &known, &new, writer),
        _ => {
            writer.encoded(new.encoded()?);
            Ok(())
        }
    }
}

fn write_object(
    old: &Object<'_>,
    known: &Object<'_>,
    new: &Object<'_>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let open = writer.begin_object(0)?;
    for member in old.iter() {
        let (key, old) = member?;
        match (known.get(key)?, new.get(key)?) {
            (known, Some(new)) => {
                writer.member(&open, key)?;
                write(old, known, new, writer)?;
            }
            (None, None) => {
                writer.member(&open, key)?;
                writer.encoded(old.encoded()?);
            }
            // The type knew it, and it is gone.
            (Some(_), None) => {}
        }
    }
    for member in new.iter() {
        let (key, new) = member?;
        if old.get(key)?.is_none() {
            writer.member(&open, key)?;
            writer.encoded(new.encoded()?);
        }
    }
    writer.end_object(&open)
}
