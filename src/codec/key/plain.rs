//! Which plain types are keys, and what are they called in a file?

use std::time::Duration;

use uuid::Uuid;

use super::{Key, KeyReader, number, text};
use crate::base::Result;
use crate::codec::timestamp::Timestamp;

macro_rules! plain {
    ($($type:ident $name:literal $encode:ident $decode:ident)*) => {$(
        impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                number::$encode(*self, out);
            }

            fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
                number::$decode(input)
            }

            fn describe() -> String {
                $name.to_owned()
            }
        }
    )*};
}

plain! {
    u8 "u8" encode_u8 decode_u8
    u16 "u16" encode_u16 decode_u16
    u32 "u32" encode_u32 decode_u32
    u64 "u64" encode_u64 decode_u64
    u128 "u128" encode_u128 decode_u128
    i8 "i8" encode_i8 decode_i8
    i16 "i16" encode_i16 decode_i16
    i32 "i32" encode_i32 decode_i32
    i64 "i64" encode_i64 decode_i64
    i128 "i128" encode_i128 decode_i128
    f32 "f32" encode_f32 decode_f32
    f64 "f64" encode_f64 decode_f64
    bool "bool" encode_bool decode_bool
    char "char" encode_char decode_char
    Uuid "uuid" encode_uuid decode_uuid
    Timestamp "timestamp" encode_timestamp decode_timestamp
    Duration "duration" encode_duration decode_duration
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        text::encode_str(self, out);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        text::decode_string(input)
    }

    fn describe() -> String {
        "string".to_owned()
    }
}

impl Key for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        text::encode_bytes(self, out);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        text::decode_bytes(input)
    }

    fn describe() -> String {
        "bytes".to_owned()
    }
}
