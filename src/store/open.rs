//! How does a path become an open store? Nothing is written before the file is known to be ours, whole
//! as far as it was looked at, and opened by the right key.

use std::path::{Path, PathBuf};

use super::cipher::{Cipher, CipherKind};
use super::controls::{Control, Controls};
use super::create::{create, create_in_memory, directory_of};
use super::disk::{Access, Disk, OpenError, Volume};
use super::error::{from_io, from_open};
use super::file::Files;
use super::headers;
use super::kdf::KdfParameters;
use super::keyring::Credential;
use super::layout::Layout;
use super::owner::Owner;
use super::random::Random;
use super::scrub::verify;
use super::seal::Seal;
use super::sealed::SealedFile;
use super::store::Store;
use crate::base::sync::Arc;
use crate::base::{ErrorKind, Result};

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

/// How much of a file is verified when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// What opening needs. Every block is verified when it is read, later.
    #[default]
    None,
    /// Everything: each block that is in use, and that they belong together. Takes the time of
    /// reading the whole file.
    Full,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub(crate) struct OpenOptions {
    pub(crate) cache_bytes: usize,
    /// What opens the file, and what a new one will be opened with.
    pub(crate) credential: Arc<Credential>,
    /// Of a new file.
    pub(crate) kdf: KdfParameters,
    /// Of a new file; chosen by the processor where it is not given.
    pub(crate) cipher: Option<CipherKind>,
    /// Of a new file: bytes of its commit log.
    pub(crate) log_bytes: u64,
    pub(crate) verify: Verify,
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) random: Random,
    pub(crate) controls: Controls,
}

impl OpenOptions {
    pub(crate) fn new(cache_bytes: usize) -> Self {
        Self {
            cache_bytes,
            credential: Arc::new(Credential::None),
            kdf: KdfParameters::default(),
            cipher: None,
            log_bytes: LOG_BYTES_DEFAULT,
            verify: Verify::None,
            volume: Arc::new(Files),
            random: Random::os(),
            controls: Controls::default(),
        }
    }
}

/// Room for about two hundred small transactions.
const LOG_BYTES_DEFAULT: u64 = 1 << 20;

impl OpenOptions {
    /// Makes the names in a directory durable.
    pub(super) fn sync_directory(&self, directory: &Path) -> Result<()> {
        if self.controls.has(Control::NoDirectorySync) {
            return Ok(());
        }
        let synced = self.volume.sync_directory(directory);
        synced.map_err(|error| from_io(error, "the directory cannot be made durable"))
    }
}

impl Store {
    pub(crate) fn open(place: &Place, options: &OpenOptions) -> Result<Self> {
        match place {
            Place::Memory => create_in_memory(options),
            Place::File { path, mode } => open_path(path, *mode, options)
                .map_err(|error| error.during(format!("open {}", path.display()))),
        }
    }

    /// Opens what a disk holds.
    pub(super) fn over(
        disk: Box<dyn Disk>,
        read_only: bool,
        options: &OpenOptions,
    ) -> Result<Self> {
        let opened = headers::read(&*disk, &options.credential)?;
        let owner = Owner::new(disk, options.controls);
        let layout = Layout::new(opened.header.log_bytes);
        let seal = seal_of(&opened.header, opened.data_key.as_ref(), options);
        let (file, chosen) = SealedFile::open(owner, seal, layout)?;
        let file = Arc::new(file);
        if options.verify == Verify::Full {
            verify(&file)?;
        }
        if !read_only {
            let io = |error| from_io(error, "the file cannot be made ready to be written");
            headers::heal(file.owner(), &opened, options.controls).map_err(io)?;
            file.settle(&chosen).map_err(io)?;
        }
        let mut store = Self::new(file, opened.into(), read_only, options)?;
        store.recover()?;
        Ok(store)
    }
}

/// The seal of a file with that header.
pub(super) fn seal_of(
    header: &super::header::Header,
    data_key: Option<&super::keyring::DataKey>,
    options: &OpenOptions,
) -> Seal {
    let cipher = header
        .cipher
        .zip(data_key)
        .map(|(kind, key)| Cipher::new(kind, &key.blocks()));
    Seal::new(
        header.file_id,
        cipher,
        options.random.clone(),
        options.controls,
    )
}

fn open_path(path: &Path, mode: Mode, options: &OpenOptions) -> Result<Store> {
    if mode == Mode::Create {
        create(path, options)?;
    }
    let read_only = mode == Mode::ReadOnly;
    let access = if read_only {
        Access::Read
    } else {
        Access::Write
    };
    match options.volume.open(path, access) {
        Ok(disk) => {
            let mut store = Store::over(disk, read_only, options)?;
            let home = home_of(path, options);
            if !read_only {
                settle_name(&home, options)?;
            }
            store.home = Some(home);
            Ok(store)
        }
        Err(OpenError::Io(error))
            if error.kind() == std::io::ErrorKind::NotFound && mode == Mode::OpenOrCreate =>
        {
            match create(path, options) {
                Ok(()) => {}
                // Somebody else created it at this moment: theirs is as good.
                Err(error) if error.is(ErrorKind::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
            open_path(path, Mode::Existing, options)
        }
        Err(error) => Err(from_open(error, "the file cannot be opened")),
    }
}

/// The name of a file, which stays right when the directory of the process changes.
fn home_of(path: &Path, options: &OpenOptions) -> PathBuf {
    let resolved = options.volume.resolve(path);
    resolved
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_path_buf())
}

/// Makes the name of an opened file durable. A process that created it, or put a compacted one in its
/// place, may have ended before it could; what is committed now would go with the name, or into a file
/// that no name leads to.
fn settle_name(home: &Path, options: &OpenOptions) -> Result<()> {
    if options.controls.has(Control::NoDirectorySync) {
        return Ok(());
    }
    match options.volume.sync_directory(&directory_of(home)) {
        // Who may not read the directory could not create anything there either.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(|error| from_io(error, "the directory cannot be made durable")),
    }
}
