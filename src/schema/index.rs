//! Which keys does a record have in an index?
//!
//! - A single part that is `None` gives no key; so does an empty list, and a record that the
//!   index's condition does not hold for.
//! - `each` gives a key for every element that is not `None`, without repetition.
//! - In a compound key a `None` is a key part like any other, before all values; a field that lies
//!   within an option, or behind one, is an option there.

use std::ops::Range;

use super::condition::CompiledCondition;
use super::key::{elements, encode_slot, is_key, is_text, skip};
use super::layout::{Kind, Layout, Route, join};
use super::types::{IndexDefinition, IndexPart};
use super::view::{Budget, Slot};
use crate::base::limits::KEY_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::number::encode_bool;
use crate::codec::key::reverse::encode_reverse;

/// An index definition, resolved against the layout of its records.
#[derive(Debug)]
pub(crate) struct IndexPlan {
    pub(crate) unique: bool,
    parts: Vec<Part>,
    condition: Option<CompiledCondition>,
}

/// Room for the keys of one record in one index, used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The keys, one behind the other.
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Scratch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// What was appended to `bytes` since the last key is a key, if it is not too long for one.
    fn end_key(&mut self) -> Result<()> {
        let start = self.spans.last().map_or(0, |span| span.end);
        check_length(self.bytes.len() - start)?;
        self.spans.push(start..self.bytes.len());
        Ok(())
    }

    /// Sorts the keys and drops repetitions.
    fn sort(&mut self) {
        let Self { bytes, spans } = self;
        let key = |span: &Range<usize>| bytes.get(span.clone()).unwrap_or_default();
        spans.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        spans.dedup_by(|a, b| key(a) == key(b));
    }

    /// The keys in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .filter_map(|span| self.bytes.get(span.clone()))
    }
}

#[derive(Debug)]
struct Part {
    route: Route,
    /// What lies in a key for this part: with a single part, without its option and list.
    key: Layout,
    descending: bool,
    fold: bool,
    each: bool,
}

impl IndexPlan {
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
            .collect::<Result<Vec<_>>>()
            .map_err(|error| error.during(format!("index {:?}", definition.name)))?;
        if parts.is_empty() {
            return Err(Error::invalid(format!(
                "index {:?} has no parts",
                definition.name
            )));
        }
        let condition = definition
            .condition
            .as_ref()
            .map(|condition| CompiledCondition::resolve(condition, record, collection))
            .transpose()?;
        Ok(Self {
            unique: definition.unique,
            parts,
            condition,
        })
    }

    /// Puts the keys of a record into `scratch`, in order and without repetition.
    pub(crate) fn keys(&self, record: Slot<'_>, scratch: &mut Scratch) -> Result<()> {
        scratch.clear();
        if let Some(condition) = &self.condition
            && !condition.holds(record)?
        {
            return Ok(());
        }
        match self.parts.as_slice() {
            [part] => part.single_keys(record, scratch)?,
            parts => {
                for part in parts {
                    part.push_part(record, &mut scratch.bytes)?;
                    check_length(scratch.bytes.len())?;
                }
                scratch.end_key()?;
            }
        }
        scratch.sort();
        Ok(())
    }

    /// How many bytes at the front of an entry are its index key; the rest is the primary key.
    pub(crate) fn key_length(&self, entry: &[u8]) -> Result<usize> {
        let mut rest = entry;
        for part in &self.parts {
            skip(&part.key, if part.descending { 0xFF } else { 0 }, &mut rest)?;
        }
        Ok(entry.len() - rest.len())
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

fn check_length(bytes: usize) -> Result<()> {
    if bytes > KEY_BYTES_MAX {
        return Err(Error::limit(format!(
            "an index key has {bytes} bytes, the most is {KEY_BYTES_MAX}"
        )));
    }
    Ok(())
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
