//! How are the records of older versions rewritten? In bounded steps, each in a transaction of its own,
//! each going on where the last one stopped. Every record is old or new at any time, and reads the same.
//!
//! Indexes have nothing to do with it: they hold what the current version implies, whatever lies there. But
//! what is taken out although it could be converted, is taken out of them.

use super::body::{Body, BodyOptions, seal};
use super::read::of_record;
use super::tables::WritingTables;
use super::undo::keep_overwritten;
use super::write::take_out_of_indexes;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::envelope::Envelope;
use crate::schema::catalog::Records;
use crate::store::{Bytes, ReadTable};

/// Most records of one step.
const STEP_RECORDS_MAX: u64 = 50_000;

/// Most bytes of new bodies in one step.
const STEP_BYTES_MAX: usize = 16 << 20;

/// What one step did.
#[derive(Default)]
pub(crate) struct Stepped {
    /// The last record that was looked at; `None` where there was none any more.
    pub(crate) after: Option<Vec<u8>>,
    /// How many records were looked at.
    pub(crate) seen: u64,
    /// How many were rewritten.
    pub(crate) migrated: u64,
    /// Those that cannot be, and were taken out.
    pub(crate) unfit: Vec<UnfitRecord>,
}

/// A record that the program's code cannot bring to the current version.
pub(crate) struct UnfitRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) version: u32,
    /// Its body under that version.
    pub(crate) body: Vec<u8>,
    pub(crate) error: Error,
}

/// A record on its way.
struct Rewritten {
    key: Vec<u8>,
    version: u32,
    /// What it was, where something is lost.
    old: Option<Vec<u8>>,
    /// As it is to lie there; where it cannot be, it is taken out.
    new: Result<Vec<u8>, Failed>,
}

impl Rewritten {
    /// How many bytes it holds.
    fn bytes(&self) -> usize {
        let new = match &self.new {
            Ok(new) => new.len(),
            Err(failed) => failed.body.len(),
        };
        new + self.old.as_ref().map_or(0, Vec::len)
    }
}

/// A record that cannot be rewritten.
struct Failed {
    error: Error,
    /// Its body under its own version.
    body: Vec<u8>,
    /// Its current form, where it has one: indexes have it.
    brought: Option<Vec<u8>>,
}

/// Rewrites the records of older versions behind `after`, up to the bounds of a step. One that cannot be
/// rewritten ends it with an error, or is taken out where `set_aside` says so.
pub(crate) fn step(
    tables: &mut WritingTables<'_>,
    info: &Records,
    after: Option<&[u8]>,
    options: BodyOptions,
    set_aside: bool,
    check: &dyn Fn(&[u8]) -> Result<()>,
) -> Result<Stepped> {
    let mut stepped = Stepped::default();
    let mut rewritten = Vec::new();
    let mut bytes = 0;
    let bounds = match after {
        Some(key) => (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded),
        None => crate::store::ALL,
    };
    let records_max = tables.transaction.step_records_max(STEP_RECORDS_MAX);
    for record in ReadTable::Writing(&tables.records).range(bounds)? {
        let (key, stored) = record?;
        stepped.seen += 1;
        let version = Envelope::decode(&stored)?.0.version;
        if version != info.upgrades.current {
            let old = info.upgrades.lose(version).then(|| stored.to_vec());
            let new = match rewrite(stored, info, options, check) {
                Err(failed) if !(set_aside && is_unfit(&failed.error)) => {
                    return Err(of_record(failed.error, info, &key));
                }
                new => new,
            };
            let record = Rewritten {
                key: key.to_vec(),
                version,
                old,
                new,
            };
            bytes += record.bytes();
            rewritten.push(record);
        }
        if stepped.seen >= records_max || bytes >= STEP_BYTES_MAX {
            stepped.after = Some(key.to_vec());
            break;
        }
    }
    let change = tables.transaction.begin_change();
    for record in rewritten {
        apply(tables, info, record, &mut stepped)?;
    }
    change.finish();
    Ok(stepped)
}

/// Puts a record in its place, or takes it out; and keeps what it was.
fn apply(
    tables: &mut WritingTables<'_>,
    info: &Records,
    record: Rewritten,
    stepped: &mut Stepped,
) -> Result<()> {
    let Rewritten {
        key,
        version,
        old,
        new,
    } = record;
    if let Some(undo) = &mut tables.undo {
        keep_overwritten(undo, info, &key, old.as_deref())?;
    }
    match new {
        Ok(new) => {
            tables.records.change(&key, Some(&new))?;
            stepped.migrated += 1;
        }
        Err(Failed {
            error,
            body,
            brought,
        }) => {
            if let Some(brought) = brought {
                take_out_of_indexes(tables, info, &key, &brought)?;
            }
            tables.records.change(&key, None)?;
            stepped.unfit.push(UnfitRecord {
                key,
                version,
                body,
                error,
            });
        }
    }
    Ok(())
}

/// Whether an error is one of the record, and not of what holds it.
fn is_unfit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotMigrated | ErrorKind::Rejected)
}

/// The current form of a stored record, as it is to lie there. It is still the record that its commit
/// wrote: it keeps its revision.
fn rewrite(
    stored: Bytes<'_>,
    info: &Records,
    options: BodyOptions,
    check: &dyn Fn(&[u8]) -> Result<()>,
) -> Result<Vec<u8>, Failed> {
    let body = Body::open_as_it_is(stored).map_err(|error| Failed {
        error,
        body: Vec::new(),
        brought: None,
    })?;
    let mut brought = None;
    let mut rewrite = || {
        let Envelope {
            version,
            revision,
            expires,
            ..
        } = body.envelope;
        let brought = brought.insert(info.upgrades.bring(version, body.bytes())?);
        check(brought)?;
        let mut new = Vec::with_capacity(brought.len() + 16);
        let current = info.upgrades.current;
        seal(current, revision, expires, options, &mut new, |out| {
            out.extend_from_slice(brought);
            Ok(())
        })?;
        Ok(new)
    };
    rewrite().map_err(|error| Failed {
        error,
        body: body.bytes().to_vec(),
        brought,
    })
}
