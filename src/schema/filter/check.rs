//! Are there such fields? A filter or sort of typed records that names one there is not is a mistake, and
//! would silently find nothing.

use super::{Path, Predicate, Test};
use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::pointer::position;
use crate::schema::layout::{FieldLayout, Kind, Layout};

/// Refuses a predicate with a path that no record of this layout has.
pub(crate) fn check(predicate: &mut Predicate, record: &Layout) -> Result<()> {
    match predicate {
        Predicate::All(all) | Predicate::Any(all) => all
            .iter_mut()
            .try_for_each(|predicate| check(predicate, record)),
        Predicate::Not(predicate) => check(predicate, record),
        Predicate::Path(path, test) => {
            let reached = check_path(path, record)?;
            match (test, reached) {
                (Test::Element { holds, .. }, Some(layout)) => check(holds, element_of(layout)),
                _ => Ok(()),
            }
        }
    }
}

/// Refuses a path that no record of this layout has; gives what is at its end, where that is known.
pub(crate) fn check_path<'l>(path: &mut Path, record: &'l Layout) -> Result<Option<&'l Layout>> {
    let mut layout = record;
    let whole = path.to_string();
    for part in path.parts_mut() {
        let name = part.name();
        layout = match &unwrapped(layout).kind {
            Kind::List(element) | Kind::Array(element, _) if position(name).is_some() => element,
            _ => match &element_of(layout).kind {
                Kind::Struct(fields) | Kind::Tuple(fields) => {
                    let field = fields
                        .iter()
                        .enumerate()
                        .find(|(_, field)| field.name == name);
                    let Some((position, field)) = field else {
                        return Err(no_field(&whole, name, fields));
                    };
                    part.stands_at(position);
                    &field.layout
                }
                // Its keys, and the fields of its variants, are known when they are met.
                Kind::Map(_) | Kind::Enum(_) => return Ok(None),
                _ => return Err(no_field(&whole, name, &[])),
            },
        };
    }
    Ok(Some(layout))
}

/// What an option holds.
fn unwrapped(mut layout: &Layout) -> &Layout {
    while let Kind::Option(inner) = &layout.kind {
        layout = inner;
    }
    layout
}

/// What the elements of a list are, where it is one.
fn element_of(layout: &Layout) -> &Layout {
    match &unwrapped(layout).kind {
        Kind::List(element) | Kind::Array(element, _) => unwrapped(element),
        _ => unwrapped(layout),
    }
}

fn no_field(path: &str, name: &str, fields: &[FieldLayout]) -> Error {
    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let known = if known.is_empty() {
        "what is before it has no fields".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    Error::new(
        ErrorKind::NotFound,
        format!("there is no field {name:?} on the path {path}; {known}"),
    )
}
