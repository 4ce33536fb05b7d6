//! The same of typed records: with indexes on their fields a query finds what it finds without.

use larder::uuid::Uuid;
use larder::{
    CollectionMut, Database, ErrorKind, Readable, Record, Timestamp, View, WriteTx, part, record,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::compare::{Hint, Numbered, Right, assert_right};
use super::given::{Asked, asked_of_records, config, operators, scalar};
use crate::support::check;

#[part(key)]
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Town,
    Capital,
    City,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    lat: f64,
    code: Option<u8>,
}

/// A record type of the one shape, with indexes.
macro_rules! shape {
    ($name:ident, $collection:literal, [$($index:tt)*], [$(#[$tags:meta])*], [$(#[$maybe:meta])*]) => {
        #[record(name = $collection, $($index)*)]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            #[key]
            shelf: u8,
            #[key]
            id: i16,
            small: u8,
            big: i64,
            wide: u64,
            ratio: f64,
            single: f32,
            name: String,
            open: bool,
            $(#[$maybe])*
            maybe: Option<i32>,
            maybe_name: Option<String>,
            $(#[$tags])*
            tags: Vec<String>,
            numbers: Vec<i64>,
            uuid: Uuid,
            seen: Timestamp,
            initial: char,
            place: Option<Place>,
            kind: Kind,
        }

        impl From<&Plain> for $name {
            fn from(plain: &Plain) -> Self {
                let Plain {
                    shelf, id, small, big, wide, ratio, single, name, open, maybe, maybe_name, tags,
                    numbers, uuid, seen, initial, place, kind,
                } = plain.clone();
                Self {
                    shelf, id, small, big, wide, ratio, single, name, open, maybe, maybe_name, tags,
                    numbers, uuid, seen, initial, place, kind,
                }
            }
        }

        impl Numbered for View<'_, $name> {
            fn number(&self) -> i64 {
                number(self.shelf, self.id.to_native())
            }
        }
    };
}

shape!(Plain, "plain", [], [], []);
shape!(Opposed, "opposed", [], [], []);
shape!(
    Single,
    "single",
    [
        index(by_small = small, include = (maybe, tags, numbers, place, kind, name, ratio, single)),
        index(by_big = big),
        index(by_ratio = ratio),
        index(by_single = single),
        index(by_name = name),
        index(by_folded = fold(name)),
        index(by_maybe_folded = fold(maybe_name)),
        index(by_numbers = each(numbers)),
        index(by_uuid = uuid),
        index(by_seen = seen),
        index(by_initial = initial),
        index(by_lat = place.lat),
        index(by_code = place.code),
        index(by_kind = kind)
    ],
    [#[index(each, fold)]],
    [#[index]]
);
shape!(
    Compound,
    "compound",
    [
        index(by_open = (open, desc(name), maybe)),
        index(by_maybe = (desc(maybe), small, uuid)),
        index(by_name = (fold(name), single)),
        index(by_kind = (kind, place.lat), include = (big, wide, uuid, seen, initial, maybe_name)),
        index(by_code = (place.code, desc(kind))),
        index(by_initial = (desc(initial), seen)),
        index(by_maybe_name = (maybe_name, wide)),
        index(by_key = (small, id)),
        unique(by_unique = (small, desc(big), open))
    ],
    [#[index(each)]],
    []
);
shape!(
    Partial,
    "partial",
    [
        index(by_positive = small, when = big > 0 && maybe.is_some(), include = (big, maybe)),
        index(by_town = name, when = kind == Kind::Town),
        index(by_large = (desc(ratio), open), when = ratio >= 0.5),
        index(by_unplaced = wide, when = place.is_none()),
        index(by_open = fold(name), when = open || small == 1),
        unique(by_closed = (small, name), when = !open && maybe_name.is_none())
    ],
    [#[index(each, fold)]],
    []
);

/// In the order of the keys.
fn number(shelf: u8, id: i16) -> i64 {
    i64::from(shelf) * 0x1_0000 + i64::from(id)
}

fn opposite(number: i64) -> i64 {
    // What a shelf and an id make together when each is counted from the other end.
    255 * 0x1_0000 - 1 - number
}

impl Plain {
    fn opposed(&self) -> Opposed {
        let mut opposed = Opposed::from(self);
        opposed.shelf = 255 - self.shelf;
        opposed.id = -1 - self.id;
        opposed
    }
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "",
        "a",
        "A",
        "ab",
        "b",
        "B",
        "Straße",
        "STRASSE",
        "\u{212A}a",
    ];
    select(names.map(str::to_owned).to_vec())
}

fn float() -> impl Strategy<Value = f64> {
    select(vec![
        0.0,
        -0.0,
        0.5,
        0.1,
        1.0,
        1.5,
        -1.0,
        1e300,
        9_007_199_254_740_992.0,
        f64::NAN,
        f64::INFINITY,
    ])
}

fn plain() -> impl Strategy<Value = Plain> {
    let wide = select(vec![0, 1, 2, 9_007_199_254_740_993, u64::MAX]);
    let big = select(vec![0, 1, 2, -1, i64::MIN, i64::MAX, 9_007_199_254_740_993]);
    let place = option::of((float(), option::of(0..3_u8)));
    let numbers = (
        0..3_u8,
        big,
        wide,
        float(),
        select(vec![0.1_f32, 0.5, -1.0, f32::NAN, 1.5]),
    );
    let texts = (
        name(),
        option::of(name()),
        vec(name(), 0..4),
        select(vec!['a', 'A', 'b', 'ß']),
    );
    let others = (
        any::<bool>(),
        option::of(select(vec![0, 1, -1, i32::MAX])),
        vec(select(vec![0, 1, 2, -1]), 0..4),
        0..3_u128,
        0..3_i64,
        select(vec![Kind::Town, Kind::Capital, Kind::City]),
    );
    let key = (0..2_u8, -3..6_i16);
    (key, numbers, texts, others, place).prop_map(|(key, number, text, other, place)| Plain {
        shelf: key.0,
        id: key.1,
        small: number.0,
        big: number.1,
        wide: number.2,
        ratio: number.3,
        single: number.4,
        name: text.0,
        maybe_name: text.1,
        tags: text.2,
        initial: text.3,
        open: other.0,
        maybe: other.1,
        numbers: other.2,
        uuid: Uuid::from_u128(other.3),
        seen: Timestamp::from_micros(other.4 * 1_000_000),
        kind: other.5,
        place: place.map(|(lat, code)| Place { lat, code }),
    })
}

const PATHS: [&str; 21] = [
    "shelf",
    "id",
    "small",
    "big",
    "wide",
    "ratio",
    "single",
    "name",
    "open",
    "maybe",
    "maybe_name",
    "tags",
    "numbers",
    "uuid",
    "seen",
    "initial",
    "place",
    "place.lat",
    "place.code",
    "kind",
    "tags.0",
];

/// Values that a field may have, and some that are near.
fn value_of(path: &str) -> BoxedStrategy<Value> {
    let near = match path {
        "shelf" | "id" | "small" | "maybe" | "numbers" | "place.code" => {
            vec![
                json!(0),
                json!(1),
                json!(1.0),
                json!(1.5),
                json!(-1),
                json!(300),
                json!(null),
            ]
        }
        "big" | "wide" => vec![
            json!(0),
            json!(9_007_199_254_740_992.0),
            json!(9_007_199_254_740_993_i64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e19),
            json!({"$int": "18446744073709551616"}),
        ],
        "ratio" | "single" | "place.lat" => vec![
            json!(0),
            json!(-0.0),
            json!(0.1),
            json!(0.1_f32),
            json!(0.5),
            json!(1.5),
            json!(9_007_199_254_740_993_i64),
            json!(1e300),
            json!({"$float": "NaN"}),
            json!({"$float": "Infinity"}),
        ],
        "open" => vec![json!(true), json!(false)],
        "uuid" => vec![
            json!(Uuid::from_u128(1).to_string()),
            json!(Uuid::from_u128(2).to_string()),
            json!("00000000000000000000000000000001"),
        ],
        "kind" => vec![
            json!("Town"),
            json!("Capital"),
            json!("City"),
            json!("town"),
        ],
        "place" => vec![
            json!(null),
            json!({"lat": 0.5, "code": 1}),
            json!({"lat": 0.5, "code": null}),
        ],
        _ => vec![
            json!("a"),
            json!("A"),
            json!("ab"),
            json!("b"),
            json!("strasse"),
            json!("Straße"),
            json!(null),
            json!({"$time": "1970-01-01T00:00:01Z"}),
            json!(["a", "b"]),
            json!([]),
        ],
    };
    prop_oneof![5 => select(near), 1 => scalar()].boxed()
}

fn condition() -> impl Strategy<Value = Value> {
    select(PATHS.to_vec()).prop_flat_map(|path| {
        let value = value_of(path);
        let of_path = prop_oneof![2 => value.clone(), 5 => operators(value)];
        of_path.prop_map(move |condition| json!({ path: condition }))
    })
}

/// What the conditions of the partial indexes imply, and other things that queries ask for together.
fn together() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"big": {"$gt": 0}, "maybe": {"$ne": null}, "small": 1}),
        json!({"big": {"$gt": 0}, "maybe": {"$exists": true}}),
        json!({"big": {"$gte": 1}, "maybe": {"$gte": 0}, "small": {"$gte": 1}}),
        json!({"kind": "Town", "name": {"$gte": "a"}}),
        json!({"kind": {"$in": ["Town"]}, "name": "a"}),
        json!({"ratio": {"$gt": 0.5}}),
        json!({"ratio": {"$gte": 0.5, "$lt": 1.5}, "open": true}),
        json!({"place": null, "wide": {"$gt": 0}}),
        json!({"open": true, "name": "A"}),
        json!({"small": 1, "name": {"$regex": "^a", "$options": "i"}}),
        json!({"open": false, "maybe_name": null, "small": {"$in": [0, 1]}}),
        json!({"maybe": 1, "small": {"$lt": 2}}),
        json!({"open": true, "name": {"$lte": "a"}, "maybe": null}),
        json!({"place.code": 1, "kind": {"$in": ["Town", "City"]}}),
        json!({"name": "STRASSE", "single": {"$gt": 0.1}}),
    ])
}

