//! Which values do several paths have together? One tuple for each element of a list that they go
//! through; so the sort by `a.x` and `a.y` compares both of one element.
//!
//! As the keys of `MongoDB`'s multikey indexes: a list at the end of a path gives each of its elements, one
//! in the middle the members of each; two paths may not go through different lists.

use super::path::{Part, Path};
use crate::base::{Error, Result};
use crate::schema::view::{Budget, ListRef, ValueRef};

/// What a path has in one tuple.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    Missing,
    /// A list without elements.
    Empty,
    Value(ValueRef<'a>),
}

/// Gives each tuple of the values that the paths have. Takes what the lists that they go through have
/// out of line from the budget.
///
/// # Errors
/// `Invalid` where two of them go through different lists.
pub(crate) fn tuples<'a, 'p>(
    paths: impl Iterator<Item = &'p Path>,
    value: ValueRef<'a>,
    budget: &mut Budget,
    give: &mut dyn FnMut(&[Field<'a>]) -> Result<()>,
) -> Result<()> {
    let states: Vec<State<'a, 'p>> = paths
        .map(|path| State::Going(value, path.parts()))
        .collect();
    spread(states, budget, give)
}

/// Where a path has led so far.
#[derive(Clone, Copy)]
enum State<'a, 'p> {
    Going(ValueRef<'a>, &'p [Part]),
    /// At a list, with what is left of the path.
    List(ListRef<'a>, &'p [Part]),
    Done(Field<'a>),
}

fn spread<'a>(
    mut states: Vec<State<'a, '_>>,
    budget: &mut Budget,
    give: &mut dyn FnMut(&[Field<'a>]) -> Result<()>,
) -> Result<()> {
    let mut common: Option<ListRef<'a>> = None;
    for state in &mut states {
        if let State::Going(value, parts) = *state {
            *state = go(value, parts)?;
        }
        if let State::List(list, _) = state {
            if common.is_some_and(|common| !common.is_same_as(list)) {
                return Err(Error::invalid(
                    "two of the paths go through different lists of one document (parallel arrays)",
                ));
            }
            common = Some(*list);
        }
    }
    let Some(list) = common else {
        let fields: Vec<Field<'a>> = states.iter().map(State::field).collect();
        return give(&fields);
    };
    ValueRef::List(list).spend(budget)?;
    if list.is_empty() {
        let states = states.iter().map(|state| state.at_nothing()).collect();
        return spread(states, budget, give);
    }
    for element in list.iter() {
        let element = element?;
        let states = states.iter().map(|state| state.at(element)).collect();
        spread(states, budget, give)?;
    }
    Ok(())
}

/// Goes on to the end of the path, or to a list.
fn go<'a, 'p>(mut value: ValueRef<'a>, mut parts: &'p [Part]) -> Result<State<'a, 'p>> {
    loop {
        let Some((part, rest)) = parts.split_first() else {
            return Ok(match value {
                ValueRef::List(list) if !list.is_bytes() => State::List(list, parts),
                value => State::Done(Field::Value(value)),
            });
        };
        let next = match value {
            ValueRef::List(list) => match part.element_of(list)? {
                // What is named by its position is not spread.
                Some(element) if rest.is_empty() => {
                    return Ok(State::Done(Field::Value(element)));
                }
                Some(element) => Some(element),
                None => return Ok(State::List(list, parts)),
            },
            value => part.member_of(value)?,
        };
        match next {
            Some(next) => (value, parts) = (next, rest),
            None => return Ok(State::Done(Field::Missing)),
        }
    }
}

impl<'a> State<'a, '_> {
    fn field(&self) -> Field<'a> {
        match self {
            Self::Done(field) => *field,
            Self::Going(..) | Self::List(..) => Field::Missing,
        }
    }

    /// The same in one element of the list.
    fn at(self, element: ValueRef<'a>) -> Self {
        match self {
            Self::List(_, []) => Self::Done(Field::Value(element)),
            Self::List(_, parts) if element.has_members() => Self::Going(element, parts),
            Self::List(..) => Self::Done(Field::Missing),
            other => other,
        }
    }

    /// The same where the list has no elements.
    fn at_nothing(self) -> Self {
        match self {
            Self::List(_, []) => Self::Done(Field::Empty),
            Self::List(..) => Self::Done(Field::Missing),
            other => other,
        }
    }
}
