//! Does a collection hold what it should? Every record is read whole, every index compared with
//! what the records imply, both ways.
//!
//! An index equals what its records imply when each implied entry is in it and it has no more
//! entries than are implied: implied entries are distinct, so the counts settle the other way.

use super::body::Body;
use super::document;
use super::entry::{self, entry, lists};
use super::tables::Tables;
use super::write::index_keys;
use crate::base::name::show_key;
use crate::base::{ErrorKind, Result};
use crate::codec::envelope::Envelope;
use crate::codec::value::read::Node;
use crate::codec::value::validate::validate;
use crate::schema::catalog::{Records, Shape, Typed};
use crate::schema::index::Scratch;
use crate::schema::key::encode_slot;
use crate::schema::layout::Layout;
use crate::schema::upgrade::lacks_code;
use crate::schema::view::{Budget, Slot};
use crate::store::{ALL, ReadTable};

/// What was found in one collection.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) records: u64,
    pub(crate) index_entries: u64,
    /// The greatest revision of a record.
    pub(crate) revision_max: u64,
    /// The greatest automatic key, 0 where there is none.
    pub(crate) auto_key_max: u64,
}

/// What the records imply for one index.
#[derive(Clone, Default)]
struct Implied {
    entries: u64,
    lists: u32,
}

/// A problem: of the record with this key or, without one, of the collection or index as a whole.
pub(crate) struct Problem {
    pub(crate) index: Option<String>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) what: String,
}

/// Checks one collection and reports each problem. An error of the storage beneath ends the check.
pub(crate) fn check(
    tables: &Tables<'_>,
    info: &Records,
    report: &mut dyn FnMut(Problem),
) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut implied = vec![Implied::default(); info.indexes.len()];
    let mut scratch = Scratch::default();
    // Whether there are entries of records of which nobody can say what they imply.
    let mut unknown = false;
    for record in tables.records().range(ALL)? {
        let (key, stored) = record?;
        findings.records += 1;
        let mut problem = |index: Option<&str>, what: String| {
            report(Problem {
                index: index.map(str::to_owned),
                key: Some(key.to_vec()),
                what,
            });
        };
        let opened = Body::open_as_it_is(stored).and_then(|body| current(body, info));
        let (body, revision) = match opened {
            Ok(Form::Current(body)) => {
                let revision = body.envelope.revision;
                (Some(body), revision)
            }
            Ok(Form::Earlier { revision, indexed }) => {
                unknown |= indexed;
                (None, revision)
            }
            Err(error) => {
                problem(None, error.to_string());
                continue;
            }
        };
        findings.revision_max = findings.revision_max.max(revision);
        let Some(body) = body else { continue };
        if let Err(error) = walk(&body, info) {
            problem(None, error.to_string());
            continue;
        }
        match key_of(&body, info) {
            Ok(Some(implied_key)) if implied_key != *key => {
                problem(None, format!("its body has {}", show_key(&implied_key)));
            }
            Ok(_) => {}
            Err(error) => problem(None, error.to_string()),
        }
        if info.has_auto_keys()
            && let Ok(number) = <[u8; 8]>::try_from(&*key)
        {
            findings.auto_key_max = findings.auto_key_max.max(u64::from_be_bytes(number));
        }
        for (position, (index, implied)) in info.indexes.iter().zip(&mut implied).enumerate() {
            if !index.ready {
                continue;
            }
            if let Err(error) = index_keys(index, info, body.bytes(), &mut scratch) {
                problem(Some(&index.name), error.to_string());
                continue;
            }
            let table = tables.index(position)?;
            implied.lists |= scratch.lists();
            for index_key in scratch.keys() {
                implied.entries += 1;
                let (entry, value) = entry(index, index_key, &key, scratch.included());
                match table.peek(&entry)? {
                    Some(found) if *found == *value => {}
                    Some(found) => problem(
                        Some(&index.name),
                        format!("its entry belongs to the record with {}", show_key(&found)),
                    ),
                    None => problem(Some(&index.name), "its entry is missing".to_owned()),
                }
            }
        }
    }
    for (position, (index, implied)) in info.indexes.iter().zip(implied).enumerate() {
        if !index.ready {
            continue;
        }
        let mut problem = |what: String| {
            report(Problem {
                index: Some(index.name.clone()),
                key: None,
                what,
            });
        };
        let table = tables.index(position)?;
        let entries = entry::len(table)?;
        findings.index_entries += entries;
        if entries < implied.entries || (entries != implied.entries && !unknown) {
            problem(format!(
                "it has {entries} entries, the records imply {}",
                implied.entries
            ));
        }
        match lists(table) {
            Ok(noted) if noted & implied.lists == implied.lists => {}
            Ok(_) => problem("it does not say of all its parts that have met a list".to_owned()),
            Err(error) => problem(error.to_string()),
        }
    }
    Ok(findings)
}

