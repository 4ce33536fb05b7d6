//! How are the records of older versions rewritten? In bounded steps, each in a transaction of its own,
//! each going on where the last one stopped. Every record is old or new at any time, and reads the same.
//!
//! Indexes have nothing to do with it: they hold what the current version implies, whatever lies there.

use super::body::{Body, BodyOptions, seal};
use super::read::of_record;
use super::tables::WritingTables;
use super::undo::keep_overwritten;
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
    /// `None` where it is taken out.
    new: Option<Vec<u8>>,
    /// What it was, where something is lost.
    old: Option<Vec<u8>>,
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
    let mut reached = None;
    for record in ReadTable::Writing(&tables.records).range(bounds)? {
        let (key, stored) = record?;
        stepped.seen += 1;
        let (envelope, _) = Envelope::decode(&stored)?;
        let lost = info.upgrades.lose(envelope.version);
        if envelope.version != info.upgrades.current {
            let old = lost.then(|| stored.to_vec());
            let new = rewrite(stored, info, options, check);
            match new {
                Ok(new) => {
                    bytes += new.len() + old.as_ref().map_or(0, Vec::len);
                    stepped.migrated += 1;
                    rewritten.push(Rewritten {
                        key: key.to_vec(),
                        new: Some(new),
                        old,
                    });
                }
                Err((error, body)) if set_aside && is_unfit(&error) => {
                    bytes += body.len() + old.as_ref().map_or(0, Vec::len);
                    stepped.unfit.push(UnfitRecord {
                        key: key.to_vec(),
                        version: envelope.version,
                        body,
                        error,
                    });
                    rewritten.push(Rewritten {
                        key: key.to_vec(),
                        new: None,
                        old,
                    });
                }
                Err((error, _)) => return Err(of_record(error, info, &key)),
            }
        }
        if stepped.seen >= records_max || bytes >= STEP_BYTES_MAX {
            reached = Some(key.to_vec());
            break;
        }
    }
    stepped.after = reached;
    let change = tables.transaction.begin_change();
    for Rewritten { key, new, old } in &rewritten {
        if let Some(undo) = &mut tables.undo {
            keep_overwritten(undo, info, key, old.as_deref())?;
        }
        tables.records.change(key, new.as_deref())?;
    }
    change.finish();
    Ok(stepped)
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
) -> Result<Vec<u8>, (Error, Vec<u8>)> {
    let body = Body::open_as_it_is(stored).map_err(|error| (error, Vec::new()))?;
    let rewrite = || {
        let Envelope {
            version,
            revision,
            expires,
            ..
        } = body.envelope;
        let brought = info.upgrades.bring(version, body.bytes())?;
        check(&brought)?;
        let mut new = Vec::with_capacity(brought.len() + 16);
        let current = info.upgrades.current;
        seal(current, revision, expires, options, &mut new, |out| {
            out.extend_from_slice(&brought);
            Ok(())
        })?;
        Ok(new)
    };
    rewrite().map_err(|error| (error, body.bytes().to_vec()))
}
