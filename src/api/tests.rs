//! What does a user see of bytes that nobody honest wrote? They are put in through the store floor.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::Database;
use crate::base::ErrorKind;
use crate::codec::envelope::Envelope;
use crate::schema::catalog::{
    NEXT_ID_ROW, StoredCollection, StoredKind, StoredRecords, auto_row, catalog_row,
};
use crate::schema::record::Record;
use crate::schema::types::Type;
use crate::store::{COMMIT_ROW, Mode, OpenOptions, Place, SYSTEM_TABLE, Store};
use crate::{Result, record};

#[record(name = "things", index(by_pair = (name, desc(size))))]
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    #[key]
    id: u64,
    #[unique]
    name: String,
    #[index(each, fold)]
    tags: Vec<String>,
    #[index]
    size: Option<u32>,
    parts: BTreeMap<String, Vec<Option<Piece>>>,
    letter: char,
    ok: bool,
}

#[crate::part]
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Nothing,
    Text(String),
    Box {
        sides: [f64; 3],
        #[expect(
            clippy::box_collection,
            reason = "a box in an option is what is tested"
        )]
        name: Option<Box<String>>,
    },
}

fn thing() -> Thing {
    let pieces = vec![
        None,
        Some(Piece::Nothing),
        Some(Piece::Text("a text that is long enough".into())),
        Some(Piece::Box {
            sides: [1.0, 2.0, 3.0],
            name: Some(Box::new("box".into())),
        }),
    ];
    Thing {
        id: 7,
        name: "a name of more than eight bytes".into(),
        tags: vec!["Short".into(), "a tag of more than eight bytes".into()],
        size: Some(3),
        parts: BTreeMap::from([("key".into(), pieces), ("other".into(), vec![])]),
        letter: 'ß',
        ok: true,
    }
}

/// A database whose one record is `stored`, under the key 7, and has no index entries.
fn database_with<T: Record>(stored: &[u8]) -> Database {
    let db = Database::builder().register::<T>().in_memory().unwrap();
    db.write(|tx| {
        tx.mark_changed();
        let catalog = tx.catalog();
        let info = catalog.find(T::NAME).unwrap().1.records()?.clone();
        let mut table = tx.transaction()?.open_table(&info.table)?;
        table.change(&7_u64.to_be_bytes(), Some(stored))?;
        Ok(())
    })
    .unwrap();
    db
}

/// Fails unless the result is a value, or `Corrupt` naming collection and key.
fn assert_told<T>(result: Result<T>) {
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let text = error.to_string();
        assert!(text.contains("things") && text.contains("\\x07"), "{text}");
    }
}

/// Does everything a user can do with the one record.
fn use_everything(stored: &[u8]) {
    let db = database_with::<Thing>(stored);
    db.check().unwrap();
    let tx = db.read().unwrap();
    let things = tx.collection::<Thing>().unwrap();
    assert_told(
        things
            .get(7)
            .map(|found| found.map(|view| format!("{view:?}"))),
    );
    assert_told(things.get_owned(7));
    assert_told(things.field(7, Thing::NAME));
    assert_told(things.field(7, Thing::PARTS));
    assert_told(things.field(7, Thing::TAGS));
    assert_told(things.field(7, Thing::LETTER));
    assert_told(things.iter().unwrap().next().transpose());
    assert_told(things.last());
    db.write(|tx| {
        let mut things = tx.collection::<Thing>()?;
        assert_told(things.update(7, |thing| thing.ok = false));
        assert_told(things.retain(|thing| thing.id.to_native() == 7));
        assert_told(things.put(&thing()));
        assert_told(things.take(7));
        assert_told(things.remove(7));
        Ok(())
    })
    .unwrap();
}

fn envelope() -> Vec<u8> {
    let mut bytes = Vec::new();
    Envelope {
        version: 1,
        revision: 1,
        expires: None,
        uncompressed: None,
    }
    .encode(&mut bytes);
    bytes
}

