//! What may happen to redb between begin and commit?

use redb::{Durability, TableDefinition, TableHandle};

use super::controls::{Control, Controls};
use super::error::{from_storage, from_table};
use super::guard::guarded;
use super::journal::{Journal, Part};
use super::kept::KeptTables;
use super::table::{SnapshotTable, WriteTable};
use crate::base::sync::{Arc, AtomicUsize, Mutex, OnceLock, Ordering};
use crate::base::{Error, ErrorKind, Result};

type Slice = &'static [u8];

/// A snapshot of the whole database.
pub(crate) enum ReadTransaction {
    Database(redb::ReadTransaction),
    /// Of a file that is written once.
    Kept(Arc<dyn KeptTables>),
}

impl ReadTransaction {
    /// Opens a table, `None` when the snapshot has none of that name. Costs about 0.4 us: keep it.
    pub(crate) fn open_table(&self, name: &str) -> Result<Option<SnapshotTable>> {
        let transaction = match self {
            Self::Database(transaction) => transaction,
            Self::Kept(tables) => {
                return Ok(tables.table(name)?.map(SnapshotTable::Kept));
            }
        };
        let definition = TableDefinition::<Slice, Slice>::new(name);
        let open = || match transaction.open_table(definition) {
            Ok(table) => Ok(Some(SnapshotTable::Database(table))),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error),
        };
        guarded(open, from_table)
    }

    /// Verifies everything where it lies in a file that is written once; in a database every block is when it is
    /// read.
    ///
    /// # Errors
    /// `Corrupt`, with all that is wrong.
    pub(crate) fn verify_kept(&self) -> Result<()> {
        let Self::Kept(tables) = self else {
            return Ok(());
        };
        let problems = tables.problems()?;
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::corrupt(problems.join("; ")))
    }

    /// The names of all tables, in their order.
    pub(crate) fn tables(&self) -> Result<Vec<String>> {
        let transaction = match self {
            Self::Database(transaction) => transaction,
            Self::Kept(tables) => return Ok(tables.names()),
        };
        let handles = guarded(|| transaction.list_tables(), from_storage)?;
        let mut names: Vec<String> = handles.map(|handle| handle.name().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Bytes of all tables; of a file that is written once `None`.
    pub(crate) fn used_bytes(&self) -> Result<Option<u64>> {
        let mut sum = Some(0_u64);
        for name in self.tables()? {
            let used = self.existing_table(&name)?.used_bytes()?;
            sum = sum.zip(used).map(|(sum, used)| sum.saturating_add(used));
        }
        Ok(sum)
    }

    /// A table that was listed.
    pub(crate) fn existing_table(&self, name: &str) -> Result<SnapshotTable> {
        self.open_table(name)?
            .ok_or_else(|| Error::corrupt(format!("table {name:?} is listed, and is not there")))
    }
}

/// The one write transaction there can be.
///
/// It must not be dropped while its thread unwinds from a panic, or redb walks the whole file at
/// the next opening; [`abort`](WriteTransaction::abort) sees to that.
pub(crate) struct WriteTransaction {
    inner: redb::WriteTransaction,
    pub(super) state: State,
    controls: Controls,
}

/// How many records are few for a step.
const STEP_RECORDS_FEW: u64 = 16;

/// What its tables tell it.
pub(super) struct State {
    /// Handles and iterators alive.
    pub(super) open: AtomicUsize,
    /// Changes of several tables that were begun and not finished.
    unfinished: AtomicUsize,
    /// The first failure of redb's: what it left behind cannot be committed.
    broken: OnceLock<(ErrorKind, String)>,
    pub(super) journal: Mutex<Journal>,
}

impl State {
    /// Passes a result on, and remembers where redb failed.
    pub(super) fn note<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.note_error(error);
        }
        result
    }

    #[cold]
    pub(super) fn note_error(&self, error: &Error) {
        // Those two say that nothing was done.
        if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit) {
            let _ = self.broken.set((error.kind(), error.to_string()));
        }
    }

    /// What was half done was undone.
    pub(super) fn forget_unfinished(&self) {
        self.unfinished.store(0, Ordering::Relaxed);
    }
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
    pub(super) fn new(
        inner: redb::WriteTransaction,
        part_bytes_max: usize,
        controls: Controls,
    ) -> Self {
        Self {
            inner,
            state: State {
                open: AtomicUsize::new(0),
                unfinished: AtomicUsize::new(0),
                broken: OnceLock::new(),
                journal: Mutex::new(Journal::new(part_bytes_max)),
            },
            controls,
        }
    }

    /// Most records of one step of what is done in steps, where so many are usual.
    pub(crate) fn step_records_max(&self, usual: u64) -> u64 {
        if self.controls.has(Control::SmallSteps) {
            STEP_RECORDS_FEW
        } else {
            usual
        }
    }

    /// Begins a change of several tables that belong together.
    pub(crate) fn begin_change(&self) -> Change<'_> {
        self.state.unfinished.fetch_add(1, Ordering::Relaxed);
        Change(&self.state.unfinished)
    }

    /// Opens a table, creating an absent one. A table can be open once at a time. Costs about 1 us.
    pub(crate) fn open_table(&self, name: &str) -> Result<WriteTable<'_>> {
        let definition = TableDefinition::<Slice, Slice>::new(name);
        let table = guarded(|| self.inner.open_table(definition), from_table);
        let number = self.state.journal.lock().table(name);
        Ok(WriteTable::new(
            self.state.note(table)?,
            number,
            &self.state,
        ))
    }

    /// Deletes a table with all that is in it, in time that grows with its pages.
    pub(crate) fn delete_table(&self, name: &str) -> Result<()> {
        let definition = TableDefinition::<Slice, Slice>::new(name);
        let deleted = guarded(|| self.inner.delete_table(definition), from_table);
        if self.state.note(deleted)? {
            self.state.journal.lock().bypass();
        }
        Ok(())
    }

    /// What was done to the tables as such is not undone entry by entry.
    pub(crate) fn cannot_undo(&self) {
        self.state.journal.lock().cannot_undo();
    }

    /// What was changed since the last part; it stays from now on, whatever follows.
    ///
    /// # Errors
    /// Those of something that was leaked or left half done; what was changed must be undone then.
    pub(crate) fn end_part(&self, revision: u64) -> Result<Part> {
        self.check_sound()?;
        let part = self.state.journal.lock().take_part();
        Ok(Part { revision, ..part })
    }

    /// Whether handles or iterators were leaked, so that redb has what was changed in its hand still.
    pub(crate) fn is_leaking(&self) -> bool {
        self.state.open.load(Ordering::Relaxed) != 0
    }

    /// The first failure of redb's, after which nothing can be committed, and nothing undone.
    pub(crate) fn check_unbroken(&self) -> Result<()> {
        match self.state.broken.get() {
            Some(_) if self.controls.has(Control::UndoAfterError) => Ok(()),
            Some((kind, text)) => Err(Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }

    /// Whether nothing was leaked, nothing left half done, and nothing failed.
    fn check_sound(&self) -> Result<()> {
        if self.is_leaking() {
            return Err(Error::invalid(
                "a collection handle or an iterator was leaked (mem::forget?), so the transaction \
                 was rolled back",
            ));
        }
        self.check_unbroken()?;
        if self.state.unfinished.load(Ordering::Relaxed) != 0 {
            return Err(Error::new(
                ErrorKind::Io,
                "an earlier operation of the transaction failed half way, so it was rolled back",
            ));
        }
        Ok(())
    }

    /// Makes everything durable and visible, or nothing.
    pub(super) fn commit(mut self) -> Result<(), CommitFailure> {
        self.inner
            .set_two_phase_commit(!self.controls.has(Control::OnePhase));
        let quick_repair =
            !self.controls.has(Control::OnePhase) && !self.controls.has(Control::NoQuickRepair);
        self.inner.set_quick_repair(quick_repair);
        let durability = if self.controls.has(Control::AcknowledgeBeforeSync) {
            Durability::None
        } else {
            Durability::Immediate
        };
        self.finish(durability)
    }

    /// Makes everything visible: it is in the log, which makes it durable.
    pub(super) fn publish(self) -> Result<()> {
        self.finish(Durability::None)
            .map_err(|failure| match failure {
                CommitFailure::RolledBack(error) | CommitFailure::Unknown(error) => error,
            })
    }

    /// Goes on with a transaction in which something was done, or undoes all of it where that failed.
    pub(super) fn and_then(self, act: impl FnOnce(&Self) -> Result<()>) -> Result<Self> {
        match act(&self) {
            Ok(()) => Ok(self),
            Err(error) => {
                self.abort();
                Err(error)
            }
        }
    }

    fn finish(mut self, durability: Durability) -> Result<(), CommitFailure> {
        if let Err(error) = self.check_sound() {
            abort(self.inner);
            return Err(CommitFailure::RolledBack(error));
        }
        if let Err(error) = self.inner.set_durability(durability) {
            abort(self.inner);
            return Err(CommitFailure::RolledBack(
                Error::new(ErrorKind::Io, "the commit was refused").because(error),
            ));
        }
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
