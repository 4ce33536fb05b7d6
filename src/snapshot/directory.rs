//! Which snapshots lie in a directory, and what builds on what? Their names say what is forgotten; everything
//! else is read from the files.

use std::collections::HashSet;

use uuid::Uuid;

use super::format::Header;
use super::read::SnapshotFile;
use crate::base::{Error, ErrorKind, Result};
use crate::store::{Directory, OpenOptions, open_kept};

/// What a name ends with that is listed.
const LISTED: &str = ".snapshot";

/// What it ends with once it is forgotten.
const FORGOTTEN: &str = ".forgotten";

/// What lies in a directory.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The earliest first: see [`Moment`].
    pub(crate) files: Vec<KeptFile>,
    pub(crate) damaged: Vec<DamagedFile>,
    /// What writing left that was interrupted, and files that are being written.
    pub(crate) unfinished: Vec<String>,
}

/// A snapshot that can be opened, as far as its beginning and its end say.
#[derive(Debug)]
pub(crate) struct KeptFile {
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) bytes: u64,
    pub(crate) is_forgotten: bool,
}

/// A file that has the name of a snapshot and is none.
#[derive(Debug)]
pub(crate) struct DamagedFile {
    pub(crate) name: String,
    /// Where it can be read.
    pub(crate) header: Option<Header>,
    pub(crate) error: Error,
}

/// The name of a snapshot, in the order of time and sequence, without what Windows refuses.
pub(crate) fn name_of(header: &Header) -> String {
    let created = header.created.to_string();
    // A fraction of zero is left out, which would sort behind all others.
    let created = match created.strip_suffix('Z') {
        Some(whole) if !whole.contains('.') => format!("{whole}.000000Z"),
        _ => created,
    };
    let created: String = created
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let sequence = header.commit.sequence();
    format!("{created}-{sequence:020}-{}{LISTED}", header.id)
}

/// Whether it is what is left of writing a file that has a name of ours.
fn is_unfinished(name: &str) -> bool {
    let parts = name
        .strip_prefix('.')
        .and_then(|name| name.split_once(".snapshot.new-"));
    parts.is_some_and(|(stem, unique)| {
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = stem.len().checked_sub(ID_LETTERS);
        let id = id.and_then(|at| stem.get(at..));
        unique.len() == 32 && is_hex(unique) && id.is_some_and(|id| Uuid::try_parse(id).is_ok())
    })
}

/// Of an id as text.
const ID_LETTERS: usize = 36;

impl Contents {
    /// Reads the beginning and the end of every snapshot; no key is needed.
    ///
    /// # Errors
    /// `Io` where the directory cannot be read; what is wrong with a file is said with the file.
    pub(crate) fn of(directory: &Directory, options: &OpenOptions) -> Result<Self> {
        // Somebody else may rename a file between its listing and its opening.
        for _ in 0..ATTEMPTS {
            if let Some(contents) = Self::read(directory, options)? {
                return Ok(contents);
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            "the directory changes again and again while it is read; try again",
        ))
    }

    /// `None` where a file was gone that was listed.
    fn read(directory: &Directory, options: &OpenOptions) -> Result<Option<Self>> {
        let mut contents = Self::default();
        for name in directory.names()? {
            if is_unfinished(&name) {
                contents.unfinished.push(name);
                continue;
            }
            let is_forgotten = name.ends_with(FORGOTTEN);
            if name.starts_with('.') || !(is_forgotten || name.ends_with(LISTED)) {
                continue;
            }
            match look(directory, options, &name) {
                Ok((header, bytes, Ok(()))) => contents.files.push(KeptFile {
                    name,
                    header,
                    bytes,
                    is_forgotten,
                }),
                Ok((header, _, Err(error))) => contents.damaged.push(DamagedFile {
                    name,
                    header: Some(header),
                    error,
                }),
                Err(_) if !directory.has(&name) => return Ok(None),
                Err(error) => contents.damaged.push(DamagedFile {
                    name,
                    header: None,
                    error,
                }),
            }
        }
        contents.files.sort_by_key(|file| file.header.moment());
        Ok(Some(contents))
    }

