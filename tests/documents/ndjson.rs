//! Lines of JSON: what goes out comes in as it was, and an error names its line.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use larder::uuid::Uuid;
use larder::{Database, Document, ErrorKind, Timestamp, part, record};
use serde_json::json;

use crate::support::{db, db_with};

fn exported(db: &Database, name: &str) -> String {
    let mut text = Vec::new();
    db.read()
        .unwrap()
        .documents(name)
        .unwrap()
        .export_ndjson(&mut text)
        .unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn importing_what_was_exported_gives_the_same_documents_under_the_same_keys() {
    let db = db();
    let tricky = [
        r#"{"$key":1,"$document":2}"#,
        r#"{"$literal":{"$bytes":1}}"#,
        r#"{"$time":"2026-01-01T00:00:00Z"}"#,
        r#"{"z":1,"a":0.1}"#,
        "[]",
        "null",
        r#""text\n""#,
    ];
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.insert(json!({"title": "a key of its own"}))?;
        notes.put("with", json!({"_id": "with", "$key": 1}))?;
        notes.put(&b"\0\xFF"[..], json!({"_id": {"$bytes": "AP8="}}))?;
        notes.put(0.5, json!({}))?;
        for (i, text) in tricky.iter().enumerate() {
            notes.put(i64::try_from(i).unwrap(), Document::from_json(text)?)?;
        }
        Ok(())
    })
    .unwrap();
    let text = exported(&db, "notes");
    assert_eq!(text.lines().count(), 4 + tricky.len());
    assert!(
        text.contains("{\"$key\":3,\"$document\":{\"z\":1,\"a\":0.1}}\n"),
        "{text}"
    );

    let copy = crate::support::db();
    let count = copy
        .write(|tx| tx.documents("notes")?.import_ndjson(text.as_bytes()))
        .unwrap();
    assert_eq!(count, 4 + tricky.len() as u64);
    assert_eq!(exported(&copy, "notes"), text);
    let (tx, other) = (db.read().unwrap(), copy.read().unwrap());
    let (notes, others) = (
        tx.documents("notes").unwrap(),
        other.documents("notes").unwrap(),
    );
    for (one, two) in notes.iter().unwrap().zip(others.iter().unwrap()) {
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.key(), two.key());
        assert!(*one == *two, "{one:?} {two:?}");
    }
}

#[test]
fn an_error_names_the_line_and_the_transaction_takes_nothing() {
    let db = db();
    for (lines, line, kind, why) in [
        (
            "{\"_id\":1}\n\n{\"_id\":2,}\n",
            3,
            ErrorKind::Invalid,
            "trailing comma",
        ),
        (
            "{\"_id\":1}\n{\"_id\":1}\n",
            2,
            ErrorKind::Conflict,
            "exists",
        ),
        ("{}\n7\n", 2, ErrorKind::Invalid, "no object"),
        (
            "{\"$key\":[],\"$document\":1}",
            1,
            ErrorKind::Invalid,
            "is a list",
        ),
        (
            "{\"$key\":1,\"$document\":{\"_id\":2}}",
            1,
            ErrorKind::Invalid,
            "another key",
        ),
        (
            "{}\n{}\n\u{feff}{}",
            3,
            ErrorKind::Invalid,
            "expected value",
        ),
        (
            "{}\n{\"a\":\"\u{0}\"}",
            2,
            ErrorKind::Invalid,
            "control character",
        ),
    ] {
        let error = db
            .write(|tx| tx.documents("notes")?.import_ndjson(lines.as_bytes()))
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("line {line}")) && text.contains(why),
            "{text}"
        );
    }
    let bytes: &[u8] = b"{\"a\":\"\xFF\"}";
    let error = db
        .write(|tx| tx.documents("notes")?.import_ndjson(bytes))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(
        db.read()
            .unwrap()
            .documents("notes")
            .unwrap()
            .is_empty()
            .unwrap()
    );
    let lines = "\u{feff}{\"_id\":1}\r\n   \r\n{\"_id\":2}";
    let count = db
        .write(|tx| tx.documents("notes")?.import_ndjson(lines.as_bytes()))
        .unwrap();
    assert_eq!(count, 2);
}

