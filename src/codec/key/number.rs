//! How are values of a fixed size written so that they sort as bytes?
//!
//! ```text
//! TYPE               SIZE        BYTES
//! u8 .. u128         1 .. 16     big-endian
//! i8 .. i128         1 .. 16     two's complement with the sign bit flipped, big-endian
//! bool               1           00 false, 01 true
//! char               4           its scalar value as u32
//! f32, f64           4, 8        IEEE 754 bits as an unsigned number, with
//!                                  all bits flipped when negative,
//!                                  the sign bit flipped otherwise;
//!                                  -0.0 is written as 0.0, every NaN as zeros
//! uuid               16          as it is
//! timestamp          8           microseconds since 1970-01-01 UTC as i64
//! duration           12          seconds as u64, then nanoseconds below 10^9 as u32
//! ```
//!
//! Floats sort: NaN, negative infinity, the numbers, infinity. Both zeros are one key, and so are
//! all NaNs. That way encoding a key cannot fail. The bit trick is that of IEEE 754 `totalOrder`.

use std::time::Duration;

use uuid::Uuid;

use super::KeyReader;
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;

macro_rules! unsigned {
    ($($number:ident $encode:ident $decode:ident)*) => {$(
        pub(crate) fn $encode(value: $number, out: &mut Vec<u8>) {
            out.extend_from_slice(&value.to_be_bytes());
        }

        pub(crate) fn $decode(input: &mut KeyReader<'_>) -> Result<$number> {
            input.take().map($number::from_be_bytes)
        }
    )*};
}

unsigned! {
    u8 encode_u8 decode_u8
    u16 encode_u16 decode_u16
    u32 encode_u32 decode_u32
    u64 encode_u64 decode_u64
    u128 encode_u128 decode_u128
}

macro_rules! signed {
    ($($number:ident $encode:ident $decode:ident)*) => {$(
        pub(crate) fn $encode(value: $number, out: &mut Vec<u8>) {
            out.extend_from_slice(&(value ^ $number::MIN).to_be_bytes());
        }

        pub(crate) fn $decode(input: &mut KeyReader<'_>) -> Result<$number> {
            input.take().map(|bytes| $number::from_be_bytes(bytes) ^ $number::MIN)
        }
    )*};
}

signed! {
    i8 encode_i8 decode_i8
    i16 encode_i16 decode_i16
    i32 encode_i32 decode_i32
    i64 encode_i64 decode_i64
    i128 encode_i128 decode_i128
}

macro_rules! float {
    ($($number:ident $bits:ident $encode:ident $decode:ident $to_bits:ident)*) => {$(
        pub(crate) fn $encode(value: $number, out: &mut Vec<u8>) {
            out.extend_from_slice(&$to_bits(value).to_be_bytes());
        }

        pub(crate) fn $decode(input: &mut KeyReader<'_>) -> Result<$number> {
            let sortable = $bits::from_be_bytes(input.take()?);
            let value = if sortable == 0 {
                $number::NAN
            } else if sortable & SIGN_OF.$bits == 0 {
                $number::from_bits(!sortable)
            } else {
                $number::from_bits(sortable ^ SIGN_OF.$bits)
            };
            if $to_bits(value) == sortable {
                Ok(value)
            } else {
                Err(Error::corrupt("a float in a key is a negative zero or a NaN that is not ours"))
            }
        }

        fn $to_bits(value: $number) -> $bits {
            if value.is_nan() {
                return 0;
            }
            // Adding positive zero turns -0.0 into 0.0 and leaves every other number alone.
            let bits = (value + 0.0).to_bits();
            if bits & SIGN_OF.$bits == 0 { bits ^ SIGN_OF.$bits } else { !bits }
        }
    )*};
}

float! {
    f32 u32 encode_f32 decode_f32 sortable_f32
    f64 u64 encode_f64 decode_f64 sortable_f64
}

struct SignOf {
    u32: u32,
    u64: u64,
}

const SIGN_OF: SignOf = SignOf {
    u32: 1 << 31,
    u64: 1 << 63,
};

pub(crate) fn encode_bool(value: bool, out: &mut Vec<u8>) {
    out.push(u8::from(value));
}

pub(crate) fn decode_bool(input: &mut KeyReader<'_>) -> Result<bool> {
    match decode_u8(input)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::corrupt(format!(
            "a bool in a key is {other}, neither 0 nor 1"
        ))),
    }
}

pub(crate) fn encode_char(value: char, out: &mut Vec<u8>) {
    encode_u32(u32::from(value), out);
}

pub(crate) fn decode_char(input: &mut KeyReader<'_>) -> Result<char> {
    let scalar = decode_u32(input)?;
    char::from_u32(scalar)
        .ok_or_else(|| Error::corrupt(format!("a char in a key is {scalar:#x}, which is none")))
}

pub(crate) fn encode_uuid(value: Uuid, out: &mut Vec<u8>) {
    out.extend_from_slice(value.as_bytes());
}

pub(crate) fn decode_uuid(input: &mut KeyReader<'_>) -> Result<Uuid> {
    input.take().map(Uuid::from_bytes)
}

pub(crate) fn encode_timestamp(value: Timestamp, out: &mut Vec<u8>) {
    encode_i64(value.as_micros(), out);
}

pub(crate) fn decode_timestamp(input: &mut KeyReader<'_>) -> Result<Timestamp> {
    decode_i64(input).map(Timestamp::from_micros)
}

pub(crate) fn encode_duration(value: Duration, out: &mut Vec<u8>) {
    encode_u64(value.as_secs(), out);
    encode_u32(value.subsec_nanos(), out);
}

pub(crate) fn decode_duration(input: &mut KeyReader<'_>) -> Result<Duration> {
    let seconds = decode_u64(input)?;
    let nanos = decode_u32(input)?;
    if nanos >= NANOS_PER_SECOND {
        return Err(Error::corrupt(format!(
            "a duration in a key has {nanos} nanoseconds"
        )));
    }
    Ok(Duration::new(seconds, nanos))
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;
