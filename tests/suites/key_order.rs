//! In which order do keys of several kinds lie? `keys/indexeddb_keyorder.json`: documents are put under
//! those keys, said as `indexeddb::keys` says them, and read back.
//!
//! `keys/ordered_key_lists.json` is about the encoding of typed keys: `tests/keys.rs` reads it.

use larder::Database;
use serde_json::{Value, json};

use super::indexeddb::keys::mapped;
use super::{report, suite_text};
use crate::support::check;

const FILE: &str = "keys/indexeddb_keyorder.json";

/// What is answered otherwise, and why.
const OTHERWISE: [(&str, &str); 0] = [];

#[test]
fn keys_of_several_kinds_lie_in_order() {
    let Some(text) = suite_text(FILE) else {
        return;
    };
    let content: Value = serde_json::from_str(&text).unwrap();
    let cases = content["cases"].as_array().unwrap().iter().map(|case| {
        let name = case["name"].as_str().unwrap_or("without a name");
        (name.to_owned(), in_order(case))
    });
    report(FILE, &OTHERWISE, cases);
}

fn in_order(case: &Value) -> Result<(), String> {
    let (put, wanted) = (keys(&case["unsorted"]), keys(&case["expected"]));
    let db = Database::in_memory().unwrap();
    let written = db.write(|tx| {
        let mut documents = tx.documents("keys")?;
        for key in put {
            documents.insert(json!({ "_id": key }))?;
        }
        Ok(())
    });
    written.map_err(|error| error.to_string())?;
    check(&db);
    let tx = db.read().unwrap();
    let documents = tx.documents("keys").unwrap();
    let found: Vec<Value> = documents
        .iter()
        .unwrap()
        .map(|document| document.unwrap().key().to_value().unwrap())
        .collect();
    if found == wanted {
        Ok(())
    } else {
        Err(format!("they lie as {}", Value::from(found)))
    }
}

fn keys(list: &Value) -> Vec<Value> {
    let keys = list.as_array().unwrap().iter();
    keys.map(|key| mapped(key).expect("a key")).collect()
}
