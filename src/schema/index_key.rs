//! Which key has an index over this field, and what may its condition compare with?
//!
//! Decided by traits, as is what can be stored; the macros only write the questions down.

use std::time::Duration;

use uuid::Uuid;

use crate::codec::key::Key;
use crate::codec::key::folded::Folded;
use crate::codec::timestamp::Timestamp;

/// A field that an index of its own can have, or that can be a part of a compound index.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of an index",
    label = "not a type that an index can sort",
    note = "indexed are integers of fixed size, floats, `bool`, `char`, `String`, `Uuid`, \
            `larder::Timestamp`, `Duration`, arrays and tuples of these, and options of these",
    note = "for the elements of a list use `each`, for a field of a part its path, and for a part \
            as a whole `#[larder::part(key)]`"
)]
pub trait IndexKey: Key {
    /// The key of an index over this field alone: what an option holds, for `None` is not indexed.
    type Key: Key;

    /// The part of a compound index where a `None` may stand on the way to the field.
    type Optional: IndexKey;
}

/// A list whose elements an index can hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no elements to index",
    label = "not a list",
    note = "`each` is for `Vec<T>`, `[T; N]` and `Option<Vec<T>>`; leave it out for other fields"
)]
pub trait EachKey {
    /// Its elements.
    type Element;
}

/// Text that an index can fold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "not text",
    note = "`fold` is for `String` and `Option<String>`, with `each` for lists of them"
)]
pub trait FoldKey {
    /// The key of an index over this field alone.
    type Folded: Key;

    /// The part of a compound index.
    type Whole: IndexKey;
}

/// A part, or an option of one: something with fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no fields",
    label = "a path leads into structs with `#[larder::part]` only",
    note = "elements of a list are indexed with `each`"
)]
pub trait Through {
    /// The part.
    type Part;

    /// What a part of a compound index has at the end of a path through this.
    type Reach<K: IndexKey>: IndexKey;
}

/// The type of the field whose name has that hash ([FNV-1a], 64 bits).
///
/// [FNV-1a]: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no field of that name",
    label = "no such field"
)]
pub trait FieldAt<const NAME: u64> {
    /// The type.
    type Type;
}

/// A field that a condition can compare with a constant.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared with a constant in a condition",
    label = "no constant can be written for this type",
    note = "conditions compare integers up to 64 bits, floats, `bool`, `char`, text and unit \
            variants of an enum with `#[larder::part]`, and options of these"
)]
pub trait Comparable {
    /// How the constant is written.
    type Constant;
}

/// An enum with a unit variant whose name has that hash.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no unit variant of that name",
    label = "a condition compares with variants that have no fields"
)]
pub trait UnitVariant<const NAME: u64> {}

macro_rules! indexed {
    ($($type:ty),*) => {$(
        impl IndexKey for $type {
            type Key = Self;
            type Optional = Option<Self>;
        }
    )*};
}

indexed!(
    bool,
    u8,
    u16,
    u32,
    u64,
    u128,
    i8,
    i16,
    i32,
    i64,
    i128,
    f32,
    f64,
    char,
    String,
    Uuid,
    Timestamp,
    Duration,
    Folded,
    Vec<u8>
);

impl<T: Key, const N: usize> IndexKey for [T; N] {
    type Key = Self;
    type Optional = Option<Self>;
}

macro_rules! tuples {
    ($(($($t:ident),*))*) => {$(
        impl<$($t: Key),*> IndexKey for ($($t,)*) {
            type Key = Self;
            type Optional = Option<Self>;
        }
    )*};
}

tuples!((A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E)(
    A, B, C, D, E, F
));

impl<T: IndexKey> IndexKey for Option<T> {
    type Key = T::Key;
    type Optional = Self;
}

impl<T: IndexKey> IndexKey for Box<T> {
    type Key = T::Key;
    type Optional = T::Optional;
}

impl<T> EachKey for Vec<T> {
    type Element = T;
}

impl<T, const N: usize> EachKey for [T; N] {
    type Element = T;
}

impl<T: EachKey> EachKey for Option<T> {
    type Element = T::Element;
}

impl<T: EachKey> EachKey for Box<T> {
    type Element = T::Element;
}

impl FoldKey for String {
    type Folded = Folded;
    type Whole = Folded;
}

impl<T: FoldKey> FoldKey for Option<T> {
    type Folded = T::Folded;
    type Whole = <T::Whole as IndexKey>::Optional;
}

impl<T: FoldKey> FoldKey for Box<T> {
    type Folded = T::Folded;
    type Whole = T::Whole;
}

impl<T: Through> Through for Option<T> {
    type Part = T::Part;
    type Reach<K: IndexKey> = <T::Reach<K> as IndexKey>::Optional;
}

impl<T: Through> Through for Box<T> {
    type Part = T::Part;
    type Reach<K: IndexKey> = T::Reach<K>;
}

macro_rules! comparable {
    ($($type:ty)*) => {$(
        impl Comparable for $type {
            type Constant = Self;
        }
    )*};
}

comparable!(bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 char);

impl Comparable for String {
    type Constant = &'static str;
}

impl<T: Comparable> Comparable for Option<T> {
    type Constant = T::Constant;
}

impl<T: Comparable> Comparable for Box<T> {
    type Constant = T::Constant;
}
