//! Any operations in any transactions, plain, buffered or in batches, with syncs, checkpoints and readers,
//! with any kills and failures of the disk, on a plain or an encrypted file, leave after any power cut a
//! state that was committed.
#![no_main]

use arbitrary::Arbitrary;
use larder::testing::CipherKind;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/power/history.rs"]
mod history;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/power/oracle.rs"]
mod oracle;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/sim_disk.rs"]
mod sim_disk;

use history::{Action, Base, Script, empty_base, play};
use oracle::{Ending, Setup, Step, Transaction, check_image};
use sim_disk::{AFTER_FAILED_SYNC, Call, Failure, How, Rng, Tally};

#[derive(Debug, Arbitrary)]
enum FuzzStep {
    Put { id: u8, bytes: u16 },
    Insert { bytes: u16 },
    Remove { id: u8 },
    Note { name: u8, bytes: u16 },
    Forget { name: u8 },
    Clash,
    Bypass { how: u8, bytes: u16 },
}

#[derive(Debug, Arbitrary)]
struct FuzzTransaction {
    steps: Vec<FuzzStep>,
    buffered: bool,
    /// One in four fails by itself.
    ending: u8,
}

#[derive(Debug, Arbitrary)]
enum FuzzAction {
    Write(FuzzTransaction),
    Together(Vec<FuzzTransaction>),
    Sync,
    Checkpoint,
    Hold,
    Release,
}

#[derive(Debug, Arbitrary)]
struct FuzzFailure {
    call: u8,
    after: u8,
    lasting: bool,
}

/// A file's life until the power fails.
#[derive(Debug, Arbitrary)]
struct Epoch {
    seed: u64,
    actions: Vec<FuzzAction>,
    kill_after: Option<u8>,
    failures: Vec<FuzzFailure>,
    close: bool,
    /// Where the power fails; the last one leaves the file of the next epoch.
    cuts: Vec<u16>,
}

#[derive(Debug, Arbitrary)]
struct Plan {
    cipher: Option<bool>,
    epochs: Vec<Epoch>,
}

const EPOCHS_MAX: usize = 3;
const ACTIONS_MAX: usize = 8;
const MEMBERS_MAX: usize = 5;
const STEPS_MAX: usize = 8;
const BYTES_MAX: usize = 9000;
const CUTS_MAX: usize = 8;

fn step(step: &FuzzStep) -> Step {
    let bytes = |bytes: u16| usize::from(bytes) % BYTES_MAX;
    match *step {
        FuzzStep::Put { id, bytes: count } => Step::Put {
            id: 1 + u64::from(id % 16),
            bytes: bytes(count),
        },
        FuzzStep::Insert { bytes: count } => Step::Insert { bytes: bytes(count) },
        FuzzStep::Remove { id } => Step::Remove {
            id: 1 + u64::from(id % 16),
        },
        FuzzStep::Note { name, bytes: count } => Step::Note {
            name: name % 4,
            bytes: bytes(count),
        },
        FuzzStep::Forget { name } => Step::Forget { name: name % 4 },
        FuzzStep::Clash => Step::Clash,
        FuzzStep::Bypass { how, bytes: count } => match how % 6 {
            0 => Step::Reload {
                count: 1 + how / 6 % 8,
                bytes: bytes(count) / 10,
            },
            1 => Step::ClearSpecimens,
            2 => Step::ClearNotes,
            3 => Step::DropSpecimens,
            4 => Step::DropNotes,
            _ => Step::Note {
                name: 3,
                bytes: 17_000 + bytes(count),
            },
        },
    }
}

fn transaction(transaction: &FuzzTransaction) -> Transaction {
    Transaction {
        steps: transaction.steps.iter().take(STEPS_MAX).map(step).collect(),
        buffered: transaction.buffered,
        ending: match transaction.ending % 8 {
            0 => Ending::Missing,
            1 => Ending::Conflict,
            _ => Ending::Commit,
        },
    }
}

fn action(action: &FuzzAction) -> Action {
    match action {
        FuzzAction::Write(one) => Action::Write(transaction(one)),
        FuzzAction::Together(members) => {
            Action::Together(members.iter().take(MEMBERS_MAX).map(transaction).collect())
        }
        FuzzAction::Sync => Action::Sync,
        FuzzAction::Checkpoint => Action::Checkpoint,
        FuzzAction::Hold => Action::Hold,
        FuzzAction::Release => Action::Release,
    }
}

fn failure(failure: &FuzzFailure) -> Failure {
    let (call, how) = [
        (Call::Read, How::Io),
        (Call::Read, How::Short),
        (Call::Write, How::Io),
        (Call::Write, How::Full),
        (Call::SetLen, How::Full),
        (Call::Sync, How::Io),
    ][usize::from(failure.call) % 6];
    Failure {
        call,
        how,
        after: u64::from(failure.after),
        lasting: failure.lasting,
    }
}

thread_local! {
    static BASES: [Base; 3] = [
        None,
        Some(CipherKind::Xaes256Gcm),
        Some(CipherKind::XChaCha20Poly1305),
    ]
    .map(empty_base);
}

fuzz_target!(|plan: Plan| {
    let (turn, cipher) = match plan.cipher {
        None => (0, None),
        Some(false) => (1, Some(CipherKind::Xaes256Gcm)),
        Some(true) => (2, Some(CipherKind::XChaCha20Poly1305)),
    };
    let mut base = BASES.with(|bases| bases[turn].clone());
    let mut tally = Tally::default();
    for (number, epoch) in plan.epochs.iter().take(EPOCHS_MAX).enumerate() {
        let script = Script {
            setup: Setup {
                cipher,
                ..Setup::default()
            },
            // Two epochs with one seed would use nonces twice.
            seed: epoch.seed.wrapping_mul(4).wrapping_add(number as u64),
            actions: epoch.actions.iter().take(ACTIONS_MAX).map(action).collect(),
            kill_after: epoch.kill_after.map(|changes| 1 + u64::from(changes)),
            failures: epoch.failures.iter().take(3).map(failure).collect(),
            close: epoch.close,
        };
        let record = play(&base, &script).unwrap();
        assert_eq!(record.tally.count(AFTER_FAILED_SYNC), 0);
        let mut rng = Rng::new(epoch.seed);
        let mut left = None;
        let points = record.log.len();
        let cuts: Vec<usize> = epoch
            .cuts
            .iter()
            .take(CUTS_MAX)
            .map(|cut| usize::from(*cut) % points.max(1))
            .collect();
        record
            .each_cut(|at, unsynced, allowed| {
                for _ in cuts.iter().filter(|cut| **cut == at) {
                    let image = unsynced.cut(&mut rng, &mut tally);
                    check_image(&image, &script.setup, &record.states, allowed)?;
                    left = Some(Base {
                        image,
                        states: record.states.clone(),
                        allowed: allowed.to_vec(),
                    });
                }
                Ok(())
            })
            .unwrap();
        let Some(next) = left else {
            return;
        };
        base = next;
    }
});
