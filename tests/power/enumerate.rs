//! Is every image good that the power cuts of a small history can leave? Histories of up to three
//! transactions of up to three operations over two keys, cut after every operation of the disk's.

use larder::testing::Controls;

use super::CIPHERS;
use super::history::{
    Action, BATCHES, BUFFERED, Base, REFUSED_IN_BATCH, REPLAYED, Script, empty_base, plain, play,
    random_transactions,
};
use super::number_from;
use super::oracle::{Ending, Setup, Step, Transaction};
use super::sim_disk::{Call, Failure, How, Op, Rng, Tally};
use super::sweep::{
    CUT, DOUBLE, IN_CHECKPOINT, IN_OPENING, IN_RECOVERY, IN_REPLAY, PENDING, Rule, Sweep, TRIPLE,
};

const STEPS: [Step; 4] = [
    Step::Put { id: 1, bytes: 30 },
    Step::Put { id: 2, bytes: 70 },
    Step::Remove { id: 1 },
    Step::Remove { id: 2 },
];

/// Transactions of one, two and three of the steps.
const TRANSACTIONS: u64 = 4 + 16 + 64;

/// Histories of one, two and three transactions.
const HISTORIES: u64 = TRANSACTIONS * (1 + TRANSACTIONS * (1 + TRANSACTIONS));

/// Coprime to the number of histories: every history comes once before one comes again.
const STRIDE: u64 = 311_069;

fn transaction(number: u64) -> Vec<Step> {
    let (len, number) = match number {
        0..4 => (1, number),
        4..20 => (2, number - 4),
        _ => (3, number - 20),
    };
    let step = |at| STEPS[(number >> (2 * at)) as usize % 4].clone();
    (0..len).map(step).collect()
}

fn transactions(number: u64) -> Vec<Vec<Step>> {
    let mut number = number % HISTORIES;
    let mut len = 1;
    let mut count = TRANSACTIONS;
    while number >= count {
        number -= count;
        count *= TRANSACTIONS;
        len += 1;
    }
    let mut transactions = Vec::new();
    for _ in 0..len {
        transactions.push(transaction(number % TRANSACTIONS));
        number /= TRANSACTIONS;
    }
    transactions
}

/// The transactions in one of the ways in which an application may commit them.
fn actions(transactions: Vec<Vec<Step>>, way: u64) -> Vec<Action> {
    let count = transactions.len();
    let mut actions = plain(transactions.clone());
    match way % WAYS {
        0 => {}
        1 => actions.insert(count - 1, Action::Checkpoint),
        2 => {
            actions = transactions.into_iter().map(Action::buffered).collect();
            actions.insert(count - 1, Action::Sync);
        }
        3 => actions = transactions.into_iter().map(Action::buffered).collect(),
        4 | 5 => {
            let member = |steps| Transaction {
                steps,
                ..Transaction::default()
            };
            let mut members: Vec<_> = transactions.into_iter().map(member).collect();
            let mut fails = members[0].clone();
            if way % WAYS == 5 {
                // What bypassed the log and is undone leaves nothing but to begin again.
                fails.steps.push(Step::ClearSpecimens);
            }
            fails.ending = [Ending::Missing, Ending::Conflict][way as usize / 6 % 2];
            members.insert(1, fails);
            actions = vec![
                Action::write(vec![STEPS[1].clone()]),
                Action::Together(members),
            ];
        }
        _ => {
            let bypass = [
                Step::Reload {
                    count: 2,
                    bytes: 90,
                },
                Step::ClearSpecimens,
                Step::ClearNotes,
                Step::DropSpecimens,
                Step::DropNotes,
                Step::Note {
                    name: 1,
                    bytes: 17_000,
                },
            ][way as usize / 7 % 6]
                .clone();
            // Where it matters: over something that is in the log alone.
            actions.push(Action::write(vec![bypass]));
        }
    }
    actions
}

const WAYS: u64 = 7;

/// So many subsets that each counts, and so few that many histories have their turn.
pub const USUAL: Rule = Rule {
    all_up_to: 3,
    random: 3,
    again_in: 80,
};

const FULL: Rule = Rule {
    all_up_to: 10,
    random: 64,
    again_in: 40,
};

