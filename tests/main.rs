//! The integration tests, one module a subject, in one binary.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    unused_qualifications,
    reason = "a test that cannot go on fails, and nothing depends on it"
)]

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
