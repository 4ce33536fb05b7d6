//! Many threads: writers take turns, readers see one commit.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::{Database, ErrorKind, record};

use crate::support::db;

#[record(name = "users")]
struct User {
    #[key(auto)]
    id: u64,
    #[unique]
    name: String,
    #[index]
    group: u64,
}

const THREADS: u64 = 8;
const EACH: u64 = 40;

fn insert(db: &Database, name: String, group: u64) -> larder::Result<u64> {
    db.write(|tx| {
        tx.collection::<User>()?
            .insert(&User { id: 0, name, group })
    })
}

#[test]
fn threads_that_insert_different_names_lose_none_and_get_different_keys() {
    let db = db();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let db = &db;
            scope.spawn(move || {
                for i in 0..EACH {
                    insert(db, format!("{thread}-{i}"), thread).unwrap();
                }
            });
        }
    });
    let tx = db.read().unwrap();
    let users = tx.collection::<User>().unwrap();
    assert_eq!(users.len().unwrap(), THREADS * EACH);
    assert_eq!(users.last().unwrap().unwrap().id, THREADS * EACH);
    assert_eq!(users.by(User::BY_GROUP).count(3..=3).unwrap(), EACH);
}

#[test]
fn of_threads_that_insert_the_same_names_one_wins_each() {
    let db = db();
    let won: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let db = &db;
                scope.spawn(move || {
                    let mut won = 0;
                    for i in 0..EACH {
                        match insert(db, format!("name {i}"), thread) {
                            Ok(_) => won += 1,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                        }
                    }
                    won
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(won, EACH);
    assert_eq!(
        db.read()
            .unwrap()
            .collection::<User>()
            .unwrap()
            .len()
            .unwrap(),
        EACH
    );
}

#[test]
fn readers_see_records_and_indexes_of_one_commit_while_others_write() {
    let db = db();
    insert(&db, "first".into(), 0).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 1..200 {
                db.write(|tx| {
                    let mut users = tx.collection::<User>()?;
                    users.insert(&User {
                        id: 0,
                        name: format!("user {i}"),
                        group: i,
                    })?;
                    users.update(1, |user| user.group = i)
                })
                .unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let tx = db.read().unwrap();
                    let users = tx.collection::<User>().unwrap();
                    let group = users.field(1, User::GROUP).unwrap().unwrap();
                    // Everybody but the first has a group of their own, and the first the latest's.
                    assert_eq!(users.len().unwrap(), group + 1);
                    let expected = if group == 0 { 1 } else { 2 };
                    assert_eq!(
                        users.by(User::BY_GROUP).count(group..=group).unwrap(),
                        expected
                    );
                    assert_eq!(users.by(User::BY_GROUP).len().unwrap(), group + 1);
                }
            });
        }
    });
}

#[test]
fn a_read_transaction_is_shared_by_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let db = db();
    insert(&db, "one".into(), 1).unwrap();
    is_shared::<Database>(&db);
    let tx = db.read().unwrap();
    is_shared(&tx);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let users = tx.collection::<User>().unwrap();
                assert_eq!(users.by(User::BY_NAME).get("one").unwrap().unwrap().id, 1);
            });
        }
    });
}

/// A reader that began while a commit created a bucket must see both the bucket and its name, or
/// neither.
#[test]
fn a_snapshot_and_the_names_in_it_belong_together_while_buckets_come_and_go() {
    const ROUNDS: u64 = 150;
    let db = db();
    db.write(|tx| tx.bucket("last")?.put("round", 0_u64.to_be_bytes()))
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let tx = db.read().unwrap();
                    let round = tx.bucket("last").unwrap().get("round").unwrap().unwrap();
                    let round = u64::from_be_bytes((*round).try_into().unwrap());
                    let has = |round: u64| {
                        let bucket = tx.bucket(&format!("round {round}")).unwrap();
                        bucket.contains("here").unwrap()
                    };
                    assert!(round == 0 || has(round), "round {round} is not there");
                    assert!(!has(round + 1), "round {round} sees the next");
                    assert!(!has(round.saturating_sub(1)), "round {round} sees the last");
                }
            });
        }
        for round in 1..=ROUNDS {
            db.write(|tx| {
                tx.bucket("last")?.put("round", round.to_be_bytes())?;
                tx.bucket(&format!("round {round}"))?.put("here", "")?;
                tx.drop_bucket(&format!("round {}", round - 1))
            })
            .unwrap();
        }
        done.store(true, Ordering::Release);
    });
}
