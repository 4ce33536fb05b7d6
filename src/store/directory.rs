//! How are files kept together in a directory of their own? Listed, renamed and removed by name, by one
//! handle at a time.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Access, Disk, OpenError};
use super::error::from_io;
use super::header::not_ours;
use super::open::OpenOptions;
use crate::base::{Error, ErrorKind, Result};

/// A directory whose files are kept by this crate.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    options: OpenOptions,
}

/// Whoever changes names in the directory has this file locked. It is never removed.
const LOCK: &str = ".larder.lock";

impl Directory {
    /// Opens it; creates it where nothing is.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let volume = &options.volume;
        volume
            .create_directory(path)
            .map_err(|error| from_io(error, "the directory cannot be created"))?;
        // It stays right when the directory of the process changes.
        let path = volume
            .resolve(path)
            .map_err(|error| from_io(error, "the directory cannot be found"))?;
        Ok(Self {
            path,
            options: options.clone(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it is.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// All names, in their order. What is not UTF-8 was not named here.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let listed = self.options.volume.list_directory(&self.path);
        let paths = listed.map_err(|error| from_io(error, "the directory cannot be read"))?;
        let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.volume.exists(&self.path_of(name))
    }

    /// Nobody else changes names until what this gives is dropped.
    ///
    /// # Errors
    /// `Locked` while somebody does.
    pub(crate) fn lock(&self) -> Result<Box<dyn Disk>> {
        let path = self.path_of(LOCK);
        // Somebody else may create it between the first and the second.
        let mut last = None;
        for access in [Access::Write, Access::Create, Access::Write] {
            match self.options.volume.open(&path, access) {
                Ok(disk) => return Ok(disk),
                Err(OpenError::Io(error)) if is_about_existence(&error) => last = Some(error),
                Err(OpenError::Io(error)) => {
                    return Err(from_io(error, "the directory cannot be locked"));
                }
                Err(OpenError::NotAFile) => return Err(not_ours()),
                Err(OpenError::Locked) => {
                    last = None;
                    break;
                }
            }
        }
        if let Some(error) = last {
            return Err(from_io(
                error,
                "the directory cannot be locked; is it still there?",
            ));
        }
        Err(Error::new(
            ErrorKind::Locked,
            "another handle, in this program or another, is changing the directory; try again when it is done",
        ))
    }

    /// Gives a file another name, which is durable after [`settle`](Self::settle). At once: there is no moment
    /// at which it has none, as there is where a name is linked and another one removed. Whoever calls this
    /// has the lock, so that nobody takes the name meanwhile.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        if self.has(to) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "{from} cannot be renamed, since there is a file {to} already; move one of them away"
                ),
            ));
        }
        let volume = &self.options.volume;
        volume
            .rename_over(&self.path_of(from), &self.path_of(to))
            .map_err(|error| from_io(error, "a file cannot be renamed"))
    }

    /// Removes a file, unless somebody has it open, or it is no file; gives how many bytes it had.
    pub(crate) fn remove(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path_of(name);
        let bytes = match self.options.volume.open(&path, Access::Read) {
            Ok(disk) => disk.len(),
            Err(OpenError::Locked | OpenError::NotAFile) => return Ok(None),
            Err(OpenError::Io(error)) => Err(error),
        };
        bytes
            .and_then(|bytes| self.options.volume.remove(&path).map(|()| Some(bytes)))
            .map_err(|error| from_io(error, "a file cannot be removed").during(name.to_owned()))
    }

    /// Makes the names durable.
    pub(crate) fn settle(&self) -> Result<()> {
        self.options.sync_directory(&self.path)
    }
}

fn is_about_existence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
    )
}
