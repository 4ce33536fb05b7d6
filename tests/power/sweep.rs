//! Which images can the power cuts of a history leave, and is each of them good? Images that are the
//! same to the byte are checked once.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::history::{Base, Record, Script, play, random_actions};
use super::oracle::{Setup, State, check_image};
use super::sim_disk::{Image, Op, Phase, Rng, Tally, Tear, Unsynced};

/// How many of the subsets of what is pending are taken.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// All of them up to so many pending operations.
    pub all_up_to: usize,
    /// Above that, beside none, all, each one missing and each one alone: so many at random.
    pub random: usize,
    /// One in so many images is the start of a second crash.
    pub again_in: usize,
}

/// What was checked so far.
#[derive(Default)]
pub struct Sweep {
    distinct: HashSet<u64>,
    encrypted: u64,
    /// Of each history: in which state an image was.
    seen: HashMap<u64, usize>,
    pub tally: Tally,
}

impl Sweep {
    /// How many different images were checked.
    pub fn images(&self) -> u64 {
        self.distinct.len() as u64
    }

    pub fn encrypted(&self) -> u64 {
        self.encrypted
    }

    /// Images that a second or third crash left.
    pub fn doubles(&self) -> u64 {
        self.tally.count(DOUBLE) + self.tally.count(TRIPLE)
    }

    /// Prints what was checked, and fails unless everything happened that was asked for.
    pub fn report(&self, asked_for: &[&str]) {
        println!(
            "{} distinct crash images, {} of them encrypted; {} after a second or third crash",
            self.images(),
            self.encrypted(),
            self.doubles()
        );
        println!("{}", self.tally);
        self.tally.require(asked_for);
    }

    pub fn merge(&mut self, other: &Self) {
        self.distinct.extend(&other.distinct);
        self.encrypted += other.encrypted;
        self.tally.merge(&other.tally);
    }

    /// Another history begins: its states have other numbers.
    pub fn begin(&mut self, record: &Record) {
        self.seen.clear();
        self.tally.merge(&record.tally);
    }

    /// Counts in what a crash fell that left an image.
    fn fell_in(&mut self, phase: Phase) {
        match phase {
            Phase::Writing => {}
            Phase::Opening => self.tally.add(IN_OPENING),
            Phase::Replaying => self.tally.add(IN_REPLAY),
            Phase::Checkpointing => self.tally.add(IN_CHECKPOINT),
        }
    }

    /// Checks one image; says whether it was a new one.
    pub fn check(
        &mut self,
        image: &Image,
        setup: &Setup,
        states: &[State],
        allowed: &[usize],
    ) -> Result<bool, String> {
        let digest = image.digest();
        if let Some(found) = self.seen.get(&digest) {
            if !allowed.contains(found) {
                return Err(format!("it is in state {found}, and {allowed:?} may be"));
            }
            return Ok(false);
        }
        let found = check_image(image, setup, states, allowed)?;
        self.seen.insert(digest, found.state);
        let new = self.distinct.insert(digest);
        if new && found.replayed > 0 {
            self.tally.add(PENDING);
        }
        if new && setup.cipher.is_some() {
            self.encrypted += 1;
        }
        Ok(new)
    }

