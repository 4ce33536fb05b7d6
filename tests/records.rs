//! Is a record, written and read back, what it was? And are damaged bytes an error, never a panic?

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;

use larder::types::{Comparison, Condition, Constant, Type};
use larder::uuid::Uuid;
use larder::{
    BoxError, Downgrade, ErrorKind, Field, Folded, Index, Key, Record, Reverse, Storable,
    Timestamp, Unique,
};
use larder::{part, record};
use proptest::collection::{btree_map, hash_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::support::db;

type Names = Vec<String>;

/// A record with a field of every type.
#[expect(clippy::vec_box, reason = "boxes in lists are stored, too")]
#[record(name = "everything", version = 3)]
#[derive(Clone, Debug, PartialEq)]
struct Everything {
    #[key]
    id: u64,
    small: (u8, u16, u32, i8, i16, i32),
    wide: (i64, u128, i128),
    real: (f32, f64),
    flag: bool,
    letter: char,
    text: String,
    uuid: Uuid,
    at: Timestamp,
    took: Duration,
    maybe: Option<i32>,
    maybe_text: Option<String>,
    names: Names,
    grid: Vec<Vec<u16>>,
    options: Vec<Option<String>>,
    triple: [u32; 3],
    pairs: [Option<Shape>; 2],
    bytes: Vec<u8>,
    one: (String,),
    times: Vec<Timestamp>,
    boxed: Box<Shape>,
    boxes: Vec<Box<String>>,
    sorted: BTreeMap<String, Vec<Shape>>,
    hashed: HashMap<u32, Option<String>>,
    maps: Vec<BTreeMap<char, BTreeMap<Uuid, Duration>>>,
    place: Place,
    shape: Option<Shape>,
    r#type: Single,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Place {
    lat: f64,
    lon: f64,
    label: Option<String>,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Single(u8);

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Circle(f32),
    Polygon {
        corners: Vec<(f32, f32)>,
        name: String,
    },
    Tagged(Tag, u64),
}

/// A name that bytecheck's derive has as well.
#[part]
#[derive(Clone, Debug, PartialEq)]
struct Tag {
    id: u16,
}

// Floats without NaN, so that equality means equality.
fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("a number", |x| !x.is_nan()),
        Just(-0.0),
        Just(1.5)
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["", "[a-z]{1,8}", "[a-z]{9,40}", "\\PC{0,12}"]
}

fn shape() -> impl Strategy<Value = Shape> {
    let corner = (any::<i16>(), any::<i16>()).prop_map(|(x, y)| (f32::from(x), f32::from(y)));
    prop_oneof![
        Just(Shape::Point),
        any::<i16>().prop_map(|radius| Shape::Circle(f32::from(radius))),
        (vec(corner, 0..4), text()).prop_map(|(corners, name)| Shape::Polygon { corners, name }),
        (any::<u16>(), any::<u64>()).prop_map(|(id, n)| Shape::Tagged(Tag { id }, n)),
    ]
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n))
}

