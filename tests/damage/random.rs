//! Does damage of any other size, or a file that is cut off or lengthened, go unnoticed?

use larder::ErrorKind;

use super::examine::{Nature, Outcomes, examine};
use super::files::{BLOCK, DATA, PATH, Sample, builder};
use crate::support::memory::MemoryVolume;
use crate::support::random::Random;

/// So many random damages at every change, and so many for each seed where there is time.
const DAMAGES: u64 = 5_000;

/// Damages a copy of the file in one way; gives what was done.
fn damage(sample: &Sample, random: &mut Random) -> (String, Vec<u8>, Nature) {
    let mut bytes = sample.bytes.clone();
    // Mostly where something was written; else most damages would meet zeros.
    let place = |random: &mut Random| loop {
        let at = random.below(bytes.len());
        if at < 0x4000 || random.below(50) == 0 || sample.bytes[at] != 0 {
            break at;
        }
    };
    match random.below(9) {
        0 => {
            let (at, bit) = (place(random), random.below(8));
            bytes[at] ^= 1 << bit;
            (format!("bit {bit} of byte {at}"), bytes, Nature::Damage)
        }
        1 => {
            let at = place(random);
            bytes[at] = bytes[at].wrapping_add(1 + random.below(255) as u8);
            (format!("byte {at}"), bytes, Nature::Damage)
        }
        2 => {
            let at = place(random).min(bytes.len() - 16);
            bytes[at..at + 16].copy_from_slice(&random.bytes(16));
            (format!("16 bytes at {at}"), bytes, Nature::Damage)
        }
        3 => {
            let at = place(random) / 512 * 512;
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
            (format!("a zeroed sector at {at}"), bytes, Nature::Damage)
        }
        4 => {
            let [one, other] = [0, 1].map(|_| written_block(sample, random));
            let (left, right) = (sample.block(one), sample.block(other));
            bytes[left.clone()].copy_from_slice(&sample.bytes[right.clone()]);
            bytes[right].copy_from_slice(&sample.bytes[left]);
            (
                format!("blocks {one} and {other} swapped"),
                bytes,
                Nature::Damage,
            )
        }
        5 => {
            let stride = [4136, 4096, 512][random.below(3)];
            let base = if stride == 4136 { DATA } else { 0 };
            let at = base + random.below((bytes.len() - base) / stride) * stride;
            let at = (at + random.below(3)).saturating_sub(1);
            bytes.truncate(at);
            (format!("cut off at {at}"), bytes, Nature::Damage)
        }
        6 => {
            let count = [1, 511, 512, 4095, 4096, 4136, 2 * BLOCK, 4137][random.below(8)];
            let appended = match random.below(3) {
                0 => vec![0; count],
                1 => random.bytes(count),
                _ => bytes[bytes.len() - count..].to_vec(),
            };
            bytes.extend(appended);
            (format!("{count} bytes appended"), bytes, Nature::Damage)
        }
        7 => {
            let old = &sample.older[random.below(sample.older.len())];
            let number = written_block(sample, random);
            let place = sample.block(number);
            if let Some(block) = old.get(place.clone()) {
                bytes[place].copy_from_slice(block);
            }
            let never = bytes[sample.block(number)].iter().all(|byte| *byte == 0);
            let nature = if never {
                Nature::Damage
            } else {
                Nature::Replay
            };
            (format!("an old copy of block {number}"), bytes, nature)
        }
        _ => {
            // An old superblock or header: the other one has the newest state.
            let old = &sample.older[random.below(sample.older.len())];
            let page = random.below(4);
            let place = page * 4096..(page + 1) * 4096;
            bytes[place.clone()].copy_from_slice(&old[place]);
            (format!("an old copy of page {page}"), bytes, Nature::Damage)
        }
    }
}

fn written_block(sample: &Sample, random: &mut Random) -> usize {
    loop {
        let number = 1 + random.below(sample.blocks());
        if sample.is_written(number) {
            return number;
        }
    }
}

fn damage_at_random(seed: u64, count: u64, encrypted: bool) {
    let samples = [false, true].map(|clean| Sample::new(encrypted, clean, 120));
    let [mut damages, mut replays] = [0, 1].map(|_| Outcomes::default());
    let mut random = Random(seed);
    for number in 0..count {
        let sample = &samples[(number % 2) as usize];
        let (what, bytes, nature) = damage(sample, &mut random);
        let outcomes = match nature {
            Nature::Damage => &mut damages,
            Nature::Replay => &mut replays,
        };
        examine(sample, &what, bytes, nature, outcomes);
    }
    let seal = if encrypted { "encrypted" } else { "plain" };
    replays.conclude(&format!("{seal}: old blocks replayed, seed {seed}"));
    damages.conclude(&format!("{seal}: random damage, seed {seed}"));
}

#[test]
fn random_damage_of_a_plain_file_is_told_or_does_no_harm() {
    damage_at_random(1, DAMAGES / 2, false);
}

#[test]
fn random_damage_of_an_encrypted_file_is_told_or_does_no_harm() {
    damage_at_random(2, DAMAGES / 2, true);
}

/// `cargo test --test main damage::random -- --ignored --nocapture`
#[test]
#[ignore = "takes many minutes"]
fn fifty_thousand_random_damages_are_told_or_do_no_harm() {
    for seed in 3..8 {
        for encrypted in [false, true] {
            damage_at_random(seed, DAMAGES, encrypted);
        }
    }
}

