//! What must the tests be able to break? One switch for each rule of this floor, so that a test can
//! show that the simulated disk sees what the rule prevents.
//!
//! Without the feature `testing` there are no switches, and nothing is left of them in the program.

/// A rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "only the tests break rules")
)]
#[repr(u32)]
pub enum Control {
    /// Only the first superblock slot is ever written.
    SingleSlot = 1 << 0,
    /// The other slot does not get a copy after a commit.
    NoMirror = 1 << 1,
    /// Opening does not write the chosen slot again, nor syncs it.
    NoRewrite = 1 << 2,
    /// Commits are one-phase.
    OnePhase = 1 << 3,
    /// Commits do not save redb's allocator state.
    NoQuickRepair = 1 << 4,
    /// A compacted file gets its name before it is synced.
    NoSyncBeforeSwap = 1 << 5,
    /// A block that fails reads as zeros.
    ZerosForDamage = 1 << 6,
    /// A check calls redb's own on the live handle.
    CheckOnLiveHandle = 1 << 7,
    /// A failed sync or change of length does not latch the file.
    NoLatch = 1 << 8,
    /// A failed sync is taken for a good one.
    IgnoreSyncError = 1 << 9,
    /// Opening read-only writes.
    ReadOnlyWrites = 1 << 10,
    /// A key is changed first in the copy of the header that opened.
    RewrapGoodCopyFirst = 1 << 11,
    /// Opening does not write the header's copies again where they agree.
    NoHeaderRewrite = 1 << 16,
    /// Creation and compaction do not sync the directory.
    NoDirectorySync = 1 << 12,
    /// Every seal gets the same nonce.
    NonceReused = 1 << 13,
    /// A commit is acknowledged before its last sync.
    AcknowledgeBeforeSync = 1 << 14,
    /// A one-phase header in a file that was not closed is taken as it is.
    NoPhaseGate = 1 << 15,
    /// Frames do not say of which life they are, and nobody asks.
    FramesWithoutLife = 1 << 17,
    /// Frames do not say what was synced before them.
    NoSyncedThrough = 1 << 18,
    /// A hole among frames that were never synced is taken for damage.
    HoleIsDamage = 1 << 19,
    /// The log is not synced before its transactions are acknowledged.
    NoLogSync = 1 << 20,
    /// Transactions are visible before the log is synced.
    PublishBeforeSync = 1 << 21,
    /// Transactions are logged after redb committed them.
    FrameAfterCommit = 1 << 22,
    /// The log begins anew before its checkpoint has returned.
    EarlyRestart = 1 << 23,
    /// Opening enters its life before what the log holds is durable in the tables.
    LifeBeforeReplay = 1 << 24,
    /// The log of a file that was closed is not looked at.
    ReplayOnlyUnclean = 1 << 25,
    /// What a transaction did is undone although redb failed in it.
    UndoAfterError = 1 << 26,
    /// The error of a transaction is told before the fate of its batch is known.
    EarlyError = 1 << 27,
    /// A catalog is shown before its commit.
    EarlyCatalog = 1 << 28,
    /// A failure after the log's sync is told as rolled back.
    RolledBackAfterSync = 1 << 29,
    /// The first step of a migration is taken for the last.
    MigratedEarly = 1 << 30,
    /// What is done in steps of many records is done in steps of few. The one that breaks no rule: so
    /// that tests need few records for many steps.
    SmallSteps = 1 << 31,
}

/// The rules that are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    #[cfg(feature = "testing")]
    broken: u32,
}

impl Controls {
    /// Breaks one more rule.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with(self, control: Control) -> Self {
        Self {
            broken: self.broken | control as u32,
        }
    }

    /// Whether a rule is broken.
    #[cfg(feature = "testing")]
    pub(crate) fn has(self, control: Control) -> bool {
        self.broken & control as u32 != 0
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn has(self, _control: Control) -> bool {
        false
    }
}
