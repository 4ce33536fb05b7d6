//! F: transactions, snapshots, concurrency. Number 34 is in `concurrency.rs`.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use larder::{Error, ErrorKind, Result, record};

use super::{Person, person};
use crate::support::db;

#[record(name = "notes")]
#[derive(Clone, Debug, PartialEq)]
struct Note {
    #[key(auto)]
    id: u64,
    text: String,
}

fn note(text: &str) -> Note {
    Note {
        id: 0,
        text: text.into(),
    }
}

/// An error of the application.
#[derive(Debug)]
enum Refusal {
    Ours,
    Larders(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Larders(error)
    }
}

#[test]
fn f28_a_rollback_undoes_writes_to_two_collections_and_a_bucket() {
    let db = db();
    db.write(|tx| {
        tx.collection::<Person>()?.insert(&person(1, "Rome"))?;
        tx.collection::<Note>()?.insert(&note("first"))?;
        tx.bucket("settings")?.put(b"theme", "dark")
    })
    .unwrap();
    let before = db.commit_sequence();
    let refused: Result<(), Refusal> = db.try_write(|tx| {
        tx.collection::<Person>()?.put(&person(1, "Oslo"))?;
        tx.collection::<Person>()?.insert(&person(2, "Oslo"))?;
        tx.collection::<Note>()?.insert(&note("second"))?;
        tx.bucket("settings")?.put(b"theme", "light")?;
        tx.bucket("others")?.put(b"a", "b")?;
        Err(Refusal::Ours)
    });
    assert!(matches!(refused, Err(Refusal::Ours)));
    assert_eq!(db.commit_sequence(), before);
    let db = db.reopen();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    assert_eq!(people.len().unwrap(), 1);
    assert_eq!(people.get_owned(1).unwrap(), Some(person(1, "Rome")));
    assert!(!people.by(Person::BY_CITY).contains("Oslo").unwrap());
    assert_eq!(tx.collection::<Note>().unwrap().len().unwrap(), 1);
    assert_eq!(
        &*tx.bucket("settings")
            .unwrap()
            .get(b"theme")
            .unwrap()
            .unwrap(),
        b"dark"
    );
    assert!(tx.bucket("others").unwrap().is_empty().unwrap());
    assert_eq!(db.check().unwrap().collections, 3);
}

#[test]
fn f28_the_errors_of_larder_reach_the_callers_error_type() {
    let db = db();
    let refused: Result<u64, Refusal> = db.try_write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert(&person(1, "Rome"))?;
        Ok(people.insert(&person(1, "Rome"))?)
    });
    assert!(matches!(refused, Err(Refusal::Larders(error)) if error.is(ErrorKind::Conflict)));
    assert!(
        db.read()
            .unwrap()
            .collection::<Person>()
            .unwrap()
            .is_empty()
            .unwrap()
    );
}

#[test]
fn f29_a_rollback_undoes_clear_and_drop_and_creation() {
    let db = db();
    db.write(|tx| {
        tx.collection::<Person>()?
            .load((1..=3).map(|id| person(id, "Rome")))?;
        tx.collection::<Note>()?.insert(&note("kept"))?;
        tx.bucket("settings")?.put(b"a", "1")
    })
    .unwrap();
    let tx = db.begin_write().unwrap();
    tx.collection::<Person>().unwrap().clear().unwrap();
    assert!(tx.collection::<Person>().unwrap().is_empty().unwrap());
    tx.collection::<Person>()
        .unwrap()
        .insert(&person(9, "Bern"))
        .unwrap();
    assert!(tx.drop_collection::<Note>().unwrap());
    assert!(!tx.drop_collection::<Note>().unwrap());
    tx.collection::<Note>()
        .unwrap()
        .insert(&note("other"))
        .unwrap();
    assert!(tx.drop_bucket("settings").unwrap());
    tx.bucket("new").unwrap().put(b"a", "1").unwrap();
    tx.rollback();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    assert_eq!(people.len().unwrap(), 3);
    assert_eq!(
        people.by(Person::BY_CITY).count("Rome"..="Rome").unwrap(),
        3
    );
    let notes = tx.collection::<Note>().unwrap();
    assert_eq!(notes.get(1).unwrap().unwrap().text, "kept");
    assert_eq!(tx.bucket("settings").unwrap().len().unwrap(), 1);
    assert_eq!(db.check().unwrap().collections, 3);
}

