//! How do documents come in from a file or from standard input, in constant memory?
//!
//! - Every format hands on the JSON text of one document after the other; whether it is valid JSON,
//!   and what a document may be, [`Document::from_json`](larder::Document::from_json) says, so that
//!   no number goes through a type that would round it.
//! - One document is in memory at a time, and never more of it than [`Options::line_bytes_max`].
//! - An error names the place: the line, and in a JSON text the element as well.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(crate) use self::error::{InputError, Place};

mod error;
mod json;
mod lines;
mod table;

/// How the documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON text on each line.
    Ndjson,
    /// An array of documents; or, where the first byte is no `[`, JSON texts one after the other,
    /// however many lines each takes.
    Json,
    /// A header line that names the fields, then a row for each document (RFC 4180).
    Csv,
}

/// Choices for reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The most bytes that the text of one document may have; what is longer is refused. 128 MiB unless
    /// set: eight times the largest document that a database takes by default, as no JSON text of one is
    /// longer.
    pub(crate) line_bytes_max: usize,
    /// Whether every cell of a CSV stays the text that it is.
    pub(crate) text_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            line_bytes_max: 128 << 20,
            text_only: false,
        }
    }
}

impl Format {
    /// The format that a file's name says, in front of a `.zst` where there is one; `None` where it says
    /// none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".zst").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Opens a file, or standard input where the path is `-`. What is compressed with zstd, as its first
/// bytes say and not its name, is decompressed as it is read. `watch` sees the bytes as they lie there.
///
/// # Errors
/// Those of opening and of reading the first bytes.
pub(crate) fn open<'r>(
    path: &Path,
    watch: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send + 'r>,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    let from: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    decompressed(watch(from))
}

/// Calls back with the place and the JSON text of each document, in UTF-8; gives how many there were.
///
/// A byte order mark at the beginning and blank lines are passed over. After an error the documents in
/// front of it have been handed on: let the transaction fail, and they are not in the database.
///
/// # Errors
/// The reader's, the callback's, and where no document can be found in what is read, each with the
/// place.
pub(crate) fn each(
    format: Format,
    from: impl Read,
    options: &Options,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    let from = without_mark(from)?;
    match format {
        Format::Ndjson => lines::each(from, options, document),
        Format::Json => json::each(from, options, document),
        Format::Csv => table::each(from, options, document),
    }
}

/// Hands on a document's text; what is not UTF-8 is refused with the line that it is on.
fn hand_on(
    at: Place,
    text: &[u8],
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<(), InputError> {
    if let Err(error) = std::str::from_utf8(text) {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        let at = Place {
            line: at.line + newlines(valid),
            ..at
        };
        return Err(InputError::malformed(at, "it is not UTF-8"));
    }
    document(at, text).map_err(|fault| InputError::Document { at, fault })
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Decompresses what begins as zstd does, and leaves the rest as it is.
fn decompressed<'r>(from: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
    let (head, from) = peeked(from, 4)?;
    if is_zstd(&head) {
        return Ok(Box::new(zstd::Decoder::new(from)?));
    }
    Ok(Box::new(from))
}

/// Whether a file begins with a frame (RFC 8878, 3.1), or with one to be skipped, as `pzstd` writes in
/// front.
fn is_zstd(head: &[u8]) -> bool {
    matches!(
        head,
        [0x28, 0xB5, 0x2F, 0xFD] | [0x50..=0x5F, 0x2A, 0x4D, 0x18]
    )
}

/// Some programs write a byte order mark in front of a text. In UTF-8 it means nothing; any other says
/// that this is no UTF-8.
fn without_mark<R: Read>(from: R) -> Result<impl Read, InputError> {
    let start = Place::line(1);
    let (head, from) = peeked(from, 3).map_err(|error| InputError::read(start, error))?;
    let mut from = from;
    match *head {
        [0xEF, 0xBB, 0xBF] => from
            .read_exact(&mut [0; 3])
            .map_err(|error| InputError::read(start, error))?,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            return Err(InputError::malformed(
                start,
                "it is UTF-16; convert the file to UTF-8",
            ));
        }
        _ => {}
    }
    Ok(from)
}

/// A reader whose first bytes were looked at.
type Again<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// The first bytes, fewer where there are not so many, and a reader that gives them again.
fn peeked<R: Read>(mut from: R, bytes: u64) -> io::Result<(Vec<u8>, Again<R>)> {
    let mut head = Vec::new();
    from.by_ref().take(bytes).read_to_end(&mut head)?;
    let again = io::Cursor::new(head.clone());
    Ok((head, again.chain(from)))
}

#[cfg(test)]
mod tests;
