//! Snapshots that are kept: what was taken is listed and can be restored, and what goes is never needed by what
//! stays.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use larder::uuid::Uuid;
use larder::{
    Builder, Database, ErrorKind, KdfParameters, KeptAs, Readable, Retention, Snapshot,
    SnapshotDepth, SnapshotInfo, SnapshotOptions, SnapshotStore, Timestamp, Unlock,
};

use crate::support::apart::change_header;
use crate::support::random::Random;
use crate::support::{builder, check, kind};

/// A database and its snapshots. Each commit writes its own sequence, among other things.
struct Kept {
    directory: tempfile::TempDir,
    db: Database,
    store: SnapshotStore,
}

impl Kept {
    fn new() -> Self {
        Self::with(builder)
    }

    fn with(builder: impl Fn() -> Builder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = builder().open(directory.path().join("a.larder")).unwrap();
        // Also what it lies in is made.
        let path = directory.path().join("kept/snapshots");
        let store = builder().open_snapshot_store(path).unwrap();
        let kept = Self {
            directory,
            db,
            store,
        };
        kept.write();
        kept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn again(&self) -> SnapshotStore {
        builder()
            .open_snapshot_store(self.path("kept/snapshots"))
            .unwrap()
    }

    fn write(&self) {
        write(&self.db);
    }

    fn take(&self) -> SnapshotInfo {
        self.write();
        self.store.take(&self.db).unwrap()
    }

    fn increment(&self) -> SnapshotInfo {
        self.write();
        self.store.take_incremental(&self.db).unwrap()
    }

    fn listed(&self) -> Vec<Uuid> {
        ids(&self.store.list().unwrap().snapshots)
    }

    fn forgotten(&self) -> Vec<Uuid> {
        ids(&self.store.list().unwrap().forgotten)
    }

    fn file_of(&self, id: Uuid) -> PathBuf {
        let id = id.to_string();
        let has_id = |path: &PathBuf| path.to_str().unwrap().contains(&id);
        self.files().into_iter().find(has_id).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.store.directory()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Everything that is listed shows what was committed when it was taken.
    fn verify(&self) {
        for info in self.store.list().unwrap().snapshots {
            self.store.verify(info.id, SnapshotDepth::Restore).unwrap();
            let snapshot = self.store.open_snapshot(info.id).unwrap();
            assert_eq!(snapshot.info(), info);
            assert_eq!(shown(&snapshot.read().unwrap()), info.commit.sequence());
        }
    }
}

/// Whatever other tests encrypt.
fn plain() -> Builder {
    Database::builder().log_size(1 << 16)
}

fn ids(infos: &[SnapshotInfo]) -> Vec<Uuid> {
    infos.iter().map(|info| info.id).collect()
}

fn write(db: &Database) {
    let sequence = db.commit_sequence() + 1;
    db.write(|tx| {
        let mut bucket = tx.bucket("b")?;
        bucket.put(b"last", sequence.to_be_bytes())?;
        (0..20_u64).try_for_each(|i| {
            let key = (sequence * 20 + i).to_be_bytes();
            bucket.put(&key, [i as u8; 100]).map(drop)
        })
    })
    .unwrap();
}

fn shown(tx: &impl Readable) -> u64 {
    let bucket = tx.bucket("b").unwrap();
    let last = bucket.get(b"last").unwrap().unwrap();
    u64::from_be_bytes((*last).try_into().unwrap())
}

#[test]
fn what_was_taken_is_listed_and_restored_to_a_sequence_and_a_time() {
    let kept = Kept::new();
    let store = &kept.store;
    assert!(store.list().unwrap().snapshots.is_empty());
    assert_eq!(store.latest().unwrap(), None);
    assert_eq!(store.at_sequence(u64::MAX).unwrap(), None);
    assert_eq!(store.at_time(Timestamp::MAX).unwrap(), None);
    assert!(
        store
            .plan(&Retention::new().keep_last(1))
            .unwrap()
            .keep
            .is_empty()
    );
    assert!(store.prune().unwrap().removed.is_empty());

    let taken = [kept.take(), kept.increment(), kept.take(), kept.increment()];
    let listing = store.list().unwrap();
    assert_eq!(listing.snapshots, taken);
    assert!(listing.forgotten.is_empty() && listing.damaged.is_empty());
    assert_eq!(kept.again().list().unwrap().snapshots, taken);
    assert_eq!(store.latest().unwrap().as_ref(), Some(&taken[3]));
    kept.verify();
    // Names sort as they were taken.
    let mut names = kept.files();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "snapshot"));
    names.sort();
    let found: Vec<_> = names
        .iter()
        .map(|path| Snapshot::read_info(path).unwrap())
        .collect();
    assert_eq!(found, taken);

