//! How does a snapshot get down a pipe? Block after block, from what readers see; nobody waits for it.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Bound;

use super::block::BlockWriter;
use super::content::Summing;
use super::dictionary::dictionary;
use super::format::{BlockKind, FOOTER_BYTES, Footer, Header, Manifest, Place, TableEntry};
use super::pack::{Job, Packed, Packers};
use super::seal::Seal;
use super::tables::{Changed, SnapshotTables, changes};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::store::{ReadTable, ReadTransaction, SnapshotKey};

/// A snapshot on its way to where it is written.
pub(crate) struct SnapshotWriter<'p, W> {
    out: W,
    header: Header,
    level: i32,
    packers: Packers,
    /// Bytes written.
    offset: u64,
    /// Blocks begun.
    number: u64,
    manifest: Manifest,
    table: Table,
    progress: &'p mut dyn FnMut(u64) -> Result<()>,
}

/// The table that is being written.
#[derive(Default)]
struct Table {
    block: BlockWriter,
    index: BlockWriter,
    content: Summing,
    blocks: u64,
    /// Where it lies, and what it is.
    dictionary: Option<(Place, Arc<Vec<u8>>)>,
    /// First key and number of entries of the blocks that are not written yet.
    waiting: VecDeque<(Vec<u8>, u32)>,
}

/// Entries that are compared and found the same before progress is told.
const SAME_MAX: u64 = 1 << 12;

impl<'p, W: Write> SnapshotWriter<'p, W> {
    /// Begins with the header. `level` is zstd's; `progress` is called with the bytes that were written.
    pub(crate) fn new(
        mut out: W,
        header: &Header,
        key: Option<&SnapshotKey>,
        level: i32,
        progress: &'p mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let front = header.encode();
        out.write_all(&front).map_err(not_written)?;
        let mut offset = front.len() as u64;
        if let Some(key) = key {
            out.write_all(&*key.page).map_err(not_written)?;
            offset += key.page.len() as u64;
        }
        let seal = Seal::new(header, key.map(SnapshotKey::cipher));
        Ok(Self {
            out,
            header: *header,
            level,
            packers: Packers::new(level, Arc::new(seal))?,
            offset,
            number: 0,
            manifest: Manifest::default(),
            table: Table::default(),
            progress,
        })
    }

    /// Writes all that a reader sees, or where there is something that it builds on, what differs there.
    pub(crate) fn all(
        &mut self,
        from: &ReadTransaction,
        base: Option<&SnapshotTables>,
    ) -> Result<()> {
        for name in from.tables()? {
            let table = from.existing_table(&name)?;
            let table = ReadTable::Snapshot(&table);
            match base {
                None => {
                    self.learn(table)?;
                    self.whole(table)?;
                }
                Some(base) => self.difference(base, &name, table)?,
            }
            self.end_table(name)?;
        }
        Ok(())
    }

    /// Trains a dictionary for the blocks of a table, and writes it, where that pays.
    fn learn(&mut self, table: ReadTable<'_, '_>) -> Result<()> {
        let dictionary = dictionary(table, self.level)?;
        if !dictionary.is_empty() {
            let place = self.write_alone(BlockKind::Dictionary, dictionary.clone())?;
            self.table.dictionary = Some((place, Arc::new(dictionary)));
        }
        Ok(())
    }

    fn whole(&mut self, table: ReadTable<'_, '_>) -> Result<()> {
        table.each(Bound::Unbounded, |key, value| {
            self.table.block.add(key, Some(value))?;
            if self.table.block.is_full() {
                self.end_whole_block()?;
            }
            Ok(true)
        })?;
        if self.table.block.is_empty() {
            return Ok(());
        }
        self.end_whole_block()
    }