    /// Those that are not forgotten, each once, however many copies there are.
    pub(crate) fn listed(&self) -> impl DoubleEndedIterator<Item = &KeptFile> {
        let all = self.files.iter().filter(|file| !file.is_forgotten);
        let mut seen = HashSet::new();
        let once: Vec<_> = all.filter(|file| seen.insert(file.header.id)).collect();
        once.into_iter()
    }

    /// Those that are forgotten in all copies, each once.
    pub(crate) fn forgotten(&self) -> impl Iterator<Item = &KeptFile> {
        let mut seen: HashSet<_> = self.listed().map(|file| file.header.id).collect();
        let all = self.files.iter();
        all.filter(move |file| seen.insert(file.header.id))
    }

    /// A snapshot of that id, forgotten or not.
    pub(crate) fn find(&self, id: Uuid) -> Option<&KeptFile> {
        let copies = self.files.iter().filter(|file| file.header.id == id);
        copies.min_by_key(|file| file.is_forgotten)
    }

    /// The files that a snapshot is read from: the one that builds on nothing first.
    ///
    /// # Errors
    /// `NotFound` where it or one that it builds on is not there.
    pub(crate) fn chain(&self, id: Uuid) -> Result<Vec<&KeptFile>> {
        let mut chain = Vec::new();
        let mut next = Some(id);
        while let Some(wanted) = next {
            let file = self.find(wanted).ok_or_else(|| self.missing(id, wanted))?;
            if chain.len() >= self.files.len() {
                return Err(Error::corrupt(format!(
                    "snapshot {id} builds on itself, so that it cannot be read"
                )));
            }
            chain.push(file);
            next = file.header.base;
        }
        chain.reverse();
        Ok(chain)
    }

    pub(crate) fn missing(&self, id: Uuid, wanted: Uuid) -> Error {
        let is = |file: &&DamagedFile| file.header.is_some_and(|header| header.id == wanted);
        let damaged = self.damaged.iter().find(is);
        let why = match damaged {
            Some(file) => format!("is damaged ({})", file.error),
            None => "is not in the directory".to_owned(),
        };
        let message = if id == wanted {
            format!("snapshot {id} {why}")
        } else {
            format!("snapshot {id} cannot be read: {wanted}, which it builds on, {why}")
        };
        let kind = match damaged {
            Some(_) => ErrorKind::Corrupt,
            None => ErrorKind::NotFound,
        };
        Error::new(kind, message)
    }

    /// Those that are listed and can be read, as far as beginnings and ends say, with all that they build on.
    pub(crate) fn readable(&self) -> impl DoubleEndedIterator<Item = &KeptFile> {
        self.listed()
            .filter(|file| self.chain(file.header.id).is_ok())
    }

    /// Those that are listed and cannot be read, and why.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&KeptFile, Error)> {
        self.listed()
            .filter_map(|file| Some((file, self.chain(file.header.id).err()?)))
    }

    /// What may not be removed: whatever something builds on that is not forgotten, directly or through others,
    /// itself included.
    ///
    /// # Errors
    /// That of a file that cannot be read now, and perhaps later: nobody knows what it builds on. That of a
    /// snapshot that is listed, where something that it builds on is missing or damaged: what that builds on has
    /// to be there when it is brought back.
    pub(crate) fn held(&self) -> Result<HashSet<Uuid>> {
        let mut held = HashSet::new();
        for damaged in &self.damaged {
            let is_lost = matches!(
                damaged.error.kind(),
                ErrorKind::Corrupt | ErrorKind::NotADatabase
            );
            if !is_lost {
                return Err(Error::new(
                    damaged.error.kind(),
                    format!(
                        "{} cannot be read now, so what it builds on is not known and nothing is removed; try \
                         again when it can: {}",
                        damaged.name, damaged.error
                    ),
                ));
            }
        }
        if let Some((file, error)) = self.broken().next() {
            return Err(error.during(format!(
                "nothing is removed, as {} may be read again when what is missing is brought back; if it never \
                 will be, forget it by `forget_one`",
                file.name
            )));
        }
        let damaged = self.damaged.iter().filter_map(|file| file.header);
        let listed = self.listed().map(|file| file.header);
        let mut next: Vec<Header> = listed.chain(damaged).collect();
        let mut bases = HashSet::new();
        while let Some(header) = next.pop() {
            held.insert(header.id);
            // Copies may say different things; nobody knows which of them is true.
            if bases.insert((header.id, header.base)) {
                let all = self.files.iter().map(|file| file.header);
                next.extend(
                    all.filter(|file| Some(file.id) == header.base || file.id == header.id),
                );
            }
        }
        Ok(held)
    }
}