    let first = taken[0].commit.sequence();
    assert_eq!(store.at_sequence(first - 1).unwrap(), None);
    for (info, sequence) in taken.iter().zip(first..) {
        assert_eq!(store.at_sequence(sequence).unwrap().as_ref(), Some(info));
        assert_eq!(store.at_time(info.created).unwrap().as_ref(), Some(info));
    }
    let before = Timestamp::from_micros(taken[0].created.as_micros() - 1);
    assert_eq!(store.at_time(before).unwrap(), None);
    assert_eq!(
        store.at_time(Timestamp::MAX).unwrap().as_ref(),
        Some(&taken[3])
    );

    let wanted = store.at_sequence(first + 1).unwrap().unwrap();
    let path = kept.path("b.larder");
    store.restore(wanted.id, &path, builder()).unwrap();
    let restored = builder().open_existing(&path).unwrap();
    check(&restored);
    assert_eq!(restored.commit_sequence(), first + 1);
    assert_eq!(shown(&restored.read().unwrap()), first + 1);
    assert_eq!(
        kind(store.restore(wanted.id, &path, builder())),
        ErrorKind::AlreadyExists
    );
    let nobody = Uuid::from_u128(1);
    assert_eq!(kind(store.open_snapshot(nobody)), ErrorKind::NotFound);
    assert_eq!(kind(store.forget_one(nobody)), ErrorKind::NotFound);
    assert_eq!(kind(store.recall(nobody)), ErrorKind::NotFound);

    // What was restored is in another epoch: it begins with a whole one, and its sequences are those meant.
    write(&restored);
    write(&restored);
    let anew = store.take_incremental(&restored).unwrap();
    assert_eq!((anew.epoch, anew.base), (1, None));
    assert_eq!(anew.commit.sequence(), first + 3);
    assert_eq!(store.at_sequence(u64::MAX).unwrap().as_ref(), Some(&anew));
    // What it has nothing of, the epoch before may have.
    for (info, sequence) in taken.iter().zip(first..).take(3) {
        assert_eq!(store.at_sequence(sequence).unwrap().as_ref(), Some(info));
    }
    assert_eq!(store.at_sequence(first - 1).unwrap(), None);
    write(&restored);
    assert_eq!(
        store.take_incremental(&restored).unwrap().base,
        Some(anew.id)
    );
    kept.verify();
}

#[test]
fn increments_build_on_the_newest_until_the_chain_is_long() {
    let kept = Kept::new();
    let store = kept.again().chain_limit(3);
    let mut taken = Vec::new();
    for _ in 0..7 {
        kept.write();
        taken.push(store.take_incremental(&kept.db).unwrap());
    }
    for (i, info) in taken.iter().enumerate() {
        let base = (i % 3 > 0).then(|| taken[i - 1].id);
        assert_eq!(info.base, base, "{i}");
        assert_eq!(
            store.open_snapshot(info.id).unwrap().chain().len(),
            i % 3 + 1
        );
    }
    // Where one has to be encrypted and the other is not, it begins anew.
    if !kept.db.is_encrypted() {
        let unlock = larder::Unlock::key([3; 32]);
        let options = SnapshotOptions::new().encrypted(&unlock);
        let info = store.take_incremental_with(&kept.db, options).unwrap();
        assert_eq!((info.base, info.is_encrypted), (None, true));
        store.forget_one(info.id).unwrap();
    }
    // Where a file is missing, too, and what cannot be read for it is told.
    let last = kept.increment();
    assert_eq!(last.base, Some(taken[6].id));
    std::fs::remove_file(kept.file_of(taken[6].id)).unwrap();
    let error = store.open_snapshot(last.id).unwrap_err();
    assert!(error.is(ErrorKind::NotFound), "{error}");
    assert!(
        error.to_string().contains(&taken[6].id.to_string()),
        "{error}"
    );
    assert_eq!(kept.increment().base, None);
    let always_whole = kept.again().chain_limit(1);
    assert_eq!(always_whole.take_incremental(&kept.db).unwrap().base, None);
    let base = store.open_snapshot(taken[0].id).unwrap();
    let options = SnapshotOptions::new().since(&base);
    assert_eq!(kind(store.take_with(&kept.db, options)), ErrorKind::Invalid);
}

