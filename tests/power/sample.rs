//! Is a file good after a long life of failures? Histories of many transactions with kills, failing
//! calls and power cuts, one after another over the same file.

use larder::testing::Controls;

use super::CIPHERS;
use super::history::{
    BATCHES, BUFFERED, HELD, REFUSED, REFUSED_IN_BATCH, REPLAYED, ROUNDS, Script, UNKNOWN,
    empty_base, play, random_actions,
};
use super::number_from;
use super::oracle::Setup;
use super::sim_disk::{AFTER_FAILED_SYNC, Call, Failure, How, Rng};
use super::sweep::{CUT, DOUBLE, IN_CHECKPOINT, IN_RECOVERY, IN_REPLAY, PENDING, Sweep, TRIPLE};

/// Every way in which a call can fail, and how many calls come before at most.
const FAILURES: [(Call, How, usize); 6] = [
    (Call::Read, How::Io, 120),
    (Call::Read, How::Short, 120),
    (Call::Write, How::Io, 200),
    (Call::Write, How::Full, 200),
    (Call::SetLen, How::Full, 3),
    (Call::Sync, How::Io, 30),
];

const ASKED_FOR: [&str; 34] = [
    CUT,
    DOUBLE,
    TRIPLE,
    IN_RECOVERY,
    IN_REPLAY,
    IN_CHECKPOINT,
    PENDING,
    REPLAYED,
    REFUSED,
    REFUSED_IN_BATCH,
    BATCHES,
    UNKNOWN,
    BUFFERED,
    HELD,
    ROUNDS,
    "process kill",
    "reopening after a kill or a failure",
    "lost subset",
    "reordered",
    "torn at sectors",
    "torn at any byte",
    "garbage in what was being written",
    "set_len lost",
    "short read",
    "EIO on read, once",
    "EIO on read, for ever",
    "EIO on write, once",
    "EIO on write, for ever",
    "EIO on sync, once",
    "EIO on sync, for ever",
    "ENOSPC on write, passing",
    "ENOSPC on write, lasting",
    "ENOSPC on set_len, passing",
    "ENOSPC on set_len, lasting",
];

/// Power cuts over one file.
const EPOCHS: u64 = 4;

/// Points of each epoch at which images are taken.
const POINTS: usize = 25;

fn failure(rng: &mut Rng) -> Failure {
    let (call, how, before) = FAILURES[rng.below(FAILURES.len())];
    Failure {
        call,
        how,
        after: rng.below(before) as u64,
        lasting: rng.one_in(3),
    }
}

fn life(
    base: super::history::Base,
    setup: Setup,
    seed: u64,
    sweep: &mut Sweep,
) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let mut base = base;
    for epoch in 0..EPOCHS {
        let mut failures = Vec::new();
        let mut kill_after = None;
        match rng.below(4) {
            0 => {}
            1 => kill_after = Some(1 + rng.below(250) as u64),
            2 => failures.push(failure(&mut rng)),
            _ => {
                failures.extend([failure(&mut rng), failure(&mut rng)]);
                kill_after = Some(1 + rng.below(250) as u64);
            }
        }
        let (count, ids) = (2 + rng.below(12), 1 + rng.below(40));
        let script = Script {
            setup,
            seed: seed * EPOCHS + epoch,
            actions: random_actions(&mut rng, count, ids),
            kill_after,
            failures,
            close: rng.one_in(2),
        };
        let record =
            play(&base, &script).map_err(|violation| format!("{violation}\n  in {script:?}"))?;
        let last = sweep.sample(&record, &script, POINTS, 25, &mut rng)?;
        if record.tally.count(AFTER_FAILED_SYNC) > 0 {
            return Err(format!(
                "{AFTER_FAILED_SYNC}: {}\n  in {script:?}",
                record.tally.count(AFTER_FAILED_SYNC)
            ));
        }
        // The next life begins with what this one left.
        base = super::history::Base {
            image: last.image,
            allowed: (0..last.allowed.len()).collect(),
            states: last
                .allowed
                .iter()
                .map(|state| last.states[*state].clone())
                .collect(),
        };
    }
    sweep.tally.add("long histories");
    Ok(())
}

pub fn run(controls: Controls, seeds: std::ops::Range<u64>) -> Result<Sweep, String> {
    let mut total = Sweep::default();
    let bases = CIPHERS.map(empty_base);
    for seed in seeds {
        let turn = seed as usize % CIPHERS.len();
        let setup = Setup {
            cipher: CIPHERS[turn],
            controls,
            ..Setup::default()
        };
        let mut sweep = Sweep::default();
        life(bases[turn].clone(), setup, seed, &mut sweep)
            .map_err(|violation| format!("seed {seed}: {violation}"))?;
        total.merge(&sweep);
    }
    Ok(total)
}

fn report(sweep: &Sweep) {
    sweep.report(&ASKED_FOR);
}

pub const SEEDS: u64 = 64;

#[test]
fn long_histories_of_failures_lose_nothing() {
    let sweep =
        run(Controls::default(), 0..SEEDS).unwrap_or_else(|violation| panic!("{violation}"));
    report(&sweep);
    assert!(sweep.images() >= SEEDS * 50, "{} images", sweep.images());
}

/// `LARDER_CRASH_HISTORIES=100000 cargo test --release --test main -- --ignored --nocapture
/// a_hundred_thousand`; `LARDER_CRASH_FIRST` is the first seed.
#[test]
#[ignore = "hours"]
fn a_hundred_thousand_long_histories_of_failures() {
    let count = number_from("LARDER_CRASH_HISTORIES", 100_000);
    let first = number_from("LARDER_CRASH_FIRST", 0);
    let sweep = run(Controls::default(), first..first + count);
    report(&sweep.unwrap_or_else(|violation| panic!("{violation}")));
}
