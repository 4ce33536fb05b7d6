//! How does the header change without ever being lost? Its two copies on disk.
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       4096  one copy (`header.rs`)
//! 4096    4096  the other
//! ```
//!
//! The one invariant: **a copy is overwritten with other bytes only while the other copy is durable
//! and good.** Whatever the cut, that one is left, and it says either what was before or what is to
//! be. What threatens it, beside a power cut:
//! - After a kill, what is read may lie in the page cache alone. So the copy that is relied on is made
//!   durable before the other one is touched.
//! - After a failed sync, the page cache may call clean what never reached the disk, and a further
//!   sync does nothing. So that copy is first written again, with the bytes it has.
//!
//! The file's device may tear a page between its sectors. Writing the same bytes again tears nothing.
//!
//! A changed header is written over the copy that did not open, synced, then over the one that did,
//! synced. A cut leaves
//! 1. both as they were: nothing has changed;
//! 2. one torn, the other as it was: nothing has changed;
//! 3. one new, the other as it was: who has the new key opens the new one, who has the old key the
//!    other one, and who has a key that was not touched opens the new one;
//! 4. one new, the other torn: the change is done;
//! 5. both new: the change is done.
//!
//! Opening for writing ends all but 1 and 5 by `heal`: the copy that opened becomes both. After a sync
//! that failed, the copies may agree in the page cache, and differ on the device; so of an encrypted
//! file both are written again even where they agree. (The header of a plain one never changes.)

use std::cmp::Reverse;
use std::io;

use super::cipher::Secret;
use super::controls::{Control, Controls};
use super::disk::Disk;
use super::error::from_io;
use super::header::{Header, SIZE};
use super::keyring::{self, Credential, DataKey};
use crate::base::{Error, ErrorKind, Result};

/// Bytes that both copies take at the start of the file.
pub(super) const BYTES: u64 = 2 * SIZE as u64;

/// The header, and how it was found.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) header: Header,
    /// `None`: the file is not encrypted.
    pub(super) data_key: Option<DataKey>,
    /// Which copy opened, 0 or 1.
    pub(super) copy: usize,
    /// What was found in its place.
    pub(super) other: Other,
}

/// The copy that did not open, seen from the one that did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Other {
    /// The same bytes.
    Agrees,
    /// Good by its checksum, but it says something else: a change was interrupted between copies.
    Differs,
    /// Torn or rotten.
    Damaged,
}

/// Finds the newest copy that opens.
///
/// # Errors
///
/// `NotADatabase` where neither copy is ours, `Corrupt` where none is good. Otherwise what the newest
/// good copy answered: `WrongKey`, `NotEncrypted` or `UnsupportedFormat`.
pub(super) fn read(disk: &dyn Disk, credential: &Credential) -> Result<Opened> {
    let pages = read_pages(disk).map_err(|e| from_io(e, "the header cannot be read"))?;
    let Some([first, second]) = pages else {
        return Err(cut_off(disk));
    };
    if first == second {
        // Once is enough: a passphrase may take a second to try.
        return Found::new(0, &first).open(credential, Other::Agrees);
    }
    let mut found = [Found::new(0, &first), Found::new(1, &second)];
    let other = if found.iter().all(|copy| copy.header.is_ok()) {
        Other::Differs
    } else {
        Other::Damaged
    };
    found.sort_by_key(|copy| Reverse(copy.generation()));
    let mut refusals = Vec::new();
    for copy in found {
        match copy.open(credential, other) {
            Ok(opened) => return Ok(opened),
            Err(refusal) => refusals.push(refusal),
        }
    }
    Err(most_telling(refusals))
}

/// Makes both copies what `opened` says. On an error the file must not be written any more.
pub(super) fn heal(disk: &dyn Disk, opened: &Opened, controls: Controls) -> io::Result<()> {
    if opened.other == Other::Agrees && controls.has(Control::NoHeaderRewrite) {
        return Ok(());
    }
    let mac_key = opened.data_key.as_ref().map(DataKey::header);
    let page = opened.header.encode(mac_key.as_ref());
    match opened.other {
        Other::Agrees if opened.data_key.is_none() => return Ok(()),
        Other::Agrees | Other::Differs => put(disk, opened.copy, &page)?,
        // A copy is torn only while the other one is durable: there is no need to touch the last
        // good one.
        Other::Damaged => {}
    }
    put(disk, other_than(opened.copy), &page)
}

