//! Files that an application wrote in its old versions, kept for its tests.
//!
//! An application lives for years on its users' machines, and must open what it wrote there. So each
//! version that is released keeps a small file of what it writes, and a test opens all of them with the
//! program as it is now:
//!
//! ```
//! use larder::testing::golden::Golden;
//! use larder::{Database, Result, record};
//!
//! #[record(name = "cities", version = 2)]
//! pub struct City {
//!     #[key]
//!     pub id: u64,
//!     #[renamed(from = "pop")]
//!     pub population: u64,
//! }
//!
//! /// As the application opens its file.
//! fn open(path: &std::path::Path) -> Result<Database> {
//!     Database::builder().register::<City>().open(path)
//! }
//!
//! // #[test]
//! fn every_file_ever_written_opens() -> Result<()> {
//!     # let directory = tempfile::tempdir().unwrap();
//!     # let directory = directory.path();
//!     # /*
//!     let directory = "tests/golden";
//!     # */
//!     let golden = Golden::new(directory);
//!     golden.keep("version-2", |path| {
//!         let db = open(path)?;
//!         db.write(|tx| tx.collection::<City>()?.insert(&City { id: 1, population: 7 }))?;
//!         db.close()
//!     })?;
//!     assert_eq!(golden.check(open)?, 1);
//!     Ok(())
//! }
//! # every_file_ever_written_opens().unwrap();
//! ```
//!
//! Both the file, `version-2.larder`, and what the program reads of it now, `version-2.jsonl`, belong in
//! the repository: see to it that no `.gitignore` leaves them out. When a later version reads something else, the check fails and tells the first line that
//! differs; with `LARDER_GOLDEN=overwrite` in the environment it writes what is read now, and the
//! difference is there to be reviewed.

use std::fmt::Write;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::database::Database;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::catalog::{Member, Shape};
use crate::store::ReadTable;
use crate::txn::read::ReadTx;

/// A directory of files that are kept. See [the module](self).
#[derive(Clone, Debug)]
pub struct Golden {
    directory: PathBuf,
}

impl Golden {
    /// The files in that directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Keeps the file `{name}.larder`, which `make` writes at the path that it is given. Where there is one
    /// already, nothing is done: what was kept never changes.
    ///
    /// # Errors
    /// Those of `make`, after which nothing is kept; [`NotFound`](crate::ErrorKind::NotFound) when the file is
    /// gone that `{name}.jsonl` was read of; [`Io`](crate::ErrorKind::Io) when the file cannot be
    /// put in its place.
    pub fn keep(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let mut parts = Path::new(name).components();
        if !matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        ) {
            return Err(Error::invalid(format!(
                "{name:?} is no name of a golden file: it is one in the directory, without its extension"
            )));
        }
        let path = self.directory.join(format!("{name}.{EXTENSION}"));
        if path.exists() {
            return Ok(());
        }
        if path.with_extension(READ).exists() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} is gone, but what was read of it is kept: bring it back, and see whether the \
                     repository ignores such files; to make it anew, remove both",
                    path.display()
                ),
            ));
        }
        let scratch = Scratch::new(name)?;
        make(&scratch.file).context(|| format!("make the golden file {name:?}"))?;
        // Another test may look for it meanwhile: it is there as a whole, or not.
        let whole = path.with_extension(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir_all(&self.directory)
            .and_then(|()| fs::copy(&scratch.file, &whole))
            .and_then(|_| fs::rename(&whole, &path))
            .map_err(|error| failed("keep", &path, error))
    }

    /// Opens a copy of every file that is kept, by `open`, which gets its path; gives how many there are.
    ///
    /// Each must open, read the same before and after [`migrate`](Database::migrate), pass
    /// [`check`](Database::check), and read as `{name}.jsonl` says: the file is written where there is
    /// none.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when something else is read, naming file and line;
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) when `open` registers nothing that leads on from what
    /// is there; [`NotFound`](crate::ErrorKind::NotFound) when there is no file; those of opening and reading.
    pub fn check(&self, open: impl Fn(&Path) -> Result<Database>) -> Result<usize> {
        let mut paths = Vec::new();
        let directory = &self.directory;
        for entry in fs::read_dir(directory).map_err(|error| failed("read", directory, error))? {
            let path = entry
                .map_err(|error| failed("read", directory, error))?
                .path();
            if path
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no golden file in {}", directory.display()),
            ));
        }
        paths.sort();
        for path in &paths {
            check_file(path, &open).context(|| format!("the golden file {}", path.display()))?;
        }
        Ok(paths.len())
    }
}

