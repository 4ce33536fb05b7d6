//! Indexes and versions: each reflects the current version, whatever lies in the table.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::{DocumentSchema, ErrorKind, MigrationEvent};

use crate::support::{builder, db, kind};

mod before {
    #[larder::part]
    pub struct Home {
        pub town: String,
        pub zip: u32,
    }

    #[larder::record(name = "people", index(by_town = (home.town), include = age), index(old = (age), when = age >= 18))]
    pub struct Person {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        pub age: u8,
        #[index]
        pub email: String,
        pub home: Home,
    }
}

/// Renames everything that an index goes by.
mod renamed {
    #[larder::part]
    pub struct Home {
        pub zip: u32,
        #[renamed(from = "town")]
        pub city: String,
    }

    #[larder::record(name = "people", version = 2, index(by_town = (place.city), include = years), index(old = (years), when = years >= 18))]
    pub struct Person {
        #[key]
        pub id: u64,
        #[renamed(from = "age")]
        pub years: u8,
        #[index(fold)]
        pub name: String,
        #[unique]
        pub email: String,
        #[renamed(from = "home")]
        pub place: Home,
    }
}

fn people(count: u64) -> Vec<before::Person> {
    (1..=count)
        .map(|id| before::Person {
            id,
            name: format!("Name {id}"),
            age: u8::try_from(10 + id).unwrap(),
            email: format!("{id}@example.org"),
            home: before::Home {
                town: ["Pula", "Rovinj"][usize::try_from(id % 2).unwrap()].to_owned(),
                zip: 52_100,
            },
        })
        .collect()
}

/// Scenario 38: indexes added, removed, turned unique, by the new version, of old records.
#[test]
fn an_index_is_kept_where_its_entries_are_and_built_where_not() {
    let db = db();
    db.write(|tx| tx.collection::<before::Person>()?.load(people(20)))
        .unwrap();
    let plan = db.migration_plan_for::<renamed::Person>().unwrap();
    // What is included lies under its names.
    assert_eq!(plan.built, ["by_name", "by_email", "by_town"]);
    assert_eq!(plan.dropped, ["by_name", "by_email", "by_town"]);
    db.register::<renamed::Person>().unwrap();
    let tx = db.read().unwrap();
    let people = tx.collection::<renamed::Person>().unwrap();
    assert_eq!(
        people.by(renamed::Person::OLD).range(..).unwrap().count(),
        13
    );
    assert_eq!(
        people
            .by(renamed::Person::OLD)
            .range(25..=25)
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        people
            .by(renamed::Person::BY_TOWN)
            .range("Pula"..="Pula")
            .unwrap()
            .count(),
        10
    );
    assert_eq!(
        people
            .by(renamed::Person::BY_NAME)
            .range("nAmE 7"..="nAmE 7")
            .unwrap()
            .count(),
        1
    );
    assert!(
        people
            .by(renamed::Person::BY_EMAIL)
            .get("7@example.org")
            .unwrap()
            .is_some()
    );
    let found = people
        .find(serde_json::json!({"place.city": "Pula", "years": {"$lt": 15}}))
        .unwrap();
    assert_eq!(found.count().unwrap(), 2);
}

#[test]
fn a_version_whose_index_cannot_be_does_not_come() {
    let db = db();
    db.write(|tx| {
        let mut all = tx.collection::<before::Person>()?;
        all.load(people(20))?;
        all.update(3, |person| person.email = "4@example.org".to_owned())
    })
    .unwrap();
    assert_eq!(kind(db.register::<renamed::Person>()), ErrorKind::Conflict);
    assert!(db.migration_history().unwrap().is_empty());
    let db = db.reopen_with(|builder| builder.register::<before::Person>());
    db.write(|tx| {
        let mut all = tx.collection::<before::Person>()?;
        assert_eq!(
            all.by(before::Person::BY_EMAIL)
                .range("4@example.org"..="4@example.org")?
                .count(),
            2
        );
        all.update(3, |person| person.email = "3@example.org".to_owned())
    })
    .unwrap();
    db.register::<renamed::Person>().unwrap();
    assert_eq!(
        db.migration_history().unwrap()[0].event,
        MigrationEvent::Registered
    );
}

#[test]
fn many_records_are_indexed_in_steps_and_a_version_that_is_coming_can_be_given_up() {
    #[larder::record(name = "things")]
    struct Thing {
        #[key]
        id: u64,
        number: u32,
    }
    #[larder::record(name = "things", version = 2)]
    struct Later {
        #[key]
        id: u64,
        #[index]
        number: u64,
    }
    let db = db();
    let things = |count| (0..count).map(|id| Thing { id, number: 7 });
    db.write(|tx| tx.collection::<Thing>()?.load(things(120_000)).map(drop))
        .unwrap();
    let sequence = db.read().map(|_| ()).ok();
    assert!(sequence.is_some());
    db.register::<Later>().unwrap();
    let tx = db.read().unwrap();
    let later = tx.collection::<Later>().unwrap();
    assert_eq!(later.by(Later::BY_NUMBER).len().unwrap(), 120_000);
    drop(later);
    drop(tx);
    assert_eq!(db.undo_migration::<Later>().unwrap(), 0);
    db.register::<Thing>().unwrap();
}