#[test]
fn what_is_damaged_or_foreign_is_told_and_left_alone() {
    let kept = Kept::new();
    let [first, second, third] = [kept.take(), kept.increment(), kept.take()];
    let write = |name: &str, bytes: &[u8]| {
        let path = kept.store.directory().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let third_file = kept.file_of(third.id);
    let bytes = std::fs::read(&third_file).unwrap();
    // Its beginning says what it builds on; its end is gone.
    std::fs::write(&third_file, &bytes[..bytes.len() - 1]).unwrap();
    let mut damaged = [
        third_file,
        write("short.snapshot", &bytes[..100]),
        write("empty.forgotten", b""),
        write("text.snapshot", &[b'x'; 1000]),
    ];
    damaged.sort();
    let foreign = [
        write("notes.txt", b"mine"),
        write(".hidden.snapshot", b"mine"),
        write("a.snapshot.new-0123", b"mine"),
    ];
    std::fs::create_dir(kept.store.directory().join("a directory.snapshot")).unwrap();
    let listing = kept.store.list().unwrap();
    assert_eq!(ids(&listing.snapshots), [first.id, second.id]);
    let mut found = BTreeMap::new();
    for (path, error) in listing.damaged {
        found.insert(path, error.kind());
    }
    let is_directory = |path: &Path| path.ends_with("a directory.snapshot");
    assert!(found.iter().any(|(path, _)| is_directory(path)));
    found.retain(|path, _| !is_directory(path));
    assert_eq!(
        found
            .keys()
            .map(|path| path.file_name())
            .collect::<Vec<_>>(),
        damaged
            .iter()
            .map(|path| path.file_name())
            .collect::<Vec<_>>()
    );
    let of_text = found
        .iter()
        .find(|(path, _)| path.ends_with("text.snapshot"));
    assert_eq!(of_text.unwrap().1, &ErrorKind::NotADatabase);
    let of_short = found
        .iter()
        .find(|(path, _)| path.ends_with("short.snapshot"));
    assert_eq!(of_short.unwrap().1, &ErrorKind::Corrupt);
    // Nothing of it is in the way, and nothing of it goes.
    assert_eq!(kept.increment().base, Some(second.id));
    kept.store.forget(&Retention::new().keep_last(1)).unwrap();
    kept.store.prune().unwrap();
    kept.verify();
    assert!(damaged.iter().chain(&foreign).all(|path| path.exists()));
    let error = kept.store.open_snapshot(third.id).unwrap_err();
    assert!(
        error.is(ErrorKind::Corrupt) && error.to_string().contains("damaged"),
        "{error}"
    );
}

/// Cut off, or moved away: what builds on it is as good as damaged, and good again once it is back.
#[test]
fn what_builds_on_something_damaged_or_missing_counts_for_nothing() {
    for is_missing in [false, true] {
        let kept = Kept::new();
        let store = &kept.store;
        let gone = kept.take();
        store.forget_one(gone.id).unwrap();
        let [good, base, later] = [kept.take(), kept.take(), kept.increment()];
        assert_eq!(later.base, Some(base.id));
        let (file, later_file) = (kept.file_of(base.id), kept.file_of(later.id));
        let gone_file = kept.file_of(gone.id);
        let bytes = std::fs::read(&file).unwrap();
        let spoil = || {
            if is_missing {
                std::fs::remove_file(&file).unwrap();
            } else {
                std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
            }
        };
        let wanted = if is_missing {
            ErrorKind::NotFound
        } else {
            ErrorKind::Corrupt
        };
        spoil();
        let listing = store.list().unwrap();
        assert_eq!(ids(&listing.snapshots), [good.id]);
        let (damaged, errors): (Vec<_>, Vec<_>) = listing.damaged.into_iter().unzip();
        let both = [file.clone(), later_file.clone()];
        assert_eq!(damaged, both[usize::from(is_missing)..]);
        let error = errors.last().unwrap();
        assert!(
            error.is(wanted) && error.to_string().contains(&base.id.to_string()),
            "{error}"
        );
        for newest in [
            store.latest(),
            store.at_sequence(u64::MAX),
            store.at_time(Timestamp::MAX),
        ] {
            assert_eq!(newest.unwrap().as_ref(), Some(&good));
        }
        assert_eq!(kind(store.open_snapshot(later.id)), wanted);
        let retention = Retention::new().keep_last(1);
        let plan = store.plan(&retention).unwrap();
        assert_eq!(plan.keep, [(good.id, vec![KeptAs::Newest, KeptAs::Last])]);
        assert!(plan.forget.is_empty());
        assert_eq!(store.forget(&retention).unwrap(), plan);
        // What it needs once it is back may not go; so nothing goes.
        let refused = || {
            let error = store.prune().unwrap_err();
            assert_eq!(error.kind(), wanted);
            let name = later_file.file_name().unwrap().to_str().unwrap();
            let text = error.to_string();
            assert!(text.contains(name) && text.contains("forget_one"), "{text}");
        };
        refused();
        assert!(gone_file.exists());
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(kept.listed(), [good.id, base.id, later.id]);
        assert!(store.list().unwrap().damaged.is_empty());
        kept.verify();
        assert_eq!(store.prune().unwrap().removed, [gone_file]);
        // It is never brought back.
        spoil();
        refused();
        kept.write();
        let before = kept.files().len();
        let taken = store.take_incremental(&kept.db);
        let mut left = vec![good.id];
        if is_missing {
            let taken = taken.unwrap();
            assert_eq!(taken.base, None);
            left.push(taken.id);
        } else {
            assert_eq!(kind(taken), ErrorKind::Corrupt);
            assert_eq!(kept.files().len(), before);
        }
        store.forget_one(later.id).unwrap();
        assert_eq!(kind(store.recall(later.id)), wanted);
        assert_eq!(store.prune().unwrap().removed.len(), 1);
        assert!(!later_file.with_extension("forgotten").exists());
        assert_eq!(file.exists(), !is_missing);
        assert_eq!(kept.listed(), left);
        kept.verify();
        assert_eq!(kept.increment().base, left.last().copied());
    }
}

/// Its beginning says what it builds on; the rest may come from a copy.
#[test]
fn what_a_damaged_one_builds_on_stays() {
    let kept = Kept::new();
    let [first, second, later] = [kept.take(), kept.increment(), kept.increment()];
    let file = kept.file_of(later.id);
    let bytes = std::fs::read(&file).unwrap();
    for id in [first.id, second.id] {
        kept.store.forget_one(id).unwrap();
    }
    // Also where nothing is left but the header.
    for length in [bytes.len() - 1, 128] {
        std::fs::write(&file, &bytes[..length]).unwrap();
        assert!(kept.listed().is_empty());
        assert!(kept.store.prune().unwrap().removed.is_empty());
    }
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(kept.listed(), [later.id]);
    kept.verify();
}

/// Damage that neither the beginning nor the end shows.
#[test]
fn damage_within_is_found_by_verifying() {
    let kept = Kept::new();
    let [first, second] = [kept.take(), kept.increment()];
    let path = kept.file_of(first.id);
    let mut bytes = std::fs::read(&path).unwrap();
    // In the first block: behind the header, and the page of keys.
    let page = if first.is_encrypted { 4096 } else { 0 };
    bytes[128 + page + 40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(kept.listed(), [first.id, second.id]);
    for id in [first.id, second.id] {
        assert_eq!(
            kind(kept.store.verify(id, SnapshotDepth::Blocks)),
            ErrorKind::Corrupt
        );
    }
    kept.write();
    assert_eq!(
        kind(kept.store.take_incremental(&kept.db)),
        ErrorKind::Corrupt
    );
    // It left nothing, and a whole one needs nobody.
    assert_eq!(kept.listed(), [first.id, second.id]);
    let whole = kept.take();
    kept.store.verify(whole.id, SnapshotDepth::Restore).unwrap();
    assert_eq!(kept.increment().base, Some(whole.id));
}

#[test]
fn what_is_forgotten_is_not_listed_serves_as_a_base_and_comes_back() {
    let kept = Kept::new();
    let store = &kept.store;
    let [first, second, third] = [kept.take(), kept.increment(), kept.increment()];
    let retention = Retention::new().keep_last(1);
    let plan = store.plan(&retention).unwrap();
    assert_eq!(plan.keep, [(third.id, vec![KeptAs::Newest, KeptAs::Last])]);
    assert_eq!(plan.forget, [second.id, first.id]);
    assert_eq!(kept.listed(), [first.id, second.id, third.id]);
    assert_eq!(store.forget(&retention).unwrap(), plan);
    assert_eq!(kept.listed(), [third.id]);
    assert_eq!(kept.forgotten(), [first.id, second.id]);
    let error = store.open_snapshot(first.id).unwrap_err();
    assert!(
        error.is(ErrorKind::NotFound) && error.to_string().contains("recall"),
        "{error}"
    );
    assert_eq!(kind(store.forget_one(first.id)), ErrorKind::NotFound);
    kept.verify();
    // They are needed still.
    assert!(store.prune().unwrap().removed.is_empty());
    assert_eq!(kept.increment().base, Some(third.id));
    store.recall(first.id).unwrap();
    store.recall(first.id).unwrap();
    assert_eq!(kept.listed()[..2], [first.id, third.id]);
    kept.verify();
    // Forgotten again, they wait for the last that needs them.
    store.forget(&Retention::new().keep_last(2)).unwrap();
    let fourth = kept.listed()[1];
    store.forget_one(third.id).unwrap();
    assert!(store.prune().unwrap().removed.is_empty());
    let whole = kept.take();
    store.forget_one(fourth).unwrap();
    let sizes: u64 = store
        .list()
        .unwrap()
        .forgotten
        .iter()
        .map(|info| info.bytes)
        .sum();
    let report = store.prune().unwrap();
    assert_eq!((report.removed.len(), report.bytes), (4, sizes));
    assert!(report.in_use.is_empty());
    assert!(report.removed.iter().all(|path| !path.exists()));
    assert_eq!(kept.listed(), [whole.id]);
    assert!(kept.forgotten().is_empty());
    assert_eq!(kind(store.recall(first.id)), ErrorKind::NotFound);
    kept.verify();
    // No rule forgets nothing.
    kept.take();
    assert!(store.forget(&Retention::new()).unwrap().forget.is_empty());
}

#[test]
fn a_name_that_is_taken_is_not_written_over() {
    let kept = Kept::new();
    let info = kept.take();
    let file = kept.file_of(info.id);
    let taken = file.with_extension("forgotten");
    std::fs::write(&taken, b"mine").unwrap();
    assert_eq!(
        kind(kept.store.forget_one(info.id)),
        ErrorKind::AlreadyExists
    );
    assert_eq!(std::fs::read(&taken).unwrap(), b"mine");
    assert_eq!(kept.listed(), [info.id]);
}

#[test]
fn copies_are_listed_once_and_forgotten_together() {
    let kept = Kept::new();
    let info = kept.take();
    let copy = kept.store.directory().join("a copy.snapshot");
    std::fs::copy(kept.file_of(info.id), &copy).unwrap();
    assert_eq!(kept.listed(), [info.id]);
    kept.store.forget_one(info.id).unwrap();
    assert!(kept.listed().is_empty());
    assert_eq!(kept.forgotten(), [info.id]);
    kept.store.recall(info.id).unwrap();
    kept.verify();
    kept.store.forget_one(info.id).unwrap();
    assert_eq!(kept.store.prune().unwrap().removed.len(), 2);
}

#[test]
fn a_directory_has_the_snapshots_of_one_database() {
    let kept = Kept::new();
    let other = builder().open(kept.path("other.larder")).unwrap();
    let info = kept.take();
    for taken in [kept.store.take(&other), kept.store.take_incremental(&other)] {
        let error = taken.unwrap_err();
        assert!(error.is(ErrorKind::Invalid));
        let text = error.to_string();
        for id in [kept.db.id(), other.id()] {
            assert!(text.contains(&id.to_string()), "{text}");
        }
    }
    // What is forgotten counts as well, until it is removed.
    kept.store.forget_one(info.id).unwrap();
    assert_eq!(kind(kept.store.take(&other)), ErrorKind::Invalid);
    kept.store.prune().unwrap();
    kept.store.take(&other).unwrap();
}

#[test]
fn one_handle_at_a_time_changes_the_directory() {
    let kept = Kept::new();
    let first = kept.take();
    let other = kept.again();
    kept.write();
    let mut asked = 0;
    let options = SnapshotOptions::new().on_progress(|_| {
        asked += 1;
        let kinds = [
            kind(other.take(&kept.db)),
            kind(other.take_incremental(&kept.db)),
            kind(other.forget(&Retention::new().keep_last(1))),
            kind(other.forget_one(first.id)),
            kind(other.recall(first.id)),
            kind(other.prune()),
        ];
        assert_eq!(kinds, [ErrorKind::Locked; 6]);
        // Reading is free, and does not see what is not finished.
        assert_eq!(ids(&other.list().unwrap().snapshots), [first.id]);
        other.open_snapshot(first.id).unwrap();
        ControlFlow::Continue(())
    });
    kept.store.take_incremental_with(&kept.db, options).unwrap();
    assert!(asked > 0);
    other.take_incremental(&kept.db).unwrap();
    // What ends a take gives the lock back.
    let options = SnapshotOptions::new().on_progress(|_| ControlFlow::Break(()));
    assert_eq!(
        kind(kept.store.take_with(&kept.db, options)),
        ErrorKind::Invalid
    );
    assert!(other.prune().unwrap().removed.is_empty());
    assert_eq!(kept.listed().len(), 3);
    kept.verify();
}

#[test]
fn what_somebody_has_open_stays_until_they_close_it() {
    let kept = Kept::new();
    let [first, second] = [kept.take(), kept.take()];
    let snapshot = kept.store.open_snapshot(first.id).unwrap();
    kept.store.forget_one(first.id).unwrap();
    let report = kept.store.prune().unwrap();
    assert_eq!((report.removed.len(), report.in_use.len()), (0, 1));
    assert_eq!(shown(&snapshot.read().unwrap()), first.commit.sequence());
    drop(snapshot);
    let report = kept.store.prune().unwrap();
    assert_eq!((report.removed.len(), report.in_use.len()), (1, 0));
    assert_eq!(kept.listed(), [second.id]);
}

#[test]
fn what_interrupted_writing_left_is_removed_where_nobody_has_it() {
    let kept = Kept::new();
    let info = kept.take();
    let name = kept.file_of(info.id);
    let name = name.file_name().unwrap().to_str().unwrap();
    let left = |unique: u8| {
        let name = format!(".{name}.new-{unique:032x}");
        let path = kept.store.directory().join(name);
        std::fs::write(&path, b"half of a snapsh").unwrap();
        path
    };
    let (dead, alive) = (left(1), left(2));
    let writer = std::fs::File::open(&alive).unwrap();
    writer.lock().unwrap();
    assert_eq!(kept.listed(), [info.id]);
    let report = kept.store.prune().unwrap();
    assert_eq!(
        (report.removed.len(), report.bytes, report.in_use.len()),
        (1, 16, 1)
    );
    assert!(!dead.exists() && alive.exists());
    drop(writer);
    kept.store.prune().unwrap();
    assert!(!alive.exists());
    kept.verify();
}

#[cfg(unix)]
#[test]
fn nothing_is_removed_while_something_cannot_be_read() {
    let kept = Kept::new();
    let [first, second] = [kept.take(), kept.increment()];
    kept.store.forget_one(first.id).unwrap();
    // Where it leads to comes back, perhaps: a disk that is not there now.
    let file = kept.file_of(second.id);
    let elsewhere = kept.path("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(kept.path("nowhere"), &file).unwrap();
    assert_eq!(kept.store.list().unwrap().damaged.len(), 1);
    let error = kept.store.prune().unwrap_err();
    assert!(error.to_string().contains("nothing is removed"), "{error}");
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&elsewhere, &file).unwrap();
    assert!(kept.store.prune().unwrap().removed.is_empty());
    kept.verify();
}

#[test]
fn what_is_encrypted_is_listed_without_a_key_and_opened_with_one() {
    let with_key = |byte: u8| Database::builder().key([byte; 32]).log_size(1 << 16);
    let kept = Kept::with(|| with_key(7));
    let [first, second] = [kept.take(), kept.increment()];
    assert!(first.is_encrypted && second.base == Some(first.id));
    kept.verify();
    let path = kept.path("kept/snapshots");
    for store in [
        SnapshotStore::open(&path).unwrap(),
        with_key(8).open_snapshot_store(&path).unwrap(),
    ] {
        assert_eq!(ids(&store.list().unwrap().snapshots), [first.id, second.id]);
        assert_eq!(kind(store.open_snapshot(second.id)), ErrorKind::WrongKey);
        assert_eq!(kind(store.take_incremental(&kept.db)), ErrorKind::WrongKey);
    }
    // Another key opens the database that is made of it.
    let restored = kept.path("b.larder");
    kept.store
        .restore(second.id, &restored, with_key(9))
        .unwrap();
    let restored = with_key(9).open_existing(restored).unwrap();
    assert_eq!(shown(&restored.read().unwrap()), second.commit.sequence());
    // Forgetting and pruning need no key.
    let keyless = SnapshotStore::open(&path).unwrap();
    keyless.forget(&Retention::new().keep_last(1)).unwrap();
    assert!(keyless.prune().unwrap().removed.is_empty());
    keyless.forget_one(second.id).unwrap();
    assert_eq!(keyless.prune().unwrap().removed.len(), 2);
}

#[test]
fn a_clock_that_was_wrong_makes_nothing_newer_or_older_than_it_is() {
    let kept = Kept::with(plain);
    let store = &kept.store;
    let taken = [kept.take(), kept.increment(), kept.take(), kept.increment()];
    let set_created = |id: Uuid, time: &str| {
        let file = kept.file_of(id);
        let mut bytes = std::fs::read(&file).unwrap();
        let micros = time.parse::<Timestamp>().unwrap().as_micros();
        change_header(&mut bytes, |header| {
            header[104..112].copy_from_slice(&micros.to_le_bytes());
        });
        std::fs::write(file, bytes).unwrap();
    };
    set_created(taken[1].id, "2099-01-01T00:00:00Z");
    set_created(taken[3].id, "1970-01-01T00:00:01Z");
    assert_eq!(kept.listed(), ids(&taken));
    assert_eq!(store.latest().unwrap().unwrap().id, taken[3].id);
    kept.verify();
    for (info, sequence) in taken.iter().zip(taken[0].commit.sequence()..) {
        let found = store.at_sequence(sequence).unwrap().unwrap();
        assert_eq!(found.id, info.id);
    }
    let retention = Retention::new().keep_last(1);
    let plan = store.plan(&retention).unwrap();
    assert_eq!(plan.keep[0].0, taken[3].id);
    let newest_first = [2, 1, 0].map(|i: usize| taken[i].id);
    assert_eq!(plan.forget, newest_first);
    let next = kept.increment();
    assert_eq!(next.base, Some(taken[3].id));
    store.forget(&retention).unwrap();
    assert_eq!(kept.listed(), [next.id]);
    store.prune().unwrap();
    kept.verify();
}

#[test]
fn what_two_files_of_one_id_build_on_stays() {
    let kept = Kept::with(plain);
    let store = &kept.store;
    let [first, second, later] = [kept.take(), kept.take(), kept.increment()];
    assert_eq!(later.base, Some(second.id));
    let mut bytes = std::fs::read(kept.file_of(later.id)).unwrap();
    change_header(&mut bytes, |header| {
        header[40..56].copy_from_slice(first.id.as_bytes());
    });
    // Whichever is found first.
    for name in ["0.snapshot", "z.snapshot"] {
        let forged = store.directory().join(name);
        std::fs::write(&forged, &bytes).unwrap();
        store.forget_one(first.id).unwrap();
        store.forget_one(second.id).unwrap();
        assert!(store.prune().unwrap().removed.is_empty());
        std::fs::remove_file(forged).unwrap();
        assert_eq!(kept.listed(), [later.id]);
        kept.verify();
        store.recall(first.id).unwrap();
        store.recall(second.id).unwrap();
    }
    store.forget(&Retention::new().keep_last(1)).unwrap();
    assert_eq!(store.prune().unwrap().removed.len(), 1);
    assert_eq!(kept.forgotten(), [second.id]);
    kept.verify();
}

#[test]
fn a_directory_that_has_the_name_of_an_unfinished_file_stays() {
    let kept = Kept::new();
    let [first, second] = [kept.take(), kept.take()];
    let name = kept.file_of(second.id);
    let name = name.file_name().unwrap().to_str().unwrap();
    let odd = kept
        .store
        .directory()
        .join(format!(".{name}.new-{:032x}", 7));
    std::fs::create_dir(&odd).unwrap();
    kept.store.forget_one(first.id).unwrap();
    let report = kept.store.prune().unwrap();
    assert_eq!(report.removed.len(), 1);
    assert_eq!(report.in_use, std::slice::from_ref(&odd));
    assert!(odd.is_dir());
    assert_eq!(kept.listed(), [second.id]);
}

#[test]
fn a_directory_that_is_gone_is_not_locked() {
    let kept = Kept::new();
    let info = kept.take();
    std::fs::remove_dir_all(kept.store.directory()).unwrap();
    let store = &kept.store;
    for kind in [
        kind(store.take(&kept.db)),
        kind(store.take_incremental(&kept.db)),
        kind(store.forget(&Retention::new().keep_last(1))),
        kind(store.forget_one(info.id)),
        kind(store.recall(info.id)),
        kind(store.prune()),
        kind(store.list()),
        kind(store.open_snapshot(info.id)),
    ] {
        assert!(
            matches!(kind, ErrorKind::NotFound | ErrorKind::Io),
            "{kind:?}"
        );
    }
    // Opened again it is made again.
    kept.again().take(&kept.db).unwrap();
    kept.verify();
}

#[test]
fn a_panic_while_a_snapshot_is_taken_leaves_nothing() {
    let kept = Kept::new();
    let first = kept.take();
    let before = kept.files();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let options = SnapshotOptions::new().on_progress(|_| panic!("the caller's own"));
        kept.store.take_incremental_with(&kept.db, options)
    }));
    assert!(panicked.is_err());
    assert_eq!(kept.files(), before);
    assert_eq!(kept.increment().base, Some(first.id));
    kept.verify();
}

