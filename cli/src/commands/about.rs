//! What is the file, and what does it hold?

use larder::serde_json::{Value, json};
use larder::types::RecordType;
use larder::{CollectionInfo, CollectionKind, MigrationEntry};

use crate::commands::snapshot::{chain_value, show_snapshot};
use crate::fault::{Fault, Result};
use crate::out::{self, Out};
use crate::session::{Session, collection, is_snapshot};

pub(crate) fn info(session: &Session, out: &mut Out) -> Result<()> {
    if is_snapshot(&session.file) {
        return snapshot_info(session, out);
    }
    let db = session.reader()?;
    let info = db.info()?;
    let all = db.read()?.collections()?;
    let keys = db.list_keys();
    let indexes: usize = all.iter().map(|info| info.indexes.len()).sum();
    let value = json!({
        "id": info.id.to_string(),
        "format": info.format,
        "epoch": info.epoch,
        "sequence": info.sequence,
        "encrypted": info.is_encrypted,
        "keys": keys.len(),
        "file_bytes": info.file_bytes,
        "log_bytes": info.log_bytes,
        "used_bytes": info.used_bytes,
        "reclaimable_bytes": info.free_bytes(),
        "collections": all.iter().map(collection_value).collect::<Vec<_>>(),
    });
    out.result(&value, |out| {
        let encryption = if info.is_encrypted {
            format!("yes, opened by {}", out::counted(keys.len() as u64, "key"))
        } else {
            "no".to_owned()
        };
        out.pairs(&[
            ("file", session.file.display().to_string()),
            ("id", info.id.to_string()),
            ("format", info.format.to_string()),
            ("encrypted", encryption),
            ("commits", info.sequence.to_string()),
            ("restored", restored(info.epoch)),
            ("size", out::bytes(info.file_bytes.unwrap_or(0))),
            ("log", out::bytes(info.log_bytes)),
            ("in use", out::bytes(info.used_bytes)),
            (
                "reclaimable",
                format!("{} at most", out::bytes(info.free_bytes())),
            ),
            ("collections", all.len().to_string()),
            ("indexes", indexes.to_string()),
        ])?;
        if all.is_empty() {
            return Ok(());
        }
        out.line("")?;
        show_collections(&all, out)
    })
}

fn restored(times: u64) -> String {
    match times {
        0 => "never".to_owned(),
        times => out::counted(times, "time"),
    }
}

fn snapshot_info(session: &Session, out: &mut Out) -> Result<()> {
    let info = larder::Snapshot::read_info(&session.file)?;
    if info.base.is_some() {
        // What it holds cannot be told without what it builds on.
        return out.result(&chain_value(&info), |out| {
            out.line(&format!("{} is a snapshot", session.file.display()))?;
            show_snapshot(&info, out)
        });
    }
    let all = session.reader()?.read()?.collections()?;
    let mut value = chain_value(&info);
    if let Some(members) = value.as_object_mut() {
        members.insert(
            "collections".into(),
            all.iter().map(collection_value).collect(),
        );
    }
    out.result(&value, |out| {
        out.line(&format!("{} is a snapshot", session.file.display()))?;
        show_snapshot(&info, out)?;
        out.line("")?;
        show_collections(&all, out)
    })
}

pub(crate) fn collections(session: &Session, out: &mut Out) -> Result<()> {
    let all = session.reader()?.read()?.collections()?;
    let value: Value = all.iter().map(collection_value).collect();
    out.result(&value, |out| show_collections(&all, out))
}

fn show_collections(all: &[CollectionInfo], out: &mut Out) -> Result<()> {
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    out.table(&["name", "kind", "version", "entries", "indexes"], &rows)
}

fn row(info: &CollectionInfo) -> Vec<String> {
    let names: Vec<&str> = info.indexes.iter().map(larder::IndexInfo::name).collect();
    let (kind, version) = kind(info);
    let version = version.map_or_else(String::new, |version| version.to_string());
    vec![
        info.name.clone(),
        kind,
        version,
        info.entries.to_string(),
        names.join(", "),
    ]
}

/// What lies in it, and in which version.
fn kind(info: &CollectionInfo) -> (String, Option<u32>) {
    match &info.kind {
        CollectionKind::Records(record) => ("records".into(), Some(record.version)),
        CollectionKind::Documents { version, .. } => ("documents".into(), Some(*version)),
        CollectionKind::Bucket { key } => (format!("bucket of {key}"), None),
        _ => ("of a newer kind".into(), None),
    }
}

