//! What is this file, and what does it hold? For tools that know nothing of the program that wrote it.

use uuid::Uuid;

use super::database::Database;
use super::path_index::{IndexInfo, list};
use crate::base::Result;
use crate::schema::catalog::{Member, Records};
use crate::schema::json_schema::JsonSchema;
use crate::schema::types::RecordType;
use crate::store::FORMAT_VERSION;
use crate::txn::read::ReadTx;

/// What [`Database::info`] tells of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseInfo {
    /// The random id that it was created with.
    pub id: Uuid,
    /// The version of the file's format.
    pub format: u32,
    /// How often it was restored from a snapshot.
    pub epoch: u64,
    /// The sequence of the last commit.
    pub sequence: u64,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// Bytes of the file; none of a snapshot, which is no such file.
    pub file_bytes: Option<u64>,
    /// Bytes at the front of it, for the header and the commit log.
    pub log_bytes: u64,
    /// Bytes of keys and values, of records and indexes, and of what leads to them.
    pub used_bytes: u64,
}

impl DatabaseInfo {
    /// Bytes of the file in which nothing lies: what was removed, and room that pages have left. A good part of
    /// it is what [`Database::compact`] would give back; some room every page has.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        let data = self.file_bytes.unwrap_or(0).saturating_sub(self.log_bytes);
        data.saturating_sub(self.used_bytes)
    }
}

/// What [`ReadTx::collections`] tells of a collection or bucket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// What lies in it.
    pub kind: CollectionKind,
    /// How many records, documents or entries it has.
    pub entries: u64,
    /// Its indexes, those that are being built among them.
    pub indexes: Vec<IndexInfo>,
}

/// What lies in a collection or bucket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CollectionKind {
    /// Records of a type, in its current version. What it says of indexes is in
    /// [`CollectionInfo::indexes`] instead.
    Records(RecordType),
    /// Documents.
    Documents {
        /// The version of their schema.
        version: u32,
        /// The JSON Schema that each of them fits.
        json_schema: Option<serde_json::Value>,
    },
    /// Bytes under keys.
    Bucket {
        /// The name of the keys' type, as [`Key::describe`](crate::Key::describe) has it.
        key: String,
    },
}

impl Database {
    /// What the file is: its size, and how much of it is in use. Reads the pages that lead to those with
    /// records, so it takes a moment for a large file.
    pub fn info(&self) -> Result<DatabaseInfo> {
        let tx = self.read()?;
        let store = &self.core.store;
        let used = tx.transaction().used_bytes()?;
        let size = match used {
            Some(_) => Some(store.size()?),
            None => None,
        };
        Ok(DatabaseInfo {
            id: self.id(),
            format: FORMAT_VERSION,
            epoch: store.epoch(),
            sequence: self.commit_sequence(),
            is_encrypted: self.is_encrypted(),
            file_bytes: size.map(|(file, _)| file),
            log_bytes: size.map_or(0, |(_, log)| log),
            used_bytes: used.unwrap_or(0),
        })
    }
}

impl ReadTx {
    /// All collections and buckets, in the order of their names.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// db.write(|tx| tx.bucket("settings")?.put("theme", "dark"))?;
    /// for collection in db.read()?.collections()? {
    ///     println!("{}: {}", collection.name, collection.entries);
    /// #   assert_eq!((collection.name.as_str(), collection.entries), ("settings", 1));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let members = self.catalog().members().iter().enumerate();
        members
            .map(|(slot, member)| match member {
                Member::Records(info) => describe(self, slot, info),
                Member::Bucket(info) => Ok(CollectionInfo {
                    name: info.name.clone(),
                    kind: CollectionKind::Bucket {
                        key: info.key.clone(),
                    },
                    entries: self
                        .any_bucket(&info.name)?
                        .map_or(Ok(0), |bucket| bucket.len())?,
                    indexes: Vec::new(),
                }),
            })
            .collect()
    }
}

fn describe(tx: &ReadTx, slot: usize, info: &Records) -> Result<CollectionInfo> {
    let tables = tx.tables(slot, info)?;
    let kind = if let Ok(typed) = info.typed() {
        CollectionKind::Records(typed.current.clone())
    } else {
        let schema = info.documents()?.json_schema.as_ref();
        CollectionKind::Documents {
            version: info.upgrades.current,
            json_schema: schema.map(JsonSchema::to_value).transpose()?,
        }
    };
    Ok(CollectionInfo {
        name: info.name.clone(),
        kind,
        entries: tables.records().len()?,
        indexes: list(Some(info), &tables)?,
    })
}
