//! Is damage at rest told? One bit changed, blocks exchanged, old copies of blocks put back: an error
//! or the right answer, never a wrong one, a panic or a step back.

use std::path::Path;

use larder::Verify;
use larder::testing::Controls;

use super::CIPHERS;
use super::history::{Action, Base, Script, empty_base, plain, play, random_transactions};
use super::oracle::{Damaged, PATH, Setup, Step, check_damaged, check_image, check_scrub};
use super::sim_disk::{Image, Rng, Tally};

const SUPERBLOCKS: [u64; 2] = [0x2000, 0x3000];
const SUPERBLOCK_BYTES: usize = 368;
const LOG: u64 = 0x4000;
const BLOCKS: u64 = LOG + (64 << 10);
const BLOCK_BYTES: usize = 4136;

fn flip_bit(image: &mut Image, rng: &mut Rng) -> &'static str {
    let len = image.len() as usize;
    let (at, name) = match rng.below(9) {
        0 => (rng.below(0x2000), "bit rot in a header"),
        8 => (LOG as usize + rng.below(LOG_USED), "bit rot in the log"),
        1 | 2 => (
            SUPERBLOCKS[rng.below(2)] as usize + rng.below(SUPERBLOCK_BYTES),
            "bit rot in a superblock",
        ),
        _ => (
            BLOCKS as usize + rng.below(len - BLOCKS as usize),
            "bit rot in a block",
        ),
    };
    let mut byte = [0];
    image.read(at as u64, &mut byte).unwrap();
    image.write(at as u64, &[byte[0] ^ 1 << rng.below(8)]);
    name
}

pub fn blocks(image: &Image) -> usize {
    (image.len() - BLOCKS) as usize / BLOCK_BYTES
}

pub fn block(image: &Image, number: usize) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_BYTES];
    image
        .read(BLOCKS + (number * BLOCK_BYTES) as u64, &mut bytes)
        .unwrap();
    bytes
}

pub fn put_block(image: &mut Image, number: usize, bytes: &[u8]) {
    image.write(BLOCKS + (number * BLOCK_BYTES) as u64, bytes);
}

fn swap(image: &mut Image, rng: &mut Rng) {
    let numbers = [rng.below(blocks(image)), rng.below(blocks(image))];
    let bytes = numbers.map(|number| block(image, number));
    put_block(image, numbers[0], &bytes[1]);
    put_block(image, numbers[1], &bytes[0]);
}

fn put_back(image: &mut Image, old: &Image, rng: &mut Rng) {
    let changed: Vec<usize> = (0..blocks(image).min(blocks(old)))
        .filter(|number| block(image, *number) != block(old, *number))
        .collect();
    let number = changed[rng.below(changed.len())];
    put_block(image, number, &block(old, number));
}

/// Bytes of the log in which there may be frames.
const LOG_USED: usize = 8 << 10;

/// A file at rest, and an older copy of it.
struct File {
    setup: Setup,
    old: Image,
    base: Base,
}

fn file(turn: usize, controls: Controls, rng: &mut Rng) -> Result<File, String> {
    let setup = Setup {
        cipher: CIPHERS[turn % CIPHERS.len()],
        controls,
        ..Setup::default()
    };
    let mut actions = plain(random_transactions(rng, 6, 12));
    // A value that is larger than a block.
    let bytes = 9000;
    actions.push(Action::write(vec![Step::Note { name: 9, bytes }]));
    let old = empty_base(setup.cipher).with(&setup, actions, rng.next())?;
    let script = Script {
        setup,
        seed: rng.next(),
        actions: plain(random_transactions(rng, 4, 12)),
        close: turn % 8 < 4,
        ..Script::default()
    };
    // Not closed is at rest, too: everything that was acknowledged is there, also in the log, with the mark
    // that protects its last frame.
    let record = play(&old, &script)?;
    let image = record.volume.image(Path::new(PATH)).unwrap();
    let state = record.states[record.allowed[0]].clone();
    Ok(File {
        setup,
        old: old.image,
        base: Base {
            image,
            states: vec![state],
            allowed: vec![0],
        },
    })
}

