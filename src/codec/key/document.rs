//! How does a value of a document become bytes that sort as documents do?
//!
//! A tag, which decides between kinds, then the value. The order of the kinds, and that of objects
//! and lists, is that of `MongoDB` (its manual, "Comparison/Sort Order").
//!
//! ```text
//! TAG  VALUE      BEHIND THE TAG
//! 10   null
//! 18   number     see below
//! 20   string     UTF-8, 00 escaped as 00 FF, ended by 00 01 (as in `text`)
//! 28   object     for each member: tag of its value, its key as a string, its value; then 01
//! 30   list       for each element: tag, value; then 01
//! 38   bytes      as a string
//! 40   bool       00 or 01
//! 48   timestamp  i64 of microseconds, big-endian, the sign bit flipped
//!
//! NUMBER                    HEAD             BEHIND THE HEAD
//! NaN                       00
//! -infinity                 1C
//! negative                  what the positive has, every byte complemented
//! 0                         80
//! 0 < x < 1                 81               e + 1074, big-endian, 2 bytes; then f
//! 1 <= x < 2^96             82 + e           f
//! 2^96 <= x                 E2               e, big-endian, 2 bytes; then f
//! +infinity                 E3
//! ```
//! where x = 2^e * (1 + f), and f is its bits, the highest first, in bytes of seven and a last bit that
//! says whether more follow; the last byte has a bit set, except for f = 0, which is `00`. So integers
//! of up to 128 bits and floats compare as the numbers they are, exactly, and equal numbers are equal
//! bytes.
//!
//! Every encoding delimits itself, and every value has exactly one. The bytes are a promise on disk.

use super::KeyReader;
use super::number::{decode_i64, encode_i64};
use super::text::{decode_bytes, decode_string, encode_bytes, encode_str, skip_bytes};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;
use crate::codec::value::CONTAINERS_DEEP_MAX;
use crate::codec::value::read::{Node, Value};
use crate::codec::value::write::Writer;

pub(crate) const NULL: u8 = 0x10;
pub(crate) const NUMBER: u8 = 0x18;
pub(crate) const STRING: u8 = 0x20;
pub(crate) const OBJECT: u8 = 0x28;
pub(crate) const LIST: u8 = 0x30;
pub(crate) const BYTES: u8 = 0x38;
pub(crate) const BOOL: u8 = 0x40;
pub(crate) const TIMESTAMP: u8 = 0x48;

/// Below every tag: ends an object or a list.
pub(crate) const END: u8 = 0x01;

/// Appends the encoding of a value, all that it holds included.
pub(crate) fn encode(node: Node<'_>, out: &mut Vec<u8>) -> Result<()> {
    let value = node.read()?;
    out.push(tag_of(&value));
    encode_behind_tag(&value, out)
}

fn tag_of(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => NULL,
        Value::I64(_) | Value::U64(_) | Value::I128(_) | Value::U128(_) | Value::F64(_) => NUMBER,
        Value::String(_) => STRING,
        Value::Object(_) => OBJECT,
        Value::Array(_) => LIST,
        Value::Bytes(_) => BYTES,
        Value::Bool(_) => BOOL,
        Value::Timestamp(_) => TIMESTAMP,
    }
}

fn encode_behind_tag(value: &Value<'_>, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::I64(value) => encode_integer((*value).into(), out),
        Value::U64(value) => encode_integer((*value).into(), out),
        Value::I128(value) => encode_integer(*value, out),
        Value::U128(value) => encode_unsigned(*value, out),
        Value::F64(value) => encode_float(*value, out),
        Value::String(text) => encode_str(text, out),
        Value::Bytes(bytes) => encode_bytes(bytes, out),
        Value::Timestamp(value) => encode_i64(value.as_micros(), out),
        Value::Array(array) => {
            for element in array.iter() {
                encode(element?, out)?;
            }
            out.push(END);
        }
        Value::Object(object) => {
            for member in object.iter() {
                let (key, value) = member?;
                let value = value.read()?;
                out.push(tag_of(&value));
                encode_str(key, out);
                encode_behind_tag(&value, out)?;
            }
            out.push(END);
        }
    }
    Ok(())
}

