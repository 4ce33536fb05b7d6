//! Is a damaged file an error or exactly the right data, whatever the damage?
//!
//! Every case opens a damaged copy of a file in memory, reads it by every index and both ways, writes
//! to it, closes it and opens it again. It may be refused at any step. It may not panic, hang, answer
//! wrongly or go back to an earlier state without a word.
//!
//! By default a sample of the cases runs. All of them, which takes long:
//! `cargo test --test main damage -- --ignored --nocapture`

mod examine;
mod files;
mod positions;
mod random;
mod reports;
