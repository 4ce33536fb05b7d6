//! Which collections, buckets and indexes does the database hold? The catalog, stored in one table
//! and kept in memory as an immutable snapshot that changes when a transaction commits.
//!
//! ```text
//! TABLE "larder"
//! KEY                   VALUE
//! "catalog/" ++ name    a collection or bucket, as JSON (`StoredCollection`)
//! "next"                u64, little-endian: the next id of a collection or an index, at most 2^32
//! "commit", "lives"     the store's: which commit it is (`store/rows.rs`)
//! "auto/" ++ id (BE)    u64, little-endian: the greatest key `insert` assigned or saw
//! "migrate/" ++ id (BE) how far the migration of a collection is, as JSON (`api/migrate.rs`)
//! "history/" ++ ..      a step in the history of the schemas, as JSON (`api/history.rs`)
//!
//! TABLE "r{id}"         the records or documents of a collection, or the entries of a bucket:
//!                       key -> body
//! TABLE "i{id}"         an index: index key -> primary key where unique, else index key ++ primary
//!                       key -> (); of paths, and where documents have lists there, also
//!                       "" -> which parts have met one, a bit for each, u32, little-endian
//! TABLE "u{id}"         what migrations have overwritten, and lost something of:
//!                       version it became (u32, BE) ++ key -> the body as it lay there
//! ```

use std::any::TypeId;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::difference::{Later, compare};
use super::index::IndexPlan;
use super::json_schema::JsonSchema;
use super::key::fixed_width;
use super::layout::{Layout, Route};
use super::step::Step;
use super::types::{IndexDefinition, RecordType};
use super::upgrade::{CodeBook, Upgrades, note_steps};
use crate::base::sync::{Arc, RwLock};
use crate::base::{Error, ErrorKind, Result};

/// The row with the next unused id.
pub(crate) const NEXT_ID_ROW: &[u8] = b"next";

const CATALOG_PREFIX: &[u8] = b"catalog/";

/// The row of one collection or bucket.
pub(crate) fn catalog_row(name: &str) -> Vec<u8> {
    [CATALOG_PREFIX, name.as_bytes()].concat()
}

/// The bounds of all rows of collections and buckets.
pub(crate) fn catalog_rows() -> (&'static [u8], &'static [u8]) {
    (CATALOG_PREFIX, b"catalog0")
}

/// The row with the greatest automatic key of a collection.
pub(crate) fn auto_row(id: u32) -> Vec<u8> {
    [b"auto/".as_slice(), &id.to_be_bytes()].concat()
}

/// The row of a migration of a collection that is under way.
pub(crate) fn migration_row(id: u32) -> Vec<u8> {
    [b"migrate/".as_slice(), &id.to_be_bytes()].concat()
}

/// The bounds of the rows with the greatest automatic keys of all collections.
pub(crate) fn auto_rows() -> (&'static [u8], &'static [u8]) {
    (b"auto/", b"auto0")
}

fn table_of(id: u32) -> String {
    format!("r{id}")
}

/// The table of what migrations of a collection have overwritten.
fn undo_table(id: u32) -> String {
    format!("u{id}")
}

/// A collection or bucket as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCollection {
    pub(crate) id: u32,
    #[serde(flatten)]
    pub(crate) kind: StoredKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum StoredKind {
    Records(StoredRecords),
    Documents(StoredDocuments),
    Bucket {
        /// The name of the key type.
        key: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRecords {
    /// Every version seen, the current one last. Their `indexes` are left empty.
    pub(crate) versions: Vec<RecordType>,
    pub(crate) indexes: Vec<StoredIndex>,
    /// Bodies longer than this are compressed, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compress_above: Option<u32>,
    #[serde(flatten)]
    pub(crate) state: Migrated,
    /// What it is going to be as soon as its indexes are built, where a later version needs some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) coming: Option<Box<StoredRecords>>,
}

impl StoredRecords {
    /// Becomes what a later version has: with its indexes that stay, and those that are to be built.
    pub(crate) fn become_later(&mut self, later: &Later, undo: bool, built: Vec<StoredIndex>) {
        self.versions.extend(later.versions.iter().cloned());
        let kept = later.kept.iter().map(|(id, definition)| StoredIndex {
            id: *id,
            definition: definition.clone(),
            building: None,
        });
        self.indexes = kept.chain(built).collect();
        self.state.undo = undo;
        self.coming = None;
    }
}

/// How far a collection is migrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Migrated {
    /// No body is of an earlier version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) oldest: u32,
    /// Whether there may be something in the undo table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) undo: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A version of documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentVersion {
    pub(crate) version: u32,
    /// Whether it was never the version of the collection, but only led to the next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) passed: bool,
    /// The JSON Schema that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json_schema: Option<String>,
}

/// The version of documents that never had another.
pub(crate) const FIRST_VERSION: u32 = 1;

fn first_version() -> u32 {
    FIRST_VERSION
}

/// A collection of documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredDocuments {
    #[serde(default = "first_version")]
    pub(crate) version: u32,
    /// The versions that it had before, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier: Vec<DocumentVersion>,
    /// Over paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes: Vec<StoredIndex>,
    /// The JSON Schema that each document fits, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json_schema: Option<String>,
    /// Bodies longer than this are compressed, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compress_above: Option<u32>,
    #[serde(flatten)]
    pub(crate) state: Migrated,
}

