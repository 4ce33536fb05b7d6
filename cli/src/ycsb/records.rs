//! What is a record of YCSB, and what does each operation do with it?

use std::hint::black_box;

use larder::serde_json::{Map, Value};
use larder::{Database, Document, Readable, Result};

use super::splitmix::SplitMix64;
use super::zipfian::fnv_hash;

/// YCSB's `table`.
pub(crate) const COLLECTION: &str = "usertable";

/// YCSB's `fieldcount`.
const FIELDS: u64 = 10;

/// YCSB's `fieldlength`.
const FIELD_CHARACTERS: usize = 100;

/// The key of the record with that number.
pub(super) fn key(number: u64) -> String {
    format!("user{}", fnv_hash(number))
}

/// All fields, with random text in each.
pub(super) fn new_record(random: &mut SplitMix64) -> Value {
    let mut fields = Map::new();
    for number in 0..FIELDS {
        fields.insert(format!("field{number}"), new_value(random));
    }
    Value::Object(fields)
}

/// Random text of printable ASCII characters, six bits in each, as YCSB's `RandomByteIterator` gives it.
fn new_value(random: &mut SplitMix64) -> Value {
    const PER_NUMBER: usize = 10;
    let mut text = String::with_capacity(FIELD_CHARACTERS);
    for _ in 0..FIELD_CHARACTERS / PER_NUMBER {
        let mut bits = random.next();
        for _ in 0..PER_NUMBER {
            text.push(char::from(b' ' + (bits & 0x3F).to_le_bytes()[0]));
            bits >>= 6;
        }
    }
    Value::String(text)
}

/// The pointer to one of the fields.
fn any_field(random: &mut SplitMix64) -> String {
    format!("/field{}", random.below(FIELDS))
}

/// Reads all fields of a record; says whether there is one.
pub(super) fn read(db: &Database, key: &str) -> Result<bool> {
    read_in(&db.read()?, key)
}

/// Reads all fields of so many records from a key on; says whether there were any.
pub(super) fn scan(db: &Database, key: &str, records_max: usize) -> Result<bool> {
    let tx = db.read()?;
    let records = tx.documents(COLLECTION)?;
    let mut found = false;
    for record in records.range(key..)?.take(records_max) {
        read_fields(&*record?)?;
        found = true;
    }
    Ok(found)
}

/// Adds a record.
pub(super) fn insert(db: &Database, key: &str, random: &mut SplitMix64) -> Result<()> {
    let record = new_record(random);
    db.write(|tx| tx.documents(COLLECTION)?.put(key, &record).map(drop))
}

/// Replaces one field.
pub(super) fn update(db: &Database, key: &str, random: &mut SplitMix64) -> Result<()> {
    let (field, value) = (any_field(random), new_value(random));
    db.write(|tx| tx.documents(COLLECTION)?.set(key, &field, value))
}

/// Reads all fields and replaces one.
pub(super) fn read_modify_write(db: &Database, key: &str, random: &mut SplitMix64) -> Result<()> {
    let (field, value) = (any_field(random), new_value(random));
    db.write(|tx| {
        read_in(tx, key)?;
        tx.documents(COLLECTION)?.set(key, &field, value)
    })
}

fn read_in(tx: &impl Readable, key: &str) -> Result<bool> {
    match tx.documents(COLLECTION)?.get(key)? {
        Some(record) => read_fields(&record).map(|()| true),
        None => Ok(false),
    }
}

/// Decodes every field, whatever the optimiser thinks of it.
fn read_fields(record: &Document<'_>) -> Result<()> {
    if let Some(fields) = record.value()?.as_map() {
        for field in fields.iter() {
            let (name, value) = field?;
            black_box((name.as_str(), value.as_str()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_ten_fields_of_a_hundred_printable_characters() {
        let mut random = SplitMix64::new(1);
        let record = new_record(&mut random);
        let fields = record.as_object().unwrap();
        assert_eq!(fields.len(), 10);
        for number in 0..10 {
            let text = fields[&format!("field{number}")].as_str().unwrap();
            assert_eq!(text.len(), 100);
            assert!(
                text.bytes().all(|byte| (b' '..=b'_').contains(&byte)),
                "{text}"
            );
        }
        assert_ne!(fields["field0"], fields["field1"]);
        assert_eq!(key(0), "user6284781860667377211");
    }

    #[test]
    fn an_update_and_a_read_modify_write_change_one_field() {
        let db = Database::in_memory().unwrap();
        let mut random = SplitMix64::new(2);
        insert(&db, "a", &mut random).unwrap();
        let all = || {
            db.read()
                .unwrap()
                .documents(COLLECTION)
                .unwrap()
                .get("a")
                .unwrap()
                .unwrap()
                .to_value()
        };
        for change in [update, read_modify_write] {
            let before = all().unwrap();
            change(&db, "a", &mut random).unwrap();
            let after = all().unwrap();
            let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
            assert_eq!(before.len(), after.len());
            let changed = before
                .iter()
                .filter(|(name, value)| after[*name] != **value);
            assert_eq!(changed.count(), 1);
        }
        assert!(read(&db, "a").unwrap());
        assert!(!read(&db, "b").unwrap());
        assert!(scan(&db, "a", 2).unwrap());
        assert!(!scan(&db, "b", 2).unwrap());
        assert!(update(&db, "b", &mut random).is_err());
    }
}
