//! Do the bytes of a key sort as the key does, for every type, range and prefix?

#![expect(clippy::indexing_slicing, reason = "a test may panic")]
#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    clippy::needless_borrows_for_generic_args,
    reason = "the calls are written as users write them, in every form"
)]

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::time::Duration;

use larder::{AsKey, ErrorKind, Key, KeyPrefix, KeyRange, KeyReader, Reverse, Starting, Timestamp};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

fn encode<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out);
    out
}

/// Decodes a key that something lies behind, and that something.
fn split<K: Key>(bytes: &[u8]) -> (K, &[u8]) {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader).expect("the bytes begin with a key");
    (key, reader.rest())
}

/// The order that keys promise: `Ord`, and for floats NaN first and both zeros equal.
trait KeyOrder {
    fn order(&self, other: &Self) -> Ordering;
}

macro_rules! order_is_ord {
    ($($type:ty),*) => {$(
        impl KeyOrder for $type {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        }
    )*};
}

order_is_ord!(
    u8,
    u16,
    u32,
    u64,
    u128,
    i8,
    i16,
    i32,
    i64,
    i128,
    bool,
    char,
    String,
    Vec<u8>
);
order_is_ord!(
    Uuid,
    Timestamp,
    Duration,
    [u8; 4],
    [u8; 0],
    [String; 2],
    Option<i64>
);
order_is_ord!(
    Option<Option<String>>,
    Reverse<String>,
    Reverse<Vec<u8>>,
    Reverse<Reverse<i32>>
);
order_is_ord!(
    (u8,),
    (String, u64),
    (String, i64),
    (Option<String>, Option<String>)
);
order_is_ord!((Option<String>, Reverse<u16>, bool));
order_is_ord!((String, Reverse<(String, Reverse<String>)>, Vec<u8>, i8));
order_is_ord!(((u8, String), [i16; 2], char, Uuid, Duration));
order_is_ord!((u8, Vec<u8>, Reverse<Option<String>>, i8, bool, String));

macro_rules! order_is_of_floats {
    ($($type:ty),*) => {$(
        impl KeyOrder for $type {
            fn order(&self, other: &Self) -> Ordering {
                self.partial_cmp(other).unwrap_or_else(|| other.is_nan().cmp(&self.is_nan()))
            }
        }
    )*};
}

order_is_of_floats!(f32, f64);

impl KeyOrder for Reverse<f64> {
    fn order(&self, other: &Self) -> Ordering {
        other.0.order(&self.0)
    }
}

impl KeyOrder for (Option<f32>, u8) {
    fn order(&self, other: &Self) -> Ordering {
        let first = match (self.0, other.0) {
            (Some(one), Some(two)) => one.order(&two),
            (one, two) => one.is_some().cmp(&two.is_some()),
        };
        first.then(self.1.cmp(&other.1))
    }
}

/// Values that are close to each other and to the edges of their type.
trait Sample: Sized {
    fn sample() -> BoxedStrategy<Self>;
}

macro_rules! sample_integers {
    ($($type:ident),*) => {$(
        impl Sample for $type {
            fn sample() -> BoxedStrategy<Self> {
                let bits = (any::<$type>(), 0..$type::BITS).prop_map(|(value, by)| value >> by);
                let edges = vec![$type::MIN, $type::MIN + 1, 0, 1, $type::MAX - 1, $type::MAX];
                prop_oneof![bits, prop::sample::select(edges)].boxed()
            }
        }
    )*};
}

sample_integers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

macro_rules! sample_floats {
    ($($type:ident $bits:ident),*) => {$(
        impl Sample for $type {
            fn sample() -> BoxedStrategy<Self> {
                let edges = vec![
                    0.0, -0.0, 1.0, -1.0, $type::NAN, -$type::NAN, $type::INFINITY,
                    $type::NEG_INFINITY, $type::MIN, $type::MAX, $type::MIN_POSITIVE,
                    $type::from_bits(1), -$type::from_bits(1),
                ];
                let any_bits = any::<$bits>().prop_map($type::from_bits);
                prop_oneof![any_bits, prop::sample::select(edges)].boxed()
            }
        }
    )*};
}

sample_floats!(f32 u32, f64 u64);

