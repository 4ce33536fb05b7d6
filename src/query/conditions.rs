//! What does a filter say of each path? The conditions that every record which it finds meets by a single
//! value.

use crate::schema::filter::{Path, Predicate, Test};

/// Tests that one value at the end of a path passes all of.
#[derive(Debug)]
pub(crate) struct Condition<'p> {
    pub(crate) path: Path,
    pub(crate) tests: Vec<&'p Test>,
}

impl Condition<'_> {
    /// Whether a record must have something there to pass.
    pub(crate) fn is_present(&self) -> bool {
        self.tests.iter().any(|test| !test.passes_missing())
    }
}

/// The conditions of a filter; what is under `$or` and `$not` is none.
pub(crate) fn conditions(filter: &Predicate) -> Vec<Condition<'_>> {
    let mut found = Vec::new();
    gather(&Path::ROOT, filter, &mut found);
    found
}

fn gather<'p>(within: &Path, filter: &'p Predicate, found: &mut Vec<Condition<'p>>) {
    match filter {
        Predicate::All(all) => all.iter().for_each(|filter| gather(within, filter, found)),
        Predicate::Path(path, Test::Element { holds, objects }) => {
            let path = within.then(path);
            if *objects {
                gather(&path, holds, found);
            } else {
                // Operators on the element itself: one element passes them all.
                let mut tests = Vec::new();
                on_value(holds, &mut tests);
                found.push(Condition { path, tests });
            }
        }
        Predicate::Path(path, test) => found.push(Condition {
            path: within.then(path),
            tests: vec![test],
        }),
        Predicate::Any(_) | Predicate::Not(_) => {}
    }
}

fn on_value<'p>(filter: &'p Predicate, tests: &mut Vec<&'p Test>) {
    match filter {
        Predicate::All(all) => all.iter().for_each(|filter| on_value(filter, tests)),
        Predicate::Path(path, test) if path.is_root() => tests.push(test),
        _ => {}
    }
}
