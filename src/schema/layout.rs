//! Where does each value of a record lie? Offsets and sizes, computed from the types.
//!
//! What rkyv 0.8 writes with `little_endian`, `unaligned` and `pointer_width_32` (its book, *Format*;
//! the macro's const assertions hold it to this):
//!
//! ```text
//! TYPE                SIZE          MEANING
//! bool, u8, i8        1             bool is 0 or 1
//! u16 .. i128, f64    2 .. 16       little-endian
//! char                4             Unicode scalar value
//! Uuid                16            as the RFC 9562 orders them
//! Timestamp           8             i64, microseconds
//! Duration            12            u64 seconds, u32 nanoseconds
//! String              8             up to 8 bytes inline, ended by FF; or, bits 6-7 of byte 0 being
//!                                   10, u32 length (bits 0-5, 8-31), i32 offset from here
//! Vec, Map            8             i32 offset from here, u32 count; elements lie side by side, a
//!                                   map's are (key, value) sorted by key
//! Option              1 + inner     0 none, 1 some
//! struct, tuple       sum           fields in declaration order, no padding
//! enum                1 + largest   position of the variant, then its fields
//! ```
//! The record itself is the last thing in the body.

use super::types::{FieldType, RecordType, Type, VariantType};
use crate::base::limits::{BODY_BYTES_MAX, TYPE_DEPTH_MAX};
use crate::base::{Error, ErrorKind, Result};

/// A type with its size in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) size: usize,
    pub(crate) kind: Kind,
}

/// What a layout is made of.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    String,
    Option(Box<Layout>),
    List(Box<Layout>),
    Array(Box<Layout>, usize),
    Map(Box<MapLayout>),
    /// Fields in order, tuples too (their fields are called `0`, `1`, ...).
    Struct(Fields),
    Tuple(Fields),
    Enum(Vec<VariantLayout>),
}

/// A value of fixed size that holds nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
    Char,
    Uuid,
    Timestamp,
    Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct MapLayout {
    pub(crate) key: Layout,
    pub(crate) value: Layout,
}

pub(crate) type Fields = Vec<FieldLayout>;

#[derive(Clone, Debug)]
pub(crate) struct FieldLayout {
    pub(crate) name: String,
    /// Bytes from the start of what holds it.
    pub(crate) offset: usize,
    pub(crate) layout: Layout,
}

#[derive(Clone, Debug)]
pub(crate) struct VariantLayout {
    pub(crate) name: String,
    /// Offsets count from the tag byte.
    pub(crate) fields: Fields,
}

impl Layout {
    /// The layout of a record's body.
    pub(crate) fn of_record(record: &RecordType) -> Result<Self> {
        Self::of_fields(&record.fields, 0)
    }

    /// The layout of a value of that type by itself.
    pub(crate) fn of_type(ty: &Type) -> Result<Self> {
        Self::of(ty, 0)
    }

    /// The field of that name, where this is something with fields.
    pub(crate) fn field(&self, name: &str) -> Option<&FieldLayout> {
        match &self.kind {
            Kind::Struct(fields) | Kind::Tuple(fields) => fields.iter().find(|f| f.name == name),
            _ => None,
        }
    }

    /// The same, looking first where it is likely to be.
    pub(crate) fn field_near(&self, name: &str, position: u16) -> Option<&FieldLayout> {
        match &self.kind {
            Kind::Struct(fields) => match fields.get(usize::from(position)) {
                Some(field) if field.name == name => Some(field),
                _ => self.field(name),
            },
            _ => self.field(name),
        }
    }

    /// An option of that layout.
    pub(crate) fn option(inner: Self) -> Self {
        Self {
            size: inner.size + 1,
            kind: Kind::Option(Box::new(inner)),
        }
    }

    fn of_fields(fields: &[FieldType], depth: usize) -> Result<Self> {
        let (fields, size) = lay_out(fields.iter().map(|f| (f.name.clone(), &f.ty)), 0, depth)?;
        Ok(Self {
            size,
            kind: Kind::Struct(fields),
        })
    }

