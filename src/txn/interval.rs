//! Who makes buffered commits durable when nobody asks? A thread that looks every so often.

use std::sync::Weak;
use std::thread;
use std::time::Duration;

use super::batch::Batch;
use super::core::Core;
use super::group::{ALONE, Group};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::store::Store;

/// Longest sleep, so that the thread ends soon after its database.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Syncs every `interval` as long as the database is open, where there is something to sync.
pub(crate) fn sync_every(interval: Duration, core: &Core) -> Result<()> {
    let (store, group) = (Arc::downgrade(&core.store), core.group.clone());
    thread::Builder::new()
        .name("larder sync".to_owned())
        .spawn(move || while sleep(interval, &store) && sync(&store, &group) {})
        .map(drop)
        .map_err(|error| {
            Error::new(ErrorKind::Io, "the thread that syncs cannot be started").because(error)
        })
}

/// Sleeps; whether the database is there still.
fn sleep(interval: Duration, store: &Weak<Store>) -> bool {
    let mut left = interval.max(Duration::from_millis(1));
    while !left.is_zero() && store.strong_count() > 0 {
        let step = left.min(SLEEP_MAX);
        thread::sleep(step);
        left -= step;
    }
    store.strong_count() > 0
}

/// Whether to go on. An error is told to the next who writes.
fn sync(store: &Weak<Store>, group: &Arc<Group<Batch>>) -> bool {
    let Some(store) = store.upgrade() else {
        return false;
    };
    if store.is_synced() {
        return true;
    }
    match group.take(ALONE) {
        Ok((_turn, _)) => store.sync().is_ok(),
        Err(_) => false,
    }
}
