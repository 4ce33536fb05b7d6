//! Does each operation what the model says? A history, run on both.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use larder::{CollectionMut, Database, Error, ErrorKind, ReadTx, Result, WriteTx};

use super::compare::{Model, clashes, compare};
use super::history::{Batch, End, Op};
use super::item::Item;

/// What is committed.
#[derive(Default)]
pub(super) struct Run {
    model: Model,
}

/// A snapshot, and what it must show for as long as it lives.
pub(super) struct Stage {
    tx: ReadTx,
    model: Model,
}

/// What a closure fails with.
#[derive(Debug)]
enum Failure {
    Wanted,
    #[expect(dead_code, reason = "shown by Debug when a history fails")]
    Larder(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Larder(error)
    }
}

impl Run {
    pub(super) fn transaction(&mut self, db: &Database, batch: &Batch) {
        let sequence = db.commit_sequence();
        let after = match batch.end {
            End::Ok => {
                let model = self.model.clone();
                let after = db.write(|tx| Ok(apply(tx, model, &batch.ops)));
                Some(after.expect("the transaction commits"))
            }
            End::Err => {
                let failed = db.try_write(|tx| -> Result<(), Failure> {
                    apply(tx, self.model.clone(), &batch.ops);
                    Err(Failure::Wanted)
                });
                assert!(matches!(failed, Err(Failure::Wanted)), "{failed:?}");
                None
            }
            End::Panic => {
                caught(|| {
                    let never: Result<()> = db.write(|tx| {
                        apply(tx, self.model.clone(), &batch.ops);
                        let _handle = tx.collection::<Item>()?;
                        resume_unwind(Box::new(Wanted))
                    });
                    panic!("the panic was lost: {never:?}");
                });
                None
            }
            End::Commit => {
                let tx = db.begin_write().expect("a transaction");
                let after = apply(&tx, self.model.clone(), &batch.ops);
                tx.commit().expect("the transaction commits");
                Some(after)
            }
            End::Drop => {
                let tx = db.begin_write().expect("a transaction");
                apply(&tx, self.model.clone(), &batch.ops);
                None
            }
            End::PanicOfGuard => {
                caught(|| {
                    let tx = db.begin_write().expect("a transaction");
                    apply(&tx, self.model.clone(), &batch.ops);
                    let _handle = tx.collection::<Item>().expect("a handle");
                    resume_unwind(Box::new(Wanted))
                });
                None
            }
        };
        assert_eq!(after.is_some(), batch.end.commits());
        match after {
            Some(model) => self.model = model,
            None => assert_eq!(db.commit_sequence(), sequence, "nothing was committed"),
        }
    }

    pub(super) fn compare(&self, db: &Database) {
        self.stage(db).compare();
    }

    pub(super) fn stage(&self, db: &Database) -> Stage {
        Stage {
            tx: db.read().expect("a snapshot"),
            model: self.model.clone(),
        }
    }
}

impl Stage {
    pub(super) fn compare(&self) {
        compare(
            &self.tx.collection::<Item>().expect("the collection"),
            &self.model,
        );
    }
}

/// The panic of a history, told apart from one of the engine or of a comparison. It is thrown past
/// the panic hook, so that thousands of them print nothing.
struct Wanted;

fn caught(panics: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
    if !panic.is::<Wanted>() {
        resume_unwind(panic);
    }
}

/// Runs operations in a transaction; gives what it must hold then.
fn apply(tx: &WriteTx, mut model: Model, ops: &[Op]) -> Model {
    let mut handle: Option<CollectionMut<'_, Item>> = None;
    for op in ops {
        match op {
            Op::Reopen => handle = None,
            Op::DropCollection => {
                handle = None;
                tx.drop_collection::<Item>()
                    .expect("the collection is dropped");
                model.clear();
            }
            op => {
                let items =
                    handle.get_or_insert_with(|| tx.collection::<Item>().expect("a handle"));
                step(items, tx.revision(), &mut model, op);
            }
        }
    }
    model
}

