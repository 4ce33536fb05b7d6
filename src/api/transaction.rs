//! How does a transaction give access to collections and buckets?

use std::any::TypeId;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bucket::{self, Bucket, BucketMut};
use super::collection::{Collection, Info};
use super::collection_mut::CollectionMut;
use super::documents::Documents;
use super::documents_mut::DocumentsMut;
use super::documents_of::{DocumentsOf, DocumentsOfMut};
use super::register::{CollectionOptions, Declared, create};
use crate::base::name::check_name;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::Key;
use crate::collection::tables::{Tables, WritingTables};
use crate::schema::catalog::{
    Binding, Catalog, Member, Records, StoredCollection, StoredDocuments, StoredKind, Usable,
};
use crate::schema::record::Record;
use crate::txn::read::ReadTx;
use crate::txn::write::WriteTx;

/// What read and write transactions can both do, so that reading code is written once.
///
/// ```
/// # use larder::{Database, Readable, Result, record};
/// # #[record] pub struct City { #[key] pub id: u64, pub population: u64 }
/// fn inhabitants(tx: &impl Readable) -> Result<u64> {
///     let mut sum = 0;
///     for city in tx.collection::<City>()?.iter()? {
///         sum += city?.population.to_native();
///     }
///     Ok(sum)
/// }
/// # fn main() -> Result<()> {
/// # let db = Database::in_memory()?;
/// assert_eq!(inhabitants(&db.read()?)?, 0);
/// db.write(|tx| inhabitants(tx))?;
/// # Ok(())
/// # }
/// ```
pub trait Readable: sealed::Sealed {
    /// The records of type `T`. A collection that does not exist reads as empty.
    fn collection<T: Record>(&self) -> Result<Collection<'_, T>>;

    /// The bucket of that name, with keys that are bytes. One that does not exist reads as
    /// empty.
    fn bucket(&self, name: &str) -> Result<Bucket<'_>>;

    /// The bucket of that name, with typed keys.
    fn bucket_of<K: Key>(&self, name: &str) -> Result<Bucket<'_, K>>;

    /// The documents of that name. A collection that does not exist reads as empty.
    fn documents(&self, name: &str) -> Result<Documents<'_>>;

    /// The documents of that name, as values of a type. A collection that does not exist reads as
    /// empty.
    fn documents_of<T: DeserializeOwned>(&self, name: &str) -> Result<DocumentsOf<'_, T>> {
        Ok(DocumentsOf::new(self.documents(name)?))
    }
}

mod sealed {
    /// Nobody else's transactions: methods may be added.
    pub trait Sealed {}
    impl Sealed for super::ReadTx {}
    impl Sealed for super::WriteTx {}
}

impl ReadTx {
    /// The records of type `T`. A collection that does not exist reads as empty.
    ///
    /// # Errors
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) when the stored record differs from `T`,
    /// [`NewerSchema`](crate::ErrorKind::NewerSchema) when it is newer.
    pub fn collection<T: Record>(&self) -> Result<Collection<'_, T>> {
        let Some((info, binding)) = find::<T>(self.catalog())? else {
            return Ok(Collection::absent());
        };
        Ok(Collection {
            tables: self.tables(binding.slot, info)?,
            info: Some(Info::Snapshot(info)),
            usable: binding.usable,
            _record: PhantomData,
        })
    }

    /// The bucket of that name, with keys that are bytes. One that does not exist reads as
    /// empty.
    pub fn bucket(&self, name: &str) -> Result<Bucket<'_>> {
        bucket::open_snapshot(self, name)
    }

    /// The bucket of that name, with typed keys. One that does not exist reads as empty.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the bucket has another type of keys.
    pub fn bucket_of<K: Key>(&self, name: &str) -> Result<Bucket<'_, K>> {
        bucket::open_snapshot(self, name)
    }

    /// The documents of that name. A collection that does not exist reads as empty.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the name is that of a bucket or of records of a type.
    pub fn documents(&self, name: &str) -> Result<Documents<'_>> {
        let found = match self.catalog().find(name) {
            Some((slot, member)) => Some((slot, &**documents_info(member)?)),
            None => None,
        };
        let tables = match found {
            Some((slot, info)) => self.tables(slot, info)?,
            None => Tables::Absent,
        };
        Ok(Documents {
            name: name.to_owned(),
            tables,
            info: found.map(|(_, info)| Info::Snapshot(info)),
        })
    }

    /// The documents of that name, as values of a type. A collection that does not exist reads as
    /// empty.
    ///
    /// # Errors
    /// Those of [`documents`](ReadTx::documents).
    pub fn documents_of<T: DeserializeOwned>(&self, name: &str) -> Result<DocumentsOf<'_, T>> {
        Readable::documents_of(self, name)
    }
}

