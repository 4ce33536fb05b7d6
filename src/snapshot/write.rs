//! How does a snapshot get down a pipe? Block after block, from what readers see; nobody waits for it.

use std::io::Write;

use uuid::Uuid;

use super::block::BlockWriter;
use super::format::{
    BLOCK_HEAD_BYTES, BlockHead, BlockKind, FOOTER_BYTES, Footer, HEADER_BYTES, Header, Manifest,
    Place, TableEntry, seal_of,
};
use crate::base::{Error, ErrorKind, Result};
use crate::store::{ALL, ReadTable};

/// A snapshot on its way to where it is written.
pub(crate) struct SnapshotWriter<W> {
    out: W,
    id: Uuid,
    level: i32,
    /// Bytes written.
    offset: u64,
    /// Blocks written.
    number: u64,
    manifest: Manifest,
    /// The raw payload of a block, before it is compressed.
    raw: Vec<u8>,
}

impl<W: Write> SnapshotWriter<W> {
    /// Begins with the header. `level` is zstd's.
    pub(crate) fn new(mut out: W, header: &Header, level: i32) -> Result<Self> {
        out.write_all(&header.encode()).map_err(not_written)?;
        Ok(Self {
            out,
            id: header.id,
            level,
            offset: HEADER_BYTES as u64,
            number: 0,
            manifest: Manifest::default(),
            raw: Vec::new(),
        })
    }

    /// Writes a table. Tables come in the order of their names.
    pub(crate) fn table(
        &mut self,
        name: &str,
        table: ReadTable<'_, '_>,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let mut index = BlockWriter::default();
        let mut block = BlockWriter::default();
        let mut entry = TableEntry {
            name: name.to_owned(),
            entries: 0,
            bytes: 0,
            checksum: 0,
            blocks: 0,
            index: Place {
                offset: 0,
                number: 0,
            },
        };
        let mut checksum = crc32fast::Hasher::new();
        for row in table.range(ALL)? {
            let (key, value) = row?;
            note_entry(&mut checksum, &key, &value);
            block.add(&key, &value)?;
            entry.entries += 1;
            entry.bytes += (key.len() + value.len()) as u64;
            if block.is_full() {
                self.entries(&mut block, &mut index, &mut entry)?;
                progress(self.offset)?;
            }
        }
        if !block.is_empty() {
            self.entries(&mut block, &mut index, &mut entry)?;
        }
        index.finish(&mut self.raw);
        entry.index = self.block(BlockKind::Index)?.0;
        entry.checksum = checksum.finalize();
        self.manifest.tables.push(entry);
        progress(self.offset)
    }

    fn entries(
        &mut self,
        block: &mut BlockWriter,
        index: &mut BlockWriter,
        entry: &mut TableEntry,
    ) -> Result<()> {
        let (first, count) = block.head();
        let first = first.to_vec();
        block.finish(&mut self.raw);
        let (place, stored) = self.block(BlockKind::Entries)?;
        let mut row = Vec::with_capacity(24);
        row.extend_from_slice(&place.offset.to_le_bytes());
        row.extend_from_slice(&place.number.to_le_bytes());
        row.extend_from_slice(&stored.to_le_bytes());
        row.extend_from_slice(&count.to_le_bytes());
        index.add(&first, &row)?;
        entry.blocks += 1;
        Ok(())
    }

    /// Writes what was gathered as a block, compressed where that makes it smaller; gives where it lies, and
    /// how many bytes of payload.
    fn block(&mut self, kind: BlockKind) -> Result<(Place, u32)> {
        let compressed = zstd::bulk::compress(&self.raw, self.level).map_err(not_written)?;
        let raw = u32::try_from(self.raw.len()).map_err(|_| too_large())?;
        let (payload, raw) = if compressed.len() < self.raw.len() {
            (compressed.as_slice(), raw)
        } else {
            (self.raw.as_slice(), 0)
        };
        let stored = u32::try_from(payload.len()).map_err(|_| too_large())?;
        let head = BlockHead { stored, raw, kind }.encode();
        let place = Place {
            offset: self.offset,
            number: self.number,
        };
        let seal = seal_of(self.id, self.number, &head, payload);
        let written = self
            .out
            .write_all(&head)
            .and_then(|()| self.out.write_all(payload))
            .and_then(|()| self.out.write_all(&seal.to_le_bytes()));
        written.map_err(not_written)?;
        self.offset += (BLOCK_HEAD_BYTES + payload.len() + 4) as u64;
        self.number += 1;
        self.raw.clear();
        Ok((place, stored))
    }

    /// Writes manifest and footer; gives how many bytes the snapshot has.
    pub(crate) fn finish(mut self) -> Result<(W, u64)> {
        self.raw = serde_json::to_vec(&self.manifest)
            .map_err(|error| Error::invalid("the manifest cannot be written").because(error))?;
        let (manifest, _) = self.block(BlockKind::Manifest)?;
        let length = self.offset + FOOTER_BYTES as u64;
        let footer = Footer {
            manifest,
            length,
            id: self.id,
        };
        let written = self.out.write_all(&footer.encode());
        written
            .and_then(|()| self.out.flush())
            .map_err(not_written)?;
        Ok((self.out, length))
    }
}

/// Takes an entry into the checksum of its table.
pub(super) fn note_entry(checksum: &mut crc32fast::Hasher, key: &[u8], value: &[u8]) {
    for bytes in [key, value] {
        // What is longer than that is in no block.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        checksum.update(&length.to_le_bytes());
        checksum.update(bytes);
    }
}

fn too_large() -> Error {
    Error::limit("an entry is larger than a snapshot can hold")
}

fn not_written(error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "the snapshot cannot be written").because(error)
}