fn step(items: &mut CollectionMut<'_, Item>, now: u64, model: &mut Model, op: &Op) {
    match op {
        Op::Insert(item) => {
            let expected = match model.contains_key(&item.key) || clashes(model, item) {
                true => Err(ErrorKind::Conflict),
                false => Ok(item.key.clone()),
            };
            assert_eq!(kind(items.insert(item)), expected, "{op:?}");
            if expected.is_ok() {
                model.insert(item.key.clone(), (item.clone(), now));
            }
        }
        Op::Put(item) => {
            let expected = match clashes(model, item) {
                true => Err(ErrorKind::Conflict),
                false => Ok(model.contains_key(&item.key)),
            };
            assert_eq!(kind(items.put(item)), expected, "{op:?}");
            if expected.is_ok() {
                model.insert(item.key.clone(), (item.clone(), now));
            }
        }
        Op::Update { item, key_too } => {
            let moved = key_too.as_ref().unwrap_or(&item.key);
            let expected = if !model.contains_key(&item.key) {
                Err(ErrorKind::NotFound)
            } else if *moved != item.key {
                Err(ErrorKind::Invalid)
            } else if clashes(model, item) {
                Err(ErrorKind::Conflict)
            } else {
                Ok(())
            };
            let before = model.get(&item.key).map(|(item, _)| item.clone());
            let updated = items.update(&item.key, |stored| {
                assert_eq!(Some(&*stored), before.as_ref());
                *stored = Item {
                    key: moved.clone(),
                    ..item.clone()
                };
            });
            assert_eq!(kind(updated), expected, "{op:?}");
            if expected.is_ok() {
                model.insert(item.key.clone(), (item.clone(), now));
            }
        }
        Op::ReplaceIf { item, right } => {
            let stored = model.get(&item.key).map(|(_, revision)| *revision);
            let revision = stored.unwrap_or(now) + u64::from(!right);
            let expected = match stored {
                None => Err(ErrorKind::NotFound),
                Some(_) if !right || clashes(model, item) => Err(ErrorKind::Conflict),
                Some(_) => Ok(()),
            };
            assert_eq!(kind(items.replace_if(revision, item)), expected, "{op:?}");
            if expected.is_ok() {
                model.insert(item.key.clone(), (item.clone(), now));
            }
        }
        Op::Remove(key) => {
            assert_eq!(
                kind(items.remove(key)),
                Ok(model.remove(key).is_some()),
                "{op:?}"
            );
        }
        Op::Take(key) => {
            let expected = model.remove(key).map(|(item, _)| item);
            assert_eq!(kind(items.take(key)), Ok(expected), "{op:?}");
        }
        Op::Retain(bit) => {
            let keep = |score: i16, zone: u8| (score + i16::from(zone)) >> bit & 1 == 1;
            let before = model.len();
            model.retain(|_, (item, _)| keep(item.score, item.place.zone));
            let removed = items.retain(|item| keep(item.score.to_native(), item.place.zone));
            assert_eq!(kind(removed), Ok((before - model.len()) as u64), "{op:?}");
        }
        Op::Clear => {
            model.clear();
            assert_eq!(kind(items.clear()), Ok(()));
        }
        Op::InsertMany(many) => {
            let expected = load(model, many, now);
            assert_eq!(kind(items.insert_many(many)), expected, "{op:?}");
        }
        Op::Load(many) => {
            let expected = load(model, many, now);
            assert_eq!(kind(items.load(many.iter().cloned())), expected, "{op:?}");
        }
        Op::TryLoad(many) => {
            let source = many.iter().cloned().map(Ok).chain([Err(Failure::Wanted)]);
            let failed = items.try_load(source);
            assert!(matches!(failed, Err(Failure::Wanted)), "{failed:?}");
        }
        Op::Look => compare(items, model),
        Op::DropCollection | Op::Reopen => {}
    }
}

/// Adds all, or none.
fn load(model: &mut Model, many: &[Item], now: u64) -> Result<u64, ErrorKind> {
    let mut loaded = model.clone();
    for item in many {
        if loaded.contains_key(&item.key) || clashes(&loaded, item) {
            return Err(ErrorKind::Conflict);
        }
        loaded.insert(item.key.clone(), (item.clone(), now));
    }
    *model = loaded;
    Ok(many.len() as u64)
}

fn kind<T>(result: Result<T>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}
