//! The locks and atomics of the crate, in one place so that loom's can stand in for them.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[cfg(not(loom))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

/// Which thread this is.
#[cfg(not(loom))]
pub(crate) fn this_thread() -> ThreadId {
    std::thread::current().id()
}

#[cfg(not(loom))]
pub(crate) use std::thread::ThreadId;

/// Does something while a lock that is held is not held.
#[cfg(not(loom))]
pub(crate) fn unlocked<T>(guard: &mut MutexGuard<'_, T>, act: impl FnOnce()) {
    MutexGuard::unlocked(guard, act);
}

/// Something that becomes known once, to all who wait for it at the same time.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Event<T>(OnceLock<T>);

#[cfg(not(loom))]
impl<T> Default for Event<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

#[cfg(not(loom))]
impl<T: Clone> Event<T> {
    /// Only the first value counts.
    pub(crate) fn set(&self, value: T) {
        let _ = self.0.set(value);
    }

    /// Waits for it.
    pub(crate) fn wait(&self) -> T {
        self.0.wait().clone()
    }
}

#[cfg(loom)]
pub(crate) use modelled::{Condvar, Event, Mutex, MutexGuard, ThreadId, this_thread, unlocked};
#[cfg(loom)]
pub(crate) use parking_lot::RwLock;

/// Loom's locks with the faces of parking_lot's.
#[cfg(loom)]
mod modelled {
    use std::fmt::{self, Debug};
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    pub(crate) use loom::thread::ThreadId;

    pub(crate) fn this_thread() -> ThreadId {
        loom::thread::current().id()
    }

    /// Models have no time, so nothing is done in it; what others do while it is not held, they do.
    pub(crate) fn unlocked<T>(guard: &mut MutexGuard<'_, T>, _act: impl FnOnce()) {
        let mutex = guard.1;
        guard.0 = None;
        guard.0 = Some(mutex.lock().unwrap());
    }

    #[derive(Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    pub(crate) struct MutexGuard<'a, T>(
        Option<loom::sync::MutexGuard<'a, T>>,
        &'a loom::sync::Mutex<T>,
    );

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap()), &self.0)
        }
    }

    impl<T> Debug for Mutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Mutex")
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().unwrap()
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().unwrap()
        }
    }

    #[derive(Debug)]
    pub(crate) struct Event<T> {
        value: Mutex<Option<T>>,
        known: Condvar,
    }

    impl<T> Default for Event<T> {
        fn default() -> Self {
            Self {
                value: Mutex::new(None),
                known: Condvar::default(),
            }
        }
    }

    impl<T: Clone> Event<T> {
        pub(crate) fn set(&self, value: T) {
            self.value.lock().get_or_insert(value);
            self.known.notify_all();
        }

        pub(crate) fn wait(&self) -> T {
            let mut value = self.value.lock();
            loop {
                if let Some(value) = &*value {
                    return value.clone();
                }
                self.known.wait(&mut value);
            }
        }
    }

    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Default for Condvar {
        fn default() -> Self {
            Self(loom::sync::Condvar::new())
        }
    }

    impl Debug for Condvar {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Condvar")
        }
    }

    impl Condvar {
        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard.0.take().unwrap();
            guard.0 = Some(self.0.wait(inner).unwrap());
        }

        /// Models have no time: it has run out at once.
        pub(crate) fn wait_for<T>(&self, _guard: &mut MutexGuard<'_, T>, _time: Duration) {}

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
