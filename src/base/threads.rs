//! How many threads does a piece of work take?

/// As many as there are processors, at most `most`, and one at least.
pub(crate) fn up_to(most: usize) -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(most)
}
