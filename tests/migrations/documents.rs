//! Documents change their versions by closures: read in the new one at once, rewritten when asked, undone, and
//! never lost.

mod back;
mod opening;
mod unfit;

use std::sync::atomic::{AtomicBool, Ordering};

use larder::{
    BoxError, Database, DocumentKey, DocumentSchema, Error, ErrorKind, MigrationEvent, PathIndex,
};
use serde_json::{Value, json};

use crate::support::{db, db_with, kind};

/// A note as the first version has it.
fn first(number: i64) -> Value {
    json!({
        "title": format!("Note {number}"),
        "stars": number % 3,
        "made": {"$time": "2026-08-01T09:00:00Z"},
        "draft": format!("Draft {number}"),
    })
}

/// The same in the second version: a member has another name, and one is gone.
fn second(number: i64) -> Value {
    json!({
        "heading": format!("Note {number}"),
        "stars": number % 3,
        "made": {"$time": "2026-08-01T09:00:00Z"},
    })
}

/// And in the third: one is text now, and one is new.
fn third(number: i64) -> Value {
    json!({
        "heading": format!("Note {number}"),
        "stars": "*".repeat(usize::try_from(number % 3).unwrap()),
        "made": {"$time": "2026-08-01T09:00:00Z"},
        "words": ["Note", number.to_string()],
    })
}

fn to_second(note: &mut Value) -> Result<(), BoxError> {
    let members = note.as_object_mut().ok_or("a note is an object")?;
    let title = members.remove("title").ok_or("it has no title")?;
    members.insert("heading".to_owned(), title);
    members.remove("draft");
    Ok(())
}

fn to_third(note: &mut Value) -> Result<(), BoxError> {
    let stars = note["stars"].as_u64().ok_or("its stars are no number")?;
    note["stars"] = "*".repeat(usize::try_from(stars)?).into();
    let heading = note["heading"].as_str().ok_or("its heading is no text")?;
    note["words"] = heading.split(' ').collect();
    Ok(())
}

fn back_to_second(note: &mut Value, before: Option<Value>) -> Result<(), BoxError> {
    if let Some(before) = before {
        assert!(before["heading"].is_string() && before.get("words").is_none());
    }
    let stars = note["stars"].as_str().ok_or("its stars are no text")?;
    note["stars"] = stars.len().into();
    note.as_object_mut().ok_or("no object")?.remove("words");
    Ok(())
}

fn back_to_first(note: &mut Value, before: Option<Value>) -> Result<(), BoxError> {
    let members = note.as_object_mut().ok_or("no object")?;
    let heading = members.remove("heading").ok_or("it has no heading")?;
    members.insert("title".to_owned(), heading);
    let mut before = before.ok_or("it never had a draft")?;
    members.insert("draft".to_owned(), before["draft"].take());
    Ok(())
}

fn of_two() -> DocumentSchema {
    DocumentSchema::new("notes").step(2, to_second)
}

fn of_three() -> DocumentSchema {
    of_two().step(3, to_third)
}

fn with_way_back() -> DocumentSchema {
    of_three()
        .step_back(3, back_to_second)
        .step_back(2, back_to_first)
}

