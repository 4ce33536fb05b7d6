//! A snapshot of an encrypted database is encrypted, unless somebody says otherwise by name.

use larder::{Builder, KdfParameters, Unlock};

use super::*;

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
