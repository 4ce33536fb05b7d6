//! What is damaged is refused, with what is wrong; nothing is restored, and nothing panics.

use super::*;

type Things = BTreeMap<u64, Thing>;

/// What became of opening, verifying and restoring these bytes. Whatever is read of them on the way is right.
fn refused(directory: &Directory, parts: &[&[u8]], expected: &Things) -> ErrorKind {
    let paths: Vec<PathBuf> = (0..parts.len())
        .map(|i| directory.path(&format!("bad {i}")))
        .collect();
    for (path, bytes) in paths.iter().zip(parts) {
        std::fs::write(path, bytes).unwrap();
    }
    let files = || std::fs::read_dir(directory.0.path()).unwrap().count();
    let before = files();
    let restored = directory.path("bad.larder");
    let result = builder().open_snapshot_chain(&paths).and_then(|snapshot| {
        if let Ok(tx) = snapshot.read()
            && let Ok(things) = tx.collection::<Thing>()
        {
            for (id, thing) in expected {
                // An error, or what was written.
                if let Ok(found) = things.get(*id) {
                    assert_eq!(found.unwrap().to_owned().unwrap(), *thing);
                }
            }
            for thing in things.iter().into_iter().flatten().map_while(Result::ok) {
                let thing = thing.to_owned().unwrap();
                assert_eq!(expected.get(&thing.id), Some(&thing));
            }
        }
        let verified = snapshot.verify(SnapshotDepth::Blocks);
        let restored = snapshot.restore_with(&restored, builder());
        assert_eq!(verified.is_ok(), restored.is_ok());
        verified.and(restored)
    });
    assert!(!restored.exists());
    assert_eq!(files(), before);
    kind(result)
}

/// A small database, a snapshot of it, one that builds on that, and what they show.
fn small(directory: &Directory) -> (Vec<u8>, Vec<u8>, Things, Things) {
    let db = builder().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..40);
    let mut bytes = Vec::new();
    db.snapshot_into(&mut bytes, SnapshotOptions::new())
        .unwrap();
    let first = read(&db.read().unwrap());
    std::fs::write(directory.path("base"), &bytes).unwrap();
    fill(&db, 40..60);
    db.write(|tx| tx.collection::<Thing>()?.remove(7).map(drop))
        .unwrap();
    let base = open(directory.path("base"));
    let mut later = Vec::new();
    db.snapshot_into(&mut later, SnapshotOptions::new().since(&base))
        .unwrap();
    let second = read(&db.read().unwrap());
    drop(base);
    std::fs::remove_file(directory.path("base")).unwrap();
    (bytes, later, first, second)
}

fn is_known(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Corrupt
            | ErrorKind::NotADatabase
            | ErrorKind::UnsupportedFormat
            | ErrorKind::WrongKey
            | ErrorKind::NotEncrypted
            | ErrorKind::Invalid
    )
}

#[test]
fn every_changed_byte_is_refused() {
    let directory = Directory::new();
    let (bytes, later, first, second) = small(&directory);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let kind = refused(&directory, &[&changed], &first);
        assert!(is_known(kind), "{at}: {kind:?}");
    }
    for at in 0..later.len() {
        let mut changed = later.clone();
        changed[at] ^= 1 << (at % 8);
        let kind = refused(&directory, &[&bytes, &changed], &second);
        assert!(is_known(kind), "{at} of the second: {kind:?}");
    }
    // And whole they are still good.
    std::fs::write(directory.path("0"), &bytes).unwrap();
    std::fs::write(directory.path("1"), &later).unwrap();
    let good = builder()
        .open_snapshot_chain(["0", "1"].map(|name| directory.path(name)))
        .unwrap();
    good.restore_with(directory.path("good.larder"), builder())
        .unwrap();
}

#[test]
fn every_truncation_and_everything_behind_the_end_is_refused() {
    let directory = Directory::new();
    let (bytes, later, first, second) = small(&directory);
    for end in 0..bytes.len() {
        let kind = refused(&directory, &[&bytes[..end]], &first);
        assert!(
            matches!(kind, ErrorKind::Corrupt | ErrorKind::NotADatabase),
            "{end}: {kind:?}"
        );
    }
    for end in 0..later.len() {
        let kind = refused(&directory, &[&bytes, &later[..end]], &second);
        assert!(
            matches!(kind, ErrorKind::Corrupt | ErrorKind::NotADatabase),
            "{end}: {kind:?}"
        );
    }
    for longer in [
        [bytes.as_slice(), b"more"].concat(),
        [bytes.as_slice(), &bytes].concat(),
        [bytes.as_slice(), &later].concat(),
    ] {
        assert_eq!(refused(&directory, &[&longer], &first), ErrorKind::Corrupt);
    }
}

