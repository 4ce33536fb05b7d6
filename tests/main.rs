//! The integration tests, one module a subject, in one binary.

mod collections;
mod support;
mod tidy;
