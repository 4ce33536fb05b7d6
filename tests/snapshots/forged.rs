//! What somebody makes who wants to deceive, with checksums that are right: refused, with nothing made of it.

use larder::{Builder, Error, Unlock};
use serde_json::Value;

use super::chains::state;
use super::*;
use crate::support::apart::{
    Apart, DICTIONARY, ENTRIES, Entry, MANIFEST, Row, Table, Writer, change_footer, change_header,
    encode,
};

/// Whatever other tests encrypt.
fn plain() -> Builder {
    Database::builder().cache_size(1 << 20).log_size(1 << 16)
}

fn database(directory: &Directory, name: &str) -> Database {
    plain().open(directory.path(name)).unwrap()
}

/// Entries of a bucket, in one commit.
fn put(db: &Database, bucket: &str, keys: std::ops::Range<u32>, value: &[u8]) {
    db.write(|tx| {
        let mut bucket = tx.bucket(bucket)?;
        keys.into_iter().try_for_each(|key| {
            bucket
                .put(format!("key {key:03}").as_str(), value)
                .map(drop)
        })
    })
    .unwrap();
}

fn taken(db: &Database, options: SnapshotOptions<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    db.snapshot_into(&mut bytes, options.level(0)).unwrap();
    bytes
}

fn whole(db: &Database) -> Apart {
    Apart::of(&taken(db, SnapshotOptions::new()))
}

