//! How does everything leave a file, and come into another, as text that needs no Larder to be read?
//!
//! ```text
//! first line   {"larder_dump": 1, "database": id, "sequence": number, "collections": [..]}, of each of these:
//!              {"name", "kind": "documents", "version", "json_schema", "indexes"}
//!              {"name", "kind": "records", "type", "indexes"}, as `larder schema --json` has them
//!              {"name", "kind": "bucket", "key": the type of its keys}
//! then         for each entry, by collection and in the order of keys:
//!              {"in": name, "key": .., "value": ..} of documents
//!              {"in": name, "value": ..}            of records, whose key is in them
//!              {"in": name, "key": hex, "value": hex} of buckets: the encoded key, the bytes
//! last line    {"end": how many entries there were}
//! ```
//! JSON is that of documents: what JSON cannot say is `{"$bytes": ..}` and the like (`larder::Document`). A later
//! version of this format has another number in its first line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use larder::serde_json::{self, Value, json};
use larder::types::{IndexDefinition, RecordType};
use larder::{
    CollectionInfo, CollectionKind, Database, Document, DocumentKey, PathIndex, ReadTx, WriteTx,
};
use serde::{Deserialize, Serialize};

use crate::args::Yes;
use crate::commands::read::to_output;
use crate::fault::{Code, Fault, Result};
use crate::input;
use crate::out::{self, Out};
use crate::progress::Progress;
use crate::session::{Session, from_hex, to_hex};

const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Catalog {
    larder_dump: u32,
    database: String,
    sequence: u64,
    collections: Vec<Member>,
}

/// A collection of the first line.
#[derive(Debug, Serialize, Deserialize)]
struct Member {
    name: String,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    Documents {
        version: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        json_schema: Option<Value>,
        indexes: Vec<IndexDefinition>,
    },
    Records {
        #[serde(rename = "type")]
        record: Box<RecordType>,
        indexes: Vec<IndexDefinition>,
    },
    Bucket {
        key: String,
    },
}

pub(crate) fn dump(
    session: &Session,
    output: Option<&Path>,
    yes: Yes,
    out: &mut Out,
) -> Result<()> {
    let db = session.reader()?;
    let tx = db.read()?;
    let all = tx.collections()?;
    let total: u64 = all.iter().map(|info| info.entries).sum();
    let catalog = catalog(db, all)?;
    let count = to_output(session, output, yes, out, |to, progress| {
        progress.set_total(total);
        let mut count = 0;
        let first = serde_json::to_string(&catalog).map_err(std::io::Error::from)?;
        writeln!(to, "{first}")?;
        let mut write = |line: String| -> Result<()> {
            progress.go_on()?;
            progress.add(1);
            count += 1;
            Ok(writeln!(to, "{line}")?)
        };
        for member in &catalog.collections {
            each_entry(&tx, member, &mut write)?;
        }
        writeln!(to, "{}", json!({"end": count}))?;
        Ok(count)
    })?;
    match output {
        Some(path) => {
            let value = json!({"dumped": count, "to": path.display().to_string()});
            out.result(&value, |out| {
                out.line(&format!("{} dumped to {}", entries(count), path.display()))
            })
        }
        None => Ok(()),
    }
}

