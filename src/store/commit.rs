//! How does a transaction become durable, and visible? Log first, then publish; or by a checkpoint.
//!
//! 1. The transactions of a batch were applied to one redb transaction. Their frames are appended to the
//!    log and synced, once for all of them.
//! 2. Only then redb commits, in memory: readers see nothing that could still be lost, and nothing that
//!    can fail stands between the sync and the commit. A failure after the sync means that the outcome is
//!    unknown until the file is opened again, never that it was rolled back.
//! 3. A checkpoint is a durable commit of redb's. The log begins anew when it has returned, not before.
//!    It stands instead of frames for the first batch of a life, which enters the life into the tables;
//!    when the log is three quarters full; and for what is large or cannot be said as entries.

use super::controls::Control;
use super::disk::Disk;
use super::error::from_io;
use super::journal::Part;
use super::layout::LOG_OFFSET;
use super::log::{self, Log};
use super::rows::{LIVES_MAX, LastCommit};
use super::store::Store;
use super::transaction::{CommitFailure, WriteTransaction};
use crate::base::{CommitId, Error, ErrorKind, Result};

/// What was done in opening a database that was not closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Transactions that were in the commit log, and are in the tables since.
    pub replayed: u64,
    /// The last commit that the database had when it was opened; 0 where it never had one.
    pub sequence: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is in the database.
    Committed,
    /// It is not, and never will be, unless its transaction is still going on.
    RolledBack,
    /// Nobody knows any more: the last 64 openings with commits are remembered.
    Forgotten,
}

/// The transactions of a batch, in order.
pub(crate) struct Batch<'a> {
    pub(crate) parts: &'a [Part],
    /// Whether it is durable when it is acknowledged.
    pub(crate) synced: bool,
}

impl Store {
    /// Commits the transactions that were applied to `transaction`. A failure whose outcome is unknown
    /// makes every later write fail.
    pub(crate) fn commit(&self, transaction: WriteTransaction, batch: &Batch<'_>) -> Result<()> {
        let mut log = self.log.lock();
        let last = LastCommit {
            id: CommitId::new(self.life, log.last() + batch.parts.len() as u64),
            revision: greatest(batch.parts),
        };
        let bypass = batch.parts.iter().any(Part::is_bypass);
        if bypass || !log.is_begun() || !log.takes(batch.parts) {
            return self.commit_by_checkpoint(&mut log, transaction, last);
        }
        let transaction = with_last_commit(transaction, last)?;
        self.log_and_publish(&mut log, transaction, batch)
            .map_err(|error| {
                if self.options.controls.has(Control::RolledBackAfterSync) {
                    return error;
                }
                self.outcome_unknown(error)
            })?;
        if batch.synced {
            // Without it the last frame is only less well protected; nothing depends on it.
            let file = self.file();
            let _ = log.mark(file.owner(), file.seal());
        }
        Ok(())
    }

    fn log_and_publish(
        &self,
        log: &mut Log,
        transaction: WriteTransaction,
        batch: &Batch<'_>,
    ) -> Result<()> {
        let controls = self.options.controls;
        if controls.has(Control::FrameAfterCommit) {
            transaction.publish()?;
            self.append(log, batch)?;
            return self.sync_log(log, batch.synced);
        }
        self.append(log, batch)?;
        if controls.has(Control::PublishBeforeSync) {
            transaction.publish()?;
            return self.sync_log(log, batch.synced);
        }
        self.sync_log(log, batch.synced)?;
        transaction.publish()
    }

    fn append(&self, log: &mut Log, batch: &Batch<'_>) -> Result<()> {
        let file = self.file();
        log.append(file.owner(), file.seal(), batch.parts)
            .map_err(|error| from_io(error, "the commit log cannot be written"))
    }

    fn sync_log(&self, log: &mut Log, wanted: bool) -> Result<()> {
        if wanted && !self.options.controls.has(Control::NoLogSync) {
            self.file()
                .sync_all()
                .map_err(|error| from_io(error, "the commit log cannot be made durable"))?;
            log.synced();
        }
        Ok(())
    }

