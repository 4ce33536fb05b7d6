//! Floor 1: how values become bytes. Pure: no I/O, no clock, no state.

pub(crate) mod envelope;
pub(crate) mod key;
pub(crate) mod timestamp;
pub(crate) mod value;
pub(crate) mod varint;
