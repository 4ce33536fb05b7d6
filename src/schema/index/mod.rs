//! Which keys does a record or document have in an index?

mod fields;
mod included;
mod paths;

use std::ops::Range;

pub(crate) use fields::{FieldKeys, Part};
pub(crate) use included::Included;
pub(crate) use paths::{EMPTY_LIST, PathKeys, PathPart};

use super::catalog::Shape;
use super::layout::Layout;
use super::types::IndexDefinition;
use super::view::{Slot, ValueRef};
use crate::base::limits::{INDEX_KEYS_BYTES_MAX, KEY_BYTES_MAX};
use crate::base::{Error, Result};
use crate::codec::value::read::Node;

/// An index definition, ready for use.
#[derive(Debug)]
pub(crate) struct IndexPlan {
    pub(crate) unique: bool,
    pub(crate) keys: Keys,
    /// What its entries have beside their keys.
    pub(crate) included: Option<Included>,
}

/// What an index is over.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Fields of records of a type.
    Fields(FieldKeys),
    /// Paths of documents.
    Paths(PathKeys),
}

impl IndexPlan {
    /// An index over the fields of records; refuses a definition that no key can be made by.
    pub(crate) fn of_fields(
        definition: &IndexDefinition,
        key: &[String],
        record: &Layout,
        collection: &str,
    ) -> Result<Self> {
        let included = Included::resolve(definition, key, record, collection)?;
        let plan = Self::resolve(definition, || {
            FieldKeys::resolve(definition, record, collection).map(Keys::Fields)
        })?;
        Ok(Self { included, ..plan })
    }

    /// An index over the paths of documents; refuses a definition that no key can be made by.
    pub(crate) fn of_paths(definition: &IndexDefinition) -> Result<Self> {
        Self::resolve(definition, || {
            PathKeys::resolve(definition).map(Keys::Paths)
        })
    }

    fn resolve(definition: &IndexDefinition, keys: impl FnOnce() -> Result<Keys>) -> Result<Self> {
        let name = &definition.name;
        if definition.parts.is_empty() {
            return Err(Error::invalid(format!("index {name:?} has no parts")));
        }
        Ok(Self {
            unique: definition.unique,
            included: None,
            keys: keys().map_err(|error| error.during(format!("index {name:?}")))?,
        })
    }

    /// Puts the keys of a body into `scratch`, in order and without repetition.
    pub(crate) fn keys(&self, shape: &Shape, body: &[u8], scratch: &mut Scratch) -> Result<()> {
        scratch.clear();
        match (&self.keys, shape) {
            (Keys::Fields(keys), Shape::Typed(typed)) => {
                let record = Slot::root(body, &typed.layout)?;
                keys.keys(record, scratch)?;
                if let (Some(included), false) = (&self.included, scratch.spans.is_empty()) {
                    included.append(record, &mut scratch.included)?;
                }
            }
            (Keys::Paths(keys), Shape::Documents(_)) => {
                let document = ValueRef::of_node(Node::root(body))?;
                keys.keys(document, body.len(), scratch)?;
            }
            (Keys::Fields(_), Shape::Documents(_)) | (Keys::Paths(_), Shape::Typed(_)) => {
                return Err(Error::corrupt("the index is of another kind of collection"));
            }
        }
        scratch.sort();
        Ok(())
    }

    /// How many bytes at the front of an entry are its index key; the rest is the primary key.
    pub(crate) fn key_length(&self, entry: &[u8]) -> Result<usize> {
        let mut rest = entry;
        match &self.keys {
            Keys::Fields(keys) => keys.skip(&mut rest)?,
            Keys::Paths(keys) => keys.skip(&mut rest)?,
        }
        Ok(entry.len() - rest.len())
    }
}

/// Room for the keys of one record in one index, used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The keys, one behind the other.
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    /// What the entries have beside the keys.
    included: Vec<u8>,
    /// The paths that went through a list, by their positions: see [`Scratch::lists`].
    lists: u32,
}

impl Scratch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.included.clear();
        self.lists = 0;
    }

    /// Which parts of a path index went through a list, or to one: a bit for each, the first part's the
    /// lowest. Such a part may have several values in one document.
    pub(crate) fn lists(&self) -> u32 {
        self.lists
    }

    /// What the entries have beside the keys; nothing where the index includes nothing.
    pub(crate) fn included(&self) -> &[u8] {
        &self.included
    }

    /// What was appended to `bytes` since the last key is a key, if it is not too long for one.
    fn end_key(&mut self) -> Result<()> {
        let start = self.spans.last().map_or(0, |span| span.end);
        check_length(self.bytes.len() - start)?;
        if self.bytes.len() > INDEX_KEYS_BYTES_MAX {
            return Err(Error::limit(format!(
                "the keys of one record have more than {INDEX_KEYS_BYTES_MAX} bytes"
            )));
        }
        self.spans.push(start..self.bytes.len());
        Ok(())
    }

    /// Sorts the keys and drops repetitions.
    fn sort(&mut self) {
        let Self { bytes, spans, .. } = self;
        let key = |span: &Range<usize>| bytes.get(span.clone()).unwrap_or_default();
        spans.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        spans.dedup_by(|a, b| key(a) == key(b));
    }

    /// The keys in order.
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.spans
            .iter()
            .filter_map(|span| self.bytes.get(span.clone()))
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
