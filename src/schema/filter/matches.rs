//! Does a condition hold?

use std::cmp::Ordering;

use super::path::Leaf;
use super::tuples::Field;
use super::{Comparison, Constant, Kind, Predicate, Test};
use crate::base::Result;
use crate::codec::key::document as tags;
use crate::schema::order::encode;
use crate::schema::view::{Budget, ValueRef};

impl Predicate {
    /// Whether it holds for a value in a body of so many bytes.
    pub(crate) fn holds(&self, value: ValueRef<'_>, bytes: usize) -> Result<bool> {
        Ok(match self {
            Self::All(all) => {
                for predicate in all {
                    if !predicate.holds(value, bytes)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(any) => {
                for predicate in any {
                    if predicate.holds(value, bytes)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(predicate) => !predicate.holds(value, bytes)?,
            Self::Path(path, test) => {
                if let (Test::Compare(comparison, constant), ValueRef::Struct(record)) =
                    (test, value)
                    && let Some(order) = path.compared(record, constant)?
                {
                    return Ok(comparison.holds(order));
                }
                match path.single(value)? {
                    Some(Field::Value(single)) => return test.passes(Some(single), bytes),
                    Some(Field::Missing) => return Ok(test.passes_missing()),
                    Some(Field::Empty) | None => {}
                }
                // Each list on the way is gone through once; and each value compared once with each
                // constant.
                let mut budget = Budget::new(bytes);
                path.visit(value, test.leaf(), &mut budget, &mut |value| {
                    test.passes(value, bytes)
                })?
            }
        })
    }
}

impl Test {
    pub(super) fn leaf(&self) -> Leaf {
        match self {
            Self::Compare(..) | Self::In(_) | Self::Regex(_) | Self::Mod { .. } | Self::Type(_) => {
                Leaf::Spread
            }
            Self::Exists | Self::Size(_) | Self::Element { .. } => Leaf::Whole,
        }
    }

    /// Whether a value passes, `None` being one that is missing.
    #[inline]
    pub(super) fn passes(&self, value: Option<ValueRef<'_>>, bytes: usize) -> Result<bool> {
        let Some(value) = value else {
            return Ok(self.passes_missing());
        };
        Ok(match self {
            Self::Compare(comparison, constant) => compares(*comparison, constant, value, bytes)?,
            Self::In(constants) if constants.len() > SEARCHED_MIN => {
                let mut key = Vec::new();
                encode(value, &mut Budget::new(bytes), &mut key)?;
                let found = constants.binary_search_by(|constant| constant.key().cmp(&key));
                found.is_ok()
            }
            Self::In(constants) => {
                for constant in constants {
                    if compares(Comparison::Equal, constant, value, bytes)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Regex(regex) => text(value, |text| regex.is_match(text)),
            Self::Mod { divisor, remainder } => {
                whole(value).is_some_and(|whole| whole % divisor == *remainder)
            }
            Self::Type(kinds) => kinds.iter().any(|kind| kind.has(value)),
            Self::Exists => true,
            Self::Size(size) => match value {
                ValueRef::List(list) if !list.is_bytes() => list.len() as u64 == *size,
                _ => false,
            },
            Self::Element { holds, objects } => match value {
                ValueRef::List(list) if !list.is_bytes() => {
                    for element in list.iter() {
                        let element = element?;
                        let is_object = element.has_members() || element.as_list().is_some();
                        if (is_object || !objects) && holds.holds(element, bytes)? {
                            return Ok(true);
                        }
                    }
                    false
                }
                _ => false,
            },
        })
    }

    /// What is missing is as null, but for its kind.
    pub(crate) fn passes_missing(&self) -> bool {
        match self {
            Self::Compare(Comparison::Less | Comparison::Greater, _) => false,
            Self::Compare(_, constant) => constant.is_null(),
            Self::In(constants) => constants.iter().any(Constant::is_null),
            _ => false,
        }
    }
}

impl Test {
    /// Whether null passes, or what is missing.
    pub(crate) fn passes_null(&self) -> bool {
        match self {
            Self::Exists => true,
            Self::Type(kinds) => kinds.contains(&Kind::Null),
            test => test.passes_missing(),
        }
    }
}

/// Among more constants than this one is searched; fewer are compared one by one.
const SEARCHED_MIN: usize = 16;

fn compares(
    comparison: Comparison,
    constant: &Constant,
    value: ValueRef<'_>,
    bytes: usize,
) -> Result<bool> {
    let Some(order) = constant.compare(value, &mut Budget::new(bytes))? else {
        return Ok(false);
    };
    Ok(comparison.holds(order))
}

impl Comparison {
    /// Whether it holds for a value that is so to what it is compared with.
    #[inline]
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Whether something holds for the text that a value is.
fn text(value: ValueRef<'_>, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        ValueRef::String(text) => holds(text),
        ValueRef::Char(char) => holds(char.encode_utf8(&mut [0; 4])),
        ValueRef::Uuid(uuid) => holds(uuid.hyphenated().encode_lower(&mut [0; 36])),
        ValueRef::Variant(variant) if variant.fields().is_empty() => holds(variant.name()),
        _ => false,
    }
}

/// The whole part of a number of up to 64 bits.
fn whole(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::F32(value) => whole_part(value.into()),
        ValueRef::F64(value) => whole_part(value),
        value => value.as_i64(),
    }
}

/// The whole part of a float, if 64 bits hold it.
#[expect(clippy::cast_possible_truncation, reason = "it is in range, and whole")]
pub(super) fn whole_part(float: f64) -> Option<i64> {
    /// 2^63, the first float above every `i64`.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    let whole = float.trunc();
    (-ABOVE..ABOVE).contains(&whole).then_some(whole as i64)
}

impl Kind {
    fn has(self, value: ValueRef<'_>) -> bool {
        let is = |tag| super::constant::tag(value) == tag;
        match self {
            Self::Null => is(tags::NULL),
            Self::Bool => is(tags::BOOL),
            Self::Int => value
                .as_i64()
                .is_some_and(|value| i32::try_from(value).is_ok()),
            Self::Long => value
                .as_i64()
                .is_some_and(|value| i32::try_from(value).is_err()),
            Self::Double => matches!(value, ValueRef::F32(_) | ValueRef::F64(_)),
            Self::Number => is(tags::NUMBER),
            Self::String => is(tags::STRING),
            Self::Object => is(tags::OBJECT),
            Self::Array => is(tags::LIST),
            Self::Bytes => is(tags::BYTES),
            Self::Date => is(tags::TIMESTAMP),
            Self::Foreign => false,
        }
    }
}
