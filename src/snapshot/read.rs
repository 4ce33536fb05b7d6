//! How is a snapshot read? From its end: footer, manifest, the index of a table, its blocks; each verified
//! before anything in it is believed.

use std::ops::Range;

use super::block::Block;
use super::format::{
    BLOCK_HEAD_BYTES, BLOCK_SEAL_BYTES, BlockHead, BlockKind, FOOTER_BYTES, Footer, HEADER_BYTES,
    Header, Manifest, Place, TableEntry, seal_of,
};
use super::write::note_entry;
use crate::base::{Error, Result};

/// Where the bytes of a snapshot come from.
pub(crate) trait Source: Send + Sync {
    /// How many there are.
    fn len(&self) -> u64;

    /// Fills `out` with what lies at `offset`.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()>;
}

/// A snapshot, its manifest verified.
pub(crate) struct SnapshotFile<S> {
    source: S,
    pub(crate) header: Header,
    manifest: Manifest,
    /// Where the manifest lies: behind everything else.
    end: u64,
}

/// Where one block of entries lies.
struct BlockPlace {
    first: Vec<u8>,
    place: Place,
    entries: u32,
}

impl<S: Source> SnapshotFile<S> {
    /// Verifies header, footer and manifest.
    ///
    /// # Errors
    /// `NotADatabase` where it is no snapshot; `Corrupt` where it is damaged or cut off.
    pub(crate) fn open(source: S) -> Result<Self> {
        let mut header = [0; HEADER_BYTES];
        if source.len() < (HEADER_BYTES + FOOTER_BYTES) as u64 {
            // It may be the beginning of one.
            let short = usize::try_from(source.len()).unwrap_or(0).min(HEADER_BYTES);
            source.read_at(0, header.get_mut(..short).unwrap_or_default())?;
            return match Header::decode(&header) {
                Ok(_) => Err(Error::corrupt("the snapshot is cut off")),
                Err(error) => Err(error),
            };
        }
        source.read_at(0, &mut header)?;
        let header = Header::decode(&header)?;
        let mut footer = [0; FOOTER_BYTES];
        source.read_at(source.len() - FOOTER_BYTES as u64, &mut footer)?;
        let footer = Footer::decode(&footer)?;
        if footer.length != source.len() || footer.id != header.id {
            return Err(Error::corrupt(
                "the footer is that of another snapshot, or something lies between",
            ));
        }
        let mut file = Self {
            source,
            header,
            manifest: Manifest::default(),
            end: footer.length - FOOTER_BYTES as u64,
        };
        let manifest = file.block(footer.manifest, BlockKind::Manifest)?;
        file.manifest = serde_json::from_slice(&manifest)
            .map_err(|error| Error::corrupt("the manifest is damaged").because(error))?;
        let names = file.manifest.tables.windows(2);
        if names
            .into_iter()
            .any(|pair| matches!(pair, [a, b] if a.name >= b.name))
        {
            return Err(Error::corrupt(
                "the tables of the manifest are in another order",
            ));
        }
        Ok(file)
    }

