//! Which time is it? The one place that asks the operating system.

use std::time::{Duration, Instant, SystemTime};

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

/// Sleeps for as long as that many bytes since `begin` were too fast for a rate of bytes a second.
pub(crate) fn keep_to(rate: u64, bytes: u64, begin: Instant) {
    let micros = u128::from(bytes) * 1_000_000 / u128::from(rate.max(1));
    let due = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
    let elapsed = instant().duration_since(begin);
    std::thread::sleep(due.saturating_sub(elapsed).min(SLEEP_MAX));
}

/// A step at the slowest rate takes this long, so that what is slowed down ends within a lifetime.
const SLEEP_MAX: Duration = Duration::from_mins(1);