impl StoredDocuments {
    /// All versions that it ever had, the current one last.
    pub(crate) fn versions(&self) -> Vec<u32> {
        let earlier = self.earlier.iter().map(|earlier| earlier.version);
        earlier.chain([self.version]).collect()
    }

    /// Becomes what a later version has, but for the indexes. Without a JSON Schema it keeps its own.
    pub(crate) fn become_later(&mut self, version: u32, json_schema: Option<String>) {
        self.earlier.push(DocumentVersion {
            version: self.version,
            passed: false,
            json_schema: self.json_schema.clone(),
        });
        let between = self.version.saturating_add(1)..version;
        self.earlier.extend(between.map(|version| DocumentVersion {
            version,
            passed: true,
            json_schema: None,
        }));
        self.version = version;
        if json_schema.is_some() {
            self.json_schema = json_schema;
        }
        self.indexes.clear();
        self.state.undo = true;
    }

    /// The JSON Schema that it had in an earlier version.
    pub(crate) fn json_schema_of(&self, version: u32) -> Option<JsonSchema> {
        let mut earlier = self.earlier.iter();
        let found = earlier.find(|earlier| earlier.version == version)?;
        found.json_schema.clone().map(JsonSchema::stored)
    }
}

impl Default for StoredDocuments {
    fn default() -> Self {
        Self {
            version: FIRST_VERSION,
            earlier: Vec::new(),
            indexes: Vec::new(),
            json_schema: None,
            compress_above: None,
            state: Migrated::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredIndex {
    pub(crate) id: u32,
    pub(crate) definition: IndexDefinition,
    /// Where its build stands; `None` when it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) building: Option<BuildState>,
}

/// How far an index is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildState {
    /// The encoded primary key of the last record that was indexed, none at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Vec<u8>>,
}

/// A collection, ready for use: names resolved, layouts computed.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) table: String,
    pub(crate) shape: Shape,
    pub(crate) indexes: Vec<Index>,
    /// How bodies of older versions become current ones.
    pub(crate) upgrades: Upgrades,
    /// The table of what migrations have overwritten, where there may be something in it.
    pub(crate) undo: Option<String>,
    /// What it is going to be: see [`StoredRecords::coming`].
    pub(crate) coming: Option<Arc<Records>>,
}

/// What a collection is of.
#[derive(Debug)]
pub(crate) enum Shape {
    Typed(Typed),
    Documents(Documents),
}

/// Documents.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) stored: StoredDocuments,
    pub(crate) json_schema: Option<JsonSchema>,
}

/// Records of a type.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) stored: StoredRecords,
    pub(crate) current: RecordType,
    pub(crate) layout: Layout,
    /// The way to each field of the primary key.
    pub(crate) key: Vec<Route>,
    /// How many bytes every encoded primary key has, where that is one number.
    pub(crate) key_width: Option<usize>,
}

/// One index, ready for use.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) table: String,
    pub(crate) ready: bool,
    pub(crate) plan: IndexPlan,
}

/// A bucket, ready for use.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) table: String,
    pub(crate) key: String,
}

/// Whatever a name in the catalog stands for.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Records(Arc<Records>),
    Bucket(Arc<Bucket>),
}

/// All collections and buckets at one moment. Never changed: a changed copy takes its place.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// In the order of their names; the position is the member's slot in this snapshot.
    members: Vec<Member>,
    /// What code the program has for migrations.
    code: Arc<CodeBook>,
    /// What Rust types were found to be stored as, filled at their first use.
    bound: RwLock<HashMap<TypeId, Binding>>,
}

/// How a Rust type's declaration meets what is stored, under one catalog.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// Where the collection stands in the catalog.
    pub(crate) slot: usize,
    pub(crate) usable: Usable,
    /// Whether the collection may be written: see [`Difference::allows_writing`].
    pub(crate) writable: bool,
}

