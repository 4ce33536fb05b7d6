//! Snapshots that lie in `tests/golden/` open, verify and restore as what they were written of.
//!
//! Until the format is frozen they are written anew by `cargo test --test main write_golden -- --ignored`.

use larder::Builder;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.snapshot"))
}

/// Whatever other tests encrypt.
fn plain() -> Builder {
    Database::builder().cache_size(1 << 20).log_size(1 << 16)
}

fn with_key() -> Builder {
    plain().key(KEY)
}

/// What the one that builds on another changed.
fn change(db: &Database) {
    db.write(|tx| {
        let mut things = tx.collection::<Thing>()?;
        things.remove(3)?;
        things.put(&Thing {
            text: "changed".to_owned(),
            ..thing(5)
        })?;
        things.put(&thing(100)).map(drop)
    })
    .unwrap();
}

fn expected(is_changed: bool) -> BTreeMap<u64, Thing> {
    let mut things: BTreeMap<_, _> = (0..50).map(|id| (id, thing(id))).collect();
    if is_changed {
        things.remove(&3);
        things.get_mut(&5).unwrap().text = "changed".to_owned();
        things.insert(100, thing(100));
    }
    things
}

fn holds(tx: &impl Readable, is_changed: bool) {
    assert_eq!(read(tx), expected(is_changed));
    let settings = tx.bucket("settings").unwrap();
    assert_eq!(
        settings.get(b"theme").unwrap().as_deref(),
        Some(&b"dark"[..])
    );
}

fn check(chain: &[&str], builder: impl Fn() -> Builder, is_changed: bool) {
    let directory = Directory::new();
    let chain = chain.iter().map(|name| golden(name));
    let snapshot = builder().open_snapshot_chain(chain).unwrap();
    holds(&snapshot.read().unwrap(), is_changed);
    snapshot.verify(SnapshotDepth::Restore).unwrap();
    let path = directory.path("restored.larder");
    snapshot.restore_with(&path, builder()).unwrap();
    let db = builder().open(&path).unwrap();
    holds(&db.read().unwrap(), is_changed);
}

#[test]
fn golden_snapshots_open_verify_and_restore() {
    check(&["whole"], plain, false);
    check(&["whole", "since"], plain, true);
    check(&["encrypted"], with_key, false);
}

#[test]
#[ignore = "writes the golden snapshots anew"]
fn write_golden() {
    for name in ["whole", "since", "encrypted"] {
        let _ = std::fs::remove_file(golden(name));
    }
    let directory = Directory::new();
    let db = plain().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..50);
    db.snapshot_to(golden("whole")).unwrap();
    change(&db);
    let whole = plain().open_snapshot(golden("whole")).unwrap();
    db.snapshot_since(&whole, golden("since")).unwrap();
    let db = with_key().open(directory.path("b.larder")).unwrap();
    fill(&db, 0..50);
    db.snapshot_to(golden("encrypted")).unwrap();
}
