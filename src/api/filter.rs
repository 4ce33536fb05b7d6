//! Filters of records that are made from their fields: `City::POPULATION.gt(100_000)`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Not;

use super::document::{Document, IntoDocument};
use crate::base::limits::{FILTER_BYTES_MAX, FILTER_DEPTH_MAX};
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::schema::body;
use crate::schema::filter::{Comparison, Constant, Path, Pattern, Predicate, Test, parse, pattern};
use crate::schema::layout::Layout;
use crate::schema::storable::Storable;
use crate::schema::token::Field;
use crate::schema::view::{Slot, ValueRef};

/// A condition on records of type `R`, made from its fields, for
/// [`Collection::find`](crate::Collection::find) and the like.
///
/// It means what the same filter written as JSON does: a comparison is of values of one kind, `None` is
/// null, and a list is compared by its elements through [`Field::each`].
///
/// ```
/// use larder::{Database, record};
///
/// #[record]
/// pub struct City {
///     #[key] pub id: u64,
///     pub country: String,
///     #[index] pub population: u64,
///     pub elevation: Option<i32>,
///     pub names: Vec<String>,
/// }
///
/// # fn main() -> larder::Result<()> {
/// # let db = Database::in_memory()?;
/// # db.write(|tx| tx.collection::<City>()?.insert(&City {
/// #     id: 1, country: "HR".into(), population: 52_220, elevation: Some(30), names: vec!["Pula".into()],
/// # }))?;
/// let large = City::POPULATION.gt(50_000).and(City::COUNTRY.one_of(["HR", "SI"]));
/// let high = City::ELEVATION.gt(1_000).or(City::NAMES.contains("Pola"));
/// let tx = db.read()?;
/// let cities = tx.collection::<City>()?;
/// assert_eq!(cities.find(large.and(!high))?.sort(City::POPULATION.desc())?.count()?, 1);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Filter<R> {
    predicate: Result<Predicate>,
    /// How deep it is nested.
    depth: usize,
    _record: PhantomData<fn(R)>,
}

/// What a field of type `V` can be compared with: a `V`, text for a `String`, and what an option holds.
#[diagnostic::on_unimplemented(
    message = "a field of type `{V}` cannot be compared with `{Self}`",
    label = "not of the field's type",
    note = "lists are compared by their elements: `field.each().eq(..)` or `field.contains(..)`"
)]
pub trait Operand<V>: sealed::Sealed<V> {
    /// The value as data.
    #[doc(hidden)]
    fn constant(&self) -> Result<Value>;
}

/// What finds records of type `R`: a [`Filter`] of its fields, or JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no filter of `{R}`",
    label = "expected a `Filter` of its fields, a `serde_json::Value` or a `Document`"
)]
pub trait IntoFilter<R>: sealed::SealedFilter {
    /// The condition as data.
    #[doc(hidden)]
    fn predicate(&self) -> Result<Condition>;
}

pub(super) mod sealed {
    use super::{Constant, Predicate};

    /// Nobody else says what can be compared.
    pub trait Sealed<V> {}

    /// Nobody else says what a filter is.
    pub trait SealedFilter {}

    /// A value of a filter.
    pub struct Value(pub(super) Constant);

    /// A condition.
    pub struct Condition(pub(in super::super) Predicate);
}

use sealed::{Condition, Value};

impl<V: Storable> sealed::Sealed<V> for V {}
impl<V: Storable> Operand<V> for V {
    fn constant(&self) -> Result<Value> {
        let mut bytes = Vec::new();
        body::encode(self, &mut bytes)?;
        let layout = Layout::of_type(&V::describe())?;
        let value = Slot::root(&bytes, &layout)?.value()?;
        Constant::of(value).map(Value)
    }
}

impl<V: Storable> sealed::Sealed<V> for &V {}
impl<V: Storable> Operand<V> for &V {
    fn constant(&self) -> Result<Value> {
        Operand::<V>::constant(*self)
    }
}

impl<V: Storable> sealed::Sealed<Option<V>> for V {}
impl<V: Storable> Operand<Option<V>> for V {
    fn constant(&self) -> Result<Value> {
        Operand::<V>::constant(self)
    }
}

macro_rules! text {
    ($($field:ty)*) => {$(
        impl sealed::Sealed<$field> for &str {}
        impl Operand<$field> for &str {
            fn constant(&self) -> Result<Value> {
                Constant::of(ValueRef::String(self)).map(Value)
            }
        }
    )*};
}