impl Sample for bool {
    fn sample() -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
}

impl Sample for char {
    fn sample() -> BoxedStrategy<Self> {
        let edges = "\0\u{1}ab\u{7F}\u{80}\u{FF}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}";
        prop_oneof![
            any::<char>(),
            prop::sample::select(edges.chars().collect::<Vec<_>>())
        ]
        .boxed()
    }
}

impl Sample for String {
    fn sample() -> BoxedStrategy<Self> {
        prop::collection::vec(char::sample(), 0..5)
            .prop_map(String::from_iter)
            .boxed()
    }
}

impl Sample for Vec<u8> {
    fn sample() -> BoxedStrategy<Self> {
        let byte = prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 2, 0xFE, 0xFF])];
        prop::collection::vec(byte, 0..6).boxed()
    }
}

impl Sample for Uuid {
    fn sample() -> BoxedStrategy<Self> {
        u128::sample().prop_map(Uuid::from_u128).boxed()
    }
}

impl Sample for Timestamp {
    fn sample() -> BoxedStrategy<Self> {
        i64::sample().prop_map(Timestamp::from_micros).boxed()
    }
}

impl Sample for Duration {
    fn sample() -> BoxedStrategy<Self> {
        let nanos = prop_oneof![0..=2_u32, 0..1_000_000_000_u32, Just(999_999_999)];
        (u64::sample(), nanos)
            .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
            .boxed()
    }
}

impl<T: Sample + Debug + 'static> Sample for Option<T> {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![1 => Just(()).prop_map(|()| None), 3 => T::sample().prop_map(Some)].boxed()
    }
}

impl<T: Sample + Debug + 'static> Sample for Reverse<T> {
    fn sample() -> BoxedStrategy<Self> {
        T::sample().prop_map(Reverse).boxed()
    }
}

impl<T: Sample + Debug + 'static, const N: usize> Sample for [T; N] {
    fn sample() -> BoxedStrategy<Self> {
        prop::collection::vec(T::sample(), N)
            .prop_map(|values| values.try_into().expect("N values"))
            .boxed()
    }
}

macro_rules! sample_tuples {
    ($(($($part:ident),+);)*) => {$(
        impl<$($part: Sample + Debug + 'static),+> Sample for ($($part,)+) {
            fn sample() -> BoxedStrategy<Self> {
                ($($part::sample(),)+).boxed()
            }
        }
    )*};
}

sample_tuples! {
    (A); (A, B); (A, B, C); (A, B, C, D); (A, B, C, D, E); (A, B, C, D, E, F);
}

fn check_order<K: Key + KeyOrder>(one: &K, two: &K) {
    let (one_bytes, two_bytes) = (encode(one), encode(two));
    assert_eq!(one_bytes.cmp(&two_bytes), one.order(two));
    if one_bytes.starts_with(&two_bytes) {
        assert_eq!(
            one.order(two),
            Ordering::Equal,
            "a key is a prefix of another"
        );
    }
}

fn check_round_trip<K: Key + KeyOrder>(key: &K, behind: &[u8]) {
    let bytes = encode(key);
    let entry = [&bytes, behind].concat();
    let (back, rest) = split::<K>(&entry);
    assert_eq!(back.order(key), Ordering::Equal);
    assert_eq!(encode(&back), bytes);
    assert_eq!(rest, behind);
}

/// Damage is refused, or it makes the one encoding of another key.
fn check_damage<K: Key>(key: &K, position: prop::sample::Index, byte: u8) {
    let mut bytes = encode(key);
    for length in 0..bytes.len() {
        let error = K::decode(&mut KeyReader::new(&bytes[..length]))
            .err()
            .expect("it ends early");
        assert!(error.is(ErrorKind::Corrupt), "{error}");
    }
    if bytes.is_empty() {
        return;
    }
    let position = position.index(bytes.len());
    bytes[position] = byte;
    let mut reader = KeyReader::new(&bytes);
    match K::decode(&mut reader) {
        Ok(other) => assert_eq!([&encode(&other), reader.rest()].concat(), bytes),
        Err(error) => assert!(error.is(ErrorKind::Corrupt), "{error}"),
    }
}

