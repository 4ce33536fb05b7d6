//! How does what was written under an older version become what it is now? In the steps that the catalog
//! has, each by a plan or by code that the program gave.
//!
//! A record is what it would be had it been converted at each version: the steps are taken one after the
//! other, so that it makes no difference when it is rewritten.

mod back;
mod code;
mod compile;
mod conversion;
mod sources;
#[cfg(test)]
mod tests;
mod way_back;

pub(crate) use back::plan_back;
pub(crate) use code::{Code, CodeBook, note_steps};
pub(crate) use compile::compare_versions;
use conversion::Conversion;
pub(crate) use sources::source_of;
pub(crate) use way_back::WayBack;

use super::types::RecordType;
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};

/// The versions of a collection whose bodies may lie in the file, and the way from each to the next.
#[derive(Debug)]
pub(crate) struct Upgrades {
    collection: String,
    pub(crate) current: u32,
    /// All that the collection ever had.
    versions: Vec<u32>,
    /// In the order of the versions; the last one leads to the current one.
    steps: Vec<Step>,
    code: Arc<CodeBook>,
}

/// The way from one version to the next.
#[derive(Debug)]
struct Step {
    from: u32,
    to: u32,
    /// `None` where it takes code.
    conversion: Option<Conversion>,
    /// Whether the older body has what the newer one has not.
    lossy: bool,
}

impl Upgrades {
    /// Those of records. None is older than `oldest`.
    pub(crate) fn of_records(
        collection: &str,
        versions: &[RecordType],
        oldest: u32,
        code: &Arc<CodeBook>,
    ) -> Result<Self> {
        let mut steps = Vec::new();
        for (old, new) in versions.iter().zip(versions.iter().skip(1)) {
            if new.version <= old.version {
                return Err(Error::corrupt("its versions are in another order"));
            }
            if old.version < oldest {
                continue;
            }
            let (conversion, lossy) = if new.by_code {
                (None, true)
            } else {
                let compared = compare_versions(old, new)?;
                let Some(conversion) = compared.conversion else {
                    return Err(Error::corrupt(format!(
                        "version {} does not follow from version {}: {}",
                        new.version,
                        old.version,
                        compared.refused.join(", ")
                    )));
                };
                (Some(conversion), compared.lossy)
            };
            steps.push(Step {
                from: old.version,
                to: new.version,
                conversion,
                lossy,
            });
        }
        Ok(Self {
            collection: collection.to_owned(),
            current: versions.last().map_or(0, |last| last.version),
            versions: versions.iter().map(|version| version.version).collect(),
            steps,
            code: code.clone(),
        })
    }

    /// Those of documents: every step takes code.
    pub(crate) fn of_documents(
        collection: &str,
        versions: &[u32],
        oldest: u32,
        code: &Arc<CodeBook>,
    ) -> Result<Self> {
        let pairs = versions.iter().zip(versions.iter().skip(1));
        if pairs.clone().any(|(old, new)| new <= old) {
            return Err(Error::corrupt("its versions are in another order"));
        }
        let steps = pairs
            .filter(|(old, _)| **old >= oldest)
            .map(|(old, new)| Step {
                from: *old,
                to: *new,
                conversion: None,
                lossy: true,
            });
        Ok(Self {
            collection: collection.to_owned(),
            current: versions.last().copied().unwrap_or(1),
            versions: versions.to_vec(),
            steps: steps.collect(),
            code: code.clone(),
        })
    }

    /// All versions that the collection ever had.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u32> {
        self.versions.iter().copied()
    }

    /// Whether the file may hold bodies of older versions.
    pub(crate) fn are_pending(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The earliest version that a body may have.
    pub(crate) fn oldest(&self) -> u32 {
        self.steps.first().map_or(self.current, |step| step.from)
    }

    /// Whether some of them take code.
    pub(crate) fn are_by_code(&self) -> bool {
        self.steps.iter().any(|step| step.conversion.is_none())
    }

    /// Whether a body of that version has what its current form has not.
    pub(crate) fn lose(&self, version: u32) -> bool {
        self.lose_up_to(self.current, version)
    }

    /// Whether a body of that version has what its form in a later one has not.
    fn lose_up_to(&self, wanted: u32, version: u32) -> bool {
        self.steps
            .iter()
            .any(|step| step.from >= version && step.to <= wanted && step.lossy)
    }

    /// The steps by code that this program has no code for.
    pub(crate) fn without_code(&self) -> impl Iterator<Item = (u32, u32)> {
        self.steps
            .iter()
            .filter(|step| step.conversion.is_none())
            .map(|step| (step.from, step.to))
            .filter(|(from, to)| self.code.find(&self.collection, *from, *to).is_none())
    }

    /// The current form of a body of an older version.
    ///
    /// # Errors
    /// `NotMigrated` where the program's conversion fails, `NotRegistered` where the program has none.
    #[cold]
    pub(crate) fn bring(&self, version: u32, body: &[u8]) -> Result<Vec<u8>> {
        self.bring_to(self.current, version, body)
    }

    /// The form that a body has in a later version.
    pub(crate) fn bring_to(&self, wanted: u32, version: u32, body: &[u8]) -> Result<Vec<u8>> {
        let known = self.steps.iter().any(|step| step.from == version);
        if !known && version != wanted {
            return Err(Error::corrupt(format!(
                "it has version {version}, which the collection never had"
            )));
        }
        let mut brought = None;
        for step in &self.steps {
            if step.from < version || step.to > wanted {
                continue;
            }
            let mut next = Vec::with_capacity(body.len() + body.len() / 4);
            let from = brought.as_deref().unwrap_or(body);
            self.take(step, from, &mut next)?;
            brought = Some(next);
        }
        Ok(brought.unwrap_or_else(|| body.to_vec()))
    }

    fn take(&self, step: &Step, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &step.conversion {
            Some(conversion) => conversion.apply(body, None, out),
            None => match self.code.find(&self.collection, step.from, step.to) {
                Some(code) => (code.up)(body, out),
                None => Err(no_code(step)),
            },
        }
    }
}

/// Whether an error says that a body stays as it is: the code that it takes fails on it, or is not there.
pub(crate) fn lacks_code(error: &Error) -> bool {
    error.is(ErrorKind::NotMigrated) || error.is(ErrorKind::NotRegistered)
}

fn no_code(step: &Step) -> Error {
    let Step { from, to, .. } = step;
    Error::new(
        ErrorKind::NotRegistered,
        format!(
            "it is of version {from}, and its conversion to version {to} is code that this program has not \
             registered"
        ),
    )
}