const EXTENSION: &str = "larder";

/// The extension of what is read of a file.
const READ: &str = "jsonl";

fn check_file(path: &Path, open: &impl Fn(&Path) -> Result<Database>) -> Result<()> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let scratch = Scratch::new(&name)?;
    fs::copy(path, &scratch.file).map_err(|error| failed("copy", path, error))?;
    let db = open(&scratch.file)?;
    let read = dump(&db.read()?)?;
    let unregistered = db.migrate()?.unregistered;
    if !unregistered.is_empty() {
        return Err(Error::new(
            ErrorKind::NotRegistered,
            format!(
                "it has records of earlier versions of {unregistered:?}, which `open` does not register"
            ),
        ));
    }
    same("after its migration", &read, &dump(&db.read()?)?)?;
    let report = db.check()?;
    if !report.is_ok() {
        return Err(Error::corrupt(report.to_string()));
    }
    db.close()?;
    let kept = path.with_extension(READ);
    let overwrite = std::env::var_os("LARDER_GOLDEN").is_some_and(|value| value == "overwrite");
    if overwrite || !kept.exists() {
        return fs::write(&kept, read).map_err(|error| failed("write", &kept, error));
    }
    let wanted = fs::read_to_string(&kept).map_err(|error| failed("read", &kept, error))?;
    same(&format!("in {}", kept.display()), &read, &wanted)
}

/// Refuses what is not the same, by its first line.
fn same(whence: &str, read: &str, wanted: &str) -> Result<()> {
    // How lines end is a matter of the editor, and of the repository.
    let (mut lines, mut others) = (read.lines(), wanted.lines());
    for number in 1_u64.. {
        match (lines.next(), others.next()) {
            (None, None) => break,
            (line, other) if line == other => {}
            (line, other) => {
                return Err(Error::invalid(format!(
                    "line {number} is\n  {}\nand {whence}\n  {}",
                    line.unwrap_or("not there"),
                    other.unwrap_or("not there"),
                )));
            }
        }
    }
    Ok(())
}

/// Everything that is read, a line each.
fn dump(tx: &ReadTx) -> Result<String> {
    let mut lines = String::new();
    let mut add = |line: serde_json::Value| {
        // Nothing is written to that could fail.
        let _ = writeln!(lines, "{line}");
    };
    for (slot, member) in tx.catalog().members().iter().enumerate() {
        let name = member.name();
        match member {
            Member::Bucket(bucket) => {
                add(serde_json::json!({ "bucket": name }));
                let table = tx.bucket_table(slot, &bucket.table)?;
                for entry in ReadTable::of(table).range(crate::store::ALL)? {
                    let (key, value) = entry?;
                    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
                    add(serde_json::json!([shown(&key), shown(&value)]));
                }
            }
            Member::Records(info) => match info.shape {
                Shape::Typed(_) => {
                    let version = info.upgrades.current;
                    add(serde_json::json!({ "records": name, "version": version }));
                    if let Some(records) = tx.records(name)? {
                        for record in records.iter()? {
                            add(record?.to_value()?);
                        }
                    }
                }
                Shape::Documents(_) => {
                    let version = info.upgrades.current;
                    add(serde_json::json!({ "documents": name, "version": version }));
                    for document in tx.documents(name)?.iter()? {
                        let document = document?;
                        let key = document.key().to_string();
                        add(serde_json::json!([key, document.to_value()?]));
                    }
                }
            },
        }
    }
    Ok(lines)
}

/// A directory of its own for one file, which goes with it.
struct Scratch {
    directory: PathBuf,
    file: PathBuf,
}

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let unique = uuid::Uuid::new_v4().simple();
        let directory = std::env::temp_dir().join(format!("larder-golden-{unique}"));
        fs::create_dir(&directory).map_err(|error| failed("create", &directory, error))?;
        let file = directory.join(format!("{name}.{EXTENSION}"));
        Ok(Self { directory, file })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in a directory for such things.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {what} {}", path.display())).because(error)
}
