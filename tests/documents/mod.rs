//! Documents: JSON beside typed records.

mod collection;
mod ndjson;
mod patches;
mod review;
mod schema;
