//! The integration tests, one module a subject, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod collections;
mod keys;
mod support;
mod tidy;
