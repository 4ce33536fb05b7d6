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
//! - Text is at most 127 containers deep, these objects included: of a document that is as deep as it can
//!   be the text may not be read again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Failure;
use super::numbers::{Exact, Numbers, exact, integer_of, is_number};
use super::read::{Node, Value, text_at};
use super::write::{Open, Writer};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

pub(crate) const BYTES: &str = "$bytes";
pub(crate) const INT: &str = "$int";
pub(crate) const FLOAT: &str = "$float";
pub(crate) const TIME: &str = "$time";
pub(crate) const LITERAL: &str = "$literal";

/// How `serde_json` gives a number when somebody in the program turns on its `arbitrary_precision`.
pub(super) const NUMBER: &str = "$serde_json::private::Number";

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
    let start = out.len();
    let mut source = serde_json::Deserializer::from_slice(text);
    let mut target = Target {
        writer: &mut Writer::new(out),
        numbers: Numbers::of(text),
    };
    let result = Seed::new(&mut target).deserialize(&mut source);
    result.and_then(|()| source.end()).map_err(|error| {
        out.truncate(start);
        // A text of one line, such as one of many in a file, has no lines to count.
        let mut why = error.to_string();
        if !text.trim_ascii().contains(&b'\n') {
            why = why.replace(" at line 1 column ", " at column ");
        }
        Error::invalid("the JSON text is refused").because(why)
    })
}

/// Appends the document that a JSON value is. After an error nothing is added.
pub(crate) fn encode_value(value: &serde_json::Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let result = write_value(value, &mut Writer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

pub(super) fn write_value(value: &serde_json::Value, writer: &mut Writer<'_>) -> Result<()> {
    let mut target = Target {
        writer,
        numbers: Numbers::of(&[]),
    };
    Seed::new(&mut target)
        .deserialize(value)
        .map_err(|error| Error::invalid("the JSON value is refused").because(error))
}

/// Whether an object of a JSON value says what JSON cannot.
pub(crate) fn says_what_json_cannot(members: &serde_json::Map<String, serde_json::Value>) -> bool {
    only_form(members).is_some() || members.contains_key(LITERAL)
}

/// The form that an object of a JSON value has, where it has one.
pub(crate) fn only_form(
    members: &serde_json::Map<String, serde_json::Value>,
) -> Option<&'static str> {
    let only = members.keys().next().filter(|_| members.len() == 1);
    only.and_then(|key| form_of(key))
}

/// Where a document is written to, and what is known of the text that it comes from.
struct Target<'w, 'o, 't> {
    writer: &'w mut Writer<'o>,
    /// Those of the text that are still to come; none where it is a value.
    numbers: Numbers<'t>,
}

impl Target<'_, '_, '_> {
    /// The token of the number that comes next, where it needs one to be exact.
    fn number<E: de::Error>(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<(), E> {
        match self.numbers.next().and_then(exact) {
            Some(Exact::Integer(value)) => self.writer.i128(value),
            Some(Exact::Unsigned(value)) => self.writer.u128(value),
            Some(Exact::Float(value)) => self.writer.f64(value),
            Some(Exact::TooLarge(text)) => return Err(refused(too_large(text))),
            None => write(self.writer),
        }
        Ok(())
    }
}

/// Writes whatever comes next.
struct Seed<'s, 'w, 'o, 't> {
    target: &'s mut Target<'w, 'o, 't>,
    /// Whether an object is what it is, whatever its keys.
    literal: bool,
}

impl<'s, 'w, 'o, 't> Seed<'s, 'w, 'o, 't> {
    fn new(target: &'s mut Target<'w, 'o, 't>) -> Self {
        Self {
            target,
            literal: false,
        }
    }
}

fn refused<E: de::Error>(error: Error) -> E {
    E::custom(Failure(error))
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.target.writer.null();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.target.writer.bool(value);
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.target.number(|writer| writer.i64(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.target.number(|writer| writer.u64(value))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<(), E> {
        self.target.number(|writer| writer.i128(value))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<(), E> {
        self.target.number(|writer| writer.u128(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.target.number(|writer| writer.f64(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.target.writer.string(text).map_err(refused)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<(), A::Error> {
        let target = self.target;
        let open = target.writer.begin_array(0).map_err(refused)?;
        while source.next_element_seed(Element(target, &open))?.is_some() {}
        target.writer.end_array(&open).map_err(refused)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<(), A::Error> {
        let Self { target, literal } = self;
        let open = target.writer.begin_object(0).map_err(refused)?;
        let (mut last, mut seen) = (None, false);
        while let Some(form) = source.next_key_seed(Key(target.writer, &open))? {
            let within_literal = form == Some(LITERAL) && !literal;
            source.next_value_seed(Seed {
                target,
                literal: within_literal,
            })?;
            last = form;
            seen |= within_literal;
            if seen && target.writer.count(&open) > 1 {
                return Err(refused(not_said(LITERAL, "it stands beside other keys")));
            }
        }
        match last {
            Some(form) if !literal && target.writer.count(&open) == 1 => {
                extend(target.writer, &open, form).map_err(refused)
            }
            _ => target.writer.end_object(&open).map_err(refused),
        }
    }
}

/// Begins an element of an array and writes it.
struct Element<'s, 'w, 'o, 't>(&'s mut Target<'w, 'o, 't>, &'s Open);

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        self.0.writer.element(self.1);
        Seed::new(self.0).deserialize(source)
    }
}

/// Begins a member and writes its key; gives the form whose key it is, if it is one's.
struct Key<'w, 'o>(&'w mut Writer<'o>, &'w Open);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        self.0.member(self.1, key).map_err(refused)?;
        Ok(form_of(key))
    }
}

/// Writes what an object with one key of ours says in its place.
pub(super) fn extend(writer: &mut Writer<'_>, open: &Open, form: &'static str) -> Result<()> {
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
    match integer_of(text) {
        Some(Exact::Integer(value)) => writer.i128(value),
        Some(Exact::Unsigned(value)) => writer.u128(value),
        _ => return Err(too_large(text)),
    }
    Ok(())
}

fn too_large(text: &str) -> Error {
    Error::invalid(format!(
        "{text:?} is no integer of up to 128 bits; keep a larger one as text"
    ))
}

fn not_said(form: &str, why: &str) -> Error {
    Error::invalid(format!(
        "an object with the key {form:?} does not say what such a one says ({why}); put it into \
         {{\"$literal\": ..}} if it is none"
    ))
}
