//! What do the values at a path amount to? Distinct values, counts by value, the least, the greatest, sums.

use std::collections::BTreeMap;

use super::document::Document;
use super::documents::DocumentView;
use super::query::{Found, Query};
use super::view::View;
use crate::base::{Error, Result};
use crate::codec::key::KeyReader;
use crate::codec::key::document::{NULL, decode};
use crate::codec::value::read::Node;
use crate::codec::value::write::Writer;
use crate::query::find::{Met, on_value};
use crate::query::sort::Part;
use crate::schema::filter::{Field as Place, Path, tuples};
use crate::schema::order::encode;
use crate::schema::record::Record;
use crate::schema::storable::Storable;
use crate::schema::token::Field;
use crate::schema::view::{Budget, ValueRef};

/// A path to values: of documents a text, `"address.city"`, of records a field, `City::POPULATION`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no path to values here",
    label = "expected a path as text for documents, a field for records"
)]
pub trait ValuePath<V>: sealed::Sealed<V> {
    /// What stands there: a [`Document`], or what the field holds.
    type Value;

    /// The path as data.
    #[doc(hidden)]
    fn path(&self) -> At;

    /// A value that was found there.
    #[doc(hidden)]
    fn read(&self, value: ValueRef<'_>, document: &[u8]) -> Result<Self::Value>;
}

pub(super) mod sealed {
    use super::Path;

    /// Nobody else says what a path is.
    pub trait Sealed<V> {}

    /// Where values are.
    pub struct At(pub(in super::super) Path);
}

use sealed::At;

impl sealed::Sealed<DocumentView<'_>> for &str {}
impl ValuePath<DocumentView<'_>> for &str {
    type Value = Document<'static>;

    fn path(&self) -> At {
        At(Path::parse(self))
    }

    fn read(&self, _: ValueRef<'_>, document: &[u8]) -> Result<Self::Value> {
        Ok(Document::owned(document.to_vec()))
    }
}

impl<T: Record, X: Storable> sealed::Sealed<View<'_, T>> for Field<T, X> {}
impl<T: Record, X: Storable> ValuePath<View<'_, T>> for Field<T, X> {
    type Value = X;

    fn path(&self) -> At {
        At(Path::of_names(Field::path(self)))
    }

    fn read(&self, value: ValueRef<'_>, document: &[u8]) -> Result<X> {
        X::from_value(value, &mut Budget::new(document.len())).map_err(|error| {
            let path = self.path().join(".");
            Error::invalid(format!(
                "a value of {path} is not of the field's type: of a list each element counts, so name these, \
                 as `field.each()`"
            ))
            .because(error)
        })
    }
}

/// The sum of numbers, from [`Query::sum`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sum {
    /// The sum of the integers, exact.
    pub integers: i128,
    /// The sum of the floats.
    pub floats: f64,
    /// How many numbers there were.
    pub count: u64,
}

impl Sum {
    /// The sum of all.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub fn total(&self) -> f64 {
        self.integers as f64 + self.floats
    }

    /// The sum divided by the count; `None` where there were no numbers.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total() / self.count as f64)
    }

    fn add(&mut self, value: ValueRef<'_>) -> Result<()> {
        let integer = match value {
            ValueRef::F32(value) => {
                self.floats += f64::from(value);
                None
            }
            ValueRef::F64(value) => {
                self.floats += value;
                None
            }
            ValueRef::I64(value) => Some(value.into()),
            ValueRef::U64(value) => Some(value.into()),
            ValueRef::I128(value) => Some(value),
            ValueRef::U128(value) => Some(i128::try_from(value).map_err(|_| too_large())?),
            // What is no number adds nothing.
            _ => return Ok(()),
        };
        self.count += 1;
        self.integers = self
            .integers
            .checked_add(integer.unwrap_or_default())
            .ok_or_else(too_large)?;
        Ok(())
    }

    fn join(self, other: Self) -> Result<Self> {
        Ok(Self {
            integers: self
                .integers
                .checked_add(other.integers)
                .ok_or_else(too_large)?,
            floats: self.floats + other.floats,
            count: self.count + other.count,
        })
    }
}

fn too_large() -> Error {
    Error::limit("the sum is beyond 128 bits")
}

/// How often each value occurs, by its encoding.
type Groups = BTreeMap<Vec<u8>, u64>;

/// The most that the values of groups may take in memory: 256 MiB.
const GROUPS_BYTES_MAX: usize = 256 << 20;

/// What a group takes besides its value.
const GROUP_BYTES: usize = 64;