fn bound<T: Sample + Debug + Clone + 'static>() -> BoxedStrategy<Bound<T>> {
    prop_oneof![
        Just(()).prop_map(|()| Bound::Unbounded),
        T::sample().prop_map(Bound::Included),
        T::sample().prop_map(Bound::Excluded),
    ]
    .boxed()
}

fn contains<K: KeyOrder>(bounds: &(Bound<K>, Bound<K>), key: &K) -> bool {
    let above = match &bounds.0 {
        Bound::Unbounded => true,
        Bound::Included(lower) => key.order(lower).is_ge(),
        Bound::Excluded(lower) => key.order(lower).is_gt(),
    };
    above
        && match &bounds.1 {
            Bound::Unbounded => true,
            Bound::Included(upper) => key.order(upper).is_le(),
            Bound::Excluded(upper) => key.order(upper).is_lt(),
        }
}

/// The entries of a table, key and something behind it, that a range holds.
fn scan<'a, K>(entries: &'a BTreeSet<Vec<u8>>, range: &KeyRange<K>) -> Vec<&'a Vec<u8>> {
    // `BTreeSet` panics where a lower bound is above the upper.
    let found: Vec<_> = entries.range::<[u8], _>(range.bounds()).collect();
    assert!(!range.is_empty() || found.is_empty());
    found
}

fn check_range<K: Key + AsKey<K> + KeyOrder + Clone>(
    entries: &[(K, Vec<u8>)],
    bounds: &(Bound<K>, Bound<K>),
) {
    let entry = |key: &K, behind: &[u8]| [&encode(key), behind].concat();
    let all: BTreeSet<_> = entries
        .iter()
        .map(|(key, behind)| entry(key, behind))
        .collect();
    let filter = |wanted: &dyn Fn(&K) -> bool| -> BTreeSet<_> {
        let wanted = entries.iter().filter(|(key, _)| wanted(key));
        wanted.map(|(key, behind)| entry(key, behind)).collect()
    };
    let range = KeyRange::from(bounds.clone());
    let expected = filter(&|key| contains(bounds, key));
    assert_eq!(scan(&all, &range), expected.iter().collect::<Vec<_>>());
    if let Some((only, _)) = entries.first() {
        let expected = filter(&|key| key.order(only).is_eq());
        let range = KeyRange::only(only.clone());
        assert_eq!(scan(&all, &range), expected.iter().collect::<Vec<_>>());
    }
}

macro_rules! laws {
    ($($name:ident: $type:ty;)*) => {$(
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn bytes_sort_as_values(one in <$type>::sample(), two in <$type>::sample()) {
                    check_order(&one, &two);
                }

                #[test]
                fn a_key_is_split_from_what_lies_behind_it(
                    key in <$type>::sample(),
                    behind in Vec::<u8>::sample(),
                ) {
                    check_round_trip(&key, &behind);
                }

                #[test]
                fn damage_is_refused_or_another_key(
                    key in <$type>::sample(),
                    position: prop::sample::Index,
                    byte in u8::sample(),
                ) {
                    check_damage(&key, position, byte);
                }

                #[test]
                fn a_range_holds_the_entries_between_its_bounds(
                    entries in prop::collection::vec(
                        (<$type>::sample(), Vec::<u8>::sample()),
                        0..12,
                    ),
                    bounds in (bound::<$type>(), bound::<$type>()),
                ) {
                    check_range(&entries, &bounds);
                }

                /// Random bounds seldom meet an entry: these are the keys of two of them.
                #[test]
                fn a_range_from_entry_to_entry_holds_those_between(
                    entries in prop::collection::vec(
                        (<$type>::sample(), Vec::<u8>::sample()),
                        2..6,
                    ),
                    kinds in (0..3_u8, 0..3_u8),
                ) {
                    let at = |kind, key: &$type| match kind {
                        0 => Bound::Unbounded,
                        1 => Bound::Included(key.clone()),
                        _ => Bound::Excluded(key.clone()),
                    };
                    let bounds = (at(kinds.0, &entries[0].0), at(kinds.1, &entries[1].0));
                    check_range(&entries, &bounds);
                    let one_key = (at(kinds.0, &entries[0].0), at(kinds.1, &entries[0].0));
                    check_range(&entries, &one_key);
                }
            }
        }
    )*};
}

