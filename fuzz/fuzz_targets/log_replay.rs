//! Any bytes in the log of a file that was not closed are an error or a state that was committed. Where
//! checksums are mended, so that the code behind them is reached, a frame may say what was never logged:
//! then what it says is there, whole, or an error.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use larder::{Database, Error, ErrorKind};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;
#[path = "../panics.rs"]
mod panics;
#[path = "../../tests/support/memory.rs"]
#[allow(dead_code)]
mod volume;

use volume::MemoryVolume;

const PATH: &str = "fuzzed.larder";
const KEY: [u8; 32] = *b"a key for tests, not for secrets";
const LOG: usize = 0x4000;
const LOG_BYTES: usize = 1 << 16;
const ALIGN: usize = 64;
/// Length and its checksum; nonce and tag; what is in front of a write set.
const FRONT: usize = 8;
const SEAL: usize = 40;
const HEAD: usize = 45;

/// Transactions in the log of a sample.
const LOGGED: u64 = 6;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    encrypted: bool,
    read_only: bool,
    changes: Vec<Change<'a>>,
    /// Makes the checksums right of every frame that a plain file has.
    mended: bool,
}

#[derive(Debug, Arbitrary)]
enum Change<'a> {
    /// Bytes anywhere in the log.
    Bytes { at: u16, bytes: &'a [u8] },
    /// Bytes within a frame, counted from its beginning.
    Frame { number: u8, at: u8, bytes: &'a [u8] },
    /// The write set of a frame from there on.
    Payload { number: u8, at: u16, bytes: &'a [u8] },
    /// A number in the head of a frame: kind, life, sequence, what was synced, revision, the frame before.
    Head { number: u8, field: u8, value: u64 },
    Length { number: u8, value: u32 },
    /// One frame in another place.
    Moved { from: u8, to: u16 },
    Zeros { at: u16, count: u16 },
}

struct Sample {
    bytes: Vec<u8>,
    /// Where the frames begin, in the log.
    frames: Vec<usize>,
}

static SAMPLES: LazyLock<[Sample; 2]> = LazyLock::new(|| [false, true].map(sample));

fn builder(encrypted: bool, volume: &MemoryVolume) -> larder::Builder {
    let builder = Database::builder().volume(Arc::new(volume.clone())).cache_size(1 << 18);
    if encrypted { builder.key(KEY) } else { builder }
}

fn value(number: u64) -> Vec<u8> {
    vec![number as u8; 100 + 300 * number as usize]
}

/// A file with transactions in its log alone.
fn sample(encrypted: bool) -> Sample {
    let volume = MemoryVolume::default();
    let db = builder(encrypted, &volume).log_size(LOG_BYTES as u64).create(PATH).unwrap();
    // The first begins the life, and is in the tables.
    for number in 0..=LOGGED {
        db.write(|tx| {
            let mut bucket = tx.bucket("numbers")?;
            bucket.put("last", number.to_be_bytes())?;
            bucket.put(number.to_string().as_str(), value(number)).map(drop)
        })
        .unwrap();
    }
    let bytes = volume.bytes(PATH);
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(len) = frame_len(&bytes[LOG..LOG + LOG_BYTES], at) {
        frames.push(at);
        at = (at + FRONT + SEAL + len).next_multiple_of(ALIGN);
    }
    // With the mark.
    assert_eq!(frames.len(), LOGGED as usize + 1);
    Sample { bytes, frames }
}

/// What a frame says that it is long, where it says something that can be.
fn frame_len(log: &[u8], at: usize) -> Option<usize> {
    let len = u32::from_le_bytes(log.get(at..at + 4)?.try_into().ok()?) as usize;
    let fits = len >= HEAD && at + FRONT + SEAL + len <= log.len();
    fits.then_some(len)
}

fn put(log: &mut [u8], at: usize, data: &[u8]) {
    let end = log.len().min(at + data.len());
    if at < end {
        log[at..end].copy_from_slice(&data[..end - at]);
    }
}

fn apply(sample: &Sample, log: &mut [u8], change: &Change<'_>) {
    let frame = |number: u8| sample.frames[usize::from(number) % sample.frames.len()];
    match change {
        Change::Bytes { at, bytes } => put(log, usize::from(*at), bytes),
        Change::Frame { number, at, bytes } => put(log, frame(*number) + usize::from(*at), bytes),
        Change::Payload { number, at, bytes } => {
            let at = usize::from(*at) % 2048;
            put(log, frame(*number) + FRONT + SEAL + HEAD + at, bytes);
        }
        Change::Head { number, field, value } => {
            let fields = [(0, 1), (1, 8), (17, 8), (25, 8), (33, 8), (41, 4)];
            let (at, len) = fields[usize::from(*field) % fields.len()];
            put(log, frame(*number) + FRONT + SEAL + at, &value.to_le_bytes()[..len]);
        }
        Change::Length { number, value } => put(log, frame(*number), &value.to_le_bytes()),
        Change::Moved { from, to } => {
            let from = frame(*from);
            let len = frame_len(log, from).unwrap_or(HEAD);
            let moved = log[from..from + FRONT + SEAL + len].to_vec();
            put(log, usize::from(*to) / ALIGN * ALIGN, &moved);
        }
        Change::Zeros { at, count } => {
            let from = usize::from(*at);
            let to = log.len().min(from + usize::from(*count));
            log[from..to].fill(0);
        }
    }
}

/// Makes the checksums of a plain log right, one frame behind the other, also those of the frame before.
fn mend(bytes: &mut [u8]) {
    let file_id = bytes[24..40].to_vec();
    let log = &mut bytes[LOG..LOG + LOG_BYTES];
    let (mut at, mut previous) = (0, 0);
    while let Some(len) = frame_len(log, at) {
        let offset = (LOG + at) as u64;
        let frame = &mut log[at..at + FRONT + SEAL + len];
        let mut front = crc32fast::Hasher::new();
        front.update(b"larder frame");
        front.update(&file_id);
        front.update(&offset.to_le_bytes());
        front.update(&(len as u32).to_le_bytes());
        frame[4..8].copy_from_slice(&front.finalize().to_le_bytes());
        let head = FRONT + SEAL + HEAD;
        frame[head - 4..head].copy_from_slice(&u32::to_le_bytes(previous));
        let mut seal = crc32fast::Hasher::new();
        seal.update(b"larder frame v1\0");
        seal.update(&file_id);
        seal.update(&offset.to_le_bytes());
        seal.update(&frame[FRONT + SEAL..]);
        frame[8..32].fill(0);
        frame[32..36].copy_from_slice(&seal.finalize().to_le_bytes());
        frame[36..48].copy_from_slice(b"larder plain");
        previous = crc32fast::hash(frame);
        at = (at + FRONT + SEAL + len).next_multiple_of(ALIGN);
    }
}

/// Fails unless that is what a hostile log may answer.
fn assert_told(error: &Error) {
    assert!(
        matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Poisoned | ErrorKind::OutcomeUnknown),
        "{error:?}"
    );
}

/// Whether what is read is a state that was committed.
fn is_committed(db: &Database) -> larder::Result<()> {
    let tx = db.read()?;
    let bucket = tx.bucket("numbers")?;
    let last = bucket.get("last")?.expect("the first is in the tables");
    let last = u64::from_be_bytes((*last).try_into().expect("eight bytes"));
    assert!(last <= LOGGED);
    for number in 0..=LOGGED {
        let found = bucket.get(number.to_string().as_str())?;
        let expected = (number <= last).then(|| value(number));
        assert_eq!(found.map(|found| found.to_vec()), expected);
    }
    assert_eq!(db.commit_sequence(), last + 1);
    Ok(())
}

/// Opens, reads, writes and opens again.
fn live(volume: &MemoryVolume, input: &Input<'_>, mended: bool) -> larder::Result<()> {
    let builder = || builder(input.encrypted, volume);
    if input.read_only {
        let before = volume.bytes(PATH);
        let opened = builder().open_read_only(PATH);
        if let Ok(db) = &opened
            && !mended
        {
            is_committed(db)?;
        }
        drop(opened);
        assert!(volume.bytes(PATH) == before, "a read-only opening wrote");
    }
    let db = builder().open_existing(PATH)?;
    if !mended {
        is_committed(&db)?;
    }
    let sequence = db.commit_sequence();
    let written = db.write(|tx| tx.bucket("more")?.put("key", b"value").map(drop));
    if let Err(error) = written {
        // A frame may have put anything into the table of the system.
        assert!(mended, "{error:?}");
        return Err(error);
    }
    db.close()?;
    let db = builder().open_existing(PATH)?;
    assert_eq!(db.commit_sequence(), sequence + 1);
    assert_eq!(db.recovery_report().replayed, 0);
    db.read()?.bucket("more")?.get("key").map(drop)
}

fuzz_target!(|input: Input<'_>| {
    panics::let_redb_panic();
    let sample = &SAMPLES[usize::from(input.encrypted)];
    let mut bytes = sample.bytes.clone();
    for change in input.changes.iter().take(20) {
        apply(sample, &mut bytes[LOG..LOG + LOG_BYTES], change);
    }
    let mended = input.mended && !input.encrypted;
    if mended {
        mend(&mut bytes);
    }
    let volume = MemoryVolume::with(PATH, bytes.clone());
    memory::bounded(bytes.len(), || {
        if let Err(error) = live(&volume, &input, mended) {
            assert_told(&error);
        }
    });
});
