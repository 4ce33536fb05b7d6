//! What stands in a document? Read step by step, each with a bounds check, nothing decoded before
//! it is asked for.

#![expect(
    clippy::inline_always,
    reason = "the steps of a search hand each other small structs: in memory, the next step waits for \
              each, which is half of the time"
)]

use std::cmp::Ordering;

use super::CONTAINERS_DEEP_MAX;
use super::write::{
    ARRAY, BYTES, EVEN_ARRAY, F32, F64, FALSE, I8, I16, I32, I64, I128, NULL, OBJECT, SHORT_STRING,
    SMALL_INTEGER, STRING, TIMESTAMP, TRUE, U64, U128,
};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

/// The last of the three tags of an object.
const OBJECT_LAST: u8 = OBJECT + 2;

/// A value that was not looked at yet.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    /// From its tag on, up to the end of what holds it.
    bytes: &'a [u8],
    /// How many containers it lies in. As wide as the rest: a handle with padding is copied in parts,
    /// and waits for them.
    depth: usize,
}

/// A value, one step deep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Timestamp(Timestamp),
    String(&'a str),
    Bytes(&'a [u8]),
    Array(Array<'a>),
    Object(Object<'a>),
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub(crate) struct Array<'a>(Parts<'a>);

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(Parts<'a>);

/// What a container holds.
#[derive(Clone, Copy)]
struct Parts<'a> {
    /// Hashes, offsets, and the elements or members, as far as there are any.
    bytes: &'a [u8],
    count: u32,
    /// Where the offsets begin.
    offsets: u32,
    /// Where the elements or members begin.
    content: u32,
    /// Of an offset, in bytes; 0 where all elements have one size.
    width: u16,
    /// How many containers they lie in.
    depth: u16,
}

impl<'a> Node<'a> {
    /// The document that these bytes are.
    pub(crate) fn root(bytes: &'a [u8]) -> Self {
        Self { bytes, depth: 0 }
    }

    /// The bytes of this value alone.
    pub(crate) fn encoded(self) -> Result<&'a [u8]> {
        let size = self.size()?;
        self.bytes.get(..size).ok_or_else(outside)
    }

    /// How many bytes it takes, all that it holds included; the holder has so many.
    #[inline]
    pub(super) fn size(self) -> Result<usize> {
        let tag = self.tag()?;
        let size = match tag {
            SMALL_INTEGER..=0xFF | NULL | FALSE | TRUE => 1,
            SHORT_STRING..SMALL_INTEGER => 1 + usize::from(tag - SHORT_STRING),
            I8 => 2,
            I16 => 3,
            I32 | F32 => 5,
            I64 | U64 | F64 | TIMESTAMP => 9,
            I128 | U128 => 17,
            _ => self.run(tag)?.end()?,
        };
        if size > self.bytes.len() {
            return Err(outside());
        }
        Ok(size)
    }

    /// The value itself, one step deep.
    #[inline(always)]
    pub(crate) fn read(self) -> Result<Value<'a>> {
        self.read_with_size().map(|(value, _)| value)
    }

    /// The value itself, one step deep, and how many bytes it takes.
    #[inline(always)]
    fn read_with_size(self) -> Result<(Value<'a>, usize)> {
        let tag = self.tag()?;
        Ok(match tag {
            SMALL_INTEGER..=0xFF => (Value::I64(i64::from(tag & 0x7F)), 1),
            SHORT_STRING..SMALL_INTEGER => {
                let end = 1 + usize::from(tag - SHORT_STRING);
                let text = self.bytes.get(1..end).ok_or_else(outside)?;
                (Value::String(utf8(text)?), end)
            }
            NULL => (Value::Null, 1),
            FALSE => (Value::Bool(false), 1),
            TRUE => (Value::Bool(true), 1),
            I8 => (Value::I64(i8::from_le_bytes(self.take()?).into()), 2),
            I16 => (Value::I64(i16::from_le_bytes(self.take()?).into()), 3),
            I32 => (Value::I64(i32::from_le_bytes(self.take()?).into()), 5),
            I64 => (Value::I64(i64::from_le_bytes(self.take()?)), 9),
            U64 => (Value::U64(u64::from_le_bytes(self.take()?)), 9),
            I128 => (Value::I128(i128::from_le_bytes(self.take()?)), 17),
            U128 => (Value::U128(u128::from_le_bytes(self.take()?)), 17),
            F32 => (Value::F64(f32::from_le_bytes(self.take()?).into()), 5),
            F64 => (Value::F64(f64::from_le_bytes(self.take()?)), 9),
            TIMESTAMP => {
                let micros = i64::from_le_bytes(self.take()?);
                (Value::Timestamp(Timestamp::from_micros(micros)), 9)
            }
            _ => {
                let run = self.run(tag)?;
                (self.read_run(&run)?, run.end()?)
            }
        })
    }

    /// The object that this is, `None` where it is something else.
    #[inline(always)]
    pub(crate) fn object(self) -> Result<Option<Object<'a>>> {
        match self.tag()? {
            tag @ OBJECT..=OBJECT_LAST => {
                let parts = self.parts(&self.run(tag)?)?;
                Ok(Some(Object(parts)))
            }
            _ => Ok(None),
        }
    }

    /// Where what lies behind the tag and its length begins, and how long it is.
    #[inline(always)]
    fn run(self, tag: u8) -> Result<Run> {
        let (kind, width) = kind_and_width(tag)?;
        let length = word(self.bytes, 1, width.into()).ok_or_else(outside)?;
        Ok(Run {
            kind,
            width,
            length,
        })
    }

    fn read_run(self, run: &Run) -> Result<Value<'a>> {
        match run.kind {
            STRING => Ok(Value::String(utf8(self.inside(run)?)?)),
            BYTES => Ok(Value::Bytes(self.inside(run)?)),
            OBJECT => Ok(Value::Object(Object(self.parts(run)?))),
            _ => Ok(Value::Array(Array(self.parts(run)?))),
        }
    }

    #[inline(always)]
    fn inside(self, run: &Run) -> Result<&'a [u8]> {
        let inside = self.bytes.get(1 + usize::from(run.width)..run.end()?);
        inside.ok_or_else(outside)
    }

    #[inline(always)]
    fn parts(self, run: &Run) -> Result<Parts<'a>> {
        let (inside, width) = (self.inside(run)?, usize::from(run.width));
        if self.depth >= CONTAINERS_DEEP_MAX {
            return Err(too_deep());
        }
        let count = word(inside, 0, width).ok_or_else(outside)?;
        let bytes = inside.get(width..).ok_or_else(outside)?;
        let (hashes, offset) = match run.kind {
            OBJECT => (count, run.width),
            ARRAY => (0, run.width),
            _ => (0, 0),
        };
        let content = count
            .checked_mul(usize::from(offset))
            .and_then(|offsets| offsets.checked_add(hashes))
            .filter(|content| *content <= bytes.len());
        // What is in a body fits in 32 bits.
        let narrow = |length: usize| u32::try_from(length).map_err(|_| outside());
        Ok(Parts {
            bytes,
            count: narrow(count)?,
            offsets: narrow(hashes)?,
            content: narrow(content.ok_or_else(outside)?)?,
            width: offset.into(),
            // At most as deep as that is, which was checked.
            depth: u16::try_from(self.depth + 1).map_err(|_| too_deep())?,
        })
    }

    #[inline]
    fn tag(self) -> Result<u8> {
        self.bytes.first().copied().ok_or_else(outside)
    }

    #[inline]
    fn take<const N: usize>(self) -> Result<[u8; N]> {
        let behind = self.bytes.get(1..);
        behind
            .and_then(|behind| behind.first_chunk())
            .copied()
            .ok_or_else(outside)
    }
}

