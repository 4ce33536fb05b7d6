//! How do threads share the operations of a workload?

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use larder::{Database, Result};

use super::histogram::Histogram;
use super::keys::{Chooser, Keys};
use super::records::{insert, key, read, read_modify_write, scan, update};
use super::splitmix::SplitMix64;
use super::workload::{Operation, SCAN_RECORDS_MAX, Workload};
use super::{Parameters, now};

/// What all threads share.
pub(super) struct Workers<'a> {
    db: &'a Database,
    workload: Workload,
    parameters: &'a Parameters,
    keys: Keys,
    chooser: Chooser,
    /// How many operations were done.
    done: AtomicU64,
    /// Whether somebody wants the others to end.
    end: AtomicBool,
}

/// What a thread did, or all of them.
pub(super) struct Done {
    /// For each of [`Operation::ALL`].
    pub(super) histograms: [Histogram; Operation::ALL.len()],
    pub(super) not_found: u64,
}

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

impl<'a> Workers<'a> {
    /// Those of a workload over so many records, at least 1.
    pub(super) fn new(
        db: &'a Database,
        workload: Workload,
        parameters: &'a Parameters,
        records: u64,
    ) -> Self {
        Self {
            db,
            workload,
            parameters,
            keys: Keys::below(records),
            chooser: Chooser::new(workload, records, parameters.operations),
            done: AtomicU64::new(0),
            end: AtomicBool::new(false),
        }
    }

    /// Does all operations, in as many threads as there are to be; this one tells the progress.
    pub(super) fn run(&self, mut progress: impl FnMut(u64) -> ControlFlow<()>) -> Result<Done> {
        let threads = self.parameters.threads.max(1) as u64;
        let (sender, receiver) = mpsc::channel();
        let mut all = Ok(Done::nothing());
        thread::scope(|scope| {
            // One generator gives each thread the seed of its own.
            let mut seeds = SplitMix64::new(self.parameters.seed);
            for thread in 0..threads {
                let random = SplitMix64::new(seeds.next());
                let operations = share(self.parameters.operations, thread, threads);
                let sender = sender.clone();
                scope.spawn(move || {
                    let done = self.work(operations, random);
                    if done.is_err() {
                        self.end.store(true, Ordering::Relaxed);
                    }
                    // Nobody receives it any more only when this function panics.
                    let _ = sender.send(done);
                });
            }
            drop(sender);
            loop {
                match receiver.recv_timeout(PROGRESS_EVERY) {
                    Ok(done) => match (&mut all, done) {
                        (Ok(all), Ok(done)) => all.merge(&done),
                        (Ok(_), Err(error)) => all = Err(error),
                        (Err(_), _) => {}
                    },
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                if progress(self.done.load(Ordering::Relaxed)).is_break() {
                    self.end.store(true, Ordering::Relaxed);
                }
            }
        });
        all
    }

    /// Does so many operations, one after the other.
    fn work(&self, operations: u64, mut random: SplitMix64) -> Result<Done> {
        let mut chooser = self.chooser.clone();
        let mut done = Done::nothing();
        for _ in 0..operations {
            if self.end.load(Ordering::Relaxed) {
                break;
            }
            let kind = self.workload.operation(random.below(100));
            let (found, took) = self.operate(kind, &mut chooser, &mut random)?;
            if let Some(histogram) = done.histograms.get_mut(kind as usize) {
                histogram.add(took);
            }
            done.not_found += u64::from(!found);
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(done)
    }

    /// Does one operation; says whether it found its record, and how long it took. The choice of the
    /// record is not measured.
    fn operate(
        &self,
        kind: Operation,
        chooser: &mut Chooser,
        random: &mut SplitMix64,
    ) -> Result<(bool, Duration)> {
        let db = self.db;
        let number = match kind {
            Operation::Insert => self.keys.claim(),
            _ => chooser.next(&self.keys, random),
        };
        let key = key(number);
        let begun = now();
        let found = match kind {
            Operation::Read => read(db, &key)?,
            Operation::Update => update(db, &key, random).map(|()| true)?,
            Operation::Insert => insert(db, &key, random).map(|()| true)?,
            Operation::Scan => scan(db, &key, scan_records(random))?,
            Operation::ReadModifyWrite => read_modify_write(db, &key, random).map(|()| true)?,
        };
        let took = begun.elapsed();
        if kind == Operation::Insert {
            self.keys.inserted(number);
        }
        Ok((found, took))
    }
}

impl Done {
    fn nothing() -> Self {
        Self {
            histograms: std::array::from_fn(|_| Histogram::new()),
            not_found: 0,
        }
    }

    fn merge(&mut self, other: &Self) {
        for (histogram, more) in self.histograms.iter_mut().zip(&other.histograms) {
            histogram.merge(more);
        }
        self.not_found += other.not_found;
    }
}

/// How many of the operations a thread does: the first ones do one more where they do not divide.
fn share(operations: u64, thread: u64, threads: u64) -> u64 {
    operations / threads + u64::from(thread < operations % threads)
}

/// The length of a scan.
fn scan_records(random: &mut SplitMix64) -> usize {
    usize::try_from(1 + random.below(SCAN_RECORDS_MAX)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (operations, threads) in [(0, 1), (1, 3), (10, 3), (12, 4), (1_000_003, 16)] {
            let all = (0..threads).map(|thread| share(operations, thread, threads));
            assert_eq!(all.sum::<u64>(), operations);
        }
    }

    #[test]
    fn scans_have_every_length_from_one_to_a_hundred() {
        let mut random = SplitMix64::new(8);
        let lengths: std::collections::BTreeSet<usize> =
            (0..10_000).map(|_| scan_records(&mut random)).collect();
        assert_eq!(lengths.len(), 100);
        assert_eq!((lengths.first(), lengths.last()), (Some(&1), Some(&100)));
    }
}
