//! How is a file opened? By whatever opens it, for no more than the command needs.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use larder::{Builder, CollectionInfo, Database, ErrorKind, ReadTx, Snapshot, Unlock};

use crate::args::Credentials;
use crate::fault::{Code, Fault, Result};
use crate::progress::created;

/// A file that commands work on.
pub(crate) struct Session {
    pub(crate) file: PathBuf,
    pub(crate) credentials: Credentials,
    opened: OnceCell<Opened>,
    /// What was typed.
    typed: OnceCell<Unlock>,
}

enum Opened {
    Reading(Database),
    Writing(Database),
    Snapshot(Snapshot),
}

impl Opened {
    fn database(&self) -> &Database {
        match self {
            Self::Reading(db) | Self::Writing(db) => db,
            Self::Snapshot(snapshot) => snapshot.database(),
        }
    }
}

impl Session {
    pub(crate) fn new(file: PathBuf, credentials: Credentials) -> Self {
        Self {
            file,
            credentials,
            opened: OnceCell::new(),
            typed: OnceCell::new(),
        }
    }

    /// The database to read: the file opened read-only, or the snapshot that it is.
    pub(crate) fn reader(&self) -> Result<&Database> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.database());
        }
        let opened = if is_snapshot(&self.file) {
            stands_alone(&self.file)?;
            Opened::Snapshot(self.open(|builder, path| builder.open_snapshot(path))?)
        } else {
            Opened::Reading(self.open(|builder, path| builder.open_read_only(path))?)
        };
        Ok(self.opened.get_or_init(|| opened).database())
    }

    /// The database to write; it has to exist.
    pub(crate) fn writer(&self) -> Result<&Database> {
        self.writer_by(Builder::open_existing)
    }

    /// The database to write, created where there is no such file.
    fn writer_or_new(&self) -> Result<&Database> {
        if !self.file.exists() {
            return self.writer_by(Builder::create);
        }
        self.writer()
    }

    fn writer_by(
        &self,
        open: fn(Builder, PathBuf) -> larder::Result<Database>,
    ) -> Result<&Database> {
        if let Some(opened) = self.opened.get() {
            return match opened {
                Opened::Writing(db) => Ok(db),
                Opened::Reading(_) => Err(Fault::refused(format!(
                    "{} was opened to be read only",
                    self.file.display()
                ))),
                Opened::Snapshot(_) => Err(read_only(&self.file)),
            };
        }
        if is_snapshot(&self.file) {
            return Err(read_only(&self.file));
        }
        let db = self.open(|builder, path| open(builder, path.to_owned()))?;
        Ok(self.opened.get_or_init(|| Opened::Writing(db)).database())
    }

    fn open<T>(&self, open: impl Fn(Builder, &Path) -> larder::Result<T>) -> Result<T> {
        // Creating one that is there is another matter, and one that is not may be created.
        self.unlocked(|builder| open(builder, &self.file))
            .map_err(|fault| match fault.code {
                Code::NotFound if !self.file.exists() && has_directory(&self.file) => {
                    no_such_file(&self.file)
                }
                _ => fault,
            })
    }

    /// Opens something with what opens it: what was given, or else, where it is encrypted and somebody sits
    /// there, what they type.
    pub(crate) fn unlocked<T>(&self, open: impl Fn(Builder) -> larder::Result<T>) -> Result<T> {
        let opened = open(self.builder()?);
        match opened {
            // What the environment says is for every file; what the command line says, for this one.
            Err(error) if error.is(ErrorKind::NotEncrypted) && !self.credentials.is_explicit() => {
                Ok(open(Database::builder())?)
            }
            Err(error) if error.is(ErrorKind::WrongKey) && self.may_ask()? => {
                self.ask()?;
                Ok(open(self.builder()?)?)
            }
            opened => Ok(opened?),
        }
    }

    /// Whether nothing was given, and somebody sits there.
    fn may_ask(&self) -> Result<bool> {
        Ok(self.unlock()?.is_none() && io::stdin().is_terminal())
    }

    fn ask(&self) -> Result<()> {
        let typed = prompt(&format!("passphrase of {}: ", self.file.display()))?;
        self.typed.get_or_init(|| Unlock::passphrase(&typed));
        Ok(())
    }

    /// What opens the file: given, or typed.
    pub(crate) fn unlock(&self) -> Result<Option<Unlock>> {
        match self.typed.get() {
            Some(typed) => Ok(Some(typed.clone())),
            None => self.credentials.given(),
        }
    }

    /// The same, asked for where it was not given.
    pub(crate) fn unlock_or_ask(&self) -> Result<Option<Unlock>> {
        if self.may_ask()? {
            self.ask()?;
        }
        self.unlock()
    }

    /// A builder that has what opens the file.
    pub(crate) fn builder(&self) -> Result<Builder> {
        Ok(match self.unlock()? {
            Some(unlock) => Database::builder().unlock(unlock),
            None => Database::builder(),
        })
    }

    /// Fills the database, created where there is no such file; one that was created in vain is taken away.
    pub(crate) fn fill<T>(&self, fill: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let is_new = !self.file.exists();
        created(is_new.then_some(self.file.as_path()));
        let filled = self.writer_or_new().and_then(fill);
        created(None);
        if is_new && filled.is_err() {
            self.discard();
        }
        filled
    }

    /// Takes away a file that was created in vain.
    fn discard(&self) {
        if let Some(opened) = self.opened.get() {
            // Nobody misses what it held.
            drop(opened.database().clone().close());
            drop(std::fs::remove_file(&self.file));
        }
    }

    /// Reports what closing reports.
    pub(crate) fn close(self) -> Result<()> {
        match self.opened.into_inner() {
            Some(Opened::Writing(db) | Opened::Reading(db)) => Ok(db.close()?),
            Some(Opened::Snapshot(_)) | None => Ok(()),
        }
    }
}

