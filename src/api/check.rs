//! Is everything in the database as it should be?

use std::fmt;
use std::ops::Bound;

use super::database::Database;
use crate::base::name::show_key;
use crate::base::{ErrorKind, Result};
use crate::collection::check::{Findings, Problem as Found, check, check_undo};
use crate::schema::catalog::{Bucket, Member, NEXT_ID_ROW, Records, auto_row, auto_rows};
use crate::store::{ALL, ReadTable, SYSTEM_TABLE};
use crate::txn::core::read_number;
use crate::txn::read::ReadTx;

/// What [`Database::check`] found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Collections and buckets that were looked at.
    pub collections: u64,
    /// Records, and entries of buckets.
    pub records: u64,
    /// Entries of all indexes.
    pub index_entries: u64,
    /// The problems found, at most a thousand of them.
    pub problems: Vec<Problem>,
    /// How many problems there were in all.
    pub problem_count: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The collection or bucket, none for the database as a whole.
    pub collection: Option<String>,
    /// The index, where it is one's.
    pub index: Option<String>,
    /// The encoded primary key of the record, where it is one's.
    pub key: Option<Vec<u8>>,
    /// What is wrong.
    pub what: String,
}

impl CheckReport {
    /// Whether there were no problems.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn add_to(&mut self, collection: &str, what: String) {
        self.add_about(Some(collection.to_owned()), what);
    }

    fn add_to_whole(&mut self, what: String) {
        self.add_about(None, what);
    }

    fn add_about(&mut self, collection: Option<String>, what: String) {
        self.add(Problem {
            collection,
            index: None,
            key: None,
            what,
        });
    }
}

const PROBLEMS_MAX: usize = 1000;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(collection) = &self.collection {
            write!(f, "collection {collection:?}: ")?;
        }
        if let Some(index) = &self.index {
            write!(f, "index {index:?}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{}: ", show_key(key))?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} collections, {} records, {} index entries, {} problems",
            self.collections, self.records, self.index_entries, self.problem_count
        )?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl Database {
    /// Reads everything and compares: every block is whole (as [`scrub`](Database::scrub) does), every
    /// record decodes and has the key it lies under, every index equals what the records imply, both
    /// ways, and the counters are ahead of what they count, and not beyond what they can be.
    ///
    /// Where blocks are damaged it says so, and compares no records. Those are compared in a snapshot,
    /// so that others may write meanwhile.
    ///
    /// # Errors
    /// Damage is a problem in the report, not an error; an error is what kept the check from going
    /// on, such as a disk that cannot be read. [`Invalid`](crate::ErrorKind::Invalid) when this thread
    /// is in a write transaction.
    pub fn check(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        for problem in self.scrub(None, |_| {})?.problems {
            report.add_to_whole(problem);
        }
        if !report.is_ok() {
            return Ok(report);
        }
        let tx = self.read()?;
        let mut revision_max = 0;
        for (slot, member) in tx.catalog().members().iter().enumerate() {
            report.collections += 1;
            match member {
                Member::Bucket(info) => check_bucket(&tx, slot, info, &mut report)?,
                Member::Records(info) => {
                    let found = check_records(&tx, slot, info, &mut report)?;
                    revision_max = revision_max.max(found.revision_max);
                }
            }
        }
        check_sequence(&tx, revision_max, &mut report)?;
        check_next_id(&tx, &mut report)?;
        check_auto_rows(&tx, &mut report)?;
        Ok(report)
    }
}

fn check_bucket(tx: &ReadTx, slot: usize, info: &Bucket, report: &mut CheckReport) -> Result<()> {
    let Some(table) = tx.bucket_table(slot, &info.table)? else {
        return Ok(());
    };
    for entry in ReadTable::Snapshot(table).range(ALL)? {
        entry?;
        report.records += 1;
    }
    Ok(())
}

