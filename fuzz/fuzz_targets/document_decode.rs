//! Any stored bytes are `Corrupt` or a document, whichever way they are read, and what is a document
//! comes back from JSON as it was. Any text is refused or a document that comes back from its own.
#![no_main]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use larder::testing::{document_of, put_raw};
use larder::{Database, Document, DocumentKey, ErrorKind, Key, Result, Timestamp, ValueRef};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

#[path = "../memory.rs"]
mod memory;

const COLLECTION: &str = "fuzzed";
const KEY: u64 = 1;

const NOT_TO_BE_WRITTEN: &[ErrorKind] =
    &[ErrorKind::Invalid, ErrorKind::Conflict, ErrorKind::Limit];

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Everything<'a> {
    #[serde(borrow, default)]
    a: Option<&'a str>,
    #[serde(default)]
    b: Vec<u8>,
    #[serde(default)]
    c: (Option<i128>, f32),
    #[serde(default)]
    d: BTreeMap<u32, Choice>,
    #[serde(default)]
    e: Option<Timestamp>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
enum Choice {
    Nothing,
    One(Box<Choice>),
    Two(u64, char),
    Three { text: String, list: Vec<Choice> },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code)]
enum Any {
    Wide(u128),
    Small(i8),
    List(Vec<Any>),
    Map(BTreeMap<String, Any>),
    Rest(IgnoredAny),
}

/// What may be answered of bytes that are no document, and whether something was.
fn told<T>(result: Result<T>, corrupt: &Cell<bool>, also: &[ErrorKind]) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.is(ErrorKind::Corrupt) => {
            corrupt.set(true);
            None
        }
        Err(error) => {
            assert!(also.contains(&error.kind()), "{error:?}");
            None
        }
    }
}