fn by(words: &str) -> Builder {
    plain().unlock(passphrase(words))
}

fn passphrase(words: &str) -> Unlock {
    Unlock::passphrase(words).kdf(KdfParameters::lowest())
}

#[test]
fn increments_go_on_when_the_passphrase_is_changed() {
    let kept = Kept::with(|| by("old"));
    let first = kept.take();
    kept.db
        .change_key(&passphrase("old"), &passphrase("new"))
        .unwrap();
    let second = kept.increment();
    let new = by("new")
        .open_snapshot_store(kept.store.directory())
        .unwrap();
    kept.write();
    let third = new.take_incremental(&kept.db).unwrap();
    let fourth = kept.increment();
    let taken = [first, second, third, fourth];
    let bases: Vec<_> = taken.iter().map(|info| info.base).collect();
    let own = ids(&taken);
    assert_eq!(bases, [None, Some(own[0]), Some(own[1]), Some(own[2])]);
    // The first was under the old one only.
    kept.verify();
    for info in &taken[1..] {
        new.verify(info.id, SnapshotDepth::Restore).unwrap();
    }
    assert_eq!(kind(new.open_snapshot(own[0])), ErrorKind::WrongKey);
    let other = by("another")
        .open_snapshot_store(kept.store.directory())
        .unwrap();
    assert_eq!(kind(other.open_snapshot(own[3])), ErrorKind::WrongKey);
}

