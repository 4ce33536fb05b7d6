//! What happens between the begin and the end of a write transaction?

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::batch::{Batch, Leaving};
use super::core::{Core, Durability, read_number};
#[cfg(feature = "testing")]
use super::group::ALONE;
use super::group::{Ask, Fate, Turn, Verdict};
use crate::base::sync::Arc;
use crate::base::{CommitId, Error, ErrorKind, Result};
use crate::schema::catalog::{
    Catalog, Member, NEXT_ID_ROW, StoredCollection, auto_row, catalog_row, migration_row,
};
use crate::store::{ReadTable, SYSTEM_TABLE, WriteTransaction};

/// A write transaction: it sees its own changes, and nobody else does until it commits.
///
/// There is one at a time. In [`Database::write`](crate::Database::write) it ends with the closure;
/// one from [`Database::begin_write`](crate::Database::begin_write) ends with
/// [`commit`](WriteTx::commit), or is rolled back when it is dropped. It stays on its thread.
pub struct WriteTx {
    pub(crate) core: Arc<Core>,
    /// `None` once it has ended.
    writing: Option<Writing>,
    /// The catalog as this transaction has it.
    catalog: RefCell<Arc<Catalog>>,
    catalog_changed: Cell<bool>,
    changed: Cell<bool>,
    /// Whether its batch has something of it.
    kept: Cell<bool>,
    durability: Cell<Durability>,
    /// The sequence that its commit will have.
    sequence: u64,
    /// The revision of everything it writes.
    revision: u64,
    /// Greatest automatic keys, by collection id, as far as they were used.
    counters: RefCell<BTreeMap<u32, Counter>>,
    _stays_on_its_thread: PhantomData<*const ()>,
}

#[derive(Clone, Copy)]
struct Counter {
    greatest: u64,
    changed: bool,
}

/// A turn, and what is written in it.
struct Writing {
    batch: Batch,
    /// Behind the batch: nobody begins before its transaction is gone.
    turn: Turn<Batch>,
}

impl WriteTx {
    pub(crate) fn begin(core: &Arc<Core>, ask: Ask) -> Result<Self> {
        // Read-only databases say so without waiting.
        if core.store.is_read_only() {
            core.store.begin_write()?;
        }
        let (turn, joined) = core.group.take(ask)?;
        let batch = match joined {
            Some(batch) => batch,
            None => Batch::begin(core)?,
        };
        Self::join(core, Writing { batch, turn })
    }

    /// The next transaction of a batch.
    fn join(core: &Arc<Core>, writing: Writing) -> Result<Self> {
        let numbers = writing.batch.next_sequence();
        let numbers = numbers.and_then(|sequence| Ok((sequence, core.next_revision()?)));
        let (sequence, revision) = match numbers {
            Ok(numbers) => numbers,
            Err(error) => {
                // Others may have an interest in what is there.
                writing.leave(core);
                return Err(error);
            }
        };
        Ok(Self {
            core: core.clone(),
            catalog: RefCell::new(writing.batch.catalog().clone()),
            writing: Some(writing),
            catalog_changed: Cell::new(false),
            changed: Cell::new(false),
            kept: Cell::new(false),
            durability: Cell::new(core.durability),
            sequence,
            revision,
            counters: RefCell::default(),
            _stays_on_its_thread: PhantomData,
        })
    }

    /// Runs a closure in a transaction of its own: `Ok` commits, `Err` and a panic roll back.
    pub(crate) fn run<R, E: From<Error>>(
        core: &Arc<Core>,
        ask: Ask,
        closure: impl FnOnce(&Self) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut tx = Self::begin(core, ask)?;
        // The panic is caught so that redb's transaction ends on a thread that does not unwind.
        match catch_unwind(AssertUnwindSafe(|| closure(&tx))) {
            Ok(Ok(result)) => {
                tx.end(true)?;
                Ok(result)
            }
            Ok(Err(error)) => {
                // What the closure saw may be gone with its batch, and its error would mislead.
                tx.end(false)?;
                Err(error)
            }
            Err(panic) => {
                let _ = tx.end(false);
                resume_unwind(panic)
            }
        }
    }

