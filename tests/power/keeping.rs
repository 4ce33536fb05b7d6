//! Is every snapshot that was taken, and not forgotten, there and whole, wherever keeping them is interrupted?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use larder::testing::{CipherKind, Control, Controls};
use larder::uuid::Uuid;
use larder::{
    Database, Result, Retention, SnapshotDepth, SnapshotInfo, SnapshotListing, SnapshotStore,
};

use super::everywhere;
use super::oracle::{KEY, Setup, catching};
use super::sim_disk::{Call, Failure, How, Rng, SimVolume, Tally};

const DIRECTORY: &str = "disk/kept";

/// Power cuts after each kill.
const CUTS: usize = 6;

const INTERRUPTED: &str = "runs that were killed";
const STRAY: &str = "images with an unfinished file";
const HELD: &str = "images in which a kept snapshot builds on a forgotten one";
const RECALLED: &str = "runs that left several forgotten ones, of which each could be recalled";
const BETWEEN: &str = "images that list one that was being taken, forgotten or recalled";

/// What must be there after a power cut.
#[derive(Default)]
struct Expected {
    /// Taken, and nobody began to forget them.
    listed: BTreeSet<Uuid>,
    /// Forgotten.
    gone: BTreeSet<Uuid>,
}

/// A database in memory, whose commits write their own sequence.
fn database(cipher: Option<CipherKind>) -> Database {
    let builder = Database::builder().log_size(64 << 10);
    let builder = match cipher {
        None => builder,
        Some(kind) => builder.cipher(kind).key(KEY),
    };
    builder.in_memory().unwrap()
}

fn write(db: &Database) {
    let sequence = db.commit_sequence() + 1;
    db.write(|tx| {
        let mut bucket = tx.bucket("b")?;
        bucket.put(b"last", sequence.to_be_bytes())?;
        bucket.put(&sequence.to_be_bytes(), [7; 300]).map(drop)
    })
    .unwrap();
}

impl Expected {
    fn take(&mut self, db: &Database, store: &SnapshotStore, whole: bool) -> Result<Uuid> {
        write(db);
        let info = if whole {
            store.take(db)?
        } else {
            store.take_incremental(db)?
        };
        self.listed.insert(info.id);
        Ok(info.id)
    }

    fn forget(&mut self, store: &SnapshotStore, id: Uuid) -> Result<()> {
        self.listed.remove(&id);
        store.forget_one(id)?;
        self.gone.insert(id);
        Ok(())
    }

    /// Everything that changes a directory.
    fn run(&mut self, db: &Database, store: &SnapshotStore) -> Result<()> {
        let first = self.take(db, store, true)?;
        let second = self.take(db, store, false)?;
        self.forget(store, first)?;
        let third = self.take(db, store, false)?;
        self.forget(store, second)?;
        store.prune()?;
        self.gone.remove(&second);
        store.recall(second)?;
        self.listed.insert(second);
        let whole = self.take(db, store, true)?;
        self.listed = [whole].into();
        store.forget(&Retention::new().keep_last(1))?;
        self.gone.extend([second, third]);
        store.prune()?;
        self.take(db, store, false).map(drop)
    }

    /// What is listed is what has to be, and whole.
    fn check(&self, store: &SnapshotStore) -> Result<SnapshotListing, String> {
        let listing = store.list().map_err(|error| error.to_string())?;
        if !listing.damaged.is_empty() {
            return Err(format!("half a snapshot has the name of one: {listing:?}"));
        }
        let ids: BTreeSet<_> = listing.snapshots.iter().map(|info| info.id).collect();
        if !ids.is_superset(&self.listed) {
            return Err(format!(
                "a snapshot is gone: {listing:?}, {:?}",
                self.listed
            ));
        }
        if !ids.is_disjoint(&self.gone) {
            return Err(format!(
                "a forgotten one is listed: {listing:?}, {:?}",
                self.gone
            ));
        }
        for info in &listing.snapshots {
            whole(store, info).map_err(|error| format!("{info:?} is not whole: {error}"))?;
        }
        Ok(listing)
    }
}

/// What is forgotten can be recalled: pruning removes nothing that something builds on that is left.
fn recallable(store: &SnapshotStore) -> Result<usize, String> {
    let listing = store.list().map_err(|error| error.to_string())?;
    for info in &listing.forgotten {
        let recalled = store.recall(info.id).and_then(|()| whole(store, info));
        recalled.map_err(|error| format!("{info:?} is forgotten and lost: {error}"))?;
    }
    for info in &listing.forgotten {
        let forgotten = store.forget_one(info.id);
        forgotten.map_err(|error| error.to_string())?;
    }
    Ok(listing.forgotten.len())
}

fn whole(store: &SnapshotStore, info: &SnapshotInfo) -> Result<()> {
    let snapshot = store.open_snapshot(info.id)?;
    snapshot.verify(SnapshotDepth::Blocks)?;
    let tx = snapshot.read()?;
    let last = tx.bucket("b")?.get(b"last")?.map(|bytes| bytes.to_vec());
    assert_eq!(last, Some(info.commit.sequence().to_be_bytes().to_vec()));
    Ok(())
}

