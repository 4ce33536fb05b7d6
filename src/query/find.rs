//! Which records does a query find, and in which order?

use std::collections::BinaryHeap;

use super::parallel::{self, Work};
use super::plan::{Plan, Question, plan};
use super::sort::{self, Part};
use super::walk::{self, Place, Seen, Walker, sources};
use crate::base::sync::{Arc, AtomicUsize, Ordering};
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::collection::body::look;
use crate::collection::document::{ID, value_with_key};
use crate::collection::read::of_record;
use crate::schema::catalog::{Records, Shape};
use crate::schema::filter::{Path, Predicate};
use crate::schema::view::{Slot, ValueRef};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) filter: Arc<Predicate>,
    /// Whether the filter looks at the key of a document, which need not be in it.
    pub(crate) names_key: bool,
    pub(crate) sort: Vec<Part>,
    pub(crate) skip: u64,
    pub(crate) limit: Option<u64>,
    /// The index to go through, by its id, where one was named; 0 for the records.
    pub(crate) through: Option<u32>,
    /// Whether the whole collection must not be gone through.
    pub(crate) requires_index: bool,
    /// Whether several threads may go through the whole collection.
    pub(crate) parallel: bool,
    /// What is read of each that is found, where that is not all: what an index includes may be enough.
    pub(crate) reads: Option<Vec<Path>>,
}

impl Find {
    pub(crate) fn new(filter: Predicate) -> Self {
        Self {
            names_key: filter.names(ID),
            filter: Arc::new(filter),
            sort: Vec::new(),
            skip: 0,
            limit: None,
            through: None,
            requires_index: false,
            parallel: false,
            reads: None,
        }
    }

    /// Asks for another condition as well.
    pub(crate) fn also(&mut self, condition: Predicate) {
        self.names_key |= condition.names(ID);
        let filter = Predicate::clone(&self.filter);
        self.filter = Arc::new(Predicate::All(vec![filter, condition]));
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
            requires_index: self.requires_index,
            reads: self.reads.as_deref(),
        };
        plan(&question, &sources, place.tables)
    }

    /// Whether the record that lies in a table is one of those.
    pub(crate) fn takes(&self, info: &Records, met: Met<'_>) -> Result<bool> {
        self.holds(&self.filter, info, met)
    }

    /// Whether the filter, or a part of it, holds for the record that lies in a table.
    pub(crate) fn holds(&self, filter: &Predicate, info: &Records, met: Met<'_>) -> Result<bool> {
        on_value(info, met, self.names_key, |value, bytes| {
            filter.holds(value, bytes)
        })
    }

    /// Goes through what is found, in whatever order, on several threads where that was allowed and the
    /// whole collection is gone through; gives what each thread made of it.
    pub(crate) fn fold<A: Send>(
        &self,
        place: Place<'_>,
        plan: Plan,
        work: &Work<'_, A>,
    ) -> Result<(Vec<A>, Seen)> {
        if let Some(table) = place.tables.snapshot()
            && self.parallel
            && matches!(plan.walks.as_slice(), [walk] if walk.is_full_scan())
            && place.tables.records().len()? >= parallel::RECORDS_MIN
        {
            return parallel::scan(table, place.info, self, work);
        }
        let mut made = (work.begin)();
        if let [walk] = plan.walks.as_slice()
            && walk.is_full_scan()
        {
            let seen = walk::scan(place, self, &mut |met| (work.add)(&mut made, met))?;
            return Ok((vec![made], seen));
        }
        let mut walker = Walker::new(place, plan, None);
        while let Some(found) = walker.next(self)? {
            (work.add)(&mut made, found.met())?;
        }
        Ok((vec![made], walker.seen))
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
        let wanted = self.wanted().unwrap_or(u64::MAX);
        let bytes = AtomicUsize::new(0);
        let work = Work {
            begin: &BinaryHeap::new,
            add: &|best: &mut BinaryHeap<Sorted>, met| {
                let found = Sorted {
                    by: self.sort_key(place.info, met)?,
                    key: met.key.to_vec(),
                };
                if after.is_some_and(|after| found <= *after) {
                    return Ok(());
                }
                hold(best, found, wanted, &bytes)
            },
        };
        let (parts, seen) = self.fold(place, plan, &work)?;
        let mut best = BinaryHeap::new();
        for found in parts.into_iter().flatten() {
            bytes.fetch_sub(found.bytes(), Ordering::Relaxed);
            hold(&mut best, found, wanted, &bytes)?;
        }
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let mut sorted = best.into_sorted_vec();
        sorted.drain(..skip.min(sorted.len()));
        Ok((sorted, seen))
    }

    /// The bytes that a record sorts by.
    fn sort_key(&self, info: &Records, met: Met<'_>) -> Result<Vec<u8>> {
        if self.sort.is_empty() {
            return Ok(Vec::new());
        }
        let id = matches!(info.shape, Shape::Documents(_)).then_some(met.key);
        let within_id = |part: &Part| !part.path.is(ID) && part.path.names().next() == Some(ID);
        let with_key = id.is_some() && self.sort.iter().any(within_id);
        on_value(info, met, with_key, |value, bytes| {
            sort::key_of(&self.sort, value, bytes, id)
        })
    }
}

