//! Has a document anything in it that a record of a type has no place for?

use super::layout::{FieldLayout, Kind, Layout, VariantLayout};
use super::view::{MapRef, ValueRef};
use crate::base::{Error, Result};

/// Refuses a document with a member that the record has no field for: it would be lost. Whether the
/// values fit is for `Storable::from_value` to say.
pub(crate) fn check_members(document: ValueRef<'_>, layout: &Layout) -> Result<()> {
    match (&layout.kind, document) {
        (Kind::Option(inner), value) => check_members(value, inner),
        (Kind::List(element) | Kind::Array(element, _), ValueRef::List(list)) => list
            .iter()
            .try_for_each(|value| check_members(value?, element)),
        (Kind::Map(map), ValueRef::Map(entries)) => entries.iter().try_for_each(|entry| {
            let (_, value) = entry?;
            check_members(value, &map.value)
        }),
        (Kind::Struct(fields), value) => check_fields(value, fields),
        (Kind::Enum(variants), ValueRef::Map(object)) => check_variant(object, variants),
        _ => Ok(()),
    }
}

fn check_fields(value: ValueRef<'_>, fields: &[FieldLayout]) -> Result<()> {
    match value {
        ValueRef::Map(object) => object.iter().try_for_each(|member| {
            let (name, value) = member?;
            let name = name.as_str().unwrap_or_default();
            match fields.iter().find(|field| field.name == name) {
                Some(field) => check_members(value, &field.layout)
                    .map_err(|error| error.during(format!("field {name:?}"))),
                None => Err(no_field(name, fields)),
            }
        }),
        ValueRef::List(list) if list.len() > fields.len() => Err(Error::invalid(format!(
            "a list of {} elements, for {} fields without names",
            list.len(),
            fields.len()
        ))),
        ValueRef::List(list) => list
            .iter()
            .zip(fields)
            .try_for_each(|(value, field)| check_members(value?, &field.layout)),
        _ => Ok(()),
    }
}

fn check_variant(object: MapRef<'_>, variants: &[VariantLayout]) -> Result<()> {
    object.iter().try_for_each(|member| {
        let (name, fields) = member?;
        let named = |variant: &&VariantLayout| Some(variant.name.as_str()) == name.as_str();
        let variant = variants.iter().find(named);
        variant.map_or(Ok(()), |variant| check_fields(fields, &variant.fields))
    })
}

fn no_field(name: &str, fields: &[FieldLayout]) -> Error {
    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    Error::invalid(format!(
        "there is no field {name:?}; there are {}",
        known.join(", ")
    ))
}
