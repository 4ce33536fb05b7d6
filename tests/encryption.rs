//! Does an encrypted file open with its keys and nothing else, keep everything to itself, and refuse
//! whatever somebody without a key made of it?

mod bytes;
mod copies;
mod keys;
mod tampering;

use std::sync::Arc;

use larder::{Builder, Database, Error, KdfParameters, Unlock};

use crate::support::memory::MemoryVolume;
use crate::support::things::{Contents, populate};

const PATH: &str = "vault.larder";
const PASSPHRASE: &str = "correct horse battery staple";
const KEY: [u8; 32] = *b"a key for tests, not for secrets";

/// The front of the file: both headers and both superblocks.
const PAGE: usize = 4096;
const LOG: usize = 0x4000;
const DATA: usize = LOG + (1 << 16);
const BLOCK: usize = 4136;

fn passphrase(text: &str) -> Unlock {
    Unlock::passphrase(text).kdf(KdfParameters::lowest())
}

fn key(byte: u8) -> Unlock {
    Unlock::key([byte; 32])
}

fn builder(volume: &MemoryVolume) -> Builder {
    Database::builder()
        .volume(Arc::new(volume.clone()))
        .cache_size(1 << 18)
        .log_size(1 << 16)
}

/// A populated file, closed.
fn filled(volume: &MemoryVolume, unlock: Option<Unlock>) -> Contents {
    let builder = builder(volume);
    let builder = match unlock {
        Some(unlock) => builder.unlock(unlock),
        None => builder,
    };
    let db = builder.create(PATH).unwrap();
    let contents = populate(&db, 12, || {});
    db.close().unwrap();
    contents
}

fn open(volume: &MemoryVolume, unlock: Unlock) -> Result<Database, Error> {
    builder(volume).unlock(unlock).open_existing(PATH)
}

/// Fails unless the database holds exactly that, and is sound.
fn assert_holds(db: &Database, contents: &Contents) {
    let mut wrong = Vec::new();
    contents.compare(db, &mut wrong).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
    crate::support::check(db);
}
