//! A snapshot of an encrypted database is encrypted, unless somebody says otherwise by name.

use larder::{Builder, KdfParameters, Unlock};

use super::*;
use crate::support::apart::{change_header, change_id};

fn with_key(byte: u8) -> Builder {
    Database::builder().key([byte; 32]).log_size(1 << 16)
}

const TEXT: &[u8] = b"some words that are said";

fn says(path: &Path, text: &[u8]) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn what_opens_the_database_opens_the_snapshot() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = with_key(7).open(path("a.larder")).unwrap();
    fill(&db, 0..10);
    let passphrase = Unlock::passphrase("open sesame").kdf(KdfParameters::lowest());
    db.add_key(&passphrase).unwrap();
    let info = db.snapshot_to(path("a.snapshot")).unwrap();
    assert!(info.is_encrypted && !says(&path("a.snapshot"), b"things"));
    // What becomes of the keys of the database is nothing to a snapshot that was taken.
    db.remove_key(0).unwrap();
    for builder in [with_key(7), Database::builder().unlock(passphrase)] {
        let snapshot = builder.open_snapshot(path("a.snapshot")).unwrap();
        assert_eq!(read(&snapshot.read().unwrap()).len(), 10);
        assert!(snapshot.database().is_encrypted());
        assert_eq!(snapshot.database().list_keys().len(), 2);
    }
    assert_eq!(
        kind(with_key(8).open_snapshot(path("a.snapshot"))),
        ErrorKind::WrongKey
    );
    assert_eq!(
        kind(Snapshot::open(path("a.snapshot"))),
        ErrorKind::WrongKey
    );
    assert_eq!(Snapshot::read_info(path("a.snapshot")).unwrap(), info);
    // It is restored into the clear by name only.
    let snapshot = with_key(7).open_snapshot(path("a.snapshot")).unwrap();
    assert_eq!(
        kind(snapshot.restore_to(path("b.larder"))),
        ErrorKind::Invalid
    );
    assert!(!path("b.larder").exists());
    snapshot
        .restore_with(path("b.larder"), with_key(9))
        .unwrap();
    assert_eq!(
        read(&with_key(9).open(path("b.larder")).unwrap().read().unwrap()).len(),
        10
    );
    snapshot
        .restore_with(path("c.larder"), Database::builder())
        .unwrap();
    assert!(!Database::open(path("c.larder")).unwrap().is_encrypted());
}

#[test]
fn another_key_or_none_is_asked_for_by_name() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = with_key(7).open(path("a.larder")).unwrap();
    fill(&db, 0..10);
    let plain = SnapshotOptions::new().plain();
    assert!(!db.snapshot_with(path("plain"), plain).unwrap().is_encrypted);
    assert_eq!(
        read(&Snapshot::open(path("plain")).unwrap().read().unwrap()).len(),
        10
    );
    assert_eq!(
        kind(with_key(7).open_snapshot(path("plain"))),
        ErrorKind::NotEncrypted
    );
    let other = SnapshotOptions::new().encrypted(&Unlock::key([8; 32]));
    db.snapshot_with(path("other"), other).unwrap();
    assert_eq!(
        kind(with_key(7).open_snapshot(path("other"))),
        ErrorKind::WrongKey
    );
    let snapshot = with_key(8).open_snapshot(path("other")).unwrap();
    assert_eq!(read(&snapshot.read().unwrap()).len(), 10);
    // A plain database can have encrypted snapshots.
    let open_db = Database::open(path("b.larder")).unwrap();
    fill(&open_db, 0..10);
    let sealed =
        SnapshotOptions::new().encrypted(&Unlock::passphrase("x").kdf(KdfParameters::lowest()));
    assert!(
        open_db
            .snapshot_with(path("sealed"), sealed)
            .unwrap()
            .is_encrypted
    );
    let sealed = Database::builder()
        .passphrase("x")
        .open_snapshot(path("sealed"))
        .unwrap();
    assert_eq!(read(&sealed.read().unwrap()).len(), 10);
    let nothing = SnapshotOptions::new().encrypted(&Unlock::passphrase(""));
    assert_eq!(
        kind(open_db.snapshot_with(path("none"), nothing)),
        ErrorKind::Invalid
    );
    assert!(!path("none").exists());
}

