//! The integration tests, one module a subject, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod buckets;
mod collections;
mod keys;
mod limits;
mod macros;
mod model;
mod records;
mod scenarios;
mod support;
mod tidy;
