//! Documents that stand in the way of a version.

use larder::{Database, DocumentSchema, ErrorKind, Migration, MigrationEvent};
use serde_json::{Value, json};

use super::{
    all_are, by_index, first, found, index, indexes, of_three, of_two, second, third, told, value,
    with_way_back,
};
use crate::support::{db, db_with, kind};

#[test]
fn what_cannot_be_in_an_index_keeps_the_version_away() {
    let db = db();
    found(&db, 3);
    db.create_index("notes", index("by_mark", "mark").unique().sparse())
        .unwrap();
    let marked = DocumentSchema::new("notes").step(2, |note| {
        note["mark"] = "the same".into();
        Ok(())
    });
    let error = db.register_documents(marked.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains("document 1 and document 2"),
        "{error}"
    );
    all_are(&db, 3, first);
    assert_eq!(
        indexes(&db),
        ["by_mark (mark) unique sparse, ready, 0 entries"]
    );
    db.drop_index("notes", "by_mark").unwrap();
    db.register_documents(marked).unwrap();
    assert_eq!(value(&db, 3)["mark"], "the same");
}

fn with_an_untitled_one(db: &Database) {
    found(db, 6);
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(4, json!({"untitled": true, "stars": 0}))
    })
    .unwrap();
    db.create_index("notes", index("by_stars", "stars"))
        .unwrap();
}

#[test]
fn a_document_on_which_a_closure_fails_is_named_and_nothing_is_changed() {
    let db = db();
    with_an_untitled_one(&db);
    let before = indexes(&db);
    let error = db.register_documents(of_three()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    let text = error.to_string();
    for told in ["\"notes\"", "by_stars", "document 4", "from version 1 to 2"] {
        assert!(text.contains(told), "{text}");
    }
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it has no title");
    assert_eq!(indexes(&db), before);
    assert_eq!(value(&db, 1), first(1));
    assert!(db.migration_history().unwrap().is_empty());
    db.write(|tx| tx.documents("notes")?.put(4, first(4)))
        .unwrap();
    db.register_documents(of_three()).unwrap();
    all_are(&db, 6, third);
}

/// Without indexes nothing is looked at when a version is registered, and each document fails by itself.
#[test]
fn without_indexes_a_failing_document_is_an_error_by_itself() {
    let db = db();
    with_an_untitled_one(&db);
    db.drop_index("notes", "by_stars").unwrap();
    db.register_documents(of_three()).unwrap();
    {
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        let error = notes.get(4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotMigrated);
        assert!(error.to_string().contains("document 4"), "{error}");
        assert_eq!(notes.iter().unwrap().filter(Result::is_ok).count(), 5);
    }
    assert_eq!(kind(db.migrate()), ErrorKind::NotMigrated);
    // It can be overwritten, and what it was is kept. Its own step back has nothing of the second version.
    db.write(|tx| tx.documents("notes")?.put(4, third(4)))
        .unwrap();
    db.migrate().unwrap();
    all_are(&db, 6, third);
    db.register_documents(with_way_back()).unwrap();
    db.undo_documents_migration("notes").unwrap();
    assert_eq!(value(&db, 5), first(5));
    // The document that was written is the one that counts.
    assert_eq!(value(&db, 4)["title"], "Note 4");
    assert_eq!(value(&db, 4)["draft"], Value::Null);
}

#[test]
fn a_document_on_which_a_closure_fails_is_set_aside_and_can_be_put_back() {
    let db = db();
    with_an_untitled_one(&db);
    let db = db.reopen_with(|builder| builder.register_documents(of_three().set_aside()));
    {
        let tx = db.read().unwrap();
        assert_eq!(tx.documents("notes").unwrap().len().unwrap(), 5);
        assert!(tx.documents("notes").unwrap().get(4).unwrap().is_none());
        let aside = tx.documents("notes.quarantine").unwrap();
        let document = aside.first().unwrap().unwrap().to_value().unwrap();
        assert_eq!(document["version"], 1);
        assert_eq!(document["record"], json!({"untitled": true, "stars": 0}));
        let error = document["error"].as_str().unwrap();
        assert!(error.ends_with("it has no title"), "{error}");
    }
    assert_eq!(by_index(&db, json!({"stars": "**"})), [2, 5]);
    assert_eq!(
        told(&db),
        [
            (MigrationEvent::Registered, 1, 3, 6, 0),
            (MigrationEvent::Migrated, 1, 3, 5, 1)
        ]
    );
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 6);
    assert_eq!(value(&db, 4), json!({"untitled": true, "stars": 0}));
    assert_eq!(value(&db, 5), first(5));
    let tx = db.read().unwrap();
    assert!(
        tx.documents("notes.quarantine")
            .unwrap()
            .is_empty()
            .unwrap()
    );
}

