//! Floor 5: what is a backup?
//!
//! `format` says how a snapshot lies in its file, `block` how entries lie in a block, `seal` what makes sure of
//! one. `write`, `pack` and `dictionary` write, `read` (and `ahead` of it) one file, `tables` what a reader sees of one or of a chain;
//! `content` is what both sum up. `directory` finds those that are kept together, `retention` says which are kept.

mod ahead;
mod block;
mod cache;
mod content;
mod dictionary;
mod directory;
mod format;
mod pack;
mod read;
mod retention;
mod seal;
mod tables;
mod verify;
mod write;

pub(crate) use directory::{Contents, KeptFile, name_of, other_name};
pub(crate) use format::{Header, Moment};
pub(crate) use read::SnapshotFile;
pub(crate) use retention::Dated;
pub use retention::{KeptAs, Retention, RetentionPlan};
pub(crate) use tables::{Changed, SnapshotTables, changes};
pub(crate) use write::SnapshotWriter;
