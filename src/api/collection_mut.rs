//! A collection of records, to change.

use std::io::Read;
use std::ops::Deref;

use super::collection::{Collection, does_not_exist, encoded};
use super::document::Document;
use super::ndjson::import_lines;
use super::view::View;
use crate::base::error::Context;
use crate::base::name::show_key;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::{AsKey, decode_key};
use crate::collection::body::{BodyOptions, Sealed, seal};
use crate::collection::load::Load;
use crate::collection::tables::WritingTables;
use crate::collection::write::{Expect, NewRecord, write};
use crate::schema::catalog::Records;
use crate::schema::conform::check_members;
use crate::schema::record::Record;
use crate::schema::view::Budget;
use crate::store::ALL;
use crate::txn::write::WriteTx;

/// The records of type `T` in a write transaction: everything a [`Collection`] can, and changes.
///
/// A change that is refused has written nothing, so that a transaction may go on after it.
pub struct CollectionMut<'tx, T> {
    pub(super) reading: Collection<'tx, T>,
    pub(super) tx: &'tx WriteTx,
}

impl<'tx, T> Deref for CollectionMut<'tx, T> {
    type Target = Collection<'tx, T>;

    fn deref(&self) -> &Collection<'tx, T> {
        &self.reading
    }
}

impl<T: Record> CollectionMut<'_, T> {
    /// Adds a record, and gives its key.
    ///
    /// With `#[key(auto)]` a key of 0 is replaced by one that the collection never had, counting up
    /// from 1; any other key is taken as it is. Keys assigned in a transaction that rolls back may
    /// be assigned again.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when the key, or a key in a unique index, is taken;
    /// [`Limit`](crate::ErrorKind::Limit) when a key or the record is too large.
    pub fn insert(&mut self, record: &T) -> Result<T::Key> {
        let mut keys = self.auto_keys()?;
        let auto = keys.assign(record)?;
        self.write_record(record, auto, Expect::Absent, "insert")?;
        self.note(&keys)?;
        match auto {
            Some(key) => auto_key::<T>(key),
            None => Ok(record.key()),
        }
    }

    /// Adds all records, or none where one is refused; gives how many. See
    /// [`load`](CollectionMut::load) for many at once: this is the same by another name.
    ///
    /// # Errors
    /// Those of [`insert`](CollectionMut::insert).
    pub fn insert_many<'r>(&mut self, records: impl IntoIterator<Item = &'r T>) -> Result<u64>
    where
        T: 'r,
    {
        self.load_records(records.into_iter().map(Ok::<_, Error>), "insert_many")
    }

    /// Adds all records, or none where one is refused; gives how many. The records may come in any
    /// order: they are sorted by key, and each index by its own, which is several times as fast as
    /// inserting them one by one. All are held in memory, encoded: load a very large number in
    /// several calls.
    ///
    /// # Errors
    /// Those of [`insert`](CollectionMut::insert).
    pub fn load(&mut self, records: impl IntoIterator<Item = T>) -> Result<u64> {
        self.load_records(records.into_iter().map(Ok::<_, Error>), "load")
    }

    /// Adds all records of a source that may fail itself, as [`load`](CollectionMut::load) does.
    ///
    /// # Errors
    /// The first error of the source, and those of [`insert`](CollectionMut::insert).
    pub fn try_load<E: From<Error>>(
        &mut self,
        records: impl IntoIterator<Item = Result<T, E>>,
    ) -> Result<u64, E> {
        self.load_records(records, "load")
    }

    /// Adds the records of a text with one on each line (NDJSON), as
    /// [`export_ndjson`](Collection::export_ndjson) writes it; gives how many. Blank lines are passed
    /// over. A field that is an `Option` may be missing.
    ///
    /// It reads one line at a time. After an error the records of the lines before it are in the
    /// transaction: let it fail, and they are not.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when a line is no JSON or no such record, also when it has
    /// a member that no field is for; those of [`insert`](CollectionMut::insert). With the number of the
    /// line. [`Limit`](crate::ErrorKind::Limit) for a line of more than eight times the largest record's
    /// bytes: it is never held in memory.
    pub fn import_ndjson(&mut self, from: impl Read) -> Result<u64> {
        let bytes_max = self.tx.core.body_bytes_max;
        let imported = import_lines(from, bytes_max, |line| {
            let record = self.record_of(line)?;
            self.insert(&record).map(drop)
        });
        imported.context(|| during::<T>("import"))
    }

    fn record_of(&self, line: &[u8]) -> Result<T> {
        let document = Document::from_json(line)?;
        let value = document.value()?;
        let layout = &self.existing()?.typed()?.layout;
        let record = check_members(value, layout)
            .and_then(|()| T::from_value(value, &mut Budget::new(document.bytes().len())));
        // What does not fit is no damage: it comes from outside.
        record.map_err(|error| Error::invalid("the line is no record of the type").because(error))
    }

    /// Adds a record, or replaces the one with its key; says whether there was one.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when another record has its key in a unique index.
    pub fn put(&mut self, record: &T) -> Result<bool> {
        if T::AUTO_KEY_OFFSET.is_some() && number_of_key(record) == 0 {
            return Err(Error::invalid(
                "the key 0 stands for one that is not assigned yet; use `insert`, which assigns it",
            )
            .during(during::<T>("put")));
        }
        let mut keys = self.auto_keys()?;
        keys.assign(record)?;
        let existed = self.write_record(record, None, Expect::Any, "put")?;
        self.note(&keys)?;
        Ok(existed)
    }

    /// Changes the record with that key.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record] pub struct City { #[key] pub id: u64, pub population: u64 }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # db.write(|tx| tx.collection::<City>()?.insert(&City { id: 7, population: 1 }))?;
    /// db.write(|tx| tx.collection::<City>()?.update(7, |city| city.population += 1))?;
    /// # assert_eq!(db.read()?.collection::<City>()?.field(7, City::POPULATION)?, Some(2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such record;
    /// [`Invalid`](crate::ErrorKind::Invalid) when the closure changes its key;
    /// [`Conflict`](crate::ErrorKind::Conflict) when another record has its new key in a unique
    /// index.
    pub fn update<Q: AsKey<T::Key>>(&mut self, key: Q, change: impl FnOnce(&mut T)) -> Result<()> {
        self.update_encoded(&encoded(key), change)
    }

    pub(super) fn update_encoded(&mut self, key: &[u8], change: impl FnOnce(&mut T)) -> Result<()> {
        let Some(mut record) = self.record_at(key)? else {
            return Err(
                Error::new(ErrorKind::NotFound, "there is no record with that key")
                    .during(show_key(key))
                    .during(during::<T>("update")),
            );
        };
        change(&mut record);
        let mut changed = Vec::with_capacity(key.len());
        record.encode_key(&mut changed);
        if changed != key {
            return Err(Error::invalid(
                "the key of a record cannot be changed; insert it anew and remove the old one",
            )
            .during(during::<T>("update")));
        }
        self.write_record(&record, None, Expect::Present, "update")?;
        Ok(())
    }

    /// Replaces the record with its key if it still is as that revision left it.
    ///
    /// This is optimistic locking: read a record, let a person edit it for as long as it takes, and
    /// write it only if nobody else did meanwhile. [`View::revision`] gives the revision. It tells
    /// transactions apart, not the changes of one: see there.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when it was changed meanwhile,
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is gone.
    pub fn replace_if(&mut self, revision: u64, record: &T) -> Result<()> {
        self.write_record(record, None, Expect::Revision(revision), "replace_if")?;
        Ok(())
    }

    /// Removes the record with that key; says whether there was one.
    pub fn remove<Q: AsKey<T::Key>>(&mut self, key: Q) -> Result<bool> {
        self.remove_encoded(&encoded(key))
    }

    /// Removes the record with that key and gives it.
    pub fn take<Q: AsKey<T::Key>>(&mut self, key: Q) -> Result<Option<T>> {
        let key = encoded(key);
        let record = self.record_at(&key)?;
        self.remove_encoded(&key)?;
        Ok(record)
    }

    /// Keeps the records for which `keep` says so and removes the others; gives how many it removed.
    ///
    /// Nothing else can be changed while the records are looked at, so each is seen once.
    pub fn retain(&mut self, mut keep: impl FnMut(&View<'_, T>) -> bool) -> Result<u64> {
        let mut gone = Vec::new();
        for entry in self.tables.records().range(ALL)? {
            let (key, stored) = entry?;
            let record = super::iter::view(self.info(), &key, stored)?;
            if !keep(&record) {
                gone.push(key.to_vec());
            }
        }
        for key in &gone {
            self.remove_encoded(key)?;
        }
        Ok(gone.len() as u64)
    }

    /// Removes all records, in time that grows with the pages and not with the records. Automatic
    /// keys go on counting.
    pub fn clear(&mut self) -> Result<()> {
        self.tx.mark_changed();
        let transaction = self.tx.transaction()?;
        let Collection { tables, info, .. } = &mut self.reading;
        match info {
            Some(info) => tables.clear(transaction, info),
            None => Err(does_not_exist()),
        }
    }

    fn write_record(
        &mut self,
        record: &T,
        auto: Option<u64>,
        expect: Expect,
        verb: &str,
    ) -> Result<bool> {
        let mut key = Vec::with_capacity(16);
        match auto {
            Some(number) => key.extend_from_slice(&number.to_be_bytes()),
            None => record.encode_key(&mut key),
        }
        let options = self.options()?;
        let mut stored = Vec::new();
        let revision = self.tx.revision();
        let result = seal_record(record, auto, revision, options, &mut stored).and_then(|sealed| {
            let new = NewRecord {
                stored: &stored,
                body: sealed.body(&stored),
            };
            self.write_new(&key, Some(new), expect)
        });
        result
            .context(|| show_key(&key))
            .context(|| during::<T>(verb))
    }

    pub(super) fn remove_encoded(&mut self, key: &[u8]) -> Result<bool> {
        self.write_new(key, None, Expect::Any)
            .context(|| show_key(key))
            .context(|| during::<T>("remove"))
    }

    fn write_new(
        &mut self,
        key: &[u8],
        new: Option<NewRecord<'_>>,
        expect: Expect,
    ) -> Result<bool> {
        self.tx.mark_changed();
        let (info, tables) = self.parts()?;
        write(tables, info, key, new, expect)
    }

    fn load_records<R: std::borrow::Borrow<T>, E: From<Error>>(
        &mut self,
        records: impl IntoIterator<Item = Result<R, E>>,
        verb: &str,
    ) -> Result<u64, E> {
        self.tx.mark_changed();
        let options = self.options()?;
        let revision = self.tx.revision();
        let mut keys = self.auto_keys()?;
        let (info, tables) = self.parts()?;
        let mut load = Load::new(info);
        for record in records {
            let record = record?;
            let record = record.borrow();
            let auto = keys.assign(record)?;
            load.add(
                |out| match auto {
                    Some(number) => out.extend_from_slice(&number.to_be_bytes()),
                    None => record.encode_key(out),
                },
                |out| seal_record(record, auto, revision, options, out),
            )
            .context(|| during::<T>(verb))?;
        }
        let count = load.write(tables).context(|| during::<T>(verb))?;
        self.note(&keys)?;
        Ok(count)
    }

    fn record_at(&self, key: &[u8]) -> Result<Option<T>> {
        let Some(stored) = self.tables.records().peek(key)? else {
            return Ok(None);
        };
        let view: View<'_, T> = super::iter::view(self.info(), key, stored)?;
        let record = view.to_owned()?;
        let mut own = Vec::with_capacity(key.len());
        record.encode_key(&mut own);
        if own == key {
            return Ok(Some(record));
        }
        Err(
            Error::corrupt(format!("the record says it has {}", show_key(&own)))
                .during(show_key(key))
                .during(format!("collection {:?}", <T as Record>::NAME)),
        )
    }

    /// The automatic keys as they are before a change.
    fn auto_keys(&self) -> Result<AutoKeys> {
        let greatest = match T::AUTO_KEY_OFFSET {
            Some(_) => Some(self.tx.greatest_auto_key(self.existing()?.id)?),
            None => None,
        };
        Ok(AutoKeys { greatest })
    }

    /// Keeps what a change did to the automatic keys, once it is done: a refused one has used up
    /// none.
    fn note(&self, keys: &AutoKeys) -> Result<()> {
        if let Some(greatest) = keys.greatest {
            self.tx.note_auto_key(self.existing()?.id, greatest);
        }
        Ok(())
    }

    fn options(&self) -> Result<BodyOptions> {
        Ok(self.tx.core.body_options(self.existing()?))
    }
}

