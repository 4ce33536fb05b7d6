//! What a filter means, beyond what the acceptance cases ask.

use proptest::prelude::*;

use super::pattern::translate;
use super::{Constant, parse};
use crate::codec::value::json::encode_text;
use crate::codec::value::read::Node;
use crate::codec::value::write::Writer;
use crate::schema::order::encode;
use crate::schema::view::{Budget, ValueRef};
use crate::{Error, ErrorKind};

fn holds(filter: &str, document: &str) -> bool {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    encode_text(filter.as_bytes(), &mut a).unwrap();
    encode_text(document.as_bytes(), &mut b).unwrap();
    let filter = parse(ValueRef::of_node(Node::root(&a)).unwrap()).unwrap();
    let document = ValueRef::of_node(Node::root(&b)).unwrap();
    filter.holds(document, b.len()).unwrap()
}

fn refused(filter: &str) -> Error {
    let mut bytes = Vec::new();
    encode_text(filter.as_bytes(), &mut bytes).unwrap();
    parse(ValueRef::of_node(Node::root(&bytes)).unwrap()).expect_err(filter)
}

#[test]
fn numbers_compare_exactly_whatever_their_types() {
    for (filter, document, wanted) in [
        (
            r#"{"a":9007199254740993}"#,
            r#"{"a":9007199254740992.0}"#,
            false,
        ),
        (
            r#"{"a":{"$gt":9007199254740992.0}}"#,
            r#"{"a":9007199254740993}"#,
            true,
        ),
        (
            r#"{"a":{"$int":"18446744073709551616"}}"#,
            r#"{"a":18446744073709551616.0}"#,
            true,
        ),
        (
            r#"{"a":{"$lt":{"$int":"18446744073709551617"}}}"#,
            r#"{"a":18446744073709551616.0}"#,
            true,
        ),
        (
            r#"{"a":{"$float":"NaN"}}"#,
            r#"{"a":{"$float":"NaN"}}"#,
            true,
        ),
        (r#"{"a":{"$lt":5}}"#, r#"{"a":{"$float":"NaN"}}"#, false),
        (r#"{"a":{"$gte":{"$float":"NaN"}}}"#, r#"{"a":1}"#, false),
        (
            r#"{"a":{"$lt":1e300}}"#,
            r#"{"a":{"$int":"340282366920938463463374607431768211455"}}"#,
            true,
        ),
        (r#"{"a":1}"#, r#"{"a":1.0}"#, true),
        (r#"{"a":[1,{"b":2}]}"#, r#"{"a":[1.0,{"b":2.0}]}"#, true),
        (
            r#"{"a":{"$time":"2026-01-01T00:00:00Z"}}"#,
            r#"{"a":{"$time":"2026-01-01T01:00:00+01:00"}}"#,
            true,
        ),
        (
            r#"{"a":{"$gt":{"$time":"2026-01-01T00:00:00Z"}}}"#,
            r#"{"a":{"$time":"2026-01-02T00:00:00Z"}}"#,
            true,
        ),
        (
            r#"{"a":{"$gt":""}}"#,
            r#"{"a":{"$time":"2026-01-02T00:00:00Z"}}"#,
            false,
        ),
        (
            r#"{"a":{"$bytes":"AA=="}}"#,
            r#"{"a":[{"$bytes":"AA=="}]}"#,
            true,
        ),
    ] {
        assert_eq!(holds(filter, document), wanted, "{filter} of {document}");
    }
}

#[test]
fn what_is_no_filter_is_refused_and_says_why() {
    for (filter, kind, why) in [
        ("[]", ErrorKind::Invalid, "object of paths"),
        (r#"{"$where":"1"}"#, ErrorKind::Unsupported, "$where"),
        (r#"{"a":{"$near":1}}"#, ErrorKind::Unsupported, "$near"),
        (r#"{"a":{"$gt":1,"b":2}}"#, ErrorKind::Invalid, "\"b\""),
        (r#"{"a":{"$in":1}}"#, ErrorKind::Invalid, "$in"),
        (r#"{"a":{"$size":1.5}}"#, ErrorKind::Invalid, "$size"),
        (r#"{"a":{"$mod":[0,1]}}"#, ErrorKind::Invalid, "$mod"),
        (r#"{"a":{"$regex":"("}}"#, ErrorKind::Invalid, "$regex"),
        (
            r#"{"a":{"$regex":"(a{1000}){1000}"}}"#,
            ErrorKind::Invalid,
            "$regex",
        ),
        (r#"{"a":{"$type":"text"}}"#, ErrorKind::Invalid, "$type"),
        (r#"{"$or":[]}"#, ErrorKind::Invalid, "$or"),
        (r#"{"a":{"$not":1}}"#, ErrorKind::Invalid, "$not"),
    ] {
        let error = refused(filter);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn classes_of_a_pattern_are_ascii_and_keep_their_spaces() {
    for (pattern, extended, translated) in [
        (r"^\w+\.\d$", false, r"^[0-9A-Za-z_]+\.[0-9]$"),
        (r"[^\d a]\b", true, r"[^[0-9]\ a](?-u:\b)"),
        (r"a b\", true, r"a b\"),
        ("é[é]", false, "é[é]"),
    ] {
        assert_eq!(translate(pattern, extended), translated);
    }
}

proptest! {
    /// The comparison that encodes nothing and the one that compares encodings are the same.
    #[test]
    fn constants_compare_as_their_encodings_do(
        a in number(),
        b in number(),
    ) {
        let constant = Constant::of(ValueRef::of_node(Node::root(&b)).unwrap()).unwrap();
        let value = ValueRef::of_node(Node::root(&a)).unwrap();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let mut budget = Budget::new(100);
        let other = ValueRef::of_node(Node::root(&b)).unwrap();
        encode(value, &mut budget, &mut x).unwrap();
        encode(other, &mut budget, &mut y).unwrap();
        prop_assert_eq!(constant.compare(value, &mut budget).unwrap(), Some(x.cmp(&y)));
    }
}

fn number() -> impl Strategy<Value = Vec<u8>> {
    let written = |write: &dyn Fn(&mut Writer<'_>)| {
        let mut bytes = Vec::new();
        write(&mut Writer::new(&mut bytes));
        bytes
    };
    prop_oneof![
        (-5_i64..5).prop_map(move |value| written(&|w| w.i64(value))),
        (-20_i32..20).prop_map(move |value| written(&|w| w.f64(f64::from(value) / 4.0))),
        any::<i128>().prop_map(move |value| written(&|w| w.i128(value))),
        any::<u128>().prop_map(move |value| written(&|w| w.u128(value))),
        any::<u64>().prop_map(move |value| written(&|w| w.u64(value))),
        (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO)
            .prop_map(move |value| written(&|w| w.f64(value))),
    ]
}
