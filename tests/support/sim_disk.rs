//! What does a disk do with what was not synced? A simulated file system: it keeps what is durable and
//! what is pending apart, and makes of both every image that a power cut could leave.
//!
//! - A write changes what is read at once, and is pending until a sync. A sync applies the pending
//!   list to the durable image, and nothing else does: copying what is read would heal what a failed
//!   sync lost.
//! - A failed sync makes a part of the pending list durable and forgets the rest, as Linux does; what
//!   is read stays as it was.
//! - A kill ends the process, not the page cache: what is pending stays pending.
//! - A power cut keeps a subset of the pending list, each write cut at sectors or at any byte. A plain
//!   superblock lies within one sector, so that only cuts at any byte tear it. What lies beside a write
//!   stays (powersafe overwrite).
//! - Names are pending, too, until their directory is synced.
//! - Everything random comes from one seed.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use larder::testing::{Access, Disk, FileIdentity, OpenError, Volume};

/// What a device writes whole.
pub const SECTOR: usize = 512;

const PAGE: usize = 4096;

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Less than `end`, 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end as u64).max(1)) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    pub fn add_many(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }

    pub fn merge(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.add_many(what, *count);
        }
    }

    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Fails when something that was asked for never happened: a run without it shows nothing.
    pub fn require(&self, asked_for: &[&str]) {
        let missing: Vec<_> = asked_for
            .iter()
            .filter(|what| self.count(what) == 0)
            .collect();
        assert!(
            missing.is_empty(),
            "asked for, and never happened: {missing:?}"
        );
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(what, count)| writeln!(f, "{count:>10}  {what}"))
    }
}

/// The bytes of a file, in pages that images share.
#[derive(Clone, Default)]
pub struct Image {
    pages: Vec<Arc<Page>>,
    len: u64,
}

struct Page {
    bytes: [u8; PAGE],
    digest: OnceLock<u64>,
}

impl Clone for Page {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes,
            digest: OnceLock::new(),
        }
    }
}

fn zero_page() -> Arc<Page> {
    static ZERO: OnceLock<Arc<Page>> = OnceLock::new();
    let page = ZERO.get_or_init(|| {
        Arc::new(Page {
            bytes: [0; PAGE],
            digest: OnceLock::new(),
        })
    });
    page.clone()
}

impl Page {
    fn digest(&self) -> u64 {
        *self.digest.get_or_init(|| {
            let words = self.bytes.chunks_exact(8);
            words.fold(0, |digest: u64, word| {
                let word = u64::from_le_bytes(word.try_into().unwrap());
                (digest.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
            })
        })
    }
}

impl Image {
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset
            .checked_add(out.len() as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset as usize;
        let mut rest = out;
        while !rest.is_empty() {
            let within = at % PAGE;
            let count = rest.len().min(PAGE - within);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&self.pages[at / PAGE].bytes[within..within + count]);
            at += count;
            rest = later;
        }
        Ok(())
    }

    pub fn write(&mut self, offset: u64, data: &[u8]) {
        let end = offset + data.len() as u64;
        if end > self.len {
            self.set_len(end);
        }
        let mut at = offset as usize;
        let mut rest = data;
        while !rest.is_empty() {
            let within = at % PAGE;
            let count = rest.len().min(PAGE - within);
            let (now, later) = rest.split_at(count);
            self.page(at / PAGE).bytes[within..within + count].copy_from_slice(now);
            at += count;
            rest = later;
        }
    }

    pub fn set_len(&mut self, len: u64) {
        let pages = (len as usize).div_ceil(PAGE);
        let cut = len < self.len;
        self.pages.resize_with(pages, zero_page);
        self.len = len;
        let within = len as usize % PAGE;
        if cut && within > 0 {
            self.page(pages - 1).bytes[within..].fill(0);
        }
    }

    fn page(&mut self, number: usize) -> &mut Page {
        let page = Arc::make_mut(&mut self.pages[number]);
        page.digest = OnceLock::new();
        page
    }

    /// The same for the same bytes.
    pub fn digest(&self) -> u64 {
        let pages = self.pages.iter().zip(1_u64..);
        pages.fold(self.len, |digest, (page, number)| {
            digest ^ mix(page.digest().wrapping_add(number.wrapping_mul(0x9e37_79b9)))
        })
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write { offset, data } => self.write(*offset, data),
            Op::SetLen(len) => self.set_len(*len),
            Op::Sync | Op::FailedSync(_) => {}
        }
    }
}

