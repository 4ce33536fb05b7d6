//! D and E: ranges, prefixes, order, and changing while reading.

use std::ops::Bound;

use larder::{ErrorKind, KeyRange, Readable, Result, record};

use crate::support::db;

#[record(name = "rows", index(by_score_id = (score, id)))]
#[derive(Clone, Debug, PartialEq)]
struct Row {
    #[key]
    id: u32,
    #[index]
    score: i64,
}

/// Ids 2, 4 .. 20, each with a score of its own in the opposite order.
fn rows() -> Vec<Row> {
    (1..=10)
        .map(|n| Row {
            id: 2 * n,
            score: -i64::from(n),
        })
        .collect()
}

fn bounds<T: Copy>(lower: T, upper: T) -> Vec<(Bound<T>, Bound<T>)> {
    let of = |at| [Bound::Included(at), Bound::Excluded(at), Bound::Unbounded];
    of(lower)
        .into_iter()
        .flat_map(|lower| of(upper).map(|upper| (lower, upper)))
        .collect()
}

/// What std's ranges say, with a reversed range being empty.
fn within<T: Copy + Ord>(values: &[T], range: (Bound<T>, Bound<T>)) -> Vec<T> {
    use std::ops::RangeBounds;
    values
        .iter()
        .copied()
        .filter(|value| range.contains(value))
        .collect()
}

#[test]
fn d20_every_kind_of_bound_on_the_primary_key_from_both_ends() {
    let db = db();
    db.write(|tx| tx.collection::<Row>()?.load(rows())).unwrap();
    let tx = db.read().unwrap();
    let rows_of = tx.collection::<Row>().unwrap();
    let ids: Vec<u32> = rows().iter().map(|row| row.id).collect();
    for lower in 0..=22 {
        for upper in 0..=22 {
            for range in bounds(lower, upper) {
                let expected = within(&ids, range);
                let found = |rev: bool| -> Vec<u32> {
                    let found = rows_of.range(range).unwrap();
                    let ids = found.map(|row| row.unwrap().id.to_native());
                    if rev {
                        ids.rev().collect()
                    } else {
                        ids.collect()
                    }
                };
                assert_eq!(found(false), expected, "{range:?}");
                assert!(found(true).iter().eq(expected.iter().rev()), "{range:?}");
                assert_eq!(
                    rows_of.count(range).unwrap(),
                    expected.len() as u64,
                    "{range:?}"
                );
            }
        }
    }
    assert_eq!(rows_of.range(4..8).unwrap().count(), 2);
    assert_eq!(rows_of.range(4..=8).unwrap().count(), 3);
    assert_eq!(rows_of.range(4..).unwrap().count(), 9);
    assert_eq!(rows_of.range(..4).unwrap().count(), 1);
    assert_eq!(rows_of.range(..=4).unwrap().count(), 2);
    assert_eq!(rows_of.range(..).unwrap().count(), 10);
}

#[test]
fn d21_every_kind_of_bound_on_a_secondary_key_from_both_ends() {
    let db = db();
    db.write(|tx| {
        let mut rows_of = tx.collection::<Row>()?;
        rows_of.load(rows())?;
        // Ties come in the order of the primary key.
        rows_of.insert(&Row { id: 1, score: -5 })?;
        rows_of.insert(&Row { id: 99, score: -5 })?;
        let mut entries: Vec<(i64, u32)> = Vec::new();
        for row in rows_of.iter()? {
            let row = row?;
            entries.push((row.score.to_native(), row.id.to_native()));
        }
        entries.sort_unstable();
        let by_score = rows_of.by(Row::BY_SCORE);
        for lower in -11..=0 {
            for upper in -11..=0 {
                for range in bounds(lower, upper) {
                    use std::ops::RangeBounds;
                    let inside = |entry: &&(i64, u32)| range.contains(&entry.0);
                    let expected: Vec<u32> =
                        entries.iter().filter(inside).map(|entry| entry.1).collect();
                    let mut found = by_score.range(range)?;
                    let (mut front, mut back) = (Vec::new(), Vec::new());
                    // From both ends in turn: nothing twice, nothing left out.
                    while let Some(row) = found.next() {
                        front.push(row?.id.to_native());
                        if let Some(row) = found.next_back() {
                            back.push(row?.id.to_native());
                        }
                    }
                    assert!(found.next_back().is_none());
                    front.extend(back.into_iter().rev());
                    assert_eq!(front, expected, "{range:?}");
                    assert_eq!(by_score.count(range)?, expected.len() as u64, "{range:?}");
                }
            }
        }
        Ok(())
    })
    .unwrap();
}

