//! A snapshot that is plain and not compressed, taken apart, and put together as somebody would who knows the
//! format: with whatever checksums are right.

use serde_json::{Value, json};

use super::checksum::crc32;

pub const HEADER: usize = 128;
pub const FOOTER: usize = 64;

/// What a block is.
pub const ENTRIES: u8 = 1;
pub const INDEX: u8 = 2;
pub const MANIFEST: u8 = 3;
pub const DICTIONARY: u8 = 4;

/// No value where the key was removed.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Changes a header, and makes its checksum right.
pub fn change_header(bytes: &mut [u8], change: impl FnOnce(&mut [u8])) {
    change(&mut bytes[..HEADER - 4]);
    let crc = crc32(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&crc.to_le_bytes());
}

/// Changes a footer, and makes its checksum right.
pub fn change_footer(bytes: &mut [u8], change: impl FnOnce(&mut [u8])) {
    let at = bytes.len() - FOOTER;
    let footer = &mut bytes[at..];
    change(&mut footer[..48]);
    let crc = crc32(&footer[..48]);
    footer[48..52].copy_from_slice(&crc.to_le_bytes());
}

/// Changes the id of a snapshot at both of its ends.
pub fn change_id(bytes: &mut [u8], change: impl Fn(&mut [u8])) {
    change_header(bytes, |header| change(&mut header[24..40]));
    change_footer(bytes, |footer| change(&mut footer[24..40]));
}

/// A snapshot as what it says.
#[derive(Clone)]
pub struct Apart {
    pub header: Vec<u8>,
    pub tables: Vec<Table>,
}

#[derive(Clone)]
pub struct Table {
    /// What the manifest says of it, but for where it lies.
    pub told: Value,
    pub blocks: Vec<Vec<Entry>>,
}

/// Where a block lies, as an index says it.
#[derive(Clone)]
pub struct Row {
    pub first: Vec<u8>,
    pub place: Place,
    pub entries: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub offset: u64,
    pub number: u64,
    pub stored: u32,
}

impl Place {
    pub fn json(self) -> Value {
        let Self {
            offset,
            number,
            stored,
        } = self;
        json!({"offset": offset, "number": number, "stored": stored})
    }

    fn of(json: &Value) -> Self {
        let number = |name| json[name].as_u64().unwrap();
        Self {
            offset: number("offset"),
            number: number("number"),
            stored: number("stored").try_into().unwrap(),
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

fn short(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().unwrap())
}

impl Apart {
    pub fn of(bytes: &[u8]) -> Self {
        assert_eq!(bytes[18], 0, "it is encrypted");
        let payload = |place: Place| {
            let at = place.offset as usize;
            let raw = short(&bytes[at + 4..at + 8]);
            assert_eq!(raw, 0, "it is compressed");
            &bytes[at + 9..at + 9 + place.stored as usize]
        };
        let footer = &bytes[bytes.len() - FOOTER..];
        let manifest = Place {
            offset: number(&footer[..8]),
            number: number(&footer[8..16]),
            stored: short(&footer[40..44]),
        };
        let manifest: Value = serde_json::from_slice(payload(manifest)).unwrap();
        let tables = manifest["tables"].as_array().unwrap().iter();
        let table = |told: &Value| {
            let index = told.get("index").map(Place::of);
            let rows = index.map_or_else(Vec::new, |index| decode(payload(index)));
            let place = |row: &Entry| {
                let row = row.1.as_ref().unwrap();
                Place {
                    offset: number(&row[..8]),
                    number: number(&row[8..16]),
                    stored: short(&row[16..20]),
                }
            };
            Table {
                told: told.clone(),
                blocks: rows.iter().map(|row| decode(payload(place(row)))).collect(),
            }
        };
        Self {
            header: bytes[..HEADER].to_vec(),
            tables: tables.map(table).collect(),
        }
    }

    pub fn together(&self) -> Vec<u8> {
        let mut writer = Writer::new(&self.header);
        let told: Vec<_> = self
            .tables
            .iter()
            .map(|table| table.lay(&mut writer))
            .collect();
        writer.finish(&told)
    }

    /// The table that has the most entries in this file.
    pub fn largest(&self) -> usize {
        let all = 0..self.tables.len();
        all.max_by_key(|i| self.tables[*i].entries().count())
            .unwrap()
    }
}

impl Table {
    pub fn name(&self) -> &str {
        self.told["name"].as_str().unwrap()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flatten()
    }

    /// Cuts what lies in it into blocks of so many entries.
    pub fn cut(&mut self, entries: usize) {
        let all: Vec<_> = self.entries().cloned().collect();
        self.blocks = all.chunks(entries).map(<[Entry]>::to_vec).collect();
    }

    /// Says what a reader sees who sees these entries.
    pub fn tell<'e>(&mut self, seen: impl IntoIterator<Item = &'e Entry>) {
        let (mut lengths, mut bytes, mut count) = (Vec::new(), Vec::new(), 0);
        for entry in seen {
            encode_lengths(&mut lengths, entry);
            encode_bytes(&mut bytes, entry);
            count += 1;
        }
        self.told["entries"] = json!(count);
        self.told["bytes"] = json!(bytes.len());
        self.told["lengths"] = json!(crc32(&lengths));
        self.told["checksum"] = json!(crc32(&bytes));
    }

    /// Says what a reader sees who sees what lies in it.
    pub fn tell_own(&mut self) {
        let own: Vec<_> = self.entries().cloned().collect();
        self.tell(&own);
    }

    /// Writes it; gives what the manifest says of it.
    pub fn lay(&self, writer: &mut Writer) -> Value {
        let rows = self.lay_blocks(writer);
        self.lay_index(writer, &rows)
    }

    pub fn lay_blocks(&self, writer: &mut Writer) -> Vec<Row> {
        let blocks = self.blocks.iter();
        let row = |block: &Vec<Entry>| Row {
            first: block[0].0.clone(),
            place: writer.block(ENTRIES, &encode(block)),
            entries: block.len() as u32,
        };
        blocks.map(row).collect()
    }

    pub fn lay_index(&self, writer: &mut Writer, rows: &[Row]) -> Value {
        let mut told = self.told.clone();
        let object = told.as_object_mut().unwrap();
        object.remove("index");
        object.insert("blocks".into(), json!(rows.len()));
        if !rows.is_empty() {
            let rows: Vec<_> = rows.iter().map(Row::entry).collect();
            let index = writer.block(INDEX, &encode(&rows));
            object.insert("index".into(), index.json());
        }
        told
    }
}

impl Row {
    fn entry(&self) -> Entry {
        let mut row = Vec::new();
        row.extend(self.place.offset.to_le_bytes());
        row.extend(self.place.number.to_le_bytes());
        row.extend(self.place.stored.to_le_bytes());
        row.extend(self.entries.to_le_bytes());
        (self.first.clone(), Some(row))
    }
}

/// Writes one block behind the other.
pub struct Writer {
    pub bytes: Vec<u8>,
    /// Of the next block.
    pub number: u64,
}

impl Writer {
    pub fn new(header: &[u8]) -> Self {
        Self {
            bytes: header.to_vec(),
            number: 0,
        }
    }

