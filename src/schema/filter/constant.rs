//! What is a value compared with?

use std::cmp::Ordering;

use crate::base::Result;
use crate::codec::key::KeyReader;
use crate::codec::key::document::{
    self, BOOL, BYTES, LIST, NULL, NUMBER, OBJECT, STRING, TIMESTAMP,
};
use crate::codec::value::write::Writer;
use crate::schema::order::encode;
use crate::schema::view::{Budget, ValueRef};

/// A value of a filter.
#[derive(Clone, PartialEq)]
pub(crate) struct Constant {
    /// As a document orders it (`codec/key/document.rs`), its tag first.
    key: Vec<u8>,
    scalar: Scalar,
}

/// What is compared without being encoded.
#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// What has to be encoded.
    Other,
}

/// A number of a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Constant {
    /// A value of a document, in which nothing can be there twice.
    pub(crate) fn of(value: ValueRef<'_>) -> Result<Self> {
        let mut key = Vec::new();
        encode(value, &mut Budget::new(usize::MAX), &mut key)?;
        let scalar = match value {
            ValueRef::Null => Scalar::Null,
            ValueRef::Bool(value) => Scalar::Bool(value),
            ValueRef::F32(value) => Scalar::Float(value.into()),
            ValueRef::F64(value) => Scalar::Float(value),
            ValueRef::String(text) => Scalar::Text(text.to_owned()),
            ValueRef::Char(char) => Scalar::Text(char.to_string()),
            ValueRef::Uuid(uuid) => Scalar::Text(uuid.hyphenated().to_string()),
            ValueRef::Variant(variant) if variant.fields().is_empty() => {
                Scalar::Text(variant.name().to_owned())
            }
            other => integer(other).map_or(Scalar::Other, Scalar::Integer),
        };
        Ok(Self { key, scalar })
    }

    /// Its encoding as a document orders it, the tag first.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The number that it is, where it is one of up to 128 bits.
    pub(crate) fn number(&self) -> Option<Number> {
        match self.scalar {
            Scalar::Integer(value) => Some(Number::Integer(value)),
            Scalar::Float(value) => Some(Number::Float(value)),
            _ => None,
        }
    }

    /// The integer that it is, where it is one of up to 128 bits.
    #[inline]
    pub(super) fn integer(&self) -> Option<i128> {
        match self.scalar {
            Scalar::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn is_nan(&self) -> bool {
        matches!(self.scalar, Scalar::Float(value) if value.is_nan())
    }

    /// The text that it is.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a document of its own.
    pub(crate) fn to_document(&self) -> Result<Vec<u8>> {
        let mut document = Vec::new();
        document::decode(
            &mut KeyReader::new(&self.key),
            &mut Writer::new(&mut document),
        )?;
        Ok(document)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.scalar == Scalar::Null
    }

    /// How a value is to it; `None` where they are of different kinds, or one is NaN.
    pub(crate) fn compare(
        &self,
        value: ValueRef<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Ordering>> {
        Ok(match (value, &self.scalar) {
            (ValueRef::String(value), Scalar::Text(text)) => Some(value.cmp(text.as_str())),
            (ValueRef::Null, Scalar::Null) => Some(Ordering::Equal),
            (ValueRef::Bool(value), Scalar::Bool(constant)) => Some(value.cmp(constant)),
            (ValueRef::F32(value), Scalar::Float(constant)) => floats(value.into(), *constant),
            (ValueRef::F64(value), Scalar::Float(constant)) => floats(value, *constant),
            (ValueRef::F32(value), Scalar::Integer(constant)) => {
                integer_and_float(*constant, value.into()).map(Ordering::reverse)
            }
            (ValueRef::F64(value), Scalar::Integer(constant)) => {
                integer_and_float(*constant, value).map(Ordering::reverse)
            }
            (value, Scalar::Integer(constant)) if let Some(value) = integer(value) => {
                Some(value.cmp(constant))
            }
            (value, Scalar::Float(constant)) if let Some(value) = integer(value) => {
                integer_and_float(value, *constant)
            }
            _ => return self.compare_encoded(value, budget),
        })
    }

    /// The same for a value of a document, in which nothing can be there twice.
    pub(super) fn compare_all(&self, value: ValueRef<'_>) -> Result<Option<Ordering>> {
        self.compare(value, &mut Budget::new(usize::MAX))
    }

    fn compare_encoded(
        &self,
        value: ValueRef<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Ordering>> {
        if self.key.first() != Some(&tag(value)) {
            return Ok(None);
        }
        let mut key = Vec::with_capacity(self.key.len());
        encode(value, budget, &mut key)?;
        Ok(Some(key.cmp(&self.key)))
    }
}

impl std::fmt::Debug for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.scalar {
            Scalar::Other => write!(f, "{}", self.key.escape_ascii()),
            scalar => scalar.fmt(f),
        }
    }
}

/// The tag of the kind of a value.
pub(crate) fn tag(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Null => NULL,
        ValueRef::Bool(_) => BOOL,
        ValueRef::I64(_)
        | ValueRef::U64(_)
        | ValueRef::I128(_)
        | ValueRef::U128(_)
        | ValueRef::F32(_)
        | ValueRef::F64(_) => NUMBER,
        ValueRef::Char(_) | ValueRef::String(_) | ValueRef::Uuid(_) => STRING,
        ValueRef::Bytes(_) => BYTES,
        ValueRef::Timestamp(_) => TIMESTAMP,
        ValueRef::List(list) if list.is_bytes() => BYTES,
        ValueRef::List(_) => LIST,
        ValueRef::Struct(fields) if fields.is_unnamed() => LIST,
        ValueRef::Variant(variant) if variant.fields().is_empty() => STRING,
        ValueRef::Duration(_) | ValueRef::Map(_) | ValueRef::Struct(_) | ValueRef::Variant(_) => {
            OBJECT
        }
    }
}

fn integer(value: ValueRef<'_>) -> Option<i128> {
    match value {
        ValueRef::I64(value) => Some(value.into()),
        ValueRef::U64(value) => Some(value.into()),
        ValueRef::I128(value) => Some(value),
        ValueRef::U128(value) => value.try_into().ok(),
        _ => None,
    }
}

/// NaN is equal to itself, and nothing to anything else.
fn floats(a: f64, b: f64) -> Option<Ordering> {
    if a.is_nan() && b.is_nan() {
        return Some(Ordering::Equal);
    }
    a.partial_cmp(&b)
}

/// Exactly, whatever their sizes.
fn integer_and_float(integer: i128, float: f64) -> Option<Ordering> {
    /// 2^127, the first float above every `i128`.
    const ABOVE: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if float.is_nan() {
        return None;
    }
    if float >= ABOVE {
        return Some(Ordering::Less);
    }
    if float < -ABOVE {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and whole")]
    let whole = float.trunc() as i128;
    let fraction = 0.0.partial_cmp(&float.fract());
    fraction.map(|fraction| integer.cmp(&whole).then(fraction))
}
