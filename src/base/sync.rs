//! The locks and atomics of the crate, in one place so that loom's can stand in for them.

pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::OnceLock;
#[cfg(any(test, feature = "testing"))]
pub(crate) use std::sync::atomic::AtomicBool;
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
