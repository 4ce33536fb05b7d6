//! Pitfalls of redb that must not reach a user: waiting for oneself, panics, leaks, long readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use larder::{Database, ErrorKind, record};

use crate::support::{check, db, db_with};

#[record(name = "counters", index(by_value = value))]
#[derive(Debug)]
struct Counter {
    #[key]
    id: u64,
    value: u64,
    #[index]
    text: String,
    #[unique]
    name: String,
}

fn counter(id: u64, value: u64) -> Counter {
    Counter {
        id,
        value,
        text: format!("value {value}"),
        name: format!("number {id}"),
    }
}

fn put(db: &Database, id: u64, value: u64) -> larder::Result<bool> {
    db.write(|tx| tx.collection::<Counter>()?.put(&counter(id, value)))
}

fn value(db: &Database, id: u64) -> Option<u64> {
    db.read()
        .unwrap()
        .collection::<Counter>()
        .unwrap()
        .field(id, Counter::VALUE)
        .unwrap()
}

/// Runs it on another thread, and fails when it does not come back.
fn within_20_seconds<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
        .recv_timeout(Duration::from_secs(20))
        .expect("it waits for ever")
}

#[test]
fn a_write_within_a_write_is_refused_and_does_not_wait_for_itself() {
    let db = db();
    let inner: Database = db.clone();
    within_20_seconds(move || {
        inner
            .write(|tx| {
                assert_eq!(put(&inner, 1, 1).unwrap_err().kind(), ErrorKind::Invalid);
                assert_eq!(inner.begin_write().unwrap_err().kind(), ErrorKind::Invalid);
                assert_eq!(
                    inner.register::<Counter>().unwrap_err().kind(),
                    ErrorKind::Invalid
                );
                assert_eq!(
                    inner.clone().close().unwrap_err().kind(),
                    ErrorKind::Invalid
                );
                // A snapshot within a write is no write.
                assert_eq!(value(&inner, 1), None);
                tx.collection::<Counter>()?.insert(&counter(2, 2))
            })
            .unwrap();
        let tx = inner.begin_write().unwrap();
        assert_eq!(put(&inner, 1, 1).unwrap_err().kind(), ErrorKind::Invalid);
        drop(tx);
        put(&inner, 1, 1).unwrap();
    });
    assert_eq!(value(&db, 1), Some(1));
}

#[test]
fn a_panic_rolls_back_and_the_next_write_goes_on() {
    let db = db();
    put(&db, 1, 1).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        db.write(|tx| -> larder::Result<()> {
            let mut counters = tx.collection::<Counter>()?;
            counters.put(&counter(1, 100))?;
            panic!("of the user's")
        })
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let tx = db.begin_write().unwrap();
        let mut counters = tx.collection::<Counter>().unwrap();
        counters.put(&counter(1, 200)).unwrap();
        panic!("of the user's, with a guard alive")
    }));
    assert!(panicked.is_err());
    assert_eq!(value(&db, 1), Some(1));
    put(&db, 2, 2).unwrap();
    let db = db.reopen();
    assert_eq!((value(&db, 1), value(&db, 2)), (Some(1), Some(2)));
}

#[test]
fn a_panic_that_is_caught_within_the_closure_leaves_nothing_half_written() {
    let db = db();
    put(&db, 1, 1).unwrap();
    db.write(|tx| {
        let mut counters = tx.collection::<Counter>()?;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            counters.update(1, |counter| {
                counter.value = 7;
                panic!("of the user's")
            })
        }));
        assert!(panicked.is_err());
        counters.put(&counter(2, 2))?;
        Ok(())
    })
    .unwrap();
    assert_eq!((value(&db, 1), value(&db, 2)), (Some(1), Some(2)));
}

