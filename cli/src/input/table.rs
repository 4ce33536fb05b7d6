//! How do the rows of a CSV become documents?
//!
//! A cell is a number, `true` or `false` where JSON would read it as that and keep all of it; any other
//! is text, such as `01234`, `1e999`, `NaN` and a number with a blank beside it. Quotes make no
//! difference: most programs that write CSV put them where they like. An empty cell is a field that the
//! document does not have.

use std::collections::HashSet;
use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};
use larder::serde_json;

use super::lines::{Lines, READ_BYTES};
use super::{InputError, Options, Place, hand_on, newlines};

/// Hands on each row but the first as an object with the fields that the first names.
pub(super) fn each(
    from: impl Read,
    options: &Options,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    let mut rows = Rows::new(from, options.line_bytes_max);
    let Some(at) = rows.next()? else {
        return Ok(0);
    };
    let header = Header::of(&rows.row, at)?;
    let (mut text, mut count) = (Vec::new(), 0);
    while let Some(at) = rows.next()? {
        text.clear();
        header.append_document(&rows.row, at, options.text_only, &mut text)?;
        hand_on(at, &text, document)?;
        count += 1;
    }
    Ok(count)
}

/// The names of the fields.
struct Header {
    /// Each as a JSON string.
    names: Vec<String>,
    /// Whether one of them begins with `$`, so that a row could say more than it means to: an object
    /// with the only key `$time` is a timestamp.
    has_dollar: bool,
}

impl Header {
    fn of(row: &ByteRecord, at: Place) -> Result<Self, InputError> {
        let mut seen = HashSet::new();
        let (mut names, mut has_dollar) = (Vec::new(), false);
        for cell in row {
            let name = text_of(cell, at)?;
            if !seen.insert(name) {
                let why = format!("the header names the field {name:?} twice");
                return Err(InputError::malformed(at, why));
            }
            has_dollar |= name.starts_with('$');
            names.push(serde_json::Value::from(name).to_string());
        }
        Ok(Self { names, has_dollar })
    }

    /// Appends the JSON text of the document that a row is.
    fn append_document(
        &self,
        row: &ByteRecord,
        at: Place,
        text_only: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), InputError> {
        if row.len() != self.names.len() {
            let why = format!(
                "it has {} cells, and the header names {} fields",
                row.len(),
                self.names.len()
            );
            return Err(InputError::malformed(at, why));
        }
        let (open, close) = if self.has_dollar {
            ("{\"$literal\":{", "}}")
        } else {
            ("{", "}")
        };
        out.extend_from_slice(open.as_bytes());
        let mut is_first = true;
        for (name, cell) in self.names.iter().zip(row) {
            if cell.is_empty() {
                continue;
            }
            let cell = text_of(cell, at)?;
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            if !text_only && says_more_than_text(cell) {
                out.extend_from_slice(cell.as_bytes());
            } else {
                serde_json::to_writer(&mut *out, cell)
                    .map_err(|error| InputError::read(at, error.into()))?;
            }
        }
        out.extend_from_slice(close.as_bytes());
        Ok(())
    }
}

fn text_of(cell: &[u8], at: Place) -> Result<&str, InputError> {
    std::str::from_utf8(cell).map_err(|_| InputError::malformed(at, "it is not UTF-8"))
}

/// Whether a cell is to be taken for the number or bool that JSON reads it as.
fn says_more_than_text(cell: &str) -> bool {
    match cell.bytes().next() {
        Some(b't' | b'f') => cell == "true" || cell == "false",
        Some(b'-' | b'0'..=b'9') => is_number(cell),
        _ => false,
    }
}

/// Whether JSON has such a number (RFC 8259, 6), and a document keeps it: an integer of up to 128 bits,
/// or a float that is finite.
fn is_number(text: &str) -> bool {
    let Some(rest) = behind_digits(text.strip_prefix('-').unwrap_or(text)) else {
        return false;
    };
    let integer = text.strip_suffix(rest).unwrap_or(text);
    if integer.trim_start_matches('-').len() > 1 && integer.trim_start_matches('-').starts_with('0')
    {
        return false;
    }
    if rest.is_empty() {
        return text.parse::<i128>().is_ok() || text.parse::<u128>().is_ok();
    }
    let rest = match rest.strip_prefix('.').map(behind_digits) {
        Some(Some(rest)) => rest,
        Some(None) => return false,
        None => rest,
    };
    let rest = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => behind_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => Some(rest),
    };
    rest == Some("") && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// What stands behind the digits in front, `None` where there are none.
