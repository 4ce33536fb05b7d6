//! Which commit does a table show? The rows of the system table that the store keeps there itself.
//!
//! ```text
//! ROW       VALUE
//! commit    life (16 bytes), sequence (u64) of the last commit; little-endian
//! lives     the last commits of earlier lives in the same form, oldest first, at most 64
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
pub(crate) const LIVES_ROW: &[u8] = b"lives";

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

fn read(table: ReadTable<'_, '_>, row: &[u8]) -> Result<Vec<CommitId>> {
    let Some(bytes) = table.peek(row)? else {
        return Ok(Vec::new());
    };
    let (ids, rest) = bytes.as_chunks::<ID_BYTES>();
    if !rest.is_empty() {
        return Err(Error::corrupt(
            "a row of commits in the system table has a length that none has",
        ));
    }
    Ok(ids.iter().copied().map(decode).collect())
}

fn read_last(table: ReadTable<'_, '_>) -> Result<Option<CommitId>> {
    Ok(read(table, COMMIT_ROW)?.last().copied())
}

impl ReadTransaction {
    /// The last commit that this snapshot has, `None` before the first.
    pub(crate) fn last_commit(&self) -> Result<Option<CommitId>> {
        match self.open_table(SYSTEM_TABLE)? {
            Some(table) => read_last(ReadTable::Snapshot(&table)),
            None => Ok(None),
        }
    }

    /// The last commits of earlier lives, oldest first.
    pub(super) fn lives(&self) -> Result<Vec<CommitId>> {
        match self.open_table(SYSTEM_TABLE)? {
            Some(table) => read(ReadTable::Snapshot(&table), LIVES_ROW),
            None => Ok(Vec::new()),
        }
    }
}

impl WriteTransaction {
    /// Makes this the last commit. A life that the table has not is entered, and the one before it
    /// remembered.
    pub(super) fn set_last_commit(&self, id: CommitId) -> Result<()> {
        let mut table = self.open_table(SYSTEM_TABLE)?;
        if let Some(before) = read_last(ReadTable::Writing(&table))?
            && before.life() != id.life()
        {
            let mut lives = read(ReadTable::Writing(&table), LIVES_ROW)?;
            lives.push(before);
            let kept = lives.len().saturating_sub(LIVES_MAX);
            let bytes: Vec<u8> = lives.into_iter().skip(kept).flat_map(encode).collect();
            table.set_row(LIVES_ROW, &bytes)?;
        }
        table.set_row(COMMIT_ROW, &encode(id))
    }
}
