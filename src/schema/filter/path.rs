//! Where does a path lead? `address.city` through objects, and through each element of a list on the
//! way, or one of them where a part is its position.

use std::cmp::Ordering;
use std::fmt;

use super::constant::Constant;
use super::tuples::Field;
use crate::base::Result;
use crate::base::sync::Arc;
use crate::schema::layout::{Kind, Route};
use crate::schema::view::{Budget, ListRef, StructRef, ValueRef};

/// The names between the dots of a path. An empty path is the value itself.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    parts: Vec<Part>,
    /// The way through the records of a type, where it leads through structs and options only.
    route: Option<Arc<Route>>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Path {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    name: String,
    /// The position in a list that the name is.
    position: Option<usize>,
}

/// What is done with a list at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Its elements are looked at, and then the list.
    Spread,
    /// It is one value.
    Whole,
}

/// Looks at a value at the end of a path, `None` where there is none; says whether to stop.
pub(crate) type Look<'l, 'a> = &'l mut dyn FnMut(Option<ValueRef<'a>>) -> Result<bool>;

impl Path {
    /// The value itself.
    pub(crate) const ROOT: Self = Self::of(Vec::new());

    const fn of(parts: Vec<Part>) -> Self {
        Self { parts, route: None }
    }

    pub(crate) fn parse(path: &str) -> Self {
        Self::of(path.split('.').map(Part::named).collect())
    }

    pub(crate) fn of_names(names: &[&str]) -> Self {
        Self::of(names.iter().map(|name| Part::named(name)).collect())
    }

    pub(crate) fn is_root(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it begins with all of another.
    pub(crate) fn starts_with(&self, start: &Self) -> bool {
        self.parts.starts_with(&start.parts)
    }

    /// Whether it is this one name.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self.parts.as_slice(), [part] if part.name == name)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// From now on records of a type are gone through by this route.
    pub(super) fn go_by(&mut self, route: Route) {
        self.route = Some(Arc::new(route));
    }

    /// How a number or text of a record is to a constant, where it is one and there: what most conditions
    /// ask, in a fraction of the time that a value takes.
    #[inline]
    pub(super) fn compared(
        &self,
        record: StructRef<'_>,
        constant: &Constant,
    ) -> Result<Option<Ordering>> {
        let Some(route) = &self.route else {
            return Ok(None);
        };
        let Some(slot) = record.slot_along(route)? else {
            return Ok(None);
        };
        match &slot.layout.kind {
            Kind::Scalar(scalar) => match (constant.integer(), scalar.integer(slot)?) {
                (Some(constant), Some(value)) => Ok(Some(value.cmp(&constant))),
                _ => Ok(None),
            },
            Kind::String => match constant.text() {
                Some(constant) => Ok(Some(slot.text_bytes()?.cmp(constant.as_bytes()))),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// What it leads to, where no list is on the way or there: what `visit` would look at.
    #[inline]
    pub(crate) fn single<'a>(&'a self, value: ValueRef<'a>) -> Result<Option<Field<'a>>> {
        if let (ValueRef::Struct(root), Some(route)) = (value, &self.route) {
            return Ok(match root.along(route)? {
                None => Some(Field::Missing),
                Some(ValueRef::List(_)) => None,
                Some(value) => Some(Field::Value(value)),
            });
        }
        let mut value = value;
        for part in &self.parts {
            if matches!(value, ValueRef::List(_)) {
                return Ok(None);
            }
            match part.member_of(value)? {
                Some(next) => value = next,
                None => return Ok(Some(Field::Missing)),
            }
        }
        Ok(match value {
            ValueRef::List(_) => None,
            value => Some(Field::Value(value)),
        })
    }

    /// Whether one of its names may be a position in a list.
    pub(crate) fn has_positions(&self) -> bool {
        self.parts.iter().any(|part| !part.is_name())
    }

    /// Whether its first name may be a position in a list.
    pub(crate) fn begins_with_position(&self) -> bool {
        self.parts.first().is_some_and(|part| !part.is_name())
    }

    /// The path that goes on from the end of this one.
    pub(crate) fn then(&self, further: &Self) -> Self {
        Self::of(self.parts.iter().chain(&further.parts).cloned().collect())
    }

    /// The names between its dots.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.name.as_str())
    }

    /// Looks at every value at the end of the path, in the order in which they lie, until one look says
    /// to stop; says whether one did.
    ///
    /// Takes what the lists that it goes through have out of line from the budget.
    pub(crate) fn visit<'a>(
        &self,
        value: ValueRef<'a>,
        leaf: Leaf,
        budget: &mut Budget,
        look: Look<'_, 'a>,
    ) -> Result<bool> {
        if self.is_root() {
            return look(Some(value));
        }
        follow(&self.parts, value, leaf, budget, look)
    }
}

fn follow<'a>(
    parts: &[Part],
    value: ValueRef<'a>,
    leaf: Leaf,
    budget: &mut Budget,
    look: Look<'_, 'a>,
) -> Result<bool> {
    let Some((part, rest)) = parts.split_first() else {
        return look_at(value, leaf, budget, look);
    };
    let next = match value {
        ValueRef::List(list) => part.element_of(list)?,
        value => part.member_of(value)?,
    };
    match next {
        None => look(None),
        Some(ValueRef::List(list)) if !rest.is_empty() => through(rest, list, leaf, budget, look),
        Some(next) => follow(rest, next, leaf, budget, look),
    }
}

/// Goes on from each element of a list that is an object, and from the one whose position is meant.
fn through<'a>(
    parts: &[Part],
    list: ListRef<'a>,
    leaf: Leaf,
    budget: &mut Budget,
    look: Look<'_, 'a>,
) -> Result<bool> {
    ValueRef::List(list).spend(budget)?;
    for element in list.iter() {
        let element = element?;
        if element.has_members() && follow(parts, element, leaf, budget, look)? {
            return Ok(true);
        }
    }
    let Some((part, rest)) = parts.split_first() else {
        return Ok(false);
    };
    match part.element_of(list)? {
        // What is named by its position is not spread.
        Some(element) if rest.is_empty() => look(Some(element)),
        Some(ValueRef::List(list)) if !rest.is_empty() => through(rest, list, leaf, budget, look),
        Some(element) if element.has_members() => follow(rest, element, leaf, budget, look),
        Some(_) | None => Ok(false),
    }
}

fn look_at<'a>(
    value: ValueRef<'a>,
    leaf: Leaf,
    budget: &mut Budget,
    look: Look<'_, 'a>,
) -> Result<bool> {
    if let (ValueRef::List(list), Leaf::Spread) = (value, leaf)
        && !list.is_bytes()
    {
        value.spend(budget)?;
        for element in list.iter() {
            if look(Some(element?))? {
                return Ok(true);
            }
        }
    }
    look(Some(value))
}

impl Part {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            position: crate::codec::value::pointer::position(name),
        }
    }

    /// Whether it cannot be a position.
    pub(super) fn is_name(&self) -> bool {
        self.position.is_none()
    }

    /// The element of a list whose position it is.
    pub(super) fn element_of<'a>(&self, list: ListRef<'a>) -> Result<Option<ValueRef<'a>>> {
        self.position
            .map_or(Ok(None), |position| list.get(position))
    }

    /// The member of an object that has its name.
    pub(super) fn member_of<'a>(&self, value: ValueRef<'a>) -> Result<Option<ValueRef<'a>>> {
        value.get(&self.name)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
