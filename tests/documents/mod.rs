//! Documents, from outside.

mod patches;
