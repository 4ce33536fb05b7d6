//! Is what one file has of a table whole? Each block is read, by several threads, and its order looked at.

use std::ops::Range;
use std::thread;

use super::block;
use super::content::{Content, Summing};
use super::read::Layer;
use crate::base::sync::{Arc, AtomicUsize, Mutex, Ordering};
use crate::base::{Error, Result, threads};
use crate::store::KeptBlock;

/// Blocks that a thread takes at a time.
const STEP_BLOCKS: usize = 64;

/// More threads than this would wait for the disk.
const THREADS_MAX: usize = 8;

/// Verifies a layer: every block, and the order of the keys. Gives what its entries come to. Where it builds on
/// nothing, no key can be removed.
pub(super) fn verify_layer(layer: &Layer, is_whole: bool) -> Result<Content> {
    let steps = layer.blocks().div_ceil(STEP_BLOCKS);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<Step>>>> = Mutex::new((0..steps).map(|_| None).collect());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= steps {
                return;
            }
            let start = number * STEP_BLOCKS;
            let step = go(
                layer,
                start..layer.blocks().min(start + STEP_BLOCKS),
                is_whole,
            );
            if step.is_err() {
                // Nobody begins another one.
                next.store(steps, Ordering::Relaxed);
            }
            if let Some(done) = done.lock().get_mut(number) {
                *done = Some(step);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads::up_to(THREADS_MAX).min(steps) {
            // Where there is no thread to be had, those that there are do it all.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut content = Summing::default();
    let mut order = Order::default();
    for step in std::mem::take(&mut *done.lock()).into_iter().flatten() {
        let step = step?;
        order.next(&step.first)?;
        order.last = Some(step.last);
        content.append(step.content);
    }
    Ok(content.finish())
}

/// What was found in some blocks one behind the other.
struct Step {
    first: Vec<u8>,
    last: Vec<u8>,
    content: Summing,
}

fn go(layer: &Layer, blocks: Range<usize>, is_whole: bool) -> Result<Step> {
    let mut content = Summing::default();
    let mut first = Vec::new();
    let mut last: Option<Arc<KeptBlock>> = None;
    for number in blocks {
        let block = layer.block(number)?;
        let entries = block.ends.len();
        let mut before = last.as_ref().map(|last| block::last_key(last));
        for i in 0..entries {
            let key = block::key(&block, i);
            if before.is_some_and(|before| key <= before) {
                return Err(out_of_order());
            }
            before = Some(key);
            if is_whole && block::spot(&block, i).is_some_and(|spot| spot.is_removed) {
                return Err(removed_from_nothing());
            }
        }
        if last.is_none() {
            first = block::key(&block, 0).to_vec();
        }
        content.add_block(entries, block::areas(&block));
        last = Some(block);
    }
    let last = last.map(|last| block::last_key(&last).to_vec());
    Ok(Step {
        first,
        last: last.unwrap_or_default(),
        content,
    })
}

/// Keys, each greater than the one before.
#[derive(Default)]
pub(super) struct Order {
    last: Option<Vec<u8>>,
}

impl Order {
    pub(super) fn next(&mut self, key: &[u8]) -> Result<()> {
        match &mut self.last {
            Some(last) if key <= last.as_slice() => return Err(out_of_order()),
            Some(last) => {
                last.clear();
                last.extend_from_slice(key);
            }
            None => self.last = Some(key.to_vec()),
        }
        Ok(())
    }
}

fn out_of_order() -> Error {
    Error::corrupt("the entries are in another order")
}

pub(super) fn removed_from_nothing() -> Error {
    Error::corrupt("a key was removed in a snapshot that builds on nothing")
}
