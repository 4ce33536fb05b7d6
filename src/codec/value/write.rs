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
    /// Of all open containers: their elements or members, from the first on.
    parts: Vec<Part>,
    depth: usize,
}

/// A container that is being written.
pub(crate) struct Open {
    /// Where its first element or member is.
    content: usize,
    /// Which of the writer's parts is its first.
    first: usize,
}

/// An element or a member.
#[derive(Clone, Copy)]
struct Part {
    /// Where it starts in its container.
    offset: u32,
    /// Of a member: length (at most 255) and first bytes of its key, so that most keys are put in order
    /// without being looked at.
    front: u64,
}

/// A key's length and first seven bytes, as a number that sorts as they do.
#[inline]
fn front(key: &[u8]) -> u64 {
    let mut front = [0; 8];
    let [length, first @ ..] = &mut front;
    *length = u8::try_from(key.len()).unwrap_or(u8::MAX);
    for (to, from) in first.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(front)
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            parts: Vec::with_capacity(32),
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
            first: self.parts.len(),
        })
    }

    /// Begins the next element of an array.
    #[inline]
    pub(crate) fn element(&mut self, open: &Open) -> Result<()> {
        self.part(open, 0)
    }

    /// Begins the next member of an object, with its key.
    #[inline]
    pub(crate) fn member(&mut self, open: &Open, key: &str) -> Result<()> {
        self.part(open, front(key.as_bytes()))?;
        self.string(key)
    }

    #[inline]
    fn part(&mut self, open: &Open, front: u64) -> Result<()> {
        let offset = narrow(self.out.len() - open.content)?;
        self.parts.push(Part { offset, front });
        Ok(())
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
                .all(|(i, part)| part.offset as usize == i * size);
        if even {
            self.close(EVEN_ARRAY, open, 0)
        } else {
            self.close(ARRAY, open, self.count(open))
        }
    }

    /// Refuses a key that occurs twice: JSON leaves open what it means, and one of the two values
    /// would be lost.
    pub(crate) fn end_object(&mut self, open: &Open) -> Result<()> {
        let content = self.out.get(open.content..).unwrap_or_default();
        let parts = self.parts.get_mut(open.first..).unwrap_or_default();
        let key =
            |part: &Part| text_at(content, part.offset as usize).map_or(&[][..], |(key, _)| key);
        let order = |a: &Part, b: &Part| {
            // Where the fronts are equal and say all of both keys, so are the keys.
            a.front.cmp(&b.front).then_with(|| {
                let (a, b) = (key(a), key(b));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            })
        };
        if !parts.is_sorted_by(|a, b| order(a, b).is_lt()) {
            parts.sort_unstable_by(order);
            for pair in parts.windows(2) {
                if let [a, b] = pair
                    && order(a, b).is_eq()
                {
                    return Err(twice(key(a)));
                }
            }
        }
        self.close(OBJECT, open, self.count(open))
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
        self.out.split_off(open.content)
    }

    /// Puts the head, with so many offsets, in front of the elements or members.
    fn close(&mut self, tag: u8, open: &Open, offsets: usize) -> Result<()> {
        let content = self.out.len() - open.content;
        let (code, width) = width_of(|width| content + (1 + offsets) * width)?;
        let length = narrow(content + (1 + offsets) * width)?;
        let count = narrow(self.count(open))?;
        let head = 1 + (2 + offsets) * width;
        let end = self.out.len();
        self.out.resize(end + head, 0);
        self.out.copy_within(open.content..end, open.content + head);
        let parts = self.parts.iter().skip(open.first).take(offsets);
        let words = [length, count]
            .into_iter()
            .chain(parts.map(|part| part.offset));
        let place = self.out.get_mut(open.content..open.content + head);
        if let Some([first, rest @ ..]) = place {
            *first = tag + code;
            for (place, word) in rest.chunks_exact_mut(width).zip(words) {
                for (to, from) in place.iter_mut().zip(word.to_le_bytes()) {
                    *to = from;
                }
            }
        }
        self.parts.truncate(open.first);
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
