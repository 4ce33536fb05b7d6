//! How does a record become its body, and a body a record?
//!
//! A body is what rkyv writes: the root at the very end, what it points to before it. All offsets
//! are relative, so an envelope may stand in front.

use std::num::NonZeroUsize;

use rkyv::api::{access_with_context, serialize_using};
use rkyv::rancor::{Failure, Strategy};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Serializer, Writer};
use rkyv::util::with_arena;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::with::{DeserializeWith, With};

use super::storable::Storable;
use crate::base::limits::BODY_BYTES_MAX;
use crate::base::{Error, Result};

/// The archived record in `body`, validated.
pub(crate) fn access<T: Storable>(body: &[u8]) -> Result<&T::Stored> {
    let mut validator = ArchiveValidator::with_max_depth(body, DEPTH_MAX);
    access_with_context::<T::Stored, _, Failure>(body, &mut validator)
        .map_err(|Failure| not_a_record())
}

fn not_a_record() -> Error {
    Error::corrupt("the body is not a record of its type")
}

/// Appends the body of a record.
pub(crate) fn encode<T: Storable>(record: &T, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let written = with_arena(|arena| {
        let mut serializer = Serializer::new(Body { out, start }, arena.acquire(), ());
        serialize_using::<_, Failure>(With::<T, T::With>::cast(record), &mut serializer)
    });
    if written.is_err() {
        out.truncate(start);
        return Err(Error::limit(format!(
            "the record is larger than {BODY_BYTES_MAX} bytes, the most a body can have"
        )));
    }
    Ok(())
}

/// The record that was validated as `stored`.
pub(crate) fn from_stored<T: Storable>(stored: &T::Stored) -> Result<T> {
    T::With::deserialize_with(stored, Strategy::wrap(&mut ())).map_err(|Failure| not_a_record())
}

/// What writes a body: nothing in it is shared.
pub(crate) type BodyWriter<'a, 'b> = Strategy<Serializer<Body<'a>, ArenaHandle<'b>, ()>, Failure>;

/// What reads a body: nothing in it is shared.
pub(crate) type BodyReader = Strategy<(), Failure>;

/// A body being written. It refuses to grow past what 32-bit lengths and offsets can say, where
/// rkyv would panic or cut.
pub struct Body<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl Positional for Body<'_> {
    fn pos(&self) -> usize {
        self.out.len() - self.start
    }
}

impl Writer<Failure> for Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > BODY_BYTES_MAX - self.pos() {
            return Err(Failure);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// More lists within lists than a record type may have, so that this bound is never the first.
const DEPTH_MAX: Option<NonZeroUsize> = NonZeroUsize::new(128);
