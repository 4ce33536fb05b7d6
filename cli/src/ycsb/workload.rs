//! What does each workload do, and how often?
//!
//! From `workloads/workload[a-f]` of YCSB at commit d9faaac8.

/// The workloads of YCSB's core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// Update heavy: a session store.
    A,
    /// Read mostly: tags of photos.
    B,
    /// Read only: a cache of profiles.
    C,
    /// Read latest: the status of users.
    D,
    /// Short ranges: the posts of a thread.
    E,
    /// Read-modify-write: users' own data.
    F,
}

/// The kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Reads all fields of a record.
    Read,
    /// Replaces one field of a record.
    Update,
    /// Adds a record.
    Insert,
    /// Reads all fields of up to [`SCAN_RECORDS_MAX`] records, from one on in the order of the keys.
    Scan,
    /// Reads all fields of a record and replaces one.
    ReadModifyWrite,
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    /// Some more often than others, wherever they are.
    Zipfian,
    /// Those more often that were inserted later.
    Latest,
}

/// The longest scan, in records; the shortest has one, and all lengths come equally often.
pub(super) const SCAN_RECORDS_MAX: u64 = 100;

impl Workload {
    pub(crate) const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];

    /// What it is like, with YCSB's words for it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::A => "update heavy: a session store that records recent actions",
            Self::B => "read mostly: tags of photos, added now and then and read often",
            Self::C => "read only: a cache of user profiles that are made elsewhere",
            Self::D => "read latest: status updates, of which people read the newest",
            Self::E => "short ranges: the posts of a conversation",
            Self::F => "read-modify-write: users' records, read and changed by the users",
        }
    }

    /// Of a hundred operations, how many are of each kind.
    pub(crate) fn proportions(self) -> &'static [(Operation, u64)] {
        use Operation::{Insert, Read, ReadModifyWrite, Scan, Update};
        match self {
            Self::A => &[(Read, 50), (Update, 50)],
            Self::B => &[(Read, 95), (Update, 5)],
            Self::C => &[(Read, 100)],
            Self::D => &[(Read, 95), (Insert, 5)],
            Self::E => &[(Scan, 95), (Insert, 5)],
            Self::F => &[(Read, 50), (ReadModifyWrite, 50)],
        }
    }

    pub(super) fn distribution(self) -> Distribution {
        match self {
            Self::D => Distribution::Latest,
            Self::A | Self::B | Self::C | Self::E | Self::F => Distribution::Zipfian,
        }
    }

    /// How many of so many operations insert, about.
    pub(super) fn inserts(self, operations: u64) -> u64 {
        let inserts = self.proportions().iter();
        let percent: u64 = inserts
            .filter(|(kind, _)| *kind == Operation::Insert)
            .map(|(_, p)| p)
            .sum();
        operations / 100 * percent
    }

    /// The operation that a number from 0 to 99 stands for.
    pub(super) fn operation(self, mut percent: u64) -> Operation {
        for (operation, proportion) in self.proportions() {
            if percent < *proportion {
                return *operation;
            }
            percent -= proportion;
        }
        Operation::Read
    }
}

impl Operation {
    pub(crate) const ALL: [Self; 5] = [
        Self::Read,
        Self::Update,
        Self::Insert,
        Self::Scan,
        Self::ReadModifyWrite,
    ];

    /// What it is called in a report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Update => "update",
            Self::Insert => "insert",
            Self::Scan => "scan",
            Self::ReadModifyWrite => "read-modify-write",
        }
    }
}
