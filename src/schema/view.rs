//! What stands in this record? A typed record read through its descriptor, without its Rust type.
//!
//! Total on hostile bytes: every step checks its bounds and gives `Corrupt`, nothing is recursive
//! but the types themselves (whose depth is bounded), and nothing is allocated. Reading one field
//! never looks at the others.

use std::time::Duration;

use uuid::Uuid;

use super::layout::{Fields, Kind, Layout, MapLayout, Scalar, no_such_field};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

/// A value in a record, borrowed from the record's bytes.
///
/// Numbers come in the widest type of their kind; `None` is [`Null`](ValueRef::Null) and `Some(x)`
/// is `x`; vectors, arrays and tuples are lists.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// `None`.
    Null,
    /// A `bool`.
    Bool(bool),
    /// `i8` to `i64`.
    I64(i64),
    /// `u8` to `u64`.
    U64(u64),
    /// An `i128`.
    I128(i128),
    /// A `u128`.
    U128(u128),
    /// An `f32`.
    F32(f32),
    /// An `f64`.
    F64(f64),
    /// A `char`.
    Char(char),
    /// A `String`.
    String(&'a str),
    /// A `Uuid`.
    Uuid(Uuid),
    /// A [`Timestamp`].
    Timestamp(Timestamp),
    /// A [`Duration`].
    Duration(Duration),
    /// A vector, an array or a tuple.
    List(ListRef<'a>),
    /// A map, sorted by key.
    Map(MapRef<'a>),
    /// A part that is a struct.
    Struct(StructRef<'a>),
    /// A part that is an enum.
    Variant(VariantRef<'a>),
}

impl ValueRef<'_> {
    /// Reads this value and every value within it; `Corrupt` where one is damaged.
    pub(crate) fn walk(self, budget: &mut Budget) -> Result<()> {
        self.spend(budget)?;
        match self {
            Self::List(list) => list.iter().try_for_each(|element| element?.walk(budget)),
            Self::Map(map) => map.iter().try_for_each(|entry| {
                let (key, value) = entry?;
                key.walk(budget)?;
                value.walk(budget)
            }),
            Self::Struct(fields) => fields.walk(budget),
            Self::Variant(variant) => variant.fields.walk(budget),
            _ => Ok(()),
        }
    }

    /// Takes the bytes from the budget that this value has out of line, those of values within it
    /// not counted.
    #[inline]
    pub(crate) fn spend(&self, budget: &mut Budget) -> Result<()> {
        match self {
            Self::String(text) => budget.spend_text(text),
            Self::List(list) => budget.spend(list.bytes_out_of_line()),
            Self::Map(map) => budget.spend(map.bytes_out_of_line()),
            _ => Ok(()),
        }
    }
}

/// A place in a body and what lies there.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) at: usize,
    pub(crate) layout: &'a Layout,
}

impl<'a> Slot<'a> {
    /// The record itself: it is the last thing in its body.
    pub(crate) fn root(body: &'a [u8], layout: &'a Layout) -> Result<Self> {
        let at = root_of(body, layout)?;
        Ok(Self { body, at, layout })
    }

    /// The value that lies here.
    #[inline]
    pub(crate) fn value(self) -> Result<ValueRef<'a>> {
        match &self.layout.kind {
            Kind::Scalar(scalar) => read_scalar(*scalar, self.body, self.at),
            _ => self.value_of_parts(),
        }
    }

    fn value_of_parts(self) -> Result<ValueRef<'a>> {
        let Self { body, at, layout } = self;
        Ok(match &layout.kind {
            Kind::Scalar(scalar) => read_scalar(*scalar, body, at)?,
            Kind::String => ValueRef::String(read_str(body, at)?),
            Kind::Option(inner) => match self.option(inner)? {
                Some(slot) => slot.value()?,
                None => ValueRef::Null,
            },
            Kind::List(element) => ValueRef::List(self.list(element)?),
            Kind::Array(element, length) => ValueRef::List(ListRef::Even(Row {
                body,
                at,
                element,
                length: *length,
                inline: true,
            })),
            Kind::Tuple(fields) => ValueRef::List(ListRef::Tuple(StructRef { body, at, fields })),
            Kind::Map(map) => ValueRef::Map(self.map(map)?),
            Kind::Struct(fields) => ValueRef::Struct(StructRef { body, at, fields }),
            Kind::Enum(variants) => {
                let [tag] = read::<1>(body, at)?;
                let variant = variants
                    .get(usize::from(tag))
                    .ok_or_else(|| Error::corrupt(format!("there is no variant {tag}")))?;
                let fields = StructRef {
                    body,
                    at,
                    fields: &variant.fields,
                };
                ValueRef::Variant(VariantRef {
                    tag,
                    name: &variant.name,
                    fields,
                })
            }
        })
    }

    /// The value at the end of a path of field names. Options on the way are crossed, and lead
    /// nowhere when they are `None`; an option at the end is part of the value.
    ///
    /// For a path that is followed once; [`Route`](super::layout::Route) is for more.
    #[inline]
    pub(crate) fn descend(
        self,
        path: &[&str],
        positions: &[u16],
        collection: &str,
    ) -> Result<Option<Self>> {
        let mut slot = self;
        for (name, position) in path.iter().zip(positions) {
            while let Kind::Option(inner) = &slot.layout.kind {
                match slot.option(inner)? {
                    Some(value) => slot = value,
                    None => return Ok(None),
                }
            }
            let Some(field) = slot.layout.field_near(name, *position) else {
                return Err(no_such_field(path, collection));
            };
            slot = Self {
                body: self.body,
                at: slot.at + field.offset,
                layout: &field.layout,
            };
        }
        Ok(Some(slot))
    }

    /// What an option holds.
    pub(crate) fn option(self, inner: &'a Layout) -> Result<Option<Slot<'a>>> {
        match read::<1>(self.body, self.at)? {
            [0] => Ok(None),
            [1] => Ok(Some(Self {
                body: self.body,
                at: self.at + 1,
                layout: inner,
            })),
            [tag] => Err(Error::corrupt(format!(
                "an option's tag is {tag}, not 0 or 1"
            ))),
        }
    }

    /// The elements of a vector.
    pub(crate) fn list(self, element: &'a Layout) -> Result<ListRef<'a>> {
        let (at, length) = self.row(element.size)?;
        Ok(ListRef::Even(Row {
            body: self.body,
            at,
            element,
            length,
            inline: false,
        }))
    }

    /// The bytes of a vector of bytes.
    pub(crate) fn bytes(self, element: &'a Layout) -> Result<&'a [u8]> {
        let (at, length) = self.row(element.size)?;
        // The bounds were checked where the row was found.
        Ok(self.body.get(at..at + length).unwrap_or_default())
    }

    fn map(self, map: &'a MapLayout) -> Result<MapRef<'a>> {
        let (at, length) = self.row(map.key.size + map.value.size)?;
        Ok(MapRef {
            body: self.body,
            at,
            map,
            length,
        })
    }

    /// Where the elements of a vector start, and how many there are; all of them lie in the body.
    fn row(self, element_size: usize) -> Result<(usize, usize)> {
        let offset = i32::from_le_bytes(read(self.body, self.at)?);
        let length = u32::from_le_bytes(read(self.body, self.at + 4)?) as usize;
        if length == 0 {
            return Ok((self.at, 0));
        }
        if element_size == 0 {
            return Err(Error::corrupt("a list repeats an element of no size"));
        }
        let bytes = length.checked_mul(element_size);
        let at = reach(self.body, self.at, offset, bytes)
            .ok_or_else(|| Error::corrupt("a list lies outside its record"))?;
        Ok((at, length))
    }
}

/// A vector, an array or a tuple.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'a> {
    /// Elements of one type.
    #[doc(hidden)]
    Even(Row<'a>),
    /// Elements of a type each.
    #[doc(hidden)]
    Tuple(StructRef<'a>),
}

/// Elements of one type, side by side.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    body: &'a [u8],
    at: usize,
    element: &'a Layout,
    length: usize,
    /// An array lies within what holds it; a vector somewhere else in the body.
    inline: bool,
}

impl<'a> ListRef<'a> {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Even(row) => row.length,
            Self::Tuple(fields) => fields.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `i`, `None` behind the end.
    pub fn get(&self, i: usize) -> Result<Option<ValueRef<'a>>> {
        self.slot(i).map(Slot::value).transpose()
    }

    /// The elements in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<ValueRef<'a>>> + use<'a> {
        let list = *self;
        (0..list.len()).map(move |i| {
            list.get(i)?
                .ok_or_else(|| Error::corrupt("a list is shorter than it says"))
        })
    }

    fn bytes_out_of_line(&self) -> usize {
        match self {
            Self::Even(row) if !row.inline => row.length.saturating_mul(row.element.size),
            Self::Even(_) | Self::Tuple(_) => 0,
        }
    }

    /// The elements as they lie.
    pub(crate) fn slots(self) -> impl Iterator<Item = Slot<'a>> {
        (0..self.len()).filter_map(move |i| self.slot(i))
    }

    fn slot(&self, i: usize) -> Option<Slot<'a>> {
        match self {
            Self::Even(row) if i < row.length => Some(Slot {
                body: row.body,
                at: row.at + i * row.element.size,
                layout: row.element,
            }),
            Self::Even(_) => None,
            Self::Tuple(fields) => fields.slot(i),
        }
    }
}

