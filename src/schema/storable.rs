//! What can stand in a field? The trait that decides it, and std's types that can.
//!
//! The trait chooses how a type is archived, so that the macros decide nothing by the spelling of
//! a type: aliases, nested maps and boxes work.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use rkyv::bytecheck::CheckBytes;
use rkyv::option::ArchivedOption;
use rkyv::rancor::{Failure, Strategy};
use rkyv::tuple::{
    ArchivedTuple1, ArchivedTuple2, ArchivedTuple3, ArchivedTuple4, ArchivedTuple5, ArchivedTuple6,
};
use rkyv::validation::archive::ArchiveValidator;
use rkyv::vec::ArchivedVec;
use rkyv::with::{ArchiveWith, DeserializeWith, Identity, Map, SerializeWith};
use rkyv::{Archive, Archived, Deserialize, Portable, Serialize};
use uuid::Uuid;

use super::archive::{Boxed, SortedMap};
use super::body::{BodyReader, BodyWriter};
use super::types::Type;
use super::view::{Budget, ListRef, MapRef, ValueRef};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

/// A type that a field of a record can have.
///
/// Integers of fixed size, `f32`, `f64`, `bool`, `char`, `String`, [`Uuid`], [`Timestamp`],
/// [`Duration`], `Option`, `Vec`, arrays, `Box`, tuples, `BTreeMap` and `HashMap`; a struct or enum
/// of your own with `#[larder::part]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a record",
    label = "not a type that larder can store",
    note = "for a struct or enum of your own add `#[larder::part]` to it",
    note = "stored as they are: integers of fixed size, floats, `bool`, `char`, `String`, `Uuid`, \
            `larder::Timestamp`, `Duration`, and `Option`, `Vec`, arrays, `Box`, tuples, `BTreeMap` \
            and `HashMap` of these"
)]
pub trait Storable: Sized {
    /// How it lies in a body.
    type Stored: Portable + for<'a> CheckBytes<Strategy<ArchiveValidator<'a>, Failure>>;

    /// How rkyv archives it.
    #[doc(hidden)]
    type With: ArchiveWith<Self, Archived = Self::Stored>
        + for<'a, 'b> SerializeWith<Self, BodyWriter<'a, 'b>>
        + DeserializeWith<Self::Stored, Self, BodyReader>;

    /// How rkyv archives a vector of it.
    #[doc(hidden)]
    type VecWith: ArchiveWith<Vec<Self>, Archived = ArchivedVec<Self::Stored>>
        + for<'a, 'b> SerializeWith<Vec<Self>, BodyWriter<'a, 'b>>
        + DeserializeWith<ArchivedVec<Self::Stored>, Vec<Self>, BodyReader>;

    /// How deep lists, maps, options and parts are nested in it. A type that holds itself, by
    /// whatever way, has no such number: the compiler reports a cycle.
    #[doc(hidden)]
    const DEPTH: usize;

    /// Whether the dynamic view may give `Null` for it.
    #[doc(hidden)]
    const NULLABLE: bool = false;

    /// The type as data.
    fn describe() -> Type;

    /// The value that the dynamic view shows. Takes what it has out of line from the budget.
    ///
    /// Numbers may come in another width than the type's, as long as they fit. What a document has no
    /// type for comes as JSON has it (see `schema/json.rs`): a character and a `Uuid` as text, a
    /// [`Timestamp`] perhaps so, a [`Duration`] as `{"secs": 1, "nanos": 0}`, the keys of a map as
    /// text, a vector of `u8` perhaps as bytes.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if it is another kind of value, or does not fit.
    fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self>;

