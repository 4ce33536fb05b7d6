//! How much may still be read of a body before it is called damaged?

use super::raw::STRING_SIZE;
use crate::base::{Error, Result};

/// How many more bytes may be read out of line before a record is called damaged.
///
/// Vectors, maps and texts may overlap in hostile bytes, so that a small body can hold astronomically
/// many; an honest one has every byte once, so that its length is enough to read each of its values.
/// What lies inline (arrays, tuples, structs, numbers) takes nothing: the type bounds it.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// A budget for reading each value of a body of that many bytes once.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes bytes that lie out of line from it; `Corrupt` when it is used up.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.0.checked_sub(bytes) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(overlapping()),
        }
    }

    /// Takes a text from it, if that lies out of line.
    #[inline]
    pub(crate) fn spend_text(&mut self, text: &str) -> Result<()> {
        // A text this short lies inline: `read_str` refuses another place for it.
        let inline = text.len() <= STRING_SIZE;
        self.spend(if inline { 0 } else { text.len() })
    }
}

#[cold]
fn overlapping() -> Error {
    Error::corrupt("the values of a record take more bytes than it has: they overlap")
}
