//! Which records, documents and entries are there?

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use larder::serde_json::{Map, Value, json};
use larder::uuid::Uuid;
use larder::{
    AnyRecord, AnyRecords, CollectionKind, Document, DocumentView, Explanation, Found, Query,
    ReadTx,
};

use crate::args::{FindArgs, Yes};
use crate::fault::{Fault, Result};
use crate::json;
use crate::out::{self, Out};
use crate::progress::{Progress, is_interrupted};
use crate::session::{Session, collection};

/// Documents of one table for people; after them the next one begins.
const TABLE_ROWS: usize = 500;

pub(crate) fn get(session: &Session, name: &str, key: &str, out: &mut Out) -> Result<()> {
    let tx = session.reader()?.read()?;
    let found = match collection(&tx, name)?.kind {
        CollectionKind::Records(_) => record(&records(&tx, name)?, key)?,
        CollectionKind::Bucket { key: of } => {
            entry(&tx, name, &of, key)?.map(|value| value.to_string())
        }
        _ => {
            let documents = tx.documents(name)?;
            match documents.get(json::document_key(key)?)? {
                Some(document) => Some(json::with_key(&document)?),
                None => None,
            }
        }
    };
    let found = found.ok_or_else(|| {
        let fault = Fault::not_found(format!("{name:?} has nothing under {key}"));
        // Which of the two was meant cannot be told.
        if key.trim_matches('"').parse::<f64>().is_ok() {
            return fault.hint("a key is JSON: 42 is a number, '\"42\"' is text");
        }
        fault
    })?;
    if out.json {
        return out.line(&found);
    }
    out.line(&Document::from_json(&found)?.to_json_pretty()?)
}

fn records<'tx>(tx: &'tx ReadTx, name: &str) -> Result<AnyRecords<'tx>> {
    let records = tx.records(name)?;
    records.ok_or_else(|| Fault::not_found(format!("no collection {name:?}")))
}

fn record(records: &AnyRecords<'_>, key: &str) -> Result<Option<String>> {
    let fields = &records.description()?.key;
    let key = json::key_value(key);
    let parts = match (fields.as_slice(), key) {
        ([_], part) => vec![part],
        (fields, Value::Array(parts)) if parts.len() == fields.len() => parts,
        (fields, _) => {
            let list = fields.join(", ");
            return Err(Fault::refused(format!(
                "the key is a list of {}: [{list}]",
                fields.len()
            )));
        }
    };
    let equal: Map<String, Value> = fields
        .iter()
        .cloned()
        .zip(parts.into_iter().map(|part| json!({"$eq": part})))
        .collect();
    let found = records.find(Value::Object(equal))?.first()?;
    Ok(found.map(|record| record.to_json()).transpose()?)
}

/// The value under a key of that type.
fn entry(tx: &ReadTx, name: &str, key_type: &str, key: &str) -> Result<Option<Value>> {
    let value = json::key_value(key);
    macro_rules! number {
        ($($type:ident)*) => {
            match key_type {
                $(stringify!($type) => {
                    let number = value.to_string().parse::<$type>().map_err(|error| no_key(key, key_type, error))?;
                    tx.bucket_of::<$type>(name)?.get(number)?.map(|found| found.to_vec())
                })*
                "string" => tx.bucket_of::<String>(name)?.get(text(key, &value))?.map(|found| found.to_vec()),
                "bytes" => tx.bucket(name)?.get(text(key, &value))?.map(|found| found.to_vec()),
                "uuid" => {
                    let uuid: Uuid = text(key, &value).parse().map_err(|error| no_key(key, key_type, error))?;
                    tx.bucket_of::<Uuid>(name)?.get(uuid)?.map(|found| found.to_vec())
                }
                other => {
                    let what = format!("{name:?} has keys of type {other}, which cannot be written here");
                    return Err(Fault::refused(what).hint("`larder dump` shows all entries"));
                }
            }
        };
    }
    let found = number!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);
    found.map(|bytes| json::bytes_value(&bytes)).transpose()
}

/// Text as it was written, or within its quotes.
fn text<'t>(written: &'t str, value: &'t Value) -> &'t str {
    value.as_str().unwrap_or(written)
}

fn no_key(key: &str, key_type: &str, error: impl std::fmt::Display) -> Fault {
    Fault::refused(format!("{key} is no key of type {key_type}: {error}"))
}

pub(crate) fn find(session: &Session, args: &FindArgs, out: &mut Out) -> Result<()> {
    let tx = session.reader()?.read()?;
    let name = args.collection.as_str();
    let filter = args.filter.as_deref().unwrap_or("{}");
    let filter = json::argument("filter", filter)?;
    match collection(&tx, name)?.kind {
        CollectionKind::Records(_) => {
            let records = records(&tx, name)?;
            let query = shaped(records.find(filter)?, args)?;
            if args.explain {
                return explain(&query.explain()?, out);
            }
            show(
                query.iter()?.map(|record| line_of_record(&record?, args)),
                "record",
                out,
            )
        }
        CollectionKind::Bucket { .. } => Err(Fault::refused(format!(
            "{name:?} is a bucket: its values are bytes, which no filter looks into"
        ))
        .hint("`larder get` reads one entry, `larder dump` all of them")),
        _ => {
            let documents = tx.documents(name)?;
            let query = shaped(documents.find(filter)?, args)?;
            if args.explain {
                return explain(&query.explain()?, out);
            }
            show(
                query
                    .iter()?
                    .map(|document| line_of_document(&document?, args)),
                "document",
                out,
            )
        }
    }
}

