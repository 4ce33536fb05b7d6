//! How is one file read? From its end: footer, manifest, the index of a table, its blocks; each verified
//! before anything in it is believed.

use std::ops::Bound;

use super::ahead::Ahead;
use super::block::{self, Spot};
use super::cache::BlockCache;
use super::content::Summing;
use super::format::{
    BLOCK_HEAD_BYTES, BlockHead, BlockKind, FOOTER_BYTES, Footer, HEADER_BYTES, Header, Manifest,
    Place, RATIO_MAX, SMALL_BYTES, TableEntry,
};
use super::seal::Seal;
use super::verify::verify_layer;
use crate::base::sync::{Arc, Mutex, OnceLock};
use crate::base::{Error, ErrorKind, Result};
use crate::store::{Bounds, Credential, Disk, KEY_PAGE_BYTES, KeptBlock, KeptBytes, SnapshotKey};

/// Bytes of a key of a table: that of an index, and behind it that of a record.
const KEY_BYTES_MAX: usize = 4 * crate::base::limits::KEY_BYTES_MAX;

/// A snapshot, its manifest verified.
pub(crate) struct SnapshotFile {
    disk: Box<dyn Disk>,
    pub(crate) header: Header,
    pub(crate) bytes: u64,
    seal: Seal,
    /// What opened it, where it is encrypted.
    key: Option<SnapshotKey>,
    manifest: Manifest,
    /// Of what has no dictionary.
    decompressors: Decompressors,
    /// Of each table.
    indexes: Vec<TableIndex>,
    /// Where the footer begins.
    end: u64,
}

/// Where the blocks of a table begin; and its index, once it was read.
struct TableIndex {
    begin: Cursor,
    read: OnceLock<Arc<Index>>,
}

/// Where the next block lies, and its number. One lies behind the other, so that none is there twice, or for two.
#[derive(Clone, Copy)]
struct Cursor {
    offset: u64,
    number: u64,
    seal_bytes: usize,
}

impl Cursor {
    /// Refuses a block that is not the next one; goes behind it.
    fn pass(&mut self, place: Place) -> Result<()> {
        if (place.offset, place.number) != (self.offset, self.number) {
            return Err(place.named(out_of_place()));
        }
        self.go_behind(place)
    }

    fn go_behind(&mut self, place: Place) -> Result<()> {
        let length = BLOCK_HEAD_BYTES + place.stored as usize + self.seal_bytes;
        let ends = (
            place.offset.checked_add(length as u64),
            place.number.checked_add(1),
        );
        let (Some(offset), Some(number)) = ends else {
            return Err(place.named(out_of_place()));
        };
        (self.offset, self.number) = (offset, number);
        Ok(())
    }
}

/// Where the blocks of one table lie, and what uncompresses them.
struct Index {
    places: Vec<BlockPlace>,
    decompressors: Decompressors,
}

/// Where one block of entries lies.
struct BlockPlace {
    first: Vec<u8>,
    place: Place,
    entries: u32,
}

impl SnapshotFile {
    /// Reads what can be read without a key: the header.
    ///
    /// # Errors
    /// `NotADatabase` where it is no snapshot; `Corrupt` where it is cut off.
    pub(crate) fn header_of(disk: &dyn Disk) -> Result<(Header, u64)> {
        let bytes = disk.len().map_err(not_read)?;
        let mut header = [0; HEADER_BYTES];
        // It may be the beginning of one.
        let there = usize::try_from(bytes).map_or(HEADER_BYTES, |bytes| bytes.min(HEADER_BYTES));
        disk.read_at(0, header.get_mut(..there).unwrap_or_default())
            .map_err(not_read)?;
        let header = Header::decode(&header)?;
        let least = HEADER_BYTES + FOOTER_BYTES + usize::from(header.is_encrypted) * KEY_PAGE_BYTES;
        if bytes < least as u64 {
            return Err(Error::corrupt("the snapshot is cut off"));
        }
        Ok((header, bytes))
    }

