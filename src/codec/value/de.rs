//! How does a document become a value that serde can read? Borrowed from its bytes, with the
//! conventions of `serde_json`; each container is gone through in the order in which it lies.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Failure;
use super::read::{Array, Members, Nodes, Object, Value};
use crate::codec::timestamp::TIMESTAMP_NAME;

type Result<T> = std::result::Result<T, Failure>;

impl<'de> de::Deserializer<'de> for Value<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::I64(value) => visitor.visit_i64(value),
            Value::U64(value) => visitor.visit_u64(value),
            // As `serde_json` does: many visitors know no wider integers. Who asks for one gets it.
            Value::I128(_) | Value::U128(_) => self.deserialize_f64(visitor),
            Value::F64(value) => visitor.visit_f64(value),
            // As in JSON; a `Timestamp` asks for one by its name.
            Value::Timestamp(value) => visitor.visit_string(value.to_string()),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Array(array) => visit_array(&array, visitor),
            Value::Object(object) => visit_object(&object, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name == TIMESTAMP_NAME {
            return match self {
                Value::Timestamp(value) => visitor.visit_i64(value.as_micros()),
                Value::String(text) => visitor.visit_borrowed_str(text),
                // A number must not be taken for microseconds.
                other => Err(other.unexpected(&visitor)),
            };
        }
        visitor.visit_newtype_struct(self)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest float is what is asked for"
    )]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Value::I128(value) => visitor.visit_f64(value as f64),
            Value::U128(value) => visitor.visit_f64(value as f64),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Value::I128(value) => visitor.visit_i128(value),
            Value::U128(value) => visitor.visit_u128(value),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_i128(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Value::String(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            // A `Vec<u8>` reads bytes as well.
            Value::Bytes(bytes) => {
                let bytes = bytes.iter().copied();
                visitor.visit_seq(de::value::SeqDeserializer::<_, Failure>::new(bytes))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let variant = match self {
            Value::String(name) => Variant {
                name,
                contents: None,
            },
            Value::Object(object) => match one_member(&object)? {
                Some((name, contents)) => Variant {
                    name,
                    contents: Some(contents),
                },
                None => {
                    let expected = &"an object with one key, the name of a variant";
                    return Err(de::Error::invalid_value(Unexpected::Map, expected));
                }
            },
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 char str string unit unit_struct
        tuple_struct map struct identifier
    }
}

impl<'de> Value<'de> {
    fn unexpected<V: Visitor<'de>>(&self, expected: &V) -> Failure {
        let found = match self {
            Value::I64(value) => Unexpected::Signed(*value),
            Value::U64(value) => Unexpected::Unsigned(*value),
            Value::F64(value) => Unexpected::Float(*value),
            Value::Null => Unexpected::Unit,
            _ => Unexpected::Other("another kind of value"),
        };
        de::Error::invalid_type(found, expected)
    }
}

impl<'de> IntoDeserializer<'de, Failure> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The only member of an object, `None` where there are more or none.
fn one_member<'a>(object: &Object<'a>) -> Result<Option<(&'a str, Value<'a>)>> {
    if object.len() != 1 {
        return Ok(None);
    }
    match object.iter().next().transpose()? {
        Some((key, value)) => Ok(Some((key, value.read()?))),
        None => Ok(None),
    }
}

fn visit_array<'de, V: Visitor<'de>>(array: &Array<'de>, visitor: V) -> Result<V::Value> {
    let mut elements = Elements(array.iter());
    let value = visitor.visit_seq(&mut elements)?;
    match elements.0.next() {
        None => Ok(value),
        Some(_) => Err(de::Error::invalid_length(array.len(), &"fewer elements")),
    }
}

fn visit_object<'de, V: Visitor<'de>>(object: &Object<'de>, visitor: V) -> Result<V::Value> {
    let mut members = Pairs(object.iter());
    let value = visitor.visit_map(&mut members)?;
    match members.0.next() {
        None => Ok(value),
        Some(_) => Err(de::Error::invalid_length(object.len(), &"fewer members")),
    }
}

struct Elements<'de>(Nodes<'de>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.0.next_value().transpose()? {
            Some(element) => seed.deserialize(element).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint().1
    }
}

struct Pairs<'de>(Members<'de>);

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        match self.0.next_key().transpose()? {
            Some(key) => seed.deserialize(Key(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(self.0.value()?)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint().1
    }
}

/// The key of a member: text, and a number or a bool where one is asked for.
struct Key<'de>(&'de str);

macro_rules! parsed {
    ($($method:ident => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse() {
                Ok(value) if !has_other_form(self.0) => visitor.$visit(value),
                _ => visitor.visit_borrowed_str(self.0),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Failure;

    parsed! {
        deserialize_bool => visit_bool,
        deserialize_i8 => visit_i8,
        deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8,
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u128,
        deserialize_f32 => visit_f32,
        deserialize_f64 => visit_f64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// Whether a number is written as nobody writes it: two keys of one map would be one.
fn has_other_form(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.starts_with('+') || matches!(digits.as_bytes(), [b'0', b'0'..=b'9', ..])
}

/// A variant of an enum: its name, and what it holds.
struct Variant<'de> {
    name: &'de str,
    contents: Option<Value<'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(Key(self.name))?, self))
    }
}

impl<'de> Variant<'de> {
    fn contents(self, expected: &str) -> Result<Value<'de>> {
        self.contents
            .ok_or_else(|| de::Error::invalid_type(Unexpected::UnitVariant, &expected))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<()> {
        match self.contents {
            None => Ok(()),
            Some(contents) => de::Deserialize::deserialize(contents),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.contents("a variant with contents")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_seq(self.contents("a variant with a list")?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        de::Deserializer::deserialize_any(self.contents("a variant with an object")?, visitor)
    }
}
