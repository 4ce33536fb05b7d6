//! Any snapshot is an error or what was written. Where checksums are mended, so that the code beneath them is
//! reached, what is said to be verified restores to what it reads as.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use larder::{Database, Error, ErrorKind, Result, Snapshot, SnapshotDepth, SnapshotOptions};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;
#[path = "../../tests/support/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../../tests/support/things.rs"]
#[allow(dead_code)]
mod things;
#[path = "../../tests/support/memory.rs"]
#[allow(dead_code)]
mod volume;

use things::{BUCKET, Contents, Thing};
use volume::MemoryVolume;

const KEY: [u8; 32] = *b"a key for tests, not for secrets";
const NAMES: [&str; 2] = ["first.snapshot", "second.snapshot"];
const RESTORED: &str = "restored.larder";
const HEADER: usize = 128;
const HEAD: usize = 9;
const FOOTER: usize = 64;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// These bytes, behind a header of ours where that is asked for, and before a footer of ours.
    Bytes { header: bool, footer: bool, bytes: &'a [u8] },
    /// Snapshots of ours, changed.
    Changed {
        kind: Kind,
        /// Opens the second with the first, on which it builds.
        chained: bool,
        changes: Vec<(bool, Change<'a>)>,
        mended: bool,
    },
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Kind {
    /// Not compressed: its blocks are easily changed.
    Raw,
    Compressed,
    Encrypted,
}

#[derive(Debug, Arbitrary)]
enum Change<'a> {
    Header { at: u8, bytes: &'a [u8] },
    /// The payload of a block from there on.
    Payload { number: u8, at: u16, bytes: &'a [u8] },
    /// A byte or a number of 64 bits at the beginning of a block: counts, lengths, places.
    Count { number: u8, at: u8, value: u8 },
    Number { number: u8, row: u8, at: u8, value: u64 },
    /// What stands before a payload: how long it is, before compression too, and what it is.
    Head { number: u8, stored: bool, value: u32 },
    Kind { number: u8, kind: u8 },
    /// One payload in another's place, as far as there is room.
    Moved { from: u8, to: u8 },
    /// The manifest: as JSON, a word of it in another's place.
    Word { from: u8, to: u8 },
    Manifest { text: &'a str },
    Footer { at: u8, value: u64 },
    Cut { bytes: u16 },
    Longer { bytes: u8, fill: u8 },
}

/// A snapshot, taken apart.
#[derive(Clone)]
struct Taken {
    /// The header, and the page of keys where there is one.
    front: Vec<u8>,
    /// Head, payload and seal of each block; the last is the manifest.
    blocks: Vec<Vec<u8>>,
    footer: Vec<u8>,
}

struct Sample {
    files: [Taken; 2],
    contents: [Contents; 2],
}

static SAMPLES: LazyLock<[Sample; 3]> =
    LazyLock::new(|| [Kind::Raw, Kind::Compressed, Kind::Encrypted].map(sample));

fn builder(kind: Kind, volume: &MemoryVolume) -> larder::Builder {
    let builder = Database::builder().volume(Arc::new(volume.clone())).cache_size(1 << 18).log_size(1 << 16);
    if matches!(kind, Kind::Encrypted) { builder.key(KEY) } else { builder }
}

/// Two snapshots of a database, the second of what changed since the first.
fn sample(kind: Kind) -> Sample {
    let volume = MemoryVolume::default();
    let db = builder(kind, &volume).create("sample.larder").unwrap();
    let mut contents = things::populate(&db, 12, || {});
    let level = if matches!(kind, Kind::Raw) { 0 } else { 3 };
    let take = |options: SnapshotOptions<'_>| {
        let mut bytes = Vec::new();
        db.snapshot_into(&mut bytes, options.level(level)).unwrap();
        bytes
    };
    let first = take(SnapshotOptions::new());
    let before = contents.clone();
    volume.put(NAMES[0], first.clone());
    contents.change(&db, 99).unwrap();
    contents.sequence = db.commit_sequence();
    let base = builder(kind, &volume).map_snapshots(false).open_snapshot(NAMES[0]).unwrap();
    let second = take(SnapshotOptions::new().since(&base));
    Sample {
        files: [first, second].map(|bytes| Taken::of(&bytes)),
        contents: [before, contents],
    }
}

fn put(bytes: &mut [u8], at: usize, data: &[u8]) {
    let end = bytes.len().min(at.saturating_add(data.len()));
    if at < end {
        bytes[at..end].copy_from_slice(&data[..end - at]);
    }
}

impl Taken {
    fn of(bytes: &[u8]) -> Self {
        let is_encrypted = bytes[18] == 1;
        let (front, seal) = if is_encrypted { (HEADER + 4096, 16) } else { (HEADER, 4) };
        let (body, footer) = bytes[front..].split_at(bytes.len() - front - FOOTER);
        let mut blocks = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let stored = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
            let (block, behind) = rest.split_at(HEAD + stored + seal);
            blocks.push(block.to_vec());
            rest = behind;
        }
        Self {
            front: bytes[..front].to_vec(),
            blocks,
            footer: footer.to_vec(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.front.clone(), self.blocks.concat(), self.footer.clone()].concat()
    }

    fn seal_bytes(&self) -> usize {
        if self.front.len() > HEADER { 16 } else { 4 }
    }

    fn payload(&mut self, number: u8) -> &mut [u8] {
        let seal = self.seal_bytes();
        let number = usize::from(number) % self.blocks.len();
        let block = &mut self.blocks[number];
        // It may have been cut off.
        let end = block.len().saturating_sub(seal);
        block.get_mut(HEAD..end).unwrap_or_default()
    }

    fn block(&mut self, number: u8) -> &mut [u8] {
        let number = usize::from(number) % self.blocks.len();
        &mut self.blocks[number]
    }

    /// Gives it another manifest.
    fn set_manifest(&mut self, text: &[u8]) {
        let seal = self.seal_bytes();
        let Some(block) = self.blocks.last_mut().filter(|block| block.len() >= HEAD) else { return };
        let stored = (text.len() as u32).to_le_bytes();
        let mut head = block[..HEAD].to_vec();
        put(&mut head, 0, &stored);
        put(&mut head, 4, &[0; 4]);
        *block = [&head, text, &vec![0; seal]].concat();
        put(&mut self.footer, 40, &stored);
        let front = self.front.len() + self.blocks.concat().len();
        put(&mut self.footer, 16, &((front + FOOTER) as u64).to_le_bytes());
    }

    fn apply(&mut self, change: &Change<'_>) {
        match change {
            Change::Header { at, bytes } => {
                let at = usize::from(*at) % self.front.len();
                put(&mut self.front, at, bytes);
            }
            Change::Payload { number, at, bytes } => {
                let payload = self.payload(*number);
                let at = usize::from(*at) % payload.len().max(1);
                put(payload, at, bytes);
            }
            Change::Count { number, at, value } => {
                put(self.payload(*number), usize::from(*at), &[*value]);
            }
            Change::Number { number, row, at, value } => {
                let at = usize::from(*at) % 24 + usize::from(*row) * 24;
                put(self.payload(*number), at, &value.to_le_bytes());
            }
            Change::Head { number, stored, value } => {
                let at = if *stored { 0 } else { 4 };
                put(self.block(*number), at, &value.to_le_bytes());
            }
            Change::Kind { number, kind } => put(self.block(*number), 8, &[kind % 6]),
            Change::Moved { from, to } => {
                let payload = self.payload(*from).to_vec();
                put(self.payload(*to), 0, &payload);
            }
            Change::Word { from, to } => {
                let text = self.payload(u8::MAX.wrapping_add(self.blocks.len() as u8)).to_vec();
                let text = String::from_utf8_lossy(&text).into_owned();
                let mut words: Vec<&str> = text.split_inclusive([',', ':', '{', '}', '[', ']']).collect();
                let count = words.len().max(1);
                let (from, to) = (usize::from(*from) % count, usize::from(*to) % count);
                if let Some(word) = words.get(from).copied() {
                    words[to] = word;
                }
                self.set_manifest(words.concat().as_bytes());
            }
            Change::Manifest { text } => self.set_manifest(text.as_bytes()),
            Change::Footer { at, value } => {
                put(&mut self.footer, usize::from(*at) % 48, &value.to_le_bytes());
            }
            Change::Cut { bytes } => {
                let mut left = usize::from(*bytes);
                for part in [&mut self.footer, self.blocks.last_mut().unwrap_or(&mut Vec::new())] {
                    let cut = left.min(part.len());
                    part.truncate(part.len() - cut);
                    left -= cut;
                }
            }
            Change::Longer { bytes, fill } => {
                let length = self.footer.len() + usize::from(*bytes);
                self.footer.resize(length, *fill);
            }
        }
    }

    /// Makes the checksums of a plain snapshot right.
    fn mend(&mut self) {
        let crc = crc32fast::hash(&self.front[..124]).to_le_bytes();
        put(&mut self.front, 124, &crc);
        for (number, block) in self.blocks.iter_mut().enumerate() {
            let Some(end) = block.len().checked_sub(4).filter(|end| *end >= HEAD) else { continue };
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&self.front[24..40]);
            hasher.update(&(number as u64).to_le_bytes());
            hasher.update(&block[..end]);
            put(block, end, &hasher.finalize().to_le_bytes());
        }
        if let Some(front) = self.footer.get(..48) {
            let crc = crc32fast::hash(front).to_le_bytes();
            put(&mut self.footer, 48, &crc);
        }
    }
}

/// Fails unless that is what a hostile snapshot may answer.
fn assert_told(error: &Error) {
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Corrupt
                | ErrorKind::NotADatabase
                | ErrorKind::UnsupportedFormat
                | ErrorKind::WrongKey
                | ErrorKind::NotEncrypted
                | ErrorKind::Invalid
        ),
        "{error:?}"
    );
}

