//! What lies in the table of an index? Its entries, and perhaps the row that says which of its paths have
//! met a list.
//!
//! ```text
//! ENTRY                        KEY                         VALUE
//! of an index                  index key ++ primary key    what is included
//! of a unique index            index key                   primary key
//!   that includes something    index key                   length of the primary key, u16, little-endian;
//!                                                          primary key; what is included
//! ```
//! What is included is a document (`schema/index/included.rs`), nothing where the index includes nothing.
//!
//! The row is there so that a query knows whether a document may have several keys: then two conditions
//! on a part need not be met by one of them. It is only ever added to.

use std::borrow::Cow;

use crate::base::{Error, Result};
use crate::schema::catalog::{Index, Records, Shape};
use crate::store::{ReadTable, WriteTable};

/// An index entry: what lies in the table for one index key of one record, and what is included with it.
pub(crate) fn entry<'k>(
    index: &Index,
    index_key: &[u8],
    key: &'k [u8],
    included: &'k [u8],
) -> (Vec<u8>, Cow<'k, [u8]>) {
    let value = match (index.plan.unique, &index.plan.included) {
        (true, None) => Cow::Borrowed(key),
        (true, Some(_)) => {
            // A key has at most 4096 bytes.
            let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes();
            Cow::Owned([&length, key, included].concat())
        }
        (false, _) => Cow::Borrowed(included),
    };
    let entry = if index.plan.unique {
        index_key.to_vec()
    } else {
        [index_key, key].concat()
    };
    (entry, value)
}

/// What an entry is made of.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'k> {
    /// The primary key.
    pub(crate) key: &'k [u8],
    /// What is included, a document.
    pub(crate) included: &'k [u8],
}

/// The primary key of an entry, and what is included with it.
pub(crate) fn split<'k>(
    info: &Records,
    index: &Index,
    entry: &'k [u8],
    value: &'k [u8],
) -> Result<Parts<'k>> {
    if index.plan.unique {
        return owner(index, value);
    }
    let width = match &info.shape {
        Shape::Typed(typed) => typed.key_width,
        Shape::Documents(_) => None,
    };
    let start = match width {
        Some(width) => entry.len().checked_sub(width),
        None => Some(index.plan.key_length(entry)?),
    };
    let key = start.and_then(|start| entry.get(start..));
    Ok(Parts {
        key: key.ok_or_else(|| too_short(index))?,
        included: value,
    })
}

/// The primary key that the value of a unique index has, and what is included with it.
pub(crate) fn owner<'k>(index: &Index, value: &'k [u8]) -> Result<Parts<'k>> {
    if index.plan.included.is_none() {
        return Ok(Parts {
            key: value,
            included: &[],
        });
    }
    let parts = value
        .split_first_chunk()
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_le_bytes(*length))));
    let (key, included) = parts.ok_or_else(|| too_short(index))?;
    Ok(Parts { key, included })
}

#[cold]
fn too_short(index: &Index) -> Error {
    Error::corrupt(format!(
        "index {:?} has an entry that is too short",
        index.name
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sync::Arc;
    use crate::codec::value::json::encode_text;
    use crate::collection::write::index_keys;
    use crate::schema::catalog::StoredCollection;
    use crate::schema::index::Scratch;

    fn records(row: &str) -> Arc<Records> {
        let member = StoredCollection::decode("x", row.as_bytes(), &Arc::default()).unwrap();
        member.records().unwrap().clone()
    }

    /// The entries of a body in the one index, each in two halves.
    fn entries(info: &Records, body: &[u8], key: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let index = &info.indexes[0];
        let mut scratch = Scratch::default();
        index_keys(index, info, body, &mut scratch).unwrap();
        let entries = scratch.keys().map(|index_key| {
            let (entry, value) = entry(index, index_key, key, scratch.included());
            let parts = split(info, index, &entry, &value).unwrap();
            assert_eq!(parts.key, key);
            assert_eq!(parts.included, scratch.included());
            (entry.clone(), value.into_owned())
        });
        entries.collect()
    }

    const RECORDS: &str = r#"{"id":1,"kind":"records","versions":[{"name":"x","version":1,"key":["id"],
        "fields":[{"name":"id","type":"u64"},{"name":"code","type":"u16"},{"name":"y","type":"u8"}]}],
        "indexes":[{"id":2,"definition":{"name":"by_code","parts":[{"path":["code"]}]}}]}"#;

    const RECORD: [u8; 11] = [7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 9];

    const KEY: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 7];

    #[test]
    fn golden_entries_of_fields() {
        let included = "{\"code\":513,\"id\":7,\"y\":9}";
        let mut document = Vec::new();
        encode_text(included.as_bytes(), &mut document).unwrap();
        let with = |options: &str| {
            let definition = format!("\"parts\":[{{\"path\":[\"code\"]}}]{options}");
            records(&RECORDS.replace("\"parts\":[{\"path\":[\"code\"]}]", &definition))
        };
        let entry = [&[2, 1][..], &KEY].concat();
        for (options, entry, value) in [
            ("", entry.clone(), Vec::new()),
            (",\"unique\":true", vec![2, 1], KEY.to_vec()),
            (",\"include\":[[\"y\"]]", entry, document.clone()),
            (
                ",\"unique\":true,\"include\":[[\"y\"]]",
                vec![2, 1],
                [&[8, 0][..], &KEY, &document].concat(),
            ),
        ] {
            assert_eq!(
                entries(&with(options), &RECORD, &KEY),
                [(entry, value)],
                "{options}"
            );
        }
    }

    #[test]
    fn golden_entries_of_paths() {
        let info = records(
            r#"{"id":1,"kind":"documents","indexes":[{"id":2,"definition":{"name":"i","parts":
            [{"path":["a"],"fold":true},{"path":["b","c"],"descending":true}]}}]}"#,
        );
        // A bool; the key, the number 7, is 18 84 C0.
        let key = [0x18, 0x84, 0xC0];
        for (document, keys) in [
            ("{}", vec![&[0x10, 0xEF][..]]),
            (
                r#"{"a":"Ab","b":{"c":true}}"#,
                vec![&[0x20, b'a', b'b', 0, 1, 0xBF, 0xFE]],
            ),
            (r#"{"a":[],"b":{"c":0}}"#, vec![&[0x08, 0xE7, 0x7F]]),
            (
                r#"{"a":[true,null,true],"b":{"c":null}}"#,
                vec![&[0x10, 0xEF], &[0x40, 0x01, 0xEF]],
            ),
        ] {
            let mut body = Vec::new();
            encode_text(document.as_bytes(), &mut body).unwrap();
            let expected: Vec<(Vec<u8>, Vec<u8>)> = keys
                .iter()
                .map(|index_key| ([*index_key, &key].concat(), Vec::new()))
                .collect();
            assert_eq!(entries(&info, &body, &key), expected, "{document}");
        }
    }

    #[test]
    fn entries_that_are_too_short_are_corrupt() {
        let unique = RECORDS.replace("}]}}]}", "}],\"unique\":true,\"include\":[[\"y\"]]}}]}");
        for (row, entry, value) in [
            (RECORDS, &[2, 1, 0][..], &[][..]),
            (&unique, &[2, 1], &[8]),
            (&unique, &[2, 1], &[8, 0, 1]),
        ] {
            let info = records(row);
            let error = split(&info, &info.indexes[0], entry, value).err().unwrap();
            assert!(error.is(crate::ErrorKind::Corrupt), "{error}");
        }
    }
}
