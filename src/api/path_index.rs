//! Indexes over paths of documents: made, listed and dropped at run time.

use std::fmt;

use super::collection::{Collection, does_not_exist};
use super::database::Database;
use super::document::IntoDocument;
use super::documents::Documents;
use super::documents_mut::DocumentsMut;
use super::index_build::{build_whole, change_indexes, delete_tables, new_index};
use crate::base::error::Context;
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::{Error, Result};
use crate::codec::key::folded::folding_version;
use crate::codec::value::read::Node;
use crate::collection::entry;
use crate::collection::rebuild::Unfit;
use crate::collection::tables::Tables;
use crate::schema::catalog::{BuildState, Records, StoredIndex};
use crate::schema::filter::parse_text;
use crate::schema::index::IndexPlan;
use crate::schema::json::to_text;
use crate::schema::record::Record;
use crate::schema::types::{IndexDefinition, IndexPart};
use crate::schema::view::ValueRef;
use crate::txn::write::WriteTx;

/// An index over paths of documents, as it is asked for.
///
/// A list at a path gives an entry for each of its elements; what is missing counts as null; numbers are
/// equal by their value. At most 32 paths make up one index, and of one document at most one of its lists
/// can be met ([`ParallelArrays`](crate::ErrorKind::ParallelArrays)).
///
/// ```
/// use larder::PathIndex;
/// use serde_json::json;
///
/// # fn main() -> larder::Result<()> {
/// # let db = larder::Database::in_memory()?;
/// db.create_index("notes", PathIndex::on("tags").and_descending("stars"))?;
/// db.create_index("notes", PathIndex::on("slug").unique().sparse())?;
/// db.create_index("notes", PathIndex::on("due").only(json!({"done": false})).named("open_by_due"))?;
/// # assert_eq!(db.read()?.documents("notes")?.indexes()?.len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct PathIndex {
    parts: Vec<IndexPart>,
    unique: bool,
    sparse: bool,
    folded: bool,
    filter: Option<Result<String>>,
    name: Option<String>,
}

impl PathIndex {
    /// An index over a path, such as `address.city`, in ascending order.
    pub fn on(path: &str) -> Self {
        Self::empty().and(path)
    }

    /// An index over a path, in descending order.
    pub fn on_descending(path: &str) -> Self {
        Self::empty().and_descending(path)
    }

    fn empty() -> Self {
        Self {
            parts: Vec::new(),
            unique: false,
            sparse: false,
            folded: false,
            filter: None,
            name: None,
        }
    }

    /// And by another path where the ones before it are equal.
    pub fn and(self, path: &str) -> Self {
        self.with(path, false)
    }

    /// And by another path, in descending order, where the ones before it are equal.
    pub fn and_descending(self, path: &str) -> Self {
        self.with(path, true)
    }

    fn with(mut self, path: &str, descending: bool) -> Self {
        self.parts.push(IndexPart {
            path: path.split('.').map(str::to_owned).collect(),
            descending,
            fold: false,
            each: false,
        });
        self
    }

    /// Refuses a second document with the same key.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Leaves out documents that have none of the paths.
    pub fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// Folds text, so that case does not matter (the Unicode Standard, section 3.13.3): two texts that
    /// differ only in it collide in a unique index, and a filter such as
    /// `{"$regex": "^jam", "$options": "i"}` is answered by the index.
    pub fn folded(mut self) -> Self {
        self.folded = true;
        self
    }

    /// Holds only documents that a filter holds for. It is kept in the file, and serves queries whose
    /// filters imply it.
    pub fn only(mut self, filter: impl IntoDocument) -> Self {
        self.filter = Some(text_of(filter));
        self
    }

    /// Gives it a name; otherwise it has one that is made of its paths: `tags_1_stars_-1`.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The index as it is stored, if there can be such a one.
    fn definition(self) -> Result<IndexDefinition> {
        let Self {
            mut parts,
            unique,
            sparse,
            folded,
            filter,
            name,
        } = self;
        for part in &mut parts {
            part.fold = folded;
        }
        let definition = IndexDefinition {
            name: name.unwrap_or_else(|| name_of(&parts)),
            parts,
            unique,
            condition: None,
            filter: filter.transpose()?,
            sparse,
            include: Vec::new(),
            folding: folded.then(folding_version),
        };
        IndexPlan::of_paths(&definition)?;
        if let Some(filter) = &definition.filter
            && parse_text(filter)?.names("_id")
        {
            return Err(Error::invalid(
                "the filter of an index is about what is in the document, not about its `_id`",
            ));
        }
        Ok(definition)
    }
}