impl WriteTx {
    /// The records of type `T`, to change. A collection that does not exist is created.
    ///
    /// # Errors
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) when indexes were added, changed or
    /// removed since the collection was last registered: [`Database::register`] does that work,
    /// and while it does the collection can be written.
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) and
    /// [`NewerSchema`](crate::ErrorKind::NewerSchema) as in a read transaction.
    /// [`Invalid`](crate::ErrorKind::Invalid) when another handle of the collection is alive in
    /// this transaction: use that one, or drop it first.
    ///
    /// [`Database::register`]: crate::Database::register
    pub fn collection<T: Record>(&self) -> Result<CollectionMut<'_, T>> {
        let catalog = self.catalog();
        let (info, usable) = match find::<T>(&catalog)? {
            None => (create(self, &Declared::of::<T>(), None)?, Usable::ALL),
            Some((info, binding)) if binding.writable => (info.clone(), binding.usable),
            Some((info, _)) if info.coming.is_some() => {
                return Err(Error::new(
                    ErrorKind::NotRegistered,
                    format!(
                        "a later version of collection {:?} is coming: its registration goes on, or was \
                         interrupted; wait for it, or register this version to keep it",
                        T::NAME
                    ),
                ));
            }
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::NotRegistered,
                    format!(
                        "the indexes of collection {:?} differ from the declaration; register it, \
                         on the builder or by `Database::register`",
                        T::NAME
                    ),
                ));
            }
        };
        Ok(CollectionMut {
            reading: self.open_collection(info, usable)?,
            tx: self,
        })
    }

    /// Deletes the collection of type `T` with its records, indexes and automatic keys; says
    /// whether there was one. It is created anew by the next use.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when a handle of it is alive.
    pub fn drop_collection<T: Record>(&self) -> Result<bool> {
        let catalog = self.catalog();
        let Some((_, member)) = catalog.find(T::NAME) else {
            return Ok(false);
        };
        member.records()?.typed()?;
        self.delete_member(member)?;
        Ok(true)
    }

    /// The bucket of that name, with keys that are bytes, to change. One that does not exist
    /// is created.
    pub fn bucket(&self, name: &str) -> Result<BucketMut<'_>> {
        bucket::open_writing(self, name)
    }

    /// The bucket of that name, with typed keys, to change. One that does not exist is created.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the bucket has another type of keys.
    pub fn bucket_of<K: Key>(&self, name: &str) -> Result<BucketMut<'_, K>> {
        bucket::open_writing(self, name)
    }

    /// Deletes a bucket with all that is in it; says whether there was one.
    pub fn drop_bucket(&self, name: &str) -> Result<bool> {
        let catalog = self.catalog();
        let Some((_, member)) = catalog.find(name) else {
            return Ok(false);
        };
        member.bucket()?;
        self.delete_member(member)?;
        Ok(true)
    }

    /// The documents of that name, to change. A collection that does not exist is created.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the name is that of a bucket or of records of a type,
    /// or when another handle of the collection is alive in this transaction: use that one, or drop it
    /// first.
    pub fn documents(&self, name: &str) -> Result<DocumentsMut<'_>> {
        let catalog = self.catalog();
        let info = match catalog.find(name) {
            Some((_, member)) => documents_info(member)?.clone(),
            None => self.create_documents(name)?,
        };
        Ok(DocumentsMut {
            reading: self.open_documents(info)?,
            tx: self,
        })
    }

    /// Like [`documents`](WriteTx::documents), with choices for the collection, which it keeps.
    pub fn documents_with(
        &self,
        name: &str,
        options: CollectionOptions,
    ) -> Result<DocumentsMut<'_>> {
        let mut documents = self.documents(name)?;
        documents.set_options(options)?;
        Ok(documents)
    }

    /// The documents of that name, as values of a type, to change. A collection that does not exist is
    /// created.
    ///
    /// # Errors
    /// Those of [`documents`](WriteTx::documents).
    pub fn documents_of<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<DocumentsOfMut<'_, T>> {
        Ok(DocumentsOfMut::new(self.documents(name)?))
    }

    /// Deletes a collection of documents with all that is in it; says whether there was one.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when a handle of it is alive.
    pub fn drop_documents(&self, name: &str) -> Result<bool> {
        let catalog = self.catalog();
        let Some((_, member)) = catalog.find(name) else {
            return Ok(false);
        };
        documents_info(member)?;
        self.delete_member(member)?;
        Ok(true)
    }

    fn create_documents(&self, name: &str) -> Result<Arc<Records>> {
        check_name("collection", name)?;
        let stored = StoredCollection {
            id: self.next_id()?,
            kind: StoredKind::Documents(StoredDocuments::default()),
        };
        match self.store_member(name, stored)? {
            Member::Records(info) => Ok(info),
            Member::Bucket(_) => Err(Error::invalid("a collection was stored as a bucket")),
        }
    }

    fn open_documents(&self, info: Arc<Records>) -> Result<Documents<'_>> {
        Ok(Documents {
            name: info.name.clone(),
            tables: self.open_tables(&info)?,
            info: Some(Info::Writing(info)),
        })
    }

    fn open_tables(&self, info: &Records) -> Result<Tables<'_>> {
        let tables = WritingTables::open(self.transaction()?, info)
            .map_err(|error| error.during(format!("collection {:?}", info.name)))?;
        Ok(Tables::Writing(tables))
    }

    fn open_collection<T: Record>(
        &self,
        info: Arc<Records>,
        usable: Usable,
    ) -> Result<Collection<'_, T>> {
        Ok(Collection {
            tables: self.open_tables(&info)?,
            info: Some(Info::Writing(info)),
            usable,
            _record: PhantomData,
        })
    }
}

