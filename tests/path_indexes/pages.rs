//! Pages of a query, while others write between them: what they leave alone comes exactly once.

use std::collections::BTreeSet;

use larder::{Cursor, Database, ErrorKind};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::compare::{Numbered, rest};
use super::given::{Asked, asked, config, document, indexes};
use crate::support::{check, db};

/// What others put or remove: their keys lie before, between and behind those that are left alone.
#[derive(Clone, Debug)]
struct Write {
    key: i64,
    document: Option<Value>,
}

/// The keys that are left alone are even.
fn write() -> impl Strategy<Value = Write> {
    let document = proptest::option::of(document());
    (-3..20_i64, document).prop_map(|(key, document)| Write {
        key: key * 2 + 1,
        document,
    })
}

/// Puts or removes a document, where the indexes take it.
fn carry_out(db: &Database, write: &Write) {
    let written = db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        match &write.document {
            Some(document) => notes.put(write.key, document).map(|_| ()),
            None => notes.remove(write.key).map(|_| ()),
        }
    });
    assert_refused_at_most(written);
}

fn assert_refused_at_most<T>(written: larder::Result<T>) -> Option<T> {
    written
        .map_err(|error| {
            let refused = [ErrorKind::ParallelArrays, ErrorKind::Conflict];
            assert!(refused.contains(&error.kind()), "{error}");
        })
        .ok()
}

/// The next page, and where it ends. `None` where the query is refused: something cannot be sorted, or an
/// index does not give the order any more.
fn page(
    db: &Database,
    asked: &Asked,
    after: Option<&Cursor>,
) -> Option<(Vec<i64>, Option<Cursor>)> {
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let query = notes.find(&asked.filter).unwrap();
    let mut query = query.sort(asked.sort()).unwrap().limit(asked.page);
    if let Some(after) = after {
        query = query.after(after);
    }
    let mut iter = assert_refused_at_most(query.iter())?;
    let given = rest(&mut iter).unwrap();
    Some((given, iter.cursor()))
}

/// The even keys that a query finds.
fn left_alone(db: &Database, asked: &Asked) -> BTreeSet<i64> {
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let found = notes.find(&asked.filter).unwrap();
    let numbers = found.iter().unwrap().map(|note| note.unwrap().number());
    numbers.filter(|number| number % 2 == 0).collect()
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn what_nobody_touches_comes_once(
        indexes in indexes(),
        documents in vec(document(), 0..14),
        writes in vec(write(), 10),
        mut asked in asked(),
    ) {
        let db = Database::in_memory().unwrap();
        for index in &indexes {
            db.create_index("notes", index.make()).unwrap();
        }
        for (number, document) in documents.into_iter().enumerate() {
            carry_out(&db, &Write { key: number as i64 * 2, document: Some(document) });
        }
        asked.page = asked.page.min(3);
        let wanted = left_alone(&db, &asked);
        let mut found: Vec<i64> = Vec::new();
        let mut after = None;
        let mut writes = writes.iter().cycle();
        while let Some((given, cursor)) = page(&db, &asked, after.as_ref()) {
            found.extend(given.iter().filter(|number| **number % 2 == 0));
            if given.is_empty() {
                let mut sorted = found.clone();
                sorted.sort();
                prop_assert!(sorted.iter().eq(&wanted), "{:?}, {:?} is right", found, wanted);
                break;
            }
            after = cursor;
            prop_assert!(found.len() <= wanted.len(), "{:?}, {:?} is right", found, wanted);
            for write in writes.by_ref().take(2) {
                carry_out(&db, write);
            }
        }
        check(&db);
    }
}

/// Every way that a query is answered: by key, through an index in both directions, through one of lists,
/// sorted in memory, and by the branches of an `$or`.
#[test]
fn every_way_has_its_pages() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for i in 0..60 {
            let tags = [i % 3, i % 5 + 10, i % 3];
            notes.put(i, json!({"n": i % 7, "m": i % 4, "tags": tags}))?;
        }
        Ok(())
    })
    .unwrap();
    for path in ["n", "m", "tags"] {
        db.create_index("notes", larder::PathIndex::on(path))
            .unwrap();
    }
    for (filter, sort, way) in [
        (json!({}), "", "full scan"),
        (json!({"_id": {"$gt": 10}}), "", "by key"),
        (json!({"n": {"$gt": 1}}), "", "index \"n_1\""),
        (json!({"n": {"$gt": 1}}), "n", "index \"n_1\""),
        (json!({"n": {"$gt": 1}}), "-n", "backwards"),
        (json!({"n": {"$gt": 1}}), "m", "sorted in memory"),
        (json!({"tags": {"$gte": 1}}), "", "index \"tags_1\""),
        (json!({"tags": {"$exists": true}}), "-tags", "tags_1"),
        (
            json!({"$or": [{"n": 3}, {"m": 1}, {"tags": 12}]}),
            "",
            "index \"m_1\"",
        ),
    ] {
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        let asked = || {
            let query = notes.find(&filter).unwrap();
            let query = if way == "full scan" {
                query
            } else {
                query.require_index()
            };
            if sort.is_empty() {
                query
            } else {
                query.sort(sort).unwrap()
            }
        };
        let explained = asked().limit(7).explain().unwrap().to_string();
        assert!(explained.contains(way), "{filter}, {sort}: {explained}");
        let mut found = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let mut query = asked().limit(7);
            if let Some(after) = &after {
                query = query.after(after);
            }
            let mut iter = query.iter().unwrap();
            let given = rest(&mut iter).unwrap();
            if given.is_empty() {
                break;
            }
            found.extend(given);
            after = iter.cursor();
        }
        let mut wanted = rest(&mut asked().iter().unwrap()).unwrap();
        // Where several sort alike, or nothing is said, pages may come by another index.
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{filter}, {sort}");
    }
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.create_index(larder::PathIndex::on("n"))?;
        for i in 0..10 {
            notes.put(i, json!({"n": i}))?;
        }
        Ok(())
    })
    .unwrap();
    let cursor = {
        let tx = db.read().unwrap();
        let notes = tx.documents("notes").unwrap();
        let query = notes.find(json!({"n": {"$gt": 2}})).unwrap().limit(3);
        let mut iter = query.iter().unwrap();
        assert!(iter.cursor().is_none(), "it gave nothing yet");
        rest(&mut iter).unwrap();
        iter.cursor().unwrap()
    };
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let other = notes.find(json!({"n": {"$gt": 1}})).unwrap().after(&cursor);
    assert_eq!(other.iter().unwrap_err().kind(), ErrorKind::Invalid);
    let sorted = notes
        .find(json!({"n": {"$gt": 2}}))
        .unwrap()
        .sort("n")
        .unwrap();
    let sorted = sorted.after(&cursor);
    assert_eq!(sorted.iter().unwrap_err().kind(), ErrorKind::Invalid);
    let noise: Cursor = "AQAAAAA".parse().unwrap();
    let noisy = notes.find(json!({})).unwrap().after(&noise);
    assert_eq!(noisy.iter().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(
        "§".parse::<Cursor>().unwrap_err().kind(),
        ErrorKind::Invalid
    );
    db.write(|tx| tx.documents("notes")?.drop_index("n_1"))
        .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let gone = notes.find(json!({"n": {"$gt": 2}})).unwrap().after(&cursor);
    assert_eq!(gone.iter().unwrap_err().kind(), ErrorKind::Conflict);
}
