//! Where is a key encoded that is needed for one look-up only? In a buffer that the thread keeps.

use std::cell::Cell;

use super::{AsKey, Key};

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `with` on the encoding of a key, without allocating. A call within a call works: it finds
/// no buffer and makes one.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers have the key by value"
)]
pub(crate) fn with_encoded<K: Key, Q: AsKey<K>, R>(key: Q, with: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = BUFFER.take();
    buffer.clear();
    key.encode_as(&mut buffer);
    let result = with(&buffer);
    // One long key must not stay for ever.
    if buffer.capacity() <= KEPT_BYTES_MAX {
        BUFFER.set(buffer);
    }
    result
}

const KEPT_BYTES_MAX: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_nest_and_long_keys_are_not_kept() {
        let long = "x".repeat(2 * KEPT_BYTES_MAX);
        let lengths = with_encoded::<String, _, _>("outer", |outer| {
            let inner = with_encoded::<String, _, _>(long.as_str(), <[u8]>::len);
            (outer.to_vec(), inner)
        });
        assert_eq!(lengths.0, b"outer\0\x01");
        assert_eq!(lengths.1, long.len() + 2);
        assert!(BUFFER.take().capacity() <= KEPT_BYTES_MAX);
    }
}
