//! What is done to a database, and what does the disk see of it? A history is played on a simulated
//! disk, with kills and failures; its record gives the images of every power cut afterwards, without
//! playing it again.

use std::path::Path;

use larder::testing::CipherKind;
use larder::{Database, ErrorKind};

use super::oracle::{PATH, Setup, Specimen, State, Step, apply, catching, sound_state_of};
use super::sim_disk::{Entry, Failure, Image, Rng, SimVolume, Tally, Unsynced};

/// A file, and the states that it may be in.
#[derive(Clone)]
pub struct Base {
    pub image: Image,
    pub states: Vec<State>,
    pub allowed: Vec<usize>,
}

/// What is played over a base.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub setup: Setup,
    pub seed: u64,
    pub transactions: Vec<Vec<Step>>,
    /// The process is killed after so many changes of the disk; the rest runs in the next one.
    pub kill_after: Option<u64>,
    pub failures: Vec<Failure>,
    /// Whether the file is closed in the end, or the process killed.
    pub close: bool,
}

/// What the disk saw.
pub struct Record {
    pub start: Image,
    pub log: Vec<Entry>,
    pub states: Vec<State>,
    /// What may be found in the end.
    pub allowed: Vec<usize>,
    pub volume: SimVolume,
    pub tally: Tally,
    /// Operations of the disk's that the first opening took.
    pub opening: usize,
}

/// A closed file with the collection and the bucket in it, and nothing else.
pub fn empty_base(cipher: Option<CipherKind>) -> Base {
    let setup = Setup {
        cipher,
        ..Setup::default()
    };
    let volume = SimVolume::new(1);
    let db = setup
        .builder(&volume, 1)
        .register::<Specimen>()
        .create(PATH)
        .unwrap();
    let steps = [Step::Note { name: 0, bytes: 20 }];
    let state = State {
        sequence: db.commit_sequence(),
        ..State::default()
    };
    let state = state.after(&steps, 0);
    db.write(|tx| apply(tx, &steps, 0)).unwrap();
    db.close().unwrap();
    Base {
        image: volume.image(Path::new(PATH)).unwrap(),
        states: vec![state],
        allowed: vec![0],
    }
}

impl Base {
    /// The file after more transactions, closed.
    pub fn with(
        &self,
        setup: &Setup,
        transactions: Vec<Vec<Step>>,
        seed: u64,
    ) -> Result<Self, String> {
        let script = Script {
            setup: *setup,
            seed,
            transactions,
            close: true,
            ..Script::default()
        };
        let record = play(self, &script)?;
        Ok(Self {
            image: record.volume.image(Path::new(PATH)).unwrap(),
            states: vec![record.states[record.allowed[0]].clone()],
            allowed: vec![0],
        })
    }
}

struct Player<'s> {
    script: &'s Script,
    volume: SimVolume,
    states: Vec<State>,
    allowed: Vec<usize>,
    next: usize,
    opening: usize,
}

/// Plays a script.
///
/// # Errors
/// What went wrong that no fault explains.
pub fn play(base: &Base, script: &Script) -> Result<Record, String> {
    let volume = SimVolume::with_file(Path::new(PATH), &base.image, script.seed);
    volume.allow(&base.allowed);
    let mut player = Player {
        script,
        volume: volume.clone(),
        states: base.states.clone(),
        allowed: base.allowed.clone(),
        next: 0,
        opening: 0,
    };
    if let Some(changes) = script.kill_after {
        volume.kill_after(changes);
    }
    script
        .failures
        .iter()
        .for_each(|failure| volume.fail(*failure));
    let mut tally = Tally::default();
    for life in 0..LIVES_MAX {
        let done = catching(|| player.live(life))?;
        volume.kill();
        if done {
            break;
        }
        tally.add("reopening after a kill or a failure");
    }
    tally.merge(&volume.tally());
    Ok(Record {
        start: base.image.clone(),
        log: volume.log(),
        states: player.states,
        allowed: player.allowed,
        volume,
        tally,
        opening: player.opening,
    })
}

const LIVES_MAX: u64 = 4;

