//! Does a declaration fit what is stored, and what is there to do?

use super::catalog::{StoredIndex, Typed};
use super::types::{IndexDefinition, RecordType};
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
    /// A newer version of the same shape.
    pub(crate) version: bool,
}

impl Difference {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the collection can be written as it is declared: every index that is declared is
    /// there, if unfinished, and kept up by who writes.
    pub(crate) fn allows_writing(&self) -> bool {
        self.build.is_empty() && self.drop.is_empty() && !self.version
    }
}

/// Compares a declaration with what is stored under its name.
pub(crate) fn compare(declared: &RecordType, stored: &Typed) -> Result<Difference> {
    let current = &stored.current;
    if current.version > declared.version {
        return Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "collection {:?} has version {} in the file, this program knows version {}; \
                 nothing was written, use a newer program",
                declared.name, current.version, declared.version
            ),
        ));
    }
    let mut differences = Vec::new();
    if current.key != declared.key || current.auto != declared.auto {
        differences.push(format!(
            "its key is {}, not {}",
            key_text(current),
            key_text(declared)
        ));
    }
    describe_fields(current, declared, &mut differences);
    if !differences.is_empty() {
        let remedy = if current.version == declared.version {
            "restore the declaration, or raise the version"
        } else {
            "this version of larder cannot migrate records; keep the shape, or load the records \
             into a new collection"
        };
        return Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "the declaration of collection {:?} differs from version {} in the file: {}; \
                 {remedy}",
                declared.name,
                current.version,
                differences.join(", ")
            ),
        ));
    }
    let mut difference = Difference {
        version: declared.version > current.version,
        ..Difference::default()
    };
    compare_indexes(&declared.indexes, &stored.stored.indexes, &mut difference);
    Ok(difference)
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

fn key_text(record: &RecordType) -> String {
    let auto = if record.auto { " (auto)" } else { "" };
    format!("({}){auto}", record.key.join(", "))
}

/// Names each field that is not the same in both.
fn describe_fields(stored: &RecordType, declared: &RecordType, out: &mut Vec<String>) {
    for field in &stored.fields {
        match declared
            .fields
            .iter()
            .find(|other| other.name == field.name)
        {
            None => out.push(format!("field `{}: {}` is gone", field.name, field.ty)),
            Some(other) if other.ty != field.ty => {
                out.push(format!(
                    "field `{}` is {}, was {}",
                    field.name, other.ty, field.ty
                ));
            }
            Some(_) => {}
        }
    }
    for field in &declared.fields {
        if stored.fields.iter().all(|other| other.name != field.name) {
            out.push(format!("field `{}: {}` is new", field.name, field.ty));
        }
    }
    let order = |record: &RecordType| {
        record
            .fields
            .iter()
            .map(|f| f.name.clone())
            .collect::<Vec<_>>()
    };
    if out.is_empty() && order(stored) != order(declared) {
        out.push("the fields are in another order".to_owned());
    }
}
