//! What did the user write before a field? `#[key]`, `#[index]` and `#[unique]`, `#[default]` and
//! `#[renamed]`.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Meta, Token};

use crate::default_value::DefaultValue;
use crate::errors::{Errors, closest, did_you_mean};
use crate::field_path::FieldPath;
use crate::index::read_paths;
use crate::list;
use crate::names::name_of;
use crate::renamed::{self, OldName};

/// Our attributes of one field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) key: Option<KeyAttribute>,
    pub(crate) indexes: Vec<IndexAttribute>,
    pub(crate) default: Option<DefaultValue>,
    /// The latest first.
    pub(crate) renamed: Vec<OldName>,
}

/// `#[key]` or `#[key(auto)]`.
pub(crate) struct KeyAttribute {
    pub(crate) span: Span,
    pub(crate) auto: bool,
}

/// `#[index]` or `#[unique]`, perhaps with `each` and `fold`.
pub(crate) struct IndexAttribute {
    pub(crate) span: Span,
    pub(crate) unique: bool,
    pub(crate) each: bool,
    pub(crate) fold: bool,
    /// The fields that it holds beside this one.
    pub(crate) include: Vec<FieldPath>,
}

/// Takes our attributes, and what is spelled nearly like them, off a field.
pub(crate) fn take_field_attributes(
    attributes: &mut Vec<Attribute>,
    errors: &mut Errors,
) -> FieldAttributes {
    let mut taken = FieldAttributes::default();
    attributes.retain(|attribute| {
        let Some(ident) = attribute.path().get_ident() else {
            return true;
        };
        let span = attribute.path().span();
        match name_of(ident).as_str() {
            "key" => {
                let words = words(attribute, &["auto"], None, errors);
                if taken.key.is_some() {
                    errors.add(span, "`#[key]` stands here twice; leave one out");
                }
                taken.key = Some(KeyAttribute {
                    span,
                    auto: has(&words, "auto"),
                });
            }
            kind @ ("index" | "unique") => {
                let mut include = Vec::new();
                let words = words(attribute, &["each", "fold"], Some(&mut include), errors);
                taken.indexes.push(IndexAttribute {
                    span,
                    unique: kind == "unique",
                    each: has(&words, "each"),
                    fold: has(&words, "fold"),
                    include,
                });
            }
            "default" => DefaultValue::read(attribute, &mut taken.default, errors),
            "renamed" => renamed::read(attribute, &mut taken.renamed, errors),
            other => {
                let Some(meant) = meant_by(other) else {
                    return true;
                };
                errors.add(span, renamed::unknown(other, meant));
            }
        }
        false
    });
    taken
}

/// The attribute of ours that `word` was meant to be.
fn meant_by(word: &str) -> Option<&'static str> {
    match word {
        "primary_key" | "id" | "pk" => Some("key"),
        "indexed" => Some("index"),
        word if renamed::is_meant_by(word) => Some("renamed"),
        _ => closest(word, ["index", "unique", "default"]),
    }
}

/// The words between the parentheses, and what is to be included; what is not known is an error.
fn words(
    attribute: &Attribute,
    known: &[&str],
    mut include: Option<&mut Vec<FieldPath>>,
    errors: &mut Errors,
) -> Vec<Ident> {
    let name = attribute
        .path()
        .get_ident()
        .map(name_of)
        .unwrap_or_default();
    let tokens = match &attribute.meta {
        Meta::Path(_) => return Vec::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(value) => {
            errors.add(
                value.value.span(),
                format!(
                    "`#[{name}]` takes no value; its options are {}",
                    listed(&name, known)
                ),
            );
            return Vec::new();
        }
    };
    let mut words: Vec<Ident> = Vec::new();
    for piece in list::split(tokens) {
        let span = piece.span();
        let first = piece
            .clone()
            .into_iter()
            .next()
            .map(|token| token.to_string());
        let first = first.unwrap_or_default();
        if let (Some(include), "include") = (&mut include, first.as_str()) {
            let value = |input: ParseStream<'_>| -> syn::Result<TokenStream> {
                input.parse::<Ident>()?;
                input.parse::<Token![=]>()?;
                input.parse()
            };
            match value.parse2(piece).and_then(read_paths) {
                Ok(paths) => include.extend(paths),
                Err(_) => errors.add(
                    span,
                    "this option is written `include = name` or `include = (a, b)`",
                ),
            }
            continue;
        }
        match syn::parse2::<Ident>(piece) {
            Ok(word) if known.iter().any(|known| word == known) => {
                if words.contains(&word) {
                    errors.add(span, format!("`{word}` stands here twice; leave one out"));
                }
                words.push(word);
            }
            Ok(word) if word == "desc" => errors.add(
                span,
                "an index over one field is read in both directions; leave `desc` out and turn the \
                 range around with `range(..).rev()`",
            ),
            Ok(word) if word == "fold" => errors.add(
                span,
                "a primary key is stored as it is and cannot be folded; fold the text before it \
                 becomes the key, or add `#[index(fold)]`",
            ),
            Ok(word) => errors.add(
                span,
                format!(
                    "`#[{name}]` has no option `{word}`; its options are {}{}",
                    listed(&name, known),
                    did_you_mean(&word.to_string(), known.iter().copied())
                ),
            ),
            Err(_) if first == "when" => errors.add(span, WHEN_BELONGS_TO_THE_STRUCT),
            Err(_) => errors.add(
                span,
                format!(
                    "`#[{name}]` has no such option; its options are {}",
                    listed(&name, known)
                ),
            ),
        }
    }
    words
}

fn listed(name: &str, known: &[&str]) -> String {
    let include = (name != "key").then_some("include = ..");
    known
        .iter()
        .copied()
        .chain(include)
        .map(|word| format!("`#[{name}({word})]`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn has(words: &[Ident], word: &str) -> bool {
    words.iter().any(|found| found == word)
}

const WHEN_BELONGS_TO_THE_STRUCT: &str = "a condition stands with the struct: \
     `#[record(index(by_field = field, when = ..))]`";
