//! A bucket: ordered keys to bytes, without a schema.

use std::marker::PhantomData;
use std::ops::Deref;

use super::collection::{count, encoded};
use crate::base::name::check_name;
use crate::base::sync::Arc;
use crate::base::{Error, Result};
use crate::codec::key::scratch::with_encoded;
use crate::codec::key::{AsKey, Key, KeyPrefix, KeyRange, decode_key};
use crate::collection::write::check_key;
use crate::schema::catalog::{Bucket as Info, Member, StoredCollection, StoredKind};
use crate::store::{ALL, Bytes, Range, ReadTable, SnapshotTable, WriteTable};
use crate::txn::read::ReadTx;
use crate::txn::write::WriteTx;

/// The entries of a bucket in one transaction, ordered by key.
///
/// `tx.bucket("settings")` has keys that are bytes, `tx.bucket_of::<K>("settings")` keys of type `K`.
/// Values are bytes. Text may stand for bytes in both.
///
/// ```
/// # fn main() -> larder::Result<()> {
/// # let db = larder::Database::in_memory()?;
/// db.write(|tx| tx.bucket("settings")?.put("theme", "dark"))?;
/// let tx = db.read()?;
/// assert_eq!(tx.bucket("settings")?.get("theme")?.unwrap(), "dark");
/// # Ok(())
/// # }
/// ```
pub struct Bucket<'tx, K = Vec<u8>> {
    table: Table<'tx>,
    _key: PhantomData<fn() -> K>,
}

enum Table<'tx> {
    Absent,
    Snapshot(&'tx SnapshotTable),
    Writing(WriteTable<'tx>),
}

/// The entries of a bucket in a write transaction: everything a [`Bucket`] can, and changes.
pub struct BucketMut<'tx, K = Vec<u8>> {
    reading: Bucket<'tx, K>,
    tx: &'tx WriteTx,
    info: Arc<Info>,
}

/// A value read from a bucket: derefs to its bytes.
pub struct BucketValue<'a>(pub(super) Bytes<'a>);

impl Deref for BucketValue<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for BucketValue<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq<[u8]> for BucketValue<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

macro_rules! equals {
    ($([$($generics:tt)*] $other:ty, |$bytes:ident| $as_bytes:expr;)*) => {$(
        impl<$($generics)*> PartialEq<$other> for BucketValue<'_> {
            fn eq(&self, $bytes: &$other) -> bool {
                **self == *$as_bytes
            }
        }
    )*};
}

equals! {
    [const N: usize] [u8; N], |other| other.as_slice();
    [const N: usize] &[u8; N], |other| other.as_slice();
    [] &[u8], |other| *other;
    [] Vec<u8>, |other| other.as_slice();
    [] str, |other| other.as_bytes();
    [] &str, |other| other.as_bytes();
}

impl std::fmt::Debug for BucketValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

impl<'tx, K: Key> Bucket<'tx, K> {
    /// The value under a key, for as long as the transaction lives.
    pub fn get<Q: AsKey<K>>(&self, key: Q) -> Result<Option<BucketValue<'tx>>> {
        with_encoded(key, |key| Ok(self.table().get(key)?.map(BucketValue)))
    }

    /// Whether there is a value under a key.
    pub fn contains<Q: AsKey<K>>(&self, key: Q) -> Result<bool> {
        with_encoded(key, |key| Ok(self.table().peek(key)?.is_some()))
    }

    /// How many entries there are; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.table().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All entries in the order of their keys.
    pub fn iter(&self) -> Result<BucketEntries<'_, K>> {
        Ok(BucketEntries::new(self.table().range(ALL)?))
    }

    /// The entries whose keys are in a range. A reversed range is empty.
    pub fn range<R: Into<KeyRange<K>>>(&self, range: R) -> Result<BucketEntries<'_, K>> {
        Ok(BucketEntries::new(
            self.table().range(range.into().bounds())?,
        ))
    }

    /// The entries whose keys start with a text, bytes, or the leading parts of a compound key.
    pub fn prefix<P: KeyPrefix<K>>(&self, prefix: P) -> Result<BucketEntries<'_, K>> {
        self.range(KeyRange::prefix(prefix))
    }

    /// How many entries have keys in a range.
    pub fn count<R: Into<KeyRange<K>>>(&self, range: R) -> Result<u64> {
        count(self.table(), &range.into())
    }

    /// The entry with the least key.
    pub fn first(&self) -> Result<Option<(K, BucketValue<'_>)>> {
        self.iter()?.next().transpose()
    }

    /// The entry with the greatest key.
    pub fn last(&self) -> Result<Option<(K, BucketValue<'_>)>> {
        self.iter()?.next_back().transpose()
    }

    fn table(&self) -> ReadTable<'_, 'tx> {
        match &self.table {
            Table::Absent => ReadTable::Absent,
            Table::Snapshot(table) => ReadTable::Snapshot(table),
            Table::Writing(table) => ReadTable::Writing(table),
        }
    }
}

impl<'tx, K> Deref for BucketMut<'tx, K> {
    type Target = Bucket<'tx, K>;

    fn deref(&self) -> &Bucket<'tx, K> {
        &self.reading
    }
}