laws! {
    u8_keys: u8;
    u16_keys: u16;
    u32_keys: u32;
    u64_keys: u64;
    u128_keys: u128;
    i8_keys: i8;
    i16_keys: i16;
    i32_keys: i32;
    i64_keys: i64;
    i128_keys: i128;
    f32_keys: f32;
    f64_keys: f64;
    bool_keys: bool;
    char_keys: char;
    string_keys: String;
    bytes_keys: Vec<u8>;
    uuid_keys: Uuid;
    timestamp_keys: Timestamp;
    duration_keys: Duration;
    byte_array_keys: [u8; 4];
    empty_array_keys: [u8; 0];
    string_array_keys: [String; 2];
    option_keys: Option<i64>;
    nested_option_keys: Option<Option<String>>;
    reverse_string_keys: Reverse<String>;
    reverse_bytes_keys: Reverse<Vec<u8>>;
    reverse_float_keys: Reverse<f64>;
    reverse_twice_keys: Reverse<Reverse<i32>>;
    tuple_of_one_keys: (u8,);
    tuple_of_two_keys: (String, u64);
    tuple_of_two_with_float_keys: (Option<f32>, u8);
    tuple_of_three_keys: (Option<String>, Reverse<u16>, bool);
    tuple_of_four_keys: (String, Reverse<(String, Reverse<String>)>, Vec<u8>, i8);
    tuple_of_five_keys: ((u8, String), [i16; 2], char, Uuid, Duration);
    tuple_of_six_keys: (u8, Vec<u8>, Reverse<Option<String>>, i8, bool, String);
}

proptest! {
    #[test]
    fn a_text_prefix_holds_the_texts_that_start_so(
        keys in prop::collection::vec((String::sample(), Vec::<u8>::sample()), 0..12),
        start in String::sample(),
    ) {
        let all = keys.iter().map(|(key, behind)| [&encode(key), &behind[..]].concat()).collect();
        let range = KeyRange::<String>::prefix(&start);
        for (key, behind) in &keys {
            let entry = [&encode(key), &behind[..]].concat();
            assert_eq!(scan(&all, &range).contains(&&entry), key.starts_with(&start));
        }
    }

    #[test]
    fn a_byte_prefix_holds_the_byte_strings_that_start_so(
        keys in prop::collection::vec(Vec::<u8>::sample(), 0..12),
        start in Vec::<u8>::sample(),
    ) {
        let all = keys.iter().map(encode).collect();
        let range = KeyRange::<Vec<u8>>::prefix(&start);
        for key in &keys {
            assert_eq!(scan(&all, &range).contains(&&encode(key)), key.starts_with(&start));
        }
    }

    #[test]
    fn leading_parts_hold_the_tuples_that_have_them(
        keys in prop::collection::vec(<(bool, Option<String>, Reverse<String>)>::sample(), 0..12),
        first: bool,
        second in Option::<char>::sample(),
    ) {
        type Triple = (bool, Option<String>, Reverse<String>);
        let second = second.map(String::from);
        let all = keys.iter().map(encode).collect();
        let holds = |range: KeyRange<Triple>, key: &Triple| {
            scan(&all, &range).contains(&&encode(key))
        };
        for key in &keys {
            assert_eq!(holds(KeyRange::prefix((first,)), key), key.0 == first);
            let both = key.0 == first && key.1 == second;
            assert_eq!(holds(KeyRange::prefix((first, &second)), key), both);
            if let Some(start) = &second {
                let text = key.1.as_ref().is_some_and(|text| text.starts_with(start));
                let range = KeyRange::prefix(Starting((first, Some(start))));
                assert_eq!(holds(range, key), key.0 == first && text);
                let text = key.2.0.starts_with(start);
                let range = KeyRange::prefix(Starting((first, &second, Reverse(start))));
                assert_eq!(holds(range, key), both && text);
            }
        }
    }
}

/// What a collection will offer: a key, a range or a prefix, without a word about types.
struct Keyed<K>(std::marker::PhantomData<K>);

impl<K: Key> Keyed<K> {
    const NEW: Self = Self(std::marker::PhantomData);

    fn get<Q: AsKey<K>>(&self, key: Q) -> K {
        let mut bytes = Vec::new();
        key.encode_as(&mut bytes);
        let (key, rest) = split(&bytes);
        assert!(rest.is_empty());
        key
    }