fn behind_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

/// The rows of a CSV, one at a time.
struct Rows<R: Read> {
    reader: csv::Reader<Feed<R>>,
    /// The one that was read last.
    row: ByteRecord,
}

impl<R: Read> Rows<R> {
    fn new(from: R, bytes_max: usize) -> Self {
        let feed = Feed {
            lines: Lines::new(from, bytes_max),
            line: Vec::new(),
            given: 0,
            first: 1,
            left: bytes_max,
            bytes_max,
            ended: false,
            failure: None,
        };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            // The header says how many cells there are to be, in a sentence of ours.
            .flexible(true)
            .buffer_capacity(READ_BYTES)
            .from_reader(feed);
        Self {
            reader,
            row: ByteRecord::new(),
        }
    }

    /// Reads the next row; gives its place, `None` behind the last.
    fn next(&mut self) -> Result<Option<Place>, InputError> {
        self.reader.get_mut().begin_row();
        let read = self.reader.read_byte_record(&mut self.row);
        let feed = self.reader.get_mut();
        let first = Place::line(feed.first);
        match read {
            Ok(false) => Ok(None),
            // Every line that is fed has an end, so that a row ends with one, unless a quote is open.
            Ok(true) if feed.ended => Err(InputError::malformed(
                first,
                "a quote is opened in this row, or behind it, and never closed",
            )),
            Ok(true) => {
                let within: u64 = self.row.iter().map(newlines).sum();
                Ok(Some(Place::line(
                    feed.lines.number().saturating_sub(within),
                )))
            }
            Err(error) => Err(feed
                .failure
                .take()
                .unwrap_or_else(|| match error.into_kind() {
                    csv::ErrorKind::Io(error) => InputError::read(first, error),
                    other => InputError::malformed(first, format!("it is no row: {other:?}")),
                })),
        }
    }
}

/// Gives the parser one line at a time, so that it is known which line a row ends on and that a row does
/// not grow without bounds: the parser itself would take what a quote opens into memory up to the end.
struct Feed<R> {
    lines: Lines<R>,
    /// The line that is being given, and how much of it was.
    line: Vec<u8>,
    given: usize,
    /// The first line that the row can be on.
    first: u64,
    /// How many bytes the row may still have.
    left: usize,
    bytes_max: usize,
    ended: bool,
    /// Why reading failed: an `io::Error` cannot say it.
    failure: Option<InputError>,
}

impl<R: Read> Feed<R> {
    fn begin_row(&mut self) {
        self.first = self.lines.number() + 1;
        self.left = self.bytes_max;
    }

    fn next_line(&mut self) -> Result<(), InputError> {
        self.line.clear();
        self.given = 0;
        let Some(line) = self.lines.next()? else {
            self.ended = true;
            return Ok(());
        };
        self.line.extend_from_slice(line);
        if self.line.last() != Some(&b'\n') {
            self.line.push(b'\n');
        }
        // The end of the last line is not of the document, that of any other is.
        if self.left == 0 || self.line.trim_ascii_end().len() > self.left {
            return Err(InputError::TooLong {
                at: Place::line(self.first),
                bytes_max: self.bytes_max,
            });
        }
        self.left = self.left.saturating_sub(self.line.len());
        Ok(())
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len()
            && !self.ended
            && let Err(error) = self.next_line()
        {
            self.failure = Some(error);
            return Err(io::Error::other("a line cannot be read"));
        }
        let rest = self.line.get(self.given..).unwrap_or_default();
        let (from, to) = match rest.get(..buffer.len()) {
            Some(part) => (part, buffer),
            None => (rest, buffer.get_mut(..rest.len()).unwrap_or_default()),
        };
        to.copy_from_slice(from);
        self.given += from.len();
        Ok(from.len())
    }
}
