//! How is a condition written into the descriptor, and how does the compiler check its constants?

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use crate::condition::{Condition, Constant};
use crate::field_path::FieldPath;
use crate::model::Field;
use crate::names::hash;

/// The condition as data.
pub(crate) fn describe(condition: &Condition) -> TokenStream {
    match condition {
        Condition::All(inner) => {
            let inner = inner.iter().map(describe);
            code!(::larder::__private::all([#(#inner),*]))
        }
        Condition::Any(inner) => {
            let inner = inner.iter().map(describe);
            code!(::larder::__private::any([#(#inner),*]))
        }
        Condition::Not(inner) => {
            let inner = describe(inner);
            code!(::larder::__private::not(#inner))
        }
        Condition::Compare { path, is, value } => {
            let names = path.names();
            let is = format_ident!("{is:?}");
            let value = match &**value {
                Constant::Null => code!(Null),
                Constant::Bool(value, _) => code!(Bool(#value)),
                Constant::Integer(text, _) => text_of(&code!(Integer), text),
                Constant::Float(text, _) => text_of(&code!(Float), text),
                Constant::Text(text, _) => text_of(&code!(Text), text),
                Constant::Variant(name, _) => text_of(&code!(Variant), name),
            };
            code! {
                ::larder::__private::compare(
                    &[#(#names),*],
                    ::larder::__private::Comparison::#is,
                    ::larder::__private::Constant::#value,
                )
            }
        }
    }
}

fn text_of(kind: &TokenStream, text: &str) -> TokenStream {
    code!(#kind(::larder::__private::text(#text)))
}

/// Constants that compile only if every constant fits the type of its field.
pub(crate) fn check(condition: &Condition, fields: &[Field]) -> TokenStream {
    condition
        .comparisons()
        .into_iter()
        .filter_map(|(path, _, constant)| {
            let types = path.types(fields)?;
            let leaf = types.last()?;
            Some(match constant {
                Constant::Null => check_null(&types, path),
                Constant::Bool(_, value)
                | Constant::Integer(_, value)
                | Constant::Float(_, value)
                | Constant::Text(_, value) => check_literal(leaf, value, path.span()),
                Constant::Variant(name, value) => {
                    let name = hash(name);
                    let literal = check_literal(leaf, &Expr::Path((**value).clone()), path.span());
                    let check = quote_spanned! {value.span().resolved_at(Span::mixed_site())=>
                        const _: () = ::larder::__private::unit_variant::<
                            <#leaf as ::larder::__private::Comparable>::Constant, #name
                        >();
                    };
                    code!(#literal #check)
                }
            })
        })
        .collect()
}

fn check_literal(leaf: &TokenStream, value: &Expr, span: Span) -> TokenStream {
    let ty = quote_spanned! {span.resolved_at(Span::mixed_site())=>
        <#leaf as ::larder::__private::Comparable>::Constant
    };
    code!(const _: #ty = #value;)
}

fn check_null(types: &[TokenStream], path: &FieldPath) -> TokenStream {
    let message = format!(
        "`{}` is never `None`: neither it nor a part on the way is an `Option`",
        path.text()
    );
    quote_spanned! {path.span().resolved_at(Span::mixed_site())=>
        const _: () = ::core::assert!(
            false #(|| <#types as ::larder::Storable>::NULLABLE)*,
            #message
        );
    }
}
