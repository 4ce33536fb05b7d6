//! Does a file always open by the keys that it had or by those that it was to have, wherever a change
//! of keys is cut, killed or failed? One change after another over the same file.

use std::collections::BTreeSet;
use std::path::Path;

use larder::testing::{CipherKind, Controls};
use larder::{Database, Result, Unlock};

use super::history::{Base, empty_base};
use super::oracle::{KEY, PATH, Setup, catching, check_image, state_of};
use super::sim_disk::{Call, Failure, How, Image, Rng, SimVolume, Tally, Unsynced};

/// Keys by number; the first is the one that files are created with.
const KEYS: u8 = 5;

type Openers = BTreeSet<u8>;

fn key(number: u8) -> [u8; 32] {
    let mut key = KEY;
    key[0] ^= number;
    key
}

/// A change of keys.
#[derive(Clone, Copy, Debug)]
enum Change {
    Add(u8),
    Replace(u8, u8),
    Remove(u8),
}

impl Change {
    /// A change that can be made.
    fn random(openers: &Openers, rng: &mut Rng) -> Self {
        let pick = |numbers: Vec<u8>, rng: &mut Rng| numbers[rng.below(numbers.len())];
        let old = pick(openers.iter().copied().collect(), rng);
        let absent = (0..KEYS).filter(|number| !openers.contains(number));
        let new = pick(absent.collect(), rng);
        match rng.below(4) {
            0 if openers.len() < 3 => Self::Add(new),
            1 if openers.len() > 1 => Self::Remove(old),
            _ => Self::Replace(old, new),
        }
    }

    fn after(self, openers: &Openers) -> Openers {
        let mut openers = openers.clone();
        match self {
            Self::Add(new) => {
                openers.insert(new);
            }
            Self::Replace(old, new) => {
                openers.remove(&old);
                openers.insert(new);
            }
            Self::Remove(old) => {
                openers.remove(&old);
            }
        }
        openers
    }

    fn apply(self, db: &Database, slots: &mut [Option<u8>; 4]) -> Result<()> {
        let unlock = |number| Unlock::key(key(number));
        match self {
            Self::Add(new) => {
                let slot = db.add_key(&unlock(new))?;
                slots[slot] = Some(new);
            }
            Self::Replace(old, new) => {
                db.change_key(&unlock(old), &unlock(new))?;
                for slot in slots.iter_mut().filter(|slot| **slot == Some(old)) {
                    *slot = Some(new);
                }
            }
            Self::Remove(old) => {
                let slot = slots.iter().position(|slot| *slot == Some(old)).unwrap();
                db.remove_key(slot)?;
                slots[slot] = None;
            }
        }
        Ok(())
    }
}

/// Which keys open an image; none of them is written.
fn openers(image: &Image, setup: &Setup) -> Openers {
    let opens = |number: &u8| {
        let setup = Setup {
            key: Some(key(*number)),
            ..*setup
        };
        let volume = SimVolume::with_file(Path::new(PATH), image, 0).without_record();
        setup.builder(&volume, 0).open_read_only(PATH).is_ok()
    };
    (0..KEYS).filter(opens).collect()
}

struct Walk {
    setup: Setup,
    /// Which keys may open the file.
    allowed: Vec<Openers>,
    rng: Rng,
    tally: Tally,
}

impl Walk {
    /// The keys that open an image, if they may.
    fn check(&self, image: &Image, allowed: &[Openers]) -> Result<Openers, String> {
        let found = openers(image, &self.setup);
        // Between the two copies, one opens by the old keys and the other by the new ones.
        let both = allowed.iter().flatten().copied().collect();
        if found.is_empty() || found != both && !allowed.contains(&found) {
            return Err(format!("{found:?} open it, where {allowed:?} may"));
        }
        Ok(found)
    }

    /// Opens, changes keys, and is interrupted; then the power is cut at points of that. Gives what one
    /// of the cuts left.
    fn epoch(&mut self, base: &Base) -> Result<Image, String> {
        let volume = SimVolume::with_file(Path::new(PATH), &base.image, self.rng.next());
        let mut sets = self.allowed.clone();
        let mut now: Vec<usize> = (0..sets.len()).collect();
        volume.allow(&now);
        for _ in 0..1 + self.rng.below(3) {
            self.life(&volume, base, &mut sets, &mut now)?;
            volume.kill();
        }
        self.tally.merge(&volume.tally());
        let mut unsynced = Unsynced {
            durable: base.image.clone(),
            pending: Vec::new(),
        };
        let log = volume.log();
        let chosen = self.rng.below(log.len().max(1));
        let mut left = base.image.clone();
        for (at, entry) in log.iter().enumerate() {
            unsynced.push(&entry.op);
            if at != chosen && !self.rng.one_in(4) {
                continue;
            }
            let allowed: Vec<Openers> = entry.allowed.iter().map(|at| sets[*at].clone()).collect();
            let image = unsynced.cut(&mut self.rng, &mut self.tally);
            let found = self
                .check(&image, &allowed)
                .map_err(|error| format!("cut after operation {at}: {error}"))?;
            self.tally.add("images of a change of keys");
            // Whoever of them opens it for writing makes both copies of the header say the same.
            for number in found {
                let setup = Setup {
                    key: Some(key(number)),
                    ..self.setup
                };
                check_image(&image, &setup, &base.states, &base.allowed)
                    .map_err(|error| format!("cut after operation {at}, key {number}: {error}"))?;
            }
            if at == chosen {
                left = image;
                self.allowed = allowed;
            }
        }
        Ok(left)
    }

