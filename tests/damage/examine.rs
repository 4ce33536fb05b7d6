//! What becomes of a damaged file that is opened, read, written, closed and opened again?

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use larder::{Database, Error, ErrorKind, Result, Verify};

use super::files::{PATH, Sample, builder};
use crate::support::memory::MemoryVolume;
use crate::support::things::{BUCKET, Thing, thing};

/// How cases ended: at which step, with which kind of error, and how often.
#[derive(Default)]
pub struct Outcomes {
    counts: BTreeMap<String, u64>,
    violations: Vec<String>,
    violation_count: u64,
    longest: Duration,
}

impl Outcomes {
    pub fn count(&mut self, outcome: String) {
        *self.counts.entry(outcome).or_default() += 1;
    }

    pub fn violation(&mut self, what: String) {
        self.violation_count += 1;
        if self.violations.len() < 40 {
            self.violations.push(what);
        }
    }

    /// Prints the table, and fails when anything happened that must not.
    pub fn conclude(self, title: &str) {
        let total: u64 = self.counts.values().sum();
        println!("\n{title}: {total} cases, the longest {:?}", self.longest);
        for (outcome, count) in &self.counts {
            println!("{count:>9}  {outcome}");
        }
        println!("{:>9}  violations", self.violation_count);
        assert!(
            self.violation_count == 0,
            "{title}: {} violations:\n{}",
            self.violation_count,
            self.violations.join("\n")
        );
    }
}

/// What of a case is known beforehand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Any damage: an error, or the right data.
    Damage,
    /// A block that was there before, in its old place: what is read may be old, and scrub finds it.
    Replay,
}

/// Takes one damaged file through its life, and counts how that went.
pub fn examine(sample: &Sample, what: &str, bytes: Vec<u8>, nature: Nature, to: &mut Outcomes) {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a case takes is what is measured"
    )]
    let begin = Instant::now();
    let mut wrong = Vec::new();
    WATCH.begin(begin, format!("{}, {what}", sample.name));
    let lived = catch_unwind(AssertUnwindSafe(|| live(sample, bytes, nature, &mut wrong)));
    WATCH.end();
    to.longest = to.longest.max(begin.elapsed());
    match lived {
        Ok(outcome) => to.count(outcome),
        Err(panic) => {
            let panic = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            to.count(format!("panic: {}", panic.unwrap_or("of no text")));
            wrong.push(format!("panic: {}", panic.unwrap_or("of no text")));
        }
    }
    if !wrong.is_empty() {
        to.violation(format!("{}, {what}: {}", sample.name, wrong.join("; ")));
    }
}

fn live(sample: &Sample, bytes: Vec<u8>, nature: Nature, wrong: &mut Vec<String>) -> String {
    let volume = MemoryVolume::with(PATH, bytes);
    let open = || builder(sample.encrypted, &volume).open_existing(PATH);
    // Opening writes what the log holds into the trees, over an old block, too.
    let found_before = nature == Nature::Replay && !is_whole(sample, &volume);
    let db = match open() {
        Ok(db) => db,
        Err(error) => return told("opening", &error, wrong),
    };
    let mut outcome = Outcome::default();
    let mut contents = sample.contents.clone();
    let mut old = Vec::new();
    outcome.note("reading", contents.compare(&db, &mut old), wrong);
    if nature == Nature::Replay {
        let told = match found_before && !sample.clean {
            true => "found by scrub before the log was replayed".to_owned(),
            false => replayed(&db, &outcome, &old, wrong),
        };
        write_to(db, open, wrong);
        return told;
    }
    wrong.append(&mut old);
    let written = contents.change(&db, 99);
    let unknown = matches!(&written, Err(error) if error.is(ErrorKind::OutcomeUnknown));
    outcome.note("writing", written, wrong);
    if !unknown {
        let read = contents.compare(&db, wrong);
        outcome.note("reading what was written", read, wrong);
    }
    outcome.note("closing", db.close(), wrong);
    match open() {
        Ok(db) => {
            // What was not acknowledged may be there or not; it is told by the sequence.
            if !unknown || db.commit_sequence() == contents.sequence {
                outcome.note("reading again", contents.compare(&db, wrong), wrong);
            }
            outcome.note("closing again", db.close(), wrong);
        }
        Err(error) => outcome.note("opening again", Err(error), wrong),
    }
    outcome
        .first
        .unwrap_or_else(|| "right, and written to".to_owned())
}

/// Whether a scrub of the file as it is, which is not written to, finds nothing.
fn is_whole(sample: &Sample, volume: &MemoryVolume) -> bool {
    let opened = builder(sample.encrypted, volume).open_read_only(PATH);
    opened.is_ok_and(|db| db.scrub(None, |_| {}).is_ok_and(|report| report.is_ok()))
}

