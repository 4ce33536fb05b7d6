//! What takes code: steps of both kinds in one row, releases that were skipped, and records on which the code
//! fails.

use larder::{CollectionOptions, Error, ErrorKind, Migration, MigrationEvent};
use serde_json::json;

use super::cities::{first, found, second, third, v1, v2, v3, v4, whole};
use crate::support::{db, kind};

fn fourth(id: u64) -> whole::City {
    third(id).into()
}

/// Scenario 37: a program that knows all versions opens the first one.
#[test]
fn the_first_version_becomes_the_last_through_all_between() {
    let db = db();
    found(&db, 12);
    db.register::<whole::City>().unwrap();
    let read = |tx: &dyn Fn(u64) -> Option<whole::City>| {
        for id in 1..=12 {
            assert_eq!(tx(id), Some(fourth(id)));
        }
    };
    let get = |id| {
        let tx = db.read().unwrap();
        let cities = tx.collection::<whole::City>().unwrap();
        let by_tag = cities.by(whole::City::BY_TAG);
        let same = by_tag.get(fourth(id).tag.as_str()).unwrap().unwrap();
        assert_eq!(same.id.to_native(), id);
        cities.get_owned(id).unwrap()
    };
    read(&get);
    assert_eq!(db.migrate().unwrap().records, 12);
    read(&get);
    // What was passed through was no version of the collection.
    let history = db.migration_history().unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|e| (e.event, e.from, e.to, e.records))
        .collect();
    assert_eq!(
        told,
        [
            (MigrationEvent::Registered, 1, 4, 12),
            (MigrationEvent::Migrated, 1, 4, 12)
        ]
    );
}

/// Records of every version lie side by side, and each reads as the last.
#[test]
fn records_of_four_versions_lie_side_by_side() {
    let db = db();
    found(&db, 3);
    db.register::<v2::City>().unwrap();
    db.write(|tx| tx.collection::<v2::City>()?.insert(&second(4)))
        .unwrap();
    db.register::<v3::City>().unwrap();
    db.write(|tx| tx.collection::<v3::City>()?.insert(&third(5)))
        .unwrap();
    assert_eq!(
        kind(db.read().unwrap().collection::<v4::City>()),
        ErrorKind::NotRegistered
    );
    // The last version by itself has no code for the first two.
    let error = db.register::<v4::City>();
    assert!(error.is_ok(), "{error:?}");
    let db = db.reopen_with(|builder| builder);
    let error = db.register::<v4::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    assert!(error.to_string().contains("version 2"), "{error}");
    assert_eq!(
        kind(db.migration_plan_for::<v4::City>()),
        ErrorKind::SchemaChanged
    );
    let tx = db.read().unwrap();
    let cities = tx.records("cities").unwrap().unwrap();
    let versions: Vec<u32> = cities
        .iter()
        .unwrap()
        .map(|city| city.unwrap().version())
        .collect();
    assert_eq!(versions, [1, 1, 1, 2, 4]);
    let first = cities.iter().unwrap().next().unwrap().unwrap();
    assert_eq!(first.to_value().unwrap()["mayor"], "Mayor 1");
    assert_eq!(
        kind(cities.find(json!({"thousands": 1})).unwrap().count()),
        ErrorKind::NotRegistered
    );
    drop(first);
    drop(cities);
    drop(tx);
    let report = db.migrate().unwrap();
    assert_eq!(report.unregistered, ["cities"]);
    assert_eq!(report.records, 0);

    #[larder::record(name = "cities", version = 5, from = whole::City)]
    struct Last {
        #[key]
        id: u64,
        tag: String,
    }
    impl From<whole::City> for Last {
        fn from(city: whole::City) -> Self {
            Self {
                id: city.id,
                tag: city.tag,
            }
        }
    }
    db.register::<Last>().unwrap();
    let read = || {
        let tx = db.read().unwrap();
        let cities = tx.collection::<Last>().unwrap();
        for id in 1..=5 {
            assert_eq!(cities.get_owned(id).unwrap().unwrap().tag, third(id).slug);
        }
    };
    read();
    assert_eq!(db.migrate().unwrap().records, 5);
    read();
    // Nothing needs the code any more.
    let db = db.reopen();
    #[larder::record(name = "cities", version = 5)]
    struct Bare {
        #[key]
        id: u64,
        tag: String,
    }
    db.register::<Bare>().unwrap();
    let tx = db.read().unwrap();
    assert_eq!(tx.collection::<Bare>().unwrap().iter().unwrap().count(), 5);
}

fn with_a_nameless_city() -> crate::support::TestDb {
    let db = db();
    found(&db, 6);
    db.write(|tx| {
        tx.collection::<v1::City>()?.put(&v1::City {
            name: String::new(),
            ..first(4)
        })
    })
    .unwrap();
    db
}

