//! A snapshot that builds on another one has what changed, and a chain of them reads as one.

use larder::{ChangeKind, PathIndex, ReadTx};
use proptest::prelude::*;

use super::*;

pub(super) type State = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn state(tx: &ReadTx) -> State {
    let bucket = tx.bucket("b").unwrap();
    let entries = bucket.iter().unwrap();
    entries
        .map(|entry| {
            let (key, value) = entry.unwrap();
            (key.to_vec(), value.to_vec())
        })
        .collect()
}

#[test]
fn a_chain_shows_what_its_last_snapshot_was_taken_of() {
    let directory = Directory::new();
    let name = |i: u64| directory.path(&format!("{i}.snapshot"));
    let db = builder().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..2_000);
    let full = db.snapshot_to(name(0)).unwrap();
    let mut states = vec![read(&db.read().unwrap())];
    let mut infos = vec![full];
    for i in 1..6 {
        db.write(|tx| {
            let mut things = tx.collection::<Thing>()?;
            for id in (i * 100)..(i * 100 + 20) {
                things.remove(id)?;
                let changed = Thing {
                    number: 1_000 + i,
                    ..thing(id + 50)
                };
                things.put(&changed)?;
                things.put(&thing(10_000 * i + id))?;
            }
            tx.documents("notes")?.put(i, json!({"tags": [i]}))?;
            Ok(())
        })
        .unwrap();
        if i == 3 {
            db.create_index("notes", PathIndex::on("tags")).unwrap();
        }
        if i == 4 {
            db.write(|tx| tx.bucket("settings")?.clear().map(drop))
                .unwrap();
        }
        let chain = (0..i).map(name);
        let base = builder().open_snapshot_chain(chain).unwrap();
        infos.push(db.snapshot_since(&base, name(i)).unwrap());
        states.push(read(&db.read().unwrap()));
    }
    for (i, expected) in states.iter().enumerate() {
        let chain = builder()
            .open_snapshot_chain((0..=i as u64).map(name))
            .unwrap();
        assert_eq!(chain.info(), infos[i]);
        assert_eq!(chain.chain(), infos[..=i]);
        let tx = chain.read().unwrap();
        assert_eq!(read(&tx), *expected);
        let things = tx.collection::<Thing>().unwrap();
        assert_eq!(things.len().unwrap(), expected.len() as u64);
        let mut back: Vec<u64> = things
            .iter()
            .unwrap()
            .rev()
            .map(|thing| thing.unwrap().id.to_native())
            .collect();
        back.reverse();
        assert!(back.iter().eq(expected.keys()));
        for id in 0..800 {
            let found = things
                .get(id)
                .unwrap()
                .map(|thing| thing.to_owned().unwrap());
            assert_eq!(found.as_ref(), expected.get(&id));
        }
        if i >= 3 {
            let notes = tx.documents("notes").unwrap();
            let found = notes.find(json!({"tags": 3})).unwrap().require_index();
            assert_eq!(found.count().unwrap(), 1);
        }
        for depth in [
            SnapshotDepth::Manifest,
            SnapshotDepth::Blocks,
            SnapshotDepth::Restore,
        ] {
            chain.verify(depth).unwrap();
        }
        assert!(chain.database().check().unwrap().is_ok());
        let restored = directory.path(&format!("{i}.larder"));
        chain.restore_with(&restored, builder()).unwrap();
        let restored = builder().open(restored).unwrap();
        assert_eq!(read(&restored.read().unwrap()), *expected);
        assert!(restored.check().unwrap().is_ok());
    }
    // Each of them is small.
    for info in &infos[1..] {
        assert!(info.bytes < infos[0].bytes / 4, "{infos:?}");
    }
    // A whole one of a chain builds on nothing.
    let chain = builder().open_snapshot_chain((0..6).map(name)).unwrap();
    chain
        .database()
        .snapshot_to(directory.path("whole"))
        .unwrap();
    assert_eq!(
        read(&open(directory.path("whole")).read().unwrap()),
        states[5]
    );
}

