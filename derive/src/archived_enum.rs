//! How is an enum archived? As rkyv's `Archive` derive would, but for documentation.
//!
//! The derive makes a public resolver whose fields have no documentation, so that an enum with named
//! fields would not compile in a crate that denies `missing_docs`. Here the resolver is hidden. The
//! other derives of rkyv go with what stands here.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::Ident;

use crate::archived::archived_name;
use crate::bounds::Bounds;
use crate::model::{Field, Item, Variant};
use crate::names::name_of;

/// The archived enum, the resolver, and `Archive`.
pub(crate) fn expand(item: &Item) -> TokenStream {
    let (ident, vis) = (&item.ident, &item.vis);
    let archived = archived_name(item);
    let resolver = resolver_name(item);
    let bounds = Bounds::of(item);
    let (clause, check) = (bounds.clause(), bounds.check());
    let doc = format!("An archived [`{ident}`].");
    let archived_variants = item.variants().iter().map(archived_variant);
    let resolver_variants = item.variants().iter().map(resolver_variant);
    let layouts = item
        .variants()
        .iter()
        .map(|variant| variant_layout(variant, &clause));
    let arms = (0..=u8::MAX)
        .zip(item.variants())
        .map(|(tag, variant)| resolve_arm(tag, variant));
    code! {
        #[doc = #doc]
        #[derive(::larder::rkyv::Portable, ::larder::rkyv::bytecheck::CheckBytes)]
        #[rkyv(crate = ::larder::rkyv)]
        #[bytecheck(
            crate = ::larder::rkyv::bytecheck,
            bounds(
                __C: ::larder::rkyv::validation::ArchiveContext,
                <__C as ::larder::rkyv::rancor::Fallible>::Error: ::larder::rkyv::rancor::Source,
                #check
            ),
        )]
        #[allow(dead_code, reason = "it is read from bytes, never made")]
        #[repr(u8)]
        #vis enum #archived #clause {
            #(#archived_variants)*
        }

        #[doc(hidden)]
        #vis enum #resolver #clause {
            #(#resolver_variants)*
        }

        const _: () = {
            use #resolver as __Resolver;

            #(#layouts)*

            #[automatically_derived]
            impl ::larder::rkyv::Archive for #ident #clause {
                type Archived = #archived;
                type Resolver = #resolver;

                fn resolve(
                    &self,
                    resolver: Self::Resolver,
                    out: ::larder::rkyv::Place<Self::Archived>,
                ) {
                    match (self, resolver) {
                        #(#arms)*
                        #[allow(unreachable_patterns, reason = "there may be one variant only")]
                        _ => ::core::unreachable!("the resolver is that of another variant"),
                    }
                }
            }
        };
    }
}

/// What `Serialize` makes, by the name that rkyv's derive gives it.
fn resolver_name(item: &Item) -> Ident {
    format_ident!("{}Resolver", name_of(&item.ident))
}

fn layout_name(variant: &Variant) -> Ident {
    format_ident!("__Layout{}", variant.name)
}

fn archived_variant(variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    let doc = format!("The archived variant `{}`.", variant.name);
    let fields = variant.fields.iter().map(|field| {
        let ty = &field.ty;
        let doc = format!("The archived field `{}`.", field.name);
        let name = named(field);
        code! {
            #[doc = #doc]
            #[bytecheck(omit_bounds)]
            #name <#ty as ::larder::Storable>::Stored
        }
    });
    let fields = delimited(variant, fields);
    code!(#[doc = #doc] #ident #fields,)
}

fn resolver_variant(variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    let fields = variant.fields.iter().map(|field| {
        let (ty, name) = (&field.ty, named(field));
        code! {
            #name <<#ty as ::larder::Storable>::With
                as ::larder::rkyv::with::ArchiveWith<#ty>>::Resolver
        }
    });
    let fields = delimited(variant, fields);
    code!(#ident #fields,)
}

/// The bytes of a variant: its position, then its fields. What `repr(u8)` makes of the enum.
fn variant_layout(variant: &Variant, clause: &TokenStream) -> TokenStream {
    let name = layout_name(variant);
    let names = slots(variant);
    let types = variant.fields.iter().map(|field| &field.ty);
    code! {
        #[repr(C)]
        struct #name #clause {
            tag: ::core::primitive::u8,
            #(#names: <#types as ::larder::Storable>::Stored,)*
        }
    }
}

fn resolve_arm(tag: u8, variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    let layout = layout_name(variant);
    let members: Vec<_> = variant.fields.iter().map(|field| &field.member).collect();
    let types = variant.fields.iter().map(|field| &field.ty);
    let slots = slots(variant);
    let values: Vec<_> = (0..slots.len())
        .map(|i| format_ident!("value_{i}"))
        .collect();
    let resolvers: Vec<_> = (0..slots.len())
        .map(|i| format_ident!("resolver_{i}"))
        .collect();
    // SAFETY (of what is generated): an enum that is `repr(u8)` is a union of `repr(C)` structs,
    // one a variant, each of the tag and the variant's fields (the Rust reference, *Primitive
    // representation of field-full enums*). The struct here is that of this variant.
    code! {
        (Self::#ident { #(#members: #values),* }, __Resolver::#ident { #(#members: #resolvers),* }) => {
            let out = unsafe { out.cast_unchecked::<#layout>() };
            ::larder::rkyv::munge::munge!(let #layout { tag, #(#slots),* } = out);
            tag.write(#tag);
            #(
                <<#types as ::larder::Storable>::With
                    as ::larder::rkyv::with::ArchiveWith<#types>>::resolve_with(
                    #values, #resolvers, #slots,
                );
            )*
        }
    }
}

fn slots(variant: &Variant) -> Vec<Ident> {
    (0..variant.fields.len())
        .map(|i| format_ident!("slot_{i}"))
        .collect()
}

/// `name:`, or nothing in a tuple.
fn named(field: &Field) -> TokenStream {
    match &field.member {
        syn::Member::Named(name) => code!(#name:),
        syn::Member::Unnamed(_) => TokenStream::new(),
    }
}

/// The fields in the variant's own delimiters.
fn delimited(variant: &Variant, fields: impl Iterator<Item = TokenStream>) -> TokenStream {
    match variant.fields.first().map(|field| &field.member) {
        Some(syn::Member::Named(_)) => code!({ #(#fields,)* }),
        Some(syn::Member::Unnamed(_)) => code!((#(#fields,)*)),
        None => TokenStream::new(),
    }
}
