//! A process in which several threads write is killed again and again: nothing acknowledged is lost, and
//! nothing is half there.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use larder::{Database, Durability, Result, record};

use crate::support::{builder, check};

/// Where the child finds its database; a test that is run otherwise is not a child.
const PATH_VARIABLE: &str = "LARDER_CRASH_DATABASE";

/// Kills, unless `LARDER_KILLS` says otherwise:
/// `LARDER_KILLS=10000 cargo test --release --test main crash -- --nocapture`
const CYCLES: u64 = 50;

/// The child lives at most so long, in milliseconds.
const LIFE_MS_MAX: u64 = 400;

/// Threads that write.
const THREADS: u64 = 4;

/// Entries of each thread, which its steps go around in.
const ENTRIES: u64 = 20;

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

fn entry(thread: u64, step: u64) -> Entry {
    Entry {
        id: id(thread, step),
        step: step * THREADS + thread,
        group: step % 3,
        tags: vec![step % 5, step % 7],
        // From short to larger than a page.
        text: format!("{step} ").repeat(step as usize % 700),
    }
}

fn id(thread: u64, step: u64) -> u64 {
    thread * ENTRIES + step % ENTRIES
}

/// What a step does: an entry comes or changes, every fifth time another one goes. Now and then it does not
/// wait for the disk, or empties a bucket, which bypasses the log.
fn apply(db: &Database, thread: u64, step: u64) -> Result<()> {
    db.write(|tx| {
        if step.is_multiple_of(3) {
            tx.set_durability(Durability::Buffered);
        }
        let mut entries = tx.collection::<Entry>()?;
        entries.put(&entry(thread, step))?;
        if step.is_multiple_of(5) {
            entries.remove(id(thread, step * 7))?;
        }
        if step.is_multiple_of(50) {
            tx.bucket("scratch")?.put("k", "v")?;
            tx.drop_bucket("scratch")?;
        }
        tx.bucket("progress")?
            .put(thread.to_string().as_str(), step.to_le_bytes())?;
        Ok(())
    })
}

/// What there is after so many steps of each thread.
fn expected(steps: [u64; THREADS as usize]) -> Vec<Entry> {
    let mut entries = BTreeMap::new();
    for (thread, steps) in (0..).zip(steps) {
        for step in 1..=steps {
            entries.insert(id(thread, step), (thread, step));
            if step.is_multiple_of(5) {
                entries.remove(&id(thread, step * 7));
            }
        }
    }
    let last = entries.into_values();
    last.map(|(thread, step)| entry(thread, step)).collect()
}

fn steps_in(db: &Database) -> [u64; THREADS as usize] {
    let tx = db.read().unwrap();
    let progress = tx.bucket("progress").unwrap();
    std::array::from_fn(|thread| {
        let step = progress.get(thread.to_string().as_str()).unwrap();
        step.map_or(0, |step| {
            u64::from_le_bytes((*step).try_into().expect("eight bytes"))
        })
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
    let before = steps_in(&db);
    std::thread::scope(|scope| {
        for (thread, before) in (0..).zip(before) {
            let db = &db;
            scope.spawn(move || {
                for step in before + 1.. {
                    apply(db, thread, step).unwrap();
                    println!("\ncommitted {thread} {step}");
                }
            });
        }
    });
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

/// The last step of each thread that was acknowledged; a line without its end may be half a number.
fn last_acknowledged(output: impl Read) -> [Option<u64>; THREADS as usize] {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    let mut last = [None; THREADS as usize];
    while output.read_line(&mut line).unwrap() > 0 {
        if let Some(step) = line.strip_prefix("committed ")
            && let Some(step) = step.strip_suffix('\n')
            && let Some((thread, step)) = step.trim_end().split_once(' ')
        {
            last[thread.parse::<usize>().unwrap()] = Some(step.parse().unwrap());
        }
        line.clear();
    }
    last
}

/// Lets a child write for a while, kills it, and gives what it acknowledged.
fn write_and_kill(path: &Path, life: Duration) -> [Option<u64>; THREADS as usize] {
    let mut child = spawn_child(path);
    let output = child.stdout.take().unwrap();
    let ledger = std::thread::spawn(move || last_acknowledged(output));
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    ledger.join().unwrap()
}

#[test]
fn writers_that_are_killed_at_any_time_lose_nothing_that_they_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.larder");
    let cycles = std::env::var("LARDER_KILLS").map_or(CYCLES, |kills| kills.parse().unwrap());
    let mut acknowledged = [0; THREADS as usize];
    let (mut steps, mut replayed) = (0, 0);
    for cycle in 0..cycles {
        let random = RandomState::new().build_hasher().finish();
        let life = Duration::from_millis(random % LIFE_MS_MAX);
        let committed = write_and_kill(&path, life);

        let db = builder().open(&path).unwrap();
        replayed += db.recovery_report().replayed;
        check(&db);
        let found = steps_in(&db);
        for (thread, found) in found.iter().enumerate() {
            // What was found the last time is as good as acknowledged.
            let least = committed[thread].unwrap_or(acknowledged[thread]);
            assert!(
                (least..=least + 1).contains(found),
                "cycle {cycle}, killed after {life:?}: thread {thread} acknowledged {least}, {found} found"
            );
            steps += found - acknowledged[thread];
        }
        assert_eq!(entries_in(&db), expected(found), "cycle {cycle}");
        acknowledged = found;
        db.close().unwrap();
    }
    println!("{cycles} kills, {steps} commits, {replayed} of them replayed: nothing lost");
    assert!(
        steps > cycles * THREADS,
        "the children wrote next to nothing"
    );
    assert!(replayed > cycles, "next to nothing was in the log");
}
