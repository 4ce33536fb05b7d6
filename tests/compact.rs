//! Compaction: the file becomes small, everything in it stays, and nobody notices but the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Builder, CommitId, Database, Durability, ErrorKind, Outcome, PathIndex, Unlock, record,
};
use serde_json::json;

use crate::support::{builder, check, kind};

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_mins(1);

#[record(name = "parcels", index(by_town_weight = (town, desc(weight))))]
#[derive(Clone, Debug, PartialEq)]
struct Parcel {
    #[key]
    id: u64,
    #[unique]
    label: String,
    town: u32,
    weight: u32,
    #[index(each)]
    marks: Vec<u8>,
    text: String,
}

fn parcel(id: u64) -> Parcel {
    Parcel {
        id,
        label: format!("parcel {id}"),
        town: (id * 7 % 50) as u32,
        weight: (id * 31 % 997) as u32,
        marks: vec![(id % 5) as u8, (id % 9) as u8],
        text: "what is in it, more or less ".repeat((id % 8) as usize),
    }
}

fn put(db: &Database, ids: impl Iterator<Item = u64>) {
    db.write(|tx| {
        let mut parcels = tx.collection::<Parcel>()?;
        for id in ids {
            parcels.put(&parcel(id))?;
        }
        Ok(())
    })
    .unwrap();
}

fn remove(db: &Database, ids: impl Iterator<Item = u64>) {
    db.write(|tx| {
        let mut parcels = tx.collection::<Parcel>()?;
        for id in ids {
            parcels.remove(id)?;
        }
        Ok(())
    })
    .unwrap();
}

/// Records, documents with an index, and a bucket; many of the records are gone again.
fn fill(db: &Database) {
    put(db, 0..2_000);
    db.create_index("notes", PathIndex::on("tags")).unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for number in 0..200 {
            notes.put(
                format!("note {number}"),
                json!({"tags": [number % 7, number % 3]}),
            )?;
        }
        let mut settings = tx.bucket("settings")?;
        settings.put(b"theme", b"dark")?;
        settings.put(b"large", vec![7; 50_000])
    })
    .unwrap();
    remove(db, (0..2_000).filter(|id| id % 5 != 0));
}

/// Everything that is read of a database.
#[derive(Debug, PartialEq)]
struct Contents {
    parcels: BTreeMap<u64, Parcel>,
    by_label: Vec<u64>,
    by_town_weight: Vec<u64>,
    by_marks: Vec<u64>,
    notes: BTreeMap<String, String>,
    tagged: u64,
    settings: BTreeMap<Vec<u8>, Vec<u8>>,
    sequence: u64,
    id: larder::uuid::Uuid,
}

fn contents(db: &Database) -> Contents {
    check(db);
    let tx = db.read().unwrap();
    let parcels = tx.collection::<Parcel>().unwrap();
    let all = parcels
        .iter()
        .unwrap()
        .map(|parcel| parcel.unwrap().to_owned().unwrap());
    let ids = |views: larder::IndexEntries<'_, Parcel>| -> Vec<u64> {
        views.map(|view| view.unwrap().id.to_native()).collect()
    };
    let notes = tx.documents("notes").unwrap();
    let documents = notes.iter().unwrap().map(|note| {
        let note = note.unwrap();
        let text = note.to_value().unwrap().to_string();
        (format!("{:?}", note.key()), text)
    });
    let settings = tx.bucket("settings").unwrap();
    let entries = settings.iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.to_vec(), value.to_vec())
    });
    Contents {
        parcels: all.map(|parcel| (parcel.id, parcel)).collect(),
        by_label: ids(parcels.by(Parcel::BY_LABEL).iter().unwrap()),
        by_town_weight: ids(parcels.by(Parcel::BY_TOWN_WEIGHT).iter().unwrap()),
        by_marks: ids(parcels.by(Parcel::BY_MARKS).iter().unwrap()),
        notes: documents.collect(),
        tagged: notes
            .find(json!({"tags": 2}))
            .unwrap()
            .require_index()
            .count()
            .unwrap(),
        settings: entries.collect(),
        sequence: db.commit_sequence(),
        id: db.id(),
    }
}