/// Which stored indexes are defined as a Rust type declares them, and so are what it may read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usable {
    /// By the position of the index; `None` where all are, so that the common case costs nothing.
    positions: Option<Arc<[bool]>>,
}

impl Usable {
    /// All indexes: the collection was created from the declaration, or no type was declared.
    pub(crate) const ALL: Self = Self { positions: None };

    fn of(declared: &RecordType, stored: &Typed) -> Self {
        let positions: Arc<[bool]> = stored
            .stored
            .indexes
            .iter()
            .map(|index| declared.indexes.contains(&index.definition))
            .collect();
        Self {
            positions: positions.contains(&false).then_some(positions),
        }
    }

    fn has(&self, position: usize) -> bool {
        self.positions
            .as_ref()
            .is_none_or(|positions| positions.get(position).copied().unwrap_or(false))
    }
}

impl StoredCollection {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::invalid("a descriptor cannot be written").because(error))
    }

    /// Reads a row of the catalog and resolves it.
    pub(crate) fn decode(name: &str, row: &[u8], code: &Arc<CodeBook>) -> Result<Member> {
        let damaged = || Error::corrupt(format!("the descriptor of {name:?} is damaged"));
        let stored: Self = serde_json::from_slice(row).map_err(|error| damaged().because(error))?;
        // What would be the program's mistake in a declaration is damage in what was stored.
        stored
            .resolve(name, code)
            .map_err(|error| damaged().because(error))
    }

    pub(crate) fn resolve(self, name: &str, code: &Arc<CodeBook>) -> Result<Member> {
        let id = self.id;
        Ok(match self.kind {
            StoredKind::Bucket { key } => Member::Bucket(Arc::new(Bucket {
                name: name.to_owned(),
                id,
                table: table_of(id),
                key,
            })),
            StoredKind::Records(stored) => {
                Member::Records(Arc::new(Records::typed_of(name, id, stored, code)?))
            }
            StoredKind::Documents(stored) => {
                Member::Records(Arc::new(Records::documents_of(name, id, stored, code)?))
            }
        })
    }
}

impl Typed {
    /// The record as it was in that version.
    fn version(&self, version: u32) -> Result<&RecordType> {
        let versions = &self.stored.versions;
        let found = versions.iter().find(|known| known.version == version);
        found.ok_or_else(|| Error::corrupt(format!("the collection never had version {version}")))
    }

    /// How a record of that version lies in its body.
    pub(crate) fn layout_of(&self, version: u32) -> Result<Layout> {
        Layout::of_record(self.version(version)?)
    }
}

impl Documents {
    /// Refuses a document that does not fit the JSON Schema.
    pub(crate) fn check(&self, body: &[u8]) -> Result<()> {
        match &self.json_schema {
            Some(schema) => schema.check_body(body),
            None => Ok(()),
        }
    }
}

fn resolve_indexes(
    stored: &[StoredIndex],
    plan: impl Fn(&IndexDefinition) -> Result<IndexPlan>,
) -> Result<Vec<Index>> {
    let resolve = |index: &StoredIndex| {
        Ok(Index {
            name: index.definition.name.clone(),
            id: index.id,
            table: format!("i{}", index.id),
            ready: index.building.is_none(),
            plan: plan(&index.definition)?,
        })
    };
    stored.iter().map(resolve).collect()
}

impl StoredKind {
    /// How far a collection is migrated; a bucket never is.
    pub(crate) fn state_mut(&mut self) -> Option<&mut Migrated> {
        match self {
            Self::Records(records) => Some(&mut records.state),
            Self::Documents(documents) => Some(&mut documents.state),
            Self::Bucket { .. } => None,
        }
    }

    /// The indexes of a collection; a bucket has none.
    pub(crate) fn indexes_mut(&mut self) -> Option<&mut Vec<StoredIndex>> {
        match self {
            Self::Records(records) => Some(&mut records.indexes),
            Self::Documents(documents) => Some(&mut documents.indexes),
            Self::Bucket { .. } => None,
        }
    }
}

