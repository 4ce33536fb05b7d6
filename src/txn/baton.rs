//! Whose turn is it to write? One thread at a time, the others wait, and none waits for itself.

use std::thread::{self, ThreadId};

use crate::base::sync::{Arc, Condvar, Mutex};
use crate::base::{Error, Result};

/// What a thread must hold to write.
#[derive(Debug, Default)]
pub(crate) struct Baton {
    holder: Mutex<Option<ThreadId>>,
    free: Condvar,
}

/// The baton, held by this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(Arc<Baton>);

impl Baton {
    /// Waits until nobody else writes.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Held> {
        let me = thread::current().id();
        let mut holder = self.holder.lock();
        while let Some(other) = *holder {
            if other == me {
                return Err(Error::invalid(
                    "this thread is in a write transaction already; pass its `tx` along instead of \
                     beginning another",
                ));
            }
            self.free.wait(&mut holder);
        }
        *holder = Some(me);
        Ok(Held(self.clone()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.holder.lock() = None;
        self.0.free.notify_one();
    }
}