    /// What a field has that the stored record does not know, if that needs no saying.
    #[doc(hidden)]
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// A type that can be a map's key or stand in a tuple: numbers, text and the like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map or stand in a tuple",
    label = "not a plain type",
    note = "plain are integers of fixed size, floats, `bool`, `char`, `String`, `Uuid`, \
            `larder::Timestamp` and `Duration`; for anything else make a struct with \
            `#[larder::part]`"
)]
pub trait Plain:
    Storable<With = Identity, Stored: Deserialize<Self, BodyReader>>
    + Archive<Archived = Self::Stored>
    + for<'a, 'b> Serialize<BodyWriter<'a, 'b>>
{
    /// The value that the key of a document's object stands for.
    #[doc(hidden)]
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! plain {
    ($($type:ty, $kind:ident, $from_text:expr, |$value:ident| $from:expr;)*) => {$(
        impl Storable for $type {
            type Stored = Archived<Self>;
            type With = Identity;
            type VecWith = Identity;
            const DEPTH: usize = 1;

            fn describe() -> Type {
                Type::$kind
            }

            fn from_value($value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
                $value.spend(budget)?;
                let result: Option<Self> = $from;
                result.ok_or_else(|| not_a(stringify!($type), $value))
            }
        }

        impl Plain for $type {
            fn from_text(text: &str) -> Option<Self> {
                $from_text(text)
            }
        }
    )*};
}

plain! {
    bool, Bool, parsed, |value| match value {
        ValueRef::Bool(value) => Some(value),
        _ => None,
    };
    u8, U8, integer_from_text, |value| integer(value);
    u16, U16, integer_from_text, |value| integer(value);
    u32, U32, integer_from_text, |value| integer(value);
    u64, U64, integer_from_text, |value| integer(value);
    i8, I8, integer_from_text, |value| integer(value);
    i16, I16, integer_from_text, |value| integer(value);
    i32, I32, integer_from_text, |value| integer(value);
    i64, I64, integer_from_text, |value| integer(value);
    i128, I128, integer_from_text, |value| integer(value);
    u128, U128, integer_from_text, |value| integer(value);
    f32, F32, parsed, |value| match value {
        ValueRef::F32(value) => Some(value),
        value => float(value).and_then(narrow_float),
    };
    f64, F64, parsed, |value| float(value);
    char, Char, parsed, |value| match value {
        ValueRef::Char(value) => Some(value),
        ValueRef::String(text) => text.parse().ok(),
        _ => None,
    };
    String, String, parsed, |value| match value {
        ValueRef::String(value) => Some(value.to_owned()),
        _ => None,
    };
    Uuid, Uuid, parsed, |value| match value {
        ValueRef::Uuid(value) => Some(value),
        ValueRef::String(text) => text.parse().ok(),
        _ => None,
    };
    Timestamp, Timestamp, parsed, |value| match value {
        ValueRef::Timestamp(value) => Some(value),
        ValueRef::String(text) => text.parse().ok(),
        _ => None,
    };
    Duration, Duration, duration_from_text, |value| match value {
        ValueRef::Duration(value) => Some(value),
        ValueRef::Map(map) => duration(map)?,
        _ => None,
    };
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// An integer in the one form that it is written in: two keys of a map would be one otherwise.
fn integer_from_text<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    parsed(text).filter(|integer: &T| integer.to_string() == text)
}

/// A float as it is, or an integer that one has exactly.
fn float(value: ValueRef<'_>) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "whether something was lost is what is asked"
    )]
    let exact = |value: i128| {
        let float = value as f64;
        (float as i128 == value).then_some(float)
    };
    match value {
        ValueRef::F64(value) => Some(value),
        ValueRef::F32(value) => Some(value.into()),
        value => integer(value).and_then(exact),
    }
}