impl<K: Key> BucketMut<'_, K> {
    /// Sets the value under a key; says whether there was one.
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when the key is longer than 4 KiB, or the value than the
    /// builder's body limit.
    pub fn put<Q: AsKey<K>>(&mut self, key: Q, value: impl AsRef<[u8]>) -> Result<bool> {
        let (key, value) = (encoded(key), value.as_ref());
        check_entry(self.tx, &self.info, &key, value)?;
        self.change(&key, Some(value))
    }

    /// Removes the entry under a key; says whether there was one.
    pub fn remove<Q: AsKey<K>>(&mut self, key: Q) -> Result<bool> {
        self.change(&encoded(key), None)
    }

    /// Removes all entries, in time that grows with the pages and not with the entries.
    pub fn clear(&mut self) -> Result<()> {
        self.tx.mark_changed();
        let transaction = self.tx.transaction()?;
        let change = transaction.begin_change();
        // The table must be closed to be deleted.
        self.reading.table = Table::Absent;
        transaction.delete_table(&self.info.table)?;
        self.reading.table = Table::Writing(transaction.open_table(&self.info.table)?);
        change.finish();
        Ok(())
    }

    fn change(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<bool> {
        self.tx.mark_changed();
        match &mut self.reading.table {
            Table::Writing(table) => {
                let change = self.tx.transaction()?.begin_change();
                let existed = table.change(key, value)?;
                change.finish();
                Ok(existed)
            }
            Table::Absent | Table::Snapshot(_) => Err(Error::invalid(
                "the bucket lost its table to an earlier error",
            )),
        }
    }
}

/// Entries of a bucket, from both ends.
pub struct BucketEntries<'a, K> {
    range: Range<'a>,
    _key: PhantomData<fn() -> K>,
}

impl<'a, K: Key> BucketEntries<'a, K> {
    fn new(range: Range<'a>) -> Self {
        Self {
            range,
            _key: PhantomData,
        }
    }

    fn entry(entry: Result<(Bytes<'a>, Bytes<'a>)>) -> Result<(K, BucketValue<'a>)> {
        let (key, value) = entry?;
        Ok((decode_key(&key)?, BucketValue(value.kept())))
    }
}

impl<'a, K: Key> Iterator for BucketEntries<'a, K> {
    type Item = Result<(K, BucketValue<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.range.next().map(Self::entry)
    }
}

impl<K: Key> DoubleEndedIterator for BucketEntries<'_, K> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.range.next_back().map(Self::entry)
    }
}

impl<K> std::fmt::Debug for Bucket<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").finish_non_exhaustive()
    }
}

impl<K> std::fmt::Debug for BucketMut<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketMut")
            .field("name", &self.info.name)
            .finish_non_exhaustive()
    }
}

impl<K> std::fmt::Debug for BucketEntries<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketEntries").finish_non_exhaustive()
    }
}

pub(super) fn open_snapshot<'tx, K: Key>(tx: &'tx ReadTx, name: &str) -> Result<Bucket<'tx, K>> {
    let table = match tx.catalog().find(name) {
        None => None,
        Some((slot, member)) => {
            let info = member.bucket()?;
            check_key_type(info, &K::describe())?;
            tx.bucket_table(slot, &info.table)?
        }
    };
    let table = table.map_or(Table::Absent, Table::Snapshot);
    Ok(Bucket {
        table,
        _key: PhantomData,
    })
}

/// A bucket of a write transaction, to read: it is not created where it is absent.
pub(super) fn open_uncommitted<'tx, K: Key>(
    tx: &'tx WriteTx,
    name: &str,
) -> Result<Bucket<'tx, K>> {
    let catalog = tx.catalog();
    let table = match catalog.find(name) {
        None => Table::Absent,
        Some((_, member)) => {
            let info = member.bucket()?;
            check_key_type(info, &K::describe())?;
            Table::Writing(tx.transaction()?.open_table(&info.table)?)
        }
    };
    Ok(Bucket {
        table,
        _key: PhantomData,
    })
}

pub(super) fn open_writing<'tx, K: Key>(tx: &'tx WriteTx, name: &str) -> Result<BucketMut<'tx, K>> {
    let info = open_or_create(tx, name, &K::describe())?;
    let table = open_table(tx, &info)?;
    let reading = Bucket {
        table: Table::Writing(table),
        _key: PhantomData,
    };
    Ok(BucketMut { reading, tx, info })
}

/// The bucket of that name, created with keys of that type where there is none.
pub(super) fn open_or_create(tx: &WriteTx, name: &str, key_type: &str) -> Result<Arc<Info>> {
    let catalog = tx.catalog();
    let info = match catalog.find(name) {
        Some((_, member)) => member.bucket()?.clone(),
        None => {
            check_name("bucket", name)?;
            let kind = StoredKind::Bucket {
                key: key_type.to_owned(),
            };
            match tx.store_member(
                name,
                StoredCollection {
                    id: tx.next_id()?,
                    kind,
                },
            )? {
                Member::Bucket(info) => info,
                Member::Records(_) => return Err(Error::invalid("a bucket became a collection")),
            }
        }
    };
    check_key_type(&info, key_type)?;
    Ok(info)
}

pub(super) fn open_table<'tx>(tx: &'tx WriteTx, info: &Info) -> Result<WriteTable<'tx>> {
    tx.transaction()?
        .open_table(&info.table)
        .map_err(|error| error.during(format!("bucket {:?}", info.name)))
}

/// Refuses an entry that is too large.
pub(super) fn check_entry(tx: &WriteTx, info: &Info, key: &[u8], value: &[u8]) -> Result<()> {
    check_key(key)?;
    if value.len() > tx.core.body_bytes_max {
        return Err(Error::limit(format!(
            "a value of {} bytes in bucket {:?}, the most is {}; raise `body_limit` on the \
             builder",
            value.len(),
            info.name,
            tx.core.body_bytes_max
        )));
    }
    Ok(())
}

fn check_key_type(info: &Info, key: &str) -> Result<()> {
    if info.key == key {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "bucket {:?} has keys of type {}, not {key}; open it with `bucket_of` and that type",
        info.name, info.key
    )))
}
