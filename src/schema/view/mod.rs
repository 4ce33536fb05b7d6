//! What stands in this body? A typed record read through its descriptor, without its Rust type, or a
//! document: one view of both, so that one filter, one index and one JSON export serve both.
//!
//! Total on hostile bytes: every step checks its bounds and gives `Corrupt`, nothing is deeper than
//! types and documents can be, and nothing is allocated. Reading one field never looks at the others.

mod budget;
mod list;
mod map;
mod plain;
mod raw;
mod structs;

pub use budget::Budget;
pub use list::ListRef;
pub use map::MapRef;
pub(crate) use raw::{STRING_SIZE, read, read_scalar, read_str, read_text_bytes, root_of, row};
pub use structs::{StructRef, VariantRef};

use std::time::Duration;

use uuid::Uuid;

use super::layout::{Kind, Layout, MapLayout, no_such_field};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;
use crate::codec::value::read::{Node, Value};

use list::Row;

/// A value in a record or in a document, borrowed from its bytes.
///
/// Numbers come in the widest type of their kind; `None` is [`Null`](ValueRef::Null) and `Some(x)`
/// is `x`; vectors, arrays and tuples are lists. A document has nulls, bools, integers, `f64`,
/// strings, bytes, timestamps, lists, and maps whose keys are strings.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// `None`, or a document's null.
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
    /// Bytes in a document. (A vector of `u8` is a list.)
    Bytes(&'a [u8]),
    /// A vector, an array, a tuple, or a document's array.
    List(ListRef<'a>),
    /// A map, sorted by key; or a document's object, in its own order.
    Map(MapRef<'a>),
    /// A part that is a struct.
    Struct(StructRef<'a>),
    /// A part that is an enum.
    Variant(VariantRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// A value of a document.
    #[inline]
    pub(crate) fn of_node(node: Node<'a>) -> Result<Self> {
        Ok(match node.read()? {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::I64(value) => Self::I64(value),
            Value::U64(value) => Self::U64(value),
            Value::I128(value) => Self::I128(value),
            Value::U128(value) => Self::U128(value),
            Value::F64(value) => Self::F64(value),
            Value::Timestamp(value) => Self::Timestamp(value),
            Value::String(text) => Self::String(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Array(array) => Self::List(array.into()),
            Value::Object(object) => Self::Map(object.into()),
        })
    }

    /// The fields of a struct or variant; a list where they have no names, as in JSON.
    pub(crate) fn of_fields(fields: StructRef<'a>) -> Self {
        if fields.is_unnamed() {
            Self::List(ListRef::tuple(fields))
        } else {
            Self::Struct(fields)
        }
    }

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

    /// The record itself as a value: its fields have names.
    #[inline]
    pub(crate) fn record(body: &'a [u8], layout: &'a Layout) -> Result<ValueRef<'a>> {
        let root = Self::root(body, layout)?;
        match &layout.kind {
            Kind::Struct(fields) => Ok(ValueRef::Struct(StructRef {
                body,
                at: root.at,
                fields,
            })),
            _ => root.value(),
        }
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
            Kind::Array(element, length) => ValueRef::List(ListRef::row(Row {
                body,
                at,
                element,
                length: *length,
                inline: true,
            })),
            Kind::Tuple(fields) => ValueRef::List(ListRef::tuple(StructRef { body, at, fields })),
            Kind::Map(map) => ValueRef::Map(self.map(map)?),
            Kind::Struct(fields) => ValueRef::of_fields(StructRef { body, at, fields }),
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

    /// The bytes of the text that lies here, where the layout is that of one; whether they are text is not
    /// looked at.
    #[inline]
    pub(crate) fn text_bytes(self) -> Result<&'a [u8]> {
        read_text_bytes(self.body, self.at)
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
        let (at, length) = row(self.body, self.at, element.size)?;
        Ok(ListRef::row(Row {
            body: self.body,
            at,
            element,
            length,
            inline: false,
        }))
    }

    /// The bytes of a vector of bytes.
    pub(crate) fn bytes(self, element: &'a Layout) -> Result<&'a [u8]> {
        let (at, length) = row(self.body, self.at, element.size)?;
        // The bounds were checked where the row was found.
        Ok(self.body.get(at..at + length).unwrap_or_default())
    }

    fn map(self, map: &'a MapLayout) -> Result<MapRef<'a>> {
        let (at, length) = row(self.body, self.at, map.key.size + map.value.size)?;
        Ok(MapRef::entries(self.body, at, map, length))
    }
}
