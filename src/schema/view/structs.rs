//! What stands in a struct, or in a variant of an enum?

use super::{Budget, Slot, ValueRef};
use crate::base::Result;
use crate::schema::layout::{Fields, Route};

/// A part that is a struct, or the record itself.
#[derive(Clone, Copy)]
pub struct StructRef<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    pub(super) fields: &'a Fields,
}

impl<'a> StructRef<'a> {
    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether its fields have no names, but positions.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.names().next() == Some("0")
    }

    /// The names of the fields in declaration order.
    #[must_use]
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// The field of that name, `None` where there is none.
    pub fn field(&self, name: &str) -> Result<Option<ValueRef<'a>>> {
        let position = self.fields.iter().position(|field| field.name == name);
        position.map_or(Ok(None), |i| self.get(i))
    }

    /// The value that a route leads to which begins at structs of this type; `None` within an option that
    /// is `None`.
    #[inline]
    pub(crate) fn along(&self, route: &'a Route) -> Result<Option<ValueRef<'a>>> {
        self.slot_along(route)?.map(Slot::value).transpose()
    }

    /// The place that a route leads to.
    #[inline]
    pub(crate) fn slot_along<'s>(&self, route: &'s Route) -> Result<Option<Slot<'s>>>
    where
        'a: 's,
    {
        let at = route.follow(self.body, self.at)?;
        Ok(at.map(|at| Slot {
            body: self.body,
            at,
            layout: &route.layout,
        }))
    }

    /// Field `i` in declaration order, `None` behind the last.
    pub fn get(&self, i: usize) -> Result<Option<ValueRef<'a>>> {
        self.slot(i).map(Slot::value).transpose()
    }

    pub(super) fn walk(&self, budget: &mut Budget) -> Result<()> {
        (0..self.len())
            .filter_map(|i| self.slot(i))
            .try_for_each(|field| field.value()?.walk(budget))
    }

    pub(crate) fn slot(&self, i: usize) -> Option<Slot<'a>> {
        let field = self.fields.get(i)?;
        Some(Slot {
            body: self.body,
            at: self.at + field.offset,
            layout: &field.layout,
        })
    }
}

/// A part that is an enum.
#[derive(Clone, Copy, Debug)]
pub struct VariantRef<'a> {
    pub(super) tag: u8,
    pub(super) name: &'a str,
    pub(super) fields: StructRef<'a>,
}

impl<'a> VariantRef<'a> {
    /// The name of the variant.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its position among the variants, from 0.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.tag
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> StructRef<'a> {
        self.fields
    }
}

impl std::fmt::Debug for StructRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = f.debug_map();
        for (i, name) in self.names().enumerate() {
            map.entry(&name, &self.get(i));
        }
        map.finish()
    }
}
