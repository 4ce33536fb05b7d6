//! How does a value of a document or record sort among others? As what its JSON is, in the order of
//! `codec/key/document.rs`.

use super::json::key_text;
use super::view::{Budget, MapRef, StructRef, ValueRef};
use crate::base::Result;
use crate::codec::key::document::{END, encode_float, encode_integer, encode_unsigned};
use crate::codec::key::number::{encode_bool, encode_i64};
use crate::codec::key::text::{encode_bytes, encode_str};

/// Appends a value's tag and encoding. Takes what it has out of line from the budget.
pub(crate) fn encode(value: ValueRef<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
    out.push(super::filter::tag(value));
    behind_tag(value, budget, out)
}

fn behind_tag(value: ValueRef<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
    value.spend(budget)?;
    match value {
        ValueRef::Null => {}
        ValueRef::Bool(value) => encode_bool(value, out),
        ValueRef::I64(value) => encode_integer(value.into(), out),
        ValueRef::U64(value) => encode_integer(value.into(), out),
        ValueRef::I128(value) => encode_integer(value, out),
        ValueRef::U128(value) => encode_unsigned(value, out),
        ValueRef::F32(value) => encode_float(value.into(), out),
        ValueRef::F64(value) => encode_float(value, out),
        ValueRef::Char(value) => encode_str(value.encode_utf8(&mut [0; 4]), out),
        ValueRef::String(text) => encode_str(text, out),
        ValueRef::Uuid(uuid) => encode_str(uuid.hyphenated().encode_lower(&mut [0; 36]), out),
        ValueRef::Bytes(bytes) => encode_bytes(bytes, out),
        ValueRef::Timestamp(value) => encode_i64(value.as_micros(), out),
        ValueRef::Duration(value) => {
            member("secs", ValueRef::U64(value.as_secs()), budget, out)?;
            member(
                "nanos",
                ValueRef::U64(value.subsec_nanos().into()),
                budget,
                out,
            )?;
            out.push(END);
        }
        ValueRef::List(list) => match list.as_bytes()? {
            Some(bytes) => encode_bytes(bytes, out),
            None => {
                for element in list.iter() {
                    encode(element?, budget, out)?;
                }
                out.push(END);
            }
        },
        ValueRef::Map(map) => members(map, budget, out)?,
        ValueRef::Struct(fields) => self::fields(fields, budget, out)?,
        ValueRef::Variant(variant) if variant.fields().is_empty() => {
            encode_str(variant.name(), out);
        }
        ValueRef::Variant(variant) => {
            member(
                variant.name(),
                ValueRef::Struct(variant.fields()),
                budget,
                out,
            )?;
            out.push(END);
        }
    }
    Ok(())
}

fn members(map: MapRef<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
    for entry in map.iter() {
        let (key, value) = entry?;
        match key {
            ValueRef::String(key) => member(key, value, budget, out)?,
            key => member(&key_text(key), value, budget, out)?,
        }
    }
    out.push(END);
    Ok(())
}

fn fields(fields: StructRef<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
    for (i, name) in fields.names().enumerate() {
        let value = fields.get(i)?.unwrap_or(ValueRef::Null);
        if fields.is_unnamed() {
            encode(value, budget, out)?;
        } else {
            member(name, value, budget, out)?;
        }
    }
    out.push(END);
    Ok(())
}

fn member(key: &str, value: ValueRef<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
    out.push(super::filter::tag(value));
    encode_str(key, out);
    behind_tag(value, budget, out)
}
