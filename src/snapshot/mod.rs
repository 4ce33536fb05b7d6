//! Floor 5: what is a backup?

mod block;
mod format;
mod read;
mod write;

pub(crate) use format::Header;
pub(crate) use read::{SnapshotFile, Source};
pub(crate) use write::SnapshotWriter;