impl<'a> Parts<'a> {
    fn count(&self) -> usize {
        self.count as usize
    }

    #[inline(always)]
    fn content(&self) -> &'a [u8] {
        // In bounds since the parts were found.
        self.bytes.get(self.content as usize..).unwrap_or_default()
    }

    /// Offset `i`; there are `count` of them, unless all elements have one size.
    #[inline(always)]
    fn offset(&self, i: usize) -> Result<usize> {
        let width = usize::from(self.width);
        word(self.bytes, self.offsets as usize + i * width, width).ok_or_else(outside)
    }

    fn node(&self, at: usize) -> Result<Node<'a>> {
        Ok(Node {
            bytes: self.content().get(at..).ok_or_else(outside)?,
            depth: self.depth.into(),
        })
    }

    fn nodes(&self) -> Nodes<'a> {
        Nodes {
            left: self.count(),
            rest: self.content(),
            depth: self.depth.into(),
        }
    }
}

impl<'a> Array<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.count()
    }

    /// Element `i`, `None` behind the end.
    pub(crate) fn get(&self, i: usize) -> Result<Option<Node<'a>>> {
        if i >= self.len() {
            return Ok(None);
        }
        self.0.node(self.offset(i)?).map(Some)
    }

    /// The elements in order.
    pub(crate) fn iter(&self) -> Nodes<'a> {
        self.0.nodes()
    }

    /// Where element `i` starts.
    pub(super) fn offset(&self, i: usize) -> Result<usize> {
        if self.is_even() {
            return Ok(i * self.even_size()?);
        }
        self.0.offset(i)
    }

    /// The size of each element, where they have one.
    pub(super) fn even_size(&self) -> Result<usize> {
        let bytes = self.0.content().len();
        match bytes.checked_div(self.len()) {
            Some(size) if size > 0 && size * self.len() == bytes => Ok(size),
            _ => Err(outside()),
        }
    }

    /// Whether it lies in the same place.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        std::ptr::eq(self.0.bytes, other.0.bytes)
    }

    pub(super) fn is_even(&self) -> bool {
        self.0.width == 0
    }
}