/// Checks histories from that number on, until there are so many images of files with and of files
/// without a cipher.
pub fn run(
    controls: Controls,
    unchecked: bool,
    rule: Rule,
    first: u64,
    images: u64,
) -> Result<Sweep, String> {
    let mut total = Sweep::default();
    let bases = CIPHERS.map(empty_base);
    for history in first.. {
        if total.encrypted() >= images && total.images() - total.encrypted() >= images {
            break;
        }
        let turn = history as usize % CIPHERS.len();
        let setup = Setup {
            cipher: CIPHERS[turn],
            controls,
            unchecked,
            ..Setup::default()
        };
        let mut rng = Rng::new(history);
        // The first is of three transactions, which half of the time find both keys there.
        let number = (HISTORIES - 1).wrapping_sub(history.wrapping_mul(STRIDE) % HISTORIES);
        let mut base = bases[turn].clone();
        if rng.one_in(2) {
            let both = plain(vec![vec![STEPS[0].clone(), STEPS[1].clone()]]);
            base = base.with(&setup, both, history)?;
        }
        let mut script = Script {
            setup,
            seed: history,
            actions: actions(transactions(number), history),
            close: rng.one_in(2),
            ..Script::default()
        };
        // Opened again after a kill or a failed sync, and only then cut.
        match rng.below(4) {
            0 | 2 => {}
            1 => script.kill_after = Some(somewhere_of_note(&base, &script, &mut rng)?),
            _ => script.failures.push(failed_sync(&mut rng)),
        }
        let record = play(&base, &script)?;
        let mut sweep = Sweep::default();
        sweep.exhaust(&record, &script, rule, &mut rng)?;
        sweep.tally.add("histories");
        total.merge(&sweep);
    }
    Ok(total)
}

/// After how many changes of the disk to kill: half of the time after one of a superblock.
fn somewhere_of_note(base: &Base, script: &Script, rng: &mut Rng) -> Result<u64, String> {
    let log = play(base, script)?.log;
    let superblocks: Vec<usize> = (1..=log.len())
        .filter(|changes| {
            matches!(
                log[changes - 1].op,
                Op::Write {
                    offset: 0x2000 | 0x3000,
                    ..
                }
            )
        })
        .collect();
    Ok(match rng.below(2) {
        0 => superblocks[rng.below(superblocks.len())],
        _ => 1 + rng.below(log.len()),
    } as u64)
}

fn failed_sync(rng: &mut Rng) -> Failure {
    Failure {
        call: Call::Sync,
        after: rng.below(14) as u64,
        lasting: false,
        how: How::Io,
    }
}

fn report(sweep: &Sweep) {
    sweep.report(&[
        CUT,
        DOUBLE,
        TRIPLE,
        IN_RECOVERY,
        IN_OPENING,
        IN_REPLAY,
        IN_CHECKPOINT,
        PENDING,
        REPLAYED,
        BUFFERED,
        BATCHES,
        REFUSED_IN_BATCH,
        "process kill",
        "EIO on sync, once",
        "reopening after a kill or a failure",
        "lost subset",
        "torn at sectors",
        "torn at any byte",
        "garbage in what was being written",
    ]);
}

/// Images of files with, and as many of files without a cipher.
pub const IMAGES: u64 = 10_000;

/// The same, but only what is read counts.
pub fn unchecked(controls: Controls) -> Result<Sweep, String> {
    run(controls, true, USUAL, 0, IMAGES)
}

pub fn usual(controls: Controls) -> Result<Sweep, String> {
    run(controls, false, USUAL, 0, IMAGES)
}

#[test]
fn every_image_of_a_small_history_is_a_committed_state() {
    let sweep = usual(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    report(&sweep);
    assert!(sweep.images() >= 2 * IMAGES);
    assert!(
        sweep.doubles() >= 2000,
        "{} second crashes",
        sweep.doubles()
    );
}

/// `LARDER_CRASH_IMAGES=10000000 LARDER_CRASH_FIRST=0 cargo test --release --test main -- --ignored
/// --nocapture ten_million`; the first history lets several run beside each other.
#[test]
#[ignore = "hours"]
fn ten_million_images_of_small_histories() {
    let images = number_from("LARDER_CRASH_IMAGES", 10_000_000);
    let first = number_from("LARDER_CRASH_FIRST", 0);
    let sweep = run(Controls::default(), false, FULL, first, images.div_ceil(2));
    report(&sweep.unwrap_or_else(|violation| panic!("{violation}")));
}

#[test]
fn every_small_history_has_a_number() {
    let mut seen = std::collections::HashSet::new();
    for number in 0..TRANSACTIONS * (1 + TRANSACTIONS) {
        assert!(seen.insert(format!("{:?}", transactions(number))));
    }
    assert_eq!(transactions(HISTORIES - 1).len(), 3);
    let mut rest = (HISTORIES, STRIDE);
    while rest.1 > 0 {
        rest = (rest.1, rest.0 % rest.1);
    }
    assert_eq!(rest.0, 1, "some histories would never come");
}

#[test]
fn the_same_seed_gives_the_same_operations_of_the_disk() {
    for cipher in CIPHERS {
        let setup = Setup {
            cipher,
            ..Setup::default()
        };
        let play = |seed| {
            let base = empty_base(cipher);
            let script = Script {
                setup,
                seed,
                actions: plain(random_transactions(&mut Rng::new(seed), 10, 20)),
                kill_after: Some(100),
                close: true,
                ..Script::default()
            };
            play(&base, &script).unwrap().volume.log_hash()
        };
        assert_eq!(play(1), play(1));
        assert_ne!(play(1), play(2));
    }
}

#[test]
#[should_panic(expected = "asked for, and never happened")]
fn a_run_without_a_fault_that_was_asked_for_fails() {
    Tally::default().require(&["torn at sectors"]);
}
