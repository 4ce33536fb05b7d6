//! Does a declaration fit what is stored, and what is there to do?

use super::catalog::{StoredIndex, StoredRecords, Typed};
use super::step::Step;
use super::types::{IndexDefinition, RecordType};
use super::versions::{carried, check_same, differences, lineage};
use crate::base::{Error, ErrorKind, Result};

/// Whether a declaration fits what is stored, and what there is to do. Indexes are told by their
/// ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Indexes that are declared and not stored so.
    pub(crate) build: Vec<IndexDefinition>,
    /// Indexes that are stored and of no use: not declared, or never finished and declared
    /// otherwise.
    pub(crate) drop: Vec<u32>,
    /// Ready indexes that are declared otherwise. Each stays until the new one is ready.
    pub(crate) replace: Vec<u32>,
    /// Declared indexes whose build was begun and not finished.
    pub(crate) resume: Vec<u32>,
    /// What is coming is not what is declared.
    pub(crate) abandon: bool,
    /// The declaration is of a later version.
    pub(crate) later: Option<Later>,
}

/// What there is to do for a later version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Later {
    /// The versions up to the declared one.
    pub(crate) versions: Vec<RecordType>,
    /// The indexes whose entries stay as they are, with their definitions.
    pub(crate) kept: Vec<(u32, IndexDefinition)>,
    /// Those to be built before the version holds.
    pub(crate) build: Vec<IndexDefinition>,
    /// It was begun already: those of which the build goes on.
    pub(crate) resume: Option<Vec<u32>>,
}

impl Difference {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the collection can be written as it is declared: every index that is declared is
    /// there, if unfinished, and kept up by who writes.
    pub(crate) fn allows_writing(&self) -> bool {
        self.build.is_empty() && self.drop.is_empty() && !self.abandon && self.later.is_none()
    }
}

/// Compares a declaration, and the code that leads to it, with what is stored under its name.
pub(crate) fn compare(declared: &RecordType, steps: &[Step], stored: &Typed) -> Result<Difference> {
    let current = &stored.current;
    if current.version > declared.version {
        let (found, known) = (current.version, declared.version);
        return Err(newer_schema(&declared.name, found, known));
    }
    check_code(steps, &stored.stored)?;
    if current.version < declared.version {
        return Ok(Difference {
            later: Some(compare_later(declared, steps, stored)?),
            ..Difference::default()
        });
    }
    let differences = differences(current, declared);
    if !differences.is_empty() {
        return Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "the declaration of collection {:?} differs from version {} in the file: {}; \
                 restore the declaration, or raise the version",
                declared.name,
                current.version,
                differences.join(", ")
            ),
        ));
    }
    let mut difference = Difference {
        abandon: stored.stored.coming.is_some(),
        ..Difference::default()
    };
    compare_indexes(&declared.indexes, &stored.stored.indexes, &mut difference);
    Ok(difference)
}

/// The error of a program that knows an earlier version than the one in the file.
pub(crate) fn newer_schema(collection: &str, stored: u32, known: u32) -> Error {
    Error::new(
        ErrorKind::NewerSchema,
        format!(
            "collection {collection:?} has version {stored} in the file, this program knows version {known}; \
             nothing was written, use a newer program"
        ),
    )
    .of_versions(stored, known)
}

/// Refuses code for versions that are others in the file.
fn check_code(steps: &[Step], stored: &StoredRecords) -> Result<()> {
    let versions = &stored.versions;
    for (old, new) in versions.iter().zip(versions.iter().skip(1)) {
        let step = steps.iter().find(|step| {
            new.by_code && step.from.version == old.version && step.to.version == new.version
        });
        if let Some(step) = step {
            check_same(&step.from, old)?;
            check_same(&step.to, new)?;
        }
    }
    Ok(())
}

fn compare_later(declared: &RecordType, steps: &[Step], stored: &Typed) -> Result<Later> {
    let versions = lineage(declared, steps, &stored.current)?;
    let mut kept = Vec::new();
    for index in &stored.stored.indexes {
        let row = std::iter::once(&stored.current).chain(&versions);
        let definition = row
            .zip(&versions)
            .try_fold(index.definition.clone(), |definition, (old, new)| {
                carried(&definition, old, new)
            });
        if let Some(definition) = definition
            && index.building.is_none()
            && declared.indexes.contains(&definition)
        {
            kept.push((index.id, definition));
        }
    }
    let build = declared
        .indexes
        .iter()
        .filter(|declared| kept.iter().all(|(_, definition)| definition != *declared))
        .cloned()
        .collect();
    let mut later = Later {
        versions,
        kept,
        build,
        resume: None,
    };
    if let Some(coming) = &stored.stored.coming
        && later.is_coming(coming, &stored.stored.versions)
    {
        let unfinished = coming
            .indexes
            .iter()
            .filter(|index| index.building.is_some());
        later.resume = Some(unfinished.map(|index| index.id).collect());
    }
    Ok(later)
}

impl Later {
    /// Whether this is what is coming already.
    fn is_coming(&self, coming: &StoredRecords, versions: &[RecordType]) -> bool {
        let row = versions.iter().chain(&self.versions);
        let indexes = |definition: &IndexDefinition| {
            coming
                .indexes
                .iter()
                .any(|index| index.definition == *definition)
        };
        coming.versions.iter().eq(row)
            && coming.indexes.len() == self.kept.len() + self.build.len()
            && self.kept.iter().all(|(_, definition)| indexes(definition))
            && self.build.iter().all(indexes)
    }
}

fn compare_indexes(declared: &[IndexDefinition], stored: &[StoredIndex], out: &mut Difference) {
    for index in stored {
        let same = declared.contains(&index.definition);
        let ready = index.building.is_none();
        let renewed = declared
            .iter()
            .any(|declared| declared.name == index.definition.name);
        match (same, ready) {
            (true, true) => {}
            (true, false) => out.resume.push(index.id),
            (false, true) if renewed => out.replace.push(index.id),
            (false, _) => out.drop.push(index.id),
        }
    }
    let missing =
        |definition: &&IndexDefinition| stored.iter().all(|index| index.definition != **definition);
    out.build = declared.iter().filter(missing).cloned().collect();
}
