//! Does one condition hold wherever another does? What is not seen here is taken for *no*: then an index
//! is not used that could have been.

use super::path::Leaf;
use super::{Comparison, Constant, Predicate, Test};
use crate::base::Result;
use crate::codec::value::read::Node;
use crate::schema::view::ValueRef;

/// Whether `wanted` holds for everything that `known` holds for.
pub(crate) fn implies(known: &Predicate, wanted: &Predicate) -> bool {
    let mut steps = STEPS_MAX;
    implies_in(known, wanted, &mut steps)
}

/// How many steps are worth an index: what is nested on both sides may take more than there is time for.
const STEPS_MAX: u32 = 10_000;

fn implies_in(known: &Predicate, wanted: &Predicate, steps: &mut u32) -> bool {
    let Some(left) = steps.checked_sub(1) else {
        return false;
    };
    *steps = left;
    let mut implies = |known: &Predicate, wanted: &Predicate| implies_in(known, wanted, steps);
    match (known, wanted) {
        (known, wanted) if known == wanted => true,
        (known, Predicate::All(wanted)) => wanted.iter().all(|wanted| implies(known, wanted)),
        (Predicate::Any(known), wanted) => {
            !known.is_empty() && known.iter().all(|known| implies(known, wanted))
        }
        (known, Predicate::Any(wanted)) if wanted.iter().any(|wanted| implies(known, wanted)) => {
            true
        }
        (Predicate::All(known), wanted) => known.iter().any(|known| implies(known, wanted)),
        (Predicate::Not(known), Predicate::Not(wanted)) => implies(wanted, known),
        // The value that passes the one test passes the other.
        (Predicate::Path(one, known), Predicate::Path(other, wanted)) if one == other => {
            known.implies(wanted).unwrap_or(false)
        }
        _ => false,
    }
}

impl Test {
    fn implies(&self, wanted: &Self) -> Result<bool> {
        Ok(match (self, wanted) {
            (known, Self::Exists) => !known.passes_missing(),
            (Self::Compare(Comparison::Equal, constant), wanted) => {
                wanted.pass_all(std::slice::from_ref(constant))?
            }
            (Self::In(constants), wanted) => wanted.pass_all(constants)?,
            (Self::Compare(known, a), Self::Compare(wanted, b)) => {
                // Beyond `a` on its side lies only what is beyond `b` on the same.
                let order = b.to_document().and_then(|b| {
                    let b = ValueRef::of_node(Node::root(&b))?;
                    a.compare_all(b)
                })?;
                // How `b` is to `a`.
                let strict = matches!(known, Comparison::Less | Comparison::Greater);
                order.is_some_and(|order| match (known, wanted) {
                    (
                        Comparison::Greater | Comparison::GreaterOrEqual,
                        Comparison::GreaterOrEqual,
                    ) => order.is_le(),
                    (Comparison::Greater | Comparison::GreaterOrEqual, Comparison::Greater) => {
                        order.is_lt() || (order.is_eq() && strict)
                    }
                    (Comparison::Less | Comparison::LessOrEqual, Comparison::LessOrEqual) => {
                        order.is_ge()
                    }
                    (Comparison::Less | Comparison::LessOrEqual, Comparison::Less) => {
                        order.is_gt() || (order.is_eq() && strict)
                    }
                    _ => false,
                }) && (!self.passes_missing() || wanted_passes_missing(*wanted, b))
            }
            _ => false,
        })
    }

    /// Whether each of the constants passes, as a value and, where it is null, as what is missing.
    fn pass_all(&self, constants: &[Constant]) -> Result<bool> {
        // What looks at lists as a whole does not look at the elements that were compared.
        if self.leaf() != Leaf::Spread {
            return Ok(false);
        }
        // What is equal to an integer may be a float, and the other way round.
        if matches!(self, Self::Type(kinds) if kinds.iter().any(|kind| kind.is_of_numbers())) {
            return Ok(false);
        }
        for constant in constants {
            let document = constant.to_document()?;
            let value = ValueRef::of_node(Node::root(&document))?;
            let passes = self.passes(Some(value), document.len())?;
            if !passes || (constant.is_null() && !self.passes_missing()) {
                return Ok(false);
            }
        }
        Ok(!constants.is_empty())
    }
}

fn wanted_passes_missing(wanted: Comparison, constant: &Constant) -> bool {
    Test::Compare(wanted, constant.clone()).passes_missing()
}
