//! Which tables make up a collection, and how are they read in any kind of transaction?

use crate::base::sync::OnceLock;
use crate::base::{Error, Result};
use crate::schema::catalog::Records;
use crate::store::{
    Bytes, ReadTable, ReadTransaction, SnapshotTable, WriteTable, WriteTransaction,
};

/// The tables of one collection in one transaction.
pub(crate) enum Tables<'tx> {
    /// The collection does not exist in this snapshot: it reads as empty.
    Absent,
    Snapshot {
        transaction: &'tx ReadTransaction,
        opened: &'tx Opened,
        info: &'tx Records,
    },
    Writing(WritingTables<'tx>),
}

/// The tables of a collection in a write transaction, open.
pub(crate) struct WritingTables<'tx> {
    pub(crate) transaction: &'tx WriteTransaction,
    pub(crate) records: WriteTable<'tx>,
    /// In the order of the collection's indexes.
    pub(crate) indexes: Box<[WriteTable<'tx>]>,
    /// What migrations have overwritten, where there may be something.
    pub(crate) undo: Option<Box<WriteTable<'tx>>>,
}

/// The tables of a collection that a read transaction has opened so far. It keeps them.
#[derive(Default)]
pub(crate) struct Opened {
    records: Option<SnapshotTable>,
    indexes: Box<[OnceLock<Option<SnapshotTable>>]>,
}

impl Opened {
    pub(crate) fn new(transaction: &ReadTransaction, info: &Records) -> Result<Self> {
        let records = transaction.open_table(&info.table)?;
        let indexes = info.indexes.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { records, indexes })
    }
}

impl<'tx> Tables<'tx> {
    /// The table of the records.
    pub(crate) fn records(&self) -> ReadTable<'_, 'tx> {
        match self {
            Self::Absent => ReadTable::Absent,
            Self::Snapshot { opened, .. } => ReadTable::of(opened.records.as_ref()),
            Self::Writing(writing) => ReadTable::Writing(&writing.records),
        }
    }

    /// The table of the records where it is one of a read transaction, which threads may share.
    pub(crate) fn snapshot(&self) -> Option<&'tx SnapshotTable> {
        match self {
            Self::Snapshot { opened, .. } => opened.records.as_ref(),
            Self::Absent | Self::Writing(_) => None,
        }
    }

    /// The table of index `position`.
    pub(crate) fn index(&self, position: usize) -> Result<ReadTable<'_, 'tx>> {
        match self {
            Self::Absent => Ok(ReadTable::Absent),
            Self::Snapshot {
                transaction,
                opened,
                info,
            } => {
                let (Some(cell), Some(index)) =
                    (opened.indexes.get(position), info.indexes.get(position))
                else {
                    return Err(no_such_index(position));
                };
                if let Some(table) = cell.get() {
                    return Ok(ReadTable::of(table.as_ref()));
                }
                let table = transaction.open_table(&index.table)?;
                Ok(ReadTable::of(cell.get_or_init(|| table).as_ref()))
            }
            Self::Writing(writing) => writing
                .indexes
                .get(position)
                .map(ReadTable::Writing)
                .ok_or_else(|| no_such_index(position)),
        }
    }

    /// Empties all tables of the collection, in time that grows with the pages and not with the records.
    pub(crate) fn clear(
        &mut self,
        transaction: &'tx WriteTransaction,
        info: &Records,
    ) -> Result<()> {
        let change = transaction.begin_change();
        // The tables must be closed to be deleted.
        *self = Self::Absent;
        transaction.delete_table(&info.table)?;
        let indexes = info.indexes.iter().map(|index| &index.table);
        for table in indexes.chain(&info.undo) {
            transaction.delete_table(table)?;
        }
        *self = Self::Writing(WritingTables::open(transaction, info)?);
        change.finish();
        Ok(())
    }

    /// The tables for changing them.
    pub(crate) fn writing(&mut self) -> Result<&mut WritingTables<'tx>> {
        match self {
            Self::Writing(writing) => Ok(writing),
            Self::Absent | Self::Snapshot { .. } => Err(Error::new(
                crate::base::ErrorKind::ReadOnly,
                "this is a read transaction",
            )),
        }
    }
}

impl<'tx> WritingTables<'tx> {
    /// Opens all tables of a collection, creating those that are absent.
    pub(crate) fn open(transaction: &'tx WriteTransaction, info: &Records) -> Result<Self> {
        let records = transaction.open_table(&info.table)?;
        let indexes = info
            .indexes
            .iter()
            .map(|index| transaction.open_table(&index.table))
            .collect::<Result<_>>()?;
        let open = |table: &String| transaction.open_table(table).map(Box::new);
        Ok(Self {
            transaction,
            records,
            indexes,
            undo: info.undo.as_ref().map(open).transpose()?,
        })
    }

    /// The stored record under a key, envelope included.
    pub(crate) fn stored(&self, key: &[u8]) -> Result<Option<Bytes<'_>>> {
        ReadTable::Writing(&self.records).peek(key)
    }
}

fn no_such_index(position: usize) -> Error {
    Error::corrupt(format!("there is no index {position}"))
}
