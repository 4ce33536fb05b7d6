//! How does a value that serde can write become a document? Straight into its bytes, with the
//! conventions of `serde_json`: a variant is its name, or an object of its name and its contents; the
//! keys of a map are text, or become it.

use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct,
    SerializeStructVariant, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};

use super::Failure;
use super::json::{NUMBER, extend};
use super::write::{Open, Writer};
use crate::base::Error;
use crate::codec::timestamp::{TIMESTAMP_NAME, Timestamp};

type Result<T> = std::result::Result<T, Failure>;

/// Writes the next value.
pub(super) struct Serializer<'w, 'o>(pub(super) &'w mut Writer<'o>);

impl<'w, 'o> Serializer<'w, 'o> {
    fn begin_array(self, expected: usize) -> Result<Container<'w, 'o>> {
        let open = self.0.begin_array(expected)?;
        Ok(Container {
            writer: self.0,
            open,
            outer: None,
            state: State::Anything,
        })
    }

    fn begin_object(self, expected: usize) -> Result<Container<'w, 'o>> {
        let open = self.0.begin_object(expected)?;
        Ok(Container {
            writer: self.0,
            open,
            outer: None,
            state: State::Anything,
        })
    }

    /// Begins an object with one member, the variant, and in it the container of its contents.
    fn begin_variant(
        self,
        variant: &str,
        begin: impl FnOnce(&mut Writer<'o>) -> crate::base::Result<Open>,
    ) -> Result<Container<'w, 'o>> {
        let outer = self.0.begin_object(1)?;
        self.0.member(&outer, variant)?;
        let open = begin(self.0)?;
        Ok(Container {
            writer: self.0,
            open,
            outer: Some(outer),
            state: State::Anything,
        })
    }
}

/// An array or an object being written; perhaps that of a variant, within the object that names it.
pub(super) struct Container<'w, 'o> {
    writer: &'w mut Writer<'o>,
    open: Open,
    outer: Option<Open>,
    state: State,
}

/// What a container waits for. As wide as a word: with padding behind it the container would be copied
/// in parts, and who reads it next would wait for them.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum State {
    Anything,
    /// A value, of a map whose key was written.
    Value,
    /// The text of a number: so `serde_json` writes one when its `arbitrary_precision` is on.
    Number,
}

impl Container<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.writer.element(&self.open);
        self.value(value)
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.writer.member(&self.open, key)?;
        self.value(value)
    }

    /// Writes a value. What fails may have been written in part: its `Serialize` may not hide that.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let written = value.serialize(Serializer(self.writer));
        if written.is_err() {
            self.writer.fail();
        }
        written
    }

    fn end_array(self) -> Result<()> {
        self.writer.end_array(&self.open)?;
        self.end_variant()
    }

    fn end_object(self) -> Result<()> {
        if self.state == State::Number && self.writer.count(&self.open) == 1 {
            return Ok(extend(self.writer, &self.open, NUMBER)?);
        }
        self.writer.end_object(&self.open)?;
        self.end_variant()
    }

    fn end_variant(self) -> Result<()> {
        match self.outer {
            Some(outer) => Ok(self.writer.end_object(&outer)?),
            None => Ok(()),
        }
    }
}

macro_rules! numbers {
    ($($name:ident($type:ty) as $write:ident,)*) => {$(
        fn $name(self, value: $type) -> Result<()> {
            self.0.$write(value.into());
            Ok(())
        }
    )*};
}

