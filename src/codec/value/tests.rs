//! What a document is in bytes, and that what is read is what was written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::json::{encode_text, encode_value};
use super::like::encode_value_like;
use super::read::{Node, Value};
use super::validate::validate;
use super::write::Writer;
use super::{decode, encode};
use crate::codec::timestamp::Timestamp;
use crate::schema::json::to_text;
use crate::schema::view::ValueRef;
use crate::{Error, ErrorKind};

fn of_text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode_text(text.as_bytes(), &mut out).unwrap_or_else(|error| panic!("{text}: {error}"));
    validate(&out).unwrap();
    out
}

fn refused(text: &str) -> Error {
    let mut out = b"before".to_vec();
    let error = encode_text(text.as_bytes(), &mut out).expect_err(text);
    assert_eq!(out, b"before", "{text}");
    error
}

fn text_of(document: &[u8]) -> String {
    let value = ValueRef::of_node(Node::root(document)).unwrap();
    to_text(value, document.len()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn golden_bytes() {
    for (text, bytes) in [
        ("null", "00"),
        ("false", "01"),
        ("true", "02"),
        ("0", "80"),
        ("127", "ff"),
        ("128", "048000"),
        ("-1", "03ff"),
        ("-128", "0380"),
        ("-129", "047fff"),
        ("32768", "0500800000"),
        ("2147483648", "060000008000000000"),
        ("9223372036854775807", "06ffffffffffffff7f"),
        ("9223372036854775808", "070000000000000080"),
        ("18446744073709551616", "0800000000000000000100000000000000"),
        (
            "170141183460469231731687303715884105728",
            "0900000000000000000000000000000080",
        ),
        (
            r#"{"$int":"-9223372036854775809"}"#,
            "08ffffffffffffff7fffffffffffffffff",
        ),
        ("1.5", "0a0000c03f"),
        ("0.1", "0b9a9999999999b93f"),
        ("-0.0", "0a00000080"),
        (r#"{"$float":"NaN"}"#, "0b000000000000f87f"),
        (r#"{"$float":"-Infinity"}"#, "0a000080ff"),
        (r#"{"$time":"1970-01-01T00:00:01Z"}"#, "0c40420f0000000000"),
        (r#""""#, "40"),
        (r#""abc""#, "43616263"),
        (r#"{"$bytes":"AQID"}"#, "1403010203"),
        ("[]", "180100"),
        ("{}", "200100"),
        // Length 4, count 3, the elements of one byte each.
        ("[1,2,3]", "1c0403818283"),
        // Length 6, count 2, offsets 0 and 1, the elements.
        (r#"[1,"a"]"#, "1806020001814161"),
        // Length 14, count 2, the hashes of "b" and "a", the offsets of both, the members.
        (r#"{"b":1,"a":[true]}"#, "200e02117c000341628141611c020102"),
    ] {
        let encoded = of_text(text);
        assert_eq!(hex(&encoded), bytes, "{text}");
    }
    let long = "x".repeat(64);
    assert_eq!(
        hex(&of_text(&format!("\"{long}\""))),
        format!("1040{}", "78".repeat(64))
    );
    let longer = "x".repeat(256);
    assert_eq!(
        hex(&of_text(&format!("\"{longer}\""))),
        format!("110001{}", "78".repeat(256))
    );
    // Length 266, count 2, offsets 0 and 259, two bytes each; then the elements.
    let wide = of_text(&format!("[\"{longer}\",1]"));
    assert_eq!(hex(&wide[..9]), "190a01020000000301");
}

/// With more than 32 members the hashes are in order, and what belongs to them.
#[test]
fn golden_bytes_of_a_large_object() {
    let member = |i: usize| format!("\"{}\":{i}", "k".repeat(i % 3) + &i.to_string());
    let members: Vec<String> = (0..40).map(member).collect();
    let document = of_text(&format!("{{{}}}", members.join(",")));
    assert_eq!(
        hex(&document[..8]),
        "21370128000e0f10",
        "tag, length, count, the least hashes"
    );
    assert_eq!(crc32fast::hash(&document), 0xA854_ACCD);
    assert_eq!(text_of(&document), format!("{{{}}}", members.join(",")));
}

#[test]
fn a_text_comes_out_as_it_went_in() {
    for text in [
        r#"{"z":1,"a":{"y":[],"b":{}},"0":[0.1,1e+300,-5e-324,1.0,-0.0,100.0]}"#,
        r#"["\u0000","\\\"","é","😀",""]"#,
        "[9223372036854775807,-9223372036854775808,18446744073709551615]",
        r#"{"$int":"18446744073709551616"}"#,
        r#"{"$bytes":""}"#,
        r#"{"$float":"Infinity"}"#,
        r#"{"$time":"2026-11-26T10:00:00.000001Z"}"#,
        r#"{"$literal":{"$bytes":7}}"#,
        r#"{"$literal":{"$literal":{"$bytes":"AA=="},"x":1}}"#,
        r#"{"$literal":{"$literal":{}}}"#,
        r#"{"$bytes":1,"other":2}"#,
        r#"{"$unknown":1}"#,
    ] {
        assert_eq!(text_of(&of_text(text)), text);
    }
}

#[test]
fn every_number_of_a_text_is_exact() {
    for (text, out) in [
        (
            "123456789012345678901234567890",
            r#"{"$int":"123456789012345678901234567890"}"#,
        ),
        (
            "[-9223372036854775809,1]",
            r#"[{"$int":"-9223372036854775809"},1]"#,
        ),
        ("0.30000000000000004", "0.30000000000000004"),
        ("2.2250738585072011e-308", "2.225073858507201e-308"),
        ("9007199254740993.0", "9007199254740992.0"),
        ("1E2", "100.0"),
        ("1e-7", "1e-7"),
    ] {
        assert_eq!(text_of(&of_text(text)), out);
    }
    // In a string they are none.
    let text =
        r#"{"12345678901234567890123":"\"123456789012345678901234567890 0.30000000000000004"}"#;
    assert_eq!(text_of(&of_text(text)), text);
}

#[test]
fn what_is_no_document_is_refused() {
    for (text, why) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[1,]", "trailing comma"),
        ("1 2", "trailing characters"),
        ("NaN", "expected value"),
        ("01", "invalid number"),
        ("012345678901234567890.5", "invalid number"),
        ("1e999", "out of range"),
        ("123456789012345678.5e", "EOF"),
        (r#""\ud800""#, "end of hex escape"),
        (r#""\ud800\u0041""#, "surrogate"),
        (r#"{"a":1,"b":2,"a":3}"#, r#"the key "a" twice"#),
        (r#"{"$bytes":"*"}"#, "base64"),
        (r#"{"$bytes":1}"#, "text was expected"),
        (r#"{"$float":"1e999"}"#, "Infinity"),
        (r#"{"$float":"0x1"}"#, "a number"),
        (r#"{"$time":"yesterday"}"#, "RFC 3339"),
        (r#"{"$literal":1}"#, "an object"),
        (r#"{"$literal":{},"a":1}"#, "beside other keys"),
        (r#"{"a":1,"$literal":{}}"#, "beside other keys"),
        (
            "1234567890123456789012345678901234567890",
            "no integer of up to 128 bits",
        ),
    ] {
        let error = refused(text);
        assert!(error.is(ErrorKind::Invalid), "{error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

#[test]
fn depth_is_bounded_wherever_it_comes_from() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(text_of(&of_text(&nested(127))), nested(127));
    refused(&nested(128));
    refused(&nested(100_000));
    let mut value = serde_json::Value::Null;
    for _ in 0..1000 {
        value = serde_json::Value::Array(vec![value]);
    }
    let mut out = Vec::new();
    assert!(encode_value(&value, &mut out).is_err() && out.is_empty());
    assert!(encode(&value, &mut out).unwrap_err().is(ErrorKind::Limit) && out.is_empty());

    // Deeper than a writer goes, in bytes: each level is an array of one element.
    let mut bytes = vec![0x80];
    for _ in 0..100_000 {
        let length = u32::try_from(bytes.len() + 4).unwrap();
        let head = [&[0x1E][..], &length.to_le_bytes(), &1_u32.to_le_bytes()].concat();
        bytes.splice(0..0, head);
        if bytes.len() > 20_000 {
            break;
        }
    }
    assert!(validate(&bytes).unwrap_err().is(ErrorKind::Corrupt));
    assert!(decode::<serde_json::Value>(Node::root(&bytes)).is_err());
    let value = ValueRef::of_node(Node::root(&bytes)).unwrap();
    assert!(
        to_text(value, bytes.len())
            .unwrap_err()
            .is(ErrorKind::Corrupt)
    );
}

/// A document as a tree: what the bytes are compared with.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Integer(i128),
    Large(u128),
    Float(u64),
    Time(i64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Null => writer.null(),
            Self::Bool(value) => writer.bool(*value),
            Self::Integer(value) => writer.i128(*value),
            Self::Large(value) => writer.u128(*value),
            Self::Float(bits) => writer.f64(f64::from_bits(*bits)),
            Self::Time(micros) => writer.timestamp(Timestamp::from_micros(*micros)),
            Self::Text(text) => writer.string(text).unwrap(),
            Self::Bytes(bytes) => writer.bytes(bytes).unwrap(),
            Self::List(elements) => {
                let open = writer.begin_array(0).unwrap();
                for element in elements {
                    writer.element(&open);
                    element.write(writer);
                }
                writer.end_array(&open).unwrap();
            }
            Self::Object(members) => {
                let open = writer.begin_object(0).unwrap();
                for (key, value) in members {
                    writer.member(&open, key).unwrap();
                    value.write(writer);
                }
                writer.end_object(&open).unwrap();
            }
        }
    }

    fn read(node: Node<'_>) -> crate::Result<Self> {
        Ok(match node.read()? {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::I64(value) => Self::Integer(value.into()),
            Value::U64(value) => Self::Integer(value.into()),
            Value::I128(value) => Self::Integer(value),
            // Hostile bytes may have it wider than a writer would.
            Value::U128(value) => i128::try_from(value).map_or(Self::Large(value), Self::Integer),
            Value::F64(value) => Self::Float(canonical(value).to_bits()),
            Value::Timestamp(value) => Self::Time(value.as_micros()),
            Value::String(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Value::Array(array) => Self::List(
                array
                    .iter()
                    .map(|node| Self::read(node?))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(object) => Self::Object(
                object
                    .iter()
                    .map(|member| {
                        member.and_then(|(key, node)| Ok((key.to_owned(), Self::read(node)?)))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// Every step that is found by position and key leads where going through leads.
    fn assert_lazy(&self, node: Node<'_>) {
        match (self, node.read().unwrap()) {
            (Self::List(elements), Value::Array(array)) => {
                assert_eq!(array.len(), elements.len());
                for (i, element) in elements.iter().enumerate() {
                    element.assert_lazy(array.get(i).unwrap().unwrap());
                }
                assert!(array.get(elements.len()).unwrap().is_none());
            }
            (Self::Object(members), Value::Object(object)) => {
                assert_eq!(object.len(), members.len());
                for (key, value) in members {
                    value.assert_lazy(object.get(key).unwrap().unwrap());
                    let other = format!("{key}\0");
                    let there = members.iter().any(|(key, _)| *key == other);
                    assert_eq!(object.get(&other).unwrap().is_some(), there);
                }
            }
            _ => assert_eq!(&Self::read(node).unwrap(), self),
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c$]{0,3}",
        2 => any::<String>(),
        1 => "[a-z]{60,70}",
        1 => prop::sample::select(vec!["$bytes", "$int", "$float", "$time", "$literal", "$key"])
            .prop_map(str::to_owned),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        (-200_i128..200).prop_map(Tree::Integer),
        any::<i64>().prop_map(|value| Tree::Integer(value.into())),
        any::<u64>().prop_map(|value| Tree::Integer(value.into())),
        any::<i128>().prop_map(Tree::Integer),
        (1_u128 << 127..).prop_map(Tree::Large),
        any::<f64>().prop_map(|value| Tree::Float(canonical(value).to_bits())),
        any::<f32>().prop_map(|value| Tree::Float(canonical(value.into()).to_bits())),
        any::<i64>().prop_map(Tree::Time),
        text().prop_map(Tree::Text),
        prop::collection::vec(any::<u8>(), 0..70).prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(5, 80, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Tree::List),
            prop::collection::vec((text(), inner), 0..12).prop_map(|mut members| {
                let mut seen = std::collections::HashSet::new();
                members.retain(|(key, _)| seen.insert(key.clone()));
                Tree::Object(members)
            }),
        ]
    })
}

fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

fn encoded(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    tree.write(&mut Writer::new(&mut out));
    out
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    unit: (),
    numbers: (i8, u16, i32, u64, i128, u128, f32, f64),
    text: String,
    character: char,
    maybe: Option<bool>,
    list: Vec<Kind>,
    map: BTreeMap<i16, Kind>,
    time: Timestamp,
    nested: Option<Box<Everything>>,
    #[serde(flatten)]
    more: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    One(u8),
    Pair(String, i64),
    Named { a: bool, b: Vec<u16> },
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Unit),
        any::<u8>().prop_map(Kind::One),
        any::<(String, i64)>().prop_map(|(a, b)| Kind::Pair(a, b)),
        any::<(bool, Vec<u16>)>().prop_map(|(a, b)| Kind::Named { a, b }),
    ]
}

fn everything() -> impl Strategy<Value = Everything> {
    let numbers = (
        any::<(i8, u16, i32, u64, i128, u128)>(),
        prop::num::f32::ANY.prop_filter("equal to itself", |value| !value.is_nan()),
        prop::num::f64::ANY.prop_filter("equal to itself", |value| !value.is_nan()),
    );
    let more = prop::collection::btree_map("x[a-z]{1,5}", -1e9..1e9, 0..4);
    let one = (
        numbers,
        any::<(String, char, Option<bool>, i64)>(),
        prop::collection::vec(kind(), 0..5),
        prop::collection::btree_map(any::<i16>(), kind(), 0..5),
        more,
    )
        .prop_map(
            |(((a, b, c, d, e, f), g, h), (text, character, maybe, time), list, map, more)| {
                Everything {
                    unit: (),
                    numbers: (a, b, c, d, e, f, g, h),
                    text,
                    character,
                    maybe,
                    list,
                    map,
                    time: Timestamp::from_micros(time),
                    nested: None,
                    more,
                }
            },
        );
    let one = one.boxed();
    (one.clone(), prop::option::of(one)).prop_map(|(outer, inner)| Everything {
        nested: inner.map(Box::new),
        ..outer
    })
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(tree in tree()) {
        let bytes = encoded(&tree);
        validate(&bytes).unwrap();
        let root = Node::root(&bytes);
        prop_assert_eq!(root.encoded().unwrap(), &bytes[..]);
        prop_assert_eq!(&Tree::read(root).unwrap(), &tree);
        tree.assert_lazy(root);
    }

    #[test]
    fn reading_what_was_written_as_json_gives_the_same_bytes(tree in tree()) {
        let bytes = encoded(&tree);
        let text = text_of(&bytes);
        prop_assert_eq!(&of_text(&text), &bytes);
        prop_assert_eq!(&text_of(&of_text(&text)), &text);
        let value = crate::schema::json::to_value(
            ValueRef::of_node(Node::root(&bytes)).unwrap(),
            bytes.len(),
        ).unwrap();
        let mut like = Vec::new();
        encode_value_like(&value, Node::root(&bytes), &mut like).unwrap();
        validate(&like).unwrap();
        // Within `$literal` a value of `serde_json` forgets the order.
        if !text.contains("$literal") {
            prop_assert_eq!(&like, &bytes);
        }
    }

    #[test]
    fn serde_reads_what_serde_wrote(everything in everything()) {
        let mut bytes = Vec::new();
        encode(&everything, &mut bytes).unwrap();
        validate(&bytes).unwrap();
        prop_assert_eq!(&decode::<Everything>(Node::root(&bytes)).unwrap(), &everything);
    }

    #[test]
    fn hostile_bytes_are_an_error_or_a_value(
        tree in tree(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = encoded(&tree);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        assert_total(&bytes);
    }

    #[test]
    fn any_bytes_are_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        assert_total(&bytes);
    }
}

/// Nothing panics; what passes validation reads and writes as a document does.
fn assert_total(bytes: &[u8]) {
    let root = Node::root(bytes);
    let read = Tree::read(root);
    let text = ValueRef::of_node(root).and_then(|value| to_text(value, bytes.len()));
    let _ = decode::<serde_json::Value>(root);
    let _ = decode::<Everything>(root);
    if let Ok(tree) = &read {
        let _ = format!("{tree:?}");
    }
    if validate(bytes).is_ok() {
        let tree = read.unwrap();
        tree.assert_lazy(root);
        assert_eq!(Tree::read(Node::root(&encoded(&tree))).unwrap(), tree);
        text.unwrap();
    }
}