#[expect(clippy::needless_pass_by_value, reason = "callers have it by value")]
impl<'a, V: Found<'a>> Query<'a, V> {
    /// The values that are at a path, each once, in order. A list gives its elements; where there is nothing
    /// there is no value.
    ///
    /// ```
    /// # use serde_json::json;
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// # db.write(|tx| {
    /// #     let mut notes = tx.documents("notes")?;
    /// #     notes.put(1, json!({"tags": ["rust", "db"], "stars": 3}))?;
    /// #     notes.put(2, json!({"tags": ["rust"], "stars": 5}))
    /// # })?;
    /// let tx = db.read()?;
    /// let notes = tx.documents("notes")?;
    /// let tags = notes.find(json!({}))?.distinct("tags")?;
    /// assert_eq!(tags.len(), 2);
    /// let counts = notes.find(json!({}))?.count_by("tags")?;
    /// assert_eq!(counts[1].0.to_value()?, json!("rust"));
    /// assert_eq!(counts[1].1, 2);
    /// assert_eq!(notes.find(json!({}))?.sum("stars")?.integers, 8);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when there are more than fit into 256 MiB.
    pub fn distinct<P: ValuePath<V>>(&self, path: P) -> Result<Vec<P::Value>> {
        let groups = self.groups(&path, false)?;
        groups.keys().map(|key| value_of(&path, key)).collect()
    }

    /// How many there are of each value at a path, in the order of the values. A list counts for each of its
    /// elements; where there is nothing it counts as null.
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when there are more values than fit into 256 MiB.
    pub fn count_by<P: ValuePath<V>>(&self, path: P) -> Result<Vec<(P::Value, u64)>> {
        let groups = self.groups(&path, true)?;
        let counted = groups
            .iter()
            .map(|(key, count)| Ok((value_of(&path, key)?, *count)));
        counted.collect()
    }

    /// The least value at a path, null left aside; `None` where there is none.
    pub fn min<P: ValuePath<V>>(&self, path: P) -> Result<Option<P::Value>> {
        self.extreme(&path, false)
    }

    /// The greatest value at a path, null left aside; `None` where there is none.
    pub fn max<P: ValuePath<V>>(&self, path: P) -> Result<Option<P::Value>> {
        self.extreme(&path, true)
    }

    /// The sum of the numbers at a path; what is no number adds nothing, a list each of its elements.
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when the sum of integers is beyond 128 bits.
    pub fn sum<P: ValuePath<V>>(&self, path: P) -> Result<Sum> {
        let At(path) = self.checked(&path)?;
        let reading = self.reading(vec![path.clone()]);
        let sums = reading.fold(&Sum::default, &|sum: &mut Sum, met| {
            self.on_values(&path, met, &mut |place| match place {
                Place::Value(value) => sum.add(value),
                Place::Missing | Place::Empty => Ok(()),
            })
        })?;
        sums.into_iter().try_fold(Sum::default(), Sum::join)
    }

    fn groups<P: ValuePath<V>>(&self, path: &P, missing: bool) -> Result<Groups> {
        let At(path) = self.checked(path)?;
        let begin = || (Groups::new(), 0_usize);
        let reading = self.reading(vec![path.clone()]);
        let parts = reading.fold(&begin, &|(groups, bytes), met| {
            self.on_values(&path, met, &mut |place| {
                let encoded = match place {
                    Place::Value(value) => encoded(value)?,
                    Place::Missing if missing => vec![NULL],
                    Place::Missing | Place::Empty => return Ok(()),
                };
                count(groups, bytes, encoded, 1)
            })
        })?;
        let (mut all, mut bytes) = begin();
        for (encoded, number) in parts.into_iter().flat_map(|(groups, _)| groups) {
            count(&mut all, &mut bytes, encoded, number)?;
        }
        Ok(all)
    }

    fn extreme<P: ValuePath<V>>(&self, path: &P, greatest: bool) -> Result<Option<P::Value>> {
        let At(at) = self.checked(path)?;
        let better = |one: &[u8], other: &[u8]| if greatest { one > other } else { one < other };
        let add = |best: &mut Option<Vec<u8>>, met: Met<'_>| {
            self.on_values(&at, met, &mut |place| {
                let Place::Value(value) = place else {
                    return Ok(());
                };
                let encoded = encoded(value)?;
                if !matches!(value, ValueRef::Null)
                    && best.as_ref().is_none_or(|best| better(&encoded, best))
                {
                    *best = Some(encoded);
                }
                Ok(())
            })
        };
        let part = Part {
            path: at.clone(),
            descending: greatest,
        };
        let parts = match self.first_by(part)? {
            Some(first) => first.reading(vec![at.clone()]).fold(&|| None, &add)?,
            None => self.reading(vec![at.clone()]).fold(&|| None, &add)?,
        };
        let best = parts
            .into_iter()
            .flatten()
            .reduce(|one, other| if better(&one, &other) { one } else { other });
        best.map(|best| value_of(path, &best)).transpose()
    }

    fn checked<P: ValuePath<V>>(&self, path: &P) -> Result<At> {
        let mut at = path.path();
        self.check_path(&mut at.0)?;
        Ok(at)
    }

    /// Gives what a record or document has at a path.
    fn on_values(
        &self,
        path: &Path,
        met: Met<'_>,
        give: &mut dyn FnMut(Place<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(place) = self.target.place else {
            return Ok(());
        };
        let with_key = path.names().next() == Some("_id");
        on_value(place.info, met, with_key, |value, bytes| {
            if let Some(single) = path.single(value)? {
                return give(single);
            }
            let mut budget = Budget::new(bytes);
            let mut give = |places: &[Place<'_>]| places.iter().try_for_each(|place| give(*place));
            tuples(std::iter::once(path), value, &mut budget, &mut give).map(drop)
        })
    }
}

fn count(groups: &mut Groups, bytes: &mut usize, value: Vec<u8>, number: u64) -> Result<()> {
    if let Some(count) = groups.get_mut(&value) {
        *count += number;
        return Ok(());
    }
    *bytes += value.len() + GROUP_BYTES;
    if *bytes > GROUPS_BYTES_MAX {
        return Err(Error::limit(format!(
            "the different values take more than {GROUPS_BYTES_MAX} bytes in memory"
        )));
    }
    groups.insert(value, number);
    Ok(())
}

fn encoded(value: ValueRef<'_>) -> Result<Vec<u8>> {
    let mut key = Vec::new();
    encode(value, &mut Budget::new(usize::MAX), &mut key)?;
    Ok(key)
}

/// The value that was encoded. A float that is an integer comes back as one, which is equal to it.
fn value_of<V, P: ValuePath<V>>(path: &P, key: &[u8]) -> Result<P::Value> {
    let mut document = Vec::new();
    decode(&mut KeyReader::new(key), &mut Writer::new(&mut document))?;
    path.read(ValueRef::of_node(Node::root(&document))?, &document)
}
