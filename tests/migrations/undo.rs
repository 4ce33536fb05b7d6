//! The way back: what was lost is there again, what was written since is not lost.

use larder::{ErrorKind, MigrationEvent};

use super::cities::{first, found, second, third, v1, v2, v3, whole};
use crate::support::{TestDb, db, kind};

fn all_first(db: &TestDb, count: u64) {
    db.register::<v1::City>().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v1::City>().unwrap();
    for id in 1..=count {
        assert_eq!(cities.get_owned(id).unwrap(), Some(first(id)));
    }
    assert_eq!(
        cities
            .by(v1::City::BY_POP)
            .range(2000..=2000)
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_migration_is_undone_whether_it_was_lazy_or_eager() {
    for migrated in [0, 1, 2] {
        let db = db();
        found(&db, 8);
        db.register::<v2::City>().unwrap();
        match migrated {
            // Some lazily, by being written as they were.
            1 => {
                for id in [2, 3] {
                    db.write(|tx| tx.collection::<v2::City>()?.put(&second(id)).map(drop))
                        .unwrap();
                }
            }
            2 => assert_eq!(db.migrate().unwrap().records, 8),
            _ => {}
        }
        let rewritten = db.undo_migration::<v2::City>().unwrap();
        assert_eq!(rewritten, [0, 2, 8][migrated]);
        all_first(&db, 8);
        let last = db.migration_history().unwrap().pop().unwrap();
        assert_eq!(
            (last.event, last.from, last.to),
            (MigrationEvent::Undone, 2, 1)
        );
        // There and back again.
        db.register::<v2::City>().unwrap();
        db.migrate().unwrap();
        let db = db.reopen_with(|builder| builder.register::<v2::City>());
        assert_eq!(db.undo_migration::<v2::City>().unwrap(), 8);
        all_first(&db, 8);
    }
}

#[test]
fn what_was_written_since_is_converted_back_with_what_was_lost() {
    let db = db();
    found(&db, 4);
    db.register::<v2::City>().unwrap();
    db.migrate().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<v2::City>()?;
        cities.update(2, |city| {
            city.name = "Another name".to_owned();
            city.population = 99;
            city.zone = "is lost".to_owned();
            city.place.north = 9.25;
        })?;
        cities.remove(3).map(drop)
    })
    .unwrap();
    db.undo_migration::<v2::City>().unwrap();
    db.register::<v1::City>().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v1::City>().unwrap();
    let mut changed = first(2);
    changed.name = "Another name".to_owned();
    changed.pop = 99;
    changed.place.lat = 9.25;
    // Its sisters lost something within a list, and nobody has changed that list.
    assert_eq!(cities.get_owned(2).unwrap(), Some(changed));
    assert_eq!(cities.get_owned(3).unwrap(), None);
    assert_eq!(cities.get_owned(4).unwrap(), Some(first(4)));
}

#[test]
fn what_has_no_counterpart_stops_the_way_back_and_nothing_is_changed() {
    type Change = fn(&mut v2::City);
    let changes: [(Change, &str); 4] = [
        (|city| city.population = u64::MAX, "18446744073709551615"),
        (|city| city.kind = v2::Kind::Hamlet, "variant"),
        (|city| city.aliases.push("more".to_owned()), "2 elements"),
        (|city| city.place.north = 0.1, "0.1"),
    ];
    for (change, told) in changes {
        let db = db();
        found(&db, 3);
        db.register::<v2::City>().unwrap();
        db.migrate().unwrap();
        db.write(|tx| tx.collection::<v2::City>()?.update(3, change))
            .unwrap();
        let error = db.undo_migration::<v2::City>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotMigrated);
        let text = error.to_string();
        assert!(text.contains(told) && text.contains("\\x03"), "{text}");
        let tx = db.read().unwrap();
        let cities = tx.collection::<v2::City>().unwrap();
        assert_eq!(cities.get_owned(2).unwrap(), Some(second(2)));
        assert_eq!(
            cities
                .by(v2::City::BY_ZONE)
                .range("UTC"..="UTC")
                .unwrap()
                .count(),
            3
        );
    }
    // What was inserted since never had a mayor.
    let db = db();
    found(&db, 3);
    db.register::<v2::City>().unwrap();
    db.write(|tx| tx.collection::<v2::City>()?.insert(&second(9)))
        .unwrap();
    let error = db.undo_migration::<v2::City>().unwrap_err();
    assert!(error.to_string().contains("`mayor`"), "{error}");
}

