//! How does a program's own code lead from one version of a record to the next? By `TryFrom`, and back by
//! [`Downgrade`].

use std::error::Error as StdError;

use super::record::Record;
use super::types::RecordType;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// The way back from a version of a record to the one before it, for
/// [`undo_migration`](crate::Database::undo_migration): of records that were written since.
///
/// `#[record(version = 3, from = CityV2, downgrade)]` says that there is one.
pub trait Downgrade<P>: Sized {
    /// This record as the earlier version has it. `before` is what the record was before it was migrated,
    /// where there was one.
    ///
    /// # Errors
    /// Whatever stands in the way: nothing is undone then.
    fn downgrade(self, before: Option<P>) -> Result<P, BoxError>;
}

/// Any error of a program's.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Appends the body of one version that it makes of the body of another.
pub(crate) type Convert = Arc<dyn Fn(&[u8], &mut Vec<u8>) -> Result<()> + Send + Sync>;

/// Appends the body of the earlier version that it makes of a body, and of what was before it.
pub(crate) type Revert =
    Arc<dyn Fn(&[u8], Option<&[u8]>, &mut Vec<u8>) -> Result<()> + Send + Sync>;

/// One step by code, between two versions of a record.
#[derive(Clone)]
pub struct Step {
    /// The earlier version.
    pub(crate) from: RecordType,
    /// The later version.
    pub(crate) to: RecordType,
    pub(crate) up: Convert,
    pub(crate) down: Option<Revert>,
}

/// The steps that lead to `P`, and the one from there to `T`.
#[must_use]
pub fn steps<P, T>() -> Vec<Step>
where
    P: Record,
    T: Record + TryFrom<P, Error: Into<BoxError>>,
{
    let mut steps = P::steps();
    steps.push(Step {
        from: P::describe_record(),
        to: T::describe_record(),
        up: Arc::new(up::<P, T>),
        down: None,
    });
    steps
}

/// The same, where there is a way back.
#[must_use]
pub fn steps_and_back<P, T>() -> Vec<Step>
where
    P: Record,
    T: Record + TryFrom<P, Error: Into<BoxError>> + Downgrade<P>,
{
    let mut steps = steps::<P, T>();
    if let Some(last) = steps.last_mut() {
        last.down = Some(Arc::new(down::<P, T>));
    }
    steps
}

/// Compiles only if `T` is a later version of the same collection.
///
/// # Panics
///
/// At compile time, if it is not.
pub const fn check_step<P: Record, T: Record>() {
    assert!(
        same(P::NAME.as_bytes(), T::NAME.as_bytes()),
        "the record that `from` names belongs to another collection; give both the same `name = \"..\"`"
    );
    assert!(
        P::VERSION < T::VERSION,
        "the record that `from` names has no lower version than this one; raise `version = ..`"
    );
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            ([], []) => return true,
            ([a, rest_of_one @ ..], [b, rest_of_other @ ..]) if *a == *b => {
                (one, other) = (rest_of_one, rest_of_other);
            }
            _ => return false,
        }
    }
}

fn up<P, T>(body: &[u8], out: &mut Vec<u8>) -> Result<()>
where
    P: Record,
    T: Record + TryFrom<P, Error: Into<BoxError>>,
{
    let before = P::decode(body)?;
    let mut key = Vec::new();
    before.encode_key(&mut key);
    let record = T::try_from(before).map_err(|error| {
        not_migrated(format!(
            "it cannot be brought from version {} to {}",
            P::VERSION,
            T::VERSION
        ))
        .because(error)
    })?;
    check_key::<P, T>(&key, &record)?;
    record.encode(out)
}

fn down<P, T>(body: &[u8], before: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()>
where
    P: Record,
    T: Record + Downgrade<P>,
{
    let record = T::decode(body)?;
    let mut key = Vec::new();
    record.encode_key(&mut key);
    let before = before.map(P::decode).transpose()?;
    let earlier = record.downgrade(before).map_err(|error| {
        not_migrated(format!(
            "it cannot be brought back from version {} to {}",
            T::VERSION,
            P::VERSION
        ))
        .because(error)
    })?;
    check_key::<T, P>(&key, &earlier)?;
    earlier.encode(out)
}

fn check_key<P: Record, T: Record>(key: &[u8], record: &T) -> Result<()> {
    let mut own = Vec::with_capacity(key.len());
    record.encode_key(&mut own);
    if own == key {
        return Ok(());
    }
    Err(not_migrated(format!(
        "its conversion from version {} to {} changes its key, which a migration cannot; load the records \
         into another collection",
        P::VERSION,
        T::VERSION
    )))
}

fn not_migrated(message: String) -> Error {
    Error::new(ErrorKind::NotMigrated, message)
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("from", &self.from.version)
            .field("to", &self.to.version)
            .field("back", &self.down.is_some())
            .finish_non_exhaustive()
    }
}
