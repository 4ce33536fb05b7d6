//! A declaration meets what is stored: indexes come, go and change; records do not change shape.

use larder::{CollectionMut, CollectionOptions, Database, ErrorKind, Readable, record};

use crate::support::{check, db, db_with};

/// The same collection as different programs declare it.
mod plain {
    #[larder::record(name = "cities")]
    #[derive(Debug)]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

mod indexed {
    #[larder::record(name = "cities", index(by_place = (country, population)))]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

mod changed {
    #[larder::record(name = "cities", index(by_place = (country, desc(population))))]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

mod other_shape {
    #[larder::record(name = "cities")]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: Option<String>,
        pub population: u32,
        pub mayor: String,
    }
}

mod other_key {
    #[larder::record(name = "cities")]
    pub struct City {
        #[key]
        pub id: u32,
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

mod newer {
    #[larder::record(name = "cities", version = 2)]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

fn fill(db: &Database, count: u32) {
    db.write(|tx| {
        tx.collection::<plain::City>()?
            .load((0..count).map(|i| plain::City {
                id: u64::from(i),
                name: format!("city {i}"),
                country: ["FR", "DE", "IT"][i as usize % 3].into(),
                population: i * 7919 % 1000,
            }))
    })
    .unwrap();
}

/// Ids by the compound index.
fn by_place(db: &Database) -> Vec<u64> {
    let tx = db.read().unwrap();
    let cities = tx.collection::<indexed::City>().unwrap();
    let found = cities.by(indexed::City::BY_PLACE).iter().unwrap();
    found.map(|city| city.unwrap().id.to_native()).collect()
}

#[test]
fn new_indexes_are_built_changed_ones_rebuilt_and_gone_ones_dropped() {
    let db = db();
    fill(&db, 2000);
    db.register::<indexed::City>().unwrap();
    check(&db);
    let mut expected: Vec<(&str, u32, u64)> = (0..2000_u32)
        .map(|i| {
            (
                ["FR", "DE", "IT"][i as usize % 3],
                i * 7919 % 1000,
                u64::from(i),
            )
        })
        .collect();
    expected.sort_unstable();
    assert!(
        by_place(&db)
            .into_iter()
            .eq(expected.into_iter().map(|(_, _, id)| id))
    );

    let db = db.reopen();
    let sequence = db.commit_sequence();
    db.register::<indexed::City>().unwrap();
    assert_eq!(
        db.commit_sequence(),
        sequence,
        "there was nothing to do, and something was written"
    );

    db.register::<changed::City>().unwrap();
    let db = db.reopen();
    {
        let tx = db.read().unwrap();
        let cities = tx.collection::<changed::City>().unwrap();
        let first = cities
            .by(changed::City::BY_PLACE)
            .prefix(("DE",))
            .unwrap()
            .next();
        let largest = (0..2000_u32)
            .filter(|i| i % 3 == 1)
            .map(|i| i * 7919 % 1000)
            .max();
        assert_eq!(first.unwrap().unwrap().population, largest.unwrap());
        assert_eq!(
            cities
                .by(changed::City::BY_NAME)
                .get("city 77")
                .unwrap()
                .unwrap()
                .id,
            77
        );
    }
    db.register::<plain::City>().unwrap();
    assert_eq!(db.check().unwrap().index_entries, 0);
}

#[test]
fn a_large_collection_is_indexed_in_several_steps_while_others_write() {
    let db = db();
    // More than two steps of 50,000 records.
    fill(&db, 110_000);
    std::thread::scope(|scope| {
        let register = scope.spawn(|| db.register::<indexed::City>());
        let mut turn = 0;
        while !register.is_finished() {
            turn += 1;
            let written = db.write(|tx| change_some(&mut tx.collection::<indexed::City>()?, turn));
            // Before the first step of the registration the indexes are not even known.
            assert!(
                written.is_ok() || written.is_err_and(|error| error.is(ErrorKind::NotRegistered))
            );
        }
        register.join().unwrap().unwrap();
    });
    let tx = db.read().unwrap();
    let cities = tx.collection::<indexed::City>().unwrap();
    let mut expected: Vec<(String, u32, u64)> = cities
        .iter()
        .unwrap()
        .map(|city| city.unwrap().to_owned().unwrap())
        .map(|city| (city.country, city.population, city.id))
        .collect();
    assert!(
        expected.iter().any(|(country, ..)| country == "ES"),
        "nothing was written while the index was built"
    );
    expected.sort_unstable();
    assert!(
        by_place(&db)
            .into_iter()
            .eq(expected.into_iter().map(|(_, _, id)| id))
    );
}

/// Inserts, changes and removes records, some of them before and some behind where a build stands.
fn change_some(cities: &mut CollectionMut<'_, indexed::City>, turn: u64) -> larder::Result<()> {
    cities.insert(&indexed::City {
        id: 1_000_000 + turn,
        name: format!("new {turn}"),
        country: "ES".into(),
        population: 1,
    })?;
    for id in [turn, 109_999 - turn] {
        cities.update(id, |city| city.country = "ES".into())?;
    }
    cities.remove(50_000 + turn)?;
    cities.remove(1_000_000 + turn / 2)?;
    Ok(())
}

mod other_place {
    #[larder::record(name = "cities", index(by_place = (population, country)))]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        pub country: String,
        pub population: u32,
    }
}

/// The answer of the index `by_place` as another program declares it.
fn by_other_place(tx: &impl Readable) -> larder::Result<u64> {
    let cities = tx.collection::<other_place::City>()?;
    cities
        .by(other_place::City::BY_PLACE)
        .count((5, "")..(6, ""))
}

/// An index was found by its name alone, so that a program which had not registered was answered
/// from an index with another definition.
#[test]
fn an_index_of_another_definition_is_not_read_under_the_same_name() {
    let db = db();
    fill(&db, 2000);
    db.register::<indexed::City>().unwrap();
    let refused = |result: larder::Result<u64>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IndexNotReady, "{error}");
        assert!(error.to_string().contains("register"), "{error}");
    };
    refused(by_other_place(&db.read().unwrap()));
    db.write(|tx| {
        refused(by_other_place(tx));
        // The index that is as declared answers, and so do the records.
        let cities = Readable::collection::<other_place::City>(tx)?;
        assert_eq!(
            cities
                .by(other_place::City::BY_NAME)
                .equal("city 7")?
                .count(),
            1
        );
        assert_eq!(cities.len()?, 2000);
        Ok(())
    })
    .unwrap();
    let path = db.path();
    let db = db.reopen();
    db.clone().close().unwrap();
    let read_only = crate::support::builder()
        .register::<other_place::City>()
        .open_read_only(path)
        .unwrap();
    refused(by_other_place(&read_only.read().unwrap()));
    assert_eq!(by_place(&read_only).len(), 2000);
}

#[test]
fn an_index_is_read_by_its_old_definition_until_the_new_one_is_ready() {
    let db = db();
    fill(&db, 110_000);
    db.register::<indexed::City>().unwrap();
    let right = (0..110_000_u32).filter(|i| i * 7919 % 1000 == 5).count() as u64;
    std::thread::scope(|scope| {
        let register = scope.spawn(|| db.register::<other_place::City>());
        while !register.is_finished() {
            let tx = db.read().unwrap();
            let cities = tx.collection::<indexed::City>().unwrap();
            let old = cities.by(indexed::City::BY_PLACE).len();
            let new = by_other_place(&tx);
            assert!(old.is_ok() != new.is_ok(), "{old:?} {new:?}");
            assert_eq!(old.unwrap_or(110_000), 110_000);
            assert_eq!(new.unwrap_or(right), right);
        }
        register.join().unwrap().unwrap();
    });
    assert_eq!(by_other_place(&db.read().unwrap()).unwrap(), right);
}

/// A build that failed on one thread dropped the index under the other threads' hands, and they
/// said that all was well.
#[test]
fn no_thread_is_told_that_a_unique_index_is_there_which_is_not() {
    let db = db();
    fill(&db, 60_000);
    db.write(|tx| {
        tx.collection::<plain::City>()?
            .update(59_999, |city| city.name = "city 0".into())
    })
    .unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| db.register::<changed::City>()))
            .collect();
        for thread in threads {
            let error = thread.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
    });
}