#[test]
fn code_leads_back_with_what_was_before() {
    let db = db();
    db.register::<v2::City>().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<v2::City>()?;
        for id in 1..=3 {
            cities.insert(&second(id))?;
        }
        Ok::<_, larder::Error>(())
    })
    .unwrap();
    db.register::<v3::City>().unwrap();
    db.migrate().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<v3::City>()?;
        cities.update(2, |city| city.thousands = 50)?;
        cities.insert(&third(7))
    })
    .unwrap();
    assert_eq!(db.undo_migration::<v3::City>().unwrap(), 4);
    db.register::<v2::City>().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v2::City>().unwrap();
    assert_eq!(cities.get_owned(1).unwrap(), Some(second(1)));
    let changed = v2::City {
        population: 50_000,
        ..second(2)
    };
    assert_eq!(cities.get_owned(2).unwrap(), Some(changed));
    assert_eq!(cities.get_owned(7).unwrap().unwrap().zone, "back");
    drop(cities);
    drop(tx);
    assert_eq!(
        kind(db.undo_migration::<v3::City>()),
        ErrorKind::NotRegistered
    );
    assert_eq!(kind(db.undo_migration::<v2::City>()), ErrorKind::NotFound);
}

/// The last version was reached in one leap, and undone it is in one.
#[test]
fn a_leap_is_undone_in_one() {
    let db = db();
    found(&db, 6);
    db.register::<whole::City>().unwrap();
    db.migrate().unwrap();
    let db = db.reopen_with(|builder| builder.register::<whole::City>());
    assert_eq!(db.undo_migration::<whole::City>().unwrap(), 6);
    all_first(&db, 6);
}

#[test]
fn what_is_forgotten_does_not_come_back() {
    let db = db();
    found(&db, 5);
    db.register::<v2::City>().unwrap();
    db.migrate().unwrap();
    db.write(|tx| tx.collection::<v2::City>()?.remove(5).map(drop))
        .unwrap();
    // With the record went what it was.
    assert_eq!(db.forget_migration("cities").unwrap(), 4);
    assert_eq!(db.forget_migration("cities").unwrap(), 0);
    let last = db.migration_history().unwrap().pop().unwrap();
    assert_eq!((last.event, last.records), (MigrationEvent::Forgotten, 4));
    let error = db.undo_migration::<v2::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    assert!(error.to_string().contains("`mayor`"), "{error}");
    assert_eq!(kind(db.forget_migration("nothing")), ErrorKind::NotFound);
}

#[test]
fn a_cleared_collection_is_undone_as_an_empty_one() {
    let db = db();
    found(&db, 5);
    db.register::<v2::City>().unwrap();
    db.migrate().unwrap();
    db.write(|tx| tx.collection::<v2::City>()?.clear()).unwrap();
    assert_eq!(db.undo_migration::<v2::City>().unwrap(), 0);
    db.register::<v1::City>().unwrap();
    assert!(
        db.read()
            .unwrap()
            .collection::<v1::City>()
            .unwrap()
            .is_empty()
            .unwrap()
    );
}

/// What was lost on the way to the second version is kept for it, though the record was first rewritten under
/// the third.
#[test]
fn two_versions_are_undone_one_after_the_other() {
    #[larder::record(name = "words")]
    #[derive(Debug, PartialEq)]
    struct First {
        #[key]
        id: u64,
        name: String,
        mayor: String,
    }
    #[larder::record(name = "words", version = 2)]
    struct Second {
        #[key]
        id: u64,
        name: String,
    }
    #[larder::record(name = "words", version = 3)]
    struct Third {
        #[key]
        id: u64,
        name: String,
        #[default = 5]
        number: u32,
    }
    let db = db();
    let word = |name: &str| First {
        id: 2,
        name: name.to_owned(),
        mayor: "is kept".to_owned(),
    };
    db.write(|tx| tx.collection::<First>()?.insert(&word("name")))
        .unwrap();
    db.register::<Second>().unwrap();
    db.register::<Third>().unwrap();
    db.write(|tx| {
        tx.collection::<Third>()?
            .update(2, |third| third.name = "changed".to_owned())
    })
    .unwrap();
    db.undo_migration::<Third>().unwrap();
    db.register::<Second>().unwrap();
    db.undo_migration::<Second>().unwrap();
    db.register::<First>().unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<First>().unwrap().get_owned(2).unwrap(),
        Some(word("changed"))
    );
}

/// A record on which the code fails does not stand in the way once somebody has written another in its place.
#[test]
fn what_the_code_failed_on_is_not_brought_forward_to_go_back() {
    #[larder::record(name = "words")]
    struct First {
        #[key]
        id: u64,
        text: String,
    }
    #[larder::record(name = "words", version = 2, from = First, downgrade)]
    struct Second {
        #[key]
        id: u64,
        number: u64,
    }
    #[larder::record(name = "words", version = 3, from = Second, downgrade)]
    struct Third {
        #[key]
        id: u64,
        double: u64,
    }
    impl TryFrom<First> for Second {
        type Error = std::num::ParseIntError;
        fn try_from(first: First) -> Result<Self, Self::Error> {
            Ok(Self {
                id: first.id,
                number: first.text.parse()?,
            })
        }
    }
    impl From<Second> for Third {
        fn from(second: Second) -> Self {
            Self {
                id: second.id,
                double: second.number * 2,
            }
        }
    }
    impl larder::Downgrade<First> for Second {
        fn downgrade(self, _: Option<First>) -> Result<First, larder::BoxError> {
            Ok(First {
                id: self.id,
                text: self.number.to_string(),
            })
        }
    }
    impl larder::Downgrade<Second> for Third {
        fn downgrade(self, _: Option<Second>) -> Result<Second, larder::BoxError> {
            Ok(Second {
                id: self.id,
                number: self.double / 2,
            })
        }
    }
    for set_aside in [true, false] {
        let db = db();
        db.write(|tx| {
            let mut words = tx.collection::<First>()?;
            for (id, text) in [(1, "1"), (2, "two")] {
                words.insert(&First {
                    id,
                    text: text.to_owned(),
                })?;
            }
            Ok::<_, larder::Error>(())
        })
        .unwrap();
        if set_aside {
            let options = larder::CollectionOptions::new().set_aside();
            db.register_with::<Third>(options).unwrap();
        } else {
            db.register::<Third>().unwrap();
        }
        db.write(|tx| tx.collection::<Third>()?.put(&Third { id: 2, double: 8 }))
            .unwrap();
        db.undo_migration::<Third>().unwrap();
        let tx = db.read().unwrap();
        let words = tx.collection::<First>().unwrap();
        for (id, text) in [(1, "1"), (2, "4")] {
            assert_eq!(words.field(id, First::TEXT).unwrap().as_deref(), Some(text));
        }
    }
}

