//! Floor 2: where bytes lie, and how they are sealed. The only folder that names redb.
//!
//! What the floors above rely on:
//! - What is read is what was written: every block is verified when it is read, and damage is an error
//!   that names the block.
//! - A commit is durable before it is visible: its frames are synced in the log, or it is a checkpoint,
//!   redb's two-phase commit with quick-repair, so that a page reachable from one is whole and opening
//!   after a crash does not walk the file; then the superblock's mirror.
//! - Every change of a table goes through [`WriteTable::change`], which the journal sees, or
//!   [`WriteTable::append`], which bypasses the log.
//! - `check_integrity`, `compact` and savepoints are never called on the live handle: they commit
//!   one-phase. (A file that nobody has yet is compacted when it was filled: `Store::close_gaps`.)
//! - The file beneath an open store may be swapped for a compacted one: what is kept of it is asked for
//!   anew each time (`Store::file`).
//! - A failed sync or commit makes the store refuse every later write.
//!
//! From the disk upwards: `disk` (the seam) and `file`, `owner` (the latch), `layout`, `header` and
//! `headers`, `seal` with `cipher`, `superblock`, `sealed` (what redb sees), `overlay`, `log`; then
//! `transaction` with `journal` and `table`, `rows`, `store`, `commit`, `open`, `create`, `copy` and `compact`;
//! `directory` for files that are kept together.

#[cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, reason = "the tests of this crate reach it")
)]
mod cipher;
mod commit;
mod compact;
#[cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, reason = "the tests of this crate reach it")
)]
mod controls;
mod copy;
mod create;
mod directory;
#[cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, reason = "the tests of this crate reach it")
)]
mod disk;
mod error;
mod file;
mod guard;
mod header;
mod headers;
#[cfg(test)]
mod hex;
mod journal;
mod kdf;
mod kept;
mod keyring;
mod keys;
mod layout;
mod log;
mod map;
mod open;
mod overlay;
mod owner;
mod random;
mod rows;
mod scrub;
mod seal;
mod sealed;
mod snapshot_key;
#[expect(clippy::module_inception, reason = "the store of the store floor")]
mod store;
mod superblock;
mod table;
#[cfg(test)]
mod tests;
mod transaction;

#[cfg(feature = "testing")]
pub use cipher::CipherKind;
pub(crate) use cipher::{Cipher, Secret};
pub(crate) use commit::Batch;
pub use commit::{Outcome, RecoveryReport};
pub use compact::CompactReport;
#[cfg(not(feature = "testing"))]
pub(crate) use controls::Control;
#[cfg(feature = "testing")]
pub use controls::{Control, Controls};
pub(crate) use copy::{restore_in_memory, restore_to};
#[cfg(feature = "testing")]
pub use create::sealed_backend;
pub(crate) use create::{NewFile, write_new_file};
pub(crate) use directory::Directory;
#[cfg(not(feature = "testing"))]
pub(crate) use disk::Disk;
#[cfg(feature = "testing")]
pub use disk::{Access, Disk, FileIdentity, OpenError, Volume};
#[cfg(feature = "testing")]
pub(crate) use file::Files;
pub(crate) use header::VERSION as FORMAT_VERSION;
pub(crate) use journal::Part;
pub use kdf::KdfParameters;
pub(crate) use kept::{
    KeptBlock, KeptBytes, KeptEntry, KeptRange, KeptTable, KeptTables, open_kept,
};
pub(crate) use keyring::Credential;
pub use keyring::{KeyInfo, KeyKind};
pub use open::Verify;
pub(crate) use open::{Mode, OpenOptions, Place};
#[cfg(feature = "testing")]
pub(crate) use random::Random;
#[cfg(feature = "keychain")]
pub(crate) use random::random_key;
#[cfg(test)]
pub(crate) use rows::COMMIT_ROW;
pub(crate) use rows::SYSTEM_TABLE;
pub use scrub::{ScrubProgress, ScrubReport};
pub(crate) use snapshot_key::{KEY_PAGE_BYTES, SnapshotKey};
pub(crate) use store::Store;
pub(crate) use table::{ALL, Bounds, Bytes, Range, ReadTable, SnapshotTable, WriteTable};
pub(crate) use transaction::{ReadTransaction, WriteTransaction};
