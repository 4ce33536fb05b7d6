//! What do transactions share that are committed together? One transaction of the store, on which each
//! did its work in turn, and a fate.
//!
//! - What a transaction did that ends without commit is undone, entry by entry. Where that is not known
//!   (a table was created, deleted or filled in order), all is undone, and what the others did is done
//!   again from their write sets. A leaked handle keeps redb's place of the writer: the batch fails, and the
//!   handle can write nothing more.
//! - After a failure of the store's nothing is undone, and nothing is logged: the whole batch fails.
//! - Catalog and sequence belong to the batch until it is committed, and go with it when it is not.

use std::time::{Duration, Instant};

use super::core::Core;
use super::group::{Fate, Verdict};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result, clock};
use crate::schema::catalog::Catalog;
use crate::store::{Batch as Parts, Part, WriteTransaction};

/// Most transactions of a batch.
const MEMBERS_MAX: usize = 64;

/// A batch that is older takes no more.
const AGE_MAX: Duration = Duration::from_millis(1);

/// Transactions on their way.
pub(crate) struct Batch {
    /// `None` once it is handed to the store.
    transaction: Option<WriteTransaction>,
    parts: Vec<Part>,
    bytes: usize,
    /// The sequence of the last of them; where there is none, of the last commit.
    last: u64,
    members: usize,
    began: Instant,
    catalog: Arc<Catalog>,
    catalog_changed: bool,
    synced: bool,
    /// Why nothing of it can be committed.
    failure: Option<Error>,
    fate: Arc<Fate>,
}

/// What a transaction leaves when it ends with a commit.
pub(crate) struct Leaving {
    pub(crate) part: Part,
    /// The catalog that it made.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// Whether it is to be durable when it is acknowledged.
    pub(crate) synced: bool,
}

impl Batch {
    pub(crate) fn begin(core: &Core) -> Result<Self> {
        Ok(Self {
            transaction: Some(core.store.begin_write()?),
            parts: Vec::new(),
            bytes: 0,
            last: core.sequence(),
            members: 0,
            began: clock::instant(),
            catalog: core.catalog(),
            catalog_changed: false,
            synced: false,
            failure: None,
            fate: Arc::default(),
        })
    }

    pub(crate) fn transaction(&self) -> Result<&WriteTransaction> {
        self.transaction.as_ref().ok_or_else(ended)
    }

    /// The catalog as the transactions before left it.
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The sequence of the next transaction.
    pub(crate) fn next_sequence(&self) -> Result<u64> {
        self.last.checked_add(1).ok_or_else(|| {
            Error::corrupt(format!(
                "the sequence of the last commit is {}, more than any can be: its row in the \
                 system table is damaged; restore from a backup",
                u64::MAX
            ))
        })
    }

    pub(crate) fn fate(&self) -> Arc<Fate> {
        self.fate.clone()
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether another transaction may join.
    pub(crate) fn is_open(&self, core: &Core) -> bool {
        self.has_room(core) && clock::instant().duration_since(self.began) < AGE_MAX
    }

    /// The same, however old it is.
    pub(crate) fn has_room(&self, core: &Core) -> bool {
        self.failure.is_none()
            && self.members < MEMBERS_MAX
            && !self.parts.last().is_some_and(Part::is_bypass)
            && self.bytes < core.store.part_bytes_max()
    }

    /// Takes what a transaction did.
    pub(crate) fn keep(&mut self, leaving: Leaving) {
        self.members += 1;
        self.last += 1;
        self.bytes += leaving.part.len();
        self.parts.push(leaving.part);
        self.synced |= leaving.synced;
        if let Some(catalog) = leaving.catalog {
            self.catalog = catalog;
            self.catalog_changed = true;
        }
    }

    /// Undoes what a transaction did that is not kept.
    ///
    /// # Errors
    /// Those of the store, after which the batch has failed.
    pub(crate) fn undo(&mut self, core: &Core) -> Result<()> {
        self.members += 1;
        if self.is_empty() {
            // Nothing that anybody has an interest in.
            return Ok(());
        }
        let transaction = self.transaction()?;
        transaction.check_unbroken()?;
        if !transaction.is_leaking() && transaction.undo_part()? {
            return Ok(());
        }
        if let Some(transaction) = self.transaction.take() {
            self.transaction = Some(core.store.begin_again(transaction, &self.parts)?);
        }
        Ok(())
    }

    /// Commits what is in it, and tells everybody.
    pub(crate) fn finish(mut self, core: &Core) {
        let committed = self.commit(core);
        self.decide(committed);
    }

    fn commit(&mut self, core: &Core) -> Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let transaction = self.transaction.take().ok_or_else(ended)?;
        if self.is_empty() {
            transaction.abort();
            return Ok(());
        }
        let parts = Parts {
            parts: &self.parts,
            synced: self.synced,
        };
        let catalog = self.catalog_changed.then(|| self.catalog.clone());
        core.publish(catalog, self.last, || {
            core.store.commit(transaction, &parts)
        })
    }

    /// Nothing of it can be committed any more.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure = Some(error.during("a transaction of its batch failed"));
    }

    fn decide(&self, result: Result<()>) {
        self.fate.decide(match result {
            Ok(()) => Verdict::Committed,
            Err(error) => Verdict::Failed(error.kind(), error.to_string().into()),
        });
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            transaction.abort();
        }
        // Where its fate is decided, this changes nothing.
        self.fate.decide(Verdict::Failed(
            ErrorKind::Io,
            "it was lost in a panic before it was committed, and nothing was changed".into(),
        ));
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

fn ended() -> Error {
    Error::invalid("the transaction has ended")
}