/// Sorted, and cut to what was asked for.
fn shaped<'a, V: Found<'a>>(query: Query<'a, V>, args: &FindArgs) -> Result<Query<'a, V>>
where
    String: larder::IntoSort<V>,
{
    let mut query = query;
    if !args.sort.is_empty() {
        query = query.sort(args.sort.clone())?;
    }
    if let Some(skip) = args.skip {
        query = query.skip(skip);
    }
    if let Some(limit) = args.limit {
        query = query.limit(limit);
    }
    if let Some(hint) = &args.hint {
        query = query.hint(hint);
    }
    Ok(query)
}

fn line_of_record(record: &AnyRecord<'_>, args: &FindArgs) -> Result<String> {
    let text = record.to_json()?;
    if args.project.is_empty() {
        return Ok(text);
    }
    Ok(Document::from_json(text)?
        .project(&args.project)?
        .to_json()?)
}

fn line_of_document(document: &DocumentView<'_>, args: &FindArgs) -> Result<String> {
    if args.project.is_empty() {
        return json::with_key(document);
    }
    let cut = document.project(&args.project)?.to_json()?;
    if args.project.iter().any(|path| path == "_id") {
        return json::with_key_in(document, cut);
    }
    Ok(cut)
}

/// Each on a line for programs, tables for people.
fn show(lines: impl Iterator<Item = Result<String>>, one: &str, out: &mut Out) -> Result<()> {
    let progress = Progress::pieces(true, None);
    let mut rows = Vec::new();
    let mut count = 0_u64;
    for line in lines {
        progress.go_on()?;
        let line = line?;
        count += 1;
        if out.json {
            out.line(&line)?;
            continue;
        }
        rows.push(Document::from_json(&line)?);
        if rows.len() == TABLE_ROWS {
            table(&rows, out)?;
            rows.clear();
        }
    }
    if out.json {
        return Ok(());
    }
    if !rows.is_empty() {
        table(&rows, out)?;
    }
    out.line(&format!("{} found", out::counted(count, one)))
}

/// A column for each member that one of them has, in the order in which they come.
fn table(documents: &[Document<'_>], out: &mut Out) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(documents.len());
    for document in documents {
        let mut cells = vec![String::new(); names.len()];
        for (name, value) in members(document)? {
            let at = names.iter().position(|known| *known == name);
            let at = at.unwrap_or_else(|| {
                names.push(name);
                cells.push(String::new());
                names.len() - 1
            });
            if let Some(cell) = cells.get_mut(at) {
                *cell = value;
            }
        }
        rows.push(cells);
    }
    for row in &mut rows {
        row.resize(names.len(), String::new());
    }
    let header: Vec<&str> = names.iter().map(String::as_str).collect();
    out.table(&header, &rows)
}

/// The members of an object as cells, in their order.
fn members(document: &Document<'_>) -> Result<Vec<(String, String)>> {
    let value = document.to_value()?;
    let Some(object) = document.value()?.as_map() else {
        return Ok(vec![("value".to_owned(), out::cell(Some(&value)))]);
    };
    let mut members = Vec::new();
    for entry in object.iter() {
        let (name, _) = entry?;
        let Some(name) = name.as_str() else { continue };
        members.push((name.to_owned(), out::cell(value.get(name))));
    }
    Ok(members)
}

fn explain(explanation: &Explanation, out: &mut Out) -> Result<()> {
    let value = json!({
        "plan": explanation.to_string(),
        "indexes": explanation.indexes().collect::<Vec<_>>(),
        "full_scan": explanation.is_full_scan(),
        "sorts_in_memory": explanation.sorts_in_memory(),
        "keys_expected": explanation.keys_expected(),
    });
    out.result(&value, |out| out.line(&explanation.to_string()))
}

pub(crate) fn count(
    session: &Session,
    name: &str,
    filter: Option<&str>,
    out: &mut Out,
) -> Result<()> {
    let tx = session.reader()?.read()?;
    let info = collection(&tx, name)?;
    let count = match (filter, &info.kind) {
        (None, _) => info.entries,
        (Some(_), CollectionKind::Bucket { .. }) => {
            return Err(Fault::refused(format!(
                "{name:?} is a bucket: no filter looks into its values"
            )));
        }
        (Some(filter), CollectionKind::Records(_)) => records(&tx, name)?
            .find(json::argument("filter", filter)?)?
            .count()?,
        (Some(filter), _) => tx
            .documents(name)?
            .find(json::argument("filter", filter)?)?
            .count()?,
    };
    out.result(&count, |out| out.line(&count.to_string()))
}

pub(crate) fn export(
    session: &Session,
    name: &str,
    output: Option<&Path>,
    yes: Yes,
    out: &mut Out,
) -> Result<()> {
    let tx = session.reader()?.read()?;
    let info = collection(&tx, name)?;
    let count = to_output(session, output, yes, out, |to, progress| {
        progress.set_total(info.entries);
        let mut to = Counting { to, progress };
        match &info.kind {
            CollectionKind::Records(_) => Ok(records(&tx, name)?.export_ndjson(&mut to)?),
            CollectionKind::Bucket { .. } => Err(Fault::refused(format!(
                "{name:?} is a bucket: its values are bytes, and no JSON"
            ))
            .hint("`larder dump` writes all entries")),
            _ => Ok(tx.documents(name)?.export_ndjson(&mut to)?),
        }
    })?;
    let one = match &info.kind {
        CollectionKind::Records(_) => "record",
        _ => "document",
    };
    match output {
        Some(path) => {
            let value = json!({"exported": count, "to": path.display().to_string()});
            out.result(&value, |out| {
                out.line(&format!(
                    "{} exported to {}",
                    out::counted(count, one),
                    path.display()
                ))
            })
        }
        None => Ok(()),
    }
}

/// Writes into a new file, compressed where its name says so, or to standard output. A file that is there is
/// replaced if that is meant, and only by one that is whole; what is no file, such as a pipe, is written into.
pub(crate) fn to_output(
    session: &Session,
    output: Option<&Path>,
    yes: Yes,
    out: &mut Out,
    write: impl FnOnce(&mut dyn Write, &Progress) -> Result<u64>,
) -> Result<u64> {
    let progress = Progress::pieces(out.quiet || output.is_none(), Some(0));
    let Some(path) = output else {
        let mut to = BufWriter::with_capacity(1 << 16, out.raw());
        let count = write(&mut to, &progress)?;
        to.flush()?;
        return Ok(count);
    };
    let is_compressed = path.extension().is_some_and(|end| end == "zst");
    let write = |to: &mut dyn Write| write(to, &progress);
    // Of a link, what it leads to.
    let Ok(there) = fs::canonicalize(path) else {
        if fs::symlink_metadata(path).is_ok() {
            let what = format!("{} is a link that leads nowhere", path.display());
            return Err(Fault::refused(what));
        }
        return replace(path, is_compressed, write);
    };
    if fs::canonicalize(&session.file).is_ok_and(|own| own == there) {
        let what = format!("{} is the file that is read", path.display());
        return Err(Fault::refused(what));
    }
    if there.is_dir() {
        return Err(Fault::refused(format!("{} is a directory", path.display())));
    }
    if !there.is_file() {
        let file = fs::OpenOptions::new().write(true).open(&there);
        let file = file.map_err(|error| Fault::file(path.display(), &error))?;
        return write_into(&file, path, is_compressed, write);
    }
    if !yes.yes {
        return Err(Fault::refused(format!(
            "{} is there already; --yes replaces it",
            path.display()
        )));
    }
    replace(&there, is_compressed, write)
}

/// Writes a file under another name, which gets this one when it is whole.
fn replace(
    path: &Path,
    is_compressed: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<u64>,
) -> Result<u64> {
    let failed = |error: &std::io::Error| Fault::file(path.display(), error);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.new-{}", std::process::id()));
    let file = File::create_new(&part).map_err(|error| failed(&error))?;
    let permitted = match fs::metadata(path) {
        // Whoever may read it now, and nobody else.
        Ok(before) => file.set_permissions(before.permissions()),
        Err(_) => Ok(()),
    };
    let written = permitted
        .map_err(|error| failed(&error))
        .and_then(|()| write_into(&file, path, is_compressed, write));
    let written = written.and_then(|count| {
        let done = file.sync_all().and_then(|()| fs::rename(&part, path));
        done.map_err(|error| failed(&error))?;
        Ok(count)
    });
    if written.is_err() {
        // Nothing half-written stays.
        drop(fs::remove_file(&part));
    }
    written
}

fn write_into(
    file: &File,
    path: &Path,
    is_compressed: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<u64>,
) -> Result<u64> {
    let failed = |error: &std::io::Error| Fault::file(path.display(), error);
    let mut to = BufWriter::with_capacity(1 << 16, file);
    let count = if is_compressed {
        let mut encoder = zstd::Encoder::new(&mut to, 3).map_err(|error| failed(&error))?;
        let count = write(&mut encoder)?;
        encoder.finish().map_err(|error| failed(&error))?;
        count
    } else {
        write(&mut to)?
    };
    to.flush().map_err(|error| failed(&error))?;
    Ok(count)
}

/// Counts lines on their way, and ends where Ctrl-C was pressed.
struct Counting<'p> {
    to: &'p mut dyn Write,
    progress: &'p Progress,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if is_interrupted() {
            return Err(std::io::Error::other("interrupted"));
        }
        let written = self.to.write(bytes)?;
        let lines = bytes
            .iter()
            .take(written)
            .filter(|byte| **byte == b'\n')
            .count();
        self.progress.add(lines as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