#[test]
fn a_record_on_which_the_code_fails_is_named_and_nothing_is_changed() {
    let db = with_a_nameless_city();
    let error = db.register::<v3::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    let text = error.to_string();
    assert!(text.contains("cities") && text.contains("\\x04"), "{text}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it has no name");
    // The program that was goes on.
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<v1::City>().unwrap().iter().unwrap().count(),
        6
    );
    drop(tx);
    db.write(|tx| {
        tx.collection::<v1::City>()?
            .update(4, |city| city.name = "Four".to_owned())
    })
    .unwrap();
    assert!(db.migration_history().unwrap().is_empty());
    db.register::<v3::City>().unwrap();
    assert_eq!(db.migrate().unwrap().records, 6);
}

#[test]
fn a_record_on_which_the_code_fails_is_set_aside_and_can_be_put_back() {
    let db = with_a_nameless_city();
    let before = first(4);
    db.register_with::<v3::City>(CollectionOptions::new().set_aside())
        .unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v3::City>().unwrap();
    assert_eq!(cities.len().unwrap(), 5);
    let aside = tx.documents("cities.quarantine").unwrap();
    let all = aside.find(json!({})).unwrap();
    let document = all.first().unwrap().unwrap().to_value().unwrap();
    drop(all);
    assert_eq!(document["_id"], "0000000000000004");
    assert_eq!(document["version"], 1);
    assert_eq!(document["record"]["mayor"], before.mayor);
    assert!(
        document["error"]
            .as_str()
            .unwrap()
            .ends_with(" to 3: it has no name"),
        "{document}"
    );
    drop(cities);
    drop(aside);
    drop(tx);
    let last = db.migration_history().unwrap().pop().unwrap();
    assert_eq!((last.records, last.set_aside), (5, 1));
    assert_eq!(db.undo_migration::<v3::City>().unwrap(), 6);
    let tx = db.read().unwrap();
    assert_eq!(tx.documents("cities.quarantine").unwrap().len().unwrap(), 0);
    drop(tx);
    db.register::<v1::City>().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v1::City>().unwrap();
    for id in 1..=6 {
        let mut city = first(id);
        if id == 4 {
            city.name = String::new();
        }
        assert_eq!(cities.get_owned(id).unwrap().unwrap(), city);
    }
}

/// Without indexes nothing is looked at when a version is registered, and each record fails by itself.
#[test]
fn without_indexes_a_failing_record_is_an_error_by_itself() {
    #[larder::record(name = "words")]
    struct Word {
        #[key]
        id: u64,
        text: String,
    }
    #[larder::record(name = "words", version = 2, from = Word)]
    #[derive(Debug)]
    struct Number {
        #[key]
        id: u64,
        number: u32,
    }
    impl TryFrom<Word> for Number {
        type Error = std::num::ParseIntError;
        fn try_from(word: Word) -> Result<Self, Self::Error> {
            // The key cannot change.
            let id = if word.text == "7" { 8 } else { word.id };
            Ok(Self {
                id,
                number: word.text.parse()?,
            })
        }
    }
    let db = db();
    db.write(|tx| {
        let mut words = tx.collection::<Word>()?;
        for (id, text) in ["1", "two", "3", "four", "7"].iter().enumerate() {
            words.insert(&Word {
                id: id as u64,
                text: (*text).to_owned(),
            })?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    db.register::<Number>().unwrap();
    let tx = db.read().unwrap();
    let numbers = tx.collection::<Number>().unwrap();
    assert_eq!(numbers.field(0, Number::NUMBER).unwrap(), Some(1));
    let error = numbers.get(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("invalid digit")
    );
    let changed_key = numbers.get(4).unwrap_err();
    assert_eq!(changed_key.kind(), ErrorKind::NotMigrated);
    assert!(changed_key.to_string().contains("key"), "{changed_key}");
    let good = numbers.iter().unwrap().filter(Result::is_ok).count();
    assert_eq!(good, 2);
    drop(numbers);
    drop(tx);
    // It stops at the first, names it, and what was before it stays.
    let error = db.migrate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMigrated);
    // Such a record can be overwritten and removed.
    db.write(|tx| {
        let mut numbers = tx.collection::<Number>()?;
        numbers.put(&Number { id: 1, number: 2 })?;
        assert!(numbers.remove(3)?);
        Ok::<_, Error>(())
    })
    .unwrap();
    let report = db.migrate_with(Migration::new().set_aside()).unwrap();
    assert_eq!((report.records, report.set_aside), (2, 1));
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<Number>().unwrap().iter().unwrap().count(),
        3
    );
}

#[test]
fn code_for_another_record_than_the_stored_one_is_refused() {
    #[larder::record(name = "cities", version = 1)]
    struct Other {
        #[key]
        id: u64,
        name: String,
    }
    #[larder::record(name = "cities", version = 2, from = Other)]
    struct Later {
        #[key]
        id: u64,
        name: String,
        size: u8,
    }
    impl From<Other> for Later {
        fn from(other: Other) -> Self {
            Self {
                id: other.id,
                name: other.name,
                size: 0,
            }
        }
    }
    let db = db();
    found(&db, 2);
    let error = db.register::<Later>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    assert!(
        error.to_string().contains("`mayor: String` is gone"),
        "{error}"
    );
    assert!(db.read().unwrap().collection::<v1::City>().is_ok());
}

/// Where nothing can be set aside, nothing is registered.
#[test]
fn a_quarantine_that_cannot_be_is_refused_first() {
    #[larder::record(name = "w.quarantine")]
    struct Taken {
        #[key]
        id: u64,
    }
    #[larder::record(name = "w")]
    struct Before {
        #[key]
        id: u64,
        text: String,
    }
    #[larder::record(name = "w", version = 2, from = Before)]
    struct After {
        #[key]
        id: u64,
        number: u64,
    }
    impl TryFrom<Before> for After {
        type Error = std::num::ParseIntError;
        fn try_from(before: Before) -> Result<Self, Self::Error> {
            Ok(Self {
                id: before.id,
                number: before.text.parse()?,
            })
        }
    }
    let db = db();
    db.register::<Taken>().unwrap();
    let bad = Before {
        id: 1,
        text: "one".to_owned(),
    };
    db.write(|tx| tx.collection::<Before>()?.insert(&bad))
        .unwrap();
    let error = db
        .register_with::<After>(CollectionOptions::new().set_aside())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("w.quarantine"), "{error}");
    assert!(db.migration_history().unwrap().is_empty());
    db.register::<Before>().unwrap();
}

