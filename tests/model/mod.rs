//! Is a collection with every kind of index a `BTreeMap`, whatever happens to its transactions?
//!
//! A history is a few transactions of random operations, of which some fail half way, some panic,
//! some are dropped. Every operation's answer is compared as it is given, and after every
//! transaction, once reopened, the whole: records, revisions, and each index in both directions.
//!
//! A failure prints the smallest history that was found to fail, and the seed: `LARDER_SEED=..`
//! runs the same again.

mod compare;
mod history;
mod item;
mod run;

use std::cell::Cell;

use larder::Database;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::{builder, check};
use history::history;
use run::{Run, Stage};

/// Histories that are run over files, closed and opened again after each transaction.
const IN_FILES: u32 = 2000;

/// Histories that are run in memory, longer ones.
const IN_MEMORY: u32 = 1000;

fn run(histories: u32, transactions: usize, operations: usize, test: impl Fn(&[history::Batch])) {
    let seed = match std::env::var("LARDER_SEED") {
        Ok(seed) => seed.parse().expect("LARDER_SEED is a number"),
        Err(_) => larder::uuid::Uuid::new_v4().as_u64_pair().0,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: histories,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&history(transactions, operations), |batches| {
        test(&batches);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("LARDER_SEED={seed}\n{failure}");
    }
}

/// A directory on a file system in memory where there is one: the test is about what is in the file,
/// not about the disk.
fn directory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .expect("a temporary directory")
}

#[test]
fn histories_in_a_file_reopened_after_each_transaction_equal_the_model() {
    let directory = directory();
    let number = Cell::new(0_u32);
    run(IN_FILES, 4, 8, |batches| {
        let path = directory
            .path()
            .join(format!("{}.larder", number.replace(number.get() + 1)));
        // Every other history is encrypted.
        let open = || {
            let builder = if number.get().is_multiple_of(2) {
                builder()
            } else {
                builder().key([7; 32])
            };
            builder.open(&path).expect("it opens")
        };
        let mut db = open();
        let mut run = Run::default();
        for batch in batches {
            run.transaction(&db, batch);
            db.close().expect("a clean close");
            db = open();
            run.compare(&db);
        }
        check(&db);
        drop(db);
        std::fs::remove_file(&path).expect("the file goes");
    });
}

#[test]
fn histories_in_memory_with_a_reader_of_each_stage_equal_the_model() {
    run(IN_MEMORY, 5, 14, |batches| {
        let db = Database::in_memory().expect("a database in memory");
        let mut run = Run::default();
        let mut stages: Vec<Stage> = Vec::new();
        for batch in batches {
            stages.push(run.stage(&db));
            run.transaction(&db, batch);
            run.compare(&db);
        }
        for stage in &stages {
            stage.compare();
        }
        check(&db);
    });
}
