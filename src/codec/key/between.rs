//! Which key lies between two others?

/// A key between two, about in the middle of all there could be; `None` where they leave no room.
pub(crate) fn between(lower: &[u8], upper: &[u8]) -> Option<Vec<u8>> {
    let common = lower.iter().zip(upper).take_while(|(a, b)| a == b).count();
    let number = |bytes: &[u8]| {
        let mut number = [0; 16];
        for (to, from) in number.iter_mut().zip(bytes.iter().skip(common)) {
            *to = *from;
        }
        u128::from_be_bytes(number)
    };
    let (low, high) = (number(lower), number(upper));
    let middle = low + high.checked_sub(low)? / 2;
    let mut bytes = lower.get(..common)?.to_vec();
    bytes.extend(middle.to_be_bytes());
    (bytes.as_slice() > lower && bytes.as_slice() < upper).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_between_two_lies_between_them() {
        for (lower, upper) in [
            (&b"a"[..], &b"b"[..]),
            (b"", b"\x01"),
            (b"abc\x00\x01", b"abd\x00\x01"),
            (b"x", b"x\x00\x00\x01"),
            (&[0; 8], &[0xFF; 8]),
        ] {
            let middle = between(lower, upper).unwrap();
            assert!(
                lower < middle.as_slice() && middle.as_slice() < upper,
                "{middle:?}"
            );
        }
        assert_eq!(between(b"a", b"a"), None);
        assert_eq!(between(b"a", b"a\x00"), None);
    }
}