/// A directory with a database in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("parcels.larder")
    }

    /// The names of everything that lies there.
    fn names(&self) -> Vec<String> {
        names(self.directory.path())
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(self.path()).unwrap().len()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn encrypted() -> Builder {
    Database::builder()
        .log_size(1 << 16)
        .cache_size(1 << 20)
        .key([1; 32])
}

#[test]
fn a_compacted_file_is_as_small_as_one_into_which_the_same_was_just_loaded() {
    const COUNT: u64 = 20_000;
    let stays = |id: &u64| id.is_multiple_of(5);
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    for from in (0..COUNT).step_by(2_000) {
        put(&db, from..from + 2_000);
    }
    remove(&db, (0..COUNT).filter(|id| !stays(id)));
    db.checkpoint().unwrap();
    let before = place.bytes();
    let report = db.compact().unwrap();
    assert_eq!(report.bytes_before, before);
    assert_eq!(report.bytes_after, place.bytes());
    let in_use = place.bytes();
    check(&db);
    db.close().unwrap();
    let closed = place.bytes();

    let fresh = Place::new();
    let db = builder().open(fresh.path()).unwrap();
    db.write(|tx| {
        let mut parcels = tx.collection::<Parcel>()?;
        parcels.load((0..COUNT).filter(stays).map(parcel)).map(drop)
    })
    .unwrap();
    db.close().unwrap();
    let loaded = fresh.bytes();
    println!("{before} before, {in_use} after, {closed} closed; loaded anew {loaded}");
    assert!(in_use * 10 <= loaded * 11);
    assert!(closed * 10 <= loaded * 11);
    assert!(before > in_use * 3);
}

#[test]
fn everything_is_there_after_it_and_stays_there() {
    for make in [builder, encrypted] {
        let place = Place::new();
        let db = make().open(place.path()).unwrap();
        fill(&db);
        let commit = db
            .write(|tx| {
                tx.bucket("settings")?.put(b"last", b"one")?;
                Ok(tx.commit_id())
            })
            .unwrap();
        db.close().unwrap();
        let db = make().open_existing(place.path()).unwrap();
        let later = db
            .write(|tx| {
                tx.bucket("settings")?.put(b"later", b"one")?;
                Ok(tx.commit_id())
            })
            .unwrap();
        let never = format!("{:032x}-{}", later.life(), later.sequence() + 9);
        let never: CommitId = never.parse().unwrap();
        let before = contents(&db);
        let header = head(&place.path());
        let outcomes = |db: &Database| [commit, later, never].map(|id| db.outcome(id).unwrap());
        let expected = [Outcome::Committed, Outcome::Committed, Outcome::RolledBack];
        assert_eq!(outcomes(&db), expected);
        for _ in 0..2 {
            db.compact().unwrap();
            assert_eq!(contents(&db), before);
            assert_eq!(outcomes(&db), expected);
            assert!(!db.was_repaired());
            assert!(db.scrub(None, |_| {}).unwrap().is_ok());
            // The header is the same to the byte, with all that opens it.
            assert!(head(&place.path()) == header);
            assert_eq!(place.names(), ["parcels.larder"]);
        }
        // What is committed now comes after it.
        put(&db, 5_000..5_010);
        assert_eq!(db.commit_sequence(), before.sequence + 1);
        let after = contents(&db);
        db.close().unwrap();
        let db = make().open_existing(place.path()).unwrap();
        assert_eq!(contents(&db), after);
        assert_eq!(outcomes(&db), expected);
        assert_eq!(db.recovery_report().replayed, 0);
    }
}

/// Both copies of the header.
fn head(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(0x2000);
    bytes
}

#[test]
fn what_a_killed_process_leaves_after_it_opens_at_once() {
    for make in [builder, encrypted] {
        let place = Place::new();
        let db = make().open(place.path()).unwrap();
        fill(&db);
        db.write(|tx| {
            tx.set_durability(Durability::Buffered);
            tx.bucket("settings")?.put(b"buffered", b"yes")
        })
        .unwrap();
        let before = contents(&db);
        db.compact().unwrap();
        let copy = place.directory.path().join("copy.larder");
        let now = || std::fs::copy(place.path(), &copy).unwrap();
        now();
        let killed = make().open_existing(&copy).unwrap();
        assert_eq!(killed.recovery_report().replayed, 0);
        assert!(!killed.was_repaired());
        assert_eq!(contents(&killed), before);
        drop(killed);
        // Frames of the same life go into the log of the new file, and are found there.
        put(&db, 5_000..5_003);
        put(&db, 5_003..5_004);
        now();
        let killed = make().open_existing(&copy).unwrap();
        assert_eq!(killed.recovery_report().replayed, 2);
        assert_eq!(contents(&killed), contents(&db));
    }
}

#[test]
fn others_go_on_reading_and_writing() {
    const WRITERS: u64 = 3;
    let place = Place::new();
    let db = builder()
        .sync_interval(Duration::from_millis(1))
        .open(place.path())
        .unwrap();
    fill(&db);
    let done = AtomicBool::new(false);
    let acknowledged: Vec<_> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let key = |number: u64| format!("counter {number}");
    let read = |tx: &dyn Fn(&str) -> Option<Vec<u8>>, number| {
        let value = tx(&key(number));
        value.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
    };
    let counts = |db: &Database| -> Vec<u64> {
        let tx = db.read().unwrap();
        let bucket = tx.bucket("counters").unwrap();
        let get = |key: &str| bucket.get(key).unwrap().map(|value| value.to_vec());
        (0..WRITERS).map(|number| read(&get, number)).collect()
    };
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let (db, done, acknowledged) = (db.clone(), &done, &acknowledged);
            scope.spawn(move || {
                let mut count = 0_u64;
                while !done.load(Ordering::Acquire) {
                    count += 1;
                    db.write(|tx| {
                        if count.is_multiple_of(2) {
                            tx.set_durability(Durability::Buffered);
                        }
                        let name = format!("counter {number}");
                        tx.bucket("counters")?
                            .put(name.as_str(), count.to_le_bytes())
                    })
                    .unwrap();
                    acknowledged[number as usize].store(count, Ordering::Release);
                }
            });
        }
        for _ in 0..2 {
            let (db, done, acknowledged, counts) = (db.clone(), &done, &acknowledged, &counts);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let least = acknowledged
                        .iter()
                        .map(|count| count.load(Ordering::Acquire));
                    let least: Vec<_> = least.collect();
                    let found = counts(&db);
                    assert!(
                        found
                            .iter()
                            .zip(&least)
                            .all(|(found, least)| found >= least),
                        "{found:?} is older than {least:?}"
                    );
                }
            });
        }
        for _ in 0..6 {
            db.compact_timeout(LONG).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, Ordering::Release);
    });
    let expected: Vec<_> = acknowledged
        .iter()
        .map(|count| count.load(Ordering::Acquire))
        .collect();
    assert!(expected.iter().all(|count| *count > 0));
    assert_eq!(counts(&db), expected);
    check(&db);
    db.close().unwrap();
    let db = builder().open_existing(place.path()).unwrap();
    assert_eq!(counts(&db), expected);
    assert_eq!(place.names(), ["parcels.larder"]);
}

