//! Which commit does a table show? The rows of the system table that the store keeps there itself.
//!
//! ```text
//! ROW       VALUE
//! commit    of the last commit: life (16 bytes), sequence (u64), and the greatest revision (u64) that it
//!           or one before it gave to what it wrote; little-endian
//! lives     life and sequence of the last commits of earlier lives, oldest first, at most 64
//! ```
//! A life is one opening of the database, and a random number. The row `commit` changes with every
//! commit, in the same transaction; its life changes with the first checkpoint of a life, which has
//! everything of the lives before it.

use super::table::ReadTable;
use super::transaction::{ReadTransaction, WriteTransaction};
use crate::base::{CommitId, Error, Result};

/// The table that describes all others.
pub(crate) const SYSTEM_TABLE: &str = "larder";

/// The row of the last commit.
pub(crate) const COMMIT_ROW: &[u8] = b"commit";

/// The row of the last commits of earlier lives.
const LIVES_ROW: &[u8] = b"lives";

/// Lives that are remembered.
pub(super) const LIVES_MAX: usize = 64;

const ID_BYTES: usize = 24;

fn encode(id: CommitId) -> [u8; ID_BYTES] {
    let mut bytes = [0; ID_BYTES];
    let (life, sequence) = bytes.split_at_mut(16);
    life.copy_from_slice(&id.life().to_le_bytes());
    sequence.copy_from_slice(&id.sequence().to_le_bytes());
    bytes
}

fn decode(bytes: [u8; ID_BYTES]) -> CommitId {
    let (mut life, mut sequence) = ([0; 16], [0; 8]);
    let (life_bytes, sequence_bytes) = bytes.split_at(16);
    life.copy_from_slice(life_bytes);
    sequence.copy_from_slice(sequence_bytes);
    CommitId::new(u128::from_le_bytes(life), u64::from_le_bytes(sequence))
}

/// The last commit that a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastCommit {
    pub(crate) id: CommitId,
    /// The greatest revision of what is in the tables.
    pub(crate) revision: u64,
}

fn read_lives(table: ReadTable<'_, '_>) -> Result<Vec<CommitId>> {
    let Some(bytes) = table.peek(LIVES_ROW)? else {
        return Ok(Vec::new());
    };
    let (ids, rest) = bytes.as_chunks::<ID_BYTES>();
    if !rest.is_empty() {
        return Err(malformed());
    }
    Ok(ids.iter().copied().map(decode).collect())
}

fn read_last(table: ReadTable<'_, '_>) -> Result<Option<LastCommit>> {
    let Some(bytes) = table.peek(COMMIT_ROW)? else {
        return Ok(None);
    };
    let (id, revision) = bytes.split_first_chunk().ok_or_else(malformed)?;
    let revision = revision.try_into().map_err(|_| malformed())?;
    Ok(Some(LastCommit {
        id: decode(*id),
        revision: u64::from_le_bytes(revision),
    }))
}

fn malformed() -> Error {
    Error::corrupt("a row of commits in the system table has a length that none has")
}

impl ReadTransaction {
    /// The last commit that this snapshot has, `None` before the first.
    pub(crate) fn last_commit(&self) -> Result<Option<LastCommit>> {
        match self.open_table(SYSTEM_TABLE)? {
            Some(table) => read_last(ReadTable::Snapshot(&table)),
            None => Ok(None),
        }
    }

    /// The last commits of earlier lives, oldest first.
    pub(super) fn lives(&self) -> Result<Vec<CommitId>> {
        match self.open_table(SYSTEM_TABLE)? {
            Some(table) => read_lives(ReadTable::Snapshot(&table)),
            None => Ok(Vec::new()),
        }
    }
}

impl WriteTransaction {
    /// Makes this the last commit. A life that the table has not is entered, and the one before it
    /// remembered.
    pub(super) fn set_last_commit(&self, last: LastCommit) -> Result<()> {
        let mut table = self.open_table(SYSTEM_TABLE)?;
        if let Some(before) = read_last(ReadTable::Writing(&table))?
            && before.id.life() != last.id.life()
        {
            let mut lives = read_lives(ReadTable::Writing(&table))?;
            lives.push(before.id);
            let kept = lives.len().saturating_sub(LIVES_MAX);
            let bytes: Vec<u8> = lives.into_iter().skip(kept).flat_map(encode).collect();
            table.apply(LIVES_ROW, Some(&bytes))?;
        }
        let mut row = encode(last.id).to_vec();
        row.extend_from_slice(&last.revision.to_le_bytes());
        table.apply(COMMIT_ROW, Some(&row))
    }
}