#[test]
fn a_chain_refuses_gaps_and_what_is_foreign_or_in_another_order() {
    let directory = Directory::new();
    let name = |i: u64| directory.path(&format!("{i}.snapshot"));
    let db = builder().open(directory.path("a.larder")).unwrap();
    db.snapshot_to(name(0)).unwrap();
    for i in 1..4 {
        fill(&db, i..i + 1);
        let base = builder().open_snapshot_chain((0..i).map(name)).unwrap();
        db.snapshot_since(&base, name(i)).unwrap();
    }
    let other = builder().open(directory.path("b.larder")).unwrap();
    other.snapshot_to(name(9)).unwrap();
    let refused =
        |chain: &[u64]| kind(builder().open_snapshot_chain(chain.iter().copied().map(name)));
    for chain in [
        &[][..],
        &[1],
        &[0, 2],
        &[1, 0],
        &[0, 1, 3],
        &[0, 2, 1],
        &[9, 1],
        &[0, 9],
        &[0, 0],
        &[0, 1, 1],
        &[0, 1, 2, 1],
    ] {
        assert_eq!(refused(chain), ErrorKind::Invalid, "{chain:?}");
    }
    let error = builder().open_snapshot(name(1)).unwrap_err().to_string();
    let base = Snapshot::read_info(name(0)).unwrap().id.to_string();
    assert!(
        error.contains(&base) && error.contains("1.snapshot"),
        "{error}"
    );
    let foreign = other.snapshot_since(&open(name(0)), directory.path("c.snapshot"));
    assert_eq!(kind(foreign), ErrorKind::Invalid);
    assert!(!directory.path("c.snapshot").exists());
    let missing = builder().open_snapshot_chain([name(0), name(7)]);
    assert_eq!(kind(missing), ErrorKind::NotFound);
}

#[test]
fn a_table_that_went_and_came_again_has_nothing_of_the_earlier_one() {
    let directory = Directory::new();
    let name = |i: u64| directory.path(&format!("{i}.snapshot"));
    let db = builder().open(directory.path("a.larder")).unwrap();
    let put = |from: u8, to: u8| {
        db.write(|tx| {
            let mut bucket = tx.bucket("b")?;
            (from..to).try_for_each(|key| bucket.put(&[key], [key]).map(drop))
        })
        .unwrap();
    };
    put(0, 100);
    db.snapshot_to(name(0)).unwrap();
    db.write(|tx| tx.drop_bucket("b")).unwrap();
    db.snapshot_since(&open(name(0)), name(1)).unwrap();
    put(50, 60);
    let chain = builder().open_snapshot_chain([name(0), name(1)]).unwrap();
    assert_eq!(state(&chain.read().unwrap()).len(), 0);
    db.snapshot_since(&chain, name(2)).unwrap();
    let chain = builder().open_snapshot_chain((0..3).map(name)).unwrap();
    assert_eq!(state(&chain.read().unwrap()), state(&db.read().unwrap()));
    assert_eq!(state(&chain.read().unwrap()).len(), 10);
    chain.verify(SnapshotDepth::Restore).unwrap();
}

