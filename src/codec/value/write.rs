//! How is a document written? One value behind the other, each container closed when its last one
//! is there.

use crate::base::limits::BODY_BYTES_MAX;
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

use super::CONTAINERS_DEEP_MAX;
use super::read::text_at;

pub(super) const NULL: u8 = 0x00;
pub(super) const FALSE: u8 = 0x01;
pub(super) const TRUE: u8 = 0x02;
pub(super) const I8: u8 = 0x03;
pub(super) const I16: u8 = 0x04;
pub(super) const I32: u8 = 0x05;
pub(super) const I64: u8 = 0x06;
pub(super) const U64: u8 = 0x07;
pub(super) const I128: u8 = 0x08;
pub(super) const U128: u8 = 0x09;
pub(super) const F32: u8 = 0x0A;
pub(super) const F64: u8 = 0x0B;
pub(super) const TIMESTAMP: u8 = 0x0C;
/// The first of three tags each: the other two have wider lengths.
pub(super) const STRING: u8 = 0x10;
pub(super) const BYTES: u8 = 0x14;
pub(super) const ARRAY: u8 = 0x18;
pub(super) const EVEN_ARRAY: u8 = 0x1C;
pub(super) const OBJECT: u8 = 0x20;
/// The first of the tags that have the length of a string in them.
pub(super) const SHORT_STRING: u8 = 0x40;
/// The first of the tags that are an integer.
pub(super) const SMALL_INTEGER: u8 = 0x80;

/// Strings up to this many bytes have their length in the tag.
const SHORT_STRING_MAX: usize = 63;

/// Writes one document at the end of a vector.
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Of all open containers: where their elements or members start, from the first on.
    offsets: Vec<u32>,
    /// The head of the container that is being closed, kept for its memory.
    head: Vec<u8>,
    depth: usize,
}

