//! Is everything in the database as it should be?

use std::fmt;

use super::database::Database;
use crate::base::Result;
use crate::base::name::show_key;
use crate::collection::check::{Problem as Found, check};
use crate::schema::catalog::{Member, NEXT_ID_ROW, SYSTEM_TABLE, auto_row};
use crate::store::{ALL, ReadTable};
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
        let collection = Some(collection.to_owned());
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
    /// Reads everything and compares: every record decodes and has the key it lies under, every
    /// index equals what the records imply, both ways, and the counters are ahead of what they
    /// count. Looks at a snapshot, so that others may write meanwhile.
    ///
    /// # Errors
    /// Damage is a problem in the report, not an error; an error is what kept the check from going
    /// on, such as a disk that cannot be read.
    pub fn check(&self) -> Result<CheckReport> {
        let tx = self.read()?;
        let mut report = CheckReport::default();
        let mut revision_max = 0;
        let mut id_max = 0;
        for (slot, member) in tx.catalog().members().iter().enumerate() {
            report.collections += 1;
            match member {
                Member::Bucket(info) => {
                    id_max = id_max.max(info.id);
                    if let Some(table) = tx.bucket_table(slot, &info.table)? {
                        for entry in ReadTable::Snapshot(table).range(ALL)? {
                            entry?;
                            report.records += 1;
                        }
                    }
                }
                Member::Records(info) => {
                    let ids = info.indexes.iter().map(|index| index.id);
                    id_max = ids.fold(id_max.max(info.id), u32::max);
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
                    report.records += found.records;
                    report.index_entries += found.index_entries;
                    revision_max = revision_max.max(found.revision_max);
                    let counter = system_number(&tx, &auto_row(info.id))?;
                    if counter < found.auto_key_max {
                        let greatest = found.auto_key_max;
                        let what = format!(
                            "the counter of automatic keys is {counter}, the greatest key {greatest}"
                        );
                        report.add_to(&info.name, what);
                    }
                }
            }
        }
        let mut whole = |what: String| {
            report.add(Problem {
                collection: None,
                index: None,
                key: None,
                what,
            });
        };
        let sequence = system_number(&tx, crate::schema::catalog::SEQUENCE_ROW)?;
        if sequence < revision_max {
            whole(format!(
                "the sequence is {sequence}, a record has revision {revision_max}"
            ));
        }
        let next = system_number(&tx, NEXT_ID_ROW)?;
        if next <= u64::from(id_max) && id_max > 0 {
            whole(format!("the next id is {next}, but {id_max} is in use"));
        }
        Ok(report)
    }
}

/// A counter, 0 where it was never written.
fn system_number(tx: &ReadTx, row: &[u8]) -> Result<u64> {
    match tx.transaction().open_table(SYSTEM_TABLE)? {
        Some(table) => Ok(read_number(ReadTable::Snapshot(&table), row)?.unwrap_or(0)),
        None => Ok(0),
    }
}
