//! What somebody who had not written it found wrong, and that it stays mended.

use std::collections::BTreeMap;

use larder::{Document, ErrorKind, Timestamp};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use crate::support::db;

/// A patch of a kilobyte filled the memory, one of 33 KB the stack.
#[test]
fn copies_of_copies_are_refused_before_they_are_made() {
    let deep: Vec<_> = (0..20)
        .map(|n| json!({"op": "copy", "from": "", "path": "/a".repeat(1 << n)}))
        .collect();
    let wide: Vec<_> = (0..40)
        .map(|n| json!({"op": "copy", "from": "", "path": format!("/k{n}")}))
        .collect();
    let document = Document::of(&json!({})).unwrap();
    for patch in [deep, wide] {
        let error = document.patch(&json!(patch)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    }
}

#[derive(Serialize, Deserialize)]
struct Items {
    items: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    a: u32,
}

fn updated(text: &str, change: impl FnOnce(&mut Items)) -> String {
    let db = db();
    db.write(|tx| {
        tx.documents("d")?.put("k", Document::from_json(text)?)?;
        tx.documents_of::<Items>("d")?.update("k", change)?;
        tx.documents("d")?.get("k")?.unwrap().to_json()
    })
    .unwrap()
}

#[test]
fn an_update_keeps_what_elements_of_lists_have_besides() {
    let text = r#"{"items":[{"a":1,"note":"x"},{"a":2,"note":"y"},{"a":3,"note":"z"}],"x":1.0}"#;
    assert_eq!(updated(text, |_| {}), text);
    assert_eq!(
        updated(text, |items| items.items[1].a = 7),
        r#"{"items":[{"a":1,"note":"x"},{"a":7,"note":"y"},{"a":3,"note":"z"}],"x":1.0}"#
    );
    assert_eq!(
        updated(text, |items| items.items.reverse()),
        r#"{"items":[{"a":3,"note":"z"},{"a":2,"note":"y"},{"a":1,"note":"x"}],"x":1.0}"#
    );
    assert_eq!(
        updated(text, |items| {
            items.items.remove(0);
            items.items.push(Item { a: 9 });
        }),
        r#"{"items":[{"a":2,"note":"y"},{"a":3,"note":"z"},{"a":9}],"x":1.0}"#
    );
}

#[test]
fn an_update_never_stores_what_its_type_cannot_read() {
    #[derive(Serialize, Deserialize)]
    struct Alias {
        #[serde(alias = "colour")]
        color: String,
        n: u32,
    }
    let db = db();
    db.write(|tx| {
        tx.documents("d")?
            .put("k", json!({"colour": "red", "n": 1}))?;
        let mut aliases = tx.documents_of::<Alias>("d")?;
        aliases.update("k", |alias| alias.n = 2)?;
        assert_eq!(aliases.get("k")?.unwrap().color, "red");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_number_is_no_timestamp() {
    #[derive(Debug, Serialize, Deserialize)]
    struct At {
        at: Timestamp,
    }
    let document = |text: &str| Document::from_json(text).unwrap();
    assert!(document(r#"{"at":1700000000}"#).decode::<At>().is_err());
    for text in [
        r#"{"at":"1970-01-01T00:00:01Z"}"#,
        r#"{"at":{"$time":"1970-01-01T00:00:01Z"}}"#,
    ] {
        let at: At = document(text).decode().unwrap();
        assert_eq!(at.at, Timestamp::from_micros(1_000_000));
    }
}

#[test]
fn a_schema_that_could_not_be_read_again_is_refused() {
    let mut schema = json!({"type": "integer"});
    for _ in 0..200 {
        schema = json!({"properties": {"a": schema}});
    }
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        let error = notes.set_json_schema(Some(&schema)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        notes.put("k", json!({"a": 1}))
    })
    .unwrap();
}

#[test]
fn integers_beyond_64_bits_are_floats_to_who_wants_floats_and_exact_to_others() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        float: f64,
        exact: i128,
        #[serde(flatten)]
        rest: BTreeMap<String, f64>,
    }
    let text = r#"{"float":100000000000000000000,"exact":100000000000000000001,"other":1e20}"#;
    let document = Document::from_json(text).unwrap();
    // Flattening goes through what serde keeps, which has no wider integers.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        float: f64,
        exact: i128,
    }
    let plain: Plain = document.decode().unwrap();
    assert_eq!(
        plain,
        Plain {
            float: 1e20,
            exact: 100_000_000_000_000_000_001
        }
    );
    let value: serde_json::Value = document.decode().unwrap();
    assert_eq!(value["float"], json!(1e20));
    let flat = document.decode::<Wanted>();
    assert!(flat.is_err() || flat.unwrap().rest.len() == 1);
}

#[test]
fn numbers_are_exact_wherever_they_stand_and_errors_name_their_place() {
    let deep = format!("{}0.30000000000000004{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(Document::from_json(&deep).unwrap().to_json().unwrap(), deep);
    for text in [
        r#"{"$literal":1e5}"#,
        r#"{"$literal":12345678901234567890123}"#,
    ] {
        assert!(Document::from_json(text).is_err(), "{text}");
    }
    let long = format!("[1,\n {}]", "1".repeat(41));
    let error = Document::from_json(&long).unwrap_err();
    assert!(error.to_string().contains("line 2 column 42"), "{error}");
    let error = Document::from_json("[0.30000000000000004,x]").unwrap_err();
    assert!(error.to_string().contains("at column 22"), "{error}");
}

#[test]
fn members_of_a_literal_object_keep_their_order() {
    let text = r#"{"z":1,"m":{"$literal":{"$literal":1,"z":1,"a":2}},"a":0}"#;
    let document = Document::from_json(text).unwrap();
    assert_eq!(
        document.merge_patch(&json!({})).unwrap().to_json().unwrap(),
        text
    );
}

#[test]
fn keys_of_maps_that_would_be_one_are_refused() {
    let document = Document::from_json(r#"{"01":1,"1":2}"#).unwrap();
    assert!(document.decode::<BTreeMap<u32, u32>>().is_err());
}

/// Whose `Serialize` passes over the errors of what it writes.
struct Careless;

impl Serialize for Careless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(usize::MAX))?;
        let _ = list.serialize_element(&Failing);
        list.end()
    }
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

/// Who writes keys without values.
struct TwoKeys;

impl Serialize for TwoKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("a")?;
        let _ = map.serialize_key("b");
        map.end()
    }
}

#[test]
fn what_is_written_in_part_is_not_stored() {
    assert!(Document::of(&Careless).is_err());
    assert!(Document::of(&TwoKeys).is_err());
}
