//! Is a database whole under its name, the old file or the compacted one, wherever a compaction is
//! interrupted? What lies beside it is never needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::testing::{CipherKind, Controls};
use larder::{Database, ErrorKind, ReadTx};

use super::everywhere;
use super::history::{Action, Base, Script, empty_base, plain, play};
use super::oracle::{
    PATH, Setup, State, Step, Transaction, apply, check_image, read_snapshot, sound_state_of,
    state_of,
};
use super::sim_disk::{Call, Failure, How, Image, Rng, SimVolume, Tally};

/// Power cuts right after a kill.
const CUTS: usize = 3;

/// Power cuts after another process went on, where no other name is left: the new file may have the name
/// in the page cache alone.
const NAME_CUTS: usize = 10;

/// Of so many images one is crashed once more while it is opened.
const AGAIN_IN: usize = 6;

const INTERRUPTED: &str = "compactions that were killed";
const NEW: &str = "compactions that were done";
const KEPT: &str = "compactions that failed and left the old file in use";
const LATCHED: &str = "compactions after which nothing more was written";
const STRAY: &str = "images with a file beside the database";
const AGAIN: &str = "images of a second crash";
const WITHOUT_CUT: &str = "openings after a kill without a power cut";

/// A closed file, much of which is room that was used once.
fn base(setup: &Setup) -> Result<Base, String> {
    let put = |id, bytes| Step::Put { id, bytes };
    let note = |name| Step::Note { name, bytes: 9_000 };
    let forget = |name| Step::Forget { name };
    empty_base(setup.cipher).with(
        setup,
        plain(vec![
            vec![note(1), note(2), note(3), put(1, 300), put(2, 3_000)],
            vec![put(3, 50), put(4, 20)],
            vec![forget(1), forget(2), Step::Remove { id: 2 }],
        ]),
        5,
    )
}

/// A database in which two commits are in the log alone, one of them buffered.
struct Run<'s> {
    setup: &'s Setup,
    volume: SimVolume,
    db: Option<Database>,
    states: Vec<State>,
    /// What a power cut may leave.
    allowed: Vec<usize>,
    rng: Rng,
}

impl<'s> Run<'s> {
    fn new(setup: &'s Setup, base: &Base, seed: u64) -> Result<Self, String> {
        let volume = SimVolume::with_file(Path::new(PATH), &base.image, seed);
        let db = setup
            .open(&volume, seed)
            .map_err(|error| format!("it does not open: {error}"))?;
        let mut run = Self {
            setup,
            volume,
            db: Some(db),
            states: base.states.clone(),
            allowed: base.allowed.clone(),
            rng: Rng::new(seed),
        };
        // The first of a life is a checkpoint.
        for (salt, buffered) in [(1, false), (2, false), (3, true)] {
            run.write(salt, buffered)?;
        }
        Ok(run)
    }

    fn last(&self) -> usize {
        self.states.len() - 1
    }

    /// A transaction that must succeed.
    fn write(&mut self, salt: u64, buffered: bool) -> Result<(), String> {
        self.try_write(salt, buffered)
            .map_err(|error| format!("it cannot be written: {error}"))
    }

    fn try_write(&mut self, salt: u64, buffered: bool) -> larder::Result<()> {
        let steps = vec![
            Step::Insert { bytes: 200 },
            Step::Note {
                name: 5,
                bytes: 10 * salt as usize,
            },
        ];
        let last = self.last();
        let after = self.states[last].after(&steps, salt);
        let transaction = Transaction {
            steps,
            buffered,
            ..Transaction::default()
        };
        let db = self.db.as_ref().expect("it is open");
        match db.write(|tx| transaction.perform(tx, salt)) {
            Ok(()) => {
                self.states.push(after);
                if !buffered {
                    self.allowed.clear();
                }
                self.allowed.push(last + 1);
                Ok(())
            }
            Err(error) => {
                if error.is(ErrorKind::OutcomeUnknown) {
                    self.states.push(after);
                    self.allowed.push(last + 1);
                }
                Err(error)
            }
        }
    }

    /// Compacts, perhaps in vain; says whether nothing came in between.
    fn compact(&mut self, tally: &mut Tally) -> Result<bool, String> {
        let db = self.db.clone().expect("it is open");
        let compacted = db.compact();
        if self.volume.is_killed() {
            tally.add(INTERRUPTED);
            if compacted.is_ok() {
                self.allowed = vec![self.last()];
            }
            return Ok(false);
        }
        let undisturbed = !self.volume.is_disturbed();
        if undisturbed {
            self.volume.fail_no_more();
        }
        match compacted {
            Ok(_) => {
                tally.add(NEW);
                self.allowed = vec![self.last()];
            }
            Err(error) if undisturbed => return Err(format!("it is not compacted: {error}")),
            Err(_) => {}
        }
        Ok(undisturbed)
    }

