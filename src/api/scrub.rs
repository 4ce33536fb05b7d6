//! Is the file whole, down to its last block?

use super::database::Database;
use crate::base::Result;
use crate::store::{ScrubProgress, ScrubReport};

impl Database {
    /// Reads every block of the file and verifies it, and then that the blocks belong together.
    ///
    /// Damage at rest is found when a block is read, which may be years later; a scrub once a month
    /// finds it while there is a backup without it. Others may read and write while the blocks are
    /// read; at the end, while the trees are walked, writers wait.
    ///
    /// `rate` bounds how many bytes are read a second, so that the disk has time for others.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # let db = larder::Database::in_memory()?;
    /// let report = db.scrub(Some(50 << 20), |progress| {
    ///     println!("{} of {} blocks", progress.blocks_done, progress.blocks_total);
    /// })?;
    /// assert!(report.is_ok(), "{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Damage is a problem in the report, not an error; an error is what kept the scrub from going
    /// on, such as a disk that cannot be read. [`Invalid`](crate::ErrorKind::Invalid) when this
    /// thread is in a write transaction.
    pub fn scrub(
        &self,
        rate: Option<u64>,
        mut progress: impl FnMut(ScrubProgress),
    ) -> Result<ScrubReport> {
        let store = &self.core.store;
        let scrubbed = store.scrub_blocks(rate, &mut progress)?;
        self.core.alone(|store| store.scrub_trees(scrubbed))
    }
}
