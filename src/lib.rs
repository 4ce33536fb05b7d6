//! Larder is an embedded, local-first storage engine: typed collections with secondary indexes, JSON
//! documents and plain key-value buckets, in one ACID transaction, in one file.
//!
//! - [`record`] makes a struct a record; [`Database`] opens a file and begins transactions.
//! - In a transaction, [`Collection`] reads and [`CollectionMut`] changes the records of a type;
//!   [`Documents`] and [`DocumentsMut`] hold JSON, [`DocumentsOf`] what serde can write; [`Bucket`]
//!   holds bytes under ordered keys.
//! - What was acknowledged is there: a commit is durable when it returns.
//! - What is read is what was written: every block of the file is verified when it is read, and
//!   encrypted when it was created with a passphrase or key.
//! - Everything fallible returns the one [`Error`], whose [`kind`](Error::kind) tells what to do.
//!
//! Features: `json-schema` validates documents by a JSON Schema; `keychain` keeps a file's key in the
//! keychain of the operating system; `testing` is for this crate's own tests.
//!
//! ```
//! use larder::{Database, record};
//!
//! #[record(index(by_country_population = (country, population)))]
//! #[derive(Debug)]
//! pub struct City {
//!     #[key]
//!     pub id: u64,
//!     #[unique]
//!     pub slug: String,
//!     pub country: String,
//!     pub population: u64,
//! }
//!
//! # fn main() -> larder::Result<()> {
//! let db = Database::builder().register::<City>().in_memory()?;
//! db.write(|tx| {
//!     let mut cities = tx.collection::<City>()?;
//!     cities.insert(&City { id: 1, slug: "pula".into(), country: "HR".into(), population: 52_220 })
//! })?;
//!
//! let tx = db.read()?;
//! let cities = tx.collection::<City>()?;
//! for city in cities.by(City::BY_COUNTRY_POPULATION).range(("HR", 50_000)..=("HR", u64::MAX))? {
//!     println!("{}", city?.slug);
//! }
//! # Ok(())
//! # }
//! ```

// The macros write `::larder::..`, also where they are used within this crate.
extern crate self as larder;

mod api;
mod base;
mod codec;
mod collection;
mod query;
mod schema;
mod snapshot;
mod store;
mod txn;

pub use api::{
    AnyBucket, AnyBucketMut, AnyRecord, AnyRecords, Bucket, BucketEntries, BucketMut, BucketValue,
    Builder, ChangeKind, CheckReport, Collection, CollectionDiff, CollectionInfo, CollectionKind,
    CollectionMut, CollectionOptions, Cursor, Database, DatabaseInfo, Document, DocumentIter,
    DocumentSchema, DocumentView, Documents, DocumentsMut, DocumentsOf, DocumentsOfMut,
    Explanation, Filter, Found, IndexEntries, IndexInfo, IndexReader, IndexToken, IntoDocument,
    IntoFilter, IntoSort, Iter, Migration, MigrationEntry, MigrationEvent, MigrationPlan,
    MigrationProgress, MigrationReport, Operand, PathIndex, PlannedStep, Problem, Projected,
    PruneReport, Query, QueryIter, Readable, Selected, Selection, Snapshot, SnapshotChange,
    SnapshotDepth, SnapshotDiff, SnapshotInfo, SnapshotListing, SnapshotOptions, SnapshotStore,
    Sum, Unlock, ValuePath, View,
};
pub use base::{CommitId, Error, ErrorKind, Result, SchemaVersions};
pub use codec::key::folded::Folded;
pub use codec::key::{AsKey, DocumentKey, Key, KeyPrefix, KeyRange, KeyReader, Reverse, Starting};
pub use codec::timestamp::Timestamp;
pub use larder_derive::{part, record};
pub use schema::record::Record;
pub use schema::step::{BoxError, Downgrade};
pub use schema::storable::Storable;
pub use schema::token::{Field, Index, Order, Unique};
pub use schema::types;
pub use schema::view::{Budget, ListRef, MapRef, StructRef, ValueRef, VariantRef};
pub use snapshot::{KeptAs, Retention, RetentionPlan};
pub use store::{
    CompactReport, KdfParameters, KeyInfo, KeyKind, Outcome, RecoveryReport, ScrubProgress,
    ScrubReport, Verify,
};
pub use txn::core::Durability;
pub use txn::read::ReadTx;
pub use txn::write::WriteTx;

/// The archived forms of records are rkyv's: [`View`] derefs to them.
#[doc(inline)]
pub use rkyv;
/// A JSON value is a [`serde_json::Value`]; `serde_json::json!` writes one.
#[doc(inline)]
pub use serde_json;
/// Keys and fields can be [`uuid::Uuid`]; `Uuid::now_v7` makes keys that sort by time.
#[doc(inline)]
pub use uuid;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// What helps the tests of an application.
pub mod testing {
    pub use crate::api::golden;
    #[doc(hidden)]
    #[cfg(feature = "testing")]
    pub use crate::api::testing::*;
}

#[doc(hidden)]
pub mod __private {
    pub use crate::schema::private::*;
}
