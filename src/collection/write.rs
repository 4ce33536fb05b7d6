//! THE write path: one record put or removed, and every index with it.
//!
//! - What the record's old and new body imply for each index is computed first.
//! - Uniqueness is checked before anything is written; a refused operation has written nothing.
//! - Only the difference between old and new keys is applied.
//! - An error half way makes the transaction uncommittable (`begin_change`).

use super::body::Body;
use super::entry::{entry, note_lists, owner};
use super::tables::WritingTables;
use super::undo::{forget_overwritten, keep_overwritten};
use crate::base::error::Context;
use crate::base::limits::KEY_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::envelope::Envelope;
use crate::schema::catalog::{Index, Records};
use crate::schema::index::Scratch;
use crate::store::{ReadTable, WriteTable};

/// What an operation expects to find under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing.
    Absent,
    /// Something or nothing.
    Any,
    /// Something.
    Present,
    /// The record as that commit wrote it.
    Revision(u64),
}

/// A record on its way into the tables.
pub(crate) struct NewRecord<'a> {
    /// Envelope and body, as they will lie.
    pub(crate) stored: &'a [u8],
    /// The body, uncompressed.
    pub(crate) body: &'a [u8],
}

/// Puts the record under `key`, or with `None` removes what is there. Says whether there was one.
pub(crate) fn write(
    tables: &mut WritingTables<'_>,
    info: &Records,
    key: &[u8],
    new: Option<NewRecord<'_>>,
    expect: Expect,
) -> Result<bool> {
    check_key(key)?;
    let mut differences = Vec::with_capacity(info.indexes.len());
    let mut lists = Vec::with_capacity(info.indexes.len());
    let mut scratch = Scratch::default();
    let overwritten;
    let existed = {
        let old = Old::open(tables, info, key)?;
        check_expectation(info, expect, old.as_ref().map(|old| old.revision))?;
        if new.is_none() && old.is_none() {
            return Ok(false);
        }
        for index in &info.indexes {
            let mut keys = |body: Option<&[u8]>| -> Result<Keys> {
                let Some(body) = body else {
                    return Ok(Keys::default());
                };
                index_keys(index, info, body, &mut scratch)?;
                Ok(Keys {
                    keys: scratch.keys().map(<[u8]>::to_vec).collect(),
                    included: scratch.included().to_vec(),
                })
            };
            let old_keys =
                keys(old.as_ref().and_then(Old::bytes)).map_err(|error| of_stored(error, index))?;
            let new_keys = keys(new.as_ref().map(|new| new.body))?;
            differences.push(Difference::between(old_keys, new_keys));
            lists.push(scratch.lists());
        }
        let existed = old.is_some();
        overwritten = old.and_then(|old| old.overwritten);
        existed
    };
    check_unique(tables, info, key, &differences)?;

    let change = tables.transaction.begin_change();
    if let Some(undo) = &mut tables.undo {
        match &new {
            Some(_) => keep_overwritten(undo, info, key, overwritten.as_deref())?,
            // What was to be gone shall be.
            None => forget_overwritten(undo, info, key)?,
        }
    }
    tables.records.change(key, new.map(|new| new.stored))?;
    for (((index, table), difference), lists) in info
        .indexes
        .iter()
        .zip(&mut tables.indexes)
        .zip(&differences)
        .zip(lists)
    {
        for gone in &difference.gone {
            remove_entry(index, table, gone, key)?;
        }
        for come in &difference.come {
            let (entry, value) = entry(index, come, key, &difference.included);
            table.change(&entry, Some(&value))?;
        }
        note_lists(table, lists)?;
    }
    change.finish();
    Ok(existed)
}

/// Removes the entries that indexes have of a body; the record itself is the caller's to change.
pub(crate) fn take_out_of_indexes(
    tables: &mut WritingTables<'_>,
    info: &Records,
    key: &[u8],
    body: &[u8],
) -> Result<()> {
    let mut scratch = Scratch::default();
    for (index, table) in info.indexes.iter().zip(&mut tables.indexes) {
        index_keys(index, info, body, &mut scratch).map_err(|error| of_stored(error, index))?;
        for gone in scratch.keys() {
            remove_entry(index, table, gone, key)?;
        }
    }
    Ok(())
}

fn remove_entry(index: &Index, table: &mut WriteTable<'_>, gone: &[u8], key: &[u8]) -> Result<()> {
    let (entry, _) = entry(index, gone, key, &[]);
    // While a unique index is being built, its entry may be that of another record, which the build then
    // reports.
    if index.ready || !index.plan.unique || owns(index, table, &entry, key)? {
        table.change(&entry, None)?;
    }
    Ok(())
}

/// What lies under a key that is written.
struct Old<'a> {
    revision: u64,
    /// `None` where the program's code cannot bring it to the current version: no index has it then.
    body: Option<Body<'a>>,
    /// What is lost when it is overwritten, as it lay there.
    overwritten: Option<Vec<u8>>,
}

