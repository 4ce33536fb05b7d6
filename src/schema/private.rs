//! What does the code that the macros write need? Not for anybody else.
//!
//! Here stand the words that generated code is made of, so that it is short and knows no details.

pub use super::index_key::{Comparable, EachKey, FieldAt, FoldKey, IndexKey, Through, UnitVariant};
pub use super::types::{
    Comparison, Condition, Constant, FieldType, IndexDefinition, IndexPart, RecordType, Type,
    VariantType,
};

pub use super::step::{Step, check_step, steps, steps_and_back};

use super::body::encode;
use super::storable::{Storable, not_a};
use super::view::{Budget, StructRef, ValueRef};
use crate::base::{Error, Result, limits};

/// Compiles only if a type is nested no deeper than a descriptor can be.
///
/// # Panics
///
/// At compile time, if it is.
pub const fn check_depth(depth: usize) {
    assert!(
        depth <= limits::TYPE_DEPTH_MAX,
        "lists, maps, options and parts are nested more than 32 deep in this type; keep some of it \
         in a collection of its own"
    );
}

/// The greatest of the numbers, 0 if there are none.
#[must_use]
pub const fn greatest(mut numbers: &[usize]) -> usize {
    let mut greatest = 0;
    while let [first, rest @ ..] = numbers {
        if *first > greatest {
            greatest = *first;
        }
        numbers = rest;
    }
    greatest
}

/// Compiles only if `E` has a unit variant whose name has that hash.
pub const fn unit_variant<E: UnitVariant<NAME>, const NAME: u64>() {}

/// An owned text.
#[must_use]
pub fn text(text: &str) -> String {
    text.to_owned()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A field as data.
#[must_use]
pub fn field_type<T: Storable>(name: &str) -> FieldType {
    FieldType {
        name: name.to_owned(),
        ty: T::describe(),
        renamed_from: Vec::new(),
        default: None,
    }
}

/// A field that had other names in earlier versions, the latest first.
#[must_use]
pub fn renamed(field: FieldType, from: &[&str]) -> FieldType {
    FieldType {
        renamed_from: texts(from),
        ..field
    }
}

/// A field that records of earlier versions do not have, and what it is there.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "generated code has no use for it"
)]
pub fn defaulted<T: Storable>(field: FieldType, value: T) -> FieldType {
    let mut body = Vec::new();
    // A value that no body can hold is none.
    let default = encode(&value, &mut body).ok().map(|()| body);
    FieldType { default, ..field }
}

/// A struct as data.
#[must_use]
pub fn struct_type<const N: usize>(fields: [FieldType; N]) -> Type {
    Type::Struct(fields.into())
}

/// A variant as data.
#[must_use]
pub fn variant_type<const N: usize>(name: &str, fields: [FieldType; N]) -> VariantType {
    VariantType {
        name: name.to_owned(),
        fields: fields.into(),
        renamed_from: Vec::new(),
    }
}

/// A variant that had other names in earlier versions, the latest first.
#[must_use]
pub fn renamed_variant(variant: VariantType, from: &[&str]) -> VariantType {
    VariantType {
        renamed_from: texts(from),
        ..variant
    }
}

/// An enum as data.
#[must_use]
pub fn enum_type<const N: usize>(variants: [VariantType; N]) -> Type {
    Type::Enum(variants.into())
}

/// A record as data.
#[must_use]
pub fn record_type<const F: usize, const I: usize>(
    name: &str,
    version: u32,
    fields: [FieldType; F],
    key: &[&str],
    auto: bool,
    indexes: [IndexDefinition; I],
) -> RecordType {
    RecordType {
        name: name.to_owned(),
        version,
        fields: fields.into(),
        key: texts(key),
        auto,
        indexes: indexes.into(),
        by_code: false,
        passed: false,
    }
}

/// An index as data.
#[must_use]
pub fn index<const N: usize>(
    name: &str,
    unique: bool,
    parts: [IndexPart; N],
    condition: Option<Condition>,
    include: &[&[&str]],
) -> IndexDefinition {
    IndexDefinition {
        name: name.to_owned(),
        parts: parts.into(),
        unique,
        condition,
        filter: None,
        sparse: false,
        include: include.iter().map(|path| texts(path)).collect(),
        folding: None,
    }
}

/// A part of an index as data.
#[must_use]
pub fn index_part(path: &[&str], descending: bool, fold: bool, each: bool) -> IndexPart {
    IndexPart {
        path: texts(path),
        descending,
        fold,
        each,
    }
}