/// Follows a pointer to every value there is, as far as `left` goes.
fn point(
    document: &Document<'_>,
    value: ValueRef<'_>,
    pointer: &str,
    left: &Cell<u32>,
) -> Result<()> {
    if left.get() == 0 {
        return Ok(());
    }
    left.set(left.get() - 1);
    document.pointer(pointer)?;
    match value {
        ValueRef::List(list) => {
            for (i, element) in list.iter().enumerate().take(20) {
                list.get(i)?;
                point(document, element?, &format!("{pointer}/{i}"), left)?;
            }
        }
        ValueRef::Map(map) => {
            for member in map.iter().take(20) {
                let (key, value) = member?;
                let key = key.as_str().unwrap_or_default();
                map.get(key)?;
                let token = key.replace('~', "~0").replace('/', "~1");
                point(document, value, &format!("{pointer}/{token}"), left)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads a document in every way that there is; `valid` says that it is as it should be.
fn read(document: &Document<'_>, valid: bool, corrupt: &Cell<bool>) {
    const NOT_OF_THE_TYPE: &[ErrorKind] = &[ErrorKind::Invalid];
    let text = told(document.to_json(), corrupt, &[]);
    told(document.to_json_pretty(), corrupt, &[]);
    let value = told(document.to_value(), corrupt, &[]);
    told(document.decode::<Everything<'_>>(), corrupt, NOT_OF_THE_TYPE);
    told(document.decode::<Any>(), corrupt, NOT_OF_THE_TYPE);
    told(document.decode::<Value>(), corrupt, NOT_OF_THE_TYPE);
    told(document.decode::<IgnoredAny>(), corrupt, NOT_OF_THE_TYPE);
    for pointer in ["", "/", "/a", "/0", "/b/1/c", "/a/a/a/a", "/65535"] {
        told(document.pointer(pointer), corrupt, &[]);
    }
    if let Some(root) = told(document.value(), corrupt, &[]) {
        told(point(document, root, "", &Cell::new(200)), corrupt, &[]);
    }
    if valid {
        assert!(!corrupt.get(), "the check sees nothing wrong in {document:?}");
        let (text, value) = (text.unwrap(), value.unwrap());
        if let Some(again) = unless_too_deep(Document::from_json(&text)) {
            assert_eq!(again.to_json().unwrap(), text);
        }
        if let Some(again) = unless_too_deep(Document::from_value(&value)) {
            assert_eq!(again.to_value().unwrap(), value);
        }
    }
}

/// What was read. What JSON has no form for lies deeper in its text than it did.
fn unless_too_deep(result: Result<Document<'static>>) -> Option<Document<'static>> {
    result
        .inspect_err(|error| {
            let said = format!("{error:?}");
            assert!(said.contains("deep") || said.contains("recursion"), "{said}");
        })
        .ok()
}

fn of_text(text: &[u8]) {
    match Document::from_json(text) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}"),
        Ok(document) => {
            read(&document, true, &Cell::new(false));
            let text = document.to_json().unwrap();
            if let Some(again) = unless_too_deep(Document::from_json(&text)) {
                assert_eq!(again, document, "{text}");
            }
        }
    }
}

/// Reads and changes bytes as a document.
fn of_bytes(bytes: &[u8]) {
    let (document, valid) = document_of(bytes.to_vec());
    let corrupt = Cell::new(false);
    read(&document, valid.is_ok(), &corrupt);
    let patch = json!([
        {"op": "copy", "from": "", "path": "/zz"},
        {"op": "remove", "path": "/0"},
    ]);
    let changed = [
        document.patch(&patch),
        document.merge_patch(&json!({"a": {"b": null}, "c": [1]})),
        document.with("/a", json!(1)),
        document.with("/b/0", json!({"$literal": {"$bytes": 1}})),
    ];
    for changed in changed {
        let also = [NOT_TO_BE_WRITTEN, &[ErrorKind::NotFound]].concat();
        if let Some(changed) = told(changed, &corrupt, &also) {
            // What was made of it is as it should be.
            read(&changed, true, &Cell::new(false));
        }
    }
    assert!(valid.is_err() || !corrupt.get(), "nothing is wrong in {document:?}");
}

/// One for all runs: each puts its document over that of the one before.
static DB: LazyLock<Database> = LazyLock::new(|| {
    let db = Database::in_memory().unwrap();
    db.write(|tx| tx.documents(COLLECTION)?.put(KEY, json!("nothing"))).unwrap();
    put(&db, &[0x01, 1, 1, 0x41, b'x']);
    let found: Option<String> = {
        let tx = db.read().unwrap();
        tx.documents(COLLECTION).unwrap().pointer(KEY, "").unwrap()
    };
    assert_eq!(found.as_deref(), Some("x"), "the bytes go elsewhere than to the document");
    db
});

/// Puts bytes, envelope and all, where the document lies.
fn put(db: &Database, bytes: &[u8]) {
    let mut key = Vec::new();
    DocumentKey::new(KEY).encode(&mut key);
    // The first collection of a database has the first table.
    put_raw(db, "r1", &key, Some(bytes)).unwrap();
}

/// The envelopes: of a document as it is, and compressed.
fn stored(compressed: bool, body: &[u8]) -> Vec<u8> {
    if compressed { [&[0x11, 1, 1, 100], body].concat() } else { [&[0x01, 1, 1], body].concat() }
}

/// Reads and changes bytes, envelope and all, as a document in a collection.
fn of_stored(bytes: &[u8]) {
    let db = &*DB;
    put(db, bytes);
    let valid = db.check().unwrap().is_ok();
    let corrupt = Cell::new(false);
    {
        let tx = db.read().unwrap();
        let documents = tx.documents(COLLECTION).unwrap();
        if let Some(document) = told(documents.get(KEY), &corrupt, &[]) {
            read(&document.unwrap(), valid, &corrupt);
        }
        for document in documents.iter().unwrap() {
            told(document, &corrupt, &[]);
        }
        told(documents.pointer::<Any>(KEY, "/a"), &corrupt, &[ErrorKind::Invalid]);
        told(documents.export_ndjson(std::io::sink()), &corrupt, &[]);
    }
    let updated = db.write(|tx| {
        let mut documents = tx.documents(COLLECTION)?;
        let patch = json!([{"op": "add", "path": "/zz", "value": [1]}]);
        told(documents.patch(KEY, &patch), &corrupt, NOT_TO_BE_WRITTEN);
        told(documents.merge_patch(KEY, &json!({"a": {"b": null}})), &corrupt, NOT_TO_BE_WRITTEN);
        documents.update(KEY, |value| *value = json!([value.take()]))
    });
    assert!(!valid || !corrupt.get(), "the check sees nothing wrong");
    // What was written over it is as it should be.
    if told(updated, &corrupt, NOT_TO_BE_WRITTEN).is_some() {
        let report = db.check().unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, input)) = input.split_first() else {
        return;
    };
    memory::bounded(input.len(), || match kind {
        0..120 => of_text(input),
        120..240 => of_bytes(input),
        // These take a hundred times as long.
        240 => of_stored(&stored(false, input)),
        241 => of_stored(&stored(true, input)),
        242 => of_stored(input),
        _ => {}
    });
});
