//! What a tool sees that knows no types: what the file is, what it holds, and buckets of any keys.

use larder::{CollectionKind, DocumentKey, ErrorKind, PathIndex, Snapshot, record};
use serde_json::json;

use crate::support::builder;

#[record(name = "cities", index(by_country = (country, desc(population))))]
#[derive(Debug)]
struct City {
    #[key]
    id: u64,
    #[unique]
    slug: String,
    country: String,
    population: u64,
}

fn fill(db: &larder::Database) {
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        for id in 1..=50 {
            cities.insert(&City {
                id,
                slug: format!("city-{id}"),
                country: "HR".into(),
                population: id * 1000,
            })?;
        }
        drop(cities);
        tx.documents("notes")?.put(1, json!({"title": "Jam"}))?;
        tx.bucket_of::<(u16, String)>("ports")?
            .put((80, "tcp"), "http")?;
        tx.bucket("settings")?.put("theme", "dark").map(drop)
    })
    .unwrap();
    db.create_index("notes", PathIndex::on("title")).unwrap();
}

#[test]
fn what_the_file_holds_is_told_of_a_database_and_of_its_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let db = builder().create(directory.path().join("a.larder")).unwrap();
    fill(&db);
    db.snapshot_to(directory.path().join("a.snapshot")).unwrap();
    let snapshot: Snapshot = builder()
        .open_snapshot(directory.path().join("a.snapshot"))
        .unwrap();
    for tx in [db.read().unwrap(), snapshot.read().unwrap()] {
        let all = tx.collections().unwrap();
        let told: Vec<_> = all
            .iter()
            .map(|info| {
                let indexes = info
                    .indexes
                    .iter()
                    .map(|index| (index.name(), index.entries));
                (
                    info.name.as_str(),
                    info.entries,
                    indexes.collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("cities", 50, vec![("by_slug", 50), ("by_country", 50)]),
                ("notes", 1, vec![("title_1", 1)]),
                ("ports", 1, vec![]),
                ("settings", 1, vec![]),
            ]
        );
        let [cities, notes, ports, settings] = all.as_slice() else {
            panic!("{all:?}");
        };
        match &cities.kind {
            CollectionKind::Records(record) => {
                assert_eq!(
                    (record.version, record.key.as_slice()),
                    (1, ["id".to_owned()].as_slice())
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            &notes.kind,
            CollectionKind::Documents {
                version: 1,
                json_schema: None
            }
        ));
        let key_of = |kind: &CollectionKind| match kind {
            CollectionKind::Bucket { key } => key.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(key_of(&ports.kind), "(u16, string)");
        assert_eq!(key_of(&settings.kind), "bytes");
        let records = tx.records("cities").unwrap().unwrap();
        assert_eq!(records.indexes().unwrap().len(), 2);
    }
    let info = snapshot.database().info().unwrap();
    assert_eq!((info.file_bytes, info.free_bytes()), (None, 0));
}

#[test]
fn the_file_is_as_large_as_it_says_and_free_what_was_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.larder");
    let db = builder().create(&path).unwrap();
    fill(&db);
    let noise = |seed: u64| {
        (0..4000_u64)
            .map(|i| (i * i * seed % 251) as u8)
            .collect::<Vec<_>>()
    };
    db.write(|tx| {
        let mut bucket = tx.bucket_of::<u64>("noise")?;
        (1..500).try_for_each(|key| bucket.put(key, noise(key)).map(drop))
    })
    .unwrap();
    db.checkpoint().unwrap();
    let full = db.info().unwrap();
    assert_eq!(
        full.file_bytes,
        Some(std::fs::metadata(&path).unwrap().len())
    );
    assert_eq!((full.id, full.sequence), (db.id(), db.commit_sequence()));
    assert_eq!((full.epoch, full.is_encrypted), (0, db.is_encrypted()));
    assert!(
        (500 * 4000..500 * 4200).contains(&full.used_bytes),
        "{full:?}"
    );
    db.write(|tx| tx.drop_bucket("noise")).unwrap();
    db.checkpoint().unwrap();
    let empty = db.info().unwrap();
    assert!(empty.used_bytes < 100_000, "{empty:?}");
    assert!(empty.free_bytes() > 500 * 4000, "{empty:?}");
    db.compact().unwrap();
    assert!(db.info().unwrap().free_bytes() < full.free_bytes() + (1 << 20));
}

#[test]
fn a_bucket_of_any_keys_is_copied_entry_by_entry() {
    let db = larder::Database::in_memory().unwrap();
    fill(&db);
    let copy = larder::Database::in_memory().unwrap();
    let tx = db.read().unwrap();
    let ports = tx.any_bucket("ports").unwrap().unwrap();
    assert_eq!(
        (ports.len().unwrap(), ports.is_empty().unwrap()),
        (1, false)
    );
    copy.write(|to| {
        let mut bucket = to.any_bucket("ports", ports.key_type())?;
        for entry in ports.iter()? {
            let (key, value) = entry?;
            assert!(!bucket.put(&key, &value)?);
            assert!(bucket.put(&key, &value)?);
        }
        Ok(())
    })
    .unwrap();
    let read = copy.read().unwrap();
    let found = read.bucket_of::<(u16, String)>("ports").unwrap();
    assert_eq!(found.get((80, "tcp")).unwrap().unwrap(), "http");
    assert!(tx.any_bucket("nothing").unwrap().is_none());
    for error in [
        tx.any_bucket("cities").err(),
        copy.write(|tx| tx.any_bucket("ports", "u64").map(drop))
            .err(),
        db.write(|tx| tx.any_bucket("notes", "u64").map(drop)).err(),
    ] {
        assert_eq!(error.unwrap().kind(), ErrorKind::Invalid);
    }
    let long = copy.write(|tx| {
        tx.any_bucket("ports", "(u16, string)")?
            .put(&[0; 5000], b"")
            .map(drop)
    });
    assert_eq!(long.unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn a_document_is_cut_to_paths_as_a_query_cuts_it() {
    let db = larder::Database::in_memory().unwrap();
    let document = json!({"a": {"b": 1, "c": [{"d": 2, "e": 3}, 4]}, "f": null, "_id": 7});
    db.write(|tx| tx.documents("x")?.insert(&document)).unwrap();
    let tx = db.read().unwrap();
    let documents = tx.documents("x").unwrap();
    let found = documents.get(7).unwrap().unwrap();
    assert_eq!(found.key(), &DocumentKey::of(json!(7)).unwrap());
    for paths in [
        vec!["a.c.d", "f"],
        vec!["_id"],
        vec!["a"],
        vec!["nothing"],
        vec![],
    ] {
        let all = documents.find(json!({})).unwrap();
        let mut projected = all.project(&paths).unwrap();
        let expected = projected.next().unwrap().unwrap();
        assert_eq!(found.project(&paths).unwrap(), expected, "{paths:?}");
    }
    let deep = "a.".repeat(200) + "a";
    assert_eq!(
        found.project([deep]).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}
