//! Who compresses and seals the blocks of a snapshot? A few threads, while the next blocks are gathered; what
//! they give back is in the order of what they were given.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::format::{BLOCK_HEAD_BYTES, BlockHead, BlockKind, RATIO_MAX, SMALL_BYTES};
use super::seal::Seal;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result, threads};

/// The level of what is not compressed.
pub(super) const STORED: i32 = 0;

/// A block before it is packed.
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) kind: BlockKind,
    pub(super) raw: Vec<u8>,
    /// What it is compressed with; empty: nothing.
    pub(super) dictionary: Arc<Vec<u8>>,
}

/// A block as it lies in the file.
pub(super) struct Packed {
    pub(super) number: u64,
    /// Bytes of its payload.
    pub(super) stored: u32,
    pub(super) head: [u8; BLOCK_HEAD_BYTES],
    /// The payload, and its seal.
    pub(super) sealed: Vec<u8>,
}

/// Packs blocks, one after the other.
struct Packer {
    level: i32,
    compressor: zstd::bulk::Compressor<'static>,
    /// What the compressor has.
    dictionary: Arc<Vec<u8>>,
    seal: Arc<Seal>,
}

impl Packer {
    fn new(level: i32, seal: Arc<Seal>) -> Result<Self> {
        let compressor = zstd::bulk::Compressor::new(level).map_err(not_compressed)?;
        Ok(Self {
            level,
            compressor,
            dictionary: Arc::default(),
            seal,
        })
    }

    /// Takes up a dictionary.
    fn learn(&mut self, dictionary: &Arc<Vec<u8>>) -> Result<()> {
        if Arc::ptr_eq(&self.dictionary, dictionary)
            || self.dictionary.is_empty() && dictionary.is_empty()
        {
            return Ok(());
        }
        self.compressor
            .set_dictionary(self.level, dictionary)
            .map_err(not_compressed)?;
        self.dictionary = dictionary.clone();
        Ok(())
    }

    /// Compresses where that makes it smaller, and seals.
    fn pack(&mut self, job: Job) -> Result<Packed> {
        self.learn(&job.dictionary)?;
        let raw = job.raw.as_slice();
        let mut compressed = Vec::new();
        if self.level != STORED && job.kind != BlockKind::Dictionary {
            compressed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
            self.compressor
                .compress_to_buffer(raw, &mut compressed)
                .map_err(not_compressed)?;
        }
        let pays = !compressed.is_empty()
            && compressed.len() < raw.len()
            && (raw.len() <= SMALL_BYTES || raw.len() / RATIO_MAX <= compressed.len());
        let size = |bytes: usize| {
            u32::try_from(bytes)
                .map_err(|_| Error::limit("an entry is larger than a snapshot can hold"))
        };
        let (mut payload, raw_bytes) = if pays {
            (compressed, size(raw.len())?)
        } else {
            (job.raw, 0)
        };
        let stored = size(payload.len())?;
        let head = BlockHead {
            stored,
            raw: raw_bytes,
            kind: job.kind,
        }
        .encode();
        self.seal.seal(job.number, &head, &mut payload);
        Ok(Packed {
            number: job.number,
            stored,
            head,
            sealed: payload,
        })
    }
}

/// Packs on other threads once there is enough to do.
pub(super) struct Packers {
    level: i32,
    seal: Arc<Seal>,
    own: Packer,
    threads: Vec<Worker>,
    /// How many blocks were given, and how many came back.
    given: usize,
    taken: usize,
    /// What was packed here.
    done: std::collections::VecDeque<Packed>,
}

struct Worker {
    jobs: SyncSender<Job>,
    packed: Receiver<Result<Packed>>,
}

/// Blocks before other threads are worth their while.
const ALONE_BLOCKS: usize = 16;

/// More threads than this would wait for the disk.
const THREADS_MAX: usize = 8;

/// Blocks that wait for one thread.
const WAITING_MAX: usize = 4;

impl Packers {
    pub(super) fn new(level: i32, seal: Arc<Seal>) -> Result<Self> {
        Ok(Self {
            level,
            own: Packer::new(level, seal.clone())?,
            seal,
            threads: Vec::new(),
            given: 0,
            taken: 0,
            done: std::collections::VecDeque::new(),
        })
    }

    /// Whether a block has to be taken before another one is given.
    pub(super) fn is_full(&self) -> bool {
        self.given - self.taken > self.threads.len() * WAITING_MAX
    }

    pub(super) fn give(&mut self, job: Job) -> Result<()> {
        // Handing over what is not compressed takes longer than sealing it.
        if self.given == ALONE_BLOCKS && self.given == self.taken && self.level != STORED {
            self.start();
        }
        if let Some(worker) = self.worker(self.given) {
            worker.jobs.send(job).map_err(|_| gone())?;
        } else {
            let packed = self.own.pack(job)?;
            self.done.push_back(packed);
        }
        self.given += 1;
        Ok(())
    }

    /// The next block that was given, `None` when all came back.
    pub(super) fn take(&mut self) -> Result<Option<Packed>> {
        if self.taken == self.given {
            return Ok(None);
        }
        let packed = match self.done.pop_front() {
            Some(packed) => packed,
            None => match self.worker(self.taken) {
                Some(worker) => worker.packed.recv().map_err(|_| gone())??,
                None => return Err(gone()),
            },
        };
        self.taken += 1;
        Ok(Some(packed))
    }

    fn worker(&self, number: usize) -> Option<&Worker> {
        self.threads.get(number.checked_rem(self.threads.len())?)
    }

    /// As many as there are processors; where there is no thread to be had, it is done here.
    fn start(&mut self) {
        for _ in 0..threads::up_to(THREADS_MAX) {
            let Ok(mut packer) = Packer::new(self.level, self.seal.clone()) else {
                return;
            };
            let (jobs, received) = sync_channel::<Job>(WAITING_MAX);
            let (done, results): (Sender<Result<Packed>>, _) = channel();
            let spawned = thread::Builder::new()
                .name("larder-snapshot".into())
                .spawn(move || {
                    for job in received {
                        if done.send(packer.pack(job)).is_err() {
                            return;
                        }
                    }
                });
            if spawned.is_err() {
                return;
            }
            self.threads.push(Worker {
                jobs,
                packed: results,
            });
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Io, "a thread that compresses ended by itself")
}

fn not_compressed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "a block cannot be compressed").because(error)
}
