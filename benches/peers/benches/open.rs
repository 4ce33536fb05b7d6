//! How long does opening take after a kill?
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench open`: files of 10,000 and 1,000,000 contacts
//! whose process was killed, with an empty commit log and with one that is almost three quarters full, and
//! redb's own; each is copied and opened in turn, and the medians are compared.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use larder::Database;
use larder_peers::{Contact, Larder, Redb, Result, Side, contact};

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// Commits that fill a mebibyte of log almost to three quarters.
const LOGGED: u64 = 950;
const ROUNDS: usize = 5;
/// What the child is to make: kind, number of contacts, number of commits in the log.
const CHILD: &str = "LARDER_PEERS_CHILD";

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    if let Ok(what) = std::env::var(CHILD) {
        return populate(&what);
    }
    let directory = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (name, kind, count, logged) in [
        ("larder, 10,000 records, log empty", "larder", FEW, 0),
        ("larder, 10,000 records, log 3/4 full", "larder", FEW, LOGGED),
        ("larder, 1,000,000 records, log empty", "larder", MANY, 0),
        ("larder, 1,000,000 records, log 3/4 full", "larder", MANY, LOGGED),
        ("redb, 1,000,000 records", "redb", MANY, 0),
    ] {
        let place = directory.path().join(format!("{kind} {count} {logged}"));
        std::fs::create_dir(&place)?;
        let killed = Command::new(std::env::current_exe()?)
            .env(CHILD, format!("{kind} {count} {logged}"))
            .current_dir(&place)
            .stderr(std::process::Stdio::null())
            .status()?;
        assert!(!killed.success(), "it was to be killed");
        let file = std::fs::read_dir(&place)?.next().ok_or("no file")??.path();
        files.push((name, kind, file, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, kind, file, times) in &mut files {
            let copy = directory.path().join("copy");
            std::fs::copy(&*file, &copy)?;
            // Or opening would be the first to wait for the disk to have the copy.
            std::fs::File::open(&copy)?.sync_all()?;
            times.push(open(kind, &copy)?);
            std::fs::remove_file(copy)?;
        }
    }
    let mut medians = Vec::new();
    for (name, _, file, times) in &mut files {
        times.sort();
        let median = times[times.len() / 2];
        let megabytes = std::fs::metadata(&*file)?.len() >> 20;
        println!("{name:<42}{:>9.2} ms   {megabytes:>4} MiB", median.as_secs_f64() * 1e3);
        medians.push(median.as_secs_f64());
    }
    println!("\nmany to few, log empty     {:>6.2}x   at most 3", medians[2] / medians[0]);
    println!("many to few, log 3/4 full  {:>6.2}x   at most 3", medians[3] / medians[1]);
    println!("redb to larder, log empty  {:>6.1}x   at least 8", medians[4] / medians[2]);
    println!("redb to larder, log 3/4    {:>6.1}x   at least 4", medians[4] / medians[3]);
    Ok(())
}

/// Fills a file in this directory, and dies without closing it.
fn populate(what: &str) -> Result<()> {
    let mut words = what.split(' ');
    let mut word = || words.next().ok_or("a word is missing");
    let kind = word()?.to_owned();
    let (count, logged): (u64, u64) = (word()?.parse()?, word()?.parse()?);
    let here = Path::new(".");
    let step = 50_000;
    if kind == "redb" {
        let redb = Redb::create(here, false)?;
        for from in (0..count).step_by(step as usize) {
            redb.commit_all(from..count.min(from + step))?;
        }
        redb.commit(count)?;
        std::process::abort();
    }
    let larder = Larder::create(here)?;
    for from in (0..count).step_by(step as usize) {
        let contacts = (from..count.min(from + step)).map(contact);
        larder.database().write(|tx| tx.collection::<Contact>()?.load(contacts))?;
    }
    larder.database().checkpoint()?;
    for id in count..count + logged {
        larder.commit(id)?;
    }
    std::process::abort();
}

fn open(kind: &str, path: &PathBuf) -> Result<Duration> {
    if kind == "redb" {
        let begin = Instant::now();
        let db = redb::Database::builder().set_cache_size(64 << 20).open(path)?;
        let time = begin.elapsed();
        drop(db);
        return Ok(time);
    }
    let begin = Instant::now();
    let db = Database::open(path)?;
    let time = begin.elapsed();
    drop(db);
    Ok(time)
}