/// Appends an integer, without its tag.
pub(crate) fn encode_integer(value: i128, out: &mut Vec<u8>) {
    encode_magnitude(Magnitude::of(value.unsigned_abs(), 0), value < 0, out);
}

/// Appends an integer that has no sign, without its tag.
pub(crate) fn encode_unsigned(value: u128, out: &mut Vec<u8>) {
    encode_magnitude(Magnitude::of(value, 0), false, out);
}

/// Appends a float, without its tag.
pub(crate) fn encode_float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.push(NAN);
    } else if value.is_infinite() {
        out.push(if value > 0.0 { INFINITY } else { !INFINITY });
    } else {
        encode_magnitude(Magnitude::of_float(value), value < 0.0, out);
    }
}

/// Documents are nested less deep.
const DEPTH_MAX: usize = CONTAINERS_DEEP_MAX + 1;

/// Below the heads of all other numbers.
pub(crate) const NAN: u8 = 0x00;
const ZERO: u8 = 0x80;
const BELOW_ONE: u8 = 0x81;
const ONE: u8 = 0x82;
const HUGE: u8 = 0xE2;
const INFINITY: u8 = 0xE3;

/// Exponents from this one on have no head of their own.
const HUGE_EXPONENT: i32 = 96;

/// The exponent of the least positive float.
const EXPONENT_MIN: i32 = -1074;

/// How large a number is: 2^exponent * (1 + fraction / 2^128). `None` stands for zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Magnitude {
    exponent: i32,
    fraction: u128,
}

impl Magnitude {
    /// `number` * 2^`scale`.
    fn of(number: u128, scale: i32) -> Option<Self> {
        let bits = number.checked_ilog2()?;
        Some(Self {
            exponent: bits.cast_signed() + scale,
            // Without the highest bit, which is the one in (1 + f).
            fraction: number.checked_shl(128 - bits).unwrap_or_default(),
        })
    }

    fn of_float(value: f64) -> Option<Self> {
        let bits = value.to_bits();
        let mantissa = u128::from(bits & MANTISSA);
        let exponent = i32::try_from(bits >> MANTISSA_BITS & 0x7FF).unwrap_or_default();
        if exponent == 0 {
            Self::of(mantissa, EXPONENT_MIN)
        } else {
            Self::of(mantissa | 1 << MANTISSA_BITS, exponent - 1 + EXPONENT_MIN)
        }
    }

    /// The integer that it is, if it is one.
    fn integer(self) -> Option<u128> {
        let exponent = u32::try_from(self.exponent)
            .ok()
            .filter(|exponent| *exponent < 128)?;
        let below_one = self.fraction.checked_shl(exponent).unwrap_or_default();
        let above_one = self
            .fraction
            .checked_shr(128 - exponent)
            .unwrap_or_default();
        (below_one == 0).then_some(1 << exponent | above_one)
    }

    /// The float that it is, if it is one.
    fn float(self) -> Option<f64> {
        let mantissa = u64::try_from(self.fraction >> (128 - MANTISSA_BITS)).ok()?;
        let biased = self.exponent - EXPONENT_MIN - MANTISSA_BITS.cast_signed() + 1;
        let bits = match u64::try_from(biased) {
            Ok(biased @ 1..=0x7FE) => biased << MANTISSA_BITS | mantissa,
            Ok(0x7FF..) => return None,
            // Below the least normal number the leading one is written, further to the right.
            _ => (1 << MANTISSA_BITS | mantissa).checked_shr((1 - biased).cast_unsigned())?,
        };
        let float = f64::from_bits(bits);
        (Self::of_float(float) == Some(self)).then_some(float)
    }
}

const MANTISSA_BITS: u32 = 52;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;

