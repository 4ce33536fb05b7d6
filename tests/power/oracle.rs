//! What must a file hold after a power cut? One of the states that may be there, whole, and it must
//! still be of use.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use larder::testing::{CipherKind, Controls};
use larder::{
    Builder, CommitId, Database, Durability, ErrorKind, Outcome, ReadTx, Result, Reverse, Verify,
    WriteTx, record,
};

use super::sim_disk::{Image, SimVolume};

/// Where the database lies.
pub const PATH: &str = "disk/power.larder";

/// The key of encrypted files.
pub const KEY: [u8; 32] = *b"a key for tests, not for secrets";

/// What no encrypted file may show; keys and values begin with it.
pub const SECRET: &str = "not to be seen";

#[record(name = "specimens", index(by_shelf_weight = (shelf, desc(weight))))]
#[derive(Clone, Debug, PartialEq)]
pub struct Specimen {
    #[key(auto)]
    pub id: u64,
    #[unique]
    pub label: String,
    pub shelf: u8,
    pub weight: u32,
    #[index(each)]
    pub marks: Vec<u8>,
    pub text: String,
}

/// Something that a transaction does.
#[derive(Clone, Debug)]
pub enum Step {
    /// A record under a key of its own choice comes or changes.
    Put {
        id: u64,
        bytes: usize,
    },
    /// A record gets the next automatic key.
    Insert {
        bytes: usize,
    },
    Remove {
        id: u64,
    },
    /// An entry of the bucket.
    Note {
        name: u8,
        bytes: usize,
    },
    /// The entry goes.
    Forget {
        name: u8,
    },
    /// A record that would take another's label is refused, and the transaction goes on.
    Clash,
    /// All records go, and so many others come at once. Bypasses the log, as what follows does.
    Reload {
        count: u8,
        bytes: usize,
    },
    ClearSpecimens,
    ClearNotes,
    DropSpecimens,
    DropNotes,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    Commit,
    /// With an error of its closure's: a record is missing.
    Missing,
    /// With an error of its closure's: it meets a label that it gave itself.
    Conflict,
}

/// What a closure does.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub steps: Vec<Step>,
    pub buffered: bool,
    pub ending: Ending,
}

impl Transaction {
    pub fn commits(&self) -> bool {
        self.ending == Ending::Commit
    }

    /// Runs it; `salt` is its number.
    pub fn perform(&self, tx: &WriteTx, salt: u64) -> Result<()> {
        if self.buffered {
            tx.set_durability(Durability::Buffered);
        }
        apply(tx, &self.steps, salt)?;
        let mut specimens = tx.collection::<Specimen>()?;
        match self.ending {
            Ending::Commit => Ok(()),
            Ending::Missing => specimens.update(u64::MAX, |_| {}),
            Ending::Conflict => {
                let taken = specimen(77, salt, 10);
                specimens.put(&taken)?;
                specimens.insert(&Specimen { id: 0, ..taken }).map(drop)
            }
        }
    }

    /// Whether that is how it ends where nothing is wrong with the disk.
    pub fn ends_with(&self, result: &Result<()>) -> bool {
        match (self.ending, result) {
            (Ending::Commit, Ok(())) => true,
            (Ending::Missing, Err(error)) => error.is(ErrorKind::NotFound),
            (Ending::Conflict, Err(error)) => error.is(ErrorKind::Conflict),
            _ => false,
        }
    }
}

/// What is committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub specimens: BTreeMap<u64, Specimen>,
    pub notes: BTreeMap<String, Vec<u8>>,
    /// The greatest automatic key that was given or passed.
    pub greatest_id: u64,
    pub sequence: u64,
    /// Commits that it has, as far as their outcome was unknown once.
    pub has: Vec<CommitId>,
}

fn text(salt: u64, bytes: usize) -> String {
    let mut text = format!("{SECRET} {salt} ").repeat(bytes / 16 + 1);
    text.truncate(bytes.max(SECRET.len()));
    text
}

