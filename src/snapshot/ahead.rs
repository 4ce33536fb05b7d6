//! How does going through a table not wait for its blocks to be uncompressed? A thread reads the next ones while
//! the last ones are looked at.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::read::Layer;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::store::KeptBlock;

/// The blocks of a layer, in order.
pub(super) struct Ahead {
    /// `None` once it is dropped.
    blocks: Option<Receiver<Result<Arc<KeptBlock>>>>,
    thread: Option<JoinHandle<()>>,
}

/// Fewer are read where they are needed.
const BLOCKS_MIN: usize = 16;

/// Blocks that wait to be looked at.
const WAITING_MAX: usize = 16;

impl Ahead {
    /// `None` where it would not pay, or there is no thread to be had.
    pub(super) fn of(layer: &Layer) -> Option<Self> {
        if layer.blocks() < BLOCKS_MIN {
            return None;
        }
        let (give, blocks) = sync_channel(WAITING_MAX);
        let own = layer.clone();
        let read = move || {
            for number in 0..own.blocks() {
                let block = own.block(number);
                let is_last = block.is_err();
                if give.send(block).is_err() || is_last {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("larder-snapshot".into());
        Some(Self {
            thread: Some(thread.spawn(read).ok()?),
            blocks: Some(blocks),
        })
    }

    /// The next block; as many are asked for as there are.
    pub(super) fn next(&self) -> Result<Arc<KeptBlock>> {
        let next = self.blocks.as_ref().and_then(|blocks| blocks.recv().ok());
        next.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Io,
                "a thread that reads ended by itself",
            ))
        })
    }
}

impl Drop for Ahead {
    /// The file is let go of when this is gone.
    fn drop(&mut self) {
        self.blocks = None;
        let ended = self.thread.take().map(JoinHandle::join);
        // What it could not read was told.
        drop(ended);
    }
}
