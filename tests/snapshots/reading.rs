//! A snapshot is read where it lies, and reads as the database did.

use std::ops::Bound;

use larder::{PathIndex, ReadTx};
use serde_json::{Value, json};

use super::*;

fn everything(tx: &ReadTx) -> Vec<String> {
    let mut seen = Vec::new();
    let things = tx.collection::<Thing>().unwrap();
    let mut see = |what: &str, found: String| seen.push(format!("{what}: {found}"));
    see("len", things.len().unwrap().to_string());
    for id in [0, 1, 77, 2_999, 3_000, u64::MAX] {
        let found = things.get(id).unwrap();
        see(
            "get",
            format!("{:?}", found.map(|found| found.to_owned().unwrap())),
        );
        see("contains", things.contains(id).unwrap().to_string());
    }
    see(
        "first",
        format!(
            "{:?}",
            things.first().unwrap().map(|thing| thing.id.to_native())
        ),
    );
    see(
        "last",
        format!(
            "{:?}",
            things.last().unwrap().map(|thing| thing.id.to_native())
        ),
    );
    let ids = |found: &mut dyn Iterator<Item = u64>| format!("{:?}", found.collect::<Vec<_>>());
    for (lower, upper) in [(10, 20), (0, 5_000), (2_990, 9_000), (700, 700), (900, 1)] {
        let mut range = things
            .range(lower..upper)
            .unwrap()
            .map(|thing| thing.unwrap().id.to_native());
        see("range", ids(&mut range));
        let mut range = things
            .range(lower..upper)
            .unwrap()
            .rev()
            .map(|thing| thing.unwrap().id.to_native());
        see("range back", ids(&mut range));
        // From both ends by turns.
        let mut range = things
            .range((Bound::Excluded(lower), Bound::Included(upper)))
            .unwrap();
        let mut both = Vec::new();
        loop {
            let next = if both.len() % 3 == 0 {
                range.next_back()
            } else {
                range.next()
            };
            let Some(thing) = next else { break };
            both.push(thing.unwrap().id.to_native());
        }
        see("both ends", format!("{both:?}"));
    }
    see(
        "unique",
        format!(
            "{:?}",
            things
                .by(Thing::BY_NAME)
                .get("thing 17")
                .unwrap()
                .map(|thing| thing.id.to_native())
        ),
    );
    let mut by = things
        .by(Thing::BY_NUMBER)
        .range(7..=8)
        .unwrap()
        .map(|thing| thing.unwrap().id.to_native());
    see("index", ids(&mut by));
    let found = things
        .find(Thing::NUMBER.gt(50).and(Thing::ID.lt(400)))
        .unwrap();
    see(
        "find",
        format!("{} {}", found.count().unwrap(), found.explain().unwrap()),
    );
    let found = things
        .find(Thing::TEXT.matches("words"))
        .unwrap()
        .parallel();
    see("parallel", found.count().unwrap().to_string());
    let notes = tx.documents("notes").unwrap();
    see(
        "document",
        notes
            .get("a")
            .unwrap()
            .map_or(Value::Null, |note| note.to_value().unwrap())
            .to_string(),
    );
    let found = notes.find(json!({"tags": 2})).unwrap().require_index();
    see(
        "path index",
        format!("{} {}", found.count().unwrap(), found.explain().unwrap()),
    );
    let settings = tx.bucket("settings").unwrap();
    see(
        "bucket",
        format!(
            "{:?}",
            settings.get(b"theme").unwrap().map(|value| value.to_vec())
        ),
    );
    see(
        "absent",
        format!(
            "{:?}",
            tx.bucket("nothing")
                .unwrap()
                .get(b"theme")
                .unwrap()
                .is_none()
        ),
    );
    seen
}

fn filled(directory: &Directory) -> Database {
    let db = builder().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..3_000);
    db.create_index("notes", PathIndex::on("tags")).unwrap();
    db
}

#[test]
fn a_snapshot_reads_as_the_database_did() {
    let directory = Directory::new();
    let db = filled(&directory);
    db.snapshot_to(directory.path("a.snapshot")).unwrap();
    let expected = everything(&db.read().unwrap());
    assert!(expected.len() > 30);
    // Mapped or not, with room for no block, for few and for all.
    for (mapped, cache) in [(true, 0), (false, 1 << 16), (true, 1 << 26)] {
        let snapshot = builder()
            .map_snapshots(mapped)
            .cache_size(cache)
            .register::<Thing>()
            .open_snapshot(directory.path("a.snapshot"))
            .unwrap();
        assert_eq!(everything(&snapshot.read().unwrap()), expected);
        assert_eq!(snapshot.database().commit_sequence(), db.commit_sequence());
        assert_eq!(snapshot.database().id(), db.id());
        assert!(snapshot.database().check().unwrap().is_ok());
        // Several at once.
        assert_eq!(
            everything(&open(directory.path("a.snapshot")).read().unwrap()),
            expected
        );
    }
}

#[test]
fn nothing_can_be_written_into_a_snapshot() {
    let directory = Directory::new();
    let db = filled(&directory);
    db.snapshot_to(directory.path("a.snapshot")).unwrap();
    let before = std::fs::read(directory.path("a.snapshot")).unwrap();
    let snapshot = open(directory.path("a.snapshot"));
    let written = snapshot
        .database()
        .write(|tx| tx.collection::<Thing>()?.put(&thing(1)).map(drop));
    assert_eq!(kind(written), ErrorKind::ReadOnly);
    assert_eq!(
        kind(snapshot.database().begin_write().map(drop)),
        ErrorKind::ReadOnly
    );
    snapshot.database().checkpoint().unwrap();
    snapshot.database().clone().close().unwrap();
    assert_eq!(kind(snapshot.read().map(drop)), ErrorKind::Closed);
    drop(snapshot);
    assert_eq!(std::fs::read(directory.path("a.snapshot")).unwrap(), before);
}

#[test]
fn a_snapshot_of_a_snapshot_is_the_same() {
    let directory = Directory::new();
    let db = filled(&directory);
    db.snapshot_to(directory.path("a.snapshot")).unwrap();
    let first = open(directory.path("a.snapshot"));
    first
        .database()
        .snapshot_to(directory.path("b.snapshot"))
        .unwrap();
    let second = open(directory.path("b.snapshot"));
    assert_eq!(second.info().commit, first.info().commit);
    assert_eq!(
        everything(&second.read().unwrap()),
        everything(&first.read().unwrap())
    );
}

#[test]
fn an_empty_database_has_snapshots_too() {
    let directory = Directory::new();
    let db = builder().open(directory.path("a.larder")).unwrap();
    db.snapshot_to(directory.path("a.snapshot")).unwrap();
    let snapshot = open(directory.path("a.snapshot"));
    snapshot.verify(SnapshotDepth::Restore).unwrap();
    assert_eq!(
        snapshot
            .read()
            .unwrap()
            .collection::<Thing>()
            .unwrap()
            .len()
            .unwrap(),
        0
    );
    snapshot
        .restore_with(directory.path("b.larder"), builder())
        .unwrap();
    fill(&builder().open(directory.path("b.larder")).unwrap(), 0..3);
}