/// A record as far as it can be read.
enum Form<'a> {
    Current(Body<'a>),
    /// It takes code to bring it to the current version, which fails on it or is not there.
    Earlier {
        revision: u64,
        /// Whether indexes may have it: not where the code fails on it.
        indexed: bool,
    },
}

/// The current form of a record; one that stays what it is is read as such.
fn current<'a>(body: Body<'a>, info: &Records) -> Result<Form<'a>> {
    let Envelope {
        version, revision, ..
    } = body.envelope;
    if version == info.upgrades.current {
        return Ok(Form::Current(body));
    }
    walk_earlier(&body, info)?;
    match body.brought(&info.upgrades) {
        Ok(body) => Ok(Form::Current(body)),
        Err(error) if lacks_code(&error) => Ok(Form::Earlier {
            revision,
            indexed: error.is(ErrorKind::NotRegistered),
        }),
        Err(error) => Err(error),
    }
}

/// Checks what migrations have overwritten.
pub(crate) fn check_undo(
    undo: ReadTable<'_, '_>,
    info: &Records,
    report: &mut dyn FnMut(Problem),
) -> Result<()> {
    for row in undo.range(ALL)? {
        let (key, stored) = row?;
        let (version, own) = key.split_at(key.len().min(4));
        let known = info
            .upgrades
            .versions()
            .any(|known| known.to_be_bytes() == version);
        let fault = if known {
            let walked = Body::open_as_it_is(stored).and_then(|body| walk_earlier(&body, info));
            walked.err().map(|error| error.to_string())
        } else {
            Some("it has a version that the collection never had".to_owned())
        };
        if let Some(fault) = fault {
            report(Problem {
                index: None,
                key: Some(own.to_vec()),
                what: format!("what it was before a migration: {fault}"),
            });
        }
    }
    Ok(())
}

/// Reads every value of a record or document in the form in which it was written.
pub(crate) fn walk_earlier(body: &Body<'_>, info: &Records) -> Result<()> {
    match &info.shape {
        Shape::Typed(typed) => walk_record(body, &typed.layout_of(body.envelope.version)?),
        Shape::Documents(_) => validate(body.bytes()),
    }
}

/// Reads every value of a record or document.
fn walk(body: &Body<'_>, info: &Records) -> Result<()> {
    match &info.shape {
        Shape::Typed(typed) => walk_record(body, &typed.layout),
        Shape::Documents(_) => validate(body.bytes()),
    }
}

fn walk_record(body: &Body<'_>, layout: &Layout) -> Result<()> {
    let bytes = body.bytes();
    let mut budget = Budget::new(bytes.len());
    Slot::root(bytes, layout)?.value()?.walk(&mut budget)
}

/// The primary key that the body has; a document need not have one.
fn key_of(body: &Body<'_>, info: &Records) -> Result<Option<Vec<u8>>> {
    match &info.shape {
        Shape::Typed(typed) => key_of_record(body, typed).map(Some),
        Shape::Documents(_) => document::key_within(Node::root(body.bytes())),
    }
}

fn key_of_record(body: &Body<'_>, info: &Typed) -> Result<Vec<u8>> {
    let record = Slot::root(body.bytes(), &info.layout)?;
    let mut key = Vec::new();
    let mut budget = Budget::new(record.body.len());
    for route in &info.key {
        if let Some(at) = route.follow(record.body, record.at)? {
            encode_slot(
                Slot {
                    body: record.body,
                    at,
                    layout: &route.layout,
                },
                false,
                &mut budget,
                &mut key,
            )?;
        }
    }
    Ok(key)
}
