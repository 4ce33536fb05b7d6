//! Bounds: what exceeds one is refused with `Limit`, writes nothing, and the transaction goes on.

use larder::{CollectionOptions, Database, ErrorKind, Result, record};

use crate::support::{TestDb, db, db_with};

#[record(name = "texts")]
#[derive(Clone, Debug, PartialEq)]
struct Text {
    #[key]
    key: String,
    #[index]
    topic: String,
    #[unique]
    slug: Option<String>,
    body: String,
}

fn text(key: &str) -> Text {
    Text {
        key: key.into(),
        topic: "topic".into(),
        slug: None,
        body: String::new(),
    }
}

/// Text of that many ASCII letters; its key has two bytes more.
fn letters(count: usize) -> String {
    "k".repeat(count)
}

#[track_caller]
fn limit<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.expect_err("it is beyond the limit");
    assert!(error.is(ErrorKind::Limit), "{error}");
}

/// What must be left of a transaction that met limits: the two records "a" and "z".
fn holds_a_and_z(db: TestDb) {
    let db = db.reopen();
    let tx = db.read().expect("a snapshot");
    let texts = tx.collection::<Text>().expect("the collection");
    let keys: Vec<String> = texts
        .iter()
        .expect("a scan")
        .map(|text| text.expect("sound").key.to_string())
        .collect();
    assert_eq!(keys, ["a", "z"]);
    assert_eq!(texts.by(Text::BY_TOPIC).len().expect("the index"), 2);
}

#[test]
fn a_primary_key_of_more_than_4_kib_is_refused_and_the_rest_is_committed() {
    let db = db();
    db.write(|tx| {
        let mut texts = tx.collection::<Text>()?;
        texts.insert(&text("a"))?;
        let long = text(&letters(4095));
        limit(texts.insert(&long));
        limit(texts.put(&long));
        limit(texts.insert_many(&[text("b"), long.clone(), text("c")]));
        limit(texts.load([text("b"), long.clone()]));
        limit(texts.replace_if(1, &long));
        assert!(texts.get(letters(4095))?.is_none());
        assert!(!texts.contains(letters(1 << 20))?);
        assert_eq!(texts.range(letters(5000)..)?.count(), 0);
        assert_eq!(texts.len()?, 1);
        texts.insert(&text("z"))?;
        Ok(())
    })
    .unwrap();
    holds_a_and_z(db);
}

