//! Schemas that are none, older programs, read-only files, and programs without the closures.

use larder::{DocumentSchema, DocumentsMut, ErrorKind};
use serde_json::{Value, json};

use super::{
    all_are, by_index, found, index, indexes, next, of_three, of_two, third, to_third, value,
    with_way_back,
};
use crate::support::{builder, db, kind};

#[test]
fn a_newer_collection_is_refused_and_nothing_is_written() {
    let db = db();
    found(&db, 3);
    db.register_documents(of_three()).unwrap();
    let sequence = next(&db);
    // What there is already is no work.
    db.register_documents(with_way_back()).unwrap();
    for older in [DocumentSchema::new("notes"), of_two()] {
        let error = db.register_documents(older.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerSchema);
        let versions = error.schema_versions().unwrap();
        assert!(versions.stored > versions.known, "{versions:?}");
        let text = error.to_string();
        assert!(
            text.contains("\"notes\" has version 3 in the file"),
            "{text}"
        );
        assert_eq!(
            kind(db.migration_plan_for_documents(&older)),
            ErrorKind::NewerSchema
        );
    }
    assert_eq!(next(&db), sequence);
    all_are(&db, 3, third);
}

#[test]
fn a_schema_with_a_gap_or_for_something_else_is_refused() {
    let db = db();
    let up = |_: &mut Value| Ok(());
    let back = |_: &mut Value, _: Option<Value>| Ok(());
    let new = || DocumentSchema::new("notes");
    for (schema, about) in [
        (new().step(1, up), "version 1"),
        (new().step(0, up), "version 0"),
        (new().step(3, up), "version 2"),
        (new().step(2, up).step(4, up), "version 3"),
        (new().step(2, up).step(2, up), "version 2"),
        (new().step_back(1, back), "version 1"),
        (new().step(2, up).step_back(3, back), "version 3"),
        (
            new().step(2, up).step_back(2, back).step_back(2, back),
            "two steps",
        ),
        (new().json_schema(&json!({"type": 7})), "JSON Schema"),
        (DocumentSchema::new(""), "name"),
    ] {
        let error = db.register_documents(schema).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(about), "{error}");
    }
    assert!(db.migration_history().unwrap().is_empty());
    // The order in which they are given makes no difference.
    let mixed = new().step_back(3, back).step(3, to_third).step(2, up);
    db.register_documents(mixed).unwrap();
    super::super::cities::found(&db, 1);
    db.write(|tx| tx.bucket("settings").map(drop)).unwrap();
    for name in ["cities", "settings"] {
        let error = db.register_documents(DocumentSchema::new(name));
        assert_eq!(kind(error), ErrorKind::Invalid);
    }
    assert_eq!(
        kind(db.undo_documents_migration("cities")),
        ErrorKind::Invalid
    );
}

#[test]
fn opened_read_only_documents_are_read_as_the_schema_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.larder");
    let db = builder().open(&path).unwrap();
    found(&db, 5);
    db.create_index("notes", index("by_stars", "stars"))
        .unwrap();
    db.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let schema = json!({"required": ["heading"]});
    let db = builder()
        .register_documents(of_three().json_schema(&schema).set_aside())
        .register_documents(DocumentSchema::new("nothing").set_aside())
        .open_read_only(&path)
        .unwrap();
    all_are(&db, 5, third);
    assert_eq!(indexes(&db), Vec::<String>::new());
    let count = |filter| {
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        notes.find(filter).unwrap().count().unwrap()
    };
    assert_eq!(count(json!({"stars": "**"})), 2);
    let tx = db.read().unwrap();
    assert_eq!(
        tx.documents("notes").unwrap().json_schema().unwrap(),
        Some(schema)
    );
    drop(tx);
    db.register_documents(of_three()).unwrap();
    assert_eq!(
        kind(db.register_documents(of_two())),
        ErrorKind::NewerSchema
    );
    crate::support::check(&db);
    assert_eq!(
        kind(db.undo_documents_migration("notes")),
        ErrorKind::ReadOnly
    );
    db.close().unwrap();
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn without_the_closures_old_documents_are_neither_read_nor_lost() {
    let db = db();
    found(&db, 4);
    db.create_index("notes", index("by_heading", "heading"))
        .unwrap();
    db.register_documents(of_three()).unwrap();
    db.write(|tx| tx.documents("notes")?.put(4, third(4)))
        .unwrap();
    // `reopen` checks the whole, with and without the closures.
    let db = db.reopen().reopen();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let error = notes.get(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    assert!(error.to_string().contains("document 1"), "{error}");
    assert_eq!(
        kind(notes.pointer::<Value>(1, "/title")),
        ErrorKind::NotRegistered
    );
    assert_eq!(
        kind(notes.find(json!({"stars": ""})).unwrap().count()),
        ErrorKind::NotRegistered
    );
    assert_eq!(
        kind(notes.export_ndjson(Vec::new())),
        ErrorKind::NotRegistered
    );
    drop(notes);
    drop(tx);
    assert_eq!(value(&db, 4), third(4));
    type Act = fn(&mut DocumentsMut<'_>) -> larder::Result<()>;
    let write = |act: Act| db.write(|tx| act(&mut tx.documents("notes")?));
    let acts: [Act; 4] = [
        |notes| notes.put(1, third(1)).map(drop),
        |notes| notes.remove(1).map(drop),
        |notes| notes.update(1, |note| note["stars"] = json!("")),
        |notes| notes.set_json_schema(Some(&json!(true))),
    ];
    for act in acts {
        assert_eq!(kind(write(act)), ErrorKind::NotRegistered);
    }
    write(|notes| notes.put(5, third(5)).map(drop)).unwrap();
    assert_eq!(by_index(&db, json!({"heading": "Note 5"})), [5]);
    let report = db.migrate().unwrap();
    assert_eq!(report.unregistered, ["notes"]);
    assert_eq!(report.records, 0);
    let plans = db.migration_plan().unwrap();
    assert_eq!(plans[0].earlier.iter().collect::<Vec<_>>(), [(&1, &3)]);
    let db = db.reopen_with(|builder| builder.register_documents(of_three()));
    all_are(&db, 5, third);
    // Once all are migrated, nobody needs the closures.
    db.migrate().unwrap();
    let db = db.reopen();
    all_are(&db, 5, third);
}