#[test]
fn what_another_key_will_open_begins_anew() {
    let kept = Kept::with(|| by("db"));
    let store = &kept.store;
    let first = kept.take();
    let to_cloud = || SnapshotOptions::new().encrypted(&passphrase("cloud"));
    kept.write();
    let cloud_first = store.take_incremental_with(&kept.db, to_cloud()).unwrap();
    assert_eq!(cloud_first.base, None);
    let cloud = by("cloud").open_snapshot_store(store.directory()).unwrap();
    kept.write();
    let cloud_second = cloud.take_incremental_with(&kept.db, to_cloud()).unwrap();
    assert_eq!(cloud_second.base, Some(cloud_first.id));
    for info in [&cloud_first, &cloud_second] {
        cloud.verify(info.id, SnapshotDepth::Restore).unwrap();
        assert_eq!(kind(store.open_snapshot(info.id)), ErrorKind::WrongKey);
    }
    kept.write();
    assert_eq!(kind(store.take_incremental(&kept.db)), ErrorKind::WrongKey);
    // By whose key the newest opens, that does not open the next.
    let whole = cloud.take_incremental(&kept.db).unwrap();
    assert_eq!(whole.base, None);
    assert_eq!(kept.increment().base, Some(whole.id));
    assert_eq!(kind(cloud.open_snapshot(whole.id)), ErrorKind::WrongKey);
    store.verify(first.id, SnapshotDepth::Restore).unwrap();

    // The same database under a key of its own, that opens by the same passphrase.
    kept.db
        .reencrypt_to(kept.path("b.larder"), &passphrase("db"))
        .unwrap();
    let copy = by("db").open_existing(kept.path("b.larder")).unwrap();
    write(&copy);
    let whole = store.take_incremental(&copy).unwrap();
    assert_eq!(whole.base, None);
    write(&copy);
    let later = store.take_incremental(&copy).unwrap();
    assert_eq!(later.base, Some(whole.id));
    store.verify(later.id, SnapshotDepth::Restore).unwrap();
}