    fn life(
        &mut self,
        volume: &SimVolume,
        base: &Base,
        sets: &mut Vec<Openers>,
        now: &mut Vec<usize>,
    ) -> Result<(), String> {
        let image = volume.image(Path::new(PATH)).unwrap();
        let allowed: Vec<Openers> = now.iter().map(|at| sets[*at].clone()).collect();
        let found: Vec<u8> = self.check(&image, &allowed)?.into_iter().collect();
        let number = found[self.rng.below(found.len())];
        let setup = Setup {
            key: Some(key(number)),
            ..self.setup
        };
        match self.rng.below(4) {
            0 => volume.kill_after(1 + self.rng.below(25) as u64),
            1 | 2 => volume.fail(Failure {
                call: [Call::Sync, Call::Sync, Call::Write][self.rng.below(3)],
                after: self.rng.below(16) as u64,
                lasting: self.rng.one_in(4),
                how: How::Io,
            }),
            _ => {}
        }
        let db = match setup.open(volume, self.rng.next()) {
            Ok(db) => db,
            Err(_) if volume.is_disturbed() => return Ok(()),
            Err(error) => return Err(format!("key {number}: it does not open: {error}")),
        };
        match state_of(&db, &base.states, &base.allowed) {
            Err(_) if volume.is_disturbed() => return Ok(()),
            state => state?,
        };
        // Now both copies are the one that this key opened.
        let image = volume.image(Path::new(PATH)).unwrap();
        let open = openers(&image, &self.setup);
        let Some(at) = now.iter().copied().find(|at| sets[*at] == open) else {
            return Err(format!("after healing {open:?} open it, of {allowed:?}"));
        };
        *now = vec![at];
        volume.allow(now);
        let mut slots = slots_of(&image, &setup, &open);
        for _ in 0..1 + self.rng.below(2) {
            let before = now[0];
            let change = Change::random(&sets[before], &mut self.rng);
            let after = sets.len();
            sets.push(change.after(&sets[before]));
            *now = vec![before, after];
            volume.allow(now);
            match change.apply(&db, &mut slots) {
                Ok(()) => *now = vec![after],
                Err(_) if volume.is_disturbed() => {
                    self.tally.add("changes of keys that were interrupted");
                    return Ok(());
                }
                Err(error) => return Err(format!("{change:?}: {error}")),
            }
            volume.allow(now);
            self.tally.add("changes of keys");
        }
        if self.rng.one_in(2) {
            volume.kill();
        }
        Ok(())
    }
}

/// Which key is in which slot: the one that opens no longer when the slot is emptied.
fn slots_of(image: &Image, setup: &Setup, open: &Openers) -> [Option<u8>; 4] {
    let mut slots = [None; 4];
    let volume = SimVolume::with_file(Path::new(PATH), image, 0).without_record();
    let used = setup.open(&volume, 0).unwrap().list_keys();
    assert_eq!(used.len(), open.len(), "as many keys as open the file");
    for info in &used {
        let gone = if used.len() == 1 {
            open.first().copied()
        } else {
            let volume = SimVolume::with_file(Path::new(PATH), image, 0).without_record();
            setup
                .open(&volume, 0)
                .unwrap()
                .remove_key(info.slot)
                .unwrap();
            let left = openers(&volume.image(Path::new(PATH)).unwrap(), setup);
            open.difference(&left).next().copied()
        };
        slots[info.slot] = gone;
    }
    slots
}

const EPOCHS: usize = 6;

/// Whether the keys that open the file are always those that may.
pub fn run(controls: Controls, seeds: std::ops::Range<u64>) -> Result<Tally, String> {
    run_until(controls, seeds, |_| true)
}

/// The same, but a history ends in silence with a violation that does not count.
pub fn run_until(
    controls: Controls,
    seeds: std::ops::Range<u64>,
    counts: impl Fn(&str) -> bool,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let kinds = [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305];
    let bases = kinds.map(|kind| empty_base(Some(kind)));
    for seed in seeds {
        let turn = seed as usize % 2;
        let mut base = bases[turn].clone();
        let mut walk = Walk {
            setup: Setup {
                cipher: Some(kinds[turn]),
                controls,
                ..Setup::default()
            },
            allowed: vec![Openers::from([0])],
            rng: Rng::new(seed),
            tally: Tally::default(),
        };
        for epoch in 0..EPOCHS {
            match catching(|| walk.epoch(&base)) {
                Ok(image) => base.image = image,
                Err(violation) if counts(&violation) => {
                    return Err(format!("seed {seed}, epoch {epoch}: {violation}"));
                }
                Err(_) => break,
            }
        }
        tally.merge(&walk.tally);
    }
    Ok(tally)
}

pub const SEEDS: u64 = 60;

#[test]
fn an_interrupted_change_of_keys_leaves_a_file_that_opens() {
    let tally =
        run(Controls::default(), 0..SEEDS).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    tally.require(&[
        "images of a change of keys",
        "changes of keys",
        "changes of keys that were interrupted",
        "process kill",
        "EIO on sync, once",
        "EIO on sync, for ever",
        "EIO on write, once",
        "torn at sectors",
        "torn at any byte",
        "garbage in what was being written",
        "lost subset",
    ]);
}
