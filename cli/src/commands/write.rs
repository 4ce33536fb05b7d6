//! How are documents changed? Those of typed records are not: their program owns them.

use larder::serde_json::{Value, json};
use larder::{CollectionKind, Database, DocumentKey};

use crate::fault::{Fault, Result};
use crate::json;
use crate::out::{self, Out};
use crate::session::Session;

/// Refuses a collection that holds anything but documents; one that does not exist may be created.
pub(crate) fn documents_only(db: &Database, name: &str) -> Result<()> {
    let all = db.read()?.collections()?;
    let Some(info) = all.iter().find(|info| info.name == name) else {
        return Ok(());
    };
    match &info.kind {
        CollectionKind::Documents { .. } => Ok(()),
        CollectionKind::Records(_) => Err(Fault::refused(format!(
            "{name:?} holds records of a program's own type: only that program writes them"
        ))
        .hint("read them by `find` and `export`; `larder import` makes documents of an export, under another name")),
        _ => Err(Fault::refused(format!("{name:?} is a bucket, and holds no documents"))),
    }
}

/// Refuses a collection that is not there, too.
fn existing_documents(db: &Database, name: &str) -> Result<()> {
    crate::session::collection(&db.read()?, name)?;
    documents_only(db, name)
}

pub(crate) fn put(
    session: &Session,
    name: &str,
    document: &str,
    key: Option<&str>,
    out: &mut Out,
) -> Result<()> {
    let document = json::argument("document", document)?;
    let key = match key {
        Some(key) => Some(json::document_key(key)?),
        None => document.part("/_id")?.map(DocumentKey::of).transpose()?,
    };
    let db = session.writer()?;
    documents_only(db, name)?;
    let (key, replaced) = db.write(|tx| {
        let mut documents = tx.documents(name)?;
        match key {
            Some(key) => {
                let replaced = documents.put(&key, &document)?;
                Ok((key, replaced))
            }
            None => Ok((documents.insert(&document)?, false)),
        }
    })?;
    let key = key.to_value()?;
    let value = json!({"key": key, "replaced": replaced});
    out.result(&value, |out| {
        let what = if replaced { "replaced" } else { "added" };
        out.line(&format!("{what} {key}"))
    })
}

pub(crate) fn patch(
    session: &Session,
    name: &str,
    key: &str,
    patch: &str,
    out: &mut Out,
) -> Result<()> {
    let patch = json::argument("patch", patch)?.to_value()?;
    if !patch.is_array() && !patch.is_object() {
        // As a JSON Merge Patch it would take the place of the whole document.
        return Err(Fault::refused("a patch is an object or a list")
            .hint("`larder put` stores another document in the place of one"));
    }
    let id = json::document_key(key)?;
    let db = session.writer()?;
    existing_documents(db, name)?;
    let text = db.try_write(|tx| -> Result<_> {
        let mut documents = tx.documents(name)?;
        if patch.is_array() {
            documents.patch(&id, &patch)?;
        } else {
            documents.merge_patch(&id, &patch)?;
        }
        let changed = documents.get(&id)?;
        changed
            .map(|document| json::with_key(&document))
            .transpose()
    })?;
    let text = text.unwrap_or_default();
    if out.json {
        return out.line(&text);
    }
    out.line(&larder::Document::from_json(&text)?.to_json_pretty()?)
}

pub(crate) fn remove(session: &Session, name: &str, key: &str, out: &mut Out) -> Result<()> {
    let id = json::document_key(key)?;
    let db = session.writer()?;
    existing_documents(db, name)?;
    if !db.write(|tx| tx.documents(name)?.remove(&id))? {
        return Err(Fault::not_found(format!(
            "{name:?} has nothing under {key}"
        )));
    }
    removed(1, out)
}

pub(crate) fn remove_where(
    session: &Session,
    name: &str,
    filter: &str,
    yes: bool,
    out: &mut Out,
) -> Result<()> {
    let filter = json::argument("filter", filter)?;
    let db = session.writer()?;
    existing_documents(db, name)?;
    if !yes {
        let count = db.read()?.documents(name)?.find(&filter)?.count()?;
        return Err(Fault::refused(format!(
            "this would remove {}; --yes does it",
            out::counted(count, "document")
        )));
    }
    let count = db.write(|tx| tx.documents(name)?.remove_all(&filter))?;
    removed(count, out)
}

fn removed(count: u64, out: &mut Out) -> Result<()> {
    let value: Value = json!({"removed": count});
    out.result(&value, |out| {
        out.line(&format!("{} removed", out::counted(count, "document")))
    })
}