#[test]
fn f30_a_reader_sees_its_snapshot_and_its_indexes_for_its_whole_life() {
    let db = db();
    db.write(|tx| {
        tx.collection::<Person>()?
            .load((1..=3).map(|id| person(id, "Rome")))
    })
    .unwrap();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    let mut begun = people.by(Person::BY_CITY).iter().unwrap();
    assert_eq!(begun.next().unwrap().unwrap().id, 1);
    let look = || {
        assert_eq!(people.get_owned(1).unwrap(), Some(person(1, "Rome")));
        assert_eq!(people.len().unwrap(), 3);
        assert_eq!(
            people.by(Person::BY_CITY).count("Rome"..="Rome").unwrap(),
            3
        );
        assert!(!people.by(Person::BY_CITY).contains("Oslo").unwrap());
        assert!(
            people
                .by(Person::BY_EMAIL)
                .get("4@example.org")
                .unwrap()
                .is_none()
        );
    };
    look();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.put(&person(1, "Oslo"))?;
        people.insert(&person(4, "Oslo"))?;
        people.remove(2)
    })
    .unwrap();
    look();
    db.write(|tx| tx.collection::<Person>()?.clear()).unwrap();
    look();
    db.write(|tx| tx.drop_collection::<Person>()).unwrap();
    look();
    assert!(
        begun
            .map(|person| person.unwrap().id.to_native())
            .eq([2, 3])
    );
    // A table that is opened only now is of the same snapshot.
    assert_eq!(people.by(Person::BY_TAGS).len().unwrap(), 6);
}

#[test]
fn f31_nobody_reads_what_is_not_committed_but_the_transaction_itself() {
    let db = db();
    db.write(|tx| tx.collection::<Person>()?.insert(&person(1, "Rome")))
        .unwrap();
    let other = db.clone();
    let seen_by_others = || {
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let tx = other.read().unwrap();
                let people = tx.collection::<Person>().unwrap();
                let rome = people.by(Person::BY_CITY).count("Rome"..="Rome").unwrap();
                (people.len().unwrap(), rome)
            });
            reader.join().unwrap()
        })
    };
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert(&person(2, "Rome"))?;
        people.update(1, |person| person.city = "Oslo".into())?;
        assert_eq!(people.by(Person::BY_CITY).count("Rome"..="Rome")?, 1);
        assert_eq!(people.by(Person::BY_CITY).count("Oslo"..="Oslo")?, 1);
        assert_eq!(
            people.get(2)?.expect("its own write").revision(),
            tx.revision()
        );
        assert_eq!(seen_by_others(), (1, 1));
        assert_eq!(db.read()?.collection::<Person>()?.len()?, 1);
        Ok(())
    })
    .unwrap();
    assert_eq!(seen_by_others(), (2, 1));
}

#[test]
fn f32_a_second_writer_waits_its_turn_and_a_reader_holds_nobody_up() {
    let db = db();
    db.write(|tx| tx.collection::<Note>()?.insert(&note("first")))
        .unwrap();
    let reader = db.read().unwrap();
    let events = Mutex::new(Vec::new());
    let (arrived, arrival) = channel();
    thread::scope(|scope| {
        let tx = db.begin_write().unwrap();
        let second = scope.spawn(|| {
            arrived.send(()).unwrap();
            db.write(|tx| {
                events.lock().unwrap().push("second");
                let mut notes = tx.collection::<Note>()?;
                assert_eq!(notes.len()?, 2);
                notes.insert(&note("third"))
            })
            .unwrap();
        });
        arrival.recv().unwrap();
        // Readers come and go while one writes and one waits.
        assert_eq!(
            db.read()
                .unwrap()
                .collection::<Note>()
                .unwrap()
                .len()
                .unwrap(),
            1
        );
        tx.collection::<Note>()
            .unwrap()
            .insert(&note("second"))
            .unwrap();
        events.lock().unwrap().push("first");
        tx.commit().unwrap();
        second.join().unwrap();
    });
    assert_eq!(*events.lock().unwrap(), ["first", "second"]);
    assert_eq!(reader.collection::<Note>().unwrap().len().unwrap(), 1);
    assert_eq!(
        db.read()
            .unwrap()
            .collection::<Note>()
            .unwrap()
            .len()
            .unwrap(),
        3
    );
}

/// A transaction that ended cannot be named any more: `commit` takes it. What is left is the
/// database that closed.
#[test]
fn f33_a_closed_database_gives_errors_and_no_panic() {
    let db = larder::Database::in_memory().unwrap();
    db.write(|tx| tx.collection::<Note>()?.insert(&note("a")))
        .unwrap();
    let other = db.clone();
    db.close().unwrap();
    assert!(other.read().unwrap_err().is(ErrorKind::Closed));
    assert!(other.write(|_| Ok(())).unwrap_err().is(ErrorKind::Closed));
    assert!(other.begin_write().unwrap_err().is(ErrorKind::Closed));
    assert!(other.check().unwrap_err().is(ErrorKind::Closed));
    assert!(
        other
            .register::<Person>()
            .unwrap_err()
            .is(ErrorKind::Closed)
    );
    other.close().unwrap();
}