impl<'a> Old<'a> {
    fn open(tables: &'a WritingTables<'_>, info: &Records, key: &[u8]) -> Result<Option<Self>> {
        let Some(stored) = tables.stored(key)? else {
            return Ok(None);
        };
        let body = Body::open_as_it_is(stored)?;
        let Envelope {
            version, revision, ..
        } = body.envelope;
        let mut old = Self {
            revision,
            body: None,
            overwritten: None,
        };
        if version == info.upgrades.current {
            old.body = Some(body);
            return Ok(Some(old));
        }
        if info.upgrades.lose(version) {
            old.overwritten = tables.stored(key)?.map(|stored| stored.to_vec());
        }
        old.body = match body.brought(&info.upgrades) {
            Ok(body) => Some(body),
            Err(error) if error.is(ErrorKind::NotMigrated) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(old))
    }

    fn bytes(&self) -> Option<&[u8]> {
        self.body.as_ref().map(Body::bytes)
    }
}

/// Puts the keys of a body in one index into `scratch`.
pub(crate) fn index_keys(
    index: &Index,
    info: &Records,
    body: &[u8],
    scratch: &mut Scratch,
) -> Result<()> {
    index
        .plan
        .keys(&info.shape, body, scratch)
        .context(|| format!("index {:?}", index.name))
}

/// What an error says when the body is stored already: no record with a key that is too long gets
/// past an index that is ready.
fn of_stored(error: Error, index: &Index) -> Error {
    if index.ready && error.is(ErrorKind::Limit) {
        return Error::corrupt("the stored record has a key that no index takes").because(error);
    }
    error
}

/// Whether the entry of a unique index is that of the record with this key.
fn owns(index: &Index, table: &WriteTable<'_>, entry: &[u8], key: &[u8]) -> Result<bool> {
    match ReadTable::Writing(table).peek(entry)? {
        Some(value) => Ok(owner(index, &value)?.key == key),
        None => Ok(false),
    }
}

/// Refuses a primary key that is too long.
pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Error::limit(format!(
            "the key has {} bytes, the most is {KEY_BYTES_MAX}",
            key.len()
        )));
    }
    Ok(())
}

/// The error of a unique index that has the key already.
pub(crate) fn taken(index: &Index) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "another record has that key in the unique index {:?}",
            index.name
        ),
    )
}

/// The error of a primary key that exists already.
pub(crate) fn exists() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "that key exists already; use `put` to replace what is there",
    )
}

fn check_expectation(info: &Records, expect: Expect, revision: Option<u64>) -> Result<()> {
    match (expect, revision) {
        (Expect::Absent, Some(_)) => Err(exists()),
        (Expect::Present | Expect::Revision(_), None) => Err(Error::new(
            ErrorKind::NotFound,
            format!("collection {:?} has no record with that key", info.name),
        )),
        (Expect::Revision(expected), Some(found)) if expected != found => Err(Error::new(
            ErrorKind::Conflict,
            format!("it has revision {found}, not {expected}: it was changed since it was read"),
        )),
        _ => Ok(()),
    }
}

fn check_unique(
    tables: &WritingTables<'_>,
    info: &Records,
    key: &[u8],
    differences: &[Difference],
) -> Result<()> {
    for ((index, table), difference) in info.indexes.iter().zip(&tables.indexes).zip(differences) {
        if !index.plan.unique {
            continue;
        }
        for come in &difference.come {
            // While an index is being built, an entry of this very record may be there already.
            if let Some(value) = ReadTable::Writing(table).peek(come)?
                && owner(index, &value)?.key != key
            {
                return Err(taken(index));
            }
        }
    }
    Ok(())
}

/// What a record has in one index: its keys, sorted, and what is included with each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Keys {
    keys: Vec<Vec<u8>>,
    included: Vec<u8>,
}

/// What changes in one index.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    gone: Vec<Vec<u8>>,
    come: Vec<Vec<u8>>,
    /// What comes with those that come.
    included: Vec<u8>,
}

impl Difference {
    fn between(old: Keys, new: Keys) -> Self {
        let (mut gone, mut come) = (old.keys, new.keys);
        let included = new.included;
        if !gone.is_empty() && !come.is_empty() {
            let kept: Vec<Vec<u8>> = gone
                .iter()
                .filter(|key| come.binary_search(key).is_ok())
                .cloned()
                .collect();
            gone.retain(|key| kept.binary_search(key).is_err());
            // What is included has changed, and so has each entry.
            if old.included == included {
                come.retain(|key| kept.binary_search(key).is_err());
            }
        }
        Self {
            gone,
            come,
            included,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_difference_of_two_key_sets_is_applied() {
        let keys = |text: &str| text.bytes().map(|byte| vec![byte]).collect::<Vec<_>>();
        for (old, new, included, gone, come) in [
            ("abd", "bce", "xx", "ad", "ce"),
            ("", "a", "xx", "", "a"),
            ("ab", "", "xx", "ab", ""),
            ("ab", "ab", "xx", "", ""),
            ("ab", "bc", "xy", "a", "bc"),
        ] {
            let (before, after) = included.split_at(1);
            let of = |text, included: &str| Keys {
                keys: keys(text),
                included: included.into(),
            };
            let difference = Difference::between(of(old, before), of(new, after));
            assert_eq!(
                difference,
                Difference {
                    gone: keys(gone),
                    come: keys(come),
                    included: after.into(),
                }
            );
        }
    }
}
