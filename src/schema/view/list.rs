//! What stands in a list?

use super::structs::StructRef;
use super::{Slot, ValueRef};
use crate::base::{Error, Result};
use crate::codec::value::read::{Array, Nodes};
use crate::schema::layout::{Kind, Layout, Scalar};

/// A vector, an array, a tuple, or a document's array.
#[derive(Clone, Copy)]
pub struct ListRef<'a>(List<'a>);

#[derive(Clone, Copy)]
enum List<'a> {
    /// Elements of one type.
    Row(Row<'a>),
    /// Elements of a type each.
    Tuple(StructRef<'a>),
    Document(Array<'a>),
}

/// Elements of one type, side by side.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    pub(super) element: &'a Layout,
    pub(super) length: usize,
    /// An array lies within what holds it; a vector somewhere else in the body.
    pub(super) inline: bool,
}

impl<'a> ListRef<'a> {
    pub(super) fn row(row: Row<'a>) -> Self {
        Self(List::Row(row))
    }

    pub(super) fn tuple(fields: StructRef<'a>) -> Self {
        Self(List::Tuple(fields))
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            List::Row(row) => row.length,
            List::Tuple(fields) => fields.len(),
            List::Document(array) => array.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `i`, `None` behind the end.
    pub fn get(&self, i: usize) -> Result<Option<ValueRef<'a>>> {
        match &self.0 {
            List::Document(array) => array.get(i)?.map(ValueRef::of_node).transpose(),
            _ => self.slot(i).map(Slot::value).transpose(),
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<ValueRef<'a>>> + use<'a> {
        match self.0 {
            List::Document(array) => Elements::Document(array.iter()),
            _ => Elements::Typed { list: *self, at: 0 },
        }
    }

    /// Whether it lies in the same place.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (List::Row(one), List::Row(other)) => one.at == other.at && one.length == other.length,
            (List::Tuple(one), List::Tuple(other)) => one.at == other.at,
            (List::Document(one), List::Document(other)) => one.is_same_as(other),
            _ => false,
        }
    }

    /// Whether it is a list of `u8`.
    pub(crate) fn is_bytes(&self) -> bool {
        matches!(&self.0, List::Row(row) if matches!(row.element.kind, Kind::Scalar(Scalar::U8)))
    }

    /// The bytes that it is a list of, where it is one of `u8`.
    pub(crate) fn as_bytes(&self) -> Result<Option<&'a [u8]>> {
        match &self.0 {
            List::Row(row) if self.is_bytes() => {
                let bytes = row.body.get(row.at..row.at + row.length);
                bytes.map(Some).ok_or_else(shorter)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn bytes_out_of_line(&self) -> usize {
        match &self.0 {
            List::Row(row) if !row.inline => row.length.saturating_mul(row.element.size),
            // An array of a document is gone through as it lies: nothing is there twice.
            List::Row(_) | List::Tuple(_) | List::Document(_) => 0,
        }
    }

    /// The elements of a typed list as they lie.
    pub(crate) fn slots(self) -> impl Iterator<Item = Slot<'a>> {
        (0..self.len()).map_while(move |i| self.slot(i))
    }

    fn slot(&self, i: usize) -> Option<Slot<'a>> {
        match &self.0 {
            List::Row(row) if i < row.length => Some(Slot {
                body: row.body,
                at: row.at + i * row.element.size,
                layout: row.element,
            }),
            List::Tuple(fields) => fields.slot(i),
            List::Row(_) | List::Document(_) => None,
        }
    }
}

impl<'a> From<Array<'a>> for ListRef<'a> {
    fn from(array: Array<'a>) -> Self {
        Self(List::Document(array))
    }
}

enum Elements<'a> {
    Typed { list: ListRef<'a>, at: usize },
    Document(Nodes<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<ValueRef<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Typed { list, at } => {
                let slot = list.slot(*at)?;
                *at += 1;
                Some(slot.value())
            }
            Self::Document(nodes) => Some(nodes.next()?.and_then(ValueRef::of_node)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Typed { list, at } => {
                let left = list.len().saturating_sub(*at);
                (left, Some(left))
            }
            Self::Document(nodes) => nodes.size_hint(),
        }
    }
}

#[cold]
fn shorter() -> Error {
    Error::corrupt("a list is shorter than it says")
}

// Only its length: in hostile bytes lists may overlap, and their elements be endless.
impl std::fmt::Debug for ListRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} elements]", self.len())
    }
}