/// Holds a record among the best, of which so many are wanted. `bytes` counts what all that are held take.
fn hold(
    best: &mut BinaryHeap<Sorted>,
    found: Sorted,
    wanted: u64,
    bytes: &AtomicUsize,
) -> Result<()> {
    let more = found.bytes();
    best.push(found);
    let mut held = bytes.fetch_add(more, Ordering::Relaxed) + more;
    if best.len() as u64 > wanted
        && let Some(last) = best.pop()
    {
        held = bytes.fetch_sub(last.bytes(), Ordering::Relaxed) - last.bytes();
    }
    if held > SORT_BYTES_MAX {
        return Err(Error::limit(format!(
            "a sort would hold more than {SORT_BYTES_MAX} bytes in memory; give it a limit"
        )));
    }
    Ok(())
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

/// A record that was met: as it lies in its table, or what an index includes of it.
#[derive(Clone, Copy)]
pub(crate) struct Met<'m> {
    pub(crate) key: &'m [u8],
    pub(crate) bytes: &'m [u8],
    pub(crate) is_included: bool,
}

impl<'m> Met<'m> {
    /// One as it lies in its table.
    pub(crate) fn stored(key: &'m [u8], bytes: &'m [u8]) -> Self {
        Self {
            key,
            bytes,
            is_included: false,
        }
    }
}

/// Gives `read` the value of a record or document, `with_key` with its key in it, and how many bytes it
/// has; an error names it.
pub(crate) fn on_value<T>(
    info: &Records,
    met: Met<'_>,
    with_key: bool,
    read: impl FnOnce(ValueRef<'_>, usize) -> Result<T>,
) -> Result<T> {
    let on_body = || {
        if met.is_included {
            return read(ValueRef::of_node(Node::root(met.bytes))?, met.bytes.len());
        }
        let body = look(met.bytes, &info.upgrades)?;
        match &info.shape {
            Shape::Typed(typed) => read(Slot::record(&body, &typed.layout)?, body.len()),
            Shape::Documents(_) => {
                // To make a copy takes longer than most filters do.
                let copy = if with_key {
                    value_with_key(Node::root(&body), met.key)?
                } else {
                    None
                };
                let body = copy.as_deref().unwrap_or(&body);
                read(ValueRef::of_node(Node::root(body))?, body.len())
            }
        }
    };
    on_body().map_err(|error| of_record(error, info, met.key))
}

/// The most that a sort holds in memory: 256 MiB.
const SORT_BYTES_MAX: usize = 256 << 20;