fn specimen(id: u64, salt: u64, bytes: usize) -> Specimen {
    Specimen {
        id,
        // No two records ever have the same one, and it changes.
        label: format!("{SECRET} {id} {}", salt % 2),
        shelf: (salt % 3) as u8,
        weight: (salt % 5) as u32,
        marks: vec![(salt % 4) as u8, (salt % 7) as u8 + 4],
        text: text(salt, bytes),
    }
}

fn note_name(name: u8) -> String {
    format!("{SECRET} {name}")
}

impl State {
    /// Whether it is that state, as far as can be read.
    pub fn looks_like(&self, state: &Self) -> bool {
        self.specimens == state.specimens
            && self.notes == state.notes
            && self.sequence == state.sequence
    }

    /// The state after a transaction, which is numbered `salt`.
    pub fn after(&self, steps: &[Step], salt: u64) -> Self {
        let mut state = self.clone();
        state.sequence += 1;
        let salts = (salt * 16..).zip(steps);
        for (salt, step) in salts {
            match *step {
                Step::Put { id, bytes } => {
                    state.specimens.insert(id, specimen(id, salt, bytes));
                    state.greatest_id = state.greatest_id.max(id);
                }
                Step::Insert { bytes } => {
                    state.greatest_id += 1;
                    let id = state.greatest_id;
                    state.specimens.insert(id, specimen(id, salt, bytes));
                }
                Step::Remove { id } => {
                    state.specimens.remove(&id);
                }
                Step::Note { name, bytes } => {
                    let value = text(salt, bytes).into_bytes();
                    state.notes.insert(note_name(name), value);
                }
                Step::Forget { name } => {
                    state.notes.remove(&note_name(name));
                }
                Step::Clash => {}
                Step::Reload { count, bytes } => {
                    let records = (1..=u64::from(count)).map(|id| (id, specimen(id, salt, bytes)));
                    state.specimens = records.collect();
                    state.greatest_id = state.greatest_id.max(count.into());
                }
                Step::ClearSpecimens => state.specimens.clear(),
                Step::ClearNotes | Step::DropNotes => state.notes.clear(),
                Step::DropSpecimens => {
                    state.specimens.clear();
                    state.greatest_id = 0;
                }
            }
        }
        state
            .notes
            .insert("step".to_owned(), salt.to_le_bytes().into());
        state
    }
}

/// Does in a transaction what [`State::after`] does to a state.
pub fn apply(tx: &WriteTx, steps: &[Step], salt: u64) -> Result<()> {
    let salts = (salt * 16..).zip(steps);
    for (salt, step) in salts {
        match *step {
            Step::Put { id, bytes } => {
                tx.collection::<Specimen>()?
                    .put(&specimen(id, salt, bytes))?;
            }
            Step::Insert { bytes } => {
                let mut specimens = tx.collection::<Specimen>()?;
                // The key is a part of the label.
                let id = specimens.insert(&Specimen {
                    label: format!("{SECRET} to be named"),
                    ..specimen(0, salt, bytes)
                })?;
                specimens.put(&specimen(id, salt, bytes))?;
            }
            Step::Remove { id } => {
                tx.collection::<Specimen>()?.remove(id)?;
            }
            Step::Note { name, bytes } => {
                let value = text(salt, bytes);
                tx.bucket("notes")?
                    .put(note_name(name).as_str(), value.as_bytes())?;
            }
            Step::Forget { name } => {
                tx.bucket("notes")?.remove(note_name(name).as_str())?;
            }
            Step::Clash => clash(tx, salt)?,
            Step::Reload { count, bytes } => {
                let mut specimens = tx.collection::<Specimen>()?;
                specimens.clear()?;
                let ids = 1..=u64::from(count);
                specimens.load(ids.map(|id| specimen(id, salt, bytes)))?;
            }
            Step::ClearSpecimens => tx.collection::<Specimen>()?.clear()?,
            Step::ClearNotes => tx.bucket("notes")?.clear()?,
            Step::DropSpecimens => {
                tx.drop_collection::<Specimen>()?;
            }
            Step::DropNotes => {
                tx.drop_bucket("notes")?;
            }
        }
    }
    tx.bucket("notes")?.put("step", salt.to_le_bytes())?;
    Ok(())
}

