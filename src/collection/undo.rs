//! What did a migration overwrite? The bodies of older versions that held more than what took their place:
//! they go into the collection's undo table in the same transaction, whoever overwrites them.
//!
//! ```text
//! TABLE "u{id}"         version that it became (u32, big-endian) ++ primary key -> envelope and body as
//!                       they lay in the table of the records
//! ```
//! These bytes are frozen.

use std::ops::Bound;

use super::body::{Body, BodyOptions, seal};
use super::check::walk_earlier;
use super::read::of_record;
use super::tables::WritingTables;
use crate::base::{Error, Result};
use crate::codec::envelope::Envelope;
use crate::schema::catalog::Records;
use crate::schema::upgrade::WayBack;
use crate::store::{ALL, Bytes, ReadTable, WriteTable};

/// The key in the undo table of what became a record of that version.
pub(crate) fn undo_key(version: u32, key: &[u8]) -> Vec<u8> {
    [&version.to_be_bytes(), key].concat()
}

/// Keeps what is overwritten, if anything is.
pub(crate) fn keep_overwritten(
    undo: &mut WriteTable<'_>,
    info: &Records,
    key: &[u8],
    overwritten: Option<&[u8]>,
) -> Result<()> {
    if let Some(overwritten) = overwritten {
        undo.change(&undo_key(info.upgrades.current, key), Some(overwritten))?;
    }
    Ok(())
}

/// Forgets what a record was before: it was removed.
pub(crate) fn forget_overwritten(
    undo: &mut WriteTable<'_>,
    info: &Records,
    key: &[u8],
) -> Result<()> {
    for version in info.upgrades.versions() {
        undo.change(&undo_key(version, key), None)?;
    }
    Ok(())
}

/// How many records are rewritten at once.
const BATCH: usize = 1_000;

/// Takes every record back to the version that the way leads to, and forgets what it was for. Gives how
/// many were rewritten, and the keys of those that were put back after they had been set aside. `check`
/// looks at what is converted back, not at what is as it was left.
pub(crate) fn restore(
    tables: &mut WritingTables<'_>,
    info: &Records,
    way: &WayBack,
    options: BodyOptions,
    check: &dyn Fn(&[u8]) -> Result<()>,
) -> Result<(u64, Vec<Vec<u8>>)> {
    let change = tables.transaction.begin_change();
    let mut restored = 0;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let mut batch = Vec::new();
        let mut last = None;
        let bounds = match &after {
            Some(key) => (Bound::Excluded(key.as_slice()), Bound::Unbounded),
            None => ALL,
        };
        for record in ReadTable::Writing(&tables.records).range(bounds)? {
            let (key, stored) = record?;
            let undo = tables.undo.as_deref();
            let earlier = earlier(undo, info, way, &key, stored, options, check);
            if let Some(earlier) = earlier.map_err(|error| of_record(error, info, &key))? {
                batch.push((key.to_vec(), earlier));
            }
            if batch.len() == BATCH {
                last = Some(key.to_vec());
                break;
            }
        }
        for (key, earlier) in &batch {
            tables.records.change(key, Some(&earlier.stored))?;
            if let Some(undo) = &mut tables.undo {
                for version in way.undone() {
                    undo.change(&undo_key(version, key), None)?;
                }
                if let Some(lacked) = &earlier.lacked {
                    undo.change(&undo_key(way.target, key), Some(lacked))?;
                }
            }
        }
        restored += batch.len() as u64;
        match last {
            Some(key) => after = Some(key),
            None => break,
        }
    }
    let put_back = put_back(tables, info, way)?;
    change.finish();
    Ok((restored, put_back))
}

/// What a record is at the end of the way back.
struct Earlier {
    stored: Vec<u8>,
    /// What it was before, as it lay there, where that has what the target lacks: for the next way back.
    lacked: Option<Vec<u8>>,
}

