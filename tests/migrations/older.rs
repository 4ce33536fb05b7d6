//! An older program and a newer file: it says so, and writes not one byte.

use larder::{Database, ErrorKind, record};
use serde_json::json;

use super::cities::{found, second, v1, v2};
use crate::support::{builder, kind};

/// Scenario 39.
#[test]
fn a_newer_collection_is_refused_by_name_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("newer.larder");
    let db = builder().open(&path).unwrap();
    found(&db, 5);
    db.register::<v2::City>().unwrap();
    db.write(|tx| tx.bucket("settings")?.put(b"theme", b"dark").map(drop))
        .unwrap();
    db.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = builder()
        .register::<v1::City>()
        .open_read_only(&path)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema);
    let versions = error.schema_versions().unwrap();
    assert_eq!((versions.stored, versions.known), (2, 1));
    assert!(std::fs::read(&path).unwrap() == before);
    // Opened for writing, a file is opened, so to say; nothing is committed to it.
    let error = builder().register::<v1::City>().open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema);
    let db = builder().open(&path).unwrap();
    let next = || {
        db.write(|tx| Ok::<_, larder::Error>(tx.sequence()))
            .unwrap()
    };
    let sequence = next();
    assert_eq!(kind(db.register::<v1::City>()), ErrorKind::NewerSchema);
    assert_eq!(
        kind(db.read().unwrap().collection::<v1::City>()),
        ErrorKind::NewerSchema
    );
    let written = db.write(|tx| tx.collection::<v1::City>().map(drop));
    assert_eq!(kind(written), ErrorKind::NewerSchema);
    assert_eq!(
        kind(db.undo_migration::<v1::City>()),
        ErrorKind::NewerSchema
    );
    assert_eq!(
        kind(db.migration_plan_for::<v1::City>()),
        ErrorKind::NewerSchema
    );
    assert_eq!(next(), sequence);
    // It can be looked at.
    {
        let tx = db.read().unwrap();
        let cities = tx.records("cities").unwrap().unwrap();
        assert_eq!((cities.version(), cities.len().unwrap()), (2, 5));
        assert_eq!(cities.description().unwrap().fields.len(), 10);
        let found = cities.find(json!({"population": {"$gt": 3000}})).unwrap();
        let found = found.sort("-population").unwrap();
        let ids: Vec<_> = found
            .iter()
            .unwrap()
            .map(|city| city.unwrap().to_value().unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, [json!(5), json!(4)]);
        let mut lines = Vec::new();
        assert_eq!(cities.export_ndjson(&mut lines).unwrap(), 5);
        assert!(
            String::from_utf8(lines)
                .unwrap()
                .contains("\"zone\":\"UTC\"")
        );
        assert!(tx.records("nothing").unwrap().is_none());
        assert_eq!(kind(tx.records("settings")), ErrorKind::Invalid);
    }
    // What the program knows it can use, what it does not know is left alone.
    db.close().unwrap();
    let db = builder().register::<v2::City>().open(&path).unwrap();
    assert_eq!(
        db.write(|tx| Ok::<_, larder::Error>(tx.sequence()))
            .unwrap(),
        sequence
    );
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<v2::City>().unwrap().get_owned(3).unwrap(),
        Some(second(3))
    );
    assert_eq!(
        &*tx.bucket("settings")
            .unwrap()
            .get(b"theme")
            .unwrap()
            .unwrap(),
        b"dark"
    );
}

#[test]
fn a_newer_program_reads_an_older_file_that_it_must_not_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("older.larder");
    let db = builder().open(&path).unwrap();
    found(&db, 5);
    db.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let db = builder()
        .register::<v2::City>()
        .open_read_only(&path)
        .unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v2::City>().unwrap();
    for id in 1..=5 {
        assert_eq!(cities.get_owned(id).unwrap().unwrap(), second(id));
    }
    // The index that is the same is used; one that would have to be built is not there.
    assert_eq!(
        cities
            .by(v2::City::BY_NAME)
            .range("City number 2"..="City number 2")
            .unwrap()
            .count(),
        1
    );
    let missing = cities.by(v2::City::BY_ZONE).range("UTC"..="UTC");
    assert_eq!(kind(missing), ErrorKind::IndexNotReady);
    assert_eq!(
        cities
            .find(v2::City::ZONE.eq("UTC"))
            .unwrap()
            .count()
            .unwrap(),
        5
    );
    drop(cities);
    drop(tx);
    assert_eq!(kind(db.migrate()), ErrorKind::ReadOnly);
    db.close().unwrap();
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn two_programs_in_turn_each_with_collections_of_its_own() {
    #[record(name = "others")]
    #[derive(Debug, PartialEq)]
    struct Other {
        #[key]
        id: u64,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("turns.larder");
    let open = || -> Database { builder().open(&path).unwrap() };
    let db = open();
    found(&db, 5);
    db.register::<v2::City>().unwrap();
    db.close().unwrap();
    let db = open();
    db.register::<Other>().unwrap();
    db.write(|tx| tx.collection::<Other>()?.insert(&Other { id: 1 }))
        .unwrap();
    // What it does not know is left alone, unless it is asked for by name and needs no code.
    let report = db.migrate().unwrap();
    assert_eq!(
        (report.records, report.unregistered),
        (0, vec!["cities".to_owned()])
    );
    let asked = larder::Migration::new().collection("cities");
    assert_eq!(db.migrate_with(asked).unwrap().records, 5);
    db.close().unwrap();
    let db = open();
    db.register::<v2::City>().unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<v2::City>().unwrap().get_owned(5).unwrap(),
        Some(second(5))
    );
}
