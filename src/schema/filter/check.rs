//! Are there such fields? A filter or sort of typed records that names one there is not is a mistake, and
//! would silently find nothing.

use super::{Path, Predicate, Test};
use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::pointer::position;
use crate::schema::layout::{FieldLayout, Kind, Layout, Route};

/// Refuses a predicate with a path that no record of this layout has.
pub(crate) fn check(predicate: &mut Predicate, record: &Layout) -> Result<()> {
    match predicate {
        Predicate::All(all) | Predicate::Any(all) => {
            all.iter_mut()
                .try_for_each(|predicate| check(predicate, record))?;
            // What takes least time is asked first.
            all.sort_by_key(Predicate::effort);
            Ok(())
        }
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

impl Predicate {
    /// How much there is to do to answer it, roughly.
    fn effort(&self) -> u8 {
        match self {
            Self::Path(_, Test::Compare(_, constant)) if constant.number().is_some() => 0,
            Self::Path(_, Test::Compare(..)) => 1,
            _ => 2,
        }
    }
}

/// Refuses a path that no record of this layout has; gives what is at its end, where that is known.
pub(crate) fn check_path<'l>(path: &mut Path, record: &'l Layout) -> Result<Option<&'l Layout>> {
    let mut layout = record;
    let mut is_direct = true;
    for name in path.names() {
        layout = match &unwrapped(layout).kind {
            Kind::List(element) | Kind::Array(element, _) if position(name).is_some() => {
                is_direct = false;
                element
            }
            kind => {
                is_direct &= matches!(kind, Kind::Struct(fields) if fields.first().is_none_or(|f| f.name != "0"));
                match &element_of(layout).kind {
                    Kind::Struct(fields) | Kind::Tuple(fields) => {
                        match fields.iter().find(|field| field.name == name) {
                            Some(field) => &field.layout,
                            None => return Err(no_field(path, name, fields)),
                        }
                    }
                    // Its keys, and the fields of its variants, are known when they are met.
                    Kind::Map(_) | Kind::Enum(_) => return Ok(None),
                    _ => return Err(no_field(path, name, &[])),
                }
            }
        };
    }
    if is_direct {
        let names: Vec<&str> = path.names().collect();
        let route = Route::resolve(record, &names, "")?;
        path.go_by(route);
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

fn no_field(path: &Path, name: &str, fields: &[FieldLayout]) -> Error {
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