fn check_records(
    tx: &ReadTx,
    slot: usize,
    info: &Records,
    report: &mut CheckReport,
) -> Result<Findings> {
    let tables = tx.tables(slot, info)?;
    let mut add = |Found { index, key, what }: Found| {
        report.add(Problem {
            collection: Some(info.name.clone()),
            index,
            key,
            what,
        });
    };
    let found = check(&tables, info, &mut add)?;
    if let Some(undo) = &info.undo
        && let Some(table) = tx.transaction().open_table(undo)?
    {
        check_undo(ReadTable::Snapshot(&table), info, &mut add)?;
    }
    report.records += found.records;
    report.index_entries += found.index_entries;
    match system_number(tx, &auto_row(info.id))? {
        Ok(counter) if counter < found.auto_key_max => {
            let greatest = found.auto_key_max;
            report.add_to(
                &info.name,
                format!("the counter of automatic keys is {counter}, the greatest key {greatest}"),
            );
        }
        Ok(_) => {}
        Err(what) => report.add_to(&info.name, what),
    }
    Ok(found)
}

fn check_sequence(tx: &ReadTx, revision_max: u64, report: &mut CheckReport) -> Result<()> {
    let Some(last) = tx.transaction().last_commit()? else {
        return Ok(());
    };
    if last.id.sequence() == u64::MAX {
        report.add_to_whole(format!(
            "the sequence is {}, so that no commit can follow",
            u64::MAX
        ));
    }
    if last.revision == u64::MAX {
        report.add_to_whole(format!(
            "the last revision is {}, so that none can follow",
            u64::MAX
        ));
    }
    if last.revision < revision_max {
        report.add_to_whole(format!(
            "the last revision is {}, a record has revision {revision_max}",
            last.revision
        ));
    }
    Ok(())
}

fn check_next_id(tx: &ReadTx, report: &mut CheckReport) -> Result<()> {
    let greatest = tx.catalog().greatest_id();
    match system_number(tx, NEXT_ID_ROW)? {
        Ok(next) if next <= u64::from(greatest) && greatest > 0 => {
            report.add_to_whole(format!("the next id is {next}, but {greatest} is in use"));
        }
        Ok(next) if next > u64::from(u32::MAX) + 1 => report.add_to_whole(format!(
            "the next id is {next}, more than one behind {}, the last there is",
            u32::MAX
        )),
        Ok(_) => {}
        Err(what) => report.add_to_whole(what),
    }
    Ok(())
}

/// Every counter of automatic keys belongs to a collection that has them.
fn check_auto_rows(tx: &ReadTx, report: &mut CheckReport) -> Result<()> {
    let Some(table) = tx.transaction().open_table(SYSTEM_TABLE)? else {
        return Ok(());
    };
    let counting: Vec<Vec<u8>> = tx
        .catalog()
        .members()
        .iter()
        .filter_map(|member| match member {
            Member::Records(info) if info.has_auto_keys() => Some(auto_row(info.id)),
            _ => None,
        })
        .collect();
    let (lower, upper) = auto_rows();
    let bounds = (Bound::Included(lower), Bound::Excluded(upper));
    for row in ReadTable::Snapshot(&table).range(bounds)? {
        let (key, _) = row?;
        if !counting.iter().any(|row| **row == *key) {
            report.add_to_whole(format!(
                "the system table counts automatic keys under \"{}\", which no collection has",
                key.escape_ascii()
            ));
        }
    }
    Ok(())
}

/// A counter, 0 where it was never written; what is wrong where it is none.
fn system_number(tx: &ReadTx, row: &[u8]) -> Result<Result<u64, String>> {
    let Some(table) = tx.transaction().open_table(SYSTEM_TABLE)? else {
        return Ok(Ok(0));
    };
    match read_number(ReadTable::Snapshot(&table), row) {
        Ok(number) => Ok(Ok(number.unwrap_or(0))),
        Err(error) if error.is(ErrorKind::Corrupt) => {
            Ok(Err(format!("\"{}\": {error}", row.escape_ascii())))
        }
        Err(error) => Err(error),
    }
}
