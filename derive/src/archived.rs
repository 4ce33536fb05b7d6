//! How is an item archived? By rkyv's derives under larder's name, in a layout that is asserted.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::{Data, Fields, Ident};

use crate::archived_enum;
use crate::bounds::Bounds;
use crate::model::{Body, Field, Item};
use crate::names::name_of;

/// The item with rkyv's derives.
pub(crate) fn expand_item(item: &Item) -> TokenStream {
    let mut source = item.source.clone();
    let bounds = Bounds::of(item);
    let (stored, serialize, deserialize, check) = (
        bounds.stored(),
        bounds.serialize(),
        bounds.deserialize(),
        bounds.check(),
    );
    // For an enum, `Archive` and what it makes are written out.
    let (archive, archive_options, archived_enum) = match &item.body {
        Body::Struct(_) => (
            code!(::larder::rkyv::Archive,),
            code! {
                bytecheck(bounds(
                    __C: ::larder::rkyv::validation::ArchiveContext,
                    <__C as ::larder::rkyv::rancor::Fallible>::Error: ::larder::rkyv::rancor::Source,
                    #check
                )),
            },
            TokenStream::new(),
        ),
        Body::Enum(_) => (
            TokenStream::new(),
            TokenStream::new(),
            archived_enum::expand(item),
        ),
    };
    let attributes = code! {
        #[derive(#archive ::larder::rkyv::Serialize, ::larder::rkyv::Deserialize)]
        #[rkyv(
            crate = ::larder::rkyv,
            archive_bounds(#stored),
            serialize_bounds(
                __S: ::larder::rkyv::ser::Writer + ::larder::rkyv::ser::Allocator,
                <__S as ::larder::rkyv::rancor::Fallible>::Error: ::larder::rkyv::rancor::Source,
                #serialize
            ),
            deserialize_bounds(
                <__D as ::larder::rkyv::rancor::Fallible>::Error: ::larder::rkyv::rancor::Source,
                #deserialize
            ),
            #archive_options
        )]
    };
    match &mut source.data {
        Data::Struct(data) => archive_fields(&mut data.fields),
        Data::Enum(data) => {
            for variant in &mut data.variants {
                archive_fields(&mut variant.fields);
            }
        }
        Data::Union(_) => {}
    }
    code!(#attributes #source #archived_enum)
}

fn archive_fields(fields: &mut Fields) {
    for field in fields {
        let ty = &field.ty;
        field
            .attrs
            .push(syn::parse_quote_spanned! {proc_macro2::Span::mixed_site()=>
                #[rkyv(omit_bounds, with = <#ty as ::larder::Storable>::With)]
            });
    }
}

/// The name of the archived type.
pub(crate) fn archived_name(item: &Item) -> Ident {
    let mut name = format_ident!("Archived{}", name_of(&item.ident));
    name.set_span(item.ident.span());
    name
}

/// Constants that compile only if the archived type has alignment 1 and no padding: if other
/// features of rkyv are turned on somewhere in the build, they do not.
pub(crate) fn expand_layout_checks(item: &Item) -> TokenStream {
    let archived = archived_name(item);
    let checks = match &item.body {
        Body::Struct(fields) => {
            let size = sum_of_sizes(fields);
            let offsets = fields.iter().enumerate().map(|(i, field)| {
                let member = &field.member;
                let before = sum_of_sizes(fields.iter().take(i));
                code! {
                    ::core::assert!(
                        ::core::mem::offset_of!(#archived, #member) == #before,
                        #LAYOUT
                    );
                }
            });
            code! {
                ::core::assert!(::core::mem::size_of::<#archived>() == #size, #LAYOUT);
                #(#offsets)*
            }
        }
        Body::Enum(variants) => {
            let sizes = variants.iter().map(|variant| sum_of_sizes(&variant.fields));
            code! {
                ::core::assert!(
                    ::core::mem::size_of::<#archived>()
                        == 1 + ::larder::__private::greatest(&[#(#sizes),*]),
                    #LAYOUT
                );
            }
        }
    };
    code! {
        ::core::assert!(::core::mem::align_of::<#archived>() == 1, #LAYOUT);
        #checks
    }
}

/// The checks once more where nobody uses the item. An item with a type of the user's is not
/// checked before it is used: if the type cannot be stored, that would be a second error.
pub(crate) fn expand_check(item: &Item) -> TokenStream {
    let ident = &item.ident;
    if !Bounds::of(item).is_empty() {
        return TokenStream::new();
    }
    code!(const _: () = ::larder::__private::check_depth(<#ident as ::larder::Storable>::DEPTH);)
}

fn sum_of_sizes<'a>(fields: impl IntoIterator<Item = &'a Field>) -> TokenStream {
    let types = fields.into_iter().map(|field| &field.ty);
    code!((0 #(+ ::core::mem::size_of::<<#types as ::larder::Storable>::Stored>())*))
}

const LAYOUT: &str = "this record is not laid out as larder's file format has it: another crate in \
     the build turns on features of rkyv 0.8 (`aligned`, `big_endian`, another `pointer_width`)";