    /// Whether the end fits the beginning; what lies between is not looked at, and no key is needed.
    ///
    /// # Errors
    /// `Corrupt` where it is cut off, or the two are of different files.
    pub(crate) fn check_end(disk: &dyn Disk, header: &Header, bytes: u64) -> Result<()> {
        footer_of(disk, header, bytes).map(drop)
    }

    /// Opens it by a passphrase or key, where it is encrypted, or by that of another snapshot which is under the
    /// same data key; verifies header, footer and manifest.
    ///
    /// # Errors
    /// `NotADatabase` where it is no snapshot; `Corrupt` where it is damaged or cut off; `WrongKey` and
    /// `NotEncrypted` where the credential does not open it.
    pub(crate) fn open(
        disk: Box<dyn Disk>,
        credential: &Credential,
        others: &[Self],
    ) -> Result<Self> {
        let (header, bytes) = Self::header_of(&*disk)?;
        if header.is_encrypted {
            let page = key_page(&*disk)?;
            for other in others.iter().filter_map(Self::key) {
                if let Some(key) = other.of_other(&page, header.id)? {
                    return Self::with_key(disk, header, bytes, Some(key));
                }
            }
        }
        let key = match (header.is_encrypted, credential) {
            (false, Credential::None) => None,
            (false, _) => {
                return Err(Error::new(
                    ErrorKind::NotEncrypted,
                    "the snapshot is not encrypted, but a passphrase or key was given; open it without",
                ));
            }
            (true, _) => Some(SnapshotKey::open(
                &*key_page(&*disk)?,
                header.id,
                credential,
            )?),
        };
        Self::with_key(disk, header, bytes, key)
    }

    /// The same by the key that it was written with.
    pub(crate) fn open_by(disk: Box<dyn Disk>, key: Option<SnapshotKey>) -> Result<Self> {
        let (header, bytes) = Self::header_of(&*disk)?;
        let has_its_key = match &key {
            Some(key) => header.is_encrypted && key.page == key_page(&*disk)?,
            None => !header.is_encrypted,
        };
        if !has_its_key {
            return Err(Error::corrupt("the page of its keys is another"));
        }
        Self::with_key(disk, header, bytes, key)
    }

    /// Verifies footer and manifest.
    fn with_key(
        disk: Box<dyn Disk>,
        header: Header,
        bytes: u64,
        key: Option<SnapshotKey>,
    ) -> Result<Self> {
        let (footer, end) = footer_of(&*disk, &header, bytes)?;
        let cipher = key.as_ref().map(SnapshotKey::cipher);
        let mut file = Self {
            disk,
            header,
            bytes,
            seal: Seal::new(&header, cipher),
            key,
            manifest: Manifest::default(),
            decompressors: Decompressors::default(),
            indexes: Vec::new(),
            end,
        };
        let manifest = file.read(footer.manifest, BlockKind::Manifest)?;
        file.manifest = serde_json::from_slice(&manifest)
            .map_err(|error| Error::corrupt("the manifest is damaged").because(error))?;
        file.indexes = file.begins(footer.manifest)?;
        Ok(file)
    }

    /// Where the blocks of each table begin.
    ///
    /// # Errors
    /// `Corrupt` where the tables are not those of a file that was written from its beginning to its end.
    fn begins(&self, manifest: Place) -> Result<Vec<TableIndex>> {
        let front = HEADER_BYTES + usize::from(self.header.is_encrypted) * KEY_PAGE_BYTES;
        let mut next = Cursor {
            offset: front as u64,
            number: 0,
            seal_bytes: self.seal.bytes(),
        };
        let mut begins = Vec::new();
        let mut before = "";
        for table in &self.manifest.tables {
            // No table has an empty name.
            if table.name.as_str() <= before {
                let error = Error::corrupt("the tables of the manifest are in another order");
                return Err(table.named(error));
            }
            before = &table.name;
            let mut pass = || {
                if let Some(dictionary) = table.dictionary {
                    next.pass(dictionary)?;
                }
                begins.push(TableIndex {
                    begin: next,
                    read: OnceLock::new(),
                });
                let Some(index) = table.index else {
                    let has_blocks = table.blocks > 0;
                    return if has_blocks {
                        Err(out_of_place())
                    } else {
                        Ok(())
                    };
                };
                // Where the blocks before it end, it says itself.
                let number = next.number.checked_add(table.blocks);
                if index.offset < next.offset || Some(index.number) != number {
                    return Err(index.named(out_of_place()));
                }
                next.go_behind(index)
            };
            pass().map_err(|error| table.named(error))?;
        }
        next.pass(manifest)?;
        if next.offset != self.end {
            return Err(Error::corrupt("something lies between manifest and footer"));
        }
        Ok(begins)
    }

