//! What happens between the begin and the end of a write transaction?

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::baton::Held;
use super::core::{Core, read_number};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::catalog::{
    Catalog, Member, NEXT_ID_ROW, REVISION_ROW, SEQUENCE_ROW, SYSTEM_TABLE, StoredCollection,
    auto_row, catalog_row,
};
use crate::store::{ReadTable, WriteTransaction};

/// A write transaction: it sees its own changes, and nobody else does until it commits.
///
/// There is one at a time. In [`Database::write`](crate::Database::write) it ends with the closure;
/// one from [`Database::begin_write`](crate::Database::begin_write) ends with
/// [`commit`](WriteTx::commit), or is rolled back when it is dropped. It stays on its thread.
pub struct WriteTx {
    pub(crate) core: Arc<Core>,
    /// `None` once it has ended.
    transaction: Option<WriteTransaction>,
    /// The catalog as this transaction has it.
    catalog: RefCell<Arc<Catalog>>,
    catalog_changed: Cell<bool>,
    changed: Cell<bool>,
    /// The sequence that its commit will have.
    sequence: u64,
    /// The revision of everything it writes.
    revision: u64,
    /// Greatest automatic keys, by collection id, as far as they were used.
    counters: RefCell<BTreeMap<u32, Counter>>,
    /// Given back when everything else is done.
    _baton: Held,
    _stays_on_its_thread: PhantomData<*const ()>,
}

#[derive(Clone, Copy)]
struct Counter {
    greatest: u64,
    changed: bool,
}

impl WriteTx {
    pub(crate) fn begin(core: &Arc<Core>) -> Result<Self> {
        // Read-only and closed databases say so without waiting.
        if core.store.is_read_only() {
            core.store.begin_write()?;
        }
        let baton = core.baton.take()?;
        let sequence = core.sequence().checked_add(1).ok_or_else(|| {
            Error::corrupt(format!(
                "the sequence of the last commit is {}, more than any can be: its row in the \
                 system table is damaged; restore from a backup",
                u64::MAX
            ))
        })?;
        let transaction = core.store.begin_write()?;
        Ok(Self {
            core: core.clone(),
            transaction: Some(transaction),
            catalog: RefCell::new(core.catalog()),
            catalog_changed: Cell::new(false),
            changed: Cell::new(false),
            sequence,
            revision: core.next_revision()?,
            counters: RefCell::default(),
            _baton: baton,
            _stays_on_its_thread: PhantomData,
        })
    }

    /// Runs a closure in a transaction of its own: `Ok` commits, `Err` and a panic roll back.
    pub(crate) fn run<R, E: From<Error>>(
        core: &Arc<Core>,
        closure: impl FnOnce(&Self) -> Result<R, E>,
    ) -> Result<R, E> {
        let tx = Self::begin(core)?;
        // The panic is caught so that redb's transaction ends on a thread that does not unwind.
        match catch_unwind(AssertUnwindSafe(|| closure(&tx))) {
            Ok(Ok(result)) => {
                tx.commit()?;
                Ok(result)
            }
            Ok(Err(error)) => {
                tx.rollback();
                Err(error)
            }
            Err(panic) => {
                tx.rollback();
                resume_unwind(panic)
            }
        }
    }

    /// Makes all changes durable and visible. When it returns an error other than
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), nothing was changed.
    pub fn commit(mut self) -> Result<()> {
        if self.changed.get() {
            self.write_counters()?;
        }
        let Some(transaction) = self.transaction.take() else {
            return Err(ended());
        };
        if !self.changed.get() {
            transaction.finish_unchanged()?;
            return Ok(());
        }
        let catalog = self
            .catalog_changed
            .get()
            .then(|| self.catalog.borrow().clone());
        self.core.publish(catalog, self.sequence, || {
            self.core.store.commit(transaction)
        })
    }

    /// Undoes all changes, as dropping does.
    pub fn rollback(self) {
        drop(self);
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

    pub(crate) fn transaction(&self) -> Result<&WriteTransaction> {
        self.transaction.as_ref().ok_or_else(ended)
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
        let row = stored.encode()?;
        let member = stored.resolve(name)?;
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
        let mut system = self.transaction()?.open_table(SYSTEM_TABLE)?;
        system.change(SEQUENCE_ROW, Some(&self.sequence.to_le_bytes()))?;
        system.change(REVISION_ROW, Some(&self.revision.to_le_bytes()))?;
        for (id, counter) in self
            .counters
            .borrow()
            .iter()
            .filter(|(_, counter)| counter.changed)
        {
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

impl Drop for WriteTx {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            transaction.abort();
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
