//! Who may touch the file? One owner, with a latch.
//!
//! - Any failed sync or change of length, whoever asked for it, latches: every later write, change
//!   of length and sync fails with the first failure; reads go on. A sync error is reported once, and
//!   the pages it lost are gone from the page cache, so that whoever synced again would be told that
//!   all is well.
//! - A failed write alone does not latch: redb spills pages early and may drop one that did not get
//!   out; where the bytes matter, it reports the failure itself.

use std::io;

use super::controls::{Control, Controls};
use super::disk::{Disk, FileIdentity};
use crate::base::sync::OnceLock;

/// The open file.
#[derive(Debug)]
pub(super) struct Owner {
    disk: Box<dyn Disk>,
    latch: OnceLock<Latched>,
    pub(super) controls: Controls,
}

#[derive(Clone, Debug)]
struct Latched {
    kind: io::ErrorKind,
    text: String,
}

impl Owner {
    pub(super) fn new(disk: Box<dyn Disk>, controls: Controls) -> Self {
        Self {
            disk,
            latch: OnceLock::new(),
            controls,
        }
    }

    /// Whether nothing may be written any more.
    pub(super) fn is_latched(&self) -> bool {
        self.latch.get().is_some()
    }

    /// Fails with the first failure once there was one.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.latch.get() {
            None => Ok(()),
            Some(first) => Err(io::Error::new(
                first.kind,
                format!("an earlier failure of the file: {}", first.text),
            )),
        }
    }

    /// Nothing is written from now on.
    pub(super) fn latch(&self, why: &io::Error) {
        if self.controls.has(Control::NoLatch) {
            return;
        }
        let _ = self.latch.set(Latched {
            kind: why.kind(),
            text: why.to_string(),
        });
    }

    fn latching(&self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.latch(error);
        }
        result
    }
}

impl Disk for Owner {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(offset, out)
    }

    fn read_two_at(&self, offset: u64, front: &mut [u8], rest: &mut [u8]) -> io::Result<()> {
        self.disk.read_two_at(offset, front, rest)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.disk.write_at(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.latching(self.disk.set_len(len))
    }

    fn sync(&self) -> io::Result<()> {
        self.check()?;
        match self.disk.sync() {
            Err(_) if self.controls.has(Control::IgnoreSyncError) => Ok(()),
            result => self.latching(result),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.disk.unlock()
    }

    fn identity(&self) -> io::Result<Option<FileIdentity>> {
        self.disk.identity()
    }
}
