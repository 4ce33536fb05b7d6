//! Does the dynamic view show what the type says?

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proptest::collection::{btree_map, hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::base::ErrorKind;
use crate::codec::timestamp::Timestamp;
use crate::schema::index::{FieldKeys, Scratch};
use crate::schema::layout::Layout;
use crate::schema::view::{Budget, Slot};
use crate::{part, record};

#[record(name = "samples")]
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    #[key]
    id: u64,
    small: (u8, i8, i16, u32),
    wide: (u128, i128),
    plain: (bool, char, f32),
    uuid: Uuid,
    at: Timestamp,
    took: Duration,
    text: String,
    maybe: Option<String>,
    lists: Vec<Vec<Option<u16>>>,
    array: [Option<Boxed>; 2],
    shapes: Vec<Shape>,
    sorted: BTreeMap<String, Shape>,
    hashed: HashMap<i64, Vec<String>>,
    r#box: Box<Boxed>,
    // More values than bytes, counted with what holds them.
    palette: Vec<[u8; 3]>,
    runs: Vec<(u8, u8)>,
    pixels: Vec<Pixel>,
    corners: BTreeMap<u8, Pixel>,
    units: Vec<Unit>,
    flags: [Option<bool>; 9],
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Pixel {
    x: u8,
    y: u8,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Unit {
    One,
    Other,
}

#[part]
#[derive(Clone, Debug, PartialEq)]
struct Boxed(u64, Option<String>);

#[part]
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Circle(u32),
    Named { name: String, r#type: Option<u8> },
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "[a-z]{9,30}", "\\PC{0,6}"]
}

fn boxed() -> impl Strategy<Value = Boxed> {
    (any::<u64>(), option::of(text())).prop_map(|(number, text)| Boxed(number, text))
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Point),
        any::<u32>().prop_map(Shape::Circle),
        (text(), any::<Option<u8>>()).prop_map(|(name, r#type)| Shape::Named { name, r#type }),
    ]
}

fn pixel() -> impl Strategy<Value = Pixel> {
    any::<(u8, u8)>().prop_map(|(x, y)| Pixel { x, y })
}

prop_compose! {
    fn sample()(
        numbers in (any::<u64>(), any::<(u8, i8, i16, u32)>(), any::<(u128, i128)>()),
        plain in (any::<bool>(), any::<char>(), any::<i16>().prop_map(f32::from)),
        times in (any::<u128>(), any::<i64>(), any::<u64>(), 0..1_000_000_000_u32),
        texts in (text(), option::of(text())),
        lists in vec(vec(any::<Option<u16>>(), 0..4), 0..4),
        array in [option::of(boxed()), option::of(boxed())],
        shapes in vec(shape(), 0..4),
        sorted in btree_map(text(), shape(), 0..4),
        hashed in hash_map(any::<i64>(), vec(text(), 0..3), 0..4),
        r#box in boxed(),
        small in (
            vec(any::<[u8; 3]>(), 0..40),
            vec(any::<(u8, u8)>(), 0..40),
            vec(pixel(), 0..40),
            btree_map(any::<u8>(), pixel(), 0..40),
            vec(prop_oneof![Just(Unit::One), Just(Unit::Other)], 0..40),
            any::<[Option<bool>; 9]>(),
        ),
    ) -> Sample {
        Sample {
            id: numbers.0,
            small: numbers.1,
            wide: numbers.2,
            plain,
            uuid: Uuid::from_u128(times.0),
            at: Timestamp::from_micros(times.1),
            took: Duration::new(times.2, times.3),
            text: texts.0,
            maybe: texts.1,
            lists,
            array,
            shapes,
            sorted,
            hashed,
            r#box: Box::new(r#box),
            palette: small.0,
            runs: small.1,
            pixels: small.2,
            corners: small.3,
            units: small.4,
            flags: small.5,
        }
    }
}

fn read(body: &[u8], layout: &Layout) -> Result<Sample> {
    let mut budget = Budget::new(body.len());
    Sample::from_value(Slot::root(body, layout)?.value()?, &mut budget)
}

proptest! {
    #[test]
    fn a_record_is_built_from_the_dynamic_view(sample in sample()) {
        let layout = Layout::of_record(&Sample::describe_record()).unwrap();
        let mut body = Vec::new();
        sample.encode(&mut body).unwrap();
        prop_assert_eq!(read(&body, &layout).unwrap(), sample);
    }

    #[test]
    fn the_length_of_an_honest_body_is_budget_enough_for_all_of_it(sample in sample()) {
        let layout = Layout::of_record(&Sample::describe_record()).unwrap();
        let mut body = Vec::new();
        sample.encode(&mut body).unwrap();
        let inline = layout.size;
        let value = Slot::root(&body, &layout).unwrap().value().unwrap();
        // Nothing that is inline takes from it, and everything else lies there once.
        let exactly = || Budget::new(body.len() - inline);
        value.walk(&mut exactly()).unwrap();
        prop_assert_eq!(Sample::from_value(value, &mut exactly()).unwrap(), sample);
        if body.len() > inline {
            let mut less = Budget::new(body.len() - inline - 1);
            prop_assert!(value.walk(&mut less).is_err());
        }
    }

    #[test]
    fn texts_that_overlap_are_corrupt_however_they_are_read(
        headers in 2_usize..400,
        text in 100_usize..1000,
    ) {
        let body = overlapping_texts(headers, text);
        let record = Tagged::describe_record();
        let layout = Layout::of_record(&record).unwrap();
        let root = Slot::root(&body, &layout).unwrap();
        let value = root.value().unwrap();
        let budget = || Budget::new(body.len());
        prop_assert!(value.walk(&mut budget()).unwrap_err().is(ErrorKind::Corrupt));
        let error = Tagged::from_value(value, &mut budget()).unwrap_err();
        prop_assert!(error.is(ErrorKind::Corrupt));
        let keys = FieldKeys::resolve(&record.indexes[0], &layout, "tagged").unwrap();
        let error = keys.keys(root, &mut Scratch::default()).unwrap_err();
        prop_assert!(error.is(ErrorKind::Corrupt), "{}", error);
    }

    #[test]
    fn a_damaged_body_is_corrupt_or_a_value_in_the_dynamic_view_too(
        sample in sample(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let layout = Layout::of_record(&Sample::describe_record()).unwrap();
        let mut body = Vec::new();
        sample.encode(&mut body).unwrap();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        // What the validator accepts, the dynamic view reads alike.
        match (Sample::decode(&body), read(&body, &layout)) {
            (Ok(decoded), Ok(read)) => {
                // Encoded once more: a damaged float may be NaN, which is not equal to itself.
                let (mut one, mut other) = (Vec::new(), Vec::new());
                decoded.encode(&mut one).unwrap();
                read.encode(&mut other).unwrap();
                prop_assert_eq!(one, other);
            }
(Ok(_), Err(error)) => prop_assert!(false, "decoded, but not read: {}", error),
            (Err(error), Ok(_)) => prop_assert!(error.is(ErrorKind::Corrupt)),
            (Err(one), Err(other)) => {
                prop_assert!(one.is(ErrorKind::Corrupt));
                prop_assert!(other.is(ErrorKind::Corrupt));
            }
        }
        let cut = &body[..cut.index(body.len())];
        if let Err(error) = read(cut, &layout) {
            prop_assert!(error.is(ErrorKind::Corrupt));
        }
    }
}

#[record]
#[derive(Debug, PartialEq)]
struct Tagged {
    #[key]
    id: u64,
    #[index(each)]
    tags: Vec<String>,
}

/// A body whose list has many texts, which all are the same bytes.
fn overlapping_texts(headers: usize, text: usize) -> Vec<u8> {
    let mut body = vec![b'a'; text];
    let number = |number: usize| u32::try_from(number).unwrap();
    let back_to = |to: usize, from: usize| -i32::try_from(from - to).unwrap();
    for _ in 0..headers {
        let at = body.len();
        let length = (number(text) & 0x3F) | 0x80 | ((number(text) & !0x3F) << 2);
        body.extend(length.to_le_bytes());
        body.extend(back_to(0, at).to_le_bytes());
    }
    body.extend(1_u64.to_le_bytes());
    let at = body.len();
    body.extend(back_to(text, at).to_le_bytes());
    body.extend(number(headers).to_le_bytes());
    body
}

/// The record as a first version of the program had it.
#[record(name = "samples")]
struct Older {
    #[key]
    id: u32,
    text: String,
}

/// And as a later one has it.
#[record(name = "samples", version = 2)]
#[derive(Debug, PartialEq)]
struct Newer {
    note: Option<String>,
    text: Option<String>,
    #[key]
    id: u64,
}

#[record(name = "samples", version = 3)]
#[derive(Debug, PartialEq)]
struct Stricter {
    #[key]
    id: u8,
    more: u8,
}

#[test]
fn an_older_record_is_read_by_the_names_of_its_fields() {
    let layout = Layout::of_record(&Older::describe_record()).unwrap();
    let mut body = Vec::new();
    Older {
        id: 300,
        text: "seven".to_owned(),
    }
    .encode(&mut body)
    .unwrap();
    let value = || Slot::root(&body, &layout).unwrap().value().unwrap();
    let newer = Newer::from_value(value(), &mut Budget::new(100)).unwrap();
    assert_eq!(
        newer,
        Newer {
            note: None,
            text: Some("seven".to_owned()),
            id: 300
        }
    );

    let error = Stricter::from_value(value(), &mut Budget::new(100)).unwrap_err();
    assert!(error.is(ErrorKind::Corrupt));
    assert!(error.to_string().starts_with("field \"id\": "), "{error}");
}

#[test]
fn a_budget_that_is_used_up_ends_the_reading() {
    let layout = Layout::of_record(&Older::describe_record()).unwrap();
    for (text, bytes) in [("inline", 0), ("nine_bytes", 10)] {
        let mut body = Vec::new();
        let text = text.to_owned();
        Older { id: 300, text }.encode(&mut body).unwrap();
        let value = Slot::root(&body, &layout).unwrap().value().unwrap();
        assert!(Older::from_value(value, &mut Budget::new(bytes)).is_ok());
        if bytes > 0 {
            assert!(Older::from_value(value, &mut Budget::new(bytes - 1)).is_err());
        }
    }
}
