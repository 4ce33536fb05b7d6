//! One room for each family of commands.

pub(crate) mod about;
pub(crate) mod bench;
pub(crate) mod dump;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod read;
pub(crate) mod shell;
pub(crate) mod snapshot;
pub(crate) mod write;
