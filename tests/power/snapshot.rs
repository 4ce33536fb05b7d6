//! Is a snapshot, or what is restored from one, whole under its name or not there at all, wherever it is
//! interrupted? The database that it is taken of has nothing to do with that.

use std::path::{Path, PathBuf};

use larder::testing::{CipherKind, Controls};
use larder::{Snapshot, SnapshotDepth};

use super::everywhere;
use super::history::{Base, empty_base, plain};
use super::oracle::{PATH, Setup, Step, apply, catching, check_image, sound_state_of, state_of};
use super::sim_disk::{Call, Failure, How, Image, Rng, SimVolume, Tally};

/// Power cuts at each point.
const CUTS: usize = 8;

const INTERRUPTED: &str = "new files that were killed";
const DONE: &str = "new files that were done";
const FAILED: &str = "new files that failed";
const WHOLE: &str = "images with a new file";
const NONE: &str = "images without one";

/// What makes a new file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Snapshot,
    Since,
    Restore,
}

/// What comes in between.
#[derive(Clone, Copy)]
enum Disturbance {
    Kill(u64),
    Failure(Failure),
}

fn beside(name: &str) -> PathBuf {
    Path::new(PATH).with_file_name(name)
}

/// A closed file with a few commits.
fn base(setup: &Setup) -> Result<Base, String> {
    let put = |id, bytes| Step::Put { id, bytes };
    let note = |name| Step::Note { name, bytes: 9_000 };
    empty_base(setup.cipher).with(
        setup,
        plain(vec![
            vec![note(1), note(2), put(1, 300), put(2, 3_000)],
            vec![put(3, 50), put(4, 20), Step::Remove { id: 2 }],
        ]),
        5,
    )
}

/// A database, and where the task needs one, a snapshot of it.
struct Run<'s> {
    setup: &'s Setup,
    task: Task,
    base: &'s Base,
    volume: SimVolume,
    seed: u64,
}

impl<'s> Run<'s> {
    /// Does the task, perhaps in vain; says whether nothing came in between.
    fn act(&self, disturb: Disturbance, tally: &mut Tally) -> Result<bool, String> {
        let (setup, volume) = (self.setup, &self.volume);
        let told = |error: larder::Error| format!("before anything was done: {error}");
        let db = setup.open(volume, 1).map_err(told)?;
        if self.task != Task::Snapshot {
            db.snapshot_to(beside("base.snapshot")).map_err(told)?;
            // It has a commit more than what is restored.
            let steps = [Step::Insert { bytes: 90 }];
            db.write(|tx| apply(tx, &steps, 9)).map_err(told)?;
        }
        let before = volume.names();
        match disturb {
            Disturbance::Kill(changes) => volume.kill_after(changes),
            Disturbance::Failure(failure) => volume.fail(failure),
        }
        let result = match self.task {
            Task::Snapshot => db.snapshot_to(beside("new")).map(drop),
            Task::Since => self
                .open(volume, &["base.snapshot"])
                .and_then(|base| db.snapshot_since(&base, beside("new")).map(drop)),
            Task::Restore => self
                .open(volume, &["base.snapshot"])
                .and_then(|base| base.restore_with(beside("new"), setup.builder(volume, 3))),
        };
        let killed = volume.is_killed();
        let disturbed = volume.is_disturbed();
        if killed {
            tally.add(INTERRUPTED);
        } else if result.is_ok() {
            tally.add(DONE);
        } else if disturbed {
            tally.add(FAILED);
        } else {
            return Err(format!("it is not done: {result:?}"));
        }
        volume.fail_no_more();
        if !killed && result.is_err() {
            // A name that could not be made durable is one that is there.
            let left: Vec<PathBuf> = volume.names();
            let beyond = left.iter().filter(|name| !before.contains(name));
            if beyond.clone().any(|name| *name != beside("new")) {
                return Err(format!("something is left behind: {left:?}"));
            }
        }
        // Of its own file the database may have read what failed, after which redb gives up.
        if matches!(disturb, Disturbance::Failure(failure) if failure.call != Call::Read) {
            // The database knows nothing of it.
            let states = self.states();
            state_of(&db, &states, &[states.len() - 1])?;
            db.write(|tx| apply(tx, &[Step::Insert { bytes: 10 }], 10))
                .map_err(|error| format!("it cannot be written afterwards: {error}"))?;
        }
        volume.kill();
        drop(db);
        tally.merge(&volume.tally());
        self.look(result.is_ok(), tally)?;
        Ok(!disturbed)
    }

    /// What was committed, in order.
    fn states(&self) -> Vec<super::oracle::State> {
        let mut states = self.base.states.clone();
        if self.task != Task::Snapshot {
            let last = &states[states.len() - 1];
            states.push(last.after(&[Step::Insert { bytes: 90 }], 9));
        }
        states
    }