/// What of an operation is there when the power fails within it.
fn torn(op: &Op, tear: Tear, rng: &mut Rng) -> Vec<Op> {
    let Op::Write { offset, data } = op else {
        return vec![op.clone()];
    };
    let piece = |from: usize, to: usize| Op::Write {
        offset: offset + from as u64,
        data: Arc::from(&data[from..to]),
    };
    match tear {
        Tear::Sectors => {
            // Sectors of the device, so that a block that begins within one is cut there, too.
            let mut pieces = Vec::new();
            let mut at = 0;
            while at < data.len() {
                let within = (*offset as usize + at) % SECTOR;
                let end = data.len().min(at + SECTOR - within);
                if rng.one_in(2) {
                    pieces.push(piece(at, end));
                }
                at = end;
            }
            pieces
        }
        Tear::Bytes => {
            let (from, to) = (rng.below(data.len() + 1), rng.below(data.len() + 1));
            // One piece, or all but one piece.
            if from <= to {
                vec![piece(from, to)]
            } else {
                vec![piece(0, to), piece(from, data.len())]
            }
        }
        Tear::Garbage if data.is_empty() => Vec::new(),
        Tear::Garbage => {
            let mut torn = data.to_vec();
            let from = rng.below(torn.len());
            let to = from + rng.below(torn.len() - from) + 1;
            torn[from..to].fill_with(|| rng.next() as u8);
            vec![Op::Write {
                offset: *offset,
                data: torn.into(),
            }]
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} bytes, {:016x})", self.len, self.digest())
    }
}

/// How a write is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Some of its sectors are there.
    Sectors,
    /// Cut at any byte.
    Bytes,
    /// Something else is in a part of it.
    Garbage,
}

/// What was done to a file.
#[derive(Clone, Debug)]
pub enum Op {
    Write {
        offset: u64,
        data: Arc<[u8]>,
    },
    SetLen(u64),
    Sync,
    /// What of the pending list reached the disk all the same.
    FailedSync(Vec<Op>),
}

/// What was done, and which states may be found after a power cut that follows it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub op: Op,
    pub allowed: Vec<usize>,
    pub phase: Phase,
}

/// What the process was doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Writing,
    /// Opening a file with nothing in its log.
    Opening,
    /// Opening a file, and bringing back what its log holds.
    Replaying,
    Checkpointing,
}

/// What is durable, and what is not yet.
#[derive(Clone, Debug, Default)]
pub struct Unsynced {
    pub durable: Image,
    pub pending: Vec<Op>,
}

impl Unsynced {
    pub fn push(&mut self, op: &Op) {
        match op {
            Op::Sync => {
                for op in self.pending.drain(..) {
                    self.durable.apply(&op);
                }
            }
            Op::FailedSync(kept) => {
                kept.iter().for_each(|op| self.durable.apply(op));
                self.pending.clear();
            }
            op => self.pending.push(op.clone()),
        }
    }

    /// The image with a subset of the pending list.
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Image {
        let mut image = self.durable.clone();
        for (position, op) in self.pending.iter().enumerate() {
            if keep(position) {
                image.apply(op);
            }
        }
        image
    }

    /// An image that a power cut may leave, of everything that can happen to what is pending.
    pub fn cut(&self, rng: &mut Rng, tally: &mut Tally) -> Image {
        let mut image = self.durable.clone();
        let keep_in_8 = rng.below(9);
        let kept: Vec<&Op> = self
            .pending
            .iter()
            .filter(|_| rng.below(8) < keep_in_8)
            .collect();
        if kept.len() < self.pending.len() {
            tally.add("lost subset");
            let is_set_len = |op: &&Op| matches!(op, Op::SetLen(_));
            let set_lens = self.pending.iter().filter(is_set_len).count();
            if kept.iter().filter(|op| is_set_len(op)).count() < set_lens {
                tally.add("set_len lost");
            }
        }
        let mut ordered = kept;
        if ordered.len() > 1 && rng.one_in(4) {
            for i in (1..ordered.len()).rev() {
                ordered.swap(i, rng.below(i + 1));
            }
            tally.add("reordered");
            if ordered[1..].iter().any(|op| matches!(op, Op::SetLen(_))) {
                tally.add("set_len late");
            }
        }
        let tear_in = [1, 2, 4, 1000][rng.below(4)];
        for op in ordered {
            if matches!(op, Op::Write { .. }) && rng.one_in(tear_in) {
                let (tear, name) = match rng.below(3) {
                    0 => (Tear::Sectors, "torn at sectors"),
                    1 => (Tear::Bytes, "torn at any byte"),
                    _ => (Tear::Garbage, "garbage in what was being written"),
                };
                tally.add(name);
                torn(op, tear, rng).iter().for_each(|op| image.apply(op));
            } else {
                image.apply(op);
            }
        }
        image
    }

