//! How do results leave? On standard output: tables and sentences for people, JSON for programs.

use std::io::{self, BufWriter, Stdout, Write};

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use larder::serde_json::{self, Value};
use serde::Serialize;

use crate::fault::Result;

/// Where results go.
pub(crate) struct Out {
    to: BufWriter<Stdout>,
    /// One JSON value, or one on each line.
    pub(crate) json: bool,
    /// No progress on standard error.
    pub(crate) quiet: bool,
}

/// Characters of a cell; what is longer is cut off.
const CELL_CHARS_MAX: usize = 60;

impl Out {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self {
            to: BufWriter::new(io::stdout()),
            json,
            quiet: quiet || json,
        }
    }

    /// A result that is JSON for programs, and what `show` writes for people.
    pub(crate) fn result<T: Serialize>(
        &mut self,
        value: &T,
        show: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if !self.json {
            return show(self);
        }
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(&text)
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, text: &str) -> Result<()> {
        self.to.write_all(text.as_bytes())?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    /// Pairs of a name and what it is, one on each line.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) -> Result<()> {
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in pairs {
            self.line(format!("{name:width$}  {value}").trim_end())?;
        }
        Ok(())
    }

    /// A table; columns of numbers stand to the right.
    pub(crate) fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(header.iter().map(|name| cut(name)).collect::<Vec<_>>());
        for row in rows {
            table.add_row(row.iter().map(|cell| cut(cell)).collect::<Vec<_>>());
        }
        for (column, _) in header.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let is_number = |cell: &String| cell.is_empty() || cell.parse::<f64>().is_ok();
            if let Some(column) = table.column_mut(column)
                && !rows.is_empty()
                && cells.clone().any(|cell| !cell.is_empty())
                && cells.clone().all(is_number)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let text = table.trim_fmt();
        self.line(&text)
    }

    /// What goes out as bytes: an export.
    pub(crate) fn raw(&mut self) -> &mut impl Write {
        &mut self.to
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.to.flush()?;
        Ok(())
    }
}

/// A cell of one line that is not too long, and tells the terminal nothing.
fn cut(text: &str) -> String {
    // Marks that turn the direction of text would move what stands around them.
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = text.replace(|c: char| c.is_control() || turns(c), " ");
    match line.char_indices().nth(CELL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// A JSON value as a cell: text bare, nothing for null.
pub(crate) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `12.3 MiB (12897484 bytes)`
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} bytes");
    }
    format!("{} ({count} bytes)", indicatif::BinaryBytes(count))
}

/// `1 document`, `2 documents`
pub(crate) fn counted(count: u64, one: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {one}{many}")
}
