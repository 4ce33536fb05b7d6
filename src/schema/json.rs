//! How does a value become JSON? One way for documents and records: its extended forms are those of
//! [`codec/value/json`](crate::codec::value::json), so that reading what is written here gives the
//! value.
//!
//! - A struct is an object; one whose fields have no names a list. A variant is its name, or an
//!   object of its name and its fields.
//! - A map is an object: its keys, where they are no text, become it.
//! - A character and a `Uuid` are text, a `Duration` is `{"secs": .., "nanos": ..}`, as serde has it;
//!   vectors and arrays of `u8` are bytes.

use std::cell::RefCell;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::storable::duration_text;
use super::view::{Budget, ListRef, MapRef, StructRef, ValueRef};
use crate::base::{Error, Result};
use crate::codec::value::json::{
    BYTES, FLOAT, INT, LITERAL, TIME, bytes_text, float_text, form_of,
};
use crate::codec::value::read::Node;

/// The JSON text of a value in a body of that many bytes.
pub(crate) fn to_text(value: ValueRef<'_>, bytes: usize) -> Result<String> {
    write(value, bytes, |json| serde_json::to_string(json))
}

/// The same on several lines, indented.
pub(crate) fn to_text_pretty(value: ValueRef<'_>, bytes: usize) -> Result<String> {
    write(value, bytes, |json| serde_json::to_string_pretty(json))
}

/// The value as one of `serde_json`.
pub(crate) fn to_value(value: ValueRef<'_>, bytes: usize) -> Result<serde_json::Value> {
    write(value, bytes, |json| serde_json::to_value(json))
}

/// The document in a body as a value of `serde_json`.
pub(crate) fn document_to_value(body: &[u8]) -> Result<serde_json::Value> {
    to_value(ValueRef::of_node(Node::root(body))?, body.len())
}

/// Gives `to` what serde can write, and takes the damage that it meets out of serde's error.
fn write<T>(
    value: ValueRef<'_>,
    bytes: usize,
    to: impl FnOnce(&Json<'_>) -> serde_json::Result<T>,
) -> Result<T> {
    let reading = RefCell::new(Reading {
        budget: Budget::new(bytes),
        failed: None,
    });
    let json = Json {
        value,
        reading: &reading,
    };
    to(&json).map_err(|error| {
        let failed = reading.borrow_mut().failed.take();
        failed.unwrap_or_else(|| Error::invalid("a value cannot be written as JSON").because(error))
    })
}

struct Reading {
    budget: Budget,
    failed: Option<Error>,
}

/// A value as serde sees it.
struct Json<'a> {
    value: ValueRef<'a>,
    reading: &'a RefCell<Reading>,
}

impl<'a> Json<'a> {
    fn of(&self, value: ValueRef<'a>) -> Self {
        Self {
            value,
            reading: self.reading,
        }
    }

    /// What was read; a failure is kept for who began.
    fn read<T, E: serde::ser::Error>(&self, read: Result<T>) -> Result<T, E> {
        read.map_err(|error| {
            let told = E::custom(&error);
            self.reading.borrow_mut().failed = Some(error);
            told
        })
    }