/// Where the blocks of a snapshot lie: offset and length.
fn blocks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let encrypted = bytes[18] == 1;
    let mut at = if encrypted { 128 + 4096 } else { 128 };
    let mut blocks = Vec::new();
    while at < bytes.len() - 64 {
        let stored = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let length = 9 + stored + if encrypted { 16 } else { 4 };
        blocks.push((at, length));
        at += length;
    }
    assert_eq!(at, bytes.len() - 64);
    blocks
}

#[test]
fn blocks_in_another_place_or_of_another_snapshot_are_refused() {
    let directory = Directory::new();
    let db = builder().open(directory.path("a.larder")).unwrap();
    db.write(|tx| {
        let mut bucket = tx.bucket("b")?;
        // Blocks of the same length: what is random is not compressed.
        (0..200_u64).try_for_each(|key| {
            let value: Vec<u8> = (0..1024)
                .map(|i| (key * 7919 + i * i * 31 % 251) as u8)
                .collect();
            bucket.put(&key.to_be_bytes(), &value).map(drop)
        })
    })
    .unwrap();
    let take = || {
        let mut bytes = Vec::new();
        db.snapshot_into(&mut bytes, SnapshotOptions::new())
            .unwrap();
        bytes
    };
    let (bytes, other) = (take(), take());
    assert_eq!(bytes.len(), other.len());
    let places = blocks(&bytes);
    let mut exchanged = 0;
    for (i, &(at, length)) in places.iter().enumerate() {
        // The same block of another snapshot of the same.
        let mut foreign = bytes.clone();
        foreign[at..at + length].copy_from_slice(&other[at..at + length]);
        assert_eq!(
            refused(&directory, &[&foreign], &Things::new()),
            ErrorKind::Corrupt,
            "{i}"
        );
        for &(to, other_length) in places.iter().skip(i + 1) {
            if length != other_length {
                continue;
            }
            exchanged += 1;
            let mut swapped = bytes.clone();
            swapped[at..at + length].copy_from_slice(&bytes[to..to + length]);
            // Repeated, and then exchanged.
            assert_eq!(
                refused(&directory, &[&swapped], &Things::new()),
                ErrorKind::Corrupt
            );
            swapped[to..to + length].copy_from_slice(&bytes[at..at + length]);
            assert_eq!(
                refused(&directory, &[&swapped], &Things::new()),
                ErrorKind::Corrupt
            );
        }
    }
    assert!(exchanged > 10, "{exchanged}");
    let error = {
        let (at, _) = places[3];
        let mut changed = bytes.clone();
        changed[at + 40] ^= 1;
        std::fs::write(directory.path("bad"), changed).unwrap();
        open(directory.path("bad"))
            .verify(SnapshotDepth::Blocks)
            .unwrap_err()
            .to_string()
    };
    assert!(
        error.contains("block 3") && error.contains(&places[3].0.to_string()),
        "{error}"
    );
}

#[test]
fn a_file_that_is_cut_off_while_it_is_read_is_an_error() {
    let directory = Directory::new();
    let db = builder().open(directory.path("a.larder")).unwrap();
    fill(&db, 0..3_000);
    db.snapshot_to(directory.path("a.snapshot")).unwrap();
    // Without a map: with one, the operating system would end this test.
    let snapshot = builder()
        .map_snapshots(false)
        .cache_size(0)
        .open_snapshot(directory.path("a.snapshot"))
        .unwrap();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(directory.path("a.snapshot"))
        .unwrap();
    file.set_len(4300).unwrap();
    let tx = snapshot.read().unwrap();
    let things = tx
        .collection::<Thing>()
        .and_then(|things| things.get(2_999).map(drop));
    assert_eq!(kind(things), ErrorKind::Corrupt);
    assert_eq!(
        kind(snapshot.verify(SnapshotDepth::Blocks)),
        ErrorKind::Corrupt
    );
}