fn entries(count: u64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

fn catalog(db: &Database, all: Vec<CollectionInfo>) -> Result<Catalog> {
    let mut collections = Vec::new();
    for info in all {
        let indexes = info
            .indexes
            .into_iter()
            .map(|index| index.definition)
            .collect();
        let kind = match info.kind {
            CollectionKind::Documents {
                version,
                json_schema,
            } => Kind::Documents {
                version,
                json_schema,
                indexes,
            },
            CollectionKind::Records(record) => Kind::Records {
                record: Box::new(record),
                indexes,
            },
            CollectionKind::Bucket { key } => Kind::Bucket { key },
            _ => {
                return Err(Fault::refused(format!(
                    "{:?} is of a kind that a newer version made",
                    info.name
                )));
            }
        };
        collections.push(Member {
            name: info.name,
            kind,
        });
    }
    Ok(Catalog {
        larder_dump: VERSION,
        database: db.id().to_string(),
        sequence: db.commit_sequence(),
        collections,
    })
}

fn each_entry(
    tx: &ReadTx,
    member: &Member,
    write: &mut dyn FnMut(String) -> Result<()>,
) -> Result<()> {
    let name = Value::from(member.name.as_str());
    match &member.kind {
        Kind::Documents { .. } => {
            for document in tx.documents(&member.name)?.iter()? {
                let document = document?;
                let key = document.key().to_value()?;
                write(format!(
                    "{{\"in\":{name},\"key\":{key},\"value\":{}}}",
                    document.to_json()?
                ))?;
            }
        }
        Kind::Records { .. } => {
            let records = tx.records(&member.name)?;
            let Some(records) = records else {
                return Ok(());
            };
            for record in records.iter()? {
                write(format!(
                    "{{\"in\":{name},\"value\":{}}}",
                    record?.to_json()?
                ))?;
            }
        }
        Kind::Bucket { .. } => {
            let bucket = tx.any_bucket(&member.name)?;
            let Some(bucket) = bucket else { return Ok(()) };
            for entry in bucket.iter()? {
                let (key, value) = entry?;
                let (key, value) = (to_hex(&key), to_hex(&value));
                write(format!(
                    "{{\"in\":{name},\"key\":\"{key}\",\"value\":\"{value}\"}}"
                ))?;
            }
        }
    }
    Ok(())
}

pub(crate) fn load(
    session: &Session,
    input: &Path,
    records_as_documents: bool,
    out: &mut Out,
) -> Result<()> {
    let progress = Progress::file(out.quiet, input);
    let from = input::open(input, |from| Box::new(progress.reader(from)))
        .map_err(|error| Fault::file(input.display(), &error))?;
    let mut lines = Lines::new(from);
    let catalog = first(&mut lines)?;
    if !records_as_documents {
        refuse_records(&catalog)?;
    }
    let (count, left) = session.fill(|db| load_all(db, &catalog, &mut lines))?;
    drop(lines);
    drop(progress);
    for index in &left {
        eprintln!("larder: left out {index}: an index of documents cannot be like this");
    }
    let value = json!({"loaded": count, "collections": catalog.collections.len(), "indexes_left_out": left});
    out.result(&value, |out| {
        let collections = out::counted(catalog.collections.len() as u64, "collection");
        out.line(&format!("{} loaded into {collections}", entries(count)))
    })
}

fn first(lines: &mut Lines<impl Read>) -> Result<Catalog> {
    let no_dump =
        |why: &str| Fault::new(Code::Foreign, format!("this is no dump of larder's: {why}"));
    let line = lines.next()?.ok_or_else(|| no_dump("it is empty"))?;
    let version: Value =
        serde_json::from_slice(line).map_err(|error| no_dump(&error.to_string()))?;
    match version.get("larder_dump").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => {
            let what = format!("the dump has version {version}, this program reads {VERSION}");
            return Err(Fault::new(Code::Foreign, what));
        }
        None => return Err(no_dump("its first line is not the catalog")),
    }
    serde_json::from_slice(line).map_err(|error| lines.wrong(&error.to_string()))
}

fn refuse_records(catalog: &Catalog) -> Result<()> {
    let is_typed = |member: &&Member| matches!(member.kind, Kind::Records { .. });
    let Some(typed) = catalog.collections.iter().find(is_typed) else {
        return Ok(());
    };
    let what = format!(
        "{:?} holds records of a program's own type: only that program writes them",
        typed.name
    );
    Err(Fault::refused(what).hint(
        "--records-as-documents makes documents of them; a file as it is, records and all, comes from \
         `larder snapshot take` and `restore`",
    ))
}

/// Loads everything in one transaction; gives how many entries there were, and the indexes that could not be.
fn load_all(
    db: &Database,
    catalog: &Catalog,
    lines: &mut Lines<impl Read>,
) -> Result<(u64, Vec<String>)> {
    let there = db.read()?.collections()?;
    for member in &catalog.collections {
        if there.iter().any(|info| info.name == member.name) {
            let what = format!("{:?} is in the file already", member.name);
            return Err(Fault::refused(what).hint("load into a new file"));
        }
    }
    db.try_write(|tx| {
        let mut left = Vec::new();
        let mut count = 0;
        // Collections without entries, too.
        for member in &catalog.collections {
            prepare(tx, member)?;
        }
        while let Some(line) = lines.next()? {
            let line: Entry = match serde_json::from_slice(line) {
                Ok(line) => line,
                Err(error) => return Err(lines.wrong(&error.to_string())),
            };
            if let Some(end) = line.end {
                if end != count {
                    return Err(lines.wrong(&format!(
                        "the dump had {end} entries, and {count} came before"
                    )));
                }
                for member in &catalog.collections {
                    add_indexes(tx, member, &mut left)?;
                }
                return match lines.next()? {
                    None => Ok((count, left)),
                    Some(_) => Err(lines.wrong("there is more behind the end of the dump")),
                };
            }
            let stored = store(tx, catalog, &line);
            stored.map_err(|fault| lines.wrong(&fault.to_string()))?;
            count += 1;
        }
        Err(lines.wrong("the dump is cut off: its last line is missing"))
    })
}

/// A line between the first one and the end.
#[derive(Deserialize)]
struct Entry<'l> {
    #[serde(borrow, rename = "in", default)]
    name: Option<std::borrow::Cow<'l, str>>,
    #[serde(borrow, default)]
    key: Option<&'l serde_json::value::RawValue>,
    #[serde(borrow, default)]
    value: Option<&'l serde_json::value::RawValue>,
    #[serde(default)]
    end: Option<u64>,
}

