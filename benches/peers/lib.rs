//! What is done to every engine: contacts of 250 bytes with three indexes come into a file, one
//! transaction each.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Database, record};
use redb::{StorageBackend, TableDefinition};

pub type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// A record of about 250 bytes.
#[record(index(by_city_name = (city, name)))]
pub struct Contact {
    #[key]
    pub id: u64,
    #[unique]
    pub email: String,
    pub city: String,
    pub name: String,
    #[index]
    pub joined: u64,
    pub notes: String,
}

/// The contact with that number.
pub fn contact(id: u64) -> Contact {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Contact {
        id,
        email: format!("{mixed:016x}@example.org"),
        city: format!("city {}", mixed % 997),
        name: format!("person {}", mixed % 99_991),
        joined: mixed >> 40,
        notes: "x".repeat(155),
    }
}

/// A file that transactions are committed to, from any thread.
pub trait Side: Send + Sync {
    /// Commits the contact with that number, durably.
    fn commit(&self, id: u64) -> Result<()>;

    /// Bytes written so far, where they are counted.
    fn written(&self) -> u64 {
        0
    }
}

/// Larder.
pub struct Larder {
    db: Database,
    written: Arc<AtomicU64>,
}

impl Larder {
    pub fn create(directory: &Path) -> Result<Self> {
        let volume = counting::Counted::default();
        let written = volume.0.clone();
        let db = Database::builder()
            .volume(Arc::new(volume))
            .register::<Contact>()
            .create(directory.join("larder"))?;
        Ok(Self { db, written })
    }

    pub fn database(&self) -> &Database {
        &self.db
    }
}