impl Player<'_> {
    /// One process; says whether everything was done.
    fn live(&mut self, life: u64) -> Result<bool, String> {
        let seed = self.script.seed.wrapping_mul(31).wrapping_add(life);
        let db = match self.script.setup.open(&self.volume, seed) {
            Ok(db) => db,
            Err(_) if self.volume.is_disturbed() => return Ok(false),
            Err(error) => return Err(format!("life {life}: it does not open: {error}")),
        };
        if life == 0 {
            self.opening = self.volume.log().len();
        }
        let state = match sound_state_of(&db, &self.script.setup, &self.states, &self.allowed) {
            Ok(state) => state,
            Err(_) if self.volume.is_disturbed() => return Ok(false),
            Err(error) => return Err(format!("life {life}: {error}")),
        };
        self.allow(vec![state]);
        while self.next < self.script.transactions.len() {
            if !self.transaction(&db, life)? {
                return Ok(false);
            }
        }
        if self.script.close {
            match db.close() {
                Err(error) if !self.volume.is_disturbed() => {
                    return Err(format!("life {life}: it does not close: {error}"));
                }
                _ => {}
            }
        } else {
            // Dropping would close it.
            self.volume.kill();
            drop(db);
        }
        Ok(true)
    }

    /// One transaction; says whether the process goes on.
    fn transaction(&mut self, db: &Database, life: u64) -> Result<bool, String> {
        let before = self.allowed[0];
        let steps = &self.script.transactions[self.next];
        let salt = self.next as u64 + 1;
        self.next += 1;
        let after = self.states.len();
        self.states
            .push(self.states[before].after(steps, salt + self.states[before].sequence * 100));
        let salt = salt + self.states[before].sequence * 100;
        self.allow(vec![before, after]);
        match db.write(|tx| apply(tx, steps, salt)) {
            Ok(()) => self.allow(vec![after]),
            Err(_) if self.volume.is_killed() => return Ok(false),
            Err(error) if !self.volume.is_disturbed() => {
                return Err(format!("life {life}: a transaction failed: {error}"));
            }
            Err(error) if error.is(ErrorKind::OutcomeUnknown) => return Ok(false),
            // Nothing of it may ever be there.
            Err(error) => {
                self.allow(vec![before]);
                if error.is(ErrorKind::Poisoned) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn allow(&mut self, states: Vec<usize>) {
        self.volume.allow(&states);
        self.allowed = states;
    }
}

impl Record {
    /// Walks the points at which the power can fail: what is unsynced there, after which operation,
    /// and which states may be found.
    pub fn each_cut(
        &self,
        mut cut: impl FnMut(usize, &Unsynced, &[usize]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut unsynced = Unsynced {
            durable: self.start.clone(),
            pending: Vec::new(),
        };
        for (at, entry) in self.log.iter().enumerate() {
            unsynced.push(&entry.op);
            cut(at, &unsynced, &entry.allowed)?;
        }
        Ok(())
    }
}

/// Transactions as an application might make them, some larger than the page cache.
pub fn random_transactions(rng: &mut Rng, count: usize, ids: usize) -> Vec<Vec<Step>> {
    let bytes = |rng: &mut Rng| match rng.below(8) {
        0 => rng.below(9000),
        _ => rng.below(300),
    };
    let mut transaction = || {
        let steps = match rng.below(12) {
            0 => 1 + rng.below(15),
            _ => 1 + rng.below(4),
        };
        let step = |_| match rng.below(10) {
            0..4 => Step::Put {
                id: 1 + rng.below(ids) as u64,
                bytes: bytes(rng),
            },
            4 => Step::Insert { bytes: bytes(rng) },
            5..7 => Step::Remove {
                id: 1 + rng.below(ids) as u64,
            },
            7..9 => Step::Note {
                name: rng.below(9) as u8,
                bytes: bytes(rng),
            },
            _ => Step::Forget {
                name: rng.below(9) as u8,
            },
        };
        (0..steps).map(step).collect()
    };
    (0..count).map(|_| transaction()).collect()
}
