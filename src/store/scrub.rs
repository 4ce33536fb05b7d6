//! Is the file whole? Every block is read and verified, and then a second redb walks the trees that the
//! last commit left, over an overlay in memory, and compares the checksums that they keep of each
//! other.
//!
//! The seal of a block says that Larder wrote it there. It does not say that it is the newest that was
//! written there: an old copy of a block, put back in place, passes. The trees' checksums tell.
//!
//! Blocks that no tree uses may well be damaged: a power cut tears what was being written, and that is
//! what nothing points to yet. They are counted, and are no problem; the next use overwrites them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{damage_of, from_database, from_io};
use super::guard::STALE;
use super::headers;
use super::layout::BLOCK_BYTES;
use super::overlay::Overlay;
use super::seal::Refused;
use super::sealed::SealedFile;
use super::store::Store;
use super::superblock::read_slot;
use crate::base::sync::Arc;
use crate::base::{Error, Result, clock};

/// How far a scrub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubProgress {
    /// Blocks that were verified.
    pub blocks_done: u64,
    /// Blocks of the file.
    pub blocks_total: u64,
}

/// What a scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubReport {
    /// Blocks that were verified, of 4 KiB each.
    pub blocks: u64,
    /// Damaged blocks, the first thousand by number. When there are no problems, nothing uses them.
    pub damaged: Vec<u64>,
    /// How many damaged blocks there are.
    pub damaged_count: u64,
    /// What is wrong with what is in use: each a sentence.
    pub problems: Vec<String>,
}

impl ScrubReport {
    /// Whether everything that is in use is whole.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for ScrubReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} blocks, {} damaged, {} problems",
            self.blocks,
            self.damaged_count,
            self.problems.len()
        )?;
        if !self.is_ok() && !self.damaged.is_empty() {
            write!(f, "\ndamaged blocks: {:?}", self.damaged)?;
        }
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// What was found in the blocks of a file.
pub(crate) struct Scrubbed {
    report: ScrubReport,
    file: Arc<SealedFile>,
}

/// Most damaged blocks that are named.
const NAMED_MAX: usize = 1000;

/// Blocks between two looks at the clock: about a mebibyte.
const STEP_BLOCKS: u64 = 256;

/// Pages that the walk over the trees keeps.
const WALK_CACHE_BYTES: usize = 4 << 20;

impl Store {
    /// Verifies every block, at most so many bytes a second. Others may write meanwhile.
    pub(crate) fn scrub_blocks(
        &self,
        rate: Option<u64>,
        progress: &mut dyn FnMut(ScrubProgress),
    ) -> Result<Scrubbed> {
        let file = self.file();
        if let Some(tables) = self.kept() {
            let report = ScrubReport {
                problems: tables.problems()?,
                ..ScrubReport::default()
            };
            return Ok(Scrubbed { report, file });
        }
        let still_open = || self.held_open().map(drop);
        let report = scrub_blocks(&file, rate, &still_open, progress)?;
        Ok(Scrubbed { report, file })
    }

    /// Checks the headers, the superblocks and the trees, and completes the report. Nobody may write
    /// meanwhile.
    pub(crate) fn scrub_trees(&self, scrubbed: Scrubbed) -> Result<ScrubReport> {
        drop(self.held_open()?);
        if self.kept().is_some() {
            return Ok(scrubbed.report);
        }
        #[cfg(feature = "testing")]
        self.check_on_live_handle()?;
        if !self.is_read_only() && self.check_failure().is_ok() {
            // What is walked is the file, without what only the log has.
            self.checkpoint()?;
        }
        let file = self.file();
        let mut report = if Arc::ptr_eq(&file, &scrubbed.file) {
            scrubbed.report
        } else {
            // Compaction put another file in its place, and what was read is gone.
            scrub_blocks(&file, None, &|| Ok(()), &mut |_| {})?
        };
        // A block that was being written while it was read is whole by now.
        let mut still = Vec::new();
        for number in &report.damaged {
            if is_damaged(&file, *number)? {
                still.push(*number);
            } else {
                report.damaged_count -= 1;
            }
        }
        report.damaged = still;
        complete(&file, &mut report)?;
        Ok(report)
    }
}