impl Side for Larder {
    fn commit(&self, id: u64) -> Result<()> {
        let contact = contact(id);
        self.db.write(|tx| tx.collection::<Contact>()?.insert(&contact))?;
        Ok(())
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// redb, by hand: four tables.
pub struct Redb {
    db: redb::Database,
    two_phase: bool,
    written: Arc<AtomicU64>,
}

const CONTACTS: TableDefinition<u64, &[u8]> = TableDefinition::new("contacts");
const EMAILS: TableDefinition<&[u8], u64> = TableDefinition::new("emails");
const NAMES: TableDefinition<&[u8], ()> = TableDefinition::new("names");
const JOINED: TableDefinition<&[u8], ()> = TableDefinition::new("joined");

impl Redb {
    /// With redb's default commit, or with the one that survives what Larder's does.
    pub fn create(directory: &Path, two_phase: bool) -> Result<Self> {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(directory.join(format!("redb {two_phase}")))?;
        let written = Arc::new(AtomicU64::new(0));
        let backend = CountedBackend(redb::backends::FileBackend::new(file)?, written.clone());
        let db = redb::Database::builder()
            .set_cache_size(64 << 20)
            .create_with_backend(backend)?;
        Ok(Self {
            db,
            two_phase,
            written,
        })
    }

    /// Several contacts in one transaction.
    pub fn commit_all(&self, ids: impl Iterator<Item = u64>) -> Result<()> {
        let mut tx = self.db.begin_write()?;
        if self.two_phase {
            tx.set_two_phase_commit(true);
            tx.set_quick_repair(true);
        }
        {
            let mut contacts = tx.open_table(CONTACTS)?;
            let mut emails = tx.open_table(EMAILS)?;
            let mut names = tx.open_table(NAMES)?;
            let mut joined = tx.open_table(JOINED)?;
            for id in ids {
                let contact = contact(id);
                contacts.insert(id, encode(&contact).as_slice())?;
                emails.insert(contact.email.as_bytes(), id)?;
                let name = [
                    contact.city.as_bytes(),
                    b"\0",
                    contact.name.as_bytes(),
                    b"\0",
                    &id.to_be_bytes(),
                ];
                names.insert(name.concat().as_slice(), ())?;
                let join = [contact.joined.to_be_bytes(), id.to_be_bytes()];
                joined.insert(join.concat().as_slice(), ())?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

fn encode(contact: &Contact) -> Vec<u8> {
    let mut bytes = contact.joined.to_le_bytes().to_vec();
    for text in [&contact.email, &contact.city, &contact.name, &contact.notes] {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

impl Side for Redb {
    fn commit(&self, id: u64) -> Result<()> {
        self.commit_all(id..=id)
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// SQLite with a write-ahead log that is synced at every commit; a connection each thread.
pub struct Sqlite {
    path: PathBuf,
    main: std::sync::Mutex<rusqlite::Connection>,
}

impl Sqlite {
    pub fn create(directory: &Path) -> Result<Self> {
        let path = directory.join("sqlite");
        let main = connect(&path)?;
        main.execute_batch(
            "CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT NOT NULL, city TEXT NOT NULL,
                 name TEXT NOT NULL, joined INTEGER NOT NULL, notes TEXT NOT NULL);
             CREATE UNIQUE INDEX emails ON contacts (email);
             CREATE INDEX names ON contacts (city, name);
             CREATE INDEX joined ON contacts (joined);",
        )?;
        Ok(Self {
            path,
            main: std::sync::Mutex::new(main),
        })
    }
}

fn connect(path: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    Ok(connection)
}

thread_local! {
    static CONNECTION: std::cell::RefCell<Option<(PathBuf, rusqlite::Connection)>> =
        const { std::cell::RefCell::new(None) };
}

fn insert(connection: &rusqlite::Connection, id: u64) -> Result<()> {
    let contact = contact(id);
    // A statement on its own is a transaction of its own.
    connection
        .prepare_cached("INSERT INTO contacts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(rusqlite::params![
            id,
            contact.email,
            contact.city,
            contact.name,
            contact.joined,
            contact.notes
        ])?;
    Ok(())
}

impl Side for Sqlite {
    fn commit(&self, id: u64) -> Result<()> {
        if let Ok(main) = self.main.try_lock() {
            return insert(&main, id);
        }
        CONNECTION.with_borrow_mut(|own| {
            if own.as_ref().is_none_or(|(path, _)| *path != self.path) {
                *own = Some((self.path.clone(), connect(&self.path)?));
            }
            match own {
                Some((_, connection)) => insert(connection, id),
                None => Ok(()),
            }
        })
    }
}

#[derive(Debug)]
struct CountedBackend(redb::backends::FileBackend, Arc<AtomicU64>);

impl StorageBackend for CountedBackend {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.1.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.0.write(offset, data)
    }
    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }
}

mod counting {
    //! The files of the operating system, with a count of what is written.
    use super::*;
    use larder::testing::{Access, Disk, OpenError, Volume, files};

    #[derive(Debug, Default)]
    pub struct Counted(pub Arc<AtomicU64>);

    #[derive(Debug)]
    struct CountedDisk(Box<dyn Disk>, Arc<AtomicU64>);

    impl Volume for Counted {
        fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError> {
            let disk = files().open(path, access)?;
            Ok(Box::new(CountedDisk(disk, self.0.clone())))
        }
        fn exists(&self, path: &Path) -> bool {
            files().exists(path)
        }
        fn rename_new(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            files().rename_new(from, to)
        }
        fn rename_over(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            files().rename_over(from, to)
        }
        fn remove(&self, path: &Path) -> std::io::Result<()> {
            files().remove(path)
        }
        fn sync_directory(&self, directory: &Path) -> std::io::Result<()> {
            files().sync_directory(directory)
        }
    }

    impl Disk for CountedDisk {
        fn len(&self) -> std::io::Result<u64> {
            self.0.len()
        }
        fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
            self.0.read_at(offset, out)
        }
        fn read_two_at(&self, at: u64, front: &mut [u8], rest: &mut [u8]) -> std::io::Result<()> {
            self.0.read_two_at(at, front, rest)
        }
        fn write_at(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
            self.1.fetch_add(data.len() as u64, Ordering::Relaxed);
            self.0.write_at(offset, data)
        }
        fn set_len(&self, len: u64) -> std::io::Result<()> {
            self.0.set_len(len)
        }
        fn sync(&self) -> std::io::Result<()> {
            self.0.sync()
        }
        fn unlock(&self) -> std::io::Result<()> {
            self.0.unlock()
        }
    }
}