fn prepare(tx: &WriteTx, member: &Member) -> Result<()> {
    match &member.kind {
        Kind::Bucket { key } => drop(tx.any_bucket(&member.name, key)?),
        Kind::Documents { json_schema, .. } => {
            let mut documents = tx.documents(&member.name)?;
            if json_schema.is_some() {
                documents.set_json_schema(json_schema.as_ref())?;
            }
        }
        Kind::Records { .. } => drop(tx.documents(&member.name)?),
    }
    Ok(())
}

fn store(tx: &WriteTx, catalog: &Catalog, line: &Entry<'_>) -> Result<()> {
    let name = line.name.as_deref().unwrap_or_default();
    let member = catalog
        .collections
        .iter()
        .find(|member| member.name == name);
    let member =
        member.ok_or_else(|| Fault::refused(format!("the catalog has no collection {name:?}")))?;
    let value = line
        .value
        .ok_or_else(|| Fault::refused("there is no value"))?
        .get();
    match &member.kind {
        Kind::Bucket { key: of } => {
            let (key, value) = (hex(line.key)?, hex(line.value)?);
            tx.any_bucket(name, of)?.put(&key, &value)?;
        }
        Kind::Documents { .. } => {
            let key = line.key.ok_or_else(|| Fault::refused("there is no key"))?;
            let key = DocumentKey::of(Document::from_json(key.get())?)?;
            tx.documents(name)?
                .insert_at(&key, Document::from_json(value)?)?;
        }
        Kind::Records { record, .. } => {
            let document = Document::from_json(value)?;
            let key = key_of(record, &document)?;
            tx.documents(name)?.insert_at(&key, document)?;
        }
    }
    Ok(())
}

/// The key that a record has within it: of several fields, a list of them as text, since no document's key is a
/// list.
fn key_of(record: &RecordType, document: &Document<'_>) -> Result<DocumentKey> {
    let mut parts = Vec::new();
    for name in &record.key {
        let part = document.part(&format!("/{name}"))?;
        let part = part.ok_or_else(|| Fault::refused(format!("there is no field {name:?}")))?;
        parts.push(part.to_value()?);
    }
    let key = match <[Value; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) => Value::Array(parts).to_string().into(),
    };
    Ok(DocumentKey::of(key)?)
}

fn hex(text: Option<&serde_json::value::RawValue>) -> Result<Vec<u8>> {
    let text = text.and_then(|text| serde_json::from_str::<String>(text.get()).ok());
    text.and_then(|text| from_hex(&text))
        .ok_or_else(|| Fault::refused("key and value of a bucket are hexadecimal digits"))
}

/// Gives documents the indexes that they had; of records, those that documents can have.
fn add_indexes(tx: &WriteTx, member: &Member, left: &mut Vec<String>) -> Result<()> {
    let (Kind::Documents { indexes, .. } | Kind::Records { indexes, .. }) = &member.kind else {
        return Ok(());
    };
    for definition in indexes {
        match path_index(definition)? {
            Some(index) => tx.documents(&member.name)?.create_index(index)?,
            None => left.push(format!("{}.{}", member.name, definition.name)),
        }
    }
    Ok(())
}

/// The same index over paths; `None` where there is none.
fn path_index(definition: &IndexDefinition) -> Result<Option<PathIndex>> {
    let folded = definition.parts.iter().filter(|part| part.fold).count();
    if definition.condition.is_some() || (folded > 0 && folded < definition.parts.len()) {
        return Ok(None);
    }
    let mut index: Option<PathIndex> = None;
    for part in &definition.parts {
        let path = part.path.join(".");
        index = Some(match (index, part.descending) {
            (None, false) => PathIndex::on(&path),
            (None, true) => PathIndex::on_descending(&path),
            (Some(index), false) => index.and(&path),
            (Some(index), true) => index.and_descending(&path),
        });
    }
    let Some(mut index) = index else {
        return Ok(None);
    };
    if definition.unique {
        index = index.unique();
    }
    if definition.sparse {
        index = index.sparse();
    }
    if folded > 0 {
        index = index.folded();
    }
    if let Some(filter) = &definition.filter {
        index = index.only(Document::from_json(filter)?);
    }
    Ok(Some(index.named(&definition.name)))
}

/// Bytes of the longest line: a document of the greatest size takes eight times as much as text.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// The lines of a dump.
struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(1 << 16, from),
            line: Vec::new(),
            number: 0,
        }
    }

    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        self.number += 1;
        let read = self
            .from
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| {
            if crate::progress::is_interrupted() {
                crate::progress::interrupted()
            } else {
                error.into()
            }
        })?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(self.wrong("it is too long"));
        }
        Ok((read > 0).then_some(self.line.as_slice()))
    }

    fn wrong(&self, why: &str) -> Fault {
        Fault::refused(format!("line {} of the dump: {why}", self.number))
    }
}