#[test]
fn what_changed_between_two_snapshots_is_told() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    let db = builder().open(path("a.larder")).unwrap();
    fill(&db, 0..100);
    db.snapshot_to(path("0")).unwrap();
    db.write(|tx| {
        let mut things = tx.collection::<Thing>()?;
        things.remove(3)?;
        things.remove(4)?;
        things.put(&Thing {
            number: 8,
            ..thing(50)
        })?;
        things.insert(&thing(200))?;
        tx.drop_bucket("settings")?;
        tx.bucket("other")?.put(b"a", b"b").map(drop)
    })
    .unwrap();
    let before = open(path("0"));
    db.snapshot_since(&before, path("1")).unwrap();
    let after = builder()
        .open_snapshot_chain([path("0"), path("1")])
        .unwrap();
    let mut told = Vec::new();
    let diff = before
        .diff_with(&after, |change| {
            told.push((
                change.collection.to_owned(),
                change.key.to_vec(),
                change.kind,
            ));
            Ok(())
        })
        .unwrap();
    let id = |id: u64| id.to_be_bytes().to_vec();
    let expected = [
        ("other", b"a\0\x01".to_vec(), ChangeKind::Added),
        ("settings", b"theme\0\x01".to_vec(), ChangeKind::Removed),
        ("things", id(3), ChangeKind::Removed),
        ("things", id(4), ChangeKind::Removed),
        ("things", id(50), ChangeKind::Changed),
        ("things", id(200), ChangeKind::Added),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(name, key, kind)| (name.to_owned(), key, kind))
        .collect();
    assert_eq!(told, expected);
    let counts: Vec<_> = diff
        .collections
        .iter()
        .map(|found| {
            (
                found.name.as_str(),
                found.added,
                found.removed,
                found.changed,
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("other", 1, 0, 0),
            ("settings", 0, 1, 0),
            ("things", 1, 2, 1)
        ]
    );
    assert!(after.diff(&after).unwrap().is_empty());
    let back = after.diff(&before).unwrap();
    assert_eq!(back.collections[2].added, 2);
    let other = builder().open(path("b.larder")).unwrap();
    other.snapshot_to(path("b")).unwrap();
    assert_eq!(kind(before.diff(&open(path("b")))), ErrorKind::Invalid);
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::collection::vec(0..4_u8, 0..4);
    prop_oneof![
        6 => (key(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key().prop_map(Step::Remove),
        1 => Just(Step::Snapshot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is written and removed between the snapshots of a chain, it reads as the model, from both
    /// ends, between any two keys.
    #[test]
    fn a_chain_equals_a_model(
        steps in prop::collection::vec(step(), 1..120),
        bounds in prop::collection::vec((prop::collection::vec(0..4_u8, 0..4), prop::collection::vec(0..4_u8, 0..4), any::<u64>()), 8),
    ) {
        let directory = Directory::new();
        let db = builder().open(directory.path("a.larder")).unwrap();
        let mut model = State::new();
        let mut files: Vec<PathBuf> = Vec::new();
        let mut take = |db: &Database| {
            let path = directory.path(&format!("{}.snapshot", files.len()));
            if files.is_empty() {
                db.snapshot_to(&path).unwrap();
            } else {
                let base = builder().open_snapshot_chain(&files).unwrap();
                db.snapshot_since(&base, &path).unwrap();
            }
            files.push(path);
        };
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    db.write(|tx| tx.bucket("b")?.put(&key, &value).map(drop)).unwrap();
                    model.insert(key, value);
                }
                Step::Remove(key) => {
                    db.write(|tx| tx.bucket("b")?.remove(&key).map(drop)).unwrap();
                    model.remove(&key);
                }
                Step::Snapshot => take(&db),
            }
        }
        take(&db);
        let chain = builder().open_snapshot_chain(&files).unwrap();
        chain.verify(SnapshotDepth::Blocks).unwrap();
        let tx = chain.read().unwrap();
        prop_assert_eq!(&state(&tx), &model);
        let bucket = tx.bucket("b").unwrap();
        for (lower, upper, mut turns) in bounds {
            let (lower, upper) = if lower <= upper { (lower, upper) } else { (upper, lower) };
            let mut expected = model.range(lower.clone()..upper.clone());
            let mut range = bucket.range(lower.as_slice()..upper.as_slice()).unwrap();
            loop {
                turns = turns.rotate_left(1);
                let (found, expected) = if turns & 1 == 0 {
                    (range.next(), expected.next())
                } else {
                    (range.next_back(), expected.next_back())
                };
                let found = found.map(|entry| entry.unwrap());
                prop_assert_eq!(
                    found.as_ref().map(|(key, value)| (&**key, &**value)),
                    expected.map(|(key, value)| (key.as_slice(), value.as_slice()))
                );
                if found.is_none() {
                    break;
                }
            }
        }
        for key in model.keys() {
            let value = bucket.get(key).unwrap();
            prop_assert_eq!(value.as_deref(), model.get(key).map(Vec::as_slice));
        }
    }
}
