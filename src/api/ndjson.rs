//! How do documents and records become lines of JSON, and lines documents?

use std::io::{BufRead, BufReader, Read};

use super::documents::DocumentView;
use crate::base::error::Context;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::DocumentKey;
use crate::codec::value::read::{Node, Object};
use crate::collection::document::ID;
use crate::schema::json;
use crate::schema::view::ValueRef;

/// In place of a document that does not have its key in it: an object of key and document.
const KEY: &str = "$key";
const DOCUMENT: &str = "$document";

/// A document as a line, its end included.
pub(super) fn line(document: &DocumentView<'_>) -> Result<String> {
    let mut line = document.to_json()?;
    let has_key = match document.root().object()? {
        Some(object) => object.get(ID)?.is_some(),
        None => false,
    };
    if !has_key {
        let key = key_text(document.key())?;
        line = format!("{{\"{KEY}\":{key},\"{DOCUMENT}\":{line}}}");
    }
    line.push('\n');
    Ok(line)
}

fn key_text(key: &DocumentKey) -> Result<String> {
    let key = key.to_document()?;
    json::to_text(ValueRef::of_node(Node::root(&key))?, key.len())
}

/// Key and document of a line that has both apart.
pub(super) fn apart<'a>(line: Node<'a>) -> Result<Option<(Node<'a>, Node<'a>)>> {
    let both = |object: Object<'a>| match (object.get(KEY)?, object.get(DOCUMENT)?) {
        (Some(key), Some(document)) if object.len() == 2 => Ok(Some((key, document))),
        _ => Ok(None),
    };
    line.object()?.map_or(Ok(None), both)
}

/// How many times as long as a document's bytes its JSON may be: a control character takes six, an empty
/// list of bytes seven times its own.
const LINE_FACTOR: usize = 8;

/// The lines of a text, each with its number from 1 on; those that are blank are passed over.
struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Of the line that was read last.
    number: u64,
    bytes_max: u64,
}

impl<R: Read> Lines<R> {
    /// Lines of at most so many bytes.
    fn new(reader: R, bytes_max: usize) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            number: 0,
            bytes_max: bytes_max as u64,
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// `Io` when the reader fails, `Limit` when the line is too long: no more than the longest line is
    /// ever held in memory.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = self.reader.by_ref().take(self.bytes_max + 1);
            let read = bounded.read_until(b'\n', &mut self.line).map_err(|error| {
                Error::new(ErrorKind::Io, "the input cannot be read").because(error)
            })?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 > self.bytes_max {
                return Err(Error::limit(format!(
                    "it has more than {} bytes, eight times the largest document; raise `body_limit` \
                     on the builder",
                    self.bytes_max
                )));
            }
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        // Without its end: an error is to name a column of this line, not the line behind it.
        Ok(Some(self.line.trim_ascii_end()))
    }
}

/// Gives each line of a text to `import`; says how many there were. A line may have so many bytes as the
/// JSON of a document of `body_bytes_max` can have. An error names its line.
pub(super) fn import_lines(
    from: impl Read,
    body_bytes_max: usize,
    mut import: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let mut lines = Lines::new(from, body_bytes_max.saturating_mul(LINE_FACTOR));
    let mut count = 0;
    loop {
        let imported = lines.next().and_then(|line| match line {
            Some(line) => import(line).map(Some),
            None => Ok(None),
        });
        match imported.context(|| format!("line {}", lines.number))? {
            Some(()) => count += 1,
            None => return Ok(count),
        }
    }
}

/// Some programs write it in front of a text; it means nothing in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) fn not_written(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the lines cannot be written").because(error)
}
