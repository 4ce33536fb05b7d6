//! Floor 5: when is it committed? Read and write transactions, and who may write now.

pub(crate) mod batch;
pub(crate) mod core;
pub(crate) mod group;
pub(crate) mod interval;
pub(crate) mod read;
pub(crate) mod readers;
pub(crate) mod write;
