//! Which blocks of a snapshot are kept in memory, uncompressed? Those that were asked for last, as many as
//! there is room for.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

use crate::base::sync::{Arc, Mutex};
use crate::store::KeptBlock;

/// A file of the chain, and the number of a block in it.
pub(super) type BlockId = (u32, u64);

/// Blocks, within a bound on their bytes. Second chance: a block that was used since it came, or since it was
/// spared last, is spared once more.
#[derive(Debug)]
pub(super) struct BlockCache {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    blocks: HashMap<BlockId, Kept>,
    /// In the order they came, or were spared.
    order: VecDeque<BlockId>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    block: Arc<KeptBlock>,
    is_used: bool,
}

impl BlockCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            inner: Mutex::default(),
        }
    }

    pub(super) fn get(&self, id: BlockId) -> Option<Arc<KeptBlock>> {
        let mut inner = self.inner.lock();
        let kept = inner.blocks.get_mut(&id)?;
        kept.is_used = true;
        Some(kept.block.clone())
    }

    /// Keeps a block, unless it alone is more than there is room for.
    pub(super) fn put(&self, id: BlockId, block: &Arc<KeptBlock>) {
        let bytes = bytes_of(block);
        if bytes > self.bytes_max {
            return;
        }
        let mut inner = self.inner.lock();
        let kept = Kept {
            block: block.clone(),
            is_used: false,
        };
        match inner.blocks.entry(id) {
            // Two readers may both have read it.
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => drop(place.insert(kept)),
        }
        inner.order.push_back(id);
        inner.bytes += bytes;
        while inner.bytes > self.bytes_max {
            inner.drop_one();
        }
    }
}

impl Inner {
    fn drop_one(&mut self) {
        let Some(id) = self.order.pop_front() else {
            return;
        };
        match self.blocks.get_mut(&id) {
            Some(kept) if kept.is_used => {
                kept.is_used = false;
                self.order.push_back(id);
            }
            _ => {
                let dropped = self.blocks.remove(&id);
                self.bytes -= dropped.map_or(0, |kept| bytes_of(&kept.block));
            }
        }
    }
}

/// What a block takes in memory.
fn bytes_of(block: &KeptBlock) -> usize {
    block.bytes.len() + size_of_val(block.ends.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_bound_holds() {
        let cache = BlockCache::new(100);
        let of = |bytes| {
            Arc::new(KeptBlock {
                bytes: vec![0; bytes],
                ..KeptBlock::default()
            })
        };
        let block = of(10);
        for number in 0..1000 {
            cache.put((0, number), &block);
            assert!(cache.get((0, 0)).is_some(), "{number}");
            let inner = cache.inner.lock();
            assert!(inner.bytes <= 100);
            assert_eq!(inner.bytes, 10 * inner.blocks.len());
            assert_eq!(inner.order.len(), inner.blocks.len());
        }
        assert!(cache.get((0, 1)).is_none());
        assert!(cache.get((0, 999)).is_some());
        cache.put((1, 0), &of(101));
        assert!(cache.get((1, 0)).is_none());
        let none = BlockCache::new(0);
        none.put((0, 0), &block);
        assert!(none.get((0, 0)).is_none());
    }
}
