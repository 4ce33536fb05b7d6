//! What is a record made of? Types, record descriptors and index definitions, as data.
//!
//! Only names and types are kept, never offsets: those are recomputed from the types when a
//! descriptor is loaded (`schema/layout.rs`), so that a file cannot forge them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a stored value, as the file's descriptor has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Type {
    /// `bool`: one byte, 0 or 1.
    Bool,
    /// `u8`.
    U8,
    /// `u16`, little-endian like every number in a record.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `u128`.
    U128,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `i128`.
    I128,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`: four bytes, a Unicode scalar value.
    Char,
    /// `String`.
    String,
    /// `uuid::Uuid`: sixteen bytes.
    Uuid,
    /// `larder::Timestamp`: an `i64` of microseconds since 1970 UTC.
    Timestamp,
    /// `std::time::Duration`: seconds as `u64`, nanoseconds as `u32`.
    Duration,
    /// `Option<T>`: a tag byte, then the value.
    Option(Box<Type>),
    /// `Vec<T>`.
    List(Box<Type>),
    /// `[T; N]`.
    Array(Box<Type>, u32),
    /// A tuple of one to six.
    Tuple(Vec<Type>),
    /// `BTreeMap<K, V>` or `HashMap<K, V>`: entries sorted by key.
    Map(Box<Type>, Box<Type>),
    /// A part that is a struct.
    Struct(Vec<FieldType>),
    /// A part that is an enum: a tag byte that is the position of the variant, then its fields.
    Enum(Vec<VariantType>),
}

/// A field of a struct or of a variant. Fields without a name are called `0`, `1`, ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldType {
    /// Its name in the source.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// What it was called in earlier versions, the latest name first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed_from: Vec<String>,
    /// What it is in records of earlier versions, which do not have it: a body of its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<u8>>,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantType {
    /// Its name in the source.
    pub name: String,
    /// Its fields, none for a unit variant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldType>,
    /// What it was called in earlier versions, the latest name first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed_from: Vec<String>,
}

/// Everything the file knows of one version of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordType {
    /// The name of the collection.
    pub name: String,
    /// The version of the record's schema, from 1.
    pub version: u32,
    /// The fields in declaration order.
    pub fields: Vec<FieldType>,
    /// The fields that make up the primary key, in order.
    pub key: Vec<String>,
    /// Whether `insert` assigns the key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
    /// The secondary indexes, in declaration order.
    #[serde(default)]
    pub indexes: Vec<IndexDefinition>,
    /// Whether it takes the program's code to make a record of this version from one of the version
    /// before it. Filled in by the engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_code: bool,
    /// Whether it was never the version of the collection, but only led to the next. Filled in by the
    /// engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// Its name, unique in its collection.
    pub name: String,
    /// What its key is made of; one part, or several for a compound index.
    pub parts: Vec<IndexPart>,
    /// Whether two records may not have the same key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Which records it holds; all where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Of an index over paths of documents: which documents it holds, as the JSON text of a filter; all
    /// where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The paths of fields that its entries have beside its parts, so that queries for these only need no
    /// record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Vec<String>>,
    /// Of an index over paths of documents: whether documents without any of the paths are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sparse: bool,
    /// The Unicode version whose case folding a folded part used, such as `16.0.0`. Another one
    /// means the index is rebuilt. Filled in by the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folding: Option<String>,
}

/// One part of an index key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// The names of the fields from the record down to the value.
    pub path: Vec<String>,
    /// Sorted from the greatest to the least.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
    /// Unicode case folding is applied to the text before it becomes a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fold: bool,
    /// One entry for each element of the list, without repetition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each: bool,
}

/// The condition of a partial index, as data, so that any program can keep the index up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// Every one holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A field compared with a constant. A `None` on the path is less than nothing: only `Equal`
    /// and `NotEqual` with [`Constant::Null`] see it, every other comparison is false.
    Compare {
        /// The names of the fields from the record down to the value.
        path: Vec<String>,
        /// How.
        is: Comparison,
        /// With what.
        value: Constant,
    },
}

/// How a field is compared with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A constant in a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Constant {
    /// `None`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from -2^63 to 2^64 - 1, as its decimal digits: JSON numbers are not exact.
    Integer(String),
    /// A float, as the shortest text that reads back the same.
    Float(String),
    /// Text, and `char`.
    Text(String),
    /// The name of a unit variant.
    Variant(String),
}

impl Type {
    /// Whether both have the same values, and these the same bytes: what only matters to other versions
    /// is not looked at.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Option(one), Self::Option(other)) | (Self::List(one), Self::List(other)) => {
                one.same_shape(other)
            }
            (Self::Array(one, length), Self::Array(other, other_length)) => {
                length == other_length && one.same_shape(other)
            }
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.same_shape(other_key) && value.same_shape(other_value)
            }
            (Self::Tuple(one), Self::Tuple(other)) => all_alike(one, other, Self::same_shape),
            (Self::Struct(one), Self::Struct(other)) => {
                all_alike(one, other, FieldType::same_shape)
            }
            (Self::Enum(one), Self::Enum(other)) => {
                all_alike(one, other, |one: &VariantType, other| {
                    one.name == other.name
                        && all_alike(&one.fields, &other.fields, FieldType::same_shape)
                })
            }
            _ => self == other,
        }
    }
}

impl FieldType {
    fn same_shape(&self, other: &Self) -> bool {
        self.name == other.name && self.ty.same_shape(&other.ty)
    }
}

fn all_alike<T>(one: &[T], other: &[T], alike: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
}

impl fmt::Display for IndexDefinition {
    /// What it is over, and how: `(tags, stars descending) unique`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, "(", ")", &self.parts, IndexPart::fmt)?;
        for (is, word) in [(self.unique, " unique"), (self.sparse, " sparse")] {
            if is {
                f.write_str(word)?;
            }
        }
        if !self.include.is_empty() {
            let included = self.include.iter().map(|path| path.join("."));
            write!(f, " including {}", included.collect::<Vec<_>>().join(", "))?;
        }
        match &self.filter {
            Some(filter) => write!(f, " only {filter}"),
            None if self.condition.is_some() => f.write_str(" partial"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for IndexPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))?;
        for (is, word) in [
            (self.each, " each"),
            (self.fold, " folded"),
            (self.descending, " descending"),
        ] {
            if is {
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Type {
    /// The type as Rust would write it, parts by their fields: `Option<u64>`, `{lat: f64}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::U128 => "u128",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::I128 => "i128",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "String",
            Self::Uuid => "Uuid",
            Self::Timestamp => "Timestamp",
            Self::Duration => "Duration",
            Self::Option(inner) => return write!(f, "Option<{inner}>"),
            Self::List(inner) => return write!(f, "Vec<{inner}>"),
            Self::Array(inner, length) => return write!(f, "[{inner}; {length}]"),
            Self::Map(key, value) => return write!(f, "Map<{key}, {value}>"),
            Self::Tuple(elements) => return write_list(f, "(", ")", elements, Type::fmt),
            Self::Struct(fields) => return write_list(f, "{", "}", fields, FieldType::fmt),
            Self::Enum(variants) => {
                return write_list(f, "enum {", "}", variants, VariantType::fmt);
            }
        };
        f.write_str(plain)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)
    }
}

impl fmt::Display for VariantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.fields.is_empty() {
            return Ok(());
        }
        write_list(f, "(", ")", &self.fields, FieldType::fmt)
    }
}

fn write_list<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    close: &str,
    items: &[T],
    write: impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(item, f)?;
    }
    f.write_str(close)
}
