//! The integration tests, one module a subject, in one binary.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    unused_qualifications,
    reason = "a test that cannot go on fails, and nothing depends on it"
)]

mod again;
mod buckets;
mod collections;
mod compact;
mod concurrency;
mod crash;
mod damage;
mod documents;
mod encryption;
mod full;
mod golden;
mod keys;
mod limits;
mod macros;
mod migrations;
mod misuse;
mod model;
mod opening;
mod path_indexes;
mod pitfalls;
mod power;
mod queries;
mod records;
mod registration;
mod scenarios;
mod snapshot_store;
mod snapshots;
mod suites;
mod support;
mod tidy;
mod together;
mod tools;