impl<'a> Object<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.count()
    }

    /// The value under a key, in time that grows with the logarithm of the number of keys.
    #[inline(always)]
    pub(crate) fn get(&self, key: &str) -> Result<Option<Node<'a>>> {
        match self.find(key.as_bytes())? {
            Some((_, value)) => Ok(Some(self.0.node(value)?)),
            None => Ok(None),
        }
    }

    /// Where the member with that key starts, and where its value does.
    #[inline(always)]
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<(usize, usize)>> {
        let wanted = hash(key);
        if self.len() > IN_ORDER_MAX {
            return self.find_among_many(key, wanted);
        }
        for (i, hash) in self.hashes().iter().enumerate() {
            if *hash == wanted {
                let start = self.0.offset(i)?;
                let (found, end) = text_at(self.0.content(), start)?;
                if found == key {
                    return Ok(Some((start, end)));
                }
            }
        }
        Ok(None)
    }

    #[cold]
    fn find_among_many(&self, key: &[u8], wanted: u8) -> Result<Option<(usize, usize)>> {
        let hashes = self.hashes();
        let (mut low, mut high) = (
            hashes.partition_point(|hash| *hash < wanted),
            hashes.partition_point(|hash| *hash <= wanted),
        );
        while low < high {
            let middle = low.midpoint(high);
            let start = self.0.offset(middle)?;
            let (found, end) = text_at(self.0.content(), start)?;
            match (found.len(), found).cmp(&(key.len(), key)) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some((start, end))),
            }
        }
        Ok(None)
    }

    #[inline]
    pub(super) fn hashes(&self) -> &'a [u8] {
        // In bounds since the parts were found.
        self.0.bytes.get(..self.len()).unwrap_or_default()
    }

    /// The key that hash `i` belongs to.
    pub(super) fn hashed_key(&self, i: usize) -> Result<&'a [u8]> {
        Ok(text_at(self.0.content(), self.0.offset(i)?)?.0)
    }

    /// The members in their own order.
    pub(crate) fn iter(&self) -> Members<'a> {
        Members(self.0.nodes())
    }
}

/// Values that lie one behind the other. After an error there is nothing more.
#[derive(Clone)]
pub(crate) struct Nodes<'a> {
    left: usize,
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Nodes<'a> {
    /// How many bytes are left behind what was given.
    pub(super) fn rest(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn step(&mut self) -> Result<Node<'a>> {
        let node = self.node();
        let (own, rest) = self
            .rest
            .split_at_checked(node.size()?)
            .ok_or_else(outside)?;
        self.rest = rest;
        Ok(Node {
            bytes: own,
            depth: self.depth,
        })
    }

    #[inline(always)]
    fn step_value(&mut self) -> Result<Value<'a>> {
        let (value, size) = self.node().read_with_size()?;
        self.rest = self.rest.get(size..).ok_or_else(outside)?;
        Ok(value)
    }

    /// What comes next, its end not found yet.
    #[inline]
    fn node(&self) -> Node<'a> {
        Node {
            bytes: self.rest,
            depth: self.depth,
        }
    }

    /// The next value, read. After an error there is nothing more.
    #[inline(always)]
    pub(super) fn next_value(&mut self) -> Option<Result<Value<'a>>> {
        self.left = self.left.checked_sub(1)?;
        let value = self.step_value();
        if value.is_err() {
            self.left = 0;
        }
        Some(value)
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Result<Node<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let node = self.step();
        if node.is_err() {
            self.left = 0;
        }
        Some(node)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Of hostile bytes it may be more than there is: each takes one byte at least.
        (0, Some(self.left.min(self.rest.len())))
    }
}

/// Members one behind the other. After an error there is nothing more.
#[derive(Clone)]
pub(crate) struct Members<'a>(Nodes<'a>);

impl<'a> Members<'a> {
    /// How many bytes are left behind what was given.
    pub(super) fn rest(&self) -> usize {
        self.0.rest()
    }

    /// The next key, its value to be taken by [`value`](Members::value).
    #[inline]
    pub(super) fn next_key(&mut self) -> Option<Result<&'a str>> {
        let nodes = &mut self.0;
        nodes.left = nodes.left.checked_sub(1)?;
        let key = key_of(nodes);
        if key.is_err() {
            nodes.left = 0;
        }
        Some(key)
    }

    /// The value of the key that was given last.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Result<Value<'a>> {
        let value = self.0.step_value();
        if value.is_err() {
            self.0.left = 0;
        }
        value
    }
}