    fn open(&self, volume: &SimVolume, names: &[&str]) -> larder::Result<Snapshot> {
        let builder = self.setup.builder(volume, 2);
        builder.open_snapshot_chain(names.iter().map(|name| beside(name)))
    }

    /// Cuts the power.
    fn look(&self, acknowledged: bool, tally: &mut Tally) -> Result<(), String> {
        let mut rng = Rng::new(self.seed);
        let mut states = self.states();
        let last = &states[states.len() - 1];
        let more = last.after(&[Step::Insert { bytes: 10 }], 10);
        let shown = if self.task == Task::Restore {
            states.len() - 2
        } else {
            states.len() - 1
        };
        states.push(more);
        // The commits of the run itself may be lost where they were not acknowledged.
        let allowed: Vec<usize> = (shown.min(states.len() - 2)..states.len()).collect();
        for cut in 0..CUTS {
            let mut remains = self.volume.cut(&mut rng, tally);
            let Some(image) = remains.files.remove(Path::new(PATH)) else {
                return Err("the database has lost its name".to_owned());
            };
            // It is the same in each.
            if cut == 0 {
                check_image(&image, self.setup, &states, &allowed)
                    .map_err(|error| format!("the database: {error}"))?;
            }
            let Some(new) = remains.files.remove(&beside("new")) else {
                if acknowledged {
                    return Err("it was acknowledged, and is gone".to_owned());
                }
                tally.add(NONE);
                continue;
            };
            tally.add(WHOLE);
            self.check(
                new,
                remains.files.remove(&beside("base.snapshot")),
                &states,
                shown,
            )
            .map_err(|error| format!("what has the name: {error}"))?;
        }
        Ok(())
    }

    /// What has the name of the new file must be whole.
    fn check(
        &self,
        new: Image,
        base: Option<Image>,
        states: &[super::oracle::State],
        shown: usize,
    ) -> Result<(), String> {
        if self.task == Task::Restore {
            return check_image(&new, self.setup, states, &[shown]).map(drop);
        }
        let mut files = std::collections::BTreeMap::from([(beside("new"), new)]);
        let mut names = vec!["new"];
        if self.task == Task::Since {
            files.insert(beside("base.snapshot"), base.ok_or("its base is gone")?);
            names.insert(0, "base.snapshot");
        }
        let volume = SimVolume::with_files(files, 7).without_record();
        catching(|| {
            let snapshot = self
                .open(&volume, &names)
                .map_err(|error| format!("it does not open: {error}"))?;
            snapshot
                .verify(SnapshotDepth::Restore)
                .map_err(|error| format!("it is not whole: {error}"))?;
            sound_state_of(snapshot.database(), self.setup, states, &[shown]).map(drop)
        })
    }
}

const FAILURES: [(Call, How, bool); 9] = [
    (Call::Read, How::Io, false),
    (Call::Write, How::Io, false),
    (Call::Write, How::Full, true),
    (Call::SetLen, How::Full, false),
    (Call::Sync, How::Io, false),
    (Call::Sync, How::Io, true),
    (Call::Rename, How::Io, false),
    (Call::SyncDirectory, How::Io, false),
    (Call::SyncDirectory, How::Io, true),
];

pub fn run(controls: Controls) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for cipher in [None, Some(CipherKind::XChaCha20Poly1305)] {
        let setup = Setup {
            cipher,
            controls,
            ..Setup::default()
        };
        let base = base(&setup)?;
        for task in [Task::Snapshot, Task::Since, Task::Restore] {
            let run = |seed| Run {
                setup: &setup,
                task,
                base: &base,
                volume: SimVolume::with_file(Path::new(PATH), &base.image, seed),
                seed,
            };
            let at = |error| format!("{cipher:?}, {task:?}, {error}");
            everywhere::killed(|changes| run(changes).act(Disturbance::Kill(changes), &mut tally))
                .map_err(at)?;
            // Of the many, one in a few.
            let one_in = |call| match call {
                Call::Read => 5,
                Call::Write => 2,
                _ => 1,
            };
            everywhere::failing(&FAILURES, one_in, |failure| {
                run(failure.after).act(Disturbance::Failure(failure), &mut tally)
            })
            .map_err(at)?;
        }
    }
    Ok(tally)
}

#[test]
fn an_interrupted_snapshot_or_restore_leaves_a_whole_file_or_none() {
    let tally = run(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    tally.require(&[
        INTERRUPTED,
        DONE,
        FAILED,
        WHOLE,
        NONE,
        "directory entry lost",
        "torn at sectors",
        "process kill",
        "EIO on read, once",
        "EIO on write, once",
        "EIO on sync, once",
        "EIO on rename",
        "EIO on sync of a directory",
    ]);
}