    /// Verifies every block, and the order of the entries; where it builds on nothing, also that they are what
    /// the manifest says.
    pub(crate) fn verify(self, is_whole: bool) -> Result<Arc<Self>> {
        let file = Arc::new(self);
        for table in &file.manifest.tables {
            let verify = || match file.layer(&table.name, 0)? {
                Some(layer) => verify_layer(&layer, is_whole),
                None => Ok(Summing::default().finish()),
            };
            verify()
                .and_then(|content| if is_whole { content.is(table) } else { Ok(()) })
                .map_err(|error| table.named(error))?;
        }
        Ok(file)
    }

    /// What opened it, where it is encrypted.
    pub(crate) fn key(&self) -> Option<&SnapshotKey> {
        self.key.as_ref()
    }

    /// The tables of what it shows, in the order of their names.
    pub(super) fn tables(&self) -> &[TableEntry] {
        &self.manifest.tables
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        let tables = &self.manifest.tables;
        tables
            .binary_search_by(|table| table.name.as_str().cmp(name))
            .ok()
    }

    pub(super) fn table(&self, name: &str) -> Option<&TableEntry> {
        self.manifest.tables.get(self.number_of(name)?)
    }

    /// What it has of a table, `None` where that is nothing.
    pub(super) fn layer(self: &Arc<Self>, name: &str, number: u32) -> Result<Option<Layer>> {
        let Some(table) = self.number_of(name) else {
            return Ok(None);
        };
        let index = self.index(table)?;
        Ok((!index.places.is_empty()).then(|| Layer {
            file: self.clone(),
            number,
            index,
            cache: None,
        }))
    }

    fn index(&self, number: usize) -> Result<Arc<Index>> {
        let (Some(table), Some(TableIndex { begin, read })) =
            (self.manifest.tables.get(number), self.indexes.get(number))
        else {
            return Err(Error::corrupt("there is no such table"));
        };
        if let Some(index) = read.get() {
            return Ok(index.clone());
        }
        let index = self.read_index(table, *begin);
        let index = index.map_err(|error| table.named(error))?;
        Ok(read.get_or_init(|| Arc::new(index)).clone())
    }

    fn read_index(&self, table: &TableEntry, begin: Cursor) -> Result<Index> {
        let places = match table.index {
            Some(index) => {
                let places = index_rows(self.read(index, BlockKind::Index)?)?;
                let mut next = begin;
                let mut all = places.iter().map(|place| place.place).chain([index]);
                all.try_for_each(|place| next.pass(place))?;
                places
            }
            None => Vec::new(),
        };
        if places.len() as u64 != table.blocks {
            return Err(Error::corrupt(
                "the index has not the blocks that the manifest says",
            ));
        }
        let dictionary = match table.dictionary {
            Some(dictionary) => self.read(dictionary, BlockKind::Dictionary)?,
            None => Vec::new(),
        };
        Ok(Index {
            places,
            decompressors: Decompressors::with(dictionary),
        })
    }

    /// The payload of a block as it was before compression.
    fn read(&self, place: Place, kind: BlockKind) -> Result<Vec<u8>> {
        self.read_block(place, kind, &self.decompressors)
            .map_err(|error| place.named(error))
    }