macro_rules! signed_keys_sort_by_value {
    ($($module:ident: $type:ty;)*) => {$(
        mod $module {
            #[larder::record(name = "numbers", index(by_falling = (desc(again), key)))]
            pub(super) struct Number {
                #[key]
                pub(super) key: $type,
                #[index]
                pub(super) again: $type,
            }
        }
    )*

        #[test]
        fn d22_signed_integers_sort_by_value_across_zero() {
            $({
                use $module::Number;
                let values: [$type; 9] =
                    [<$type>::MAX, -1, 0, 1, <$type>::MIN, -2, 100, <$type>::MIN + 1, -100];
                let mut sorted = values;
                sorted.sort_unstable();
                let db = db();
                db.write(|tx| {
                    let mut numbers = tx.collection::<Number>()?;
                    for value in values {
                        numbers.insert(&Number { key: value, again: value })?;
                    }
                    Ok(())
                })
                .unwrap();
                let tx = db.read().unwrap();
                let numbers = tx.collection::<Number>().unwrap();
                let of = |number: Result<larder::View<'_, Number>>| {
                    number.unwrap().to_owned().unwrap().key
                };
                assert!(numbers.iter().unwrap().map(of).eq(sorted), stringify!($type));
                let by_again = numbers.by(Number::BY_AGAIN);
                assert!(by_again.iter().unwrap().map(of).eq(sorted), stringify!($type));
                let by_falling = numbers.by(Number::BY_FALLING);
                assert!(by_falling.iter().unwrap().rev().map(of).eq(sorted), stringify!($type));
                assert_eq!(numbers.count(<$type>::MIN..0).unwrap(), 5);
                assert_eq!(by_again.count(0..=<$type>::MAX).unwrap(), 4);
            })*
        }
    };
}

signed_keys_sort_by_value! {
    of_8: i8;
    of_16: i16;
    of_32: i32;
    of_64: i64;
    of_128: i128;
}

#[record(name = "words")]
struct Word {
    #[key]
    word: String,
    #[index]
    again: String,
}

const WORDS: [&str; 8] = [
    "red",
    "red:",
    "red:1",
    "red:2",
    "red\0:",
    "red;",
    "reda",
    "\u{10FFFF}red:",
];

fn check_prefixes(tx: &impl Readable) -> Result<()> {
    let words = tx.collection::<Word>()?;
    for prefix in ["red:", "red", "", "re", "blue", "red\0", "\u{10FFFF}"] {
        let mut expected: Vec<&str> = WORDS
            .into_iter()
            .filter(|word| word.starts_with(prefix))
            .collect();
        expected.sort_unstable();
        let mut found = Vec::new();
        for word in words.prefix(prefix)? {
            found.push(word?.word.to_string());
        }
        assert_eq!(found, expected, "prefix {prefix:?}");
        let mut found = Vec::new();
        for word in words.by(Word::BY_AGAIN).prefix(prefix)?.rev() {
            found.push(word?.again.to_string());
        }
        found.reverse();
        assert_eq!(found, expected, "prefix {prefix:?} by index");
    }
    Ok(())
}

#[test]
fn d23_a_prefix_returns_its_group_only_in_every_kind_of_transaction() {
    let db = db();
    db.write(|tx| {
        let mut words = tx.collection::<Word>()?;
        for word in WORDS {
            words.insert(&Word {
                word: word.into(),
                again: word.into(),
            })?;
        }
        drop(words);
        check_prefixes(tx)
    })
    .unwrap();
    check_prefixes(&db.read().unwrap()).unwrap();
}