fn collection_value(info: &CollectionInfo) -> Value {
    let (kind, version) = match &info.kind {
        CollectionKind::Records(record) => ("records", Some(record.version)),
        CollectionKind::Documents { version, .. } => ("documents", Some(*version)),
        CollectionKind::Bucket { .. } => ("bucket", None),
        _ => ("newer", None),
    };
    json!({
        "name": info.name,
        "kind": kind,
        "version": version,
        "entries": info.entries,
        "indexes": info.indexes.iter().map(index_value).collect::<Vec<_>>(),
    })
}

pub(crate) fn index_value(info: &larder::IndexInfo) -> Value {
    json!({
        "name": info.name(),
        "on": info.definition.to_string(),
        "ready": info.is_ready,
        "entries": info.entries,
    })
}

pub(crate) fn schema(session: &Session, name: &str, out: &mut Out) -> Result<()> {
    let tx = session.reader()?.read()?;
    let info = collection(&tx, name)?;
    match &info.kind {
        CollectionKind::Records(record) => {
            let mut value = serde_json::to_value(record).map_err(std::io::Error::from)?;
            if let Some(members) = value.as_object_mut() {
                members.insert(
                    "indexes".into(),
                    info.indexes.iter().map(index_value).collect(),
                );
            }
            out.result(&value, |out| show_record(&info, record, out))
        }
        CollectionKind::Documents {
            version,
            json_schema,
        } => {
            let value = json!({
                "name": name,
                "version": version,
                "json_schema": json_schema,
                "indexes": info.indexes.iter().map(index_value).collect::<Vec<_>>(),
            });
            out.result(&value, |out| {
                out.line(&format!("{name}: documents, version {version}"))?;
                match json_schema {
                    Some(schema) => out.line(&format!("each fits the JSON Schema {schema:#}"))?,
                    None => out.line("of any shape")?,
                }
                show_indexes(&info, out)
            })
        }
        CollectionKind::Bucket { key } => {
            let value = json!({"name": name, "key": key});
            out.result(&value, |out| {
                out.line(&format!("{name}: bytes under keys of type {key}"))
            })
        }
        _ => Err(Fault::refused(format!(
            "{name:?} is of a kind that a newer version made"
        ))),
    }
}

fn show_record(info: &CollectionInfo, record: &RecordType, out: &mut Out) -> Result<()> {
    let automatic = if record.auto {
        ", assigned by insert"
    } else {
        ""
    };
    out.line(&format!(
        "{}: records, version {}",
        info.name, record.version
    ))?;
    out.line(&format!("key: {}{automatic}", record.key.join(", ")))?;
    out.line("")?;
    let fields: Vec<Vec<String>> = record
        .fields
        .iter()
        .map(|field| vec![field.name.clone(), field.ty.to_string()])
        .collect();
    out.table(&["field", "type"], &fields)?;
    show_indexes(info, out)
}

fn show_indexes(info: &CollectionInfo, out: &mut Out) -> Result<()> {
    if info.indexes.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.table(
        &["index", "on", "entries"],
        &info.indexes.iter().map(index_row).collect::<Vec<_>>(),
    )
}

pub(crate) fn index_row(index: &larder::IndexInfo) -> Vec<String> {
    let building = if index.is_ready { "" } else { ", being built" };
    vec![
        index.name().to_owned(),
        format!("{}{building}", index.definition),
        index.entries.to_string(),
    ]
}

pub(crate) fn history(session: &Session, out: &mut Out) -> Result<()> {
    let entries = session.reader()?.migration_history()?;
    out.result(&entries, |out| {
        if entries.is_empty() {
            return out.line("the schemas of this file never changed");
        }
        let rows: Vec<Vec<String>> = entries.iter().map(history_row).collect();
        out.table(
            &[
                "at",
                "collection",
                "what",
                "from",
                "to",
                "records",
                "set aside",
            ],
            &rows,
        )
    })
}

fn history_row(entry: &MigrationEntry) -> Vec<String> {
    let event = serde_json::to_value(entry.event).unwrap_or_default();
    vec![
        entry.at.to_string(),
        entry.collection.clone(),
        out::cell(Some(&event)),
        entry.from.to_string(),
        entry.to.to_string(),
        entry.records.to_string(),
        entry.set_aside.to_string(),
    ]
}
