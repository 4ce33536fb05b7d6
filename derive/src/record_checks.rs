//! Does a record make sense? What each option allows by itself, together with the others.

use std::collections::HashMap;

use proc_macro2::Span;

use crate::errors::{Errors, did_you_mean};
use crate::field_path::FieldPath;
use crate::index::{Index, Part};
use crate::model::{Field, Item};
use crate::names::token_of;
use crate::record_arguments::NAME_BYTES_MAX;

/// Adds every mistake in the keys and indexes of a record.
pub(crate) fn check(item: &Item, fields: &[Field], indexes: &[Index], errors: &mut Errors) {
    check_key(item, fields, errors);
    for field in fields {
        if field.name.len() > NAME_BYTES_MAX {
            errors.add(
                field.span,
                format!("a name has at most {NAME_BYTES_MAX} bytes"),
            );
        }
    }
    for index in indexes {
        check_index(index, fields, errors);
    }
    check_names(indexes, errors);
    check_alike(indexes, errors);
    check_tokens(
        fields
            .iter()
            .map(|field| (field.name.as_str(), "field", field.span))
            .chain(
                indexes
                    .iter()
                    .map(|index| (index.name.as_str(), "index", index.span)),
            ),
        errors,
    );
}

fn check_key(item: &Item, fields: &[Field], errors: &mut Errors) {
    let keys: Vec<_> = fields
        .iter()
        .filter_map(|field| field.attributes.key.as_ref().map(|key| (field, key)))
        .collect();
    if keys.is_empty() {
        errors.add(
            item.ident.span(),
            "a record has a primary key; put `#[key]` before the field that it is, or `#[key(auto)]` \
             before a `u64` for one that `insert` assigns",
        );
    }
    if keys.len() > MEMBERS_MAX {
        errors.add(
            item.ident.span(),
            "a primary key has at most six fields; put them into a struct with `#[larder::part(key)]`",
        );
    }
    for (field, key) in &keys {
        if let Some(default) = &field.attributes.default {
            errors.add(
                default.span,
                "every record has its key, so nothing stands in for it; leave `#[default]` out",
            );
        }
        if !key.auto {
            continue;
        }
        if keys.len() > 1 {
            errors.add(
                key.span,
                "a key that `insert` assigns stands alone; leave the other `#[key]` out, or `auto`",
            );
        }
        let is_u64 = matches!(&field.ty, syn::Type::Path(path) if path.path.segments.last()
            .is_some_and(|last| last.ident == "u64"));
        if !is_u64 {
            errors.add(
                syn::spanned::Spanned::span(&field.ty),
                "a key that `insert` assigns is a `u64`; change the type, or leave `auto` out (a \
                 `Uuid` comes from `Uuid::now_v7()`)",
            );
        }
    }
}

fn check_index(index: &Index, fields: &[Field], errors: &mut Errors) {
    if index.name.len() > NAME_BYTES_MAX {
        errors.add(
            index.span,
            format!("a name has at most {NAME_BYTES_MAX} bytes"),
        );
    }
    if index.name.starts_with("__") || index.name == "_" {
        errors.add(
            index.span,
            "names that start with two underscores are larder's own; choose another",
        );
    }
    for part in &index.parts {
        check_path(&part.path, fields, errors);
        check_part(part, index, fields, errors);
    }
    for path in index
        .condition
        .iter()
        .flat_map(|condition| condition.paths())
    {
        check_path(path, fields, errors);
    }
    check_included(index, fields, errors);
    if index.parts.len() > MEMBERS_MAX {
        errors.add(index.span, "an index has at most six parts");
    }
    for (i, part) in index.parts.iter().enumerate() {
        if index
            .parts
            .iter()
            .take(i)
            .any(|other| other.path.names() == part.path.names())
        {
            errors.add(
                part.path.span(),
                format!(
                    "`{}` stands twice in this index; leave one out",
                    part.path.text()
                ),
            );
        }
    }
}