    /// The process goes on after a failure, or none.
    fn go_on(&mut self, tally: &mut Tally) -> Result<(), String> {
        let failed = self.volume.is_disturbed();
        if self.volume.names() != [PathBuf::from(PATH)] {
            return Err("something is left beside it".to_owned());
        }
        let last = self.last();
        let db = self.db.clone().expect("it is open");
        match state_of(&db, &self.states, &[last]) {
            // Those that last come in reading, too.
            Err(_) if failed => {}
            state => drop(state?),
        }
        match self.try_write(4, false) {
            Ok(()) if failed => tally.add(KEPT),
            Ok(()) => {}
            Err(error) if !failed => return Err(format!("it cannot be written: {error}")),
            Err(error) if error.is(ErrorKind::Poisoned) => tally.add(LATCHED),
            Err(_) => {}
        }
        Ok(())
    }

    /// The process ends, the page cache stays.
    fn kill(&mut self, tally: &mut Tally) {
        self.volume.kill();
        self.db = None;
        tally.merge(&self.volume.tally());
    }

    /// Cuts the power so often: what is left under the name must be in a state that is allowed.
    fn cut(&mut self, cuts: usize, tally: &mut Tally) -> Result<(), String> {
        for _ in 0..cuts {
            let mut remains = self.volume.cut(&mut self.rng, tally);
            let Some(image) = remains.files.remove(Path::new(PATH)) else {
                return Err("nothing has the name any more".to_owned());
            };
            if !remains.files.is_empty() {
                tally.add(STRAY);
            }
            tally.add("images of a compaction");
            check_image(&image, self.setup, &self.states, &self.allowed)
                .map_err(|error| format!("what has the name: {error}"))?;
            if self.rng.one_in(AGAIN_IN) {
                self.crash_again(image, tally)?;
            }
        }
        Ok(())
    }

    /// Opens what a cut left and writes, with a kill and a power cut in that.
    fn crash_again(&mut self, image: Image, tally: &mut Tally) -> Result<(), String> {
        let base = Base {
            image,
            states: self.states.clone(),
            allowed: self.allowed.clone(),
        };
        let script = Script {
            setup: *self.setup,
            seed: self.rng.next(),
            actions: vec![Action::write(vec![Step::Insert { bytes: 70 }])],
            kill_after: Some(1 + self.rng.below(20) as u64),
            ..Script::default()
        };
        let record = play(&base, &script)?;
        let point = self.rng.below(record.log.len().max(1));
        let (mut rng, mut cuts) = (Rng::new(self.rng.next()), Tally::default());
        record.each_cut(|at, unsynced, allowed| {
            if at != point {
                return Ok(());
            }
            let image = unsynced.cut(&mut rng, &mut cuts);
            cuts.add(AGAIN);
            check_image(&image, &script.setup, &record.states, allowed)
                .map(drop)
                .map_err(|error| format!("a second crash, {script:?}: {error}"))
        })?;
        tally.merge(&cuts);
        Ok(())
    }

    /// Another process opens what the first one left in the page cache, and writes.
    fn reopen(&mut self, tally: &mut Tally) -> Result<(), String> {
        let db = self
            .setup
            .open(&self.volume, self.rng.next())
            .map_err(|error| format!("after a kill it does not open: {error}"))?;
        tally.add(WITHOUT_CUT);
        let last = self.last();
        sound_state_of(&db, self.setup, &self.states, &[last])
            .map_err(|error| format!("after a kill: {error}"))?;
        // What it acknowledges stays, whichever file the name leads to after a cut.
        let steps = [Step::Insert { bytes: 90 }];
        self.states.push(self.states[last].after(&steps, 9));
        db.write(|tx| apply(tx, &steps, 9))
            .map_err(|error| format!("after a kill it cannot be written: {error}"))?;
        self.allowed = vec![self.last()];
        self.db = Some(db);
        Ok(())
    }
}

/// Kills after each operation of the disk's.
fn killed_everywhere(setup: &Setup, base: &Base, tally: &mut Tally) -> Result<(), String> {
    everywhere::killed(|changes| {
        let mut run = Run::new(setup, base, changes)?;
        run.volume.kill_after(changes);
        let done = run.compact(tally)?;
        run.kill(tally);
        run.cut(CUTS, tally)?;
        run.reopen(tally)?;
        run.kill(tally);
        let is_alone = run.volume.names().len() == 1;
        run.cut(if is_alone { NAME_CUTS } else { 1 }, tally)?;
        Ok(done)
    })
}

const FAILURES: [(Call, How, bool); 11] = [
    (Call::Read, How::Io, false),
    (Call::Write, How::Io, false),
    (Call::Write, How::Io, true),
    (Call::Write, How::Full, false),
    (Call::SetLen, How::Full, false),
    (Call::SetLen, How::Full, true),
    (Call::Sync, How::Io, false),
    (Call::Sync, How::Io, true),
    (Call::Rename, How::Io, false),
    (Call::SyncDirectory, How::Io, false),
    (Call::SyncDirectory, How::Io, true),
];