/// A container that is being written.
pub(crate) struct Open {
    /// Where its first element or member is.
    content: usize,
    /// Which of the writer's offsets is its first.
    first: usize,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            offsets: Vec::new(),
            head: Vec::new(),
            depth: 0,
        }
    }

    pub(crate) fn null(&mut self) {
        self.out.push(NULL);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    #[inline]
    pub(crate) fn i64(&mut self, value: i64) {
        if let Ok(small @ 0..=0x7F) = u8::try_from(value) {
            self.out.push(SMALL_INTEGER | small);
        } else if let Ok(value) = i8::try_from(value) {
            self.number(I8, value.to_le_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.number(I16, value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.number(I32, value.to_le_bytes());
        } else {
            self.number(I64, value.to_le_bytes());
        }
    }

    pub(crate) fn u64(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.i64(value),
            Err(_) => self.number(U64, value.to_le_bytes()),
        }
    }

    pub(crate) fn i128(&mut self, value: i128) {
        if let Ok(value) = i64::try_from(value) {
            self.i64(value);
        } else if let Ok(value) = u64::try_from(value) {
            self.u64(value);
        } else {
            self.number(I128, value.to_le_bytes());
        }
    }

    pub(crate) fn u128(&mut self, value: u128) {
        match i128::try_from(value) {
            Ok(value) => self.i128(value),
            Err(_) => self.number(U128, value.to_le_bytes()),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "whether something was lost is what is asked"
    )]
    pub(crate) fn f64(&mut self, value: f64) {
        let narrow = value as f32;
        if value.is_nan() {
            self.number(F64, CANONICAL_NAN.to_le_bytes());
        } else if f64::from(narrow).to_bits() == value.to_bits() {
            self.number(F32, narrow.to_le_bytes());
        } else {
            self.number(F64, value.to_le_bytes());
        }
    }

    pub(crate) fn timestamp(&mut self, value: Timestamp) {
        self.number(TIMESTAMP, value.as_micros().to_le_bytes());
    }

    #[inline]
    pub(crate) fn string(&mut self, text: &str) -> Result<()> {
        match u8::try_from(text.len()) {
            Ok(length) if text.len() <= SHORT_STRING_MAX => {
                self.out.push(SHORT_STRING + length);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            _ => self.run(STRING, text.as_bytes()),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.run(BYTES, bytes)
    }

    /// A value that is a document already, written by a writer.
    pub(crate) fn encoded(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// Begins an array or an object.
    #[inline]
    pub(crate) fn begin(&mut self) -> Result<Open> {
        if self.depth == CONTAINERS_DEEP_MAX {
            return Err(too_deep());
        }
        self.depth += 1;
        Ok(Open {
            content: self.out.len(),
            first: self.offsets.len(),
        })
    }

    /// Begins the next element of an array, or the next member of an object: a string and a value.
    #[inline]
    pub(crate) fn next(&mut self, open: &Open) -> Result<()> {
        let offset = self.out.len() - open.content;
        self.offsets.push(narrow(offset)?);
        Ok(())
    }

    pub(crate) fn end_array(&mut self, open: &Open) -> Result<()> {
        let content = self.out.len() - open.content;
        let count = self.offsets.len() - open.first;
        let offsets = self.offsets.get(open.first..).unwrap_or_default();
        let size = content.checked_div(count).unwrap_or_default();
        let even = size > 0
            && size * count == content
            && offsets
                .iter()
                .enumerate()
                .all(|(i, offset)| *offset as usize == i * size);
        if even {
            self.close(EVEN_ARRAY, open, count, false)
        } else {
            self.close(ARRAY, open, count, true)
        }
    }

    /// Refuses a key that occurs twice: JSON leaves open what it means, and one of the two values
    /// would be lost.
    pub(crate) fn end_object(&mut self, open: &Open) -> Result<()> {
        let content = self.out.get(open.content..).unwrap_or_default();
        let offsets = self.offsets.get_mut(open.first..).unwrap_or_default();
        let key = |offset: u32| text_at(content, offset as usize).map_or(&[][..], |(key, _)| key);
        if !offsets.is_sorted_by(|a, b| key(*a) < key(*b)) {
            offsets.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
            for pair in offsets.windows(2) {
                if let [a, b] = pair
                    && key(*a) == key(*b)
                {
                    return Err(twice(key(*a)));
                }
            }
        }
        let count = offsets.len();
        self.close(OBJECT, open, count, true)
    }

    /// The number of elements or members that were begun.
    pub(crate) fn count(&self, open: &Open) -> usize {
        self.offsets.len() - open.first
    }

    /// Takes back a container whose only member's value was read, to write another value in its
    /// place; the value as it was encoded.
    pub(crate) fn take_back(&mut self, open: &Open) -> Vec<u8> {
        self.offsets.truncate(open.first);
        self.depth -= 1;
        self.out.split_off(open.content)
    }

    /// Puts the head in front of the elements or members.
    fn close(&mut self, tag: u8, open: &Open, count: usize, with_offsets: bool) -> Result<()> {
        let content = self.out.len() - open.content;
        let words = 1 + if with_offsets { count } else { 0 };
        let (code, width) = width_of(|width| content + words * width)?;
        let length = content + words * width;
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        head.push(tag + code);
        let mut word = |word: u32| match width {
            1 => head.extend(word.to_le_bytes().first()),
            2 => head.extend(word.to_le_bytes().first_chunk::<2>().into_iter().flatten()),
            _ => head.extend(word.to_le_bytes()),
        };
        word(narrow(length)?);
        word(narrow(count)?);
        if with_offsets {
            self.offsets
                .iter()
                .skip(open.first)
                .for_each(|offset| word(*offset));
        }
        let end = self.out.len();
        self.out.resize(end + head.len(), 0);
        self.out
            .copy_within(open.content..end, open.content + head.len());
        if let Some(place) = self.out.get_mut(open.content..open.content + head.len()) {
            place.copy_from_slice(&head);
        }
        self.head = head;
        self.offsets.truncate(open.first);
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn number<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.out.push(tag);
        self.out.extend_from_slice(&bytes);
    }

    fn run(&mut self, tag: u8, bytes: &[u8]) -> Result<()> {
        let length = narrow(bytes.len())?;
        let (code, width) = width_of(|_| bytes.len())?;
        self.out.push(tag + code);
        self.out.extend(length.to_le_bytes().iter().take(width));
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// The one NaN that is written.
const CANONICAL_NAN: u64 = 0x7FF8_0000_0000_0000;

/// The least width that holds a length which depends on it, with its code in a tag.
fn width_of(length: impl Fn(usize) -> usize) -> Result<(u8, usize)> {
    if length(1) <= 0xFF {
        Ok((0, 1))
    } else if length(2) <= 0xFFFF {
        Ok((1, 2))
    } else {
        narrow(length(4))?;
        Ok((2, 4))
    }
}

fn narrow(length: usize) -> Result<u32> {
    match u32::try_from(length) {
        Ok(narrow) if length <= BODY_BYTES_MAX => Ok(narrow),
        _ => Err(too_large()),
    }
}

#[cold]
fn too_large() -> Error {
    Error::limit(format!(
        "the document is larger than {BODY_BYTES_MAX} bytes, the most a body can have"
    ))
}

#[cold]
fn too_deep() -> Error {
    Error::limit(format!(
        "lists and objects are nested more than {CONTAINERS_DEEP_MAX} deep"
    ))
}

#[cold]
fn twice(key: &[u8]) -> Error {
    Error::invalid(format!(
        "an object has the key {:?} twice",
        String::from_utf8_lossy(key)
    ))
}
