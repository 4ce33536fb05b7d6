//! Any text is refused or a filter, a sort, an index; what is one can be asked of any documents, and finds
//! what a scan finds.
//!
//! The lines of the input are: a filter, a sort, the paths of an index, its filter, and documents.
#![no_main]

use std::sync::LazyLock;

use larder::{Cursor, Database, Document, DocumentView, ErrorKind, PathIndex, Query, Result};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;

const COLLECTION: &str = "fuzzed";

const REFUSED: &[ErrorKind] = &[ErrorKind::Invalid, ErrorKind::Unsupported];

/// What lists and long keys may say in addition.
const REFUSED_OF_DOCUMENTS: &[ErrorKind] = &[
    ErrorKind::Conflict,
    ErrorKind::Invalid,
    ErrorKind::Limit,
    ErrorKind::ParallelArrays,
    ErrorKind::Unsupported,
];

/// One document of every kind.
const DOCUMENTS: [&str; 10] = [
    "null",
    "[1,[2,{\"a\":3}]]",
    "{}",
    "{\"a\":1,\"b\":\"text\",\"c\":true}",
    "{\"a\":[1,2.5,\"x\",null,[],{}],\"b\":{\"a\":1}}",
    "{\"a\":{\"0\":[{\"b\":1},{\"b\":[2]}]},\"c\":[]}",
    "{\"a\":{\"$time\":\"2026-01-01T00:00:00Z\"},\"b\":{\"$bytes\":\"AQI=\"}}",
    "{\"a\":{\"$float\":\"NaN\"},\"b\":{\"$int\":\"18446744073709551616\"}}",
    "{\"a\":[{\"b\":1,\"c\":2},{\"b\":3}],\"b\":-0.0}",
    "{\"a\":[[0,1],[2]],\"\":{\"\":1},\"b\":\"Straße\"}",
];

/// One for all runs: each undoes what it does.
static DB: LazyLock<Database> = LazyLock::new(|| {
    let db = Database::in_memory().unwrap();
    db.write(|tx| {
        let mut documents = tx.documents(COLLECTION)?;
        for (key, text) in (0_i64..).zip(DOCUMENTS) {
            documents.put(key, Document::from_json(text)?)?;
        }
        Ok(())
    })
    .unwrap();
    db
});

/// What was not refused.
fn told<T>(result: Result<T>, refused: &[ErrorKind]) -> Option<T> {
    result.inspect_err(|error| assert!(refused.contains(&error.kind()), "{error:?}")).ok()
}

/// The keys that a query finds.
fn keys(query: &Query<'_, DocumentView<'_>>) -> Option<Vec<String>> {
    let found = told(query.iter(), REFUSED_OF_DOCUMENTS)?;
    let key = |found: Result<DocumentView<'_>>| Ok(found?.key().to_string());
    let mut keys = told(found.map(key).collect::<Result<Vec<_>>>(), REFUSED_OF_DOCUMENTS)?;
    keys.sort();
    Some(keys)
}

fn index_of(paths: &str, filter: Option<&Document<'_>>) -> PathIndex {
    let mut paths = paths.split(',');
    let first = paths.next().unwrap_or_default();
    let mut index = match first.strip_prefix('-') {
        Some(path) => PathIndex::on_descending(path),
        None => PathIndex::on(first),
    };
    for path in paths {
        index = match path.strip_prefix('-') {
            Some(path) => index.and_descending(path),
            None => index.and(path),
        };
    }
    match filter {
        Some(filter) => index.only(filter),
        None => index,
    }
}

fn run(text: &str) {
    let mut lines = text.lines();
    let mut document = || Document::from_json(lines.next().unwrap_or_default()).ok();
    let (filter, sort) = (document(), document());
    let paths = lines.next().unwrap_or_default();
    let only = Document::from_json(lines.next().unwrap_or_default()).ok();

    let tx = DB.begin_write().unwrap();
    let mut documents = tx.documents(COLLECTION).unwrap();
    for (key, line) in (100_i64..110).zip(lines) {
        if let Ok(document) = Document::from_json(line) {
            told(documents.put(key, document), REFUSED_OF_DOCUMENTS);
        }
        // A line may be the text of a cursor.
        let _ = line.parse::<Cursor>();
    }
    let Some(filter) = filter.filter(|filter| told(documents.find(filter), REFUSED).is_some())
    else {
        told(documents.create_index(index_of(paths, only.as_ref())), REFUSED_OF_DOCUMENTS);
        return;
    };
    let scanned = keys(&documents.find(&filter).unwrap());
    let scanned_count = told(documents.find(&filter).unwrap().count(), REFUSED_OF_DOCUMENTS);
    assert_eq!(scanned.as_ref().map(Vec::len), scanned_count.map(|count| count as usize));
    told(documents.create_index(index_of(paths, only.as_ref())), REFUSED_OF_DOCUMENTS);
    assert_eq!(keys(&documents.find(&filter).unwrap()), scanned, "{filter:?}");
    let Some(sort) = sort else { return };
    let query = documents.find(&filter).unwrap();
    if let Some(sorted) = told(query.sort(&sort), REFUSED)
        && let Some(found) = keys(&sorted)
    {
        assert_eq!(Some(found), scanned, "{filter:?} by {sort:?}");
        assert!(!sorted.explain().unwrap().to_string().is_empty());
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        LazyLock::force(&DB);
        memory::bounded(bytes.len(), || run(text));
    }
});