    /// Runs closures one after the other in one batch, as threads do that wait for each other.
    #[cfg(feature = "testing")]
    pub(crate) fn run_together<'c>(
        core: &Arc<Core>,
        closures: impl IntoIterator<Item = Box<dyn FnOnce(&Self) -> Result<()> + 'c>>,
    ) -> Result<Vec<Result<()>>> {
        let (turn, _) = core.group.take(ALONE)?;
        let batch = Batch::begin(core)?;
        let mut writing = Writing { batch, turn };
        let mut ended = Vec::new();
        for closure in closures {
            let mut tx = Self::join(core, writing)?;
            let result = closure(&tx);
            let fate = tx.fate()?;
            let (left, own) = tx.conclude(result.is_ok())?;
            ended.push((tx, result.and(own), fate));
            writing = left;
            if writing.batch.is_empty() {
                // As in `leave`: whoever comes next has a batch of their own.
                let Writing { batch, turn } = writing;
                batch.finish(core);
                let batch = Batch::begin(core)?;
                writing = Writing { batch, turn };
            } else if !writing.batch.has_room(core) {
                break;
            }
        }
        writing.batch.finish(core);
        let told = |(tx, own, fate): (Self, Result<()>, Arc<Fate>)| tx.told(own, &fate);
        Ok(ended.into_iter().map(told).collect())
    }

    /// Makes all changes durable and visible. When it returns an error other than
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), nothing was changed.
    pub fn commit(mut self) -> Result<()> {
        self.end(true)
    }

    /// Undoes all changes, as dropping does.
    pub fn rollback(self) {
        drop(self);
    }

    /// Whether the commit of this transaction waits until the disk has it: as the builder says, unless
    /// this is called.
    pub fn set_durability(&self, durability: Durability) {
        self.durability.set(durability);
    }

    /// Ends it: with a commit, or undoing everything. Returns when it is known what became of all that
    /// it has seen.
    fn end(&mut self, commit: bool) -> Result<()> {
        let fate = self.fate()?;
        let (writing, own) = self.conclude(commit)?;
        writing.leave(&self.core);
        if !commit && self.core.tells_early() {
            return Ok(());
        }
        self.told(own, &fate)
    }

    /// What its caller hears once the fate of its batch is known, where it would be `own` by itself.
    fn told(&self, own: Result<()>, fate: &Fate) -> Result<()> {
        if own.is_err() && self.core.tells_early() {
            return own;
        }
        self.outcome(fate.wait()).and(own)
    }

    fn fate(&self) -> Result<Arc<Fate>> {
        Ok(self.writing.as_ref().ok_or_else(ended)?.batch.fate())
    }

    /// Leaves to its batch what it did, or undoes it; gives what it failed with by itself.
    fn conclude(&mut self, commit: bool) -> Result<(Writing, Result<()>)> {
        let leaving = if commit { self.leaving() } else { Ok(None) };
        let mut writing = self.writing.take().ok_or_else(ended)?;
        let own = match leaving {
            Ok(Some(leaving)) => {
                writing.batch.keep(leaving);
                self.kept.set(true);
                Ok(())
            }
            Ok(None) => writing.undo(&self.core, Ok(())),
            Err(error) => writing.undo(&self.core, Err(error)),
        };
        Ok((writing, own))
    }

    /// What is to be committed, `None` where nothing was changed.
    fn leaving(&self) -> Result<Option<Leaving>> {
        if self.changed.get() {
            self.write_counters()?;
        }
        let part = self.transaction()?.end_part(self.revision)?;
        let changed = self.catalog_changed.get();
        Ok(self.changed.get().then(|| Leaving {
            part,
            catalog: changed.then(|| self.catalog()),
            synced: self.durability.get() == Durability::Synced,
        }))
    }

    fn outcome(&self, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Committed => Ok(()),
            Verdict::Failed(ErrorKind::OutcomeUnknown, cause) if self.kept.get() => {
                let id = self.core.store.commit_id(self.sequence);
                Err(Error::new(ErrorKind::OutcomeUnknown, cause.to_string()).about(id))
            }
            // Its sequence is that of another transaction, whose outcome is not its own.
            Verdict::Failed(ErrorKind::OutcomeUnknown, cause) => Err(Error::new(
                ErrorKind::Poisoned,
                "the transaction changed nothing, and the commit of another failed whose changes it \
                 may have seen; open the database again",
            )
            .because(cause.to_string())),
            Verdict::Failed(kind, cause) => Err(Error::new(kind, cause.to_string())),
        }
    }

    /// The sequence that its commit will have: one more than the last. A transaction that is rolled
    /// back leaves it to the next one; [`revision`](WriteTx::revision) is not given twice.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The revision of every record that it writes. No other transaction has it while the database
    /// is open, also if this one is rolled back; later ones have greater ones. All writes of one
    /// transaction have the same: see [`View::revision`](crate::View::revision).
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The name that its commit will have, to ask for its [`outcome`](crate::Database::outcome) after it
    /// ended with `Ok` or [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), or its process with it. A
    /// transaction that is rolled back leaves the name to the next one.
    #[must_use]
    pub fn commit_id(&self) -> CommitId {
        self.core.store.commit_id(self.sequence)
    }

    pub(crate) fn transaction(&self) -> Result<&WriteTransaction> {
        let writing = self.writing.as_ref().ok_or_else(ended)?;
        writing.batch.transaction()
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.borrow().clone()
    }

    /// Something was or will be written: there is something to commit.
    pub(crate) fn mark_changed(&self) {
        self.changed.set(true);
    }

    /// Stores a collection or bucket, new or in its old place.
    pub(crate) fn store_member(&self, name: &str, stored: StoredCollection) -> Result<Member> {
        self.mark_changed();
        // Its tables come to be as they are opened.
        self.transaction()?.cannot_undo();
        let row = stored.encode()?;
        let member = stored.resolve(name, self.catalog.borrow().code())?;
        self.transaction()?
            .open_table(SYSTEM_TABLE)?
            .change(&catalog_row(name), Some(&row))?;
        self.replace_catalog(|catalog| catalog.with(member.clone()));
        Ok(member)
    }

    /// Deletes a collection or bucket with its tables.
    pub(crate) fn delete_member(&self, member: &Member) -> Result<()> {
        self.mark_changed();
        let transaction = self.transaction()?;
        let id = match member {
            Member::Records(records) => records.id,
            Member::Bucket(bucket) => bucket.id,
        };
        let change = transaction.begin_change();
        for (i, table) in member.tables().into_iter().enumerate() {
            match transaction.delete_table(table) {
                Ok(()) => {}
                // Nothing was deleted yet: a handle has it open, and the transaction is as good as
                // before.
                Err(error) if i == 0 && error.is(ErrorKind::Invalid) => {
                    change.finish();
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        let mut system = transaction.open_table(SYSTEM_TABLE)?;
        system.change(&catalog_row(member.name()), None)?;
        system.change(&auto_row(id), None)?;
        system.change(&migration_row(id), None)?;
        change.finish();
        self.counters.borrow_mut().remove(&id);
        self.replace_catalog(|catalog| catalog.without(member.name()));
        Ok(())
    }

    /// An id that no collection or index ever had.
    pub(crate) fn next_id(&self) -> Result<u32> {
        self.mark_changed();
        let mut system = self.transaction()?.open_table(SYSTEM_TABLE)?;
        let id = read_number(ReadTable::Writing(&system), NEXT_ID_ROW)?.unwrap_or(1);
        let narrow = u32::try_from(id)
            .map_err(|_| Error::limit("the database has used up its ids of collections"))?;
        // Two collections under one id would share their tables.
        let in_use = self.catalog.borrow().greatest_id();
        if narrow <= in_use {
            return Err(Error::corrupt(format!(
                "the next id is {id}, but {in_use} is in use: the row of the next id in the system \
                 table is damaged; restore from a backup"
            )));
        }
        system.change(NEXT_ID_ROW, Some(&(id + 1).to_le_bytes()))?;
        Ok(narrow)
    }

    /// The greatest automatic key that a collection ever had, 0 before the first.
    pub(crate) fn greatest_auto_key(&self, id: u32) -> Result<u64> {
        if let Some(counter) = self.counters.borrow().get(&id) {
            return Ok(counter.greatest);
        }
        let system = self.transaction()?.open_table(SYSTEM_TABLE)?;
        let greatest = read_number(ReadTable::Writing(&system), &auto_row(id))?.unwrap_or(0);
        let counter = Counter {
            greatest,
            changed: false,
        };
        self.counters.borrow_mut().insert(id, counter);
        Ok(greatest)
    }

    /// Makes sure that no automatic key up to this one is assigned any more. The collection's
    /// greatest key must have been asked for before, so that nothing can fail here.
    pub(crate) fn note_auto_key(&self, id: u32, key: u64) {
        let mut counters = self.counters.borrow_mut();
        let counter = counters.get_mut(&id);
        assert!(counter.is_some(), "the counter of {id} was not read");
        if let Some(counter) = counter
            && key > counter.greatest
        {
            *counter = Counter {
                greatest: key,
                changed: true,
            };
        }
    }

    fn write_counters(&self) -> Result<()> {
        let counters = self.counters.borrow();
        if !counters.values().any(|counter| counter.changed) {
            return Ok(());
        }
        let mut system = self.transaction()?.open_table(SYSTEM_TABLE)?;
        for (id, counter) in counters.iter().filter(|(_, counter)| counter.changed) {
            system.change(&auto_row(*id), Some(&counter.greatest.to_le_bytes()))?;
        }
        Ok(())
    }

    fn replace_catalog(&self, change: impl FnOnce(&Catalog) -> Catalog) {
        let changed = Arc::new(change(&self.catalog.borrow()));
        *self.catalog.borrow_mut() = changed;
        self.catalog_changed.set(true);
    }
}

impl Writing {
    /// Undoes what this transaction did, and passes on its result.
    fn undo(&mut self, core: &Core, own: Result<()>) -> Result<()> {
        if let Err(error) = self.batch.undo(core) {
            self.batch.fail(error);
        }
        own
    }

    /// Gives the turn to the next, with the batch where it may go on; or ends the batch.
    fn leave(self, core: &Core) {
        let Self { turn, batch } = self;
        if batch.is_empty() {
            // Nobody else has an interest in it. Whoever comes next has a batch of their own.
            batch.finish(core);
            return;
        }
        let last = if batch.is_open(core) {
            turn.pass(batch)
        } else {
            Some((turn, batch))
        };
        if let Some((_turn, batch)) = last {
            batch.finish(core);
        }
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if self.writing.is_some() {
            let _ = self.end(false);
        }
    }
}

impl std::fmt::Debug for WriteTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTx")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

fn ended() -> Error {
    Error::invalid("the transaction has ended")
}