#[test]
fn it_is_refused_while_somebody_reads_and_changes_nothing() {
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    fill(&db);
    db.checkpoint().unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let refused = || {
        for timeout in [Duration::ZERO, Duration::from_millis(30)] {
            let error = db.compact_timeout(timeout).unwrap_err();
            assert!(error.is(ErrorKind::Busy), "{error}");
            let said = error.to_string();
            assert!(said.starts_with("compact: 1 read transactions"), "{said}");
            assert!(said.contains("the oldest for"), "{said}");
        }
        assert!(std::fs::read(place.path()).unwrap() == before);
        assert_eq!(place.names(), ["parcels.larder"]);
    };
    let tx = db.read().unwrap();
    refused();
    let parcels = tx.collection::<Parcel>().unwrap();
    let mut iter = parcels.iter().unwrap();
    let first = iter.next().unwrap().unwrap();
    refused();
    assert_eq!(first.id, 0);
    assert_eq!(iter.count(), 399);
    // Readers begin and end as before.
    drop(db.read().unwrap());
    drop(first);
    drop(parcels);
    drop(tx);
    db.compact_timeout(Duration::ZERO).unwrap();
    check(&db);
}

#[test]
fn it_waits_for_those_who_read_and_write() {
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    fill(&db);
    let before = contents(&db);
    let reader = db.read().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| db.compact_timeout(LONG));
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        drop(reader);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(contents(&db), before);
    let writing = db.begin_write().unwrap();
    assert_eq!(kind(db.compact()), ErrorKind::Invalid);
    std::thread::scope(|scope| {
        let short = scope.spawn(|| db.compact_timeout(Duration::from_millis(10)));
        assert_eq!(kind(short.join().unwrap()), ErrorKind::Busy);
        let waiting = scope.spawn(|| db.compact_timeout(LONG));
        writing.commit().unwrap();
        waiting.join().unwrap().unwrap();
    });
    let nested = db.write(|_| db.compact().map(drop));
    assert_eq!(kind(nested), ErrorKind::Invalid);
    assert_eq!(contents(&db), before);
}