fn encode_magnitude(magnitude: Option<Magnitude>, negative: bool, out: &mut Vec<u8>) {
    let start = out.len();
    match magnitude {
        None => return out.push(ZERO),
        Some(Magnitude { exponent, fraction }) => {
            match (u16::try_from(exponent), u8::try_from(exponent)) {
                (_, Ok(small)) if exponent < HUGE_EXPONENT => out.push(ONE + small),
                (Ok(huge), _) => {
                    out.push(HUGE);
                    out.extend_from_slice(&huge.to_be_bytes());
                }
                (Err(_), _) => {
                    out.push(BELOW_ONE);
                    let raised = u16::try_from(exponent - EXPONENT_MIN).unwrap_or_default();
                    out.extend_from_slice(&raised.to_be_bytes());
                }
            }
            encode_fraction(fraction, out);
        }
    }
    if negative {
        for byte in out.iter_mut().skip(start) {
            *byte = !*byte;
        }
    }
}

fn encode_fraction(mut fraction: u128, out: &mut Vec<u8>) {
    loop {
        let [first, ..] = fraction.to_be_bytes();
        fraction <<= 7;
        out.push(first & 0xFE | u8::from(fraction != 0));
        if fraction == 0 {
            return;
        }
    }
}

/// Reads one value and writes it as a document. A number that is an integer of up to 128 bits is
/// written as one.
pub(crate) fn decode(input: &mut KeyReader<'_>, writer: &mut Writer<'_>) -> Result<()> {
    let [tag] = input.take()?;
    decode_behind_tag(tag, input, writer)
}

fn decode_behind_tag(tag: u8, input: &mut KeyReader<'_>, writer: &mut Writer<'_>) -> Result<()> {
    match tag {
        NULL => writer.null(),
        NUMBER => decode_number(input, writer)?,
        STRING => writer.string(&decode_string(input)?)?,
        BYTES => writer.bytes(&decode_bytes(input)?)?,
        BOOL => match input.take()? {
            [byte @ (0 | 1)] => writer.bool(byte == 1),
            [byte] => return Err(unknown("bool", byte)),
        },
        TIMESTAMP => writer.timestamp(Timestamp::from_micros(decode_i64(input)?)),
        LIST => {
            let list = writer.begin_array(0)?;
            while let Some(tag) = next_tag(input)? {
                writer.element(&list);
                decode_behind_tag(tag, input, writer)?;
            }
            writer.end_array(&list)?;
        }
        OBJECT => {
            let object = writer.begin_object(0)?;
            while let Some(tag) = next_tag(input)? {
                writer.member(&object, &decode_string(input)?)?;
                decode_behind_tag(tag, input, writer)?;
            }
            writer.end_object(&object)?;
        }
        _ => return Err(unknown("tag", tag)),
    }
    Ok(())
}

/// Reads past a value whose tag was read. Its insides are looked at as far as it takes to find its end.
pub(crate) fn skip_behind_tag(tag: u8, input: &mut KeyReader<'_>) -> Result<()> {
    skip_at(tag, input, 0)
}

fn skip_at(tag: u8, input: &mut KeyReader<'_>, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Error::corrupt("a key is nested deeper than documents are"));
    }
    match tag {
        NULL => {}
        NUMBER => skip_number(input)?,
        STRING | BYTES => skip_bytes(input)?,
        BOOL => drop(input.take::<1>()?),
        TIMESTAMP => drop(input.take::<8>()?),
        LIST => {
            while let Some(tag) = next_tag(input)? {
                skip_at(tag, input, depth + 1)?;
            }
        }
        OBJECT => {
            while let Some(tag) = next_tag(input)? {
                skip_bytes(input)?;
                skip_at(tag, input, depth + 1)?;
            }
        }
        _ => return Err(unknown("tag", tag)),
    }
    Ok(())
}

fn skip_number(input: &mut KeyReader<'_>) -> Result<()> {
    match input.take()? {
        [NAN | ZERO | INFINITY] => Ok(()),
        [head] if head == !INFINITY => Ok(()),
        [head @ BELOW_ONE..=HUGE] => skip_magnitude(head, input),
        [head] => input.complemented(|input| skip_magnitude(!head, input)),
    }
}