    fn commit_by_checkpoint(
        &self,
        log: &mut Log,
        transaction: WriteTransaction,
        last: LastCommit,
    ) -> Result<()> {
        let transaction = with_last_commit(transaction, last)?;
        self.early_restart(log, last.id.sequence());
        self.commit_durably(transaction)?;
        log.restart(last.id.sequence());
        Ok(())
    }

    /// Where that rule is broken, the first frame goes before the tables have it. In memory alone it would
    /// not matter: after a checkpoint that failed nothing is written.
    fn early_restart(&self, log: &mut Log, last: u64) {
        if self.options.controls.has(Control::EarlyRestart) {
            log.restart(last);
            let _ = self.file().owner().write_at(LOG_OFFSET, &[0; 64]);
        }
    }

    /// Makes a transaction durable and visible, with everything that was committed before it.
    pub(crate) fn commit_durably(&self, transaction: WriteTransaction) -> Result<()> {
        let file = self.file();
        let headers_before = file.headers_written();
        let committed = transaction.commit().and_then(|()| {
            // The commit is not acknowledged before it would survive the loss of either superblock.
            file.mirror()
                .map_err(|error| CommitFailure::Unknown(from_io(error, "the last sync failed")))
        });
        committed.map_err(|failure| match failure {
            CommitFailure::RolledBack(error) => error,
            CommitFailure::Unknown(error) => {
                // redb reads in committing, too, and the file may find no room to grow. Without a new
                // header the old one still counts, and the latch of `fail` keeps it so.
                let error = self.damage_or(|| error);
                if file.headers_written() == headers_before {
                    return self.fail(error);
                }
                self.outcome_unknown(error)
            }
        })
    }

    /// The error of a commit that failed at the wrong moment; nothing is written from now on. That is so
    /// of a failed write of the log, too: it may be in the file in part, and become durable with whatever
    /// is synced next.
    fn outcome_unknown(&self, error: Error) -> Error {
        Error::new(
            ErrorKind::OutcomeUnknown,
            "the commit failed after it may have become durable; open the database again and ask \
             for its outcome",
        )
        .because(self.fail(error))
    }

