//! How is a value taken for what it is expected to be?

use super::{ListRef, MapRef, ValueRef};
use crate::base::Result;

impl<'a> ValueRef<'a> {
    /// Whether it is null, or `None`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The bool that it is.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer that it is, of whatever type, where it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I64(value) => Some(value),
            Self::U64(value) => value.try_into().ok(),
            Self::I128(value) => value.try_into().ok(),
            Self::U128(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// The integer that it is, of whatever type, where it fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::I64(value) => value.try_into().ok(),
            Self::U64(value) => Some(value),
            Self::I128(value) => value.try_into().ok(),
            Self::U128(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// The number that it is: the nearest float of an integer.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest float is what is asked for"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F64(value) => Some(value),
            Self::F32(value) => Some(value.into()),
            Self::I64(value) => Some(value as f64),
            Self::U64(value) => Some(value as f64),
            Self::I128(value) => Some(value as f64),
            Self::U128(value) => Some(value as f64),
            _ => None,
        }
    }

    /// The text that it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes that it is.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The list that it is.
    #[must_use]
    pub fn as_list(&self) -> Option<ListRef<'a>> {
        match self {
            Self::List(list) => Some(*list),
            _ => None,
        }
    }

    /// The map, or the object of a document, that it is.
    #[must_use]
    pub fn as_map(&self) -> Option<MapRef<'a>> {
        match self {
            Self::Map(map) => Some(*map),
            _ => None,
        }
    }

    /// The member of an object, the entry of a map with text for keys, or the field of a struct that
    /// has that name; `None` where there is none.
    pub fn get(&self, name: &str) -> Result<Option<ValueRef<'a>>> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Struct(fields) => fields.field(name),
            Self::Variant(variant) if variant.name() == name && self.has_members() => {
                Ok(Some(Self::of_fields(variant.fields())))
            }
            _ => Ok(None),
        }
    }

    /// Whether it is what JSON has an object for.
    pub(crate) fn has_members(&self) -> bool {
        match self {
            Self::Map(_) => true,
            Self::Struct(fields) => !fields.is_unnamed(),
            Self::Variant(variant) => !variant.fields().is_empty(),
            _ => false,
        }
    }
}