    /// The image in which every write is torn.
    pub fn torn_all(&self, tear: Tear, rng: &mut Rng) -> Image {
        let mut image = self.durable.clone();
        for op in &self.pending {
            let pieces = torn(op, tear, rng);
            pieces.iter().for_each(|op| image.apply(op));
        }
        image
    }

    /// The image in which the last operation is torn.
    pub fn torn_last(&self, tear: Tear, keep: impl Fn(usize) -> bool, rng: &mut Rng) -> Image {
        let last = self.pending.len() - 1;
        let mut image = self.subset(|position| position < last && keep(position));
        let pieces = torn(&self.pending[last], tear, rng);
        pieces.iter().for_each(|op| image.apply(op));
        image
    }
}

/// A call of the disk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    SetLen,
    Sync,
    /// A name in place of another file's.
    Rename,
    SyncDirectory,
}

/// A call that will fail.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub call: Call,
    /// How many such calls succeed first.
    pub after: u64,
    /// Whether every later one fails, too.
    pub lasting: bool,
    pub how: How,
}

/// What a failing call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The device failed.
    Io,
    /// No room.
    Full,
    /// Fewer bytes than were asked for.
    Short,
}

impl Failure {
    fn name(self) -> &'static str {
        match (self.call, self.how, self.lasting) {
            (_, How::Short, _) => "short read",
            (Call::Read, _, false) => "EIO on read, once",
            (Call::Read, _, true) => "EIO on read, for ever",
            (Call::Write, How::Full, false) => "ENOSPC on write, passing",
            (Call::Write, How::Full, true) => "ENOSPC on write, lasting",
            (Call::Write, _, false) => "EIO on write, once",
            (Call::Write, _, true) => "EIO on write, for ever",
            (Call::SetLen, _, false) => "ENOSPC on set_len, passing",
            (Call::SetLen, _, true) => "ENOSPC on set_len, lasting",
            (Call::Sync, _, false) => "EIO on sync, once",
            (Call::Sync, _, true) => "EIO on sync, for ever",
            (Call::Rename, ..) => "EIO on rename",
            (Call::SyncDirectory, ..) => "EIO on sync of a directory",
        }
    }

    fn error(self) -> io::Error {
        match self.how {
            How::Io => io::Error::other("simulated: the device failed"),
            How::Full => io::ErrorKind::StorageFull.into(),
            How::Short => io::ErrorKind::UnexpectedEof.into(),
        }
    }
}

/// What must never happen: the pages that a failed sync lost are taken for written.
pub const AFTER_FAILED_SYNC: &str = "changes of a file after its sync or set_len failed";

/// A change of a directory.
#[derive(Clone, Debug)]
enum NameOp {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    /// A file has the second name in place of the first, and of what had it.
    Rename(PathBuf, PathBuf, usize),
}

fn apply_name(names: &mut BTreeMap<PathBuf, usize>, op: &NameOp) {
    match op {
        NameOp::Link(path, file) => names.insert(path.clone(), *file),
        NameOp::Unlink(path) => names.remove(path),
        NameOp::Rename(from, to, file) => {
            names.remove(from);
            names.insert(to.clone(), *file)
        }
    };
}

/// One file: what is read, and what is durable. Files that are not recorded keep only the former.
#[derive(Default)]
struct File {
    current: Image,
    unsynced: Unsynced,
    locked: bool,
    /// Whether a sync or a change of length failed in this process.
    must_stop: bool,
}

/// Looks at what a sync is to make durable.
type Look = Arc<dyn Fn(&[Op]) + Send + Sync>;

struct World {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameOp>,
    recording: bool,
    log: Vec<Entry>,
    allowed: Vec<usize>,
    phase: Phase,
    /// Called when a sync begins.
    at_sync: Option<Look>,
    /// Handles of an earlier number belong to a process that is dead.
    process: u64,
    /// The process dies after so many more changing operations.
    kill_after: Option<u64>,
    changes: u64,
    failures: Vec<Failure>,
    /// Whether a call failed in this process.
    failed: bool,
    tally: Tally,
    rng: Rng,
}

/// A simulated file system. Clones are the same one.
#[derive(Clone)]
pub struct SimVolume(Arc<Mutex<World>>);

