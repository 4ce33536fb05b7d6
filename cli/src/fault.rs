//! What went wrong, and which exit code says so?

use std::fmt;
use std::io;
use std::process::ExitCode;

use larder::{Error, ErrorKind};

use crate::input::InputError;

/// Exit codes, as `larder --help` and the README have them. They are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Anything that has no code of its own.
    Other = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// Another program has the file open.
    InUse = 4,
    /// The file is damaged.
    Damaged = 5,
    /// It is no Larder file, or one of a format that this version does not know.
    Foreign = 6,
    /// A passphrase or key is missing, or wrong.
    Key = 7,
    /// It was refused: it would destroy something, contradict what is there, or makes no sense.
    Refused = 8,
    /// The disk or another file could not be read or written.
    Disk = 9,
    /// It was interrupted from the keyboard.
    Interrupted = 10,
}

/// What all commands give where they fail.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Code::Refused, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same, and what to do about it.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        self.message.push_str("\nhint: ");
        self.message.push_str(hint);
        self
    }

    /// The same, with the place in the input.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        if !self.is_quiet() && self.code != Code::Interrupted {
            self.message = format!("{place}: {}", self.message);
        }
        self
    }

    /// Nothing to tell: it was told already, or whoever reads the output has had enough.
    pub(crate) fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.is_quiet() && self.code == Code::Other {
            return ExitCode::SUCCESS;
        }
        ExitCode::from(self.code as u8)
    }

    /// An error about a file other than the database.
    pub(crate) fn file(path: impl fmt::Display, error: &io::Error) -> Self {
        if crate::progress::is_interrupted() {
            return crate::progress::interrupted();
        }
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::NotFound,
            io::ErrorKind::AlreadyExists => Code::Refused,
            _ => Code::Disk,
        };
        Self::new(code, format!("{path}: {error}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if crate::progress::is_interrupted() {
            return crate::progress::interrupted();
        }
        if is_broken_pipe(&error) {
            return Self::new(Code::Other, "");
        }
        let sentence = sentence(&error);
        let hint = if error.is(ErrorKind::Corrupt) && sentence.starts_with("open the snapshot") {
            Some("take another backup: nothing can be made of a damaged one")
        } else {
            hint_of(error.kind())
        };
        let fault = Self::new(code_of(error.kind()), sentence);
        match hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

impl From<InputError> for Fault {
    fn from(error: InputError) -> Self {
        if crate::progress::is_interrupted() {
            return crate::progress::interrupted();
        }
        Self::new(error.code(), error.to_string())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Code::Other, "");
        }
        Self::new(Code::Disk, error.to_string())
    }
}

/// Whether something closed the other end of the output.
fn is_broken_pipe(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// The error, and its causes as far as they say more.
fn sentence(error: &Error) -> String {
    let mut sentence = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_says = cause.to_string();
        if !sentence.contains(&cause_says) {
            sentence.push_str(": ");
            sentence.push_str(&cause_says);
        }
        source = cause.source();
    }
    in_our_words(sentence)
}

/// What the library tells programmers to do, and what is said here instead.
const WORDS: [(&str, &str); 6] = [
    (
        "the file is open already, in this program or another; use that handle, or close it first",
        "another program has the file open",
    ),
    ("; give its passphrase or key on the builder", ""),
    ("; open it without", ""),
    (
        "; use `put` to replace what is there",
        "; --replace puts the document in the place of that one",
    ),
    ("; use the version that wrote it", ""),
    ("; it was left as it is, choose another path", ""),
];

fn in_our_words(sentence: String) -> String {
    WORDS.iter().fold(sentence, |sentence, (theirs, ours)| {
        sentence.replace(theirs, ours)
    })
}

fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Locked | ErrorKind::Busy => Code::InUse,
        ErrorKind::Corrupt => Code::Damaged,
        ErrorKind::NotADatabase | ErrorKind::UnsupportedFormat => Code::Foreign,
        ErrorKind::WrongKey | ErrorKind::NotEncrypted => Code::Key,
        ErrorKind::Io | ErrorKind::Full => Code::Disk,
        ErrorKind::Conflict
        | ErrorKind::AlreadyExists
        | ErrorKind::ReadOnly
        | ErrorKind::Limit
        | ErrorKind::Invalid
        | ErrorKind::Rejected
        | ErrorKind::Unsupported
        | ErrorKind::ParallelArrays
        | ErrorKind::NoIndex
        | ErrorKind::NotRegistered
        | ErrorKind::NotMigrated
        | ErrorKind::NewerSchema
        | ErrorKind::SchemaChanged => Code::Refused,
        _ => Code::Other,
    }
}

fn hint_of(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Corrupt => Some(
            "`larder check FILE` says what else is damaged; `larder snapshot restore SNAPSHOT NEW_FILE` \
             makes a new file of a backup",
        ),
        ErrorKind::Locked => Some("close it there, or read a snapshot that it takes"),
        ErrorKind::WrongKey => Some(
            "give the passphrase by --passphrase-file or LARDER_PASSPHRASE, a key of 32 bytes by --key-file",
        ),
        ErrorKind::NotEncrypted => Some("leave the passphrase or key out"),
        ErrorKind::UnsupportedFormat => Some("use the version of larder that wrote it"),
        _ => None,
    }
}
