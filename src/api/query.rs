//! What a filter finds: sorted, cut to a page, counted, or gone through.

use std::marker::PhantomData;

use super::collection::Collection;
use super::document::IntoDocument;
use super::documents::{self, DocumentView, Documents};
use super::iter;
use super::view::View;
use crate::base::error::Context;
use crate::base::{Error, Result};
use crate::codec::value::read::Node;
use crate::query::find::Find;
use crate::query::sort;
use crate::schema::catalog::{Records, Shape};
use crate::schema::filter::{self, check, check_path};
use crate::schema::record::Record;
use crate::schema::view::ValueRef;
use crate::store::{ALL, Bytes, Range, ReadTable};

/// Documents or records that are asked for by a filter; made by [`Documents::find`] and
/// [`Collection::find`].
///
/// Nothing is read before one of [`iter`](Query::iter), [`first`](Query::first), [`count`](Query::count)
/// and [`exists`](Query::exists) asks for it. Every one of them reads all of the collection, one at a time:
/// a query uses no index yet.
///
/// ```
/// use serde_json::json;
///
/// # fn main() -> larder::Result<()> {
/// # let db = larder::Database::in_memory()?;
/// db.write(|tx| {
///     let mut notes = tx.documents("notes")?;
///     notes.put("a", json!({"tags": ["rust", "db"], "stars": 3}))?;
///     notes.put("b", json!({"tags": ["rust"], "stars": 5}))?;
///     notes.put("c", json!({"tags": [], "stars": 9}))
/// })?;
/// let tx = db.read()?;
/// let notes = tx.documents("notes")?;
/// let best = notes.find(json!({"tags": "rust"}))?.sort(json!({"stars": -1}))?.limit(1).first()?;
/// assert_eq!(best.unwrap().key().to_string(), "b");
/// assert_eq!(notes.find(json!({"stars": {"$gte": 5}}))?.count()?, 2);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Query<'a, V> {
    target: Target<'a>,
    find: Find,
    _view: PhantomData<fn() -> V>,
}

/// What is looked through.
#[derive(Clone, Copy)]
struct Target<'a> {
    name: &'a str,
    /// `None` where the collection does not exist.
    info: Option<&'a Records>,
    records: ReadTable<'a, 'a>,
}

/// What a query gives: a view of a document or of a record.
pub trait Found<'a>: Sized + sealed::Sealed {
    /// Opens what lies in a table.
    #[doc(hidden)]
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self>;
}

mod sealed {
    use super::{Bytes, Records};

    /// Nobody else's views.
    pub trait Sealed {}

    /// An entry of a table.
    pub struct Entry<'a, 'k> {
        pub(super) name: &'k str,
        pub(super) info: Option<&'k Records>,
        pub(super) key: &'k [u8],
        pub(super) stored: Bytes<'a>,
    }
}

impl sealed::Sealed for DocumentView<'_> {}
impl<'a> Found<'a> for DocumentView<'a> {
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self> {
        documents::view(found.name, found.key, found.stored)
    }
}

impl<T: Record> sealed::Sealed for View<'_, T> {}
impl<'a, T: Record> Found<'a> for View<'a, T> {
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self> {
        iter::view(found.info, found.key, found.stored)
    }
}

impl Documents<'_> {
    /// The documents for which a filter holds, to be sorted, cut to a page, counted or gone through.
    ///
    /// A filter is written as `MongoDB`'s query predicates: `{"tags": "rust", "stars": {"$gte": 3}}`. Paths
    /// go through lists; what is missing is null; values compare within their kind only, and numbers
    /// exactly. The operators are `$eq $ne $gt $gte $lt $lte $in $nin $exists $type $all $elemMatch $size $mod
    /// $regex $options $and $or $nor $not`. `_id` is the key, also where the document does not have it.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for another operator, by its name;
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is no filter.
    pub fn find(&self, filter: impl IntoDocument) -> Result<Query<'_, DocumentView<'_>>> {
        let target = Target {
            name: &self.name,
            info: self.info.as_deref(),
            records: self.tables.records(),
        };
        Query::new(target, filter)
    }
}

impl<T: Record> Collection<'_, T> {
    /// The records for which a filter holds, to be sorted, cut to a page, counted or gone through. To a
    /// filter, written as for [`Documents::find`], a record is what its JSON is
    /// ([`export_ndjson`](Collection::export_ndjson) says what).
    ///
    /// # Errors
    /// Those of [`Documents::find`]; [`NotFound`](crate::ErrorKind::NotFound) for a path that the record
    /// does not have, naming those that it has.
    pub fn find(&self, filter: impl IntoDocument) -> Result<Query<'_, View<'_, T>>> {
        let target = Target {
            name: T::NAME,
            info: self.info(),
            records: self.tables.records(),
        };
        Query::new(target, filter)
    }
}