fn skip_magnitude(head: u8, input: &mut KeyReader<'_>) -> Result<()> {
    match head {
        BELOW_ONE | HUGE => drop(input.take::<2>()?),
        ONE..HUGE => {}
        _ => return Err(unknown("head of a number", head)),
    }
    while let [byte] = input.take()?
        && byte & 1 != 0
    {}
    Ok(())
}

fn next_tag(input: &mut KeyReader<'_>) -> Result<Option<u8>> {
    let [tag] = input.take()?;
    Ok((tag != END).then_some(tag))
}

fn decode_number(input: &mut KeyReader<'_>, writer: &mut Writer<'_>) -> Result<()> {
    let [head] = input.take()?;
    match head {
        NAN => writer.f64(f64::NAN),
        ZERO => writer.i64(0),
        INFINITY => writer.f64(f64::INFINITY),
        head if head == !INFINITY => writer.f64(f64::NEG_INFINITY),
        BELOW_ONE..=HUGE => {
            let magnitude = decode_magnitude(head, input)?;
            match (magnitude.integer(), magnitude.float()) {
                (Some(integer), _) => writer.u128(integer),
                (None, Some(float)) => writer.f64(float),
                (None, None) => return Err(no_number()),
            }
        }
        _ => {
            let magnitude = input.complemented(|input| decode_magnitude(!head, input))?;
            let integer = magnitude
                .integer()
                .and_then(|integer| 0_i128.checked_sub_unsigned(integer));
            match (integer, magnitude.float()) {
                (Some(integer), _) => writer.i128(integer),
                (None, Some(float)) => writer.f64(-float),
                (None, None) => return Err(no_number()),
            }
        }
    }
    Ok(())
}

fn decode_magnitude(head: u8, input: &mut KeyReader<'_>) -> Result<Magnitude> {
    let exponent = match head {
        BELOW_ONE => match i32::from(u16::from_be_bytes(input.take()?)) + EXPONENT_MIN {
            exponent @ ..0 => exponent,
            _ => return Err(no_number()),
        },
        HUGE => match i32::from(u16::from_be_bytes(input.take()?)) {
            exponent @ HUGE_EXPONENT.. => exponent,
            _ => return Err(no_number()),
        },
        ONE..HUGE => i32::from(head - ONE),
        _ => return Err(unknown("head of a number", head)),
    };
    Ok(Magnitude {
        exponent,
        fraction: decode_fraction(input)?,
    })
}

fn decode_fraction(input: &mut KeyReader<'_>) -> Result<u128> {
    let mut fraction = 0;
    let mut bits = 0;
    loop {
        let [byte] = input.take()?;
        let group = u128::from(byte & 0xFE);
        // The last of nineteen groups has two bits; and it, like every last one, has one set.
        let placed = group << 120 >> bits;
        if bits > 126 || placed << bits >> 120 != group || (group == 0 && bits > 0 && byte == 0) {
            return Err(no_number());
        }
        fraction |= placed;
        bits += 7;
        if byte & 1 == 0 {
            return Ok(fraction);
        }
    }
}

#[cold]
fn no_number() -> Error {
    Error::corrupt("a number in a key is none")
}