impl Readable for ReadTx {
    fn collection<T: Record>(&self) -> Result<Collection<'_, T>> {
        self.collection()
    }

    fn bucket(&self, name: &str) -> Result<Bucket<'_>> {
        self.bucket(name)
    }

    fn bucket_of<K: Key>(&self, name: &str) -> Result<Bucket<'_, K>> {
        self.bucket_of(name)
    }

    fn documents(&self, name: &str) -> Result<Documents<'_>> {
        self.documents(name)
    }
}

impl Readable for WriteTx {
    fn collection<T: Record>(&self) -> Result<Collection<'_, T>> {
        let catalog = self.catalog();
        match find::<T>(&catalog)? {
            Some((info, binding)) => self.open_collection(info.clone(), binding.usable),
            None => Ok(Collection::absent()),
        }
    }

    fn bucket(&self, name: &str) -> Result<Bucket<'_>> {
        bucket::open_uncommitted(self, name)
    }

    fn bucket_of<K: Key>(&self, name: &str) -> Result<Bucket<'_, K>> {
        bucket::open_uncommitted(self, name)
    }

    fn documents(&self, name: &str) -> Result<Documents<'_>> {
        let catalog = self.catalog();
        match catalog.find(name) {
            Some((_, member)) => self.open_documents(documents_info(member)?.clone()),
            None => Ok(Documents {
                name: name.to_owned(),
                tables: Tables::Absent,
                info: None,
            }),
        }
    }
}

/// The collection of documents that a member of the catalog is, or an error that says what it is.
fn documents_info(member: &Member) -> Result<&Arc<Records>> {
    let info = member.records()?;
    info.documents()?;
    Ok(info)
}

/// The description of the collection of `T`, and how the declaration meets it.
fn find<T: Record>(catalog: &Catalog) -> Result<Option<(&Arc<Records>, Binding)>> {
    let id = TypeId::of::<T>();
    if let Some(binding) = catalog.bound(id)
        && let Some(Member::Records(info)) = catalog.members().get(binding.slot)
    {
        return Ok(Some((info, binding)));
    }
    let Some((slot, member)) = catalog.find(T::NAME) else {
        return Ok(None);
    };
    let info = member.records()?;
    let declared = Declared::of::<T>();
    let binding = catalog.bind(id, slot, &declared.record, &declared.steps, info.typed()?)?;
    Ok(Some((info, binding)))
}