fn read_only(path: &Path) -> Fault {
    Fault::refused(format!(
        "{} is a snapshot, and never changes; restore it to a new file to go on from it",
        path.display()
    ))
}

fn has_directory(path: &Path) -> bool {
    path.parent()
        .is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir())
}

fn no_such_file(path: &Path) -> Fault {
    Fault::not_found(format!("{}: there is no such file", path.display()))
        .hint("`larder import` and `larder load` create files")
}

/// Refuses a snapshot that cannot be read without what it builds on.
pub(crate) fn stands_alone(path: &Path) -> Result<()> {
    match Snapshot::read_info(path)?.base {
        None => Ok(()),
        Some(base) => Err(Fault::refused(format!(
            "{} holds only what changed since snapshot {base}",
            path.display()
        ))
        .hint(
            "--base names that one for `larder snapshot verify` and `restore`, which makes a file of both",
        )),
    }
}

/// Whether the file begins as a snapshot does.
pub(crate) fn is_snapshot(path: &Path) -> bool {
    let mut front = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut front));
    read.is_ok() && &front == b"larder snapshot\0"
}

impl Credentials {
    /// Whether the command line names what opens the file.
    fn is_explicit(&self) -> bool {
        self.passphrase_file.is_some() || self.key_file.is_some()
    }

    /// What opens the file, as far as it was given.
    pub(crate) fn given(&self) -> Result<Option<Unlock>> {
        if let Some(path) = &self.key_file {
            return Ok(Some(Unlock::key(read_key(path)?)));
        }
        if let Some(path) = &self.passphrase_file {
            return Ok(Some(Unlock::passphrase(&read_passphrase(path)?)));
        }
        match std::env::var("LARDER_PASSPHRASE") {
            Ok(passphrase) if !passphrase.is_empty() => Ok(Some(Unlock::passphrase(&passphrase))),
            _ => Ok(None),
        }
    }
}

/// The first line of a file.
pub(crate) fn read_passphrase(path: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Fault::file(path.display(), &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let what = format!(
            "{}: there is no passphrase on its first line",
            path.display()
        );
        return Err(Fault::new(Code::Key, what));
    }
    Ok(line.to_owned())
}

/// 32 bytes, as they are or as 64 hexadecimal digits.
fn read_key(path: &Path) -> Result<[u8; 32]> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| Fault::file(path.display(), &error))?;
    let read = file.take(100).read_to_end(&mut bytes);
    read.map_err(|error| Fault::file(path.display(), &error))?;
    if let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(key);
    }
    let of_hex = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| from_hex(text.trim()));
    of_hex
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| {
            let what = "a key is 32 bytes, or 64 hexadecimal digits";
            Fault::new(Code::Key, format!("{}: {what}", path.display()))
        })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Asks for a passphrase without showing it.
pub(crate) fn prompt(what: &str) -> Result<String> {
    rpassword::prompt_password(what)
        .map_err(|error| Fault::new(Code::Key, format!("no passphrase: {error}")))
}

/// A passphrase for something new: from a file, from the environment, or typed twice.
pub(crate) fn new_passphrase(file: Option<&Path>, variable: &str) -> Result<String> {
    if let Some(path) = file {
        return read_passphrase(path);
    }
    if let Ok(passphrase) = std::env::var(variable)
        && !passphrase.is_empty()
    {
        return Ok(passphrase);
    }
    if !io::stdin().is_terminal() {
        return Err(Fault::new(
            Code::Key,
            format!("no new passphrase; give it by --new-passphrase-file or {variable}"),
        ));
    }
    let first = prompt("new passphrase: ")?;
    if first.is_empty() {
        return Err(Fault::new(
            Code::Key,
            "an empty passphrase protects nothing",
        ));
    }
    if prompt("the same again: ")? != first {
        return Err(Fault::new(Code::Key, "the two are not the same"));
    }
    Ok(first)
}

/// What there is of a name, or a sentence that says what there is instead.
pub(crate) fn collection(tx: &ReadTx, name: &str) -> Result<CollectionInfo> {
    let mut all = tx.collections()?;
    match all.iter().position(|info| info.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let names: Vec<String> = all.into_iter().map(|info| info.name).collect();
            let there = match names.as_slice() {
                [] => "the file has none".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            Err(Fault::not_found(format!("no collection {name:?}; {there}")))
        }
    }
}
