//! How is a document written? One value behind the other, each container closed when its last one
//! is there.

use crate::base::limits::BODY_BYTES_MAX;
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

use super::CONTAINERS_DEEP_MAX;
use super::read::{IN_ORDER_MAX, hash, text_at};

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
    /// Of all open containers: their elements or members, from the first on.
    parts: Vec<Part>,
    depth: usize,
    /// Whether a part of it could not be written.
    failed: bool,
}

/// A container that is being written.
pub(crate) struct Open {
    /// Where its first element or member is.
    content: usize,
    /// How many bytes in front of that were left for its head.
    reserved: usize,
    /// Which of the writer's parts is its first.
    first: usize,
}

/// An element or a member.
#[derive(Clone, Copy)]
struct Part {
    /// Where it starts in its container.
    offset: usize,
    /// Of a member: that of its key.
    hash: u8,
}

/// Bytes that a head takes besides its tag: words of a width, and hashes.
struct Head {
    tag: u8,
    words: usize,
    hashes: usize,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            parts: Vec::with_capacity(32),
            depth: 0,
            failed: false,
        }
    }

    /// What was written is not whole.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
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
                self.out.reserve(1 + SHORT_STRING_MAX);
                self.out.push(SHORT_STRING + length);
                extend_short(self.out, text.as_bytes());
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

    /// Begins an array of about so many elements: where there are as many, and few bytes, they stay where
    /// they are written.
    #[inline]
    pub(crate) fn begin_array(&mut self, expected: usize) -> Result<Open> {
        self.begin(if expected == 0 {
            0
        } else {
            expected.saturating_add(3)
        })
    }

    /// Begins an object of about so many members.
    #[inline]
    pub(crate) fn begin_object(&mut self, expected: usize) -> Result<Open> {
        let members = expected.saturating_mul(2);
        self.begin(if expected == 0 {
            0
        } else {
            members.saturating_add(3)
        })
    }

    #[inline]
    fn begin(&mut self, head: usize) -> Result<Open> {
        if self.depth == CONTAINERS_DEEP_MAX {
            return Err(too_deep());
        }
        self.depth += 1;
        // More would be for a length of one byte, which it will not have.
        let reserved = if head > RESERVED_MAX { 0 } else { head };
        self.out.resize(self.out.len() + reserved, 0);
        Ok(Open {
            content: self.out.len(),
            reserved,
            first: self.parts.len(),
        })
    }

    /// Begins the next element of an array.
    #[inline]
    pub(crate) fn element(&mut self, open: &Open) {
        self.part(open, 0);
    }

    /// Begins the next member of an object, with its key.
    #[inline]
    pub(crate) fn member(&mut self, open: &Open, key: &str) -> Result<()> {
        self.part(open, hash(key.as_bytes()));
        self.string(key)
    }

    #[inline]
    fn part(&mut self, open: &Open, hash: u8) {
        let offset = self.out.len() - open.content;
        self.parts.push(Part { offset, hash });
    }

    pub(crate) fn end_array(&mut self, open: &Open) -> Result<()> {
        let content = self.out.len() - open.content;
        let parts = self.parts.get(open.first..).unwrap_or_default();
        let size = content.checked_div(parts.len()).unwrap_or_default();
        let even = size > 0
            && size * parts.len() == content
            && parts
                .iter()
                .enumerate()
                .all(|(i, part)| part.offset == i * size);
        let count = parts.len();
        let (tag, offsets) = if even {
            (EVEN_ARRAY, 0)
        } else {
            (ARRAY, count)
        };
        let head = Head {
            tag,
            words: 2 + offsets,
            hashes: 0,
        };
        self.close(open, &head)
    }

    /// Refuses a key that occurs twice: JSON leaves open what it means, and one of the two values
    /// would be lost.
    pub(crate) fn end_object(&mut self, open: &Open) -> Result<()> {
        let content = self.out.get(open.content..).unwrap_or_default();
        let parts = self.parts.get_mut(open.first..).unwrap_or_default();
        let count = parts.len();
        let key = |part: &Part| text_at(content, part.offset).map_or(&[][..], |(key, _)| key);
        let order = |a: &Part, b: &Part| {
            a.hash.cmp(&b.hash).then_with(|| {
                let (a, b) = (key(a), key(b));
                (a.len(), a).cmp(&(b.len(), b))
            })
        };
        if count > IN_ORDER_MAX {
            parts.sort_unstable_by(order);
            let equal = |pair: &&[Part]| matches!(pair, [a, b] if order(a, b).is_eq());
            if let Some([a, ..]) = parts.windows(2).find(equal) {
                return Err(twice(key(a)));
            }
        } else if may_be_twice(parts) {
            let before = |i: usize| parts.iter().take(i);
            let is_twice = |(i, part): &(usize, &Part)| before(*i).any(|b| order(b, part).is_eq());
            if let Some((_, part)) = parts.iter().enumerate().find(is_twice) {
                return Err(twice(key(part)));
            }
        }
        let head = Head {
            tag: OBJECT,
            words: 2 + count,
            hashes: count,
        };
        if self.close_small_object(open, count) {
            return Ok(());
        }
        self.close(open, &head)
    }

    /// Closes an object for whose head just the room was left that it takes, its words being bytes: as it
    /// is with most that are made from structs. Says whether it is one.
    #[inline]
    fn close_small_object(&mut self, open: &Open, count: usize) -> bool {
        let length = self.out.len() - open.content + 1 + 2 * count;
        let (Ok(length), Ok(members)) = (u8::try_from(length), u8::try_from(count)) else {
            return false;
        };
        let parts = self.parts.get(open.first..).unwrap_or_default();
        let start = open.content - open.reserved;
        let Some([tag, length_at, count_at, rest @ ..]) = self.out.get_mut(start..open.content)
        else {
            return false;
        };
        if rest.len() != 2 * count {
            return false;
        }
        (*tag, *length_at, *count_at) = (OBJECT, length, members);
        let (hashes, offsets) = rest.split_at_mut(count);
        for ((hash, offset), part) in hashes.iter_mut().zip(offsets).zip(parts) {
            *hash = part.hash;
            // Less than the length, which is a byte.
            *offset = u8::try_from(part.offset).unwrap_or_default();
        }
        self.parts.truncate(open.first);
        self.depth -= 1;
        true
    }

    /// The number of elements or members that were begun.
    pub(crate) fn count(&self, open: &Open) -> usize {
        self.parts.len() - open.first
    }

    /// Takes back a container whose only member's value was read, to write another value in its
    /// place; the value as it was encoded.
    pub(crate) fn take_back(&mut self, open: &Open) -> Vec<u8> {
        self.parts.truncate(open.first);
        self.depth -= 1;
        let content = self.out.split_off(open.content);
        self.out.truncate(open.content - open.reserved);
        content
    }

    /// Writes the head in front of the elements or members, which move where it has not the size that
    /// was left for it.
    fn close(&mut self, open: &Open, head: &Head) -> Result<()> {
        let content = self.out.len() - open.content;
        // The length is of what is behind it.
        let behind = |width: usize| content + head.hashes + (head.words - 1) * width;
        let (code, width) = width_of(behind)?;
        // What lies within it is not longer.
        let length = narrow(behind(width))?;
        let count = narrow(self.parts.len() - open.first)?;
        let size = 1 + head.hashes + head.words * width;
        self.make_room(open, size);
        let start = open.content - open.reserved;
        let parts = self.parts.get(open.first..).unwrap_or_default();
        let place = self.out.get_mut(start..start + size);
        if let Some([tag, rest @ ..]) = place
            && let Some((words, rest)) = rest.split_at_mut_checked(2 * width)
            && let Some((hashes, offsets)) = rest.split_at_mut_checked(head.hashes)
        {
            *tag = head.tag + code;
            place_words(words, width, [length, count].into_iter());
            for (place, part) in hashes.iter_mut().zip(parts) {
                *place = part.hash;
            }
            let offset = |part: &Part| u32::try_from(part.offset).unwrap_or_default();
            place_words(offsets, width, parts.iter().map(offset));
        }
        self.parts.truncate(open.first);
        self.depth -= 1;
        Ok(())
    }

    /// Moves what is in a container so that so many bytes are in front of it.
    fn make_room(&mut self, open: &Open, head: usize) {
        let (from, end) = (open.content, self.out.len());
        let to = open.content - open.reserved + head;
        if to > from {
            self.out.resize(end + (to - from), 0);
            self.out.copy_within(from..end, to);
        } else if to < from {
            self.out.copy_within(from..end, to);
            self.out.truncate(end - (from - to));
        }
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

/// Appends a few bytes. Most strings are so short that a call to copy them takes longer than copying:
/// two chunks of a fixed size, which may overlap, need none.
#[inline]
fn extend_short(out: &mut Vec<u8>, bytes: &[u8]) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
        && bytes.len() <= 16
    {
        out.extend_from_slice(first);
        out.truncate(out.len() + bytes.len() - 16);
        out.extend_from_slice(last);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
        && bytes.len() < 8
    {
        out.extend_from_slice(first);
        out.truncate(out.len() + bytes.len() - 8);
        out.extend_from_slice(last);
    } else {
        out.extend_from_slice(bytes);
    }
}

/// The largest head of a container whose length is one byte.
const RESERVED_MAX: usize = 0xFF;

/// Whether two of a few members may have one key. Hardly any two that have not have hashes that look
/// alike in six bits.
#[inline]
fn may_be_twice(parts: &[Part]) -> bool {
    let mut seen = 0_u64;
    let mut twice = 0;
    for part in parts {
        let bit = 1 << (part.hash % 64);
        twice |= seen & bit;
        seen |= bit;
    }
    twice != 0
}

/// Puts words of a width side by side.
#[inline]
fn place_words(place: &mut [u8], width: usize, words: impl Iterator<Item = u32>) {
    match width {
        1 => {
            for (place, word) in place.iter_mut().zip(words) {
                let [byte, ..] = word.to_le_bytes();
                *place = byte;
            }
        }
        2 => {
            let (places, _) = place.as_chunks_mut();
            for (place, word) in places.iter_mut().zip(words) {
                let [low, high, ..] = word.to_le_bytes();
                *place = [low, high];
            }
        }
        _ => {
            let (places, _) = place.as_chunks_mut();
            for (place, word) in places.iter_mut().zip(words) {
                *place = word.to_le_bytes();
            }
        }
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