#[cold]
fn unknown(what: &str, byte: u8) -> Error {
    Error::corrupt(format!(
        "a key of a document has the {what} {byte:#04x}, which there is not"
    ))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;
    use crate::codec::value::json::encode_text;

    fn document(text: &str) -> Vec<u8> {
        let mut document = Vec::new();
        encode_text(text.as_bytes(), &mut document).unwrap();
        document
    }

    fn key(document: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        encode(Node::root(document), &mut key).unwrap();
        key
    }

    fn decoded(key: &[u8]) -> Result<Vec<u8>> {
        let mut document = Vec::new();
        let mut input = KeyReader::new(key);
        let [tag] = input.take()?;
        if skip_behind_tag(tag, &mut input).is_ok() && !input.is_empty() {
            // What is skipped is what is decoded.
            let mut whole = KeyReader::new(key);
            decode(&mut whole, &mut Writer::new(&mut Vec::new()))?;
            assert_eq!(whole.rest(), input.rest());
        }
        let mut input = KeyReader::new(key);
        decode(&mut input, &mut Writer::new(&mut document))?;
        input.finish()?;
        Ok(document)
    }

    fn number(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut document = Vec::new();
        write(&mut Writer::new(&mut document));
        key(&document)
    }

    #[test]
    fn golden_bytes() {
        for (text, bytes) in [
            ("null", &[0x10][..]),
            (r#"{"$float":"NaN"}"#, &[0x18, 0x00]),
            (r#"{"$float":"-Infinity"}"#, &[0x18, 0x1C]),
            (r#"{"$float":"Infinity"}"#, &[0x18, 0xE3]),
            ("0", &[0x18, 0x80]),
            ("-0.0", &[0x18, 0x80]),
            ("1", &[0x18, 0x82, 0x00]),
            ("-1", &[0x18, 0x7D, 0xFF]),
            ("3", &[0x18, 0x83, 0x80]),
            // 2^9 * 1.953125: the fraction is 1111 01.
            ("1000", &[0x18, 0x8B, 0xF4]),
            ("1000.0", &[0x18, 0x8B, 0xF4]),
            // 2^-1 * 1, with 1073 for its exponent.
            ("0.5", &[0x18, 0x81, 0x04, 0x31, 0x00]),
            ("5e-324", &[0x18, 0x81, 0x00, 0x00, 0x00]),
            // 2^53 + 1 has a fraction of 53 bits, the last of them set.
            ("9007199254740993", &[0x18, 0xB7, 1, 1, 1, 1, 1, 1, 1, 0x10]),
            (
                r#"{"$int":"79228162514264337593543950336"}"#,
                &[0x18, 0xE2, 0x00, 0x60, 0x00],
            ),
            (r#""a""#, &[0x20, 0x61, 0x00, 0x01]),
            (
                r#"{"a":1,"b":null}"#,
                &[
                    0x28, 0x18, 0x61, 0x00, 0x01, 0x82, 0x00, 0x10, 0x62, 0x00, 0x01, 0x01,
                ],
            ),
            ("[]", &[0x30, 0x01]),
            ("[true,[]]", &[0x30, 0x40, 0x01, 0x30, 0x01, 0x01]),
            (r#"{"$bytes":"AA=="}"#, &[0x38, 0x00, 0xFF, 0x00, 0x01]),
            ("false", &[0x40, 0x00]),
            (
                r#"{"$time":"1970-01-01T00:00:00Z"}"#,
                &[0x48, 0x80, 0, 0, 0, 0, 0, 0, 0],
            ),
        ] {
            assert_eq!(key(&document(text)), bytes, "{text}");
            let again = decoded(bytes).unwrap();
            assert_eq!(key(&again), bytes, "{text}");
        }
    }

    #[test]
    fn kinds_sort_as_mongodb_has_them_and_numbers_by_their_value() {
        let ascending = [
            "null",
            r#"{"$float":"NaN"}"#,
            r#"{"$float":"-Infinity"}"#,
            "-1e300",
            r#"{"$int":"-170141183460469231731687303715884105728"}"#,
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1",
            "-0.5",
            "-5e-324",
            "0",
            "5e-324",
            "2.2250738585072014e-308",
            "0.1",
            "0.5",
            "1",
            "1.0000000000000002",
            "1.5",
            "2",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994.0",
            "18446744073709551615",
            "18446744073709551616.0",
            r#"{"$int":"18446744073709551617"}"#,
            r#"{"$int":"340282366920938463463374607431768211455"}"#,
            "3.402823669209385e38",
            "1e300",
            r#"{"$float":"Infinity"}"#,
            r#""""#,
            r#""a""#,
            r#""a\u0000""#,
            r#""aa""#,
            r#""é""#,
            "{}",
            r#"{"a":1}"#,
            r#"{"a":1,"b":0}"#,
            r#"{"a":2}"#,
            r#"{"b":0}"#,
            r#"{"a":"x"}"#,
            "[]",
            "[null]",
            "[1]",
            "[1,0]",
            "[2]",
            r#"["a"]"#,
            r#"{"$bytes":""}"#,
            r#"{"$bytes":"AA=="}"#,
            "false",
            "true",
            r#"{"$time":"1969-12-31T23:59:59Z"}"#,
            r#"{"$time":"1970-01-01T00:00:00Z"}"#,
        ];
        for pair in ascending.windows(2) {
            let [a, b] = pair else { unreachable!() };
            assert!(key(&document(a)) < key(&document(b)), "{a} < {b}");
        }
    }

    /// Compares an integer and a float exactly.
    fn compare(integer: i128, float: f64) -> Ordering {
        if float >= 1.7e38 {
            return Ordering::Less;
        }
        if float < -1.7e38 {
            return Ordering::Greater;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
        let whole = float.trunc() as i128;
        integer
            .cmp(&whole)
            .then(0.0.partial_cmp(&float.fract()).unwrap())
    }

    fn integers() -> impl Strategy<Value = i128> {
        prop_oneof![
            -300_i128..300,
            any::<i64>().prop_map(i128::from),
            any::<u64>().prop_map(i128::from),
            (-160_000_000_000_000_000_000_000_000_000_000_000_000_i128
                ..160_000_000_000_000_000_000_000_000_000_000_000_000),
            (0_u32..63, -2_i128..3).prop_map(|(bits, off)| (1 << bits) + off),
        ]
    }

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            (-300_i32..300).prop_map(|value| f64::from(value) / 4.0),
            (0_i32..63, -2_i32..3).prop_map(|(bits, off)| 2_f64.powi(bits) + f64::from(off)),
        ]
    }

    proptest! {
        #[test]
        fn integers_sort_as_they_are(a in integers(), b in integers()) {
            let (x, y) = (number(|w| w.i128(a)), number(|w| w.i128(b)));
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        }

        #[test]
        fn floats_sort_as_they_are(a in floats(), b in floats()) {
            let (x, y) = (number(|w| w.f64(a)), number(|w| w.f64(b)));
            prop_assert_eq!(a.partial_cmp(&b).unwrap(), x.cmp(&y));
        }

        #[test]
        fn integers_and_floats_sort_by_their_value(a in integers(), b in floats()) {
            let (x, y) = (number(|w| w.i128(a)), number(|w| w.f64(b)));
            prop_assert_eq!(compare(a, b), x.cmp(&y));
        }

        #[test]
        fn a_number_is_found_again(a in integers(), b in floats()) {
            let mut document = Vec::new();
            Writer::new(&mut document).i128(a);
            prop_assert_eq!(decoded(&key(&document)).unwrap(), document);
            let again = decoded(&number(|w| w.f64(b))).unwrap();
            let found = match Node::root(&again).read().unwrap() {
                Value::F64(found) => found.to_bits() == b.to_bits(),
                Value::I64(found) => compare(found.into(), b).is_eq(),
                Value::U64(found) => compare(found.into(), b).is_eq(),
                Value::I128(found) => compare(found, b).is_eq(),
                _ => b.abs() > 1.7e38,
            };
            prop_assert!(found);
        }

        #[test]
        fn any_bytes_are_the_one_encoding_of_a_value_or_corrupt(
            tag in prop::sample::select(vec![0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48]),
            bytes in prop::collection::vec(
                prop_oneof![
                    any::<u8>(),
                    prop::sample::select(vec![0x00, 0x01, 0x18, 0x20, 0x28, 0x30, 0x80, 0xFF]),
                ],
                0..24,
            ),
        ) {
            let bytes = [&[tag], bytes.as_slice()].concat();
            match decoded(&bytes) {
                Ok(document) => prop_assert_eq!(key(&document), bytes),
                Err(error) => prop_assert!(
                    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid),
                    "{}", error
                ),
            }
        }
    }

    #[test]
    fn deep_keys_are_an_error() {
        let error = decoded(&vec![LIST; 100_000]).unwrap_err();
        assert!(error.is(ErrorKind::Limit), "{error}");
    }
}
