//! What `IndexedDB` has, said in documents of Larder.

pub mod keys;
