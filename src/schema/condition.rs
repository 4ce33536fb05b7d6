//! Does the condition of a partial index hold for a record?

use std::cmp::Ordering;

use super::filter::{self, Path, Predicate, Test};
use super::layout::{Kind, Layout, Route, Scalar};
use super::types::{Comparison, Condition, Constant};
use super::view::{Slot, ValueRef};
use crate::base::{Error, Result};

/// A condition with its paths resolved and its constants read.
#[derive(Debug)]
pub(crate) enum CompiledCondition {
    All(Vec<CompiledCondition>),
    Any(Vec<CompiledCondition>),
    Not(Box<CompiledCondition>),
    Compare {
        route: Route,
        is: Comparison,
        value: Value,
    },
}

/// A constant.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Variant(String),
}

/// The condition as a predicate, for the question whether a filter implies it.
pub(crate) fn predicate_of(condition: &Condition, record: &Layout) -> Result<Predicate> {
    let all = |conditions: &[Condition]| {
        let predicates = conditions
            .iter()
            .map(|condition| predicate_of(condition, record));
        predicates.collect::<Result<Vec<_>>>()
    };
    Ok(match condition {
        Condition::All(conditions) => Predicate::All(all(conditions)?),
        Condition::Any(conditions) => Predicate::Any(all(conditions)?),
        Condition::Not(inner) => predicate_of(inner, record)?.not(),
        Condition::Compare { path, is, value } => {
            let route = Route::resolve(record, path, "")?;
            let path = Path::parse(&path.join("."));
            let constant = Value::read(value)?.constant(&route.layout)?;
            let compare = |comparison, constant: &filter::Constant| {
                Predicate::Path(path.clone(), Test::Compare(comparison, constant.clone()))
            };
            match is {
                Comparison::Equal => compare(filter::Comparison::Equal, &constant),
                Comparison::Less => compare(filter::Comparison::Less, &constant),
                Comparison::LessOrEqual => compare(filter::Comparison::LessOrEqual, &constant),
                Comparison::Greater => compare(filter::Comparison::Greater, &constant),
                Comparison::GreaterOrEqual => {
                    compare(filter::Comparison::GreaterOrEqual, &constant)
                }
                // `None` is not unequal to anything but itself.
                Comparison::NotEqual => {
                    let null = filter::Constant::of(ValueRef::Null)?;
                    let unequal = [null, constant];
                    let unequal = unequal
                        .iter()
                        .map(|constant| compare(filter::Comparison::Equal, constant).not());
                    Predicate::All(unequal.collect())
                }
            }
        }
    })
}

impl CompiledCondition {
    pub(crate) fn resolve(
        condition: &Condition,
        record: &Layout,
        collection: &str,
    ) -> Result<Self> {
        let all = |conditions: &[Condition]| {
            conditions
                .iter()
                .map(|condition| Self::resolve(condition, record, collection))
                .collect::<Result<Vec<_>>>()
        };
        Ok(match condition {
            Condition::All(conditions) => Self::All(all(conditions)?),
            Condition::Any(conditions) => Self::Any(all(conditions)?),
            Condition::Not(inner) => Self::Not(Box::new(Self::resolve(inner, record, collection)?)),
            Condition::Compare { path, is, value } => Self::Compare {
                route: Route::resolve(record, path, collection)?,
                is: *is,
                value: Value::read(value)?,
            },
        })
    }

    pub(crate) fn holds(&self, record: Slot<'_>) -> Result<bool> {
        Ok(match self {
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(record)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(record)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(condition) => !condition.holds(record)?,
            Self::Compare { route, is, value } => {
                let found = match route.follow(record.body, record.at)? {
                    Some(at) => Slot {
                        body: record.body,
                        at,
                        layout: &route.layout,
                    }
                    .value()?,
                    None => ValueRef::Null,
                };
                compare(found, *is, value)
            }
        })
    }
}

impl Value {
    /// What a field of this layout is compared with.
    fn constant(&self, layout: &Layout) -> Result<filter::Constant> {
        filter::Constant::of(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Integer(value) => ValueRef::I128(*value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the constant takes the field's type"
            )]
            Self::Float(value) if is_f32(layout) => ValueRef::F32(*value as f32),
            Self::Float(value) => ValueRef::F64(*value),
            Self::Text(text) | Self::Variant(text) => ValueRef::String(text),
        })
    }

    fn read(constant: &Constant) -> Result<Self> {
        let unreadable = |text: &str| {
            Error::corrupt(format!(
                "the constant {text:?} of a partial index cannot be read"
            ))
        };
        Ok(match constant {
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Integer(text) => Self::Integer(text.parse().map_err(|_| unreadable(text))?),
            Constant::Float(text) => Self::Float(text.parse().map_err(|_| unreadable(text))?),
            Constant::Text(text) => Self::Text(text.clone()),
            Constant::Variant(name) => Self::Variant(name.clone()),
        })
    }
}

fn is_f32(layout: &Layout) -> bool {
    match &layout.kind {
        Kind::Option(inner) => is_f32(inner),
        kind => matches!(kind, Kind::Scalar(Scalar::F32)),
    }
}

fn compare(found: ValueRef<'_>, is: Comparison, constant: &Value) -> bool {
    match (found, constant) {
        (ValueRef::Null, Value::Null) => return is == Comparison::Equal,
        (_, Value::Null) => return is == Comparison::NotEqual,
        _ => {}
    }
    let Some(order) = order(found, constant) else {
        // `None` and NaN are neither less, nor equal, nor greater; NaN is unequal, as in Rust.
        return is == Comparison::NotEqual && is_nan(found);
    };
    match is {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

fn is_nan(found: ValueRef<'_>) -> bool {
    match found {
        ValueRef::F32(found) => found.is_nan(),
        ValueRef::F64(found) => found.is_nan(),
        _ => false,
    }
}

fn order(found: ValueRef<'_>, constant: &Value) -> Option<Ordering> {
    match (found, constant) {
        (ValueRef::Bool(found), Value::Bool(value)) => Some(found.cmp(value)),
        (ValueRef::I64(found), Value::Integer(value)) => Some(i128::from(found).cmp(value)),
        (ValueRef::U64(found), Value::Integer(value)) => Some(i128::from(found).cmp(value)),
        (ValueRef::I128(found), Value::Integer(value)) => Some(found.cmp(value)),
        (ValueRef::U128(found), Value::Integer(value)) => {
            // What does not fit is greater than any constant can be.
            Some(i128::try_from(found).map_or(Ordering::Greater, |found| found.cmp(value)))
        }
        // A float field is compared as Rust would: the constant takes the field's type.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the constant takes the field's type"
        )]
        (ValueRef::F32(found), Value::Float(value)) => found.partial_cmp(&(*value as f32)),
        (ValueRef::F64(found), Value::Float(value)) => found.partial_cmp(value),
        (ValueRef::String(found), Value::Text(value)) => Some(found.cmp(value)),
        (ValueRef::Char(found), Value::Text(value)) => {
            Some(std::iter::once(found).cmp(value.chars()))
        }
        (ValueRef::Variant(found), Value::Variant(value)) => {
            // Variants have no order; unequal is reported as less.
            Some(if found.name() == value {
                Ordering::Equal
            } else {
                Ordering::Less
            })
        }
        _ => None,
    }
}