/// What a record is to be at the end of the way back; `None` where it stays as it is.
fn earlier(
    undo: Option<&WriteTable<'_>>,
    info: &Records,
    way: &WayBack,
    key: &[u8],
    stored: Bytes<'_>,
    options: BodyOptions,
    check: &dyn Fn(&[u8]) -> Result<()>,
) -> Result<Option<Earlier>> {
    let body = Body::open_as_it_is(stored)?;
    let Envelope {
        version,
        revision,
        expires,
        ..
    } = body.envelope;
    if version <= way.target {
        return Ok(None);
    }
    let kept = kept_of(undo, way, key)?;
    let before = kept
        .as_ref()
        .map(|kept| Body::open_as_it_is(Bytes::owned(kept.clone())))
        .transpose()?;
    if let (Some(kept), Some(before)) = (&kept, &before)
        && is_untouched(&body, before, info, way)?
    {
        check_earlier(before, info, way)?;
        return Ok(Some(Earlier {
            stored: kept.clone(),
            lacked: None,
        }));
    }
    let before = before
        .as_ref()
        .map(|before| (before.envelope.version, before.bytes()));
    let earlier = way.take(version, body.bytes(), before)?;
    check(&earlier)?;
    let mut new = Vec::with_capacity(earlier.len() + 16);
    seal(way.target, revision, expires, options, &mut new, |out| {
        out.extend_from_slice(&earlier);
        Ok(())
    })?;
    let lacks = before.is_some_and(|(version, _)| way.target_lacks(version));
    Ok(Some(Earlier {
        stored: new,
        lacked: kept.filter(|_| lacks),
    }))
}

/// What was kept of a record when it became one of a version that is undone: of several the earliest.
fn kept_of(undo: Option<&WriteTable<'_>>, way: &WayBack, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(undo) = undo else { return Ok(None) };
    for version in way.undone() {
        if let Some(kept) = ReadTable::Writing(undo).peek(&undo_key(version, key))? {
            return Ok(Some(kept.to_vec()));
        }
    }
    Ok(None)
}

/// Whether a record is as its migration left it, or as it would have.
fn is_untouched(body: &Body<'_>, before: &Body<'_>, info: &Records, way: &WayBack) -> Result<bool> {
    let (now, was) = (body.envelope, before.envelope);
    if was.revision == now.revision {
        return Ok(true);
    }
    Ok(now.version == info.upgrades.current
        && way.unchanged(body.bytes(), (was.version, before.bytes()))?)
}

/// Refuses what was kept where it is nothing that can be put back.
fn check_earlier(before: &Body<'_>, info: &Records, way: &WayBack) -> Result<()> {
    if before.envelope.version > way.target {
        return Err(Error::corrupt("what was kept of it is of a later version"));
    }
    walk_earlier(before, info)
}

/// Puts back what was set aside; gives the keys. All other rows of the versions that are undone are gone
/// by now.
fn put_back(tables: &mut WritingTables<'_>, info: &Records, way: &WayBack) -> Result<Vec<Vec<u8>>> {
    let Some(undo) = &mut tables.undo else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for version in way.undone() {
        let prefix = version.to_be_bytes();
        loop {
            let lower = undo_key(version, &[]);
            let row = ReadTable::Writing(undo)
                .range((Bound::Included(lower.as_slice()), Bound::Unbounded))?
                .next()
                .transpose()?
                .map(|(row, stored)| (row.to_vec(), stored.to_vec()));
            let Some((row, stored)) = row else { break };
            let Some(key) = row.strip_prefix(&prefix).map(<[u8]>::to_vec) else {
                break;
            };
            if ReadTable::Writing(&tables.records).peek(&key)?.is_some() {
                let twice =
                    "what was kept of it is of a record that was set aside, and it is there";
                return Err(of_record(Error::corrupt(twice), info, &key));
            }
            Body::open_as_it_is(Bytes::owned(stored.clone()))
                .and_then(|body| check_earlier(&body, info, way))
                .map_err(|error| of_record(error, info, &key))?;
            tables.records.change(&key, Some(&stored))?;
            undo.change(&row, None)?;
            keys.push(key);
        }
    }
    Ok(keys)
}
