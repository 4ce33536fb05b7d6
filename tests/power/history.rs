//! What is done to a database, and what does the disk see of it? A history is played on a simulated
//! disk, with kills and failures; its record gives the images of every power cut afterwards, without
//! playing it again.

use std::path::Path;

use larder::testing::{CipherKind, Closure};
use larder::{Database, Error, ErrorKind, ReadTx};

use super::oracle::{
    Ending, PATH, Setup, Specimen, State, Step, Transaction, apply, catching, check_outcomes,
    read_snapshot, read_state, sound_state_of,
};
use super::sim_disk::{Entry, Failure, Image, Op, Phase, Rng, SimVolume, Tally, Unsynced};

/// A file, and the states that it may be in.
#[derive(Clone)]
pub struct Base {
    pub image: Image,
    pub states: Vec<State>,
    pub allowed: Vec<usize>,
}

/// What a process does with an open database.
#[derive(Clone, Debug)]
pub enum Action {
    Write(Transaction),
    /// Several transactions in one batch.
    Together(Vec<Transaction>),
    Sync,
    Checkpoint,
    /// A reader begins, and stays.
    Hold,
    /// The oldest reader must see what it saw.
    Release,
}

impl Action {
    /// One transaction that commits, durably.
    pub fn write(steps: Vec<Step>) -> Self {
        Self::Write(Transaction {
            steps,
            ..Transaction::default()
        })
    }

    /// The same, but it survives the process, not the power.
    pub fn buffered(steps: Vec<Step>) -> Self {
        Self::Write(Transaction {
            steps,
            buffered: true,
            ..Transaction::default()
        })
    }
}

/// What is played over a base.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub setup: Setup,
    pub seed: u64,
    pub actions: Vec<Action>,
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

pub const REPLAYED: &str = "openings that brought back what the log held";
pub const REFUSED: &str = "transactions that failed by themselves";
pub const REFUSED_IN_BATCH: &str = "transactions of a batch that failed by themselves";
pub const BATCHES: &str = "batches of several transactions";
pub const UNKNOWN: &str = "commits whose outcome was unknown";
pub const BUFFERED: &str = "buffered commits";
pub const HELD: &str = "snapshots that were held over other commits";
pub const NO_ROOM: &str = "openings refused for lack of room";
pub const ROUNDS: &str = "times that the log began anew";

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
    pub fn with(&self, setup: &Setup, actions: Vec<Action>, seed: u64) -> Result<Self, String> {
        let script = Script {
            setup: *setup,
            seed,
            actions,
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
    /// What a power cut may leave: states that follow each other, the last of which is read now.
    allowed: Vec<usize>,
    readers: Vec<(ReadTx, usize)>,
    next: usize,
    /// Transactions so far.
    salt: u64,
    opening: usize,
    tally: Tally,
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
        readers: Vec::new(),
        next: 0,
        salt: 0,
        opening: 0,
        tally: Tally::default(),
    };
    if let Some(changes) = script.kill_after {
        volume.kill_after(changes);
    }
    script
        .failures
        .iter()
        .for_each(|failure| volume.fail(*failure));
    for life in 0..LIVES_MAX {
        let done = catching(|| player.live(life))?;
        volume.kill();
        player.readers.clear();
        if done {
            break;
        }
        player.tally.add("reopening after a kill or a failure");
    }
    let mut tally = player.tally;
    tally.merge(&volume.tally());
    let log = volume.log();
    let rounds = log.iter().filter(|entry| begins_log(entry)).count();
    tally.add_many(ROUNDS, (rounds as u64).saturating_sub(1));
    Ok(Record {
        start: base.image.clone(),
        log,
        states: player.states,
        allowed: player.allowed,
        volume,
        tally,
        opening: player.opening,
    })
}

/// Where the log lies.
const LOG: u64 = 0x4000;

fn begins_log(entry: &Entry) -> bool {
    matches!(entry.op, Op::Write { offset: LOG, .. })
}

const LIVES_MAX: u64 = 4;