/// A name that is made of the paths; of the first of them and a checksum where it would be too long.
fn name_of(parts: &[IndexPart]) -> String {
    let named = |part: &IndexPart| {
        let direction = if part.descending { "-1" } else { "1" };
        format!("{}_{direction}", part.path.join("."))
    };
    let name = parts.iter().map(named).collect::<Vec<_>>().join("_");
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let room = NAME_BYTES_MAX - "_01234567".len();
    let end = name.floor_char_boundary(room);
    let start = name.get(..end).unwrap_or_default();
    format!("{start}_{:08x}", crc32fast::hash(name.as_bytes()))
}

/// A filter as it is kept.
fn text_of(filter: impl IntoDocument) -> Result<String> {
    let mut bytes = Vec::new();
    filter.append_to(&mut bytes)?;
    let value = ValueRef::of_node(Node::root(&bytes))?;
    let text = to_text(value, bytes.len())?;
    // A mistake in it is told before anything is stored.
    parse_text(&text)?;
    Ok(text)
}

/// An index of a collection, as the file has it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexInfo {
    /// What it is over.
    pub definition: IndexDefinition,
    /// Whether it is built, and used.
    pub is_ready: bool,
    /// How many entries it has.
    pub entries: u64,
}

impl IndexInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }
}

/// `by_stars (tags, stars descending) unique, ready, 12 entries`
impl fmt::Display for IndexInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.definition)?;
        let ready = if self.is_ready {
            "ready"
        } else {
            "being built"
        };
        write!(f, ", {ready}, {} entries", self.entries)
    }
}

impl Database {
    /// Makes the documents of that name have an index: creates it, or replaces the one that has its name
    /// and is another, or does nothing where there is the same. A collection that does not exist is
    /// created.
    ///
    /// Works in transactions of bounded size, between which others may write, and goes on where it was
    /// interrupted. The index is used once it is ready; one that it replaces is used until then.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when a unique index would hold one key of two documents,
    /// naming them; [`ParallelArrays`](crate::ErrorKind::ParallelArrays) when a document has lists on two of
    /// its paths; [`Limit`](crate::ErrorKind::Limit) when a key would be longer than 4 KiB: the index is
    /// then not there. [`Invalid`](crate::ErrorKind::Invalid) for paths that are none, and a filter that
    /// names `_id`.
    pub fn create_index(&self, collection: &str, index: PathIndex) -> Result<()> {
        self.bring_index(collection, index)
            .context(|| format!("create an index of collection {collection:?}"))
    }

    /// Drops an index of the documents of that name; says whether there was one.
    pub fn drop_index(&self, collection: &str, index: &str) -> Result<bool> {
        self.write(|tx| tx.documents(collection)?.drop_index(index))
    }

    fn bring_index(&self, collection: &str, index: PathIndex) -> Result<()> {
        let definition = index.definition()?;
        let catalog = self.core.catalog();
        if let Some((_, member)) = catalog.find(collection)
            && is_ready(member.records()?, &definition)
        {
            return Ok(());
        }
        let id = self.write(|tx| {
            let documents = tx.documents(collection)?;
            prepare(tx, documents.existing()?, definition)
        })?;
        while self.is_building(collection, id)? {
            self.build_step(collection, id, Unfit::Refused)?;
        }
        Ok(())
    }

    fn is_building(&self, collection: &str, id: u32) -> Result<bool> {
        let catalog = self.core.catalog();
        match catalog.find(collection) {
            Some((_, member)) => Ok(member
                .records()?
                .index(id)
                .is_some_and(|(_, index)| !index.ready)),
            None => Ok(false),
        }
    }
}

