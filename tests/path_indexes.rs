//! Indexes on paths: made, replaced and dropped; with them queries find what they find without.

mod compare;
mod documents;
mod given;
mod pages;
mod records;

use larder::{Document, Documents, ErrorKind, PathIndex};
use serde_json::json;

use self::compare::numbers;
use crate::support::{TestDb, db};

/// Why a closure is rolled back.
type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// Notes under the numbers from 0.
fn notes(documents: &[serde_json::Value]) -> TestDb {
    let db = db();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for (number, document) in documents.iter().enumerate() {
            notes.put(number as i64, document)?;
        }
        Ok(())
    })
    .unwrap();
    db
}

fn listed(db: &larder::Database) -> Vec<String> {
    let tx = db.read().unwrap();
    let indexes = tx.documents("notes").unwrap().indexes().unwrap();
    indexes.iter().map(ToString::to_string).collect()
}

#[test]
fn indexes_are_made_listed_replaced_and_dropped() {
    let db = notes(&[json!({"a": 1, "b": [1, 2]}), json!({"b": []}), json!([3])]);
    db.create_index("notes", PathIndex::on("a")).unwrap();
    db.create_index("notes", PathIndex::on("b").and_descending("a"))
        .unwrap();
    db.create_index("notes", PathIndex::on("a").sparse().named("present"))
        .unwrap();
    assert_eq!(
        listed(&db),
        [
            "a_1 (a), ready, 3 entries",
            "b_1_a_-1 (b, a descending), ready, 4 entries",
            "present (a) sparse, ready, 1 entries",
        ]
    );
    // The same again is nothing; another of its name takes its place.
    let before = db.commit_sequence();
    db.create_index("notes", PathIndex::on("a")).unwrap();
    assert_eq!(db.commit_sequence(), before);
    db.create_index("notes", PathIndex::on("c").named("a_1"))
        .unwrap();
    let named: Vec<String> = listed(&db)
        .into_iter()
        .filter(|index| index.starts_with("a_1 "))
        .collect();
    assert_eq!(named, ["a_1 (c), ready, 3 entries"]);
    let dropped = db.write(|tx| tx.documents("notes")?.drop_index("present"));
    assert!(dropped.unwrap());
    let dropped = db.write(|tx| tx.documents("notes")?.drop_index("present"));
    assert!(!dropped.unwrap());
    let db = db.reopen();
    assert_eq!(listed(&db).len(), 2);
}

#[test]
fn a_collection_that_does_not_exist_is_created_with_its_index() {
    let db = db();
    db.create_index("notes", PathIndex::on("a").unique())
        .unwrap();
    assert_eq!(listed(&db), ["a_1 (a) unique, ready, 0 entries"]);
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.put(1, json!({"a": 1}))?;
        let error = notes.put(2, json!({"a": 1.0})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        // It was refused alone.
        notes.put(2, json!({"a": 2}))
    })
    .unwrap();
    assert_eq!(listed(&db), ["a_1 (a) unique, ready, 2 entries"]);
}

#[test]
fn a_unique_index_that_cannot_be_names_both_documents_and_is_not_there() {
    let db = notes(&[
        json!({"a": "x"}),
        json!({"a": "y"}),
        json!({"a": ["z", "x"]}),
    ]);
    let within = |db: &larder::Database| {
        db.write(|tx| {
            tx.documents("notes")?
                .create_index(PathIndex::on("a").unique())
        })
    };
    for error in [
        db.create_index("notes", PathIndex::on("a").unique())
            .unwrap_err(),
        within(&db).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let said = error.to_string();
        for word in ["\"a_1\"", "\"notes\"", "0", "2"] {
            assert!(said.contains(word), "{said} does not name {word}");
        }
        assert_eq!(listed(&db), Vec::<String>::new());
    }
    db.write(|tx| tx.documents("notes")?.remove(2)).unwrap();
    within(&db).unwrap();
    assert_eq!(listed(&db), ["a_1 (a) unique, ready, 2 entries"]);
}