impl Player<'_> {
    /// One process; says whether everything was done.
    fn live(&mut self, life: u64) -> Result<bool, String> {
        let seed = self.script.seed.wrapping_mul(31).wrapping_add(life);
        let before = self.volume.log().len();
        self.volume.phase(Phase::Opening);
        let db = match self.script.setup.open(&self.volume, seed) {
            Ok(db) => db,
            Err(error) if self.volume.is_disturbed() => {
                if error.is(ErrorKind::Full) {
                    self.tally.add(NO_ROOM);
                }
                return Ok(false);
            }
            Err(error) => return Err(format!("life {life}: it does not open: {error}")),
        };
        self.volume.phase(Phase::Writing);
        if life == 0 {
            self.opening = self.volume.log().len();
        }
        if db.recovery_report().replayed > 0 {
            self.tally.add(REPLAYED);
            self.volume.was(Phase::Replaying, before);
        }
        let state = match sound_state_of(&db, &self.script.setup, &self.states, &self.allowed) {
            Ok(state) => state,
            Err(_) if self.volume.is_disturbed() => return Ok(false),
            Err(error) => return Err(format!("life {life}: {error}")),
        };
        check_outcomes(&db, &self.states, state)
            .map_err(|error| format!("life {life}: {error}"))?;
        self.allow(vec![state]);
        while let Some(action) = self.script.actions.get(self.next) {
            self.next += 1;
            let goes_on = self
                .act(&db, action)
                .map_err(|error| format!("life {life}, action {}: {error}", self.next))?;
            if !goes_on {
                return Ok(false);
            }
        }
        self.readers.clear();
        if self.script.close {
            self.volume.phase(Phase::Checkpointing);
            let last = self.last();
            match db.close() {
                Ok(()) => self.allow(vec![last]),
                Err(error) if !self.volume.is_disturbed() => {
                    return Err(format!("life {life}: it does not close: {error}"));
                }
                Err(_) => {}
            }
        } else {
            // Dropping would close it.
            self.volume.kill();
            drop(db);
        }
        Ok(true)
    }

    /// Does one thing; says whether the process goes on.
    fn act(&mut self, db: &Database, action: &Action) -> Result<bool, String> {
        match action {
            Action::Write(transaction) => self.write(db, transaction),
            Action::Together(members) => self.write_together(db, members),
            Action::Sync => self.make_durable(db, Database::sync),
            Action::Checkpoint => {
                self.volume.phase(Phase::Checkpointing);
                let goes_on = self.make_durable(db, Database::checkpoint);
                self.volume.phase(Phase::Writing);
                goes_on
            }
            Action::Hold => {
                match db.read() {
                    Ok(reader) => self.readers.push((reader, self.last())),
                    Err(_) if self.volume.is_disturbed() => {}
                    Err(error) => return Err(format!("no snapshot: {error}")),
                }
                Ok(true)
            }
            Action::Release => self.release(),
        }
    }

    fn release(&mut self) -> Result<bool, String> {
        if self.readers.is_empty() {
            return Ok(true);
        }
        let (reader, held) = self.readers.remove(0);
        match read_snapshot(&reader) {
            Ok(seen) => {
                let seen = State {
                    sequence: self.states[held].sequence,
                    ..seen?
                };
                if !seen.looks_like(&self.states[held]) {
                    return Err(format!("a snapshot changed while it was held: {seen:?}"));
                }
                if held != self.last() {
                    self.tally.add(HELD);
                }
            }
            Err(_) if self.volume.is_disturbed() => {}
            Err(error) => return Err(format!("a snapshot cannot be read: {error}")),
        }
        Ok(true)
    }

    fn make_durable(
        &mut self,
        db: &Database,
        make: impl FnOnce(&Database) -> larder::Result<()>,
    ) -> Result<bool, String> {
        match make(db) {
            Ok(()) => {
                let last = self.last();
                self.allow(vec![last]);
                Ok(true)
            }
            Err(_) if self.volume.is_killed() => Ok(false),
            Err(error) if !self.volume.is_disturbed() => Err(format!("it is not synced: {error}")),
            // Nothing was taken back.
            Err(error) => {
                let last = self.last();
                self.look(db, last, last)?;
                Ok(!error.is(ErrorKind::Poisoned))
            }
        }
    }

    /// The state after a transaction over that one.
    fn push(&mut self, before: usize, transaction: &Transaction, salt: u64) -> usize {
        if !transaction.commits() {
            return before;
        }
        let after = self.states[before].after(&transaction.steps, salt);
        self.states.push(after);
        self.states.len() - 1
    }

    fn salt(&mut self, before: usize) -> u64 {
        self.salt += 1;
        self.salt + self.states[before].sequence * 100
    }

    /// One transaction; says whether the process goes on.
    fn write(&mut self, db: &Database, transaction: &Transaction) -> Result<bool, String> {
        let before = self.last();
        let salt = self.salt(before);
        let after = self.push(before, transaction, salt);
        let known = self.allowed.clone();
        self.allow(joined(&known, [after]));
        let result = db.write(|tx| transaction.perform(tx, salt));
        let killed = self.volume.is_killed();
        match result {
            _ if transaction.ends_with(&result) && !killed => {
                if transaction.commits() {
                    self.committed(known, [after], transaction.buffered);
                } else {
                    self.tally.add(REFUSED);
                    self.allow(known);
                }
                Ok(true)
            }
            Ok(()) if transaction.commits() => {
                self.committed(known, [after], transaction.buffered);
                Ok(false)
            }
            Ok(()) => Err("a transaction that failed was committed".to_owned()),
            Err(_) if killed => Ok(false),
            Err(error) if !self.volume.is_disturbed() => {
                Err(format!("a transaction failed: {error}"))
            }
            Err(error) if error.is(ErrorKind::OutcomeUnknown) => {
                if transaction.commits() {
                    self.unknown(&error, &[after])?;
                }
                let seen = self.look(db, before, after)?;
                if seen == after && !transaction.buffered {
                    // What a reader saw is not taken back.
                    self.allow(vec![after]);
                }
                Ok(false)
            }
            // Nothing of it may ever be there.
            Err(error) => {
                self.allow(known);
                self.look(db, before, before)?;
                Ok(!error.is(ErrorKind::Poisoned))
            }
        }
    }

    /// Transactions in one batch, or in several where one closes early; says whether the process goes
    /// on.
    fn write_together(&mut self, db: &Database, members: &[Transaction]) -> Result<bool, String> {
        let mut rest = members;
        while !rest.is_empty() {
            let before = self.last();
            let known = self.allowed.clone();
            let (mut salts, mut after) = (Vec::new(), Vec::new());
            let mut at = before;
            for member in rest {
                salts.push(self.salt(at));
                at = self.push(at, member, salts[salts.len() - 1]);
                after.push(at);
            }
            self.allow(joined(&known, after.iter().copied()));
            let closures = rest.iter().zip(&salts).map(|(member, salt)| {
                let closure: Closure<'_> = Box::new(|tx| member.perform(tx, *salt));
                closure
            });
            let results = match db.write_together(closures) {
                Ok(results) => results,
                Err(_) if self.volume.is_killed() => return Ok(false),
                Err(error) if !self.volume.is_disturbed() => {
                    return Err(format!("no batch: {error}"));
                }
                // It never came to a commit.
                Err(error) => {
                    self.allow(known);
                    return Ok(!error.is(ErrorKind::Poisoned));
                }
            };
            let (run, later) = rest.split_at(results.len());
            after.truncate(run.len());
            let goes_on = self.batch(db, known, run, &results, &after)?;
            if !goes_on || run.is_empty() {
                return Ok(goes_on);
            }
            rest = later;
        }
        Ok(true)
    }

    /// What became of a batch whose members left these states; says whether the process goes on.
    fn batch(
        &mut self,
        db: &Database,
        known: Vec<usize>,
        members: &[Transaction],
        results: &[larder::Result<()>],
        after: &[usize],
    ) -> Result<bool, String> {
        let before = self.allowed_last(&known);
        let ended = members.iter().zip(results);
        if ended
            .clone()
            .all(|(member, result)| member.ends_with(result))
        {
            let refused = members.iter().filter(|member| !member.commits()).count();
            self.tally.add_many(REFUSED_IN_BATCH, refused as u64);
            self.tally
                .add_many(BATCHES, u64::from(members.len() - refused > 1));
            let mut committing = members.iter().filter(|member| member.commits());
            let buffered = committing.all(|member| member.buffered);
            self.committed(known, after.iter().copied(), buffered);
            return Ok(!self.volume.is_killed());
        }
        if self.volume.is_killed() {
            return Ok(false);
        }
        let first = ended.clone().position(|(member, _)| member.commits());
        let (at, error) = match first.map(|at| (at, &results[at])) {
            Some((at, Err(error))) if self.volume.is_disturbed() => (at, error),
            // Nobody had anything to commit.
            None if self.volume.is_disturbed() => {
                self.allow(known);
                return Ok(true);
            }
            _ => return Err(format!("a batch ended with {results:?}")),
        };
        // From here on they shared a batch. What they say of it must not be true of what is not there.
        for (member, result) in ended.skip(at) {
            if !member.commits() && member.ends_with(result) {
                return Err(format!(
                    "{result:?} was told, though the batch failed: {error}"
                ));
            }
        }
        if error.is(ErrorKind::OutcomeUnknown) {
            let mut synced = false;
            let mut last = before;
            for (position, (member, result)) in members.iter().zip(results).enumerate().skip(at) {
                match result {
                    Err(error) if member.commits() => {
                        let follow: Vec<usize> = joined(&[], after[position..].iter().copied());
                        self.unknown(error, &follow)?;
                        synced |= !member.buffered;
                    }
                    Err(error) if error.commit().is_some() => {
                        return Err(format!("what was undone may be committed: {error}"));
                    }
                    Err(_) => {}
                    Ok(()) => return Err("a part of a batch is acknowledged".to_owned()),
                }
                last = after[position];
            }
            let seen = self.look(db, before, last)?;
            if seen == last && synced {
                self.allow(vec![last]);
            }
            return Ok(false);
        }
        let poisoned = error.is(ErrorKind::Poisoned);
        self.allow(known);
        self.look(db, before, before)?;
        Ok(!poisoned)
    }

    /// It is not known what became of a commit that these states have.
    fn unknown(&mut self, error: &Error, states: &[usize]) -> Result<(), String> {
        let Some(id) = error.commit() else {
            return Err(format!("an unknown outcome of no commit: {error}"));
        };
        if id.sequence() != self.states[states[0]].sequence {
            return Err(format!("an unknown outcome of another commit: {error}"));
        }
        for state in states {
            self.states[*state].has.push(id);
        }
        self.tally.add(UNKNOWN);
        Ok(())
    }

    /// What a reader sees after a failure: the state before or after, where it can read at all.
    fn look(&mut self, db: &Database, before: usize, after: usize) -> Result<usize, String> {
        let Ok(seen) = read_state(db) else {
            return Ok(before);
        };
        let seen = seen?;
        let same = |state: &State| {
            seen.looks_like(&State {
                sequence: seen.sequence,
                ..state.clone()
            })
        };
        [before, after]
            .into_iter()
            .find(|state| same(&self.states[*state]))
            .ok_or_else(|| format!("after a failure, a reader sees {seen:?}"))
    }

    /// These were acknowledged.
    fn committed(
        &mut self,
        known: Vec<usize>,
        after: impl IntoIterator<Item = usize>,
        buffered: bool,
    ) {
        let all = joined(&known, after);
        if buffered {
            self.tally.add(BUFFERED);
            self.allow(all);
        } else {
            self.allow(vec![all[all.len() - 1]]);
        }
    }

    fn last(&self) -> usize {
        self.allowed_last(&self.allowed)
    }

    fn allowed_last(&self, allowed: &[usize]) -> usize {
        allowed[allowed.len() - 1]
    }

    fn allow(&mut self, states: Vec<usize>) {
        self.volume.allow(&states);
        self.allowed = states;
    }
}