fn clash(tx: &WriteTx, salt: u64) -> Result<()> {
    let mut specimens = tx.collection::<Specimen>()?;
    let Some(first) = specimens.first()?.map(|first| first.to_owned()) else {
        return Ok(());
    };
    let label = first?.label;
    let refused = specimens.insert(&Specimen {
        label,
        ..specimen(0, salt, 10)
    });
    match refused {
        Err(error) if error.is(ErrorKind::Conflict) => Ok(()),
        Err(error) => Err(error),
        Ok(id) => panic!("record {id} took the label of another"),
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub cipher: Option<CipherKind>,
    /// Of encrypted files.
    pub key: Option<[u8; 32]>,
    pub controls: Controls,
    pub verify: Verify,
    /// Whether only what is read counts, and no check is made beneath it.
    pub unchecked: bool,
}

impl Setup {
    /// A builder whose random bytes are those of no other opening with another seed.
    pub fn builder(&self, volume: &SimVolume, seed: u64) -> Builder {
        let builder = Database::builder()
            .volume(std::sync::Arc::new(volume.clone()))
            .seed(super::sim_disk::Rng::new(seed).next())
            .controls(self.controls)
            .verify(self.verify)
            .cache_size(48 << 10)
            .log_size(64 << 10);
        match self.cipher {
            None => builder,
            Some(kind) => builder.cipher(kind).key(self.key.unwrap_or(KEY)),
        }
    }

    pub fn open(&self, volume: &SimVolume, seed: u64) -> Result<Database> {
        self.builder(volume, seed).open_existing(PATH)
    }
}

/// Everything that can be read, each index compared with the records. Which automatic keys were given
/// is not to be read; the next write tells.
///
/// # Errors
/// `Ok(Err(..))` says what is wrong; `Err` is what kept it from being read.
pub fn read_state(db: &Database) -> Result<Result<State, String>> {
    let sequence = db.commit_sequence();
    let found = read_snapshot(&db.read()?)?;
    Ok(found.map(|state| State { sequence, ..state }))
}

/// The same of a snapshot, which does not say what its sequence is.
pub fn read_snapshot(tx: &ReadTx) -> Result<Result<State, String>> {
    let mut state = State::default();
    let specimens = tx.collection::<Specimen>()?;
    for specimen in specimens.iter()? {
        let specimen = specimen?.to_owned()?;
        state.specimens.insert(specimen.id, specimen);
    }
    for note in tx.bucket("notes")?.iter()? {
        let (name, value) = note?;
        let name = String::from_utf8_lossy(&name).into_owned();
        state.notes.insert(name, value.to_vec());
    }
    let mut labels = BTreeSet::new();
    let mut weights = BTreeSet::new();
    let mut marks = BTreeSet::new();
    for (id, specimen) in &state.specimens {
        labels.insert((specimen.label.clone(), *id));
        weights.insert((specimen.shelf, Reverse(specimen.weight), *id));
        marks.extend(specimen.marks.iter().map(|mark| (*mark, *id)));
    }
    let expected: [(&str, Vec<u64>); 3] = [
        (
            Specimen::BY_LABEL.name(),
            labels.into_iter().map(|(_, id)| id).collect(),
        ),
        (
            Specimen::BY_SHELF_WEIGHT.name(),
            weights.into_iter().map(|(.., id)| id).collect(),
        ),
        (
            Specimen::BY_MARKS.name(),
            marks.into_iter().map(|(_, id)| id).collect(),
        ),
    ];
    let found = [
        ids(specimens.by(Specimen::BY_LABEL).iter()?)?,
        ids(specimens.by(Specimen::BY_SHELF_WEIGHT).iter()?)?,
        ids(specimens.by(Specimen::BY_MARKS).iter()?)?,
    ];
    for ((name, expected), found) in expected.iter().zip(&found) {
        if expected != found {
            return Ok(Err(format!(
                "index {name} gives {found:?}, not {expected:?}"
            )));
        }
    }
    Ok(Ok(state))
}

fn ids<'a>(records: impl Iterator<Item = Result<larder::View<'a, Specimen>>>) -> Result<Vec<u64>> {
    records
        .map(|record| record.map(|record| record.id.to_native()))
        .collect()
}