impl DocumentsMut<'_> {
    /// Makes the collection have an index, as [`Database::create_index`] does, but all of it in this
    /// transaction: for a collection that is small, or must not be seen without it.
    ///
    /// # Errors
    /// Those of [`Database::create_index`].
    pub fn create_index(&mut self, index: PathIndex) -> Result<()> {
        let created = index.definition().and_then(|definition| {
            let info = self.existing()?;
            if is_ready(info, &definition) {
                return Ok(());
            }
            let (name, tx) = (self.reading.name.clone(), self.tx);
            let id = prepare(tx, info, definition)?;
            self.with_tables_closed(|| build_whole(tx, &name, id))
        });
        created.context(|| format!("create an index of collection {:?}", self.name))
    }

    /// Drops an index; says whether there was one of that name.
    pub fn drop_index(&mut self, name: &str) -> Result<bool> {
        let info = self.existing()?;
        let named = info.indexes.iter().filter(|index| index.name == name);
        let ids: Vec<u32> = named.map(|index| index.id).collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let (collection, tx) = (self.reading.name.clone(), self.tx);
        let dropped = self.with_tables_closed(|| {
            let catalog = tx.catalog();
            let (_, member) = catalog.find(&collection).ok_or_else(does_not_exist)?;
            let info = member.records()?;
            delete_tables(tx, info, &ids)?;
            change_indexes(tx, info, |indexes| {
                indexes.retain(|index| !ids.contains(&index.id));
            })
        });
        dropped.context(|| format!("drop index {name:?} of collection {:?}", self.name))?;
        Ok(true)
    }

    /// Changes which tables there are: they have to be closed for it, and are opened again.
    fn with_tables_closed(&mut self, change: impl FnOnce() -> Result<()>) -> Result<()> {
        self.reading.tables = Tables::Absent;
        let changed = change();
        self.reading = self.tx.documents(&self.reading.name)?.reading;
        changed
    }
}

impl Documents<'_> {
    /// The indexes that it has, those that are being built among them.
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        list(self.info.as_deref(), &self.tables)
    }
}

impl<T: Record> Collection<'_, T> {
    /// The indexes that it has in the file, those that are being built among them.
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        list(self.info(), &self.tables)
    }
}

/// The indexes of a collection.
pub(super) fn list(info: Option<&Records>, tables: &Tables<'_>) -> Result<Vec<IndexInfo>> {
    let Some(info) = info else {
        return Ok(Vec::new());
    };
    let of = |(position, stored): (usize, &StoredIndex)| {
        Ok(IndexInfo {
            definition: stored.definition.clone(),
            is_ready: stored.building.is_none(),
            entries: entry::len(tables.index(position)?)?,
        })
    };
    info.stored_indexes().iter().enumerate().map(of).collect()
}

/// Whether it has that index, ready, and no other of its name that was begun.
fn is_ready(info: &Records, definition: &IndexDefinition) -> bool {
    let stored = info.stored_indexes().iter();
    let mut named = stored.filter(|index| index.definition.name == definition.name);
    let only = named.next().filter(|_| named.next().is_none());
    only.is_some_and(|index| index.definition == *definition && index.building.is_none())
}

/// Puts an index into the catalog, to be built; gives its id. Another of its name that was never finished
/// makes room for it.
fn prepare(tx: &WriteTx, info: &Records, definition: IndexDefinition) -> Result<u32> {
    let stored = info.stored_indexes();
    let is_other = |index: &StoredIndex| index.definition != definition;
    let unfinished = stored.iter().filter(|index| {
        index.definition.name == definition.name && index.building.is_some() && is_other(index)
    });
    let gone: Vec<u32> = unfinished.map(|index| index.id).collect();
    let same = stored.iter().find(|index| !is_other(index));
    let (id, new) = match same {
        Some(same) => (same.id, None),
        None => {
            let new = new_index(tx, definition, Some(BuildState::default()))?;
            (new.id, Some(new))
        }
    };
    delete_tables(tx, info, &gone)?;
    change_indexes(tx, info, |indexes| {
        indexes.retain(|index| !gone.contains(&index.id));
        indexes.extend(new);
    })?;
    Ok(id)
}
