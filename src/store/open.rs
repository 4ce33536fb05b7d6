//! How does a path become an open store, and what closes it?

use std::path::{Path, PathBuf};

use redb::{ReadableDatabase, StorageBackend};

use super::error::{closed, from_database, from_io, from_transaction, locked, poisoned};
use super::file::{FileBackend, LockedFile, OpenError, link_new, sync_directory};
use super::header::{self, Header};
use super::overlay::Overlay;
use super::transaction::{CommitFailure, ReadTransaction, WriteTransaction};
#[cfg(test)]
use crate::base::sync::{Arc, AtomicUsize, Ordering};
use crate::base::sync::{OnceLock, RwLock};
use crate::base::{Error, ErrorKind, Result};

/// Where a store lies.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Memory,
    File { path: PathBuf, mode: Mode },
}

/// What to do when the file exists, and when it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Open it; create it where it is absent.
    OpenOrCreate,
    /// It must not exist.
    Create,
    /// It must exist.
    Existing,
    /// It must exist, and not one byte of it is written.
    ReadOnly,
}

/// What the store is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenOptions {
    pub(crate) cache_bytes: usize,
}

/// An open database file.
#[derive(Debug)]
pub(crate) struct Store {
    /// `None` once closed.
    redb: RwLock<Option<redb::Database>>,
    header: Header,
    read_only: bool,
    /// The first failure that made the store unusable for writing.
    failure: OnceLock<String>,
    /// Whether redb had to repair the file in opening it.
    #[cfg(test)]
    pub(crate) repaired: bool,
}

impl Store {
    pub(crate) fn open(place: &Place, options: OpenOptions) -> Result<Self> {
        match place {
            Place::Memory => {
                let backend = redb::backends::InMemoryBackend::new();
                Self::over(backend, Header::fresh(), false, options)
            }
            Place::File { path, mode } => Self::open_file(path, *mode, options)
                .map_err(|error| error.during(format!("open {}", path.display()))),
        }
    }

    fn open_file(path: &Path, mode: Mode, options: OpenOptions) -> Result<Self> {
        let read_only = mode == Mode::ReadOnly;
        if mode == Mode::Create {
            create(path, options)?;
        }
        let file = match LockedFile::open(path, read_only) {
            Ok(file) => file,
            Err(OpenError::Locked) => return Err(locked()),
            Err(OpenError::Io(error))
                if error.kind() == std::io::ErrorKind::NotFound && mode == Mode::OpenOrCreate =>
            {
                match create(path, options) {
                    Ok(()) => {}
                    // Somebody else created it at this moment: theirs is as good.
                    Err(error) if error.is(ErrorKind::AlreadyExists) => {}
                    Err(error) => return Err(error),
                }
                return Self::open_file(path, Mode::Existing, options);
            }
            Err(OpenError::Io(error)) => return Err(from_io(error, "the file cannot be opened")),
        };
        let header = read_header(&file)?;
        if read_only {
            let overlay = Overlay::new(file).map_err(|e| from_io(e, "the file cannot be read"))?;
            Self::over(overlay, header, true, options)
        } else {
            Self::over(FileBackend::new(file), header, false, options)
        }
    }