/// How often a directory is read that changes meanwhile.
const ATTEMPTS: usize = 16;

/// The name once it is forgotten, or no longer is.
pub(crate) fn other_name(name: &str) -> Result<String> {
    if let Some(stem) = name.strip_suffix(LISTED) {
        return Ok(format!("{stem}{FORGOTTEN}"));
    }
    match name.strip_suffix(FORGOTTEN) {
        Some(stem) => Ok(format!("{stem}{LISTED}")),
        None => Err(Error::invalid(format!("{name} is no snapshot's name"))),
    }
}

/// What its beginning says, how many bytes it has, and whether its end fits.
fn look(
    directory: &Directory,
    options: &OpenOptions,
    name: &str,
) -> Result<(Header, u64, Result<()>)> {
    let disk = open_kept(&directory.path_of(name), false, options)?;
    let (header, bytes) = SnapshotFile::header_of(&*disk)?;
    let end = SnapshotFile::check_end(&*disk, &header, bytes);
    Ok((header, bytes, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CommitId;
    use crate::codec::timestamp::Timestamp;

    fn header(created: &str, sequence: u64) -> Header {
        Header {
            id: Uuid::from_u128(7),
            base: None,
            database: Uuid::nil(),
            commit: CommitId::new(1, sequence),
            revision: 0,
            created: created.parse::<Timestamp>().unwrap(),
            epoch: 0,
            is_encrypted: false,
        }
    }

    #[test]
    fn names_sort_as_times_and_sequences_do() {
        let names = [
            ("2026-11-24T03:55:37Z", 9),
            ("2026-11-24T03:55:37Z", 10),
            ("2026-11-24T03:55:37.000001Z", 1),
            ("2026-11-24T03:55:38Z", 1),
            ("2026-12-01T00:00:00Z", 1),
        ]
        .map(|(created, sequence)| name_of(&header(created, sequence)));
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(
            names[0],
            "20261124T035537.000000Z-00000000000000000009-00000000-0000-0000-0000-000000000007.snapshot"
        );
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        assert!(names.iter().all(|name| name.chars().all(is_safe)));
        let forgotten = other_name(&names[0]).unwrap();
        assert!(forgotten.ends_with("7.forgotten"));
        assert_eq!(other_name(&forgotten).unwrap(), names[0]);
        assert!(other_name("a.larder").is_err());
    }

    #[test]
    fn only_what_is_left_of_our_own_files_is_unfinished() {
        let name = name_of(&header("2026-11-24T03:55:37Z", 9));
        let unique = "0123456789abcdef0123456789abcdef";
        assert!(is_unfinished(&format!(".{name}.new-{unique}")));
        for other in [
            name.clone(),
            format!("{name}.new-{unique}"),
            format!(".{name}.new-{unique}0"),
            format!(".{name}.new-"),
            format!(".monday.snapshot.new-{unique}"),
            format!(".atlas.larder.new-{unique}"),
            format!(".new-{unique}"),
        ] {
            assert!(!is_unfinished(&other), "{other}");
        }
    }
}
