//! How does a database get another key, or none, or a smaller file? It is copied, table by table and in
//! order, into a new file, which has a data key of its own.

use std::path::Path;

use redb::TableHandle;

use super::create::create_with;
use super::error::from_storage;
use super::guard::guarded;
use super::open::OpenOptions;
use super::store::Store;
use super::table::{ALL, ReadTable};
use crate::base::{Error, Result};

impl Store {
    /// Copies what is committed now into a new file at `path`; others may read and write meanwhile.
    /// It is the same database: id, epoch and commit sequence stay.
    pub(crate) fn copy_to(&self, path: &Path, options: &OpenOptions) -> Result<()> {
        let (identity, log_bytes) = {
            let header = &self.unlocked.lock().header;
            ((header.database_id, header.epoch), header.log_bytes)
        };
        let options = &OpenOptions {
            log_bytes,
            ..options.clone()
        };
        let from = self.begin_read()?;
        create_with(path, options, Some(identity), |to| {
            let writing = to.begin_write()?;
            for handle in guarded(|| from.0.list_tables(), from_storage)? {
                let name = handle.name();
                let table = from.open_table(name)?.ok_or_else(|| {
                    Error::corrupt(format!("table {name:?} is listed, and is not there"))
                })?;
                let mut copy = writing.open_table(name)?;
                copy.append(ReadTable::Snapshot(&table).range(ALL)?)?;
            }
            to.commit_durably(writing)
        })
        .map_err(|error| error.during(format!("copy to {}", path.display())))
    }
}