impl<'tx, T: Record> CollectionMut<'tx, T> {
    /// What the write path works on, apart.
    fn parts(&mut self) -> Result<(&Records, &mut WritingTables<'tx>)> {
        let Collection { tables, info, .. } = &mut self.reading;
        match info {
            Some(info) => Ok((info, tables.writing()?)),
            None => Err(does_not_exist()),
        }
    }
}

impl<T> std::fmt::Debug for CollectionMut<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reading.fmt(f)
    }
}

fn during<T: Record>(verb: &str) -> String {
    format!("{verb} in collection {:?}", T::NAME)
}

/// Appends envelope and body; an assigned key takes its place in the body.
fn seal_record<T: Record>(
    record: &T,
    auto: Option<u64>,
    revision: u64,
    options: BodyOptions,
    out: &mut Vec<u8>,
) -> Result<Sealed> {
    seal(T::VERSION, revision, None, options, out, |out| {
        record.encode(out)?;
        if let (Some(key), Some(offset)) = (auto, T::AUTO_KEY_OFFSET) {
            // The record is the last thing in its body.
            let at = out.len() - size_of::<T::Stored>() + offset;
            if let Some(place) = out.get_mut(at..at + 8) {
                place.copy_from_slice(&key.to_le_bytes());
            }
        }
        Ok(())
    })
}