impl<'w, 'o> ser::Serializer for Serializer<'w, 'o> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Container<'w, 'o>;
    type SerializeTuple = Container<'w, 'o>;
    type SerializeTupleStruct = Container<'w, 'o>;
    type SerializeTupleVariant = Container<'w, 'o>;
    type SerializeMap = Container<'w, 'o>;
    type SerializeStruct = Container<'w, 'o>;
    type SerializeStructVariant = Container<'w, 'o>;

    numbers! {
        serialize_bool(bool) as bool,
        serialize_i8(i8) as i64,
        serialize_i16(i16) as i64,
        serialize_i32(i32) as i64,
        serialize_i64(i64) as i64,
        serialize_i128(i128) as i128,
        serialize_u8(u8) as i64,
        serialize_u16(u16) as i64,
        serialize_u32(u32) as i64,
        serialize_u64(u64) as u64,
        serialize_u128(u128) as u128,
        serialize_f32(f32) as f64,
        serialize_f64(f64) as f64,
    }

    fn serialize_char(self, value: char) -> Result<()> {
        Ok(self.0.string(value.encode_utf8(&mut [0; 4]))?)
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        Ok(self.0.string(text)?)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.bytes(bytes)?)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.0.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _i: u32, variant: &str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        if name == TIMESTAMP_NAME {
            return value.serialize(TimestampSerializer(self.0));
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _i: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut object = self.begin_object(1)?;
        object.member(variant, value)?;
        object.end_object()
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'w, 'o>> {
        self.begin_array(length.unwrap_or_default())
    }

    fn serialize_tuple(self, length: usize) -> Result<Container<'w, 'o>> {
        self.begin_array(length)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Container<'w, 'o>> {
        self.begin_array(length)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _i: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'w, 'o>> {
        self.begin_variant(variant, |writer| writer.begin_array(length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Container<'w, 'o>> {
        self.begin_object(length.unwrap_or_default())
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Container<'w, 'o>> {
        if name == NUMBER {
            let mut number = self.begin_object(length)?;
            number.state = State::Number;
            return Ok(number);
        }
        self.begin_object(length)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _i: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'w, 'o>> {
        self.begin_variant(variant, |writer| writer.begin_object(length))
    }
}

macro_rules! array {
    ($($trait:ident::$method:ident),*) => {$(
        impl $trait for Container<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.element(value)
            }

            fn end(self) -> Result<()> {
                self.end_array()
            }
        }
    )*};
}

array!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! structs {
    ($($trait:ident),*) => {$(
        impl $trait for Container<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                self.member(key, value)
            }

            fn end(self) -> Result<()> {
                self.end_object()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        if std::mem::replace(&mut self.state, State::Value) == State::Value {
            self.writer.fail();
            return Err(Error::invalid("a map was written with two keys for one value").into());
        }
        let written = key.serialize(KeySerializer(self.writer, &self.open));
        if written.is_err() {
            self.writer.fail();
        }
        written
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        if std::mem::replace(&mut self.state, State::Anything) != State::Value {
            self.writer.fail();
            return Err(Error::invalid("a map was written with a value without a key").into());
        }
        self.value(value)
    }

    fn end(self) -> Result<()> {
        if self.state == State::Value {
            return Err(Error::invalid("a map was written with a key without a value").into());
        }
        self.end_object()
    }
}

/// Refuses what is not a scalar that it knows.
macro_rules! refused {
    ($error:expr; $($name:ident($($type:ty),*) -> $ok:ty,)*) => {$(
        fn $name(self, $(_: $type),*) -> Result<$ok> {
            Err($error.into())
        }
    )*};
}

macro_rules! refused_compounds {
    ($error:expr) => {
        type Ok = ();
        type Error = Failure;
        type SerializeSeq = Impossible<(), Failure>;
        type SerializeTuple = Impossible<(), Failure>;
        type SerializeTupleStruct = Impossible<(), Failure>;
        type SerializeTupleVariant = Impossible<(), Failure>;
        type SerializeMap = Impossible<(), Failure>;
        type SerializeStruct = Impossible<(), Failure>;
        type SerializeStructVariant = Impossible<(), Failure>;

        refused! {
            $error;
            serialize_bytes(&[u8]) -> (),
            serialize_none() -> (),
            serialize_unit() -> (),
            serialize_unit_struct(&'static str) -> (),
            serialize_seq(Option<usize>) -> Self::SerializeSeq,
            serialize_tuple(usize) -> Self::SerializeTuple,
            serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
            serialize_tuple_variant(&'static str, u32, &'static str, usize)
                -> Self::SerializeTupleVariant,
            serialize_map(Option<usize>) -> Self::SerializeMap,
            serialize_struct(&'static str, usize) -> Self::SerializeStruct,
            serialize_struct_variant(&'static str, u32, &'static str, usize)
                -> Self::SerializeStructVariant,
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _name: &'static str,
            _i: u32,
            _variant: &'static str,
            _value: &T,
        ) -> Result<()> {
            Err($error.into())
        }
    };
}

/// Begins a member with its key.
struct KeySerializer<'w, 'o>(&'w mut Writer<'o>, &'w Open);

macro_rules! text_of {
    ($($name:ident($type:ty),)*) => {$(
        fn $name(self, value: $type) -> Result<()> {
            self.serialize_str(&value.to_string())
        }
    )*};
}

impl ser::Serializer for KeySerializer<'_, '_> {
    text_of! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        Ok(self.0.member(self.1, text)?)
    }

    fn serialize_unit_variant(self, _name: &'static str, _i: u32, variant: &str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    refused_compounds!(Error::invalid(
        "the key of a map is neither text nor a number: it cannot be the key of an object"
    ));
}

/// Writes a timestamp from the number of its microseconds.
struct TimestampSerializer<'w, 'o>(&'w mut Writer<'o>);

impl ser::Serializer for TimestampSerializer<'_, '_> {
    fn serialize_i64(self, micros: i64) -> Result<()> {
        self.0.timestamp(Timestamp::from_micros(micros));
        Ok(())
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    refused! {
        no_timestamp();
        serialize_bool(bool) -> (),
        serialize_i8(i8) -> (),
        serialize_i16(i16) -> (),
        serialize_i32(i32) -> (),
        serialize_u8(u8) -> (),
        serialize_u16(u16) -> (),
        serialize_u32(u32) -> (),
        serialize_u64(u64) -> (),
        serialize_f32(f32) -> (),
        serialize_f64(f64) -> (),
        serialize_char(char) -> (),
        serialize_str(&str) -> (),
        serialize_unit_variant(&'static str, u32, &'static str) -> (),
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<()> {
        Err(no_timestamp().into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _value: &T,
    ) -> Result<()> {
        Err(no_timestamp().into())
    }

    refused_compounds!(no_timestamp());
}

fn no_timestamp() -> Error {
    Error::invalid("a timestamp is not written as the number of its microseconds")
}