impl<'a, V: Found<'a>> Query<'a, V> {
    fn new(target: Target<'a>, filter: impl IntoDocument) -> Result<Self> {
        let parse = || {
            let filter = on_document(filter, filter::parse)?;
            if let Some(Shape::Typed(typed)) = target.info.map(|info| &info.shape) {
                check(&filter, &typed.layout)?;
            }
            Ok(filter)
        };
        let filter = parse().context(|| format!("find in collection {:?}", target.name))?;
        Ok(Self {
            target,
            find: Find {
                filter,
                sort: Vec::new(),
                skip: 0,
                limit: None,
            },
            _view: PhantomData,
        })
    }

    /// Sorts by paths: `{"country": 1, "population": -1}`, ascending and descending. Without a sort, and
    /// where its parts are equal, documents come in the order of their keys.
    ///
    /// A list counts as its least element, or descending as its greatest. A sort holds its keys in
    /// memory, with a limit only as many as that asks for.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is no sort.
    pub fn sort(mut self, sort: impl IntoDocument) -> Result<Self> {
        let parse = || {
            let sort = on_document(sort, sort::parse)?;
            if let Some(Shape::Typed(typed)) = self.target.info.map(|info| &info.shape) {
                for part in &sort {
                    check_path(&part.path, &typed.layout)?;
                }
            }
            Ok(sort)
        };
        self.find.sort =
            parse().context(|| format!("sort in collection {:?}", self.target.name))?;
        Ok(self)
    }

    /// Leaves out the first so many. They are found all the same: to go on where a page ended, rather
    /// ask for keys behind the last one.
    pub fn skip(mut self, documents: u64) -> Self {
        self.find.skip = documents;
        self
    }

    /// Ends behind so many, at least 1.
    pub fn limit(mut self, documents: u64) -> Self {
        self.find.limit = Some(documents);
        self
    }

    /// The documents one after the other.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a limit of 0, which means nothing to some and everything
    /// to others. [`Limit`](crate::ErrorKind::Limit) when a sort without a limit would hold more than 256 MiB of
    /// keys.
    pub fn iter(&self) -> Result<QueryIter<'a, V>> {
        if self.find.limit == Some(0) {
            return Err(Error::invalid(
                "a limit of 0 asks for nothing; leave it out to ask for everything",
            ));
        }
        let Target { info, records, .. } = self.target;
        let source = match info {
            Some(info) if !self.find.sort.is_empty() => {
                let keys = self.find.sorted_keys(records, info)?;
                Source::Sorted(keys.into_iter())
            }
            _ => Source::Scan(Box::new(records.range(ALL)?)),
        };
        Ok(QueryIter {
            target: self.target,
            skip: self.find.skip,
            left: self.find.limit.unwrap_or(u64::MAX),
            find: self.find.clone(),
            source,
            _view: PhantomData,
        })
    }

    /// The first of them.
    pub fn first(&self) -> Result<Option<V>> {
        self.iter()?.next().transpose()
    }

    /// How many there are; none is held in memory.
    pub fn count(&self) -> Result<u64> {
        let mut count = 0;
        for found in self.unsorted().iter()? {
            found?;
            count += 1;
        }
        Ok(count)
    }

    /// Whether there is one.
    pub fn exists(&self) -> Result<bool> {
        Ok(self.unsorted().first()?.is_some())
    }

    /// The same in whatever order, where that does not matter.
    fn unsorted(&self) -> Self {
        Self {
            target: self.target,
            find: Find {
                sort: Vec::new(),
                ..self.find.clone()
            },
            _view: PhantomData,
        }
    }
}

/// What a query finds, one after the other. After an error there is nothing more.
pub struct QueryIter<'a, V> {
    target: Target<'a>,
    find: Find,
    /// How many are still to be left out.
    skip: u64,
    /// How many are still to come.
    left: u64,
    source: Source<'a>,
    _view: PhantomData<fn() -> V>,
}

enum Source<'a> {
    /// Everything, of which the filter takes some.
    Scan(Box<Range<'a>>),
    /// The keys of what it took, sorted, and without those that are to be left out.
    Sorted(std::vec::IntoIter<Vec<u8>>),
}

impl<'a, V: Found<'a>> QueryIter<'a, V> {
    fn find_next(&mut self) -> Result<Option<V>> {
        let Target {
            name,
            info,
            records,
        } = self.target;
        let open = |key: &[u8], stored: Bytes<'a>| {
            V::open(sealed::Entry {
                name,
                info,
                key,
                stored: stored.kept(),
            })
        };
        match (&mut self.source, info) {
            (Source::Scan(range), Some(info)) => {
                for entry in range {
                    let (key, stored) = entry?;
                    if !self.find.takes(info, &key, &stored)? {
                        continue;
                    }
                    if self.skip > 0 {
                        self.skip -= 1;
                        continue;
                    }
                    return open(&key, stored).map(Some);
                }
                Ok(None)
            }
            (Source::Sorted(keys), _) => {
                let Some(key) = keys.next() else {
                    return Ok(None);
                };
                match records.get(&key)? {
                    Some(stored) => open(&key, stored).map(Some),
                    None => Err(Error::corrupt("what a query found is not there any more")),
                }
            }
            (Source::Scan(_), None) => Ok(None),
        }
    }
}

impl<'a, V: Found<'a>> Iterator for QueryIter<'a, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let next = self.find_next().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.left = 0;
        }
        next
    }
}

impl<V> std::fmt::Debug for Query<'_, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query")
            .field("collection", &self.target.name)
            .field("find", &self.find)
            .finish_non_exhaustive()
    }
}

impl<V> std::fmt::Debug for QueryIter<'_, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryIter").finish_non_exhaustive()
    }
}

/// What is read from a filter or a sort.
fn on_document<T>(
    document: impl IntoDocument,
    read: impl FnOnce(ValueRef<'_>) -> Result<T>,
) -> Result<T> {
    let mut bytes = Vec::new();
    document.append_to(&mut bytes)?;
    read(ValueRef::of_node(Node::root(&bytes))?)
}
