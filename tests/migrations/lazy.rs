//! What needs no code: an old record reads as a new one would, through every door, before and after it is
//! rewritten.

use std::ops::ControlFlow;

use larder::{Error, ErrorKind, Migration, Readable};
use serde_json::json;

use super::cities::{found, second, v1, v2};
use crate::support::{db, db_with, kind};

fn reads_as_second(tx: &impl Readable, count: u64) {
    let cities = tx.collection::<v2::City>().unwrap();
    for id in 1..=count {
        assert_eq!(cities.get_owned(id).unwrap().unwrap(), second(id));
        let view = cities.get(id).unwrap().unwrap();
        assert_eq!(view.population.to_native(), id * 1000);
        assert_eq!(view.place.height.to_native(), -1);
        assert_eq!(
            cities.field(id, v2::City::ZONE).unwrap().as_deref(),
            Some("UTC")
        );
        let json = cities.get_json(id).unwrap().unwrap();
        assert_eq!(json["aliases"], json!([format!("alias {id}")]));
        assert!(json.get("mayor").is_none());
    }
    let all: Vec<v2::City> = cities
        .iter()
        .unwrap()
        .map(|city| city.unwrap().to_owned().unwrap())
        .collect();
    assert_eq!(all, (1..=count).map(second).collect::<Vec<_>>());
    // By indexes that were rebuilt (other bytes of the key), and that are new.
    for id in 1..=count {
        let found: Vec<u64> = cities
            .by(v2::City::BY_POPULATION)
            .range(id * 1000..=id * 1000)
            .unwrap()
            .map(|city| city.unwrap().id.to_native())
            .collect();
        assert_eq!(found, [id]);
    }
    let zone = cities.by(v2::City::BY_ZONE).range("UTC"..="UTC").unwrap();
    assert_eq!(zone.count() as u64, count);
    let name = cities.find(json!({"name": "City number 2"})).unwrap();
    assert!(name.explain().unwrap().to_string().contains("by_name"));
    assert_eq!(name.count().unwrap(), 1);
    // By filters and sorts over fields that are renamed, widened and nested.
    let scanned = cities
        .find(json!({"place.north": {"$gte": 3.5}, "kind": "Town"}))
        .unwrap()
        .sort("-place.north")
        .unwrap();
    let ids: Vec<u64> = scanned
        .iter()
        .unwrap()
        .map(|city| city.unwrap().id.to_native())
        .collect();
    let expected: Vec<u64> = (3..=count).filter(|id| id % 2 == 0).rev().collect();
    assert_eq!(ids, expected);
    let parallel = cities
        .find(json!({"aliases": {"$size": 1}}))
        .unwrap()
        .parallel();
    assert_eq!(parallel.count().unwrap(), count);
}

/// Scenario 36, and more: renamed, and carried over.
#[test]
fn an_old_record_reads_as_a_new_one_before_and_after_it_is_rewritten() {
    let db = db();
    found(&db, 20);
    db.register::<v2::City>().unwrap();
    reads_as_second(&db.read().unwrap(), 20);
    db.write(|tx| {
        reads_as_second(tx, 20);
        Ok::<_, Error>(())
    })
    .unwrap();
    let report = db.migrate().unwrap();
    assert_eq!((report.records, report.set_aside), (20, 0));
    assert!(!report.cancelled && report.unregistered.is_empty());
    reads_as_second(&db.read().unwrap(), 20);
    assert_eq!(db.migrate().unwrap().records, 0);
    let db = db.reopen_with(|builder| builder.register::<v2::City>());
    reads_as_second(&db.read().unwrap(), 20);
}

