//! Floor 0: the words every floor uses. Imports nothing but std.

pub(crate) mod clock;
pub(crate) mod commit;
pub(crate) mod error;
pub(crate) mod limits;
pub(crate) mod name;
pub(crate) mod sync;
pub(crate) mod threads;

pub use commit::CommitId;
pub use error::{Error, ErrorKind, Result, SchemaVersions};