fn check_included(index: &Index, fields: &[Field], errors: &mut Errors) {
    for (i, path) in index.include.iter().enumerate() {
        check_path(path, fields, errors);
        let before = index.include.iter().take(i);
        let others = before.chain(index.parts.iter().map(|part| &part.path));
        if others
            .into_iter()
            .any(|other| other.names() == path.names())
        {
            errors.add(
                path.span(),
                format!(
                    "`{}` stands twice in this index; leave one out",
                    path.text()
                ),
            );
        }
    }
    if let (Some(path), true) = (
        index.include.first(),
        index.parts.iter().any(|part| part.each.is_some()),
    ) {
        errors.add(
            path.span(),
            "an index of each element includes nothing: it would hold it once for each; leave it out",
        );
    }
}

fn check_part(part: &Part, index: &Index, fields: &[Field], errors: &mut Errors) {
    let compound = index.parts.len() > 1;
    if let Some(span) = part.descending.filter(|_| !compound) {
        errors.add(
            span,
            "an index over one field is read in both directions; leave `desc` out and turn the \
             range around with `range(..).rev()`",
        );
    }
    if let Some(span) = part.each.filter(|_| compound) {
        errors.add(
            span,
            "only an index of one part has an entry for each element; make an index of its own",
        );
    }
    let keys: Vec<&Field> = fields
        .iter()
        .filter(|field| field.attributes.key.is_some())
        .collect();
    if let [key] = keys.as_slice() {
        let plain = part.fold.is_none() && part.each.is_none() && index.condition.is_none();
        if !compound && plain && part.path.names() == [key.name.as_str()] {
            errors.add(
                index.span,
                "the primary key is an index already; leave this one out",
            );
        }
    }
}

fn check_path(path: &FieldPath, fields: &[Field], errors: &mut Errors) {
    let first = path.first();
    if !fields.iter().any(|field| field.name == first.name) {
        errors.add(
            first.span,
            format!(
                "there is no field `{}`{}",
                first.name,
                did_you_mean(&first.name, fields.iter().map(|field| field.name.as_str()))
            ),
        );
    }
    if path.steps.len() > PATH_NAMES_MAX {
        errors.add(path.span(), "a path has at most eight names");
    }
}

fn check_names(indexes: &[Index], errors: &mut Errors) {
    for (i, index) in indexes.iter().enumerate() {
        if indexes.iter().take(i).any(|other| other.name == index.name) {
            errors.add(
                index.span,
                format!(
                    "there are two indexes called `{}`; give one another name",
                    index.name
                ),
            );
        }
    }
}

/// Two indexes over the same parts, with no condition: the second only costs.
fn check_alike(indexes: &[Index], errors: &mut Errors) {
    let parts = |index: &Index| -> Vec<_> {
        let part = |part: &Part| {
            (
                part.path.text(),
                part.descending.is_some(),
                part.fold.is_some(),
                part.each.is_some(),
            )
        };
        index.parts.iter().map(part).collect()
    };
    for (i, index) in indexes.iter().enumerate() {
        let alike = indexes.iter().take(i).find(|other| {
            other.name != index.name
                && parts(other) == parts(index)
                && [*other, index]
                    .iter()
                    .all(|one| one.condition.is_none() && !one.incomplete)
                && other.include.is_empty() == index.include.is_empty()
        });
        if let Some(other) = alike {
            errors.add(
                index.span,
                format!(
                    "this index has the same parts as `{}`; leave one out",
                    other.name
                ),
            );
        }
    }
}

/// Refuses two things whose constants would have one name.
pub(crate) fn check_tokens<'a>(
    things: impl Iterator<Item = (&'a str, &'static str, Span)>,
    errors: &mut Errors,
) {
    let mut seen: HashMap<String, (&str, &str)> = HashMap::new();
    for (name, kind, span) in things {
        let token = token_of(name, span).to_string();
        match seen.get(&token) {
            // Two indexes of one name are reported as that.
            Some((other, other_kind)) if !(*other == name && *other_kind == kind) => errors.add(
                span,
                format!(
                    "the constants of the {other_kind} `{other}` and of the {kind} `{name}` would \
                     both be called `{token}`; give one another name"
                ),
            ),
            Some(_) => {}
            None => {
                seen.insert(token, (name, kind));
            }
        }
    }
}

/// Most fields of a compound key and parts of a compound index: tuples of more are no keys.
const MEMBERS_MAX: usize = 6;

/// Most names in a path, as in `larder::Field`.
const PATH_NAMES_MAX: usize = 8;
