//! The way back, and the JSON Schema of each version.

use larder::{DocumentSchema, ErrorKind, MigrationEvent};
use serde_json::{Value, json};

use super::{all_are, first, found, of_three, of_two, second, third, told, value, with_way_back};
use crate::support::{TestDb, db, kind};

#[test]
fn a_migration_is_undone_whether_it_was_lazy_or_eager() {
    for migrated in [0, 1, 2] {
        let db = db();
        found(&db, 5);
        db.register_documents(of_two()).unwrap();
        match migrated {
            1 => db
                .write(|tx| tx.documents("notes")?.update(3, |_| ()))
                .unwrap(),
            2 => assert_eq!(db.migrate().unwrap().records, 5),
            _ => {}
        }
        // It takes no closure: what was overwritten is there.
        let undone = db.undo_documents_migration("notes").unwrap();
        assert_eq!(undone, [0, 1, 5][migrated]);
        all_are(&db, 5, first);
        let last = told(&db).pop().unwrap();
        assert_eq!(last, (MigrationEvent::Undone, 2, 1, undone, 0));
        // There and back again.
        db.register_documents(of_three()).unwrap();
        db.migrate().unwrap();
        all_are(&db, 5, third);
        let db = db.reopen();
        assert_eq!(db.undo_documents_migration("notes").unwrap(), 5);
        all_are(&db, 5, first);
        assert_eq!(
            kind(db.undo_documents_migration("notes")),
            ErrorKind::NotFound
        );
    }
    let db = db();
    assert_eq!(
        kind(db.undo_documents_migration("notes")),
        ErrorKind::NotFound
    );
}

#[test]
fn what_was_written_since_is_converted_back() {
    let db = db();
    found(&db, 4);
    db.register_documents(of_three()).unwrap();
    db.migrate().unwrap();
    let change = |note: &mut Value| {
        note["heading"] = json!("Another");
        note["stars"] = json!("****");
    };
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.update(2, change)?;
        notes.remove(3)
    })
    .unwrap();
    // There is no way back without a closure, and nothing is changed.
    let error = db.undo_documents_migration("notes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    let text = error.to_string();
    assert!(
        text.contains("document 2") && text.contains("step_back"),
        "{text}"
    );
    assert_eq!(value(&db, 1), third(1));
    db.register_documents(with_way_back()).unwrap();
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 3);
    let mut changed = first(2);
    changed["title"] = json!("Another");
    changed["stars"] = json!(4);
    assert_eq!(value(&db, 2), changed);
    assert_eq!(value(&db, 4), first(4));
    let left = db.read().unwrap().documents("notes").unwrap().len();
    assert_eq!(left.unwrap(), 3);

    // One step at a time, where each was a version of the collection; and what a closure refuses stays.
    db.register_documents(of_two()).unwrap();
    db.register_documents(with_way_back()).unwrap();
    db.write(|tx| tx.documents("notes")?.put(9, third(9)))
        .unwrap();
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 1);
    assert_eq!(value(&db, 9), second(9));
    assert_eq!(value(&db, 4), second(4));
    let error = db.undo_documents_migration("notes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it never had a draft");
    assert!(error.to_string().contains("document 9"), "{error}");
    db.write(|tx| tx.documents("notes")?.remove(9)).unwrap();
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 0);
    assert_eq!(value(&db, 4), first(4));
}

#[test]
fn what_is_forgotten_cannot_be_put_back() {
    let db = db();
    found(&db, 3);
    db.register_documents(of_two()).unwrap();
    db.migrate().unwrap();
    assert_eq!(db.forget_migration("notes").unwrap(), 3);
    let last = told(&db).pop().unwrap();
    assert_eq!(last, (MigrationEvent::Forgotten, 2, 2, 3, 0));
    assert_eq!(
        kind(db.undo_documents_migration("notes")),
        ErrorKind::NotMigrated
    );
    all_are(&db, 3, second);
}

#[test]
fn each_version_has_its_json_schema() {
    let db = db();
    let [one, two, three] = ["title", "heading", "words"].map(|name| json!({"required": [name]}));
    let json_schema = |db: &TestDb| {
        let tx = db.read().unwrap();
        tx.documents("notes").unwrap().json_schema().unwrap()
    };
    found(&db, 2);
    db.write(|tx| tx.documents("notes")?.set_json_schema(Some(&one)))
        .unwrap();
    let put = |db: &TestDb, note| db.write(|tx| tx.documents("notes")?.put(2, note).map(drop));
    // Under the same version it is the file's.
    let first_schema = DocumentSchema::new("notes");
    db.register_documents(first_schema.clone().json_schema(&one))
        .unwrap();
    let error = db
        .register_documents(first_schema.clone().json_schema(&two))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    assert!(error.to_string().contains("raise the version"), "{error}");
    db.register_documents(first_schema).unwrap();
    assert_eq!(json_schema(&db), Some(one.clone()));

    db.register_documents(of_two().json_schema(&two)).unwrap();
    assert_eq!(json_schema(&db), Some(two.clone()));
    assert_eq!(kind(put(&db, first(2))), ErrorKind::Rejected);
    put(&db, second(2)).unwrap();
    db.register_documents(with_way_back().json_schema(&three))
        .unwrap();
    let db = db.reopen_with(|builder| builder.register_documents(with_way_back()));
    assert_eq!(json_schema(&db), Some(three));
    assert_eq!(kind(put(&db, second(2))), ErrorKind::Rejected);
    put(&db, third(2)).unwrap();

    assert_eq!(db.undo_documents_migration("notes").unwrap(), 1);
    assert_eq!(json_schema(&db), Some(two));
    put(&db, second(2)).unwrap();
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 1);
    assert_eq!(json_schema(&db), Some(one));
    assert_eq!(kind(put(&db, second(2))), ErrorKind::Rejected);
    all_are(&db, 2, first);

    // What a closure makes for the earlier version has to fit there.
    let wrong = of_two().step_back(2, |note, _| {
        *note = json!({"nothing": 1});
        Ok(())
    });
    db.register_documents(wrong).unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.set_json_schema(None)?;
        notes.put(2, json!({"heading": "changed"}))
    })
    .unwrap();
    let error = db.undo_documents_migration("notes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("document 2"), "{error}");
}
