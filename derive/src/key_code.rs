//! How is a part a key? By its fields one behind the other, an enum by its variant's position
//! first.

use proc_macro2::TokenStream;
use quote::format_ident;

use crate::model::{Body, Field, Item};
use crate::names::hash;

/// The implementations that `#[part(key)]` adds.
pub(crate) fn expand(item: &Item) -> TokenStream {
    let ident = &item.ident;
    let (encode, decode, describe) = match &item.body {
        Body::Struct(fields) => {
            let members = fields.iter().map(|field| &field.member);
            let decode = decode_fields(fields);
            let describe = describe_fields(fields);
            (
                code!(#(::larder::Key::encode(&self.#members, out);)*),
                code!(::core::result::Result::Ok(Self { #decode })),
                code!(::larder::__private::describe_struct_key(&[#describe])),
            )
        }
        Body::Enum(_) => expand_enum(item),
    };
    let body = code! {
        fn encode_as(&self, out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <#ident as ::larder::Key>::encode(self, out);
        }
    };
    code! {
        #[automatically_derived]
        impl ::larder::Key for #ident {
            fn encode(&self, out: &mut ::std::vec::Vec<::core::primitive::u8>) {
                #encode
            }

            fn decode(
                input: &mut ::larder::KeyReader<'_>,
            ) -> ::core::result::Result<Self, ::larder::Error> {
                #decode
            }

            fn describe() -> ::std::string::String {
                #describe
            }
        }

        #[automatically_derived]
        impl ::larder::AsKey<#ident> for #ident {
            #body
        }

        #[automatically_derived]
        impl ::larder::AsKey<#ident> for &#ident {
            #body
        }

        #[automatically_derived]
        impl ::larder::__private::IndexKey for #ident {
            type Key = Self;
            type Optional = ::core::option::Option<Self>;
        }
    }
}

/// What lets a condition compare an enum with its unit variants.
pub(crate) fn expand_unit_variants(item: &Item) -> TokenStream {
    let ident = &item.ident;
    let variants = item
        .variants()
        .iter()
        .filter(|variant| variant.fields.is_empty());
    let names = variants.map(|variant| hash(&variant.name));
    code! {
        #[automatically_derived]
        impl ::larder::__private::Comparable for #ident {
            type Constant = Self;
        }

        #(
            #[automatically_derived]
            impl ::larder::__private::UnitVariant<#names> for #ident {}
        )*
    }
}

fn decode_fields(fields: &[Field]) -> TokenStream {
    let (members, types) = (
        fields.iter().map(|field| &field.member),
        fields.iter().map(|field| &field.ty),
    );
    code!(#(#members: <#types as ::larder::Key>::decode(input)?,)*)
}

fn describe_fields(fields: &[Field]) -> TokenStream {
    let types = fields.iter().map(|field| &field.ty);
    code!(#(<#types as ::larder::Key>::describe()),*)
}

fn expand_enum(item: &Item) -> (TokenStream, TokenStream, TokenStream) {
    let name = item.ident.to_string();
    let mut encode = TokenStream::new();
    let mut decode = TokenStream::new();
    let mut describe = TokenStream::new();
    // A part has at most 256 variants, so every position is a tag.
    for (tag, variant) in (0..=u8::MAX).zip(item.variants()) {
        let ident = &variant.ident;
        let members = variant.fields.iter().map(|field| &field.member);
        let bound: Vec<_> = (0..variant.fields.len())
            .map(|i| format_ident!("field_{i}"))
            .collect();
        encode.extend(code! {
            Self::#ident { #(#members: #bound),* } => {
                out.push(#tag);
                #(::larder::Key::encode(#bound, out);)*
            }
        });
        let fields = decode_fields(&variant.fields);
        decode.extend(code!(#tag => ::core::result::Result::Ok(Self::#ident { #fields }),));
        let fields = describe_fields(&variant.fields);
        let name = &variant.name;
        describe.extend(code!((#name, &[#fields]),));
    }
    (
        code!(match self { #encode }),
        code! {
            match <::core::primitive::u8 as ::larder::Key>::decode(input)? {
                #decode
                #[allow(unreachable_patterns, reason = "256 variants leave no other tag")]
                tag => ::core::result::Result::Err(
                    ::larder::KeyReader::unknown_variant(#name, tag)
                ),
            }
        },
        code!(::larder::__private::describe_enum_key(&[#describe])),
    )
}
