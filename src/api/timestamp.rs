//! What time is it? The clock is not the codec's to read.

use crate::base::clock;
use crate::codec::timestamp::Timestamp;

impl Timestamp {
    /// The time now, by the system's clock: it may jump, also backwards.
    #[must_use]
    pub fn now() -> Self {
        // A system's clock cannot be so far off that it does not fit; if it were, it is the end.
        Self::try_from(clock::now()).unwrap_or(Self::from_micros(i64::MAX))
    }
}
