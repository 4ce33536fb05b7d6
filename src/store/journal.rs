//! What did a transaction change? Its write set, as the log takes it, and what undoes it.
//!
//! A write set is a list of operations, numbers little-endian:
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       1     1: the operations that follow are of this table
//! 1       4     length of the name
//! 5       ..    name
//!
//! 0       1     2: an entry is set             3: an entry is removed
//! 1       4     length of the key              length of the key
//! 5       4     length of the value            key, from here on
//! 9       ..    key, value
//! ```
//! Some changes are not said this way: a table that is deleted, one that is filled in order, and a
//! transaction that is large. They bypass the log: see `commit`.

use super::transaction::WriteTransaction;
use crate::base::{Error, Result};

const TABLE: u8 = 1;
const SET: u8 = 2;
const REMOVE: u8 = 3;

/// What one of the transactions of a batch changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The revision of what it wrote.
    pub(super) revision: u64,
    /// The write set.
    pub(super) payload: Vec<u8>,
    /// Whether there is more than what the write set says.
    pub(super) bypass: bool,
}

impl Part {
    /// Bytes that it takes in the log.
    pub(crate) fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether it cannot be logged.
    pub(crate) fn is_bypass(&self) -> bool {
        self.bypass
    }
}

/// The changes of the transaction that is going on.
#[derive(Debug)]
pub(super) struct Journal {
    /// Most bytes of a write set.
    limit: usize,
    /// Tables that were opened, by their numbers.
    tables: Vec<String>,
    part: Part,
    /// The table that the last operation was of.
    selected: Option<usize>,
    /// `None` when it became too long, or what was done cannot be undone this way.
    undo: Option<Vec<Undo>>,
    undo_bytes: usize,
}

/// An entry as it was.
#[derive(Debug)]
struct Undo {
    table: usize,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Journal {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            tables: Vec::new(),
            part: Part::default(),
            selected: None,
            undo: Some(Vec::new()),
            undo_bytes: 0,
        }
    }

    /// The number of a table.
    pub(super) fn table(&mut self, name: &str) -> usize {
        match self.tables.iter().position(|table| table == name) {
            Some(number) => number,
            None => {
                self.tables.push(name.to_owned());
                self.tables.len() - 1
            }
        }
    }

    /// An entry became `value`, and was `before`.
    pub(super) fn changed(
        &mut self,
        table: usize,
        key: &[u8],
        value: Option<&[u8]>,
        before: Option<&[u8]>,
    ) {
        self.undo_bytes += key.len() + before.map_or(0, <[u8]>::len);
        if self.undo_bytes > self.limit {
            self.undo = None;
        }
        if let Some(undo) = &mut self.undo {
            undo.push(Undo {
                table,
                key: key.to_vec(),
                value: before.map(<[u8]>::to_vec),
            });
        }
        self.log(table, key, value);
    }

    fn log(&mut self, table: usize, key: &[u8], value: Option<&[u8]>) {
        if self.part.bypass {
            return;
        }
        let payload = &mut self.part.payload;
        if payload.len() + key.len() + value.map_or(0, <[u8]>::len) > self.limit {
            self.bypass();
            return;
        }
        if self.selected != Some(table) {
            self.selected = Some(table);
            let name = self.tables.get(table).map_or("", String::as_str);
            payload.push(TABLE);
            push_len(payload, name.len());
            payload.extend_from_slice(name.as_bytes());
        }
        payload.push(if value.is_some() { SET } else { REMOVE });
        push_len(payload, key.len());
        if let Some(value) = value {
            push_len(payload, value.len());
        }
        payload.extend_from_slice(key);
        payload.extend_from_slice(value.unwrap_or_default());
    }

    /// Something was changed that entries do not say.
    pub(super) fn bypass(&mut self) {
        self.part.bypass = true;
        self.part.payload = Vec::new();
        self.undo = None;
    }

    /// Something was changed that is not undone entry by entry.
    pub(super) fn cannot_undo(&mut self) {
        self.undo = None;
    }

    /// What was changed since the last call; from now on it stays.
    pub(super) fn take_part(&mut self) -> Part {
        let part = std::mem::take(&mut self.part);
        self.reset();
        part
    }

    fn reset(&mut self) {
        self.part = Part::default();
        self.selected = None;
        self.undo = Some(Vec::new());
        self.undo_bytes = 0;
    }
}

/// The length of a key or value; redb takes none that is longer than that.
fn push_len(payload: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    payload.extend_from_slice(&len.to_le_bytes());
}