    fn read_block(
        &self,
        place: Place,
        kind: BlockKind,
        decompressors: &Decompressors,
    ) -> Result<Vec<u8>> {
        let stored = place.stored as usize;
        let length = BLOCK_HEAD_BYTES + stored + self.seal.bytes();
        let end = place.offset.checked_add(length as u64);
        if end.is_none_or(|end| end > self.end) {
            return Err(Error::corrupt("it lies outside the snapshot"));
        }
        let mut head = [0; BLOCK_HEAD_BYTES];
        let mut payload = vec![0; stored + self.seal.bytes()];
        self.disk
            .read_two_at(place.offset, &mut head, &mut payload)
            .map_err(not_read)?;
        let told = BlockHead::decode(&head)?;
        self.seal.open(place.number, &head, &mut payload)?;
        if told.kind != kind || told.stored != place.stored {
            return Err(Error::corrupt("it is another block"));
        }
        let raw = told.raw as usize;
        if raw == 0 {
            return Ok(payload);
        }
        if kind == BlockKind::Dictionary {
            return Err(Error::corrupt("a dictionary is never compressed"));
        }
        if raw > SMALL_BYTES && raw / RATIO_MAX > stored {
            return Err(Error::corrupt("it says to be larger than it can be"));
        }
        let bytes = decompressors.decompress(&payload, raw)?;
        if bytes.len() != raw {
            return Err(Error::corrupt("it has another length than it says"));
        }
        Ok(bytes)
    }
}

/// What uncompresses blocks that were compressed with one dictionary, or none. Those that nobody is using are
/// kept: making one takes longer than uncompressing a block.
#[derive(Default)]
struct Decompressors {
    dictionary: Vec<u8>,
    idle: Mutex<Vec<zstd::bulk::Decompressor<'static>>>,
}

impl Decompressors {
    fn with(dictionary: Vec<u8>) -> Self {
        Self {
            dictionary,
            idle: Mutex::default(),
        }
    }

    fn decompress(&self, payload: &[u8], raw: usize) -> Result<Vec<u8>> {
        let failed = |error| Error::corrupt("it cannot be uncompressed").because(error);
        let idle = self.idle.lock().pop();
        let mut decompressor = match idle {
            Some(decompressor) => decompressor,
            None => zstd::bulk::Decompressor::with_dictionary(&self.dictionary).map_err(failed)?,
        };
        let bytes = decompressor.decompress(payload, raw).map_err(failed);
        self.idle.lock().push(decompressor);
        bytes
    }
}

/// The footer, and where it begins.
fn footer_of(disk: &dyn Disk, header: &Header, bytes: u64) -> Result<(Footer, u64)> {
    let mut footer = [0; FOOTER_BYTES];
    let end = bytes.saturating_sub(FOOTER_BYTES as u64);
    disk.read_at(end, &mut footer).map_err(not_read)?;
    let footer = Footer::decode(&footer)?;
    if footer.length != bytes || footer.id != header.id {
        return Err(Error::corrupt(
            "the footer is that of another snapshot, or something lies between",
        ));
    }
    Ok((footer, end))
}

/// Says what opens it; behind the header.
fn key_page(disk: &dyn Disk) -> Result<Box<[u8; KEY_PAGE_BYTES]>> {
    let mut page = Box::new([0; KEY_PAGE_BYTES]);
    disk.read_at(HEADER_BYTES as u64, &mut *page)
        .map_err(not_read)?;
    Ok(page)
}

fn index_rows(raw: Vec<u8>) -> Result<Vec<BlockPlace>> {
    let index = block::decode(raw)?;
    let damaged = || Error::corrupt("a row of an index is damaged");
    let row = |i| {
        let (first, row) = block::entry(&index, i).ok_or_else(damaged)?;
        let (numbers, _) = row.unwrap_or_default().as_chunks::<8>();
        let &[offset, number, last] = numbers else {
            return Err(damaged());
        };
        let last = u64::from_le_bytes(last);
        let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).map_err(|_| damaged());
        if first.len() > KEY_BYTES_MAX {
            return Err(Error::corrupt("a key in an index is longer than keys are"));
        }
        Ok(BlockPlace {
            first: first.to_vec(),
            place: Place {
                offset: u64::from_le_bytes(offset),
                number: u64::from_le_bytes(number),
                stored: half(last)?,
            },
            entries: half(last >> 32)?,
        })
    };
    (0..index.ends.len()).map(row).collect()
}

fn out_of_place() -> Error {
    Error::corrupt("it does not lie behind the one that is written before it")
}

fn not_read(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::corrupt("the snapshot became shorter while it was read").because(error)
        }
        _ => Error::new(ErrorKind::Io, "the snapshot cannot be read").because(error),
    }
}

