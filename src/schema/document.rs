//! How is a value of a record written as a document? As its JSON is (`schema/json.rs`), but that bytes,
//! timestamps and numbers are what they are.

use super::json::key_text;
use super::view::{Budget, StructRef, ValueRef};
use crate::base::Result;
use crate::codec::value::write::Writer;

/// Writes a value. Takes what it has out of line from the budget.
pub(crate) fn write(
    value: ValueRef<'_>,
    budget: &mut Budget,
    writer: &mut Writer<'_>,
) -> Result<()> {
    value.spend(budget)?;
    match value {
        ValueRef::Null => writer.null(),
        ValueRef::Bool(value) => writer.bool(value),
        ValueRef::I64(value) => writer.i64(value),
        ValueRef::U64(value) => writer.u64(value),
        ValueRef::I128(value) => writer.i128(value),
        ValueRef::U128(value) => writer.u128(value),
        ValueRef::F32(value) => writer.f64(value.into()),
        ValueRef::F64(value) => writer.f64(value),
        ValueRef::Char(value) => writer.string(value.encode_utf8(&mut [0; 4]))?,
        ValueRef::String(text) => writer.string(text)?,
        ValueRef::Uuid(uuid) => writer.string(uuid.hyphenated().encode_lower(&mut [0; 36]))?,
        ValueRef::Bytes(bytes) => writer.bytes(bytes)?,
        ValueRef::Timestamp(value) => writer.timestamp(value),
        ValueRef::Duration(value) => {
            let open = writer.begin_object(2)?;
            writer.member(&open, "secs")?;
            writer.u64(value.as_secs());
            writer.member(&open, "nanos")?;
            writer.u64(value.subsec_nanos().into());
            writer.end_object(&open)?;
        }
        ValueRef::List(list) => match list.as_bytes()? {
            Some(bytes) => writer.bytes(bytes)?,
            None => {
                let open = writer.begin_array(list.len())?;
                for element in list.iter() {
                    writer.element(&open);
                    write(element?, budget, writer)?;
                }
                writer.end_array(&open)?;
            }
        },
        ValueRef::Map(map) => {
            let open = writer.begin_object(map.len())?;
            for entry in map.iter() {
                let (key, value) = entry?;
                match key {
                    ValueRef::String(key) => writer.member(&open, key)?,
                    key => writer.member(&open, &key_text(key))?,
                }
                write(value, budget, writer)?;
            }
            writer.end_object(&open)?;
        }
        ValueRef::Struct(fields) => write_fields(fields, budget, writer)?,
        ValueRef::Variant(variant) if variant.fields().is_empty() => {
            writer.string(variant.name())?;
        }
        ValueRef::Variant(variant) => {
            let open = writer.begin_object(1)?;
            writer.member(&open, variant.name())?;
            write_fields(variant.fields(), budget, writer)?;
            writer.end_object(&open)?;
        }
    }
    Ok(())
}

fn write_fields(fields: StructRef<'_>, budget: &mut Budget, writer: &mut Writer<'_>) -> Result<()> {
    let value = |i| Ok(fields.get(i)?.unwrap_or(ValueRef::Null));
    if fields.is_unnamed() {
        let open = writer.begin_array(fields.len())?;
        for i in 0..fields.len() {
            writer.element(&open);
            write(value(i)?, budget, writer)?;
        }
        return writer.end_array(&open);
    }
    let open = writer.begin_object(fields.len())?;
    for (i, name) in fields.names().enumerate() {
        writer.member(&open, name)?;
        write(value(i)?, budget, writer)?;
    }
    writer.end_object(&open)
}