    fn list<S: Serializer>(&self, list: ListRef<'a>, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(bytes) = self.read(list.as_bytes())? {
            return form(serializer, BYTES, &bytes_text(bytes));
        }
        let mut to = serializer.serialize_seq(None)?;
        for element in list.iter() {
            to.serialize_element(&self.of(self.read(element)?))?;
        }
        to.end()
    }

    fn map<S: Serializer>(&self, map: MapRef<'a>, serializer: S) -> Result<S::Ok, S::Error> {
        if self.read(looks_like_a_form(map))? {
            let mut to = serializer.serialize_map(Some(1))?;
            to.serialize_entry(LITERAL, &Members(self, map))?;
            return to.end();
        }
        Members(self, map).serialize(serializer)
    }

    fn fields<S: Serializer>(
        &self,
        fields: StructRef<'a>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let value = |i| {
            self.read(fields.get(i))
                .map(|value| self.of(value.unwrap_or(ValueRef::Null)))
        };
        if fields.is_unnamed() {
            let mut to = serializer.serialize_seq(Some(fields.len()))?;
            for i in 0..fields.len() {
                to.serialize_element(&value(i)?)?;
            }
            return to.end();
        }
        let mut to = serializer.serialize_map(Some(fields.len()))?;
        for (i, name) in fields.names().enumerate() {
            to.serialize_entry(name, &value(i)?)?;
        }
        to.end()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let spent = self.value.spend(&mut self.reading.borrow_mut().budget);
        self.read(spent)?;
        match self.value {
            ValueRef::Null => to.serialize_unit(),
            ValueRef::Bool(value) => to.serialize_bool(value),
            ValueRef::I64(value) => to.serialize_i64(value),
            ValueRef::U64(value) => to.serialize_u64(value),
            ValueRef::I128(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => to.serialize_i64(value),
                (_, Ok(value)) => to.serialize_u64(value),
                _ => form(to, INT, &value.to_string()),
            },
            ValueRef::U128(value) => match u64::try_from(value) {
                Ok(value) => to.serialize_u64(value),
                Err(_) => form(to, INT, &value.to_string()),
            },
            ValueRef::F32(value) if value.is_finite() => to.serialize_f32(value),
            ValueRef::F32(value) => float(value.into(), to),
            ValueRef::F64(value) => float(value, to),
            ValueRef::Char(value) => to.serialize_char(value),
            ValueRef::String(text) => to.serialize_str(text),
            ValueRef::Bytes(bytes) => form(to, BYTES, &bytes_text(bytes)),
            ValueRef::Uuid(value) => to.serialize_str(&value.to_string()),
            ValueRef::Timestamp(value) => form(to, TIME, &value.to_string()),
            ValueRef::Duration(value) => value.serialize(to),
            ValueRef::List(list) => self.list(list, to),
            ValueRef::Map(map) => self.map(map, to),
            ValueRef::Struct(fields) => self.fields(fields, to),
            ValueRef::Variant(variant) if variant.fields().is_empty() => {
                to.serialize_str(variant.name())
            }
            ValueRef::Variant(variant) => {
                let mut object = to.serialize_map(Some(1))?;
                object.serialize_entry(variant.name(), &Fields(self, variant.fields()))?;
                object.end()
            }
        }
    }
}

/// The members of an object, as they are.
struct Members<'j, 'a>(&'j Json<'a>, MapRef<'a>);

impl Serialize for Members<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(json, map) = self;
        let mut to = to.serialize_map(None)?;
        for entry in map.iter() {
            let (key, value) = json.read(entry)?;
            let spent = key.spend(&mut json.reading.borrow_mut().budget);
            json.read(spent)?;
            match key {
                ValueRef::String(key) => to.serialize_entry(key, &json.of(value))?,
                key => to.serialize_entry(&key_text(key), &json.of(value))?,
            }
        }
        to.end()
    }
}

/// The fields of a variant.
struct Fields<'j, 'a>(&'j Json<'a>, StructRef<'a>);

impl Serialize for Fields<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.fields(self.1, to)
    }
}

/// Whether an object would be read as one of the extended forms.
fn looks_like_a_form(map: MapRef<'_>) -> Result<bool> {
    if map.len() == 1 {
        return Ok(match map.iter().next().transpose()? {
            Some((ValueRef::String(key), _)) => form_of(key).is_some(),
            _ => false,
        });
    }
    Ok(map.get(LITERAL)?.is_some())
}

fn float<S: Serializer>(value: f64, to: S) -> Result<S::Ok, S::Error> {
    match float_text(value) {
        Some(text) => form(to, FLOAT, text),
        None => to.serialize_f64(value),
    }
}

fn form<S: Serializer>(to: S, name: &str, says: &str) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_map(Some(1))?;
    object.serialize_entry(name, says)?;
    object.end()
}

/// The key of a map as that of an object.
pub(crate) fn key_text(key: ValueRef<'_>) -> String {
    match key {
        ValueRef::Bool(value) => value.to_string(),
        ValueRef::I64(value) => value.to_string(),
        ValueRef::U64(value) => value.to_string(),
        ValueRef::I128(value) => value.to_string(),
        ValueRef::U128(value) => value.to_string(),
        ValueRef::F32(value) => format!("{value:?}"),
        ValueRef::F64(value) => format!("{value:?}"),
        ValueRef::Char(value) => value.to_string(),
        ValueRef::Uuid(value) => value.to_string(),
        ValueRef::Timestamp(value) => value.to_string(),
        ValueRef::Duration(value) => duration_text(value),
        // Nothing else is the key of a map.
        other => format!("{other:?}"),
    }
}