type Everything = (Vec<Thing>, Vec<(Vec<u8>, Vec<u8>)>);

fn everything(db: &Database) -> Result<Everything> {
    let tx = db.read()?;
    let things = tx.collection::<Thing>()?.iter()?.map(|thing| thing?.to_owned()).collect::<Result<_>>()?;
    let bucket = tx.bucket(BUCKET)?;
    let entries = bucket.iter()?.map(|entry| entry.map(|(key, value)| (key, value.to_vec())));
    Ok((things, entries.collect::<Result<_>>()?))
}

/// Reads, verifies and restores; only what is whole may come through.
fn look(snapshot: &Snapshot, kind: Kind, volume: &MemoryVolume, contents: Option<&Contents>) {
    let mut wrong = Vec::new();
    if let Some(contents) = contents {
        let read = contents.compare(snapshot.database(), &mut wrong);
        if let Err(error) = read {
            assert_told(&error);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
    let read = everything(snapshot.database());
    let verified = snapshot.verify(SnapshotDepth::Blocks);
    let restored = snapshot.restore_with(RESTORED, builder(kind, volume));
    for error in [read.as_ref().err(), verified.as_ref().err(), restored.as_ref().err()] {
        error.into_iter().for_each(assert_told);
    }
    let names = volume.names();
    assert_eq!(names.iter().any(|name| name == RESTORED), restored.is_ok(), "{names:?}");
    if restored.is_err() {
        return;
    }
    assert!(verified.is_ok(), "restored, and not verified: {verified:?}");
    let db = builder(kind, volume).open_existing(RESTORED).unwrap();
    let report = db.check().unwrap();
    assert!(report.is_ok(), "{report}");
    match (read, everything(&db)) {
        (Ok(read), Ok(restored)) => assert!(read == restored, "another one was restored"),
        (Err(read), Err(restored)) => assert_eq!(read.kind(), restored.kind()),
        (read, restored) => panic!("{:?} {:?}", read.err(), restored.err()),
    }
    db.close().unwrap();
}

fuzz_target!(|input: Input<'_>| {
    let (kind, mended, files, contents) = match &input {
        Input::Bytes { header, footer, bytes } => {
            let sample = &SAMPLES[0].files[0];
            let front: &[u8] = if *header { &sample.front } else { &[] };
            let behind: &[u8] = if *footer { &sample.footer } else { &[] };
            (Kind::Raw, true, vec![[front, bytes, behind].concat()], None)
        }
        Input::Changed { kind, chained, changes, mended } => {
            let sample = &SAMPLES[*kind as usize];
            let mut files = sample.files.clone();
            for (second, change) in changes.iter().take(20) {
                files[usize::from(*second && *chained)].apply(change);
            }
            let mended = *mended && !matches!(kind, Kind::Encrypted);
            if mended {
                files.iter_mut().for_each(Taken::mend);
            }
            let count = 1 + usize::from(*chained);
            let files = files.iter().take(count).map(Taken::bytes).collect();
            (*kind, mended, files, Some(&sample.contents[count - 1]))
        }
    };
    let volume = MemoryVolume::default();
    let bytes: usize = files.iter().map(Vec::len).sum();
    let names = &NAMES[..files.len()];
    for (name, file) in names.iter().zip(files) {
        volume.put(name, file);
    }
    memory::bounded(bytes, || {
        match builder(kind, &volume).map_snapshots(false).open_snapshot_chain(names) {
            Err(error) => assert_told(&error),
            Ok(snapshot) => look(&snapshot, kind, &volume, contents.filter(|_| !mended)),
        }
    });
});
