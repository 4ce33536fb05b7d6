//! How is a query answered? A pure function of the filter, the sort, and what tables there are.
//!
//! A table is gone through in the spans that the filter's conditions leave of it. Each record found there is
//! asked the whole filter, so a plan is right when its spans miss nothing; the rest is about time.

use super::column::{Column, Holds, Source};
use super::conditions::{Condition, conditions};
use super::sort::Part;
use super::span::{Span, Spans};
use crate::base::{Error, Result};
use crate::schema::filter::{Path, Predicate, implies};

/// What is asked, as far as it matters for the way to the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'q> {
    pub(crate) filter: &'q Predicate,
    pub(crate) sort: &'q [Part],
    /// How many records are wanted, those that are left out included; `None` for all.
    pub(crate) wanted: Option<u64>,
    /// What is read of each record, where that is not all.
    pub(crate) reads: Option<&'q [Path]>,
    /// The table that must be gone through, where one was named: an index by its id, 0 for the records.
    pub(crate) through: Option<u32>,
    /// Whether an index that serves is gone through also where going through all would be faster.
    pub(crate) requires_index: bool,
}

/// How a query is answered.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One after the other; more than one where each is for a branch of an `$or`.
    pub(crate) walks: Vec<Walk>,
    /// Whether the order that was asked for has to be made in memory.
    pub(crate) sorts: bool,
}

/// What is read where an entry was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The record.
    Record,
    /// What the index includes of it.
    Included,
    /// Nothing but its key.
    Key,
}

/// A way through one table.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The index, by its position and id; `None` is the table of the records.
    pub(crate) index: Option<(usize, u32)>,
    /// In the order of the table; none where nothing can be found.
    pub(crate) spans: Vec<Span>,
    pub(crate) reversed: bool,
    /// Whether one record may have several entries in the spans.
    pub(crate) repeats: bool,
    /// How many entries are likely to be in the spans.
    pub(crate) estimate: u64,
    /// Which columns the spans are of, for people.
    pub(crate) bounded: usize,
    /// What is read of each entry.
    pub(crate) reads: Reads,
    /// Whether the filter holds for every record in the spans, so that none is asked.
    pub(crate) is_exact: bool,
    /// The branch of the `$or` that it is for.
    pub(crate) branch: Option<Predicate>,
}

impl Plan {
    /// Where there is nothing to go through.
    pub(crate) const NONE: Self = Self {
        walks: Vec::new(),
        sorts: false,
    };
}

impl Walk {
    /// Whether it goes through all records, where an index might have helped.
    pub(crate) fn is_full_scan(&self) -> bool {
        self.index.is_none() && self.spans == [Span::ALL]
    }
}