const FILES: usize = 16;

pub fn run(controls: Controls, rounds: usize) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut rng = Rng::new(42);
    for turn in 0..FILES {
        let file = file(turn, controls, &mut rng)?;
        for round in 0..rounds / FILES {
            let mut image = file.base.image.clone();
            let mut setup = file.setup;
            let name = match rng.below(6) {
                0 => {
                    swap(&mut image, &mut rng);
                    "block swapped with another"
                }
                1 => {
                    put_back(&mut image, &file.old, &mut rng);
                    check_scrub(&image, &setup, &file.base.states, &file.base.allowed)
                        .map_err(|error| format!("file {turn}, round {round}: {error}"))?;
                    // Its seal is good: only the trees' own checksums tell.
                    setup.verify = Verify::Full;
                    "old copy of a block"
                }
                _ => flip_bit(&mut image, &mut rng),
            };
            tally.add(name);
            let found = check_damaged(&image, &setup, &file.base.states, &file.base.allowed)
                .map_err(|violation| format!("{name}, file {turn}, round {round}: {violation}"))?;
            tally.add(match found {
                Damaged::Harmless => "damaged files that gave the right answers",
                Damaged::Told => "damaged files that said so",
            });
        }
    }
    Ok(tally)
}

pub const ROUNDS: usize = 5000;

#[test]
fn damage_at_rest_is_told_or_does_no_harm() {
    let tally = run(Controls::default(), ROUNDS).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    tally.require(&[
        "bit rot in a header",
        "bit rot in a superblock",
        "bit rot in a block",
        "bit rot in the log",
        "block swapped with another",
        "old copy of a block",
        "damaged files that gave the right answers",
        "damaged files that said so",
    ]);
}

/// The story: redb closes a file by a last commit and makes it shorter. A power cut came after that, and
/// before the other superblock was written; the next one left garbage of the newest superblock, which
/// opening was writing again. The older one still led to blocks that had been cut off, and redb
/// panicked. So both superblocks know of it before a file gets shorter.
#[test]
fn either_superblock_may_rot_at_any_moment_of_a_history() {
    let mut shorter = 0;
    for seed in 0..HISTORIES {
        let cipher = CIPHERS[seed as usize % CIPHERS.len()];
        let setup = Setup {
            cipher,
            ..Setup::default()
        };
        let mut rng = Rng::new(seed);
        let script = Script {
            setup,
            seed,
            actions: plain(random_transactions(&mut rng, 3, 9)),
            close: true,
            ..Script::default()
        };
        let record = play(&empty_base(cipher), &script).unwrap();
        let mut before = 0;
        let cut = record.each_cut(|at, unsynced, allowed| {
            if !unsynced.pending.is_empty() {
                return Ok(());
            }
            shorter += usize::from(unsynced.durable.len() < before);
            before = unsynced.durable.len();
            for superblock in SUPERBLOCKS {
                let mut image = unsynced.durable.clone();
                image.write(superblock + 100, b"rot");
                check_image(&image, &setup, &record.states, allowed)
                    .map_err(|error| format!("seed {seed}, after operation {at}: {error}"))?;
            }
            Ok(())
        });
        cut.unwrap_or_else(|violation| panic!("{violation}"));
    }
    assert!(shorter > 0, "no file got shorter");
}

const HISTORIES: u64 = 24;

/// redb sizes its allocator by the length of the file, and once panicked over what the last commit had
/// saved of a longer one.
#[test]
fn a_file_that_was_cut_off_is_damaged_and_not_a_panic() {
    let mut rng = Rng::new(11);
    let file = file(0, Controls::default(), &mut rng).unwrap();
    let whole = file.base.image.len();
    for len in (0..whole).step_by(BLOCK_BYTES / 2) {
        let mut image = file.base.image.clone();
        image.set_len(len);
        let found = check_damaged(&image, &file.setup, &file.base.states, &file.base.allowed);
        assert_eq!(found, Ok(Damaged::Told), "{len} of {whole}");
    }
}
