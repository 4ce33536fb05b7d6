//! Only some of what is found: fields of records, members of documents.

use super::document::Document;
use super::documents::DocumentView;
use super::explain::Explanation;
use super::project::Tree;
use super::query::{Query, QueryIter};
use super::view::View;
use crate::base::{Error, Result};
use crate::query::find::on_value;
use crate::query::walk::Found;
use crate::schema::filter::Path;
use crate::schema::record::Record;
use crate::schema::storable::Storable;
use crate::schema::token::Field;
use crate::schema::view::{Budget, ValueRef};

/// What [`Query::select`] can give: a field of a record, or several in a tuple.
pub trait Selection<T>: sealed::Sealed<T> {
    /// What is given for each record that is found.
    type Output;

    /// Reads it out of a record.
    #[doc(hidden)]
    fn read(&self, record: ValueRef<'_>, budget: &mut Budget) -> Result<Self::Output>;

    /// Appends the paths of its fields.
    #[doc(hidden)]
    fn paths(&self, out: &mut Paths);
}

pub(super) mod sealed {
    use super::Path;

    /// Nobody else says what can be selected.
    pub trait Sealed<T> {}

    /// Where what is selected lies.
    pub struct Paths(pub(in super::super) Vec<Path>);
}

use sealed::Paths;

impl<T: Record, X: Storable> sealed::Sealed<T> for Field<T, X> {}
impl<T: Record, X: Storable> Selection<T> for Field<T, X> {
    type Output = X;

    fn read(&self, record: ValueRef<'_>, budget: &mut Budget) -> Result<X> {
        let mut value = record;
        for name in self.path() {
            value = value.get(name)?.unwrap_or(ValueRef::Null);
        }
        if matches!(value, ValueRef::Null) && !X::NULLABLE {
            return Err(Error::invalid(format!(
                "there is nothing at {}, as an option is `None`; select the field as `field.maybe()`",
                self.path().join(".")
            )));
        }
        X::from_value(value, budget)
            .map_err(|error| error.during(format!("field {}", self.path().join("."))))
    }

    fn paths(&self, out: &mut Paths) {
        out.0.push(Path::of_names(self.path()));
    }
}

macro_rules! tuples {
    ($(($($part:ident $place:tt),+))*) => {$(
        impl<T, $($part: Selection<T>),+> sealed::Sealed<T> for ($($part,)+) {}
        impl<T, $($part: Selection<T>),+> Selection<T> for ($($part,)+) {
            type Output = ($($part::Output,)+);

            fn read(&self, record: ValueRef<'_>, budget: &mut Budget) -> Result<Self::Output> {
                Ok(($(self.$place.read(record, budget)?,)+))
            }

            fn paths(&self, out: &mut Paths) {
                $(self.$place.paths(out);)+
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

impl<'a, T: Record> Query<'a, View<'a, T>> {
    /// Only some fields of each record: nothing else of it is looked at. Where these, and those of the
    /// filter, are parts of an index or included in it (`#[index(include = ..)]`), no record is read.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record] pub struct City { #[key] pub id: u64, pub name: String, pub population: u64 }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # db.write(|tx| tx.collection::<City>()?.insert(
    /// #     &City { id: 7, name: "Pula".into(), population: 52_220 }))?;
    /// # let tx = db.read()?;
    /// let cities = tx.collection::<City>()?;
    /// let large = cities.find(City::POPULATION.gt(50_000))?;
    /// for city in large.select((City::NAME, City::POPULATION))? {
    ///     let (name, population) = city?;
    /// #   assert_eq!((name.as_str(), population), ("Pula", 52_220));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn select<S: Selection<T>>(&self, fields: S) -> Result<Selected<'a, T, S>> {
        let mut paths = Paths(Vec::new());
        fields.paths(&mut paths);
        Ok(Selected {
            iter: self.reading(paths.0).iter()?,
            fields,
        })
    }
}

/// Some fields of what a query finds, one record after the other. After an error there is nothing more.
pub struct Selected<'a, T: Record, S> {
    iter: QueryIter<'a, View<'a, T>>,
    fields: S,
}

impl<T: Record, S: Selection<T>> Selected<'_, T, S> {
    /// How it is answered; see [`QueryIter::explain`].
    pub fn explain(&self) -> Explanation {
        self.iter.explain()
    }

    fn read(&self, found: &Found<'_>) -> Result<Option<S::Output>> {
        let Some(place) = self.iter.place() else {
            return Ok(None);
        };
        on_value(place.info, found.met(), false, |value, bytes| {
            // A field may be selected twice.
            let mut budget = Budget::new(bytes.saturating_mul(SELECTED_MAX));
            self.fields.read(value, &mut budget)
        })
        .map(Some)
    }
}

/// More than a tuple of tuples has.
const SELECTED_MAX: usize = 64;

impl<T: Record, S: Selection<T>> Iterator for Selected<'_, T, S> {
    type Item = Result<S::Output>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.iter.next_found_within()?;
        found.and_then(|found| self.read(&found)).transpose()
    }
}

impl<'a> Query<'a, DocumentView<'a>> {
    /// Only what is at some paths of each document: objects and lists on the way stay, with what leads there.
    ///
    /// ```
    /// # use serde_json::json;
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// # db.write(|tx| tx.documents("notes")?.put(1, json!({
    /// #     "title": "Jam", "text": "..", "author": {"name": "Ana", "age": 40},
    /// # })))?;
    /// # let tx = db.read()?;
    /// let notes = tx.documents("notes")?;
    /// let titles = notes.find(json!({}))?.project(["title", "author.name"])?;
    /// for note in titles {
    ///     assert_eq!(note?.to_value()?, json!({"title": "Jam", "author": {"name": "Ana"}}));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`iter`](Query::iter), and [`Invalid`](crate::ErrorKind::Invalid) for a path that leads deeper
    /// than documents are.
    pub fn project<P: AsRef<str>>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Projected<'a>> {
        Ok(Projected {
            tree: Tree::of(paths)?,
            iter: self.iter()?,
        })
    }
}

/// Some members of what a query finds, one document after the other. After an error there is nothing more.
pub struct Projected<'a> {
    iter: QueryIter<'a, DocumentView<'a>>,
    tree: Tree,
}

impl Iterator for Projected<'_> {
    type Item = Result<Document<'static>>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.iter.next_found_within()?;
        Some(found.and_then(|found| {
            let body = self.iter.look(&found.stored)?;
            self.tree.project(&body, &found.key).map(Document::owned)
        }))
    }
}

impl<T: Record, S> std::fmt::Debug for Selected<'_, T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selected").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Projected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projected").finish_non_exhaustive()
    }
}
