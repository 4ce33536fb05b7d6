//! How does a database get another key, or none? It is copied, table by table and in order, into a new
//! file, which has a data key of its own.

use std::path::Path;

use super::create::{create_in_memory_as, create_with};
use super::open::OpenOptions;
use super::store::Store;
use super::table::{ALL, ReadTable};
use super::transaction::{ReadTransaction, WriteTransaction};
use crate::base::Result;

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
        from.verify_kept()
            .map_err(|error| error.during(format!("copy to {}", path.display())))?;
        create_with(path, options, Some(identity), |to| {
            let writing = to.begin_write()?;
            copy_tables(&from, &writing)?;
            to.commit_durably(writing)?;
            to.close_gaps()
        })
        .map_err(|error| error.during(format!("copy to {}", path.display())))
    }
}

/// Copies all tables into a database that has none.
pub(super) fn copy_tables(from: &ReadTransaction, to: &WriteTransaction) -> Result<()> {
    for name in from.tables()? {
        let table = from.existing_table(&name)?;
        let mut copy = to.open_table(&name)?;
        copy.append(ReadTable::Snapshot(&table).range(ALL)?)?;
    }
    Ok(())
}

/// Makes a new file at `path` with what `fill` puts into it: a database that was, with its id, in another
/// epoch. Complete or not at all.
pub(crate) fn restore_to(
    path: &Path,
    options: &OpenOptions,
    identity: (uuid::Uuid, u64),
    fill: impl FnOnce(&WriteTransaction) -> Result<()>,
) -> Result<()> {
    create_with(path, options, Some(identity), |to| {
        let writing = to.begin_write()?;
        fill(&writing)?;
        to.commit_durably(writing)?;
        to.close_gaps()
    })
}

/// The same in memory.
pub(crate) fn restore_in_memory(
    options: &OpenOptions,
    identity: (uuid::Uuid, u64),
    fill: impl FnOnce(&WriteTransaction) -> Result<()>,
) -> Result<Store> {
    let to = create_in_memory_as(options, Some(identity))?;
    let writing = to.begin_write()?;
    fill(&writing)?;
    to.commit_durably(writing)?;
    Ok(to)
}
