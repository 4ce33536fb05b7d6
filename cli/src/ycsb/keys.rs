//! Which records are there, while threads insert more?

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::splitmix::SplitMix64;
use super::workload::{Distribution, Workload};
use super::zipfian::{Scrambled, Zipfian};

/// The numbers of the records, from 0 on.
///
/// - All below `known` are in the database: those that are being inserted are not asked for, as in YCSB's
///   `AcknowledgedCounterGenerator`.
/// - `ahead` has those that were inserted before one of a lower number was: fewer than there are
///   threads.
#[derive(Debug)]
pub(super) struct Keys {
    next: AtomicU64,
    known: AtomicU64,
    ahead: Mutex<BTreeSet<u64>>,
}

impl Keys {
    /// Those below a number.
    pub(super) fn below(records: u64) -> Self {
        Self {
            next: AtomicU64::new(records),
            known: AtomicU64::new(records),
            ahead: Mutex::default(),
        }
    }

    /// A number that no other thread has.
    pub(super) fn claim(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The record with that number, which was claimed, is in the database.
    pub(super) fn inserted(&self, number: u64) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.insert(number);
        let mut known = self.known();
        while ahead.remove(&known) {
            known += 1;
        }
        self.known.store(known, Ordering::Release);
    }

    /// How many records can be asked for.
    pub(super) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }
}

/// Chooses the records that are asked for.
#[derive(Clone, Debug)]
pub(super) enum Chooser {
    Zipfian(Scrambled),
    Latest(Zipfian),
}

impl Chooser {
    /// The one of a workload with so many operations over so many records.
    pub(super) fn new(workload: Workload, records: u64, operations: u64) -> Self {
        match workload.distribution() {
            // YCSB scatters over twice as many new records as it expects, so that those that come often
            // stay the same while records are inserted, and passes over what is not there yet.
            Distribution::Zipfian => {
                let new = workload.inserts(operations).saturating_mul(2);
                Self::Zipfian(Scrambled::new(records.saturating_add(new)))
            }
            Distribution::Latest => Self::Latest(Zipfian::new(records)),
        }
    }

    /// One of the records that are known.
    pub(super) fn next(&mut self, keys: &Keys, random: &mut SplitMix64) -> u64 {
        match self {
            Self::Zipfian(scrambled) => loop {
                let number = scrambled.next(random);
                if number < keys.known() {
                    return number;
                }
            },
            Self::Latest(zipfian) => {
                let known = keys.known();
                zipfian.grow(known);
                known - 1 - zipfian.next(random)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_when_all_of_lower_numbers_are() {
        let keys = Keys::below(5);
        assert_eq!([keys.claim(), keys.claim(), keys.claim()], [5, 6, 7]);
        keys.inserted(7);
        keys.inserted(6);
        assert_eq!(keys.known(), 5);
        keys.inserted(5);
        assert_eq!(keys.known(), 8);
        assert!(keys.ahead.lock().unwrap().is_empty());
    }

    #[test]
    fn the_latest_come_most_often_also_when_they_are_new() {
        let keys = Keys::below(1_000);
        let mut chooser = Chooser::new(Workload::D, 1_000, 1_000);
        let mut random = SplitMix64::new(4);
        for _ in 0..3 {
            let known = keys.known();
            let mut counts = vec![0_u32; usize::try_from(known).unwrap()];
            for _ in 0..20_000 {
                counts[usize::try_from(chooser.next(&keys, &mut random)).unwrap()] += 1;
            }
            let most = counts.iter().enumerate().max_by_key(|(_, count)| **count);
            assert_eq!(most.unwrap().0 as u64, known - 1);
            let number = keys.claim();
            keys.inserted(number);
        }
    }

    #[test]
    fn what_is_not_inserted_yet_is_not_asked_for() {
        let keys = Keys::below(10);
        let mut chooser = Chooser::new(Workload::E, 10, 1_000);
        let mut random = SplitMix64::new(6);
        assert!((0..1_000).all(|_| chooser.next(&keys, &mut random) < 10));
        let number = keys.claim();
        keys.inserted(number);
        assert!((0..1_000).any(|_| chooser.next(&keys, &mut random) == 10));
    }
}