/// The nearest `f32`, if the value is not too large for it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the nearest is what JSON's decimal digits mean"
)]
fn narrow_float(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

/// A duration as serde has it.
fn duration(map: MapRef<'_>) -> Result<Option<Duration>> {
    let (Some(secs), Some(nanos)) = (map.get("secs")?, map.get("nanos")?) else {
        return Ok(None);
    };
    let nanos = integer(nanos).filter(|nanos| *nanos < NANOS_PER_SECOND && map.len() == 2);
    Ok(integer(secs)
        .zip(nanos)
        .map(|(secs, nanos)| Duration::new(secs, nanos)))
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A duration as [`duration_text`] has it.
fn duration_from_text(text: &str) -> Option<Duration> {
    let (secs, nanos) = text.split_once('.')?;
    let nanos_digits = nanos.len() == 9 && nanos.bytes().all(|byte| byte.is_ascii_digit());
    let duration = Duration::new(secs.parse().ok()?, nanos.parse().ok()?);
    nanos_digits.then_some(duration)
}

/// A duration as the key of an object: seconds, a point, nine digits.
pub(crate) fn duration_text(value: Duration) -> String {
    format!("{}.{:09}", value.as_secs(), value.subsec_nanos())
}

fn integer<T>(value: ValueRef<'_>) -> Option<T>
where
    T: TryFrom<i64> + TryFrom<u64> + TryFrom<i128> + TryFrom<u128>,
{
    match value {
        ValueRef::I64(value) => value.try_into().ok(),
        ValueRef::U64(value) => value.try_into().ok(),
        ValueRef::I128(value) => value.try_into().ok(),
        ValueRef::U128(value) => value.try_into().ok(),
        _ => None,
    }
}

impl<T: Storable> Storable for Option<T> {
    type Stored = ArchivedOption<T::Stored>;
    type With = Map<T::With>;
    type VecWith = Map<Map<T::With>>;
    const DEPTH: usize = {
        assert!(
            !T::NULLABLE,
            "an option of an option cannot be stored: `Some(None)` and `None` would look alike; \
             use an enum with `#[larder::part]`"
        );
        T::DEPTH + 1
    };
    const NULLABLE: bool = true;

    fn describe() -> Type {
        Type::Option(Box::new(T::describe()))
    }

    fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_value(value, budget).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Storable> Storable for Box<T> {
    type Stored = T::Stored;
    type With = Boxed<T::With>;
    type VecWith = Map<Boxed<T::With>>;
    const DEPTH: usize = T::DEPTH;
    const NULLABLE: bool = T::NULLABLE;

    fn describe() -> Type {
        T::describe()
    }

    fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
        T::from_value(value, budget).map(Self::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::new)
    }
}

impl<T: Storable> Storable for Vec<T> {
    type Stored = ArchivedVec<T::Stored>;
    type With = T::VecWith;
    type VecWith = Map<T::VecWith>;
    const DEPTH: usize = T::DEPTH + 1;

    fn describe() -> Type {
        Type::List(Box::new(T::describe()))
    }

    fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
        value.spend(budget)?;
        elements(value, budget)
    }
}

impl<T: Storable, const N: usize> Storable for [T; N] {
    type Stored = [T::Stored; N];
    type With = Map<T::With>;
    type VecWith = Map<Map<T::With>>;
    const DEPTH: usize = {
        assert!(
            N > 0,
            "an array of length 0 holds nothing: leave the field out"
        );
        assert!(
            N <= 1 << 20,
            "an array is longer than 1,048,576: use a `Vec`"
        );
        T::DEPTH + 1
    };

    fn describe() -> Type {
        // The length was checked at compile time, with the depth.
        Type::Array(
            Box::new(T::describe()),
            u32::try_from(N).unwrap_or(u32::MAX),
        )
    }

    fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
        value.spend(budget)?;
        let elements = elements(value, budget)?;
        let length = elements.len();
        elements.try_into().map_err(|_| wrong_length(N, length))
    }
}

macro_rules! map {
    ($map:ident<K, V $(, $hasher:ident)?>, $new:expr, $($bound:tt)*) => {
        impl<K, V $(, $hasher)?> Storable for $map<K, V $(, $hasher)?>
        where
            K: Plain + $($bound)*,
            V: Storable,
            $($hasher: BuildHasher + Default,)?
        {
            type Stored = ArchivedVec<ArchivedTuple2<K::Stored, V::Stored>>;
            type With = SortedMap<K::With, V::With>;
            type VecWith = Map<SortedMap<K::With, V::With>>;
            const DEPTH: usize = V::DEPTH + 1;

            fn describe() -> Type {
                Type::Map(Box::new(K::describe()), Box::new(V::describe()))
            }

            fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
                value.spend(budget)?;
                let mut map = $new;
                for entry in entries(value)?.iter() {
                    let (key, value) = entry?;
                    map.insert(key_of::<K>(key, budget)?, V::from_value(value, budget)?);
                }
                Ok(map)
            }
        }
    };
}

map!(BTreeMap<K, V>, BTreeMap::new(), Ord);
map!(HashMap<K, V, H>, HashMap::with_hasher(H::default()), Ord + Hash);

