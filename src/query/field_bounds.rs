//! Which values of a typed field may pass a test? As spans of its encoding in an index over fields.
//!
//! As in `bounds.rs` a span may have more than passes, never less.

use super::plan::SPANS_MAX;
use super::span::{Span, Spans};
use crate::codec::key::document::{BOOL, BYTES, LIST, NUMBER, STRING, TIMESTAMP};
use crate::codec::key::folded::fold;
use crate::codec::key::number;
use crate::codec::key::range::successor;
use crate::codec::key::text::{encode_start, encode_str};
use crate::schema::filter::{Comparison, Constant, Number, Test};
use crate::schema::layout::{Kind, Layout, Scalar};

/// What lies in a key for a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldColumn<'c> {
    pub(crate) layout: &'c Layout,
    pub(crate) folded: bool,
    /// Whether it is an element of a list, each of which has a key.
    pub(crate) each: bool,
}

impl FieldColumn<'_> {
    /// The spans of values that may pass, `None` where any may, or what has no key.
    pub(crate) fn of_test(self, test: &Test) -> Option<Spans> {
        let spans = match test {
            Test::Compare(comparison, constant) => self.compared(*comparison, constant)?,
            Test::In(constants) if constants.len() > SPANS_MAX => return None,
            Test::In(constants) => {
                let equal = constants
                    .iter()
                    .map(|constant| self.compared(Comparison::Equal, constant));
                equal.collect::<Option<Vec<_>>>()?.concat()
            }
            Test::Regex(pattern) if matches!(self.layout.kind, Kind::String) => {
                let start = if self.folded {
                    pattern.folded_start()?
                } else {
                    pattern.start()?.to_owned()
                };
                let mut key = Vec::new();
                encode_start(start.as_bytes(), &mut key);
                vec![Span::starting(key)]
            }
            _ => return None,
        };
        Some(Spans::of(spans))
    }

    /// Whether the spans have no more than what passes.
    pub(crate) fn are_exact(self, test: &Test) -> bool {
        if !matches!(test, Test::Compare(..) | Test::In(_)) || self.folded || self.each {
            return false;
        }
        match &self.layout.kind {
            Kind::Option(inner) => FieldColumn {
                layout: inner,
                ..self
            }
            .are_exact(test),
            // Floats are rounded, and a `Uuid` may be written in several ways.
            Kind::Scalar(scalar) => !matches!(
                scalar,
                Scalar::F32 | Scalar::F64 | Scalar::Uuid | Scalar::Duration
            ),
            Kind::String | Kind::List(_) | Kind::Enum(_) => true,
            _ => false,
        }
    }

    fn compared(self, comparison: Comparison, constant: &Constant) -> Option<Vec<Span>> {
        if let Kind::Option(inner) = &self.layout.kind {
            return self.compared_option(inner, comparison, constant);
        }
        if self.each && constant.key().first() == Some(&LIST) {
            // The list as a whole has no key.
            return None;
        }
        if constant.is_null() {
            // A field that is there is never null.
            return Some(Vec::new());
        }
        match &self.layout.kind {
            Kind::String if self.folded => {
                let text = constant
                    .text()
                    .filter(|_| comparison == Comparison::Equal)?;
                let mut key = Vec::new();
                encode_str(&fold(text), &mut key);
                Some(vec![Span::only(key)])
            }
            Kind::Scalar(scalar) => of_scalar(*scalar, comparison, constant),
            Kind::String => Some(same_encoding(STRING, comparison, constant)),
            Kind::List(_) => Some(same_encoding(BYTES, comparison, constant)),
            Kind::Enum(variants) if comparison == Comparison::Equal => {
                let text = constant.text()?;
                let mut unit = variants.iter().filter(|variant| variant.fields.is_empty());
                if unit.any(|variant| variant.name == text) {
                    let tag = variants.iter().position(|variant| variant.name == text)?;
                    return Some(vec![Span::only(vec![u8::try_from(tag).ok()?])]);
                }
                Some(Vec::new())
            }
            _ => None,
        }
    }

    /// In a compound key what is within an option stands behind a byte that says whether it is there.
    fn compared_option(
        self,
        inner: &Layout,
        comparison: Comparison,
        constant: &Constant,
    ) -> Option<Vec<Span>> {
        if constant.is_null() {
            let none = !matches!(comparison, Comparison::Less | Comparison::Greater);
            return Some(none.then(|| Span::only(vec![0])).into_iter().collect());
        }
        let inner = FieldColumn {
            layout: inner,
            ..self
        };
        let spans = inner.compared(comparison, constant)?;
        Some(spans.iter().map(|span| span.behind(&[1])).collect())
    }

    /// Whether values sort by their keys as they do by their JSON.
    pub(crate) fn sorts(self) -> bool {
        if self.folded || self.each {
            return false;
        }
        match &self.layout.kind {
            Kind::Scalar(scalar) => *scalar != Scalar::Duration,
            Kind::String | Kind::List(_) => true,
            Kind::Option(inner) => FieldColumn {
                layout: inner,
                ..self
            }
            .sorts(),
            _ => false,
        }
    }
}

/// Of a type whose keys are those of documents without the tag.
fn same_encoding(tag: u8, comparison: Comparison, constant: &Constant) -> Vec<Span> {
    match constant.key().split_first() {
        Some((found, key)) if *found == tag => beyond(comparison, key.to_vec()),
        // Another kind: nothing is equal to it, less or greater.
        _ => Vec::new(),
    }
}

