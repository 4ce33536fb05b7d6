//! Document collections: what is put in is what comes out, under its key, in its transaction.

use larder::{Document, DocumentKey, ErrorKind, Readable, Timestamp, record};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{db, db_with};

#[record]
pub struct Reader {
    #[key]
    name: String,
    books: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    theme: String,
    since: Timestamp,
    windows: Vec<(u32, u32)>,
}

fn settings() -> Settings {
    Settings {
        theme: "dark".into(),
        since: "2026-11-26T10:00:00.000001Z".parse().unwrap(),
        windows: vec![(1, 2), (3, 4)],
    }
}

#[test]
fn a_document_is_found_under_the_key_that_was_given() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.insert_at("intro", json!({"title": "Hello"}))?;
        assert!(!notes.put(42, json!([1, 2]))?);
        assert!(notes.put(42.0, json!("the same number"))?);
        notes.put(true, json!(null))?;
        notes.put(&b"bytes"[..], json!(1.5))?;
        notes.put(Timestamp::from_micros(7), json!({}))
    })
    .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    assert_eq!(notes.len().unwrap(), 5);
    let keys: Vec<String> = notes
        .iter()
        .unwrap()
        .map(|note| note.unwrap().key().to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "42",
            "intro",
            "b\"bytes\"",
            "true",
            "1970-01-01T00:00:00.000007Z"
        ]
    );
    let value = |key: DocumentKey| notes.get(&key).unwrap().unwrap().to_value().unwrap();
    assert_eq!(value(DocumentKey::new(42)), json!("the same number"));
    assert_eq!(value(DocumentKey::new("intro")), json!({"title": "Hello"}));
    assert!(notes.get("outro").unwrap().is_none());
    assert!(notes.contains(true).unwrap() && !notes.contains(false).unwrap());
    assert_eq!(
        notes.last().unwrap().unwrap().to_value().unwrap(),
        json!({})
    );
}

