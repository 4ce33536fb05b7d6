//! Any header, with its checksum mended or not, is an error or the file that it was.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use larder::{Database, ErrorKind, KdfParameters};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;
#[path = "../../tests/support/memory.rs"]
#[allow(dead_code)]
mod volume;

use volume::MemoryVolume;

const PATH: &str = "fuzzed.larder";
const KEY: [u8; 32] = *b"a key for tests, not for secrets";
const PAGE: usize = 4096;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    encrypted: bool,
    /// Which copies change, and which of those get a right checksum again.
    copies: [bool; 2],
    mended: [bool; 2],
    with: Secret,
    /// What is written where.
    changes: Vec<(u16, &'a [u8])>,
    /// Whether that is all there is of the file, and where it ends.
    end: Option<u16>,
}

#[derive(Debug, Arbitrary)]
enum Secret {
    None,
    Key,
    Passphrase,
}

/// A plain and an encrypted file, the smallest there are.
static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [false, true].map(|encrypted| {
        let volume = MemoryVolume::default();
        let builder = Database::builder().volume(Arc::new(volume.clone())).log_size(1 << 16);
        let builder = if encrypted { builder.key(KEY) } else { builder };
        let db = builder.create(PATH).unwrap();
        if encrypted {
            let passphrase = larder::Unlock::passphrase("fuzz").kdf(KdfParameters::lowest());
            db.add_key(&passphrase).unwrap();
        }
        db.close().unwrap();
        volume.bytes(PATH)
    })
});

/// Whether trying a passphrase costs more than a fuzzer has: up to a gigabyte and minutes are within
/// the bounds of the format, and asked for by whoever made the file.
fn is_costly(bytes: &[u8]) -> bool {
    let word = |at: usize| match bytes.get(at..at + 4) {
        Some(word) => u32::from_le_bytes(word.try_into().unwrap()),
        None => 0,
    };
    [0, PAGE].iter().any(|copy| {
        (0..4).any(|slot| {
            let at = copy + 80 + slot * 160;
            word(at + 4) > 1024 || word(at + 8) > 4
        })
    })
}

fuzz_target!(|input: Input<'_>| {
    let original = &FILES[usize::from(input.encrypted)];
    let mut bytes = original.clone();
    for copy in 0..2 {
        if !input.copies[copy] {
            continue;
        }
        let page = &mut bytes[copy * PAGE..(copy + 1) * PAGE];
        for (at, data) in &input.changes {
            let at = usize::from(*at) % PAGE;
            let end = PAGE.min(at + data.len());
            page[at..end].copy_from_slice(&data[..end - at]);
        }
        if input.mended[copy] {
            let crc = crc32fast::hash(&page[..PAGE - 4]).to_le_bytes();
            page[PAGE - 4..].copy_from_slice(&crc);
        }
    }
    if let Some(end) = input.end {
        bytes.truncate(usize::from(end));
    }
    let volume = MemoryVolume::with(PATH, bytes.clone());
    let builder = Database::builder().volume(Arc::new(volume.clone())).cache_size(1 << 18);
    let builder = match input.with {
        Secret::None => builder,
        Secret::Key => builder.key(KEY),
        Secret::Passphrase if is_costly(&bytes) => return,
        Secret::Passphrase => builder.passphrase("fuzz"),
    };
    memory::bounded(bytes.len(), || match builder.open_existing(PATH) {
        Ok(db) => {
            assert_eq!(db.commit_sequence(), 0);
            assert!(db.check().unwrap().is_ok());
            db.close().unwrap();
        }
        Err(error) => {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Corrupt
                        | ErrorKind::NotADatabase
                        | ErrorKind::UnsupportedFormat
                        | ErrorKind::WrongKey
                        | ErrorKind::NotEncrypted
                ),
                "{error:?}"
            );
            assert!(volume.bytes(PATH) == bytes, "refused, and written to: {error:?}");
        }
    });
});
