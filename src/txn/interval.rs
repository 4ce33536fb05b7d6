//! Who makes buffered commits durable when nobody asks? A thread that looks every so often.

use std::sync::Weak;
use std::thread;
use std::time::Duration;

use super::core::Core;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// Longest sleep, so that the thread ends soon after its database.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Syncs every `interval` as long as the database is open, where there is something to sync.
pub(crate) fn sync_every(interval: Duration, core: &Arc<Core>) -> Result<()> {
    let core = Arc::downgrade(core);
    thread::Builder::new()
        .name("larder sync".to_owned())
        .spawn(move || while sleep(interval, &core) && sync(&core) {})
        .map(drop)
        .map_err(|error| {
            Error::new(ErrorKind::Io, "the thread that syncs cannot be started").because(error)
        })
}

/// Sleeps; whether the database is there still.
fn sleep(interval: Duration, core: &Weak<Core>) -> bool {
    let mut left = interval.max(Duration::from_millis(1));
    while !left.is_zero() && core.strong_count() > 0 {
        let step = left.min(SLEEP_MAX);
        thread::sleep(step);
        left -= step;
    }
    core.strong_count() > 0
}

/// Whether to go on. An error is told to the next who writes.
fn sync(core: &Weak<Core>) -> bool {
    let Some(core) = core.upgrade() else {
        return false;
    };
    core.store.is_synced() || core.alone(crate::store::Store::sync).is_ok()
}
