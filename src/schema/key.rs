//! How does a value in a record become a key, without its Rust type? By its layout, and in the same
//! bytes that the typed codec writes.

use super::layout::{Fields, Kind, Layout, Scalar};
use super::view::{Budget, ListRef, Slot, ValueRef, read, read_str};
use crate::base::{Error, Result};
use crate::codec::key::folded::fold;
use crate::codec::key::{number, text};

/// Whether values of this layout can be keys: everything but maps and lists other than of bytes.
pub(crate) fn is_key(layout: &Layout) -> bool {
    match &layout.kind {
        Kind::Scalar(_) | Kind::String => true,
        Kind::Option(inner) | Kind::Array(inner, _) => is_key(inner),
        Kind::List(element) => is_byte(element),
        Kind::Map(_) => false,
        Kind::Struct(fields) | Kind::Tuple(fields) => fields.iter().all(|f| is_key(&f.layout)),
        Kind::Enum(variants) => variants
            .iter()
            .all(|variant| variant.fields.iter().all(|f| is_key(&f.layout))),
    }
}

/// Whether the value is text, or perhaps text.
pub(crate) fn is_text(layout: &Layout) -> bool {
    match &layout.kind {
        Kind::String => true,
        Kind::Option(inner) => is_text(inner),
        _ => false,
    }
}

fn is_byte(layout: &Layout) -> bool {
    matches!(layout.kind, Kind::Scalar(Scalar::U8))
}

/// Appends the key of the value that lies in `slot`, its text folded where `folded` says so. Takes
/// what the value has out of line from the budget before it is copied.
pub(crate) fn encode_slot(
    slot: Slot<'_>,
    folded: bool,
    budget: &mut Budget,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Slot { body, at, layout } = slot;
    match &layout.kind {
        Kind::Scalar(scalar) => encode_scalar(*scalar, slot, out),
        Kind::String => {
            let text = read_str(body, at)?;
            budget.spend_text(text)?;
            if folded {
                text::encode_str(&fold(text), out);
            } else {
                text::encode_str(text, out);
            }
            Ok(())
        }
        Kind::Option(inner) => {
            let value = slot.option(inner)?;
            number::encode_bool(value.is_some(), out);
            value.map_or(Ok(()), |value| encode_slot(value, folded, budget, out))
        }
        Kind::List(element) if is_byte(element) => {
            let bytes = slot.bytes(element)?;
            budget.spend(bytes.len())?;
            text::encode_bytes(bytes, out);
            Ok(())
        }
        Kind::Array(element, length) => (0..*length).try_for_each(|i| {
            encode_slot(
                Slot {
                    body,
                    at: at + i * element.size,
                    layout: element,
                },
                folded,
                budget,
                out,
            )
        }),
        Kind::Struct(fields) | Kind::Tuple(fields) => {
            encode_fields(slot, fields, folded, budget, out)
        }
        Kind::Enum(variants) => {
            let [tag] = read(body, at)?;
            let variant = variants
                .get(usize::from(tag))
                .ok_or_else(|| Error::corrupt(format!("there is no variant {tag}")))?;
            number::encode_u8(tag, out);
            encode_fields(slot, &variant.fields, folded, budget, out)
        }
        Kind::List(_) | Kind::Map(_) => Err(Error::corrupt("a list or map cannot be a key")),
    }
}

fn encode_fields(
    slot: Slot<'_>,
    fields: &Fields,
    folded: bool,
    budget: &mut Budget,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Slot { body, at, .. } = slot;
    fields.iter().try_for_each(|field| {
        encode_slot(
            Slot {
                body,
                at: at + field.offset,
                layout: &field.layout,
            },
            folded,
            budget,
            out,
        )
    })
}

