//! `#[record]`: from the struct to its code.

use proc_macro2::{Span, TokenStream};

use crate::archived;
use crate::bounds::Bounds;
use crate::condition_code;
use crate::errors::Errors;
use crate::index::Index;
use crate::index_code;
use crate::model::{self, Field, Item};
use crate::names::{name_of, snake_case};
use crate::record_arguments::RecordArguments;
use crate::record_checks;
use crate::step_code::Step;
use crate::storable_code;
use crate::token_code;

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let source = match model::parse(item, "record") {
        Ok(source) => source,
        Err(code) => return code,
    };
    let mut errors = Errors::default();
    let arguments = RecordArguments::parse(arguments, &mut errors);
    let item = Item::read(source, "record", &mut errors);
    check_shape(&item, &mut errors);
    let fields = item.fields();
    let mut indexes: Vec<Index> = Vec::new();
    for field in fields {
        indexes.extend(
            field
                .attributes
                .indexes
                .iter()
                .map(|attribute| Index::of_field(field, attribute)),
        );
    }
    let RecordArguments {
        name,
        version,
        step,
        indexes: of_struct,
    } = arguments;
    indexes.extend(of_struct);
    if !fields.is_empty() && fields.iter().all(token_code::is_named) {
        record_checks::check(&item, fields, &indexes, &mut errors);
    }
    if let Some(step) = &step {
        step.check(&item, &mut errors);
    }
    if !errors.is_empty() {
        return item.with_errors(errors);
    }

    let struct_code = archived::expand_item(&item);
    let storable = storable_code::expand(&item);
    let field_types = storable_code::expand_field_types(&item, fields);
    let tokens = token_code::expand(&item, fields, &indexes);
    let checks: TokenStream = indexes
        .iter()
        .filter_map(|index| index.condition.as_ref())
        .map(|condition| condition_code::check(condition, fields))
        .chain(
            indexes
                .iter()
                .map(|index| index_code::check_included(index, fields)),
        )
        .collect();
    let layout = archived::expand_check(&item);
    let name = name.unwrap_or_else(|| snake_case(&name_of(&item.ident)));
    let steps = step.as_ref().map(Step::expand_method);
    let step_check = step.as_ref().map(|step| step.expand_check(&item));
    let record = expand_record(&item, &name, version.unwrap_or(1), &indexes, steps.as_ref());
    code! {
        #struct_code
        #storable
        #field_types
        #tokens
        #record
        #checks
        #step_check
        #layout
    }
}

/// A record is a struct with named fields.
fn check_shape(item: &Item, errors: &mut Errors) {
    let span = item.ident.span();
    match &item.source.data {
        syn::Data::Enum(_) => errors.add(
            span,
            "a record is a struct; make the enum a field of one, with `#[larder::part]`",
        ),
        syn::Data::Struct(data) => match &data.fields {
            syn::Fields::Named(fields) if fields.named.is_empty() => {
                errors.add(
                    span,
                    "a record has at least the field that is its key; add it",
                );
            }
            syn::Fields::Named(_) => {}
            syn::Fields::Unnamed(_) => errors.add(
                span,
                "the fields of a record have names, which indexes and migrations go by; write \
                 `struct Name { #[key] id: u64, .. }`",
            ),
            syn::Fields::Unit => {
                errors.add(
                    span,
                    "a record has at least the field that is its key; add it",
                );
            }
        },
        syn::Data::Union(_) => {}
    }
}

fn expand_record(
    item: &Item,
    name: &str,
    version: u32,
    indexes: &[Index],
    steps: Option<&TokenStream>,
) -> TokenStream {
    let ident = &item.ident;
    let fields = item.fields();
    let keys: Vec<&Field> = fields
        .iter()
        .filter(|field| field.attributes.key.is_some())
        .collect();
    let auto = keys
        .iter()
        .find(|field| field.attributes.key.as_ref().is_some_and(|key| key.auto));
    let members: Vec<_> = keys.iter().map(|field| &field.member).collect();
    let types: Vec<_> = keys.iter().map(|field| &field.ty).collect();
    let (key_type, key) = match (members.as_slice(), types.as_slice()) {
        ([member], [ty]) => (
            code!(#ty),
            code!(::core::clone::Clone::clone(&self.#member)),
        ),
        _ => (
            code!((#(#types,)*)),
            code!((#(::core::clone::Clone::clone(&self.#members),)*)),
        ),
    };
    let auto_offset = if let Some(field) = auto {
        let (archived, member) = (archived::archived_name(item), &field.member);
        code!(::core::option::Option::Some(
            ::core::mem::offset_of!(#archived, #member)
        ))
    } else {
        code!(::core::option::Option::None)
    };
    let clause = Bounds::of(item).clause();
    let auto_check = auto.map(|field| {
        let ty = &field.ty;
        quote::quote_spanned! {syn::spanned::Spanned::span(ty).resolved_at(Span::mixed_site())=>
            const _: fn(#ty) -> ::core::primitive::u64 = |key| key;
        }
    });
    let is_auto = auto.is_some();
    let key_names = keys.iter().map(|field| &field.name);
    let described = storable_code::describe_struct(fields);
    let indexes = indexes.iter().map(index_code::describe);
    code! {
        #[automatically_derived]
        impl ::larder::Record for #ident #clause {
            type Key = #key_type;
            const NAME: &'static ::core::primitive::str = #name;
            const VERSION: ::core::primitive::u32 = #version;
            const AUTO_KEY_OFFSET: ::core::option::Option<::core::primitive::usize> = #auto_offset;

            fn describe_record() -> ::larder::__private::RecordType {
                ::larder::__private::record_type(
                    #name,
                    #version,
                    #described,
                    &[#(#key_names),*],
                    #is_auto,
                    [#(#indexes),*],
                )
            }

            #steps

            fn encode_key(&self, out: &mut ::std::vec::Vec<::core::primitive::u8>) {
                #(::larder::Key::encode(&self.#members, out);)*
            }

            fn key(&self) -> Self::Key {
                #key
            }
        }

        #auto_check
    }
}
