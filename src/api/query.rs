//! What a filter finds: sorted, cut to a page, counted, or gone through.

use std::borrow::Cow;
use std::fmt::Write;
use std::marker::PhantomData;

use super::collection::Collection;
use super::cursor::{Cursor, Position};
use super::document::IntoDocument;
use super::documents::{self, DocumentView, Documents};
use super::explain::Explanation;
use super::filter::{IntoFilter, of_document};
use super::iter;
use super::sort::IntoSort;
use super::view::View;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::collection::body::look;
use crate::collection::tables::Tables;
use crate::query::find::{Find, Met, Sorted};
use crate::query::parallel::{Add, Work};
use crate::query::plan::{Plan, Reads, Walk};
use crate::query::sort::Part;
use crate::query::walk::{self, Place, Seen, Walker};
use crate::schema::catalog::{Records, Shape};
use crate::schema::filter::{Kind, Path, Predicate, Test, check, check_path};
use crate::schema::record::Record;
use crate::store::Bytes;

/// Documents or records that are asked for by a filter; made by [`Documents::find`] and
/// [`Collection::find`].
///
/// Nothing is read before one of [`iter`](Query::iter), [`first`](Query::first), [`count`](Query::count)
/// and the like asks for it. Then indexes are used where there are ready ones that serve:
/// [`explain`](Query::explain) tells which, and whether everything is gone through;
/// [`require_index`](Query::require_index) makes that an error.
///
/// # In which order
/// Sorted as [`sort`](Query::sort) says. Where nothing is said, and where what is said is equal, in the
/// order of the keys or of the index that is used: the same at each call while neither data nor indexes
/// change.
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
    pub(super) target: Target<'a>,
    pub(super) find: Find,
    hint: Option<String>,
    after: Option<Cursor>,
    _view: PhantomData<fn() -> V>,
}

/// What is looked through.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    /// `None` where the collection does not exist.
    pub(super) place: Option<Place<'a>>,
}

/// What a query gives: a view of a document or of a record.
pub trait Found<'a>: Sized + sealed::Sealed {
    /// Opens what lies in a table.
    #[doc(hidden)]
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self>;
}

pub(super) mod sealed {
    use super::{Bytes, Records, Result, nothing_there};

    /// Nobody else's views.
    pub trait Sealed {}

    /// An entry of a table.
    pub struct Entry<'a, 'k> {
        pub(in super::super) name: &'k str,
        pub(in super::super) info: Option<&'a Records>,
        pub(in super::super) key: &'k [u8],
        pub(in super::super) stored: Bytes<'a>,
    }

    impl<'a> Entry<'a, '_> {
        /// The description of the collection, which is there as the entry is.
        pub(in super::super) fn existing(&self) -> Result<&'a Records> {
            self.info.ok_or_else(nothing_there)
        }
    }
}

#[cold]
pub(super) fn nothing_there() -> Error {
    Error::corrupt("there is something in a collection that does not exist")
}

impl sealed::Sealed for DocumentView<'_> {}
impl<'a> Found<'a> for DocumentView<'a> {
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self> {
        documents::view(found.name, found.info, found.key, found.stored)
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
        let target = Target::new(&self.name, self.info.as_deref(), &self.tables);
        Query::new(target, || of_document(&filter))
    }
}

impl<T: Record> Collection<'_, T> {
    /// The records for which a filter holds, to be sorted, cut to a page, counted or gone through.
    ///
    /// A filter is made from fields, `City::POPULATION.gt(100_000)` (see [`Filter`](crate::Filter)), or
    /// written as for [`Documents::find`]: to that a record is what its JSON is
    /// ([`export_ndjson`](Collection::export_ndjson) says what).
    ///
    /// # Errors
    /// Those of [`Documents::find`]; [`NotFound`](crate::ErrorKind::NotFound) for a path that the record
    /// does not have, naming those that it has.
    pub fn find(&self, filter: impl IntoFilter<T>) -> Result<Query<'_, View<'_, T>>> {
        let target = Target::new(T::NAME, self.info(), &self.tables);
        Query::new(target, || Ok(filter.predicate()?.0))
    }
}