text! { String Option<String> }

#[expect(clippy::needless_pass_by_value, reason = "callers have it by value")]
impl<R, V> Field<R, V> {
    /// It is this.
    pub fn eq(self, value: impl Operand<V>) -> Filter<R> {
        self.compare(Comparison::Equal, &value)
    }

    /// It is something else than this.
    pub fn ne(self, value: impl Operand<V>) -> Filter<R> {
        !self.eq(value)
    }

    /// It is less than this.
    pub fn lt(self, value: impl Operand<V>) -> Filter<R> {
        self.compare(Comparison::Less, &value)
    }

    /// It is this, or less.
    pub fn le(self, value: impl Operand<V>) -> Filter<R> {
        self.compare(Comparison::LessOrEqual, &value)
    }

    /// It is greater than this.
    pub fn gt(self, value: impl Operand<V>) -> Filter<R> {
        self.compare(Comparison::Greater, &value)
    }

    /// It is this, or greater.
    pub fn ge(self, value: impl Operand<V>) -> Filter<R> {
        self.compare(Comparison::GreaterOrEqual, &value)
    }

    /// It is one of these.
    pub fn one_of<O: Operand<V>>(self, values: impl IntoIterator<Item = O>) -> Filter<R> {
        let constants = values.into_iter().map(|value| Ok(value.constant()?.0));
        let constants: Result<Vec<_>> = constants.collect();
        self.passes(constants.map(Test::one_of))
    }

    fn compare(self, comparison: Comparison, value: &impl Operand<V>) -> Filter<R> {
        self.passes(
            value
                .constant()
                .map(|Value(constant)| Test::Compare(comparison, constant)),
        )
    }

    fn passes(self, test: Result<Test>) -> Filter<R> {
        let path = Path::of_names(self.path());
        Filter::new(test.map(|test| Predicate::Path(path, test)))
    }
}

impl<R, V> Field<R, V> {
    /// The same where an option that leads there may be `None`:
    /// `City::PLACE.some().then(Place::LAT).maybe()` is selected as an `Option<f64>`.
    #[must_use]
    pub fn maybe(self) -> Field<R, Option<V>> {
        self.retyped()
    }
}

impl<R, V> Field<R, Option<V>> {
    /// What it holds: to go on into a part, `City::PLACE.some().then(Place::LAT)`.
    #[must_use]
    pub fn some(self) -> Field<R, V> {
        self.retyped()
    }

    /// It is `None`.
    pub fn is_none(self) -> Filter<R> {
        let null = Constant::of(ValueRef::Null);
        self.passes(null.map(|null| Test::Compare(Comparison::Equal, null)))
    }

    /// It is not `None`.
    pub fn is_some(self) -> Filter<R> {
        !self.is_none()
    }
}

impl<R, V, const N: usize> Field<R, [V; N]> {
    /// Each of its elements: a condition holds where it holds for one of them.
    #[must_use]
    pub fn each(self) -> Field<R, V> {
        self.retyped()
    }
}

impl<R, V> Field<R, Vec<V>> {
    /// Each of its elements: a condition holds where it holds for one of them.
    #[must_use]
    pub fn each(self) -> Field<R, V> {
        self.retyped()
    }

    /// One of its elements is this.
    pub fn contains(self, element: impl Operand<V>) -> Filter<R> {
        self.each().eq(element)
    }

    /// It has so many elements.
    pub fn has_len(self, elements: u64) -> Filter<R> {
        self.passes(Ok(Test::Size(elements)))
    }

    /// One of its elements, a part, meets all of a filter of the part's fields.
    pub fn any(self, filter: Filter<V>) -> Filter<R> {
        let depth = filter.depth + 1;
        let any = self.passes(filter.predicate.map(|holds| Test::Element {
            holds: Box::new(holds),
            objects: true,
        }));
        Filter::nested(any.predicate, depth)
    }
}

/// Text, or perhaps text.
pub trait Text: sealed::Sealed<Self> + Sized {}
impl Text for String {}
impl Text for Option<String> {}

impl<R, V: Text> Field<R, V> {
    /// The text begins so. An index is used for it.
    pub fn starts_with(self, text: &str) -> Filter<R> {
        let pattern = Pattern::starting(text);
        self.passes(
            pattern
                .map(Test::Regex)
                .map_err(|error| Error::limit("the text is too long to begin with").because(error)),
        )
    }