/// Every condition.
#[must_use]
pub fn all<const N: usize>(conditions: [Condition; N]) -> Condition {
    Condition::All(conditions.into())
}

/// At least one condition.
#[must_use]
pub fn any<const N: usize>(conditions: [Condition; N]) -> Condition {
    Condition::Any(conditions.into())
}

/// Not that condition.
#[must_use]
pub fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

/// A comparison.
#[must_use]
pub fn compare(path: &[&str], is: Comparison, value: Constant) -> Condition {
    Condition::Compare {
        path: texts(path),
        is,
        value,
    }
}

/// The fields of a struct or of a variant, wherever they stand.
#[derive(Clone, Copy)]
pub enum FieldsOf<'a> {
    /// In a record.
    Stored(StructRef<'a>),
    /// In a document: an object where fields have names, a list where they have none.
    Document(ValueRef<'a>),
}

impl<'a> FieldsOf<'a> {
    fn field(&self, name: &str) -> Result<Option<ValueRef<'a>>> {
        match self {
            Self::Stored(fields) => fields.field(name),
            Self::Document(ValueRef::Map(object)) => object.get(name),
            Self::Document(ValueRef::List(list)) => match name.parse() {
                Ok(position) => list.get(position),
                Err(_) => Ok(None),
            },
            // A variant without fields is its name alone.
            Self::Document(_) => Ok(None),
        }
    }
}

/// A variant of an enum, wherever it stands.
#[derive(Clone, Copy)]
pub struct VariantOf<'a> {
    name: &'a str,
    fields: FieldsOf<'a>,
}

impl<'a> VariantOf<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> FieldsOf<'a> {
        self.fields
    }
}

/// The struct that `value` is.
pub fn struct_of<'a>(value: ValueRef<'a>, name: &str) -> Result<FieldsOf<'a>> {
    match value {
        ValueRef::Struct(fields) => Ok(FieldsOf::Stored(fields)),
        ValueRef::Map(_) | ValueRef::List(_) => Ok(FieldsOf::Document(value)),
        other => Err(not_a(name, other)),
    }
}

/// The variant that `value` is. In a document it is its name, or an object of its name and fields.
pub fn variant_of<'a>(value: ValueRef<'a>, name: &str) -> Result<VariantOf<'a>> {
    match value {
        ValueRef::Variant(variant) => Ok(VariantOf {
            name: variant.name(),
            fields: FieldsOf::Stored(variant.fields()),
        }),
        ValueRef::String(name) => Ok(VariantOf {
            name,
            fields: FieldsOf::Document(ValueRef::Null),
        }),
        ValueRef::Map(object) if object.len() == 1 => match object.iter().next().transpose()? {
            Some((ValueRef::String(name), fields)) => Ok(VariantOf {
                name,
                fields: FieldsOf::Document(fields),
            }),
            _ => Err(not_a(name, value)),
        },
        other => Err(not_a(name, other)),
    }
}

/// The error for a variant that the enum does not have.
#[must_use]
pub fn unknown_variant(name: &str, variant: &str) -> Error {
    Error::corrupt(format!("the enum `{name}` has no variant `{variant}`"))
}

/// The field called `name`, or what it is where the stored struct has none.
pub fn read_field<T: Storable>(fields: FieldsOf<'_>, name: &str, budget: &mut Budget) -> Result<T> {
    read_field_or(fields, name, budget, T::absent)
}

/// The field called `name`, or what `absent` gives where the stored struct has none.
pub fn read_field_or<T: Storable>(
    fields: FieldsOf<'_>,
    name: &str,
    budget: &mut Budget,
    absent: impl FnOnce() -> Option<T>,
) -> Result<T> {
    match fields.field(name)? {
        Some(value) => {
            T::from_value(value, budget).map_err(|error| error.during(format!("field {name:?}")))
        }
        None => absent()
            .ok_or_else(|| Error::corrupt(format!("there is no field {name:?} in what is stored"))),
    }
}

/// The name of a key that is a struct: its fields' one behind the other, as a tuple's.
#[must_use]
pub fn describe_struct_key(fields: &[String]) -> String {
    format!("({})", fields.join(", "))
}

/// The name of a key that is an enum.
#[must_use]
pub fn describe_enum_key(variants: &[(&str, &[String])]) -> String {
    let variant = |(name, fields): &(&str, &[String])| {
        if fields.is_empty() {
            (*name).to_owned()
        } else {
            format!("{name}({})", fields.join(", "))
        }
    };
    format!(
        "enum {{{}}}",
        variants.iter().map(variant).collect::<Vec<_>>().join(", ")
    )
}
