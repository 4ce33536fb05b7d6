//! How does a type that cannot be stored become one error instead of sixteen?
//!
//! Every implementation for an item says `where Color: Storable` for the types of its fields.
//! Inside, the bound is taken as given and nothing else fails; that it does not hold is reported
//! for each implementation, but always at the same place and in the same words, and the compiler
//! prints what is the same only once.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use crate::model::Item;

/// The types in the fields of which it is not known if they are stored.
pub(crate) struct Bounds<'a>(Vec<&'a Type>);

impl<'a> Bounds<'a> {
    /// The types of an item, each once: of `Vec<Option<Color>>` it is `Color`.
    pub(crate) fn of(item: &'a Item) -> Self {
        let mut types: Vec<&Type> = Vec::new();
        for ty in item.all_fields().flat_map(|field| leaves(&field.ty)) {
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        Self(types)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That they are stored: `Color: Storable`.
    pub(crate) fn stored(&self) -> TokenStream {
        self.each(|ty, span| quote_spanned!(span=> #ty: ::larder::Storable,))
    }

    /// That `__S` serializes them.
    pub(crate) fn serialize(&self) -> TokenStream {
        self.each(|ty, span| {
            quote_spanned! {span=>
                <#ty as ::larder::Storable>::With: ::larder::rkyv::with::SerializeWith<#ty, __S>,
                <#ty as ::larder::Storable>::VecWith:
                    ::larder::rkyv::with::SerializeWith<::std::vec::Vec<#ty>, __S>,
            }
        })
    }

    /// That `__D` deserializes them.
    pub(crate) fn deserialize(&self) -> TokenStream {
        self.each(|ty, span| {
            quote_spanned! {span=>
                <#ty as ::larder::Storable>::With: ::larder::rkyv::with::DeserializeWith<
                    <#ty as ::larder::Storable>::Stored, #ty, __D
                >,
                <#ty as ::larder::Storable>::VecWith: ::larder::rkyv::with::DeserializeWith<
                    ::larder::rkyv::vec::ArchivedVec<<#ty as ::larder::Storable>::Stored>,
                    ::std::vec::Vec<#ty>,
                    __D
                >,
            }
        })
    }

    /// That `__C` checks them.
    pub(crate) fn check(&self) -> TokenStream {
        self.each(|ty, span| {
            quote_spanned! {span=>
                <#ty as ::larder::Storable>::Stored: ::larder::rkyv::bytecheck::CheckBytes<__C>,
            }
        })
    }

    /// The `where` clause of an implementation for the item.
    pub(crate) fn clause(&self) -> TokenStream {
        let stored = self.stored();
        if self.is_empty() {
            stored
        } else {
            code!(where #stored)
        }
    }

    fn each(&self, bound: impl Fn(&Type, Span) -> TokenStream) -> TokenStream {
        self.0
            .iter()
            .map(|ty| bound(ty, ty.span().resolved_at(Span::mixed_site())))
            .collect()
    }
}

/// The types within a type that are not spelled like one of std's that is stored. If one only looks
/// like std's, the errors are more, but not others.
fn leaves(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Array(array) => return leaves(&array.elem),
        Type::Group(group) => return leaves(&group.elem),
        Type::Paren(paren) => return leaves(&paren.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return vec![ty];
            };
            match &last.arguments {
                PathArguments::None if PLAIN.iter().any(|name| last.ident == name) => {
                    return Vec::new();
                }
                PathArguments::AngleBracketed(arguments)
                    if WRAPPERS.iter().any(|name| last.ident == name) =>
                {
                    let inner = arguments.args.iter().filter_map(|argument| match argument {
                        GenericArgument::Type(ty) => Some(ty),
                        _ => None,
                    });
                    return inner.flat_map(leaves).collect();
                }
                _ => {}
            }
        }
        _ => {}
    }
    vec![ty]
}

const WRAPPERS: &[&str] = &["Option", "Vec", "Box"];

const PLAIN: &[&str] = &[
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "f32",
    "f64",
    "char",
    "String",
    "Uuid",
    "Timestamp",
    "Duration",
];