/// A map, sorted by key.
#[derive(Clone, Copy)]
pub struct MapRef<'a> {
    body: &'a [u8],
    at: usize,
    map: &'a MapLayout,
    length: usize,
}

impl<'a> MapRef<'a> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn bytes_out_of_line(&self) -> usize {
        let entry = self.map.key.size.saturating_add(self.map.value.size);
        self.length.saturating_mul(entry)
    }

    /// The entries in the order of their keys.
    #[must_use]
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<(ValueRef<'a>, ValueRef<'a>)>> + use<'a> {
        let Self {
            body,
            at,
            map,
            length,
        } = *self;
        (0..length).map(move |i| {
            let at = at + i * (map.key.size + map.value.size);
            let key = Slot {
                body,
                at,
                layout: &map.key,
            };
            let value = Slot {
                body,
                at: at + map.key.size,
                layout: &map.value,
            };
            Ok((key.value()?, value.value()?))
        })
    }
}

/// A part that is a struct, or the record itself.
#[derive(Clone, Copy)]
pub struct StructRef<'a> {
    body: &'a [u8],
    at: usize,
    fields: &'a Fields,
}

impl<'a> StructRef<'a> {
    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The names of the fields in declaration order.
    #[must_use]
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// The field of that name, `None` where there is none.
    pub fn field(&self, name: &str) -> Result<Option<ValueRef<'a>>> {
        let position = self.fields.iter().position(|field| field.name == name);
        position.map_or(Ok(None), |i| self.get(i))
    }

    /// Field `i` in declaration order, `None` behind the last.
    pub fn get(&self, i: usize) -> Result<Option<ValueRef<'a>>> {
        self.slot(i).map(Slot::value).transpose()
    }

    fn walk(&self, budget: &mut Budget) -> Result<()> {
        (0..self.len())
            .filter_map(|i| self.slot(i))
            .try_for_each(|field| field.value()?.walk(budget))
    }

    pub(crate) fn slot(&self, i: usize) -> Option<Slot<'a>> {
        let field = self.fields.get(i)?;
        Some(Slot {
            body: self.body,
            at: self.at + field.offset,
            layout: &field.layout,
        })
    }
}

