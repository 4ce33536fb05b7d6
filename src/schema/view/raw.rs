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
pub(crate) fn read_scalar(scalar: Scalar, body: &[u8], at: usize) -> Result<ValueRef<'static>> {
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

/// Where the elements of the vector at `at` start, and how many there are; all of them lie in the body.
pub(crate) fn row(body: &[u8], at: usize, element_size: usize) -> Result<(usize, usize)> {
    let offset = i32::from_le_bytes(read(body, at)?);
    let length = u32::from_le_bytes(read(body, at + 4)?) as usize;
    if length == 0 {
        return Ok((at, 0));
    }
    if element_size == 0 {
        return Err(Error::corrupt("a list repeats an element of no size"));
    }
    let bytes = length.checked_mul(element_size);
    let at = reach(body, at, offset, bytes)
        .ok_or_else(|| Error::corrupt("a list lies outside its record"))?;
    Ok((at, length))
}

impl Scalar {
    /// How many bytes it takes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 | Self::Char => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Timestamp => 8,
            Self::Duration => 12,
            Self::U128 | Self::I128 | Self::Uuid => 16,
        }
    }

    /// The smallest and the greatest integer, where it is the scalar of one. Of `u128` only what an
    /// `i128` has as well.
    fn integers(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::U8 => (0, u8::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
            Self::U128 => (0, i128::MAX),
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
            Self::I128 => (i128::MIN, i128::MAX),
            _ => return None,
        })
    }

    /// Whether it has every integer that the other one has.
    pub(crate) fn has_all_of(self, other: Self) -> bool {
        match (self.integers(), other.integers()) {
            (Some((least, greatest)), Some((others_least, others_greatest))) => {
                // The upper half of `u128` is in no other type.
                let all = self == Self::U128 || other != Self::U128;
                all && least <= others_least && greatest >= others_greatest
            }
            _ => false,
        }
    }

    /// The little-endian bytes of an integer, of which the first [`size`](Scalar::size) are its, where it
    /// has that integer.
    pub(crate) fn integer_bytes(self, value: i128) -> Option<[u8; 16]> {
        let (least, greatest) = self.integers()?;
        (least <= value && value <= greatest).then(|| value.to_le_bytes())
    }

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

pub(crate) const STRING_SIZE: usize = 8;

/// Where `offset` leads from `from`, if all `bytes` bytes from there lie in the body.
pub(super) fn reach(body: &[u8], from: usize, offset: i32, bytes: Option<usize>) -> Option<usize> {
    let start = usize::try_from(i64::try_from(from).ok()? + i64::from(offset)).ok()?;
    let end = start.checked_add(bytes?)?;
    (end <= body.len()).then_some(start)
}