mod unique_country {
    #[larder::record(name = "cities")]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        #[unique]
        pub country: String,
        pub population: u32,
    }
}

mod by_country {
    #[larder::record(name = "cities")]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        #[index]
        pub country: String,
        pub population: u32,
    }
}

#[test]
fn an_index_stays_when_the_unique_one_that_is_to_replace_it_cannot_be() {
    let db = db();
    fill(&db, 9);
    db.register::<by_country::City>().unwrap();
    let error = db.register::<unique_country::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    // The key of the index and those of two records: 1 and 4 are the first of the same country.
    let text = error.to_string();
    for part in ["DE", "by_country", r#"\x01""#, r#"\x04""#] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let db = db.reopen();
    db.write(|tx| {
        let mut cities = tx.collection::<by_country::City>()?;
        assert_eq!(
            cities.by(by_country::City::BY_COUNTRY).equal("DE")?.count(),
            3
        );
        cities.retain(|city| city.id < 3)?;
        Ok(())
    })
    .unwrap();
    db.register::<unique_country::City>().unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<unique_country::City>().unwrap();
    let german = cities
        .by(unique_country::City::BY_COUNTRY)
        .get("DE")
        .unwrap();
    assert_eq!(german.unwrap().id, 1);
    let old = tx.collection::<by_country::City>().unwrap();
    let error = old.by(by_country::City::BY_COUNTRY).len().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IndexNotReady, "{error}");
}

