//! What does a bucket hold, without the type of its keys?

use super::bucket::{BucketValue, check_entry, open_or_create, open_table};
use crate::base::Result;
use crate::base::sync::Arc;
use crate::schema::catalog::Bucket as Info;
use crate::store::{ALL, ReadTable, SnapshotTable, WriteTable};
use crate::txn::read::ReadTx;
use crate::txn::write::WriteTx;

/// The entries of a bucket under their encoded keys, in their order: for programs that copy or show what any
/// file holds. A program that knows its keys has [`Bucket`](crate::Bucket).
pub struct AnyBucket<'tx> {
    table: Option<&'tx SnapshotTable>,
    info: &'tx Info,
}

/// A bucket to fill with entries whose keys are encoded.
pub struct AnyBucketMut<'tx> {
    table: WriteTable<'tx>,
    info: Arc<Info>,
    tx: &'tx WriteTx,
}

impl ReadTx {
    /// The bucket of that name without the type of its keys; `None` where there is none.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// db.write(|tx| tx.bucket_of::<u16>("ports")?.put(80, "http"))?;
    /// let tx = db.read()?;
    /// let ports = tx.any_bucket("ports")?.expect("it is there");
    /// assert_eq!(ports.key_type(), "u16");
    /// let (key, value) = ports.iter()?.next().expect("it has one")?;
    /// assert_eq!((key.as_slice(), &*value), ([0, 80].as_slice(), b"http".as_slice()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the name is that of a collection.
    pub fn any_bucket(&self, name: &str) -> Result<Option<AnyBucket<'_>>> {
        let Some((slot, member)) = self.catalog().find(name) else {
            return Ok(None);
        };
        let info = member.bucket()?;
        Ok(Some(AnyBucket {
            table: self.bucket_table(slot, &info.table)?,
            info,
        }))
    }
}

impl AnyBucket<'_> {
    /// The name of the type of its keys, as [`Key::describe`](crate::Key::describe) has it.
    #[must_use]
    pub fn key_type(&self) -> &str {
        &self.info.key
    }

    /// How many entries there are; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.table().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Result<impl Iterator<Item = Result<(Vec<u8>, BucketValue<'_>)>>> {
        let range = self.table().range(ALL)?;
        Ok(range.map(|entry| {
            let (key, value) = entry?;
            Ok((key.to_vec(), BucketValue(value)))
        }))
    }

    fn table(&self) -> ReadTable<'_, '_> {
        self.table.map_or(ReadTable::Absent, ReadTable::Snapshot)
    }
}

impl WriteTx {
    /// The bucket of that name, to put entries into under keys that are encoded already, as
    /// [`AnyBucket::iter`] gives them. One that does not exist is created, with keys of the type of that name.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the name is that of a collection, or the bucket has another
    /// type of keys.
    pub fn any_bucket(&self, name: &str, key_type: &str) -> Result<AnyBucketMut<'_>> {
        let info = open_or_create(self, name, key_type)?;
        Ok(AnyBucketMut {
            table: open_table(self, &info)?,
            info,
            tx: self,
        })
    }
}

impl AnyBucketMut<'_> {
    /// Sets the value under an encoded key; says whether there was one. Whether the key is of the bucket's type
    /// is not looked at: bytes that are no key of it are [`Corrupt`](crate::ErrorKind::Corrupt) to who reads
    /// them as such.
    ///
    /// # Errors
    /// Those of [`BucketMut::put`](crate::BucketMut::put).
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        check_entry(self.tx, &self.info, key, value)?;
        self.tx.mark_changed();
        let change = self.tx.transaction()?.begin_change();
        let existed = self.table.change(key, Some(value))?;
        change.finish();
        Ok(existed)
    }
}

impl std::fmt::Debug for AnyBucket<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyBucket")
            .field("name", &self.info.name)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AnyBucketMut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyBucketMut")
            .field("name", &self.info.name)
            .finish_non_exhaustive()
    }
}
