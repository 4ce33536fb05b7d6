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
//!
//! TABLE "r{id}"         the records of a collection, or the entries of a bucket: key -> body
//! TABLE "i{id}"         an index: index key -> primary key where unique, else index key ++ primary
//!                       key -> ()
//! ```

use std::any::TypeId;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::index::IndexPlan;
use super::key::fixed_width;
use super::layout::{Layout, Route};
use super::types::{IndexDefinition, RecordType};
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

/// The bounds of the rows with the greatest automatic keys of all collections.
pub(crate) fn auto_rows() -> (&'static [u8], &'static [u8]) {
    (b"auto/", b"auto0")
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

/// A collection of records, ready for use: names resolved, layouts computed.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) table: String,
    pub(crate) stored: StoredRecords,
    pub(crate) current: RecordType,
    pub(crate) layout: Layout,
    /// The way to each field of the primary key.
    pub(crate) key: Vec<Route>,
    /// How many bytes every encoded primary key has, where that is one number.
    pub(crate) key_width: Option<usize>,
    pub(crate) indexes: Vec<Index>,
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

    fn of(declared: &RecordType, stored: &Records) -> Self {
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
    pub(crate) fn decode(name: &str, row: &[u8]) -> Result<Member> {
        let damaged = || Error::corrupt(format!("the descriptor of {name:?} is damaged"));
        let stored: Self = serde_json::from_slice(row).map_err(|error| damaged().because(error))?;
        // What would be the program's mistake in a declaration is damage in what was stored.
        stored
            .resolve(name)
            .map_err(|error| damaged().because(error))
    }

    pub(crate) fn resolve(self, name: &str) -> Result<Member> {
        let id = self.id;
        let table = format!("r{id}");
        Ok(match self.kind {
            StoredKind::Bucket { key } => Member::Bucket(Arc::new(Bucket {
                name: name.to_owned(),
                id,
                table,
                key,
            })),
            StoredKind::Records(stored) => {
                Member::Records(Arc::new(Records::resolve(name, id, table, stored)?))
            }
        })
    }
}

impl Records {
    fn resolve(name: &str, id: u32, table: String, stored: StoredRecords) -> Result<Self> {
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
        let indexes = stored
            .indexes
            .iter()
            .map(|index| {
                Ok(Index {
                    name: index.definition.name.clone(),
                    id: index.id,
                    table: format!("i{}", index.id),
                    ready: index.building.is_none(),
                    plan: IndexPlan::resolve(&index.definition, &layout, name)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            name: name.to_owned(),
            id,
            table,
            stored,
            current,
            layout,
            key,
            key_width,
            indexes,
        })
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
        let (id, indexes) = match self {
            Self::Bucket(bucket) => (bucket.id, [].as_slice()),
            Self::Records(records) => (records.id, records.indexes.as_slice()),
        };
        std::iter::once(id).chain(indexes.iter().map(|index| index.id))
    }

    /// The tables that hold it.
    pub(crate) fn tables(&self) -> Vec<&str> {
        match self {
            Self::Bucket(bucket) => vec![&bucket.table],
            Self::Records(records) => std::iter::once(records.table.as_str())
                .chain(records.indexes.iter().map(|index| index.table.as_str()))
                .collect(),
        }
    }

    /// Its records, or an error that says what it is instead.
    pub(crate) fn records(&self) -> Result<&Arc<Records>> {
        match self {
            Self::Records(records) => Ok(records),
            Self::Bucket(bucket) => Err(Error::invalid(format!(
                "{:?} is a bucket, not a collection of records",
                bucket.name
            ))),
        }
    }

    /// The bucket, or an error that says what it is instead.
    pub(crate) fn bucket(&self) -> Result<&Arc<Bucket>> {
        match self {
            Self::Bucket(bucket) => Ok(bucket),
            Self::Records(records) => Err(Error::invalid(format!(
                "{:?} is a collection of records, not a bucket",
                records.name
            ))),
        }
    }
}

impl Catalog {
    /// A catalog of these members.
    pub(crate) fn new(mut members: Vec<Member>) -> Self {
        members.sort_by(|a, b| a.name().cmp(b.name()));
        Self {
            members,
            ..Self::default()
        }
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
        Self::new(members)
    }

    /// A copy without one.
    pub(crate) fn without(&self, name: &str) -> Self {
        Self::new(
            self.members
                .iter()
                .filter(|member| member.name() != name)
                .cloned()
                .collect(),
        )
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
        stored: &Records,
    ) -> Result<Binding> {
        let binding = Binding {
            slot,
            writable: compare(declared, stored)?.allows_writing(),
            usable: Usable::of(declared, stored),
        };
        self.bound.write().insert(id, binding.clone());
        Ok(binding)
    }
}

/// Whether a declaration fits what is stored, and what there is to do. Indexes are told by their
/// ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Indexes that are declared and not stored so.
    pub(crate) build: Vec<IndexDefinition>,
    /// Indexes that are stored and of no use: not declared, or never finished and declared
    /// otherwise.
    pub(crate) drop: Vec<u32>,
    /// Ready indexes that are declared otherwise. Each stays until the new one is ready.
    pub(crate) replace: Vec<u32>,
    /// Declared indexes whose build was begun and not finished.
    pub(crate) resume: Vec<u32>,
    /// A newer version of the same shape.
    pub(crate) version: bool,
}

impl Difference {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the collection can be written as it is declared: every index that is declared is
    /// there, if unfinished, and kept up by who writes.
    pub(crate) fn allows_writing(&self) -> bool {
        self.build.is_empty() && self.drop.is_empty() && !self.version
    }
}

/// Compares a declaration with what is stored under its name.
pub(crate) fn compare(declared: &RecordType, stored: &Records) -> Result<Difference> {
    let current = &stored.current;
    if current.version > declared.version {
        return Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "collection {:?} has version {} in the file, this program knows version {}; \
                 nothing was written, use a newer program",
                declared.name, current.version, declared.version
            ),
        ));
    }
    let mut differences = Vec::new();
    if current.key != declared.key || current.auto != declared.auto {
        differences.push(format!(
            "its key is {}, not {}",
            key_text(current),
            key_text(declared)
        ));
    }
    describe_fields(current, declared, &mut differences);
    if !differences.is_empty() {
        let remedy = if current.version == declared.version {
            "restore the declaration, or raise the version"
        } else {
            "this version of larder cannot migrate records; keep the shape, or load the records \
             into a new collection"
        };
        return Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "the declaration of collection {:?} differs from version {} in the file: {}; \
                 {remedy}",
                declared.name,
                current.version,
                differences.join(", ")
            ),
        ));
    }
    let mut difference = Difference {
        version: declared.version > current.version,
        ..Difference::default()
    };
    compare_indexes(&declared.indexes, &stored.stored.indexes, &mut difference);
    Ok(difference)
}