impl<'a> Target<'a> {
    pub(super) fn new(name: &'a str, info: Option<&'a Records>, tables: &'a Tables<'a>) -> Self {
        let place = info.map(|info| Place { info, tables });
        Self { name, place }
    }
}

impl<'a, V: Found<'a>> Query<'a, V> {
    pub(super) fn new(
        target: Target<'a>,
        filter: impl FnOnce() -> Result<Predicate>,
    ) -> Result<Self> {
        let parse = || {
            let mut filter = filter()?;
            if let Some(Shape::Typed(typed)) = target.place.map(|place| &place.info.shape) {
                check(&mut filter, &typed.layout)?;
            }
            Ok(filter)
        };
        let filter = parse().context(|| format!("find in collection {:?}", target.name))?;
        Ok(Self {
            target,
            find: Find::new(filter),
            hint: None,
            after: None,
            _view: PhantomData,
        })
    }

    /// Sorts: by a path, `"stars"`, or `"-stars"` for the greatest first; by several, `["country",
    /// "-population"]`; of records by a field, `City::POPULATION.desc()`; see [`IntoSort`].
    ///
    /// A list counts as its least element, or descending as its greatest; what is missing is null, which is
    /// before everything but an empty list. Where no index gives the order, a sort holds its keys in
    /// memory, with a limit only as many as that asks for.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is no sort; [`NotFound`](crate::ErrorKind::NotFound)
    /// for a path that the records do not have.
    #[expect(clippy::needless_pass_by_value, reason = "callers have it by value")]
    pub fn sort(mut self, sort: impl IntoSort<V>) -> Result<Self> {
        let parse = || {
            let mut sort = sort.parts()?.0;
            sort.iter_mut()
                .try_for_each(|part| self.check_path(&mut part.path))?;
            Ok(sort)
        };
        self.find.sort =
            parse().context(|| format!("sort in collection {:?}", self.target.name))?;
        Ok(self)
    }

    /// Refuses a path that the records do not have.
    pub(super) fn check_path(&self, path: &mut Path) -> Result<()> {
        match self.target.place.map(|place| &place.info.shape) {
            Some(Shape::Typed(typed)) => check_path(path, &typed.layout).map(drop),
            Some(Shape::Documents(_)) | None => Ok(()),
        }
    }

    /// Of a whole answer, the one with the least or greatest single value at a path, where an index gives it
    /// without going through all.
    pub(super) fn first_by(&self, part: Part) -> Result<Option<Self>> {
        let Some(place) = self.target.place else {
            return Ok(None);
        };
        let Find { skip, limit, .. } = self.find;
        if skip > 0 || limit.is_some() || self.after.is_some() {
            return Ok(None);
        }
        let mut first = self.copied();
        let not_null = not_null(&part.path);
        first.find.also(not_null);
        first.find.sort = vec![part];
        first.find.limit = Some(1);
        let plan = first.plan(place)?;
        let path = first.find.sort.iter().map(|part| part.path.to_string());
        let path = path.collect::<String>();
        let is_direct = !plan.sorts
            && plan
                .walks
                .iter()
                .all(|walk| !walk.repeats && is_over(place.info, walk, &path));
        Ok(is_direct.then_some(first))
    }

    /// Leaves out the first so many. They are found all the same: to go on where a page ended, use
    /// [`after`](Query::after).
    pub fn skip(mut self, documents: u64) -> Self {
        self.find.skip = documents;
        self
    }

    /// Ends behind so many, at least 1.
    pub fn limit(mut self, documents: u64) -> Self {
        self.find.limit = Some(documents);
        self
    }

    /// Goes on where another iteration of the same query was: behind the last record that it gave. The
    /// cursor is from [`QueryIter::cursor`].
    ///
    /// Every record that is there all the time, with the same values at the paths that are sorted by, or
    /// that the index is over which is used, is given exactly once, also while others write between the
    /// pages. Where the index is dropped meanwhile, or gives no order any more since a document came that has
    /// a list where others have one value, the next page is a [`Conflict`](crate::ErrorKind::Conflict). A record that comes, goes or moves meanwhile is given where it is when its page is read: not,
    /// once, or once at each of its places.
    ///
    /// ```
    /// # use serde_json::json;
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// # db.write(|tx| {
    /// #     let mut notes = tx.documents("notes")?;
    /// #     for i in 0..50 { notes.put(i, json!({"stars": i % 7}))?; }
    /// #     Ok(())
    /// # })?;
    /// let mut after: Option<larder::Cursor> = None;
    /// let mut pages = 0;
    /// loop {
    ///     let tx = db.read()?;
    ///     let notes = tx.documents("notes")?;
    ///     let mut query = notes.find(json!({}))?.sort("-stars")?.limit(20);
    ///     if let Some(after) = &after {
    ///         query = query.after(after);
    ///     }
    ///     let mut page = query.iter()?;
    ///     for note in page.by_ref() {
    ///         note?;
    ///     }
    ///     // Text, to be kept by whoever asks for the next page.
    ///     let Some(cursor) = page.cursor() else { break };
    ///     after = Some(cursor.to_string().parse()?);
    ///     pages += 1;
    /// }
    /// assert_eq!(pages, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn after(mut self, cursor: &Cursor) -> Self {
        self.after = Some(cursor.clone());
        self
    }

    /// Goes through the index of that name, whatever another would cost. What the index does not hold is
    /// not found: with a sparse or partial one that may be less than the filter holds for.
    ///
    /// Where there is no such index that is ready, what asks for results gives
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`IndexNotReady`](crate::ErrorKind::IndexNotReady).
    pub fn hint(mut self, index: &str) -> Self {
        self.hint = Some(index.to_owned());
        self
    }

    /// Lets several threads go through the collection where no index serves: for counts, sums and the like,
    /// and for what is sorted in memory. In a write transaction, and for few records, it is one all the same.
    pub fn parallel(mut self) -> Self {
        self.find.parallel = true;
        self
    }

    /// Makes it an error ([`NoIndex`](crate::ErrorKind::NoIndex)) to go through the whole collection. An
    /// index that serves is used then, also where there are so few records that it takes longer.
    pub fn require_index(mut self) -> Self {
        self.find.requires_index = true;
        self
    }

    /// The documents one after the other.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a limit of 0, which means nothing to some and everything
    /// to others, and for a cursor of another query. [`Limit`](crate::ErrorKind::Limit) when a sort without a
    /// limit would hold more than 256 MiB of keys. [`Conflict`](crate::ErrorKind::Conflict) when the index
    /// that a cursor goes on in is gone.
    pub fn iter(&self) -> Result<QueryIter<'a, V>> {
        self.begin_iter()
            .context(|| format!("find in collection {:?}", self.target.name))
    }

    pub(super) fn begin_iter(&self) -> Result<QueryIter<'a, V>> {
        if self.find.limit == Some(0) {
            return Err(Error::invalid(
                "a limit of 0 asks for nothing; leave it out to ask for everything",
            ));
        }
        let fingerprint = self.fingerprint();
        let position = self
            .after
            .as_ref()
            .map(|cursor| cursor.position(fingerprint));
        let (plan, source) = match self.target.place {
            Some(place) => self.begin(place, position.transpose()?)?,
            None => (Plan::NONE, Source::Nothing),
        };
        Ok(QueryIter {
            target: self.target,
            plan,
            given: 0,
            // What is sorted was skipped already.
            skip: match source {
                Source::Walk(_) => self.find.skip,
                Source::Sorted { .. } | Source::Nothing => 0,
            },
            left: self.find.limit.unwrap_or(u64::MAX),
            find: self.find.clone(),
            fingerprint,
            source,
            _view: PhantomData,
        })
    }

    fn begin(&self, place: Place<'a>, after: Option<Position>) -> Result<(Plan, Source<'a>)> {
        let (sorted, entry) = match after {
            None => (None, None),
            Some(Position::Sorted(sorted)) => (Some(sorted), None),
            Some(Position::Entry { index, entry }) => (None, Some((index, entry))),
        };
        let mut plan = self.plan_through(place, entry.as_ref().map(|(index, _)| *index))?;
        if plan.sorts && entry.is_some() {
            return Err(moved_on());
        }
        // Several threads find in no order, so that what they find is sorted by key.
        let in_parallel = self.find.parallel && plan.walks.iter().any(Walk::is_full_scan);
        plan.sorts |= sorted.is_some() || (in_parallel && entry.is_none());
        if plan.sorts {
            // What it is sorted by need not be included.
            plan.walks
                .iter_mut()
                .for_each(|walk| walk.reads = Reads::Record);
            let (found, seen) = self.find.sorted(place, plan.clone(), sorted.as_ref())?;
            let sorted = Source::Sorted {
                found: found.into_iter(),
                last: None,
                seen,
            };
            return Ok((plan, sorted));
        }
        let walker = Walker::new(place, plan.clone(), entry.map(|(_, entry)| entry));
        Ok((plan, Source::Walk(Box::new(walker))))
    }

    /// How it is answered; through the index that is named.
    pub(super) fn plan(&self, place: Place<'a>) -> Result<Plan> {
        self.plan_through(place, None)
    }

    fn plan_through(&self, place: Place<'a>, cursor: Option<u32>) -> Result<Plan> {
        let hinted = self
            .hint
            .as_deref()
            .map(|name| index_named(place.info, name));
        let mut find = self.find.clone();
        find.through = hinted.transpose()?;
        if let Some(id) = cursor {
            if id != 0 && place.info.index(id).is_none_or(|(_, index)| !index.ready) {
                return Err(moved_on());
            }
            find.through = Some(id);
        }
        let plan = find.plan(place)?;
        if self.find.requires_index && plan.walks.iter().any(Walk::is_full_scan) {
            return Err(Error::new(
                ErrorKind::NoIndex,
                "no index serves this filter and sort, so that the whole collection would be gone \
                 through; make one on a path of the filter",
            ));
        }
        Ok(plan)
    }

    /// The first of them.
    pub fn first(&self) -> Result<Option<V>> {
        let first = Self {
            find: Find {
                limit: self.find.limit.map_or(Some(1), |limit| Some(limit.min(1))),
                ..self.find.clone()
            },
            ..self.copied()
        };
        first.iter()?.next().transpose()
    }

    /// How many there are; none is held in memory.
    pub fn count(&self) -> Result<u64> {
        let add = |count: &mut u64, _: Met<'_>| {
            *count += 1;
            Ok(())
        };
        let counts = self.in_any_order().reading(Vec::new()).fold(&|| 0, &add)?;
        Ok(counts.into_iter().sum())
    }

    /// Whether there is one.
    pub fn exists(&self) -> Result<bool> {
        let first = || {
            let Some(place) = self.target.place else {
                return Ok(false);
            };
            let mut any = self.in_any_order().reading(Vec::new());
            any.find.parallel = false;
            if self.find.limit == Some(0) || self.after.is_some() {
                return Ok(any.begin_iter()?.next_within()?.is_some());
            }
            any.find.limit = Some(1);
            let mut walker = Walker::new(place, any.plan(place)?, None);
            for _ in 0..self.find.skip {
                if walker.next(&any.find)?.is_none() {
                    return Ok(false);
                }
            }
            Ok(walker.next(&any.find)?.is_some())
        };
        first().context(|| format!("find in collection {:?}", self.target.name))
    }

    /// How it is answered: which indexes are gone through, what was expected to be met there, and what was.
    /// The query is carried out for it.
    pub fn explain(&self) -> Result<Explanation> {
        let mut iter = self.iter()?;
        while let Some(found) = iter.next_found_within() {
            found?;
        }
        Ok(iter.explain())
    }

    /// Makes something of all that is found, out of key and stored bytes; several times on several threads,
    /// to be joined. The order is none, unless a part of all is asked for.
    pub(super) fn fold<A: Send>(
        &self,
        begin: &(dyn Fn() -> A + Sync),
        add: &Add<'_, A>,
    ) -> Result<Vec<A>> {
        let fold = || {
            let Some(place) = self.target.place else {
                return Ok(Vec::new());
            };
            let Find { skip, limit, .. } = self.find;
            if skip == 0 && limit.is_none() && self.after.is_none() {
                let any = self.in_any_order();
                let (made, _) = any
                    .find
                    .fold(place, any.plan(place)?, &Work { begin, add })?;
                return Ok(made);
            }
            let mut made = begin();
            let mut iter = self.begin_iter()?;
            while let Some(found) = iter.next_within()? {
                add(&mut made, found.met())?;
            }
            Ok(vec![made])
        };
        fold().context(|| format!("find in collection {:?}", self.target.name))
    }

    /// The same where the order does not matter.
    fn in_any_order(&self) -> Self {
        let mut any = self.copied();
        // A cursor goes on in its order.
        if self.after.is_none() {
            any.find.sort = Vec::new();
        }
        any
    }

    /// The same where nothing else is read of what is found than these paths.
    pub(super) fn reading(&self, paths: Vec<Path>) -> Self {
        let mut reading = self.copied();
        reading.find.reads = Some(paths);
        reading
    }

    fn copied(&self) -> Self {
        Self {
            target: self.target,
            find: self.find.clone(),
            hint: self.hint.clone(),
            after: self.after.clone(),
            _view: PhantomData,
        }
    }

    /// What tells this query from others, for cursors.
    fn fingerprint(&self) -> u32 {
        let Find { filter, sort, .. } = &self.find;
        let mut checksum = Checksum::default();
        // Nothing can fail.
        let _ = write!(
            checksum,
            "{} {filter:?} {sort:?} {:?}",
            self.target.name, self.hint
        );
        checksum.0.finalize()
    }
}

