//! How is a record read in place? The one `unsafe` of the records.
//!
//! - [`Validated`] is made by validating, and gives out its bytes read-only: that a value of it
//!   exists is the proof that its bytes are a valid `T::Stored`.
//! - The bytes do not change while it lives: [`SteadyBytes`] promises it, and the holder is owned.

#![expect(
    unsafe_code,
    reason = "reading validated bytes in place, for the price of a pointer"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::body;
use super::storable::Storable;
use crate::base::{Error, Result};
use crate::store::Bytes;

/// What holds bytes that stay what they are.
///
/// # Safety
///
/// Of one value, `bytes` gives the same bytes every time, also after the value was moved, until it
/// is dropped or borrowed mutably by its owner.
pub(crate) unsafe trait SteadyBytes {
    /// The bytes.
    fn bytes(&self) -> &[u8];
}

// SAFETY: a shared slice does not change while it is borrowed.
unsafe impl SteadyBytes for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: a vector changes only through `&mut`.
unsafe impl SteadyBytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: an `Arc` gives no `&mut` to what others may read.
unsafe impl SteadyBytes for Arc<[u8]> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: either a vector, which changes only through `&mut`, or redb's guard of a page, which
// keeps that page alive and unchanged: redb never writes into a page that somebody holds.
unsafe impl SteadyBytes for Bytes<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A record of the type `T` in the bytes of `B`, validated.
pub(crate) struct Validated<B, T> {
    /// Never given out mutably, nor replaced.
    holder: B,
    /// Where in the holder's bytes the validated body lies.
    body: Range<usize>,
    _type: PhantomData<fn() -> T>,
}

impl<B: SteadyBytes, T: Storable> Validated<B, T> {
    /// Validates what lies at `body` in the holder's bytes.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if that is not a `T`, or lies outside.
    pub(crate) fn new(holder: B, body: Range<usize>) -> Result<Self> {
        let Some(bytes) = holder.bytes().get(body.clone()) else {
            return Err(outside(&body));
        };
        body::access::<T>(bytes)?;
        Ok(Self {
            holder,
            body,
            _type: PhantomData,
        })
    }

    /// The validated body.
    pub(crate) fn body(&self) -> &[u8] {
        // In bounds since `new`, because the bytes are the same.
        self.holder
            .bytes()
            .get(self.body.clone())
            .unwrap_or_default()
    }
}

#[cold]
fn outside(body: &Range<usize>) -> Error {
    Error::corrupt(format!(
        "a body from {} to {} lies outside its value",
        body.start, body.end
    ))
}

impl<B: SteadyBytes, T: Storable> Deref for Validated<B, T> {
    type Target = T::Stored;

    fn deref(&self) -> &T::Stored {
        // SAFETY: `new` is the only way to a value of this type, and it checked exactly this range
        // of exactly these bytes with rkyv's validator for `T::Stored`, whose root is at the end of
        // the slice as it is here. The bytes are still the same: `SteadyBytes` promises that they
        // change only through `&mut` to the holder, and the holder is private and never lent so.
        // rkyv's pointers are relative and its types have alignment one (`Portable`, feature
        // `unaligned`; the macros assert it), so that it does not matter if the holder was moved.
        unsafe { rkyv::access_unchecked::<T::Stored>(self.body()) }
    }
}

impl<B: SteadyBytes, T: Storable> fmt::Debug for Validated<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validated")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    fn body_of(text: &str) -> Vec<u8> {
        let mut out = vec![0xEE; 3];
        body::encode(&text.to_owned(), &mut out).unwrap();
        out
    }

    #[test]
    fn what_was_validated_is_read_in_place_behind_an_envelope() {
        let text = "a text that is longer than eight bytes";
        let bytes = body_of(text);
        let end = bytes.len();
        let view = Validated::<_, String>::new(bytes, 3..end).unwrap();
        assert_eq!(view.as_str(), text);
        assert_eq!(view.body().len(), end - 3);
    }

    #[test]
    fn a_validated_record_survives_being_moved() {
        let bytes: Arc<[u8]> = body_of("another text, long enough to lie out of line").into();
        let end = bytes.len();
        let view = Box::new(Validated::<_, String>::new(Arc::clone(&bytes), 3..end).unwrap());
        let moved = *view;
        drop(bytes);
        assert_eq!(
            moved.as_str(),
            "another text, long enough to lie out of line"
        );
    }

    #[test]
    fn vectors_options_and_maps_are_read_in_place() {
        type Map = std::collections::BTreeMap<u32, Vec<Option<String>>>;
        let map = Map::from([
            (7, vec![None, Some("seven and seventy".to_owned())]),
            (9, vec![]),
        ]);
        let mut bytes = Vec::new();
        body::encode(&map, &mut bytes).unwrap();
        let view = Validated::<&[u8], Map>::new(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(view.len(), 2);
        let first = &view.as_slice()[0];
        assert_eq!(first.0.to_native(), 7);
        assert_eq!(first.1[1].as_ref().unwrap().as_str(), "seven and seventy");
    }

    #[test]
    fn damage_is_refused_and_nothing_is_read() {
        let bytes = body_of("a text that is longer than eight bytes");
        for end in 0..bytes.len() {
            let view = Validated::<&[u8], String>::new(&bytes, 3..end);
            if let Ok(view) = view {
                assert!(std::str::from_utf8(view.as_bytes()).is_ok());
            }
        }
        let error = Validated::<&[u8], String>::new(&bytes, 3..1000).unwrap_err();
        assert!(error.is(ErrorKind::Corrupt));
    }
}
