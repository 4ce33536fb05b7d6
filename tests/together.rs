//! What do transactions have to do with each other that are committed together?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use larder::testing::Closure;
use larder::{CommitId, Database, Durability, ErrorKind, Outcome, Result, WriteTx, record};

use crate::support::memory::MemoryVolume;
use crate::support::sim_disk::{Call, Failure, How, Op, SimVolume};
use crate::support::{TestDb, builder, db, db_with};

#[record(name = "guests", index(by_table_name = (table, name)))]
#[derive(Clone, Debug, PartialEq)]
struct Guest {
    #[key(auto)]
    id: u64,
    #[unique]
    name: String,
    table: u32,
}

#[record(name = "dishes")]
#[derive(Clone, Debug, PartialEq)]
struct Dish {
    #[key]
    id: u64,
    text: String,
}

fn guest(name: &str) -> Guest {
    Guest {
        id: 0,
        name: name.to_owned(),
        table: name.len() as u32,
    }
}

fn seated() -> TestDb {
    db_with(|builder| builder.register::<Guest>())
}

fn seat<'c>(name: &'c str) -> Closure<'c> {
    Box::new(move |tx| tx.collection::<Guest>()?.insert(&guest(name)).map(drop))
}

/// Makes the file so large that what follows needs no more room.
fn make_room(db: &Database) {
    db.write(|tx| tx.bucket("room")?.put("k", vec![1; 1 << 20]).map(drop))
        .unwrap();
    db.write(|tx| tx.drop_bucket("room").map(drop)).unwrap();
    db.write(|tx| seat("first")(tx)).unwrap();
}

/// Such a file, on a simulated disk.
fn roomy(name: &str) -> (SimVolume, Database) {
    let volume = SimVolume::new(1);
    let db = builder()
        .volume(Arc::new(volume.clone()))
        .register::<Guest>()
        .create(Path::new(name))
        .unwrap();
    make_room(&db);
    (volume, db)
}

fn act<'c>(closure: impl FnOnce(&WriteTx) -> Result<()> + 'c) -> Closure<'c> {
    Box::new(closure)
}

fn refuse() -> larder::Error {
    "no commit".parse::<CommitId>().unwrap_err()
}

fn names(db: &Database) -> Vec<(u64, String)> {
    let tx = db.read().unwrap();
    let guests = tx.collection::<Guest>().unwrap();
    let all = guests.iter().unwrap().map(|guest| {
        let guest = guest.unwrap();
        (guest.id.to_native(), guest.name.to_string())
    });
    all.collect()
}

fn pairs(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected
        .iter()
        .map(|(id, name)| (*id, (*name).to_owned()))
        .collect()
}

#[test]
fn whoever_is_refused_is_undone_and_takes_nobody_along() {
    let db = seated();
    // The bucket is there: one that was created would be undone by doing the rest again.
    db.write(|tx| {
        let mut notes = tx.bucket("notes")?;
        notes.put("k", "v")?;
        notes.remove("k").map(drop)
    })
    .unwrap();
    let before = db.commit_sequence();
    let results = db
        .write_together([
            seat("ann"),
            act(|tx| {
                let mut guests = tx.collection::<Guest>()?;
                guests.insert(&guest("ghost"))?;
                guests.update(1, |guest| guest.table = 99)?;
                guests.remove(1)?;
                drop(guests);
                tx.bucket("notes")?.put("k", "ghost")?;
                Err(refuse())
            }),
            seat("ben"),
            // Sees what was done before it, committed or not.
            seat("ann"),
            act(|tx| {
                assert_eq!(tx.collection::<Guest>()?.len()?, 2);
                Ok(())
            }),
            seat("cat"),
        ])
        .unwrap();
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map(larder::Error::kind))
        .collect();
    let refused = Some(ErrorKind::Invalid);
    assert_eq!(
        kinds,
        [None, refused, None, Some(ErrorKind::Conflict), None, None]
    );
    assert_eq!(names(&db), pairs(&[(1, "ann"), (2, "ben"), (3, "cat")]));
    // Changed twice and removed before it was undone: the last change first, or this is what was between.
    let tx = db.read().unwrap();
    let guests = tx.collection::<Guest>().unwrap();
    let ann = guests.get_owned(1).unwrap().unwrap();
    assert_eq!(
        ann,
        Guest {
            id: 1,
            ..guest("ann")
        }
    );
    drop(guests);
    drop(tx);
    assert_eq!(db.commit_sequence(), before + 3);
    assert_eq!(
        db.read().unwrap().bucket("notes").unwrap().len().unwrap(),
        0
    );
    assert!(db.check().unwrap().is_ok());
}