/// What one file has of one table.
#[derive(Clone)]
pub(super) struct Layer {
    file: Arc<SnapshotFile>,
    /// Of the file in its chain.
    number: u32,
    index: Arc<Index>,
    /// Keeps the blocks that are read.
    cache: Option<Arc<BlockCache>>,
}

impl Layer {
    pub(super) fn cached(mut self, cache: &Arc<BlockCache>) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    pub(super) fn blocks(&self) -> usize {
        self.index.places.len()
    }

    /// A block of entries: as many as the index says, and the first one that it says.
    pub(super) fn block(&self, i: usize) -> Result<Arc<KeptBlock>> {
        let place = self.index.places.get(i);
        let place = place.ok_or_else(|| Error::corrupt("there is no such block"))?;
        let id = (self.number, place.place.number);
        if let Some(block) = self.cache.as_ref().and_then(|cache| cache.get(id)) {
            return Ok(block);
        }
        let block = self.read_block(place);
        let block = block.map_err(|error| place.place.named(error))?;
        let block = Arc::new(block);
        if let Some(cache) = &self.cache {
            cache.put(id, &block);
        }
        Ok(block)
    }

    fn read_block(&self, place: &BlockPlace) -> Result<KeptBlock> {
        let decompressors = &self.index.decompressors;
        let raw = self
            .file
            .read_block(place.place, BlockKind::Entries, decompressors)?;
        let block = block::decode(raw)?;
        let is_told = block.ends.len() == place.entries as usize
            && !block.ends.is_empty()
            && block::key(&block, 0) == place.first;
        if !is_told {
            return Err(Error::corrupt("it is not the one that the index says"));
        }
        Ok(block)
    }

    /// The block that a key would lie in.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        let behind = self
            .index
            .places
            .partition_point(|place| place.first.as_slice() <= key);
        behind.checked_sub(1)
    }

    /// What it says of a key, `None` where that is nothing.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Said>> {
        let Some(number) = self.block_of(key) else {
            return Ok(None);
        };
        let block = self.block(number)?;
        let found = block::search(&block, key).ok();
        let Some(spot) = found.and_then(|i| block::spot(&block, i)) else {
            return Ok(None);
        };
        Ok(Some(if spot.is_removed {
            Said::Removed
        } else {
            Said::Value(KeptBytes::new(block, spot.key_end, spot.end))
        }))
    }

    /// The place before the first entry whose key lies within a lower bound.
    fn seek(&self, lower: Bound<&[u8]>) -> Result<Position> {
        let (key, behind) = match lower {
            Bound::Unbounded => return Ok(Position::default()),
            Bound::Included(key) => (key, false),
            Bound::Excluded(key) => (key, true),
        };
        let Some(number) = self.block_of(key) else {
            return Ok(Position::default());
        };
        let block = self.block(number)?;
        let entry = match block::search(&block, key) {
            Ok(i) => i + usize::from(behind),
            Err(i) => i,
        };
        Ok(Position {
            block: number,
            entry,
        })
    }

    pub(super) fn range(&self, (lower, upper): Bounds<'_>) -> Result<LayerRange<'_>> {
        let back = match upper {
            Bound::Unbounded => Position {
                block: self.index.places.len(),
                entry: 0,
            },
            // Behind it, where it is included.
            Bound::Included(key) => self.seek(Bound::Excluded(key))?,
            Bound::Excluded(key) => self.seek(Bound::Included(key))?,
        };
        Ok(LayerRange {
            layer: self,
            front: self.seek(lower)?,
            back,
            front_block: None,
            back_block: None,
            ahead: None,
        })
    }

    /// All entries, in order: the next blocks are read while the last ones are looked at.
    pub(super) fn ahead(&self) -> LayerRange<'_> {
        LayerRange {
            layer: self,
            front: Position::default(),
            back: Position {
                block: self.index.places.len(),
                entry: 0,
            },
            front_block: None,
            back_block: None,
            ahead: Ahead::of(self),
        }
    }
}

/// What a file says of a key.
pub(super) enum Said {
    Removed,
    Value(KeptBytes),
}