/// Verifies everything that is in use of a file that is not being written. A damaged copy of the header
/// or of a superblock is none of that: a power cut leaves one, the other one counts, and opening for
/// writing mends it.
pub(super) fn verify(file: &Arc<SealedFile>) -> Result<()> {
    let mut report = scrub_blocks(file, None, &|| Ok(()), &mut |_| {})?;
    report.problems.extend(walk(file)?);
    if report.is_ok() {
        return Ok(());
    }
    Err(Error::corrupt(format!("the file is damaged: {report}")))
}

/// `still_open` says whether the file is still ours: without its lock, others may be writing it.
fn scrub_blocks(
    file: &SealedFile,
    rate: Option<u64>,
    still_open: &dyn Fn() -> Result<()>,
    progress: &mut dyn FnMut(ScrubProgress),
) -> Result<ScrubReport> {
    let mut report = ScrubReport::default();
    let begin = clock::instant();
    let mut total = blocks_of(file)?;
    let mut number = 1;
    while number <= total {
        still_open()?;
        for number in number..=total.min(number + STEP_BLOCKS - 1) {
            report.blocks += 1;
            if is_damaged(file, number)? {
                report.damaged_count += 1;
                if report.damaged.len() < NAMED_MAX {
                    report.damaged.push(number);
                }
            }
        }
        number += STEP_BLOCKS;
        progress(ScrubProgress {
            blocks_done: report.blocks,
            blocks_total: total,
        });
        if let Some(rate) = rate {
            clock::keep_to(
                rate,
                report.blocks.saturating_mul(BLOCK_BYTES as u64),
                begin,
            );
        }
        // The file may have become shorter: what was cut off is no damage.
        total = total.min(blocks_of(file)?);
    }
    Ok(report)
}

fn blocks_of(file: &SealedFile) -> Result<u64> {
    file.blocks()
        .map_err(|error| from_io(error, "the length of the file is not known"))
}

fn is_damaged(file: &SealedFile, number: u64) -> Result<bool> {
    match file.verify(number) {
        Ok(verified) => Ok(verified == Err(Refused::Damaged)),
        // The file became shorter meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(from_io(error, "a block cannot be read")),
    }
}

fn complete(file: &Arc<SealedFile>, report: &mut ScrubReport) -> Result<()> {
    for copy in 0..2 {
        if !headers::is_good(file.owner(), copy)? {
            report.problems.push(format!(
                "copy {copy} of the header is damaged; opening for writing mends it"
            ));
        }
        if let Err(refused) = read_slot(file.owner(), file.seal(), copy)? {
            report.problems.push(format!(
                "superblock {copy} is damaged ({refused:?}); the next commit writes it anew"
            ));
        }
    }
    if let Some(problem) = walk(file)? {
        report.problems.push(problem);
    }
    Ok(())
}

/// Walks all trees of the last commit; gives what is wrong with them.
fn walk(file: &Arc<SealedFile>) -> Result<Option<String>> {
    let overlay = Overlay::new(file.clone(), false)
        .map_err(|error| from_io(error, "the file cannot be read"))?;
    // redb may panic over a tree that is not what it wrote. It works on memory of its own, which is
    // thrown away.
    let walked = catch_unwind(AssertUnwindSafe(|| {
        let mut redb = redb::Database::builder()
            .set_cache_size(WALK_CACHE_BYTES)
            .create_with_backend(overlay)?;
        redb.check_integrity()
    }));
    match walked {
        Ok(Ok(true)) => Ok(None),
        Ok(Ok(false)) => Ok(Some(
            "the trees do not agree with their checksums: an old copy of a block lies in place of \
             the newest"
                .to_owned(),
        )),
        Err(_) => Ok(Some(STALE.to_owned())),
        Ok(Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))) => {
            match damage_of(&error) {
                Some(damage) => Ok(Some(format!("{damage}, and it is in use"))),
                // What redb says of bytes that it did not write.
                None if error.kind() == std::io::ErrorKind::InvalidData => {
                    Ok(Some(format!("the trees are not what redb writes: {error}")))
                }
                None => Err(from_io(error, "the file cannot be read")),
            }
        }
        Ok(Err(error)) => Ok(Some(from_database(error).to_string())),
    }
}