/// A part that is an enum.
#[derive(Clone, Copy, Debug)]
pub struct VariantRef<'a> {
    tag: u8,
    name: &'a str,
    fields: StructRef<'a>,
}

impl<'a> VariantRef<'a> {
    /// The name of the variant.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its position among the variants, from 0.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.tag
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> StructRef<'a> {
        self.fields
    }
}

/// How many more bytes may be read out of line before a record is called damaged.
///
/// Vectors, maps and texts may overlap in hostile bytes, so that a small body can hold astronomically
/// many; an honest one has every byte once, so that its length is enough to read each of its values.
/// What lies inline (arrays, tuples, structs, numbers) takes nothing: the type bounds it.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// A budget for reading each value of a body of that many bytes once.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes bytes that lie out of line from it; `Corrupt` when it is used up.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.0.checked_sub(bytes) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(overlapping()),
        }
    }

    /// Takes a text from it, if that lies out of line.
    #[inline]
    pub(crate) fn spend_text(&mut self, text: &str) -> Result<()> {
        // A text this short lies inline: `read_str` refuses another place for it.
        let inline = text.len() <= STRING_SIZE;
        self.spend(if inline { 0 } else { text.len() })
    }
}

#[cold]
fn overlapping() -> Error {
    Error::corrupt("the values of a record take more bytes than it has: they overlap")
}

/// Where the record starts in its body.
pub(crate) fn root_of(body: &[u8], layout: &Layout) -> Result<usize> {
    match body.len().checked_sub(layout.size) {
        Some(at) => Ok(at),
        None => Err(too_short(body, layout)),
    }
}

#[cold]
fn too_short(body: &[u8], layout: &Layout) -> Error {
    Error::corrupt(format!(
        "a body of {} bytes, its record has {}",
        body.len(),
        layout.size
    ))
}

/// `N` bytes from `at`.
pub(crate) fn read<const N: usize>(body: &[u8], at: usize) -> Result<[u8; N]> {
    match body.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(bytes) => Ok(*bytes),
        None => Err(outside()),
    }
}

#[cold]
fn outside() -> Error {
    Error::corrupt("a value lies outside its record")
}

