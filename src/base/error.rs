//! What went wrong: one error for the whole crate, falling down from every floor.

use std::borrow::Cow;
use std::fmt;

use super::commit::CommitId;

/// A specialised result: every fallible function of the crate returns it.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, one word wide.
///
/// Programs look at [`kind`](Error::kind); people read the [`Display`](fmt::Display) form, which
/// says what was attempted, on which collection, index or key, and why it failed. The cause, where
/// there is one beneath, is [`source`](std::error::Error::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    context: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
    commit: Option<CommitId>,
    versions: Option<SchemaVersions>,
}

/// The versions of a collection's schema that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaVersions {
    /// The one in the file.
    pub stored: u32,
    /// The one that the program knows.
    pub known: u32,
}

/// The kinds of errors a program may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A unique key or primary key is taken already, or the record changed since the revision that
    /// `replace_if` named. Nothing was written; read again and decide.
    Conflict,
    /// What was named does not exist: a key to update, a file to open, a field or an index.
    NotFound,
    /// The declared record differs from the stored one under the same version, or the JSON Schema of
    /// documents does. The message names the fields. Raise the version, or restore the declaration.
    SchemaChanged,
    /// The file holds a newer version of a collection than this program knows. Nothing was
    /// written. Use a newer program.
    NewerSchema,
    /// A record of an older version cannot be brought to the current one, or back: the program's
    /// conversion failed (its error is the source), or a value does not fit. The message names the record.
    /// It is as it was; mend it, let [`set_aside`](crate::Migration::set_aside) take it out, or change the
    /// conversion.
    NotMigrated,
    /// The collection needs work (an index to build) that only `register` may do; or a record of an older
    /// version needs code that this program has not registered.
    NotRegistered,
    /// The index is being built, or a build was interrupted: `register` finishes it.
    IndexNotReady,
    /// No index serves a query that must not go through the whole collection
    /// ([`require_index`](crate::Query::require_index)). Make one, or leave that out.
    NoIndex,
    /// Bytes in the file are not what was written there. The message names the collection and key.
    /// Restore from a backup; nothing was changed.
    Corrupt,
    /// The file is not a Larder file. It was left as it is.
    NotADatabase,
    /// The file was written by a version of Larder that this one does not know.
    UnsupportedFormat,
    /// The file is encrypted, and the passphrase or key is missing or not one of its own; or its
    /// header was altered by somebody who has none. Give the builder one that opens it: the file
    /// was left as it is, and nothing but a key of its own, or a backup, gives its data.
    WrongKey,
    /// The file is not encrypted, but a passphrase or key was given. Open it without, after asking
    /// whether it is the file that was meant.
    NotEncrypted,
    /// The file holds an older state than the one that was asked for by
    /// [`open_at_least`](crate::Builder::open_at_least): somebody put an old copy in its place.
    RolledBack,
    /// Another handle, in this process or another, has the file open.
    Locked,
    /// `create` found something under that path already.
    AlreadyExists,
    /// The database was opened read-only.
    ReadOnly,
    /// A bound was exceeded: key length, body length, collections, auto keys.
    Limit,
    /// The call makes no sense as it stands: nested writes, one collection opened twice, a bad
    /// name. A mistake in the program.
    Invalid,
    /// The database was closed while this handle lived on.
    Closed,
    /// A commit failed at a point where it may or may not have become durable. Open the database
    /// again and ask [`outcome`](crate::Database::outcome) about [`Error::commit`].
    OutcomeUnknown,
    /// An earlier failure made this handle unusable; its cause is the source. Reopen.
    Poisoned,
    /// A document does not fit the JSON Schema of its collection. The message names each place that does
    /// not. Nothing was written.
    Rejected,
    /// There is no such operator in a filter; or this needs a feature of the crate that the program was
    /// built without. The message names it.
    Unsupported,
    /// Two paths of one index, or of one sort, go through different lists of one document: there is no
    /// telling which elements belong together. Nothing was written.
    ParallelArrays,
    /// The operating system refused to read or write. The source has its error.
    Io,
    /// The storage beneath has no room left.
    Full,
    /// The database is in use in a way that forbids this just now (a live transaction); try again.
    Busy,
}

impl Error {
    /// Makes an error of `kind` with a sentence in lower case and without a full stop.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            source: None,
            commit: None,
            versions: None,
        }))
    }

    pub(crate) fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// Adds what lies beneath.
    pub(crate) fn because(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the commit that it is about.
    pub(crate) fn about(mut self, commit: CommitId) -> Self {
        self.0.commit = Some(commit);
        self
    }

    /// Adds the versions of a schema that it is about.
    pub(crate) fn of_versions(mut self, stored: u32, known: u32) -> Self {
        self.0.versions = Some(SchemaVersions { stored, known });
        self
    }

    /// Adds what was being done, outermost last: `collection "cities"`, `insert`.
    pub(crate) fn during(mut self, what: impl Into<String>) -> Self {
        self.0.context.push(what.into());
        self
    }

    /// The commit that may or may not have become durable, of an
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown): keep it, open the database again, and ask
    /// [`Database::outcome`](crate::Database::outcome).
    #[must_use]
    pub fn commit(&self) -> Option<CommitId> {
        self.0.commit
    }

    /// Which version of a schema the file has, and which the program knows, of a
    /// [`NewerSchema`](ErrorKind::NewerSchema).
    #[must_use]
    pub fn schema_versions(&self) -> Option<SchemaVersions> {
        self.0.versions
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether this is the error of that kind.
    #[must_use]
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.kind() == kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.0.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Adds context to the error of a result on its way up.
pub(crate) trait Context<T> {
    /// Adds what was being done; the closure runs only on an error.
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.during(what()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide_and_reads_from_the_outside_in() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let error = Error::new(ErrorKind::Conflict, "slug \"paris\" is taken")
            .during("insert")
            .during("collection \"cities\"");
        assert_eq!(
            error.to_string(),
            "collection \"cities\": insert: slug \"paris\" is taken"
        );
        assert!(error.is(ErrorKind::Conflict));
    }
}
