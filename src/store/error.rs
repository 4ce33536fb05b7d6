//! What does redb's error mean to a user of Larder?

use super::disk::OpenError;
use super::header::not_ours;
use super::sealed::BlockError;
use crate::base::{Error, ErrorKind};

/// An error of a redb storage call.
pub(super) fn from_storage(error: redb::StorageError) -> Error {
    match error {
        redb::StorageError::Corrupted(what) => {
            Error::corrupt(format!("the file is damaged: {what}"))
        }
        redb::StorageError::ValueTooLarge(bytes) => Error::limit(format!(
            "a value of {bytes} bytes is more than a table can hold"
        )),
        redb::StorageError::Io(error) => match damage_of(&error) {
            Some(damage) => damaged(damage),
            None => from_io(error, "the storage beneath failed"),
        },
        redb::StorageError::DatabaseClosed => closed(),
        redb::StorageError::PreviousIo | redb::StorageError::LockPoisoned(_) => {
            poisoned().because(error)
        }
        other => Error::new(ErrorKind::Io, "the storage beneath failed").because(other),
    }
}

/// An error of opening or deleting a table.
pub(super) fn from_table(error: redb::TableError) -> Error {
    match error {
        redb::TableError::TableAlreadyOpen(..) => Error::invalid(
            "it is open already in this transaction; drop the other handle before opening it again",
        ),
        redb::TableError::Storage(error) => from_storage(error),
        other => Error::corrupt("a table is not what its name says").because(other),
    }
}

/// An error of beginning a transaction.
pub(super) fn from_transaction(error: redb::TransactionError) -> Error {
    match error {
        redb::TransactionError::Storage(error) => from_storage(error),
        redb::TransactionError::WouldBlock => Error::new(
            ErrorKind::Poisoned,
            "an iterator of an earlier write transaction was leaked and holds the write slot; \
             close the database and open it again",
        ),
        other => Error::new(ErrorKind::Poisoned, "no transaction can begin").because(other),
    }
}

/// An error of moving pages together in a file that nobody else has.
pub(super) fn from_compaction(error: redb::CompactionError) -> Error {
    match error {
        redb::CompactionError::Storage(error) => from_storage(error),
        other => Error::invalid("a transaction on a new file is not over").because(other),
    }
}

/// An error of opening.
pub(super) fn from_database(error: redb::DatabaseError) -> Error {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => locked(),
        redb::DatabaseError::Storage(redb::StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData && damage_of(&error).is_none() =>
        {
            Error::corrupt("what follows the header is not a database").because(error)
        }
        redb::DatabaseError::Storage(error) => from_storage(error),
        redb::DatabaseError::TransactionInProgress => Error::new(
            ErrorKind::Poisoned,
            "a transaction was leaked (mem::forget?), so the file could not be closed in order; what was \
             committed is there when it is opened again",
        ),
        redb::DatabaseError::UpgradeRequired(version) => Error::new(
            ErrorKind::UnsupportedFormat,
            format!("the tables have format {version}, which this version does not read"),
        ),
        other => Error::corrupt("the file cannot be opened").because(other),
    }
}

/// An error of the operating system.
pub(super) fn from_io(error: std::io::Error, what: &'static str) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge => ErrorKind::Full,
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, what).because(error)
}

/// The damaged block that an error tells of.
pub(super) fn damage_of(error: &std::io::Error) -> Option<BlockError> {
    error.get_ref()?.downcast_ref().copied()
}

/// The error for a damaged block.
pub(super) fn damaged(damage: BlockError) -> Error {
    Error::corrupt(format!(
        "{damage}; what lies there is lost: restore the file from a backup, or open it again to read \
         what lies elsewhere"
    ))
}

/// What it means that a file does not open; `what` says it of an error of the system's.
pub(super) fn from_open(error: OpenError, what: &'static str) -> Error {
    match error {
        OpenError::Locked => locked(),
        OpenError::NotAFile => not_ours(),
        OpenError::Io(error) => from_io(error, what),
    }
}

pub(super) fn locked() -> Error {
    Error::new(
        ErrorKind::Locked,
        "the file is open already, in this program or another; use that handle, or close it first",
    )
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the database was closed")
}

pub(super) fn poisoned() -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "an earlier failure made this handle unusable; close the database and open it again",
    )
}
