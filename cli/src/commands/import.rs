//! How do documents come in from a file? All of them in one transaction, one at a time in memory.

use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use larder::serde_json::json;
use larder::{Database, Document, DocumentKey, DocumentsMut};

use crate::args::{ImportArgs, InputFormat};
use crate::commands::write::documents_only;
use crate::fault::{Code, Fault, Result};
use crate::input::{self, Format, Place};
use crate::out::{self, Out};
use crate::progress::Progress;
use crate::session::Session;

pub(crate) fn run(session: &Session, args: &ImportArgs, out: &mut Out) -> Result<()> {
    if args.input != Path::new("-") {
        let data = std::fs::metadata(&args.input);
        let data = data.map_err(|error| Fault::file(args.input.display(), &error))?;
        if data.is_dir() {
            let what = format!("{} is a directory", args.input.display());
            return Err(Fault::new(Code::Disk, what));
        }
    }
    let format = format_of(args)?;
    let progress = Progress::file(out.quiet, &args.input);
    // Before a new file is made.
    let from = input::open(&args.input, |from| Box::new(progress.reader(from)))
        .map_err(|error| Fault::file(args.input.display(), &error))?;
    let count = session.fill(|db| import(db, args, format, from))?;
    drop(progress);
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

/// One thread reads and encodes, while this one stores.
fn import(db: &Database, args: &ImportArgs, format: Format, from: impl Read + Send) -> Result<u64> {
    documents_only(db, &args.collection)?;
    thread::scope(|scope| {
        let (give, batches) = sync_channel(BATCHES_MAX);
        let read = move || read(format, from, args, &give);
        let reader = thread::Builder::new().spawn_scoped(scope, read)?;
        // What fails drops the other end, so that the reader ends, too.
        db.try_write(move |tx| {
            let mut documents = tx.documents(&args.collection)?;
            for Parsed {
                place,
                key,
                document,
            } in batches.into_iter().flatten()
            {
                let stored = store(&mut documents, key, &document, args.replace);
                stored.map_err(|fault| fault.at(place))?;
            }
            let read = reader.join();
            read.unwrap_or_else(|_| {
                Err(Fault::new(
                    Code::Other,
                    "the thread that reads ended by itself",
                ))
            })
        })
    })
}

/// Batches that wait to be stored, and bytes of text of one.
const BATCHES_MAX: usize = 4;
const BATCH_BYTES: usize = 256 << 10;

/// A document that was read.
struct Parsed {
    place: Place,
    /// None where it gets a new one.
    key: Option<DocumentKey>,
    document: Document<'static>,
}

fn read(
    format: Format,
    from: impl Read,
    args: &ImportArgs,
    give: &SyncSender<Vec<Parsed>>,
) -> Result<u64> {
    let options = input::Options {
        text_only: args.text,
        ..input::Options::default()
    };
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut add = |place, text: &[u8]| {
        batch.push(parse(place, text, args)?);
        bytes += text.len();
        if bytes < BATCH_BYTES {
            return Ok(());
        }
        bytes = 0;
        give.send(std::mem::take(&mut batch)).map_err(|_| ended())
    };
    let count = input::each(format, from, &options, &mut add)?;
    give.send(batch).map_err(|_| ended())?;
    Ok(count)
}

/// Nobody sees it: what ended the other side is told.
fn ended() -> Fault {
    Fault::new(Code::Other, "nobody stores what is read")
}

/// A document, and its key: the field that is it, what it stands beside, or what it holds.
fn parse(place: Place, text: &[u8], args: &ImportArgs) -> Result<Parsed> {
    let (beside, document) = apart(Document::from_json(text)?)?;
    let key = match (&args.key, beside) {
        (Some(field), _) => Some(key_in(&document, field)?),
        (None, Some(key)) => Some(key),
        (None, None) => document.part("/_id")?.map(DocumentKey::of).transpose()?,
    };
    Ok(Parsed {
        place,
        key,
        document,
    })
}

fn store(
    documents: &mut DocumentsMut<'_>,
    key: Option<DocumentKey>,
    document: &Document<'_>,
    replace: bool,
) -> Result<()> {
    match key {
        Some(key) if replace => drop(documents.put(&key, document)?),
        Some(key) => documents.insert_at(&key, document)?,
        None => drop(documents.insert(document)?),
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