/// The keys that compare so with one.
fn beyond(comparison: Comparison, key: Vec<u8>) -> Vec<Span> {
    let span = match comparison {
        Comparison::Equal => Some(Span::only(key)),
        Comparison::Less => Span::between(Vec::new(), Some(key)),
        Comparison::LessOrEqual => Span::between(Vec::new(), successor(key)),
        Comparison::Greater => successor(key).and_then(|key| Span::between(key, None)),
        Comparison::GreaterOrEqual => Span::between(key, None),
    };
    span.into_iter().collect()
}

fn of_scalar(scalar: Scalar, comparison: Comparison, constant: &Constant) -> Option<Vec<Span>> {
    let key = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut key = Vec::new();
        write(&mut key);
        key
    };
    macro_rules! integer {
        ($type:ty, $encode:path) => {
            of_integer(
                comparison,
                constant,
                <$type>::MIN.into(),
                <$type>::MAX.into(),
                |value| {
                    <$type>::try_from(value)
                        .ok()
                        .map(|value| key(&|out| $encode(value, out)))
                },
            )
        };
    }
    match scalar {
        Scalar::U8 => integer!(u8, number::encode_u8),
        Scalar::U16 => integer!(u16, number::encode_u16),
        Scalar::U32 => integer!(u32, number::encode_u32),
        Scalar::U64 => integer!(u64, number::encode_u64),
        Scalar::I8 => integer!(i8, number::encode_i8),
        Scalar::I16 => integer!(i16, number::encode_i16),
        Scalar::I32 => integer!(i32, number::encode_i32),
        Scalar::I64 => integer!(i64, number::encode_i64),
        Scalar::F32 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "to the nearest, see of_float"
            )]
            let encode = |value: f64| key(&|out| number::encode_f32(value as f32, out));
            of_float(comparison, constant.number(), encode)
        }
        Scalar::F64 => of_float(comparison, constant.number(), |value| {
            key(&|out| number::encode_f64(value, out))
        }),
        Scalar::Bool => Some(same_encoding(BOOL, comparison, constant)),
        Scalar::Timestamp => Some(same_encoding(TIMESTAMP, comparison, constant)),
        Scalar::I128 => of_integer(comparison, constant, i128::MIN, i128::MAX, |value| {
            Some(key(&|out| number::encode_i128(value, out)))
        }),
        // What is text to a filter and something else to a key; and numbers beyond those of a filter.
        Scalar::U128 | Scalar::Char | Scalar::Uuid | Scalar::Duration => {
            of_uncommon(scalar, comparison, constant)
        }
    }
}

fn of_uncommon(scalar: Scalar, comparison: Comparison, constant: &Constant) -> Option<Vec<Span>> {
    if comparison != Comparison::Equal {
        return None;
    }
    let mut key = Vec::new();
    match scalar {
        Scalar::U128 => {
            let Number::Integer(value) = constant.number()? else {
                return None;
            };
            match u128::try_from(value) {
                Ok(value) => number::encode_u128(value, &mut key),
                Err(_) => return Some(Vec::new()),
            }
        }
        Scalar::Uuid => {
            let uuid = uuid::Uuid::parse_str(constant.text()?).ok()?;
            number::encode_uuid(uuid, &mut key);
        }
        Scalar::Char => {
            let mut chars = constant.text()?.chars();
            let (char, None) = (chars.next()?, chars.next()) else {
                return Some(Vec::new());
            };
            number::encode_char(char, &mut key);
        }
        _ => return None,
    }
    Some(vec![Span::only(key)])
}

/// Of an integer type with these bounds; `encode` gives the key of a value within them.
fn of_integer(
    comparison: Comparison,
    constant: &Constant,
    least: i128,
    greatest: i128,
    encode: impl Fn(i128) -> Option<Vec<u8>>,
) -> Option<Vec<Span>> {
    let Some(number) = constant.number() else {
        // What is not a number passes nothing; one of more than 127 bits is left to the filter.
        return (constant.key().first() != Some(&NUMBER)).then(Vec::new);
    };
    // The least integer that is not below the constant, and whether it is the constant.
    let (ceiling, is_whole) = match number {
        Number::Integer(value) => (value, true),
        Number::Float(value) if value.is_nan() => return Some(Vec::new()),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it saturates, beyond every bound"
        )]
        Number::Float(value) => (value.ceil() as i128, value.fract() == 0.0),
    };
    let (from, to) = match comparison {
        Comparison::Equal if !is_whole => return Some(Vec::new()),
        Comparison::Equal => (ceiling, ceiling),
        Comparison::Greater if is_whole => (ceiling.saturating_add(1), greatest),
        Comparison::Greater | Comparison::GreaterOrEqual => (ceiling, greatest),
        Comparison::LessOrEqual if is_whole => (least, ceiling),
        Comparison::Less | Comparison::LessOrEqual => (least, ceiling.saturating_sub(1)),
    };
    let (from, to) = (from.max(least), to.min(greatest));
    if from > to {
        return Some(Vec::new());
    }
    let (lower, upper) = (encode(from)?, encode(to)?);
    if from == to {
        return Some(vec![Span::only(lower)]);
    }
    Some(Span::between(lower, successor(upper)).into_iter().collect())
}

/// Of a float type. The constant is rounded to it: since no value of the type lies between the two, bounds
/// that include the rounded one miss nothing.
fn of_float(
    comparison: Comparison,
    constant: Option<Number>,
    encode: impl Fn(f64) -> Vec<u8>,
) -> Option<Vec<Span>> {
    #[expect(clippy::cast_precision_loss, reason = "to the nearest, as said above")]
    let value = match constant? {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
    };
    if value.is_nan() {
        return None;
    }
    let inclusive = match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::Less | Comparison::LessOrEqual => Comparison::LessOrEqual,
        Comparison::Greater | Comparison::GreaterOrEqual => Comparison::GreaterOrEqual,
    };
    Some(beyond(inclusive, encode(value)))
}