#[test]
fn d24_pages_cover_the_collection_exactly_once_although_the_order_has_ties() {
    let db = db();
    db.write(|tx| {
        let rows = (0..103).map(|id| Row {
            id,
            score: i64::from(id % 4),
        });
        tx.collection::<Row>()?.load(rows)
    })
    .unwrap();
    let tx = db.read().unwrap();
    let rows = tx.collection::<Row>().unwrap();
    let mut seen: Vec<(i64, u32)> = Vec::new();
    loop {
        let after = seen
            .last()
            .map_or(Bound::Unbounded, |last| Bound::Excluded(*last));
        let page = rows
            .by(Row::BY_SCORE_ID)
            .range((after, Bound::Unbounded))
            .unwrap()
            .take(10);
        let before = seen.len();
        for row in page {
            let row = row.unwrap();
            seen.push((row.score.to_native(), row.id.to_native()));
        }
        if seen.len() == before {
            break;
        }
    }
    let mut expected: Vec<(i64, u32)> = (0..103).map(|id| (i64::from(id % 4), id)).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "what the test is about")]
fn d25_empty_and_reversed_ranges_are_empty() {
    let db = db();
    db.write(|tx| tx.collection::<Row>()?.load(rows())).unwrap();
    let tx = db.read().unwrap();
    let rows = tx.collection::<Row>().unwrap();
    let by_score = rows.by(Row::BY_SCORE);
    assert_eq!(rows.range(10..4).unwrap().count(), 0);
    assert_eq!(rows.range(10..=4).unwrap().rev().count(), 0);
    assert_eq!(rows.range(4..4).unwrap().count(), 0);
    assert_eq!(rows.count(u32::MAX..0).unwrap(), 0);
    assert_eq!(
        rows.range((Bound::Excluded(4), Bound::Excluded(4)))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(
        rows.range((Bound::Excluded(u32::MAX), Bound::Unbounded))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(by_score.range(5..-5).unwrap().count(), 0);
    assert_eq!(by_score.count(i64::MAX..=i64::MIN).unwrap(), 0);
    assert!(KeyRange::<u32>::from(10..4).is_empty());
    db.write(|tx| {
        let rows = tx.collection::<Row>()?;
        assert_eq!(rows.range(10..=4)?.count(), 0);
        assert_eq!(rows.by(Row::BY_SCORE).range(5..5)?.count(), 0);
        Ok(())
    })
    .unwrap();
}

/// While an iterator borrows the collection, changing it does not compile
/// (`ui_api/fail/mutation_while_iterating.rs`); `retain` is the way.
#[test]
fn e26_retain_sees_each_record_once_and_removes_what_it_is_told() {
    let db = db();
    db.write(|tx| {
        let mut rows = tx.collection::<Row>()?;
        rows.load((0..1000).map(|id| Row {
            id,
            score: i64::from(id % 7),
        }))?;
        let mut seen = Vec::new();
        let removed = rows.retain(|row| {
            seen.push(row.id.to_native());
            row.score != 3
        })?;
        assert!(seen.iter().copied().eq(0..1000));
        assert_eq!(removed, 143);
        assert_eq!(rows.len()?, 857);
        assert!(!rows.by(Row::BY_SCORE).contains(3)?);
        assert_eq!(rows.by(Row::BY_SCORE).len()?, 857);
        assert_eq!(rows.retain(|_| true)?, 0);
        assert_eq!(rows.retain(|_| false)?, 857);
        assert!(rows.is_empty()?);
        Ok(())
    })
    .unwrap();
}

/// Keys gathered first, then changed one by one: each record once, also those that move in the
/// index that is walked.
#[test]
fn e27_records_gathered_first_are_each_updated_once() {
    let db = db();
    db.write(|tx| {
        let mut rows = tx.collection::<Row>()?;
        rows.load((0..100).map(|id| Row {
            id,
            score: i64::from(id),
        }))?;
        let ids: Vec<u32> = rows
            .by(Row::BY_SCORE)
            .iter()?
            .map(|row| row.map(|row| row.id.to_native()))
            .collect::<Result<_>>()?;
        for id in ids {
            rows.update(id, |row| row.score += 1000)?;
        }
        assert_eq!(rows.by(Row::BY_SCORE).count(1000..1100)?, 100);
        assert!(
            rows.update(100, |_| ())
                .unwrap_err()
                .is(ErrorKind::NotFound)
        );
        Ok(())
    })
    .unwrap();
}