#[test]
fn f35_automatic_keys_are_not_reused_after_the_newest_records_went() {
    let insert = |db: &larder::Database| {
        db.write(|tx| tx.collection::<Note>()?.insert(&note("a")))
            .expect("inserted")
    };
    let db = db();
    assert_eq!([insert(&db), insert(&db), insert(&db)], [1, 2, 3]);
    db.write(|tx| {
        let mut notes = tx.collection::<Note>()?;
        assert!(notes.remove(3)? && notes.remove(2)?);
        assert_eq!(notes.insert(&note("b"))?, 4);
        assert_eq!(notes.get(4)?.expect("inserted").id, 4);
        notes.remove(4)
    })
    .unwrap();
    let db = db.reopen();
    assert_eq!(insert(&db), 5);
    db.write(|tx| tx.collection::<Note>()?.clear()).unwrap();
    let db = db.reopen();
    assert_eq!(insert(&db), 6);
    // A key of one's own is taken as it is, and counts.
    let own = Note {
        id: 100,
        text: "own".into(),
    };
    assert_eq!(
        db.write(|tx| tx.collection::<Note>()?.insert(&own))
            .unwrap(),
        100
    );
    db.write(|tx| tx.collection::<Note>()?.remove(100)).unwrap();
    assert_eq!(insert(&db), 101);
    let put = Note {
        id: 200,
        text: "put".into(),
    };
    assert!(!db.write(|tx| tx.collection::<Note>()?.put(&put)).unwrap());
    assert_eq!(insert(&db), 201);
    let zero = db
        .write(|tx| tx.collection::<Note>()?.put(&note("zero")))
        .unwrap_err();
    assert!(zero.is(ErrorKind::Invalid), "{zero}");
    let loaded = db.write(|tx| {
        tx.collection::<Note>()?.load([
            note("x"),
            Note {
                id: 300,
                text: String::new(),
            },
            note("y"),
        ])
    });
    assert_eq!(loaded.unwrap(), 3);
    assert_eq!(insert(&db), 302);
}

/// Documented: a transaction that rolls back gives its keys back.
#[test]
fn f35_keys_of_a_transaction_that_rolled_back_may_be_assigned_again() {
    let db = db();
    let tx = db.begin_write().unwrap();
    assert_eq!(
        tx.collection::<Note>().unwrap().insert(&note("a")).unwrap(),
        1
    );
    tx.rollback();
    let id = db
        .write(|tx| tx.collection::<Note>()?.insert(&note("b")))
        .unwrap();
    assert_eq!(id, 1);
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<Note>()
            .unwrap()
            .get(1)
            .unwrap()
            .unwrap()
            .text,
        "b"
    );
}

/// The revision of a transaction that was rolled back was given to the next one, so that optimistic
/// locking took a record which nobody had seen for the one that was read.
#[test]
fn a_revision_that_was_rolled_back_is_not_that_of_a_later_commit() {
    let db = db();
    db.write(|tx| tx.collection::<Person>()?.insert(&person(1, "Rome")))
        .unwrap();
    let mut rolled_back = 0;
    let refused: Result<(), Refusal> = db.try_write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.put(&person(1, "Oslo"))?;
        rolled_back = people.get(1)?.expect("it was put").revision();
        Err(Refusal::Ours)
    });
    assert!(refused.is_err());
    let sequence = db.commit_sequence();
    let theirs = db.write(|tx| {
        tx.collection::<Person>()?.put(&person(1, "Bern"))?;
        Ok(tx.revision())
    });
    assert_eq!(
        db.commit_sequence(),
        sequence + 1,
        "commits are counted without gaps"
    );
    let error = db
        .write(|tx| {
            tx.collection::<Person>()?
                .replace_if(rolled_back, &person(1, "Oslo"))
        })
        .unwrap_err();
    assert!(error.is(ErrorKind::Conflict), "{error}");
    // Revisions are ahead of the sequence by now, and stay so in the file.
    let theirs = theirs.unwrap();
    let db = db.reopen();
    db.write(|tx| {
        assert!(tx.revision() > theirs);
        tx.collection::<Person>()?
            .replace_if(theirs, &person(1, "Oslo"))
    })
    .unwrap();
}