    /// Opens redb over any backend.
    pub(super) fn over(
        backend: impl StorageBackend,
        header: Header,
        read_only: bool,
        options: OpenOptions,
    ) -> Result<Self> {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(options.cache_bytes);
        #[cfg(test)]
        let repairs = {
            let repairs = Arc::new(AtomicUsize::new(0));
            let counted = repairs.clone();
            builder.set_repair_callback(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            repairs
        };
        let redb = builder
            .create_with_backend(backend)
            .map_err(from_database)?;
        Ok(Self {
            redb: RwLock::new(Some(redb)),
            header,
            read_only,
            failure: OnceLock::new(),
            #[cfg(test)]
            repaired: repairs.load(Ordering::Relaxed) > 0,
        })
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Begins a snapshot; takes about 0.2 us and waits for nobody.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction> {
        let redb = self.redb.read();
        let redb = redb.as_ref().ok_or_else(closed)?;
        redb.begin_read()
            .map(ReadTransaction)
            .map_err(from_transaction)
    }

    /// Begins the write transaction. The caller sees to it that there is one at a time.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        if self.read_only {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                "the database was opened read-only; open it with `open` to write",
            ));
        }
        self.check_failure()?;
        let redb = self.redb.read();
        let redb = redb.as_ref().ok_or_else(closed)?;
        redb.try_begin_write()
            .map(WriteTransaction::new)
            .map_err(from_transaction)
    }

    /// Commits. A failure whose outcome is unknown makes every later write fail.
    pub(crate) fn commit(&self, transaction: WriteTransaction) -> Result<()> {
        transaction.commit().map_err(|failure| match failure {
            CommitFailure::RolledBack(error) => error,
            CommitFailure::Unknown(error) => {
                let _ = self.failure.set(error.to_string());
                Error::new(
                    ErrorKind::OutcomeUnknown,
                    "the commit failed after it may have become durable; open the database again \
                     to see whether it did",
                )
                .because(error)
            }
        })
    }

    fn check_failure(&self) -> Result<()> {
        match self.failure.get() {
            Some(failure) => Err(poisoned().because(failure.clone())),
            None => Ok(()),
        }
    }

    /// Closes the file and reports what went wrong in doing so. Later calls give `Closed`.
    pub(crate) fn close(&self) -> Result<()> {
        let Some(redb) = self.redb.write().take() else {
            return Ok(());
        };
        redb.close().map_err(from_database)?;
        self.check_failure()
    }
}

/// Reads the header of a file that is to be opened, and refuses what is not ours before redb, which
/// writes at once, sees it.
fn read_header(file: &LockedFile) -> Result<Header> {
    let io = |error| from_io(error, "the header of the file cannot be read");
    if !file.is_file().map_err(io)? {
        return Err(header::not_ours());
    }
    let len = file.len().map_err(io)?;
    let mut page = [0; header::SIZE];
    if len < header::SIZE as u64 {
        return Err(header::not_ours());
    }
    file.read_at(0, &mut page).map_err(io)?;
    let header = Header::decode(&page)?;
    // redb takes an empty file for a new database; here it is a database that lost all it had.
    if len == header::SIZE as u64 {
        return Err(Error::corrupt(
            "the file ends behind its header: everything else was cut off",
        ));
    }
    Ok(header)
}

/// Makes a new, empty database under `path`, complete or not at all.
///
/// It grows under a temporary name, is closed and made durable, and then gets its name by a link,
/// which never replaces what exists; at last the directory is made durable.
fn create(path: &Path, options: OpenOptions) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(already_exists());
    }
    let (directory, temporary) = temporary_name(path)?;
    let result = fill(&temporary, options).and_then(|()| {
        link_new(&temporary, path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => already_exists(),
            _ => from_io(error, "the new file cannot be given its name"),
        })
    });
    if result.is_err() {
        // What we could not finish is removed; if that fails too, the first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    result?;
    sync_directory(&directory).map_err(|e| from_io(e, "the directory cannot be made durable"))
}

fn fill(temporary: &Path, options: OpenOptions) -> Result<()> {
    let io = |error| from_io(error, "the new file cannot be written");
    let file = match LockedFile::create(temporary) {
        Ok(file) => file,
        Err(OpenError::Locked) => return Err(locked()),
        Err(OpenError::Io(error)) => return Err(io(error)),
    };
    let header = Header::fresh();
    file.write_at(0, &header.encode()).map_err(io)?;
    let store = Store::over(FileBackend::new(file), header, false, options)?;
    let transaction = store.begin_write()?;
    store.commit(transaction)?;
    store.close()
}

/// The directory a file is to lie in, and an unused name there.
fn temporary_name(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::invalid(format!("{} names no file", path.display())))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    Ok((directory.clone(), directory.join(temporary)))
}

fn already_exists() -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        "something has that name already; nothing was changed",
    )
}
