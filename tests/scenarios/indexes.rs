//! A: secondary indexes stay consistent with the records.

use larder::{Collection, Readable, Result, record};

use super::{Person, person};
use crate::support::db;

fn ids_in_city(people: &Collection<'_, Person>, city: &str) -> Vec<u64> {
    let found = people
        .by(Person::BY_CITY)
        .equal(city)
        .expect("the index is ready");
    found
        .map(|person| person.expect("a sound record").id.to_native())
        .collect()
}

fn ids_with_tag(people: &Collection<'_, Person>, tag: &str) -> Vec<u64> {
    let found = people
        .by(Person::BY_TAGS)
        .equal(tag)
        .expect("the index is ready");
    found
        .map(|person| person.expect("a sound record").id.to_native())
        .collect()
}

#[test]
fn a1_an_upsert_moves_the_index_entry() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        assert!(!people.put(&person(1, "Rome"))?);
        assert!(people.put(&person(1, "Oslo"))?);
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    assert_eq!(people.by(Person::BY_CITY).len().unwrap(), 1);
    assert!(ids_in_city(&people, "Rome").is_empty());
    assert_eq!(ids_in_city(&people, "Oslo"), [1]);
}

#[test]
fn a2_a_replacement_frees_the_old_unique_key_for_another_record() {
    let db = db();
    db.write(|tx| tx.collection::<Person>()?.insert(&person(1, "Rome")))
        .unwrap();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        let revision = people.get(1)?.expect("it was inserted").revision();
        let moved = Person {
            email: "new@example.org".into(),
            ..person(1, "Rome")
        };
        people.replace_if(revision, &moved)?;
        assert!(people.by(Person::BY_EMAIL).get("1@example.org")?.is_none());
        people.insert(&Person {
            email: "1@example.org".into(),
            ..person(2, "Rome")
        })?;
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let people = tx.collection::<Person>().unwrap();
    let by_email = people.by(Person::BY_EMAIL);
    assert_eq!(by_email.get("new@example.org").unwrap().unwrap().id, 1);
    assert_eq!(by_email.get("1@example.org").unwrap().unwrap().id, 2);
    assert_eq!(by_email.len().unwrap(), 2);
}

#[test]
fn a3_an_updated_list_drops_keeps_and_adds_exactly_its_entries() {
    let db = db();
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.insert(&Person {
            tags: tags(&["a", "b", "c", "b"]),
            ..person(1, "Rome")
        })?;
        people.update(1, |person| person.tags = tags(&["c", "d", "b"]))?;
        assert!(ids_with_tag(&people, "a").is_empty());
        for tag in ["b", "c", "d"] {
            assert_eq!(ids_with_tag(&people, tag), [1], "tag {tag}");
        }
        assert_eq!(people.by(Person::BY_TAGS).len()?, 3);
        people.update(1, |person| person.age += 1)?;
        assert_eq!(people.by(Person::BY_TAGS).len()?, 3);
        people.update(1, |person| person.tags.clear())?;
        assert!(people.by(Person::BY_TAGS).is_empty()?);
        Ok(())
    })
    .unwrap();
}

mod three {
    #[larder::record(name = "rows")]
    pub(super) struct Row {
        #[key]
        pub(super) id: u64,
        #[index]
        pub(super) a: u32,
        #[index]
        pub(super) b: u32,
        #[index]
        pub(super) c: u32,
    }
}

mod without_the_middle {
    #[larder::record(name = "rows")]
    pub(super) struct Row {
        #[key]
        pub(super) id: u64,
        #[index]
        pub(super) a: u32,
        pub(super) b: u32,
        #[index]
        pub(super) c: u32,
    }
}

