//! What does a document become that was read as a type, changed, and is written again? Members that the
//! type does not know stay as they were.

use std::collections::HashMap;

use super::read::{Array, Node, Object, Value};
use super::write::Writer;
use crate::base::Result;

/// Appends the document `new` with the members of `old` that `known`, what the type made of `old`, does
/// not have: in it, and in the objects within it. Members have the order of `old`, new ones come
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
    if let Some(known) = known
        && known.encoded()? == new.encoded()?
    {
        // Nothing was changed here: what the type does not know of stays, in lists as well.
        writer.encoded(old.encoded()?);
        return Ok(());
    }
    if let (Value::Array(old), Some(Value::Array(known)), Value::Array(new)) =
        (old.read()?, known.map(Node::read).transpose()?, new.read()?)
        && old.len() == known.len()
    {
        return write_array(&old, &known, &new, writer);
    }
    let known = known.map(Node::object).transpose()?.flatten();
    match (old.object()?, known, new.object()?) {
        (Some(old), Some(known), Some(new)) => write_object(&old, &known, &new, writer),
        _ => {
            writer.encoded(new.encoded()?);
            Ok(())
        }
    }
}

/// An element that is as the type knew it is the one it was, wherever it stands now; one that is not is
/// what became of the one that stood there, unless that stands elsewhere.
fn write_array(
    old: &Array<'_>,
    known: &Array<'_>,
    new: &Array<'_>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let old = old.iter().collect::<Result<Vec<_>>>()?;
    let known = known.iter().collect::<Result<Vec<_>>>()?;
    let new = new.iter().collect::<Result<Vec<_>>>()?;
    let mut unclaimed: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (i, known) in known.iter().enumerate().rev() {
        unclaimed.entry(known.encoded()?).or_default().push(i);
    }
    let mut sources = Vec::with_capacity(new.len());
    for new in &new {
        let same = unclaimed.get_mut(new.encoded()?).and_then(Vec::pop);
        sources.push(same);
    }
    let mut claimed = vec![false; known.len()];
    for source in sources.iter().flatten() {
        if let Some(claimed) = claimed.get_mut(*source) {
            *claimed = true;
        }
    }
    let open = writer.begin_array(0)?;
    for (i, (new, source)) in new.iter().zip(sources).enumerate() {
        writer.element(&open);
        let in_place = claimed.get(i).is_some_and(|claimed| !claimed).then_some(i);
        let source = source.or(in_place);
        match source.and_then(|at| Some((old.get(at)?, known.get(at)?))) {
            Some((old, known)) => write(*old, Some(*known), *new, writer)?,
            None => writer.encoded(new.encoded()?),
        }
    }
    writer.end_array(&open)
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
