//! How does a new database come to be? Complete or not at all.
//!
//! It grows under a temporary name, is closed and made durable, and then gets its name by a link,
//! which never replaces what exists; at last the directory is made durable. What a crash leaves is a
//! file named `.NAME.new-..`, which nothing opens.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::cipher::CipherKind;
use super::controls::Control;
use super::disk::{Access, Disk, MemoryDisk};
use super::error::{from_io, from_open};
use super::header::Header;
use super::headers;
use super::keyring::{Credential, DataKey, add_key};
use super::layout::Layout;
use super::open::{OpenOptions, seal_of};
use super::owner::Owner;
#[cfg(feature = "testing")]
use super::sealed::Backend;
use super::sealed::SealedFile;
use super::store::{Store, Unlocked};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// Id and epoch of a database.
pub(super) type Identity = (Uuid, u64);

/// Makes a new, empty database under `path`.
pub(super) fn create(path: &Path, options: &OpenOptions) -> Result<()> {
    create_with(path, options, None, |_| Ok(()))
}

/// Makes a new database under `path`, with what `fill` puts into it. It has an id of its own, or is
/// the same database as another one.
pub(super) fn create_with(
    path: &Path,
    options: &OpenOptions,
    identity: Option<Identity>,
    fill: impl FnOnce(&Store) -> Result<()>,
) -> Result<()> {
    new_file(path, options, |temporary| {
        make(temporary, options, identity, fill)
    })
}

/// Makes a new file under `path`, complete or not at all: `make` writes it under another name, and makes it
/// durable.
pub(super) fn new_file<R>(
    path: &Path,
    options: &OpenOptions,
    make: impl FnOnce(&Path) -> Result<R>,
) -> Result<R> {
    let volume = &options.volume;
    if volume.exists(path) {
        return Err(already_exists());
    }
    let directory = directory_of(path);
    let mut unfinished = Unfinished {
        path: temporary_name(path, options)?,
        options,
        is_finished: false,
    };
    let result = make(&unfinished.path)?;
    let renamed = volume.rename_new(&unfinished.path, path);
    renamed.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => already_exists(),
        _ => from_io(error, "the new file cannot be given its name"),
    })?;
    unfinished.is_finished = true;
    options.sync_directory(&directory)?;
    Ok(result)
}

/// A file on its way. What is not finished is removed, also where somebody's code panicked.
struct Unfinished<'o> {
    path: PathBuf,
    options: &'o OpenOptions,
    is_finished: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // If that fails too, the first error is to be told.
            let _ = self.options.volume.remove(&self.path);
        }
    }
}

/// Makes a new file under `path`, which is no database: complete or not at all. `write` writes it, in order;
/// `check` looks at what was written before it gets its name.
pub(crate) fn write_new_file<W, R>(
    path: &Path,
    options: &OpenOptions,
    write: impl FnOnce(&mut NewFile) -> Result<W>,
    check: impl FnOnce(W, Box<dyn Disk>) -> Result<R>,
) -> Result<R> {
    new_file(path, options, |temporary| {
        let disk = create_empty(temporary, options)?;
        let mut file = NewFile { disk, offset: 0 };
        let written = write(&mut file)?;
        if !options.controls.has(Control::NoSyncBeforeSwap) {
            let synced = file.disk.sync();
            synced.map_err(|error| from_io(error, "the new file cannot be made durable"))?;
        }
        check(written, file.disk)
    })
}

/// A file that is written from its beginning to its end.
pub(crate) struct NewFile {
    disk: Box<dyn Disk>,
    offset: u64,
}

impl std::io::Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.disk.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A database in memory.
pub(super) fn create_in_memory(options: &OpenOptions) -> Result<Store> {
    create_in_memory_as(options, None)
}

/// One in memory that is the same database as another one.
pub(super) fn create_in_memory_as(
    options: &OpenOptions,
    identity: Option<Identity>,
) -> Result<Store> {
    let options = OpenOptions {
        log_bytes: super::header::LOG_BYTES_MIN,
        ..options.clone()
    };
    on_disk(Box::new(MemoryDisk::default()), &options, identity)
}

fn create_empty(path: &Path, options: &OpenOptions) -> Result<Box<dyn Disk>> {
    let created = options.volume.open(path, Access::Create);
    created.map_err(|error| from_open(error, "the new file cannot be written"))
}