fn encode_scalar(scalar: Scalar, slot: Slot<'_>, out: &mut Vec<u8>) -> Result<()> {
    let Slot { body, at, .. } = slot;
    match scalar {
        Scalar::U8 => number::encode_u8(u8::from_le_bytes(read(body, at)?), out),
        Scalar::U16 => number::encode_u16(u16::from_le_bytes(read(body, at)?), out),
        Scalar::U32 => number::encode_u32(u32::from_le_bytes(read(body, at)?), out),
        Scalar::U64 => number::encode_u64(u64::from_le_bytes(read(body, at)?), out),
        Scalar::U128 => number::encode_u128(u128::from_le_bytes(read(body, at)?), out),
        Scalar::I8 => number::encode_i8(i8::from_le_bytes(read(body, at)?), out),
        Scalar::I16 => number::encode_i16(i16::from_le_bytes(read(body, at)?), out),
        Scalar::I32 => number::encode_i32(i32::from_le_bytes(read(body, at)?), out),
        Scalar::I64 => number::encode_i64(i64::from_le_bytes(read(body, at)?), out),
        Scalar::I128 => number::encode_i128(i128::from_le_bytes(read(body, at)?), out),
        Scalar::F32 => number::encode_f32(f32::from_le_bytes(read(body, at)?), out),
        Scalar::F64 => number::encode_f64(f64::from_le_bytes(read(body, at)?), out),
        Scalar::Bool | Scalar::Char | Scalar::Uuid | Scalar::Timestamp | Scalar::Duration => {
            match slot.value()? {
                ValueRef::Bool(value) => number::encode_bool(value, out),
                ValueRef::Char(value) => number::encode_char(value, out),
                ValueRef::Uuid(value) => number::encode_uuid(value, out),
                ValueRef::Timestamp(value) => number::encode_timestamp(value, out),
                ValueRef::Duration(value) => number::encode_duration(value, out),
                _ => return Err(Error::corrupt("a value is not of its type")),
            }
        }
    }
    Ok(())
}

/// How many bytes every key of this layout has, where that is one number.
pub(crate) fn fixed_width(layout: &Layout) -> Option<usize> {
    let of_fields = |fields: &Fields| fields.iter().map(|f| fixed_width(&f.layout)).sum();
    match &layout.kind {
        Kind::Scalar(_) => Some(layout.size),
        Kind::Array(element, length) => fixed_width(element)?.checked_mul(*length),
        Kind::Struct(fields) | Kind::Tuple(fields) => of_fields(fields),
        Kind::Enum(variants) if variants.iter().all(|variant| variant.fields.is_empty()) => Some(1),
        _ => None,
    }
}

/// Cuts one key of this layout off the front of `input`; `mask` is FF where it lies complemented.
pub(crate) fn skip(layout: &Layout, mask: u8, input: &mut &[u8]) -> Result<()> {
    if let Some(width) = fixed_width(layout) {
        *input = input.get(width..).ok_or_else(cut_short)?;
        return Ok(());
    }
    match &layout.kind {
        Kind::String | Kind::List(_) => skip_text(mask, input),
        Kind::Option(inner) => match take(mask, input)? {
            0 => Ok(()),
            _ => skip(inner, mask, input),
        },
        Kind::Array(element, length) => (0..*length).try_for_each(|_| skip(element, mask, input)),
        Kind::Struct(fields) | Kind::Tuple(fields) => fields
            .iter()
            .try_for_each(|field| skip(&field.layout, mask, input)),
        Kind::Enum(variants) => {
            let tag = take(mask, input)?;
            let variant = variants.get(usize::from(tag)).ok_or_else(cut_short)?;
            variant
                .fields
                .iter()
                .try_for_each(|field| skip(&field.layout, mask, input))
        }
        Kind::Scalar(_) | Kind::Map(_) => Err(Error::corrupt("a map cannot be a key")),
    }
}

fn skip_text(mask: u8, input: &mut &[u8]) -> Result<()> {
    loop {
        let zero = input
            .iter()
            .position(|byte| *byte == mask)
            .ok_or_else(cut_short)?;
        *input = input.get(zero + 1..).unwrap_or_default();
        // Behind a zero: FF, and the text goes on, or 01, its end.
        if take(mask, input)? == 0x01 {
            return Ok(());
        }
    }
}

fn take(mask: u8, input: &mut &[u8]) -> Result<u8> {
    let (first, rest) = input.split_first().ok_or_else(cut_short)?;
    *input = rest;
    Ok(first ^ mask)
}

fn cut_short() -> Error {
    Error::corrupt("a key is cut short")
}

/// The elements of a list, where the value is one.
pub(crate) fn elements<'a>(slot: Slot<'a>, budget: &mut Budget) -> Result<Option<ListRef<'a>>> {
    let value = slot.value()?;
    value.spend(budget)?;
    match value {
        ValueRef::List(list) => Ok(Some(list)),
        ValueRef::Null => Ok(None),
        _ => Err(Error::corrupt("a value that should be a list is none")),
    }
}
