//! Floor 4: what happens to one record. Bytes in, bytes out; the Rust types are upstairs.

pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod document;
pub(crate) mod entry;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod read;
pub(crate) mod rebuild;
pub(crate) mod tables;
pub(crate) mod undo;
pub(crate) mod write;