/// The directory is of use still: what is left is needed or goes, and another snapshot is taken.
fn go_on(
    expected: &Expected,
    db: &Database,
    store: &SnapshotStore,
    volume: &SimVolume,
    tally: &mut Tally,
) -> Result<(), String> {
    let listing = expected.check(store)?;
    let is_stray = |path: &PathBuf| path.to_string_lossy().contains(".new-");
    if volume.names().iter().any(is_stray) {
        tally.add(STRAY);
    }
    let forgotten: BTreeSet<_> = listing.forgotten.iter().map(|info| info.id).collect();
    let bases = listing.snapshots.iter().filter_map(|info| info.base);
    if bases.into_iter().any(|base| forgotten.contains(&base)) {
        tally.add(HELD);
    }
    if listing.snapshots.len() > expected.listed.len() {
        tally.add(BETWEEN);
    }
    let text = |error: larder::Error| format!("it cannot go on: {error}");
    store.prune().map_err(text)?;
    if volume.names().iter().any(is_stray) {
        return Err("what is unfinished is not removed".into());
    }
    let pruned = expected.check(store)?;
    if pruned.snapshots != listing.snapshots {
        return Err("pruning changed what is listed".into());
    }
    let taken = store.take_incremental(db).map_err(text)?;
    let listing = expected.check(store)?;
    if listing.snapshots.last() != Some(&taken) {
        return Err("what was taken is not the last".into());
    }
    Ok(())
}

/// One run, disturbed or not; then the power is cut. Whether it was done.
fn interrupted(
    setup: &Setup,
    prepare: impl Fn(&SimVolume),
    seed: u64,
    tally: &mut Tally,
) -> Result<bool, String> {
    let db = database(setup.cipher);
    let volume = SimVolume::new(seed);
    let open = |volume: &SimVolume, seed| {
        let builder = setup.builder(volume, seed);
        builder.open_snapshot_store(DIRECTORY)
    };
    prepare(&volume);
    let mut expected = Expected::default();
    let done = match open(&volume, seed) {
        Ok(store) => expected.run(&db, &store),
        Err(error) => Err(error),
    };
    if let Err(error) = &done
        && !volume.is_disturbed()
    {
        return Err(format!("nothing was wrong, but {error}"));
    }
    volume.kill();
    tally.merge(&volume.tally());
    let mut rng = Rng::new(seed);
    for _ in 0..CUTS {
        let remains = volume.cut(&mut rng, tally);
        let after = SimVolume::with_files(remains.files, rng.next()).without_record();
        let store = open(&after, rng.next()).map_err(|error| error.to_string())?;
        go_on(&expected, &db, &store, &after, tally)?;
    }
    // Without a power cut, another process goes on.
    let store = open(&volume, rng.next()).map_err(|error| error.to_string())?;
    if recallable(&store)? > 1 {
        tally.add(RECALLED);
    }
    go_on(&expected, &db, &store, &volume, tally)?;
    Ok(done.is_ok())
}

fn run(controls: Controls) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for cipher in [None, Some(CipherKind::Xaes256Gcm)] {
        let setup = Setup {
            cipher,
            controls,
            ..Setup::default()
        };
        everywhere::killed(|changes| {
            let prepare = |volume: &SimVolume| volume.kill_after(changes);
            let done = interrupted(&setup, prepare, changes, &mut tally)?;
            if !done {
                tally.add(INTERRUPTED);
            }
            Ok(done)
        })
        .map_err(|error| format!("{cipher:?}, {error}"))?;
        for call in [Call::Write, Call::Sync, Call::Rename, Call::SyncDirectory] {
            for after in 0..20 {
                let failure = Failure {
                    call,
                    after,
                    lasting: false,
                    how: How::Io,
                };
                let prepare = |volume: &SimVolume| volume.fail(failure);
                catching(|| interrupted(&setup, prepare, after, &mut tally))
                    .map_err(|error| format!("{cipher:?}, {failure:?}: {error}"))?;
            }
        }
    }
    Ok(tally)
}

#[test]
fn what_was_taken_and_not_forgotten_is_there_after_any_interruption() {
    let tally = run(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    tally.require(&[
        INTERRUPTED,
        STRAY,
        HELD,
        BETWEEN,
        RECALLED,
        "directory entry lost",
        "process kill",
        "EIO on write, once",
        "EIO on sync, once",
    ]);
    assert!(!Path::new(DIRECTORY).exists(), "the real disk was used");
}

/// The test would see it.
#[test]
fn a_name_that_is_not_made_durable_is_seen() {
    let violation = run(Controls::default().with(Control::NoDirectorySync)).unwrap_err();
    assert!(violation.contains("gone"), "{violation}");
}