fn honest() -> Vec<u8> {
    let mut bytes = envelope();
    thing().encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_single_damaged_byte_of_a_record_is_told_or_is_another_record() {
    let honest = honest();
    for at in 0..honest.len() {
        for value in [
            0x00,
            0x01,
            0x7F,
            0x80,
            0xFF,
            honest[at] ^ 1,
            honest[at].wrapping_add(1),
        ] {
            let mut damaged = honest.clone();
            damaged[at] = value;
            use_everything(&damaged);
        }
        use_everything(&honest[..at]);
    }
}

/// Writes a row of the system table, past everything that would refuse it, in a file that is closed
/// then; gives the opened file's directory and path.
fn file_with_row(row: &[u8], value: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.larder");
    let db = Database::builder()
        .register::<Thing>()
        .register::<Counted>()
        .open(&path)
        .unwrap();
    db.write(|tx| tx.collection::<Counted>()?.insert(&Counted { id: 0 }))
        .unwrap();
    let place = Place::File {
        path: path.clone(),
        mode: Mode::Existing,
    };
    db.close().unwrap();
    let cache_bytes = 1 << 20;
    let store = Store::open(&place, &OpenOptions::new(cache_bytes)).unwrap();
    let transaction = store.begin_write().unwrap();
    let mut table = transaction.open_table(SYSTEM_TABLE).unwrap();
    table.change(row, Some(value)).unwrap();
    drop(table);
    store.commit_durably(transaction).unwrap();
    store.close().unwrap();
    (directory, path)
}

#[record(name = "counted")]
#[derive(Debug)]
struct Counted {
    #[key(auto)]
    id: u64,
}

#[record(name = "others")]
#[derive(Debug)]
struct Other {
    #[key]
    id: u64,
}

/// The sequence was added to without a look, and panicked.
#[test]
fn counters_at_their_end_are_told_and_nothing_panics() {
    let insert =
        |db: &Database| db.write(|tx| tx.collection::<Counted>()?.insert(&Counted { id: 0 }));
    let create = |db: &Database| db.write(|tx| tx.collection::<Other>().map(drop));
    let end = u64::MAX.to_le_bytes();

    let (_directory, path) = file_with_row(COMMIT_ROW, &[0xFF; 32]);
    let db = Database::open(&path).unwrap();
    assert_eq!(insert(&db).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(db.begin_write().unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(!db.check().unwrap().is_ok());
    assert_eq!(db.commit_sequence(), u64::MAX);

    let (_directory, path) = file_with_row(NEXT_ID_ROW, &end);
    let db = Database::open(&path).unwrap();
    insert(&db).unwrap();
    assert_eq!(create(&db).unwrap_err().kind(), ErrorKind::Limit);
    assert!(!db.check().unwrap().is_ok());

    let (_directory, path) = file_with_row(NEXT_ID_ROW, &1_u64.to_le_bytes());
    let db = Database::open(&path).unwrap();
    assert_eq!(create(&db).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(!db.check().unwrap().is_ok());

    let id = counted_id(&db);
    drop(db);
    let (_directory, path) = file_with_row(&auto_row(id), &end);
    let db = Database::open(&path).unwrap();
    assert_eq!(insert(&db).unwrap_err().kind(), ErrorKind::Limit);
    // A record with that key may have been removed.
    assert!(db.check().unwrap().is_ok());
}

fn counted_id(db: &Database) -> u32 {
    let tx = db.read().unwrap();
    let (_, member) = tx.catalog().find("counted").unwrap();
    member.records().unwrap().id
}

#[test]
fn a_counter_that_is_no_number_or_nobodys_is_a_problem_of_the_check() {
    for (row, value) in [
        (NEXT_ID_ROW.to_vec(), vec![1, 2, 3]),
        (auto_row(1000), 5_u64.to_le_bytes().to_vec()),
        (b"auto/what".to_vec(), vec![]),
    ] {
        let (_directory, path) = file_with_row(&row, &value);
        let db = Database::open(&path).unwrap();
        let report = db.check().unwrap();
        assert_eq!(report.problem_count, 1, "{report}");
    }
    let (_directory, path) = file_with_row(COMMIT_ROW, &[1, 2, 3]);
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("damaged.larder"), "{error}");
}

/// What a declaration may get wrong was answered in the kinds of the program's mistakes.
#[test]
fn a_damaged_descriptor_is_corrupt_and_the_error_names_the_file() {
    let descriptor = |edit: &dyn Fn(&mut StoredRecords)| {
        let db = Database::builder().register::<Thing>().in_memory().unwrap();
        let tx = db.read().unwrap();
        let (_, member) = tx.catalog().find("things").unwrap();
        let info = member.records().unwrap();
        let mut records = info.typed().unwrap().stored.clone();
        edit(&mut records);
        let kind = StoredKind::Records(records);
        StoredCollection { id: info.id, kind }.encode().unwrap()
    };
    let nested = || (0..40).fold(Type::Bool, |ty, _| Type::List(Box::new(ty)));
    let rows = [
        b"no descriptor".to_vec(),
        descriptor(&|records| records.versions.clear()),
        descriptor(&|records| records.versions[0].key = vec!["nowhere".into()]),
        descriptor(&|records| records.indexes[0].definition.parts.clear()),
        descriptor(&|records| records.indexes[0].definition.parts[0].each = true),
        descriptor(&|records| records.versions[0].fields[0].ty = nested()),
    ];
    for row in rows {
        let (_directory, path) = file_with_row(&catalog_row("things"), &row);
        for open in [Database::open, Database::open_read_only] {
            let error = open(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            let text = error.to_string();
            assert!(
                text.starts_with("open ") && text.contains("damaged.larder"),
                "{text}"
            );
            assert!(text.contains("\"things\""), "{text}");
            assert_eq!(text.matches("open ").count(), 1, "{text}");
        }
    }
}

#[record(name = "things")]
#[derive(Debug)]
struct Tagged {
    #[key]
    id: u64,
    #[index(each)]
    tags: Vec<String>,
}

/// Behind its envelope a body whose list has many texts, which all are the same bytes.
fn overlapping(headers: u32, text: u32) -> Vec<u8> {
    let mut body = vec![b'a'; text as usize];
    for i in 0..headers {
        let length = (text & 0x3F) | 0x80 | ((text & !0x3F) << 2);
        body.extend(length.to_le_bytes());
        body.extend((text + 8 * i).wrapping_neg().to_le_bytes());
    }
    body.extend(7_u64.to_le_bytes());
    body.extend((8 * headers + 8).wrapping_neg().to_le_bytes());
    body.extend(headers.to_le_bytes());
    [envelope(), body].concat()
}

/// Few bytes said that there were 200 GB of text in them, and reading one field, removing the record
/// and checking the database believed it.
#[test]
fn texts_that_overlap_are_corrupt_before_they_are_copied() {
    for (headers, text) in [(200_000, 1_000_000), (200_000, 1_000), (2, 1_000)] {
        let db = database_with::<Tagged>(&overlapping(headers, text));
        let report = db.check().unwrap();
        assert!(!report.is_ok(), "{report}");
        let tx = db.read().unwrap();
        let tagged = tx.collection::<Tagged>().unwrap();
        let error = tagged.field(7, Tagged::TAGS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let error = tagged.get_owned(7).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        db.write(|tx| {
            let error = tx.collection::<Tagged>()?.remove(7).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            Ok(())
        })
        .unwrap();
    }
}

#[record(name = "things")]
#[derive(Debug)]
struct Drawing {
    #[key]
    id: u64,
    palette: Vec<[u8; 3]>,
    runs: Vec<(u8, u8)>,
    pixels: BTreeMap<u8, Pixel>,
}

#[crate::part]
#[derive(Clone, Debug, PartialEq)]
struct Pixel {
    x: u8,
    y: u8,
}

/// Each had more values than bytes, and was called corrupt.
#[test]
fn a_list_of_small_arrays_tuples_or_parts_is_no_damage() {
    let drawing = Drawing {
        id: 1,
        palette: vec![[1, 2, 3]; 200],
        runs: vec![(4, 5); 200],
        pixels: (0..200).map(|x| (x, Pixel { x, y: 1 })).collect(),
    };
    let db = Database::in_memory().unwrap();
    db.write(|tx| tx.collection::<Drawing>()?.insert(&drawing))
        .unwrap();
    let tx = db.read().unwrap();
    let drawings = tx.collection::<Drawing>().unwrap();
    let palette = drawings.field(1, Drawing::PALETTE).unwrap();
    assert_eq!(palette, Some(drawing.palette));
    let runs = drawings.field(1, Drawing::RUNS).unwrap();
    assert_eq!(runs, Some(drawing.runs));
    let pixels = drawings.field(1, Drawing::PIXELS).unwrap();
    assert_eq!(pixels, Some(drawing.pixels));
    let report = db.check().unwrap();
    assert!(report.is_ok(), "{report}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_under_a_key_are_told(bytes: Vec<u8>, with_envelope: bool) {
        let mut stored = if with_envelope { envelope() } else { Vec::new() };
        stored.extend_from_slice(&bytes);
        use_everything(&stored);
    }

    #[test]
    fn a_record_damaged_in_several_places_is_told(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut stored = honest();
        for (at, value) in changes {
            let at = at.index(stored.len());
            stored[at] = value;
        }
        use_everything(&stored);
    }
}
