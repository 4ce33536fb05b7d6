//! Queries: what a filter finds, in which order, of documents and of typed records alike.

use std::collections::BTreeMap;

use larder::{Document, ErrorKind, Timestamp, part, record};
use serde_json::json;

use crate::support::db;

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Town,
    Capital { of: String },
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Place {
    lat: f64,
    lon: f64,
}

#[record(name = "cities")]
#[derive(Clone, Debug, PartialEq)]
struct City {
    #[key]
    id: u32,
    name: String,
    population: u64,
    names: Vec<String>,
    place: Option<Place>,
    kind: Kind,
    numbers: BTreeMap<String, i64>,
    seen: Timestamp,
    initial: char,
    flag: [u8; 2],
}

fn city(id: u32, name: &str, population: u64, kind: Kind) -> City {
    City {
        id,
        name: name.into(),
        population,
        names: vec![name.to_lowercase(), format!("{name} City")],
        place: id.is_multiple_of(2).then_some(Place {
            lat: f64::from(id) / 2.0,
            lon: -1.5,
        }),
        kind,
        numbers: BTreeMap::from([("a".into(), i64::from(id)), ("b".into(), -1)]),
        seen: Timestamp::from_micros(i64::from(id)),
        initial: name.chars().next().unwrap(),
        flag: [1, 2],
    }
}

fn cities() -> Vec<City> {
    vec![
        city(1, "Pula", 52_220, Kind::Town),
        city(
            2,
            "Zagreb",
            767_131,
            Kind::Capital {
                of: "Croatia".into(),
            },
        ),
        city(3, "Split", 160_577, Kind::Town),
        city(
            4,
            "Ljubljana",
            284_355,
            Kind::Capital {
                of: "Slovenia".into(),
            },
        ),
    ]
}