/// The closure brings it there, so that indexes have it; the JSON Schema refuses it, so that it goes.
#[test]
fn a_document_that_does_not_fit_is_taken_out_of_the_indexes_too() {
    let db = db();
    found(&db, 5);
    db.create_index("notes", index("by_heading", "heading").unique())
        .unwrap_err();
    db.create_index("notes", index("by_stars", "stars"))
        .unwrap();
    db.create_index("notes", index("by_word", "words")).unwrap();
    let fits = json!({"properties": {"stars": {"maxLength": 1}}});
    db.register_documents(of_three().json_schema(&fits))
        .unwrap();
    // It is read as it is; what is written has to fit, and what is migrated.
    assert_eq!(by_index(&db, json!({"stars": "**"})), [2, 5]);
    let error = db.migrate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("/stars"), "{error}");
    let report = db.migrate_with(Migration::new().set_aside()).unwrap();
    assert_eq!((report.records, report.set_aside), (3, 2));
    assert!(by_index(&db, json!({"stars": "**"})).is_empty());
    assert!(by_index(&db, json!({"words": "2"})).is_empty());
    assert_eq!(by_index(&db, json!({"words": "3"})), [3]);
    crate::support::check(&db);
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 5);
    all_are(&db, 5, first);
}

#[test]
fn a_step_cannot_change_the_key() {
    let changes: [fn(&mut Value); 4] = [
        |note| note["_id"] = json!("b"),
        |note| note["_id"] = json!(["a"]),
        |note| *note = json!({"title": "without"}),
        |note| *note = json!([]),
    ];
    for change in changes {
        let db = db();
        db.write(|tx| {
            let mut notes = tx.documents("notes")?;
            notes.insert(json!({"_id": "a", "title": "A"}))?;
            notes.put("c", json!({"title": "C"}))
        })
        .unwrap();
        let schema = DocumentSchema::new("notes").step(2, move |note| {
            change(note);
            Ok(())
        });
        db.register_documents(schema).unwrap();
        let tx = db.read().unwrap();
        let error = tx.documents("notes").unwrap().get("a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotMigrated);
        assert!(error.to_string().contains("document \"a\""), "{error}");
        drop(tx);
        let report = db.migrate_with(Migration::new().set_aside()).unwrap();
        assert!(report.set_aside >= 1);
    }
}

#[test]
fn what_a_step_makes_has_to_be_a_document() {
    let db = db();
    found(&db, 1);
    let schema = DocumentSchema::new("notes").step(2, |note| {
        note["made"] = json!({"$time": "never"});
        Ok(())
    });
    db.register_documents(schema).unwrap();
    let tx = db.read().unwrap();
    let error = tx.documents("notes").unwrap().get(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_panic_in_a_closure_changes_nothing() {
    let db = db();
    found(&db, 3);
    db.create_index("notes", index("by_stars", "stars"))
        .unwrap();
    let schema = DocumentSchema::new("notes").step(2, |note| {
        assert_ne!(note["title"], "Note 2", "a bug of the program");
        Ok(())
    });
    let register = || db.register_documents(schema.clone());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(register)).is_err());
    all_are(&db, 3, first);
    db.register_documents(of_two()).unwrap();
    all_are(&db, 3, second);
}

/// Within the document of the quarantine it would be nested too deep, or be too large.
#[test]
fn what_no_other_document_can_hold_is_set_aside_all_the_same() {
    let db = db_with(|builder| builder.body_limit(1 << 16));
    let deep = (0..127).fold(json!(1), |deep, _| json!([deep]));
    let large = json!("x".repeat((1 << 16) - 8));
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(1, &deep)?;
        notes.put(2, &large)
    })
    .unwrap();
    db.register_documents(of_two().set_aside()).unwrap();
    let tx = db.read().unwrap();
    assert!(tx.documents("notes").unwrap().is_empty().unwrap());
    let aside = tx.documents("notes.quarantine").unwrap();
    assert_eq!(aside.len().unwrap(), 2);
    for document in aside.iter().unwrap() {
        let document = document.unwrap().to_value().unwrap();
        assert_eq!(document.get("record"), None);
        let error = document["error"].as_str().unwrap();
        assert!(error.ends_with("a note is an object"), "{error}");
    }
    drop(aside);
    drop(tx);
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 2);
    assert_eq!([value(&db, 1), value(&db, 2)], [deep, large]);
}