/// What a choice of one call does not say stays as it is.
#[test]
fn setting_aside_does_not_change_what_is_compressed() {
    #[larder::record(name = "texts")]
    struct Text {
        #[key]
        id: u64,
        text: String,
    }
    #[larder::record(name = "texts", version = 2)]
    struct Later {
        #[key]
        id: u64,
        text: String,
        more: Option<u8>,
    }
    let directory = tempfile::tempdir().unwrap();
    let db = crate::support::builder()
        .open(directory.path().join("a.larder"))
        .unwrap();
    let options = CollectionOptions::new();
    db.register_with::<Text>(options.compress_above(100))
        .unwrap();
    let text = "so many words, ".repeat(10_000);
    db.register_with::<Later>(options.set_aside()).unwrap();
    db.write(|tx| {
        let mut texts = tx.collection::<Later>()?;
        for id in 0..50 {
            texts.insert(&Later {
                id,
                text: text.clone(),
                more: None,
            })?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    db.close().unwrap();
    let size = std::fs::metadata(directory.path().join("a.larder"))
        .unwrap()
        .len();
    assert!(size < 2_000_000, "{size}");
}

/// A program that needs no code any more can go on and back without it.
#[test]
fn code_that_nothing_needs_can_be_given_up() {
    #[larder::record(name = "words")]
    struct First {
        #[key]
        id: u64,
        text: String,
    }
    #[larder::record(name = "words", version = 2, from = First)]
    struct Second {
        #[key]
        id: u64,
        number: u64,
        note: String,
    }
    impl TryFrom<First> for Second {
        type Error = std::num::ParseIntError;
        fn try_from(first: First) -> Result<Self, Self::Error> {
            Ok(Self {
                id: first.id,
                number: first.text.parse()?,
                note: "a note".to_owned(),
            })
        }
    }
    #[larder::record(name = "words", version = 2)]
    struct BareSecond {
        #[key]
        id: u64,
        number: u64,
        note: String,
    }
    #[larder::record(name = "words", version = 3)]
    struct Third {
        #[key]
        id: u64,
        number: u64,
        #[default]
        more: u8,
    }
    let fill = |db: &larder::Database| {
        db.write(|tx| {
            let mut words = tx.collection::<First>()?;
            for id in 1..=3 {
                words.insert(&First {
                    id,
                    text: id.to_string(),
                })?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    };
    let db = db();
    fill(&db);
    db.register::<Second>().unwrap();
    db.migrate().unwrap();
    let db = db.reopen();
    db.register::<Third>().unwrap();
    db.migrate().unwrap();
    assert_eq!(db.undo_migration::<Third>().unwrap(), 3);
    let db = db.reopen();
    db.register::<BareSecond>().unwrap();
    db.register::<Third>().unwrap();
    let report = db.migrate().unwrap();
    assert_eq!((report.records, report.unregistered.len()), (3, 0));
    db.write(|tx| {
        tx.collection::<Third>()?
            .update(2, |third| third.number = 5)
    })
    .unwrap();
    assert_eq!(db.undo_migration::<Third>().unwrap(), 3);
    let db = db.reopen();
    db.register::<BareSecond>().unwrap();
    let tx = db.read().unwrap();
    let words = tx.collection::<BareSecond>().unwrap();
    assert_eq!(words.field(2, BareSecond::NUMBER).unwrap(), Some(5));
    assert_eq!(
        words.field(2, BareSecond::NOTE).unwrap().as_deref(),
        Some("a note")
    );
}
