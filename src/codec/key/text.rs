//! How are strings and byte strings, which have any length, written so that they sort as bytes?
//!
//! ```text
//! IN THE TEXT     WRITTEN AS
//! 00              00 FF
//! 01 .. FF        itself
//! the end         00 01
//! ```
//!
//! After `00` no other byte is valid. A text that ends sorts before all that go on: its `00 01` is
//! below `00 FF`, the least that can follow. Strings are their UTF-8 bytes, whose order is that of
//! `str`. The escape is that of the `FoundationDB` tuple layer, the end mark is our own: theirs, a
//! lone `00`, asks what lies behind it to never begin with `FF`.

use super::KeyReader;
use crate::base::{Error, Result};

/// Writes a string with its end mark.
pub(crate) fn encode_str(text: &str, out: &mut Vec<u8>) {
    encode_bytes(text.as_bytes(), out);
}

/// Writes a byte string with its end mark.
pub(crate) fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_start(bytes, out);
    out.extend_from_slice(&END);
}

/// Writes what the encodings of all texts that start with `bytes` have in common.
pub(crate) fn encode_start(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + END.len());
    for (i, run) in bytes.split(|&byte| byte == ESCAPE).enumerate() {
        if i > 0 {
            out.extend_from_slice(&[ESCAPE, ESCAPED_ZERO]);
        }
        out.extend_from_slice(run);
    }
}

pub(crate) fn decode_string(input: &mut KeyReader<'_>) -> Result<String> {
    String::from_utf8(decode_bytes(input)?)
        .map_err(|error| Error::corrupt("a string in a key is not UTF-8").because(error))
}

pub(crate) fn decode_bytes(input: &mut KeyReader<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        input.take_until(ESCAPE, &mut bytes)?;
        match input.take::<1>()? {
            [ESCAPED_ZERO] => bytes.push(ESCAPE),
            [END_MARK] => return Ok(bytes),
            [other] => {
                let message = format!("a text in a key has {other:#04x} after a zero byte");
                return Err(Error::corrupt(message));
            }
        }
    }
}

/// Reads past a string or byte string.
pub(crate) fn skip_bytes(input: &mut KeyReader<'_>) -> Result<()> {
    loop {
        input.skip_until(ESCAPE)?;
        if input.take::<1>()? == [END_MARK] {
            return Ok(());
        }
    }
}

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xFF;
const END_MARK: u8 = 0x01;
const END: [u8; 2] = [ESCAPE, END_MARK];

#[cfg(test)]
mod tests {
    use super::super::{decode_key, encode_key};

    #[test]
    fn golden_bytes_of_strings() {
        for (text, bytes) in [
            ("", &b"\x00\x01"[..]),
            ("Paris", b"Paris\x00\x01"),
            ("\0", b"\x00\xFF\x00\x01"),
            ("a\0\0b\u{1}", b"a\x00\xFF\x00\xFFb\x01\x00\x01"),
            ("\u{e9}", b"\xC3\xA9\x00\x01"),
        ] {
            assert_eq!(encode_key(&text.to_owned()), bytes);
            assert_eq!(decode_key::<String>(bytes).unwrap(), text);
        }
    }

    #[test]
    fn golden_bytes_of_byte_strings() {
        let bytes = vec![0xFF, 0x00, 0xFF, 0x01];
        let encoded = [0xFF, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x01];
        assert_eq!(encode_key(&bytes), encoded);
        assert_eq!(decode_key::<Vec<u8>>(&encoded).unwrap(), bytes);
    }

    #[test]
    fn a_text_without_its_end_or_with_a_stray_byte_behind_a_zero_is_refused() {
        for bytes in [
            &b""[..],
            b"a",
            b"a\x00",
            b"a\x00\xFF",
            b"a\x00\x00",
            b"a\x00\x02\x00\x01",
        ] {
            assert!(decode_key::<Vec<u8>>(bytes).is_err(), "{bytes:?}");
        }
        assert!(decode_key::<Vec<u8>>(b"\xC3\x00\x01").is_ok());
        let error = decode_key::<String>(b"\xC3\x00\x01").expect_err("half a character");
        assert!(error.is(crate::ErrorKind::Corrupt), "{error}");
    }
}