/// What a record had lost by its first step back was not kept for the second, where nothing had rewritten
/// it in between: it made a difference when a record was migrated.
#[test]
fn two_steps_back_give_what_the_first_version_had() {
    for migrated in [false, true] {
        let db = db();
        found(&db, 3);
        db.register::<v2::City>().unwrap();
        if migrated {
            db.migrate().unwrap();
        }
        db.register::<v3::City>().unwrap();
        db.write(|tx| {
            let mut cities = tx.collection::<v3::City>()?;
            cities.update(2, |city| city.thousands = 50)
        })
        .unwrap();
        db.undo_migration::<v3::City>().unwrap();
        db.register::<v2::City>().unwrap();
        let db = db.reopen_with(|builder| builder.register::<v2::City>());
        db.undo_migration::<v2::City>().unwrap();
        db.register::<v1::City>().unwrap();
        let tx = db.read().unwrap();
        let cities = tx.collection::<v1::City>().unwrap();
        for id in 1..=3 {
            let mut city = first(id);
            if id == 2 {
                city.pop = 50_000;
            }
            assert_eq!(
                cities.get_owned(id).unwrap(),
                Some(city),
                "migrated: {migrated}"
            );
        }
    }
}

/// What was removed from a part in an option is there again, though the rest of the part was changed.
#[test]
fn what_was_removed_within_an_option_comes_back() {
    mod before {
        #[larder::part]
        #[derive(Clone, Debug, PartialEq)]
        pub struct Home {
            pub street: String,
            pub gone: String,
        }
        #[larder::record(name = "people")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct Person {
            #[key]
            pub id: u64,
            pub home: Option<Home>,
            pub work: Home,
        }
    }
    mod after {
        #[larder::part]
        pub struct Home {
            pub number: Option<u8>,
            pub street: String,
        }
        #[larder::record(name = "people", version = 2)]
        pub struct Person {
            #[key]
            pub id: u64,
            pub home: Option<Home>,
            #[renamed(from = "work")]
            pub office: Option<Home>,
        }
    }
    let home = |street: &str| before::Home {
        street: street.to_owned(),
        gone: format!("is kept of {street}"),
    };
    let person = |id: u64, has: bool| before::Person {
        id,
        home: has.then(|| home("Main Street")),
        work: home("Market Square"),
    };
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<before::Person>()?;
        people.insert(&person(1, true))?;
        people.insert(&person(2, false))
    })
    .unwrap();
    db.register::<after::Person>().unwrap();
    db.migrate().unwrap();
    db.write(|tx| {
        let mut people = tx.collection::<after::Person>()?;
        for id in 1..=2 {
            people.update(id, |person| {
                if let Some(home) = &mut person.home {
                    home.street = "Another Street".to_owned();
                }
                if let Some(office) = &mut person.office {
                    office.street = "Another Square".to_owned();
                }
            })?;
        }
        Ok::<_, larder::Error>(())
    })
    .unwrap();
    db.undo_migration::<after::Person>().unwrap();
    {
        let tx = db.read().unwrap();
        let people = tx.collection::<before::Person>().unwrap();
        for (id, has) in [(1, true), (2, false)] {
            let mut person = person(id, has);
            if let Some(home) = &mut person.home {
                home.street = "Another Street".to_owned();
            }
            person.work.street = "Another Square".to_owned();
            assert_eq!(people.get_owned(id).unwrap(), Some(person));
        }
    }
    // One that is there only since has nothing that could come back, and the error names what it lacks.
    db.register::<after::Person>().unwrap();
    db.write(|tx| {
        tx.collection::<after::Person>()?.update(2, |person| {
            person.home = Some(after::Home {
                number: None,
                street: "New Street".to_owned(),
            });
        })
    })
    .unwrap();
    let error = db.undo_migration::<after::Person>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    assert!(error.to_string().contains("`home.gone`"), "{error}");
}
