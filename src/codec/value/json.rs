//! How does JSON become a document? Straight into its bytes, from text or from a
//! [`serde_json::Value`].
//!
//! What JSON cannot say has one form, an object with one key:
//!
//! ```text
//! {"$bytes": "AQID"}                     bytes, in base64 (RFC 4648, with padding)
//! {"$int": "18446744073709551616"}       an integer beyond 64 bits, up to 128
//! {"$float": "NaN"}                      "NaN", "Infinity", "-Infinity", or any number as text
//! {"$time": "2026-11-26T10:00:00Z"}      a timestamp, RFC 3339
//! {"$literal": {"$bytes": 1}}            an object that looks like one of these and is none
//! ```
//! - Reading takes every such object for what it says, and refuses one that says nothing. Writing
//!   (`schema/json.rs`) puts an object into `$literal` that has one of these as its only key, or the
//!   key `$literal` among others. So what was written is read as what it was.
//! - Every number in a text is read exactly: an integer beyond 64 bits as `$int` is, a float as the
//!   nearest there is.
//! - An object with a key twice is refused: one of its values would be lost.
//! - Text is at most 127 containers deep, these objects included.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Failure;
use super::read::{Array, Node, Value, text_at};
use super::write::{Open, Writer};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

pub(crate) const BYTES: &str = "$bytes";
pub(crate) const INT: &str = "$int";
pub(crate) const FLOAT: &str = "$float";
pub(crate) const TIME: &str = "$time";
pub(crate) const LITERAL: &str = "$literal";

/// How `serde_json` gives a number when somebody in the program turns on its `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

/// The form that an object with this as its only key has.
pub(crate) fn form_of(key: &str) -> Option<&'static str> {
    let forms = [BYTES, INT, FLOAT, TIME, LITERAL, NUMBER];
    forms.into_iter().find(|form| *form == key)
}

/// Bytes as `$bytes` has them.
pub(crate) fn bytes_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A float as `$float` has it, `None` where JSON has a number for it.
pub(crate) fn float_text(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_finite() {
        None
    } else if value > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
    }
}

/// Appends the document that a JSON text is. After an error nothing is added.
pub(crate) fn encode_text(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let exact = with_exact_numbers(text);
    parse(&exact, out).map_err(|error| {
        // Line and column are to be those of the text as it came.
        let error = match exact {
            Cow::Owned(_) => parse(text, &mut Vec::new()).err().unwrap_or(error),
            Cow::Borrowed(_) => error,
        };
        // A text of one line, such as one of many in a file, has no lines to count.
        let mut why = error.to_string();
        if !text.trim_ascii().contains(&b'\n') {
            why = why.replace(" at line 1 column ", " at column ");
        }
        Error::invalid("the JSON text is refused").because(why)
    })
}

fn parse(text: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    let mut source = serde_json::Deserializer::from_slice(text);
    let result = Seed::new(&mut Writer::new(out)).deserialize(&mut source);
    let result = result.and_then(|()| source.end());
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends the document that a JSON value is. After an error nothing is added.
pub(crate) fn encode_value(value: &serde_json::Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let result = Seed::new(&mut Writer::new(out)).deserialize(value);
    if result.is_err() {
        out.truncate(start);
    }
    result.map_err(|error| Error::invalid("the JSON value is refused").because(error))
}

/// Appends the document that a JSON value is, the members of each object in the order that those of
/// `like` have, new ones behind them: a value of `serde_json` that was made from it forgot that order.
/// After an error nothing is added.
pub(crate) fn encode_value_like(
    value: &serde_json::Value,
    like: Node<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let result = write_like(value, Some(like), &mut Writer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_like(
    value: &serde_json::Value,
    like: Option<Node<'_>>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    match (value, like.map(Node::read).transpose()?) {
        (serde_json::Value::Array(elements), Some(Value::Array(like))) => {
            let open = writer.begin_array(0)?;
            let like = beside(elements, &like)?;
            for (i, element) in elements.iter().enumerate() {
                writer.element(&open);
                write_like(element, like.get(i).copied().flatten(), writer)?;
            }
            writer.end_array(&open)
        }
        (serde_json::Value::Object(members), Some(Value::Object(like)))
            if !says_what_json_cannot(members) =>
        {
            let open = writer.begin_object(0)?;
            let mut write = |key: &str, value, like| {
                writer.member(&open, key)?;
                write_like(value, like, writer)
            };
            for member in like.iter() {
                let (key, like) = member?;
                if let Some(value) = members.get(key) {
                    write(key, value, Some(like))?;
                }
            }
            for (key, value) in members {
                if like.get(key)?.is_none() {
                    write(key, value, None)?;
                }
            }
            writer.end_object(&open)
        }
        _ => Seed::new(writer)
            .deserialize(value)
            .map_err(|error| Error::invalid("the JSON value is refused").because(error)),
    }
}

/// For each element the one of `like` that it was: where some came or went, those in front of them
/// and those behind are the same as before.
fn beside<'a>(elements: &[serde_json::Value], like: &Array<'a>) -> Result<Vec<Option<Node<'a>>>> {
    let before: Vec<Node<'a>> = like.iter().collect::<Result<_>>()?;
    let (now, then) = (elements.len(), before.len());
    let mut back = 0;
    if now != then {
        let mut front = 0;
        while let (Some(element), Some(node)) = (elements.get(front), before.get(front))
            && same(element, *node)?
        {
            front += 1;
        }
        let most = now.min(then) - front;
        for (element, node) in elements.iter().rev().zip(before.iter().rev()).take(most) {
            if !same(element, *node)? {
                break;
            }
            back += 1;
        }
    }
    let at = |i: usize| match (now - i <= back, i + back < then) {
        (true, _) => before.get(i + then - now),
        (false, true) => before.get(i),
        (false, false) => None,
    };
    Ok((0..now).map(|i| at(i).copied()).collect())
}