/// One that cannot take the place of another leaves it.
#[test]
fn an_index_that_cannot_be_built_leaves_the_one_of_its_name() {
    let db = notes(&[json!({"a": 1, "b": 1}), json!({"a": 2, "b": 1})]);
    db.create_index("notes", PathIndex::on("a").named("it"))
        .unwrap();
    let error = db
        .create_index("notes", PathIndex::on("b").unique().named("it"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(listed(&db), ["it (a), ready, 2 entries"]);
}

#[test]
fn a_unique_index_takes_what_is_missing_for_null_unless_it_is_sparse() {
    let db = db();
    db.create_index("notes", PathIndex::on("a").unique())
        .unwrap();
    db.create_index("sparse", PathIndex::on("a").unique().sparse())
        .unwrap();
    db.write(|tx| {
        for (name, again) in [("notes", false), ("sparse", true)] {
            let mut notes = tx.documents(name)?;
            notes.put(1, json!({"b": 1}))?;
            assert_eq!(notes.put(2, json!({"b": 2})).is_ok(), again);
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn lists_on_two_paths_are_refused_in_building_and_in_writing() {
    let parallel = json!({"a": [1, 2], "b": [1, 2]});
    let db = notes(&[json!({"a": [1], "b": 2}), parallel.clone()]);
    let error = db
        .create_index("notes", PathIndex::on("a").and("b"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ParallelArrays, "{error}");
    assert_eq!(listed(&db), Vec::<String>::new());
    db.write(|tx| tx.documents("notes")?.remove(1)).unwrap();
    db.create_index("notes", PathIndex::on("a").and("b"))
        .unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        let error = notes.put(1, &parallel).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ParallelArrays, "{error}");
        assert!(!notes.contains(1)?);
        // One list of which both paths are is none too many.
        notes.create_index(PathIndex::on("c.x").and("c.y"))?;
        notes.put(2, json!({"c": [{"x": 1, "y": 2}, {"x": 3}]}))
    })
    .unwrap();
}

#[test]
fn a_key_that_is_too_long_is_refused() {
    let long = json!({"a": "x".repeat(5000)});
    let db = notes(std::slice::from_ref(&long));
    let error = db.create_index("notes", PathIndex::on("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert_eq!(listed(&db), Vec::<String>::new());
    db.create_index("other", PathIndex::on("a")).unwrap();
    let error = db
        .write(|tx| tx.documents("other")?.put(1, &long))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn what_is_no_index_is_refused() {
    let db = db();
    let many: Vec<String> = (0..33).map(|i| format!("p{i}")).collect();
    let many = many
        .iter()
        .skip(1)
        .fold(PathIndex::on("p0"), |index, path| index.and(path));
    for index in [
        PathIndex::on(""),
        PathIndex::on("a..b"),
        PathIndex::on("$a"),
        PathIndex::on("_id"),
        PathIndex::on("a").only(json!({"_id": 1})),
        PathIndex::on("a").only(json!({"a": {"$size": "x"}})),
        PathIndex::on("a").only(json!(1)),
        many,
    ] {
        let error = db.create_index("notes", index).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let error = db
        .create_index("notes", PathIndex::on("a").only(json!({"a": {"$near": 1}})))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(
        db.read()
            .unwrap()
            .documents("notes")
            .unwrap()
            .len()
            .unwrap(),
        0
    );
}

/// What a query of notes finds, and how.
fn explained(notes: &Documents<'_>, filter: serde_json::Value) -> (Vec<i64>, larder::Explanation) {
    let query = notes.find(filter).unwrap();
    (numbers(&query).unwrap(), query.explain().unwrap())
}

#[test]
fn a_folded_index_knows_no_case() {
    let db = notes(&[
        json!({"a": "Straße"}),
        json!({"a": "STRASSE"}),
        json!({"a": ["strasse", 1]}),
        json!({"a": "strasbourg"}),
    ]);
    let error = db
        .create_index("notes", PathIndex::on("a").folded().unique())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    db.create_index("notes", PathIndex::on("a").folded())
        .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    for (filter, wanted) in [
        (
            json!({"a": {"$regex": "^STRAS", "$options": "i"}}),
            vec![1, 2, 3],
        ),
        (json!({"a": {"$regex": "^stras"}}), vec![2, 3]),
        (json!({"a": "STRASSE"}), vec![1]),
        (json!({"a": {"$in": ["Straße", 1]}}), vec![0, 2]),
    ] {
        let (mut found, explained) = explained(&notes, filter.clone());
        found.sort();
        assert_eq!(found, wanted, "{filter}");
        assert!(explained.indexes().eq(["a_1"]), "{filter}: {explained}");
    }
    // It is not sorted as the texts are.
    let (_, ranged) = explained(&notes, json!({"a": {"$gt": "T"}}));
    assert!(ranged.is_full_scan(), "{ranged}");
}

#[test]
fn a_partial_index_serves_where_the_filter_implies_its_own() {
    let documents: Vec<_> = (0..40)
        .map(|i| json!({"a": i % 10, "done": i % 2 == 0, "n": i}))
        .collect();
    let db = notes(&documents);
    db.create_index("notes", PathIndex::on("a").only(json!({"done": false})))
        .unwrap();
    db.create_index(
        "notes",
        PathIndex::on("n")
            .only(json!({"n": {"$gte": 10}}))
            .named("many"),
    )
    .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    for (filter, index) in [
        (json!({"a": 3, "done": false}), Some("a_1")),
        (json!({"a": 3, "done": {"$in": [false]}}), Some("a_1")),
        (json!({"a": 3}), None),
        (json!({"a": 3, "done": {"$ne": true}}), None),
        (json!({"a": 3, "done": {"$in": [false, null]}}), None),
        (json!({"n": {"$gte": 10, "$lt": 12}}), Some("many")),
        (json!({"n": {"$gt": 30}}), Some("many")),
        (json!({"n": 11}), Some("many")),
        (json!({"n": {"$gte": 9}}), None),
        (json!({"n": {"$lt": 12}}), None),
    ] {
        let (_, explained) = explained(&notes, filter.clone());
        assert!(explained.indexes().eq(index), "{filter}: {explained}");
        assert_eq!(explained.is_full_scan(), index.is_none(), "{explained}");
    }
}

#[test]
fn a_full_scan_can_be_an_error_and_an_index_be_named() {
    let documents: Vec<_> = (0..20).map(|i| json!({"a": i, "b": i})).collect();
    let db = notes(&documents);
    db.create_index("notes", PathIndex::on("a")).unwrap();
    db.create_index("notes", PathIndex::on("a").and("b"))
        .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let scanned = notes.find(json!({"b": 1})).unwrap().require_index();
    assert_eq!(scanned.iter().unwrap_err().kind(), ErrorKind::NoIndex);
    assert_eq!(scanned.count().unwrap_err().kind(), ErrorKind::NoIndex);
    assert_eq!(scanned.first().unwrap_err().kind(), ErrorKind::NoIndex);
    assert_eq!(scanned.exists().unwrap_err().kind(), ErrorKind::NoIndex);
    assert_eq!(scanned.explain().unwrap_err().kind(), ErrorKind::NoIndex);
    let by_key = notes.find(json!({"_id": 3})).unwrap().require_index();
    assert_eq!(by_key.count().unwrap(), 1);
    let indexed = notes.find(json!({"a": 3})).unwrap().require_index();
    assert_eq!(indexed.count().unwrap(), 1);
    for name in ["a_1", "a_1_b_1"] {
        let hinted = notes.find(json!({"a": 3})).unwrap().hint(name);
        let explained = hinted.explain().unwrap();
        assert!(explained.indexes().eq([name]), "{explained}");
        assert_eq!((explained.keys(), explained.found()), (1, 1), "{explained}");
    }
    let absent = notes.find(json!({"a": 3})).unwrap().hint("absent");
    assert_eq!(absent.iter().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(absent.count().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(absent.first().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_sort_comes_from_an_index_in_both_directions() {
    let documents: Vec<_> = (0..30).map(|i| json!({"a": i % 3, "b": i})).collect();
    let db = notes(&documents);
    db.create_index("notes", PathIndex::on("a").and_descending("b"))
        .unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    for (filter, sort, in_memory, text) in [
        (json!({"a": 1}), vec!["-b"], false, "1 span of 1 column, "),
        (
            json!({"a": 1}),
            vec!["b"],
            false,
            "(a, b descending), backwards: 1 span of 1 column, ",
        ),
        (
            json!({"a": {"$gte": 1}}),
            vec!["a", "-b"],
            false,
            "1 span of 1 column, ",
        ),
        (
            json!({"a": {"$gte": 1}}),
            vec!["-a", "b"],
            false,
            "backwards: 1 span of 1 column, ",
        ),
        (
            json!({"a": {"$gte": 1}}),
            vec!["a", "b"],
            true,
            "sorted in memory",
        ),
        (
            json!({"a": {"$in": [0, 2]}}),
            vec!["b"],
            true,
            "2 spans of 1 column, ",
        ),
        (
            json!({"a": 1, "b": {"$lt": 9}}),
            vec!["b"],
            false,
            "backwards: 1 span of 2 columns, ",
        ),
    ] {
        let query = notes.find(&filter).unwrap().sort(sort.clone()).unwrap();
        let explained = query.explain().unwrap();
        let said = explained.to_string();
        assert!(said.contains(text), "{filter}, {sort:?}: {said}");
        assert!(
            explained.indexes().eq(["a_1_b_-1"]),
            "{filter}, {sort:?}: {said}"
        );
        assert_eq!(
            explained.sorts_in_memory(),
            in_memory,
            "{filter}, {sort:?}: {said}"
        );
        assert!(!explained.is_full_scan(), "{said}");
    }
    let best = notes
        .find(json!({"a": 1}))
        .unwrap()
        .sort("-b")
        .unwrap()
        .limit(2);
    assert_eq!(numbers(&best).unwrap(), [28, 25]);
    let explained = best.explain().unwrap();
    assert_eq!(
        (explained.keys(), explained.records()),
        (2, 2),
        "{explained}"
    );
    let nothing = notes
        .find(json!({"a": {"$in": []}}))
        .unwrap()
        .explain()
        .unwrap();
    assert!(
        nothing.to_string().contains("nothing can be found"),
        "{nothing}"
    );
    assert_eq!(nothing.keys(), 0);
}

#[test]
fn an_or_goes_through_an_index_for_each_branch() {
    let documents: Vec<_> = (0..50)
        .map(|i| json!({"a": i % 10, "b": i % 7, "c": i}))
        .collect();
    let db = notes(&documents);
    db.create_index("notes", PathIndex::on("a")).unwrap();
    db.create_index("notes", PathIndex::on("b")).unwrap();
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let (mut found, either) = explained(&notes, json!({"$or": [{"a": 1}, {"b": 2}]}));
    found.sort();
    let wanted: Vec<i64> = (0..50).filter(|i| i % 10 == 1 || i % 7 == 2).collect();
    assert_eq!(found, wanted);
    assert!(either.indexes().eq(["a_1", "b_1"]), "{either}");
    let (_, scanned) = explained(&notes, json!({"$or": [{"a": 1}, {"c": 2}]}));
    assert!(scanned.is_full_scan(), "{scanned}");
}

#[test]
fn an_index_goes_as_its_transaction_does() {
    let db = notes(&[json!({"a": 1}), json!({"a": 2})]);
    let rolled_back: Result<(), Refusal> = db.try_write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.create_index(PathIndex::on("a"))?;
        notes.put(7, json!({"a": 1}))?;
        let found = notes.find(json!({"a": 1}))?.require_index();
        assert_eq!(numbers(&found)?, [0, 7]);
        Err("it is not to be".into())
    });
    rolled_back.unwrap_err();
    assert_eq!(listed(&db), Vec::<String>::new());
    {
        let tx = db.begin_write().unwrap();
        tx.documents("notes")
            .unwrap()
            .create_index(PathIndex::on("a"))
            .unwrap();
    }
    assert_eq!(listed(&db), Vec::<String>::new());
    db.create_index("notes", PathIndex::on("a")).unwrap();
    let rolled_back: Result<(), Refusal> = db.try_write(|tx| {
        let mut notes = tx.documents("notes")?;
        assert!(notes.drop_index("a_1")?);
        let error = notes
            .find(json!({"a": 1}))?
            .require_index()
            .count()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoIndex, "{error}");
        notes.remove(0)?;
        Err("it is not to be".into())
    });
    rolled_back.unwrap_err();
    assert_eq!(listed(&db), ["a_1 (a), ready, 2 entries"]);
}

/// A reader that began before an index was there goes on without it.
#[test]
fn a_reader_keeps_the_indexes_that_it_began_with() {
    let db = notes(&[json!({"a": 1}), json!({"a": 2})]);
    let before = db.read().unwrap();
    db.create_index("notes", PathIndex::on("a")).unwrap();
    let after = db.read().unwrap();
    db.write(|tx| tx.documents("notes")?.drop_index("a_1"))
        .unwrap();
    for (tx, indexed) in [(&before, false), (&after, true)] {
        let notes = tx.documents("notes").unwrap();
        let query = notes.find(json!({"a": 2})).unwrap();
        assert_eq!(numbers(&query).unwrap(), [1]);
        let required = query.require_index().count();
        assert_eq!(required.is_ok(), indexed, "{required:?}");
    }
}

#[test]
fn clearing_a_collection_clears_its_indexes() {
    let db = notes(&[json!({"a": [1, 2]}), json!({"a": 2})]);
    db.create_index("notes", PathIndex::on("a")).unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.clear()?;
        assert_eq!(notes.find(json!({"a": 2}))?.count()?, 0);
        notes.put(1, json!({"a": 2}))
    })
    .unwrap();
    assert_eq!(listed(&db), ["a_1 (a), ready, 1 entries"]);
}

/// Documents come as lines and by patches as well: their indexes follow.
#[test]
fn every_way_of_writing_keeps_indexes_up() {
    let db = notes(&[json!({"a": 1}), json!({"a": 2})]);
    db.create_index("notes", PathIndex::on("a").and("b.c"))
        .unwrap();
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        notes.import_ndjson(&b"{\"_id\": 2, \"a\": 3}\n{\"_id\": 3, \"a\": [4, 5]}\n"[..])?;
        notes.set(0, "/b", json!({"c": 7}))?;
        notes.merge_patch(1, &json!({"a": null}))?;
        notes.take(2)?;
        let of = |notes: &Documents<'_>, filter| numbers(&notes.find(filter)?.require_index());
        assert_eq!(of(&notes, json!({"a": 1, "b.c": 7}))?, [0]);
        assert_eq!(of(&notes, json!({"a": null}))?, [1]);
        assert_eq!(of(&notes, json!({"a": 3}))?, [0; 0]);
        assert_eq!(of(&notes, json!({"a": {"$gte": 4}}))?, [3]);
        Ok(())
    })
    .unwrap();
}

/// More documents than one step takes, with writers between the steps.
#[test]
#[ignore = "it writes 120,000 documents"]
fn an_index_is_built_in_several_steps_while_others_write() {
    let db = db();
    let count = 120_000_i64;
    db.write(|tx| {
        let mut notes = tx.documents("notes")?;
        for i in 0..count {
            notes.put(i, Document::from_json(format!("{{\"a\":{}}}", i % 1000))?)?;
        }
        Ok(())
    })
    .unwrap();
    std::thread::scope(|scope| {
        let building = scope.spawn(|| db.create_index("notes", PathIndex::on("a")));
        let mut round = 0;
        while !building.is_finished() {
            db.write(|tx| {
                let mut notes = tx.documents("notes")?;
                notes.put(count + round, json!({"a": 5000}))?;
                notes.put(round * 7, json!({"a": 6000}))?;
                notes.remove(count - 1 - round)
            })
            .unwrap();
            round += 1;
        }
        building.join().unwrap().unwrap();
    });
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let index = notes.indexes().unwrap().remove(0);
    assert!(index.is_ready, "{index}");
    assert_eq!(index.entries, notes.len().unwrap());
    for value in [0, 999, 5000, 6000] {
        let query = notes.find(json!({"a": value})).unwrap();
        let scanned = notes.iter().unwrap().filter(|note| {
            let note = note.as_ref().unwrap();
            note.value().unwrap().get("a").unwrap().unwrap().as_i64() == Some(value)
        });
        assert_eq!(
            query.require_index().count().unwrap(),
            scanned.count() as u64
        );
    }
}

/// Numbers that a filter finds, sorted, through whatever index was named.
fn found_through(
    documents: &[serde_json::Value],
    index: Option<PathIndex>,
    filter: &serde_json::Value,
    sort: &[&str],
) -> Vec<i64> {
    let db = notes(documents);
    let is_there = index.is_some();
    if let Some(index) = index {
        db.create_index("notes", index.named("it")).unwrap();
    }
    let tx = db.read().unwrap();
    let notes = tx.documents("notes").unwrap();
    let query = notes.find(filter).unwrap();
    let query = query
        .sort(
            sort.iter()
                .map(|part| (*part).to_owned())
                .collect::<Vec<_>>(),
        )
        .unwrap();
    let query = if is_there { query.hint("it") } else { query };
    let mut found = numbers(&query).unwrap();
    if sort.is_empty() {
        found.sort();
    }
    found
}

/// What is reached by a position has a key as a whole, whatever it is; a filter looks at it in other ways
/// as well.
#[test]
fn lists_in_lists_are_found_by_positions() {
    let documents = [
        json!({"a": [[]]}),
        json!({"a": [[5]]}),
        json!({"a": [[2, 3]]}),
        json!({"a": [[{"b": 1}]]}),
        json!([[2]]),
        json!([[]]),
        json!({"0": [2]}),
        json!({"a": [{"0": 5}]}),
    ];
    for (path, filter) in [
        ("a.0", json!({"a.0": {"$size": 0}})),
        ("a.0", json!({"a.0": []})),
        ("a.0", json!({"a.0": {"$elemMatch": {"$gte": 2}}})),
        ("a.0", json!({"a": {"$elemMatch": {"0": 5}}})),
        ("a.0.b", json!({"a": {"$elemMatch": {"0.b": 1}}})),
        ("0", json!({"0": 2})),
        ("0", json!({"0": {"$size": 0}})),
        ("0", json!({"0": {"$in": [2, []]}})),
    ] {
        let scanned = found_through(&documents, None, &filter, &[]);
        let through = found_through(&documents, Some(PathIndex::on(path)), &filter, &[]);
        assert_eq!(through, scanned, "{filter} through {path}");
        assert!(!scanned.is_empty(), "{filter}");
    }
}

/// A name beside a position goes on through the elements.
#[test]
fn a_position_beside_a_name_hides_no_elements() {
    let documents = [
        json!({"a": [{"c": 1}, {"c": 3}]}),
        json!({"a": [{"c": 2}]}),
        json!({"a": {"0": 1, "c": 3}}),
    ];
    let index = || Some(PathIndex::on("a.c").and("a.0"));
    let filter = json!({"a.c": 3});
    assert_eq!(found_through(&documents, index(), &filter, &[]), [0, 2]);
    let all = json!({});
    assert_eq!(
        found_through(&documents, index(), &all, &["-a.c"]).last(),
        Some(&1)
    );
    assert_eq!(
        found_through(&documents, index(), &all, &["a.c"]),
        [0, 1, 2]
    );
}

/// A sparse index has no key for an element that has nothing at its path; the document sorts by it all the
/// same.
#[test]
fn a_sparse_index_of_lists_gives_no_order() {
    let documents = [
        json!({"a": [{"b": 3}]}),
        json!({"a": [{"b": 5}, {"c": 1}]}),
        json!({"a": [{"b": 1}]}),
    ];
    let filter = json!({"a.b": {"$exists": true}});
    let through = |index| found_through(&documents, index, &filter, &["a.b"]);
    assert_eq!(through(Some(PathIndex::on("a.b").sparse())), [1, 2, 0]);
    assert_eq!(through(None), [1, 2, 0]);
}