#[inline]
fn key_of<'a>(nodes: &mut Nodes<'a>) -> Result<&'a str> {
    let (key, end) = text_at(nodes.rest, 0)?;
    nodes.rest = nodes.rest.get(end..).ok_or_else(outside)?;
    utf8(key)
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(&'a str, Node<'a>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let nodes = &mut self.0;
        nodes.left = nodes.left.checked_sub(1)?;
        let member = key_of(nodes).and_then(|key| Ok((key, nodes.step()?)));
        if member.is_err() {
            nodes.left = 0;
        }
        Some(member)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// The bytes of the string at `at`, and where it ends.
#[inline]
pub(super) fn text_at(bytes: &[u8], at: usize) -> Result<(&[u8], usize)> {
    let (from, end) = text_bounds(bytes, at)?;
    Ok((bytes.get(from..end).ok_or_else(outside)?, end))
}

/// Where the bytes of the string at `at` begin and end, if there are so many.
#[inline]
fn text_bounds(bytes: &[u8], at: usize) -> Result<(usize, usize)> {
    let tag = *bytes.get(at).ok_or_else(outside)?;
    if let SHORT_STRING..SMALL_INTEGER = tag {
        return Ok((at + 1, at + 1 + usize::from(tag - SHORT_STRING)));
    }
    long_text_bounds(bytes, at, tag)
}

#[cold]
fn long_text_bounds(bytes: &[u8], at: usize, tag: u8) -> Result<(usize, usize)> {
    let (STRING, width) = kind_and_width(tag)? else {
        return Err(no_key(tag));
    };
    let width = usize::from(width);
    let length = word(bytes, at + 1, width).ok_or_else(outside)?;
    let from = at + 1 + width;
    Ok((from, from.checked_add(length).ok_or_else(outside)?))
}

/// What stands for a key where one is looked for: its length, its first and its last byte and the one
/// in the middle, in one byte.
#[inline]
pub(super) fn hash(key: &[u8]) -> u8 {
    // Of a longer key the length says no more.
    let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
    let at = |i: usize| key.get(i).copied().unwrap_or_default();
    let (first, middle, last) = (at(0), at(key.len() / 2), at(key.len().saturating_sub(1)));
    length
        .wrapping_mul(7)
        .wrapping_add(first.wrapping_mul(17))
        .wrapping_add(middle.wrapping_mul(31))
        .wrapping_add(last.wrapping_mul(101))
}

/// An object of more members has its hashes in order, and not its members'.
pub(super) const IN_ORDER_MAX: usize = 32;

/// What a tag stands for whose value has any length, the width of its words, and the length.
struct Run {
    kind: u8,
    width: u8,
    length: usize,
}

impl Run {
    /// Where it ends, counted from the tag.
    #[inline]
    fn end(&self) -> Result<usize> {
        let end = (1 + usize::from(self.width)).checked_add(self.length);
        end.ok_or_else(outside)
    }
}

/// What kind of value of any length a tag stands for, and how wide its words are.
#[inline]
fn kind_and_width(tag: u8) -> Result<(u8, u8)> {
    let width = match tag & 0x03 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return Err(unknown(tag)),
    };
    match tag & !0x03 {
        kind @ (STRING | BYTES | ARRAY | EVEN_ARRAY | OBJECT) => Ok((kind, width)),
        _ => Err(unknown(tag)),
    }
}

/// The word of that width at `at`.
#[inline]
fn word(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?;
    Some(match width {
        1 => usize::from(*bytes.first()?),
        2 => usize::from(u16::from_le_bytes(*bytes.first_chunk()?)),
        _ => u32::from_le_bytes(*bytes.first_chunk()?) as usize,
    })
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|error| Error::corrupt("a string in a document is not UTF-8").because(error))
}

#[cold]
pub(super) fn outside() -> Error {
    Error::corrupt("a value lies outside its document")
}

#[cold]
fn too_deep() -> Error {
    Error::corrupt(format!(
        "a document is nested more than {CONTAINERS_DEEP_MAX} deep"
    ))
}

#[cold]
fn unknown(tag: u8) -> Error {
    Error::corrupt(format!(
        "a document has a value of the unknown kind {tag:#04x}"
    ))
}

#[cold]
fn no_key(tag: u8) -> Error {
    Error::corrupt(format!(
        "a key in a document is of kind {tag:#04x}, no string"
    ))
}

impl std::fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} elements]", self.len())
    }
}

impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{} members}}", self.len())
    }
}
