//! JSON Patch, JSON Merge Patch and JSON Pointer, of documents in a collection.

use larder::{Database, ErrorKind};
use serde_json::Value;

use super::run;
use crate::support::check;

const COLLECTION: &str = "cases";
const KEY: &str = "document";

/// A database with this document in it.
fn db_with(document: &Value) -> Result<Database, String> {
    let db = Database::in_memory().unwrap();
    match db.write(|tx| tx.documents(COLLECTION)?.put(KEY, document)) {
        Ok(_) => Ok(db),
        Err(error) => Err(format!("its document is refused: {error}")),
    }
}

fn text_in(db: &Database) -> String {
    let tx = db.read().unwrap();
    let documents = tx.documents(COLLECTION).unwrap();
    documents.get(KEY).unwrap().unwrap().to_json().unwrap()
}

fn value_in(db: &Database) -> Value {
    let tx = db.read().unwrap();
    let documents = tx.documents(COLLECTION).unwrap();
    documents.get(KEY).unwrap().unwrap().to_value().unwrap()
}

/// Compares what became of the document with what the entry expects.
fn compare(
    entry: &Value,
    db: &Database,
    before: &str,
    result: larder::Result<()>,
) -> Result<(), String> {
    check(db);
    let fails = entry.get("error").is_some();
    if result.is_err() && text_in(db) != before {
        return Err(format!("it failed and left {}", text_in(db)));
    }
    match (result, entry.get("expected")) {
        (Err(_), _) if fails => Ok(()),
        (Err(error), _) => Err(format!("it failed: {error}")),
        (Ok(()), _) if fails => Err(format!("it did not fail and made {}", text_in(db))),
        (Ok(()), Some(expected)) if value_in(db) != *expected => {
            Err(format!("it made {}, expected is {expected}", text_in(db)))
        }
        (Ok(()), _) => Ok(()),
    }
}

fn is_disabled(entry: &Value) -> bool {
    entry.get("disabled").is_some_and(|said| said != false)
}

#[test]
fn json_patch() {
    run("json-patch", |entry| {
        let (document, patch) = (entry.get("doc")?, entry.get("patch")?);
        if is_disabled(entry) {
            return None;
        }
        let db = match db_with(document) {
            Ok(db) => db,
            Err(why) => return Some(Err(why)),
        };
        let before = text_in(&db);
        let result = db.write(|tx| {
            let mut documents = tx.documents(COLLECTION)?;
            let result = documents.patch(KEY, patch);
            // A transaction that goes on after a refusal sees what was there, too.
            if result.is_err() {
                assert_eq!(documents.get(KEY)?.unwrap().to_json()?, before);
            }
            result
        });
        Some(compare(entry, &db, &before, result))
    });
}

#[test]
fn merge_patch() {
    run("merge-patch", |entry| {
        let document = entry.get("doc").or_else(|| entry.get("target"))?;
        let patch = entry.get("patch")?;
        if is_disabled(entry) {
            return None;
        }
        let db = match db_with(document) {
            Ok(db) => db,
            Err(why) => return Some(Err(why)),
        };
        let before = text_in(&db);
        let result = db.write(|tx| tx.documents(COLLECTION)?.merge_patch(KEY, patch));
        Some(compare(entry, &db, &before, result))
    });
}

#[test]
fn json_pointer() {
    run("json-pointer", |entry| {
        let (document, pointer) = (entry.get("doc")?, entry.get("pointer")?.as_str()?);
        if is_disabled(entry) {
            return None;
        }
        Some(db_with(document).and_then(|db| follow(entry, &db, pointer)))
    });
}

/// Follows a pointer in both ways that there are, and compares where they lead with the entry.
fn follow(entry: &Value, db: &Database, pointer: &str) -> Result<(), String> {
    let tx = db.read().unwrap();
    let documents = tx.documents(COLLECTION).unwrap();
    let found = documents.pointer::<Value>(KEY, pointer);
    let document = documents.get(KEY).unwrap().unwrap();
    let seen = document.pointer(pointer);
    match (&found, &seen) {
        (Ok(found), Ok(seen)) if found.is_some() == seen.is_some() => {}
        (Err(found), Err(seen)) if found.kind() == seen.kind() => {}
        _ => {
            return Err(format!(
                "{found:?} by the collection, {seen:?} by the document"
            ));
        }
    }
    let error = entry
        .get("error")
        .map(|error| error.as_str().unwrap_or_default());
    match (found, error, entry.get("expected")) {
        (Ok(None), Some(error), _) if error != "invalid_pointer" => Ok(()),
        (Err(found), Some(error), _) if found.is(ErrorKind::Invalid) && error != "not_found" => {
            Ok(())
        }
        (Ok(Some(found)), None, Some(expected)) if found == *expected => Ok(()),
        (Ok(Some(_)), None, None) => Ok(()),
        (found, _, _) => Err(format!("{pointer:?} leads to {found:?}")),
    }
}
