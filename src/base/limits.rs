//! How large may things be? Every bound that a user can meet, in one place.

/// Longest encoded key in bytes, primary or index: a key longer than a page degrades the tree.
pub(crate) const KEY_BYTES_MAX: usize = 4096;

/// The most bytes that the keys of one record in one index may have together: a list beside a long text
/// repeats it for each element.
pub(crate) const INDEX_KEYS_BYTES_MAX: usize = 16 << 20;

/// Largest body in bytes before compression, unless the builder says otherwise: 16 MiB.
pub(crate) const BODY_BYTES_MAX_DEFAULT: usize = 16 << 20;

/// The most a body limit can be set to: offsets inside a record are 31 bits wide.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 30;

/// Deepest nesting of lists, maps, options and parts in a record type.
pub(crate) const TYPE_DEPTH_MAX: usize = 32;

/// Largest filter in bytes, as a document: 16 MiB.
pub(crate) const FILTER_BYTES_MAX: usize = 16 << 20;

/// Most values in a list of a filter, and most branches of one.
pub(crate) const FILTER_VALUES_MAX: usize = 100_000;

/// Most regular expressions in a filter: each takes up to a megabyte.
pub(crate) const FILTER_REGEXES_MAX: usize = 100;

/// Deepest nesting of a filter's `and`, `or` and `not`, as that of documents.
pub(crate) const FILTER_DEPTH_MAX: usize = 128;

/// Longest name of a collection, bucket or index in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// Cache of the database in bytes, unless the builder says otherwise: 64 MiB. redb's own default,
/// 1 GiB, is not for a library that lives in somebody else's program.
pub(crate) const CACHE_BYTES_DEFAULT: usize = 64 << 20;