    pub fn block(&mut self, kind: u8, payload: &[u8]) -> Place {
        self.packed_block(kind, payload, 0)
    }

    /// A block that says to have been of another length before compression.
    pub fn packed_block(&mut self, kind: u8, payload: &[u8], raw: u32) -> Place {
        let place = Place {
            offset: self.bytes.len() as u64,
            number: self.number,
            stored: payload.len() as u32,
        };
        let mut block = place.stored.to_le_bytes().to_vec();
        block.extend(raw.to_le_bytes());
        block.push(kind);
        block.extend(payload);
        let sealed = [&self.bytes[24..40], &self.number.to_le_bytes(), &block].concat();
        self.bytes.append(&mut block);
        self.bytes.extend(crc32(&sealed).to_le_bytes());
        self.number += 1;
        place
    }

    pub fn finish(mut self, tables: &[Value]) -> Vec<u8> {
        let manifest = serde_json::to_vec(&json!({ "tables": tables })).unwrap();
        let manifest = self.block(MANIFEST, &manifest);
        self.end(manifest)
    }

    /// Writes the footer.
    pub fn end(mut self, manifest: Place) -> Vec<u8> {
        let mut footer = Vec::new();
        let length = (self.bytes.len() + FOOTER) as u64;
        for number in [manifest.offset, manifest.number, length] {
            footer.extend(number.to_le_bytes());
        }
        footer.extend(&self.bytes[24..40]);
        footer.extend(manifest.stored.to_le_bytes());
        footer.resize(48, 0);
        let crc = crc32(&footer);
        footer.extend(crc.to_le_bytes());
        footer.extend(b"larder end.\0");
        self.bytes.extend(footer);
        self.bytes
    }
}

pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = (entries.len() as u32).to_le_bytes().to_vec();
    for entry in entries {
        encode_lengths(&mut out, entry);
    }
    for entry in entries {
        encode_bytes(&mut out, entry);
    }
    out
}

fn encode_lengths(out: &mut Vec<u8>, (key, value): &Entry) {
    for mut length in [key.len(), value.as_ref().map_or(0, |value| 1 + value.len())] {
        while length > 127 {
            out.push(length as u8 | 128);
            length >>= 7;
        }
        out.push(length as u8);
    }
}

fn encode_bytes(out: &mut Vec<u8>, (key, value): &Entry) {
    out.extend(key);
    out.extend(value.iter().flatten());
}

fn decode(block: &[u8]) -> Vec<Entry> {
    let count = short(&block[..4]);
    let mut rest = &block[4..];
    let mut length = || {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let (byte, behind) = rest.split_first().unwrap();
            rest = behind;
            length |= usize::from(byte & 127) << shift;
            if byte & 128 == 0 {
                break;
            }
        }
        length
    };
    let lengths: Vec<_> = (0..count).map(|_| (length(), length())).collect();
    let mut take = |length| {
        let (taken, behind) = rest.split_at(length);
        rest = behind;
        taken.to_vec()
    };
    let entries = lengths.into_iter().map(|(key, value)| {
        let key = take(key);
        (key, value.checked_sub(1).map(&mut take))
    });
    let entries = entries.collect();
    assert!(rest.is_empty());
    entries
}