macro_rules! tuple {
    ($archived:ident, $length:literal, $($t:ident $i:tt),*) => {
        impl<$($t: Plain),*> Storable for ($($t,)*) {
            type Stored = $archived<$($t::Stored),*>;
            type With = Identity;
            type VecWith = Identity;
            const DEPTH: usize = 2;

            fn describe() -> Type {
                Type::Tuple(vec![$($t::describe()),*])
            }

            fn from_value(value: ValueRef<'_>, budget: &mut Budget) -> Result<Self> {
                value.spend(budget)?;
                let list = list_of(value, $length)?;
                Ok(($(element::<$t>(list, $i, budget)?,)*))
            }
        }
    };
}

tuple!(ArchivedTuple1, 1, A 0);
tuple!(ArchivedTuple2, 2, A 0, B 1);
tuple!(ArchivedTuple3, 3, A 0, B 1, C 2);
tuple!(ArchivedTuple4, 4, A 0, B 1, C 2, D 3);
tuple!(ArchivedTuple5, 5, A 0, B 1, C 2, D 3, E 4);
tuple!(ArchivedTuple6, 6, A 0, B 1, C 2, D 3, E 4, F 5);

fn list<'a>(value: ValueRef<'a>, wanted: &str) -> Result<ListRef<'a>> {
    match value {
        ValueRef::List(list) => Ok(list),
        other => Err(not_a(wanted, other)),
    }
}

fn list_of(value: ValueRef<'_>, length: usize) -> Result<ListRef<'_>> {
    let list = list(value, "a list")?;
    if list.len() != length {
        return Err(wrong_length(length, list.len()));
    }
    Ok(list)
}

fn wrong_length(wanted: usize, length: usize) -> Error {
    Error::corrupt(format!(
        "a list of {wanted} was expected, one of {length} is stored"
    ))
}

fn key_of<K: Plain>(key: ValueRef<'_>, budget: &mut Budget) -> Result<K> {
    match key {
        ValueRef::String(text) => {
            key.spend(budget)?;
            K::from_text(text).ok_or_else(|| {
                Error::corrupt(format!(
                    "the key {text:?} of a map cannot be read as {}",
                    K::describe()
                ))
            })
        }
        key => K::from_value(key, budget),
    }
}

fn entries(value: ValueRef<'_>) -> Result<MapRef<'_>> {
    match value {
        ValueRef::Map(map) => Ok(map),
        other => Err(not_a("a map", other)),
    }
}

fn elements<T: Storable>(value: ValueRef<'_>, budget: &mut Budget) -> Result<Vec<T>> {
    if let ValueRef::Bytes(bytes) = value {
        let number = |byte: &u8| ValueRef::U64(u64::from(*byte));
        let element = |byte| T::from_value(number(byte), budget);
        return bytes.iter().map(element).collect();
    }
    list(value, "a list")?
        .iter()
        .map(|value| T::from_value(value?, budget))
        .collect()
}

fn element<T: Storable>(list: ListRef<'_>, i: usize, budget: &mut Budget) -> Result<T> {
    let value = list
        .get(i)?
        .ok_or_else(|| Error::corrupt("a tuple is shorter than it says"))?;
    T::from_value(value, budget)
}

/// The error for a value of another kind than the type wants.
pub(crate) fn not_a(wanted: &str, value: ValueRef<'_>) -> Error {
    let kind = match value {
        ValueRef::Null => "null",
        ValueRef::Bool(_) => "a bool",
        ValueRef::I64(_) | ValueRef::U64(_) | ValueRef::I128(_) | ValueRef::U128(_) => {
            "an integer (perhaps too large)"
        }
        ValueRef::F32(_) | ValueRef::F64(_) => "a float",
        ValueRef::Char(_) => "a character",
        ValueRef::String(_) => "text",
        ValueRef::Bytes(_) => "bytes",
        ValueRef::Uuid(_) => "a uuid",
        ValueRef::Timestamp(_) => "a timestamp",
        ValueRef::Duration(_) => "a duration",
        ValueRef::List(_) => "a list",
        ValueRef::Map(_) => "a map",
        ValueRef::Struct(_) => "a struct",
        ValueRef::Variant(_) => "a variant of an enum",
    };
    Error::corrupt(format!("{wanted} was expected, {kind} is stored"))
}
