//! Snapshots: what one shows is what was committed, and what is damaged is refused with nothing done.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use larder::{Database, ErrorKind, Readable, Snapshot, SnapshotDepth, SnapshotOptions, record};
use serde_json::json;

use crate::support::{builder, kind};

#[record(name = "things", index(by_number = (number)))]
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    #[key]
    id: u64,
    #[unique]
    name: String,
    number: u64,
    text: String,
}

fn thing(id: u64) -> Thing {
    Thing {
        id,
        name: format!("thing {id}"),
        number: id * 7 % 100,
        text: "some words that are said again and again ".repeat((id % 40) as usize),
    }
}

fn fill(db: &Database, ids: std::ops::Range<u64>) {
    db.write(|tx| {
        let mut things = tx.collection::<Thing>()?;
        for id in ids {
            things.put(&thing(id))?;
        }
        tx.documents("notes")?.put("a", json!({"tags": [1, 2]}))?;
        tx.bucket("settings")?.put(b"theme", b"dark").map(drop)
    })
    .unwrap();
}

fn read(tx: &impl Readable) -> BTreeMap<u64, Thing> {
    let things = tx.collection::<Thing>().unwrap();
    let all = things.iter().unwrap();
    all.map(|thing| {
        let thing = thing.unwrap().to_owned().unwrap();
        (thing.id, thing)
    })
    .collect()
}

#[test]
fn a_snapshot_is_restored_as_the_database_that_it_was_taken_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = builder().open(path("a.larder")).unwrap();
    fill(&db, 0..3_000);
    db.create_index("notes", larder::PathIndex::on("tags"))
        .unwrap();
    let sequence = db.commit_sequence();
    let options = SnapshotOptions::new().plain();
    let info = db.snapshot_with(path("a.snapshot"), options).unwrap();
    assert_eq!(info.commit.sequence(), sequence);
    assert_eq!(
        info.bytes,
        std::fs::metadata(path("a.snapshot")).unwrap().len()
    );
    // What is committed later is not in it.
    fill(&db, 3_000..3_010);
    let snapshot = Snapshot::open(path("a.snapshot")).unwrap();
    assert_eq!(snapshot.info(), info);
    for depth in [
        SnapshotDepth::Manifest,
        SnapshotDepth::Blocks,
        SnapshotDepth::Restore,
    ] {
        snapshot.verify(depth).unwrap();
    }
    snapshot.restore_to(path("b.larder")).unwrap();
    assert_eq!(
        kind(snapshot.restore_to(path("b.larder"))),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(db.snapshot_with(path("a.snapshot"), SnapshotOptions::new().plain())),
        ErrorKind::AlreadyExists
    );
    let restored = Database::open(path("b.larder")).unwrap();
    assert_eq!(restored.commit_sequence(), sequence);
    let tx = restored.read().unwrap();
    assert_eq!(read(&tx), (0..3_000).map(|id| (id, thing(id))).collect());
    let things = tx.collection::<Thing>().unwrap();
    assert_eq!(
        things.by(Thing::BY_NUMBER).range(7..=7).unwrap().count(),
        30
    );
    let notes = tx.documents("notes").unwrap();
    let found = notes.find(json!({"tags": 2})).unwrap().require_index();
    assert_eq!(found.count().unwrap(), 1);
    drop(found);
    drop(notes);
    drop(things);
    drop(tx);
    assert!(restored.check().unwrap().is_ok());
    // Commits go on.
    fill(&restored, 5_000..5_001);
    assert_eq!(restored.commit_sequence(), sequence + 1);
}

