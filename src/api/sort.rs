//! What can a query be sorted by?

use super::any_records::AnyRecord;
use super::document::{Document, IntoDocument};
use super::documents::DocumentView;
use super::view::View;
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::query::sort::{self, Part};
use crate::schema::filter::Path;
use crate::schema::record::Record;
use crate::schema::token::Order;
use crate::schema::view::ValueRef;

/// What a query can be sorted by: a path, `"stars"`, or `"-stars"` for the greatest first; several in an
/// array or tuple; of records a field, `City::POPULATION.desc()`; JSON as `MongoDB` has it, `{"stars": -1}`.
///
/// A `serde_json::Value` forgets in which order the members of an object were written, so several paths
/// stand in a list: `[{"country": 1}, {"population": -1}]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to sort by here",
    label = "not a path, field or JSON",
    note = "a field of a record needs its direction: `City::POPULATION.asc()`"
)]
pub trait IntoSort<V>: sealed::Sealed<V> {
    /// The paths and directions, in order.
    #[doc(hidden)]
    fn parts(&self) -> Result<Parts>;
}

mod sealed {
    use super::Part;

    /// Nobody else says what can be sorted by.
    pub trait Sealed<V> {}

    /// What a sort is by.
    pub struct Parts(pub(in super::super) Vec<Part>);
}

use sealed::Parts;

/// The kinds of views that have paths.
trait HasPaths {}
impl HasPaths for DocumentView<'_> {}
impl HasPaths for AnyRecord<'_> {}
impl<T: Record> HasPaths for View<'_, T> {}

macro_rules! sorts {
    ($([$($generics:tt)*] $type:ty, |$this:ident| $parts:expr;)*) => {$(
        impl<V: HasPaths, $($generics)*> sealed::Sealed<V> for $type {}
        #[allow(private_bounds, reason = "nobody else has views")]
        impl<V: HasPaths, $($generics)*> IntoSort<V> for $type {
            fn parts(&self) -> Result<Parts> {
                let $this = self;
                $parts.map(Parts)
            }
        }
    )*};
}

sorts! {
    [] &str, |path| of_text(path);
    [] String, |path| of_text(path);
    [] &String, |path| of_text(path);
    [] serde_json::Value, |json| of_value(json);
    [] &serde_json::Value, |json| of_value(json);
    [] Document<'_>, |document| of_document(document);
    [] &Document<'_>, |document| of_document(document);
}

impl<T: Record> sealed::Sealed<View<'_, T>> for Order<T> {}
impl<T: Record> IntoSort<View<'_, T>> for Order<T> {
    fn parts(&self) -> Result<Parts> {
        Ok(Parts(vec![Part {
            path: Path::of_names(self.path()),
            descending: self.is_descending(),
        }]))
    }
}

impl<V, S: IntoSort<V>, const N: usize> sealed::Sealed<V> for [S; N] {}
impl<V, S: IntoSort<V>, const N: usize> IntoSort<V> for [S; N] {
    fn parts(&self) -> Result<Parts> {
        several(self.iter().map(S::parts))
    }
}

impl<V, S: IntoSort<V>> sealed::Sealed<V> for Vec<S> {}
impl<V, S: IntoSort<V>> IntoSort<V> for Vec<S> {
    fn parts(&self) -> Result<Parts> {
        several(self.iter().map(S::parts))
    }
}

macro_rules! tuples {
    ($(($($part:ident $place:tt),+))*) => {$(
        impl<V, $($part: IntoSort<V>),+> sealed::Sealed<V> for ($($part,)+) {}
        impl<V, $($part: IntoSort<V>),+> IntoSort<V> for ($($part,)+) {
            fn parts(&self) -> Result<Parts> {
                several([$(self.$place.parts()),+].into_iter())
            }
        }
    )*};
}

tuples! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

fn several(parts: impl Iterator<Item = Result<Parts>>) -> Result<Parts> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?.0);
    }
    Ok(Parts(all))
}

fn of_text(text: &str) -> Result<Vec<Part>> {
    let (path, descending) = match text.strip_prefix('-') {
        Some(path) => (path, true),
        None => (text, false),
    };
    sort::part(path, descending).map(|part| vec![part])
}

fn of_value(value: &serde_json::Value) -> Result<Vec<Part>> {
    let is_unordered = |value: &serde_json::Value| {
        let members = value.as_object();
        members.is_some_and(|members| members.len() > 1)
    };
    if is_unordered(value)
        || value
            .as_array()
            .is_some_and(|list| list.iter().any(is_unordered))
    {
        return Err(Error::invalid(
            "a `serde_json::Value` does not keep the order of an object's members, which says what is \
             sorted by first; give a list: `json!([{\"country\": 1}, {\"population\": -1}])`",
        ));
    }
    of_document(&Document::from_value(value)?)
}

fn of_document(document: &Document<'_>) -> Result<Vec<Part>> {
    let mut bytes = Vec::new();
    document.append_to(&mut bytes)?;
    match ValueRef::of_node(Node::root(&bytes))? {
        ValueRef::List(list) if !list.is_empty() => {
            let mut parts = Vec::new();
            for part in list.iter() {
                parts.extend(sort::parse(part?)?);
            }
            Ok(parts)
        }
        value => sort::parse(value),
    }
}
