//! Records change their versions: read in the new one at once, rewritten when asked, undone, and never lost.

mod cities;
mod code;
mod descriptors;
mod documents;
mod indexes;
mod lazy;
mod older;
mod plan;
mod undo;
