//! Any bytes are an error or the only encoding of a key, and two keys sort as their bytes do.
#![no_main]

use std::time::Duration;

use larder::uuid::Uuid;
use larder::{Key, KeyReader, Reverse, Timestamp};
use libfuzzer_sys::fuzz_target;

/// Decodes one key, encodes it again, and gives it with its bytes.
fn decode<K: Key>(bytes: &[u8]) -> Option<(K, Vec<u8>)> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader).ok()?;
    let used = bytes.len() - reader.rest().len();
    let mut again = Vec::new();
    key.encode(&mut again);
    assert_eq!(again, bytes[..used], "{} is not the only encoding", K::describe());
    Some((key, again))
}

/// Decodes two keys and compares their order, and that neither starts with the other.
fn compare<K: Key + Ord>(a: &[u8], b: &[u8]) {
    let (Some((a, a_bytes)), Some((b, b_bytes))) = (decode::<K>(a), decode::<K>(b)) else {
        return;
    };
    assert_eq!(a.cmp(&b), a_bytes.cmp(&b_bytes), "{}", K::describe());
    if a != b {
        assert!(!a_bytes.starts_with(&b_bytes) && !b_bytes.starts_with(&a_bytes));
    }
}

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (which, a, b) = input;
    match which % 16 {
        0 => compare::<u8>(a, b),
        1 => compare::<u64>(a, b),
        2 => compare::<i128>(a, b),
        3 => compare::<char>(a, b),
        4 => compare::<String>(a, b),
        5 => compare::<Vec<u8>>(a, b),
        6 => compare::<Option<Option<String>>>(a, b),
        7 => compare::<(String, i64, Option<Vec<u8>>)>(a, b),
        8 => compare::<Reverse<String>>(a, b),
        9 => compare::<(Reverse<(String, Reverse<String>)>, bool)>(a, b),
        10 => compare::<[String; 3]>(a, b),
        11 => compare::<Uuid>(a, b),
        12 => compare::<Timestamp>(a, b),
        13 => compare::<Duration>(a, b),
        14 => {
            decode::<f64>(a);
            decode::<f32>(b);
        }
        _ => compare::<((u8, String), Box<i16>, [u8; 4])>(a, b),
    }
});
