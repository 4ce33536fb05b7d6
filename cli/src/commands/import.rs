//! How do documents come in from a file? All of them in one transaction, one at a time in memory.

use std::io::Read;
use std::path::Path;

use larder::serde_json::json;
use larder::{Database, Document, DocumentKey, DocumentsMut};

use crate::args::{ImportArgs, InputFormat};
use crate::commands::write::documents_only;
use crate::fault::{Fault, Result};
use crate::input::{self, Format};
use crate::out::{self, Out};
use crate::progress::Progress;
use crate::session::Session;

pub(crate) fn run(session: &Session, args: &ImportArgs, out: &mut Out) -> Result<()> {
    let format = format_of(args)?;
    let bytes = std::fs::metadata(&args.input)
        .ok()
        .filter(std::fs::Metadata::is_file);
    let progress = Progress::bytes(out.quiet, bytes.map(|data| data.len()));
    // Before a new file is made.
    let from = input::open(&args.input, |from| Box::new(progress.reader(from)))
        .map_err(|error| Fault::file(args.input.display(), &error))?;
    let is_new = !session.file.exists();
    let imported = import(session.writer_or_new()?, args, format, from);
    drop(progress);
    let count = match imported {
        Ok(count) => count,
        Err(fault) => {
            if is_new {
                session.discard();
            }
            return Err(fault);
        }
    };
    let value = json!({"imported": count, "collection": args.collection});
    out.result(&value, |out| {
        out.line(&format!(
            "{} imported into {}",
            out::counted(count, "document"),
            args.collection
        ))
    })
}

fn format_of(args: &ImportArgs) -> Result<Format> {
    match args.format {
        Some(InputFormat::Ndjson) => Ok(Format::Ndjson),
        Some(InputFormat::Json) => Ok(Format::Json),
        Some(InputFormat::Csv) => Ok(Format::Csv),
        None if args.input == Path::new("-") => Ok(Format::Ndjson),
        None => Format::of(&args.input).ok_or_else(|| {
            let what = format!("what is {} written as?", args.input.display());
            Fault::usage(what).hint("--format says whether it is ndjson, json or csv")
        }),
    }
}

fn import(db: &Database, args: &ImportArgs, format: Format, from: impl Read) -> Result<u64> {
    documents_only(db, &args.collection)?;
    let options = input::Options {
        text_only: args.text,
        ..input::Options::default()
    };
    db.try_write(|tx| {
        let mut documents = tx.documents(&args.collection)?;
        let mut store = |text: &[u8]| store(&mut documents, text, args);
        input::each(format, from, &options, &mut store).map_err(Fault::from)
    })
}

/// Stores one document: under the key that it has, that it stands beside, or that a field is, else a new one.
fn store(documents: &mut DocumentsMut<'_>, text: &[u8], args: &ImportArgs) -> Result<()> {
    let document = Document::from_json(text)?;
    let (key, document) = apart(document)?;
    let key = match &args.key {
        Some(field) => Some(key_in(&document, field)?),
        None => key,
    };
    let key = match key {
        Some(key) => Some(key),
        None => document.part("/_id")?.map(DocumentKey::of).transpose()?,
    };
    match key {
        Some(key) if args.replace => drop(documents.put(&key, &document)?),
        Some(key) => documents.insert_at(&key, &document)?,
        None => drop(documents.insert(&document)?),
    }
    Ok(())
}

/// A document that stands beside its key, as an export has it.
fn apart(line: Document<'static>) -> larder::Result<(Option<DocumentKey>, Document<'static>)> {
    let is_pair = line
        .value()?
        .as_map()
        .is_some_and(|members| members.len() == 2);
    if !is_pair {
        return Ok((None, line));
    }
    match (line.part("/$key")?, line.part("/$document")?) {
        (Some(key), Some(document)) => Ok((Some(DocumentKey::of(key)?), document)),
        _ => Ok((None, line)),
    }
}

/// The field that is the key.
fn key_in(document: &Document<'_>, field: &str) -> Result<DocumentKey> {
    let escaped = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let pointer: String = field.split('.').map(escaped).collect();
    match document.part(&pointer)? {
        Some(part) => Ok(DocumentKey::of(part)?),
        None => Err(Fault::refused(format!(
            "the document has no {field:?}, which --key says is its key"
        ))),
    }
}