impl Records {
    fn typed_of(
        name: &str,
        id: u32,
        mut stored: StoredRecords,
        code: &Arc<CodeBook>,
    ) -> Result<Self> {
        let coming = stored.coming.take();
        let upgrades = Upgrades::of_records(name, &stored.versions, stored.state.oldest, code)?;
        let current = stored.versions.last().cloned().ok_or_else(|| {
            Error::corrupt(format!(
                "the descriptor of collection {name:?} has no version"
            ))
        })?;
        let layout = Layout::of_record(&current)?;
        let key = current
            .key
            .iter()
            .map(|field| Route::resolve(&layout, std::slice::from_ref(field), name))
            .collect::<Result<Vec<_>>>()?;
        let key_width = key.iter().map(|route| fixed_width(&route.layout)).sum();
        let indexes = resolve_indexes(&stored.indexes, |definition| {
            IndexPlan::of_fields(definition, &current.key, &layout, name)
        })?;
        let undo = stored.state.undo;
        stored.coming.clone_from(&coming);
        let coming = match coming {
            // One alone is coming, not a row of them.
            Some(coming) if coming.coming.is_some() => {
                return Err(Error::corrupt("what is coming has something coming"));
            }
            Some(coming) => Some(Arc::new(Self::typed_of(name, id, *coming, code)?)),
            None => None,
        };
        let shape = Shape::Typed(Typed {
            stored,
            current,
            layout,
            key,
            key_width,
        });
        Ok(Self {
            name: name.to_owned(),
            id,
            table: table_of(id),
            shape,
            indexes,
            upgrades,
            undo: undo.then(|| undo_table(id)),
            coming,
        })
    }

    fn documents_of(
        name: &str,
        id: u32,
        stored: StoredDocuments,
        code: &Arc<CodeBook>,
    ) -> Result<Self> {
        let upgrades = Upgrades::of_documents(name, &stored.versions(), stored.state.oldest, code)?;
        let undo = stored.state.undo;
        let indexes = resolve_indexes(&stored.indexes, IndexPlan::of_paths)?;
        let shape = Shape::Documents(Documents {
            json_schema: stored.json_schema.clone().map(JsonSchema::stored),
            stored,
        });
        Ok(Self {
            name: name.to_owned(),
            id,
            table: table_of(id),
            shape,
            indexes,
            upgrades,
            undo: undo.then(|| undo_table(id)),
            coming: None,
        })
    }

    /// What the file has of it.
    pub(crate) fn stored(&self) -> StoredCollection {
        let kind = match &self.shape {
            Shape::Typed(typed) => StoredKind::Records(typed.stored.clone()),
            Shape::Documents(documents) => StoredKind::Documents(documents.stored.clone()),
        };
        StoredCollection { id: self.id, kind }
    }

    /// Its indexes as the file has them, in the order of `indexes`.
    pub(crate) fn stored_indexes(&self) -> &[StoredIndex] {
        match &self.shape {
            Shape::Typed(typed) => &typed.stored.indexes,
            Shape::Documents(documents) => &documents.stored.indexes,
        }
    }

    /// What its records are, or an error that says what they are instead.
    #[inline]
    pub(crate) fn typed(&self) -> Result<&Typed> {
        match &self.shape {
            Shape::Typed(typed) => Ok(typed),
            Shape::Documents(_) => Err(self.is_not("records of a type", "documents")),
        }
    }

    /// What its documents are, or an error that says what they are instead.
    pub(crate) fn documents(&self) -> Result<&Documents> {
        match &self.shape {
            Shape::Documents(documents) => Ok(documents),
            Shape::Typed(_) => Err(self.is_not("documents", "records of a type")),
        }
    }

    #[cold]
    fn is_not(&self, wanted: &str, found: &str) -> Error {
        Error::invalid(format!(
            "{:?} is a collection of {found}, not of {wanted}",
            self.name
        ))
    }

    /// Whether migrations to a later version may overwrite what has to be kept.
    pub(crate) fn has_undo(&self, later: &Later) -> Result<bool> {
        let typed = self.typed()?;
        let row = std::iter::once(&typed.current).chain(&later.versions);
        let versions: Vec<RecordType> = row.cloned().collect();
        let code = Arc::default();
        let upgrades = Upgrades::of_records(&self.name, &versions, 0, &code)?;
        Ok(self.undo.is_some() || self.upgrades.lose(0) || upgrades.lose(0))
    }

    /// Its indexes, and those that it is going to have and has not yet.
    fn all_indexes(&self) -> impl Iterator<Item = &Index> {
        let own = |coming: &&Index| self.indexes.iter().all(|index| index.id != coming.id);
        let coming = self.coming.iter().flat_map(|coming| &coming.indexes);
        self.indexes.iter().chain(coming.filter(own))
    }

    /// Whether `insert` assigns its keys.
    pub(crate) fn has_auto_keys(&self) -> bool {
        matches!(&self.shape, Shape::Typed(typed) if typed.current.auto)
    }

    pub(crate) fn compress_above(&self) -> Option<u32> {
        match &self.shape {
            Shape::Typed(typed) => typed.stored.compress_above,
            Shape::Documents(documents) => documents.stored.compress_above,
        }
    }