    /// Makes the log's frames part of the tables, durably, so that opening has nothing to replay. Takes
    /// three syncs, or nothing where the log is empty. The caller holds the baton.
    ///
    /// What was committed stays committed if it fails.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        drop(self.held_open()?);
        self.check_failure()?;
        let mut log = self.log.lock();
        if !log.is_pending() {
            return Ok(());
        }
        let transaction = self.begin_write()?;
        let last = log.last();
        self.early_restart(&mut log, last);
        self.commit_durably(transaction).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            match (error.kind(), cause) {
                // The log has all of it.
                (ErrorKind::OutcomeUnknown, Some(cause)) => {
                    Error::new(ErrorKind::Io, "the checkpoint failed").because(cause)
                }
                _ => error,
            }
        })?;
        log.restart(last);
        Ok(())
    }

    /// Makes everything durable that was committed. The caller holds the baton.
    pub(crate) fn sync(&self) -> Result<()> {
        drop(self.held_open()?);
        self.check_failure()?;
        let mut log = self.log.lock();
        if log.is_synced() {
            return Ok(());
        }
        self.sync_log(&mut log, true)
            .map_err(|error| self.fail(error))?;
        let file = self.file();
        let _ = log.mark(file.owner(), file.seal());
        Ok(())
    }

    /// Whether everything is durable that was committed.
    pub(crate) fn is_synced(&self) -> bool {
        self.log.lock().is_synced()
    }

    /// The name of the commit with that sequence in this life.
    pub(crate) fn commit_id(&self, sequence: u64) -> CommitId {
        CommitId::new(self.life, sequence)
    }

    /// What became of a commit of this life or an earlier one.
    pub(crate) fn outcome(&self, id: CommitId) -> Result<Outcome> {
        let of = |last: CommitId| {
            if id.sequence() <= last.sequence() {
                return Outcome::Committed;
            }
            Outcome::RolledBack
        };
        let snapshot = self.begin_read()?;
        let last = snapshot.last_commit()?.map(|last| last.id);
        if id.life() == self.life {
            let last = last.filter(|last| last.life() == id.life());
            if last.is_some_and(|last| of(last) == Outcome::Committed) {
                return Ok(Outcome::Committed);
            }
            // The commit that failed may be in the log.
            self.check_failure()?;
            return Ok(Outcome::RolledBack);
        }
        let lives = snapshot.lives()?;
        let all_are_known = lives.len() < LIVES_MAX;
        let mut known = lives.into_iter().chain(last).rev();
        Ok(match known.find(|last| last.life() == id.life()) {
            Some(last) => of(last),
            // A life that is nowhere left no commit.
            None if all_are_known => Outcome::RolledBack,
            None => Outcome::Forgotten,
        })
    }

    /// Brings back what is in the log, in one transaction that is durable before anything else is
    /// written. Read-only, it goes into the memory over the file.
    ///
    /// # Errors
    /// [`Full`](ErrorKind::Full) when there is no room for it; the file stays as it is.
    pub(super) fn recover(&mut self) -> Result<()> {
        let controls = self.options.controls;
        let Some(LastCommit {
            id: after,
            revision,
        }) = self.begin_read()?.last_commit()?
        else {
            return Ok(());
        };
        let layout = self.layout;
        let life = self.life;
        *self.log.lock() = Log::new(layout, life, after.sequence(), controls);
        self.recovery.sequence = after.sequence();
        if controls.has(Control::ReplayOnlyUnclean) && self.was_clean {
            return Ok(());
        }
        let file = self.file();
        let parts = log::scan(file.owner(), file.seal(), layout, after)?;
        if parts.is_empty() {
            return Ok(());
        }
        if controls.has(Control::LifeBeforeReplay) && !self.is_read_only() {
            let transaction = self.begin_write_any()?;
            let id = CommitId::new(life, after.sequence());
            transaction.set_last_commit(LastCommit { id, revision })?;
            self.commit_durably(transaction)?;
        }
        self.make_replayable()?;
        let last = LastCommit {
            id: CommitId::new(after.life(), after.sequence() + parts.len() as u64),
            revision: revision.max(greatest(&parts)),
        };
        self.replay(&parts, last).map_err(|error| {
            let full = error.is(ErrorKind::Full)
                || std::error::Error::source(&error)
                    .and_then(|source| source.downcast_ref::<Error>())
                    .is_some_and(|source| source.is(ErrorKind::Full));
            if full {
                return Error::new(
                    ErrorKind::Full,
                    "there is no room to bring back what the commit log holds; nothing is lost: \
                         make room and open it again",
                )
                .because(error);
            }
            error
        })?;
        self.recovery.replayed = parts.len() as u64;
        self.recovery.sequence = last.id.sequence();
        self.log.lock().restart(last.id.sequence());
        Ok(())
    }

    fn replay(&self, parts: &[Part], last: LastCommit) -> Result<()> {
        let transaction = self.begin_write_any()?.and_then(|transaction| {
            transaction.apply_all(parts)?;
            // The earlier life is remembered with the last of its commits.
            transaction.set_last_commit(last)
        })?;
        let last = LastCommit {
            id: CommitId::new(self.life, last.id.sequence()),
            ..last
        };
        let transaction = with_last_commit(transaction, last)?;
        if self.is_read_only() {
            return transaction.publish();
        }
        self.commit_durably(transaction)
    }

    /// A transaction that has what those before the failed one of a batch did, and nothing else.
    pub(crate) fn begin_again(
        &self,
        failed: WriteTransaction,
        parts: &[Part],
    ) -> Result<WriteTransaction> {
        failed.abort();
        self.begin_write()?
            .and_then(|transaction| transaction.apply_all(parts))
    }
}

/// The greatest revision among them: whoever began first does not always end first.
fn greatest(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.revision).max().unwrap_or(0)
}

/// Enters a commit into its own transaction. Whatever fails behind this is an outcome that is not
/// known.
fn with_last_commit(transaction: WriteTransaction, last: LastCommit) -> Result<WriteTransaction> {
    transaction.and_then(|transaction| {
        transaction.set_last_commit(last)?;
        transaction.check_unbroken()
    })
}
