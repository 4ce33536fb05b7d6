//! How is text compared without regard to case? By its Unicode full case folding.

use super::text::{decode_string, encode_start, encode_str};
use super::{AsKey, Key, KeyPrefix, KeyReader};
use crate::base::{Error, Result};

/// Text as a folded index has it: two texts that differ in case only are the same key.
///
/// Default full case folding (the Unicode Standard, section 3.13.3, `toCasefold`): `Straße` and
/// `STRASSE` are the same, accents and normalisation forms are not touched. A call takes any text
/// (`&str`, `String`) for it and folds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folded(String);

impl Folded {
    /// Folds a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(fold(text))
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The case folding of a text.
pub(crate) fn fold(text: &str) -> String {
    caseless::default_case_fold_str(text)
}

/// The version of Unicode whose folding this is: another one may fold letters that are new.
pub(crate) fn folding_version() -> String {
    let (major, minor, update) = caseless::UNICODE_VERSION;
    format!("{major}.{minor}.{update}")
}

impl Key for Folded {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_str(&self.0, out);
    }

    fn decode(input: &mut KeyReader<'_>) -> Result<Self> {
        let text = decode_string(input)?;
        if fold(&text) != text {
            return Err(Error::corrupt("a folded key holds text that is not folded"));
        }
        Ok(Self(text))
    }

    fn describe() -> String {
        "folded".to_owned()
    }
}

impl AsKey<Folded> for Folded {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl AsKey<Folded> for &Folded {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

macro_rules! folds {
    ($($text:ty),*) => {$(
        impl AsKey<Folded> for $text {
            fn encode_as(&self, out: &mut Vec<u8>) {
                encode_str(&fold(self), out);
            }
        }

        impl KeyPrefix<Folded> for $text {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                // Folding goes character by character, so the folded start is the start of the folded.
                encode_start(fold(self).as_bytes(), out);
            }
        }
    )*};
}

folds!(&str, &&str, String, &String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_case_only_are_one_key() {
        let encoded = |text: &str| {
            let mut out = Vec::new();
            AsKey::<Folded>::encode_as(&text, &mut out);
            out
        };
        assert_eq!(encoded("Straße"), encoded("STRASSE"));
        assert_eq!(encoded("ΌΣΟΣ"), encoded("όσος"));
        assert_ne!(encoded("é"), encoded("e"));
        assert_eq!(encoded("Ab"), [b'a', b'b', 0, 1]);
    }
}