/// What entries do not say is undone by doing the rest again.
#[test]
fn what_cannot_be_undone_entry_by_entry_is_undone_all_the_same() {
    type Undone = fn(&WriteTx) -> Result<()>;
    let undone: [(&str, Undone); 5] = [
        ("clears", |tx| tx.collection::<Guest>()?.clear().map(drop)),
        ("drops", |tx| tx.drop_collection::<Guest>().map(drop)),
        ("loads", |tx| {
            let many = (0..50).map(|number| guest(&format!("loaded {number}")));
            tx.collection::<Guest>()?.load(many).map(drop)
        }),
        ("creates", |tx| {
            tx.collection::<Dish>()?.insert(&Dish {
                id: 1,
                text: "soup".into(),
            })?;
            tx.bucket("new")?.put("k", "v").map(drop)
        }),
        ("writes much", |tx| {
            let mut bucket = tx.bucket("old")?;
            (0..40_u64)
                .try_for_each(|number| bucket.put(&number.to_be_bytes()[..], [7; 1000]).map(drop))
        }),
    ];
    for (what, undone) in undone {
        let db = seated();
        db.write(|tx| tx.bucket("old")?.put("k", "v").map(drop))
            .unwrap();
        let results = db
            .write_together([
                seat("ann"),
                act(move |tx| {
                    undone(tx)?;
                    Err(refuse())
                }),
                seat("ben"),
                act(|tx| {
                    tx.collection::<Dish>()?
                        .insert(&Dish {
                            id: 2,
                            text: "salad".into(),
                        })
                        .map(drop)
                }),
            ])
            .unwrap();
        let failed: Vec<_> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, false, false], "{what}: {results:?}");
        let check = |db: &Database| {
            assert_eq!(names(db), pairs(&[(1, "ann"), (2, "ben")]), "{what}");
            let tx = db.read().unwrap();
            assert_eq!(tx.collection::<Dish>().unwrap().len().unwrap(), 1, "{what}");
            assert_eq!(tx.bucket("old").unwrap().len().unwrap(), 1, "{what}");
            assert_eq!(tx.bucket("new").unwrap().len().unwrap(), 0, "{what}");
            assert!(db.check().unwrap().is_ok(), "{what}");
        };
        check(&db);
        check(&db.reopen());
    }
}

/// redb keeps what was leaked in its hand, and with it the place of the writer: nothing can be saved of the
/// batch, and nothing of it is there.
#[test]
fn a_leak_fails_its_batch_and_the_handle() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("leaked.larder");
    let db = builder().register::<Guest>().create(&path).unwrap();
    let results = db
        .write_together([
            seat("ann"),
            act(|tx| {
                let mut guests = tx.collection::<Guest>()?;
                guests.insert(&guest("leak"))?;
                std::mem::forget(guests);
                Ok(())
            }),
            seat("never"),
        ])
        .unwrap();
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(names(&db), []);
    let error = db.write(|tx| seat("ben")(tx)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    let error = db.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    let db = builder().open_existing(&path).unwrap();
    db.write(|tx| seat("cat")(tx)).unwrap();
    assert_eq!(names(&db), pairs(&[(1, "cat")]));
}

/// Openings that committed are remembered, so many of them.
#[test]
fn what_became_of_a_commit_is_known_for_sixty_four_openings() {
    let mut db = seated();
    let commit = |db: &Database, name: &str| {
        db.write(|tx| seat(name)(tx).map(|()| tx.commit_id()))
            .unwrap()
    };
    let mut commits = vec![commit(&db, "0")];
    for opening in 1..70 {
        db = db.reopen();
        commits.push(commit(&db, &opening.to_string()));
    }
    let outcomes: Vec<Outcome> = commits
        .iter()
        .map(|commit| db.outcome(*commit).unwrap())
        .collect();
    let forgotten = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Forgotten)
        .count();
    // The last opening, and 64 before it.
    assert_eq!(forgotten, 70 - 65);
    assert!(
        outcomes[forgotten..]
            .iter()
            .all(|outcome| *outcome == Outcome::Committed)
    );
}

#[test]
fn a_batch_ends_with_whoever_bypasses_the_log() {
    let db = seated();
    let results = db
        .write_together([
            seat("ann"),
            act(|tx| {
                tx.collection::<Guest>()?.clear()?;
                tx.collection::<Guest>()?.insert(&guest("ben")).map(drop)
            }),
            seat("never"),
        ])
        .unwrap();
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(names(&db), pairs(&[(2, "ben")]));
    let db = db.reopen();
    assert_eq!(names(&db), pairs(&[(2, "ben")]));
}