#[test]
fn insert_takes_the_key_from_the_document_or_makes_one() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        assert_eq!(
            notes.insert(json!({"_id": "a", "x": 1}))?,
            DocumentKey::new("a")
        );
        assert_eq!(notes.insert(json!({"_id": 7}))?, DocumentKey::new(7_u64));
        let error = notes.insert(json!({"_id": "a"})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("\"a\""), "{error}");

        let first = notes.insert(Document::from_json(r#"{"z":1,"a":2}"#)?)?;
        let second = notes.insert(json!({}))?;
        assert!(first < second, "keys that were made sort by their time");
        let text = notes.get(&first)?.unwrap().to_json()?;
        assert_eq!(text, format!(r#"{{"_id":"{first}","z":1,"a":2}}"#));
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_cannot_be_a_key_is_refused_and_nothing_is_written() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for document in [json!({"_id": [1]}), json!([]), json!(1)] {
            let error = notes.insert(&document).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
        let error = notes.put("a", json!({"_id": "b"})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let error = notes.put("x".repeat(5000), json!(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        assert_eq!(notes.len()?, 0);
        notes.put("a", json!({"_id": "a"}))?;
        let error = notes
            .update("a", |note| note["_id"] = json!("b"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        notes.update("a", |note| {
            note.as_object_mut().unwrap().remove("_id");
        })
    })
    .unwrap();
    let note: serde_json::Value = db
        .read()
        .unwrap()
        .documents("notes")
        .unwrap()
        .pointer("a", "")
        .unwrap()
        .unwrap();
    assert_eq!(note, json!({}));
}

#[test]
fn members_keep_their_order_through_every_change() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(
            "n",
            Document::from_json(r#"{"z":1,"m":{"y":1,"b":2},"a":[{"q":1,"c":2}]}"#)?,
        )?;
        notes.update("n", |note| {
            note["m"]["new"] = json!(true);
            note["z"] = json!({"two": 2, "one": 1});
        })?;
        let text =
            |notes: &larder::DocumentsMut<'_>| notes.get("n").unwrap().unwrap().to_json().unwrap();
        assert_eq!(
            text(&notes),
            r#"{"z":{"one":1,"two":2},"m":{"y":1,"b":2,"new":true},"a":[{"q":1,"c":2}]}"#
        );
        notes.merge_patch("n", &json!({"m": {"y": null}, "b": 0}))?;
        assert_eq!(
            text(&notes),
            r#"{"z":{"one":1,"two":2},"m":{"b":2,"new":true},"a":[{"q":1,"c":2}],"b":0}"#
        );
        notes
            .patch(
                "n",
                &json!([
                    {"op": "test", "path": "/b", "value": 0},
                    {"op": "move", "from": "/a/0", "path": "/a/0/inner"},
                ]),
            )
            .unwrap_err();
        notes.patch(
            "n",
            &json!([{"op": "remove", "path": "/z"}, {"op": "add", "path": "/a/0/x", "value": 3}]),
        )?;
        assert_eq!(
            text(&notes),
            r#"{"m":{"b":2,"new":true},"a":[{"q":1,"c":2,"x":3}],"b":0}"#
        );
        notes.set("n", "/a/0/q", json!("new"))?;
        notes.set("n", "/last", json!([]))?;
        assert_eq!(
            text(&notes),
            r#"{"m":{"b":2,"new":true},"a":[{"q":"new","c":2,"x":3}],"b":0,"last":[]}"#
        );
        for pointer in ["/no/where", "/a/7", "/b/x"] {
            let error = notes.set("n", pointer, json!(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        let error = notes.set("n", "a", json!(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_failed_test_of_a_patch_is_a_conflict_and_any_other_failure_invalid() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put("n", json!({"a": 1}))?;
        for (patch, kind) in [
            (json!([{"op": "add", "path": "/b", "value": 1}, {"op": "test", "path": "/a", "value": 2}]), ErrorKind::Conflict),
            (json!([{"op": "add", "path": "/b", "value": 1}, {"op": "remove", "path": "/c"}]), ErrorKind::Invalid),
            (json!([{"op": "jump", "path": "/c"}]), ErrorKind::Invalid),
            (json!({"op": "add"}), ErrorKind::Invalid),
        ] {
            let error = notes.patch("n", &patch).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(notes.get("n")?.unwrap().to_value()?, json!({"a": 1}));
        }
        let error = notes.patch("gone", &json!([])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn documents_of_a_type_are_what_they_were_and_nothing_is_added_to_them() {
    let db = db();
    let key = db
        .write(|tx| {
            let mut all = tx.documents_of::<Settings>("settings")?;
            all.put("main", &settings())?;
            all.insert(&settings())
        })
        .unwrap();
    db.write(|tx| {
        tx.documents_of::<Settings>("settings")?
            .update("main", |main| main.theme = "light".into())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let all = tx.documents_of::<Settings>("settings").unwrap();
    assert_eq!(all.get(&key).unwrap().unwrap(), settings());
    assert_eq!(all.get("main").unwrap().unwrap().theme, "light");
    assert_eq!(all.iter().unwrap().count(), 2);
    let json = all
        .documents()
        .get("main")
        .unwrap()
        .unwrap()
        .to_json()
        .unwrap();
    assert_eq!(
        json,
        r#"{"theme":"light","since":{"$time":"2026-11-26T10:00:00.000001Z"},"windows":[[1,2],[3,4]]}"#
    );

    let numbers = tx.documents_of::<u32>("settings").unwrap();
    let error = numbers.get("main").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(
        error.to_string().contains("\"settings\"") && error.to_string().contains("\"main\""),
        "{error}"
    );
}

/// A small struct for reading, once used for an update, took everything else out of the document.
#[test]
fn what_a_type_does_not_know_survives_its_updates() {
    #[derive(Serialize, Deserialize)]
    struct Small {
        #[serde(skip_serializing_if = "Option::is_none")]
        stars: Option<u32>,
        by: Author,
        tags: Vec<String>,
    }
    #[derive(Serialize, Deserialize)]
    struct Author {
        name: String,
    }
    let db = db();
    let text = r#"{"_id":"n","z":[1],"by":{"since":1999,"name":"A","pets":{"cat":1}},"stars":3,"tags":["x"],"a":null}"#;
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.insert(Document::from_json(text)?)
    })
    .unwrap();
    db.write(|tx| {
        tx.documents_of::<Small>("notes")?.update("n", |note| {
            note.stars = None;
            note.by.name = "B".into();
            note.tags.push("y".into());
        })
    })
    .unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.documents("notes")
            .unwrap()
            .get("n")
            .unwrap()
            .unwrap()
            .to_json()
            .unwrap(),
        r#"{"_id":"n","z":[1],"by":{"since":1999,"name":"B","pets":{"cat":1}},"tags":["x","y"],"a":null}"#
    );
    let (small, revision) = tx
        .documents_of::<Small>("notes")
        .unwrap()
        .get_with_revision("n")
        .unwrap()
        .unwrap();
    assert_eq!((small.stars, small.by.name.as_str()), (None, "B"));
    db.write(|tx| {
        tx.documents_of::<Small>("notes")?
            .replace_if(revision, "n", &small)
    })
    .unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.documents("notes")
            .unwrap()
            .get("n")
            .unwrap()
            .unwrap()
            .to_json()
            .unwrap(),
        r#"{"by":{"name":"B"},"tags":["x","y"]}"#
    );
}

#[test]
fn a_closure_that_refuses_leaves_the_document_as_it_is() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put("n", json!({"stars": 1}))?;
        let error = notes
            .try_update("n", |note| {
                note["stars"] = json!(2);
                Err(Document::from_json("{").unwrap_err())
            })
            .unwrap_err();
        assert!(error.to_string().contains("EOF"), "{error}");
        assert_eq!(notes.pointer("n", "/stars")?, Some(1));
        notes.try_update("n", |note| {
            note["stars"] = json!(2);
            Ok::<_, larder::Error>(())
        })?;
        assert_eq!(notes.pointer("n", "/stars")?, Some(2));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_document_is_replaced_only_as_it_was_read() {
    let db = db();
    db.write(|tx| tx.documents("notes")?.put("n", json!({"v": 1})))
        .unwrap();
    let revision = db
        .read()
        .unwrap()
        .documents("notes")
        .unwrap()
        .get("n")
        .unwrap()
        .unwrap()
        .revision();
    db.write(|tx| {
        tx.documents("notes")?
            .replace_if(revision, "n", json!({"v": 2}))
    })
    .unwrap();
    let error = db
        .write(|tx| {
            tx.documents("notes")?
                .replace_if(revision, "n", json!({"v": 3}))
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = db
        .write(|tx| tx.documents("notes")?.replace_if(revision, "m", json!(0)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn documents_and_records_are_written_or_rolled_back_together() {
    let db = db();
    let both = |fail: bool| {
        db.write(|tx| {
            tx.collection::<Reader>()?.put(&Reader {
                name: "Ada".into(),
                books: 3,
            })?;
            tx.documents("notes")?.put("ada", json!({"books": 3}))?;
            if fail {
                tx.documents("notes")?.insert(json!(1)).map(drop)
            } else {
                Ok(())
            }
        })
    };
    let found = || {
        let tx = db.read().unwrap();
        let books = tx
            .collection::<Reader>()
            .unwrap()
            .field("Ada", Reader::BOOKS)
            .unwrap();
        (
            books,
            tx.documents("notes").unwrap().contains("ada").unwrap(),
        )
    };
    both(true).unwrap_err();
    assert_eq!(found(), (None, false));
    both(false).unwrap();
    assert_eq!(found(), (Some(3), true));
}

#[test]
fn a_name_stands_for_one_kind_of_thing() {
    let db = db();
    db.write(|tx| {
        tx.documents("notes")?.put("a", json!(1))?;
        tx.bucket("bytes")?.put("a", "b")?;
        tx.collection::<Reader>()?.put(&Reader {
            name: "x".into(),
            books: 0,
        })?;
        for wrong in ["bytes", <Reader as larder::Record>::NAME] {
            let error = tx.documents(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert_eq!(
                tx.drop_documents(wrong).unwrap_err().kind(),
                ErrorKind::Invalid
            );
        }
        assert_eq!(tx.bucket("notes").unwrap_err().kind(), ErrorKind::Invalid);
        for bad in ["", "a\nb", &"n".repeat(200)] {
            assert!(tx.documents(bad).is_err(), "{bad:?}");
        }
        let open = tx.documents("notes")?;
        assert_eq!(
            tx.documents("notes").unwrap_err().kind(),
            ErrorKind::Invalid
        );
        drop(open);
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.documents("bytes").unwrap_err().kind(),
        ErrorKind::Invalid
    );
    assert!(tx.documents("nothing").unwrap().is_empty().unwrap());
}

#[test]
fn ranges_and_prefixes_follow_the_order_of_keys() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for key in ["a", "ab", "abc", "b", "é"] {
            notes.put(key, json!({ "_id": key }))?;
        }
        for key in [-3, 0, 10] {
            notes.put(key, json!(key))?;
        }
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let keys = |iter: larder::DocumentIter<'_>| -> Vec<String> {
        iter.map(|note| note.unwrap().key().to_string()).collect()
    };
    assert_eq!(keys(notes.prefix("ab").unwrap()), ["ab", "abc"]);
    assert_eq!(keys(notes.range("a".."b").unwrap()), ["a", "ab", "abc"]);
    assert_eq!(keys(notes.range("b"..).unwrap()), ["b", "é"]);
    assert_eq!(keys(notes.range(-3..=0).unwrap()), ["-3", "0"]);
    assert_eq!(notes.count(0..).unwrap(), 7, "text is behind all numbers");
    let backwards: Vec<String> = notes
        .iter()
        .unwrap()
        .rev()
        .map(|note| note.unwrap().key().to_string())
        .collect();
    assert_eq!(backwards, ["é", "b", "abc", "ab", "a", "10", "0", "-3"]);
}

#[test]
fn reading_code_is_the_same_in_both_kinds_of_transactions() {
    fn titles(tx: &impl Readable) -> Vec<String> {
        let notes = tx.documents("notes").unwrap();
        let titles = notes.iter().unwrap().map(|note| {
            note.unwrap()
                .pointer("/title")
                .unwrap()
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        });
        titles.collect()
    }
    let db = db();
    assert!(titles(&db.read().unwrap()).is_empty());
    db.write(|tx| {
        assert!(titles(tx).is_empty());
        tx.documents("notes")?.put("a", json!({"title": "A"}))?;
        assert_eq!(titles(tx), ["A"]);
        Ok(())
    })
    .unwrap();
    assert_eq!(titles(&db.read().unwrap()), ["A"]);
}

#[test]
fn removing_and_clearing_leave_nothing_behind() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put("a", json!(1))?;
        notes.put("b", json!(2))?;
        assert!(notes.remove("a")? && !notes.remove("a")?);
        assert_eq!(notes.take("b")?.unwrap().to_value()?, json!(2));
        assert!(notes.take("b")?.is_none());
        notes.put("c", json!(3))?;
        notes.clear()?;
        assert!(notes.is_empty()?);
        notes.put("d", json!(4))
    })
    .unwrap();
    db.write(|tx| {
        assert_eq!(tx.documents("notes")?.len()?, 1);
        assert!(tx.drop_documents("notes")? && !tx.drop_documents("notes")?);
        Ok(())
    })
    .unwrap();
    assert!(
        db.read()
            .unwrap()
            .documents("notes")
            .unwrap()
            .is_empty()
            .unwrap()
    );
}

#[test]
fn documents_are_there_after_reopening_compressed_where_that_was_asked_for() {
    let db = db();
    let long = "the same words again and again, ".repeat(200);
    db.write(|tx| {
        let options = larder::CollectionOptions::new().compress_above(100);
        let mut notes = tx.documents_with("notes", options)?;
        notes.put("long", json!({"text": long}))?;
        notes.put("short", json!({"text": "x"}))
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    assert_eq!(
        notes.pointer::<String>("long", "/text").unwrap().unwrap(),
        long
    );
    assert_eq!(
        notes.get("short").unwrap().unwrap().to_json().unwrap(),
        r#"{"text":"x"}"#
    );
}

#[test]
fn a_document_has_the_limit_of_a_body() {
    let db = db_with(|builder| builder.body_limit(1000));
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        let error = notes.put("a", json!("x".repeat(1001))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        notes.put("a", json!("x".repeat(900)))
    })
    .unwrap();
}

#[test]
fn a_pointer_leads_where_rfc_6901_says() {
    let document = Document::from_json(
        r#"{"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"01":2,"nested":{"":{"":"deep"}}}"#,
    )
    .unwrap();
    let at = |pointer: &str| {
        document
            .pointer(pointer)
            .unwrap()
            .map(|value| value.as_i64())
    };
    assert_eq!(at("/"), Some(Some(0)));
    assert_eq!(at("/a~1b"), Some(Some(1)));
    assert_eq!(at("/m~0n"), Some(Some(8)));
    assert_eq!(at("/01"), Some(Some(2)));
    assert_eq!(
        document.pointer("/foo/1").unwrap().unwrap().as_str(),
        Some("baz")
    );
    assert_eq!(
        document.pointer("/nested//").unwrap().unwrap().as_str(),
        Some("deep")
    );
    for nowhere in [
        "/foo/2",
        "/foo/-",
        "/foo/01",
        "/foo/+1",
        "/foo/1/x",
        "/bar",
        "/foo/99999999999999999999",
    ] {
        assert!(document.pointer(nowhere).unwrap().is_none(), "{nowhere}");
    }
    for wrong in ["foo", "/~", "/~2", "/a~"] {
        assert_eq!(
            document.pointer(wrong).unwrap_err().kind(),
            ErrorKind::Invalid,
            "{wrong}"
        );
    }
}
