//! Where are the backups of a database kept? In a directory of their own: taken there, listed, opened, thinned
//! out by rules, and removed in two steps, of which the first can be undone.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::builder::Builder;
use super::database::Database;
use super::snapshot::SnapshotOptions;
use super::snapshot_open::{Snapshot, SnapshotDepth, SnapshotInfo};
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::timestamp::Timestamp;
use crate::snapshot::{Contents, KeptFile, Retention, RetentionPlan, name_of, other_name};
use crate::store::{Directory, Disk};

/// The snapshots of one database, in a directory.
///
/// Each is a file named after its time, the sequence of its last commit, and its id. What is there is read from
/// the files every time it is asked for: nothing else says it, so nothing can disagree with it. Files may be
/// copied in and out.
///
/// Snapshots go in two steps. [`forget`](SnapshotStore::forget) gives a file the ending `.forgotten`: it is no
/// longer listed, and [`recall`](SnapshotStore::recall) brings it back. [`prune`](SnapshotStore::prune) removes
/// what is forgotten, unless something that is kept builds on it.
///
/// Several programs may use one directory. Taking, forgetting and pruning lock it, so that nothing is removed
/// while something is built on it; the second one gets [`Locked`](crate::ErrorKind::Locked). Reading locks
/// nothing.
///
/// ```
/// # use larder::{Database, Retention, SnapshotStore};
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = |name: &str| directory.path().join(name);
/// # let run = || -> larder::Result<()> {
/// # let db = Database::open(path("atlas.larder"))?;
/// let store = SnapshotStore::open(path("atlas.snapshots"))?;
/// store.take_incremental(&db)?;
/// store.forget(&Retention::new().keep_last(7).keep_daily(14).keep_monthly(12))?;
/// store.prune()?;
/// let latest = store.latest()?.expect("it was just taken");
/// store.restore(latest.id, path("again.larder"), Database::builder())?;
/// # Ok(()) };
/// # run().unwrap();
/// ```
#[derive(Debug)]
pub struct SnapshotStore {
    directory: Directory,
    builder: Builder,
    chain_limit: usize,
}

/// How many files a snapshot is read from at most, unless [`SnapshotStore::chain_limit`] says otherwise.
const CHAIN_LIMIT: usize = 16;

/// What is in the directory of a [`SnapshotStore`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SnapshotListing {
    /// The snapshots that can be read, as far as their beginnings and ends say and those of what they build on:
    /// by epoch, sequence and time, the earliest first.
    pub snapshots: Vec<SnapshotInfo>,
    /// What is forgotten and not pruned yet, sorted in the same way.
    pub forgotten: Vec<SnapshotInfo>,
    /// Files named like a snapshot, forgotten or not, whose beginning or end cannot be read, and those that build
    /// on something missing or damaged; and why. They are never removed by themselves.
    pub damaged: Vec<(PathBuf, Error)>,
}

/// What [`SnapshotStore::prune`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// The files that were removed.
    pub removed: Vec<PathBuf>,
    /// How many bytes they had.
    pub bytes: u64,
    /// What would have been removed, but somebody has it open, or it is no file.
    pub in_use: Vec<PathBuf>,
}

impl Builder {
    /// Opens a directory of snapshots, and creates it where nothing is. What is in it is opened by this
    /// passphrase or key, with records registered, mapped or not, and with that much memory for blocks.
    pub fn open_snapshot_store(self, directory: impl AsRef<Path>) -> Result<SnapshotStore> {
        let path = directory.as_ref();
        let directory = Directory::open(path, &self.options)
            .context(|| format!("open the snapshot store {}", path.display()))?;
        Ok(SnapshotStore {
            directory,
            builder: self,
            chain_limit: CHAIN_LIMIT,
        })
    }
}

