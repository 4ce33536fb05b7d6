//! What may happen to redb between begin and commit?

use redb::{Durability, TableDefinition};

use super::controls::{Control, Controls};
use super::error::{from_storage, from_table};
use super::guard::guarded;
use super::table::{SnapshotTable, WriteTable};
use crate::base::sync::{AtomicUsize, Ordering};
use crate::base::{Error, ErrorKind, Result};

type Slice = &'static [u8];

/// A snapshot of the whole database.
pub(crate) struct ReadTransaction(pub(super) redb::ReadTransaction);

impl ReadTransaction {
    /// Opens a table, `None` when the snapshot has none of that name. Costs about 0.4 us: keep it.
    pub(crate) fn open_table(&self, name: &str) -> Result<Option<SnapshotTable>> {
        let definition = TableDefinition::<Slice, Slice>::new(name);
        let open = || match self.0.open_table(definition) {
            Ok(table) => Ok(Some(SnapshotTable(table))),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error),
        };
        guarded(open, from_table)
    }
}

/// The one write transaction there can be.
///
/// It must not be dropped while its thread unwinds from a panic, or redb walks the whole file at
/// the next opening; [`abort`](WriteTransaction::abort) sees to that.
pub(crate) struct WriteTransaction {
    inner: redb::WriteTransaction,
    /// Handles and iterators alive.
    open: AtomicUsize,
    /// Changes of several tables that were begun and not finished.
    unfinished: AtomicUsize,
    controls: Controls,
}

/// A change of several tables that belong together. A transaction with an unfinished one (an error
/// or a panic half way) cannot commit, whatever its closure says.
pub(crate) struct Change<'tx>(&'tx AtomicUsize);

impl Change<'_> {
    /// Everything that belongs together is written.
    pub(crate) fn finish(self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came of a commit that failed.
pub(crate) enum CommitFailure {
    /// Nothing of the transaction is in the file, and nothing is wrong with it.
    RolledBack(Error),
    /// The transaction may be in the file or not.
    Unknown(Error),
}

impl WriteTransaction {
    pub(super) fn new(inner: redb::WriteTransaction, controls: Controls) -> Self {
        Self {
            inner,
            open: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            controls,
        }
    }

    /// Begins a change of several tables that belong together.
    pub(crate) fn begin_change(&self) -> Change<'_> {
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        Change(&self.unfinished)
    }

    /// Opens a table, creating an absent one. A table can be open once at a time. Costs about 1 us.
    pub(crate) fn open_table(&self, name: &str) -> Result<WriteTable<'_>> {
        let definition = TableDefinition::<Slice, Slice>::new(name);
        let table = guarded(|| self.inner.open_table(definition), from_table)?;
        Ok(WriteTable::new(table, &self.open))
    }

    /// Deletes a table with all that is in it, in time that grows with its pages.
    pub(crate) fn delete_table(&self, name: &str) -> Result<()> {
        let definition = TableDefinition::<Slice, Slice>::new(name);
        guarded(|| self.inner.delete_table(definition), from_table)?;
        Ok(())
    }

    /// Ends a transaction that changed nothing.
    pub(crate) fn finish_unchanged(self) -> Result<()> {
        let sound = self.check_sound();
        abort(self.inner);
        sound
    }

    /// Whether nothing was leaked, and nothing left half done.
    fn check_sound(&self) -> Result<()> {
        if self.open.load(Ordering::Relaxed) != 0 {
            return Err(Error::invalid(
                "a collection handle or an iterator was leaked (mem::forget?), so the transaction \
                 was rolled back",
            ));
        }
        if self.unfinished.load(Ordering::Relaxed) != 0 {
            return Err(Error::new(
                ErrorKind::Io,
                "an earlier operation of the transaction failed half way, so it was rolled back",
            ));
        }
        Ok(())
    }

    /// Makes everything durable and visible, or nothing.
    pub(super) fn commit(mut self) -> Result<(), CommitFailure> {
        if let Err(error) = self.check_sound() {
            abort(self.inner);
            return Err(CommitFailure::RolledBack(error));
        }
        let durability = if self.controls.has(Control::AcknowledgeBeforeSync) {
            Durability::None
        } else {
            Durability::Immediate
        };
        if let Err(error) = self.inner.set_durability(durability) {
            abort(self.inner);
            return Err(CommitFailure::RolledBack(
                Error::new(ErrorKind::Io, "a durable commit was refused").because(error),
            ));
        }
        self.inner
            .set_two_phase_commit(!self.controls.has(Control::OnePhase));
        let quick_repair =
            !self.controls.has(Control::OnePhase) && !self.controls.has(Control::NoQuickRepair);
        self.inner.set_quick_repair(quick_repair);
        let inner = self.inner;
        let committed = guarded(
            || match inner.commit() {
                Err(redb::CommitError::TransactionPoisoned) => Ok(false),
                result => result.map(|()| true),
            },
            |error| match error {
                redb::CommitError::Storage(error) => from_storage(error),
                other => Error::new(ErrorKind::Io, "commit failed").because(other),
            },
        );
        match committed {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitFailure::RolledBack(Error::new(
                ErrorKind::Io,
                "an earlier operation of the transaction failed half way, so it was rolled back",
            ))),
            Err(error) => Err(CommitFailure::Unknown(error)),
        }
    }

    /// Undoes everything. On a thread that unwinds, another thread does it, since redb leaves the
    /// transaction's pages behind when it is dropped in a panic.
    pub(crate) fn abort(self) {
        abort(self.inner);
    }
}

fn abort(inner: redb::WriteTransaction) {
    // An error here has been latched by redb, and the next call reports it.
    if std::thread::panicking() {
        // Where no thread can be had, the transaction is dropped with the closure, and the next
        // opening repairs.
        let _ = std::thread::Builder::new()
            .spawn(move || inner.abort())
            .map(std::thread::JoinHandle::join);
    } else {
        let _ = guarded(|| inner.abort(), from_storage);
    }
}