    /// Cuts the power after each operation, and keeps of what is pending every subset that the rule
    /// takes and that has the last operation in it: those without it were taken before.
    pub fn exhaust(
        &mut self,
        record: &Record,
        script: &Script,
        rule: Rule,
        rng: &mut Rng,
    ) -> Result<(), String> {
        self.begin(record);
        record.each_cut(|at, unsynced, allowed| {
            self.tally.add(CUT);
            self.exhaust_one(record, script, rule, rng, at, unsynced, allowed)
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the point of a cut, and its surroundings"
    )]
    fn exhaust_one(
        &mut self,
        record: &Record,
        script: &Script,
        rule: Rule,
        rng: &mut Rng,
        at: usize,
        unsynced: &Unsynced,
        allowed: &[usize],
    ) -> Result<(), String> {
        let count = unsynced.pending.len();
        let mut again = Vec::new();
        for mask in masks(count, rule, rng) {
            let keep = |position: usize| mask >> position & 1 == 1;
            let image = unsynced.subset(keep);
            if mask + 1 != 1 << count {
                self.tally.add("lost subset");
            }
            let new = self
                .check(&image, &script.setup, &record.states, allowed)
                .map_err(|error| Case::new(script, at, format!("{mask:b} kept")).failed(&error))?;
            if new {
                self.fell_in(record.log[at].phase);
            }
            if rng.one_in(rule.again_in) {
                again.push(image);
            }
        }
        if let Some(Op::Write { .. }) = unsynced.pending.last() {
            for (tear, name) in TEARS {
                let images = [
                    (
                        "and the others are there",
                        unsynced.torn_last(tear, |_| true, rng),
                    ),
                    (
                        "and nothing else is there",
                        unsynced.torn_last(tear, |_| false, rng),
                    ),
                    ("and every other, too", unsynced.torn_all(tear, rng)),
                ];
                for (others, image) in images {
                    self.tally.add(name);
                    self.check(&image, &script.setup, &record.states, allowed)
                        .map_err(|error| {
                            let how = format!("the last {name}, {others}");
                            Case::new(script, at, how).failed(&error)
                        })?;
                    if rng.one_in(rule.again_in) {
                        again.push(image);
                    }
                }
            }
        }
        for image in again {
            let base = Base {
                image,
                states: record.states.clone(),
                allowed: allowed.to_vec(),
            };
            self.crash_again(&base, &script.setup, 2, rng)
                .map_err(|error| {
                    Case::new(script, at, "then crashed again".to_owned()).failed(&error)
                })?;
        }
        Ok(())
    }

    /// Cuts the power at random points, of which there are about so many, and keeps anything of what
    /// is pending. Gives the last image.
    pub fn sample(
        &mut self,
        record: &Record,
        script: &Script,
        points: usize,
        again_in: usize,
        rng: &mut Rng,
    ) -> Result<Base, String> {
        self.begin(record);
        let one_in = (record.log.len() / points).max(1);
        let mut last = Base {
            image: record.start.clone(),
            states: record.states.clone(),
            allowed: record
                .log
                .first()
                .map_or(vec![], |entry| entry.allowed.clone()),
        };
        record.each_cut(|at, unsynced, allowed| {
            if at + 1 < record.log.len() && !rng.one_in(one_in) {
                return Ok(());
            }
            self.tally.add(CUT);
            let image = unsynced.cut(rng, &mut self.tally);
            let new = self
                .check(&image, &script.setup, &record.states, allowed)
                .map_err(|error| Case::new(script, at, "random".to_owned()).failed(&error))?;
            if new {
                self.fell_in(record.log[at].phase);
            }
            last.image = image;
            last.allowed = allowed.to_vec();
            if rng.one_in(again_in) {
                self.crash_again(&last, &script.setup, 2, rng)
                    .map_err(|error| {
                        Case::new(script, at, "then crashed again".to_owned()).failed(&error)
                    })?;
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// Opens an image and writes, with a power cut in that: within the opening, or after it.
    fn crash_again(
        &mut self,
        base: &Base,
        setup: &Setup,
        depth: usize,
        rng: &mut Rng,
    ) -> Result<(), String> {
        let script = Script {
            setup: *setup,
            seed: rng.next(),
            actions: random_actions(rng, 2, 2),
            close: rng.one_in(2),
            ..Script::default()
        };
        let record = play(base, &script)?;
        self.tally.merge(&record.tally);
        let seen = std::mem::take(&mut self.seen);
        let mut result = Ok(());
        let mut third = None;
        let early = record.opening.max(1);
        // Half of them within the opening.
        let mut points: Vec<usize> = (0..AGAIN)
            .map(|at| match at % 2 {
                0 => rng.below(early),
                _ => rng.below(record.log.len()),
            })
            .collect();
        points.sort_unstable();
        let cut = record.each_cut(|at, unsynced, allowed| {
            for _ in points.iter().filter(|point| **point == at) {
                let image = unsynced.cut(rng, &mut self.tally);
                if self
                    .check(&image, setup, &record.states, allowed)
                    .map_err(|error| {
                        Case::new(&script, at, format!("crash {depth}")).failed(&error)
                    })?
                {
                    self.tally.add(if depth == 2 { DOUBLE } else { TRIPLE });
                    if at < record.opening {
                        self.tally.add(IN_RECOVERY);
                    }
                    self.fell_in(record.log[at].phase);
                }
                if depth < 3 && rng.one_in(8) {
                    third = Some(Base {
                        image,
                        states: record.states.clone(),
                        allowed: allowed.to_vec(),
                    });
                }
            }
            Ok(())
        });
        if cut.is_err() {
            result = cut;
        } else if let Some(base) = third {
            result = self.crash_again(&base, setup, depth + 1, rng);
        }
        self.seen = seen;
        result
    }
}

/// Images of each second crash.
const AGAIN: usize = 6;

pub const CUT: &str = "points at which the power was cut";
pub const DOUBLE: &str = "images of a second crash";
pub const TRIPLE: &str = "images of a third crash";
pub const IN_RECOVERY: &str = "images of a crash during recovery";
pub const IN_OPENING: &str = "images of a crash while nothing was replayed";
pub const IN_REPLAY: &str = "images of a crash during replay";
pub const IN_CHECKPOINT: &str = "images of a crash during a checkpoint";
pub const PENDING: &str = "images with transactions in the log alone";

pub const TEARS: [(Tear, &str); 3] = [
    (Tear::Sectors, "torn at sectors"),
    (Tear::Bytes, "torn at any byte"),
    (Tear::Garbage, "garbage in what was being written"),
];

/// The subsets, as bits, that have the last operation in them.
pub fn masks(count: usize, rule: Rule, rng: &mut Rng) -> Vec<u128> {
    assert!(count < 128, "more is pending than a mask has bits");
    let Some(last) = count.checked_sub(1) else {
        return vec![0];
    };
    let (bit, all) = (1_u128 << last, (1_u128 << count) - 1);
    if count <= rule.all_up_to {
        return (0..bit).map(|rest| rest | bit).collect();
    }
    let mut masks = vec![bit, all];
    for position in 0..last {
        masks.push(all & !(1 << position));
        masks.push(bit | 1 << position);
    }
    for _ in 0..rule.random {
        let random = u128::from(rng.next()) << 64 | u128::from(rng.next());
        masks.push(random & all | bit);
    }
    masks
}

/// Where something went wrong, for whoever has to find out why.
struct Case<'s> {
    script: &'s Script,
    at: usize,
    how: String,
}

impl<'s> Case<'s> {
    fn new(script: &'s Script, at: usize, how: String) -> Self {
        Self { script, at, how }
    }

    fn failed(&self, error: &str) -> String {
        format!("{error}\n  {self}")
    }
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "after operation {} ({}) of {:?}",
            self.at, self.how, self.script
        )
    }
}