/// What a model says that is there, after any steps.
#[test]
fn any_steps_leave_what_a_model_says() {
    for seed in 0..6 {
        let kept = Kept::new();
        let store = kept.again().chain_limit(4);
        let mut rng = Random(seed);
        // Of each file what it builds on, and whether it is forgotten.
        let mut model: Vec<(SnapshotInfo, bool)> = Vec::new();
        for _ in 0..25 {
            let one = (!model.is_empty()).then(|| rng.below(model.len()));
            match (rng.below(7), one) {
                (0, _) => model.push((kept.take(), false)),
                (1 | 2, _) => {
                    kept.write();
                    let info = store.take_incremental(&kept.db).unwrap();
                    let newest = model.iter().rfind(|(_, is_forgotten)| !is_forgotten);
                    if info.base.is_some() {
                        assert_eq!(info.base, newest.map(|(info, _)| info.id));
                    }
                    model.push((info, false));
                }
                (3, _) => {
                    let last = rng.below(4) + 1;
                    store.forget(&Retention::new().keep_last(last)).unwrap();
                    let listed = model
                        .iter_mut()
                        .rev()
                        .filter(|(_, is_forgotten)| !is_forgotten);
                    listed
                        .skip(last)
                        .for_each(|(_, is_forgotten)| *is_forgotten = true);
                }
                (4, Some(one)) if !model[one].1 => {
                    store.forget_one(model[one].0.id).unwrap();
                    model[one].1 = true;
                }
                (5, Some(one)) => {
                    store.recall(model[one].0.id).unwrap();
                    model[one].1 = false;
                }
                (6, _) => {
                    let report = store.prune().unwrap();
                    let before = model.len();
                    // From the newest on: what nothing that is left builds on goes.
                    for i in (0..before).rev() {
                        let (info, is_forgotten) = &model[i];
                        let needed = model.iter().any(|(other, _)| other.base == Some(info.id));
                        if *is_forgotten && !needed {
                            model.remove(i);
                        }
                    }
                    assert_eq!(report.removed.len(), before - model.len());
                }
                _ => {}
            }
            let those = |wanted: bool| {
                let all = model.iter().filter(|(_, forgotten)| *forgotten == wanted);
                all.map(|(info, _)| info.id).collect::<Vec<_>>()
            };
            assert_eq!(kept.listed(), those(false), "seed {seed}");
            assert_eq!(kept.forgotten(), those(true), "seed {seed}");
        }
        kept.verify();
    }
}
