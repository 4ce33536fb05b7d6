//! What does redb do to us when the disk fails, a thread panics, or a handle is leaked?

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::header::Header;
use super::open::Store;
use super::{ALL, OpenOptions, ReadTable, WriteTransaction};
use crate::base::sync::Mutex;
use crate::base::{ErrorKind, Result};

/// Bytes in memory that outlive their store, and fail when told to.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl Disk {
    fn open(&self) -> Store {
        let options = OpenOptions {
            cache_bytes: 1 << 20,
        };
        Store::over(self.clone(), Header::fresh(), false, options).unwrap()
    }

    /// What a process that was killed now would find.
    fn copy(&self) -> Self {
        let bytes = self.bytes.lock().clone();
        Self {
            bytes: Arc::new(Mutex::new(bytes)),
            ..Self::default()
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.bytes.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.bytes.lock();
        let from = bytes.get(offset..offset + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut bytes = self.bytes.lock();
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len > bytes.len() && self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut bytes = self.bytes.lock();
        let to = bytes.get_mut(offset..offset + data.len());
        to.ok_or(io::ErrorKind::UnexpectedEof)?
            .copy_from_slice(data);
        Ok(())
    }
}

fn put(store: &Store, key: &[u8], value: &[u8]) -> Result<()> {
    let transaction = store.begin_write()?;
    transaction.open_table("t")?.change(key, Some(value))?;
    store.commit(transaction)
}

fn keys(store: &Store) -> Vec<Vec<u8>> {
    let transaction = store.begin_read().unwrap();
    let Some(table) = transaction.open_table("t").unwrap() else {
        return Vec::new();
    };
    let range = ReadTable::Snapshot(&table).range(ALL).unwrap();
    range.map(|entry| entry.unwrap().0.to_vec()).collect()
}

#[test]
fn after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_written() {
    let disk = Disk::default();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    let error = put(&store, b"b", b"2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    disk.broken.store(false, Ordering::SeqCst);
    let error = put(&store, b"c", b"3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    assert!(error.to_string().contains("the disk is broken"), "{error}");
    drop(store);

    let found = keys(&disk.open());
    assert!(found == [b"a"] || found == [b"a", b"b"], "{found:?}");
}

#[test]
fn a_full_disk_fails_the_commit_and_the_file_opens_as_it_was() {
    let disk = Disk::default();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    disk.full.store(true, Ordering::SeqCst);
    // An insertion may well succeed, in the cache; what counts is that the commit does not.
    let error = put(&store, b"b", &vec![7; 8 << 20]).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Full | ErrorKind::OutcomeUnknown | ErrorKind::Poisoned
        ),
        "{error}"
    );
    let error = put(&store, b"c", b"3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    drop(store);

    disk.full.store(false, Ordering::SeqCst);
    let store = disk.open();
    assert_eq!(keys(&store), [b"a"]);
    put(&store, b"d", b"4").unwrap();
}

#[test]
fn a_transaction_dropped_by_a_panic_costs_the_next_opening_no_repair() {
    struct Guard(Option<WriteTransaction>);
    impl Drop for Guard {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            if let Some(transaction) = self.0.take() {
                transaction.abort();
            }
        }
    }
    let disk = Disk::default();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let guard = Guard(Some(store.begin_write().unwrap()));
        let transaction = guard.0.as_ref().unwrap();
        transaction
            .open_table("t")
            .unwrap()
            .change(b"b", Some(b"2"))
            .unwrap();
        panic!("of the user's");
    }));
    assert!(panicked.is_err());
    put(&store, b"c", b"3").unwrap();
    store.close().unwrap();
    let store = disk.open();
    assert!(!store.repaired);
    assert_eq!(keys(&store), [b"a", b"c"]);
}

#[test]
fn a_commit_is_whole_after_a_kill_and_opening_repairs_nothing_by_walking() {
    let disk = Disk::default();
    let store = disk.open();
    for i in 0..50_u8 {
        put(&store, &[i], &[i; 500]).unwrap();
    }
    let killed = disk.copy();
    let transaction = store.begin_write().unwrap();
    transaction
        .open_table("t")
        .unwrap()
        .change(b"lost", Some(b"1"))
        .unwrap();
    let killed_in_transaction = disk.copy();
    transaction.abort();
    for disk in [killed, killed_in_transaction] {
        let store = disk.open();
        assert_eq!(keys(&store).len(), 50);
        put(&store, b"more", b"1").unwrap();
    }
}

#[test]
fn a_leaked_iterator_fails_its_transaction_and_the_next_does_not_wait_for_ever() {
    let disk = Disk::default();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    let transaction = store.begin_write().unwrap();
    {
        let mut table = transaction.open_table("t").unwrap();
        table.change(b"b", Some(b"2")).unwrap();
        std::mem::forget(ReadTable::Writing(&table).range(ALL).unwrap());
    }
    let error = store.commit(transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let error = put(&store, b"c", b"3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    assert_eq!(keys(&store), [b"a"]);
}

#[test]
fn a_leaked_table_fails_its_transaction_only() {
    let disk = Disk::default();
    let store = disk.open();
    let transaction = store.begin_write().unwrap();
    let mut table = transaction.open_table("t").unwrap();
    table.change(b"b", Some(b"2")).unwrap();
    std::mem::forget(table);
    let error = store.commit(transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    put(&store, b"c", b"3").unwrap_or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    });
}

#[test]
fn a_change_left_half_done_cannot_be_committed() {
    let disk = Disk::default();
    let store = disk.open();
    let transaction = store.begin_write().unwrap();
    // Never finished, as after an error or a panic of ours.
    let _change = transaction.begin_change();
    transaction
        .open_table("t")
        .unwrap()
        .change(b"half", Some(b"1"))
        .unwrap();
    let error = store.commit(transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(keys(&store).is_empty());
    put(&store, b"whole", b"1").unwrap();
}