    /// The names of the tables, in their order.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.manifest.tables.iter().map(|table| table.name.as_str())
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.source.len()
    }

    /// How many entries there are, of all tables.
    pub(crate) fn entries(&self) -> u64 {
        let entries = self.manifest.tables.iter().map(|table| table.entries);
        entries.fold(0, u64::saturating_add)
    }

    /// The entries of a table in the order of its keys.
    ///
    /// # Errors
    /// `Corrupt` where there is no such table, or its index is damaged.
    pub(crate) fn entries_of(&self, name: &str) -> Result<Entries<'_, S>> {
        let table = self.manifest.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| Error::corrupt(format!("there is no table {name:?}")))?;
        Ok(Entries {
            places: self.places(table)?.into_iter(),
            file: self,
            table,
            block: Vec::new(),
            at: 0,
            last: None,
            checksum: crc32fast::Hasher::new(),
            seen: Seen::default(),
            ended: false,
        })
    }

    /// Where the blocks of a table lie.
    fn places(&self, table: &TableEntry) -> Result<Vec<BlockPlace>> {
        let raw = self.block(table.index, BlockKind::Index)?;
        let index = Block::new(&raw)?;
        let place = |i| {
            let (first, row) = index.entry(i)?;
            let damaged = || Error::corrupt("a row of an index is damaged");
            let row: &[u8; 24] = row.try_into().map_err(|_| damaged())?;
            let number = |at: usize| {
                let bytes = row.get(at..).and_then(|rest| rest.first_chunk::<8>());
                bytes
                    .map(|bytes| u64::from_le_bytes(*bytes))
                    .ok_or_else(damaged)
            };
            Ok(BlockPlace {
                first: first.to_vec(),
                place: Place {
                    offset: number(0)?,
                    number: number(8)?,
                },
                entries: u32::try_from(number(16)? >> 32).map_err(|_| damaged())?,
            })
        };
        (0..index.len()).map(place).collect()
    }

    /// The payload of a block as it was before compression.
    fn block(&self, place: Place, kind: BlockKind) -> Result<Vec<u8>> {
        let read = || {
            let mut head = [0; BLOCK_HEAD_BYTES];
            self.read(place.offset, &mut head)?;
            let BlockHead {
                stored,
                raw,
                kind: found,
            } = BlockHead::decode(&head)?;
            if found != kind {
                return Err(Error::corrupt("it is another kind of block"));
            }
            let start = place.offset.saturating_add(BLOCK_HEAD_BYTES as u64);
            self.within(start, u64::from(stored) + BLOCK_SEAL_BYTES as u64)?;
            let mut payload = vec![0; stored as usize + BLOCK_SEAL_BYTES];
            self.read(start, &mut payload)?;
            let seal = payload.split_off(stored as usize);
            let seal = <[u8; BLOCK_SEAL_BYTES]>::try_from(seal.as_slice()).unwrap_or_default();
            if u32::from_le_bytes(seal) != seal_of(self.header.id, place.number, &head, &payload) {
                return Err(Error::corrupt("its checksum is another"));
            }
            if raw == 0 {
                return Ok(payload);
            }
            // What is sealed is what was written, so that the length can be believed.
            let bytes = zstd::bulk::decompress(&payload, raw as usize)
                .map_err(|error| Error::corrupt("it cannot be uncompressed").because(error))?;
            if bytes.len() != raw as usize {
                return Err(Error::corrupt("it has another length than it says"));
            }
            Ok(bytes)
        };
        read().map_err(|error| {
            error.during(format!("block {} at byte {}", place.number, place.offset))
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.within(offset, out.len() as u64)?;
        self.source.read_at(offset, out)
    }

    fn within(&self, offset: u64, bytes: u64) -> Result<Range<u64>> {
        let end = offset.checked_add(bytes).filter(|end| *end <= self.end);
        let end = end.ok_or_else(|| Error::corrupt("it lies outside the snapshot"))?;
        Ok(offset..end)
    }
}

/// The entries of a table, each block verified, their order, and at the end that they are what the manifest
/// says.
pub(crate) struct Entries<'f, S> {
    file: &'f SnapshotFile<S>,
    table: &'f TableEntry,
    places: std::vec::IntoIter<BlockPlace>,
    /// The block that is gone through, uncompressed.
    block: Vec<u8>,
    /// Which of its entries comes next.
    at: usize,
    last: Option<Vec<u8>>,
    checksum: crc32fast::Hasher,
    seen: Seen,
    ended: bool,
}

#[derive(Default, PartialEq, Eq)]
struct Seen {
    entries: u64,
    bytes: u64,
    blocks: u64,
    checksum: u32,
}

impl<S: Source> Entries<'_, S> {
    /// Gives `read` the next entry; `None` behind the last, and behind an error.
    pub(crate) fn next_with<R>(
        &mut self,
        read: impl FnOnce(&[u8], &[u8]) -> Result<R>,
    ) -> Option<Result<R>> {
        if self.ended {
            return None;
        }
        let next = self.step(read);
        if !matches!(next, Ok(Some(_))) {
            self.ended = true;
        }
        next.map_err(|error| error.during(format!("table {:?} of the snapshot", self.table.name)))
            .transpose()
    }

    fn step<R>(&mut self, read: impl FnOnce(&[u8], &[u8]) -> Result<R>) -> Result<Option<R>> {
        let mut first = None;
        if self.block.is_empty() || self.at == Block::new(&self.block)?.len() {
            let Some(place) = self.places.next() else {
                return self.finish().map(|()| None);
            };
            self.block = self.file.block(place.place, BlockKind::Entries)?;
            self.at = 0;
            self.seen.blocks += 1;
            if Block::new(&self.block)?.len() as u64 != u64::from(place.entries)
                || place.entries == 0
            {
                return Err(Error::corrupt(
                    "a block has not the entries that its index says",
                ));
            }
            first = Some(place.first);
        }
        let (key, value) = Block::new(&self.block)?.entry(self.at)?;
        if first.is_some_and(|first| first != key) {
            return Err(Error::corrupt("a block does not begin as its index says"));
        }
        if self.last.as_deref().is_some_and(|last| key <= last) {
            return Err(Error::corrupt("the entries are in another order"));
        }
        note_entry(&mut self.checksum, key, value);
        self.seen.entries += 1;
        self.seen.bytes += (key.len() + value.len()) as u64;
        self.at += 1;
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        read(key, value).map(Some)
    }

    fn finish(&mut self) -> Result<()> {
        self.seen.checksum = std::mem::take(&mut self.checksum).finalize();
        let told = Seen {
            entries: self.table.entries,
            bytes: self.table.bytes,
            blocks: self.table.blocks,
            checksum: self.table.checksum,
        };
        if self.seen != told {
            return Err(Error::corrupt("the table is not what the manifest says"));
        }
        Ok(())
    }
}

impl<S: Source> Iterator for Entries<'_, S> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(|key, value| Ok((key.to_vec(), value.to_vec())))
    }
}