/// Ten transactions, and the log is written once and synced once.
#[test]
fn a_batch_is_one_write_and_one_sync() {
    let (volume, db) = roomy("one.larder");
    let begin = volume.log().len();
    let many: Vec<String> = (0..10).map(|number| format!("guest {number}")).collect();
    let results = db
        .write_together(many.iter().map(|name| seat(name)))
        .unwrap();
    assert!(results.iter().all(Result::is_ok));
    let log = volume.log();
    let (mut writes, mut syncs) = (0, 0);
    for entry in &log[begin..] {
        match &entry.op {
            Op::Write { offset, .. } => {
                assert!((0x4000..0x4000 + (1 << 16)).contains(offset), "{offset}");
                writes += 1;
            }
            Op::Sync | Op::FailedSync(_) => syncs += 1,
            Op::SetLen(_) => panic!("the file changed its length"),
        }
    }
    // The frames, and the mark behind them.
    assert_eq!((writes, syncs), (2, 1));
}

#[test]
fn threads_share_commits_and_each_gets_its_own_result() {
    let db = seated();
    let (threads, each) = (8, 60);
    let barrier = Barrier::new(threads);
    let before = db.commit_sequence();
    let sequences: Vec<u64> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| {
                let (db, barrier) = (&db, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let mut sequences = Vec::new();
                    for round in 0..each {
                        let name = format!("{thread} {round}");
                        match round % 4 {
                            1 => {
                                let failed: Result<()> = db.write(|tx| {
                                    tx.collection::<Guest>()?.insert(&guest(&name))?;
                                    Err(refuse())
                                });
                                assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
                            }
                            2 => {
                                let panicked = catch_unwind(AssertUnwindSafe(|| {
                                    db.write(|tx| -> Result<()> {
                                        tx.collection::<Guest>()?.insert(&guest(&name))?;
                                        panic!("of the closure");
                                    })
                                }));
                                assert!(panicked.is_err());
                            }
                            _ => {
                                let (id, sequence) = db
                                    .write(|tx| {
                                        let id = tx.collection::<Guest>()?.insert(&guest(&name))?;
                                        Ok((id, tx.sequence()))
                                    })
                                    .unwrap();
                                sequences.push(sequence);
                                // What is acknowledged is visible.
                                let tx = db.read().unwrap();
                                let found =
                                    tx.collection::<Guest>().unwrap().get_owned(id).unwrap();
                                assert_eq!(found.unwrap().name, name);
                                assert!(db.commit_sequence() >= sequence);
                            }
                        }
                    }
                    sequences
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let mut sorted = sequences.clone();
    sorted.sort_unstable();
    let expected: Vec<u64> = (before + 1..=before + sequences.len() as u64).collect();
    assert_eq!(sorted, expected);
    assert_eq!(names(&db).len(), sequences.len());
    let db = db.reopen();
    assert_eq!(names(&db).len(), sequences.len());
}

#[test]
fn a_reader_sees_a_batch_whole_or_not_at_all() {
    let db = seated();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let count = names(&db).len();
                assert_eq!(count % 3, 0, "{count}");
            }
        });
        for round in 0..100 {
            let three = ["a", "b", "c"].map(|name| format!("{name}{round}"));
            db.write_together(three.iter().map(|name| seat(name)))
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(&db).len(), 300);
}

#[test]
fn whoever_does_not_want_to_wait_is_told_that_others_write() {
    let db = db();
    let tx = db.begin_write().unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            for timeout in [Duration::ZERO, Duration::from_millis(10)] {
                let error = db
                    .write_timeout(timeout, |_| -> Result<()> { panic!("it was called") })
                    .unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            }
        });
        other.join().unwrap();
        let patient =
            scope.spawn(|| db.write_timeout(Duration::from_secs(60), |tx| seat("ann")(tx)));
        tx.rollback();
        patient.join().unwrap().unwrap();
    });
    db.write_timeout(Duration::ZERO, |tx| seat("ben")(tx))
        .unwrap();
    assert_eq!(names(&db).len(), 2);
}