fn written(directory: &Directory, parts: &[&[u8]]) -> Vec<PathBuf> {
    let path = |(i, bytes): (usize, &&[u8])| {
        let path = directory.path(&format!("forged {i}"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    parts.iter().enumerate().map(path).collect()
}

fn opened(directory: &Directory, parts: &[&[u8]]) -> Result<Snapshot, Error> {
    plain().open_snapshot_chain(written(directory, parts))
}

/// What was put together is good, so that it is not for how it was put together that others are refused.
fn accepted(directory: &Directory, parts: &[&[u8]]) -> Snapshot {
    let snapshot = opened(directory, parts).unwrap();
    snapshot.verify(SnapshotDepth::Restore).unwrap();
    snapshot.verify(SnapshotDepth::Blocks).unwrap();
    snapshot
}

/// Damaged, so that it does not open, or is refused by whatever looks at all of it. Gives why.
fn refused(directory: &Directory, parts: &[&[u8]]) -> String {
    let snapshot = match opened(directory, parts) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            assert!(error.is(ErrorKind::Corrupt), "{error}");
            return error.to_string();
        }
    };
    let verified = snapshot.verify(SnapshotDepth::Blocks);
    let error = verified.expect_err("it was verified");
    assert!(error.is(ErrorKind::Corrupt), "{error}");
    let restored = directory.path("restored.larder");
    for result in [
        snapshot.verify(SnapshotDepth::Restore),
        snapshot.restore_to(&restored),
    ] {
        assert_eq!(kind(result), ErrorKind::Corrupt);
    }
    assert!(!restored.exists());
    error.to_string()
}

fn refused_at_opening(directory: &Directory, bytes: &[u8]) -> String {
    let error = opened(directory, &[bytes]).unwrap_err();
    assert!(error.is(ErrorKind::Corrupt), "{error}");
    error.to_string()
}

/// The tables of two buckets that have the same keys and values.
fn twins(directory: &Directory) -> (Apart, usize, usize) {
    let db = database(directory, "twins.larder");
    for bucket in ["one", "two"] {
        put(&db, bucket, 0..6, b"value");
    }
    let apart = whole(&db);
    let is_twin = |i: &usize| {
        let mut entries = apart.tables[*i].entries();
        entries.any(|(key, _)| key.starts_with(b"key"))
    };
    let twins: Vec<_> = (0..apart.tables.len()).filter(is_twin).collect();
    let [one, two] = twins[..] else {
        panic!("there are {} such tables", twins.len());
    };
    (apart, one, two)
}

fn read_twins(snapshot: &Snapshot) -> Result<Vec<u64>, Error> {
    let tx = snapshot.read()?;
    ["one", "two"]
        .into_iter()
        .map(|bucket| {
            let bucket = tx.bucket(bucket)?;
            bucket.get("key 003")?.expect("it is there");
            bucket
                .iter()?
                .try_fold(0, |count, entry| entry.map(|_| count + 1))
        })
        .collect()
}

/// Lays all tables, with something else done where `lay` gives what the manifest says of one.
fn laid(
    apart: &Apart,
    mut lay: impl FnMut(usize, &Table, &mut Writer) -> Option<Value>,
) -> (Writer, Vec<Value>) {
    let mut writer = Writer::new(&apart.header);
    let tables = apart.tables.iter().enumerate();
    let told = tables
        .map(|(i, table)| {
            let told = lay(i, table, &mut writer);
            told.unwrap_or_else(|| table.lay(&mut writer))
        })
        .collect();
    (writer, told)
}

#[test]
fn tables_have_names_each_one_of_its_own_and_in_their_order() {
    let directory = Directory::new();
    let (apart, one, two) = twins(&directory);
    let snapshot = accepted(&directory, &[&apart.together()]);
    assert_eq!(read_twins(&snapshot).unwrap(), [6, 6]);
    drop(snapshot);
    let named = |changes: &[(usize, &str)]| {
        let mut apart = apart.clone();
        for (i, name) in changes {
            apart.tables[*i].told["name"] = (*name).into();
        }
        refused_at_opening(&directory, &apart.together())
    };
    named(&[(0, "")]);
    let name = apart.tables[one].name().to_owned();
    named(&[(two, &name)]);
    let mut swapped = apart.clone();
    swapped.tables.swap(one, two);
    refused_at_opening(&directory, &swapped.together());
    let mut more = apart.clone();
    let mut nameless = apart.tables[one].clone();
    nameless.told["name"] = "".into();
    more.tables.insert(0, nameless);
    refused_at_opening(&directory, &more.together());
}

#[test]
fn no_two_tables_share_an_index_or_a_dictionary() {
    let directory = Directory::new();
    let (apart, one, two) = twins(&directory);
    // All that the second has lies in the first.
    let mut index = None;
    let (writer, told) = laid(&apart, |i, table, writer| {
        if i == one {
            let mut told = table.lay(writer);
            index = Some(told["index"].clone());
            return Some(told.take());
        }
        let mut told = (i == two).then(|| apart.tables[one].told.clone())?;
        told["name"] = table.name().into();
        told["index"] = index.take().unwrap();
        Some(told)
    });
    let error = refused_at_opening(&directory, &writer.finish(&told));
    assert!(error.contains(apart.tables[two].name()), "{error}");

    let with_dictionary = |who: &[usize]| {
        let mut dictionary = None;
        let (writer, told) = laid(&apart, |i, table, writer| {
            who.contains(&i).then(|| {
                let place = dictionary.get_or_insert_with(|| writer.block(DICTIONARY, &[7; 100]));
                let place = place.json();
                let mut told = table.lay(writer);
                told["dictionary"] = place;
                told
            })
        });
        writer.finish(&told)
    };
    accepted(&directory, &[&with_dictionary(&[one])]);
    let error = refused_at_opening(&directory, &with_dictionary(&[one, two]));
    assert!(error.contains(apart.tables[two].name()), "{error}");
    // Nothing lies before it either.
    let (writer, told) = laid(&apart, |i, table, writer| {
        (i == two).then(|| {
            writer.bytes.push(0);
            let place = writer.block(DICTIONARY, &[7; 100]);
            let mut told = table.lay(writer);
            told["dictionary"] = place.json();
            told
        })
    });
    refused_at_opening(&directory, &writer.finish(&told));
}

#[test]
fn a_dictionary_that_is_compressed_is_refused() {
    let directory = Directory::new();
    let (apart, one, _) = twins(&directory);
    let packed = zstd::bulk::compress(&[7; 100_000], 3).unwrap();
    let (writer, told) = laid(&apart, |i, table, writer| {
        (i == one).then(|| {
            let place = writer.packed_block(DICTIONARY, &packed, 100_000);
            let mut told = table.lay(writer);
            told["dictionary"] = place.json();
            told
        })
    });
    let bytes = writer.finish(&told);
    let error = refused(&directory, &[&bytes]);
    assert!(error.contains("never compressed"), "{error}");
    let snapshot = opened(&directory, &[&bytes]).unwrap();
    assert_eq!(kind(read_twins(&snapshot)), ErrorKind::Corrupt);
}

/// What the manifest says is right, and what an index says is not: reading sees it as verifying does.
fn refused_by_its_index(
    directory: &Directory,
    apart: &Apart,
    whose: usize,
    lay: impl Fn(&Table, &mut Writer) -> Vec<Row>,
) {
    let (writer, told) = laid(apart, |i, table, writer| {
        (i == whose).then(|| {
            let rows = lay(table, writer);
            table.lay_index(writer, &rows)
        })
    });
    let bytes = writer.finish(&told);
    let error = refused(directory, &[&bytes]);
    assert!(error.contains("behind the one"), "{error}");
    let snapshot = opened(directory, &[&bytes]).unwrap();
    assert_eq!(kind(read_twins(&snapshot)), ErrorKind::Corrupt);
}

#[test]
fn every_block_belongs_to_one_table_and_lies_behind_the_one_before() {
    let directory = Directory::new();
    let (mut apart, one, two) = twins(&directory);
    for i in [one, two] {
        apart.tables[i].cut(2);
    }
    let snapshot = accepted(&directory, &[&apart.together()]);
    assert_eq!(read_twins(&snapshot).unwrap(), [6, 6]);
    drop(snapshot);
    // A row names a block of another table, in which the same lies.
    let foreign = std::cell::RefCell::new(Vec::new());
    laid(&apart, |i, table, writer| {
        if i == one {
            let mut aside = Writer::new(&apart.header);
            (aside.bytes, aside.number) = (writer.bytes.clone(), writer.number);
            *foreign.borrow_mut() = table.lay_blocks(&mut aside);
        }
        None
    });
    for row in 0..3 {
        refused_by_its_index(&directory, &apart, two, |table, writer| {
            let mut rows = table.lay_blocks(writer);
            rows[row] = foreign.borrow()[row].clone();
            rows
        });
    }
    // A row is there twice, or two are in each other's place.
    refused_by_its_index(&directory, &apart, one, |table, writer| {
        let mut rows = table.lay_blocks(writer);
        rows[2] = rows[1].clone();
        rows
    });
    refused_by_its_index(&directory, &apart, one, |table, writer| {
        let mut rows = table.lay_blocks(writer);
        rows.swap(0, 1);
        rows
    });
    // Two blocks have the same number, and are sealed as that.
    refused_by_its_index(&directory, &apart, one, |table, writer| {
        in_two(
            table,
            writer,
            |writer| writer.number -= 1,
            |writer| {
                writer.number += 1;
            },
        )
    });
    // Something lies between two blocks.
    refused_by_its_index(&directory, &apart, one, |table, writer| {
        in_two(table, writer, |writer| writer.bytes.push(0), |_| ())
    });
    refused_by_its_index(&directory, &apart, one, |table, writer| {
        in_two(table, writer, |_| (), |writer| writer.bytes.push(0))
    });
    // What the whole file counts is another number.
    let (writer, told) = laid(&apart, |i, table, writer| {
        (i == one).then(|| {
            let rows = in_two(table, writer, |writer| writer.number -= 1, |_| ());
            table.lay_index(writer, &rows)
        })
    });
    refused_at_opening(&directory, &writer.finish(&told));
}

/// Lays the first block, and the others, with something done behind each of both.
fn in_two(
    table: &Table,
    writer: &mut Writer,
    between: impl Fn(&mut Writer),
    behind: impl Fn(&mut Writer),
) -> Vec<Row> {
    let (mut first, mut others) = (table.clone(), table.clone());
    others.blocks = first.blocks.split_off(1);
    let mut rows = first.lay_blocks(writer);
    between(writer);
    rows.extend(others.lay_blocks(writer));
    behind(writer);
    rows
}

#[test]
fn nothing_lies_between_the_tables_or_behind_them() {
    let directory = Directory::new();
    let (apart, one, _) = twins(&directory);
    // A table has an index, and no blocks, of which none is wanted.
    let (writer, told) = laid(&apart, |i, table, writer| {
        (i == one).then(|| {
            let mut told = table.lay(writer);
            told["blocks"] = 0.into();
            told
        })
    });
    refused_at_opening(&directory, &writer.finish(&told));
    for (before, after) in [(1, 0), (0, 1), (100, 100)] {
        let (mut writer, told) = laid(&apart, |_, _, _| None);
        writer.bytes.resize(writer.bytes.len() + before, 0);
        let manifest = serde_json::to_vec(&json!({ "tables": told })).unwrap();
        let manifest = writer.block(MANIFEST, &manifest);
        writer.bytes.resize(writer.bytes.len() + after, 0);
        refused_at_opening(&directory, &writer.end(manifest));
    }
    let (writer, mut told) = laid(&apart, |_, _, _| None);
    told[one].as_object_mut().unwrap().remove("index");
    refused_at_opening(&directory, &writer.finish(&told));
    // Blocks that are nowhere.
    let (writer, told) = laid(&apart, |i, table, writer| {
        (i == one).then(|| {
            let mut told = table.lay_index(writer, &[]);
            told["blocks"] = 3.into();
            told
        })
    });
    refused_at_opening(&directory, &writer.finish(&told));
    for far in [u64::MAX, u64::MAX / 2, 0] {
        for field in ["offset", "number"] {
            let (writer, mut told) = laid(&apart, |_, _, _| None);
            told[one]["index"][field] = far.into();
            refused_at_opening(&directory, &writer.finish(&told));
        }
        let (writer, mut told) = laid(&apart, |_, _, _| None);
        told[one]["blocks"] = (far + u64::from(far == 0) * 5).into();
        refused_at_opening(&directory, &writer.finish(&told));
    }
}

/// Each of them would have it in memory; it is not even read.
#[test]
fn a_thousand_tables_that_name_one_index_are_refused_before_it_is_read() {
    let directory = Directory::new();
    let (apart, one, _) = twins(&directory);
    let mut writer = Writer::new(&apart.header);
    let table = &apart.tables[one];
    let rows: Vec<Row> = table.lay_blocks(&mut writer);
    let mut first = table.lay_index(&mut writer, &rows);
    first["name"] = "t0000".into();
    // Whoever reads it says that its checksum is another.
    let at = writer.bytes.len() - 1;
    writer.bytes[at] ^= 1;
    let told: Vec<_> = (0..1_000)
        .map(|i| {
            let mut told = first.clone();
            told["name"] = format!("t{i:04}").into();
            told
        })
        .collect();
    let error = refused_at_opening(&directory, &writer.finish(&told));
    assert!(
        error.contains("t0001") && error.contains("behind the one"),
        "{error}"
    );
}

/// What a reader would have to make room for is bounded by what it reads.
#[test]
fn a_block_that_says_to_be_much_larger_than_it_is_is_refused() {
    let directory = Directory::new();
    let (apart, one, _) = twins(&directory);
    let large: Vec<Entry> = vec![(b"key".to_vec(), Some(vec![0; 4 << 20]))];
    let packed = zstd::bulk::compress(&encode(&large), 3).unwrap();
    assert!(packed.len() < 4_000, "{}", packed.len());
    let forged = |raw: u32| {
        let (writer, told) = laid(&apart, |i, table, writer| {
            (i == one).then(|| {
                let mut table = table.clone();
                table.blocks = vec![large.clone()];
                table.tell_own();
                let row = Row {
                    first: b"key".to_vec(),
                    place: writer.packed_block(ENTRIES, &packed, raw),
                    entries: 1,
                };
                table.lay_index(writer, &[row])
            })
        });
        refused(&directory, &[&writer.finish(&told)])
    };
    for raw in [encode(&large).len() as u32, u32::MAX, 1 << 31] {
        let error = forged(raw);
        assert!(error.contains("larger than it can be"), "{error}");
    }
    // Neither is it another length than it has.
    let error = forged(1 << 20);
    assert!(error.contains("cannot be uncompressed"), "{error}");
}

#[test]
fn a_key_of_an_index_that_is_longer_than_keys_are_is_refused() {
    let directory = Directory::new();
    let (apart, one, _) = twins(&directory);
    let with_key = |length: usize| {
        let mut apart = apart.clone();
        let table = &mut apart.tables[one];
        table
            .blocks
            .push(vec![(vec![b'z'; length], Some(Vec::new()))]);
        table.tell_own();
        apart.together()
    };
    let snapshot = opened(&directory, &[&with_key(1_000)]).unwrap();
    snapshot.verify(SnapshotDepth::Blocks).unwrap();
    drop(snapshot);
    let error = refused(&directory, &[&with_key(100_000)]);
    assert!(error.contains("longer than keys are"), "{error}");
}

type Blocks = Vec<Vec<Entry>>;
type Disorder = fn(&mut Blocks);

/// Blocks of two entries, of which some are in another order, or there twice.
fn disorders() -> [(&'static str, Disorder); 6] {
    [
        ("backwards in a block", |blocks| blocks[10].swap(0, 1)),
        ("twice in a block", |blocks| {
            blocks[10][1] = blocks[10][0].clone();
        }),
        ("blocks backwards", |blocks| blocks.swap(10, 11)),
        ("twice, in two blocks", |blocks| {
            blocks[11][0] = blocks[10][1].clone();
        }),
        // A thread looks at 64 blocks.
        ("blocks of two threads backwards", |blocks| {
            blocks.swap(63, 64);
        }),
        ("twice, in blocks of two threads", |blocks| {
            blocks[64][0] = blocks[63][1].clone();
        }),
    ]
}

/// A snapshot of 200 entries, two a block, and one that builds on it and has the last 150 of them. Of both
/// the table, too.
fn chain(directory: &Directory) -> ([Apart; 2], [usize; 2]) {
    let db = database(directory, "chain.larder");
    put(&db, "b", 0..200, b"first");
    let bytes = taken(&db, SnapshotOptions::new());
    let base = opened(directory, &[&bytes]).unwrap();
    put(&db, "b", 50..200, b"second");
    let later = taken(&db, SnapshotOptions::new().since(&base));
    let mut chain = [Apart::of(&bytes), Apart::of(&later)];
    let largest = [chain[0].largest(), chain[1].largest()];
    for (apart, i) in chain.iter_mut().zip(largest) {
        apart.tables[i].cut(2);
    }
    assert_eq!(chain[0].tables[largest[0]].blocks.len(), 100);
    assert_eq!(chain[1].tables[largest[1]].blocks.len(), 75);
    (chain, largest)
}

#[test]
fn entries_that_are_there_twice_or_backwards_are_refused() {
    let directory = Directory::new();
    let ([first, _], [table, _]) = chain(&directory);
    let told = first.tables[table].told.clone();
    let mut same = first.clone();
    same.tables[table].tell_own();
    assert_eq!(same.tables[table].told, told);
    let snapshot = accepted(&directory, &[&same.together()]);
    assert_eq!(state(&snapshot.read().unwrap()).len(), 200);
    drop(snapshot);
    for (what, disorder) in disorders() {
        let mut forged = first.clone();
        disorder(&mut forged.tables[table].blocks);
        forged.tables[table].tell_own();
        let error = refused(&directory, &[&forged.together()]);
        assert!(error.contains("another order"), "{what}: {error}");
    }
    // Nothing is there that could be removed.
    let mut forged = first;
    forged.tables[table].blocks[3][1].1 = None;
    forged.tables[table].tell_own();
    let error = refused(&directory, &[&forged.together()]);
    assert!(error.contains("builds on nothing"), "{error}");
}

/// What is seen of two snapshots of a table: of what comes next in both, the nearer, and the later of the same.
fn merged(base: &Table, later: &Table) -> Vec<Entry> {
    let (mut base, mut later) = (base.entries().peekable(), later.entries().peekable());
    let mut seen = Vec::new();
    loop {
        let next = match (base.peek(), later.peek()) {
            (None, None) => return seen,
            (Some((old, _)), Some((new, _))) if old < new => base.next(),
            (Some(_), None) => base.next(),
            (old, Some((new, _))) => {
                if old.is_some_and(|(old, _)| old == new) {
                    base.next();
                }
                later.next()
            }
        };
        seen.extend(next.filter(|(_, value)| value.is_some()).cloned());
    }
}

#[test]
fn a_chain_in_which_entries_are_twice_or_backwards_is_refused() {
    let directory = Directory::new();
    let ([first, second], [table, later]) = chain(&directory);
    let told = second.tables[later].told.clone();
    let mut same = second.clone();
    same.tables[later].tell(&merged(&first.tables[table], &second.tables[later]));
    assert_eq!(same.tables[later].told, told);
    accepted(&directory, &[&first.together(), &same.together()]);
    for (what, disorder) in disorders() {
        for in_first in [true, false] {
            let (mut base, mut forged) = (first.clone(), second.clone());
            disorder(if in_first {
                &mut base.tables[table].blocks
            } else {
                &mut forged.tables[later].blocks
            });
            base.tables[table].tell_own();
            let seen = merged(&base.tables[table], &forged.tables[later]);
            forged.tables[later].tell(&seen);
            let parts = [base.together(), forged.together()];
            let error = refused(&directory, &[&parts[0], &parts[1]]);
            assert!(
                error.contains("another order"),
                "{what}, {in_first}: {error}"
            );
        }
    }
}

/// Larder gives no table the name of one that is gone; somebody else may.
#[test]
fn a_table_that_comes_again_has_nothing_of_the_one_that_went() {
    let directory = Directory::new();
    let db = database(&directory, "a.larder");
    put(&db, "b", 0..100, b"first");
    let mut parts = vec![taken(&db, SnapshotOptions::new())];
    for (keys, value) in [(10..11, b"second"), (50..60, b"third!")] {
        let named: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        let base = opened(&directory, &named).unwrap();
        put(&db, "b", keys, value);
        parts.push(taken(&db, SnapshotOptions::new().since(&base)));
    }
    let [first, mut second, mut third] = [0, 1, 2].map(|i| Apart::of(&parts[i]));
    let name = first.tables[first.largest()].name().to_owned();
    // It went with the second.
    second.tables.retain(|table| table.name() != name);
    assert_eq!(second.tables.len(), first.tables.len() - 1);
    let again = third.largest();
    assert_eq!(third.tables[again].name(), name);
    third.tables[again].tell_own();
    let [first, second, third] = [&first, &second, &third].map(Apart::together);
    let snapshot = opened(&directory, &[&first, &second, &third]).unwrap();
    let tx = snapshot.read().unwrap();
    let found = state(&tx);
    assert!(found.values().all(|value| value == b"third!"), "{found:?}");
    assert_eq!(found.len(), 10);
    let bucket = tx.bucket("b").unwrap();
    assert!(bucket.get("key 003").unwrap().is_none());
    assert_eq!(bucket.len().unwrap(), 10);
    snapshot.verify(SnapshotDepth::Blocks).unwrap();
    let restored = directory.path("b.larder");
    snapshot.restore_to(&restored).unwrap();
    let restored = plain().open_existing(restored).unwrap();
    assert_eq!(state(&restored.read().unwrap()), found);
}

#[test]
fn a_chain_is_of_one_database() {
    let directory = Directory::new();
    let [ours, other] = ["a.larder", "b.larder"].map(|name| {
        let db = database(&directory, name);
        put(&db, "b", 0..10, name.as_bytes());
        db
    });
    let ours = taken(&ours, SnapshotOptions::new());
    let base = taken(&other, SnapshotOptions::new());
    let opened_base = opened(&directory, &[&base]).unwrap();
    put(&other, "b", 5..6, b"other");
    let mut later = taken(&other, SnapshotOptions::new().since(&opened_base));
    accepted(&directory, &[&base, &later]);
    change_header(&mut later, |header| {
        header[40..56].copy_from_slice(&ours[24..40]);
    });
    let error = opened(&directory, &[&ours, &later]).unwrap_err();
    assert!(
        error.is(ErrorKind::Invalid) && error.to_string().contains("another database"),
        "{error}"
    );
}

#[test]
fn a_header_that_names_another_commit_than_is_shown_is_refused() {
    let directory = Directory::new();
    let db = database(&directory, "a.larder");
    put(&db, "b", 0..10, b"value");
    let bytes = taken(&db, SnapshotOptions::new());
    accepted(&directory, &[&bytes]);
    // The life of the commit, its sequence, its revision.
    for at in [72, 87, 88, 95, 96, 103] {
        let mut forged = bytes.clone();
        change_header(&mut forged, |header| header[at] ^= 1);
        let error = refused(&directory, &[&forged]);
        assert!(error.contains("another commit"), "{at}: {error}");
    }
    // So is one that shows none.
    let empty = taken(&database(&directory, "b.larder"), SnapshotOptions::new());
    accepted(&directory, &[&empty]);
    let mut forged = empty;
    change_header(&mut forged, |header| header[88] ^= 1);
    refused(&directory, &[&forged]);
}

#[test]
fn zeros_of_the_header_that_are_none_belong_to_another_version() {
    let directory = Directory::new();
    let db = database(&directory, "a.larder");
    let bytes = taken(&db, SnapshotOptions::new());
    for at in (16..24).chain(120..124) {
        let mut forged = bytes.clone();
        change_header(&mut forged, |header| header[at] ^= 2);
        let opened = opened(&directory, &[&forged]);
        assert_eq!(kind(opened), ErrorKind::UnsupportedFormat, "{at}");
    }
    // Those of the footer are of no version.
    for at in 44..48 {
        let mut forged = bytes.clone();
        change_footer(&mut forged, |footer| footer[at] ^= 2);
        refused_at_opening(&directory, &forged);
    }
}

#[test]
fn nothing_is_made_of_what_is_damaged() {
    let directory = Directory::new();
    let ([first, second], [table, later]) = chain(&directory);
    let good = accepted(&directory, &[&first.together()]);
    let mut forged = first.clone();
    // Each block is whole by itself.
    forged.tables[table].blocks[10].swap(0, 1);
    forged.tables[table].tell_own();
    let path = directory.path("bad.snapshot");
    std::fs::write(&path, forged.together()).unwrap();
    let bad = plain().open_snapshot(&path).unwrap();
    let mut longer = second;
    longer.tables[later].told["bytes"] = 1.into();
    std::fs::write(directory.path("longer"), longer.together()).unwrap();
    let chain = plain()
        .open_snapshot_chain([directory.path("forged 0"), directory.path("longer")])
        .unwrap();
    let store = plain()
        .open_snapshot_store(directory.path("store"))
        .unwrap();
    let files = || {
        let all = [directory.0.path(), store.directory()];
        all.map(|path| std::fs::read_dir(path).unwrap().count())
    };
    let lock = store.directory().join(".larder.lock");
    std::fs::write(lock, b"").unwrap();
    let before = files();
    let to = directory.path("made of it");
    for bad in [&bad, &chain] {
        let db = bad.database();
        for made in [
            db.snapshot_to(&to).map(drop),
            db.snapshot_into(&mut Vec::new(), SnapshotOptions::new()),
            db.snapshot_since(&good, &to).map(drop),
            db.decrypt_to(&to),
            db.encrypt_to(&to, &Unlock::key([3; 32])),
            store.take(db).map(drop),
            store.take_incremental(db).map(drop),
            good.diff(bad).map(drop),
            bad.diff(&good).map(drop),
        ] {
            assert_eq!(kind(made), ErrorKind::Corrupt);
        }
        assert_eq!(files(), before);
        assert!(!db.check().unwrap().is_ok());
    }
    // Of what is whole all of this is made.
    good.database().decrypt_to(&to).unwrap();
    store.take(good.database()).unwrap();
    assert!(good.diff(&good).unwrap().is_empty());
}