#[test]
fn a_chain_is_encrypted_or_not_as_a_whole() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = with_key(7).open(path("a.larder")).unwrap();
    fill(&db, 0..10);
    db.snapshot_to(path("0")).unwrap();
    db.snapshot_with(path("plain 0"), SnapshotOptions::new().plain())
        .unwrap();
    fill(&db, 10..20);
    let base = with_key(7).open_snapshot(path("0")).unwrap();
    let plain = SnapshotOptions::new().since(&base).plain();
    assert_eq!(kind(db.snapshot_with(path("1"), plain)), ErrorKind::Invalid);
    let plain_base = Snapshot::open(path("plain 0")).unwrap();
    assert_eq!(
        kind(db.snapshot_since(&plain_base, path("1"))),
        ErrorKind::Invalid
    );
    db.snapshot_since(&base, path("1")).unwrap();
    assert!(!says(&path("1"), TEXT));
    let chain = with_key(7)
        .open_snapshot_chain([path("0"), path("1")])
        .unwrap();
    assert_eq!(read(&chain.read().unwrap()).len(), 20);
    let plain = SnapshotOptions::new().since(&plain_base).plain();
    db.snapshot_with(path("plain 1"), plain).unwrap();
    let chain = Snapshot::open_chain([path("plain 0"), path("plain 1")]).unwrap();
    assert_eq!(read(&chain.read().unwrap()).len(), 20);
}

fn passphrase(words: &str) -> Unlock {
    Unlock::passphrase(words).kdf(KdfParameters::lowest())
}

fn by(words: &str) -> Builder {
    Database::builder().passphrase(words).log_size(1 << 16)
}

/// The checksum of the header is no secret; the seal of every block is over what the header says.
#[test]
fn every_byte_of_the_header_is_sealed() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = with_key(7).open(path("a.larder")).unwrap();
    fill(&db, 0..10);
    db.snapshot_to(path("0")).unwrap();
    db.snapshot_to(path("other")).unwrap();
    let base = with_key(7).open_snapshot(path("0")).unwrap();
    db.snapshot_since(&base, path("1")).unwrap();
    let bytes = std::fs::read(path("0")).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(path("bad"), bytes).unwrap();
        let opened = with_key(7).open_snapshot(path("bad"));
        kind(opened.and_then(|snapshot| snapshot.verify(SnapshotDepth::Blocks)))
    };
    for at in 16..124 {
        for bit in [1, 128] {
            let mut changed = bytes.clone();
            change_header(&mut changed, |header| header[at] ^= bit);
            let wanted = match at {
                18 if bit == 1 => ErrorKind::NotEncrypted,
                16..24 | 120..124 => ErrorKind::UnsupportedFormat,
                _ => ErrorKind::Corrupt,
            };
            assert_eq!(refused(&changed), wanted, "{at}");
        }
    }
    for at in 24..40 {
        let mut changed = bytes.clone();
        change_id(&mut changed, |id| id[at - 24] ^= 1);
        assert_eq!(refused(&changed), ErrorKind::Corrupt);
    }
    // Said to be plain it is not opened without a key either.
    let mut changed = bytes.clone();
    change_header(&mut changed, |header| header[18] = 0);
    std::fs::write(path("bad"), changed).unwrap();
    assert_eq!(kind(Snapshot::open(path("bad"))), ErrorKind::Corrupt);
    // What builds on one builds on no other, though that shows the same.
    let mut changed = std::fs::read(path("1")).unwrap();
    let other = std::fs::read(path("other")).unwrap();
    change_header(&mut changed, |header| {
        header[40..56].copy_from_slice(&other[24..40]);
    });
    std::fs::write(path("bad"), changed).unwrap();
    let chain = with_key(7).open_snapshot_chain([path("other"), path("bad")]);
    assert_eq!(kind(chain), ErrorKind::Corrupt);
    let whole = with_key(7).open_snapshot_chain([path("0"), path("1")]);
    whole.unwrap().verify(SnapshotDepth::Restore).unwrap();
}

