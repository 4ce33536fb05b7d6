//! How is one record looked at? Without its Rust type, so that this code exists once.

use super::body::look;
use super::document;
use crate::base::name::show_key;
use crate::base::{Error, Result};
use crate::schema::catalog::{Records, Shape};
use crate::schema::view::{Slot, ValueRef};
use crate::store::ReadTable;

/// One field on its way from a record.
pub(crate) struct FieldPath<'a> {
    /// Names from the record down to the value.
    pub(crate) names: &'a [&'static str],
    /// Where each is likely to stand among its neighbours.
    pub(crate) positions: &'a [u16],
}

/// Gives `read` the value of a field, and the bytes of the record that holds it; says whether there
/// is a record under that key.
pub(crate) fn field(
    records: ReadTable<'_, '_>,
    info: &Records,
    key: &[u8],
    path: &FieldPath<'_>,
    read: &mut dyn FnMut(ValueRef<'_>, &[u8]) -> Result<()>,
) -> Result<bool> {
    let Some(stored) = records.peek(key)? else {
        return Ok(false);
    };
    let mut on_record = || {
        let body = look(&stored, &info.upgrades)?;
        let record = Slot::root(&body, &info.typed()?.layout)?;
        let value = match record.descend(path.names, path.positions, &info.name)? {
            Some(slot) => slot.value()?,
            None => ValueRef::Null,
        };
        read(value, &body)
    };
    match on_record() {
        Ok(()) => Ok(true),
        Err(error) => Err(at(error, &info.name, key)),
    }
}

/// Gives `read` a whole record, and how many bytes it has; says whether there is one under that key.
pub(crate) fn record(
    records: ReadTable<'_, '_>,
    info: &Records,
    key: &[u8],
    read: &mut dyn FnMut(ValueRef<'_>, usize) -> Result<()>,
) -> Result<bool> {
    match records.peek(key)? {
        Some(stored) => show(&stored, info, key, read).map(|()| true),
        None => Ok(false),
    }
}

/// Gives `read` the record that lies in a table, and how many bytes it has.
pub(crate) fn show(
    stored: &[u8],
    info: &Records,
    key: &[u8],
    read: &mut dyn FnMut(ValueRef<'_>, usize) -> Result<()>,
) -> Result<()> {
    let mut on_record = || {
        let body = look(stored, &info.upgrades)?;
        let record = Slot::root(&body, &info.typed()?.layout)?;
        read(record.value()?, body.len())
    };
    on_record().map_err(|error| at(error, &info.name, key))
}

/// Says of an error which record it is about.
#[cold]
pub(crate) fn at(error: Error, collection: &str, key: &[u8]) -> Error {
    error
        .during(show_key(key))
        .during(format!("collection {collection:?}"))
}

/// Says of an error which record or document it is about.
#[cold]
pub(crate) fn of_record(error: Error, info: &Records, key: &[u8]) -> Error {
    match info.shape {
        Shape::Typed(_) => at(error, &info.name, key),
        Shape::Documents(_) => document::at(error, &info.name, key),
    }
}
