//! `#[part]`: from the struct or enum to its code.

use proc_macro2::TokenStream;
use syn::Ident;
use syn::spanned::Spanned;

use crate::archived;
use crate::errors::{Errors, did_you_mean};
use crate::key_code;
use crate::list;
use crate::model::{self, Body, Item};
use crate::record_checks::check_tokens;
use crate::storable_code;
use crate::token_code;

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let source = match model::parse(item, "part") {
        Ok(source) => source,
        Err(code) => return code,
    };
    let mut errors = Errors::default();
    let is_key = read_arguments(arguments, &mut errors);
    let item = Item::read(source, "part", &mut errors);
    check(&item, &mut errors);
    if !errors.is_empty() {
        return item.with_errors(errors);
    }

    let fields = item.fields();
    let item_code = archived::expand_item(&item);
    let storable = storable_code::expand(&item);
    let field_types = storable_code::expand_field_types(&item, fields);
    let tokens = fields
        .iter()
        .any(token_code::is_named)
        .then(|| token_code::expand(&item, fields, &[]));
    let variants =
        matches!(item.body, Body::Enum(_)).then(|| key_code::expand_unit_variants(&item));
    let key = is_key.then(|| key_code::expand(&item));
    let layout = archived::expand_check(&item);
    code! {
        #item_code
        #storable
        #field_types
        #tokens
        #variants
        #key
        #layout
    }
}

/// Whether the part is a key.
fn read_arguments(arguments: TokenStream, errors: &mut Errors) -> bool {
    let mut is_key = false;
    for piece in list::split(arguments) {
        let span = piece.span();
        match syn::parse2::<Ident>(piece) {
            Ok(word) if word == "key" => is_key = true,
            Ok(word) => errors.add(
                span,
                format!(
                    "`#[part]` has no option `{word}`; there is `#[part(key)]`{}",
                    did_you_mean(&word.to_string(), ["key"])
                ),
            ),
            Err(_) => errors.add(
                span,
                "`#[part]` has no such option; there is `#[part(key)]`, and names, versions and \
                 indexes are the record's",
            ),
        }
    }
    is_key
}

fn check(item: &Item, errors: &mut Errors) {
    let span = item.ident.span();
    match &item.body {
        Body::Struct(fields) if fields.is_empty() && !item.is_union() => {
            errors.add(
                span,
                "a part without fields holds nothing; leave it out, or use a `bool`",
            );
        }
        Body::Enum(variants) if variants.is_empty() => {
            errors.add(
                span,
                "an enum without variants has no values; add a variant",
            );
        }
        Body::Enum(variants) if variants.len() > VARIANTS_MAX => errors.add(
            span,
            format!(
                "an enum has at most {VARIANTS_MAX} variants, this one has {}; store a number, or \
                 group the variants",
                variants.len()
            ),
        ),
        Body::Struct(_) | Body::Enum(_) => {}
    }
    for field in item.all_fields() {
        if let Some(key) = &field.attributes.key {
            errors.add(
                key.span,
                "the key is the record's: put `#[key]` before a field of the record, and \
                 `#[part(key)]` before a part that is one",
            );
        }
        for index in &field.attributes.indexes {
            errors.add(
                index.span,
                "indexes are the record's: `#[record(index(by_field = part.field))]`",
            );
        }
    }
    check_tokens(
        item.fields()
            .iter()
            .filter(|field| token_code::is_named(field))
            .map(|field| (field.name.as_str(), "field", field.span)),
        errors,
    );
}

/// A variant is one byte.
const VARIANTS_MAX: usize = 256;
