//! What was a field or a variant called in earlier versions? `#[renamed(from = "..")]`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, LitStr, Meta, Token};

use crate::errors::{Errors, closest, did_you_mean};
use crate::list;
use crate::names::name_of;

/// A name of an earlier version.
pub(crate) struct OldName {
    pub(crate) text: String,
    span: Span,
}

/// Whether `word` is an attribute that was meant to be this one.
pub(crate) fn is_meant_by(word: &str) -> bool {
    ["rename_from", "renamed_from"].contains(&word) || closest(word, ["renamed"]).is_some()
}

/// Takes our attribute, and what is spelled nearly like it, off a variant. `#[default]` is std's there.
pub(crate) fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<OldName> {
    let mut names = Vec::new();
    attributes.retain(|attribute| {
        let Some(ident) = attribute.path().get_ident() else {
            return true;
        };
        match name_of(ident).as_str() {
            "renamed" => read(attribute, &mut names, errors),
            other if is_meant_by(other) => errors.add(ident.span(), unknown(other, "renamed")),
            _ => return true,
        }
        false
    });
    names
}

/// That there is no attribute `word`, but another that was meant.
pub(crate) fn unknown(word: &str, meant: &str) -> String {
    format!("larder knows no attribute `#[{word}]`; did you mean `#[{meant}]`?")
}

/// Reads `#[renamed(from = "b", from = "a")]`; what is wrong is added to the errors.
pub(crate) fn read(attribute: &Attribute, names: &mut Vec<OldName>, errors: &mut Errors) {
    let pieces = match &attribute.meta {
        Meta::List(list) => list::split(list.tokens.clone()),
        Meta::Path(_) | Meta::NameValue(_) => Vec::new(),
    };
    if pieces.is_empty() {
        errors.add(
            attribute.meta.span(),
            format!("what it was called is missing; {SPELLING}"),
        );
    }
    for piece in pieces {
        names.extend(read_option(piece, errors));
    }
}

fn read_option(piece: TokenStream, errors: &mut Errors) -> Option<OldName> {
    let span = piece.span();
    let option = |input: ParseStream<'_>| -> syn::Result<(Ident, TokenStream)> {
        Ok((input.call(Ident::parse_any)?, input.parse()?))
    };
    let Ok((word, rest)) = option.parse2(piece) else {
        errors.add(
            span,
            format!("this is no option of `#[renamed]`; {SPELLING}"),
        );
        return None;
    };
    if word != "from" {
        let did_you_mean = did_you_mean(&word.to_string(), ["from"]);
        errors.add(
            word.span(),
            format!("`#[renamed]` has no option `{word}`; {SPELLING}{did_you_mean}"),
        );
        return None;
    }
    let value = |input: ParseStream<'_>| -> syn::Result<LitStr> {
        input.parse::<Token![=]>()?;
        input.parse()
    };
    let span = list::last_span(&rest, word.span());
    let Ok(name) = value.parse2(rest) else {
        errors.add(span, format!("an old name is text; {SPELLING}"));
        return None;
    };
    Some(OldName {
        text: name.value(),
        span: name.span(),
    })
}

/// Adds every mistake in the old names of the fields of one struct, or of the variants of one enum.
/// A name that another has today is none: names may be exchanged.
pub(crate) fn check<'a>(
    kind: &str,
    things: impl Iterator<Item = (&'a str, &'a [OldName])>,
    errors: &mut Errors,
) {
    let mut heirs: HashMap<&str, &str> = HashMap::new();
    let pairs = things.flat_map(|(name, old_names)| old_names.iter().map(move |old| (name, old)));
    for (name, old) in pairs {
        check_name(kind, name, old, errors);
        match heirs.entry(&old.text) {
            Entry::Vacant(place) => {
                place.insert(name);
            }
            Entry::Occupied(_) if old.text.is_empty() => {}
            Entry::Occupied(heir) if *heir.get() == name => errors.add(
                old.span,
                format!("`{}` stands here twice; leave one out", old.text),
            ),
            Entry::Occupied(heir) => errors.add(
                old.span,
                format!(
                    "the {kind} `{}` comes from `{}` already, and two {kind}s cannot both come from \
                     one; leave one out",
                    heir.get(),
                    old.text
                ),
            ),
        }
    }
}

fn check_name(kind: &str, name: &str, old: &OldName, errors: &mut Errors) {
    if old.text.is_empty() {
        errors.add(
            old.span,
            format!("an old name is empty; write what the {kind} was called, or leave it out"),
        );
    } else if old.text == name {
        errors.add(
            old.span,
            format!(
                "the {kind} is called `{name}` today; write what it was called before, or leave it out"
            ),
        );
    } else if let Some(plain) = old.text.strip_prefix("r#") {
        errors.add(
            old.span,
            format!("names are stored without `r#`; write `from = \"{plain}\"`"),
        );
    }
}

const SPELLING: &str = "it is written `#[renamed(from = \"old\")]`";