/// Which of the states an open database is in.
pub fn state_of(db: &Database, states: &[State], allowed: &[usize]) -> Result<usize, String> {
    let found = read_state(db).map_err(|error| format!("it cannot be read: {error}"))??;
    for position in allowed {
        if found.looks_like(&states[*position]) {
            return Ok(*position);
        }
    }
    let elsewhere = states.iter().rposition(|state| found.looks_like(state));
    Err(match elsewhere {
        Some(position) => format!("it is in state {position}, and {allowed:?} may be"),
        None => format!("it is in none of the states {allowed:?}: {found:?}"),
    })
}

/// Whether the database says of every commit whose outcome was unknown what the state says that it is
/// in.
pub fn check_outcomes(db: &Database, states: &[State], found: usize) -> Result<(), String> {
    for id in states.iter().flat_map(|state| &state.has) {
        let expected = if states[found].has.contains(id) {
            Outcome::Committed
        } else {
            Outcome::RolledBack
        };
        let said = db
            .outcome(*id)
            .map_err(|error| format!("no outcome of a commit: {error}"))?;
        if said != expected {
            return Err(format!(
                "commit {id} is said to be {said:?}, and is {expected:?}"
            ));
        }
    }
    Ok(())
}

/// Whether the file is as it should be beneath what is read.
fn is_sound(db: &Database) -> Result<(), String> {
    if db.was_repaired() {
        return Err("redb walked the file in opening it".to_owned());
    }
    match db.check() {
        Ok(report) if report.is_ok() => Ok(()),
        Ok(report) => Err(report.to_string()),
        Err(error) => Err(format!("it cannot be checked: {error}")),
    }
}

/// Which of the states an open database is in, all of it checked.
pub fn sound_state_of(
    db: &Database,
    setup: &Setup,
    states: &[State],
    allowed: &[usize],
) -> Result<usize, String> {
    let found = state_of(db, states, allowed)?;
    if !setup.unchecked {
        is_sound(db)?;
    }
    Ok(found)
}

/// Runs what may panic over a file that is not what was written.
pub fn catching<R>(run: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without words")))
    })
}

/// How an image was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub state: usize,
    /// Transactions that were in the log alone.
    pub replayed: u64,
}

/// Whether it is in one of the states that it may be in when it is opened read-only, and not written.
fn check_read_only(
    image: &Image,
    setup: &Setup,
    states: &[State],
    allowed: &[usize],
) -> Result<usize, String> {
    let volume = SimVolume::with_file(Path::new(PATH), image, 0);
    let db = setup
        .builder(&volume, 0)
        .open_read_only(PATH)
        .map_err(|error| format!("it does not open read-only: {error}"))?;
    let found = state_of(&db, states, allowed)?;
    let written = volume.tally().count("write through a read-only handle");
    if written > 0 || !volume.log().is_empty() {
        return Err("a file that was opened read-only was written".to_owned());
    }
    Ok(found)
}

/// Whether an image opens in one of the states that it may be in, and is of use from there on. Gives
/// which.
pub fn check_image(
    image: &Image,
    setup: &Setup,
    states: &[State],
    allowed: &[usize],
) -> Result<Found, String> {
    catching(|| {
        let digest = image.digest();
        let read_only = if digest.is_multiple_of(8) {
            Some(check_read_only(image, setup, states, allowed)?)
        } else {
            None
        };
        let volume = SimVolume::with_file(Path::new(PATH), image, digest).without_record();
        let db = setup
            .open(&volume, digest)
            .map_err(|error| format!("it does not open: {error}"))?;
        let found = sound_state_of(&db, setup, states, allowed)?;
        if read_only.is_some_and(|before| before != found) {
            return Err("opened read-only, it was in another state".to_owned());
        }
        check_outcomes(&db, states, found)?;
        let replayed = db.recovery_report().replayed;
        let steps = [Step::Insert { bytes: 40 }, Step::Remove { id: 1 }];
        let after = [states[found].after(&steps, 1 << 20)];
        db.write(|tx| apply(tx, &steps, 1 << 20))
            .map_err(|error| format!("it cannot be written: {error}"))?;
        if digest.is_multiple_of(2) {
            db.close()
                .map_err(|error| format!("it does not close: {error}"))?;
        } else {
            volume.kill();
            drop(db);
        }
        let db = setup
            .open(&volume, digest ^ 1)
            .map_err(|error| format!("it does not open a second time: {error}"))?;
        state_of(&db, &after, &[0])?;
        if db.was_repaired() && !setup.unchecked {
            return Err("redb walked the file in opening it a second time".to_owned());
        }
        if digest % 4 < 2 && !setup.unchecked {
            is_sound(&db)?;
        }
        volume.kill();
        Ok(Found {
            state: found,
            replayed,
        })
    })
}

