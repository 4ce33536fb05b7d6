//! Snapshots: what one shows is what was committed, and what is damaged is refused with nothing done.

mod chains;
mod encrypted;
mod forged;
mod golden;
mod hostile;
mod reading;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use larder::{Database, ErrorKind, Readable, Snapshot, SnapshotDepth, SnapshotOptions, record};
use serde_json::json;

use crate::support::{builder, kind};

/// A directory of its own for each test.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn open(path: impl AsRef<Path>) -> Snapshot {
    builder().open_snapshot(path).unwrap()
}

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
    let info = db.snapshot_to(path("a.snapshot")).unwrap();
    assert_eq!(info.commit.sequence(), sequence);
    assert_eq!(
        info.bytes,
        std::fs::metadata(path("a.snapshot")).unwrap().len()
    );
    // What is committed later is not in it.
    fill(&db, 3_000..3_010);
    let snapshot = open(path("a.snapshot"));
    assert_eq!(snapshot.info(), info);
    assert_eq!(Snapshot::read_info(path("a.snapshot")).unwrap(), info);
    for depth in [
        SnapshotDepth::Manifest,
        SnapshotDepth::Blocks,
        SnapshotDepth::Restore,
    ] {
        snapshot.verify(depth).unwrap();
    }
    snapshot.restore_with(path("b.larder"), builder()).unwrap();
    assert_eq!(
        kind(snapshot.restore_with(path("b.larder"), builder())),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(db.snapshot_to(path("a.snapshot"))),
        ErrorKind::AlreadyExists
    );
    let restored = builder().open(path("b.larder")).unwrap();
    assert_eq!(restored.id(), db.id());
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
        for writer in 0..8_u64 {
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
        for i in 0..100 {
            let mut bytes = Vec::new();
            db.snapshot_into(&mut bytes, SnapshotOptions::new())
                .unwrap();
            let name = path(format!("{i}.snapshot"));
            std::fs::write(&name, bytes).unwrap();
            let snapshot = open(&name);
            let found = read(&snapshot.read().unwrap());
            assert!(snapshot.database().check().unwrap().is_ok());
            let restored = path(format!("{i}.larder"));
            snapshot.restore_with(&restored, builder()).unwrap();
            let restored = builder().open(restored).unwrap();
            assert!(restored.check().unwrap().is_ok());
            assert_eq!(read(&restored.read().unwrap()), found);
            for writer in 0..8 {
                let own = found.range(writer * 10..writer * 10 + 10);
                let rounds: Vec<u64> = own.map(|(_, thing)| thing.number).collect();
                assert!(rounds.is_empty() || rounds == [rounds[0]; 10], "{rounds:?}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn what_ends_a_snapshot_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = builder().open(path("a.larder")).unwrap();
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
    // It is written no faster than that.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long it takes is what is tested"
    )]
    let begin = std::time::Instant::now();
    let mut bytes = Vec::new();
    let slow = SnapshotOptions::new().rate(500_000);
    db.snapshot_into(&mut bytes, slow).unwrap();
    assert!(begin.elapsed().as_secs_f64() > bytes.len() as f64 / 600_000.0);
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
fn what_panics_or_breaks_while_it_is_told_ends_a_snapshot() {
    let directory = Directory::new();
    let db = builder().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..3_000);
    let files = || std::fs::read_dir(directory.0.path()).unwrap().count();
    let before = files();
    let path = directory.path("a.snapshot");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let options = SnapshotOptions::new().on_progress(|_| panic!("the caller's own"));
        db.snapshot_with(&path, options)
    }));
    assert!(panicked.is_err());
    assert_eq!(files(), before);
    // It does not wait for its turn to write a byte more.
    let mut calls = 0;
    let options = SnapshotOptions::new().rate(1).on_progress(|_| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert_eq!(kind(db.snapshot_with(&path, options)), ErrorKind::Invalid);
    assert_eq!(calls, 1);
    assert_eq!(files(), before);
    db.snapshot_to(&path).unwrap();
    open(&path).verify(SnapshotDepth::Restore).unwrap();
}

/// Tables with dictionaries, each level of compression, and entries that are much larger than a block.
#[test]
fn what_is_large_is_restored_at_each_level() {
    let directory = Directory::new();
    let db = builder()
        .body_limit(8 << 20)
        .open(directory.path("a.larder"))
        .unwrap();
    fill(&db, 0..6_000);
    db.write(|tx| {
        let mut bucket = tx.bucket("large")?;
        // It gets more than a thousand times as small.
        bucket.put(b"zeros", vec![0; 4 << 20])?;
        bucket.put(b"empty", b"")?;
        (0..20_u8).try_for_each(|i| {
            let value: Vec<u8> = (0..100_000_u32)
                .map(|j| (j.wrapping_mul(j) >> i) as u8)
                .collect();
            bucket.put(&[i], &value).map(drop)
        })
    })
    .unwrap();
    let expected = read(&db.read().unwrap());
    let mut sizes = Vec::new();
    for level in [0, 1, 3, 19] {
        let path = directory.path(&format!("{level}.snapshot"));
        let options = SnapshotOptions::new().level(level);
        sizes.push(db.snapshot_with(&path, options).unwrap().bytes);
        let snapshot = open(&path);
        snapshot.verify(SnapshotDepth::Restore).unwrap();
        let tx = snapshot.read().unwrap();
        assert_eq!(read(&tx), expected);
        let zeros = tx.bucket("large").unwrap().get(b"zeros").unwrap().unwrap();
        assert!(zeros.len() == 4 << 20 && zeros.iter().all(|byte| *byte == 0));
    }
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
}
