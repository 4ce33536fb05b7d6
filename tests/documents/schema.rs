//! JSON Schema: what does not fit is refused wherever it comes in.

use larder::ErrorKind;
use serde_json::json;

use crate::support::db;

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "maxLength": 10},
            "tags": {"type": "array", "items": {"type": "string"}},
            "stars": {"type": "integer", "minimum": 0},
        },
    })
}

#[test]
fn a_document_that_does_not_fit_is_refused_and_the_place_is_named() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.set_json_schema(Some(&schema()))?;
        notes.put("good", json!({"title": "Jam", "tags": ["a"]}))
    })
    .unwrap();
    // Another handle, another opening: the schema is the file's.
    let db = db.reopen();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        assert_eq!(notes.json_schema()?, Some(schema()));
        let bad = json!({"title": "Jam", "tags": ["a", 7], "stars": -1});
        let refusals = [
            notes.put("bad", &bad).unwrap_err(),
            notes.insert(&bad).unwrap_err(),
            notes
                .update("good", |note| *note = bad.clone())
                .unwrap_err(),
            notes.merge_patch("good", &bad).unwrap_err(),
            notes
                .patch(
                    "good",
                    &json!([{"op": "replace", "path": "", "value": bad}]),
                )
                .unwrap_err(),
            notes.import_ndjson(bad.to_string().as_bytes()).unwrap_err(),
        ];
        for error in refusals {
            assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
            let text = error.to_string();
            assert!(
                text.contains("/tags/1") && text.contains("/stars"),
                "{text}"
            );
        }
        let error = notes.put("bad", json!([])).unwrap_err();
        assert!(error.to_string().contains("the whole"), "{error}");
        assert_eq!(notes.len()?, 1);
        assert_eq!(
            notes.get("good")?.unwrap().to_json()?,
            r#"{"tags":["a"],"title":"Jam"}"#
        );
        notes.set_json_schema(None)?;
        notes.put("bad", &bad)
    })
    .unwrap();
}

#[test]
fn a_schema_that_does_not_hold_for_what_is_there_is_refused() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put("a", json!({"title": "A"}))?;
        notes.put("b", json!({"title": 7}))?;
        let error = notes.set_json_schema(Some(&schema())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        assert!(error.to_string().contains("\"b\""), "{error}");
        assert_eq!(notes.json_schema()?, None);
        notes.put("b", json!([]))?;

        for wrong in [
            json!({"type": "no such type"}),
            json!({"$ref": "https://example.org/elsewhere.json"}),
            json!({"pattern": "("}),
        ] {
            let error = notes.set_json_schema(Some(&wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
        Ok(())
    })
    .unwrap();
}
