//! Which time is it? The one place that asks the operating system.

use std::time::{Instant, SystemTime};

/// Wall-clock time.
pub(crate) fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    SystemTime::now()
}

/// Monotonic time, for durations.
pub(crate) fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    Instant::now()
}
