//! How was a query answered?

use std::fmt;

use crate::query::plan::{Plan, Reads, Walk};
use crate::query::walk::Seen;
use crate::schema::catalog::Records;

/// How a query was answered, from [`Query::explain`](crate::Query::explain); to print, or to assert in a
/// test.
///
/// ```text
/// index "by_section" (section, size descending), backwards: 1 span of 2 columns, 120 keys expected
/// met 118 keys and 118 records, found 20
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Explanation {
    ways: Vec<Way>,
    sorts: bool,
    seen: Seen,
    found: u64,
}

/// One table that was gone through.
#[derive(Clone, Debug)]
struct Way {
    index: Option<String>,
    text: String,
    is_full_scan: bool,
    estimate: u64,
}

impl Explanation {
    pub(super) fn of_nothing(collection: &str) -> Self {
        Self {
            ways: vec![Way {
                index: None,
                text: format!("collection {collection:?} does not exist"),
                is_full_scan: false,
                estimate: 0,
            }],
            sorts: false,
            seen: Seen::default(),
            found: 0,
        }
    }

    pub(super) fn new(info: &Records, plan: &Plan, seen: Seen, found: u64) -> Self {
        Self {
            ways: plan.walks.iter().map(|walk| Way::new(info, walk)).collect(),
            sorts: plan.sorts,
            seen,
            found,
        }
    }

    /// The indexes that were gone through, by their names.
    pub fn indexes(&self) -> impl Iterator<Item = &str> {
        self.ways.iter().filter_map(|way| way.index.as_deref())
    }

    /// Whether the whole collection was gone through.
    #[must_use]
    pub fn is_full_scan(&self) -> bool {
        self.ways.iter().any(|way| way.is_full_scan)
    }

    /// Whether what was found was sorted in memory.
    #[must_use]
    pub fn sorts_in_memory(&self) -> bool {
        self.sorts
    }

    /// How many keys were expected to be met.
    #[must_use]
    pub fn keys_expected(&self) -> u64 {
        self.ways.iter().map(|way| way.estimate).sum()
    }

    /// How many keys were met, of indexes or of the collection.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.seen.keys
    }

    /// How many records or documents were looked at.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.seen.records
    }

    /// How many were found.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found
    }
}

impl Way {
    fn new(info: &Records, walk: &Walk) -> Self {
        let index = walk
            .index
            .and_then(|(position, _)| info.stored_indexes().get(position));
        let name = index.map(|index| index.definition.name.clone());
        let table = match index {
            Some(index) => format!("index {:?} {}", index.definition.name, index.definition),
            None if walk.is_full_scan() => "full scan".to_owned(),
            None => "by key".to_owned(),
        };
        let backwards = if walk.reversed { ", backwards" } else { "" };
        let alone = match walk.reads {
            Reads::Record => "",
            Reads::Included | Reads::Key => ", alone",
        };
        let spans = match (walk.spans.len(), walk.bounded) {
            (_, 0) => "all of it".to_owned(),
            (0, _) => "nothing can be found".to_owned(),
            (1, bounded) => format!("1 span of {}", columns(bounded)),
            (spans, bounded) => format!("{spans} spans of {}", columns(bounded)),
        };
        Self {
            index: name,
            text: format!(
                "{table}{backwards}{alone}: {spans}, {} keys expected",
                walk.estimate
            ),
            is_full_scan: walk.is_full_scan(),
            estimate: walk.estimate,
        }
    }
}

fn columns(count: usize) -> String {
    match count {
        1 => "1 column".to_owned(),
        count => format!("{count} columns"),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for way in &self.ways {
            writeln!(f, "{}", way.text)?;
        }
        if self.sorts {
            writeln!(f, "sorted in memory")?;
        }
        let Seen { keys, records } = self.seen;
        write!(
            f,
            "met {keys} keys and {records} records, found {}",
            self.found
        )
    }
}