fn compare_indexes(declared: &[IndexDefinition], stored: &[StoredIndex], out: &mut Difference) {
    for index in stored {
        let same = declared.contains(&index.definition);
        let ready = index.building.is_none();
        let renewed = declared
            .iter()
            .any(|declared| declared.name == index.definition.name);
        match (same, ready) {
            (true, true) => {}
            (true, false) => out.resume.push(index.id),
            (false, true) if renewed => out.replace.push(index.id),
            (false, _) => out.drop.push(index.id),
        }
    }
    let missing =
        |definition: &&IndexDefinition| stored.iter().all(|index| index.definition != **definition);
    out.build = declared.iter().filter(missing).cloned().collect();
}

fn key_text(record: &RecordType) -> String {
    let auto = if record.auto { " (auto)" } else { "" };
    format!("({}){auto}", record.key.join(", "))
}

/// Names each field that is not the same in both.
fn describe_fields(stored: &RecordType, declared: &RecordType, out: &mut Vec<String>) {
    for field in &stored.fields {
        match declared
            .fields
            .iter()
            .find(|other| other.name == field.name)
        {
            None => out.push(format!("field `{}: {}` is gone", field.name, field.ty)),
            Some(other) if other.ty != field.ty => {
                out.push(format!(
                    "field `{}` is {}, was {}",
                    field.name, other.ty, field.ty
                ));
            }
            Some(_) => {}
        }
    }
    for field in &declared.fields {
        if stored.fields.iter().all(|other| other.name != field.name) {
            out.push(format!("field `{}: {}` is new", field.name, field.ty));
        }
    }
    let order = |record: &RecordType| {
        record
            .fields
            .iter()
            .map(|f| f.name.clone())
            .collect::<Vec<_>>()
    };
    if out.is_empty() && order(stored) != order(declared) {
        out.push("the fields are in another order".to_owned());
    }
}
