//! Which files are damaged? A small and a larger one, plain and encrypted, closed and left open.

use std::sync::Arc;

use larder::{Builder, Database};

use crate::support::memory::MemoryVolume;
use crate::support::things::{Contents, populate};

pub const PATH: &str = "damaged.larder";
pub const KEY: [u8; 32] = *b"a key for tests, not for secrets";

/// Where the blocks begin in a file with the smallest log.
pub const DATA: usize = 0x4000 + (1 << 16);
pub const LOG: usize = 0x4000;
pub const BLOCK: usize = 4136;

/// A file as it should be.
pub struct Sample {
    pub name: &'static str,
    pub encrypted: bool,
    /// Whether it was closed.
    pub clean: bool,
    pub bytes: Vec<u8>,
    pub contents: Contents,
    /// The whole file after each commit before the last, oldest first.
    pub older: Vec<Vec<u8>>,
}

impl Sample {
    pub fn new(encrypted: bool, clean: bool, things: u64) -> Self {
        let volume = MemoryVolume::default();
        let builder = builder(encrypted, &volume).log_size(1 << 16).seed(things);
        let db = builder.create(PATH).unwrap();
        let mut older = Vec::new();
        let contents = populate(&db, things, || older.push(volume.bytes(PATH)));
        if clean {
            db.close().unwrap();
        }
        let bytes = volume.bytes(PATH);
        Self {
            name: match (encrypted, clean) {
                (false, false) => "plain, not closed",
                (false, true) => "plain, closed",
                (true, false) => "encrypted, not closed",
                (true, true) => "encrypted, closed",
            },
            encrypted,
            clean,
            bytes,
            contents,
            older,
        }
    }

    /// All four kinds.
    pub fn all(things: u64) -> impl Iterator<Item = Self> {
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        kinds
            .map(|(encrypted, clean)| Self::new(encrypted, clean, things))
            .into_iter()
    }

    pub fn blocks(&self) -> usize {
        (self.bytes.len() - DATA) / BLOCK
    }

    /// Where the block of that number lies; the first has the number 1.
    pub fn block(&self, number: usize) -> std::ops::Range<usize> {
        let start = DATA + (number - 1) * BLOCK;
        start..start + BLOCK
    }

    /// Whether anything was ever written to that block.
    pub fn is_written(&self, number: usize) -> bool {
        self.bytes[self.block(number)].iter().any(|byte| *byte != 0)
    }
}

/// Opens files of that kind.
pub fn builder(encrypted: bool, volume: &MemoryVolume) -> Builder {
    let builder = Database::builder()
        .volume(Arc::new(volume.clone()))
        .cache_size(1 << 18);
    if encrypted { builder.key(KEY) } else { builder }
}