/// Whether what a walk goes through is sorted by a path, so that it has no lists.
fn is_over(info: &Records, walk: &Walk, path: &str) -> bool {
    let index = walk
        .index
        .and_then(|(position, _)| info.stored_indexes().get(position));
    match (index, &info.shape) {
        (Some(index), _) => {
            let mut parts = index.definition.parts.iter();
            parts.any(|part| part.path.join(".") == path)
        }
        (None, Shape::Typed(typed)) => typed.current.key.iter().any(|name| name == path),
        (None, Shape::Documents(_)) => false,
    }
}

/// That there is something other than null at a path, or within a list there.
fn not_null(path: &Path) -> Predicate {
    let kinds = vec![
        Kind::Bool,
        Kind::Number,
        Kind::String,
        Kind::Object,
        Kind::Bytes,
        Kind::Date,
    ];
    Predicate::Path(path.clone(), Test::Type(kinds))
}

/// A checksum of text.
#[derive(Default)]
struct Checksum(crc32fast::Hasher);

impl Write for Checksum {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The id of an index that is ready.
fn index_named(info: &Records, name: &str) -> Result<u32> {
    let mut named = info.indexes.iter().filter(|index| index.name == name);
    if let Some(ready) = named.clone().find(|index| index.ready) {
        return Ok(ready.id);
    }
    Err(match named.next() {
        Some(_) => Error::new(
            ErrorKind::IndexNotReady,
            format!("index {name:?} is being built"),
        ),
        None => Error::new(ErrorKind::NotFound, format!("there is no index {name:?}")),
    })
}

#[cold]
fn moved_on() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "the index that the cursor goes on in is gone, or gives that order no more, as a document came \
         with a list in it; begin with the first page",
    )
}

