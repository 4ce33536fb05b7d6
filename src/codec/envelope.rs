//! What stands in front of every body? The envelope: how the body lies there, and whose it is.
//!
//! ```text
//! OFFSET  SIZE    MEANING
//! 0       1       bits 0-3: envelope format, 1; bit 4: compressed; bit 5: expires;
//!                 bits 6-7: zero, kept for later
//! 1       1..5    schema version, u32, varint
//! ..      1..10   revision, u64, varint: the sequence of the commit that wrote the record
//! ..      8       only with `expires`: i64 microseconds since 1970 UTC, little-endian
//! ..      1..5    only with `compressed`: bytes of the body before compression, u32, varint
//! ..      rest    the body; with `compressed`, one zstd frame (RFC 8878)
//! ```
//! Varints are LEB128: seven bits a byte, the least first, the high bit set on all but the last. The
//! shortest form is the only one. These bytes are frozen.

use super::varint;
use crate::base::{Error, ErrorKind, Result};

/// The envelope of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Schema version of the record.
    pub(crate) version: u32,
    /// Sequence of the commit that wrote it.
    pub(crate) revision: u64,
    /// When it expires, in microseconds since 1970 UTC.
    pub(crate) expires: Option<i64>,
    /// Bytes of the body before compression, where it is compressed.
    pub(crate) uncompressed: Option<u32>,
}

const FORMAT: u8 = 1;
const FORMAT_MASK: u8 = 0x0F;
const COMPRESSED: u8 = 0x10;
const EXPIRES: u8 = 0x20;

impl Envelope {
    /// Appends the envelope; the body follows it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut head = FORMAT;
        if self.uncompressed.is_some() {
            head |= COMPRESSED;
        }
        if self.expires.is_some() {
            head |= EXPIRES;
        }
        out.push(head);
        varint::encode(self.version.into(), out);
        varint::encode(self.revision, out);
        if let Some(expires) = self.expires {
            out.extend_from_slice(&expires.to_le_bytes());
        }
        if let Some(bytes) = self.uncompressed {
            varint::encode(bytes.into(), out);
        }
    }

    /// Reads the envelope; gives it and the offset of the body.
    #[inline]
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut input = bytes;
        let head = take(&mut input)?;
        if head & FORMAT_MASK != FORMAT || head & !(FORMAT_MASK | COMPRESSED | EXPIRES) != 0 {
            return Err(unknown_format(head));
        }
        let version = decode_varint_u32(&mut input)?;
        let revision = decode_varint(&mut input)?;
        let expires = if head & EXPIRES == 0 {
            None
        } else {
            let (expires, rest) = input.split_first_chunk::<8>().ok_or_else(cut_short)?;
            input = rest;
            Some(i64::from_le_bytes(*expires))
        };
        let uncompressed = match head & COMPRESSED {
            0 => None,
            _ => Some(decode_varint_u32(&mut input)?),
        };
        Ok((
            Self {
                version,
                revision,
                expires,
                uncompressed,
            },
            bytes.len() - input.len(),
        ))
    }
}

#[inline]
fn decode_varint(input: &mut &[u8]) -> Result<u64> {
    varint::decode(input).ok_or_else(no_number)
}

#[inline]
fn decode_varint_u32(input: &mut &[u8]) -> Result<u32> {
    u32::try_from(decode_varint(input)?).map_err(|_| too_large())
}

#[inline]
fn take(input: &mut &[u8]) -> Result<u8> {
    let (first, rest) = input.split_first().ok_or_else(cut_short)?;
    *input = rest;
    Ok(*first)
}

#[cold]
fn cut_short() -> Error {
    Error::corrupt("the envelope is cut short")
}

#[cold]
fn no_number() -> Error {
    Error::corrupt("a number in the envelope is cut short, or too long")
}

#[cold]
fn too_large() -> Error {
    Error::corrupt("a number in the envelope is too large")
}

#[cold]
fn unknown_format(head: u8) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the envelope has format {head:#04x}, which this version does not know"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn envelopes_have_golden_bytes() {
        let plain = Envelope {
            version: 1,
            revision: 2,
            expires: None,
            uncompressed: None,
        };
        let full = Envelope {
            version: 300,
            revision: u64::MAX,
            expires: Some(-2),
            uncompressed: Some(129),
        };
        let mut out = Vec::new();
        plain.encode(&mut out);
        assert_eq!(out, [0x01, 0x01, 0x02]);
        out.clear();
        full.encode(&mut out);
        let mut expected = vec![0x31, 0xAC, 0x02];
        expected.extend_from_slice(&[0xFF; 9]);
        expected.extend_from_slice(&[0x01, 0xFE]);
        expected.extend_from_slice(&[0xFF; 7]);
        expected.extend_from_slice(&[0x81, 0x01]);
        assert_eq!(out, expected);
    }

    proptest! {
        #[test]
        fn decode_undoes_encode_and_leaves_the_body(
            version: u32, revision: u64, expires: Option<i64>, uncompressed: Option<u32>,
            body: Vec<u8>,
        ) {
            let envelope = Envelope { version, revision, expires, uncompressed };
            let mut bytes = Vec::new();
            envelope.encode(&mut bytes);
            bytes.extend_from_slice(&body);
            let (decoded, start) = Envelope::decode(&bytes).unwrap();
            prop_assert_eq!(decoded, envelope);
            prop_assert_eq!(&bytes[start..], &body[..]);
        }

        #[test]
        fn any_bytes_are_an_error_or_the_only_form_of_an_envelope(bytes: Vec<u8>) {
            if let Ok((envelope, start)) = Envelope::decode(&bytes) {
                let mut again = Vec::new();
                envelope.encode(&mut again);
                prop_assert_eq!(&again[..], &bytes[..start]);
            }
        }
    }
}