#[test]
fn a_leak_fails_its_write_and_the_next_write_answers_at_once() {
    for leak in [0, 1, 2] {
        let db = Database::in_memory().unwrap();
        put(&db, 1, 1).unwrap();
        let result = db.write(|tx| {
            let mut counters = tx.collection::<Counter>()?;
            counters.put(&counter(2, 2))?;
            match leak {
                0 => std::mem::forget(counters),
                1 => std::mem::forget(counters.iter()?),
                _ => std::mem::forget(counters.by(Counter::BY_VALUE).iter()?),
            }
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(value(&db, 2), None);
        let other = db.clone();
        let next = within_20_seconds(move || put(&other, 3, 3));
        if let Err(error) = next {
            assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        }
        assert_eq!(value(&db, 1), Some(1));
    }
}

/// A view that was found through an index, or came from an iterator, held a page of its transaction,
/// and when it was forgotten redb panicked, whether the transaction was committed or rolled back.
#[test]
fn a_view_that_is_leaked_costs_its_memory_only() {
    for commit in [true, false] {
        let db = db();
        put(&db, 1, 1).unwrap();
        let ended = db.write(|tx| {
            let mut counters = tx.collection::<Counter>()?;
            counters.put(&counter(2, 2))?;
            let by_value = counters.by(Counter::BY_VALUE);
            std::mem::forget(counters.get(2)?);
            std::mem::forget((counters.first()?, counters.last()?));
            std::mem::forget((counters.iter()?.next(), counters.iter()?.next_back()));
            std::mem::forget((by_value.first()?, by_value.last()?));
            std::mem::forget((by_value.iter()?.next(), by_value.iter()?.next_back()));
            std::mem::forget(counters.by(Counter::BY_NAME).get("number 2")?);
            let mut bucket = tx.bucket("bucket")?;
            bucket.put(b"key", "value")?;
            std::mem::forget((bucket.get(b"key")?, bucket.iter()?.next()));
            counters.put(&counter(1, 5))?;
            counters.remove(2)?;
            match commit {
                true => Ok(()),
                false => counters.insert(&counter(1, 7)).map(drop),
            }
        });
        assert_eq!(ended.is_ok(), commit, "{ended:?}");
        assert_eq!(value(&db, 1), Some(if commit { 5 } else { 1 }));
        put(&db, 3, 3).unwrap();
    }
}

/// redb would give the same error for ever.
#[test]
fn an_iterator_ends_after_one_error_when_the_database_was_closed() {
    let db = db_with(|builder| builder.cache_size(0));
    let all = (0..20_000).map(|id| counter(id, id));
    db.write(|tx| tx.collection::<Counter>()?.load(all))
        .unwrap();
    let tx = db.read().unwrap();
    let counters = tx.collection::<Counter>().unwrap();
    let (mut forwards, mut backwards) = (counters.iter().unwrap(), counters.iter().unwrap());
    forwards.next().unwrap().unwrap();
    backwards.next_back().unwrap().unwrap();
    Database::clone(&db).close().unwrap();
    let errors = |results: &mut dyn Iterator<Item = Option<ErrorKind>>| {
        results.take(40_000).flatten().collect::<Vec<_>>()
    };
    let of_forwards = errors(&mut forwards.map(|view| view.err().map(|error| error.kind())));
    assert_eq!(of_forwards, [ErrorKind::Closed]);
    let of_backwards = errors(&mut backwards.rev().map(|view| view.err().map(|e| e.kind())));
    assert_eq!(of_backwards, [ErrorKind::Closed]);
}

#[test]
fn an_error_rolls_back_and_a_view_lives_through_changes_of_its_table() {
    let db = db();
    put(&db, 1, 1).unwrap();
    let error = db
        .write(|tx| -> larder::Result<()> {
            let mut counters = tx.collection::<Counter>()?;
            let before = counters.get(1)?.expect("it is there");
            counters.put(&counter(1, 5))?;
            counters.clear()?;
            assert_eq!(before.value, 1);
            counters.insert(&counter(9, 9))?;
            counters.insert(&counter(9, 9)).map(drop)
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!((value(&db, 1), value(&db, 9)), (Some(1), None));
}

#[test]
fn a_long_reader_keeps_its_snapshot_and_the_file_stops_growing_when_it_is_gone() {
    let db = db();
    put(&db, 1, 0).unwrap();
    let tx = db.read().unwrap();
    for i in 1..=1500 {
        put(&db, 1, i).unwrap();
    }
    assert_eq!(db.readers().0, 1);
    assert!(db.readers().1.is_some());
    let counters = tx.collection::<Counter>().unwrap();
    assert_eq!(counters.field(1, Counter::VALUE).unwrap(), Some(0));
    assert_eq!(
        counters
            .by(Counter::BY_VALUE)
            .first()
            .unwrap()
            .unwrap()
            .value,
        0
    );
    drop(counters);
    drop(tx);
    assert_eq!(db.readers(), (0, None));
    let size = || std::fs::metadata(db.path()).unwrap().len();
    let held = size();
    for i in 0..1500 {
        put(&db, 1, i).unwrap();
    }
    assert!(
        size() <= held,
        "{} bytes, {held} when the reader was gone",
        size()
    );
    check(&db);
}
