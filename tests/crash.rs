//! A process that writes is killed again and again: nothing acknowledged is lost, and nothing is
//! half there.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use larder::{Database, Result, record};

use crate::support::{builder, check};

/// Where the child finds its database; a test that is run otherwise is not a child.
const PATH_VARIABLE: &str = "LARDER_CRASH_DATABASE";

const CYCLES: u64 = 25;

/// The child lives at most so long, in milliseconds.
const LIFE_MS_MAX: u64 = 500;

/// Entries that the steps go around in.
const ENTRIES: u64 = 40;

#[record(name = "entries", index(by_group = (group, desc(step))))]
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    #[key]
    id: u64,
    #[unique]
    step: u64,
    group: u64,
    #[index(each)]
    tags: Vec<u64>,
    text: String,
}

fn entry(step: u64) -> Entry {
    Entry {
        id: step % ENTRIES,
        step,
        group: step % 3,
        tags: vec![step % 5, step % 7],
        // From short to larger than a page.
        text: format!("{step} ").repeat(step as usize % 700),
    }
}

/// What a step does: an entry comes or changes, every fifth time another one goes.
fn apply(db: &Database, step: u64) -> Result<()> {
    db.write(|tx| {
        let mut entries = tx.collection::<Entry>()?;
        entries.put(&entry(step))?;
        if step.is_multiple_of(5) {
            entries.remove(step * 7 % ENTRIES)?;
        }
        tx.bucket("progress")?.put("step", step.to_le_bytes())?;
        Ok(())
    })
}

/// What there is after so many steps.
fn expected(steps: u64) -> Vec<Entry> {
    let mut entries = BTreeMap::new();
    for step in 1..=steps {
        entries.insert(step % ENTRIES, step);
        if step.is_multiple_of(5) {
            entries.remove(&(step * 7 % ENTRIES));
        }
    }
    entries.into_values().map(entry).collect()
}

fn steps_in(db: &Database) -> u64 {
    let tx = db.read().unwrap();
    let step = tx.bucket("progress").unwrap().get("step").unwrap();
    step.map_or(0, |step| {
        u64::from_le_bytes((*step).try_into().expect("eight bytes"))
    })
}

fn entries_in(db: &Database) -> Vec<Entry> {
    let tx = db.read().unwrap();
    let entries = tx.collection::<Entry>().unwrap();
    let entries = entries.iter().unwrap();
    entries
        .map(|entry| entry.unwrap().to_owned().unwrap())
        .collect()
}

#[test]
fn a_child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else {
        return;
    };
    let db = builder().open(path).unwrap();
    for step in steps_in(&db) + 1.. {
        apply(&db, step).unwrap();
        println!("\ncommitted {step}");
    }
}

fn spawn_child(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::a_child_writes_until_it_is_killed"])
        .args(["--nocapture", "--test-threads=1"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The last step that was acknowledged; a line without its end may be half a number.
fn last_acknowledged(output: impl Read) -> Option<u64> {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    let mut last = None;
    while output.read_line(&mut line).unwrap() > 0 {
        if let Some(step) = line.strip_prefix("committed ")
            && let Some(step) = step.strip_suffix('\n')
        {
            last = Some(step.trim_end().parse().unwrap());
        }
        line.clear();
    }
    last
}

/// Lets a child write for a while, kills it, and gives what it acknowledged.
fn write_and_kill(path: &Path, life: Duration) -> Option<u64> {
    let mut child = spawn_child(path);
    let output = child.stdout.take().unwrap();
    let ledger = std::thread::spawn(move || last_acknowledged(output));
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    ledger.join().unwrap()
}

#[test]
fn a_writer_that_is_killed_at_any_time_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.larder");
    let mut acknowledged = 0;
    for cycle in 0..CYCLES {
        let random = RandomState::new().build_hasher().finish();
        let life = Duration::from_millis(random % LIFE_MS_MAX);
        let committed = write_and_kill(&path, life);
        // What was found the last time is as good as acknowledged.
        acknowledged = committed.unwrap_or(acknowledged);

        let db = builder().open(&path).unwrap();
        check(&db);
        let found = steps_in(&db);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "cycle {cycle}, killed after {life:?}: {acknowledged} acknowledged, {found} found"
        );
        assert_eq!(entries_in(&db), expected(found), "cycle {cycle}");
        acknowledged = found;
        db.close().unwrap();
    }
    assert!(acknowledged > CYCLES, "the children wrote next to nothing");
}
