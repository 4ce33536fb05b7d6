//! Random documents, with random indexes and without: every query finds the same.

use larder::{Database, DocumentsMut, ErrorKind, Readable};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::compare::{self, Hint, Right, numbers};
use super::given::{Asked, GivenIndex, among, asked, config, document, indexes};
use crate::support::check;

/// What is done to documents between queries.
#[derive(Clone, Debug)]
enum Change {
    Put(i64, Value),
    Remove(i64),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => (0..14_i64, document()).prop_map(|(key, document)| Change::Put(key, document)),
        1 => (0..14_i64).prop_map(Change::Remove),
    ]
}

/// The key in the collection whose order of keys is the opposite.
fn opposite(key: i64) -> i64 {
    1000 - key
}

/// Fails unless a collection answers as one without indexes does.
fn assert_right(tx: &impl Readable, collection: &str, hints: &[Hint], asked: &Asked) {
    let plain = tx.documents("plain").unwrap();
    let plain = plain
        .find(&asked.filter)
        .unwrap()
        .sort(asked.sort())
        .unwrap();
    let opposed = tx.documents("opposed").unwrap();
    let opposed = opposed.find(asked.filter_without(&["_id"])).unwrap();
    let opposed = opposed.sort(asked.sort_turned(&["_id"])).unwrap();
    let Some(right) = Right::of(&plain, &opposed, opposite) else {
        return;
    };
    let documents = tx.documents(collection).unwrap();
    let all = || {
        let query = documents.find(&asked.filter).unwrap();
        query.sort(asked.sort()).unwrap()
    };
    compare::assert_right(&right, all, hints, asked);
}

/// Puts a document where the indexes take it; says whether they do.
fn is_taken(documents: &mut DocumentsMut<'_>, key: i64, document: &Value) -> bool {
    match documents.put(key, document) {
        Ok(_) => true,
        Err(error) => {
            let refused = [
                ErrorKind::ParallelArrays,
                ErrorKind::Conflict,
                ErrorKind::Limit,
            ];
            assert!(refused.contains(&error.kind()), "{error}");
            false
        }
    }
}

/// Applies changes to all collections, and asks while they are not committed.
fn apply(db: &Database, others: &[&str], changes: &[Change], hints: &[Hint], asked: &[Asked]) {
    db.write(|tx| {
        for change in changes {
            match change {
                Change::Put(key, document) => {
                    if !is_taken(&mut tx.documents("indexed")?, *key, document) {
                        continue;
                    }
                    for other in others {
                        tx.documents(other)?.put(*key, document)?;
                    }
                    tx.documents("opposed")?.put(opposite(*key), document)?;
                }
                Change::Remove(key) => {
                    let removed = tx.documents("indexed")?.remove(*key)?;
                    for other in others {
                        assert_eq!(tx.documents(other)?.remove(*key)?, removed);
                    }
                    tx.documents("opposed")?.remove(opposite(*key))?;
                }
            }
        }
        for asked in asked {
            assert_right(tx, "indexed", hints, asked);
        }
        Ok(())
    })
    .unwrap();
}

/// The same indexes, made before the documents and after them.
fn assert_same_indexes(db: &Database) {
    let tx = db.read().unwrap();
    let listed = |name: &str| {
        let indexes = tx.documents(name).unwrap().indexes().unwrap();
        let mut listed: Vec<String> = indexes.iter().map(ToString::to_string).collect();
        listed.sort();
        listed
    };
    assert_eq!(listed("indexed"), listed("built"));
}

fn assert_all(db: &Database, hints: &[Hint], asked: &[Asked]) {
    let tx = db.read().unwrap();
    for asked in asked {
        for collection in ["indexed", "built"] {
            assert_right(&tx, collection, hints, asked);
        }
    }
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn an_indexed_query_finds_what_a_scan_finds(
        indexes in indexes(),
        documents in vec(document(), 0..14),
        changes in vec(change(), 0..8),
        asked in vec(asked(), 1..12),
    ) {
        let db = Database::in_memory().unwrap();
        for index in &indexes {
            db.create_index("indexed", index.make()).unwrap();
        }
        let puts: Vec<Change> = documents.into_iter().enumerate().map(|(key, document)| Change::Put(key as i64, document)).collect();
        let hints: Vec<Hint> = indexes.iter().map(GivenIndex::hint).collect();
        apply(&db, &["plain", "built"], &puts, &[], &[]);
        build(&db, &indexes);
        assert_same_indexes(&db);
        assert_all(&db, &hints, &asked);
        apply(&db, &["plain", "built"], &changes, &hints, asked.get(..2).unwrap_or_default());
        assert_same_indexes(&db);
        assert_all(&db, &hints, &asked);
        check(&db);
    }
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn to_be_among_values_is_to_equal_one(
        documents in vec(document(), 1..14),
        asked in vec(among(), 1..8),
    ) {
        let db = Database::in_memory().unwrap();
        db.write(|tx| {
            let mut notes = tx.documents("notes")?;
            for (key, document) in documents.iter().enumerate() {
                notes.put(key as i64, document)?;
            }
            Ok(())
        }).unwrap();
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        for (path, values) in &asked {
            let equal = values.iter().map(|value| json!({ *path: { "$eq": value } }));
            let equal: Vec<Value> = equal.chain([json!({ *path: { "$type": "objectId" } })]).collect();
            for (one, other) in [
                (json!({ *path: { "$in": values } }), json!({ "$or": equal })),
                (json!({ *path: { "$nin": values } }), json!({ "$nor": equal })),
            ] {
                let found = |filter: &Value| numbers(&notes.find(filter).unwrap()).unwrap();
                prop_assert_eq!(found(&one), found(&other), "{} and {}", one, other);
            }
        }
    }
}

/// Makes the indexes of documents that are there; one of them within a transaction.
fn build(db: &Database, indexes: &[GivenIndex]) {
    db.write(|tx| tx.documents("built")?.create_index(indexes[0].make()))
        .unwrap();
    for index in indexes.iter().skip(1) {
        db.create_index("built", index.make()).unwrap();
    }
}
