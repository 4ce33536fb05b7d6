//! What stands in a map?

use super::{Slot, ValueRef};
use crate::base::Result;
use crate::codec::value::read::{Members, Object};
use crate::schema::json::key_text;
use crate::schema::layout::MapLayout;

/// A map, sorted by key; or a document's object, in its own order.
#[derive(Clone, Copy)]
pub struct MapRef<'a>(Map<'a>);

#[derive(Clone, Copy)]
enum Map<'a> {
    Typed(Entries<'a>),
    Document(Object<'a>),
}

/// Keys and values, side by side.
#[derive(Clone, Copy)]
struct Entries<'a> {
    body: &'a [u8],
    at: usize,
    map: &'a MapLayout,
    length: usize,
}

impl<'a> MapRef<'a> {
    pub(super) fn entries(body: &'a [u8], at: usize, map: &'a MapLayout, length: usize) -> Self {
        Self(Map::Typed(Entries {
            body,
            at,
            map,
            length,
        }))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Map::Typed(entries) => entries.length,
            Map::Document(object) => object.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key that is this text, or that has it in JSON. Takes time that grows with the logarithm of the entries in
    /// a document, with the entries in a record.
    pub fn get(&self, key: &str) -> Result<Option<ValueRef<'a>>> {
        match &self.0 {
            Map::Document(object) => object.get(key)?.map(ValueRef::of_node).transpose(),
            Map::Typed(_) => {
                for entry in self.iter() {
                    let (found, value) = entry?;
                    let is_found = match found {
                        ValueRef::String(text) => text == key,
                        found => key_text(found) == key,
                    };
                    if is_found {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The entries: of a record in the order of their keys, of a document in their own.
    pub fn iter(&self) -> impl Iterator<Item = Result<(ValueRef<'a>, ValueRef<'a>)>> + use<'a> {
        match self.0 {
            Map::Document(object) => MapEntries::Document(object.iter()),
            Map::Typed(entries) => MapEntries::Typed { entries, next: 0 },
        }
    }

    pub(super) fn bytes_out_of_line(&self) -> usize {
        match &self.0 {
            Map::Typed(entries) => {
                let map = entries.map;
                let entry = map.key.size.saturating_add(map.value.size);
                entries.length.saturating_mul(entry)
            }
            // An object is gone through as it lies: nothing is there twice.
            Map::Document(_) => 0,
        }
    }
}

impl<'a> From<Object<'a>> for MapRef<'a> {
    fn from(object: Object<'a>) -> Self {
        Self(Map::Document(object))
    }
}

impl<'a> Entries<'a> {
    fn entry(&self, i: usize) -> Result<(ValueRef<'a>, ValueRef<'a>)> {
        let Self { body, map, .. } = *self;
        let at = self.at + i * (map.key.size + map.value.size);
        let key = Slot {
            body,
            at,
            layout: &map.key,
        };
        let value = Slot {
            body,
            at: at + map.key.size,
            layout: &map.value,
        };
        Ok((key.value()?, value.value()?))
    }
}

enum MapEntries<'a> {
    Typed { entries: Entries<'a>, next: usize },
    Document(Members<'a>),
}

impl<'a> Iterator for MapEntries<'a> {
    type Item = Result<(ValueRef<'a>, ValueRef<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Typed { entries, next } => {
                if *next == entries.length {
                    return None;
                }
                *next += 1;
                Some(entries.entry(*next - 1))
            }
            Self::Document(members) => {
                Some(members.next()?.and_then(|(key, value)| {
                    Ok((ValueRef::String(key), ValueRef::of_node(value)?))
                }))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Typed { entries, next } => {
                let left = entries.length - next;
                (left, Some(left))
            }
            Self::Document(members) => members.size_hint(),
        }
    }
}

// Only its length: in hostile bytes maps may overlap, and their entries be endless.
impl std::fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{} entries}}", self.len())
    }
}
