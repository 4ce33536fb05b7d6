//! What went wrong with documents that come in, and where?

use std::{fmt, io};

use crate::fault::{Code, Fault};

/// Where in the input something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1 on.
    pub(crate) line: u64,
    /// Which of the values of a JSON text it is, from 1 on.
    pub(crate) element: Option<u64>,
}

/// Why documents could not be read or taken.
#[derive(Debug)]
pub(crate) enum InputError {
    /// The operating system or the decompressor refused to give more.
    Read { at: Place, source: io::Error },
    /// What stands there cannot be taken for a document.
    Malformed { at: Place, why: String },
    /// The text of one document goes on for longer than [`Options`](super::Options) allow.
    TooLong { at: Place, bytes_max: usize },
    /// The document was refused by whoever takes it.
    Document { at: Place, fault: Fault },
}

impl Place {
    pub(super) fn line(line: u64) -> Self {
        Self {
            line,
            element: None,
        }
    }
}

impl InputError {
    pub(super) fn read(at: Place, source: io::Error) -> Self {
        Self::Read { at, source }
    }

    pub(super) fn malformed(at: Place, why: impl Into<String>) -> Self {
        let why = why.into();
        Self::Malformed { at, why }
    }

    /// The exit code that says what went wrong.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Read { .. } => Code::Disk,
            Self::Malformed { .. } | Self::TooLong { .. } => Code::Refused,
            Self::Document { fault, .. } => fault.code,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            Some(element) => write!(f, "element {element} (line {})", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { at, source } => write!(f, "{at}: the input cannot be read: {source}"),
            Self::Malformed { at, why } => write!(f, "{at}: {why}"),
            Self::TooLong { at, bytes_max } => write!(
                f,
                "{at}: it goes on for more than {bytes_max} bytes, the most that one document may have"
            ),
            Self::Document { at, fault } => write!(f, "{at}: {fault}"),
        }
    }
}
