//! Any file is an error or a state that was committed. Where checksums are mended, so that the code
//! beneath them is reached, the file is opened as one that nobody trusts: verified in full.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use larder::{Database, Error, ErrorKind, Verify};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;
#[path = "../panics.rs"]
mod panics;
#[path = "../../tests/support/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../../tests/support/things.rs"]
#[allow(dead_code)]
mod things;
#[path = "../../tests/support/memory.rs"]
#[allow(dead_code)]
mod volume;

use things::Contents;
use volume::MemoryVolume;

const PATH: &str = "fuzzed.larder";
const KEY: [u8; 32] = *b"a key for tests, not for secrets";
const PAGE: usize = 4096;
const DATA: usize = 0x4000 + (1 << 16);
const BLOCK: usize = 4136;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// These bytes, behind a header of ours where that is asked for.
    Bytes { header: bool, bytes: &'a [u8] },
    /// A file of ours, changed.
    Changed {
        encrypted: bool,
        closed: bool,
        changes: Vec<Change<'a>>,
        mended: bool,
    },
}

#[derive(Debug, Arbitrary)]
enum Change<'a> {
    /// Bytes in one of the four pages at the front.
    Front { page: u8, at: u16, bytes: &'a [u8] },
    /// Bytes in a block.
    Block { number: u16, at: u16, bytes: &'a [u8] },
    /// A number of 32 bits in a block, where few random bytes would do harm.
    Number { number: u16, at: u16, value: u32 },
    /// One block in another's place.
    Moved { from: u16, to: u16 },
    Cut { blocks: u16, bytes: u16 },
    Longer { bytes: u16, fill: u8 },
}

struct Sample {
    bytes: Vec<u8>,
    contents: Contents,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    let made = kinds.map(|(encrypted, closed)| {
        let volume = MemoryVolume::default();
        let db = builder(encrypted, &volume).log_size(1 << 16).create(PATH).unwrap();
        let contents = things::populate(&db, 8, || {});
        if closed {
            db.close().unwrap();
        }
        let bytes = volume.bytes(PATH);
        Sample { bytes, contents }
    });
    made.into()
});

fn builder(encrypted: bool, volume: &MemoryVolume) -> larder::Builder {
    let builder = Database::builder().volume(Arc::new(volume.clone())).cache_size(1 << 18);
    if encrypted { builder.key(KEY) } else { builder }
}

fn put(bytes: &mut [u8], at: usize, data: &[u8]) {
    let end = bytes.len().min(at + data.len());
    if at < end {
        bytes[at..end].copy_from_slice(&data[..end - at]);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change<'_>) {
    let blocks = (bytes.len().saturating_sub(DATA) / BLOCK).max(1);
    let start = |number: u16| DATA + usize::from(number) % blocks * BLOCK;
    match change {
        Change::Front { page, at, bytes: data } => {
            let at = usize::from(page % 4) * PAGE + usize::from(*at) % PAGE;
            put(bytes, at, data);
        }
        Change::Block { number, at, bytes: data } => {
            let at = start(*number) + usize::from(*at) % BLOCK;
            put(bytes, at, data);
        }
        Change::Number { number, at, value } => {
            let at = start(*number) + usize::from(*at) % BLOCK;
            put(bytes, at, &value.to_le_bytes());
        }
        Change::Moved { from, to } => {
            let (from, to) = (start(*from), start(*to));
            if let Some(block) = bytes.get(from..from + BLOCK).map(<[u8]>::to_vec) {
                put(bytes, to, &block);
            }
        }
        Change::Cut { blocks, bytes: more } => {
            let cut = usize::from(*blocks) * BLOCK + usize::from(*more);
            bytes.truncate(bytes.len().saturating_sub(cut));
        }
        Change::Longer { bytes: count, fill } => {
            bytes.resize(bytes.len() + usize::from(*count), *fill);
        }
    }
}

/// Makes the checksums of a plain file right: headers, superblocks and every block that is not zero.
fn mend(bytes: &mut [u8]) {
    if bytes.len() < DATA {
        return;
    }
    for copy in [0, PAGE] {
        let crc = crc32fast::hash(&bytes[copy..copy + PAGE - 4]).to_le_bytes();
        bytes[copy + PAGE - 4..copy + PAGE].copy_from_slice(&crc);
    }
    let file_id = bytes[24..40].to_vec();
    let blocks = (bytes.len() - DATA) / BLOCK;
    let mut seal = |label: &[u8; 16], number: usize, at: usize, len: usize| {
        let sealed = &mut bytes[at..at + len];
        // A block that was never written stays one.
        if sealed.iter().all(|byte| *byte == 0) {
            return;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(label);
        hasher.update(&file_id);
        hasher.update(&(number as u64).to_le_bytes());
        hasher.update(&sealed[40..]);
        sealed[..24].fill(0);
        sealed[24..28].copy_from_slice(&hasher.finalize().to_le_bytes());
        sealed[28..40].copy_from_slice(b"larder plain");
    };
    for slot in 0..2 {
        seal(b"larder super v1\0", slot, (2 + slot) * PAGE, 368);
    }
    for number in 1..=blocks {
        seal(b"larder block v1\0", number, DATA + (number - 1) * BLOCK, BLOCK);
    }
}

/// Fails unless that is what a hostile file may answer.
fn assert_told(error: &Error) {
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Corrupt
                | ErrorKind::NotADatabase
                | ErrorKind::UnsupportedFormat
                | ErrorKind::WrongKey
                | ErrorKind::NotEncrypted
                | ErrorKind::Poisoned
        ),
        "{error:?}"
    );
}

/// Reads and writes everything; what is read must be right.
fn live(db: Database, contents: &Contents) {
    let mut contents = contents.clone();
    let mut wrong = Vec::new();
    let read = contents.compare(&db, &mut wrong);
    let written = contents.change(&db, 99);
    let again = contents.compare(&db, &mut wrong);
    for result in [read, written, again, db.close()] {
        if let Err(error) = result {
            assert_told(&error);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

fuzz_target!(|input: Input<'_>| {
    panics::let_redb_panic();
    let (encrypted, mended, sample, bytes) = match &input {
        Input::Bytes { header, bytes } => {
            let sample = &SAMPLES[0];
            let front = if *header { &sample.bytes[..2 * PAGE] } else { &[] };
            (false, false, sample, [front, bytes].concat())
        }
        Input::Changed { encrypted, closed, changes, mended } => {
            let sample = &SAMPLES[2 * usize::from(*encrypted) + usize::from(*closed)];
            let mut bytes = sample.bytes.clone();
            for change in changes.iter().take(20) {
                apply(&mut bytes, change);
            }
            let mended = *mended && !*encrypted;
            if mended {
                mend(&mut bytes);
            }
            (*encrypted, mended, sample, bytes)
        }
    };
    let volume = MemoryVolume::with(PATH, bytes.clone());
    let builder = builder(encrypted, &volume);
    memory::bounded(bytes.len(), || {
        let builder = if mended { builder.verify(Verify::Full) } else { builder };
        match builder.open_existing(PATH) {
            Err(error) => assert_told(&error),
            Ok(db) if mended => {
                // What has the trees' checksums, too, was committed once.
                let report = db.check().unwrap();
                assert!(report.is_ok(), "{report}");
                db.close().unwrap();
            }
            Ok(db) => live(db, &sample.contents),
        }
    });
});
