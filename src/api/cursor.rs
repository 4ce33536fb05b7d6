//! Where did a page end?
//!
//! ```text
//! BYTES   OF A CURSOR
//! 1       01, the version
//! 4       CRC-32 of what the query asks, little-endian: no other may go on here
//! 1       00, an entry of a table          01, a place in a sort
//! 4       the index, 0 for the records     how many bytes it sorts by, little-endian
//! ..      the entry                        what it sorts by, then the key
//! ```
//! As text in base64url without padding (RFC 4648).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::{Error, Result};
use crate::query::find::Sorted;

/// A place between two records of a query, to go on there: from
/// [`QueryIter::cursor`](crate::QueryIter::cursor) to [`Query::after`](crate::Query::after).
///
/// It can be kept as text (`to_string`, `parse`) as long as the program and its indexes stay what they are.
/// It says which keys there are around: give it to nobody who may not know them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Vec<u8>);

/// What a cursor says.
pub(super) enum Position {
    /// Behind an entry of a table: an index, by its id, or that of the records, which is 0.
    Entry { index: u32, entry: Vec<u8> },
    /// Behind this in the order that was asked for.
    Sorted(Sorted),
}

const VERSION: u8 = 1;
const ENTRY: u8 = 0;
const SORTED: u8 = 1;

impl Cursor {
    pub(super) fn new(fingerprint: u32, position: &Position) -> Self {
        let mut bytes = vec![VERSION];
        bytes.extend(fingerprint.to_le_bytes());
        match position {
            Position::Entry { index, entry } => {
                bytes.push(ENTRY);
                bytes.extend(index.to_le_bytes());
                bytes.extend(entry);
            }
            Position::Sorted(Sorted { by, key }) => {
                bytes.push(SORTED);
                // No record sorts by as much as four gigabytes.
                bytes.extend(u32::try_from(by.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend(by);
                bytes.extend(key);
            }
        }
        Self(bytes)
    }

    /// Where it is, if it belongs to the query.
    pub(super) fn position(&self, fingerprint: u32) -> Result<Position> {
        let (&version, rest) = self.0.split_first().ok_or_else(damaged)?;
        let (of, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (&kind, rest) = rest.split_first().ok_or_else(damaged)?;
        let (number, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let number = u32::from_le_bytes(*number);
        if version != VERSION || u32::from_le_bytes(*of) != fingerprint {
            return Err(Error::invalid(
                "the cursor is of another query: filter, sort and hint must be the same",
            ));
        }
        match kind {
            ENTRY => Ok(Position::Entry {
                index: number,
                entry: rest.to_vec(),
            }),
            SORTED => {
                let (by, key) = rest.split_at_checked(number as usize).ok_or_else(damaged)?;
                Ok(Position::Sorted(Sorted {
                    by: by.to_vec(),
                    key: key.to_vec(),
                }))
            }
            _ => Err(damaged()),
        }
    }
}

fn damaged() -> Error {
    Error::invalid("this is no cursor")
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        bytes.map(Self).map_err(|error| damaged().because(error))
    }
}
