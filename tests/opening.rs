//! Opening: what exists, what does not, what is not ours, and who has it open.

use std::fs;
use std::path::Path;
use std::process::Command;

use larder::{Database, ErrorKind, record};

use crate::support::{self, check, db};

#[record(name = "notes")]
struct Note {
    #[key(auto)]
    id: u64,
    text: String,
}

fn write_note(db: &Database, text: &str) -> larder::Result<u64> {
    db.write(|tx| {
        tx.collection::<Note>()?.insert(&Note {
            id: 0,
            text: text.into(),
        })
    })
}

fn count(db: &Database) -> u64 {
    db.read()
        .unwrap()
        .collection::<Note>()
        .unwrap()
        .len()
        .unwrap()
}

#[test]
fn open_creates_create_refuses_and_open_existing_asks_for_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.larder");
    let error = support::builder().open_existing(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("a.larder"), "{error}");
    assert!(!path.exists());
    support::builder().open(&path).unwrap().close().unwrap();
    let error = support::builder().create(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    support::builder()
        .open_existing(&path)
        .unwrap()
        .close()
        .unwrap();
    let other = directory.path().join("b.larder");
    support::builder().create(&other).unwrap();
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "something temporary was left behind");
}

#[test]
fn a_second_opening_is_locked_at_once_through_any_path() {
    let db = db();
    let path = db.path();
    let link = path.with_extension("link");
    fs::hard_link(&path, &link).unwrap();
    let mut paths = vec![path.clone(), link];
    #[cfg(unix)]
    {
        let symbolic = path.with_extension("symbolic");
        std::os::unix::fs::symlink(&path, &symbolic).unwrap();
        paths.push(symbolic);
    }
    for path in &paths {
        for open in [
            Database::open,
            Database::open_existing,
            Database::open_read_only,
        ] {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
        }
    }
    assert_eq!(in_another_process(&path), "Locked");
    let clone = db.clone();
    clone.close().unwrap();
    assert_eq!(in_another_process(&path), "opened");
}

const PATH_VARIABLE: &str = "LARDER_TEST_OPEN";

/// What another process meets when it opens the file.
fn in_another_process(path: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opening::the_other_process", "--nocapture"])
        .env(PATH_VARIABLE, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split("met: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else {
        return;
    };
    match support::builder().open_existing(path) {
        Ok(_) => println!("met: opened"),
        Err(error) => println!("met: {:?}", error.kind()),
    }
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let redb = directory.path().join("plain.redb");
    drop(redb::Database::create(&redb).unwrap());
    let ours = directory.path().join("ours.larder");
    support::builder().create(&ours).unwrap().close().unwrap();
    let header = fs::read(&ours).unwrap()[..4096].to_vec();
    let cases: [(&str, Vec<u8>, ErrorKind); 5] = [
        ("text", b"dear diary".to_vec(), ErrorKind::NotADatabase),
        ("empty", Vec::new(), ErrorKind::NotADatabase),
        ("long", vec![0xA5; 50_000], ErrorKind::NotADatabase),
        ("redb", fs::read(&redb).unwrap(), ErrorKind::NotADatabase),
        ("cut off", header, ErrorKind::Corrupt),
    ];
    for (name, bytes, kind) in cases {
        let path = directory.path().join(name);
        fs::write(&path, &bytes).unwrap();
        for open in [
            Database::open,
            Database::open_existing,
            Database::open_read_only,
        ] {
            let error = open(&path).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "{name} was changed");
        }
    }
}

/// The system opens a directory for reading and not for writing, so that the kinds differed.
#[test]
fn a_directory_is_not_a_database_in_every_mode() {
    let directory = tempfile::tempdir().unwrap();
    let open = [
        Database::open,
        Database::open_existing,
        Database::open_read_only,
    ];
    for open in open {
        let error = open(directory.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADatabase, "{error}");
    }
    let error = support::builder().create(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[record(name = "notes")]
struct Renumbered {
    #[key]
    id: u32,
    text: String,
}

#[test]
fn an_error_of_opening_names_the_path_once() {
    let db = db();
    write_note(&db, "one").unwrap();
    let path = db.path();
    Database::clone(&db).close().unwrap();
    let builder = support::builder;
    for (kind, opened) in [
        (
            ErrorKind::SchemaChanged,
            builder().register::<Renumbered>().open(&path),
        ),
        (
            ErrorKind::Limit,
            builder().body_limit(usize::MAX).open(&path),
        ),
        (ErrorKind::AlreadyExists, builder().create(&path)),
        (
            ErrorKind::NotADatabase,
            builder().open(path.with_file_name("")),
        ),
    ] {
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.starts_with("open "), "{text}");
        let parent = path.parent().unwrap().to_str().unwrap();
        assert_eq!(text.matches(parent).count(), 1, "{text}");
    }
}

#[test]
fn read_only_reads_a_file_that_was_not_closed_and_writes_nothing() {
    let db = db();
    for i in 0..20 {
        write_note(&db, &format!("note {i}")).unwrap();
    }
    // As a power cut would leave it: the database is open, and everything acknowledged is there.
    let copy = db.path().with_extension("copy");
    fs::copy(db.path(), &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    let reader = support::builder()
        .register::<Note>()
        .open_read_only(&copy)
        .unwrap();
    assert_eq!(count(&reader), 20);
    check(&reader);
    let error = write_note(&reader, "no").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert_eq!(
        reader.begin_write().unwrap_err().kind(),
        ErrorKind::ReadOnly
    );
    reader.close().unwrap();
    assert!(fs::read(&copy).unwrap() == before, "the file was changed");
    let writer = support::builder().open(&copy).unwrap();
    assert_eq!(count(&writer), 20);
    write_note(&writer, "more").unwrap();
}

#[test]
fn after_close_every_handle_says_so_and_the_file_can_be_opened_again() {
    let db = db();
    write_note(&db, "one").unwrap();
    let path = db.path();
    let handle: Database = db.clone();
    let tx = db.read().unwrap();
    handle.clone().close().unwrap();
    assert_eq!(handle.read().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(handle.begin_write().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        write_note(&handle, "two").unwrap_err().kind(),
        ErrorKind::Closed
    );
    let late = tx.collection::<Note>().and_then(|notes| notes.get_owned(1));
    if let Err(error) = late {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
    let again = support::builder().open_existing(&path).unwrap();
    assert_eq!(count(&again), 1);
    drop(again);
}

#[test]
fn two_threads_that_open_one_new_path_get_one_database() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.larder");
        let results = std::thread::scope(|scope| {
            let threads = [0, 1].map(|_| scope.spawn(|| support::builder().open(&path)));
            threads.map(|thread| thread.join().unwrap())
        });
        let opened = results.iter().filter(|result| result.is_ok()).count();
        assert!(opened >= 1);
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
        }
        drop(results);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