fn asked() -> impl Strategy<Value = Asked> {
    let asked = asked_of_records(&PATHS, prop_oneof![5 => condition(), 2 => together()]);
    asked.prop_map(|mut asked| {
        // What is sorted by the beginning of the key comes by key, also where it is alike: then no other
        // order is right.
        if let Some(("shelf", descending)) = asked.sort.first().copied() {
            asked.sort = vec![("shelf", descending), ("id", descending)];
        }
        asked
    })
}

/// Puts a record where its unique indexes take it; says whether they do.
fn is_taken<T: Record>(records: &mut CollectionMut<'_, T>, record: &T) -> bool {
    match records.put(record) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            false
        }
    }
}

/// Puts a record into all collections, or none.
fn put(tx: &WriteTx, record: &Plain) {
    let before = {
        let compound = tx.collection::<Compound>().unwrap();
        let before = compound.get((record.shelf, record.id)).unwrap();
        before.map(|before| before.to_owned().unwrap())
    };
    if !is_taken(&mut tx.collection().unwrap(), &Compound::from(record)) {
        return;
    }
    if !is_taken(&mut tx.collection().unwrap(), &Partial::from(record)) {
        // Out of the one that took it.
        let mut compound = tx.collection::<Compound>().unwrap();
        match before {
            Some(before) => {
                compound.put(&before).unwrap();
            }
            None => {
                compound.remove((record.shelf, record.id)).unwrap();
            }
        }
        return;
    }
    assert!(is_taken(
        &mut tx.collection().unwrap(),
        &Single::from(record)
    ));
    assert!(is_taken(&mut tx.collection().unwrap(), record));
    assert!(is_taken(&mut tx.collection().unwrap(), &record.opposed()));
}

