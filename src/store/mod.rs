//! Floor 2: where bytes lie. The only folder that names redb.
//!
//! What the floors above rely on:
//! - A commit is durable when it returns: redb's two-phase commit with quick-repair, so that a page
//!   reachable from a commit is whole and opening after a crash does not walk the file.
//! - Every change of a table goes through [`WriteTable::change`] or [`WriteTable::append`].
//! - `check_integrity`, `compact` and savepoints are never called: they commit one-phase.
//! - A failed commit makes the store refuse every later write.

mod error;
mod file;
mod header;
mod open;
mod overlay;
mod table;
#[cfg(test)]
mod tests;
mod transaction;

pub(crate) use open::{Mode, OpenOptions, Place, Store};
pub(crate) use table::{ALL, Bounds, Bytes, Range, ReadTable, SnapshotTable, WriteTable};
pub(crate) use transaction::{ReadTransaction, WriteTransaction};