/// Writes a changed header. `opened_copy` is the copy that opened; `heal` has run. On an error the
/// change may or may not have happened, and the file must not be written any more.
pub(super) fn write(
    disk: &dyn Disk,
    header: &Header,
    mac_key: Option<&Secret>,
    opened_copy: usize,
    controls: Controls,
) -> io::Result<()> {
    let page = header.encode(mac_key);
    if controls.has(Control::RewrapGoodCopyFirst) {
        put(disk, opened_copy, &page)?;
        return put(disk, other_than(opened_copy), &page);
    }
    let mut present = [0; SIZE];
    disk.read_at(offset(opened_copy), &mut present)?;
    put(disk, opened_copy, &present)?;
    put(disk, other_than(opened_copy), &page)?;
    put(disk, opened_copy, &page)
}

/// Writes both copies of a new file. The caller syncs, before the file gets its name.
pub(super) fn create(disk: &dyn Disk, header: &Header, mac_key: Option<&Secret>) -> io::Result<()> {
    let page = header.encode(mac_key);
    disk.write_at(offset(0), &page)?;
    disk.write_at(offset(1), &page)
}

/// Whether a copy is whole by its checksum, and says something that this program reads.
pub(super) fn is_good(disk: &dyn Disk, copy: usize) -> Result<bool> {
    let mut page = [0; SIZE];
    disk.read_at(offset(copy), &mut page)
        .map_err(|error| from_io(error, "the header cannot be read"))?;
    Ok(Header::decode(&page).is_ok())
}

/// Both pages, `None` where the file has not as many bytes.
fn read_pages(disk: &dyn Disk) -> io::Result<Option<[[u8; SIZE]; 2]>> {
    if disk.len()? < BYTES {
        return Ok(None);
    }
    let mut pages = [[0; SIZE]; 2];
    for (copy, page) in pages.iter_mut().enumerate() {
        disk.read_at(offset(copy), page)?;
    }
    Ok(Some(pages))
}

/// Whether a file that is too short was ours.
fn cut_off(disk: &dyn Disk) -> Error {
    let mut page = [0; SIZE];
    let read = disk.len().and_then(|len| {
        let present = usize::try_from(len).unwrap_or(SIZE).min(SIZE);
        match page.get_mut(..present) {
            Some(present) => disk.read_at(0, present),
            None => Ok(()),
        }
    });
    match read.map(|()| Header::decode(&page)) {
        Err(error) => from_io(error, "the header cannot be read"),
        Ok(Err(error)) if error.is(ErrorKind::NotADatabase) => error,
        Ok(_) => Error::corrupt("the file is cut off within its header"),
    }
}

/// A copy as it was read.
struct Found<'a> {
    copy: usize,
    page: &'a [u8; SIZE],
    header: Result<Header>,
}

impl<'a> Found<'a> {
    fn new(copy: usize, page: &'a [u8; SIZE]) -> Self {
        let header = Header::decode(page);
        Self { copy, page, header }
    }

    /// `None`, older than all, where this version cannot read it.
    fn generation(&self) -> Option<u64> {
        self.header.as_ref().ok().map(|header| header.generation)
    }

    fn open(self, credential: &Credential, other: Other) -> Result<Opened> {
        let header = self.header?;
        let data_key = keyring::unlock(&header, self.page, credential)?;
        Ok(Opened {
            header,
            data_key,
            copy: self.copy,
            other,
        })
    }
}

/// Of what both copies answered, newer first, the answer that knows most about the file.
fn most_telling(refusals: Vec<Error>) -> Error {
    let rank = |refusal: &Error| match refusal.kind() {
        ErrorKind::NotADatabase => 3,
        ErrorKind::Corrupt => 2,
        ErrorKind::UnsupportedFormat => 1,
        _ => 0,
    };
    let telling = refusals.into_iter().min_by_key(rank);
    telling.unwrap_or_else(|| Error::corrupt("the file has no header"))
}

fn put(disk: &dyn Disk, copy: usize, page: &[u8; SIZE]) -> io::Result<()> {
    disk.write_at(offset(copy), page)?;
    disk.sync()
}

fn other_than(copy: usize) -> usize {
    usize::from(copy == 0)
}

fn offset(copy: usize) -> u64 {
    if copy == 0 { 0 } else { SIZE as u64 }
}

#[cfg(test)]
mod tests;