#[test]
fn what_the_log_holds_is_there_after_a_kill_and_the_report_says_how_much() {
    let volume = MemoryVolume::default();
    let path = "killed.larder";
    let open = |volume: &MemoryVolume| {
        builder()
            .volume(Arc::new(volume.clone()))
            .open_existing(path)
    };
    let db = builder()
        .volume(Arc::new(volume.clone()))
        .register::<Guest>()
        .create(path)
        .unwrap();
    for name in ["ann", "ben", "cat", "dan"] {
        db.write(|tx| {
            // Buffered or not: the system has it.
            if name == "dan" {
                tx.set_durability(Durability::Buffered);
            }
            seat(name)(tx)
        })
        .unwrap();
    }
    let sequence = db.commit_sequence();
    let all = pairs(&[(1, "ann"), (2, "ben"), (3, "cat"), (4, "dan")]);
    let killed = MemoryVolume::with(path, volume.bytes(path));

    let bytes = killed.bytes(path);
    let reader = builder()
        .volume(Arc::new(killed.clone()))
        .open_read_only(path)
        .unwrap();
    // Creating the collection was the first of this life, and a checkpoint.
    assert_eq!(reader.recovery_report().replayed, 4);
    assert_eq!(reader.recovery_report().sequence, sequence);
    assert_eq!(names(&reader), all);
    assert!(reader.check().unwrap().is_ok());
    drop(reader);
    assert!(killed.bytes(path) == bytes, "opening read-only wrote");

    for replayed in [4, 0] {
        let again = open(&killed).unwrap();
        assert_eq!(again.recovery_report().replayed, replayed);
        assert_eq!(
            (names(&again), again.commit_sequence()),
            (all.clone(), sequence)
        );
        assert!(again.check().unwrap().is_ok());
    }
    // Closing leaves nothing to replay, and so does a checkpoint.
    db.checkpoint().unwrap();
    let checkpointed = MemoryVolume::with(path, volume.bytes(path));
    assert_eq!(open(&checkpointed).unwrap().recovery_report().replayed, 0);
}

#[test]
fn buffered_commits_wait_for_no_disk_until_somebody_syncs() {
    let volume = SimVolume::new(1);
    let path = Path::new("buffered.larder");
    let syncs = || {
        volume
            .log()
            .iter()
            .filter(|entry| matches!(entry.op, Op::Sync))
            .count()
    };
    let db = builder()
        .volume(Arc::new(volume.clone()))
        .durability(Durability::Buffered)
        .register::<Guest>()
        .create(path)
        .unwrap();
    make_room(&db);
    db.sync().unwrap();
    let mut before = syncs();
    for name in ["ann", "ben"] {
        db.write(|tx| seat(name)(tx)).unwrap();
    }
    assert_eq!(syncs(), before);
    db.sync().unwrap();
    db.sync().unwrap();
    assert_eq!(syncs(), before + 1);
    db.write(|tx| {
        tx.set_durability(Durability::Synced);
        seat("cat")(tx)
    })
    .unwrap();
    before += 2;
    assert_eq!(syncs(), before);
    assert_eq!(names(&db).len(), 4);
}

#[test]
fn an_interval_bounds_what_a_power_cut_takes() {
    let volume = SimVolume::new(1);
    let path = Path::new("interval.larder");
    let db = builder()
        .volume(Arc::new(volume.clone()))
        .durability(Durability::Buffered)
        .sync_interval(Duration::from_millis(5))
        .register::<Guest>()
        .create(path)
        .unwrap();
    let synced = || {
        matches!(
            volume
                .log()
                .iter()
                .rev()
                .find(|entry| !matches!(&entry.op, Op::Write { data, .. } if data.len() < 128))
                .unwrap()
                .op,
            Op::Sync
        )
    };
    for name in ["ann", "ben"] {
        db.write(|tx| seat(name)(tx)).unwrap();
        for _ in 0..2000 {
            if synced() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(synced(), "nobody synced in ten seconds");
    }
    db.close().unwrap();
}

#[test]
fn the_outcome_of_a_commit_can_be_asked_for_after_a_failure_and_a_reopening() {
    let mut outcomes = Vec::new();
    // The sync of the log fails, or, with the next life's first commit, one of a checkpoint.
    for after in 0..4 {
        for first in [false, true] {
            let volume = SimVolume::new(7);
            let path = Path::new("outcome.larder");
            let builder = || builder().volume(Arc::new(volume.clone()));
            let db = builder().register::<Guest>().create(path).unwrap();
            let good = db
                .write(|tx| seat("ann")(tx).map(|()| tx.commit_id()))
                .unwrap();
            assert_eq!(db.outcome(good).unwrap(), Outcome::Committed);
            let db = if first {
                db.close().unwrap();
                builder().open_existing(path).unwrap()
            } else {
                db
            };
            volume.fail(Failure {
                call: Call::Sync,
                after,
                how: How::Io,
                lasting: false,
            });
            let Err(error) = db.write(|tx| seat("ben")(tx)) else {
                continue;
            };
            if error.kind() != ErrorKind::OutcomeUnknown {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                continue;
            }
            let commit = error.commit().expect("it names its commit");
            assert_eq!(commit.to_string().parse::<CommitId>().unwrap(), commit);
            let early = match db.outcome(commit) {
                Ok(outcome) => Some(outcome),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Poisoned);
                    None
                }
            };
            assert_eq!(db.outcome(good).unwrap(), Outcome::Committed);
            let later = db.write(|tx| seat("cat")(tx)).unwrap_err();
            assert_eq!(later.kind(), ErrorKind::Poisoned);
            volume.kill();
            drop(db);
            let db = builder().open_existing(path).unwrap();
            let outcome = db.outcome(commit).unwrap();
            let there = names(&db).iter().any(|(_, name)| name == "ben");
            assert_eq!(outcome == Outcome::Committed, there);
            assert_ne!(outcome, Outcome::Forgotten);
            // What was said before was true: a checkpoint may fail after it was made.
            assert!(early.is_none_or(|early| early == outcome), "{early:?}");
            assert_eq!(db.outcome(good).unwrap(), Outcome::Committed);
            outcomes.push(outcome);
            // Its sequence goes to another one; its name does not.
            db.write(|tx| seat("dan")(tx)).unwrap();
            assert_eq!(db.outcome(commit).unwrap(), outcome);
            let nobody: CommitId = "0123456789abcdef0123456789abcdef-1".parse().unwrap();
            assert_eq!(db.outcome(nobody).unwrap(), Outcome::RolledBack);
        }
    }
    assert!(!outcomes.is_empty());
}