/// Whether a JSON value is that of a document, whatever the order of members.
fn same(value: &serde_json::Value, node: Node<'_>) -> Result<bool> {
    match (value, node.read()?) {
        (serde_json::Value::String(a), Value::String(b)) => Ok(a == b),
        (serde_json::Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !same(a, b?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (serde_json::Value::Object(a), Value::Object(b)) if !says_what_json_cannot(a) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for member in b.iter() {
                let (key, b) = member?;
                match a.get(key) {
                    Some(a) if same(a, b)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (_, Value::Array(_) | Value::Object(_)) => Ok(false),
        _ => {
            let mut encoded = Vec::new();
            Ok(encode_value(value, &mut encoded).is_ok() && encoded == node.encoded()?)
        }
    }
}

fn says_what_json_cannot(members: &serde_json::Map<String, serde_json::Value>) -> bool {
    let only = members.keys().next().filter(|_| members.len() == 1);
    only.is_some_and(|key| form_of(key).is_some()) || members.contains_key(LITERAL)
}

/// The text with numbers in a form of ours where a parser that gives 64-bit integers and floats may
/// not give exactly what they say: `serde_json` rounds twice, unless somebody in the program turns on
/// its feature `float_roundtrip`.
fn with_exact_numbers(text: &[u8]) -> Cow<'_, [u8]> {
    let mut exact = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(rest @ [first, ..]) = text.get(at..) {
        let length = match first {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => {
                let length = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                if let Some(form) = form_needed(rest.get(..length).unwrap_or_default()) {
                    exact.extend_from_slice(text.get(copied..at).unwrap_or_default());
                    exact.extend_from_slice(form.as_bytes());
                    copied = at + length;
                }
                length
            }
            _ => 1,
        };
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    exact.extend_from_slice(text.get(copied..).unwrap_or_default());
    Cow::Owned(exact)
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// The form of a number that needs one. What is no number is left for the parser to refuse.
fn form_needed(token: &[u8]) -> Option<String> {
    let is_integer = token.iter().skip(1).all(u8::is_ascii_digit);
    let has_exponent = token.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if token.len() <= DIGITS_SAFE && !has_exponent {
        return None;
    }
    let text = std::str::from_utf8(token).ok()?;
    if !is_number(text) {
        return None;
    }
    if is_integer {
        let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
        return (!fits).then(|| format!("{{\"{INT}\":\"{text}\"}}"));
    }
    let is_finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    is_finite.then(|| format!("{{\"{FLOAT}\":\"{text}\"}}"))
}

/// A number of so many digits and no exponent is read exactly by multiplying or dividing once.
const DIGITS_SAFE: usize = 15;

/// Whether this is a number of RFC 8259.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let no_leading_zero = whole.len() == 1 || !whole.starts_with('0');
    digits(whole) && no_leading_zero && digits(fraction) && digits(exponent)
}

/// The bytes of the string that the text begins with, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (i, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// Writes whatever comes next.
struct Seed<'w, 'o> {
    writer: &'w mut Writer<'o>,
    /// Whether an object is what it is, whatever its keys.
    literal: bool,
}

impl<'w, 'o> Seed<'w, 'o> {
    fn new(writer: &'w mut Writer<'o>) -> Self {
        Self {
            writer,
            literal: false,
        }
    }
}

fn refused<E: de::Error>(error: Error) -> E {
    E::custom(Failure(error))
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> std::result::Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        self.writer.null();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<(), E> {
        self.writer.bool(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<(), E> {
        self.writer.i64(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<(), E> {
        self.writer.u64(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<(), E> {
        self.writer.f64(value);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<(), E> {
        self.writer.string(text).map_err(refused)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> std::result::Result<(), A::Error> {
        let writer = self.writer;
        let open = writer.begin_array(0).map_err(refused)?;
        while source.next_element_seed(Element(writer, &open))?.is_some() {}
        writer.end_array(&open).map_err(refused)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> std::result::Result<(), A::Error> {
        let Self { writer, literal } = self;
        let open = writer.begin_object(0).map_err(refused)?;
        let (mut last, mut seen) = (None, false);
        while let Some(form) = source.next_key_seed(Key(writer, &open))? {
            let within_literal = form == Some(LITERAL) && !literal;
            source.next_value_seed(Seed {
                writer,
                literal: within_literal,
            })?;
            last = form;
            seen |= within_literal;
            if seen && writer.count(&open) > 1 {
                return Err(refused(not_said(LITERAL, "it stands beside other keys")));
            }
        }
        match last {
            Some(form) if !literal && writer.count(&open) == 1 => {
                extend(writer, &open, form).map_err(refused)
            }
            _ => writer.end_object(&open).map_err(refused),
        }
    }
}

/// Begins an element of an array and writes it.
struct Element<'w, 'o>(&'w mut Writer<'o>, &'w Open);

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> std::result::Result<(), D::Error> {
        self.0.element(self.1);
        Seed::new(self.0).deserialize(source)
    }
}

/// Begins a member and writes its key; gives the form whose key it is, if it is one's.
struct Key<'w, 'o>(&'w mut Writer<'o>, &'w Open);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        source: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> std::result::Result<Self::Value, E> {
        self.0.member(self.1, key).map_err(refused)?;
        Ok(form_of(key))
    }
}

/// Writes what an object with one key of ours says in its place.
fn extend(writer: &mut Writer<'_>, open: &Open, form: &'static str) -> Result<()> {
    let member = writer.take_back(open);
    let (_, value_at) = text_at(&member, 0)?;
    let value = Node::root(member.get(value_at..).unwrap_or_default());
    if form == LITERAL {
        if value.object()?.is_none() {
            return Err(not_said(form, "an object was expected"));
        }
        writer.encoded(value.encoded()?);
        return Ok(());
    }
    let Value::String(text) = value.read()? else {
        return Err(not_said(form, "text was expected"));
    };
    match form {
        BYTES => match STANDARD.decode(text) {
            Ok(bytes) => writer.bytes(&bytes)?,
            Err(error) => return Err(not_said(form, "base64 was expected").because(error)),
        },
        INT => integer(writer, text)?,
        NUMBER if text.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => integer(writer, text)?,
        FLOAT | NUMBER => writer.f64(match text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() && is_number(text) => value,
                _ => return Err(not_said(form, "a number, NaN or an Infinity was expected")),
            },
        }),
        _ => match text.parse::<Timestamp>() {
            Ok(time) => writer.timestamp(time),
            Err(error) => return Err(not_said(form, "RFC 3339 was expected").because(error)),
        },
    }
    Ok(())
}

fn integer(writer: &mut Writer<'_>, text: &str) -> Result<()> {
    match (text.parse::<i128>(), text.parse::<u128>()) {
        (Ok(value), _) => writer.i128(value),
        (_, Ok(value)) => writer.u128(value),
        _ => {
            return Err(Error::invalid(format!(
                "{text:?} is no integer of up to 128 bits; keep a larger one as text"
            )));
        }
    }
    Ok(())
}

fn not_said(form: &str, why: &str) -> Error {
    Error::invalid(format!(
        "an object with the key {form:?} does not say what such a one says ({why}); put it into \
         {{\"$literal\": ..}} if it is none"
    ))
}