fn place() -> impl Strategy<Value = Place> {
    (real(), real(), option::of(text())).prop_map(|(lat, lon, label)| Place { lat, lon, label })
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

prop_compose! {
    fn everything()(
        numbers in (any::<u64>(), any::<(u8, u16, u32, i8, i16, i32)>(), any::<(i64, u128, i128)>()),
        real in (any::<i32>(), real()),
        plain in (any::<bool>(), any::<char>(), text(), uuid(), timestamp(), duration()),
        maybe in (any::<Option<i32>>(), option::of(text())),
        lists in (
            vec(text(), 0..4),
            vec(vec(any::<u16>(), 0..4), 0..4),
            vec(option::of(text()), 0..4),
            any::<[u32; 3]>(),
            [option::of(shape()), option::of(shape())],
            vec(any::<u8>(), 0..20),
            text(),
            vec(timestamp(), 0..3),
        ),
        boxes in (shape(), vec(text(), 0..3)),
        sorted in btree_map(text(), vec(shape(), 0..3), 0..4),
        hashed in hash_map(any::<u32>(), option::of(text()), 0..4),
        maps in vec(btree_map(any::<char>(), btree_map(uuid(), duration(), 0..3), 0..3), 0..3),
        parts in (place(), option::of(shape()), any::<u8>()),
    ) -> Everything {
        let (names, grid, options, triple, pairs, bytes, one, times) = lists;
        #[expect(clippy::cast_precision_loss, reason = "any number will do")]
        let single = real.0 as f32;
        Everything {
            id: numbers.0,
            small: numbers.1,
            wide: numbers.2,
            real: (single, real.1),
            flag: plain.0,
            letter: plain.1,
            text: plain.2,
            uuid: plain.3,
            at: plain.4,
            took: plain.5,
            maybe: maybe.0,
            maybe_text: maybe.1,
            names,
            grid,
            options,
            triple,
            pairs,
            bytes,
            one: (one,),
            times,
            boxed: Box::new(boxes.0),
            boxes: boxes.1.into_iter().map(Box::new).collect(),
            sorted,
            hashed,
            maps,
            place: parts.0,
            shape: parts.1,
            r#type: Single(parts.2),
        }
    }
}

fn body(record: &impl Record) -> Vec<u8> {
    let mut out = Vec::new();
    record.encode(&mut out).expect("it is not too large");
    out
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(record in everything()) {
        let body = body(&record);
        Everything::validate(&body).unwrap();
        prop_assert_eq!(Everything::decode(&body).unwrap(), record);
    }

    #[test]
    fn a_body_does_not_depend_on_what_stands_before_it(
        record in everything(),
        envelope in vec(any::<u8>(), 0..20),
    ) {
        let mut out = envelope.clone();
        record.encode(&mut out).unwrap();
        prop_assert_eq!(&out[..envelope.len()], &envelope[..]);
        prop_assert_eq!(&out[envelope.len()..], &body(&record)[..]);
    }

    #[test]
    fn a_damaged_body_is_corrupt_or_a_value(
        record in everything(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = body(&record);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        match Everything::decode(&body) {
            Ok(_) => Everything::validate(&body).unwrap(),
            Err(error) => {
                prop_assert!(error.is(ErrorKind::Corrupt));
                prop_assert!(Everything::validate(&body).is_err());
            }
        }
    }

    #[test]
    fn a_truncated_body_is_corrupt_or_a_value(
        record in everything(),
        at in any::<prop::sample::Index>(),
        from_front in any::<bool>(),
    ) {
        let body = body(&record);
        let at = at.index(body.len());
        let rest = if from_front { &body[at..] } else { &body[..at] };
        if let Err(error) = Everything::decode(rest) {
            prop_assert!(error.is(ErrorKind::Corrupt));
        }
    }
}

#[test]
fn a_hash_map_has_one_encoding() {
    let entries: Vec<(u32, Option<String>)> = (0..100).map(|i| (i * 7919 % 101, None)).collect();
    let one: HashMap<_, _> = entries.iter().cloned().collect();
    let other: HashMap<_, _> = entries.iter().rev().cloned().collect();
    let record = |hashed| Hashed { id: 1, hashed };
    assert_eq!(body(&record(one)), body(&record(other)));
}

#[record]
struct Hashed {
    #[key]
    id: u64,
    hashed: HashMap<u32, Option<String>>,
}

/// The bytes are a promise: they change with the file format only.
#[test]
fn the_bytes_of_a_record_are_frozen() {
    let record = Golden {
        id: 0x0102_0304_0506_0708,
        name: "short".to_owned(),
        long: "longer than eight".to_owned(),
        maybe: Some(-2),
        none: None,
        list: vec![1, 2, 3],
        map: BTreeMap::from([('b', true), ('a', false)]),
        kind: Kind::Both {
            left: 7,
            right: 0x0A0B,
        },
        at: Timestamp::from_micros(1),
        took: Duration::new(3, 4),
        pair: (5, 1.0),
    };
    let mut hex = String::new();
    for byte in body(&record) {
        write!(hex, "{byte:02x}").unwrap();
    }
    assert_eq!(hex, GOLDEN);
    assert_eq!(Golden::decode(&body(&record)).unwrap(), record);
}

#[record]
#[derive(Debug, PartialEq)]
struct Golden {
    #[key]
    id: u64,
    name: String,
    long: String,
    maybe: Option<i16>,
    none: Option<u32>,
    list: Vec<u16>,
    map: BTreeMap<char, bool>,
    kind: Kind,
    at: Timestamp,
    took: Duration,
    pair: (u8, f32),
}

#[part(key)]
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Kind {
    None,
    One(u8),
    Both { left: u8, right: u16 },
}

/// What the strings and vectors point to, then the fields in order.
const GOLDEN: &str = "6c6f6e676572207468616e206569676874\
    010002000300\
    61000000006200000001\
    0807060504030201\
    73686f7274ffffff\
    91000000cfffffff\
    01feff\
    0000000000\
    d0ffffff03000000\
    ceffffff02000000\
    02070b0a\
    0100000000000000\
    030000000000000004000000\
    050000803f";

#[part]
struct Location {
    lat: f64,
    code: Option<Code>,
}

#[part(key)]
#[derive(Clone)]
struct Code(u8, String);

#[record(
    index(by_country_population = (country, desc(population))),
    index(by_lat = location.lat),
    index(by_where = (location.lat, fold(country), r#type)),
    index(by_code = location.code),
    index(by_number = location.code.0),
    unique(
        by_big = population,
        when = (population > 1_000 && country == "FR" || elevation.is_none())
            && !(r#type == Kind::None) && location.lat >= -1.5 && open && elevation != -7
    )
)]
struct City {
    #[key]
    country: String,
    #[key]
    number: u32,
    #[unique(fold)]
    slug: String,
    #[index(each, fold)]
    alternate_names: Option<Vec<String>>,
    #[index]
    elevation: Option<i32>,
    population: u64,
    location: Option<Location>,
    r#type: Kind,
    open: bool,
}

#[test]
fn tokens_and_keys_have_the_types_that_the_fields_imply() {
    let _: Index<City, (String, Reverse<u64>)> = City::BY_COUNTRY_POPULATION;
    let _: Index<City, f64> = City::BY_LAT;
    let _: Index<City, (Option<f64>, Folded, Kind)> = City::BY_WHERE;
    let _: Index<City, Code> = City::BY_CODE;
    let _: Index<City, u8> = City::BY_NUMBER;
    let _: Unique<City, u64> = City::BY_BIG;
    let _: Unique<City, Folded> = City::BY_SLUG;
    let _: Index<City, Folded> = City::BY_ALTERNATE_NAMES;
    let _: Index<City, i32> = City::BY_ELEVATION;
    let kind: Field<City, Kind> = City::TYPE;
    assert_eq!(kind.path(), ["type"]);
    assert_eq!(City::BY_BIG.name(), "by_big");
    assert_eq!(Location::LAT.path(), ["lat"]);
}

#[test]
fn a_compound_key_is_its_fields_in_order() {
    let city = City {
        country: "FR".to_owned(),
        number: 7,
        slug: String::new(),
        alternate_names: None,
        elevation: None,
        population: 1,
        location: Some(Location {
            lat: 1.0,
            code: Some(Code(1, String::new())),
        }),
        r#type: Kind::One(1),
        open: true,
    };
    assert_eq!(city.key(), ("FR".to_owned(), 7));
    let (mut one, mut other) = (Vec::new(), Vec::new());
    city.encode_key(&mut one);
    city.key().encode(&mut other);
    assert_eq!(one, other);
    assert_eq!(City::NAME, "city");
    assert_eq!(City::VERSION, 1);
    assert_eq!(City::AUTO_KEY_OFFSET, None);
}

#[test]
fn a_condition_is_written_down_as_data() {
    let described = City::describe_record();
    let big = described
        .indexes
        .iter()
        .find(|index| index.name == "by_big")
        .unwrap();
    let compare = |path: &[&str], is, value| Condition::Compare {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        is,
        value,
    };
    let expected = Condition::All(vec![
        Condition::Any(vec![
            Condition::All(vec![
                compare(
                    &["population"],
                    Comparison::Greater,
                    Constant::Integer("1000".into()),
                ),
                compare(&["country"], Comparison::Equal, Constant::Text("FR".into())),
            ]),
            compare(&["elevation"], Comparison::Equal, Constant::Null),
        ]),
        Condition::Not(Box::new(compare(
            &["type"],
            Comparison::Equal,
            Constant::Variant("None".into()),
        ))),
        compare(
            &["location", "lat"],
            Comparison::GreaterOrEqual,
            Constant::Float("-1.5".into()),
        ),
        compare(&["open"], Comparison::Equal, Constant::Bool(true)),
        compare(
            &["elevation"],
            Comparison::NotEqual,
            Constant::Integer("-7".into()),
        ),
    ]);
    assert_eq!(big.condition.as_ref(), Some(&expected));
    assert!(big.unique);
    assert_eq!(described.key, ["country", "number"]);
}

#[record]
struct Counted {
    before: u16,
    #[key(auto)]
    id: u64,
    after: String,
}

#[test]
fn the_offset_of_an_assigned_key_is_where_its_bytes_lie() {
    let record = Counted {
        before: 1,
        id: 0xAABB_CCDD,
        after: "after".to_owned(),
    };
    let body = body(&record);
    let offset = Counted::AUTO_KEY_OFFSET.unwrap();
    let root = body.len() - size_of::<<Counted as Storable>::Stored>();
    assert_eq!(body[root + offset..][..8], 0xAABB_CCDD_u64.to_le_bytes());
    assert!(Counted::describe_record().auto);
    assert_eq!((record.before, record.after.as_str()), (1, "after"));
}

#[test]
fn a_part_that_is_a_key_sorts_as_its_fields_do() {
    let kinds = [
        Kind::None,
        Kind::One(0),
        Kind::One(200),
        Kind::Both {
            left: 0,
            right: 500,
        },
        Kind::Both { left: 1, right: 0 },
    ];
    let encoded = kinds.iter().map(|kind| {
        let mut out = Vec::new();
        kind.encode(&mut out);
        let mut reader = larder::KeyReader::new(&out);
        assert_eq!(&Kind::decode(&mut reader).unwrap(), kind);
        assert!(reader.is_empty());
        out
    });
    assert!(encoded.is_sorted());
    assert_eq!(
        <Kind as Key>::describe(),
        "enum {None, One(u8), Both(u8, u16)}"
    );
    assert_eq!(<Code as Key>::describe(), "(u8, string)");
}

#[record(name = "houses", version = 2)]
#[derive(Debug, PartialEq)]
struct House {
    #[key]
    id: u64,
    #[default = 5]
    #[renamed(from = "storeys", from = "levels")]
    floors: u32,
    #[default = "wood"]
    walls: String,
    #[default]
    doors: u16,
    #[default = Roof::Flat { slope: Self::SLOPE }]
    roof: Roof,
    // The two had each other's name.
    #[renamed(from = "depth")]
    width: Option<u8>,
    #[renamed(from = "width")]
    depth: Option<u8>,
}

impl House {
    const SLOPE: i16 = 2;
}

#[part]
#[derive(Debug, PartialEq)]
enum Roof {
    #[renamed(from = "Even", from = "Plain")]
    Flat {
        #[default = -1]
        #[renamed(from = "angle")]
        slope: i16,
    },
    Tiled(Tiles),
}

#[part]
#[derive(Debug, PartialEq)]
struct Tiles {
    #[renamed(from = "colour")]
    color: String,
    #[default = 9]
    rows: u8,
}

#[test]
fn old_names_and_defaults_are_written_down_as_data() {
    let described = House::describe_record();
    let field = |name: &str| {
        let found = described.fields.iter().find(|field| field.name == name);
        found.unwrap().clone()
    };
    assert_eq!(field("id").default, None);
    assert!(field("id").renamed_from.is_empty());
    assert_eq!(field("floors").renamed_from, ["storeys", "levels"]);
    assert_eq!(field("floors").default.unwrap(), 5_u32.to_le_bytes());
    assert_eq!(field("walls").default.unwrap(), b"wood\xFF\xFF\xFF\xFF");
    assert_eq!(field("doors").default.unwrap(), [0, 0]);
    assert_eq!(field("width").renamed_from, ["depth"]);
    assert_eq!(field("depth").renamed_from, ["width"]);
    assert_eq!(House::describe(), Type::Struct(described.fields.clone()));

    let Type::Enum(variants) = field("roof").ty else {
        panic!("not an enum")
    };
    let [flat, tiled] = variants.as_slice() else {
        panic!("not two variants")
    };
    assert_eq!(flat.renamed_from, ["Even", "Plain"]);
    assert_eq!(flat.fields[0].renamed_from, ["angle"]);
    assert_eq!(
        flat.fields[0].default.as_deref(),
        Some(&(-1_i16).to_le_bytes()[..])
    );
    assert!(tiled.renamed_from.is_empty());
    let Type::Struct(tiles) = &tiled.fields[0].ty else {
        panic!("not a struct")
    };
    assert_eq!(tiles[0].renamed_from, ["colour"]);
    assert_eq!(tiles[0].default, None);
    assert_eq!(tiles[1].default, Some(vec![9]));
}

#[test]
fn a_line_without_a_defaulted_field_gives_the_default() {
    let db = db();
    let lines = concat!(
        "{\"id\": 1}\n",
        "{\"id\": 2, \"floors\": 7, \"doors\": 1, \"roof\": {\"Flat\": {}}}\n",
        "{\"id\": 3, \"roof\": {\"Tiled\": [{\"color\": \"red\"}]}}\n",
    );
    db.write(|tx| tx.collection::<House>()?.import_ndjson(lines.as_bytes()))
        .unwrap();
    let tx = db.read().unwrap();
    let houses = tx.collection::<House>().unwrap();
    let house = |id: u64| houses.get(id).unwrap().unwrap().to_owned().unwrap();
    let first = House {
        id: 1,
        floors: 5,
        walls: "wood".to_owned(),
        doors: 0,
        roof: Roof::Flat { slope: 2 },
        width: None,
        depth: None,
    };
    assert_eq!(house(1), first);
    assert_eq!((house(2).floors, house(2).doors), (7, 1));
    assert_eq!(house(2).roof, Roof::Flat { slope: -1 });
    let tiles = Tiles {
        color: "red".to_owned(),
        rows: 9,
    };
    assert_eq!(house(3).roof, Roof::Tiled(tiles));
    let without_color = r#"{"id": 4, "roof": {"Tiled": [{}]}}"#;
    let refused = db
        .write(|tx| {
            tx.collection::<House>()?
                .import_ndjson(without_color.as_bytes())
        })
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

/// The house before.
#[record(name = "houses", version = 1)]
struct HouseV1 {
    #[key]
    id: u64,
    size: u32,
}

/// The house of a program that comes to it by code.
#[record(name = "houses", version = 2, from = HouseV1, downgrade)]
struct HouseByCode {
    #[key]
    id: u64,
    area: u64,
}

impl From<HouseV1> for HouseByCode {
    fn from(house: HouseV1) -> Self {
        Self {
            id: house.id,
            area: u64::from(house.size) * 2,
        }
    }
}

impl Downgrade<HouseV1> for HouseByCode {
    fn downgrade(self, _before: Option<HouseV1>) -> Result<HouseV1, BoxError> {
        Ok(HouseV1 {
            id: self.id,
            size: u32::try_from(self.area / 2)?,
        })
    }
}

/// The house of a program that comes to that one by code again, and not back.
#[record(name = "houses", version = 7, from = HouseByCode)]
struct HouseByMoreCode {
    #[key]
    id: u64,
    area: u8,
}

impl TryFrom<HouseByCode> for HouseByMoreCode {
    type Error = std::num::TryFromIntError;

    fn try_from(house: HouseByCode) -> Result<Self, Self::Error> {
        Ok(Self {
            id: house.id,
            area: house.area.try_into()?,
        })
    }
}

#[test]
fn the_steps_by_code_are_in_order() {
    assert!(HouseV1::steps().is_empty());
    let shown = |step| format!("{step:?}");
    let steps: Vec<_> = HouseByMoreCode::steps().iter().map(shown).collect();
    assert_eq!(
        steps,
        [
            "Step { from: 1, to: 2, back: true, .. }",
            "Step { from: 2, to: 7, back: false, .. }"
        ]
    );
    let house = HouseByMoreCode::try_from(HouseByCode { id: 1, area: 7 }).unwrap();
    assert_eq!((house.id, house.area), (1, 7));
}