#[test]
fn an_encrypted_file_opens_by_each_of_its_keys() {
    let place = Place::new();
    let cheap = || {
        let costs = larder::KdfParameters::lowest();
        Unlock::passphrase("correct horse").kdf(costs)
    };
    let with = |unlock: Unlock| Database::builder().unlock(unlock);
    let db = encrypted().open(place.path()).unwrap();
    db.add_key(&cheap()).unwrap();
    fill(&db);
    let before = contents(&db);
    db.compact().unwrap();
    assert_eq!(db.list_keys().len(), 2);
    // Keys of the new file change as those of any.
    let third = db.add_key(&Unlock::key([3; 32])).unwrap();
    db.add_key(&Unlock::key([4; 32])).unwrap();
    db.remove_key(third).unwrap();
    db.close().unwrap();
    for unlock in [cheap(), Unlock::key([1; 32]), Unlock::key([4; 32])] {
        let db = with(unlock).open_existing(place.path()).unwrap();
        assert_eq!(contents(&db), before);
        db.compact().unwrap();
        db.close().unwrap();
    }
    for wrong in [Unlock::key([3; 32]), Unlock::passphrase("battery staple")] {
        assert_eq!(
            kind(with(wrong).open_existing(place.path())),
            ErrorKind::WrongKey
        );
    }
    let bytes = std::fs::read(place.path()).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"what is in"));
}

#[test]
fn keys_that_change_meanwhile_are_those_of_the_new_file() {
    let place = Place::new();
    let db = encrypted().open(place.path()).unwrap();
    fill(&db);
    let done = AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let mut last = 1;
            while !done.load(Ordering::Acquire) || last == 1 {
                let next = last % 200 + 1;
                let key = |number| Unlock::key([number; 32]);
                db.change_key(&key(last), &key(next)).unwrap();
                last = next;
                std::thread::yield_now();
            }
            last
        });
        for _ in 0..5 {
            db.compact_timeout(LONG).unwrap();
        }
        done.store(true, Ordering::Release);
        changing.join().unwrap()
    });
    let before = contents(&db);
    db.close().unwrap();
    let db = Database::builder()
        .key([last; 32])
        .open_existing(place.path())
        .unwrap();
    assert_eq!(contents(&db), before);
}

#[test]
fn a_database_in_memory_becomes_smaller_too() {
    for db in [
        builder().in_memory().unwrap(),
        encrypted().in_memory().unwrap(),
    ] {
        fill(&db);
        let before = contents(&db);
        let report = db.compact().unwrap();
        assert!(report.bytes_after < report.bytes_before, "{report}");
        assert_eq!(contents(&db), before);
        put(&db, 5_000..5_010);
        check(&db);
        let again = db.compact().unwrap();
        assert!(again.bytes_after * 10 <= report.bytes_after * 11, "{again}");
        assert!(contents(&db).parcels.contains_key(&5_009));
    }
}

#[test]
fn a_database_that_was_opened_read_only_is_left() {
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    fill(&db);
    db.close().unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let db = builder().open_read_only(place.path()).unwrap();
    let reader = db.read().unwrap();
    assert_eq!(kind(db.compact()), ErrorKind::ReadOnly);
    drop(reader);
    assert_eq!(kind(db.compact()), ErrorKind::ReadOnly);
    drop(db);
    assert!(std::fs::read(place.path()).unwrap() == before);
    let db = builder().open(place.path()).unwrap();
    let other = db.clone();
    db.close().unwrap();
    assert_eq!(kind(other.compact()), ErrorKind::Closed);
}

#[test]
fn the_new_file_is_locked_and_the_old_one_is_let_go() {
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    fill(&db);
    db.compact().unwrap();
    assert_eq!(kind(builder().open(place.path())), ErrorKind::Locked);
    // No descriptor of this process leads to what was replaced.
    #[cfg(target_os = "linux")]
    {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap();
        let ours = place.path().display().to_string();
        let mut open: Vec<_> = fds
            .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
            .map(|target| target.display().to_string())
            .filter(|target| target.contains(place.directory.path().to_str().unwrap()))
            .collect();
        open.sort();
        assert_eq!(open, [ours]);
    }
    let before = contents(&db);
    db.close().unwrap();
    assert_eq!(contents(&builder().open(place.path()).unwrap()), before);
}

