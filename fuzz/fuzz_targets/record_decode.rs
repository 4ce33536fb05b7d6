//! Any body is `Corrupt` or a record, by its type and by the dynamic view alike, and what is a
//! record encodes to one that reads the same.
#![no_main]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use larder::uuid::Uuid;
use larder::{ErrorKind, Record, Timestamp, record};
use libfuzzer_sys::fuzz_target;

#[record(name = "everything")]
#[derive(Clone, Debug, PartialEq)]
pub struct Everything {
    #[key]
    id: u64,
    small: (u8, i8, u16, i16),
    wide: (u128, i128),
    ok: bool,
    letter: char,
    text: String,
    maybe: Option<String>,
    list: Vec<Vec<u16>>,
    array: [Option<u32>; 3],
    boxed: Box<Part>,
    sorted: BTreeMap<String, Vec<Part>>,
    hashed: HashMap<u32, String>,
    uuid: Uuid,
    at: Timestamp,
    during: Duration,
    parts: Vec<Choice>,
}

#[larder::part]
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    name: String,
    bytes: Vec<u8>,
}

#[larder::part]
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    Nothing,
    One(String),
    Two { left: Option<Part>, right: Vec<Choices> },
}

#[larder::part]
#[derive(Clone, Debug, PartialEq)]
pub enum Choices {
    A,
    B(u8, Vec<String>),
}

fuzz_target!(|body: &[u8]| {
    match Everything::decode(body) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
        Ok(record) => {
            let mut again = Vec::new();
            record.encode(&mut again).unwrap();
            assert_eq!(Everything::decode(&again).unwrap(), record);
        }
    }
});
