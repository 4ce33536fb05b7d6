//! Floor 6: what does the user hold in hand? One room per feature.

mod aggregate;
mod bucket;
mod builder;
mod bulk;
mod check;
mod collection;
mod collection_mut;
mod cursor;
mod database;
mod document;
mod documents;
mod documents_mut;
mod documents_of;
mod encryption;
mod explain;
mod filter;
mod index;
mod index_build;
mod iter;
#[cfg(feature = "keychain")]
mod keychain;
mod ndjson;
mod patch;
mod path_index;
mod project;
mod query;
mod register;
mod scrub;
mod select;
mod sort;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod timestamp;
mod transaction;
mod view;

pub use aggregate::{Sum, ValuePath};
pub use bucket::{Bucket, BucketEntries, BucketMut, BucketValue};
pub use builder::Builder;
pub use check::{CheckReport, Problem};
pub use collection::Collection;
pub use collection_mut::CollectionMut;
pub use cursor::Cursor;
pub use database::Database;
pub use document::{Document, IntoDocument};
pub use documents::{DocumentIter, DocumentView, Documents};
pub use documents_mut::DocumentsMut;
pub use documents_of::{DocumentsOf, DocumentsOfMut};
pub use encryption::Unlock;
pub use explain::Explanation;
pub use filter::{Filter, IntoFilter, Operand};
pub use index::{IndexReader, IndexToken};
pub use iter::{IndexEntries, Iter};
pub use path_index::{IndexInfo, PathIndex};
pub use query::{Found, Query, QueryIter};
pub use register::CollectionOptions;
pub use select::{Projected, Selected, Selection};
pub use sort::IntoSort;
pub use transaction::Readable;
pub use view::View;