/// One image that a power cut left of a whole file system.
pub struct Remains {
    pub files: BTreeMap<PathBuf, Image>,
}

impl SimVolume {
    /// An empty file system that remembers what is done to it.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            recording: true,
            log: Vec::new(),
            allowed: Vec::new(),
            phase: Phase::default(),
            at_sync: None,
            process: 0,
            kill_after: None,
            changes: 0,
            failures: Vec::new(),
            failed: false,
            tally: Tally::default(),
            rng: Rng::new(seed),
        })))
    }

    /// A file system with one file, all of it durable.
    pub fn with_file(path: &Path, image: &Image, seed: u64) -> Self {
        Self::with_files([(path.to_path_buf(), image.clone())].into(), seed)
    }

    pub fn with_files(files: BTreeMap<PathBuf, Image>, seed: u64) -> Self {
        let volume = Self::new(seed);
        let mut world = volume.world();
        for (path, image) in files {
            let file = world.files.len();
            world.files.push(File {
                current: image.clone(),
                unsynced: Unsynced {
                    durable: image,
                    pending: Vec::new(),
                },
                ..File::default()
            });
            world.names.insert(path.clone(), file);
            world.durable_names.insert(path, file);
        }
        drop(world);
        volume
    }

    /// Remembers nothing: every write is durable at once. Such a file costs its bytes only.
    pub fn without_record(self) -> Self {
        self.world().recording = false;
        self
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these states may be found after a power cut. A power cut may come now, too, after
    /// what was done last.
    pub fn allow(&self, states: &[usize]) {
        let world = &mut *self.world();
        world.allowed = states.to_vec();
        if let Some(last) = world.log.last_mut() {
            last.allowed.retain(|state| states.contains(state));
        }
    }

    /// What the process does from now on.
    pub fn phase(&self, phase: Phase) {
        self.world().phase = phase;
    }

    /// It turns out what the process was doing since so many operations.
    pub fn was(&self, phase: Phase, since: usize) {
        let mut world = self.world();
        for entry in world.log.iter_mut().skip(since) {
            entry.phase = phase;
        }
    }

    /// Calls this whenever a sync begins, with what is pending then.
    pub fn at_sync(&self, look: impl Fn(&[Op]) + Send + Sync + 'static) {
        self.world().at_sync = Some(Arc::new(look));
    }

    /// The process ends; the page cache stays.
    pub fn kill(&self) {
        let mut world = self.world();
        world.process += 1;
        world.kill_after = None;
        world.failures.clear();
        world.failed = false;
        for file in &mut world.files {
            file.locked = false;
            file.must_stop = false;
        }
    }

    /// The process will end after so many more operations that change something.
    pub fn kill_after(&self, changes: u64) {
        self.world().kill_after = Some(changes);
    }

    pub fn fail(&self, failure: Failure) {
        self.world().failures.push(failure);
    }

    /// What has not failed yet will not.
    pub fn fail_no_more(&self) {
        self.world().failures.clear();
    }

    /// Whether the process was killed or one of its calls failed.
    pub fn is_disturbed(&self) -> bool {
        let world = self.world();
        world.failed || world.kill_after == Some(0)
    }

    /// Whether the process was killed by [`kill_after`](Self::kill_after).
    pub fn is_killed(&self) -> bool {
        self.world().kill_after == Some(0)
    }

    /// How many operations changed something.
    pub fn changes(&self) -> u64 {
        self.world().changes
    }

    pub fn log(&self) -> Vec<Entry> {
        self.world().log.clone()
    }

    pub fn tally(&self) -> Tally {
        self.world().tally.clone()
    }

    /// All names that are read.
    pub fn names(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    /// What is read under a name.
    pub fn image(&self, path: &Path) -> Option<Image> {
        let world = self.world();
        let file = *world.names.get(path)?;
        Some(world.files[file].current.clone())
    }

    /// What is durable, and what is pending, of the file under a name.
    pub fn unsynced(&self, path: &Path) -> Option<Unsynced> {
        let world = self.world();
        let file = *world.names.get(path)?;
        Some(world.files[file].unsynced.clone())
    }

    /// A power cut, of which nothing here hears: what it may leave of all files and names.
    pub fn cut(&self, rng: &mut Rng, tally: &mut Tally) -> Remains {
        let world = self.world();
        let mut names = world.durable_names.clone();
        for op in &world.pending_names {
            if rng.one_in(2) {
                apply_name(&mut names, op);
            } else {
                tally.add("directory entry lost");
            }
        }
        let files = names.into_iter().map(|(path, file)| {
            let image = world.files[file].unsynced.cut(rng, tally);
            (path, image)
        });
        Remains {
            files: files.collect(),
        }
    }

    /// A number that is the same for the same operations in the same order.
    pub fn log_hash(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        for entry in &self.world().log {
            match &entry.op {
                Op::Write { offset, data } => {
                    hasher.write_u64(*offset);
                    hasher.write(data);
                }
                Op::SetLen(len) => hasher.write_u64(!len),
                Op::Sync => hasher.write_u8(1),
                Op::FailedSync(kept) => hasher.write_usize(kept.len()),
            }
        }
        hasher.finish()
    }
}

impl fmt::Debug for SimVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimVolume").finish_non_exhaustive()
    }
}