/// A place between two entries: before one of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    block: usize,
    entry: usize,
}

/// Some entries of a layer, from both ends.
pub(super) struct LayerRange<'l> {
    layer: &'l Layer,
    front: Position,
    back: Position,
    front_block: Option<Loaded>,
    back_block: Option<Loaded>,
    ahead: Option<Ahead>,
}

/// A block, and its number.
type Loaded = (usize, Arc<KeptBlock>);

/// An entry in its block.
#[derive(Clone, Copy)]
pub(super) struct InBlock<'r> {
    block: &'r Arc<KeptBlock>,
    spot: Spot,
}

impl<'r> InBlock<'r> {
    pub(super) fn key(&self) -> &'r [u8] {
        self.bytes(self.spot.start, self.spot.key_end)
    }

    /// No value where the key was removed.
    pub(super) fn value(&self) -> Option<&'r [u8]> {
        (!self.spot.is_removed).then(|| self.bytes(self.spot.key_end, self.spot.end))
    }

    fn bytes(&self, start: usize, end: usize) -> &'r [u8] {
        self.block.bytes.get(start..end).unwrap_or_default()
    }

    pub(super) fn kept(&self) -> (KeptBytes, Option<KeptBytes>) {
        let Spot {
            start,
            key_end,
            end,
            is_removed,
        } = self.spot;
        let bytes = |start, end| KeptBytes::new(self.block.clone(), start, end);
        (
            bytes(start, key_end),
            (!is_removed).then(|| bytes(key_end, end)),
        )
    }
}

impl LayerRange<'_> {
    pub(super) fn next(&mut self) -> Result<Option<InBlock<'_>>> {
        while self.front < self.back {
            let Position { block, entry } = self.front;
            let loaded = load(
                self.layer,
                &mut self.front_block,
                block,
                self.ahead.as_ref(),
            )?;
            let Some(spot) = block::spot(loaded, entry) else {
                self.front = Position {
                    block: block + 1,
                    entry: 0,
                };
                continue;
            };
            self.front.entry += 1;
            return Ok(self
                .front_block
                .as_ref()
                .map(|(_, block)| InBlock { block, spot }));
        }
        Ok(None)
    }

    /// The next entry, from the other end where `back` says so.
    pub(super) fn step(&mut self, back: bool) -> Result<Option<InBlock<'_>>> {
        if back { self.next_back() } else { self.next() }
    }

    /// The entry that `next` gave last.
    pub(super) fn last_given(&self) -> Option<InBlock<'_>> {
        let (_, block) = self.front_block.as_ref()?;
        let spot = block::spot(block, self.front.entry.checked_sub(1)?)?;
        Some(InBlock { block, spot })
    }

    fn next_back(&mut self) -> Result<Option<InBlock<'_>>> {
        while self.front < self.back {
            let Position { block, entry } = self.back;
            let Some(entry) = entry.checked_sub(1) else {
                // The front lies before it, so that there is one.
                let block = block.saturating_sub(1);
                let entry = load(self.layer, &mut self.back_block, block, None)?
                    .ends
                    .len();
                self.back = Position { block, entry };
                continue;
            };
            let loaded = load(self.layer, &mut self.back_block, block, None)?;
            let Some(spot) = block::spot(loaded, entry) else {
                return Err(Error::corrupt("there is no such entry"));
            };
            self.back.entry = entry;
            return Ok(self
                .back_block
                .as_ref()
                .map(|(_, block)| InBlock { block, spot }));
        }
        Ok(None)
    }
}

/// The block of that number, which may be the one that is there already.
fn load<'b>(
    layer: &Layer,
    loaded: &'b mut Option<Loaded>,
    number: usize,
    ahead: Option<&Ahead>,
) -> Result<&'b KeptBlock> {
    if loaded.as_ref().is_none_or(|(there, _)| *there != number) {
        let block = match ahead {
            Some(ahead) => ahead.next()?,
            None => layer.block(number)?,
        };
        *loaded = Some((number, block));
    }
    match loaded {
        Some((_, block)) => Ok(block),
        None => Err(Error::corrupt("there is no such block")),
    }
}
