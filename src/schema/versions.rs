//! Which versions lie between what is stored and what is declared, and what do they do to the indexes?
//!
//! The versions of a collection are one row, fixed when each was registered: every step in it is by a plan
//! or by code.

use super::step::Step;
use super::types::{Condition, FieldType, IndexDefinition, RecordType, Type};
use super::upgrade::{compare_versions, source_of};
use crate::base::{Error, ErrorKind, Result};

/// The versions that follow the stored one up to the declared one.
///
/// # Errors
/// `SchemaChanged` where one of the steps needs code that is not there, or a key would change.
pub(crate) fn lineage(
    declared: &RecordType,
    steps: &[Step],
    current: &RecordType,
) -> Result<Vec<RecordType>> {
    let earliest = steps.first().map(|step| (None, &step.from));
    let later = steps.iter().map(|step| (Some(&step.from), &step.to));
    let chain: Vec<(Option<&RecordType>, &RecordType)> = match earliest {
        Some(earliest) => std::iter::once(earliest).chain(later).collect(),
        None => vec![(None, declared)],
    };
    let mut lineage: Vec<RecordType> = Vec::new();
    for (from, version) in chain {
        if version.version <= current.version {
            continue;
        }
        let before = lineage.last().unwrap_or(current);
        let by_code = from.is_some_and(|from| from.version == before.version);
        check_key(before, version, by_code)?;
        if let (true, Some(from)) = (by_code, from) {
            check_same(from, before)?;
        } else {
            let compared = compare_versions(before, version)?;
            if !compared.refused.is_empty() {
                return Err(needs_code(before, version, &compared.refused));
            }
        }
        lineage.push(RecordType {
            by_code,
            passed: version.version != declared.version,
            indexes: Vec::new(),
            ..version.clone()
        });
    }
    Ok(lineage)
}

/// Refuses code that is for another record than the one that is stored.
pub(crate) fn check_same(declared: &RecordType, stored: &RecordType) -> Result<()> {
    let differences = differences(stored, declared);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::SchemaChanged,
        format!(
            "the type for version {} of collection {:?} differs from what is in the file: {}; restore it",
            declared.version,
            declared.name,
            differences.join(", ")
        ),
    ))
}

fn needs_code(before: &RecordType, version: &RecordType, refused: &[String]) -> Error {
    Error::new(
        ErrorKind::SchemaChanged,
        format!(
            "version {} of collection {:?} does not follow from version {} in the file without code: {}; \
             nothing was written. Give what is new a `#[default]`, say what was renamed by \
             `#[renamed(from = \"..\")]`, or keep the type of version {} and write `#[record(version = {}, \
             from = ThatType)]` with a `TryFrom`",
            version.version,
            version.name,
            before.version,
            refused.join(", "),
            before.version,
            version.version,
        ),
    )
}

/// Names each field in which two descriptors of one version differ.
pub(crate) fn differences(stored: &RecordType, declared: &RecordType) -> Vec<String> {
    let mut out = Vec::new();
    if stored.key != declared.key || stored.auto != declared.auto {
        out.push(format!(
            "its key is {}, not {}",
            key_text(stored),
            key_text(declared)
        ));
    }
    let names = |record: &RecordType| -> Vec<String> {
        record
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect()
    };
    for field in &stored.fields {
        let other = declared
            .fields
            .iter()
            .find(|other| other.name == field.name);
        match other {
            None => out.push(format!("field `{}: {}` is gone", field.name, field.ty)),
            Some(other) if !other.ty.same_shape(&field.ty) => {
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
    if out.is_empty() && names(stored) != names(declared) {
        out.push("the fields are in another order".to_owned());
    }
    out
}

fn key_text(record: &RecordType) -> String {
    let auto = if record.auto { " (auto)" } else { "" };
    format!("({}){auto}", record.key.join(", "))
}

/// Refuses a version whose keys are others: they are where the records lie.
fn check_key(old: &RecordType, new: &RecordType, by_code: bool) -> Result<()> {
    let field = |record: &'_ RecordType, name: &String| {
        record
            .fields
            .iter()
            .find(|field| field.name == *name)
            .cloned()
    };
    let same = |(old_name, new_name): (&String, &String)| {
        let (Some(before), Some(after)) = (field(old, old_name), field(new, new_name)) else {
            return false;
        };
        let follows = by_code
            || source_of(&old.fields, &new.fields, new_name)
                .is_some_and(|source| source.name == *old_name);
        follows && before.ty.same_shape(&after.ty)
    };
    let length = old.key.len() == new.key.len() && old.auto == new.auto;
    if length && old.key.iter().zip(&new.key).all(same) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::SchemaChanged,
        format!(
            "the key of collection {:?} is {} in version {} in the file, not {}: a migration cannot change \
             keys; restore it, or load the records into a new collection",
            new.name,
            key_with_types(old),
            old.version,
            key_with_types(new),
        ),
    ))
}

fn key_with_types(record: &RecordType) -> String {
    let field = |name: &String| {
        let field = record.fields.iter().find(|field| field.name == *name);
        field.map_or_else(|| name.clone(), ToString::to_string)
    };
    let fields: Vec<String> = record.key.iter().map(field).collect();
    let auto = if record.auto { " (auto)" } else { "" };
    format!("({}){auto}", fields.join(", "))
}

/// The index as the later version has to define it to have the same entries; `None` where its entries
/// may be others.
pub(crate) fn carried(
    index: &IndexDefinition,
    old: &RecordType,
    new: &RecordType,
) -> Option<IndexDefinition> {
    if new.by_code {
        return None;
    }
    let carry = |path: &[String]| carry_path(path, &old.fields, &new.fields);
    let mut carried = index.clone();
    for part in &mut carried.parts {
        part.path = carry(&part.path)?;
    }
    if let Some(condition) = &mut carried.condition {
        carry_condition(condition, &carry)?;
    }
    // What is included is kept under its names.
    let same = |path: &Vec<String>| carry(path).as_ref() == Some(path);
    let parts_same = carried.parts == index.parts;
    (index.include.is_empty() || (parts_same && index.include.iter().all(same))).then_some(carried)
}

fn carry_condition(
    condition: &mut Condition,
    carry: &dyn Fn(&[String]) -> Option<Vec<String>>,
) -> Option<()> {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => conditions
            .iter_mut()
            .try_for_each(|condition| carry_condition(condition, carry)),
        Condition::Not(condition) => carry_condition(condition, carry),
        Condition::Compare { path, .. } => {
            *path = carry(path)?;
            Some(())
        }
    }
}

/// Where a path leads in the later version, if the value there is what it was.
fn carry_path(path: &[String], old: &[FieldType], new: &[FieldType]) -> Option<Vec<String>> {
    let (name, rest) = path.split_first()?;
    let after = new.iter().find(|field| {
        source_of(old, new, &field.name).is_some_and(|source| source.name == *name)
    })?;
    let before = old.iter().find(|field| field.name == *name)?;
    let mut carried = vec![after.name.clone()];
    if rest.is_empty() {
        return before.ty.same_shape(&after.ty).then_some(carried);
    }
    let (mut before, mut after) = (&before.ty, &after.ty);
    while let (Type::Option(inner_before), Type::Option(inner_after)) = (before, after) {
        (before, after) = (inner_before, inner_after);
    }
    let (Type::Struct(before), Type::Struct(after)) = (before, after) else {
        return None;
    };
    carried.extend(carry_path(rest, before, after)?);
    Some(carried)
}