/// redb takes a page as it is, and panicked over pages that do not go with the others: in opening the
/// file, in reading it, in writing to it and in closing it.
#[test]
fn an_old_block_in_its_place_is_found_by_scrub_and_nothing_panics() {
    for sample in Sample::all(12) {
        let mut outcomes = Outcomes::default();
        for number in 1..=sample.blocks() {
            let place = sample.block(number);
            let mut seen = vec![sample.bytes[place.clone()].to_vec()];
            for (commit, older) in sample.older.iter().enumerate() {
                let Some(old) = older.get(place.clone()).map(<[u8]>::to_vec) else {
                    continue;
                };
                if seen.contains(&old) || old.iter().all(|byte| *byte == 0) {
                    continue;
                }
                let mut bytes = sample.bytes.clone();
                bytes[place.clone()].copy_from_slice(&old);
                let what = format!("block {number} as of commit {commit}");
                examine(&sample, &what, bytes, Nature::Replay, &mut outcomes);
                seen.push(old);
            }
        }
        outcomes.conclude(&format!("{}: every old block replayed", sample.name));
    }
}

/// A block of what was once a value of many blocks, in place of a page of small ones, says that its entries
/// lie behind the end of that page. redb believed it when the bytes were asked for, which is later than
/// when the entry was found, and panicked in the middle of the user's loop.
#[test]
fn an_old_block_of_a_large_value_in_place_of_small_ones_is_corrupt_and_no_panic() {
    for encrypted in [false, true] {
        let volume = MemoryVolume::default();
        let db = builder(encrypted, &volume)
            .log_size(1 << 16)
            .create(PATH)
            .unwrap();
        let mut older = Vec::new();
        for round in 0..8_u8 {
            let bytes = |id: u8| {
                if round % 2 == 0 {
                    9000 + usize::from(id) * 40
                } else {
                    20
                }
            };
            db.write(|tx| {
                let mut bucket = tx.bucket("values")?;
                (0..100)
                    .try_for_each(|id: u8| bucket.put(&[id], vec![round; bytes(id)]).map(|_| ()))
            })
            .unwrap();
            older.push(volume.bytes(PATH));
        }
        db.close().unwrap();
        let last = volume.bytes(PATH);
        let mut refused = 0;
        for place in (DATA..last.len()).step_by(BLOCK).map(|at| at..at + BLOCK) {
            let mut seen = vec![&last[place.clone()]];
            for old in older.iter().filter_map(|file| file.get(place.clone())) {
                if seen.contains(&old) || old.iter().all(|byte| *byte == 0) {
                    continue;
                }
                seen.push(old);
                let mut bytes = last.clone();
                bytes[place.clone()].copy_from_slice(old);
                let volume = MemoryVolume::with(PATH, bytes);
                let read = || {
                    let tx = builder(encrypted, &volume).open_read_only(PATH)?.read()?;
                    let bucket = tx.bucket("values")?;
                    for id in 0..100 {
                        if let Some(value) = bucket.get(&[id])? {
                            std::hint::black_box(value.len());
                        }
                    }
                    for entry in bucket.iter()?.rev() {
                        std::hint::black_box(entry?.1.len());
                    }
                    Ok(())
                };
                if let Err(error) = read() {
                    let error: larder::Error = error;
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "no old block was met");
    }
}

/// Every length at which a file may end, of those where something is aligned.
#[test]
fn a_file_that_was_cut_off_is_told_or_lacks_nothing() {
    for sample in Sample::all(12) {
        let mut outcomes = Outcomes::default();
        let mut cuts: Vec<usize> = Vec::new();
        for (base, stride) in [(DATA, BLOCK), (0, 4096)] {
            for at in (base..=sample.bytes.len()).step_by(stride) {
                cuts.extend([at.saturating_sub(1), at, at + 1]);
            }
        }
        cuts.retain(|at| *at < sample.bytes.len());
        for at in cuts {
            let what = format!("cut off at {at} of {}", sample.bytes.len());
            let bytes = sample.bytes[..at].to_vec();
            examine(&sample, &what, bytes, Nature::Damage, &mut outcomes);
        }
        outcomes.conclude(&format!("{}: cut off", sample.name));
    }
}

/// A file that was not closed lost its last blocks, say because a copy of it was not finished. redb went
/// by the length that it found, and panicked when its allocator had pages behind it; or the system's
/// "unexpected end of file" was all there was to read.
#[test]
fn a_file_that_was_not_closed_and_lost_whole_blocks_is_corrupt_and_left_alone() {
    for encrypted in [false, true] {
        let sample = Sample::new(encrypted, false, 12);
        let mut refused = 0;
        for lost in 1..=sample.blocks() {
            let bytes = sample.bytes[..sample.bytes.len() - lost * BLOCK].to_vec();
            let volume = MemoryVolume::with(PATH, bytes.clone());
            let builder = || builder(encrypted, &volume);
            if let Ok(db) = builder().open_read_only(PATH) {
                // They came to be after the last checkpoint, and the log has what is in them.
                let mut wrong = Vec::new();
                sample.contents.clone().compare(&db, &mut wrong).unwrap();
                assert!(wrong.is_empty(), "{}", wrong.join("; "));
                continue;
            }
            refused += 1;
            for opened in [builder().open(PATH), builder().open_read_only(PATH)] {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                assert!(error.to_string().contains("cut off"), "{error}");
            }
            assert!(volume.bytes(PATH) == bytes, "the file was written");
        }
        assert!(refused > 10, "{refused}");
    }
}