    /// The text matches a regular expression of the [`regex`](https://docs.rs/regex) crate's, somewhere.
    pub fn matches(self, pattern: &str) -> Filter<R> {
        self.passes(self::pattern(pattern, "").map(Test::Regex))
    }
}

impl<R> Filter<R> {
    fn new(predicate: Result<Predicate>) -> Self {
        Self::nested(predicate, 1)
    }

    fn nested(predicate: Result<Predicate>, depth: usize) -> Self {
        let predicate = if depth > FILTER_DEPTH_MAX {
            Err(Error::limit(format!(
                "a filter is nested more than {FILTER_DEPTH_MAX} levels deep"
            )))
        } else {
            predicate
        };
        Self {
            predicate,
            depth,
            _record: PhantomData,
        }
    }

    /// Every one holds; everything is found where there are none.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of_several(filters, Predicate::All)
    }

    /// At least one holds; nothing is found where there are none.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of_several(filters, Predicate::any)
    }

    fn of_several(
        filters: impl IntoIterator<Item = Self>,
        join: impl FnOnce(Vec<Predicate>) -> Predicate,
    ) -> Self {
        let mut depth = 0;
        let predicates = filters.into_iter().map(|filter| {
            depth = depth.max(filter.depth);
            filter.predicate
        });
        let joined = predicates.collect::<Result<Vec<_>>>().map(join);
        Self::nested(joined, depth + 1)
    }

    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        self.joined(other, |one, other| match one {
            Predicate::All(mut all) => {
                all.push(other);
                Predicate::All(all)
            }
            one => Predicate::All(vec![one, other]),
        })
    }

    /// At least one holds.
    pub fn or(self, other: Self) -> Self {
        self.joined(other, |one, other| match one {
            Predicate::Any(mut any) => {
                any.push(other);
                Predicate::Any(any)
            }
            one => Predicate::Any(vec![one, other]),
        })
    }

    /// Joins two. A chain of the same is not nested: its first is joined already.
    fn joined(self, other: Self, join: impl FnOnce(Predicate, Predicate) -> Predicate) -> Self {
        let is_chain = matches!(self.predicate, Ok(Predicate::All(_) | Predicate::Any(_)));
        let own = if is_chain { self.depth } else { self.depth + 1 };
        let depth = own.max(other.depth + 1);
        let both = |one| Ok(join(one, other.predicate?));
        Self::nested(self.predicate.and_then(both), depth)
    }
}

impl<R> Not for Filter<R> {
    type Output = Self;

    fn not(self) -> Self {
        Self::nested(self.predicate.map(Predicate::not), self.depth + 1)
    }
}

impl<R> sealed::SealedFilter for Filter<R> {}
impl<R> IntoFilter<R> for Filter<R> {
    fn predicate(&self) -> Result<Condition> {
        match &self.predicate {
            Ok(predicate) => Ok(Condition(predicate.clone())),
            Err(error) => Err(Error::new(error.kind(), error.to_string())),
        }
    }
}

macro_rules! json {
    ($($type:ty)*) => {$(
        impl sealed::SealedFilter for $type {}
        impl<R> IntoFilter<R> for $type {
            fn predicate(&self) -> Result<Condition> {
                of_document(self).map(Condition)
            }
        }
    )*};
}

json! { serde_json::Value Document<'_> }

impl<T: sealed::SealedFilter + ?Sized> sealed::SealedFilter for &T {}
impl<R, T: IntoFilter<R> + ?Sized> IntoFilter<R> for &T {
    fn predicate(&self) -> Result<Condition> {
        (**self).predicate()
    }
}

/// The condition that a document of conditions is.
pub(super) fn of_document(filter: &impl IntoDocument) -> Result<Predicate> {
    let mut bytes = Vec::new();
    filter.append_to(&mut bytes)?;
    if bytes.len() > FILTER_BYTES_MAX {
        return Err(Error::limit(format!(
            "the filter has {} bytes, the most is {FILTER_BYTES_MAX}",
            bytes.len()
        )));
    }
    parse(ValueRef::of_node(Node::root(&bytes))?)
}

impl<R> fmt::Debug for Filter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.predicate.fmt(f)
    }
}
