//! Floor 5: when is it committed? Read and write transactions, and who may write now.

pub(crate) mod baton;
pub(crate) mod core;
pub(crate) mod read;
pub(crate) mod write;