    fn range<R: Into<KeyRange<K>>>(&self, range: R) -> KeyRange<K> {
        range.into()
    }

    fn prefix<P: KeyPrefix<K>>(&self, prefix: P) -> KeyRange<K> {
        KeyRange::prefix(prefix)
    }
}

#[test]
fn integer_literals_find_their_type() {
    let numbers = Keyed::<u64>::NEW;
    assert_eq!(numbers.get(5), 5);
    assert_eq!(numbers.get(&5), 5);
    assert_eq!(Keyed::<i8>::NEW.get(-5), -5);
    assert_eq!(Keyed::<f32>::NEW.get(0.5).to_bits(), 0.5_f32.to_bits());
    assert_eq!(Keyed::<Option<u64>>::NEW.get(Some(5)), Some(5));
    assert_eq!(Keyed::<Option<u64>>::NEW.get(None::<u64>), None);
    assert_eq!(Keyed::<Reverse<u64>>::NEW.get(Reverse(5)), Reverse(5));
    assert_eq!(Keyed::<[u16; 2]>::NEW.get([5, 6]), [5, 6]);
    assert_eq!(Keyed::<[u16; 2]>::NEW.get(&[5, 6]), [5, 6]);
    assert_eq!(*Keyed::<Box<u64>>::NEW.get(5), 5);
    assert!(!numbers.range(5..10).is_empty());
    assert!(!numbers.range(5..=10).is_empty());
    assert!(!numbers.range(5..).is_empty());
    assert!(!numbers.range(..5).is_empty());
    assert!(!numbers.range(..=5).is_empty());
    assert!(!numbers.range(..).is_empty());
    assert!(
        !numbers
            .range((Bound::Excluded(5), Bound::Unbounded))
            .is_empty()
    );
    assert!(!numbers.range(KeyRange::only(5)).is_empty());
}

#[test]
fn tuples_take_the_borrowed_forms_of_their_parts() {
    let cities = Keyed::<(String, u64)>::NEW;
    let paris = ("FR".to_owned(), 100_000);
    assert_eq!(cities.get(("FR", 100_000)), paris);
    assert_eq!(cities.get(&("FR", 100_000)), paris);
    assert_eq!(cities.get(&paris), paris);
    assert_eq!(cities.get((&paris.0, &paris.1)), paris);
    assert_eq!(cities.get(paris.clone()), paris);
    assert!(!cities.range(("FR", 100_000)..=("FR", u64::MAX)).is_empty());
    assert!(!cities.range(("FR", 100_000)..).is_empty());
    assert!(!cities.prefix(("FR",)).is_empty());
    assert!(!cities.prefix(Starting(("F",))).is_empty());

    let descending = Keyed::<(String, Reverse<u64>, Option<String>)>::NEW;
    assert!(!descending.range(("FR", Reverse(9), Some("a"))..).is_empty());
    assert!(!descending.prefix(("FR", Reverse(9))).is_empty());
    assert!(
        !descending
            .prefix(Starting(("FR", Reverse(9), Some("a"))))
            .is_empty()
    );

    let nested = Keyed::<((String, u8), [u8; 2], Vec<u8>)>::NEW;
    let key = (("a".to_owned(), 1), [2, 3], vec![4]);
    assert_eq!(nested.get((("a", 1), [2, 3], &[4])), key);
    assert_eq!(nested.get((&("a", 1), &[2, 3], &[4][..])), key);
    assert!(!nested.prefix((("a", 1), [2, 3])).is_empty());
}

#[test]
fn texts_take_what_a_caller_has() {
    let names = Keyed::<String>::NEW;
    let paris = "paris".to_owned();
    assert_eq!(names.get("paris"), paris);
    assert_eq!(names.get(&"paris"), paris);
    assert_eq!(names.get(&paris), paris);
    assert_eq!(names.get(paris.clone()), paris);
    assert!(!names.range("a".."m").is_empty());
    assert!(!names.range(paris.as_str()..).is_empty());
    assert!(names.range("m".."a").is_empty());
    assert!(!names.prefix("par").is_empty());
    assert!(!names.prefix(&paris).is_empty());

    let bytes = Keyed::<Vec<u8>>::NEW;
    assert_eq!(bytes.get(b"paris"), b"paris");
    assert_eq!(bytes.get(&b"paris"[..]), b"paris");
    assert_eq!(bytes.get(vec![1, 2]), [1, 2]);
    assert!(!bytes.prefix(b"par").is_empty());
    assert!(!bytes.prefix(&[1_u8][..]).is_empty());
}