#[test]
fn a_key_of_exactly_4_kib_is_stored() {
    let db = db();
    db.write(|tx| {
        let mut texts = tx.collection::<Text>()?;
        let topic = letters(4094);
        let slug = Some(letters(4094));
        texts.insert(&Text {
            topic,
            slug,
            ..text(&letters(4094))
        })?;
        assert_eq!(texts.by(Text::BY_TOPIC).equal(letters(4094))?.count(), 1);
        assert!(texts.by(Text::BY_SLUG).get(letters(4094))?.is_some());
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    assert!(
        db.read()
            .unwrap()
            .collection::<Text>()
            .unwrap()
            .contains(letters(4094))
            .unwrap()
    );
}

#[test]
fn an_index_key_of_more_than_4_kib_is_refused_and_the_rest_is_committed() {
    let db = db();
    db.write(|tx| {
        let mut texts = tx.collection::<Text>()?;
        texts.insert(&text("a"))?;
        let long_topic = Text {
            topic: letters(4095),
            ..text("b")
        };
        let long_slug = Text {
            slug: Some(letters(10_000)),
            ..text("b")
        };
        for long in [&long_topic, &long_slug] {
            limit(texts.insert(long));
            limit(texts.put(long));
            limit(texts.load([text("c"), long.clone(), text("d")]));
        }
        limit(texts.update("a", |text| text.topic = letters(4095)));
        let revision = texts.get("a")?.expect("it was inserted").revision();
        limit(texts.replace_if(
            revision,
            &Text {
                topic: letters(4095),
                ..text("a")
            },
        ));
        texts.insert(&text("z"))?;
        Ok(())
    })
    .unwrap();
    holds_a_and_z(db);
}

#[test]
fn a_body_beyond_the_builders_limit_is_refused_and_the_rest_is_committed() {
    let db = db_with(|builder| builder.body_limit(1000));
    db.write(|tx| {
        let mut texts = tx.collection::<Text>()?;
        texts.insert(&Text {
            body: letters(900),
            ..text("a")
        })?;
        let long = Text {
            body: letters(1000),
            ..text("b")
        };
        limit(texts.insert(&long));
        limit(texts.put(&long));
        limit(texts.put(&Text {
            body: letters(1000),
            ..text("a")
        }));
        limit(texts.insert_many(&[text("c"), long.clone()]));
        limit(texts.load([text("c"), long.clone()]));
        limit(texts.update("a", |text| text.body = letters(2000)));
        assert_eq!(texts.field("a", Text::BODY)?, Some(letters(900)));
        texts.insert(&text("z"))?;
        Ok(())
    })
    .unwrap();
    let db = db.reopen_with(|builder| builder.body_limit(10));
    // What was stored under a higher limit is read; only writing has the new one.
    let tx = db.read().unwrap();
    let body = tx
        .collection::<Text>()
        .unwrap()
        .field("a", Text::BODY)
        .unwrap();
    assert_eq!(body, Some(letters(900)));
    drop(tx);
    limit(db.write(|tx| tx.collection::<Text>()?.insert(&text("b"))));
    holds_a_and_z(db);
}

#[test]
fn a_bucket_refuses_long_keys_and_values_and_the_rest_is_committed() {
    let db = db_with(|builder| builder.body_limit(1000));
    db.write(|tx| {
        let mut bucket = tx.bucket("blobs")?;
        bucket.put(b"full", [7; 1000])?;
        limit(bucket.put(b"more", [7; 1001]));
        limit(bucket.put(b"full", [7; 1001]));
        limit(bucket.put(vec![7; 4097], "value"));
        bucket.put(vec![7; 4000], "value")?;
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let bucket = tx.bucket("blobs").unwrap();
    assert_eq!(bucket.len().unwrap(), 2);
    assert_eq!(bucket.get(b"full").unwrap().unwrap().len(), 1000);
}

#[test]
fn a_body_limit_beyond_what_a_body_can_be_is_refused() {
    limit(Database::builder().body_limit((1 << 30) + 1).in_memory());
    Database::builder().body_limit(1 << 30).in_memory().unwrap();
}

#[test]
fn a_record_of_several_megabytes_is_stored_and_read_back() {
    let db = db();
    let long = Text {
        body: letters(5 << 20),
        ..text("a")
    };
    db.write(|tx| tx.collection::<Text>()?.insert(&long))
        .unwrap();
    db.write(|tx| {
        tx.collection::<Text>()?
            .update("a", |text| text.body.push('!'))
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let read = tx.collection::<Text>().unwrap().get("a").unwrap().unwrap();
    assert_eq!(read.body.len(), (5 << 20) + 1);
}

#[test]
fn names_of_buckets_are_not_empty_not_long_and_have_no_control_characters() {
    let db = db();
    db.write(|tx| {
        for name in ["", "a\nb", "a\0", "\u{7f}", "\u{85}"] {
            let error = tx.bucket(name).unwrap_err();
            assert!(error.is(ErrorKind::Invalid), "{name:?}: {error}");
        }
        limit(tx.bucket(&letters(129)));
        limit(tx.bucket_of::<u64>(&"ä".repeat(65)));
        for name in [
            letters(128),
            "ä".repeat(64),
            "with space".into(),
            "名前".into(),
        ] {
            tx.bucket(&name)?.put(b"k", "v")?;
        }
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    assert_eq!(db.check().unwrap().collections, 4);
    assert_eq!(db.read().unwrap().bucket("名前").unwrap().len().unwrap(), 1);
}

#[record(name = "counted")]
struct Counted {
    #[key(auto)]
    id: u64,
}

#[test]
fn automatic_keys_run_out_with_an_error_and_never_wrap() {
    let db = db();
    db.write(|tx| {
        let mut counted = tx.collection::<Counted>()?;
        counted.insert(&Counted { id: u64::MAX - 1 })?;
        assert_eq!(counted.insert(&Counted { id: 0 })?, u64::MAX);
        limit(counted.insert(&Counted { id: 0 }));
        limit(counted.load([Counted { id: 5 }, Counted { id: 0 }]));
        assert_eq!(counted.len()?, 2);
        counted.insert(&Counted { id: 3 })?;
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    limit(db.write(|tx| tx.collection::<Counted>()?.insert(&Counted { id: 0 })));
    assert_eq!(
        db.read()
            .unwrap()
            .collection::<Counted>()
            .unwrap()
            .len()
            .unwrap(),
        3
    );
}

/// The limit of an opening is for what it writes. A compressed record that an opening with a higher
/// one had written could not be read, nor removed.
#[test]
fn a_record_that_a_higher_limit_let_in_is_read_and_removed_under_the_default_one() {
    for compress_above in [1 << 10, u32::MAX] {
        let options = CollectionOptions::new().compress_above(compress_above);
        let db = db_with(|builder| builder.body_limit(64 << 20).register_with::<Text>(options));
        let large = Text {
            body: letters(20 << 20),
            ..text("a")
        };
        db.write(|tx| tx.collection::<Text>()?.insert(&large))
            .unwrap();
        let db = db.reopen();
        let tx = db.read().unwrap();
        let texts = tx.collection::<Text>().unwrap();
        assert!(texts.get_owned("a").unwrap() == Some(large));
        let body = texts.field("a", Text::BODY).unwrap();
        assert_eq!(body.map(|body| body.len()), Some(20 << 20));
        db.write(|tx| {
            let mut texts = tx.collection::<Text>()?;
            limit(texts.update("a", |text| text.topic = "other".into()));
            assert!(texts.remove("a")?);
            Ok(())
        })
        .unwrap();
    }
}
