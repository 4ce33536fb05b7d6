//! What do the bytes of a record say at one place?

use std::time::Duration;

use uuid::Uuid;

use super::{Slot, ValueRef};
use crate::base::{Error, Result};
use crate::codec::timestamp::Timestamp;
use crate::schema::layout::{Layout, Scalar};

/// Where the record starts in its body.
pub(crate) fn root_of(body: &[u8], layout: &Layout) -> Result<usize> {
    match body.len().checked_sub(layout.size) {
        Some(at) => Ok(at),
        None => Err(too_short(body, layout)),
    }
}

#[cold]
fn too_short(body: &[u8], layout: &Layout) -> Error {
    Error::corrupt(format!(
        "a body of {} bytes, its record has {}",
        body.len(),
        layout.size
    ))
}

/// `N` bytes from `at`.
pub(crate) fn read<const N: usize>(body: &[u8], at: usize) -> Result<[u8; N]> {
    match body.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(bytes) => Ok(*bytes),
        None => Err(outside()),
    }
}

#[cold]
fn outside() -> Error {
    Error::corrupt("a value lies outside its record")
}

#[inline]
pub(super) fn read_scalar(scalar: Scalar, body: &[u8], at: usize) -> Result<ValueRef<'static>> {
    Ok(match scalar {
        Scalar::Bool => match read(body, at)? {
            [0] => ValueRef::Bool(false),
            [1] => ValueRef::Bool(true),
            [byte] => return Err(Error::corrupt(format!("a bool is {byte}, not 0 or 1"))),
        },
        Scalar::U8 => ValueRef::U64(u8::from_le_bytes(read(body, at)?).into()),
        Scalar::U16 => ValueRef::U64(u16::from_le_bytes(read(body, at)?).into()),
        Scalar::U32 => ValueRef::U64(u32::from_le_bytes(read(body, at)?).into()),
        Scalar::U64 => ValueRef::U64(u64::from_le_bytes(read(body, at)?)),
        Scalar::U128 => ValueRef::U128(u128::from_le_bytes(read(body, at)?)),
        Scalar::I8 => ValueRef::I64(i8::from_le_bytes(read(body, at)?).into()),
        Scalar::I16 => ValueRef::I64(i16::from_le_bytes(read(body, at)?).into()),
        Scalar::I32 => ValueRef::I64(i32::from_le_bytes(read(body, at)?).into()),
        Scalar::I64 => ValueRef::I64(i64::from_le_bytes(read(body, at)?)),
        Scalar::I128 => ValueRef::I128(i128::from_le_bytes(read(body, at)?)),
        Scalar::F32 => ValueRef::F32(f32::from_le_bytes(read(body, at)?)),
        Scalar::F64 => ValueRef::F64(f64::from_le_bytes(read(body, at)?)),
        Scalar::Char => {
            let number = u32::from_le_bytes(read(body, at)?);
            let char = char::from_u32(number)
                .ok_or_else(|| Error::corrupt(format!("{number:#x} is not a character")))?;
            ValueRef::Char(char)
        }
        Scalar::Uuid => ValueRef::Uuid(Uuid::from_bytes(read(body, at)?)),
        Scalar::Timestamp => {
            ValueRef::Timestamp(Timestamp::from_micros(i64::from_le_bytes(read(body, at)?)))
        }
        Scalar::Duration => {
            let seconds = u64::from_le_bytes(read(body, at)?);
            let nanos = u32::from_le_bytes(read(body, at + 8)?);
            if nanos >= 1_000_000_000 {
                return Err(Error::corrupt(
                    "a duration has a second or more in nanoseconds",
                ));
            }
            ValueRef::Duration(Duration::new(seconds, nanos))
        }
    })
}

impl Scalar {
    /// The integer of up to 64 bits that lies somewhere, where it is the scalar of one.
    #[inline]
    pub(crate) fn integer(self, slot: Slot<'_>) -> Result<Option<i128>> {
        let Slot { body, at, .. } = slot;
        Ok(Some(match self {
            Self::U8 => u8::from_le_bytes(read(body, at)?).into(),
            Self::U16 => u16::from_le_bytes(read(body, at)?).into(),
            Self::U32 => u32::from_le_bytes(read(body, at)?).into(),
            Self::U64 => u64::from_le_bytes(read(body, at)?).into(),
            Self::I8 => i8::from_le_bytes(read(body, at)?).into(),
            Self::I16 => i16::from_le_bytes(read(body, at)?).into(),
            Self::I32 => i32::from_le_bytes(read(body, at)?).into(),
            Self::I64 => i64::from_le_bytes(read(body, at)?).into(),
            _ => return Ok(None),
        }))
    }
}

/// The text of the string whose eight bytes lie at `at`.
pub(crate) fn read_str(body: &[u8], at: usize) -> Result<&str> {
    std::str::from_utf8(read_text_bytes(body, at)?)
        .map_err(|error| Error::corrupt("a string is not UTF-8").because(error))
}

/// Its bytes, which may be no text.
#[inline]
pub(crate) fn read_text_bytes(body: &[u8], at: usize) -> Result<&[u8]> {
    let representation: [u8; STRING_SIZE] = read(body, at)?;
    let [first, ..] = representation;
    if first & 0xC0 == 0x80 {
        let [a, b, c, d, offset @ ..] = representation;
        let length = u32::from_le_bytes([a, b, c, d]);
        let length = ((length & 0x3F) | ((length & !0xFF) >> 2)) as usize;
        if length <= STRING_SIZE {
            return Err(Error::corrupt("a short string lies out of line"));
        }
        reach(body, at, i32::from_le_bytes(offset), Some(length))
            .and_then(|start| body.get(start..start + length))
            .ok_or_else(|| Error::corrupt("a string lies outside its record"))
    } else {
        let length = representation
            .iter()
            .position(|byte| *byte == 0xFF)
            .unwrap_or(STRING_SIZE);
        // The bounds were checked when the representation was read.
        Ok(body.get(at..at + length).unwrap_or_default())
    }
}

pub(super) const STRING_SIZE: usize = 8;

/// Where `offset` leads from `from`, if all `bytes` bytes from there lie in the body.
pub(super) fn reach(body: &[u8], from: usize, offset: i32, bytes: Option<usize>) -> Option<usize> {
    let start = usize::try_from(i64::try_from(from).ok()? + i64::from(offset)).ok()?;
    let end = start.checked_add(bytes?)?;
    (end <= body.len()).then_some(start)
}