impl SnapshotStore {
    /// Opens a directory of snapshots, and creates it where nothing is. Where they are encrypted,
    /// [`Builder::open_snapshot_store`] says by what.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Database::builder().open_snapshot_store(directory)
    }

    /// Of how many files a snapshot is read at most: 16 unless set. When
    /// [`take_incremental`](SnapshotStore::take_incremental) finds that many, it takes a whole one. The more,
    /// the less is written; reading and restoring take longer, and one damaged file costs more snapshots.
    #[must_use]
    pub fn chain_limit(mut self, files: usize) -> Self {
        self.chain_limit = files;
        self
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Takes a whole snapshot of what is committed now: see [`Database::snapshot_to`].
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the directory has snapshots of another database;
    /// [`Locked`](crate::ErrorKind::Locked) while another handle changes the directory.
    pub fn take(&self, db: &Database) -> Result<SnapshotInfo> {
        self.take_with(db, SnapshotOptions::new())
    }

    /// Like [`take`](SnapshotStore::take), with choices.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), also when they say what it builds on: that may not be there.
    pub fn take_with(&self, db: &Database, options: SnapshotOptions<'_>) -> Result<SnapshotInfo> {
        let take = || {
            let (_locked, _) = self.begin_take(db, &options)?;
            self.write(db, options)
        };
        take().context(|| self.doing("take a snapshot into"))
    }

    /// Takes a snapshot of what changed since the newest that is there: of the same epoch, and opened by what will
    /// open this one. Where there is none, or it is read from as many files as
    /// [`chain_limit`](SnapshotStore::chain_limit) says, or one of them is missing, it takes a whole one.
    ///
    /// # Errors
    /// Those of [`take`](SnapshotStore::take); [`Corrupt`](crate::ErrorKind::Corrupt) when what it would build
    /// on is damaged, [`WrongKey`](crate::ErrorKind::WrongKey) when what opens the store does not open it: `take`
    /// a whole one, and [`verify`](SnapshotStore::verify) the others.
    pub fn take_incremental(&self, db: &Database) -> Result<SnapshotInfo> {
        self.take_incremental_with(db, SnapshotOptions::new())
    }

    /// Like [`take_incremental`](SnapshotStore::take_incremental), with choices.
    pub fn take_incremental_with(
        &self,
        db: &Database,
        options: SnapshotOptions<'_>,
    ) -> Result<SnapshotInfo> {
        let take = || {
            let (_locked, contents) = self.begin_take(db, &options)?;
            match self.base_for(&contents, db, &options)? {
                Some(base) => self.write(db, options.since(&base)),
                None => self.write(db, options),
            }
        };
        take().context(|| self.doing("take an incremental snapshot into"))
    }

    /// Locks the directory, and makes sure that it is this database's; gives what is there.
    fn begin_take(
        &self,
        db: &Database,
        options: &SnapshotOptions<'_>,
    ) -> Result<(Box<dyn Disk>, Contents)> {
        if options.has_base() {
            return Err(Error::invalid(
                "the store chooses what a snapshot builds on: `take_incremental` without `since`",
            ));
        }
        let locked = self.directory.lock()?;
        let contents = self.contents()?;
        let headers = contents.files.iter().map(|file| &file.header);
        if let Some(other) = headers
            .map(|header| header.database)
            .find(|id| *id != db.id())
        {
            return Err(Error::invalid(format!(
                "it has snapshots of database {other}, and this is {}; each has a directory of its own",
                db.id()
            )));
        }
        Ok((locked, contents))
    }

    fn base_for(
        &self,
        contents: &Contents,
        db: &Database,
        options: &SnapshotOptions<'_>,
    ) -> Result<Option<Snapshot>> {
        let (epoch, is_encrypted) = (db.core.store.epoch(), options.encrypts(db));
        let fits = |file: &&KeptFile| {
            (file.header.epoch, file.header.is_encrypted) == (epoch, is_encrypted)
        };
        let Some(newest) = contents.listed().rfind(fits) else {
            return Ok(None);
        };
        match contents.chain(newest.header.id) {
            Ok(chain) if chain.len() < self.chain_limit => {
                let base = self.open_chain(&chain)?;
                Ok(options.opens(db, &base)?.then_some(base))
            }
            Ok(_) => Ok(None),
            Err(error) if error.is(ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, db: &Database, options: SnapshotOptions<'_>) -> Result<SnapshotInfo> {
        let planned = db.plan_snapshot(options)?;
        let path = self.directory.path_of(&name_of(&planned.header));
        planned.write_file(&path, &self.builder.options)
    }

    /// What is there. A file that cannot be read is no error, but is listed as such. Of each file the beginning
    /// and the end are read, without a key; [`verify`](SnapshotStore::verify) looks more closely.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the directory cannot be read.
    pub fn list(&self) -> Result<SnapshotListing> {
        let contents = self.contents().context(|| self.doing("list"))?;
        let snapshots = contents.readable().map(info).collect();
        let forgotten = contents.forgotten().map(info).collect();
        let broken: Vec<_> = contents
            .broken()
            .map(|(file, error)| (self.directory.path_of(&file.name), error))
            .collect();
        let damaged = contents.damaged.into_iter();
        Ok(SnapshotListing {
            snapshots,
            forgotten,
            damaged: damaged
                .map(|file| (self.directory.path_of(&file.name), file.error))
                .chain(broken)
                .collect(),
        })
    }

    /// The one that was taken last, of those that can be read.
    pub fn latest(&self) -> Result<Option<SnapshotInfo>> {
        Ok(self.list()?.snapshots.pop())
    }

    /// The newest that shows no commit behind that one. A database that was restored goes on in another epoch
    /// behind the commit that it was restored to: where the newest epoch has none, the one before it is looked
    /// at.
    pub fn at_sequence(&self, sequence: u64) -> Result<Option<SnapshotInfo>> {
        let snapshots = self.list()?.snapshots.into_iter();
        Ok(snapshots
            .rev()
            .find(|info| info.commit.sequence() <= sequence))
    }

    /// The newest that was taken then or before.
    pub fn at_time(&self, time: Timestamp) -> Result<Option<SnapshotInfo>> {
        let snapshots = self.list()?.snapshots;
        Ok(snapshots.into_iter().rfind(|info| info.created <= time))
    }

    /// Opens a snapshot where it lies, with all that it builds on, forgotten or not.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not listed, or something that it builds on is
    /// missing; those of [`Snapshot::open_chain`].
    pub fn open_snapshot(&self, id: Uuid) -> Result<Snapshot> {
        let open = || {
            let contents = self.contents()?;
            listed(&contents, id)?;
            self.open_chain(&contents.chain(id)?)
        };
        let opened = match open() {
            // Somebody may have forgotten what it builds on just now, which gave a file another name.
            Err(error) if error.is(ErrorKind::NotFound) => open(),
            opened => opened,
        };
        opened.context(|| self.doing("open a snapshot of"))
    }

    fn open_chain(&self, chain: &[&KeptFile]) -> Result<Snapshot> {
        let paths = chain.iter().map(|file| self.directory.path_of(&file.name));
        self.builder.clone().open_snapshot_chain(paths)
    }

    /// Looks whether a snapshot can be relied on, with all that it builds on: [`Snapshot::verify`].
    pub fn verify(&self, id: Uuid, depth: SnapshotDepth) -> Result<()> {
        let verified = self.open_snapshot(id)?.verify(depth);
        verified.context(|| self.doing(&format!("verify snapshot {id} of")))
    }

    /// Makes a new database at `path` of a snapshot: [`Snapshot::restore_with`]. What the builder says is for
    /// the new file.
    pub fn restore(&self, id: Uuid, path: impl AsRef<Path>, builder: Builder) -> Result<()> {
        self.open_snapshot(id)?.restore_with(path, builder)
    }

    /// What [`forget`](SnapshotStore::forget) would keep, and why, and what it would forget.
    pub fn plan(&self, retention: &Retention) -> Result<RetentionPlan> {
        Ok(retention.plan(&self.list()?.snapshots))
    }

    /// Forgets what the rules do not keep; gives what was kept, and why, and what was forgotten. What is damaged,
    /// or builds on something that is or that is missing, counts for nothing, and stays.
    ///
    /// Files that others build on are forgotten as well, and stay until [`prune`](SnapshotStore::prune) finds
    /// nothing any more that needs them.
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) while another handle changes the directory. Some may be forgotten
    /// by then, where it fails otherwise; `recall` brings them back.
    pub fn forget(&self, retention: &Retention) -> Result<RetentionPlan> {
        let forget = || {
            let _locked = self.directory.lock()?;
            let contents = self.contents()?;
            let snapshots: Vec<_> = contents.readable().map(info).collect();
            let plan = retention.plan(&snapshots);
            for id in &plan.forget {
                self.rename(&contents, *id, false)?;
            }
            self.directory.settle()?;
            Ok(plan)
        };
        forget().context(|| self.doing("forget snapshots of"))
    }

    /// Forgets one.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not listed; [`Locked`](crate::ErrorKind::Locked)
    /// while another handle changes the directory.
    pub fn forget_one(&self, id: Uuid) -> Result<()> {
        let forget = || {
            let _locked = self.directory.lock()?;
            let contents = self.contents()?;
            listed(&contents, id)?;
            self.rename(&contents, id, false)?;
            self.directory.settle()
        };
        forget().context(|| self.doing(&format!("forget snapshot {id} of")))
    }

    /// Brings back what was forgotten and not pruned yet, so that it is listed again. Nothing where it is.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it, or something that it builds on, is not there any more;
    /// [`Locked`](crate::ErrorKind::Locked) while another handle changes the directory.
    pub fn recall(&self, id: Uuid) -> Result<()> {
        let recall = || {
            let _locked = self.directory.lock()?;
            let contents = self.contents()?;
            contents.chain(id)?;
            if listed(&contents, id).is_err() {
                self.rename(&contents, id, true)?;
            }
            self.directory.settle()
        };
        recall().context(|| self.doing(&format!("recall snapshot {id} of")))
    }

    /// Gives all copies of a snapshot that are forgotten, or those that are not, their other name.
    fn rename(&self, contents: &Contents, id: Uuid, are_forgotten: bool) -> Result<()> {
        let copies = contents.files.iter();
        copies
            .filter(|file| file.header.id == id && file.is_forgotten == are_forgotten)
            .try_for_each(|file| self.directory.rename(&file.name, &other_name(&file.name)?))
    }

    /// Removes what is forgotten, but for what something builds on that is not, directly or through others; and
    /// what was left where taking a snapshot was interrupted. What is damaged, and what is no snapshot, stays.
    ///
    /// What somebody has open stays until the next time.
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) while another handle changes the directory. Where a file cannot be
    /// read now but perhaps later, nothing is removed, since what it builds on is not known; neither where one
    /// that is listed builds on something missing or damaged, which may be brought back: it says which, and
    /// [`forget_one`](SnapshotStore::forget_one) gives it up.
    pub fn prune(&self) -> Result<PruneReport> {
        let prune = || {
            let _locked = self.directory.lock()?;
            let contents = self.contents()?;
            let held = contents.held()?;
            let forgotten = contents.files.iter().filter(|file| file.is_forgotten);
            let removable = forgotten.filter(|file| !held.contains(&file.header.id));
            // The newest first, so that one that is left when this is interrupted has what it builds on.
            let names = removable.map(|file| &file.name).rev();
            let mut report = PruneReport::default();
            for name in names.chain(&contents.unfinished) {
                let path = self.directory.path_of(name);
                match self.directory.remove(name)? {
                    Some(bytes) => {
                        report.removed.push(path);
                        report.bytes = report.bytes.saturating_add(bytes);
                    }
                    None => report.in_use.push(path),
                }
            }
            self.directory.settle()?;
            Ok(report)
        };
        prune().context(|| self.doing("prune"))
    }

    fn contents(&self) -> Result<Contents> {
        Contents::of(&self.directory, &self.builder.options)
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} the snapshot store {}", self.directory().display())
    }
}

fn info(file: &KeptFile) -> SnapshotInfo {
    SnapshotInfo::new(&file.header, file.bytes)
}

/// # Errors
/// `NotFound` where it is not there, or is forgotten.
fn listed(contents: &Contents, id: Uuid) -> Result<()> {
    match contents.find(id) {
        Some(file) if file.is_forgotten => Err(Error::new(
            ErrorKind::NotFound,
            format!("snapshot {id} is forgotten; `recall` brings it back"),
        )),
        Some(_) => Ok(()),
        None => Err(contents.missing(id, id)),
    }
}
