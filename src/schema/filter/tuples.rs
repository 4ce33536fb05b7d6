//! Which values do several paths have together? One tuple for each element of a list that they go
//! through; so the sort by `a.x` and `a.y` compares both of one element.
//!
//! As the keys of `MongoDB`'s multikey indexes: a list at the end of a path gives each of its elements, one
//! in the middle the members of each; two paths may not go through different lists.
//!
//! What a test looks at (`path.rs`) is among them, but for whole lists: `query/bounds.rs` rests on that.

use super::path::{Part, Path};
use crate::base::{Error, ErrorKind, Result};
use crate::schema::view::{Budget, ListRef, ValueRef};

/// What a path has in one tuple.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    Missing,
    /// A list without elements.
    Empty,
    Value(ValueRef<'a>),
}

impl Field<'_> {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// Gives each tuple of the values that the paths have; says which paths went through a list or to one, a
/// bit for each of the first 32. Takes what the lists have out of line from the budget.
///
/// # Errors
/// `ParallelArrays` where two of them go through different lists.
pub(crate) fn tuples<'a, 'p>(
    paths: impl Iterator<Item = &'p Path>,
    value: ValueRef<'a>,
    budget: &mut Budget,
    give: &mut dyn FnMut(&[Field<'a>]) -> Result<()>,
) -> Result<u32> {
    let states: Vec<State<'a, 'p>> = paths
        .map(|path| match (value, path.parts()) {
            // A path leads into a document that is a list by a position only.
            (ValueRef::List(_), [first, ..]) if first.is_name() => State::Done(Field::Missing),
            (value, parts) => State::Going(value, parts),
        })
        .collect();
    let mut lists = 0;
    spread(states, budget, &mut lists, give)?;
    Ok(lists)
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
    lists: &mut u32,
    give: &mut dyn FnMut(&[Field<'a>]) -> Result<()>,
) -> Result<()> {
    let mut common: Option<ListRef<'a>> = None;
    for (i, state) in states.iter_mut().enumerate() {
        if let State::Going(value, parts) = *state {
            *state = go(value, parts)?;
        }
        if let State::List(list, _) = state {
            if common.is_some_and(|common| !common.is_same_as(list)) {
                return Err(Error::new(
                    ErrorKind::ParallelArrays,
                    "two of the paths go through different lists of one document (parallel arrays)",
                ));
            }
            *lists |= u32::try_from(i).map_or(0, |i| 1_u32.checked_shl(i).unwrap_or_default());
            common = Some(*list);
        }
    }
    let Some(list) = common else {
        let fields: Vec<Field<'a>> = states.iter().map(State::field).collect();
        return give(&fields);
    };
    ValueRef::List(list).spend(budget)?;
    let by_position = by_position(&states)?;
    if list.is_empty() && by_position.is_none() {
        let states = states.iter().map(|state| state.at_nothing()).collect();
        return spread(states, budget, lists, give);
    }
    let positions = by_position.is_some();
    if let Some(states) = by_position {
        spread(states, budget, lists, give)?;
    }
    for element in list.iter() {
        let element = element?;
        // What is named by its position may be the name of a member as well.
        if positions && !has_named(&states, element)? {
            continue;
        }
        let states = states.iter().map(|state| state.at(element)).collect();
        spread(states, budget, lists, give)?;
    }
    Ok(())
}

/// Whether an element of a list has a member that a path names which may mean a position.
fn has_named(states: &[State<'_, '_>], element: ValueRef<'_>) -> Result<bool> {
    for state in states {
        if let State::List(_, [part, ..]) = state
            && !part.is_name()
            && part.member_of(element)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The states where each path that names a position of the list is at that element, if there is one.
fn by_position<'a, 'p>(states: &[State<'a, 'p>]) -> Result<Option<Vec<State<'a, 'p>>>> {
    let mut there = false;
    let mut at_position = |state: &State<'a, 'p>| {
        let State::List(list, [part, rest @ ..]) = state else {
            return Ok(*state);
        };
        if part.is_name() {
            return Ok(*state);
        }
        let Some(element) = part.element_of(*list)? else {
            return Ok(State::Done(Field::Missing));
        };
        there = true;
        Ok(match rest {
            // What is named by its position is not spread.
            [] => State::Done(Field::Value(element)),
            rest => State::Going(element, rest),
        })
    };
    let states = states
        .iter()
        .map(&mut at_position)
        .collect::<Result<Vec<_>>>()?;
    Ok(there.then_some(states))
}

/// Goes on to the end of the path, or to a list.
fn go<'a, 'p>(mut value: ValueRef<'a>, mut parts: &'p [Part]) -> Result<State<'a, 'p>> {
    loop {
        if let ValueRef::List(list) = value
            && !list.is_bytes()
        {
            return Ok(State::List(list, parts));
        }
        let Some((part, rest)) = parts.split_first() else {
            return Ok(State::Done(Field::Value(value)));
        };
        match part.member_of(value)? {
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
