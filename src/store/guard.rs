//! What if redb panics over the trees that it reads? That is damage, and an error like any other.
//!
//! Every block that redb gets was verified, and a tree of such blocks is one that redb wrote; except that
//! an old copy of a block, which a disk that lost a write leaves in its place, has a good seal, too.
//! redb takes what it says as it is, and may find that pages do not have what their parents say.
//!
//! Such a panic is caught where redb is called, so that it unwinds through nothing of ours. A change that
//! it interrupts is one that redb refuses to commit.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use redb::{Cursor, StorageError};

use crate::base::{Error, Result};

/// Calls redb; `meaning` says what its errors are to a user.
#[inline]
pub(super) fn guarded<T, E>(
    call: impl FnOnce() -> Result<T, E>,
    meaning: impl FnOnce(E) -> Error,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(meaning),
        Err(_) => Err(Error::corrupt(STALE)),
    }
}

/// The same, and hands what redb gives to `read` before it is moved anywhere: it is large. A panic of
/// `read` is none of redb's, and goes on.
#[inline]
pub(super) fn guarded_then<T, E, R>(
    call: impl FnOnce() -> Option<Result<T, E>>,
    meaning: impl FnOnce(E) -> Error,
    read: impl FnOnce(T) -> Result<R>,
) -> Option<Result<R>> {
    let reading = Cell::new(false);
    let result = catch_unwind(AssertUnwindSafe(|| match call()? {
        Ok(given) => {
            reading.set(true);
            Some(Ok(read(given)))
        }
        Err(error) => Some(Err(error)),
    }));
    match result {
        Ok(result) => result.map(|result| result.unwrap_or_else(|error| Err(meaning(error)))),
        Err(panic) if reading.get() => resume_unwind(panic),
        Err(_) => Some(Err(Error::corrupt(STALE))),
    }
}

/// Calls redb until it gives what is `wanted`, or nothing more. A panic of `wanted` is none of redb's, and
/// goes on; `failed` says whether redb did.
pub(super) fn guarded_find<T>(
    mut step: impl FnMut() -> Option<Result<T>>,
    failed: &mut bool,
    mut wanted: impl FnMut(&T) -> Result<bool>,
) -> Option<Result<T>> {
    // Until it is known that it did not.
    *failed = true;
    let reading = Cell::new(false);
    let found = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let given = match step() {
                Some(Ok(given)) => given,
                ended => return (ended, true),
            };
            reading.set(true);
            let is_wanted = wanted(&given);
            reading.set(false);
            match is_wanted {
                Ok(false) => {}
                Ok(true) => return (Some(Ok(given)), false),
                Err(error) => return (Some(Err(error)), false),
            }
        }
    }));
    match found {
        Ok((found, is_redbs)) => {
            *failed = is_redbs && found.is_some();
            found
        }
        Err(panic) if reading.get() => resume_unwind(panic),
        Err(_) => Some(Err(Error::corrupt(STALE))),
    }
}

/// Goes through the entries behind a cursor of redb's, and hands each to `read` where it lies, until that
/// says to stop. A panic of `read` is none of redb's, and goes on.
pub(super) fn guarded_each<'t>(
    begin: impl FnOnce() -> Result<Cursor<'t, Slice, Slice>, StorageError>,
    meaning: impl Fn(StorageError) -> Error,
    read: &mut impl FnMut(&[u8], &[u8]) -> Result<bool>,
) -> Result<()> {
    let reading = Cell::new(false);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut cursor = begin().map_err(&meaning)?;
        while let Some((key, value)) = cursor.next().map_err(&meaning)? {
            // Where a page says that they lie behind its end, redb panics, and not the reader.
            let (key, value) = (key.value(), value.value());
            reading.set(true);
            let goes_on = read(key, value)?;
            reading.set(false);
            if !goes_on {
                break;
            }
        }
        Ok(())
    }));
    match result {
        Ok(result) => result,
        Err(panic) if reading.get() => resume_unwind(panic),
        Err(_) => Err(Error::corrupt(STALE)),
    }
}

type Slice = &'static [u8];

/// What is to be said of trees that do not fit together.
pub(super) const STALE: &str = "the trees do not fit together: an old copy of a block lies in place \
                                of the newest; `scrub` tells, and a backup has what was lost";