fn remove(tx: &WriteTx, shelf: u8, id: i16) {
    let removed = tx
        .collection::<Plain>()
        .unwrap()
        .remove((shelf, id))
        .unwrap();
    let key = (shelf, id);
    assert_eq!(
        tx.collection::<Single>().unwrap().remove(key).unwrap(),
        removed
    );
    assert_eq!(
        tx.collection::<Compound>().unwrap().remove(key).unwrap(),
        removed
    );
    assert_eq!(
        tx.collection::<Partial>().unwrap().remove(key).unwrap(),
        removed
    );
    let opposed = (255 - shelf, -1 - id);
    assert_eq!(
        tx.collection::<Opposed>().unwrap().remove(opposed).unwrap(),
        removed
    );
}

/// Fails unless the three collections with indexes answer as the one without does.
fn assert_all(tx: &impl Readable, asked: &Asked) {
    let turned = ["shelf", "id"];
    let plain = tx.collection::<Plain>().unwrap();
    let plain = plain
        .find(&asked.filter)
        .unwrap()
        .sort(asked.sort())
        .unwrap();
    let opposed = tx.collection::<Opposed>().unwrap();
    let opposed = opposed.find(asked.filter_without(&turned)).unwrap();
    let opposed = opposed.sort(asked.sort_turned(&turned)).unwrap();
    let Some(right) = Right::of(&plain, &opposed, opposite) else {
        return;
    };
    assert_collection::<Single>(tx, &right, asked);
    assert_collection::<Compound>(tx, &right, asked);
    assert_collection::<Partial>(tx, &right, asked);
}

