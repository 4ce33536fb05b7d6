//! What if the tables lie in no database, but in a file that is written once? Whoever reads that says here
//! how; everything above reads it like a transaction's.

use std::fmt::Debug;
use std::ops::Deref;

use std::path::Path;

use super::disk::{Disk, OpenError};
use super::error::from_io;
use super::open::OpenOptions;
use super::table::Bounds;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// Opens a file that nobody writes any more; others may read it, too.
pub(crate) fn open_kept(path: &Path, mapped: bool, options: &OpenOptions) -> Result<Box<dyn Disk>> {
    options
        .volume
        .open_kept(path, mapped)
        .map_err(|error| match error {
            OpenError::Locked => Error::new(
                ErrorKind::Locked,
                "it is being written, or it is a database that is open",
            ),
            OpenError::NotAFile => Error::new(ErrorKind::NotADatabase, "this is not a file"),
            OpenError::Io(error) => from_io(error, "it cannot be read"),
        })
}

/// Tables that nobody changes any more.
pub(crate) trait KeptTables: Debug + Send + Sync {
    /// The names of all tables, in their order.
    fn names(&self) -> Vec<String>;

    /// A table, `None` where there is none of that name.
    fn table(&self, name: &str) -> Result<Option<Box<dyn KeptTable>>>;

    /// Verifies everything: what is damaged, each as a sentence.
    fn problems(&self) -> Result<Vec<String>>;
}

/// One of them.
pub(crate) trait KeptTable: Send + Sync {
    /// How many entries it has; takes constant time.
    fn len(&self) -> u64;

    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<KeptBytes>>;

    /// The entries between two bounds, which do not cross.
    fn range(&self, bounds: Bounds<'_>) -> Result<Box<dyn KeptRange + '_>>;
}

/// The entries of a kept table between two bounds, from both ends. Behind an error nothing more is asked for.
pub(crate) trait KeptRange {
    /// The next entry, from the other end where `back` says so.
    fn step(&mut self, back: bool) -> Option<Result<KeptEntry>>;
}

/// Key and value.
pub(crate) type KeptEntry = (KeptBytes, KeptBytes);

/// Entries, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct KeptBlock {
    pub(crate) bytes: Vec<u8>,
    /// Where the first begins.
    pub(crate) start: u32,
    /// Of each entry where its key ends, and where it ends itself.
    pub(crate) ends: Vec<[u32; 2]>,
}

/// Bytes of a block, which is kept as long as they are.
#[derive(Clone)]
pub(crate) struct KeptBytes {
    block: Arc<KeptBlock>,
    start: usize,
    end: usize,
}

impl KeptBytes {
    /// Those between two offsets; none where they lie outside.
    pub(crate) fn new(block: Arc<KeptBlock>, start: usize, end: usize) -> Self {
        Self { block, start, end }
    }
}

impl AsRef<[u8]> for KeptBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for KeptBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.block
            .bytes
            .get(self.start..self.end)
            .unwrap_or_default()
    }
}
