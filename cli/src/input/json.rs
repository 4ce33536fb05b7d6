//! How is a JSON text that holds many documents taken apart, without being held as a whole?
//!
//! Where a value ends is told by its brackets and quotes alone; what is in between is for
//! [`Document::from_json`](larder::Document::from_json) to judge. That loses nothing: a text whose
//! elements are valid JSON, each taken up to where its brackets close, and that stand between commas in
//! one pair of brackets, is a valid array. And it needs no more memory than the longest element: a
//! deserializer that gives elements as text (`RawValue`) keeps whatever a bracket that is never closed
//! leads it to.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use super::lines::READ_BYTES;
use super::{InputError, Options, Place, hand_on, newlines};

/// Hands on the elements of an array, or texts that stand one after the other.
pub(super) fn each(
    from: impl Read,
    options: &Options,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    let mut values = Values::new(from, options.line_bytes_max);
    match values.next_byte()? {
        Some(b'[') => each_of_array(&mut values, document),
        _ => each_of_sequence(&mut values, document),
    }
}

fn each_of_array(
    values: &mut Values<impl Read>,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    values.pass();
    if values.next_byte()? == Some(b']') {
        values.pass();
    } else {
        loop {
            let at = values.read()?;
            hand_on(at, &values.text, document)?;
            match values.next_byte()? {
                Some(b',') => values.pass(),
                Some(b']') => break values.pass(),
                Some(byte) => {
                    let why = format!("a comma or ] was expected behind it, not {}", shown(byte));
                    return Err(InputError::malformed(values.at(), why));
                }
                None => {
                    let why = "the text ends behind it, within the array; it is cut off";
                    return Err(InputError::malformed(values.at(), why));
                }
            }
        }
    }
    match values.next_byte()? {
        None => Ok(values.count),
        Some(byte) => {
            let at = Place::line(values.line);
            let why = format!("{} stands behind the end of the array", shown(byte));
            Err(InputError::malformed(at, why))
        }
    }
}

fn each_of_sequence(
    values: &mut Values<impl Read>,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    while values.next_byte()?.is_some() {
        let at = values.read()?;
        hand_on(at, &values.text, document)?;
    }
    Ok(values.count)
}

/// The values of a JSON text, one at a time.
struct Values<R> {
    reader: BufReader<R>,
    /// Of the byte that comes next.
    line: u64,
    /// How many values were read.
    count: u64,
    /// The value that was read last.
    text: Vec<u8>,
    bytes_max: usize,
}

impl<R: Read> Values<R> {
    fn new(reader: R, bytes_max: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(READ_BYTES, reader),
            line: 1,
            count: 0,
            text: Vec::new(),
            bytes_max,
        }
    }

    /// The next byte that is not blank; it is still to come. `None` at the end.
    fn next_byte(&mut self) -> Result<Option<u8>, InputError> {
        loop {
            let Some(&byte) = self.buffered()?.first() else {
                return Ok(None);
            };
            if !is_blank(byte) {
                return Ok(Some(byte));
            }
            self.line += u64::from(byte == b'\n');
            self.pass();
        }
    }

    /// Passes over the byte that [`next_byte`](Self::next_byte) gave.
    fn pass(&mut self) {
        self.reader.consume(1);
    }

    /// Reads the next value into `text`; gives its place.
    fn read(&mut self) -> Result<Place, InputError> {
        let first = self.next_byte()?;
        self.count += 1;
        let at = self.at();
        match first {
            Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {}
            Some(byte) => {
                let why = format!("a value was expected, not {}", shown(byte));
                return Err(InputError::malformed(at, why));
            }
            None => {
                return Err(InputError::malformed(
                    at,
                    "a value was expected, not the end",
                ));
            }
        }
        self.text.clear();
        let mut within = Within::default();
        loop {
            let buffered = self.buffered()?;
            if buffered.is_empty() {
                if within.may_end() {
                    break;
                }
                let why =
                    "the text ends within it; it is cut off, or a bracket or quote is not closed";
                return Err(InputError::malformed(at, why));
            }
            let end = within.end(buffered);
            let taken = buffered
                .get(..end.unwrap_or(buffered.len()))
                .unwrap_or_default();
            let length = taken.len();
            if self.text.len() + length > self.bytes_max {
                let bytes_max = self.bytes_max;
                return Err(InputError::TooLong { at, bytes_max });
            }
            // The buffer belongs to the reader, which `buffered` borrows as a whole.
            let taken = self.reader.buffer().get(..length).unwrap_or_default();
            self.text.extend_from_slice(taken);
            self.reader.consume(length);
            if end.is_some() {
                break;
            }
        }
        self.line += newlines(&self.text);
        Ok(at)
    }

    /// Where the value that was begun last stands; or, behind it, what comes next.
    fn at(&self) -> Place {
        Place {
            line: self.line,
            element: Some(self.count),
        }
    }

    fn buffered(&mut self) -> Result<&[u8], InputError> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => return Ok(self.reader.buffer()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(InputError::read(Place::line(self.line), error)),
            }
        }
    }
}

/// How far into a value its text has come.
#[derive(Default)]
struct Within {
    /// How many brackets are open.
    depth: u64,
    in_string: bool,
    /// Behind a backslash.
    escaped: bool,
}

impl Within {
    /// Where the value ends in the bytes that come next, `None` where it goes on behind them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (i, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(i + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                // A number or a word has no end of its own.
                b'}' | b']' | b',' if self.depth == 0 => return Some(i),
                byte if self.depth == 0 && is_blank(byte) => return Some(i),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(i + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether the end of the text may be its end.
    fn may_end(&self) -> bool {
        self.depth == 0 && !self.in_string
    }
}

/// White space as JSON has it (RFC 8259, 2).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        char::from(byte).to_string()
    } else {
        format!("the byte {byte:#04x}")
    }
}
