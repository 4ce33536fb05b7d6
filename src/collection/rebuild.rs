//! How is an index built over records that exist already? In bounded steps, each in a transaction
//! of its own, each going on where the last one stopped.
//!
//! Writers keep an unfinished index up like any other, so between two steps nothing is missed: a
//! record behind the cursor has its entries, and one ahead of it may have them already.

use super::body::Body;
use super::document::show;
use super::entry::{entry, note_lists, owner};
use super::write::index_keys;
use crate::base::error::Context;
use crate::base::name::show_key;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::catalog::{Index, Records, Shape};
use crate::schema::index::Scratch;
use crate::store::{ALL, Bounds, ReadTable, WriteTransaction};

/// Most records of one step.
const STEP_RECORDS_MAX: u64 = 50_000;

/// Most bytes of index entries of one step.
const STEP_BYTES_MAX: usize = 16 << 20;

/// What a step left to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The index holds what the records imply.
    Done,
    /// Go on behind the record with this key.
    After(Vec<u8>),
}

/// What becomes of a record that the program's code cannot bring to the current version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It ends the build.
    Refused,
    /// The index does without it.
    LeftOut,
}

/// Indexes the records behind `after`, up to the bounds of a step. A unique index that two records
/// claim one key of is a `Conflict`.
pub(crate) fn step(
    transaction: &WriteTransaction,
    info: &Records,
    index: &Index,
    after: Option<&[u8]>,
    unfit: Unfit,
) -> Result<Progress> {
    let records = transaction.open_table(&info.table)?;
    let mut table = transaction.open_table(&index.table)?;
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let records_max = transaction.step_records_max(STEP_RECORDS_MAX);
    let (mut seen, mut bytes, mut lists) = (0, 0, 0);
    let mut scratch = Scratch::default();
    let mut progress = Progress::Done;
    for record in ReadTable::Writing(&records).range(behind(after))? {
        let (key, stored) = record?;
        let body = match Body::open(stored, &info.upgrades) {
            Err(error) if error.is(ErrorKind::NotMigrated) && unfit == Unfit::LeftOut => continue,
            body => body.context(|| shown(info, &key))?,
        };
        index_keys(index, info, body.bytes(), &mut scratch).context(|| shown(info, &key))?;
        lists |= scratch.lists();
        for index_key in scratch.keys() {
            let (entry, value) = entry(index, index_key, &key, scratch.included());
            bytes += entry.len() + value.len();
            entries.push((entry, value.into_owned()));
        }
        seen += 1;
        if seen >= records_max || bytes >= STEP_BYTES_MAX {
            progress = Progress::After(key.to_vec());
            break;
        }
    }
    entries.sort_unstable();
    let twice = entries.windows(2).find_map(|pair| match pair {
        [a, b] if a.0 == b.0 => Some((a, b)),
        _ => None,
    });
    if let Some(((index_key, one), (_, other))) = twice {
        return Err(claimed_twice(info, index, index_key, [one, other])?);
    }
    let change = transaction.begin_change();
    if ReadTable::Writing(&table).range(ALL)?.next().is_none() {
        table.append(
            entries
                .iter()
                .map(|(key, value)| Ok((key.as_slice(), value.as_slice()))),
        )?;
    } else {
        for (key, value) in &entries {
            let owner = ReadTable::Writing(&table)
                .peek(key)?
                .map(|owner| owner.to_vec());
            match owner {
                // A writer was here before.
                Some(owner) if owner == *value => {}
                Some(owner) => {
                    change.finish();
                    return Err(claimed_twice(info, index, key, [&owner, value])?);
                }
                None => {
                    table.change(key, Some(value))?;
                }
            }
        }
    }
    note_lists(&mut table, lists)?;
    change.finish();
    Ok(progress)
}

/// The error of a unique index that two records, told by the values of their entries, have one key in.
fn claimed_twice(
    info: &Records,
    index: &Index,
    index_key: &[u8],
    entries: [&[u8]; 2],
) -> Result<Error> {
    let [one, other] = entries.map(|entry| owner(index, entry));
    let (one, other) = (shown(info, one?.key), shown(info, other?.key));
    let both = match info.shape {
        Shape::Typed(_) => format!("the records with {one} and {other}"),
        Shape::Documents(_) => format!("{one} and {other}"),
    };
    Ok(Error::new(
        ErrorKind::Conflict,
        format!(
            "{both} have the same {} in the unique index {:?}; change one of them",
            show_key(index_key),
            index.name
        ),
    ))
}

/// The key of a record or document for a message.
fn shown(info: &Records, key: &[u8]) -> String {
    match info.shape {
        Shape::Typed(_) => show_key(key),
        Shape::Documents(_) => show(key),
    }
}

fn behind(after: Option<&[u8]>) -> Bounds<'_> {
    match after {
        Some(key) => (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded),
        None => ALL,
    }
}