#[test]
fn an_index_over_what_was_removed_and_is_there_again_is_built_anew() {
    #[larder::record(name = "things")]
    struct First {
        #[key]
        id: u64,
        #[index]
        color: String,
        name: String,
    }
    #[larder::record(name = "things", version = 2)]
    struct Second {
        #[key]
        id: u64,
        #[renamed(from = "color")]
        paint: String,
        #[renamed(from = "name")]
        #[index]
        color: String,
    }
    let db = db();
    db.write(|tx| {
        tx.collection::<First>()?.insert(&First {
            id: 1,
            color: "red".to_owned(),
            name: "apple".to_owned(),
        })
    })
    .unwrap();
    db.register::<Second>().unwrap();
    let tx = db.read().unwrap();
    let things = tx.collection::<Second>().unwrap();
    assert_eq!(
        things
            .by(Second::BY_COLOR)
            .range("apple"..="apple")
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        things
            .by(Second::BY_COLOR)
            .range("red"..="red")
            .unwrap()
            .count(),
        0
    );
}

/// The build of its index was interrupted by a panic, so that the version was coming when the one before it was
/// undone: what was coming was stored again, over index tables that were gone.
#[test]
fn a_version_that_was_coming_is_gone_when_the_one_before_it_is_undone() {
    static PANICS: AtomicBool = AtomicBool::new(true);
    #[larder::record(name = "things")]
    struct First {
        #[key]
        id: u64,
        number: u32,
    }
    #[larder::record(name = "things", version = 2)]
    struct Second {
        #[key]
        id: u64,
        number: u64,
    }
    #[larder::record(name = "things", version = 3, from = Second)]
    struct Third {
        #[key]
        id: u64,
        #[index]
        name: String,
    }
    impl From<Second> for Third {
        fn from(before: Second) -> Self {
            let last = before.id == 59_999;
            assert!(!(last && PANICS.load(Ordering::Relaxed)), "a bug");
            Self {
                id: before.id,
                name: before.number.to_string(),
            }
        }
    }
    let db = db();
    let first = (0..60_000).map(|id| First { id, number: 7 });
    db.write(|tx| tx.collection::<First>()?.load(first).map(drop))
        .unwrap();
    db.register::<Second>().unwrap();
    let register = || db.register::<Third>();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(register)).is_err());
    db.undo_migration::<Second>().unwrap();
    crate::support::check(&db);
    // There is nothing to abandon, and so nothing to write.
    let next = || {
        db.write(|tx| Ok::<_, larder::Error>(tx.sequence()))
            .unwrap()
    };
    let sequence = next();
    db.register::<First>().unwrap();
    assert_eq!(next(), sequence);
    PANICS.store(false, Ordering::Relaxed);
    db.register::<Third>().unwrap();
    let tx = db.read().unwrap();
    let things = tx.collection::<Third>().unwrap();
    assert_eq!(things.by(Third::BY_NAME).len().unwrap(), 60_000);
}

/// Of two collections one cannot be brought to its later version: neither is, so that the program that was
/// can go on.
#[test]
fn later_versions_come_together_or_not_at_all() {
    #[larder::record(name = "ones")]
    struct One {
        #[key]
        id: u64,
    }
    #[larder::record(name = "twos")]
    struct Two {
        #[key]
        id: u64,
        number: u8,
    }
    #[larder::record(name = "ones", version = 2)]
    struct LaterOne {
        #[key]
        id: u64,
        #[default = 7]
        #[index]
        more: u8,
    }
    #[larder::record(name = "twos", version = 2)]
    struct LaterTwo {
        #[key]
        id: u64,
        #[unique]
        number: u8,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("both.larder");
    let open = || builder().register::<One>().register::<Two>().open(&path);
    let open_later = || {
        builder()
            .register::<LaterOne>()
            .register::<LaterTwo>()
            .register_documents(DocumentSchema::new("notes").step(2, |_| Ok(())))
            .open(&path)
    };
    let db = open().unwrap();
    db.write(|tx| {
        tx.collection::<One>()?.insert(&One { id: 1 })?;
        tx.documents("notes")?.put("a", serde_json::json!({}))?;
        let mut twos = tx.collection::<Two>()?;
        for id in 1..=2 {
            twos.insert(&Two { id, number: 1 })?;
        }
        Ok::<_, larder::Error>(())
    })
    .unwrap();
    db.close().unwrap();
    for _ in 0..2 {
        let error = open_later().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("twos"), "{error}");
        let db = open().unwrap();
        assert!(db.migration_history().unwrap().is_empty());
        db.write(|tx| tx.collection::<One>()?.put(&One { id: 1 }).map(drop))
            .unwrap();
        db.close().unwrap();
    }
    let db = open().unwrap();
    db.write(|tx| tx.collection::<Two>()?.update(2, |two| two.number = 2))
        .unwrap();
    db.close().unwrap();
    let db = open_later().unwrap();
    assert_eq!(db.migration_history().unwrap().len(), 3);
    assert!(db.check().unwrap().is_ok());
}