#[test]
fn a4_dropping_the_middle_one_of_three_indexes_leaves_the_others_right() {
    use without_the_middle::Row;
    let db = db();
    db.register::<three::Row>().unwrap();
    db.write(|tx| {
        let rows = (0..10).map(|id| three::Row {
            id,
            a: 1,
            b: 2,
            c: 3,
        });
        tx.collection::<three::Row>()?.load(rows)
    })
    .unwrap();
    db.register::<Row>().unwrap();
    db.write(|tx| {
        tx.collection::<Row>()?.update(5, |row| {
            row.a = 11;
            row.b = 12;
            row.c = 13;
        })
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let rows = tx.collection::<Row>().unwrap();
    assert_eq!(rows.by(Row::BY_A).count(1..=1).unwrap(), 9);
    assert_eq!(rows.by(Row::BY_A).first().unwrap().unwrap().id, 0);
    assert_eq!(rows.by(Row::BY_A).last().unwrap().unwrap().id, 5);
    assert_eq!(rows.by(Row::BY_C).count(13..=13).unwrap(), 1);
    assert_eq!(rows.by(Row::BY_C).len().unwrap(), 10);
    assert_eq!(db.check().unwrap().index_entries, 20);
}

#[test]
fn a5_removing_through_an_index_leaves_nothing_to_find_there() {
    let db = db();
    db.write(|tx| {
        let mut people = tx.collection::<Person>()?;
        people.load((0..20).map(|id| person(id, if id % 3 == 0 { "Rome" } else { "Oslo" })))?;
        for id in ids_in_city(&people, "Rome") {
            assert!(people.remove(id)?);
        }
        assert!(ids_in_city(&people, "Rome").is_empty());
        assert_eq!(people.by(Person::BY_CITY).count("Rome"..="Rome")?, 0);
        assert_eq!(people.len()?, 13);
        Ok(())
    })
    .unwrap();
}

mod plain {
    #[larder::record(name = "readings")]
    pub(super) struct Reading {
        #[key]
        pub(super) id: u64,
        pub(super) station: String,
    }
}

mod indexed {
    #[larder::record(name = "readings")]
    pub(super) struct Reading {
        #[key]
        pub(super) id: u64,
        #[index]
        pub(super) station: String,
    }
}

const STATIONS: [&str; 4] = ["north", "nor", "", "south"];

fn fill_readings(db: &larder::Database) {
    let station = |id: u64| {
        STATIONS
            .into_iter()
            .cycle()
            .nth(id as usize)
            .expect("it is endless")
    };
    db.write(|tx| {
        let mut readings = tx.collection::<plain::Reading>()?;
        readings.load((0..100).map(|id| plain::Reading {
            id,
            station: station(id).into(),
        }))
    })
    .expect("the readings are stored");
}

fn scanned(tx: &impl Readable, station: &str) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for reading in tx.collection::<plain::Reading>()?.iter()? {
        let reading = reading?;
        if reading.station == station {
            ids.push(reading.id.to_native());
        }
    }
    Ok(ids)
}

fn through_the_index(tx: &impl Readable, station: &str) -> Result<Vec<u64>> {
    let readings = tx.collection::<indexed::Reading>()?;
    let found = readings.by(indexed::Reading::BY_STATION).equal(station)?;
    found
        .map(|reading| reading.map(|reading| reading.id.to_native()))
        .collect()
}

#[test]
fn a6_an_index_built_over_existing_records_finds_what_a_scan_finds() {
    let db = db();
    fill_readings(&db);
    db.register::<indexed::Reading>().unwrap();
    let tx = db.read().unwrap();
    for station in STATIONS.into_iter().chain(["west"]) {
        let found = through_the_index(&tx, station).unwrap();
        assert_eq!(found, scanned(&tx, station).unwrap(), "station {station:?}");
    }
    db.register::<plain::Reading>().unwrap();
    let later = db.read().unwrap();
    assert_eq!(
        scanned(&later, "north").unwrap(),
        scanned(&tx, "north").unwrap()
    );
}

#[test]
fn a7_an_index_that_is_dropped_and_rebuilt_holds_the_same() {
    let db = db();
    fill_readings(&db);
    db.register::<indexed::Reading>().unwrap();
    let all = || {
        let tx = db.read().unwrap();
        STATIONS.map(|station| through_the_index(&tx, station).unwrap())
    };
    let before = all();
    db.register::<plain::Reading>().unwrap();
    db.register::<indexed::Reading>().unwrap();
    assert_eq!(all(), before);
}

#[record(
    name = "measures",
    index(by_unequal = id, when = single != 0.5),
    index(by_not_equal = id, when = !(single == 0.5)),
    index(by_double = id, when = double != 0.5),
    index(by_less = id, when = double < 0.5),
    index(by_not_less = id, when = !(double < 0.5)),
    index(by_maybe = id, when = maybe != 0.5)
)]
struct Measure {
    #[key]
    id: u64,
    single: f32,
    double: f64,
    maybe: Option<f64>,
}

/// `!=` left NaN out where `!(==)` kept it.
#[test]
fn a_condition_on_a_float_holds_for_nan_where_rusts_does() {
    let db = db();
    let numbers = [f64::NAN, 0.5, 1.0, -1.0];
    db.write(|tx| {
        let mut measures = tx.collection::<Measure>()?;
        for (id, double) in (0..).zip(numbers) {
            measures.insert(&Measure {
                id,
                #[expect(clippy::cast_possible_truncation, reason = "all are exact")]
                single: double as f32,
                double,
                maybe: Some(double),
            })?;
        }
        measures.insert(&Measure {
            id: 9,
            single: 0.5,
            double: 0.5,
            maybe: None,
        })?;
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let measures = tx.collection::<Measure>().unwrap();
    for (index, expected) in [
        (Measure::BY_UNEQUAL, [0, 2, 3].as_slice()),
        (Measure::BY_NOT_EQUAL, &[0, 2, 3]),
        (Measure::BY_DOUBLE, &[0, 2, 3]),
        (Measure::BY_LESS, &[3]),
        (Measure::BY_NOT_LESS, &[0, 1, 2, 9]),
        (Measure::BY_MAYBE, &[0, 2, 3]),
    ] {
        let found = measures.by(index).iter().unwrap();
        let ids: Vec<u64> = found.map(|found| found.unwrap().id.to_native()).collect();
        assert_eq!(ids, expected, "{}", index.name());
    }
}