    fn of(ty: &Type, depth: usize) -> Result<Self> {
        if depth > TYPE_DEPTH_MAX {
            return Err(Error::limit(format!(
                "a record type is nested deeper than {TYPE_DEPTH_MAX} levels"
            )));
        }
        let inner = |ty: &Type| Self::of(ty, depth + 1).map(Box::new);
        let scalar = |size, scalar| {
            Ok(Self {
                size,
                kind: Kind::Scalar(scalar),
            })
        };
        match ty {
            Type::Bool => scalar(1, Scalar::Bool),
            Type::U8 => scalar(1, Scalar::U8),
            Type::U16 => scalar(2, Scalar::U16),
            Type::U32 => scalar(4, Scalar::U32),
            Type::U64 => scalar(8, Scalar::U64),
            Type::U128 => scalar(16, Scalar::U128),
            Type::I8 => scalar(1, Scalar::I8),
            Type::I16 => scalar(2, Scalar::I16),
            Type::I32 => scalar(4, Scalar::I32),
            Type::I64 => scalar(8, Scalar::I64),
            Type::I128 => scalar(16, Scalar::I128),
            Type::F32 => scalar(4, Scalar::F32),
            Type::F64 => scalar(8, Scalar::F64),
            Type::Char => scalar(4, Scalar::Char),
            Type::Uuid => scalar(16, Scalar::Uuid),
            Type::Timestamp => scalar(8, Scalar::Timestamp),
            Type::Duration => scalar(12, Scalar::Duration),
            Type::String => Ok(Self {
                size: 8,
                kind: Kind::String,
            }),
            Type::Option(ty) => {
                let inner = inner(ty)?;
                Ok(Self {
                    size: sum(inner.size, 1)?,
                    kind: Kind::Option(inner),
                })
            }
            Type::List(ty) => Ok(Self {
                size: 8,
                kind: Kind::List(inner(ty)?),
            }),
            Type::Array(ty, length) => {
                let (inner, length) = (inner(ty)?, *length as usize);
                if inner.size == 0 && length > 0 {
                    return Err(Error::corrupt("an array repeats an element of no size"));
                }
                let size = inner.size.checked_mul(length).ok_or_else(too_large)?;
                Ok(Self {
                    size: sum(size, 0)?,
                    kind: Kind::Array(inner, length),
                })
            }
            Type::Map(key, value) => {
                let map = MapLayout {
                    key: *inner(key)?,
                    value: *inner(value)?,
                };
                sum(map.key.size, map.value.size)?;
                Ok(Self {
                    size: 8,
                    kind: Kind::Map(Box::new(map)),
                })
            }
            Type::Tuple(types) => {
                let named = types.iter().enumerate().map(|(i, ty)| (i.to_string(), ty));
                let (fields, size) = lay_out(named, 0, depth + 1)?;
                Ok(Self {
                    size,
                    kind: Kind::Tuple(fields),
                })
            }
            Type::Struct(fields) => Self::of_fields(fields, depth + 1),
            Type::Enum(variants) => Self::of_enum(variants, depth + 1),
        }
    }

    fn of_enum(variants: &[VariantType], depth: usize) -> Result<Self> {
        if variants.is_empty() || variants.len() > 256 {
            return Err(Error::corrupt(
                "an enum in a descriptor has no variants, or more than 256",
            ));
        }
        let mut largest = 1;
        let mut layouts = Vec::with_capacity(variants.len());
        for variant in variants {
            let named = variant.fields.iter().map(|f| (f.name.clone(), &f.ty));
            let (fields, size) = lay_out(named, 1, depth)?;
            largest = largest.max(size);
            layouts.push(VariantLayout {
                name: variant.name.clone(),
                fields,
            });
        }
        Ok(Self {
            size: largest,
            kind: Kind::Enum(layouts),
        })
    }
}

/// Puts fields side by side from `start`; gives them and where the last one ends.
fn lay_out<'a>(
    types: impl Iterator<Item = (String, &'a Type)>,
    start: usize,
    depth: usize,
) -> Result<(Fields, usize)> {
    let mut offset = start;
    let mut fields = Vec::new();
    for (name, ty) in types {
        let layout = Layout::of(ty, depth)?;
        let next = sum(offset, layout.size)?;
        fields.push(FieldLayout {
            name,
            offset,
            layout,
        });
        offset = next;
    }
    Ok((fields, offset))
}

/// A size that stays within what a body can be.
fn sum(a: usize, b: usize) -> Result<usize> {
    a.checked_add(b)
        .filter(|sum| *sum <= BODY_BYTES_MAX)
        .ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::limit("a record type is larger than any body can be")
}

/// The way from a record down to one of its values, names resolved to offsets once.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Where options are crossed: bytes to their tag from where the step before led.
    options: Vec<usize>,
    /// Bytes to the value from where the last option's tag is, or from the record's start.
    rest: usize,
    pub(crate) layout: Layout,
}

impl Route {
    /// Resolves a path of field names. An option on the way is crossed, and leads nowhere when it
    /// is `None`; an option at the end is part of the value.
    pub(crate) fn resolve(
        record: &Layout,
        path: &[impl AsRef<str>],
        collection: &str,
    ) -> Result<Self> {
        let mut options = Vec::new();
        let (mut rest, mut layout) = (0, record);
        for name in path {
            let name = name.as_ref();
            while let Kind::Option(inner) = &layout.kind {
                options.push(rest);
                (rest, layout) = (1, inner);
            }
            let field = layout
                .field(name)
                .ok_or_else(|| no_such_field(path, collection))?;
            rest += field.offset;
            layout = &field.layout;
        }
        Ok(Self {
            options,
            rest,
            layout: layout.clone(),
        })
    }

    /// Whether the value may be missing because an option before it is `None`.
    pub(crate) fn crosses_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Where the value lies in `body`, whose record starts at `root`; `None` behind an absent option.
    pub(crate) fn follow(&self, body: &[u8], root: usize) -> Result<Option<usize>> {
        let mut at = root;
        for option in &self.options {
            at += option;
            match body.get(at) {
                Some(0) => return Ok(None),
                Some(1) => {}
                _ => return Err(Error::corrupt("an option's tag is neither 0 nor 1")),
            }
        }
        Ok(Some(at + self.rest))
    }
}

/// The error for a path that leads to no field.
pub(crate) fn no_such_field(path: &[impl AsRef<str>], collection: &str) -> Error {
    let path = join(path);
    Error::new(
        ErrorKind::NotFound,
        format!("collection {collection:?} has no field {path}"),
    )
}

/// A path as people write it: `location.lat`.
pub(crate) fn join(path: &[impl AsRef<str>]) -> String {
    path.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(".")
}