#[test]
fn snapshots_taken_while_others_write_are_states_that_were_committed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: String| directory.path().join(name);
    let db = builder().open(path("a.larder".into())).unwrap();
    db.register::<Thing>().unwrap();
    // Each commit sets all numbers to its own, and adds one more.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let (db, stop) = (&db, &stop);
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    db.write(|tx| {
                        let mut things = tx.collection::<Thing>()?;
                        for id in 0..10 {
                            let mut thing = thing(writer * 10 + id);
                            thing.number = round;
                            things.put(&thing)?;
                        }
                        Ok::<_, larder::Error>(())
                    })
                    .unwrap();
                    round += 1;
                }
            });
        }
        for i in 0..20 {
            let mut bytes = Vec::new();
            db.snapshot_into(&mut bytes, SnapshotOptions::new().plain())
                .unwrap();
            let name = path(format!("{i}.snapshot"));
            std::fs::write(&name, bytes).unwrap();
            let restored = path(format!("{i}.larder"));
            Snapshot::open(&name)
                .unwrap()
                .restore_to(&restored)
                .unwrap();
            let restored = Database::open(restored).unwrap();
            assert!(restored.check().unwrap().is_ok());
            let tx = restored.read().unwrap();
            let found = read(&tx);
            for writer in 0..4 {
                let own = found.range(writer * 10..writer * 10 + 10);
                let rounds: Vec<u64> = own.map(|(_, thing)| thing.number).collect();
                assert!(rounds.is_empty() || rounds == [rounds[0]; 10], "{rounds:?}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn every_changed_byte_and_every_truncation_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = builder().open(path("a.larder")).unwrap();
    fill(&db, 0..40);
    let mut bytes = Vec::new();
    db.snapshot_into(&mut bytes, SnapshotOptions::new().plain())
        .unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(path("bad.snapshot"), bytes).unwrap();
        let restored = Snapshot::open(path("bad.snapshot")).and_then(|snapshot| {
            let verified = snapshot.verify(SnapshotDepth::Blocks);
            let restored = snapshot.restore_to(path("bad.larder"));
            assert_eq!(verified.is_ok(), restored.is_ok());
            verified.and(restored)
        });
        assert!(!path("bad.larder").exists());
        kind(restored)
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let kind = refused(&changed);
        let known = [
            ErrorKind::Corrupt,
            ErrorKind::NotADatabase,
            ErrorKind::UnsupportedFormat,
        ];
        assert!(known.contains(&kind), "{at}: {kind:?}");
    }
    for end in 0..bytes.len() {
        assert!(matches!(
            refused(&bytes[..end]),
            ErrorKind::Corrupt | ErrorKind::NotADatabase
        ));
    }
    let longer = [bytes.as_slice(), b"more"].concat();
    assert_eq!(refused(&longer), ErrorKind::Corrupt);
    let twice = [bytes.as_slice(), bytes.as_slice()].concat();
    assert_eq!(refused(&twice), ErrorKind::Corrupt);
    // And whole it is still good.
    std::fs::write(path("good.snapshot"), &bytes).unwrap();
    let good = Snapshot::open(path("good.snapshot")).unwrap();
    good.restore_to(path("good.larder")).unwrap();
}

#[test]
fn what_ends_a_snapshot_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = Database::open(path("a.larder")).unwrap();
    fill(&db, 0..3_000);
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    let before = files();
    let mut told = 0;
    let ended = db.snapshot_with(
        path("a.snapshot"),
        SnapshotOptions::new().level(1).on_progress(|bytes| {
            told = bytes;
            ControlFlow::Break(())
        }),
    );
    assert_eq!(kind(ended), ErrorKind::Invalid);
    assert!(told > 0);
    assert_eq!(files(), before);
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(
        kind(db.snapshot_into(Full, SnapshotOptions::new())),
        ErrorKind::Full
    );
    for (name, wanted) in [
        ("nothing.snapshot", ErrorKind::NotFound),
        ("a.larder", ErrorKind::Locked),
    ] {
        assert_eq!(kind(Snapshot::open(path(name))), wanted);
    }
    std::fs::write(path("text"), "this is no snapshot").unwrap();
    assert_eq!(kind(Snapshot::open(path("text"))), ErrorKind::NotADatabase);
}

#[test]
fn an_encrypted_database_is_written_in_the_clear_only_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = Database::builder()
        .key([7; 32])
        .log_size(1 << 16)
        .open(path("a.larder"))
        .unwrap();
    fill(&db, 0..10);
    assert_eq!(
        kind(db.snapshot_to(path("a.snapshot"))),
        ErrorKind::Unsupported
    );
    assert!(!path("a.snapshot").exists());
    db.snapshot_with(path("a.snapshot"), SnapshotOptions::new().plain())
        .unwrap();
    let snapshot = Snapshot::open(path("a.snapshot")).unwrap();
    let encrypted = Database::builder().key([8; 32]).log_size(1 << 16);
    snapshot.restore_with(path("b.larder"), encrypted).unwrap();
    let restored = Database::builder()
        .key([8; 32])
        .open(path("b.larder"))
        .unwrap();
    assert_eq!(read(&restored.read().unwrap()).len(), 10);
}