/// A batch that fails as a whole fails for those, too, whose closures were refused: they may have seen
/// what is not there.
#[test]
fn nobody_is_told_anything_before_the_batch_has_its_fate() {
    let (volume, db) = roomy("fate.larder");
    volume.fail(Failure {
        call: Call::Sync,
        after: 0,
        how: How::Io,
        lasting: false,
    });
    let results = db
        .write_together([seat("ann"), seat("ann"), act(|_| Ok(()))])
        .unwrap();
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().unwrap_err().kind())
        .collect();
    let seen_too_much = ErrorKind::Poisoned;
    assert_eq!(
        kinds,
        [ErrorKind::OutcomeUnknown, seen_too_much, seen_too_much]
    );
}

#[test]
fn members_of_a_batch_build_on_each_others_catalog() {
    let db = db();
    let made = AtomicU64::new(0);
    let results = db
        .write_together([
            act(|tx| {
                tx.collection::<Dish>()?.insert(&Dish {
                    id: 1,
                    text: "gone".into(),
                })?;
                Err(refuse())
            }),
            act(|tx| tx.collection::<Guest>()?.insert(&guest("ann")).map(drop)),
            act(|tx| {
                made.fetch_add(tx.collection::<Guest>()?.len()?, Ordering::Relaxed);
                tx.collection::<Dish>()?
                    .insert(&Dish {
                        id: 1,
                        text: "soup".into(),
                    })
                    .map(drop)
            }),
            act(|tx| {
                assert!(tx.collection::<Dish>()?.contains(1)?);
                tx.drop_collection::<Guest>()?;
                Err(refuse())
            }),
            seat("ben"),
        ])
        .unwrap();
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [true, false, false, true, false], "{results:?}");
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(names(&db), pairs(&[(1, "ann"), (2, "ben")]));
    let db = db.reopen();
    assert_eq!(names(&db), pairs(&[(1, "ann"), (2, "ben")]));
    let tx = db.read().unwrap();
    let dishes = tx.collection::<Dish>().unwrap();
    assert_eq!(dishes.get_owned(1).unwrap().unwrap().text, "soup");
}

#[test]
fn a_closed_handle_says_so_to_whoever_syncs_or_checkpoints() {
    let directory = tempfile::tempdir().unwrap();
    let db = builder()
        .create(directory.path().join("closed.larder"))
        .unwrap();
    db.clone().close().unwrap();
    assert_eq!(db.sync().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(db.checkpoint().unwrap_err().kind(), ErrorKind::Closed);
}

/// The thread that syncs held the database when the last handle went, and with it the lock of the file.
#[test]
fn a_database_with_an_interval_is_closed_when_its_last_handle_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("interval.larder");
    for _ in 0..30 {
        let db = builder()
            .durability(Durability::Buffered)
            .sync_interval(Duration::from_millis(1))
            .open(&path)
            .unwrap();
        for number in 0..5 {
            let name = format!("{} {number}", db.commit_sequence());
            db.write(|tx| seat(&name)(tx)).unwrap();
        }
    }
}