#[test]
fn each_std_range_gives_the_bounds_it_has() {
    fn check<R: RangeBounds<u64> + Into<KeyRange<u64>> + Clone>(range: R) {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let expected = KeyRange::<u64>::from(bounds);
        assert_eq!(range.into().bounds(), expected.bounds());
    }
    check(3..9);
    check(3..=9);
    check(3..);
    check(..9);
    check(..=9);
    check(..);
    check(..=u64::MAX);
}

/// The lists of `keys/ordered_key_lists.json`, or `None` without the suites.
fn ordered_key_lists() -> Option<Value> {
    let Some(suites) = std::env::var_os("LARDER_SUITES") else {
        println!("skipped: no suites");
        return None;
    };
    let path = Path::new(&suites).join("keys/ordered_key_lists.json");
    let text = std::fs::read_to_string(path).expect("the suite is there");
    let suite: Value = serde_json::from_str(&text).expect("the suite is JSON");
    Some(suite["lists"].clone())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn check_ascending<K: Key + KeyOrder + Debug>(keys: impl IntoIterator<Item = K>) {
    let keys: Vec<K> = keys.into_iter().collect();
    assert!(keys.len() > 1);
    for pair in keys.windows(2) {
        assert!(encode(&pair[0]) < encode(&pair[1]), "{pair:?}");
    }
    for key in &keys {
        check_round_trip(key, b"behind");
    }
}

#[test]
fn the_ordered_lists_of_the_suite_ascend() {
    let Some(lists) = ordered_key_lists() else {
        return;
    };
    let integers = |name: &str| items(&lists[name]).iter().map(text);
    check_ascending(integers("i64").map(|text| text.parse::<i64>().expect("an i64")));
    check_ascending(integers("u64").map(|text| text.parse::<u64>().expect("a u64")));
    check_ascending(items(&lists["str"]).iter().map(text));
    check_ascending(items(&lists["bytes_hex"]).iter().map(|hex| {
        let digits = text(hex);
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
        (0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    }));
    check_ascending(items(&lists["compound_str_i64"]).iter().map(|pair| {
        let integer = pair[1].as_i64().expect("an i64");
        (text(&pair[0]), integer)
    }));
    check_ascending(
        items(&lists["compound_option_option (None first)"])
            .iter()
            .map(|pair| {
                let part = |at: usize| pair[at].as_str().map(str::to_owned);
                (part(0), part(1))
            }),
    );
    // The list has the order of FoundationDB, where -0.0 is below 0.0: for us they are one key.
    check_ascending(items(&lists["f64"]).iter().filter_map(|float| {
        let bits = u64::from_str_radix(&text(&float["bits"]), 16).expect("hex");
        Some(f64::from_bits(bits)).filter(|&float| float.to_bits() != (-0.0_f64).to_bits())
    }));
}

#[test]
fn the_prefixes_of_the_suite_sort_before_what_they_lead() {
    let Some(lists) = ordered_key_lists() else {
        return;
    };
    let tuples = items(&lists["compound_str_str (prefix tuples first)"]);
    let encodings: Vec<Vec<u8>> = tuples
        .iter()
        .map(|parts| {
            items(parts)
                .iter()
                .flat_map(|part| encode(&text(part)))
                .collect()
        })
        .collect();
    assert!(
        encodings.is_sorted_by(|one, two| one < two),
        "{encodings:?}"
    );
    for (parts, encoding) in tuples.iter().zip(&encodings) {
        match items(parts) {
            [] => {}
            [first] => {
                let range = KeyRange::<(String, String)>::prefix((text(first),));
                assert_eq!(range.bounds().0, Bound::Included(&encoding[..]));
            }
            parts => assert_eq!(
                split(encoding),
                ((text(&parts[0]), text(&parts[1])), &b""[..])
            ),
        }
    }
}