#[test]
fn a_scrub_that_is_overtaken_tells_of_the_new_file() {
    let place = Place::new();
    let db = builder().open(place.path()).unwrap();
    fill(&db);
    let mut compacted = None;
    let report = db
        .scrub(None, |_| {
            compacted.get_or_insert_with(|| db.compact().unwrap());
        })
        .unwrap();
    assert!(report.is_ok(), "{report}");
    let blocks = (compacted.unwrap().bytes_after - 0x4000 - (1 << 16)) / 4136;
    assert_eq!(report.blocks, blocks);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn the_mode_stays() {
        for mode in [0o600, 0o640, 0o664, 0o400] {
            let place = Place::new();
            let db = builder().open(place.path()).unwrap();
            fill(&db);
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(place.path(), permissions).unwrap();
            let before = std::fs::metadata(place.path()).unwrap();
            db.compact().unwrap();
            let after = std::fs::metadata(place.path()).unwrap();
            assert_ne!(before.ino(), after.ino());
            assert_eq!(after.mode() & 0o7777, mode);
            assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
        }
    }

    #[test]
    fn the_file_that_a_link_leads_to_is_replaced_and_not_the_link() {
        let (place, links) = (Place::new(), Place::new());
        symlink(place.path(), links.path()).unwrap();
        drop(builder().open(place.path()).unwrap());
        let before = std::fs::metadata(place.path()).unwrap().ino();
        let db = builder().open(links.path()).unwrap();
        fill(&db);
        let expected = contents(&db);
        // Where the link leads to later is nobody's business.
        std::fs::remove_file(links.path()).unwrap();
        symlink("/nowhere", links.path()).unwrap();
        db.compact().unwrap();
        let link = std::fs::read_link(links.path()).unwrap();
        assert_eq!(link, Path::new("/nowhere"));
        assert_eq!(links.names(), ["parcels.larder"]);
        assert_eq!(place.names(), ["parcels.larder"]);
        assert_ne!(std::fs::metadata(place.path()).unwrap().ino(), before);
        assert_eq!(contents(&db), expected);
        db.close().unwrap();
        assert_eq!(contents(&builder().open(place.path()).unwrap()), expected);
    }

    #[test]
    fn a_file_that_was_moved_or_replaced_is_not_written_over() {
        let place = Place::new();
        let elsewhere = place.directory.path().join("elsewhere.larder");
        let db = builder().open(place.path()).unwrap();
        fill(&db);
        let before = contents(&db);
        std::fs::rename(place.path(), &elsewhere).unwrap();
        let error = db.compact().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(place.names(), ["elsewhere.larder"]);
        // Another database has the name now, and is somebody else's.
        let other = builder().create(place.path()).unwrap();
        put(&other, 0..3);
        other.checkpoint().unwrap();
        let bytes = std::fs::read(place.path()).unwrap();
        for _ in 0..2 {
            let error = db.compact().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains("moved or replaced"), "{error}");
        }
        assert!(std::fs::read(place.path()).unwrap() == bytes);
        assert_eq!(place.names(), ["elsewhere.larder", "parcels.larder"]);
        drop(other);
        // A link to it in place of the file is no file of ours either.
        std::fs::remove_file(place.path()).unwrap();
        symlink(&elsewhere, place.path()).unwrap();
        assert_eq!(kind(db.compact()), ErrorKind::NotFound);
        // Back in its place it can be compacted.
        std::fs::rename(&elsewhere, place.path()).unwrap();
        assert_eq!(contents(&db), before);
        db.compact().unwrap();
        assert_eq!(contents(&db), before);
    }

    #[test]
    fn a_file_with_two_names_is_not_made_two_files() {
        let place = Place::new();
        let second = place.directory.path().join("second.larder");
        let db = builder().open(place.path()).unwrap();
        fill(&db);
        std::fs::hard_link(place.path(), &second).unwrap();
        let error = db.compact().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(place.names(), ["parcels.larder", "second.larder"]);
        std::fs::remove_file(second).unwrap();
        db.compact().unwrap();
    }

    /// Where the child of the next test works; a test that is run otherwise is no child.
    const CHILD: &str = "LARDER_COMPACT_DIRECTORY";

    #[test]
    fn a_relative_path_stays_right_when_the_process_changes_its_directory() {
        if let Some(directory) = std::env::var_os(CHILD) {
            return changes_its_directory(Path::new(&directory));
        }
        let place = Place::new();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg(
                "compact::unix::a_relative_path_stays_right_when_the_process_changes_its_directory",
            )
            .env(CHILD, place.directory.path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{child:?}");
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(said.contains("1 passed"), "{said}");
        assert_eq!(place.names(), ["other", "parcels.larder"]);
        check(&builder().open_existing(place.path()).unwrap());
    }

    fn changes_its_directory(directory: &Path) {
        let other = directory.join("other");
        std::fs::create_dir(&other).unwrap();
        std::env::set_current_dir(directory).unwrap();
        let db = builder().open("parcels.larder").unwrap();
        fill(&db);
        std::env::set_current_dir(&other).unwrap();
        let before = contents(&db);
        let report = db.compact().unwrap();
        assert!(report.bytes_after < report.bytes_before, "{report}");
        assert_eq!(contents(&db), before);
        assert!(names(&other).is_empty());
    }
}
