//! Do `scrub`, `check` and verifying at opening say of a damaged file what is true?

use larder::{ErrorKind, Verify};

use super::examine::{Outcomes, told, verified};
use super::files::{PATH, Sample, builder};
use crate::support::checksum::crc32;
use crate::support::memory::MemoryVolume;
use crate::support::random::Random;
use crate::support::things::BUCKET;

#[test]
fn scrub_and_check_of_an_undamaged_file_report_nothing_however_it_was_left() {
    for sample in Sample::all(40) {
        for read_only in [true, false] {
            let volume = MemoryVolume::with(PATH, sample.bytes.clone());
            let builder = builder(sample.encrypted, &volume);
            let db = if read_only {
                builder.open_read_only(PATH).unwrap()
            } else {
                builder.open_existing(PATH).unwrap()
            };
            let mut blocks = 0;
            let report = db
                .scrub(None, |progress| blocks = progress.blocks_done)
                .unwrap();
            assert!(
                report.is_ok() && report.damaged_count == 0,
                "{}: {report}",
                sample.name
            );
            assert!(report.blocks >= sample.blocks() as u64);
            assert_eq!(blocks, report.blocks);
            let report = db.check().unwrap();
            assert!(report.is_ok(), "{}: {report}", sample.name);
        }
        let mut wrong = Vec::new();
        assert!(
            verified(&sample, &sample.bytes, &mut wrong),
            "{}",
            sample.name
        );
        assert!(wrong.is_empty(), "{}: {}", sample.name, wrong.join("; "));
    }
}

#[test]
fn scrub_names_every_damaged_block_and_verifying_refuses_those_in_use() {
    for sample in Sample::all(12) {
        let mut random = Random(5);
        let mut outcomes = Outcomes::default();
        let written = (1..=sample.blocks()).filter(|number| sample.is_written(*number));
        for number in written {
            let mut bytes = sample.bytes.clone();
            let at = sample.block(number).start + random.below(super::files::BLOCK);
            bytes[at] ^= 1 << random.below(8);
            let mut wrong = Vec::new();
            let outcome = report(&sample, number as u64, &bytes, &mut wrong);
            if !wrong.is_empty() {
                outcomes.violation(format!(
                    "{}, block {number}: {}",
                    sample.name,
                    wrong.join("; ")
                ));
            }
            outcomes.count(outcome);
        }
        outcomes.conclude(&format!("{}: each written block damaged", sample.name));
    }
}

fn report(sample: &Sample, number: u64, bytes: &[u8], wrong: &mut Vec<String>) -> String {
    let verified = verified(sample, bytes, wrong);
    let volume = MemoryVolume::with(PATH, bytes.to_vec());
    let opened = builder(sample.encrypted, &volume).open_existing(PATH);
    let db = match opened {
        Ok(db) => db,
        Err(error) => {
            if verified {
                wrong.push("verified, and does not open".to_owned());
            }
            return told("opening", &error, wrong);
        }
    };
    let scrubbed = match db.scrub(None, |_| {}) {
        Ok(report) => report,
        Err(error) => {
            wrong.push(format!("scrub: {error:?}"));
            return "scrub failed".to_owned();
        }
    };
    // Opening wrote to some blocks, which are whole then.
    let healed =
        volume.bytes(PATH)[sample.block(number as usize)] != bytes[sample.block(number as usize)];
    if scrubbed.damaged.contains(&number) == healed {
        wrong.push(format!(
            "healed: {healed}, scrub names {:?}",
            scrubbed.damaged
        ));
    }
    if scrubbed.is_ok() != verified {
        wrong.push(format!("verified: {verified}, scrub: {scrubbed}"));
    }
    if !scrubbed.is_ok() && !scrubbed.to_string().contains(&format!("block {number}")) {
        wrong.push(format!("scrub does not name the block in {scrubbed}"));
    }
    match db.check() {
        Ok(checked) if checked.is_ok() != verified => {
            wrong.push(format!("verified: {verified}, check: {checked}"));
        }
        Err(error) if verified || error.kind() != ErrorKind::Corrupt => {
            wrong.push(format!("check: {error:?}"));
        }
        _ => {}
    }
    let read = sample.contents.compare(&db, wrong);
    if verified && let Err(error) = &read {
        wrong.push(format!("verified, and {error:?}"));
    }
    match (verified, read) {
        (true, _) => "not in use: verified, and read right".to_owned(),
        (false, Ok(())) => "in use: refused by verifying, read right without".to_owned(),
        (false, Err(_)) => "in use: refused by verifying, an error without".to_owned(),
    }
}

