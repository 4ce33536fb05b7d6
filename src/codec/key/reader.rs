//! How are keys taken off the front of a byte string, also when they are written complemented?
//!
//! - `mask` is `00`, or `FF` inside a [`Reverse`](super::Reverse): every byte is read through it,
//!   so that a complemented key is decoded in place, without a copy.

use std::fmt;

use crate::base::{Error, Result};

/// Reads keys one after the other from the front of a byte string.
///
/// What remains after the last key is [`rest`](Self::rest): the primary key of an index entry.
#[derive(Clone)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
    mask: u8,
}

impl<'a> KeyReader<'a> {
    /// A reader that stands before the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            mask: 0x00,
        }
    }

    /// The bytes not read yet, as they lie there.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all bytes were read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error for a tag byte that stands for no variant of the enum called `name`: for the code
    /// that `#[part(key)]` makes.
    #[doc(hidden)]
    #[must_use]
    pub fn unknown_variant(name: &str, tag: u8) -> Error {
        Error::corrupt(format!(
            "a key holds variant {tag} of `{name}`, which has none such"
        ))
    }

    /// Refuses bytes that are left over.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "{} bytes are left over behind a key",
            self.rest.len()
        )))
    }

    /// The next `N` bytes.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(bytes.map(|byte| byte ^ self.mask))
    }

    /// Appends the bytes before the next `stop` to `out` and reads past it.
    pub(crate) fn take_until(&mut self, stop: u8, out: &mut Vec<u8>) -> Result<()> {
        let mask = self.mask;
        let mut parts = self.rest.splitn(2, |&byte| byte == stop ^ mask);
        let (Some(run), Some(rest)) = (parts.next(), parts.next()) else {
            return Err(ends_early());
        };
        self.rest = rest;
        out.extend(run.iter().map(|byte| byte ^ mask));
        Ok(())
    }

    /// Reads past the next `stop`.
    pub(crate) fn skip_until(&mut self, stop: u8) -> Result<()> {
        let stop = stop ^ self.mask;
        let at = self.rest.iter().position(|byte| *byte == stop);
        let rest = at.and_then(|at| self.rest.get(at + 1..));
        self.rest = rest.ok_or_else(ends_early)?;
        Ok(())
    }

    /// Reads what is written complemented. Within itself it undoes itself.
    pub(crate) fn complemented<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.mask = !self.mask;
        let result = read(self);
        self.mask = !self.mask;
        result
    }
}

impl fmt::Debug for KeyReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyReader")
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

fn ends_early() -> Error {
    Error::corrupt("a key ends early")
}