/// Gives the same bytes again and again, and counts them.
struct Endless<'a> {
    bytes: u64,
    taken: &'a mut u64,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer
            .len()
            .min(usize::try_from(self.bytes - *self.taken).unwrap());
        buffer[..count].fill(b'[');
        *self.taken += count as u64;
        Ok(count)
    }
}

#[test]
fn a_line_of_a_gigabyte_is_refused_before_it_is_read() {
    let db = db_with(|builder| builder.body_limit(100_000));
    let mut taken = 0;
    let error = db
        .write(|tx| {
            let endless = Endless {
                bytes: 1 << 30,
                taken: &mut taken,
            };
            tx.documents("notes")?.import_ndjson(b"{}\n".chain(endless))
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
    assert!(taken < 900_000, "{taken} bytes were read");
}

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Circle(f64),
    Box { width: u16, height: u16 },
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Pair(i8, String);

#[record]
#[derive(Clone, Debug, PartialEq)]
struct Everything {
    #[key]
    id: u64,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u128),
    floats: Vec<f64>,
    narrow: f32,
    flag: bool,
    letter: char,
    text: String,
    uuid: Uuid,
    at: Timestamp,
    took: Duration,
    maybe: Option<u32>,
    shapes: Vec<Shape>,
    pair: Box<Pair>,
    blob: Vec<u8>,
    hash: [u8; 4],
    fixed: [i16; 2],
    by_name: BTreeMap<String, Vec<bool>>,
    by_number: BTreeMap<i32, Shape>,
    by_time: BTreeMap<Duration, Option<char>>,
    by_flag: BTreeMap<bool, u8>,
}

fn everything() -> Everything {
    Everything {
        id: u64::MAX,
        signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN),
        unsigned: (u8::MAX, u16::MAX, u32::MAX, u128::MAX),
        floats: vec![0.1, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, 1e300],
        narrow: 0.1,
        flag: true,
        letter: '😀',
        text: "text \" \\ \u{1}".into(),
        uuid: Uuid::from_u128(7),
        at: Timestamp::MIN,
        took: Duration::new(u64::MAX, 999_999_999),
        maybe: None,
        shapes: vec![
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Box {
                width: 1,
                height: 2,
            },
        ],
        pair: Box::new(Pair(-1, "$bytes".into())),
        blob: vec![0, 1, 255],
        hash: [9; 4],
        fixed: [-1, 1],
        by_name: BTreeMap::from([("$bytes".into(), vec![true])]),
        by_number: BTreeMap::from([(-5, Shape::Point), (5, Shape::Circle(0.0))]),
        by_time: BTreeMap::from([(Duration::new(1, 5), Some('x')), (Duration::ZERO, None)]),
        by_flag: BTreeMap::from([(false, 0), (true, 1)]),
    }
}

