//! What does a reader see? The database as one commit left it.

use super::core::{Core, Reader};
use crate::base::Result;
use crate::base::sync::{Arc, OnceLock};
use crate::collection::tables::{Opened, Tables};
use crate::schema::catalog::{Catalog, Records};
use crate::store::{ReadTransaction, SnapshotTable};

/// A snapshot of the whole database, released when it is dropped.
///
/// Readers wait for nobody and nobody waits for them; only [`compact`](crate::Database::compact) waits for
/// those that are alive, and keeps others out for a moment. Pages that a snapshot sees are not reused
/// while it lives: a long-lived one makes the file grow with every commit
/// ([`Database::readers`](crate::Database::readers) tells of it).
pub struct ReadTx {
    transaction: ReadTransaction,
    catalog: Arc<Catalog>,
    /// The tables opened so far, by the slot of their collection or bucket.
    opened: Box<[OnceLock<OpenedMember>]>,
    /// Behind what it reads with: nobody swaps the file before that is gone.
    _reader: Reader,
}

enum OpenedMember {
    Records(Opened),
    Bucket(Option<SnapshotTable>),
}

impl ReadTx {
    pub(crate) fn begin(core: &Arc<Core>) -> Result<Self> {
        // Before it begins: what the file is swapped for must not find it half begun.
        let reader = core.enter_reader();
        let (transaction, catalog) = core.begin_read()?;
        let opened = catalog.members().iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            transaction,
            catalog,
            opened,
            _reader: reader,
        })
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(crate) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    /// The tables of the collection in `slot` of this snapshot's catalog.
    pub(crate) fn tables<'tx>(&'tx self, slot: usize, info: &'tx Records) -> Result<Tables<'tx>> {
        let transaction = &self.transaction;
        match self.open(slot, || {
            Ok(OpenedMember::Records(Opened::new(transaction, info)?))
        })? {
            Some(OpenedMember::Records(opened)) => Ok(Tables::Snapshot {
                transaction,
                opened,
                info,
            }),
            _ => Ok(Tables::Absent),
        }
    }

    /// The table of the bucket in `slot`, `None` where there is none.
    pub(crate) fn bucket_table(&self, slot: usize, name: &str) -> Result<Option<&SnapshotTable>> {
        let open = || Ok(OpenedMember::Bucket(self.transaction.open_table(name)?));
        match self.open(slot, open)? {
            Some(OpenedMember::Bucket(table)) => Ok(table.as_ref()),
            _ => Ok(None),
        }
    }

    fn open(
        &self,
        slot: usize,
        open: impl FnOnce() -> Result<OpenedMember>,
    ) -> Result<Option<&OpenedMember>> {
        let Some(cell) = self.opened.get(slot) else {
            return Ok(None);
        };
        if let Some(opened) = cell.get() {
            return Ok(Some(opened));
        }
        // Two threads may both get here; the first one's tables stay.
        let opened = open()?;
        Ok(Some(cell.get_or_init(|| opened)))
    }
}

impl std::fmt::Debug for ReadTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadTx").finish_non_exhaustive()
    }
}