/// States that follow each other, each once.
fn joined(known: &[usize], more: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut all = known.to_vec();
    all.extend(more);
    all.dedup();
    all
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

/// Transactions that commit, each by itself.
pub fn plain(transactions: Vec<Vec<Step>>) -> Vec<Action> {
    transactions.into_iter().map(Action::write).collect()
}

/// Everything that an application might do: plain and buffered transactions, batches, some of whose
/// members fail, what bypasses the log, syncs, checkpoints and readers. One time in four the
/// transactions are so large that the log soon is full.
pub fn random_actions(rng: &mut Rng, count: usize, ids: usize) -> Vec<Action> {
    let bulky = rng.one_in(4);
    let transaction = |rng: &mut Rng| {
        let mut steps = random_transactions(rng, 1, ids).remove(0);
        if bulky {
            steps.push(Step::Note {
                name: rng.below(9) as u8,
                bytes: 2000 + rng.below(6000),
            });
        }
        if rng.one_in(12) {
            let bypass = match rng.below(6) {
                0 => Step::Reload {
                    count: 1 + rng.below(5) as u8,
                    bytes: rng.below(400),
                },
                1 => Step::ClearSpecimens,
                2 => Step::ClearNotes,
                3 => Step::DropSpecimens,
                4 => Step::DropNotes,
                _ => Step::Note {
                    name: 7,
                    bytes: 17_000 + rng.below(9000),
                },
            };
            steps.insert(rng.below(steps.len() + 1), bypass);
        }
        if rng.one_in(6) {
            steps.push(Step::Clash);
        }
        Transaction {
            steps,
            buffered: rng.one_in(3),
            ending: match rng.below(8) {
                0 => Ending::Missing,
                1 => Ending::Conflict,
                _ => Ending::Commit,
            },
        }
    };
    let mut action = || match rng.below(16) {
        0..9 => Action::Write(transaction(rng)),
        9..12 => {
            let members = 2 + rng.below(5);
            Action::Together((0..members).map(|_| transaction(rng)).collect())
        }
        12 => Action::Sync,
        13 => Action::Checkpoint,
        14 => Action::Hold,
        _ => Action::Release,
    };
    (0..count).map(|_| action()).collect()
}
