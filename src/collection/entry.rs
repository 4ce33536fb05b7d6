//! What lies in the table of an index? Its entries, and perhaps the row that says which of its paths have
//! met a list.
//!
//! That row is there so that a query knows whether a document may have several keys: then two conditions
//! on a part need not be met by one of them. It is only ever added to.

use crate::base::{Error, Result};
use crate::schema::catalog::{Index, Records, Shape};
use crate::store::{ReadTable, WriteTable};

/// An index entry: what lies in the table for one index key of one record.
pub(crate) fn entry<'k>(index: &Index, index_key: &[u8], key: &'k [u8]) -> (Vec<u8>, &'k [u8]) {
    if index.plan.unique {
        (index_key.to_vec(), key)
    } else {
        ([index_key, key].concat(), &[])
    }
}

/// The index key and the primary key of an entry.
pub(crate) fn split<'k>(
    info: &Records,
    index: &Index,
    entry: &'k [u8],
    value: &'k [u8],
) -> Result<(&'k [u8], &'k [u8])> {
    if index.plan.unique {
        return Ok((entry, value));
    }
    let width = match &info.shape {
        Shape::Typed(typed) => typed.key_width,
        Shape::Documents(_) => None,
    };
    let start = match width {
        Some(width) => entry.len().checked_sub(width),
        None => Some(index.plan.key_length(entry)?),
    };
    start
        .and_then(|start| entry.split_at_checked(start))
        .ok_or_else(|| {
            Error::corrupt(format!(
                "index {:?} has an entry that is too short",
                index.name
            ))
        })
}

/// Where the row lies: in front of every entry, none of which is empty.
pub(crate) const LISTS_ROW: &[u8] = &[];

/// Which parts of a path index have met a list, a bit for each.
pub(crate) fn lists(table: ReadTable<'_, '_>) -> Result<u32> {
    let Some(row) = table.peek(LISTS_ROW)? else {
        return Ok(0);
    };
    let row = <[u8; 4]>::try_from(&*row);
    row.map(u32::from_le_bytes)
        .map_err(|_| Error::corrupt("the row that says which parts have met a list is damaged"))
}

/// Notes that these parts have met a list.
pub(crate) fn note_lists(table: &mut WriteTable<'_>, met: u32) -> Result<()> {
    if met == 0 {
        return Ok(());
    }
    let before = lists(ReadTable::Writing(table))?;
    if before | met != before {
        table.change(LISTS_ROW, Some(&(before | met).to_le_bytes()))?;
    }
    Ok(())
}

/// How many entries there are; takes constant time.
pub(crate) fn len(table: ReadTable<'_, '_>) -> Result<u64> {
    let rows = table.len()?;
    let noted = table.peek(LISTS_ROW)?.is_some();
    Ok(rows - u64::from(noted))
}