#[test]
fn a_unique_index_over_duplicates_is_refused_and_leaves_nothing_behind() {
    let db = db();
    fill(&db, 10);
    db.write(|tx| {
        tx.collection::<plain::City>()?
            .update(3, |city| city.name = "city 7".into())
    })
    .unwrap();
    let error = db.register::<changed::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("by_name"), "{error}");
    check(&db);
    // The index is not there, and the collection can be used as before.
    db.register::<plain::City>().unwrap();
    db.write(|tx| tx.collection::<plain::City>()?.remove(3))
        .unwrap();
    db.register::<changed::City>().unwrap();
}

#[test]
fn another_shape_under_the_same_version_is_refused_naming_the_fields() {
    let db = db();
    fill(&db, 3);
    let error = db.register::<other_shape::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    let text = error.to_string();
    for part in [
        "`country: String` is gone",
        "`name` is Option<String>, was String",
        "`mayor",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("population"), "{text}");
    let error = db.register::<other_key::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    let tx = db.read().unwrap();
    let error = tx.collection::<other_shape::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    let error = db
        .write(|tx| tx.collection::<other_shape::City>().map(drop))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
}

#[test]
fn a_newer_version_in_the_file_is_refused() {
    let db = db();
    db.register::<newer::City>().unwrap();
    let sequence = db.commit_sequence();
    let error = db.register::<plain::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema, "{error}");
    let error = db.read().unwrap().collection::<plain::City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema, "{error}");
    assert_eq!(db.commit_sequence(), sequence);
}

#[test]
fn a_newer_version_of_the_same_shape_is_recorded_and_reads_what_was_written() {
    let db = db();
    fill(&db, 3);
    db.register::<newer::City>().unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<newer::City>()
            .unwrap()
            .get(1)
            .unwrap()
            .unwrap()
            .name,
        "city 1"
    );
}

#[test]
fn without_registration_a_first_use_creates_and_work_is_left_to_register() {
    let db = db();
    let tx = db.read().unwrap();
    assert!(
        tx.collection::<indexed::City>()
            .unwrap()
            .is_empty()
            .unwrap()
    );
    assert!(
        tx.collection::<indexed::City>()
            .unwrap()
            .get(1)
            .unwrap()
            .is_none()
    );
    assert!(by_place(&db).is_empty());
    drop(tx);
    fill(&db, 3);
    let error = db
        .write(|tx| tx.collection::<indexed::City>().map(drop))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered, "{error}");
    let tx = db.read().unwrap();
    let cities = tx.collection::<indexed::City>().unwrap();
    assert_eq!(cities.get(1).unwrap().unwrap().name, "city 1");
    let error = cities.by(indexed::City::BY_PLACE).iter().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IndexNotReady, "{error}");
}

#[record(name = "texts")]
struct Text {
    #[key]
    id: u64,
    text: String,
}

#[test]
fn compression_is_kept_in_the_file_and_makes_it_smaller() {
    let size = |compress: bool| {
        let options = CollectionOptions::new();
        let options = if compress {
            options.compress_above(200)
        } else {
            options
        };
        let db = db_with(|builder| builder.register_with::<Text>(options));
        let text = |id: u64| Text {
            id,
            text: format!("{id} ").repeat(500),
        };
        db.write(|tx| tx.collection::<Text>()?.load((0..300).map(text)))
            .unwrap();
        // A program that does not say so compresses all the same: it is the collection's choice.
        let db = db.reopen();
        db.write(|tx| tx.collection::<Text>()?.put(&text(7)))
            .unwrap();
        let tx = db.read().unwrap();
        let texts = tx.collection::<Text>().unwrap();
        assert_eq!(texts.get(7).unwrap().unwrap().text, text(7).text);
        assert_eq!(texts.field(299, Text::TEXT).unwrap(), Some(text(299).text));
        drop(texts);
        drop(tx);
        let path = db.path();
        let db = db.reopen();
        check(&db);
        std::fs::metadata(path).unwrap().len()
    };
    let (plain, compressed) = (size(false), size(true));
    assert!(
        compressed * 2 < plain,
        "{compressed} bytes compressed, {plain} plain"
    );
}

#[test]
fn a_registration_without_choices_leaves_those_that_were_made() {
    let size = |again: fn(&Database)| {
        let options = CollectionOptions::new().compress_above(200);
        let db = db_with(|builder| builder.register_with::<Text>(options));
        let sequence = db.commit_sequence();
        again(&db);
        db.write(|tx| {
            tx.collection::<Text>()?.load((0..300).map(|id| Text {
                id,
                text: format!("{id} ").repeat(500),
            }))
        })
        .unwrap();
        let changes = db.commit_sequence() - sequence - 1;
        let path = db.path();
        let db = db.reopen();
        check(&db);
        (changes, std::fs::metadata(path).unwrap().len())
    };
    let (changes, kept) = size(|db| db.register::<Text>().unwrap());
    assert_eq!(changes, 0);
    let (changes, plain) = size(|db| db.register_with::<Text>(CollectionOptions::new()).unwrap());
    assert_eq!(changes, 1);
    assert!(
        kept * 2 < plain,
        "{kept} bytes kept compressed, {plain} plain"
    );
}
