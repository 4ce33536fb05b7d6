//! How does a program name a field or an index? By constants of its record type.

use std::fmt;
use std::marker::PhantomData;

/// A field of the record `R`, or of a part within it, whose type is `V`.
///
/// `#[record]` and `#[part]` make one for every named field: `City::POPULATION`,
/// `City::LOCATION.then(Location::LAT)`.
pub struct Field<R, V> {
    path: [&'static str; PATH_NAMES_MAX],
    /// Where each of these fields stands among its neighbours: a hint that saves a search.
    positions: [u16; PATH_NAMES_MAX],
    length: usize,
    _types: PhantomData<fn(R) -> V>,
}

impl<R, V> Field<R, V> {
    /// The field of that name, the one at that position in the declaration. The macro calls it; a
    /// name of one's own fails when it is used.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, position: u16) -> Self {
        let mut path = [""; PATH_NAMES_MAX];
        path[0] = name;
        let mut positions = [0; PATH_NAMES_MAX];
        positions[0] = position;
        Self {
            path,
            positions,
            length: 1,
            _types: PhantomData,
        }
    }

    /// The field `inner` of this field.
    ///
    /// # Panics
    ///
    /// At compile time where it is used in a constant: if the path has more than eight names.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a const fn has no other way; both are in bounds"
    )]
    pub const fn then<W>(self, inner: Field<V, W>) -> Field<R, W> {
        assert!(
            self.length + inner.length <= PATH_NAMES_MAX,
            "a path has at most eight names"
        );
        let mut path = self.path;
        let mut positions = self.positions;
        let mut i = 0;
        while i < inner.length {
            path[self.length + i] = inner.path[i];
            positions[self.length + i] = inner.positions[i];
            i += 1;
        }
        Field {
            path,
            positions,
            length: self.length + inner.length,
            _types: PhantomData,
        }
    }

    /// The names of the fields from the record down to the value.
    #[must_use]
    pub fn path(&self) -> &[&'static str] {
        self.path.get(..self.length).unwrap_or_default()
    }

    /// Where each field of the path stood among its neighbours when the program was compiled.
    pub(crate) fn positions(&self) -> &[u16] {
        self.positions.get(..self.length).unwrap_or_default()
    }
}

impl<R, V> Field<R, V> {
    /// The same path to what is of another type there: within an option, or in each element of a list.
    pub(crate) fn retyped<W>(self) -> Field<R, W> {
        Field {
            path: self.path,
            positions: self.positions,
            length: self.length,
            _types: PhantomData,
        }
    }

    /// To sort by it, the least first.
    #[must_use]
    pub fn asc(self) -> Order<R> {
        self.order(false)
    }

    /// To sort by it, the greatest first.
    #[must_use]
    pub fn desc(self) -> Order<R> {
        self.order(true)
    }

    fn order(self, descending: bool) -> Order<R> {
        Order {
            path: self.path().to_vec(),
            descending,
            _record: PhantomData,
        }
    }
}

/// A field of the record `R` that a query is sorted by, and in which direction: `City::POPULATION.desc()`.
pub struct Order<R> {
    path: Vec<&'static str>,
    descending: bool,
    _record: PhantomData<fn(R)>,
}

impl<R> Order<R> {
    pub(crate) fn path(&self) -> &[&'static str] {
        &self.path
    }

    pub(crate) fn is_descending(&self) -> bool {
        self.descending
    }
}

impl<R> fmt::Debug for Order<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.descending { "desc" } else { "asc" };
        write!(f, "{}.{direction}()", self.path.join("."))
    }
}

/// An index of the record `R` whose key is a `K`.
pub struct Index<R, K> {
    name: &'static str,
    _types: PhantomData<fn(R) -> K>,
}

impl<R, K> Index<R, K> {
    /// The index of that name. The macro calls it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            _types: PhantomData,
        }
    }

    /// The name of the index.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// An index of the record `R` that holds each key, a `K`, at most once.
pub struct Unique<R, K> {
    name: &'static str,
    _types: PhantomData<fn(R) -> K>,
}

impl<R, K> Unique<R, K> {
    /// The index of that name. The macro calls it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            _types: PhantomData,
        }
    }

    /// The name of the index.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

// Derives would ask for `R: Clone` and the like.
macro_rules! plain_token {
    ($token:ident, $second:ident, |$this:ident| $debug:expr) => {
        impl<R, $second> Clone for $token<R, $second> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<R, $second> Copy for $token<R, $second> {}

        impl<R, $second> fmt::Debug for $token<R, $second> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = self;
                write!(f, "{}({})", stringify!($token), $debug)
            }
        }
    };
}

plain_token!(Field, V, |field| field.path().join("."));
plain_token!(Index, K, |index| index.name);
plain_token!(Unique, K, |unique| unique.name);

/// Most names in a path.
const PATH_NAMES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    struct City;
    struct Location;

    const LAT: Field<City, f64> =
        Field::<City, Location>::new("location", 3).then(Field::<Location, f64>::new("lat", 1));

    #[test]
    fn a_path_is_made_at_compile_time() {
        assert_eq!(LAT.path(), ["location", "lat"]);
        assert_eq!(LAT.positions(), [3, 1]);
        assert_eq!(format!("{LAT:?}"), "Field(location.lat)");
    }

    #[test]
    #[should_panic(expected = "a path has at most eight names")]
    fn a_path_has_at_most_eight_names() {
        let step = Field::<City, City>::new("a", 0);
        let four = step.then(step).then(step).then(step);
        let _ = four.then(four).then(step);
    }
}
