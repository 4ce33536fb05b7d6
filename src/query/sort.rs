//! In which order do documents and records come that were asked for by paths?
//!
//! As `MongoDB` has it (its manual, "Comparison/Sort Order"): a list counts as its least element, or
//! descending as its greatest; an empty one is before everything, and what is missing is null.

use crate::base::{Error, Result};
use crate::collection::document::ID;
use crate::schema::filter::{Field, Path, tuples};
use crate::schema::index::EMPTY_LIST;
use crate::schema::order::encode;
use crate::schema::view::{Budget, ValueRef};

/// One of the paths that a sort is by.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) path: Path,
    pub(crate) descending: bool,
}

/// The sort that a document says: `{"country": 1, "population": -1}`.
pub(crate) fn parse(sort: ValueRef<'_>) -> Result<Vec<Part>> {
    let ValueRef::Map(entries) = sort else {
        return Err(refused());
    };
    let mut parts = Vec::new();
    for entry in entries.iter() {
        let (path, direction) = entry?;
        let path = path.as_str().unwrap_or_default();
        if asks_for_no_order(direction)? {
            part(path, false)?;
            continue;
        }
        let descending = match direction.as_f64().map(f64::trunc) {
            Some(1.0) => false,
            Some(-1.0) => true,
            _ => return Err(refused()),
        };
        parts.push(part(path, descending)?);
    }
    if entries.is_empty() {
        return Err(refused());
    }
    Ok(parts)
}

/// A sort by one path.
pub(crate) fn part(path: &str, descending: bool) -> Result<Part> {
    let is_none = |name: &str| name.is_empty() || name.starts_with('$');
    if path.split('.').any(is_none) {
        return Err(Error::invalid(format!("{path:?} is no path to sort by")));
    }
    Ok(Part {
        path: Path::parse(path),
        descending,
    })
}

/// Programs that were written for `MongoDB` may ask for what it knows of a match: of a filter alone it
/// knows nothing.
fn asks_for_no_order(direction: ValueRef<'_>) -> Result<bool> {
    let meta = direction.get("$meta")?.and_then(|meta| meta.as_str());
    Ok(matches!(
        meta,
        Some("randVal" | "searchScore" | "textScore")
    ))
}

fn refused() -> Error {
    Error::invalid("a sort is an object of one path or more, each 1 or -1")
}

/// The bytes that a document or record, of a body of so many bytes, sorts by: the least of those that its
/// tuples have. `id` is the encoded key of a document, which is its `_id`.
pub(crate) fn key_of(
    parts: &[Part],
    value: ValueRef<'_>,
    bytes: usize,
    id: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let mut least: Option<Vec<u8>> = None;
    let paths = parts.iter().map(|part| &part.path);
    tuples(paths, value, &mut Budget::new(bytes), &mut |fields| {
        let mut budget = Budget::new(bytes);
        let mut key = Vec::new();
        for (part, field) in parts.iter().zip(fields) {
            let start = key.len();
            match field {
                _ if let (Some(id), true) = (id, part.path.is(ID)) => key.extend_from_slice(id),
                Field::Missing => encode(ValueRef::Null, &mut budget, &mut key)?,
                Field::Empty => key.push(EMPTY_LIST),
                Field::Value(value) => encode(*value, &mut budget, &mut key)?,
            }
            if part.descending {
                key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
            }
        }
        if least.as_ref().is_none_or(|least| key < *least) {
            least = Some(key);
        }
        Ok(())
    })?;
    Ok(least.unwrap_or_default())
}