/// The automatic keys of a collection, while one change goes on.
struct AutoKeys {
    /// The greatest one used; `None` where the record has no automatic key.
    greatest: Option<u64>,
}

impl AutoKeys {
    /// The key that `insert` gives the record, where it gives one.
    fn assign<T: Record>(&mut self, record: &T) -> Result<Option<u64>> {
        let Some(greatest) = &mut self.greatest else {
            return Ok(None);
        };
        let own = number_of_key(record);
        if own != 0 {
            *greatest = own.max(*greatest);
            return Ok(None);
        }
        *greatest = greatest.checked_add(1).ok_or_else(|| {
            Error::limit("the collection has used up its automatic keys; assign them yourself")
                .during(format!("collection {:?}", T::NAME))
        })?;
        Ok(Some(*greatest))
    }
}

/// The key of a record with an automatic key.
fn number_of_key<T: Record>(record: &T) -> u64 {
    let mut bytes = Vec::with_capacity(8);
    record.encode_key(&mut bytes);
    <[u8; 8]>::try_from(bytes.as_slice()).map_or(0, u64::from_be_bytes)
}

/// The number of an automatic key as the record's key type.
fn auto_key<T: Record>(number: u64) -> Result<T::Key> {
    decode_key(&number.to_be_bytes())
}
