//! Where does a path lead? `address.city` through objects, and through each element of a list on the
//! way, or one of them where a part is its position.

use std::fmt;

use super::tuples::Field;
use crate::base::Result;
use crate::schema::view::{Budget, ListRef, ValueRef};

/// The names between the dots of a path. An empty path is the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Part>);

#[derive(Clone, Debug)]
pub(super) struct Part {
    name: String,
    /// The position in a list that the name is.
    position: Option<usize>,
    /// Where the field of that name is likely to stand in a struct.
    near: usize,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Part {}

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
    pub(crate) const ROOT: Self = Self(Vec::new());

    pub(crate) fn parse(path: &str) -> Self {
        Self(path.split('.').map(Part::named).collect())
    }

    pub(crate) fn of_names(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Part::named(name)).collect())
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it begins with all of another.
    pub(crate) fn starts_with(&self, start: &Self) -> bool {
        self.0.starts_with(&start.0)
    }

    /// Whether it is this one name.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [part] if part.name == name)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.0
    }

    /// What it leads to, where no list is on the way or there: what `visit` would look at.
    #[inline]
    pub(super) fn single<'a>(&self, value: ValueRef<'a>) -> Result<Option<Field<'a>>> {
        let mut value = value;
        for part in &self.0 {
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
        self.0.iter().any(|part| !part.is_name())
    }

    /// Whether its first name may be a position in a list.
    pub(crate) fn begins_with_position(&self) -> bool {
        self.0.first().is_some_and(|part| !part.is_name())
    }

    /// The path that goes on from the end of this one.
    pub(crate) fn then(&self, further: &Self) -> Self {
        Self(self.0.iter().chain(&further.0).cloned().collect())
    }

    /// The names between its dots.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|part| part.name.as_str())
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
        follow(&self.0, value, leaf, budget, look)
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
            near: 0,
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
        match value {
            ValueRef::Struct(fields) => fields.field_near(&self.name, self.near),
            value => value.get(&self.name),
        }
    }

    /// Notes where its field stands in structs of a type.
    pub(super) fn stands_at(&mut self, position: usize) {
        self.near = position;
    }

    pub(super) fn name(&self) -> &str {
        &self.name
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