/// What came of a file that was damaged at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// What was read is right.
    Harmless,
    /// It was told.
    Told,
}

/// Whether damage is told or harmless: never a wrong answer, a panic, or a step back.
pub fn check_damaged(
    image: &Image,
    setup: &Setup,
    states: &[State],
    allowed: &[usize],
) -> Result<Damaged, String> {
    let told = |error: larder::Error| match error.kind() {
        ErrorKind::Corrupt | ErrorKind::NotADatabase | ErrorKind::WrongKey => Ok(Damaged::Told),
        _ => Err(format!("damage is told as {error}")),
    };
    catching(|| {
        let digest = image.digest();
        let volume = SimVolume::with_file(Path::new(PATH), image, digest).without_record();
        let db = match setup.open(&volume, digest) {
            Ok(db) => db,
            Err(error) => return told(error),
        };
        let before = match read_state(&db) {
            Err(error) => return told(error),
            Ok(_) => state_of(&db, states, allowed)?,
        };
        match db.check() {
            Ok(report) if report.is_ok() => {}
            Ok(_) => return Ok(Damaged::Told),
            Err(error) => return told(error),
        }
        let steps = [Step::Insert { bytes: 3000 }];
        let after = [states[before].after(&steps, 1 << 20)];
        match db.write(|tx| apply(tx, &steps, 1 << 20)) {
            Ok(()) => {}
            Err(error) if error.is(ErrorKind::Corrupt) => return Ok(Damaged::Told),
            // Damage met within a commit.
            Err(error) if error.is(ErrorKind::OutcomeUnknown) => return Ok(Damaged::Told),
            Err(error) => return told(error),
        }
        match read_state(&db) {
            Err(error) => return told(error),
            Ok(_) => state_of(&db, &after, &[0])?,
        };
        Ok(Damaged::Harmless)
    })
}

/// Whether a scrub of a file in which an old copy of a block lies changes nothing of it, so that what
/// was acknowledged is still told from what was before.
pub fn check_scrub(
    image: &Image,
    setup: &Setup,
    states: &[State],
    allowed: &[usize],
) -> Result<(), String> {
    catching(|| {
        let volume = SimVolume::with_file(Path::new(PATH), image, 0);
        // With its assertions on, redb may panic over such a file.
        let opened = catching(|| setup.open(&volume, 0).map_err(|error| error.to_string()));
        let Ok(db) = opened else {
            return Ok(());
        };
        if db.recovery_report().replayed > 0 {
            // Opening wrote already what the log held, over whatever it read: only one that verifies
            // everything first would have told.
            return Ok(());
        }
        let before = volume.changes();
        let _ = db.scrub(None, |_| {});
        let written = volume.changes() - before;
        let scrubbed = volume.image(Path::new(PATH)).unwrap();
        volume.kill();
        let _ = catching(|| {
            drop(db);
            Ok(())
        });
        let verifying = Setup {
            verify: Verify::Full,
            ..*setup
        };
        check_damaged(&scrubbed, &verifying, states, allowed)
            .map_err(|error| format!("a scrub made {written} changes, and now {error}"))?;
        if written > 0 {
            return Err(format!("a scrub made {written} changes"));
        }
        Ok(())
    })
}