impl WriteTransaction {
    /// Puts every entry back as it was since the last part, the last change first. `false` when that
    /// is not known, and nothing was done.
    pub(crate) fn undo_part(&self) -> Result<bool> {
        let (undo, tables) = {
            let mut journal = self.state.journal.lock();
            let Some(undo) = journal.undo.take() else {
                return Ok(false);
            };
            journal.reset();
            (undo, journal.tables.clone())
        };
        for entry in undo.iter().rev() {
            let name = tables.get(entry.table).map_or("", String::as_str);
            let mut table = self.open_table(name)?;
            table.apply(&entry.key, entry.value.as_deref())?;
        }
        self.state.forget_unfinished();
        Ok(true)
    }

    /// Does what others did, in order.
    pub(super) fn apply_all(&self, parts: &[Part]) -> Result<()> {
        parts.iter().try_for_each(|part| self.apply(&part.payload))
    }

    /// Does what a write set says.
    fn apply(&self, payload: &[u8]) -> Result<()> {
        let mut rest = Rest(payload);
        let mut table = None;
        while let Some(operation) = rest.operation() {
            match operation? {
                Operation::Table(name) => {
                    // One at a time, or it would be open twice when it is named again.
                    drop(table.take());
                    table = Some(self.open_table(name)?);
                }
                Operation::Change(key, value) => {
                    let table = table.as_mut().ok_or_else(malformed)?;
                    table.apply(key, value)?;
                }
            }
        }
        Ok(())
    }
}

enum Operation<'a> {
    Table(&'a str),
    Change(&'a [u8], Option<&'a [u8]>),
}

/// What is left of a write set.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn operation(&mut self) -> Option<Result<Operation<'a>>> {
        if self.0.is_empty() {
            return None;
        }
        Some(self.read().ok_or_else(malformed))
    }

    fn read(&mut self) -> Option<Operation<'a>> {
        let (kind, rest) = self.0.split_first()?;
        self.0 = rest;
        let first = self.len()?;
        match *kind {
            TABLE => Some(Operation::Table(
                std::str::from_utf8(self.take(first)?).ok()?,
            )),
            SET => {
                let second = self.len()?;
                let key = self.take(first)?;
                Some(Operation::Change(key, Some(self.take(second)?)))
            }
            REMOVE => Some(Operation::Change(self.take(first)?, None)),
            _ => None,
        }
    }

    fn len(&mut self) -> Option<usize> {
        let (len, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*len)).ok()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

fn malformed() -> Error {
    Error::corrupt("a frame of the commit log is sealed, and says nothing that was ever logged")
}

#[cfg(test)]
mod tests {
    use super::super::hex::hex;
    use super::*;

    #[test]
    fn a_write_set_has_golden_bytes() {
        let mut journal = Journal::new(1000);
        let (a, b) = (journal.table("ab"), journal.table("c"));
        journal.changed(a, b"k", Some(b"val"), None);
        journal.changed(a, b"k2", None, Some(b"old"));
        journal.changed(b, b"", Some(b""), None);
        let part = journal.take_part();
        assert!(!part.is_bypass());
        assert_eq!(
            part.payload,
            hex(
                "01 02000000 6162  02 01000000 03000000 6b 76616c  03 02000000 6b32
                 01 01000000 63  02 00000000 00000000"
            )
        );
        assert_eq!(journal.take_part(), Part::default());
    }

    #[test]
    fn what_is_too_large_or_no_entry_bypasses_and_keeps_no_memory() {
        let mut journal = Journal::new(100);
        let table = journal.table("t");
        journal.changed(table, b"key", Some(&[1; 90]), None);
        journal.changed(table, b"key", Some(&[2; 90]), Some(&[1; 90]));
        assert!(journal.part.bypass && journal.undo.is_none());
        assert_eq!(journal.part.payload.capacity(), 0);
        assert!(journal.take_part().is_bypass());
        // Large old values are logged all the same.
        journal.changed(table, b"key", None, Some(&[2; 200]));
        assert!(journal.undo.is_none());
        assert!(!journal.take_part().is_bypass());
        journal.bypass();
        assert!(journal.take_part().is_bypass());
        assert!(!journal.take_part().is_bypass());
    }

    #[test]
    fn every_cut_off_write_set_is_refused() {
        let mut journal = Journal::new(1000);
        let table = journal.table("table");
        journal.changed(table, b"key", Some(b"value"), None);
        let payload = journal.take_part().payload;
        let count = |payload: &[u8]| {
            let mut rest = Rest(payload);
            let mut good = 0;
            while let Some(operation) = rest.operation() {
                match operation {
                    Ok(_) => good += 1,
                    Err(_) => return Err(good),
                }
            }
            Ok(good)
        };
        assert_eq!(count(&payload), Ok(2));
        for len in (1..payload.len()).filter(|len| *len != 10) {
            assert!(count(&payload[..len]).is_err(), "{len}");
        }
        assert_eq!(count(&[9]), Err(0));
    }
}
