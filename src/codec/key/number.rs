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
    ($($number:ident $bits:ident $encode:ident $decode:ident $sortable:ident)*) => {$(
        pub(crate) fn $encode(value: $number, out: &mut Vec<u8>) {
            out.extend_from_slice(&$sortable(value).to_be_bytes());
        }

        pub(crate) fn $decode(input: &mut KeyReader<'_>) -> Result<$number> {
            let sortable = $bits::from_be_bytes(input.take()?);
            let value = if sortable == 0 {
                $number::NAN
            } else if sortable & $bits::SIGN == 0 {
                $number::from_bits(!sortable)
            } else {
                $number::from_bits(sortable ^ $bits::SIGN)
            };
            // What the encoder would have written otherwise: -0.0 and the other NaNs.
            if $sortable(value) == sortable {
                Ok(value)
            } else {
                Err(Error::corrupt("a float in a key is a negative zero or a second NaN"))
            }
        }

        fn $sortable(value: $number) -> $bits {
            if value.is_nan() {
                return 0;
            }
            // Adding zero turns -0.0 into 0.0 and leaves every other number alone.
            let bits = (value + 0.0).to_bits();
            if bits & $bits::SIGN == 0 { bits ^ $bits::SIGN } else { !bits }
        }

        impl Sign for $bits {
            const SIGN: $bits = 1 << ($bits::BITS - 1);
        }
    )*};
}

/// The sign bit of the float that has these bits.
trait Sign {
    const SIGN: Self;
}

float! {
    f32 u32 encode_f32 decode_f32 sortable_f32
    f64 u64 encode_f64 decode_f64 sortable_f64
}

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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::super::{Key, decode_key, encode_key};
    use super::*;

    fn golden<K: Key + PartialEq + Debug>(value: &K, bytes: &[u8]) {
        assert_eq!(encode_key(value), bytes, "encoding of {value:?}");
        assert_eq!(decode_key::<K>(bytes).unwrap(), *value);
    }

    fn refused<K: Key + Debug>(bytes: &[u8]) {
        let error = decode_key::<K>(bytes).expect_err("the bytes are no key");
        assert!(error.is(crate::ErrorKind::Corrupt), "{error}");
    }

    #[test]
    fn golden_bytes_of_integers() {
        golden(&0x12_u8, &[0x12]);
        golden(&0x1234_u16, &[0x12, 0x34]);
        golden(&0x1234_5678_u32, &[0x12, 0x34, 0x56, 0x78]);
        golden(&2_988_507_u64, &[0, 0, 0, 0, 0, 0x2D, 0x99, 0xDB]);
        golden(&(u128::MAX - 1), &[&[0xFF; 15][..], &[0xFE]].concat());
        golden(&-1_i8, &[0x7F]);
        golden(&i16::MIN, &[0, 0]);
        golden(&1_i32, &[0x80, 0, 0, 1]);
        golden(&-2_i64, &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]);
        golden(&0_i128, &[&[0x80][..], &[0; 15]].concat());
    }

    #[test]
    fn golden_bytes_of_floats() {
        golden(&0.0_f32, &[0x80, 0, 0, 0]);
        golden(&1.0_f32, &[0xBF, 0x80, 0, 0]);
        golden(&-1.0_f32, &[0x40, 0x7F, 0xFF, 0xFF]);
        golden(&f32::NEG_INFINITY, &[0x00, 0x7F, 0xFF, 0xFF]);
        golden(&0.0_f64, &[0x80, 0, 0, 0, 0, 0, 0, 0]);
        golden(
            &48.853_41_f64,
            &[0xC0, 0x48, 0x6D, 0x3C, 0x89, 0xF4, 0x0A, 0x28],
        );
        golden(&-1.5_f64, &[0x40, 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        golden(&f64::INFINITY, &[0xFF, 0xF0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn both_zeros_are_one_key_and_all_nans_are_one() {
        assert_eq!(encode_key(&-0.0_f64), encode_key(&0.0_f64));
        assert_eq!(encode_key(&-0.0_f32), encode_key(&0.0_f32));
        for nan in [f64::NAN, -f64::NAN, f64::from_bits(0x7FF0_0000_0000_0001)] {
            assert_eq!(encode_key(&nan), [0; 8]);
        }
        assert_eq!(encode_key(&f32::NAN), [0; 4]);
        assert!(decode_key::<f64>(&[0; 8]).unwrap().is_nan());
    }

    #[test]
    fn golden_bytes_of_the_other_plain_types() {
        golden(&false, &[0]);
        golden(&true, &[1]);
        golden(&'\u{1F525}', &[0, 0x01, 0xF5, 0x25]);
        let uuid = Uuid::from_u128(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);
        golden(&uuid, uuid.as_bytes());
        golden(
            &Timestamp::from_micros(-1),
            &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        );
        golden(
            &Duration::new(1, 999_999_999),
            &[0, 0, 0, 0, 0, 0, 0, 1, 0x3B, 0x9A, 0xC9, 0xFF],
        );
    }

    #[test]
    fn bytes_that_no_value_has_are_refused() {
        refused::<bool>(&[2]);
        refused::<char>(&[0, 0, 0xD8, 0]);
        refused::<char>(&[0, 0x11, 0, 0]);
        refused::<f32>(&[0x7F, 0xFF, 0xFF, 0xFF]);
        refused::<f64>(&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        refused::<f64>(&[0xFF, 0xF8, 0, 0, 0, 0, 0, 0]);
        refused::<f64>(&[0, 0, 0, 0, 0, 0, 0, 1]);
        refused::<Duration>(&[0, 0, 0, 0, 0, 0, 0, 1, 0x3B, 0x9A, 0xCA, 0]);
        refused::<u64>(&[0; 7]);
        refused::<u64>(&[0; 9]);
    }
}