/// An old block in its old place passes its seal. What is read may be old; what scrub says must not
/// be that all is well.
fn replayed(db: &Database, outcome: &Outcome, old: &[String], wrong: &mut Vec<String>) -> String {
    match db.scrub(None, |_| {}) {
        Ok(report) if report.is_ok() => {
            if !old.is_empty() {
                wrong.push(format!("scrub found nothing, and {}", old.join("; ")));
            }
            match &outcome.first {
                Some(first) => {
                    wrong.push(format!("scrub found nothing, and {first}"));
                    first.clone()
                }
                None => "not in use: right, and scrub says so".to_owned(),
            }
        }
        Ok(_) if old.is_empty() && outcome.first.is_none() => {
            "in use: read right, found by scrub".to_owned()
        }
        Ok(_) if outcome.first.is_none() => "in use: read old, found by scrub".to_owned(),
        Ok(_) => "in use: an error, and found by scrub".to_owned(),
        Err(error) => told("scrub", &error, wrong),
    }
}

/// Writes to a file with an old block and opens it again. What comes of it may be anything that is
/// said in order.
fn write_to(db: Database, open: impl Fn() -> Result<Database>, wrong: &mut Vec<String>) {
    let written = db.write(|tx| {
        tx.bucket(BUCKET)?.put("wombat", "written")?;
        let mut things = tx.collection::<Thing>()?;
        things.insert(&Thing {
            id: 0,
            ..thing(500)
        })?;
        things.remove(1).map(drop)
    });
    let again = db.close().and_then(|()| open()).and_then(|db| {
        let mut iter = Vec::new();
        let tx = db.read()?;
        for thing in tx.collection::<Thing>()?.iter()? {
            iter.push(thing?.to_owned()?);
        }
        drop(tx);
        db.check().map(drop)
    });
    for (step, result) in [("writing", written), ("opening again", again)] {
        if let Err(error) = result
            && !matches!(
                error.kind(),
                ErrorKind::OutcomeUnknown | ErrorKind::Conflict
            )
        {
            told(step, &error, wrong);
        }
    }
}

#[derive(Default)]
struct Outcome {
    first: Option<String>,
}

impl Outcome {
    fn note(&mut self, step: &str, result: Result<()>, wrong: &mut Vec<String>) {
        if let Err(error) = result {
            let told = told(step, &error, wrong);
            self.first.get_or_insert(told);
        }
    }
}

/// An error that a damaged file may give.
pub fn told(step: &str, error: &Error, wrong: &mut Vec<String>) -> String {
    let sensible = matches!(
        error.kind(),
        ErrorKind::Corrupt | ErrorKind::NotADatabase | ErrorKind::Poisoned | ErrorKind::WrongKey
    );
    if !sensible {
        wrong.push(format!("{step}: {error:?}"));
    }
    format!("{step}: {:?}", error.kind())
}

/// Whether verifying everything at opening finds nothing; the file must be as it was where it does,
/// and must be as good as new where it does not.
pub fn verified(sample: &Sample, bytes: &[u8], wrong: &mut Vec<String>) -> bool {
    let volume = MemoryVolume::with(PATH, bytes.to_vec());
    let opened = builder(sample.encrypted, &volume)
        .verify(Verify::Full)
        .open_existing(PATH);
    match opened {
        Ok(db) => {
            let mut contents = sample.contents.clone();
            let mut all = || -> Result<()> {
                contents.compare(&db, wrong)?;
                contents.change(&db, 99)?;
                contents.compare(&db, wrong)
            };
            if let Err(error) = all() {
                wrong.push(format!("verified, and then {error:?}"));
            }
            true
        }
        Err(error) => {
            told("verifying", &error, wrong);
            if volume.bytes(PATH) != bytes {
                wrong.push("refused, and written to".to_owned());
            }
            false
        }
    }
}

/// Ends the process when one case takes longer than any can, so that a hang is told, too.
struct Watch(Mutex<BTreeMap<String, (Instant, String)>>);

static WATCH: LazyLock<Watch> = LazyLock::new(|| {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            for (begin, what) in WATCH.0.lock().unwrap().values() {
                if begin.elapsed() > HANG {
                    eprintln!("a case hangs: {what}");
                    std::process::abort();
                }
            }
        }
    });
    Watch(Mutex::default())
});

const HANG: Duration = Duration::from_mins(2);

impl Watch {
    fn begin(&self, begin: Instant, what: String) {
        let thread = format!("{:?}", std::thread::current().id());
        self.0.lock().unwrap().insert(thread, (begin, what));
    }

    fn end(&self) {
        let thread = format!("{:?}", std::thread::current().id());
        self.0.lock().unwrap().remove(&thread);
    }
}