/// Lets each call of the disk's fail; of the many, one in a few.
fn failed_everywhere(setup: &Setup, base: &Base, tally: &mut Tally) -> Result<(), String> {
    let one_in = |call| match call {
        Call::Read => 7,
        Call::Write => 3,
        _ => 1,
    };
    everywhere::failing(&FAILURES, one_in, |failure| {
        let mut run = Run::new(setup, base, failure.after)?;
        run.volume.fail(failure);
        let done = run.compact(tally)?;
        run.go_on(tally)?;
        run.kill(tally);
        run.cut(1, tally)?;
        Ok(done)
    })
}

pub fn run(controls: Controls) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for cipher in [None, Some(CipherKind::XChaCha20Poly1305)] {
        let setup = Setup {
            cipher,
            controls,
            ..Setup::default()
        };
        let base = base(&setup)?;
        let at = |error| format!("{cipher:?}: {error}");
        killed_everywhere(&setup, &base, &mut tally).map_err(at)?;
        failed_everywhere(&setup, &base, &mut tally).map_err(at)?;
    }
    Ok(tally)
}

#[test]
fn an_interrupted_compaction_leaves_the_old_file_or_the_new_one() {
    let tally = run(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    assert_eq!(
        tally.count(super::sim_disk::AFTER_FAILED_SYNC),
        0,
        "a file was changed after its sync failed"
    );
    tally.require(&[
        INTERRUPTED,
        NEW,
        KEPT,
        LATCHED,
        STRAY,
        AGAIN,
        WITHOUT_CUT,
        "directory entry lost",
        "lost subset",
        "torn at sectors",
        "torn at any byte",
        "garbage in what was being written",
        "process kill",
        "EIO on read, once",
        "EIO on write, once",
        "EIO on write, for ever",
        "ENOSPC on write, passing",
        "ENOSPC on set_len, passing",
        "ENOSPC on set_len, lasting",
        "EIO on sync, once",
        "EIO on sync, for ever",
        "EIO on rename",
        "EIO on sync of a directory",
    ]);
}

#[test]
fn a_reader_that_begins_while_the_new_file_is_written_keeps_the_old_one_in_use() {
    let setup = Setup::default();
    let base = base(&setup).unwrap();
    let mut run = Run::new(&setup, &base, 1).unwrap();
    let db = run.db.clone().unwrap();
    db.checkpoint().unwrap();
    let reader: Arc<Mutex<Option<ReadTx>>> = Arc::default();
    let (slot, own) = (reader.clone(), db.clone());
    run.volume.at_sync(move |_| {
        let mut slot = slot.lock().unwrap();
        // Only the first time: while the files are swapped it would wait for itself.
        if slot.is_none() {
            *slot = Some(own.read().unwrap());
        }
    });
    let error = db.compact_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(error.is(ErrorKind::Busy), "{error}");
    run.volume.at_sync(|_| {});
    assert_eq!(run.volume.names(), [PathBuf::from(PATH)]);
    let seen = read_snapshot(&reader.lock().unwrap().take().unwrap());
    let expected = &run.states[run.last()];
    assert_eq!(seen.unwrap().unwrap().specimens, expected.specimens);
    run.write(4, false).unwrap();
    db.compact_timeout(Duration::ZERO).unwrap();
    run.write(5, false).unwrap();
    let last = run.last();
    sound_state_of(&db, &setup, &run.states, &[last]).unwrap();
}

/// What goes wrong with the new file is no reason to give up the old one.
#[test]
fn a_sync_of_the_new_file_that_fails_leaves_the_old_one_as_good_as_it_was() {
    let setup = Setup::default();
    let base = base(&setup).unwrap();
    let mut run = Run::new(&setup, &base, 1).unwrap();
    // Nothing is in the log: every sync from here on is one of the new file.
    run.db.as_ref().unwrap().checkpoint().unwrap();
    let mut failed = 0;
    for after in 0.. {
        run.volume.fail(Failure {
            call: Call::Sync,
            after,
            lasting: false,
            how: How::Io,
        });
        let Err(error) = run.db.as_ref().unwrap().compact() else {
            break;
        };
        assert!(error.is(ErrorKind::Io), "{error}");
        assert_eq!(run.volume.names(), [PathBuf::from(PATH)]);
        failed += 1;
        run.write(10 + after, false).unwrap();
        run.db.as_ref().unwrap().checkpoint().unwrap();
    }
    assert!(failed > 3, "only {failed} syncs failed");
    run.volume.kill();
    run.db = None;
    run.cut(CUTS, &mut Tally::default()).unwrap();
}