/// A filter finds the same in typed records, in their JSON as documents, and says the same in both.
#[test]
fn records_are_found_as_their_json_is() {
    let db = db();
    db.write(|tx| {
        let mut typed = tx.collection::<City>()?;
        for city in cities() {
            typed.insert(&city)?;
        }
        let mut lines = Vec::new();
        typed.export_ndjson(&mut lines)?;
        let mut documents = tx.documents("documents")?;
        for (city, line) in cities().iter().zip(lines.split(|byte| *byte == b'\n')) {
            documents.put(city.id, Document::from_json(line)?)?;
        }
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let (typed, documents) = (
        tx.collection::<City>().unwrap(),
        tx.documents("documents").unwrap(),
    );
    for (filter, wanted) in [
        (json!({}), vec![1, 2, 3, 4]),
        (json!({"name": "Pula"}), vec![1]),
        (
            json!({"population": {"$gt": 100_000, "$lt": 700_000.5}}),
            vec![3, 4],
        ),
        (json!({"names": "zagreb"}), vec![2]),
        (json!({"names.1": "Split City"}), vec![3]),
        (
            json!({"names": {"$size": 2}, "place.lat": {"$gte": 2}}),
            vec![4],
        ),
        (json!({"place": null}), vec![1, 3]),
        (json!({"place.lat": null}), vec![1, 3]),
        (json!({"place": {"lat": 1.0, "lon": -1.5}}), vec![2]),
        (json!({"kind": "Town"}), vec![1, 3]),
        (
            json!({"kind.Capital.of": {"$regex": "^slo", "$options": "i"}}),
            vec![4],
        ),
        (json!({"kind": {"$type": "object"}}), vec![2, 4]),
        (json!({"numbers.a": {"$mod": [2, 1]}}), vec![1, 3]),
        (json!({"numbers.c": {"$exists": false}}), vec![1, 2, 3, 4]),
        (
            json!({"seen": {"$gt": {"$time": "1970-01-01T00:00:00.000002Z"}}}),
            vec![3, 4],
        ),
        (json!({"initial": {"$in": ["P", "S"]}}), vec![1, 3]),
        (json!({"flag": {"$bytes": "AQI="}}), vec![1, 2, 3, 4]),
        (
            json!({"$nor": [{"kind": "Town"}, {"name": "Zagreb"}]}),
            vec![4],
        ),
        (json!({"id": {"$not": {"$in": [1, 2]}}}), vec![3, 4]),
    ] {
        let found = typed.find(&filter).unwrap();
        let ids: Vec<u32> = found
            .iter()
            .unwrap()
            .map(|city| city.unwrap().id.to_native())
            .collect();
        assert_eq!(ids, wanted, "{filter}");
        assert_eq!(found.count().unwrap(), wanted.len() as u64);
        let found = documents.find(&filter).unwrap();
        let keys: Vec<String> = found
            .iter()
            .unwrap()
            .map(|d| d.unwrap().key().to_string())
            .collect();
        let wanted: Vec<String> = wanted.iter().map(u32::to_string).collect();
        assert_eq!(keys, wanted, "{filter}");
    }
    let sorted = typed
        .find(json!({}))
        .unwrap()
        .sort(["kind", "-population"])
        .unwrap();
    let names: Vec<String> = sorted
        .iter()
        .unwrap()
        .map(|city| city.unwrap().name.to_string())
        .collect();
    assert_eq!(
        names,
        ["Split", "Pula", "Zagreb", "Ljubljana"],
        "text is before objects"
    );
    let page = sorted.skip(1).limit(2);
    let names: Vec<String> = page
        .iter()
        .unwrap()
        .map(|city| city.unwrap().name.to_string())
        .collect();
    assert_eq!(names, ["Pula", "Zagreb"]);
}

#[test]
fn a_field_that_a_record_does_not_have_is_refused_and_the_others_named() {
    let db = db();
    db.write(|tx| tx.collection::<City>()?.insert(&cities()[0]))
        .unwrap();
    let tx = db.read().unwrap();
    let typed = tx.collection::<City>().unwrap();
    for (filter, why) in [
        (json!({"nam": 1}), "there are id, name, population"),
        (json!({"place.latitude": 1}), "there are lat, lon"),
        (json!({"name.first": 1}), "has no fields"),
        (json!({"$or": [{"id": 1}, {"x.y": 2}]}), "\"x\""),
        (json!({"names": {"$elemMatch": {"x": 1}}}), "\"x\""),
    ] {
        let error = typed.find(&filter).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let error = typed
        .find(json!({}))
        .unwrap()
        .sort(json!({"size": 1}))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let maps_and_variants = json!({"kind.Whatever": 1, "numbers.whatever": 1});
    assert!(!typed.find(maps_and_variants).unwrap().exists().unwrap());
}

#[test]
fn the_key_is_the_id_also_where_a_document_has_none() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put("a", json!({"x": 1}))?;
        notes.put("b", json!({"_id": "b", "x": 2}))?;
        notes.put("c", json!([1, 2]))?;
        assert_eq!(
            notes
                .find(json!({"_id": {"$in": ["a", "b", "c"]}}))?
                .count()?,
            2
        );
        let last = notes
            .find(json!({"x": {"$exists": true}}))?
            .sort(json!({"_id": -1}))?
            .first()?;
        assert_eq!(last.unwrap().key().to_string(), "b");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_query_in_a_write_transaction_sees_its_changes() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for i in 0..100 {
            notes.put(i, json!({"n": i % 10}))?;
        }
        let keys: Vec<larder::DocumentKey> = notes
            .find(json!({"n": 3}))?
            .iter()?
            .map(|note| Ok(note?.key().clone()))
            .collect::<larder::Result<_>>()?;
        assert_eq!(keys.len(), 10);
        for key in &keys {
            notes.remove(key)?;
        }
        assert!(!notes.find(json!({"n": 3}))?.exists()?);
        assert_eq!(notes.find(json!({}))?.skip(85).count()?, 5);
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let nothing = tx.documents("nothing").unwrap();
    assert_eq!(nothing.find(json!({"a": 1})).unwrap().count().unwrap(), 0);
    let error = nothing
        .find(json!({}))
        .unwrap()
        .limit(0)
        .first()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[test]
fn lists_that_are_parallel_cannot_be_sorted_by() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(1, json!({"a": [1, 2], "b": [3, 4]}))?;
        let error = notes
            .find(json!({}))?
            .sort(json!([{"a": 1}, {"b": 1}]))?
            .first()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ParallelArrays, "{error}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn filters_that_are_too_large_or_too_deep_are_refused() {
    let db = db();
    db.write(|tx| {
        tx.documents("notes")?.put(1, json!({"a": "x", "n": 1}))?;
        tx.collection::<City>()?.insert(&cities()[0])
    })
    .unwrap();
    let tx = db.read().unwrap();
    let (notes, typed) = (
        tx.documents("notes").unwrap(),
        tx.collection::<City>().unwrap(),
    );
    let large = json!({"a": {"$in": ["x".repeat(17 << 20)]}});
    let error = notes.find(&large).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(
        error.to_string().contains("the most is 16777216"),
        "{error}"
    );

    let deep = format!(
        "{}{{}}{}",
        r#"{"$and":["#.repeat(100_000),
        "]}".repeat(100_000)
    );
    let error = Document::from_json(deep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let deep = format!("{}{{}}{}", r#"{"$and":["#.repeat(60), "]}".repeat(60));
    let deep = Document::from_json(deep).unwrap();
    assert_eq!(notes.find(&deep).unwrap().count().unwrap(), 1);

    let mut nested = City::ID.eq(1);
    for id in 2..100_000 {
        nested = !nested.and(City::ID.eq(id));
    }
    let error = typed.find(nested).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let mut chain = City::ID.eq(1);
    for id in 2..10_000 {
        chain = chain.or(City::ID.eq(id));
    }
    assert_eq!(typed.find(chain).unwrap().count().unwrap(), 1);
}

#[test]
fn filters_that_are_hard_to_answer_are_answered_or_refused() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.create_index(larder::PathIndex::on("n"))?;
        for i in 0..500 {
            notes.put(i, json!({"a": format!("{}!", "a".repeat(50)), "n": i}))?;
        }
        notes.put("nan", Document::from_json(r#"{"n": {"$float": "NaN"}}"#)?)?;
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let count = |filter: serde_json::Value| notes.find(filter)?.count();

    // What takes exponential time elsewhere.
    assert_eq!(count(json!({"a": {"$regex": "^(a+)+$"}})).unwrap(), 0);
    for bomb in [
        "(a{1000}){1000}",
        "((((a{100}){100}){100}){100})",
        "a{99999999}",
    ] {
        let error = count(json!({"a": {"$regex": bomb}})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let nan = || json!({"$float": "NaN"});
    assert_eq!(count(json!({"n": nan()})).unwrap(), 1);
    assert_eq!(count(json!({"n": {"$gte": nan()}})).unwrap(), 1);
    for than_nan in ["$gt", "$lt"] {
        assert_eq!(count(json!({"n": {than_nan: nan()}})).unwrap(), 0);
    }
    assert_eq!(count(json!({"n": {"$lt": 10}})).unwrap(), 10);
    for many in [100, 5_000, 50_000] {
        let numbers: Vec<u32> = (0..many).map(|n| n * 10).collect();
        let wanted = u64::from(many.min(50));
        assert_eq!(count(json!({"n": {"$in": numbers}})).unwrap(), wanted);
        let any: Vec<_> = numbers.iter().map(|n| json!({"n": n})).collect();
        assert_eq!(count(json!({"$or": any})).unwrap(), wanted);
    }
    let any: Vec<_> = (0..1_000)
        .map(|n| json!({"n": {"$gte": n, "$lt": n + 1}}))
        .collect();
    assert_eq!(count(json!({"$or": any})).unwrap(), 500);
}

#[record(
    name = "sales",
    index(by_shop_day = (shop, desc(day)), include = (amount, place.lat, note)),
    unique(by_code = code, include = amount)
)]
#[derive(Clone, Debug, PartialEq)]
struct Sale {
    #[key]
    id: u64,
    code: u32,
    shop: String,
    day: i32,
    amount: f64,
    place: Option<Place>,
    #[index]
    note: Option<String>,
    #[index(each)]
    tags: Vec<String>,
}

fn sale(id: u64) -> Sale {
    Sale {
        id,
        code: 1_000_000 - u32::try_from(id).unwrap(),
        shop: format!("shop {}", id % 7),
        day: i32::try_from(id % 31).unwrap() - 15,
        amount: if id.is_multiple_of(5) {
            -0.0
        } else {
            id as f64 / 4.0
        },
        place: (!id.is_multiple_of(3)).then_some(Place {
            lat: id as f64,
            lon: 0.0,
        }),
        note: id.is_multiple_of(4).then(|| format!("note {}", id % 9)),
        tags: (0..id % 3).map(|tag| format!("tag {tag}")).collect(),
    }
}

fn sales(count: u64) -> (crate::support::TestDb, Vec<Sale>) {
    let db = crate::support::db_with(|builder| builder.register::<Sale>());
    let sales: Vec<Sale> = (0..count).map(sale).collect();
    db.write(|tx| tx.collection::<Sale>()?.load(sales.iter().cloned()))
        .unwrap();
    (db, sales)
}

#[test]
fn what_values_amount_to_is_what_it_is_by_hand() {
    let (db, all) = sales(6_000);
    let tx = db.read().unwrap();
    let sales = tx.collection::<Sale>().unwrap();
    let filters = [
        (sales.find(json!({})).unwrap(), all.clone()),
        (
            sales
                .find(Sale::SHOP.eq("shop 3").and(Sale::DAY.gt(-5)))
                .unwrap(),
            all.iter()
                .filter(|s| s.shop == "shop 3" && s.day > -5)
                .cloned()
                .collect(),
        ),
        (
            sales.find(Sale::NOTE.is_some()).unwrap(),
            all.iter().filter(|s| s.note.is_some()).cloned().collect(),
        ),
        (sales.find(Sale::DAY.gt(100)).unwrap(), Vec::new()),
    ];
    for (query, wanted) in filters {
        let count = wanted.len() as u64;
        let sum = query.sum(Sale::DAY).unwrap();
        assert_eq!((sum.count, sum.floats), (count, 0.0));
        let days: i128 = wanted.iter().map(|sale| i128::from(sale.day)).sum();
        assert_eq!(sum.integers, days);
        let amounts: f64 = wanted.iter().map(|sale| sale.amount).sum();
        assert_eq!(query.sum(Sale::AMOUNT).unwrap().total(), amounts);
        let ids = || wanted.iter().map(|sale| sale.id);
        assert_eq!(query.min(Sale::ID).unwrap(), ids().min());
        assert_eq!(query.max(Sale::ID).unwrap(), ids().max());
        assert_eq!(
            query.max(Sale::DAY).unwrap(),
            wanted.iter().map(|s| s.day).max()
        );
        let notes = || wanted.iter().filter_map(|sale| sale.note.clone());
        assert_eq!(query.min(Sale::NOTE).unwrap().flatten(), notes().min());
        let tags = || wanted.iter().flat_map(|sale| sale.tags.clone());
        assert_eq!(query.max(Sale::TAGS.each()).unwrap(), tags().max());
        let mut counts = BTreeMap::<String, u64>::new();
        tags().for_each(|tag| *counts.entry(tag).or_default() += 1);
        // What has no tags has an empty list, which counts for nothing.
        let counted = query.count_by(Sale::TAGS.each()).unwrap();
        assert_eq!(counted, counts.clone().into_iter().collect::<Vec<_>>());
        let distinct = query.distinct(Sale::TAGS.each()).unwrap();
        assert_eq!(distinct, counts.into_keys().collect::<Vec<_>>());
        let mut shops = BTreeMap::<String, u64>::new();
        wanted
            .iter()
            .for_each(|s| *shops.entry(s.shop.clone()).or_default() += 1);
        let counted = query.count_by(Sale::SHOP).unwrap();
        assert_eq!(counted, shops.into_iter().collect::<Vec<_>>());
        // On several threads it is the same.
        let ids_of = |query: &larder::Query<'_, larder::View<'_, Sale>>| {
            let ids = query.select(Sale::ID).unwrap();
            ids.map(Result::unwrap)
                .collect::<std::collections::BTreeSet<u64>>()
        };
        let one = ids_of(&query);
        let parallel = query.parallel();
        assert_eq!(one, ids().collect());
        assert_eq!(ids_of(&parallel), one);
        assert_eq!(parallel.count().unwrap(), count);
        assert_eq!(parallel.sum(Sale::DAY).unwrap().integers, days);
    }
    let ten = sales
        .find(json!({}))
        .unwrap()
        .sort(Sale::ID.desc())
        .unwrap()
        .limit(10);
    let last: u64 = (5_990..6_000).sum();
    assert_eq!(ten.sum(Sale::ID).unwrap().integers, i128::from(last));
    assert_eq!(ten.min(Sale::ID).unwrap(), Some(5_990));
}

#[test]
fn fields_that_an_index_includes_are_read_without_a_record() {
    let (db, all) = sales(500);
    db.write(|tx| {
        let mut sales = tx.collection::<Sale>()?;
        sales.update(10, |sale| sale.amount = 77.5)?;
        sales.update(11, |sale| sale.note = Some("other".into()))?;
        sales.remove(17)?;
        let error = sales
            .insert(&Sale {
                code: 1_000_000,
                ..sale(9_999)
            })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let sales = tx.collection::<Sale>().unwrap();
    let query = sales
        .find(Sale::SHOP.eq("shop 3").and(Sale::AMOUNT.ge(0.0)))
        .unwrap();
    let fields = (
        Sale::AMOUNT,
        Sale::DAY,
        Sale::PLACE.some().then(Place::LAT).maybe(),
        Sale::NOTE,
    );
    let mut selected = query.select(fields).unwrap();
    let read: Vec<_> = selected.by_ref().map(Result::unwrap).collect();
    let plan = selected.explain();
    assert_eq!(
        (plan.records(), plan.found()),
        (0, read.len() as u64),
        "{plan}"
    );
    let by_record = query
        .iter()
        .unwrap()
        .map(|sale| sale.unwrap().to_owned().unwrap());
    let wanted: Vec<_> = by_record
        .map(|s| (s.amount, s.day, s.place.map(|place| place.lat), s.note))
        .collect();
    assert_eq!(read, wanted);
    assert!(read.len() > 50 && all.len() == 500);
    let signs = |rows: &[(f64, i32, Option<f64>, Option<String>)]| {
        rows.iter()
            .map(|row| row.0.is_sign_negative())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        signs(&read),
        signs(&wanted),
        "what is read is what was written"
    );

    let ids = query.select((Sale::ID, Sale::NOTE)).unwrap();
    assert_eq!(ids.explain().records(), 0, "the key is in every entry");
    // The coordinates are not all included.
    let mut selected = query.select(Sale::TAGS).unwrap();
    assert!(selected.by_ref().all(|id| id.is_ok()));
    assert!(selected.explain().records() > 0);
    let mut amount = sales
        .find(Sale::CODE.eq(999_990))
        .unwrap()
        .select(Sale::AMOUNT)
        .unwrap();
    assert_eq!(amount.next().unwrap().unwrap(), 77.5);
    assert_eq!(amount.explain().records(), 0);
    let nothing = query.select(Sale::PLACE.some().then(Place::LAT)).unwrap();
    let refused = nothing.filter_map(Result::err).next().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
}

#[test]
fn all_that_is_found_is_changed_or_removed() {
    let (db, _) = sales(700);
    db.write(|tx| {
        let mut sales = tx.collection::<Sale>()?;
        // What was changed is not found again, though the index it is found by changes.
        let earlier = Sale::SHOP.eq("shop 3").and(Sale::DAY.lt(0));
        let changed = sales.update_all(&earlier, |sale| sale.day += 1)?;
        assert!(changed > 40);
        assert_eq!(sales.remove_all(Sale::SHOP.eq("shop 3"))?, 100);
        assert_eq!(sales.len()?, 600);
        let mut notes = tx.documents("notes")?;
        notes.create_index(larder::PathIndex::on("n").unique())?;
        for n in 0..100 {
            notes.put(n, json!({"n": n}))?;
        }
        let double =
            |note: &mut serde_json::Value| note["n"] = json!(note["n"].as_i64().unwrap() * 1000);
        assert_eq!(notes.update_all(json!({"n": {"$gte": 50}}), double)?, 50);
        let clash = |note: &mut serde_json::Value| note["n"] = json!(1);
        let error = notes.update_all(json!({"n": 3}), clash).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(notes.remove_all(json!({"n": {"$gte": 50}}))?, 50);
        assert_eq!(notes.len()?, 50);
        Ok(())
    })
    .unwrap();
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Pair(u8, Vec<u16>);

#[part(key)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    A,
    B,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Plain,
    Three(u16),
}

#[record(
    name = "odd",
    index(by_k = k, include = (numbers, shape, pair)),
    index(by_low = low, when = low < 0.7)
)]
#[derive(Clone, Debug, PartialEq)]
struct Odd {
    #[key]
    id: u64,
    k: u8,
    numbers: BTreeMap<u32, bool>,
    shape: Shape,
    pair: Pair,
    low: f32,
    #[index]
    uuid: larder::uuid::Uuid,
    #[index]
    char: char,
    #[index]
    big: u128,
    #[index]
    wide: i128,
    #[index]
    opt: Option<i32>,
    #[index]
    unit: Unit,
}

fn odd(id: u64) -> Odd {
    Odd {
        id,
        k: 1,
        numbers: BTreeMap::from([(0, id.is_multiple_of(2))]),
        shape: if id.is_multiple_of(4) {
            Shape::Three(7)
        } else {
            Shape::Plain
        },
        pair: Pair(7, vec![1, 2]),
        low: 0.7,
        uuid: larder::uuid::Uuid::from_u128(u128::from(id)),
        char: char::from(b'a' + u8::try_from(id % 26).unwrap()),
        big: u128::MAX - u128::from(id),
        wide: i128::from(id) - 100,
        opt: id.is_multiple_of(2).then_some(5),
        unit: if id.is_multiple_of(3) {
            Unit::A
        } else {
            Unit::B
        },
    }
}

/// What lies in odd types is found the same in a record, in what an index includes of it, and in its JSON.
#[test]
fn odd_types_are_found_as_their_json_is() {
    let db = crate::support::db_with(|builder| builder.register::<Odd>());
    db.write(|tx| {
        let mut typed = tx.collection::<Odd>()?;
        typed.load((0..400).map(odd))?;
        let mut lines = Vec::new();
        typed.export_ndjson(&mut lines)?;
        let mut documents = tx.documents("documents")?;
        for (id, line) in lines.split(|byte| *byte == b'\n').take(400).enumerate() {
            documents.put(id as u64, Document::from_json(line)?)?;
        }
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let typed = tx.collection::<Odd>().unwrap();
    let documents = tx.documents("documents").unwrap();
    for (filter, wanted) in [
        (json!({"k": 1, "numbers.0": true}), 200),
        (json!({"k": 1, "numbers.0": {"$exists": true}}), 400),
        (json!({"k": 1, "shape.Three": 7}), 100),
        (json!({"k": 1, "shape.Three": {"$size": 1}}), 100),
        (json!({"k": 1, "pair": 7}), 400),
        (json!({"k": 1, "pair": {"$size": 2}}), 400),
        // What lies at a position is one value.
        (json!({"k": 1, "pair.1": 2}), 0),
        (json!({"k": 1, "pair.1": [1, 2]}), 400),
        (json!({"k": 1, "pair.0": {"$gt": 7}}), 0),
        (json!({"opt": {"$exists": true}}), 400),
        (json!({"opt": {"$type": "null"}}), 200),
    ] {
        let query = typed.find(&filter).unwrap();
        assert_eq!(query.count().unwrap(), wanted, "counted: {filter}");
        let found = query.iter().unwrap().count() as u64;
        assert_eq!(found, wanted, "gone through: {filter}");
        let by_index = typed.find(&filter).unwrap().hint("by_k");
        assert_eq!(by_index.count().unwrap(), wanted, "by an index: {filter}");
        assert_eq!(
            documents.find(&filter).unwrap().count().unwrap(),
            wanted,
            "documents: {filter}"
        );
    }
    let sorted = typed
        .find(json!({"opt": {"$exists": true}}))
        .unwrap()
        .sort("opt")
        .unwrap();
    assert_eq!(
        sorted.first().unwrap().unwrap().to_owned().unwrap().opt,
        None
    );
    assert_eq!(typed.find(Odd::LOW.lt(0.7)).unwrap().count().unwrap(), 0);
    assert_eq!(
        typed
            .find(json!({"low": {"$lt": 0.7}}))
            .unwrap()
            .count()
            .unwrap(),
        400
    );

    let seventh = odd(7);
    for (filter, index, wanted) in [
        (Odd::UUID.eq(seventh.uuid), "by_uuid", 1),
        (Odd::CHAR.eq('h'), "by_char", 16),
        (Odd::BIG.eq(seventh.big), "by_big", 1),
        (Odd::WIDE.lt(-95), "by_wide", 5),
        (Odd::UNIT.eq(Unit::A), "by_unit", 134),
        (Odd::OPT.eq(5), "by_opt", 200),
    ] {
        let plan = typed.find(&filter).unwrap().explain().unwrap();
        assert_eq!(plan.found(), wanted, "{filter:?}");
        if index != "by_big" {
            assert_eq!(plan.indexes().collect::<Vec<_>>(), [index], "{plan}");
        }
    }
    let error = typed.find(json!({})).unwrap().distinct(Odd::PAIR).err();
    assert!(error.is_none_or(|error| error.is(ErrorKind::Invalid)));
}

#[test]
fn a_partial_index_is_used_only_where_it_has_all_that_is_found() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        let ints = larder::PathIndex::on("a").only(json!({"a": {"$type": "int"}}));
        notes.create_index(ints)?;
        for i in 0..300 {
            notes.put(i, json!({"a": i}))?;
        }
        notes.put("float", json!({"a": 1.0}))?;
        notes.put("nested", json!({"b": [[1]]}))?;
        assert_eq!(notes.find(json!({"a": 1}))?.count()?, 2);
        assert_eq!(notes.find(json!({"a": {"$in": [1, 2]}}))?.count()?, 3);
        let least = notes.find(json!({"_id": "nested"}))?.min("b")?;
        assert_eq!(least.unwrap().to_value()?, json!([1]));
        Ok(())
    })
    .unwrap();
}

/// What takes long elsewhere: lists with thousands of elements in an index, and large filters.
#[test]
fn indexes_over_long_lists_are_gone_through_once() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.create_index(larder::PathIndex::on("t"))?;
        notes.put(0, json!({"t": (0..20_000).collect::<Vec<u32>>()}))?;
        for i in 1..100 {
            notes.put(i, json!({"t": (i..i + 300).collect::<Vec<u32>>()}))?;
        }
        let range = notes.find(json!({"t": {"$gte": 5}}))?;
        assert_eq!(range.count()?, 100);
        let plan = range.hint("t_1").explain()?;
        assert_eq!((plan.found(), plan.records()), (100, 100), "{plan}");
        let values: Vec<u32> = (0..20_000).collect();
        let twice = json!({"$and": [{"t": {"$in": &values}}, {"t": {"$in": &values}}]});
        assert_eq!(notes.find(twice)?.count()?, 100);
        let too_many = json!({"t": {"$in": vec![1; 100_001]}});
        assert_eq!(notes.find(too_many).unwrap_err().kind(), ErrorKind::Limit);
        let regexes = vec![json!({"t": {"$regex": "x"}}); 101];
        let error = notes.find(json!({"$or": regexes})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        let long = vec!["a"; 1_000].join(".");
        assert!(notes.find(json!({}))?.project([&long]).is_err());
        let error = notes
            .create_index(larder::PathIndex::on(&long))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        Ok(())
    })
    .unwrap();
}
