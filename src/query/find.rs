//! Which records does a query find, and in which order?

use std::collections::BinaryHeap;

use super::plan::{Plan, Question, plan};
use super::sort::{self, Part};
use super::walk::{Found, Place, Seen, Walker, sources};
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::collection::body::look;
use crate::collection::document::{ID, at, value_with_key};
use crate::schema::catalog::{Records, Shape};
use crate::schema::filter::Predicate;
use crate::schema::view::{Slot, ValueRef};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) filter: Predicate,
    /// Whether the filter looks at the key of a document, which need not be in it.
    pub(crate) names_key: bool,
    pub(crate) sort: Vec<Part>,
    pub(crate) skip: u64,
    pub(crate) limit: Option<u64>,
    /// The index to go through, by its id, where one was named; 0 for the records.
    pub(crate) through: Option<u32>,
}

impl Find {
    pub(crate) fn new(filter: Predicate) -> Self {
        Self {
            names_key: filter.names(ID),
            filter,
            sort: Vec::new(),
            skip: 0,
            limit: None,
            through: None,
        }
    }

    /// How many records there may be until the last that is wanted.
    fn wanted(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_add(self.skip))
    }

    /// How it is answered.
    pub(crate) fn plan(&self, place: Place<'_>) -> Result<Plan> {
        let mut paths = Vec::new();
        self.filter.paths(&mut paths);
        paths.extend(self.sort.iter().map(|part| part.path.to_string()));
        let sources = sources(place, |index, path| {
            self.through == Some(index.id) || paths.contains(&path.join("."))
        })?;
        let question = Question {
            filter: &self.filter,
            sort: &self.sort,
            wanted: self.wanted(),
            through: self.through,
        };
        plan(&question, &sources, place.tables)
    }

    /// Whether the record that lies in a table is one of those.
    pub(crate) fn takes(&self, info: &Records, key: &[u8], stored: &[u8]) -> Result<bool> {
        self.holds(&self.filter, info, key, stored)
    }

    /// Whether the filter, or a part of it, holds for the record that lies in a table.
    pub(crate) fn holds(
        &self,
        filter: &Predicate,
        info: &Records,
        key: &[u8],
        stored: &[u8],
    ) -> Result<bool> {
        on_value(info, key, stored, self.names_key, |value, bytes| {
            filter.holds(value, bytes)
        })
    }

    /// The places of what is found, in the order that was asked for; behind `after`, where there is one.
    /// With a limit no more of them are held in memory than it asks for, without one as many as there
    /// are, up to a bound.
    pub(crate) fn sorted(
        &self,
        place: Place<'_>,
        plan: Plan,
        after: Option<&Sorted>,
    ) -> Result<(Vec<Sorted>, Seen)> {
        let wanted = self.wanted();
        let mut best: BinaryHeap<Sorted> = BinaryHeap::new();
        let mut bytes = 0;
        let mut walker = Walker::new(place, plan, None);
        while let Some(Found { key, stored }) = walker.next(self)? {
            let found = Sorted {
                by: self.sort_key(place.info, &key, &stored)?,
                key: key.to_vec(),
            };
            if after.is_some_and(|after| found <= *after) {
                continue;
            }
            bytes += found.bytes();
            best.push(found);
            if wanted.is_some_and(|wanted| best.len() as u64 > wanted)
                && let Some(last) = best.pop()
            {
                bytes -= last.bytes();
            }
            if bytes > SORT_BYTES_MAX {
                return Err(Error::limit(format!(
                    "a sort would hold more than {SORT_BYTES_MAX} bytes in memory; give it a limit"
                )));
            }
        }
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let mut sorted = best.into_sorted_vec();
        sorted.drain(..skip.min(sorted.len()));
        Ok((sorted, walker.seen))
    }

    /// The bytes that a record sorts by.
    fn sort_key(&self, info: &Records, key: &[u8], stored: &[u8]) -> Result<Vec<u8>> {
        if self.sort.is_empty() {
            return Ok(Vec::new());
        }
        let id = matches!(info.shape, Shape::Documents(_)).then_some(key);
        on_value(info, key, stored, false, |value, bytes| {
            sort::key_of(&self.sort, value, bytes, id)
        })
    }
}

/// A record in the order that was asked for: what it sorts by, then its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sorted {
    pub(crate) by: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Sorted {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        self.by.len() + self.key.len() + 2 * size_of::<Vec<u8>>()
    }
}

/// Gives `read` the value of a record or document, `with_key` with its key in it, and how many bytes it
/// has; an error names it.
pub(crate) fn on_value<T>(
    info: &Records,
    key: &[u8],
    stored: &[u8],
    with_key: bool,
    read: impl FnOnce(ValueRef<'_>, usize) -> Result<T>,
) -> Result<T> {
    let on_body = || {
        let body = look(stored)?;
        match &info.shape {
            Shape::Typed(typed) => read(Slot::root(&body, &typed.layout)?.value()?, body.len()),
            Shape::Documents(_) => {
                let root = Node::root(&body);
                // To make a copy takes longer than most filters do.
                let copy = if with_key {
                    value_with_key(root, key)?
                } else {
                    None
                };
                match copy {
                    Some(copy) => read(ValueRef::of_node(Node::root(&copy))?, copy.len()),
                    None => read(ValueRef::of_node(root)?, body.len()),
                }
            }
        }
    };
    on_body().map_err(|error| match &info.shape {
        Shape::Typed(_) => crate::collection::read::at(error, &info.name, key),
        Shape::Documents(_) => at(error, &info.name, key),
    })
}

/// The most that a sort holds in memory: 256 MiB.
const SORT_BYTES_MAX: usize = 256 << 20;
