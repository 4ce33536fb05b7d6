//! Does an encrypted file show anything, at any time, and is a nonce ever used twice? Every write of
//! whole histories is looked at, of temporary files, too: an image has no bytes but theirs.

use std::collections::HashMap;
use std::path::Path;

use larder::testing::{CipherKind, Controls};

use super::history::{Base, Script, plain, play, random_transactions};
use super::oracle::{PATH, SECRET, Setup, Specimen, State};
use super::sim_disk::{Entry, Op, Rng, SimVolume};

/// What must not be there: values and keys begin with the first; names; what redb writes.
const NEEDLES: [&str; 4] = [SECRET, "specimens", "notes", "redb"];

const BLOCKS: u64 = 0x4000 + (64 << 10);
const BLOCK_BYTES: usize = 4136;
const LOG: u64 = 0x4000;

/// What the writes of a file showed.
#[derive(Default)]
struct Seen {
    plain: Vec<&'static str>,
    /// By nonce: where it was used, and for what bytes.
    nonces: HashMap<[u8; 24], (u64, Vec<u8>)>,
    bytes: u64,
}

impl Seen {
    fn look_at(&mut self, log: &[Entry]) -> Result<(), String> {
        for entry in log {
            let Op::Write { offset, data } = &entry.op else {
                continue;
            };
            self.bytes += data.len() as u64;
            for needle in NEEDLES {
                let shown = data
                    .windows(needle.len())
                    .any(|window| window == needle.as_bytes());
                if shown && !self.plain.contains(&needle) {
                    self.plain.push(needle);
                }
            }
            let pieces: Vec<(&[u8], u64)> = match *offset {
                0x2000 | 0x3000 => vec![(data, *offset)],
                BLOCKS.. => {
                    let places = (*offset..).step_by(BLOCK_BYTES);
                    data.chunks(BLOCK_BYTES).zip(places).collect()
                }
                LOG.. => frames(data, *offset),
                // The header.
                _ => continue,
            };
            for (piece, at) in pieces {
                let Some(nonce) = piece.first_chunk::<24>() else {
                    continue;
                };
                let used = self
                    .nonces
                    .entry(*nonce)
                    .or_insert_with(|| (at, piece.to_vec()));
                // Opening writes a superblock again, with the bytes that it has.
                if *used != (at, piece.to_vec()) {
                    return Err(format!("one nonce at {} and at {at}", used.0));
                }
            }
        }
        Ok(())
    }
}

/// The sealed part of each frame that was written, and where it lies. The zeros of a new log are none.
fn frames(data: &[u8], offset: u64) -> Vec<(&[u8], u64)> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(len) = data.get(at..).and_then(|rest| rest.first_chunk()) {
        let len = u32::from_le_bytes(*len) as usize;
        if len == 0 {
            break;
        }
        // A write that was cut off within the frame.
        let end = data.len().min(at + 48 + len);
        if let Some(sealed) = data.get(at + 8..end) {
            frames.push((sealed, offset + at as u64 + 8));
        }
        at = (at + 48 + len).next_multiple_of(64);
    }
    frames
}

/// A file from its creation on, through several lives.
fn look(cipher: Option<CipherKind>, controls: Controls, seed: u64) -> Result<Seen, String> {
    let setup = Setup {
        cipher,
        controls,
        ..Setup::default()
    };
    let mut seen = Seen::default();
    let volume = SimVolume::new(seed);
    let db = setup
        .builder(&volume, seed)
        .register::<Specimen>()
        .create(PATH)
        .map_err(|error| error.to_string())?;
    let state = State {
        sequence: db.commit_sequence(),
        ..State::default()
    };
    drop(db);
    seen.look_at(&volume.log())?;
    let mut base = Base {
        image: volume.image(Path::new(PATH)).unwrap(),
        states: vec![state],
        allowed: vec![0],
    };
    let mut rng = Rng::new(seed);
    for life in 1..6 {
        let script = Script {
            setup,
            seed: seed * 100 + life,
            actions: plain(random_transactions(&mut rng, 12, 30)),
            kill_after: Some(200 + rng.below(200) as u64),
            close: rng.one_in(2),
            ..Script::default()
        };
        let record = play(&base, &script)?;
        seen.look_at(&record.log)?;
        base = Base {
            image: record.volume.image(Path::new(PATH)).unwrap(),
            states: record.states,
            allowed: record.allowed,
        };
    }
    Ok(seen)
}

pub fn run(controls: Controls) -> Result<(u64, usize), String> {
    let (mut bytes, mut nonces) = (0, 0);
    for kind in [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305] {
        for seed in 1..4 {
            let seen = look(Some(kind), controls, seed)?;
            if !seen.plain.is_empty() {
                return Err(format!("{kind:?}, seed {seed}: it shows {:?}", seen.plain));
            }
            bytes += seen.bytes;
            nonces += seen.nonces.len();
        }
    }
    Ok((bytes, nonces))
}

#[test]
fn an_encrypted_file_shows_nothing_and_uses_no_nonce_twice() {
    let (bytes, nonces) = run(Controls::default()).unwrap_or_else(|error| panic!("{error}"));
    println!("{bytes} bytes written show nothing; {nonces} nonces, each used once");
    assert!(nonces > 5000);
}

#[test]
fn a_plain_file_shows_what_is_looked_for() {
    // Its nonces are zero, which is what the first of two blocks is told of.
    let seen = look(None, Controls::default(), 1);
    assert!(seen.is_err());
    let base = super::history::empty_base(None);
    let script = Script {
        seed: 1,
        actions: plain(random_transactions(&mut Rng::new(1), 12, 30)),
        ..Script::default()
    };
    let record = play(&base, &script).unwrap();
    let mut shown = Seen::default();
    for entry in &record.log {
        let _ = shown.look_at(std::slice::from_ref(entry));
    }
    shown.plain.sort_unstable();
    let mut all = NEEDLES;
    all.sort_unstable();
    // redb's name stands in the superblock.
    assert_eq!(shown.plain, all);
}