impl World {
    fn identity(&self, file: usize) -> FileIdentity {
        FileIdentity {
            device: 0,
            file: file as u64,
            names: self.names.values().filter(|named| **named == file).count() as u64,
        }
    }

    /// Whether a call fails, and how.
    fn failure(&mut self, call: Call) -> Option<Failure> {
        let mut fires = None;
        self.failures.retain_mut(|failure| {
            if failure.call != call || fires.is_some() {
                return true;
            }
            if failure.after > 0 {
                failure.after -= 1;
                return true;
            }
            fires = Some(*failure);
            failure.lasting
        });
        if let Some(failure) = fires {
            self.failed = true;
            self.tally.add(failure.name());
        }
        fires
    }

    /// Whether the process is still there to do one more thing to a file.
    fn alive_to_change(&mut self, process: u64, file: usize) -> io::Result<()> {
        let must_stop = self.files[file].must_stop;
        if process == self.process && self.kill_after != Some(0) && must_stop {
            self.tally.add(AFTER_FAILED_SYNC);
        }
        self.alive(process, true)
    }

    /// Whether the process is still there to do one more thing.
    fn alive(&mut self, process: u64, changes: bool) -> io::Result<()> {
        if process != self.process || self.kill_after == Some(0) {
            return Err(io::Error::other("simulated: the process is dead"));
        }
        if changes {
            self.changes += 1;
            if let Some(left) = &mut self.kill_after {
                *left -= 1;
                if *left == 0 {
                    self.tally.add("process kill");
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, file: usize, op: Op) {
        let file = &mut self.files[file];
        file.current.apply(&op);
        if self.recording {
            file.unsynced.push(&op);
            self.log.push(Entry {
                op,
                allowed: self.allowed.clone(),
                phase: self.phase,
            });
        }
    }
}

#[derive(Debug)]
struct Handle {
    volume: SimVolume,
    file: usize,
    process: u64,
    access: Access,
    /// Whether the lock is its own. Those who read what nobody writes have none: they are not in each other's
    /// way, and never in that of who removes the name.
    holds: bool,
}

impl Handle {
    fn writable(&self) -> io::Result<()> {
        if self.access == Access::Read {
            self.volume
                .world()
                .tally
                .add("write through a read-only handle");
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

impl Disk for Handle {
    fn identity(&self) -> io::Result<Option<FileIdentity>> {
        Ok(Some(self.volume.world().identity(self.file)))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.volume.world().files[self.file].current.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut world = self.volume.world();
        world.alive(self.process, false)?;
        if let Some(failure) = world.failure(Call::Read) {
            let present = out.len() / 2;
            if failure.how == How::Short {
                world.files[self.file]
                    .current
                    .read(offset, &mut out[..present])?;
            }
            return Err(failure.error());
        }
        world.files[self.file].current.read(offset, out)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.writable()?;
        let mut world = self.volume.world();
        world.alive_to_change(self.process, self.file)?;
        if let Some(failure) = world.failure(Call::Write) {
            let written = world.rng.below(data.len());
            let data = Arc::from(&data[..written]);
            world.change(self.file, Op::Write { offset, data });
            return Err(failure.error());
        }
        let data = Arc::from(data);
        world.change(self.file, Op::Write { offset, data });
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.writable()?;
        let mut world = self.volume.world();
        world.alive_to_change(self.process, self.file)?;
        if let Some(failure) = world.failure(Call::SetLen) {
            world.files[self.file].must_stop = true;
            return Err(failure.error());
        }
        world.change(self.file, Op::SetLen(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let look = self.volume.world().at_sync.clone();
        if let Some(look) = look {
            let pending = self.volume.world().files[self.file]
                .unsynced
                .pending
                .clone();
            look(&pending);
        }
        let mut world = self.volume.world();
        world.alive_to_change(self.process, self.file)?;
        if let Some(failure) = world.failure(Call::Sync) {
            let World { files, rng, .. } = &mut *world;
            files[self.file].must_stop = true;
            let mut kept = Vec::new();
            for op in &files[self.file].unsynced.pending {
                match rng.below(8) {
                    0 => kept.push(op.clone()),
                    1 => kept.extend(torn(op, Tear::Sectors, rng)),
                    2 => kept.extend(torn(op, Tear::Bytes, rng)),
                    _ => {}
                }
            }
            world.change(self.file, Op::FailedSync(kept));
            return Err(failure.error());
        }
        world.change(self.file, Op::Sync);
        Ok(())
    }

    fn unlock(&self) -> io::Result<()> {
        let mut world = self.volume.world();
        if self.holds && world.process == self.process {
            world.files[self.file].locked = false;
        }
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.unlock();
    }
}

impl Volume for SimVolume {
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError> {
        let mut world = self.world();
        let process = world.process;
        world
            .alive(process, access == Access::Create)
            .map_err(OpenError::Io)?;
        let file = match (world.names.get(path).copied(), access) {
            (Some(_), Access::Create) => {
                return Err(OpenError::Io(io::ErrorKind::AlreadyExists.into()));
            }
            (Some(file), _) => file,
            (None, Access::Create) => {
                let file = world.files.len();
                world.files.push(File::default());
                let op = NameOp::Link(path.to_path_buf(), file);
                apply_name(&mut world.names, &op);
                world.pending_names.push(op);
                file
            }
            (None, _) => return Err(OpenError::Io(io::ErrorKind::NotFound.into())),
        };
        if world.files[file].locked {
            return Err(OpenError::Locked);
        }
        world.files[file].locked = true;
        Ok(Box::new(Handle {
            volume: self.clone(),
            file,
            process,
            access,
            holds: true,
        }))
    }

    fn open_kept(&self, path: &Path, _mapped: bool) -> Result<Box<dyn Disk>, OpenError> {
        let mut world = self.world();
        let process = world.process;
        world.alive(process, false).map_err(OpenError::Io)?;
        let Some(file) = world.names.get(path).copied() else {
            return Err(OpenError::Io(io::ErrorKind::NotFound.into()));
        };
        if world.files[file].locked {
            return Err(OpenError::Locked);
        }
        Ok(Box::new(Handle {
            volume: self.clone(),
            file,
            process,
            access: Access::Read,
            holds: false,
        }))
    }

    fn exists(&self, path: &Path) -> bool {
        self.world().names.contains_key(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let world = &mut *self.world();
        let file = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if world.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Some(failure) = world.failure(Call::Rename) {
            return Err(failure.error());
        }
        let steps = [
            NameOp::Link(to.to_path_buf(), file),
            NameOp::Unlink(from.to_path_buf()),
        ];
        for op in steps {
            world.alive(world.process, true)?;
            apply_name(&mut world.names, &op);
            world.pending_names.push(op);
        }
        Ok(())
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        let world = &mut *self.world();
        world.alive(world.process, true)?;
        let file = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if let Some(failure) = world.failure(Call::Rename) {
            return Err(failure.error());
        }
        let op = NameOp::Rename(from.to_path_buf(), to.to_path_buf(), file);
        apply_name(&mut world.names, &op);
        world.pending_names.push(op);
        Ok(())
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        let world = self.world();
        let file = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Some(world.identity(file)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let world = &mut *self.world();
        world.alive(world.process, true)?;
        if !world.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let op = NameOp::Unlink(path.to_path_buf());
        apply_name(&mut world.names, &op);
        world.pending_names.push(op);
        Ok(())
    }

    fn list_directory(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut world = self.world();
        let process = world.process;
        world.alive(process, false)?;
        let within = |path: &&PathBuf| path.parent() == Some(directory);
        Ok(world.names.keys().filter(within).cloned().collect())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let world = &mut *self.world();
        // Where no name is pending, it changes nothing.
        let changes = !world.pending_names.is_empty();
        world.alive(world.process, changes)?;
        if changes && let Some(failure) = world.failure(Call::SyncDirectory) {
            return Err(failure.error());
        }
        for op in world.pending_names.drain(..) {
            apply_name(&mut world.durable_names, &op);
        }
        Ok(())
    }
}
