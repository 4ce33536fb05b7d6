//! Buckets: ordered keys to bytes.

use std::ops::Bound;

use larder::{ErrorKind, Readable, Result, Reverse, Starting, Timestamp, record};

use crate::support::db;

#[record(name = "settings")]
struct Setting {
    #[key]
    id: u64,
}

#[test]
fn the_verbs_of_a_bucket_do_what_they_say() {
    let db = db();
    db.write(|tx| {
        let mut settings = tx.bucket("settings")?;
        assert!(settings.is_empty()?);
        assert!(!settings.put(b"theme", "dark")?);
        assert!(settings.put(b"theme", b"light")?);
        assert!(!settings.put(b"empty", [])?);
        assert!(!settings.put(b"", "the empty key")?);
        assert_eq!(&*settings.get(b"theme")?.expect("it was put"), b"light");
        assert_eq!(&*settings.get(b"empty")?.expect("it was put"), b"");
        assert!(settings.contains(b"empty")?);
        assert!(!settings.contains(b"them")?);
        assert!(settings.get(b"themes")?.is_none());
        assert_eq!(settings.len()?, 3);
        assert!(settings.remove(b"")?);
        assert!(!settings.remove(b"")?);
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let settings = tx.bucket("settings").unwrap();
    assert_eq!(settings.len().unwrap(), 2);
    // A value lives as long as the transaction, not only as long as the handle.
    let theme = {
        let again = tx.bucket("settings").unwrap();
        again.get(b"theme").unwrap().unwrap()
    };
    assert_eq!(&*theme, b"light");
    assert!(tx.bucket("nothing").unwrap().is_empty().unwrap());
    assert!(tx.bucket("nothing").unwrap().get(b"a").unwrap().is_none());
    assert_eq!(tx.bucket("nothing").unwrap().iter().unwrap().count(), 0);
}

#[test]
fn entries_come_in_the_order_of_their_keys_from_both_ends() {
    let db = db();
    let keys: Vec<Vec<u8>> = [
        &b"b"[..],
        b"a\0",
        b"",
        b"a",
        b"\xff\xff",
        b"\0",
        b"a\0\0",
        b"\xff",
        b"ab",
    ]
    .map(<[u8]>::to_vec)
    .into();
    let mut sorted = keys.clone();
    sorted.sort();
    db.write(|tx| {
        let mut bucket = tx.bucket("bytes")?;
        for key in &keys {
            bucket.put(key, key)?;
        }
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let bucket = tx.bucket("bytes").unwrap();
    let all: Vec<_> = bucket
        .iter()
        .unwrap()
        .map(|entry| entry.unwrap().0)
        .collect();
    assert_eq!(all, sorted);
    let back: Vec<_> = bucket
        .iter()
        .unwrap()
        .rev()
        .map(|entry| entry.unwrap().0)
        .collect();
    assert!(back.iter().eq(sorted.iter().rev()));
    assert_eq!(bucket.first().unwrap().unwrap().0, b"");
    assert_eq!(bucket.last().unwrap().unwrap().0, b"\xff\xff");
    assert_eq!(bucket.prefix(b"a").unwrap().count(), 4);
    assert_eq!(bucket.prefix(b"a\0").unwrap().count(), 2);
    assert_eq!(bucket.prefix(b"\xff").unwrap().count(), 2);
    assert_eq!(bucket.prefix(b"").unwrap().count(), 9);
    assert_eq!(bucket.count(&b"a"[..]..&b"b"[..]).unwrap(), 4);
    assert_eq!(
        bucket
            .count((Bound::Excluded(&b"a"[..]), Bound::Unbounded))
            .unwrap(),
        6
    );
    assert_eq!(bucket.count(&b"b"[..]..&b"a"[..]).unwrap(), 0);
}

#[test]
fn typed_keys_sort_by_value_and_read_back() {
    let db = db();
    db.write(|tx| {
        let mut by_number = tx.bucket_of::<i64>("numbers")?;
        for number in [5, -3, 0, i64::MIN, i64::MAX, -1] {
            by_number.put(number, number.to_string())?;
        }
        let mut by_pair = tx.bucket_of::<(String, Reverse<u32>)>("pairs")?;
        for (text, number) in [("b", 1), ("a", 1), ("a", 7), ("aa", 3)] {
            by_pair.put((text, Reverse(number)), "")?;
        }
        let mut by_time = tx.bucket_of::<Timestamp>("times")?;
        by_time.put(Timestamp::MIN, "epoch")?;
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let numbers = tx.bucket_of::<i64>("numbers").unwrap();
    let found: Vec<i64> = numbers
        .iter()
        .unwrap()
        .map(|entry| entry.unwrap().0)
        .collect();
    assert_eq!(found, [i64::MIN, -3, -1, 0, 5, i64::MAX]);
    assert_eq!(numbers.range(-3..5).unwrap().count(), 3);
    assert_eq!(&*numbers.get(-3).unwrap().unwrap(), b"-3");
    let pairs = tx.bucket_of::<(String, Reverse<u32>)>("pairs").unwrap();
    let found: Vec<_> = pairs
        .iter()
        .unwrap()
        .map(|entry| entry.unwrap().0)
        .collect();
    let pair = |text: &str, number| (text.to_owned(), Reverse(number));
    assert_eq!(
        found,
        [pair("a", 7), pair("a", 1), pair("aa", 3), pair("b", 1)]
    );
    assert_eq!(pairs.prefix(("a",)).unwrap().count(), 2);
    assert_eq!(pairs.prefix(Starting(("a",))).unwrap().count(), 3);
    let times = tx.bucket_of::<Timestamp>("times").unwrap();
    assert!(times.contains(Timestamp::MIN).unwrap());
}

#[test]
fn a_bucket_is_opened_with_the_type_of_its_keys_only() {
    let db = db();
    db.write(|tx| tx.bucket_of::<u64>("numbers")?.put(1, "one"))
        .unwrap();
    let error = db
        .write(|tx| tx.bucket_of::<u32>("numbers")?.put(1, "one"))
        .unwrap_err();
    assert!(error.is(ErrorKind::Invalid));
    assert!(
        error.to_string().contains("u64") && error.to_string().contains("u32"),
        "{error}"
    );
    let error = db.write(|tx| tx.bucket("numbers").map(drop)).unwrap_err();
    assert!(error.is(ErrorKind::Invalid), "{error}");
    let tx = db.read().unwrap();
    assert!(
        tx.bucket_of::<Reverse<u64>>("numbers")
            .unwrap_err()
            .is(ErrorKind::Invalid)
    );
    assert!(tx.bucket("numbers").unwrap_err().is(ErrorKind::Invalid));
    assert_eq!(
        &*tx.bucket_of::<u64>("numbers")
            .unwrap()
            .get(1)
            .unwrap()
            .unwrap(),
        b"one"
    );
}

#[test]
fn a_bucket_and_a_collection_cannot_share_a_name() {
    let db = db();
    db.write(|tx| tx.bucket("settings")?.put(b"a", "b"))
        .unwrap();
    let invalid = |result: Result<()>| {
        let error = result.expect_err("the name is taken by the other kind");
        assert!(error.is(ErrorKind::Invalid), "{error}");
        assert!(error.to_string().contains("settings"), "{error}");
    };
    invalid(db.write(|tx| tx.collection::<Setting>().map(drop)));
    invalid(db.write(|tx| tx.drop_collection::<Setting>().map(drop)));
    invalid(db.register::<Setting>());
    invalid(db.read().unwrap().collection::<Setting>().map(drop));
    db.write(|tx| tx.drop_bucket("settings")).unwrap();
    db.write(|tx| tx.collection::<Setting>()?.insert(&Setting { id: 1 }))
        .unwrap();
    invalid(db.write(|tx| tx.bucket("settings").map(drop)));
    invalid(db.write(|tx| tx.drop_bucket("settings").map(drop)));
    invalid(db.read().unwrap().bucket("settings").map(drop));
}

#[test]
fn clear_empties_a_bucket_and_drop_removes_it() {
    let db = db();
    db.write(|tx| {
        let mut bucket = tx.bucket_of::<u32>("many")?;
        for key in 0..1000 {
            bucket.put(key, "value")?;
        }
        Ok(())
    })
    .unwrap();
    db.write(|tx| {
        let mut bucket = tx.bucket_of::<u32>("many")?;
        bucket.clear()?;
        assert!(bucket.is_empty()?);
        bucket.put(7, "after")?;
        Ok(())
    })
    .unwrap();
    assert_eq!(
        db.read()
            .unwrap()
            .bucket_of::<u32>("many")
            .unwrap()
            .len()
            .unwrap(),
        1
    );
    db.write(|tx| {
        assert!(tx.drop_bucket("many")?);
        assert!(!tx.drop_bucket("many")?);
        assert!(Readable::bucket_of::<u32>(tx, "many")?.is_empty()?);
        // It begins anew, with whatever type of keys.
        tx.bucket_of::<String>("many")?.put("a", "b")
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    assert_eq!(tx.bucket_of::<String>("many").unwrap().len().unwrap(), 1);
    assert_eq!(db.check().unwrap().records, 1);
}

#[test]
fn a_bucket_in_use_is_not_dropped_and_not_opened_twice() {
    let db = db();
    db.write(|tx| {
        let mut bucket = tx.bucket("a")?;
        bucket.put(b"k", "v")?;
        assert!(tx.drop_bucket("a").unwrap_err().is(ErrorKind::Invalid));
        assert!(tx.bucket("a").unwrap_err().is(ErrorKind::Invalid));
        bucket.put(b"l", "v")?;
        assert_eq!(bucket.len()?, 2);
        Ok(())
    })
    .unwrap();
    assert_eq!(db.read().unwrap().bucket("a").unwrap().len().unwrap(), 2);
}

#[test]
fn a_rollback_undoes_what_was_put_and_removed_and_cleared() {
    let db = db();
    db.write(|tx| {
        tx.bucket("a")?.put(b"k", "old")?;
        tx.bucket("b")?.put(b"k", "old")
    })
    .unwrap();
    let tx = db.begin_write().unwrap();
    tx.bucket("a").unwrap().put(b"k", "new").unwrap();
    tx.bucket("a").unwrap().put(b"l", "new").unwrap();
    tx.bucket("b").unwrap().clear().unwrap();
    tx.bucket("c").unwrap().put(b"k", "new").unwrap();
    drop(tx);
    let db = db.reopen();
    let tx = db.read().unwrap();
    assert_eq!(
        &*tx.bucket("a").unwrap().get(b"k").unwrap().unwrap(),
        b"old"
    );
    assert_eq!(tx.bucket("a").unwrap().len().unwrap(), 1);
    assert_eq!(tx.bucket("b").unwrap().len().unwrap(), 1);
    assert_eq!(db.check().unwrap().collections, 2);
}

#[test]
fn a_reader_keeps_the_bucket_it_saw() {
    let db = db();
    db.write(|tx| tx.bucket("a")?.put(b"k", "old")).unwrap();
    let tx = db.read().unwrap();
    db.write(|tx| tx.bucket("a")?.put(b"k", "new")).unwrap();
    db.write(|tx| tx.drop_bucket("a")).unwrap();
    assert_eq!(
        &*tx.bucket("a").unwrap().get(b"k").unwrap().unwrap(),
        b"old"
    );
    assert!(db.read().unwrap().bucket("a").unwrap().is_empty().unwrap());
}

#[test]
fn text_stands_for_bytes_in_keys_and_values() {
    let db = db();
    db.write(|tx| {
        let mut settings = tx.bucket("settings")?;
        settings.put("theme", "dark")?;
        settings.put(&String::from("theme/font"), "serif")?;
        let theme = settings.get(b"theme")?.expect("it was put");
        assert_eq!(theme, "dark");
        assert_eq!(theme, b"dark");
        assert_eq!(theme, *b"dark");
        assert_eq!(theme, b"dark".as_slice());
        assert_eq!(theme, *"dark");
        assert_eq!(theme, b"dark".to_vec());
        assert!(theme != "light");
        assert_eq!(settings.prefix("theme")?.count(), 2);
        assert_eq!(settings.count("theme".."theme/")?, 1);
        assert!(settings.remove("theme")?);
        Ok(())
    })
    .unwrap();
}