/// redb reads blocks while it commits. The error said that nobody knows whether the commit was done,
/// though not one header had been written.
#[test]
fn a_commit_that_meets_a_damaged_block_is_rolled_back_and_says_so() {
    // Opening one that was not closed replays its log, and meets the block in that.
    for sample in Sample::all(12).filter(|sample| sample.clean) {
        let mut met = 0;
        for number in (1..=sample.blocks()).filter(|number| sample.is_written(*number)) {
            let mut bytes = sample.bytes.clone();
            bytes[sample.block(number).start + 1000] ^= 1;
            let volume = MemoryVolume::with(PATH, bytes);
            let open = || builder(sample.encrypted, &volume).open_existing(PATH);
            let mut contents = sample.contents.clone();
            let Ok(db) = open() else {
                continue;
            };
            let (tx, mut wrong) = (db.begin_write(), Vec::new());
            let Ok(tx) = tx else {
                continue;
            };
            let put = tx
                .bucket(BUCKET)
                .and_then(|mut bucket| bucket.put("wombat", "1"));
            if put.is_err() {
                continue;
            }
            let Err(error) = tx.commit() else {
                continue;
            };
            met += 1;
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(
                error.to_string().contains(&format!("block {number} ")),
                "{error}"
            );
            drop(db);
            if let Ok(db) = open() {
                assert_eq!(db.commit_sequence(), contents.sequence);
                // What lies elsewhere is as it was; the next commit meets the same block.
                let read = contents.compare(&db, &mut wrong);
                assert!(wrong.is_empty(), "{}", wrong.join("; "));
                let error = read.and_then(|()| contents.change(&db, 1)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            }
        }
        assert!(met > 0, "{}: no commit met a damaged block", sample.name);
    }
}

/// Found by the fuzz target `hostile_file`: what redb says of a header that it did not write was an error
/// of the disk, and no problem of the file.
#[test]
fn a_foreign_header_under_a_good_checksum_is_corrupt_in_every_way_of_opening() {
    let sample = Sample::new(false, true, 12);
    let mut bytes = sample.bytes.clone();
    for slot in [0x2000, 0x3000] {
        // redb's magic begins behind the seal and the sequence.
        bytes[slot + 48] ^= 1;
        let number = u64::from(slot == 0x3000).to_le_bytes();
        let covered = [
            b"larder super v1\0",
            &bytes[24..40],
            &number,
            &bytes[slot + 40..slot + 368],
        ];
        let crc = crc32(&covered.concat()).to_le_bytes();
        bytes[slot + 24..slot + 28].copy_from_slice(&crc);
    }
    let volume = MemoryVolume::with(PATH, bytes.clone());
    let builder = || builder(false, &volume);
    for opened in [
        builder().verify(Verify::Full).open_existing(PATH),
        builder().open_read_only(PATH),
        builder().open_existing(PATH),
    ] {
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("magic"), "{error}");
    }
}

/// An ordinary power cut leaves one torn superblock, or in a change of keys one torn copy of the header.
/// Verifying refused such a file, which opening without it mended.
#[test]
fn one_torn_superblock_or_header_is_no_reason_to_refuse_a_file() {
    for sample in Sample::all(12) {
        for page in [0, 0x1000, 0x2000, 0x3000] {
            let mut bytes = sample.bytes.clone();
            bytes[page + 100] ^= 1;
            let volume = MemoryVolume::with(PATH, bytes);
            let builder = || builder(sample.encrypted, &volume).verify(Verify::Full);
            let read_only = builder().open_read_only(PATH).unwrap();
            // One who looks for it is told.
            let report = read_only.scrub(None, |_| {}).unwrap();
            assert_eq!(report.problems.len(), 1, "{}: {report}", sample.name);
            drop(read_only);
            let db = builder().open_existing(PATH).unwrap();
            let report = db.scrub(None, |_| {}).unwrap();
            assert!(report.is_ok(), "{}: {report}", sample.name);
        }
    }
}