    fn difference(
        &mut self,
        base: &SnapshotTables,
        name: &str,
        table: ReadTable<'_, '_>,
    ) -> Result<()> {
        let mut same = 0_u64;
        let write = |changed: Changed<'_>| match changed {
            Changed::Same(key, value) => {
                self.table.content.add(key, value);
                same += 1;
                // Where nothing is written somebody may still want it to end.
                if same.is_multiple_of(SAME_MAX) {
                    return (self.progress)(self.offset);
                }
                Ok(())
            }
            Changed::Added(key, value) | Changed::Replaced(key, value) => {
                self.table.content.add(key, value);
                self.table.block.add(key, Some(value))?;
                self.end_full_block()
            }
            Changed::Removed(key) => {
                self.table.block.add(key, None)?;
                self.end_full_block()
            }
        };
        changes(base, name, table, write)
            .map_err(|error| error.during(format!("compare table {name:?}")))
    }

    /// Ends a block that has all there is between its first key and its last.
    fn end_whole_block(&mut self) -> Result<()> {
        let (_, count) = self.table.block.head();
        let areas = self.table.block.content();
        self.table.content.add_block(count as usize, areas);
        self.end_block()
    }

    #[inline]
    fn end_full_block(&mut self) -> Result<()> {
        if self.table.block.is_full() {
            return self.end_block();
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        while self.packers.is_full() {
            self.write_next()?;
        }
        let (first, count) = self.table.block.head();
        self.table.waiting.push_back((first.to_vec(), count));
        self.table.blocks += 1;
        let raw = self.table.block.finish();
        self.give(BlockKind::Entries, raw)
    }

    fn give(&mut self, kind: BlockKind, raw: Vec<u8>) -> Result<()> {
        let number = self.number;
        self.number += 1;
        let dictionary = match &self.table.dictionary {
            Some((_, dictionary)) if kind == BlockKind::Entries => dictionary.clone(),
            _ => Arc::default(),
        };
        self.packers.give(Job {
            number,
            kind,
            raw,
            dictionary,
        })
    }

    /// Writes the next block of entries that is packed; whether there was one.
    fn write_next(&mut self) -> Result<bool> {
        let Some(packed) = self.packers.take()? else {
            return Ok(false);
        };
        let place = self.write(&packed)?;
        if let Some((first, count)) = self.table.waiting.pop_front() {
            let mut row = Vec::with_capacity(24);
            row.extend_from_slice(&place.offset.to_le_bytes());
            row.extend_from_slice(&place.number.to_le_bytes());
            row.extend_from_slice(&place.stored.to_le_bytes());
            row.extend_from_slice(&count.to_le_bytes());
            self.table.index.add(&first, Some(&row))?;
        }
        Ok(true)
    }

    fn write(&mut self, packed: &Packed) -> Result<Place> {
        let place = Place {
            offset: self.offset,
            number: packed.number,
            stored: packed.stored,
        };
        let written = self.out.write_all(&packed.head);
        written
            .and_then(|()| self.out.write_all(&packed.sealed))
            .map_err(not_written)?;
        self.offset += (packed.head.len() + packed.sealed.len()) as u64;
        (self.progress)(self.offset)?;
        Ok(place)
    }

    fn end_table(&mut self, name: String) -> Result<()> {
        if !self.table.block.is_empty() {
            self.end_block()?;
        }
        while self.write_next()? {}
        let mut index = None;
        if !self.table.index.is_empty() {
            let raw = self.table.index.finish();
            index = Some(self.write_alone(BlockKind::Index, raw)?);
        }
        let table = std::mem::take(&mut self.table);
        self.manifest.tables.push(TableEntry {
            name,
            content: table.content.finish(),
            blocks: table.blocks,
            index,
            dictionary: table.dictionary.map(|(place, _)| place),
        });
        Ok(())
    }

    fn write_alone(&mut self, kind: BlockKind, raw: Vec<u8>) -> Result<Place> {
        self.give(kind, raw)?;
        match self.packers.take()? {
            Some(packed) => self.write(&packed),
            None => Err(Error::invalid("a block of the snapshot got lost")),
        }
    }

    /// Writes manifest and footer.
    pub(crate) fn finish(mut self) -> Result<()> {
        let manifest = serde_json::to_vec(&self.manifest)
            .map_err(|error| Error::invalid("the manifest cannot be written").because(error))?;
        let manifest = self.write_alone(BlockKind::Manifest, manifest)?;
        let footer = Footer {
            manifest,
            length: self.offset + FOOTER_BYTES as u64,
            id: self.header.id,
        };
        let written = self.out.write_all(&footer.encode());
        written.and_then(|()| self.out.flush()).map_err(not_written)
    }
}

fn not_written(error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "the snapshot cannot be written").because(error)
}
