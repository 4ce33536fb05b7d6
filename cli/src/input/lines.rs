//! How is a text taken line by line, whatever the length of a line?

use std::io::{BufRead, BufReader, Read};

use super::{InputError, Options, Place, hand_on};

/// The lines of a text.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Of the line that was read last; 0 before the first.
    number: u64,
    bytes_max: usize,
}

impl<R: Read> Lines<R> {
    /// Lines of at most so many bytes.
    pub(super) fn new(reader: R, bytes_max: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(READ_BYTES, reader),
            line: Vec::new(),
            number: 0,
            bytes_max,
        }
    }

    /// The next line with its end, which only the last may lack.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, InputError> {
        self.line.clear();
        let at = Place::line(self.number + 1);
        // The end of the line is not of the document.
        let bytes_max = (self.bytes_max as u64).saturating_add(END.len() as u64);
        let mut bounded = self.reader.by_ref().take(bytes_max.saturating_add(1));
        let read = bounded.read_until(b'\n', &mut self.line);
        if read.map_err(|error| InputError::read(at, error))? == 0 {
            return Ok(None);
        }
        if self.line.trim_ascii_end().len() > self.bytes_max || self.line.len() as u64 > bytes_max {
            return Err(InputError::TooLong {
                at,
                bytes_max: self.bytes_max,
            });
        }
        self.number += 1;
        Ok(Some(&self.line))
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// Hands on each line that is not blank.
pub(super) fn each(
    from: impl Read,
    options: &Options,
    document: &mut dyn FnMut(Place, &[u8]) -> crate::fault::Result<()>,
) -> Result<u64, InputError> {
    let mut lines = Lines::new(from, options.line_bytes_max);
    let mut count = 0;
    loop {
        let at = Place::line(lines.number() + 1);
        let Some(line) = lines.next()? else {
            return Ok(count);
        };
        // Without its end: an error is to name a column of this line, not the line behind it.
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            hand_on(at, line, document)?;
            count += 1;
        }
    }
}

/// The longer of the two ends that a line may have.
const END: &[u8] = b"\r\n";

/// How much is read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