/// Puts notes of the first version under the numbers from 1.
fn found(db: &Database, count: i64) {
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for number in 1..=count {
            notes.put(number, first(number))?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
}

fn value(db: &Database, key: i64) -> Value {
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    notes.get(key).unwrap().unwrap().to_value().unwrap()
}

fn all_are(db: &Database, count: i64, expected: fn(i64) -> Value) {
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    assert_eq!(notes.len().unwrap(), u64::try_from(count).unwrap());
    for (number, note) in (1..=count).zip(notes.iter().unwrap()) {
        let note = note.unwrap();
        assert_eq!(*note.key(), DocumentKey::new(number));
        assert_eq!(note.to_value().unwrap(), expected(number));
    }
}

fn index(name: &str, path: &str) -> PathIndex {
    PathIndex::on(path).named(name)
}

fn indexes(db: &Database) -> Vec<String> {
    let tx = db.read().unwrap();
    let indexes = tx.documents("notes").unwrap().indexes().unwrap();
    indexes.iter().map(ToString::to_string).collect()
}

/// The keys that a filter finds, by an index or not at all.
fn by_index(db: &Database, filter: Value) -> Vec<i64> {
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let found = notes.find(filter).unwrap().require_index();
    let keys = found.iter().unwrap().map(|note| {
        let key = note.unwrap().key().to_value().unwrap();
        key.as_i64().unwrap()
    });
    keys.collect()
}

fn told(db: &Database) -> Vec<(MigrationEvent, u32, u32, u64, u64)> {
    let history = db.migration_history().unwrap();
    let told = history
        .iter()
        .inspect(|entry| assert_eq!(entry.collection, "notes"))
        .map(|entry| {
            (
                entry.event,
                entry.from,
                entry.to,
                entry.records,
                entry.set_aside,
            )
        });
    told.collect()
}

/// The number of the commit that would come.
fn next(db: &Database) -> u64 {
    db.write(|tx| Ok::<_, Error>(tx.sequence())).unwrap()
}

#[test]
fn documents_are_read_in_the_last_version_whatever_lies_there() {
    let db = db();
    found(&db, 6);
    db.register_documents(of_two()).unwrap();
    db.write(|tx| tx.documents("notes")?.put(6, second(6)))
        .unwrap();
    db.register_documents(of_three()).unwrap();
    db.write(|tx| tx.documents("notes")?.put(7, third(7)))
        .unwrap();
    for migrated in [false, true] {
        if migrated {
            assert_eq!(db.migrate().unwrap().records, 6);
        }
        all_are(&db, 7, third);
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        let word: Option<String> = notes.pointer(3, "/words/1").unwrap();
        assert_eq!(word.as_deref(), Some("3"));
        assert_eq!(notes.pointer::<String>(3, "/draft").unwrap(), None);
        let starred = notes.find(json!({"stars": "**"})).unwrap();
        assert_eq!(starred.count().unwrap(), 2);
        let typed = tx
            .documents_of::<std::collections::BTreeMap<String, Value>>("notes")
            .unwrap();
        assert_eq!(typed.get(2).unwrap().unwrap()["heading"], "Note 2");
        let mut lines = Vec::new();
        assert_eq!(notes.export_ndjson(&mut lines).unwrap(), 7);
        let line = String::from_utf8(lines).unwrap();
        let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
        assert_eq!(line["$document"], third(1));
    }
    let db = db.reopen_with(|builder| builder.register_documents(of_three()));
    all_are(&db, 7, third);
}

#[test]
fn a_file_of_the_first_version_skips_what_lies_between() {
    let db = db();
    found(&db, 4);
    let db = db.reopen_with(|builder| builder.register_documents(of_three()));
    all_are(&db, 4, third);
    assert_eq!(told(&db), [(MigrationEvent::Registered, 1, 3, 4, 0)]);
    assert_eq!(db.migrate().unwrap().records, 4);
    assert_eq!(told(&db)[1], (MigrationEvent::Migrated, 1, 3, 4, 0));
    // Nobody ever was at the second version.
    assert_eq!(db.undo_documents_migration("notes").unwrap(), 4);
    all_are(&db, 4, first);
}

#[test]
fn indexes_are_of_the_last_version() {
    let db = db();
    found(&db, 9);
    for index in [
        index("by_title", "title"),
        index("by_stars", "stars"),
        index("by_heading", "heading").unique().sparse(),
        index("by_word", "words"),
    ] {
        db.create_index("notes", index).unwrap();
    }
    assert_eq!(by_index(&db, json!({"title": "Note 4"})), [4]);
    db.register_documents(of_three()).unwrap();
    assert_eq!(
        indexes(&db),
        [
            "by_title (title), ready, 9 entries",
            "by_stars (stars), ready, 9 entries",
            "by_heading (heading) unique sparse, ready, 9 entries",
            "by_word (words), ready, 18 entries",
        ]
    );
    for migrated in [false, true] {
        if migrated {
            db.migrate().unwrap();
        }
        assert_eq!(by_index(&db, json!({"heading": "Note 4"})), [4]);
        assert_eq!(by_index(&db, json!({"words": "4"})), [4]);
        assert_eq!(by_index(&db, json!({"stars": "**"})), [2, 5, 8]);
        assert!(by_index(&db, json!({"title": "Note 4"})).is_empty());
    }
    // One that is made now is of what there is now.
    db.create_index("notes", index("more", "words.1")).unwrap();
    db.undo_documents_migration("notes").unwrap();
    assert_eq!(indexes(&db), Vec::<String>::new());
}

#[test]
fn old_documents_are_written_as_others_are() {
    let db = db();
    found(&db, 7);
    db.create_index("notes", index("by_heading", "heading"))
        .unwrap();
    db.register_documents(of_three()).unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(1, third(11))?;
        notes.update(2, |note| note["heading"] = json!("Two"))?;
        notes.merge_patch(3, &json!({"heading": "Three", "stars": null}))?;
        notes.patch(
            4,
            &json!([{"op": "add", "path": "/words/-", "value": "more"}]),
        )?;
        assert!(notes.remove(5)?);
        let revision = notes.get(6)?.unwrap().revision();
        notes.replace_if(revision, 6, third(66))?;
        assert_eq!(notes.take(7)?.unwrap().to_value()?, third(7));
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(value(&db, 1), third(11));
    assert_eq!(value(&db, 2)["words"], json!(["Note", "2"]));
    assert_eq!(by_index(&db, json!({"heading": "Two"})), [2]);
    assert!(by_index(&db, json!({"heading": "Note 2"})).is_empty());
    assert_eq!(value(&db, 3).get("stars"), None);
    assert_eq!(value(&db, 4)["words"], json!(["Note", "4", "more"]));
    assert_eq!(by_index(&db, json!({"heading": "Note 66"})), [6]);
    // All that is left was written in the last version.
    assert_eq!(db.migrate().unwrap().records, 0);
}

/// Members keep their order, and what JSON has no other form for is what it was.
#[test]
fn members_keep_their_order_and_values_that_are_no_json_are_kept() {
    let db = db_with(|builder| builder.body_limit(1 << 20));
    let text = r#"{"z":1,"_id":"a","made":{"$time":"2026-08-01T09:00:00Z"},"b":{"y":{"$bytes":"AQID"},"x":{"$float":"NaN"}},"long":LONG,"a":{"$int":"18446744073709551616"}}"#;
    let text = text.replace("LONG", &json!("so many words ".repeat(100)).to_string());
    db.write(|tx| {
        let options = larder::CollectionOptions::new().compress_above(200);
        let mut notes = tx.documents_with("notes", options)?;
        notes.insert(larder::Document::from_json(&text)?)
    })
    .unwrap();
    let schema = DocumentSchema::new("notes").step(2, |note| {
        note["b"]["n"] = json!({"$bytes": ""});
        note["new"] = json!([]);
        Ok(())
    });
    db.register_documents(schema).unwrap();
    let expected = text
        .replace(r#""NaN"}}"#, r#""NaN"},"n":{"$bytes":""}}"#)
        .replace(r#"616"}}"#, r#"616"},"new":[]}"#);
    for _ in 0..2 {
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        let read = notes.get("a").unwrap().unwrap().to_json().unwrap();
        assert_eq!(read, expected);
        db.migrate().unwrap();
    }
    db.undo_documents_migration("notes").unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    assert_eq!(notes.get("a").unwrap().unwrap().to_json().unwrap(), text);
}

#[test]
fn a_plan_says_what_would_be_done() {
    let db = db();
    assert_eq!(
        kind(db.migration_plan_for_documents(&of_two())),
        ErrorKind::NotFound
    );
    found(&db, 5);
    db.create_index("notes", index("by_stars", "stars"))
        .unwrap();
    let none = db.migration_plan_for_documents(&DocumentSchema::new("notes"));
    assert!(none.unwrap().is_empty());
    let plan = db.migration_plan_for_documents(&of_three()).unwrap();
    assert_eq!((plan.from, plan.to, plan.records), (1, 3, 5));
    assert_eq!(plan.earlier.iter().collect::<Vec<_>>(), [(&1, &5)]);
    assert_eq!((&plan.built, &plan.dropped), (&plan.dropped, &plan.built));
    assert_eq!(plan.built, ["by_stars"]);
    assert!(plan.is_destructive() && plan.bytes > 200);
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.from, step.to)).collect();
    assert_eq!(steps, [(1, 2), (2, 3)]);
    assert!(plan.steps.iter().all(|step| step.by_code));
    assert!(db.migration_plan().unwrap().is_empty());

    db.register_documents(of_three()).unwrap();
    db.write(|tx| tx.documents("notes")?.put(1, third(1)))
        .unwrap();
    let [plan] = &db.migration_plan().unwrap()[..] else {
        panic!("one collection");
    };
    assert_eq!((plan.from, plan.to, plan.records), (3, 3, 5));
    assert_eq!(plan.earlier.iter().collect::<Vec<_>>(), [(&1, &4)]);
    db.migrate().unwrap();
    assert!(db.migration_plan().unwrap().is_empty());
}

#[test]
fn a_new_collection_has_the_last_version_at_once() {
    let db = db();
    let schema = json!({"required": ["heading"]});
    db.register_documents(of_three().json_schema(&schema))
        .unwrap();
    let put = |note| db.write(|tx| tx.documents("notes")?.put(1, note));
    assert_eq!(kind(put(first(1))), ErrorKind::Rejected);
    put(third(1)).unwrap();
    assert!(db.migration_history().unwrap().is_empty());
    assert!(db.migration_plan().unwrap().is_empty());
    let db = db.reopen();
    // No document of it needs a closure.
    assert_eq!(value(&db, 1), third(1));
    assert_eq!(
        kind(db.undo_documents_migration("notes")),
        ErrorKind::NotFound
    );
}

/// What was begun under a version goes on under the next one, beside what it is to replace.
#[test]
fn an_index_that_is_not_built_yet_is_built_of_the_later_version() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    let db = db();
    found(&db, 6);
    db.create_index("notes", index("by_it", "stars")).unwrap();
    let schema = DocumentSchema::new("notes").step(2, |note| {
        assert!(!PANICS.load(Ordering::Relaxed), "a bug of the program");
        to_second(note)
    });
    db.register_documents(schema.clone()).unwrap();
    PANICS.store(true, Ordering::Relaxed);
    let create = || db.create_index("notes", index("by_it", "words"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(create)).is_err());
    PANICS.store(false, Ordering::Relaxed);
    let both = |entries: [&str; 2]| assert_eq!(indexes(&db), entries);
    both([
        "by_it (stars), ready, 6 entries",
        "by_it (words), being built, 0 entries",
    ]);
    db.register_documents(schema.step(3, to_third)).unwrap();
    both([
        "by_it (stars), ready, 6 entries",
        "by_it (words), being built, 0 entries",
    ]);
    db.write(|tx| tx.documents("notes")?.put(1, third(1)))
        .unwrap();
    assert_eq!(by_index(&db, json!({"stars": "**"})), [2, 5]);
    create().unwrap();
    assert_eq!(indexes(&db), ["by_it (words), ready, 12 entries"]);
    assert_eq!(by_index(&db, json!({"words": "4"})), [4]);
}
