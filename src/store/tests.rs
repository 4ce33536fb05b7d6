//! What does redb do to us when the disk fails, a thread panics, or a handle is leaked?

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::create::on_disk;
use super::disk::{Disk, MemoryDisk};
use super::{ALL, Batch, OpenOptions, ReadTable, Store, WriteTransaction};
use crate::base::{ErrorKind, Result};

/// Bytes in memory that outlive their store, and fail when told to.
#[derive(Clone, Debug, Default)]
struct TestDisk {
    bytes: MemoryDisk,
    full: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl TestDisk {
    /// An empty database on a new disk.
    fn new() -> Self {
        let disk = Self::default();
        on_disk(Box::new(disk.clone()), &options(), None)
            .unwrap()
            .close()
            .unwrap();
        disk
    }

    fn open(&self) -> Store {
        Store::over(Box::new(self.clone()), false, &options()).unwrap()
    }

    /// What a process that was killed now would find.
    fn copy(&self) -> Self {
        let mut bytes = vec![0; usize::try_from(self.len().unwrap()).unwrap()];
        self.read_at(0, &mut bytes).unwrap();
        let copy = Self::default();
        copy.bytes.write_at(0, &bytes).unwrap();
        copy
    }
}

fn options() -> OpenOptions {
    OpenOptions {
        log_bytes: 1 << 16,
        ..OpenOptions::new(1 << 20)
    }
}

impl Disk for TestDisk {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read_at(offset, out)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.bytes.write_at(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.len()? && self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}

fn put(store: &Store, key: &[u8], value: &[u8]) -> Result<()> {
    let transaction = store.begin_write()?;
    transaction.open_table("t")?.change(key, Some(value))?;
    commit(store, transaction)
}

fn commit(store: &Store, transaction: WriteTransaction) -> Result<()> {
    match transaction.end_part(1) {
        Ok(part) => {
            let parts = &[part];
            store.commit(
                transaction,
                &Batch {
                    parts,
                    synced: true,
                },
            )
        }
        Err(error) => {
            transaction.abort();
            Err(error)
        }
    }
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
    let disk = TestDisk::new();
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
    let disk = TestDisk::new();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    disk.full.store(true, Ordering::SeqCst);
    // An insertion may well succeed, in the cache; what counts is that the commit does not.
    let error = put(&store, b"b", &vec![7; 8 << 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    let error = put(&store, b"c", b"3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    drop(store);

    disk.full.store(false, Ordering::SeqCst);
    let store = disk.open();
    assert_eq!(keys(&store), [b"a"]);
    put(&store, b"d", b"4").unwrap();
}

/// The commit itself needs room, and nothing was written that could count: the error said that nobody
/// knows.
#[test]
fn a_commit_for_which_there_is_no_room_is_told_as_full_and_rolled_back() {
    let disk = TestDisk::new();
    let store = disk.open();
    disk.full.store(true, Ordering::SeqCst);
    let mut acknowledged = 0;
    let error = loop {
        match put(&store, &[acknowledged], &[7; 9000]) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    drop(store);

    disk.full.store(false, Ordering::SeqCst);
    assert_eq!(keys(&disk.open()).len(), usize::from(acknowledged));
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
    let disk = TestDisk::new();
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
    assert!(!store.was_repaired());
    assert_eq!(keys(&store), [b"a", b"c"]);
}

#[test]
fn a_commit_is_whole_after_a_kill_and_opening_repairs_nothing_by_walking() {
    let disk = TestDisk::new();
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
    let disk = TestDisk::new();
    let store = disk.open();
    put(&store, b"a", b"1").unwrap();
    let transaction = store.begin_write().unwrap();
    {
        let mut table = transaction.open_table("t").unwrap();
        table.change(b"b", Some(b"2")).unwrap();
        std::mem::forget(ReadTable::Writing(&table).range(ALL).unwrap());
    }
    let error = commit(&store, transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let error = put(&store, b"c", b"3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    assert_eq!(keys(&store), [b"a"]);
}

#[test]
fn a_leaked_table_fails_its_transaction_only() {
    let disk = TestDisk::new();
    let store = disk.open();
    let transaction = store.begin_write().unwrap();
    let mut table = transaction.open_table("t").unwrap();
    table.change(b"b", Some(b"2")).unwrap();
    std::mem::forget(table);
    let error = commit(&store, transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    put(&store, b"c", b"3").unwrap_or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    });
}

#[test]
fn a_change_left_half_done_cannot_be_committed() {
    let disk = TestDisk::new();
    let store = disk.open();
    let transaction = store.begin_write().unwrap();
    // Never finished, as after an error or a panic of ours.
    let _change = transaction.begin_change();
    transaction
        .open_table("t")
        .unwrap()
        .change(b"half", Some(b"1"))
        .unwrap();
    let error = commit(&store, transaction).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(keys(&store).is_empty());
    put(&store, b"whole", b"1").unwrap();
}