fn assert_collection<T: Record>(tx: &impl Readable, right: &Right, asked: &Asked)
where
    for<'a> View<'a, T>: Numbered,
{
    let records = tx.collection::<T>().unwrap();
    let all = || {
        let query = records.find(&asked.filter).unwrap();
        query.sort(asked.sort()).unwrap()
    };
    assert_right(right, all, &hints(&records), asked);
}

/// Each index of a collection. One over options, lists or some records does not hold all.
fn hints<T: Record>(records: &larder::Collection<'_, T>) -> Vec<Hint> {
    let whole = [
        "by_small",
        "by_big",
        "by_ratio",
        "by_single",
        "by_uuid",
        "by_seen",
        "by_initial",
        "by_unique",
        "by_key",
    ];
    let indexes = records.indexes().unwrap();
    let hint = |index: larder::IndexInfo| Hint {
        name: index.name().to_owned(),
        holds_all: whole.contains(&index.name()),
    };
    indexes.into_iter().map(hint).collect()
}

fn register(db: &Database) {
    db.register::<Plain>().unwrap();
    db.register::<Opposed>().unwrap();
    db.register::<Single>().unwrap();
    db.register::<Compound>().unwrap();
    db.register::<Partial>().unwrap();
}

proptest! {
    #![proptest_config(config(100))]
    #[test]
    fn an_indexed_query_finds_what_a_scan_finds(
        records in vec(plain(), 0..14),
        changes in vec((plain(), any::<bool>()), 0..8),
        asked in vec(asked(), 1..12),
    ) {
        let db = Database::in_memory().unwrap();
        register(&db);
        db.write(|tx| {
            records.iter().for_each(|record| put(tx, record));
            Ok(())
        }).unwrap();
        let tx = db.read().unwrap();
        asked.iter().for_each(|asked| assert_all(&tx, asked));
        drop(tx);
        db.write(|tx| {
            for (record, comes) in &changes {
                if *comes {
                    put(tx, record);
                } else {
                    remove(tx, record.shelf, record.id);
                }
            }
            asked.iter().take(2).for_each(|asked| assert_all(tx, asked));
            Ok(())
        }).unwrap();
        let tx = db.read().unwrap();
        asked.iter().for_each(|asked| assert_all(&tx, asked));
        check(&db);
    }
}