#[test]
fn a_chain_goes_on_when_the_passphrase_is_changed() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = by("old")
        .unlock(passphrase("old"))
        .open(path("a.larder"))
        .unwrap();
    fill(&db, 0..10);
    db.snapshot_to(path("0")).unwrap();
    db.change_key(&passphrase("old"), &passphrase("new"))
        .unwrap();
    fill(&db, 10..20);
    let base = by("old").open_snapshot(path("0")).unwrap();
    db.snapshot_since(&base, path("1")).unwrap();
    db.change_key(&passphrase("new"), &passphrase("newer"))
        .unwrap();
    fill(&db, 20..30);
    let base = by("new")
        .open_snapshot_chain([path("0"), path("1")])
        .unwrap();
    db.snapshot_since(&base, path("2")).unwrap();
    let names = ["0", "1", "2"].map(path);
    for words in ["old", "new", "newer"] {
        let chain = by(words).open_snapshot_chain(&names).unwrap();
        assert_eq!(read(&chain.read().unwrap()).len(), 30);
        chain.verify(SnapshotDepth::Restore).unwrap();
        let ids: Vec<_> = chain.chain().iter().map(|info| info.id).collect();
        let own = names
            .each_ref()
            .map(|name| Snapshot::read_info(name).unwrap().id);
        assert_eq!(ids, own);
    }
    assert_eq!(
        kind(by("another").open_snapshot_chain(&names)),
        ErrorKind::WrongKey
    );
    // Alone each opens by what opened the database then.
    assert_eq!(
        kind(by("new").open_snapshot(&names[0])),
        ErrorKind::WrongKey
    );
    // An order that is wrong is wrong, whoever opens what first.
    let swapped = by("newer").open_snapshot_chain([&names[0], &names[2], &names[1]]);
    assert_eq!(kind(swapped), ErrorKind::Invalid);
}

#[test]
fn the_snapshots_of_a_chain_open_by_one_key() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = by("db")
        .unlock(passphrase("db"))
        .open(path("a.larder"))
        .unwrap();
    fill(&db, 0..10);
    let cloud = || SnapshotOptions::new().encrypted(&passphrase("cloud"));
    db.snapshot_to(path("0")).unwrap();
    db.snapshot_with(path("cloud 0"), cloud()).unwrap();
    fill(&db, 10..20);
    let base = by("cloud").open_snapshot(path("cloud 0")).unwrap();
    db.snapshot_with(path("cloud 1"), cloud().since(&base))
        .unwrap();
    let names = [path("cloud 0"), path("cloud 1")];
    let chain = by("cloud").open_snapshot_chain(&names).unwrap();
    assert_eq!(read(&chain.read().unwrap()).len(), 20);
    chain.verify(SnapshotDepth::Restore).unwrap();
    assert_eq!(
        kind(by("db").open_snapshot_chain(&names)),
        ErrorKind::WrongKey
    );
    let own = by("db").open_snapshot(path("0")).unwrap();
    let other = SnapshotOptions::new().encrypted(&passphrase("another"));
    for refused in [
        db.snapshot_since(&base, path("1")),
        db.snapshot_since(&chain, path("1")),
        db.snapshot_with(path("1"), cloud().since(&own)),
        db.snapshot_with(path("1"), other.since(&base)),
    ] {
        assert_eq!(kind(refused), ErrorKind::Invalid);
    }
    assert!(!path("1").exists());
    // A copy under another key is the same database, and what opens it does not open the base.
    db.reencrypt_to(path("b.larder"), &passphrase("db"))
        .unwrap();
    let copy = by("db").open(path("b.larder")).unwrap();
    assert_eq!(
        kind(copy.snapshot_since(&own, path("1"))),
        ErrorKind::Invalid
    );
    db.snapshot_since(&own, path("1")).unwrap();
    let chain = by("db").open_snapshot_chain([path("0"), path("1")]);
    assert_eq!(read(&chain.unwrap().read().unwrap()).len(), 20);
}
