//! How is a number written that is mostly small? Seven bits a byte, the lowest first; all bytes but the last
//! have their highest bit set (LEB128, as in DWARF and WebAssembly). Of one number there is one form: the
//! shortest.

/// Appends a number.
pub(crate) fn encode(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number off the front; `None` where there is none, or not in its shortest form.
#[inline]
pub(crate) fn decode(input: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7F);
        // The tenth byte holds one bit; and the shortest form does not end in zeros.
        if (shift == 63 && *byte > 1) || (*byte == 0 && shift > 0) {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}