    /// Position and definition of the index with that id.
    pub(crate) fn index(&self, id: u32) -> Option<(usize, &Index)> {
        self.indexes
            .iter()
            .enumerate()
            .find(|(_, index)| index.id == id)
    }

    /// The index of that name, among those that a type may use. While a definition is replaced by
    /// another, there are two of one name.
    pub(crate) fn usable_index(&self, name: &str, usable: &Usable) -> Option<(usize, &Index)> {
        self.indexes
            .iter()
            .enumerate()
            .find(|(position, index)| index.name == name && usable.has(*position))
    }
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Records(records) => &records.name,
            Self::Bucket(bucket) => &bucket.name,
        }
    }

    /// Its id and those of its indexes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        let (id, records) = match self {
            Self::Bucket(bucket) => (bucket.id, None),
            Self::Records(records) => (records.id, Some(records)),
        };
        let indexes = records
            .into_iter()
            .flat_map(|records| records.all_indexes());
        std::iter::once(id).chain(indexes.map(|index| index.id))
    }

    /// The tables that hold it.
    pub(crate) fn tables(&self) -> Vec<&str> {
        match self {
            Self::Bucket(bucket) => vec![&bucket.table],
            Self::Records(records) => std::iter::once(records.table.as_str())
                .chain(records.all_indexes().map(|index| index.table.as_str()))
                .chain(records.undo.as_deref())
                .collect(),
        }
    }

    /// Its records or documents, or an error that says what it is instead.
    pub(crate) fn records(&self) -> Result<&Arc<Records>> {
        match self {
            Self::Records(records) => Ok(records),
            Self::Bucket(bucket) => Err(Error::invalid(format!(
                "{:?} is a bucket, not a collection",
                bucket.name
            ))),
        }
    }

    /// The bucket, or an error that says what it is instead.
    pub(crate) fn bucket(&self) -> Result<&Arc<Bucket>> {
        match self {
            Self::Bucket(bucket) => Ok(bucket),
            Self::Records(records) => Err(Error::invalid(format!(
                "{:?} is a collection, not a bucket",
                records.name
            ))),
        }
    }
}

impl Catalog {
    /// A catalog of these members.
    pub(crate) fn new(mut members: Vec<Member>, code: Arc<CodeBook>) -> Self {
        members.sort_by(|a, b| a.name().cmp(b.name()));
        Self {
            members,
            code,
            bound: RwLock::default(),
        }
    }

    /// What code the program has for migrations.
    pub(crate) fn code(&self) -> &Arc<CodeBook> {
        &self.code
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The greatest id that is in use, 0 where there is none.
    pub(crate) fn greatest_id(&self) -> u32 {
        self.members.iter().flat_map(Member::ids).max().unwrap_or(0)
    }

    /// Slot and member of that name.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Member)> {
        let slot = self
            .members
            .binary_search_by(|member| member.name().cmp(name))
            .ok()?;
        Some((slot, self.members.get(slot)?))
    }

    /// A copy with one member put in, or in another's place.
    pub(crate) fn with(&self, member: Member) -> Self {
        let mut members = self.members.clone();
        members.retain(|other| other.name() != member.name());
        members.push(member);
        Self::new(members, self.code.clone())
    }

    /// A copy without one.
    pub(crate) fn without(&self, name: &str) -> Self {
        let others = self.members.iter().filter(|member| member.name() != name);
        Self::new(others.cloned().collect(), self.code.clone())
    }

    /// How a Rust type was found to be stored.
    pub(crate) fn bound(&self, id: TypeId) -> Option<Binding> {
        self.bound.read().get(&id).cloned()
    }

    /// Compares the declaration of a Rust type with the collection in `slot`, and remembers the
    /// outcome.
    pub(crate) fn bind(
        &self,
        id: TypeId,
        slot: usize,
        declared: &RecordType,
        steps: &[Step],
        stored: &Typed,
    ) -> Result<Binding> {
        let difference = compare(declared, steps, stored)?;
        if difference.later.is_some() {
            return Err(Error::new(
                ErrorKind::NotRegistered,
                format!(
                    "collection {:?} has version {} in the file, and the declaration version {}; register it, \
                     on the builder or by `Database::register`",
                    declared.name, stored.current.version, declared.version
                ),
            ));
        }
        note_steps(&self.code, &declared.name, steps);
        let binding = Binding {
            slot,
            writable: difference.allows_writing(),
            usable: Usable::of(declared, stored),
        };
        self.bound.write().insert(id, binding.clone());
        Ok(binding)
    }
}