#[test]
fn what_is_written_lazily_keeps_every_index_right() {
    let db = db();
    found(&db, 20);
    db.register::<v2::City>().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<v2::City>()?;
        cities.update(3, |city| city.population = 77)?;
        cities.put(&v2::City {
            zone: "CET".to_owned(),
            ..second(4)
        })?;
        assert!(cities.remove(5)?);
        assert_eq!(cities.take(6)?.unwrap(), second(6));
        let removed = cities.retain(|city| city.id.to_native() != 7)?;
        assert_eq!(removed, 1);
        Ok::<_, Error>(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<v2::City>().unwrap();
    assert_eq!(cities.len().unwrap(), 17);
    assert_eq!(
        cities
            .by(v2::City::BY_POPULATION)
            .range(77..=77)
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        cities
            .by(v2::City::BY_POPULATION)
            .range(3000..=7000)
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        cities
            .by(v2::City::BY_ZONE)
            .range("CET"..="CET")
            .unwrap()
            .count(),
        1
    );
    drop(cities);
    drop(tx);
    let changed = db
        .write(|tx| {
            let cities = tx.collection::<v2::City>()?;
            let ids = cities.find(json!({"zone": "UTC"}))?.count()?;
            Ok::<_, Error>(ids)
        })
        .unwrap();
    assert_eq!(changed, 16);
    assert_eq!(db.migrate().unwrap().records, 15);
    // The check of the database, which compares all indexes, comes when it is dropped.
}

#[test]
fn a_revision_survives_a_migration() {
    let db = db();
    found(&db, 3);
    let old = {
        let tx = db.read().unwrap();
        let cities = tx.collection::<v1::City>().unwrap();
        cities.get(2).unwrap().unwrap().revision()
    };
    db.register::<v2::City>().unwrap();
    db.migrate().unwrap();
    let revision = |id: u64| {
        let tx = db.read().unwrap();
        let cities = tx.collection::<v2::City>().unwrap();
        cities.get(id).unwrap().unwrap().revision()
    };
    assert_eq!(revision(2), old);
    db.write(|tx| tx.collection::<v2::City>()?.replace_if(old, &second(2)))
        .unwrap();
    assert!(revision(2) > old);
}

#[test]
fn progress_is_told_and_a_cancelled_migration_goes_on_where_it_was() {
    let db = db_with(|builder| builder.log_size(1 << 16));
    #[larder::record(name = "things")]
    struct Thing {
        #[key]
        id: u64,
        number: u8,
    }
    #[larder::record(name = "things", version = 2)]
    struct Later {
        #[key]
        id: u64,
        number: u16,
    }
    db.write(|tx| {
        let things = (0..120_000).map(|id| Thing { id, number: 7 });
        tx.collection::<Thing>()?.load(things).map(drop)
    })
    .unwrap();
    db.register::<Later>().unwrap();
    let mut told = Vec::new();
    let report = db
        .migrate_with(Migration::new().on_progress(|progress| {
            told.push((progress.seen, progress.migrated, progress.records));
            ControlFlow::Break(())
        }))
        .unwrap();
    assert!(report.cancelled);
    assert_eq!(told, [(50_000, 50_000, 120_000)]);
    // Whatever was written meanwhile is passed over.
    db.write(|tx| {
        let mut things = tx.collection::<Later>()?;
        things.insert(&Later {
            id: 200_000,
            number: 1,
        })?;
        things.update(60_000, |thing| thing.number = 1000)
    })
    .unwrap();
    let db = db.reopen_with(|builder| builder.register::<Later>());
    told.clear();
    let report = db
        .migrate_with(
            Migration::new()
                .collection("things")
                .on_progress(|progress| {
                    told.push((progress.seen, progress.migrated, progress.records));
                    ControlFlow::Continue(())
                }),
        )
        .unwrap();
    assert_eq!(report.records, 69_999);
    assert_eq!(
        told,
        [(100_000, 99_999, 120_001), (120_001, 119_999, 120_001)]
    );
    let tx = db.read().unwrap();
    let things = tx.collection::<Later>().unwrap();
    assert_eq!(things.field(60_000, Later::NUMBER).unwrap(), Some(1000));
    assert_eq!(things.field(119_999, Later::NUMBER).unwrap(), Some(7));
    let error = db.migrate_with(Migration::new().collection("nothing"));
    assert_eq!(kind(error), ErrorKind::NotFound);
}

/// Scenario 40: a field takes the name of another one, which goes; nulls, depth and all of Unicode survive.
#[test]
fn a_name_that_is_taken_nulls_depth_and_unicode_survive() {
    mod before {
        #[larder::part]
        pub struct Inner {
            pub deep: Vec<Vec<Option<String>>>,
        }
        #[larder::record(name = "notes")]
        pub struct Note {
            #[key]
            pub key: String,
            pub old: Option<String>,
            pub new: String,
            pub inner: Option<Inner>,
            pub one: u8,
            pub two: u8,
        }
    }
    mod after {
        #[larder::part]
        #[derive(Debug, PartialEq)]
        pub struct Inner {
            pub more: Option<bool>,
            #[renamed(from = "deep")]
            pub deeper: Vec<Vec<Option<String>>>,
        }
        #[larder::record(name = "notes", version = 2)]
        #[derive(Debug, PartialEq)]
        pub struct Note {
            #[key]
            #[renamed(from = "key")]
            pub id: String,
            #[renamed(from = "old")]
            pub new: Option<String>,
            pub inner: Option<Inner>,
            // They change places.
            #[renamed(from = "two")]
            pub one: u8,
            #[renamed(from = "one")]
            pub two: u8,
        }
    }
    let db = db();
    let text = "\u{0}\u{7f} z\u{e4}hl \u{1f9c5} \u{10ffff} e\u{301}";
    db.write(|tx| {
        let mut notes = tx.collection::<before::Note>()?;
        notes.insert(&before::Note {
            key: text.to_owned(),
            old: None,
            new: "is lost".to_owned(),
            inner: Some(before::Inner {
                deep: vec![vec![], vec![None, Some(text.to_owned())]],
            }),
            one: 1,
            two: 2,
        })?;
        notes.insert(&before::Note {
            key: String::new(),
            old: Some(text.to_owned()),
            new: text.to_owned(),
            inner: None,
            one: 1,
            two: 2,
        })
    })
    .unwrap();
    db.register::<after::Note>().unwrap();
    let read = || {
        let tx = db.read().unwrap();
        let notes = tx.collection::<after::Note>().unwrap();
        assert_eq!(
            notes.get_owned(text).unwrap().unwrap(),
            after::Note {
                id: text.to_owned(),
                new: None,
                inner: Some(after::Inner {
                    more: None,
                    deeper: vec![vec![], vec![None, Some(text.to_owned())]],
                }),
                one: 2,
                two: 1,
            }
        );
        let empty = notes.get_owned("").unwrap().unwrap();
        assert_eq!(empty.new.as_deref(), Some(text));
        assert_eq!(empty.inner, None);
    };
    read();
    assert_eq!(db.migrate().unwrap().records, 2);
    read();
}

#[test]
fn compressed_records_are_brought_and_compressed_again() {
    let db = db();
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
        #[default = 5]
        more: u32,
        text: String,
    }
    let options = larder::CollectionOptions::new().compress_above(100);
    db.register_with::<Text>(options).unwrap();
    let text = "so many words, ".repeat(1000);
    db.write(|tx| {
        let mut texts = tx.collection::<Text>()?;
        texts.insert(&Text {
            id: 1,
            text: text.clone(),
        })?;
        texts.insert(&Text {
            id: 2,
            text: "short".to_owned(),
        })
    })
    .unwrap();
    db.register::<Later>().unwrap();
    for _ in 0..2 {
        let tx = db.read().unwrap();
        let texts = tx.collection::<Later>().unwrap();
        let long = texts.get_owned(1).unwrap().unwrap();
        assert_eq!((long.more, long.text == text), (5, true));
        assert_eq!(texts.field(2, Later::MORE).unwrap(), Some(5));
        db.migrate().unwrap();
    }
}
