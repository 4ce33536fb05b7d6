//! Files in memory: what they hold can be looked at, copied and damaged between two openings.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use larder::testing::{Access, Disk, FileIdentity, OpenError, Volume};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// A directory in memory. Clones are the same directory.
#[derive(Clone, Default)]
pub struct MemoryVolume(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    named: BTreeMap<PathBuf, Bytes>,
    /// Every file that was ever created, also those that were renamed or removed since.
    created: Vec<Bytes>,
    /// How many more writes succeed, where it is bounded.
    writes_left: Option<u64>,
}

impl MemoryVolume {
    /// A directory with one file.
    pub fn with(path: &str, bytes: Vec<u8>) -> Self {
        let volume = Self::default();
        volume.put(path, bytes);
        volume
    }

    /// Puts a file there, in place of what has that name.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let bytes = Arc::new(Mutex::new(bytes));
        self.0.lock().unwrap().named.insert(path.into(), bytes);
    }

    /// What the file holds now, whether it is open or not.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let files = self.0.lock().unwrap();
        let bytes = files.named.get(Path::new(path)).expect("there is a file");
        bytes.lock().unwrap().clone()
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        let files = self.0.lock().unwrap();
        let names = files.named.keys();
        names.map(|path| path.display().to_string()).collect()
    }

    /// What every file holds that was ever created, at the end of its life.
    pub fn everything(&self) -> Vec<Vec<u8>> {
        let files = self.0.lock().unwrap();
        let created = files.created.iter();
        created.map(|bytes| bytes.lock().unwrap().clone()).collect()
    }

    /// After so many more writes, all fail.
    pub fn fail_after(&self, writes: u64) {
        self.0.lock().unwrap().writes_left = Some(writes);
    }
}

impl std::fmt::Debug for MemoryVolume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryVolume")
    }
}

impl Volume for MemoryVolume {
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError> {
        let mut files = self.0.lock().unwrap();
        if access == Access::Create {
            if files.named.contains_key(path) {
                return Err(OpenError::Io(io::ErrorKind::AlreadyExists.into()));
            }
            let bytes = Bytes::default();
            files.created.push(bytes.clone());
            files.named.insert(path.to_path_buf(), bytes);
        }
        match files.named.get(path) {
            Some(bytes) => Ok(Box::new(File {
                bytes: bytes.clone(),
                volume: self.clone(),
                read_only: access == Access::Read,
            })),
            None => Err(OpenError::Io(io::ErrorKind::NotFound.into())),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.lock().unwrap().named.contains_key(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        if files.named.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = files.named.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.named.insert(to.to_path_buf(), bytes);
        Ok(())
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let bytes = files.named.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.named.insert(to.to_path_buf(), bytes);
        Ok(())
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        let files = self.0.lock().unwrap();
        let bytes = files.named.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Some(identity_of(bytes)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.0.lock().unwrap().named.remove(path);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list_directory(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let files = self.0.lock().unwrap();
        let paths = files.named.keys();
        let within = paths.filter(|path| path.parent() == Some(directory));
        Ok(within.cloned().collect())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn identity_of(bytes: &Bytes) -> FileIdentity {
    FileIdentity {
        device: 0,
        file: Arc::as_ptr(bytes).addr() as u64,
        names: 1,
    }
}

#[derive(Debug)]
struct File {
    bytes: Bytes,
    volume: MemoryVolume,
    read_only: bool,
}

impl File {
    fn before_write(&self) -> io::Result<()> {
        if self.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut files = self.volume.0.lock().unwrap();
        if let Some(left) = &mut files.writes_left {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| io::Error::other("the disk is broken"))?;
        }
        Ok(())
    }
}

impl Disk for File {
    fn identity(&self) -> io::Result<Option<FileIdentity>> {
        Ok(Some(identity_of(&self.bytes)))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let from = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..))
            .and_then(|rest| rest.get(..out.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(from);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.before_write()?;
        let mut bytes = self.bytes.lock().unwrap();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + data.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.before_write()?;
        // A file that claims more is not worth the memory.
        if len > 1 << 30 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.bytes.lock().unwrap().resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}