fn make(
    temporary: &Path,
    options: &OpenOptions,
    identity: Option<Identity>,
    fill: impl FnOnce(&Store) -> Result<()>,
) -> Result<()> {
    let disk = create_empty(temporary, options)?;
    let store = on_disk(disk, options, identity)?;
    fill(&store)?;
    store.close()
}

/// An empty database on an empty disk, open.
pub(super) fn on_disk(
    disk: Box<dyn Disk>,
    options: &OpenOptions,
    identity: Option<Identity>,
) -> Result<Store> {
    let io = |error| from_io(error, "the new file cannot be written");
    let kind = match &*options.credential {
        Credential::None => None,
        _ => Some(options.cipher.unwrap_or_else(CipherKind::preferred)),
    };
    let mut header = Header::fresh(&options.random, kind, options.log_bytes)?;
    if let Some((database_id, epoch)) = identity {
        (header.database_id, header.epoch) = (database_id, epoch);
    }
    let data_key = kind.map(|_| DataKey::fresh(&options.random)).transpose()?;
    if let Some(key) = &data_key {
        add_key(
            &mut header,
            key,
            &options.credential,
            options.kdf,
            &options.random,
        )?;
    }
    let owner = Owner::new(disk, options.controls);
    let layout = Layout::new(options.log_bytes);
    let mac_key = data_key.as_ref().map(DataKey::header);
    owner.set_len(layout.data_offset()).map_err(io)?;
    zero_log(&owner, layout).map_err(io)?;
    headers::create(&owner, &header, mac_key.as_ref()).map_err(io)?;
    let seal = seal_of(&header, data_key.as_ref(), options);
    let file = Arc::new(SealedFile::fresh(owner, seal, layout));
    let unlocked = Unlocked {
        header,
        data_key,
        copy: 0,
    };
    let store = Store::new(file, unlocked, false, options)?;
    let transaction = store.begin_write()?;
    store.commit_durably(transaction)?;
    Ok(store)
}

/// Writes the log's area once, so that later writes there find their place on the disk prepared.
pub(super) fn zero_log(owner: &Owner, layout: Layout) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut at = super::layout::LOG_OFFSET;
    while at < layout.data_offset() {
        let rest = layout.data_offset() - at;
        let count = usize::try_from(rest).map_or(zeros.len(), |rest| rest.min(zeros.len()));
        owner.write_at(at, zeros.get(..count).unwrap_or_default())?;
        at += count as u64;
    }
    Ok(())
}

/// The directory that a file lies in.
pub(super) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// An unused name beside a file.
pub(super) fn temporary_name(path: &Path, options: &OpenOptions) -> Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::invalid(format!("{} names no file", path.display())))?;
    let unique = u128::from_le_bytes(options.random.array()?);
    let mut temporary = std::ffi::OsString::from(".");
    // File systems have names of up to 255 bytes.
    if name.len() <= NAMED_BYTES_MAX {
        temporary.push(name);
    }
    temporary.push(format!(".new-{unique:032x}"));
    Ok(directory_of(path).join(temporary))
}

/// Longest name of a file that is part of its temporary one.
const NAMED_BYTES_MAX: usize = 200;

fn already_exists() -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        "something has that name already; nothing was changed",
    )
}

/// redb's storage over a new sealed file, for measuring what the seal costs.
#[cfg(feature = "testing")]
pub fn sealed_backend(
    path: &Path,
    key: Option<[u8; 32]>,
    kind: CipherKind,
) -> Result<impl redb::StorageBackend> {
    let options = OpenOptions::new(0);
    let disk = match options.volume.open(path, Access::Create) {
        Ok(disk) => disk,
        Err(error) => return Err(Error::invalid(format!("{error:?}"))),
    };
    let owner = Owner::new(disk, options.controls);
    let layout = Layout::new(options.log_bytes);
    owner
        .set_len(layout.data_offset())
        .map_err(|error| from_io(error, "the file cannot be written"))?;
    let cipher = key.map(|key| super::cipher::Cipher::new(kind, &super::cipher::Secret::new(key)));
    let seal = super::seal::Seal::new([0; 16], cipher, options.random, options.controls);
    Ok(Backend(Arc::new(SealedFile::fresh(owner, seal, layout))))
}
