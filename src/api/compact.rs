//! How does a file that much was removed from become small again?

use std::time::Duration;

use super::database::Database;
use crate::base::Result;
use crate::base::error::Context;
use crate::store::CompactReport;

/// How long `compact` waits for others.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Database {
    /// Rewrites the file so that it is as small as one into which the same data was just loaded, and goes
    /// on in it. All handles do, and all that was committed is there, with the same ids, keys, sequence and
    /// outcomes.
    ///
    /// What is removed leaves room that later commits use, so that a file does not grow for ever; but it
    /// hardly shrinks. This gives the room back, and lays what belongs together side by side.
    /// The file grows in steps of its own size, as every file here does: the first commit that finds no room
    /// may make it twice as large again. So this pays where much was removed for good.
    ///
    /// Until it returns, the disk needs room for both files, and nobody writes. Others may read while the
    /// new file is written and verified; it takes the old one's place when no read transaction is alive.
    /// That is waited for, and so are writers, for five seconds altogether
    /// ([`compact_timeout`](Database::compact_timeout) waits for longer or shorter); whoever begins to
    /// read just then waits for the blink of an eye, and for half a second at most.
    ///
    /// A power cut at any moment leaves the old file or the new one under its name, whole; a file that it
    /// leaves beside it, named `.NAME.new-..`, is opened by nothing and may be deleted.
    ///
    /// The file at the path is replaced: the one that symbolic links lead to, when there are some. On Unix
    /// the new one has the owner, group and mode of the old one, but no further attributes.
    ///
    /// ```
    /// # fn main() -> larder::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// let db = larder::Database::open(directory.path().join("atlas.larder"))?;
    /// let report = db.compact()?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// All of these leave the database as it was, in use and with nothing beside it:
    /// - [`Busy`](crate::ErrorKind::Busy) when others were writing, or a read transaction, or an iterator
    ///   or view of one, was alive all that time: also one of this thread's;
    /// - [`Invalid`](crate::ErrorKind::Invalid) when this thread is in a write transaction, or the file has
    ///   further names (hard links), which would go on naming the old one;
    /// - [`ReadOnly`](crate::ErrorKind::ReadOnly) when it was opened so;
    /// - [`NotFound`](crate::ErrorKind::NotFound) when the file was moved or replaced since it was opened:
    ///   what has its name now is not touched. Windows does not tell which file a name leads to; there it
    ///   is asked whether somebody has it locked;
    /// - [`Full`](crate::ErrorKind::Full) when there is no room for the new file;
    /// - [`Corrupt`](crate::ErrorKind::Corrupt) when something in the old one is damaged.
    ///
    /// Only when the new file has its name and the directory cannot be made durable, that is
    /// [`Io`](crate::ErrorKind::Io) and nothing more can be written: nothing is lost, but open it again.
    pub fn compact(&self) -> Result<CompactReport> {
        self.compact_timeout(TIMEOUT)
    }

    /// Like [`compact`](Database::compact), but waits for others for at most `timeout` altogether; with
    /// [`Duration::ZERO`] not at all. What the rewriting itself takes comes on top of it.
    pub fn compact_timeout(&self, timeout: Duration) -> Result<CompactReport> {
        self.core.rewrite(timeout).context(|| "compact")
    }
}
