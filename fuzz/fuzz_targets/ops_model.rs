//! Any operations on a collection with every kind of index, in any transactions, do what they do to
//! a `BTreeMap`, and leave indexes that hold what the records imply.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use larder::{CollectionMut, Database, ErrorKind, Folded, Result, record};
use libfuzzer_sys::fuzz_target;

#[record(
    name = "things",
    index(by_group_size = (group, desc(size))),
    index(by_large = (size, group), when = size > 100 && group.is_some())
)]
#[derive(Clone, Debug, PartialEq, Arbitrary)]
pub struct Thing {
    #[key]
    id: u8,
    #[unique]
    code: Option<u8>,
    #[index]
    group: Option<bool>,
    #[index(each, fold)]
    tags: Vec<String>,
    #[unique(each)]
    numbers: Vec<u8>,
    size: u16,
}

#[derive(Debug, Arbitrary)]
enum Operation {
    Insert(Thing),
    Put(Thing),
    Resize(u8, u16),
    Retag(u8, Vec<String>),
    Remove(u8),
    RetainAbove(u16),
    Load(Vec<Thing>),
    Clear,
}

#[derive(Debug, Arbitrary)]
struct Transaction {
    operations: Vec<Operation>,
    commit: bool,
}

type Model = BTreeMap<u8, Thing>;

/// Whether the model takes the record: no other record has one of its unique keys.
fn fits(model: &Model, thing: &Thing) -> bool {
    model.values().filter(|other| other.id != thing.id).all(|other| {
        (thing.code.is_none() || other.code != thing.code)
            && thing.numbers.iter().all(|number| !other.numbers.contains(number))
    })
}

/// Fails unless the result is as the model has it: done, or refused as a conflict.
fn assert_done<T>(result: Result<T>, expected: bool) {
    match result {
        Ok(_) => assert!(expected, "it should have been refused"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(!expected, "{error}");
        }
    }
}

fn apply(things: &mut CollectionMut<'_, Thing>, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Insert(thing) => {
            let expected = !model.contains_key(&thing.id) && fits(model, &thing);
            assert_done(things.insert(&thing), expected);
            if expected {
                model.insert(thing.id, thing);
            }
        }
        Operation::Put(thing) => {
            let expected = fits(model, &thing);
            assert_done(things.put(&thing), expected);
            if expected {
                model.insert(thing.id, thing);
            }
        }
        Operation::Resize(id, size) => update(things, model, id, |thing| thing.size = size),
        Operation::Retag(id, tags) => update(things, model, id, |thing| thing.tags = tags.clone()),
        Operation::Remove(id) => {
            assert_eq!(things.remove(id).unwrap(), model.remove(&id).is_some());
        }
        Operation::RetainAbove(size) => {
            let before = model.len();
            model.retain(|_, thing| thing.size > size);
            let removed = things.retain(|thing| thing.size.to_native() > size).unwrap();
            assert_eq!(removed, (before - model.len()) as u64);
        }
        Operation::Load(loaded) => {
            let mut after = model.clone();
            let expected = loaded.iter().all(|thing| {
                let fits = !after.contains_key(&thing.id) && fits(&after, thing);
                after.insert(thing.id, thing.clone());
                fits
            });
            assert_done(things.load(loaded), expected);
            if expected {
                *model = after;
            }
        }
        Operation::Clear => {
            things.clear().unwrap();
            model.clear();
        }
    }
}

fn update(
    things: &mut CollectionMut<'_, Thing>,
    model: &mut Model,
    id: u8,
    change: impl Fn(&mut Thing),
) {
    match (things.update(id, &change), model.get_mut(&id)) {
        (Ok(()), Some(thing)) => change(thing),
        (Err(error), None) => assert_eq!(error.kind(), ErrorKind::NotFound),
        (result, thing) => panic!("{result:?} where the model has {thing:?}"),
    }
}

fn compare(db: &Database, model: &Model) {
    let report = db.check().unwrap();
    assert!(report.is_ok(), "{report}");
    let tx = db.read().unwrap();
    let things = tx.collection::<Thing>().unwrap();
    let found: Vec<Thing> =
        things.iter().unwrap().map(|thing| thing.unwrap().to_owned().unwrap()).collect();
    assert!(found.iter().eq(model.values()));
    let backwards = things.iter().unwrap().rev().map(|thing| thing.unwrap().id);
    assert!(backwards.eq(model.keys().rev().copied()));

    let large = model.values().filter(|thing| thing.size > 100 && thing.group.is_some());
    assert_eq!(things.by(Thing::BY_LARGE).len().unwrap(), large.count() as u64);
    let mut tags: Vec<(Folded, u8)> = model
        .values()
        .flat_map(|thing| thing.tags.iter().map(|tag| (Folded::new(tag), thing.id)))
        .collect();
    tags.sort();
    tags.dedup();
    let ids = things.by(Thing::BY_TAGS).iter().unwrap().map(|thing| thing.unwrap().id);
    assert!(ids.eq(tags.into_iter().map(|(_, id)| id)));
}

fuzz_target!(|transactions: Vec<Transaction>| {
    let db = Database::builder().register::<Thing>().in_memory().unwrap();
    let mut model = Model::new();
    for transaction in transactions {
        let tx = db.begin_write().unwrap();
        let mut changed = model.clone();
        {
            let mut things = tx.collection::<Thing>().unwrap();
            for operation in transaction.operations {
                apply(&mut things, &mut changed, operation);
            }
        }
        if transaction.commit {
            tx.commit().unwrap();
            model = changed;
        }
    }
    compare(&db, &model);
});