#[test]
fn records_of_every_field_type_come_back_from_their_lines() {
    let db = db();
    db.write(|tx| tx.collection::<Everything>()?.insert(&everything()))
        .unwrap();
    let mut lines = Vec::new();
    let count = db
        .read()
        .unwrap()
        .collection::<Everything>()
        .unwrap()
        .export_ndjson(&mut lines)
        .unwrap();
    assert_eq!(count, 1);
    let text = String::from_utf8(lines).unwrap();
    for part in [
        r#""id":18446744073709551615"#,
        r#"{"$int":"340282366920938463463374607431768211455"}"#,
        r#"{"$float":"Infinity"}"#,
        r#""narrow":0.1"#,
        r#""uuid":"00000000-0000-0000-0000-000000000007""#,
        r#""took":{"secs":18446744073709551615,"nanos":999999999}"#,
        r#""maybe":null"#,
        r#"["Point",{"Circle":[1.5]},{"Box":{"width":1,"height":2}}]"#,
        r#""pair":[-1,"$bytes"]"#,
        r#""blob":{"$bytes":"AAH/"}"#,
        r#""by_name":{"$literal":{"$bytes":[true]}}"#,
        r#""by_number":{"-5":"Point","5":{"Circle":[0.0]}}"#,
        r#""by_time":{"0.000000000":null,"1.000000005":"x"}"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let copy = crate::support::db();
    let count = copy
        .write(|tx| {
            tx.collection::<Everything>()?
                .import_ndjson(text.as_bytes())
        })
        .unwrap();
    assert_eq!(count, 1);
    let tx = copy.read().unwrap();
    let found = tx
        .collection::<Everything>()
        .unwrap()
        .get_owned(u64::MAX)
        .unwrap()
        .unwrap();
    assert_eq!(found, everything());
    // And through a document collection.
    copy.write(|tx| {
        tx.documents("lines")?
            .put(1, Document::from_json(text.trim_end())?)
    })
    .unwrap();
    let again = copy
        .read()
        .unwrap()
        .documents("lines")
        .unwrap()
        .get(1)
        .unwrap()
        .unwrap()
        .to_json()
        .unwrap();
    assert_eq!(again, text.trim_end());
}

#[record]
#[derive(Debug, PartialEq)]
struct City {
    #[key]
    id: u32,
    #[unique]
    name: String,
    mayor: Option<String>,
    shape: Shape,
}

#[test]
fn a_line_that_is_no_record_is_refused_and_says_what_is_wrong_where() {
    let db = db();
    let good = r#"{"id":1,"name":"Pula","shape":"Point"}"#;
    for (second, kind, why) in [
        (
            r#"{"id":2,"name":"x","shape":"Point","size":1}"#,
            ErrorKind::Invalid,
            "no field \"size\"",
        ),
        (
            r#"{"id":2,"name":"x","shape":{"Box":{"w":1}}}"#,
            ErrorKind::Invalid,
            "no field \"w\"",
        ),
        (
            r#"{"id":2,"shape":"Point"}"#,
            ErrorKind::Invalid,
            "\"name\"",
        ),
        (
            r#"{"id":-2,"name":"x","shape":"Point"}"#,
            ErrorKind::Invalid,
            "field \"id\"",
        ),
        (
            r#"{"id":2.5,"name":"x","shape":"Point"}"#,
            ErrorKind::Invalid,
            "field \"id\"",
        ),
        (
            r#"{"id":2,"name":7,"shape":"Point"}"#,
            ErrorKind::Invalid,
            "field \"name\"",
        ),
        (
            r#"{"id":2,"name":"x","shape":"Square"}"#,
            ErrorKind::Invalid,
            "Square",
        ),
        (
            r#"{"id":2,"name":"x","shape":{"Circle":[1,2]}}"#,
            ErrorKind::Invalid,
            "2 elements",
        ),
        (r#"[]"#, ErrorKind::Invalid, "\"id\""),
        (
            r#"{"id":2,"name":"Pula","shape":"Point"}"#,
            ErrorKind::Conflict,
            "unique",
        ),
        (
            r#"{"id":1,"name":"x","shape":"Point"}"#,
            ErrorKind::Conflict,
            "exists",
        ),
    ] {
        let lines = format!("{good}\n{second}\n");
        let error = db
            .write(|tx| tx.collection::<City>()?.import_ndjson(lines.as_bytes()))
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains("line 2") && text.contains(why), "{text}");
        assert!(
            db.read()
                .unwrap()
                .collection::<City>()
                .unwrap()
                .is_empty()
                .unwrap()
        );
    }
    db.write(|tx| tx.collection::<City>()?.import_ndjson(good.as_bytes()))
        .unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<City>().unwrap();
    assert_eq!(
        cities.get_json(1).unwrap().unwrap(),
        json!({"id": 1, "name": "Pula", "mayor": null, "shape": "Point"})
    );
    assert_eq!(cities.get_json(2).unwrap(), None);
}