/// What a query finds, one after the other. After an error there is nothing more.
pub struct QueryIter<'a, V> {
    target: Target<'a>,
    find: Find,
    plan: Plan,
    /// How many were given.
    given: u64,
    fingerprint: u32,
    /// How many are still to be left out.
    skip: u64,
    /// How many are still to come.
    left: u64,
    source: Source<'a>,
    _view: PhantomData<fn() -> V>,
}

enum Source<'a> {
    Nothing,
    Walk(Box<Walker<'a>>),
    /// What was found, sorted, and without that which is to be left out.
    Sorted {
        found: std::vec::IntoIter<Sorted>,
        last: Option<Sorted>,
        seen: Seen,
    },
}

impl<'a, V: Found<'a>> QueryIter<'a, V> {
    /// Where it is: behind the last record that it gave, to go on with [`Query::after`]. `None` before the
    /// first.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let position = match &self.source {
            Source::Nothing => return None,
            Source::Walk(walker) => {
                let entry = walker.last();
                if entry.is_empty() {
                    return None;
                }
                Position::Entry {
                    index: walker.index(),
                    entry: entry.to_vec(),
                }
            }
            Source::Sorted { last, .. } => Position::Sorted(last.clone()?),
        };
        Some(Cursor::new(self.fingerprint, &position))
    }

    /// How it is answered: which indexes are gone through, what was expected to be met there, and what was
    /// so far.
    pub fn explain(&self) -> Explanation {
        let seen = match &self.source {
            Source::Nothing => return Explanation::of_nothing(self.target.name),
            Source::Walk(walker) => walker.seen,
            Source::Sorted { seen, .. } => *seen,
        };
        match self.target.place {
            Some(place) => Explanation::new(place.info, &self.plan, seen, self.given),
            None => Explanation::of_nothing(self.target.name),
        }
    }

    /// The document within what lies in a table.
    pub(super) fn look<'s>(&self, stored: &'s [u8]) -> Result<Cow<'s, [u8]>> {
        match self.target.place {
            Some(place) => look(stored, &place.info.upgrades),
            None => Err(nothing_there()),
        }
    }

    fn next_found(&mut self) -> Result<Option<walk::Found<'a>>> {
        let Some(place) = self.target.place else {
            return Ok(None);
        };
        match &mut self.source {
            Source::Nothing => Ok(None),
            Source::Walk(walker) => {
                while let Some(found) = walker.next(&self.find)? {
                    if self.skip == 0 {
                        return Ok(Some(found));
                    }
                    self.skip -= 1;
                }
                Ok(None)
            }
            Source::Sorted { found, last, .. } => {
                let Some(next) = found.next() else {
                    return Ok(None);
                };
                let stored = place.tables.records().get(&next.key)?;
                let stored = stored
                    .ok_or_else(|| Error::corrupt("what a query found is not there any more"))?;
                let key = Bytes::owned(next.key.clone());
                *last = Some(next);
                Ok(Some(walk::Found::stored(key, stored)))
            }
        }
    }

    /// What is gone through; `None` where the collection does not exist.
    pub(super) fn place(&self) -> Option<Place<'a>> {
        self.target.place
    }

    /// The next of as many as are asked for; nothing more behind an error.
    pub(super) fn next_found_within(&mut self) -> Option<Result<walk::Found<'a>>> {
        let next = self.next_within().transpose();
        if matches!(next, Some(Ok(_))) {
            self.given += 1;
        } else {
            self.left = 0;
        }
        next
    }

    /// The next of as many as are asked for.
    pub(super) fn next_within(&mut self) -> Result<Option<walk::Found<'a>>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.next_found()
    }

    fn open(&self, walk::Found { key, stored, .. }: walk::Found<'a>) -> Result<V> {
        V::open(sealed::Entry {
            name: self.target.name,
            info: self.target.place.map(|place| place.info),
            key: &key,
            stored: stored.kept(),
        })
    }
}

impl<'a, V: Found<'a>> Iterator for QueryIter<'a, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.next_found_within()?;
        let view = found.and_then(|found| self.open(found));
        if view.is_err() {
            self.left = 0;
        }
        Some(view)
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
