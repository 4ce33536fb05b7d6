//! Which documents and records? A condition over what the dynamic view shows: one tree, one evaluator,
//! for documents and typed records alike.
//!
//! The meaning is that of `MongoDB`'s query predicates (its manual, "Query Predicates"): a path goes
//! through lists; a test holds where any value at the end of the path passes it, the elements of a list
//! at the end included; what is missing is null; values compare within their kind only, numbers by
//! their value, exactly.

mod check;
mod constant;
mod implies;
mod matches;
mod parse;
mod path;
mod pattern;
#[cfg(test)]
mod tests;
mod tuples;

pub(crate) use check::{check, check_path};
pub(crate) use constant::{Constant, Number, tag};
pub(crate) use implies::implies;
pub(crate) use parse::{parse, parse_text, pattern};
pub(crate) use path::Path;
pub(crate) use pattern::Pattern;
pub(crate) use tuples::{Field, tuples};

/// A condition on a document or record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Predicate {
    /// Every one holds.
    All(Vec<Predicate>),
    /// At least one holds.
    Any(Vec<Predicate>),
    Not(Box<Predicate>),
    /// Some value at the end of the path passes the test.
    Path(Path, Test),
}

/// A condition on one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Compare(Comparison, Constant),
    /// Equal to one of these, which are in the order of their encodings.
    In(Vec<Constant>),
    Regex(Pattern),
    /// The whole part divided by the divisor leaves the remainder.
    Mod {
        divisor: i64,
        remainder: i64,
    },
    /// Of one of these kinds.
    Type(Vec<Kind>),
    Exists,
    /// A list of so many elements.
    Size(u64),
    /// A list with an element for which this holds; with `objects`, one that has members.
    Element {
        holds: Box<Predicate>,
        objects: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value can be asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    /// An integer of 32 bits.
    Int,
    /// An integer beyond 32 bits.
    Long,
    /// A float.
    Double,
    /// Any of these three.
    Number,
    String,
    Object,
    Array,
    Bytes,
    Date,
    /// A kind that BSON has and documents have not.
    Foreign,
}

impl Kind {
    /// Whether it has some numbers and not others that are equal to them.
    fn is_of_numbers(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Double)
    }
}

impl Test {
    /// Equal to one of these.
    pub(crate) fn one_of(mut constants: Vec<Constant>) -> Self {
        constants.sort_by(|a, b| a.key().cmp(b.key()));
        constants.dedup_by(|a, b| a.key() == b.key());
        Self::In(constants)
    }
}

impl Predicate {
    /// One of these holds. Where each is that one path has one value, that is one test.
    pub(crate) fn any(any: Vec<Self>) -> Self {
        let equal = |predicate: &Self| match predicate {
            Self::Path(path, Test::Compare(Comparison::Equal, constant)) => {
                Some((path.clone(), constant.clone()))
            }
            _ => None,
        };
        let mut equals = any.iter().map(equal);
        let Some(Some((path, first))) = equals.next() else {
            return Self::Any(any);
        };
        let others: Option<Vec<Constant>> = equals
            .map(|other| {
                other
                    .filter(|(of, _)| *of == path)
                    .map(|(_, constant)| constant)
            })
            .collect();
        match others {
            Some(mut constants) => {
                constants.push(first);
                Self::Path(path, Test::one_of(constants))
            }
            None => Self::Any(any),
        }
    }

    /// Whether one of its paths begins with this name. Those of elements of lists begin in them.
    pub(crate) fn names(&self, name: &str) -> bool {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().any(|predicate| predicate.names(name)),
            Self::Not(predicate) => predicate.names(name),
            Self::Path(path, _) => path.names().next() == Some(name),
        }
    }

    /// Whether it is made of tests of single values, all of which must be passed.
    pub(crate) fn is_conjunction(&self) -> bool {
        match self {
            Self::All(all) => all.iter().all(Self::is_conjunction),
            Self::Path(_, test) => !matches!(test, Test::Element { .. }),
            Self::Any(_) | Self::Not(_) => false,
        }
    }

    /// Whether something holds for each path that it looks at.
    pub(crate) fn looks_at(&self, holds: &mut dyn FnMut(&Path) -> bool) -> bool {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().all(|filter| filter.looks_at(holds)),
            Self::Not(filter) => filter.looks_at(holds),
            Self::Path(path, _) => holds(path),
        }
    }

    /// The paths of its conditions, as text, but for those under `$not`.
    pub(crate) fn paths(&self, found: &mut Vec<String>) {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().for_each(|filter| filter.paths(found)),
            Self::Not(_) => {}
            Self::Path(path, Test::Element { holds, .. }) => {
                found.push(path.to_string());
                let mut within = Vec::new();
                holds.paths(&mut within);
                found.extend(within.iter().map(|inner| format!("{path}.{inner}")));
            }
            Self::Path(path, _) => found.push(path.to_string()),
        }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}
