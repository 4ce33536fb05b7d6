//! Which records does a query find, and in which order?

use std::collections::BinaryHeap;

use super::sort::{self, Part};
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::collection::body::look;
use crate::collection::document::{ID, at, value_with_key};
use crate::schema::catalog::{Records, Shape};
use crate::schema::filter::Predicate;
use crate::schema::view::{Slot, ValueRef};
use crate::store::{ALL, ReadTable};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) filter: Predicate,
    pub(crate) sort: Vec<Part>,
    pub(crate) skip: u64,
    pub(crate) limit: Option<u64>,
}

impl Find {
    /// Whether the record that lies in a table is one of those.
    pub(crate) fn takes(&self, info: &Records, key: &[u8], stored: &[u8]) -> Result<bool> {
        self.on_value(info, key, stored, |value, bytes| {
            self.filter.holds(value, bytes)
        })
    }

    /// The keys of the records that are found, in the order that was asked for. With a limit no more
    /// keys are held in memory than it asks for, without one as many as there are, up to a bound.
    pub(crate) fn sorted_keys(
        &self,
        records: ReadTable<'_, '_>,
        info: &Records,
    ) -> Result<Vec<Vec<u8>>> {
        let wanted = self.limit.map(|limit| limit.saturating_add(self.skip));
        let mut best: BinaryHeap<(Vec<u8>, Vec<u8>)> = BinaryHeap::new();
        let mut bytes = 0;
        for entry in records.range(ALL)? {
            let (key, stored) = entry?;
            let sort_key = self.on_value(info, &key, &stored, |value, bytes| {
                if !self.filter.holds(value, bytes)? {
                    return Ok(None);
                }
                sort::key_of(&self.sort, value, bytes).map(Some)
            })?;
            let Some(sort_key) = sort_key else {
                continue;
            };
            bytes += sort_key.len() + key.len() + ENTRY_BYTES;
            best.push((sort_key, key.to_vec()));
            if wanted.is_some_and(|wanted| best.len() as u64 > wanted)
                && let Some((sort_key, key)) = best.pop()
            {
                bytes -= sort_key.len() + key.len() + ENTRY_BYTES;
            }
            if bytes > SORT_BYTES_MAX {
                return Err(Error::limit(format!(
                    "a sort would hold more than {SORT_BYTES_MAX} bytes in memory; give it a limit"
                )));
            }
        }
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let sorted = best.into_sorted_vec().into_iter().skip(skip);
        Ok(sorted.map(|(_, key)| key).collect())
    }

    /// Gives `read` the value of a record or document, and how many bytes it has; an error names it.
    fn on_value<T>(
        &self,
        info: &Records,
        key: &[u8],
        stored: &[u8],
        read: impl FnOnce(ValueRef<'_>, usize) -> Result<T>,
    ) -> Result<T> {
        let on_body = || {
            let body = look(stored)?;
            match &info.shape {
                Shape::Typed(typed) => read(Slot::root(&body, &typed.layout)?.value()?, body.len()),
                Shape::Documents(_) => {
                    let root = Node::root(&body);
                    // To make a copy takes longer than most filters do.
                    let with_key = if self.names_key() {
                        value_with_key(root, key)?
                    } else {
                        None
                    };
                    match with_key {
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

    /// Whether filter or sort look at the key of a document.
    fn names_key(&self) -> bool {
        let sorts_by_key = |part: &Part| part.path.names().next() == Some(ID);
        self.filter.names(ID) || self.sort.iter().any(sorts_by_key)
    }
}

/// The most that a sort holds in memory: 256 MiB.
const SORT_BYTES_MAX: usize = 256 << 20;

/// What an entry takes besides its keys.
const ENTRY_BYTES: usize = 48;
