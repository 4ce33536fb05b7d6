//! Which keys does a record of a type have in an index over its fields?
//!
//! - A single part that is `None` gives no key; so does an empty list, and a record that the
//!   index's condition does not hold for.
//! - `each` gives a key for every element that is not `None`, without repetition.
//! - In a compound key a `None` is a key part like any other, before all values; a field that lies
//!   within an option, or behind one, is an option there.

use super::{Scratch, check_length};
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::number::encode_bool;
use crate::codec::key::reverse::encode_reverse;
use crate::schema::condition::CompiledCondition;
use crate::schema::key::{elements, encode_slot, is_key, is_text, skip};
use crate::schema::layout::{Kind, Layout, Route, join};
use crate::schema::types::{IndexDefinition, IndexPart};
use crate::schema::view::{Budget, Slot};

/// The parts of an index over fields, resolved against the layout of its records.
#[derive(Debug)]
pub(crate) struct FieldKeys {
    pub(crate) parts: Vec<Part>,
    condition: Option<CompiledCondition>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) route: Route,
    /// What lies in a key for this part: with a single part, without its option and list.
    pub(crate) key: Layout,
    pub(crate) descending: bool,
    pub(crate) fold: bool,
    pub(crate) each: bool,
}

impl FieldKeys {
    /// Resolves a definition; refuses one that no key can be made by.
    pub(crate) fn resolve(
        definition: &IndexDefinition,
        record: &Layout,
        collection: &str,
    ) -> Result<Self> {
        let single = definition.parts.len() == 1;
        let parts = definition
            .parts
            .iter()
            .map(|part| Part::resolve(part, single, record, collection))
            .collect::<Result<Vec<_>>>()?;
        let condition = definition
            .condition
            .as_ref()
            .map(|condition| CompiledCondition::resolve(condition, record, collection))
            .transpose()?;
        Ok(Self { parts, condition })
    }

    /// Appends the keys of a record.
    pub(crate) fn keys(&self, record: Slot<'_>, scratch: &mut Scratch) -> Result<()> {
        if let Some(condition) = &self.condition
            && !condition.holds(record)?
        {
            return Ok(());
        }
        match self.parts.as_slice() {
            [part] => part.single_keys(record, scratch),
            parts => {
                for part in parts {
                    part.push_part(record, &mut scratch.bytes)?;
                    check_length(scratch.bytes.len())?;
                }
                scratch.end_key()
            }
        }
    }

    /// Whether a record has no key where there is no value: in the only part, within an option or a list.
    pub(crate) fn leaves_out(&self) -> bool {
        let [Part { route, each, .. }] = self.parts.as_slice() else {
            return false;
        };
        *each || matches!(route.layout.kind, Kind::Option(_)) || route.crosses_options()
    }

    /// Cuts an index key off the front of an entry.
    pub(super) fn skip(&self, entry: &mut &[u8]) -> Result<()> {
        for part in &self.parts {
            skip(&part.key, if part.descending { 0xFF } else { 0 }, entry)?;
        }
        Ok(())
    }
}

impl Part {
    fn resolve(part: &IndexPart, single: bool, record: &Layout, collection: &str) -> Result<Self> {
        let route = Route::resolve(record, &part.path, collection)?;
        let refuse = |what: &str| {
            Err(Error::new(
                ErrorKind::Invalid,
                format!("field {} {what}", join(&part.path)),
            ))
        };
        let mut key = &route.layout;
        if part.each {
            if !single {
                return refuse("cannot have an entry for each element in a compound index");
            }
            key = unwrap_option(key);
            key = match &key.kind {
                Kind::List(element) | Kind::Array(element, _) => element,
                _ => return refuse("is no list, so it has no elements to index"),
            };
        }
        if single || route.crosses_options() {
            key = unwrap_option(key);
        }
        if part.fold && !is_text(key) {
            return refuse("is not text, so it cannot be folded");
        }
        if !is_key(key) {
            return refuse("has a type that cannot be a key");
        }
        let key = match key {
            key if !single && route.crosses_options() => Layout::option(key.clone()),
            key => key.clone(),
        };
        let IndexPart {
            descending,
            fold,
            each,
            ..
        } = *part;
        Ok(Self {
            route,
            key,
            descending,
            fold,
            each,
        })
    }

    /// Where the part's value lies; `None` within an option that is `None`.
    fn slot<'a>(&'a self, record: Slot<'a>) -> Result<Option<Slot<'a>>> {
        let at = self.route.follow(record.body, record.at)?;
        Ok(at.map(|at| Slot {
            body: record.body,
            at,
            layout: &self.route.layout,
        }))
    }

    fn single_keys(&self, record: Slot<'_>, out: &mut Scratch) -> Result<()> {
        let Some(slot) = self.slot(record)? else {
            return Ok(());
        };
        let mut budget = Budget::new(record.body.len());
        if !self.each {
            return self.push_key(slot, &mut budget, out);
        }
        match elements(slot, &mut budget)? {
            Some(list) => list
                .slots()
                .try_for_each(|element| self.push_key(element, &mut budget, out)),
            None => Ok(()),
        }
    }

    /// Adds the key of one value, none for `None`.
    fn push_key(&self, slot: Slot<'_>, budget: &mut Budget, out: &mut Scratch) -> Result<()> {
        if let Some(value) = unwrap(Some(slot))? {
            self.encode(value, budget, &mut out.bytes)?;
            out.end_key()?;
        }
        Ok(())
    }

    /// Appends this part of a compound key. Each part has a budget of its own, since two may be of
    /// the same field.
    fn push_part(&self, record: Slot<'_>, out: &mut Vec<u8>) -> Result<()> {
        let slot = self.slot(record)?;
        let mut budget = Budget::new(record.body.len());
        if !self.route.crosses_options() {
            return slot.map_or(Ok(()), |slot| self.encode(slot, &mut budget, out));
        }
        let value = unwrap(slot)?;
        self.in_order(out, |out| {
            encode_bool(value.is_some(), out);
            value.map_or(Ok(()), |value| {
                encode_slot(value, self.fold, &mut budget, out)
            })
        })
    }

    fn encode(&self, slot: Slot<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
        self.in_order(out, |out| encode_slot(slot, self.fold, budget, out))
    }

    /// Appends what `encode` does, complemented where the part is descending.
    fn in_order(
        &self,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        if !self.descending {
            return encode(out);
        }
        let mut result = Ok(());
        encode_reverse(out, |out| result = encode(out));
        result
    }
}

fn unwrap_option(mut layout: &Layout) -> &Layout {
    while let Kind::Option(inner) = &layout.kind {
        layout = inner;
    }
    layout
}

/// The value within all options.
fn unwrap(mut slot: Option<Slot<'_>>) -> Result<Option<Slot<'_>>> {
    while let Some(found) = slot
        && let Kind::Option(inner) = &found.layout.kind
    {
        slot = found.option(inner)?;
    }
    Ok(slot)
}
