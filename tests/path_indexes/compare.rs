//! Does a query with indexes find what it finds without any?
//!
//! A collection without indexes answers what is right. Where several records sort alike, any order of them
//! is; which of them do is told by another collection, whose keys are in the opposite order: those of which
//! it says the opposite.

use std::collections::{HashMap, HashSet};

use larder::{Cursor, DocumentView, ErrorKind, Found, Query, QueryIter, Result};

use super::given::Asked;

/// What is told from others by a number.
pub trait Numbered {
    fn number(&self) -> i64;
}

impl Numbered for DocumentView<'_> {
    fn number(&self) -> i64 {
        self.key().to_string().parse().unwrap()
    }
}

/// The numbers of what a query finds.
pub fn numbers<'a, V: Found<'a> + Numbered>(query: &Query<'a, V>) -> Result<Vec<i64>> {
    rest(&mut query.iter()?)
}

/// The numbers of what is still to come.
pub fn rest<'a, V: Found<'a> + Numbered>(iter: &mut QueryIter<'a, V>) -> Result<Vec<i64>> {
    iter.map(|found| Ok(found?.number())).collect()
}

/// An index that a query is made to go through, and whether it holds everything.
#[derive(Clone, Debug)]
pub struct Hint {
    pub name: String,
    pub holds_all: bool,
}

/// What is right.
pub struct Right {
    /// All that the filter holds for, sorted.
    sorted: Vec<i64>,
    /// Of each the number of those that sort as it does.
    class: HashMap<i64, usize>,
}

impl Right {
    /// As collections without indexes have it, of which the second has the keys that `opposite` gives, and
    /// finds as much or more; `None` where the sort is refused.
    pub fn of<'a, 'b, V: Found<'a> + Numbered, W: Found<'b> + Numbered>(
        plain: &Query<'a, V>,
        opposed: &Query<'b, W>,
        opposite: impl Fn(i64) -> i64,
    ) -> Option<Self> {
        let refused = |error: larder::Error| assert_eq!(error.kind(), ErrorKind::ParallelArrays);
        let sorted = numbers(plain).map_err(refused).ok()?;
        let other = numbers(opposed).map_err(refused).ok()?;
        let places: HashMap<i64, usize> = other
            .into_iter()
            .enumerate()
            .map(|(place, number)| (opposite(number), place))
            .collect();
        let mut class = HashMap::new();
        let mut last = None;
        for number in &sorted {
            let place = places[number];
            let next = match last {
                None => 0,
                Some((before, class)) => class + usize::from(before < place),
            };
            last = Some((place, next));
            class.insert(*number, next);
        }
        Some(Self { sorted, class })
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Fails unless these are those that were asked for, in a right order.
    pub fn assert_page(&self, found: &[i64], skip: u64, limit: Option<u64>, what: &str) {
        let limit = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap();
        let wanted = self.sorted.iter().skip(skip as usize).take(limit);
        let wanted: Vec<i64> = wanted.copied().collect();
        assert_eq!(
            self.classes(found),
            self.classes(&wanted),
            "{what}: {found:?}, {wanted:?} is right"
        );
        assert_once(found, what);
    }

    fn classes(&self, numbers: &[i64]) -> Vec<Option<usize>> {
        let class = |number| self.class.get(number).copied();
        numbers.iter().map(class).collect()
    }

    /// Fails unless these are some of those that were asked for, in a right order.
    fn assert_some(&self, found: &[i64], what: &str) {
        let classes = self.classes(found);
        assert!(classes.is_sorted(), "{what}: {found:?} is not sorted");
        assert!(!classes.contains(&None), "{what}: {found:?} has too much");
        assert_once(found, what);
    }
}

fn assert_once(found: &[i64], what: &str) {
    let once: HashSet<&i64> = found.iter().collect();
    assert_eq!(
        once.len(),
        found.len(),
        "{what}: {found:?}, one is given twice"
    );
}

/// Fails unless a query finds what is right, whole and cut to pages; `all` gives it, sorted.
pub fn assert_right<'a, V: Found<'a> + Numbered>(
    right: &Right,
    all: impl Fn() -> Query<'a, V>,
    hints: &[Hint],
    asked: &Asked,
) {
    let what = format!("{asked:?}\n{}\n", all().explain().unwrap());
    right.assert_page(&numbers(&all()).unwrap(), 0, None, &what);
    for hint in hints {
        let hinted = all().hint(&hint.name);
        let what = format!("{what}hinted: {}\n", hinted.explain().unwrap());
        let found = numbers(&hinted).unwrap();
        right.assert_some(&found, &what);
        if hint.holds_all {
            assert_eq!(found.len(), right.len(), "{what}: {found:?}, not all");
        }
        assert_eq!(hinted.count().unwrap(), found.len() as u64, "{what}");
    }
    assert_cut(right, all(), asked, &what);
    assert_pages(right, all, asked.page, &what);
}

/// Of the page that was asked for.
fn assert_cut<'a, V: Found<'a> + Numbered>(
    right: &Right,
    all: Query<'a, V>,
    asked: &Asked,
    what: &str,
) {
    let mut cut = all.skip(asked.skip);
    if let Some(limit) = asked.limit {
        cut = cut.limit(limit);
    }
    let what = format!("{what}cut: {}\n", cut.explain().unwrap());
    let found = numbers(&cut).unwrap();
    right.assert_page(&found, asked.skip, asked.limit, &what);
    assert_eq!(cut.count().unwrap(), found.len() as u64, "{what}");
    assert_eq!(cut.exists().unwrap(), !found.is_empty(), "{what}");
    let first = cut.first().unwrap().map(|found| found.number());
    right.assert_page(first.as_slice(), asked.skip, Some(1), &what);
    match numbers(&cut.require_index()) {
        Ok(same) => right.assert_page(&same, asked.skip, asked.limit, &what),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NoIndex, "{error}"),
    }
}

/// All pages together are the whole answer.
fn assert_pages<'a, V: Found<'a> + Numbered>(
    right: &Right,
    all: impl Fn() -> Query<'a, V>,
    page: u64,
    what: &str,
) {
    let mut found = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let mut query = all().limit(page);
        if let Some(after) = &after {
            query = query.after(after);
        }
        let mut iter = query.iter().unwrap();
        let given = rest(&mut iter).unwrap();
        let counted = query.count().unwrap();
        assert_eq!(
            counted,
            given.len() as u64,
            "{what}of the page behind {found:?}"
        );
        found.extend(&given);
        assert!(found.len() <= right.len(), "{what}in pages: {found:?}");
        let Some(cursor) = iter.cursor().filter(|_| !given.is_empty()) else {
            break;
        };
        after = Some(cursor.to_string().parse().unwrap());
    }
    right.assert_page(&found, 0, None, &format!("{what}in pages of {page}"));
}
