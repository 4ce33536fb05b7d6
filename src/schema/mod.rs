//! Floor 3: what this database holds: types, records, indexes, and the catalog of them all.

pub(crate) mod access;
pub(crate) mod archive;
mod archived_key;
pub(crate) mod body;
pub(crate) mod catalog;
pub(crate) mod condition;
pub(crate) mod conform;
pub(crate) mod difference;
pub(crate) mod document;
pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod index_key;
pub(crate) mod json;
pub(crate) mod json_schema;
pub(crate) mod key;
pub(crate) mod layout;
pub(crate) mod order;
pub(crate) mod private;
pub(crate) mod record;
pub(crate) mod step;
pub(crate) mod storable;
pub(crate) mod token;
pub mod types;
pub(crate) mod upgrade;
pub(crate) mod versions;
pub(crate) mod view;