#[inline]
fn read_scalar(scalar: Scalar, body: &[u8], at: usize) -> Result<ValueRef<'static>> {
    Ok(match scalar {
        Scalar::Bool => match read(body, at)? {
            [0] => ValueRef::Bool(false),
            [1] => ValueRef::Bool(true),
            [byte] => return Err(Error::corrupt(format!("a bool is {byte}, not 0 or 1"))),
        },
        Scalar::U8 => ValueRef::U64(u8::from_le_bytes(read(body, at)?).into()),
        Scalar::U16 => ValueRef::U64(u16::from_le_bytes(read(body, at)?).into()),
        Scalar::U32 => ValueRef::U64(u32::from_le_bytes(read(body, at)?).into()),
        Scalar::U64 => ValueRef::U64(u64::from_le_bytes(read(body, at)?)),
        Scalar::U128 => ValueRef::U128(u128::from_le_bytes(read(body, at)?)),
        Scalar::I8 => ValueRef::I64(i8::from_le_bytes(read(body, at)?).into()),
        Scalar::I16 => ValueRef::I64(i16::from_le_bytes(read(body, at)?).into()),
        Scalar::I32 => ValueRef::I64(i32::from_le_bytes(read(body, at)?).into()),
        Scalar::I64 => ValueRef::I64(i64::from_le_bytes(read(body, at)?)),
        Scalar::I128 => ValueRef::I128(i128::from_le_bytes(read(body, at)?)),
        Scalar::F32 => ValueRef::F32(f32::from_le_bytes(read(body, at)?)),
        Scalar::F64 => ValueRef::F64(f64::from_le_bytes(read(body, at)?)),
        Scalar::Char => {
            let number = u32::from_le_bytes(read(body, at)?);
            let char = char::from_u32(number)
                .ok_or_else(|| Error::corrupt(format!("{number:#x} is not a character")))?;
            ValueRef::Char(char)
        }
        Scalar::Uuid => ValueRef::Uuid(Uuid::from_bytes(read(body, at)?)),
        Scalar::Timestamp => {
            ValueRef::Timestamp(Timestamp::from_micros(i64::from_le_bytes(read(body, at)?)))
        }
        Scalar::Duration => {
            let seconds = u64::from_le_bytes(read(body, at)?);
            let nanos = u32::from_le_bytes(read(body, at + 8)?);
            if nanos >= 1_000_000_000 {
                return Err(Error::corrupt(
                    "a duration has a second or more in nanoseconds",
                ));
            }
            ValueRef::Duration(Duration::new(seconds, nanos))
        }
    })
}

/// The text of the string whose eight bytes lie at `at`.
pub(crate) fn read_str(body: &[u8], at: usize) -> Result<&str> {
    let representation: [u8; STRING_SIZE] = read(body, at)?;
    let [first, ..] = representation;
    let bytes = if first & 0xC0 == 0x80 {
        let [a, b, c, d, offset @ ..] = representation;
        let length = u32::from_le_bytes([a, b, c, d]);
        let length = ((length & 0x3F) | ((length & !0xFF) >> 2)) as usize;
        if length <= STRING_SIZE {
            return Err(Error::corrupt("a short string lies out of line"));
        }
        reach(body, at, i32::from_le_bytes(offset), Some(length))
            .and_then(|start| body.get(start..start + length))
            .ok_or_else(|| Error::corrupt("a string lies outside its record"))?
    } else {
        let length = representation
            .iter()
            .position(|byte| *byte == 0xFF)
            .unwrap_or(STRING_SIZE);
        // The bounds were checked when the representation was read.
        body.get(at..at + length).unwrap_or_default()
    };
    std::str::from_utf8(bytes)
        .map_err(|error| Error::corrupt("a string is not UTF-8").because(error))
}

const STRING_SIZE: usize = 8;

/// Where `offset` leads from `from`, if all `bytes` bytes from there lie in the body.
fn reach(body: &[u8], from: usize, offset: i32, bytes: Option<usize>) -> Option<usize> {
    let start = usize::try_from(i64::try_from(from).ok()? + i64::from(offset)).ok()?;
    let end = start.checked_add(bytes?)?;
    (end <= body.len()).then_some(start)
}

// Lists print their lengths only: in hostile bytes they may overlap, and their elements be endless.
impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} elements]", self.length)
    }
}

impl std::fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{} entries}}", self.length)
    }
}

impl std::fmt::Debug for StructRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = f.debug_map();
        for (i, name) in self.names().enumerate() {
            map.entry(&name, &self.get(i));
        }
        map.finish()
    }
}
