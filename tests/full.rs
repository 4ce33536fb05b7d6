//! A disk that is full, with real files: a process that may make no file longer than so much meets an
//! error, loses nothing, and the file is of use once there is room.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};

use larder::{Database, Durability, ErrorKind, Result};

use crate::support::{builder, check};

/// Where the child finds its database; a test that is run otherwise is not a child.
const PATH_VARIABLE: &str = "LARDER_FULL_DATABASE";

/// Bytes of each entry.
const ENTRY_BYTES: usize = 6000;

fn entry(number: u64) -> Vec<u8> {
    format!("{number} ").repeat(ENTRY_BYTES).into_bytes()[..ENTRY_BYTES].to_vec()
}

fn put(db: &Database, number: u64, durability: Durability) -> Result<()> {
    db.write(|tx| {
        tx.set_durability(durability);
        tx.bucket("entries")?
            .put(&number.to_be_bytes(), entry(number))
            .map(drop)
    })
}

/// How many entries there are; they are those that were written first.
fn entries(db: &Database) -> Result<u64> {
    let tx = db.read()?;
    let entries = tx.bucket("entries")?;
    let mut count: u64 = 0;
    for found in entries.iter()? {
        let (key, value) = found?;
        assert_eq!(key, count.to_be_bytes());
        assert_eq!(&*value, entry(count));
        count += 1;
    }
    Ok(count)
}

/// Runs a test of this file in a process that may make no file longer than so many bytes, and gives the
/// words that it said.
fn run_child(name: &str, path: &Path, bytes_max: Option<u64>) -> Vec<String> {
    let limit = match bytes_max {
        // In units of 512 bytes. Without the signal, a write that goes beyond it fails.
        Some(bytes) => format!("ulimit -f {} && trap '' XFSZ && ", bytes / 512),
        None => String::new(),
    };
    let output = Command::new("sh")
        .args(["-c", &format!("{limit}exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = output.lines().filter_map(|line| line.strip_prefix("said "));
    said.map(str::to_owned).collect()
}

fn say(what: impl std::fmt::Display) {
    println!("\nsaid {what}");
}

/// The last number that was acknowledged.
fn acknowledged(said: &[String]) -> u64 {
    let numbers = said.iter().filter_map(|word| word.parse::<u64>().ok());
    numbers.max().unwrap_or(0)
}

#[test]
fn a_child_writes_until_there_is_no_room() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else {
        return;
    };
    let db = builder().open(path).unwrap();
    let mut number = entries(&db).unwrap();
    let error = loop {
        let durability = match number % 3 {
            0 => Durability::Buffered,
            _ => Durability::Synced,
        };
        match put(&db, number, durability) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
        say(number);
    };
    say(format!("{:?}", error.kind()));
    // The same again is an error, too, and harms nothing.
    say(match put(&db, number, Durability::Synced) {
        Ok(()) => "it went on".to_owned(),
        Err(error) => format!("then {:?}", error.kind()),
    });
    drop(db);
}

#[test]
fn a_child_logs_and_dies() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else {
        return;
    };
    let db = builder().open(&path).unwrap();
    for number in 0..7 {
        put(&db, number, Durability::Synced).unwrap();
        if number == 0 {
            // The first is in the tables, the others are in the log alone.
            say(format!(
                "length {}",
                std::fs::metadata(&path).unwrap().len()
            ));
        }
        say(number + 1);
    }
    std::process::abort();
}

#[test]
fn a_child_opens() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else {
        return;
    };
    match builder().open(path) {
        Ok(db) => say(entries(&db).unwrap()),
        Err(error) => say(format!("{:?}: {error}", error.kind())),
    }
}

#[test]
fn a_disk_that_gets_full_is_an_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut known = 0;
    // Wherever it gets full: in the growing of the file, in the log's checkpoint, in a commit.
    for (round, more) in (0..6).map(|round| (round, 100_000 + round * 37_000)) {
        let path = directory.path().join("full.larder");
        drop(builder().open(&path).unwrap());
        let len = std::fs::metadata(&path).unwrap().len();
        let said = run_child(
            "full::a_child_writes_until_there_is_no_room",
            &path,
            Some(len + more),
        );
        let last = acknowledged(&said);
        assert!(said.len() >= 2, "the child met no full disk: {said:?}");
        let told = &said[said.len() - 2..];
        assert!(
            ["Full", "OutcomeUnknown", "Poisoned"].contains(&told[0].as_str()),
            "{said:?}"
        );
        assert!(last > known, "the child wrote nothing: {said:?}");

        let db = builder().open(&path).unwrap();
        check(&db);
        let found = entries(&db).unwrap();
        assert!(
            (last..=last + 1).contains(&found),
            "round {round}: {last} acknowledged, {found} found: {said:?}"
        );
        // With room again it is of use.
        put(&db, found, Durability::Synced).unwrap();
        assert_eq!(entries(&db).unwrap(), found + 1);
        db.close().unwrap();
        known = found + 1;
    }
}

#[test]
fn a_log_that_there_is_no_room_for_stays_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pending.larder");
    drop(builder().open(&path).unwrap());
    let said = run_child("full::a_child_logs_and_dies", &path, None);
    assert_eq!(acknowledged(&said), 7, "{said:?}");
    let len = said.iter().find_map(|word| word.strip_prefix("length "));
    let len: u64 = len.unwrap().parse().unwrap();
    // What the process made longer since its checkpoint, a power cut may well have made shorter again.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(len).unwrap();
    drop(file);

    for _ in 0..3 {
        let said = run_child("full::a_child_opens", &path, Some(len));
        let full = format!("{:?}: ", ErrorKind::Full);
        assert!(
            said.len() == 1 && said[0].starts_with(&full) && said[0].contains("nothing is lost"),
            "{said:?}"
        );
    }
    // To be read it needs no room.
    let db = builder().open_read_only(&path).unwrap();
    assert_eq!(entries(&db).unwrap(), 7);
    assert_eq!(db.recovery_report().replayed, 6);
    drop(db);

    let said = run_child("full::a_child_opens", &path, None);
    assert_eq!(said, ["7"]);
    let db = builder().open(&path).unwrap();
    check(&db);
    assert_eq!(entries(&db).unwrap(), 7);
    put(&db, 7, Durability::Synced).unwrap();
}
