//! How fast is this disk, by a measure that others have used? The core workloads of YCSB, the Yahoo!
//! Cloud Serving Benchmark (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", 2010).
//!
//! Parameters and distributions are those of YCSB at commit d9faaac8 (`CoreWorkload.java`, `workloads/`).
//! - A record is a document of the collection [`COLLECTION`]: ten fields of 100 random characters each,
//!   under the key `user` and the FNV-64 hash of its number.
//! - Reads and scans read every field; an update replaces one.
//! - Where YCSB reads and then updates (F), this is one write transaction: what was read cannot have
//!   changed when it is written. YCSB's own bindings do not promise that.
//! - When a commit returns is the database's to say (`Builder::durability`).

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use larder::Database;

use self::histogram::Histogram;
pub(crate) use self::records::COLLECTION;
use self::records::{key, new_record};
pub(crate) use self::splitmix::SplitMix64;
use self::workers::Workers;
pub(crate) use self::workload::{Operation, Workload};

mod histogram;
mod keys;
mod records;
mod splitmix;
mod workers;
mod workload;
mod zipfian;

/// How much is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    /// How many records [`load`] writes.
    pub(crate) records: u64,
    /// How many operations [`run`] does.
    pub(crate) operations: u64,
    /// How many threads [`run`] does them in, at least one: each does an equal share.
    pub(crate) threads: usize,
    /// Where the random numbers begin: with one thread the same seed gives the same operations.
    pub(crate) seed: u64,
}

/// What was done, and how fast.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// How many records were loaded, or operations done.
    pub(crate) operations: u64,
    /// How long all of it took.
    pub(crate) elapsed: Duration,
    /// How long the operations of each kind took; none for [`load`], where a transaction has many.
    pub(crate) by_kind: Vec<Latencies>,
    /// How many reads found no record: none, unless somebody else wrote into the collection.
    pub(crate) not_found: u64,
}

/// How long the operations of a kind took, each from before its transaction began until it had returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latencies {
    pub(crate) kind: Operation,
    pub(crate) count: u64,
    pub(crate) mean: Duration,
    /// The time that half of the operations took at most; within 2 %, as the other percentiles.
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
    /// The longest time, exactly.
    pub(crate) max: Duration,
}

impl Phase {
    /// Operations a second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nobody does 2^53 operations, and the time is not known so well"
    )]
    pub(crate) fn throughput(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.operations as f64 / seconds
        } else {
            0.0
        }
    }
}

impl Latencies {
    /// Those of a kind, `None` where there were none.
    fn of(kind: Operation, histogram: &Histogram) -> Option<Self> {
        Some(Self {
            kind,
            count: histogram.count(),
            mean: histogram.mean()?,
            p50: histogram.percentile(50)?,
            p95: histogram.percentile(95)?,
            p99: histogram.percentile(99)?,
            max: histogram.max(),
        })
    }
}

/// Writes the records, 1,000 in a transaction; one that is there already is replaced. `progress` is told
/// after each transaction how many there are, and may end it.
pub(crate) fn load(
    db: &Database,
    parameters: &Parameters,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> larder::Result<Phase> {
    let mut random = SplitMix64::new(parameters.seed);
    let begun = now();
    let mut loaded = 0;
    while loaded < parameters.records {
        let end = parameters.records.min(loaded + BATCH_RECORDS);
        db.write(|tx| {
            let mut records = tx.documents(COLLECTION)?;
            for number in loaded..end {
                records.put(key(number), new_record(&mut random))?;
            }
            Ok(())
        })?;
        loaded = end;
        if progress(loaded).is_break() {
            break;
        }
    }
    Ok(Phase {
        operations: loaded,
        elapsed: begun.elapsed(),
        by_kind: Vec::new(),
        not_found: 0,
    })
}

/// Runs a workload over the records that are in the collection, also those that an earlier one inserted:
/// [`load`] comes first. Where there are none, nothing is done. `progress` is told now and then how many
/// operations were done, and may end it.
///
/// # Errors
/// The first that an operation had; the others are ended.
///
/// # Panics
/// Where the operating system has no such number of threads.
pub(crate) fn run(
    db: &Database,
    workload: Workload,
    parameters: &Parameters,
    progress: impl FnMut(u64) -> ControlFlow<()>,
) -> larder::Result<Phase> {
    let records = db.read()?.documents(COLLECTION)?.len()?;
    if records == 0 {
        return Ok(Phase {
            operations: 0,
            elapsed: Duration::ZERO,
            by_kind: Vec::new(),
            not_found: 0,
        });
    }
    let workers = Workers::new(db, workload, parameters, records);
    let begun = now();
    let done = workers.run(progress)?;
    let elapsed = begun.elapsed();
    let kinds = Operation::ALL.iter().zip(&done.histograms);
    Ok(Phase {
        operations: done.histograms.iter().map(Histogram::count).sum(),
        elapsed,
        by_kind: kinds
            .filter_map(|(kind, h)| Latencies::of(*kind, h))
            .collect(),
        not_found: done.not_found,
    })
}

/// How many records are loaded in a transaction.
const BATCH_RECORDS: u64 = 1_000;

#[expect(
    clippy::disallowed_methods,
    reason = "the one clock of the benchmark: it measures, and nothing depends on what it says"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