/// What may be looked at while a plan is made.
pub(crate) trait Counts {
    /// How many entries of a table are in the spans, counted no further than `most`.
    fn within(&self, source: &Source<'_>, spans: &[Span], most: u64) -> Result<u64>;
}

/// Most spans of one walk: more are left to the filter.
pub(crate) const SPANS_MAX: usize = 10_000;

/// Most branches of an `$or` that have a walk each: what is met on one is asked all those before it.
const BRANCHES_MAX: usize = 100;

/// How far entries are counted to choose between tables.
const COUNTED_MAX: u64 = 128;

/// What it costs to go from an index to a record, in records that are gone through one by one.
const FETCH_COST: f64 = 4.0;

/// Makes the plan. `sources` begins with the table of the records.
pub(crate) fn plan(
    question: &Question<'_>,
    sources: &[Source<'_>],
    counts: &dyn Counts,
) -> Result<Plan> {
    let conditions = conditions(question.filter);
    let through = |source: &&Source<'_>| match question.through {
        None => source.holds_all(question.filter, &conditions),
        Some(id) => source.id() == id,
    };
    let mut ways: Vec<Way<'_>> = sources
        .iter()
        .filter(through)
        .map(|source| Way::new(source, &conditions, question))
        .collect();
    if ways.is_empty() {
        return Err(Error::corrupt("a plan has no table to go through"));
    }
    if question.requires_index && ways.iter().any(|way| way.serves(question.sort)) {
        ways.retain(|way| way.serves(question.sort));
    }
    let records = sources.first().map_or(0, |records| records.entries);
    estimate(&mut ways, records, counts)?;
    let matching = ways.iter().map(|way| way.estimate).min();
    let cost = |way: &Way<'_>| way.cost(question, matching.unwrap_or_default());
    let best = ways
        .iter()
        .min_by(|a, b| cost(a).total_cmp(&cost(b)).then(b.bounded.cmp(&a.bounded)));
    let best = best.ok_or_else(|| Error::corrupt("a plan has no way"))?;
    if best.is_full_scan()
        && question.through.is_none()
        && let Some(plan) = plan_branches(question, sources, counts)?
    {
        return Ok(plan);
    }
    Ok(Plan {
        walks: vec![best.walk()],
        sorts: best.order == Order::Unsorted,
    })
}

/// A walk for each branch of an `$or`, where none of them is a full scan.
fn plan_branches(
    question: &Question<'_>,
    sources: &[Source<'_>],
    counts: &dyn Counts,
) -> Result<Option<Plan>> {
    let few = |branches: &&[Predicate]| branches.len() <= BRANCHES_MAX;
    for branches in alternatives(question.filter).into_iter().filter(few) {
        let mut walks = Vec::with_capacity(branches.len());
        for branch in branches {
            let question = Question {
                filter: branch,
                sort: &[],
                wanted: None,
                reads: None,
                through: None,
                requires_index: question.requires_index,
            };
            let plan = plan(&question, sources, counts)?;
            for walk in plan.walks {
                // A branch of a branch is found with the whole of it.
                let branch = walk.branch.clone().unwrap_or_else(|| branch.clone());
                walks.push(Walk {
                    branch: Some(branch),
                    is_exact: false,
                    ..walk
                });
            }
        }
        if !walks.iter().any(Walk::is_full_scan) {
            return Ok(Some(Plan { walks, sorts: true }));
        }
    }
    Ok(None)
}

/// The branches of each `$or` that must hold.
fn alternatives(filter: &Predicate) -> Vec<&[Predicate]> {
    match filter {
        Predicate::Any(branches) => vec![branches],
        Predicate::All(all) => all.iter().flat_map(alternatives).collect(),
        Predicate::Path(..) | Predicate::Not(_) => Vec::new(),
    }
}

impl Source<'_> {
    fn id(&self) -> u32 {
        self.index.map_or(0, |(_, index)| index.id)
    }

    /// Whether it includes all that the filter looks at, and all that is read.
    fn covers(&self, question: &Question<'_>) -> bool {
        let included = self
            .index
            .and_then(|(_, index)| index.plan.included.as_ref());
        let (Some(included), Some(reads)) = (included, question.reads) else {
            return false;
        };
        question.filter.looks_at(&mut |path| included.has(path))
            && reads.iter().all(|path| included.has(path))
    }

    /// Whether every record that the filter holds for has an entry here.
    fn holds_all(&self, filter: &Predicate, conditions: &[Condition<'_>]) -> bool {
        if self
            .only
            .as_ref()
            .is_some_and(|only| !implies(filter, only))
        {
            return false;
        }
        let meets = |meets: &dyn Fn(&Column<'_>, &Condition<'_>) -> bool| {
            // That there is a key says nothing of the values.
            let own = self.columns.iter().take(self.own);
            own.filter(|column| column.leaves_out).any(|column| {
                let mut on = conditions.iter();
                on.any(|condition| condition.path == column.path && meets(column, condition))
            })
        };
        match self.holds {
            Holds::All => true,
            Holds::Present => meets(&|column, condition| column.is_present(&condition.tests)),
            Holds::Elements => meets(&|column, condition| column.spans(&condition.tests).is_some()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Forwards,
    Backwards,
    /// It has to be made in memory.
    Unsorted,
}

/// A table, and what the filter leaves of it.
struct Way<'s> {
    source: &'s Source<'s>,
    spans: Vec<Span>,
    /// Whether each span has one value in every column that it is of.
    are_points: bool,
    /// How many columns have one value throughout.
    fixed: usize,
    /// How many columns the spans are of.
    bounded: usize,
    /// How the order that is asked for comes out of it.
    order: Order,
    reads: Reads,
    /// Whether the filter holds for every record in the spans.
    is_exact: bool,
    estimate: u64,
}

impl<'s> Way<'s> {
    fn new(source: &'s Source<'s>, conditions: &[Condition<'_>], question: &Question<'_>) -> Self {
        let mut way = Self {
            source,
            spans: vec![Span::only(Vec::new())],
            are_points: true,
            fixed: 0,
            bounded: 0,
            order: Order::Unsorted,
            reads: Reads::Record,
            is_exact: false,
            estimate: source.entries,
        };
        way.bound(conditions);
        way.order = match way.reversed(question.sort) {
            Some(false) => Order::Forwards,
            Some(true) => Order::Backwards,
            None => Order::Unsorted,
        };
        way.is_exact = question.filter.is_conjunction() && way.is_exact(conditions);
        if way.order != Order::Unsorted {
            way.reads = match question.reads {
                Some([]) if way.is_exact => Reads::Key,
                _ if source.covers(question) => Reads::Included,
                _ => Reads::Record,
            };
        }
        way
    }

    /// Narrows the spans by one column after the other, as long as each has single values.
    fn bound(&mut self, conditions: &[Condition<'_>]) {
        let mut multiple_met = false;
        let mut is_fixed = true;
        for column in &self.source.columns {
            // Two conditions on parts of several values need not be met by the same of them.
            if column.is_multiple && multiple_met {
                break;
            }
            let Some(spans) = spans_of(column, conditions) else {
                break;
            };
            if self.spans.len().saturating_mul(spans.0.len()) > SPANS_MAX {
                break;
            }
            multiple_met |= column.is_multiple;
            let are_points = spans.are_points();
            let behind = |prefix: &Span| {
                let prefix = prefix.lower.clone();
                spans.0.iter().map(move |span| span.behind(&prefix))
            };
            self.spans = self.spans.iter().flat_map(behind).collect();
            self.bounded += 1;
            is_fixed &= are_points && spans.0.len() == 1;
            self.fixed += usize::from(is_fixed);
            if !are_points {
                self.are_points = false;
                return;
            }
        }
        // What is behind the last column that was looked at may be anything.
        for span in &mut self.spans {
            *span = Span::starting(std::mem::take(&mut span.lower));
        }
    }

    /// Whether the spans say all that the conditions do.
    fn is_exact(&self, conditions: &[Condition<'_>]) -> bool {
        let bounded = self.source.columns.get(..self.bounded).unwrap_or_default();
        let is_exact = |condition: &Condition<'_>| {
            let mut on = bounded.iter();
            on.any(|column| {
                column.path == condition.path
                    && condition.tests.iter().all(|test| column.is_exact(test))
            })
        };
        !self.source.is_multiple() && conditions.iter().all(is_exact)
    }

    /// Whether going through it gives the order that is asked for; if so, whether backwards.
    fn reversed(&self, sort: &[Part]) -> Option<bool> {
        let columns = &self.source.columns;
        let is_fixed = |path: &Path| {
            let fixed = columns.iter().take(self.fixed);
            fixed
                .filter(|column| !column.is_multiple)
                .any(|column| column.path == *path)
        };
        let mut reversed = None;
        let mut columns = columns.iter().enumerate();
        'parts: for part in sort {
            if is_fixed(&part.path) {
                continue;
            }
            for (i, column) in columns.by_ref() {
                if column.path == part.path {
                    // Of several values the least counts, which has to be there, also where it is
                    // nothing: a sparse index leaves that out.
                    let all = self.bounded == 0 && !column.leaves_out;
                    let whole = !column.is_multiple || all;
                    let backwards = part.descending != column.descending;
                    if !column.sorts() || !whole || *reversed.get_or_insert(backwards) != backwards
                    {
                        return None;
                    }
                    continue 'parts;
                }
                if i >= self.fixed {
                    return None;
                }
            }
            // Behind its last column a unique index has nothing to sort, where a record has one entry.
            return (self.source.is_unique && !self.source.is_multiple())
                .then_some(reversed.unwrap_or_default());
        }
        Some(reversed.unwrap_or_default())
    }

    fn is_full_scan(&self) -> bool {
        self.source.index.is_none() && self.bounded == 0
    }

    /// Whether it leaves some of the table out, or is an index that gives the order.
    fn serves(&self, sort: &[Part]) -> bool {
        let sorts = self.order != Order::Unsorted && !sort.is_empty();
        self.bounded > 0 || (sorts && self.source.index.is_some())
    }

    /// What it is likely to cost, in records that are gone through one by one.
    fn cost(&self, question: &Question<'_>, matching: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
        let (entries, matching) = (self.estimate as f64, matching.max(1) as f64);
        // Where there are few it makes no difference, and an index is what is expected.
        let is_far = self.source.index.is_some() && self.reads == Reads::Record;
        let fetch = if is_far && self.estimate > COUNTED_MAX {
            FETCH_COST
        } else {
            1.0
        };
        #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
        let seen = match question.wanted {
            Some(wanted) if self.order != Order::Unsorted => {
                entries.min(wanted as f64 * entries / matching)
            }
            _ => entries,
        };
        let sorting = if self.order == Order::Unsorted {
            matching
        } else {
            0.0
        };
        seen * fetch + sorting
    }

    fn walk(&self) -> Walk {
        let spans = match (self.bounded, self.spans.as_slice()) {
            (0, _) => vec![Span::ALL],
            (_, spans) => spans.to_vec(),
        };
        Walk {
            index: self
                .source
                .index
                .map(|(position, index)| (position, index.id)),
            spans,
            reversed: self.order == Order::Backwards,
            repeats: self.source.is_multiple(),
            estimate: self.estimate,
            bounded: self.bounded,
            reads: self.reads,
            is_exact: self.is_exact,
            branch: None,
        }
    }
}

/// What the conditions leave of a column.
fn spans_of(column: &Column<'_>, conditions: &[Condition<'_>]) -> Option<Spans> {
    let own = conditions
        .iter()
        .filter(|condition| condition.path == column.path);
    let spans = own.filter_map(|condition| column.spans(&condition.tests));
    if column.is_multiple {
        // Each may be met by another value: the one that leaves the least is taken.
        return spans.min_by_key(|spans| (!spans.are_points(), spans.0.len()));
    }
    spans.reduce(|one, other| one.intersection(&other))
}

/// Estimates how many entries each way meets. Where there is a choice, some are counted.
fn estimate(ways: &mut [Way<'_>], records: u64, counts: &dyn Counts) -> Result<()> {
    let choice = ways.iter().filter(|way| way.bounded > 0).count() > 1;
    for way in ways.iter_mut().filter(|way| way.bounded > 0) {
        way.estimate = way.guess(records);
        // A record may have any number of entries: it is worth while to know how many are met.
        let most = if way.source.is_multiple() {
            records / 4 + COUNTED_MAX
        } else {
            COUNTED_MAX
        };
        if choice || way.source.is_multiple() {
            let counted = counts.within(way.source, &way.spans, most)?;
            way.estimate = if counted < most {
                counted
            } else if way.source.is_multiple() {
                way.source.entries
            } else {
                way.estimate.max(counted)
            };
        }
    }
    Ok(())
}

impl Way<'_> {
    fn guess(&self, records: u64) -> u64 {
        let columns = self.source.columns.len();
        if self.source.is_unique && self.are_points && self.bounded == columns {
            return self.spans.len() as u64;
        }
        // One in ten for a value, one in five for a range: as good a guess as any, and always less than
        // it would cost to go through all records.
        let mut share = 0.1_f64.powi(i32::try_from(self.fixed).unwrap_or(i32::MAX));
        if self.fixed < self.bounded {
            share *= 0.2;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is an estimate, and not negative"
        )]
        let guess = (self.source.entries.min(records) as f64 * share).ceil() as u64;
        guess.min(self.source.entries)
    }
}
