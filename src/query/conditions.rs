//! What does a filter say of each path? The conditions that every record which it finds meets by a single
//! value.

use crate::schema::filter::{Path, Predicate, Test};

/// Tests that one value at the end of a path passes all of.
#[derive(Debug)]
pub(crate) struct Condition<'p> {
    pub(crate) path: Path,
    pub(crate) tests: Vec<&'p Test>,
}

/// The conditions of a filter; what is under `$or` and `$not` is none.
pub(crate) fn conditions(filter: &Predicate) -> Vec<Condition<'_>> {
    let mut found = Vec::new();
    gather(filter, &mut found);
    found
}

fn gather<'p>(filter: &'p Predicate, found: &mut Vec<Condition<'p>>) {
    match filter {
        Predicate::All(all) => all.iter().for_each(|filter| gather(filter, found)),
        Predicate::Path(path, Test::Element { holds, objects }) if *objects => {
            let mut of_members = conditions(holds);
            // A position is one within the element, where that is a list: no index goes there.
            of_members.retain(|condition| !condition.path.begins_with_position());
            found.extend(of_members.into_iter().map(|condition| Condition {
                path: path.then(&condition.path),
                tests: condition.tests,
            }));
        }
        // A list that lies at a position has no key for each of its elements.
        Predicate::Path(path, Test::Element { .. }) if path.has_positions() => {}
        Predicate::Path(path, Test::Element { holds, .. }) => {
            // Operators on the element itself: one element passes them all.
            let mut tests = Vec::new();
            on_value(holds, &mut tests);
            found.push(Condition {
                path: path.clone(),
                tests,
            });
        }
        Predicate::Path(path, test) => found.push(Condition {
            path: path.clone(),
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
