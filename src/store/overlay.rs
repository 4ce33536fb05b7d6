//! How is a database read without writing one byte of its file? A copy-on-write overlay in memory.
//!
//! redb writes to its file when it merely opens it. Here those writes go to pages in memory, which
//! later reads find; the file itself is open read-only.

use std::collections::BTreeMap;
use std::io;

use redb::StorageBackend;

use super::file::LockedFile;
use super::header::SIZE as HEADER_SIZE;
use crate::base::sync::Mutex;

const PAGE: usize = 4096;
const PAGE_BYTES: u64 = PAGE as u64;

/// A file that is read, and pages in memory that lie over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: LockedFile,
    /// Bytes of the file behind the header.
    file_len: u64,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    len: u64,
    pages: BTreeMap<u64, [u8; PAGE]>,
}

impl Overlay {
    pub(super) fn new(file: LockedFile) -> io::Result<Self> {
        let file_len = file.len()?.saturating_sub(HEADER_SIZE as u64);
        let memory = Mutex::new(Memory {
            len: file_len,
            pages: BTreeMap::new(),
        });
        Ok(Self {
            file,
            file_len,
            memory,
        })
    }

    /// A page of the file; zeros behind its end.
    fn file_page(&self, number: u64) -> io::Result<[u8; PAGE]> {
        let mut page = [0; PAGE];
        let start = number * PAGE_BYTES;
        let available = usize::try_from(self.file_len.saturating_sub(start).min(PAGE_BYTES))
            .map_err(io::Error::other)?;
        if let Some(part) = page.get_mut(..available) {
            self.file.read_at(start + HEADER_SIZE as u64, part)?;
        }
        Ok(page)
    }
}

/// Cuts a span of bytes at page boundaries: (page, first byte in it, bytes).
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset + len as u64;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let (page, first) = (at / PAGE_BYTES, at % PAGE_BYTES);
            let count = (PAGE_BYTES - first).min(end - at);
            at += count;
            // Both are at most a page.
            (
                page,
                usize::try_from(first).unwrap_or(0),
                usize::try_from(count).unwrap_or(0),
            )
        })
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.memory.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let memory = self.memory.lock();
        if offset
            .checked_add(out.len() as u64)
            .is_none_or(|end| end > memory.len)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if memory.pages.is_empty() && offset + out.len() as u64 <= self.file_len {
            drop(memory);
            return self.file.read_at(offset + HEADER_SIZE as u64, out);
        }
        let mut rest = out;
        for (number, first, count) in pieces(offset, rest.len()) {
            let page = match memory.pages.get(&number) {
                Some(page) => *page,
                None => self.file_page(number)?,
            };
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(page.get(first..first + count).unwrap_or_default());
            rest = later;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut memory = self.memory.lock();
        if len < memory.len {
            // What is cut off reads as zero if the length grows again.
            let first_gone = len.div_ceil(PAGE_BYTES);
            let last = memory.len.div_ceil(PAGE_BYTES);
            for number in first_gone..last {
                memory.pages.insert(number, [0; PAGE]);
            }
            if !len.is_multiple_of(PAGE_BYTES) {
                let number = len / PAGE_BYTES;
                let mut page = match memory.pages.get(&number) {
                    Some(page) => *page,
                    None => self.file_page(number)?,
                };
                let kept = usize::try_from(len % PAGE_BYTES).map_err(io::Error::other)?;
                page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
                memory.pages.insert(number, page);
            }
        }
        memory.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut memory = self.memory.lock();
        let mut rest = data;
        for (number, first, count) in pieces(offset, data.len()) {
            let mut page = match memory.pages.get(&number) {
                Some(page) => *page,
                None => self.file_page(number)?,
            };
            let (now, later) = rest.split_at(count);
            if let Some(target) = page.get_mut(first..first + count) {
                target.copy_from_slice(now);
            }
            memory.pages.insert(number, page);
            rest = later;
        }
        Ok(())
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.unlock()
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::LockedFile;
    use super::*;

    #[test]
    fn writes_are_read_back_and_the_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let original: Vec<u8> = (0..HEADER_SIZE + 10_000)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        std::fs::write(&path, &original).unwrap();
        let overlay = Overlay::new(LockedFile::open(&path, true).ok().unwrap()).unwrap();
        let mut model = original[HEADER_SIZE..].to_vec();

        overlay.write(4000, &[1; 5000]).unwrap();
        model[4000..9000].fill(1);
        overlay.set_len(6001).unwrap();
        overlay.set_len(20_000).unwrap();
        model.truncate(6001);
        model.resize(20_000, 0);
        overlay.write(19_999, &[9]).unwrap();
        model[19_999] = 9;

        let mut read = vec![0; 20_000];
        overlay.read(0, &mut read).unwrap();
        assert_eq!(read, model);
        let mut part = vec![0; 4097];
        overlay.read(4095, &mut part).unwrap();
        assert_eq!(part, model[4095..8192]);
        assert!(overlay.read(19_999, &mut [0; 2]).is_err());
        drop(overlay);
        assert_eq!(std::fs::read(&path).unwrap(), original);
    }
}
