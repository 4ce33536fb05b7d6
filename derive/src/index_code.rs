//! How is an index written into the descriptor, and what is the type of its key?

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use crate::condition_code;
use crate::index::{Index, Part};
use crate::model::Field;

/// The index as data.
pub(crate) fn describe(index: &Index) -> TokenStream {
    let name = &index.name;
    let unique = index.unique;
    let parts = index.parts.iter().map(|part| {
        let names = part.path.names();
        let (descending, fold, each) = (
            part.descending.is_some(),
            part.fold.is_some(),
            part.each.is_some(),
        );
        code!(::larder::__private::index_part(&[#(#names),*], #descending, #fold, #each))
    });
    let condition = index
        .condition
        .as_ref()
        .map(condition_code::describe)
        .map_or_else(
            || code!(::core::option::Option::None),
            |condition| code!(::core::option::Option::Some(#condition)),
        );
    let include = index.include.iter().map(|path| {
        let names = path.names();
        code!(&[#(#names),*])
    });
    code!(::larder::__private::index(
        #name, #unique, [#(#parts),*], #condition, &[#(#include),*]
    ))
}

/// Compiles only if there are the fields that it includes.
pub(crate) fn check_included(index: &Index, fields: &[Field]) -> TokenStream {
    let types = index.include.iter().filter_map(|path| {
        let ty = path.types(fields)?.pop()?;
        Some(
            quote_spanned! {path.span().resolved_at(Span::mixed_site())=>
                const _: ::core::marker::PhantomData<#ty> = ::core::marker::PhantomData;
            },
        )
    });
    types.collect()
}

/// The type of its key.
pub(crate) fn key_type(index: &Index, fields: &[Field]) -> Option<TokenStream> {
    match index.parts.as_slice() {
        [part] => single_type(part, fields),
        parts => {
            let types: Option<Vec<_>> = parts
                .iter()
                .map(|part| compound_type(part, fields))
                .collect();
            let types = types?;
            Some(code!((#(#types,)*)))
        }
    }
}

fn single_type(part: &Part, fields: &[Field]) -> Option<TokenStream> {
    let leaf = part.path.types(fields)?.pop()?;
    let element = if let Some(span) = part.each {
        quote_spanned! {span.resolved_at(Span::mixed_site())=>
            <#leaf as ::larder::__private::EachKey>::Element
        }
    } else {
        leaf
    };
    let span = part
        .fold
        .unwrap_or_else(|| part.path.span())
        .resolved_at(Span::mixed_site());
    Some(if part.fold.is_some() {
        quote_spanned!(span=> <#element as ::larder::__private::FoldKey>::Folded)
    } else {
        quote_spanned!(span=> <#element as ::larder::__private::IndexKey>::Key)
    })
}

/// A part of a compound key: the type of the field, optional if there is an option on the way.
fn compound_type(part: &Part, fields: &[Field]) -> Option<TokenStream> {
    let mut types = part.path.types(fields)?;
    let mut reached = types.pop()?;
    if let Some(span) = part.fold {
        reached = quote_spanned! {span.resolved_at(Span::mixed_site())=>
            <#reached as ::larder::__private::FoldKey>::Whole
        };
    }
    for outer in types.iter().rev() {
        reached = code!(<#outer as ::larder::__private::Through>::Reach<#reached>);
    }
    if part.descending.is_some() {
        reached = code!(::larder::Reverse<#reached>);
    }
    Some(reached)
}
