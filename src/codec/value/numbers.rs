//! Which numbers of a JSON text does a parser not give exactly? One that gives 64-bit integers and floats
//! cuts larger integers to floats; and `serde_json` rounds twice where a float has many digits, unless
//! somebody in the program turns on its feature `float_roundtrip`.
//!
//! So who is given a number by the parser looks at what stands in the text: numbers come in its order.

/// The numbers of a text, one after the other, as they stand there.
pub(super) struct Numbers<'t> {
    rest: &'t [u8],
}

/// A number that a parser may not give so.
pub(super) enum Exact<'t> {
    Integer(i128),
    Unsigned(u128),
    Float(f64),
    /// An integer of more than 128 bits.
    TooLarge(&'t str),
}

impl<'t> Numbers<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self { rest: text }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<&'t [u8]> {
        while let Some(first) = self.rest.first() {
            let length = match first {
                b'"' => string_length(self.rest),
                b'-' | b'0'..=b'9' => {
                    let length = self
                        .rest
                        .iter()
                        .take_while(|byte| is_of_number(**byte))
                        .count();
                    let (token, rest) = self.rest.split_at_checked(length)?;
                    self.rest = rest;
                    return Some(token);
                }
                _ => 1,
            };
            self.rest = self.rest.get(length..).unwrap_or_default();
        }
        None
    }
}

/// What a number is, where a parser may say otherwise.
pub(super) fn exact(token: &[u8]) -> Option<Exact<'_>> {
    let has_exponent = token.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if token.len() <= DIGITS_SAFE && !has_exponent {
        return None;
    }
    let text = std::str::from_utf8(token).ok()?;
    if token.iter().skip(1).all(u8::is_ascii_digit) {
        let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
        return if fits { None } else { integer_of(text) };
    }
    text.parse().ok().map(Exact::Float)
}

/// The integer that a text is: digits, and perhaps a minus before them.
pub(super) fn integer_of(text: &str) -> Option<Exact<'_>> {
    if !is_number(text) || !text.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match (text.parse::<i128>(), text.parse::<u128>()) {
        (Ok(value), _) => Exact::Integer(value),
        (_, Ok(value)) => Exact::Unsigned(value),
        _ => Exact::TooLarge(text),
    })
}

/// A number of so many digits and no exponent is read exactly by multiplying or dividing once.
const DIGITS_SAFE: usize = 15;

/// Whether this is a number of RFC 8259.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let no_leading_zero = whole.len() == 1 || !whole.starts_with('0');
    digits(whole) && no_leading_zero && digits(fraction) && digits(exponent)
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// The bytes of the string that the text begins with, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (i, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<&str> {
        let mut numbers = Numbers::of(text.as_bytes());
        let next = std::iter::from_fn(|| numbers.next());
        next.map(|token| std::str::from_utf8(token).unwrap())
            .collect()
    }

    #[test]
    fn numbers_come_in_the_order_of_the_text_and_none_out_of_its_strings() {
        let text = r#"{"1":-2.5e3,"a\"3":[4,"5\\",6]}"#;
        assert_eq!(numbers(text), ["-2.5e3", "4", "6"]);
        assert_eq!(numbers("12"), ["12"]);
        assert_eq!(numbers(r#""1"#), [""; 0]);
    }

    /// Whatever a parser makes of them, as this crate's tests have one that makes no mistakes.
    #[test]
    fn what_a_parser_may_get_wrong_is_read_again() {
        let float = |text: &str| match exact(text.as_bytes()) {
            Some(Exact::Float(value)) => Some(value),
            _ => None,
        };
        for text in ["0.30000000000000004", "1e23", "-2.2250738585072011e-308"] {
            assert_eq!(float(text), Some(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0",
            "0.1",
            "-123456.789",
            "9223372036854775807",
            "18446744073709551615",
        ] {
            assert!(exact(text.as_bytes()).is_none(), "{text}");
        }
        assert!(matches!(
            exact(b"-9223372036854775809"),
            Some(Exact::Integer(-9_223_372_036_854_775_809))
        ));
        assert!(matches!(
            exact(b"340282366920938463463374607431768211455"),
            Some(Exact::Unsigned(u128::MAX))
        ));
        assert!(matches!(
            exact(b"340282366920938463463374607431768211456"),
            Some(Exact::TooLarge(_))
        ));
    }
}
