//! What does `Storable` say of an item, and which fields has it?

use proc_macro2::TokenStream;

use crate::archived::{archived_name, expand_layout_checks};
use crate::bounds::Bounds;
use crate::model::{Body, Field, Item, Variant};
use crate::names::hash;
use crate::renamed::OldName;

/// The implementations that a record and a part have alike.
pub(crate) fn expand(item: &Item) -> TokenStream {
    let ident = &item.ident;
    let archived = archived_name(item);
    let clause = Bounds::of(item).clause();
    let layout = expand_layout_checks(item);
    let (describe, from_value) = match &item.body {
        Body::Struct(fields) => expand_struct(item, fields),
        Body::Enum(_) => expand_enum(item),
    };
    let depths: Vec<TokenStream> = item
        .all_fields()
        .map(|field| {
            let ty = &field.ty;
            code!(<#ty as ::larder::Storable>::DEPTH)
        })
        .collect();
    // Without fields nothing is read, and the user's crate may deny what is unused.
    let budget = if depths.is_empty() {
        code!(_)
    } else {
        code!(budget)
    };
    code! {
        #[automatically_derived]
        impl ::larder::Storable for #ident #clause {
            type Stored = #archived;
            type With = ::larder::rkyv::with::Identity;
            type VecWith = ::larder::rkyv::with::Identity;
            const DEPTH: ::core::primitive::usize = {
                #layout
                1 + ::larder::__private::greatest(&[#(#depths),*])
            };

            fn describe() -> ::larder::__private::Type {
                const { ::larder::__private::check_depth(<Self as ::larder::Storable>::DEPTH) };
                #describe
            }

            fn from_value(
                value: ::larder::ValueRef<'_>,
                #budget: &mut ::larder::Budget,
            ) -> ::core::result::Result<Self, ::larder::Error> {
                #from_value
            }
        }

        #[automatically_derived]
        impl ::larder::__private::Through for #ident {
            type Part = Self;
            type Reach<K: ::larder::__private::IndexKey> = K;
        }
    }
}

/// `FieldAt` for every field of a struct, for paths into it.
pub(crate) fn expand_field_types(item: &Item, fields: &[Field]) -> TokenStream {
    let ident = &item.ident;
    fields
        .iter()
        .filter(|field| can_be_reached(item, field))
        .map(|field| {
            let (name, ty) = (hash(&field.name), &field.ty);
            code! {
                #[automatically_derived]
                impl ::larder::__private::FieldAt<#name> for #ident {
                    type Type = #ty;
                }
            }
        })
        .collect()
}

/// A private field may have a private type, which an associated type must not name. Of a type
/// that is written with std's names alone it is known that it is none.
fn can_be_reached(item: &Item, field: &Field) -> bool {
    let private = matches!(field.vis, syn::Visibility::Inherited)
        && !matches!(item.vis, syn::Visibility::Inherited);
    !private || is_public_type(&field.ty)
}

fn is_public_type(ty: &syn::Type) -> bool {
    struct Names(bool);
    impl<'ast> syn::visit::Visit<'ast> for Names {
        fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
            let known = path
                .path
                .segments
                .last()
                .is_some_and(|last| PUBLIC.iter().any(|name| last.ident == name));
            self.0 &= known;
            syn::visit::visit_type_path(self, path);
        }
    }
    let mut names = Names(true);
    syn::visit::Visit::visit_type(&mut names, ty);
    names.0
}

const PUBLIC: &[&str] = &[
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
    "Option",
    "Vec",
    "Box",
    "BTreeMap",
    "HashMap",
];

fn describe_fields(fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(describe_field);
    code!([#(#fields),*])
}

fn describe_field(field: &Field) -> TokenStream {
    let (name, ty) = (&field.name, &field.ty);
    let plain = code!(::larder::__private::field_type::<#ty>(#name));
    let described = renamed(&code!(renamed), plain, &field.attributes.renamed);
    match &field.attributes.default {
        Some(default) => {
            let value = default.expand(ty);
            code!(::larder::__private::defaulted::<#ty>(#described, #value))
        }
        None => described,
    }
}

fn describe_variant(variant: &Variant) -> TokenStream {
    let (name, fields) = (&variant.name, describe_fields(&variant.fields));
    let plain = code!(::larder::__private::variant_type(#name, #fields));
    renamed(&code!(renamed_variant), plain, &variant.renamed)
}

/// What is described, with its old names if it has any.
fn renamed(function: &TokenStream, described: TokenStream, names: &[OldName]) -> TokenStream {
    if names.is_empty() {
        return described;
    }
    let names = names.iter().map(|name| &name.text);
    code!(::larder::__private::#function(#described, &[#(#names),*]))
}

/// The fields of a struct as data.
pub(crate) fn describe_struct(fields: &[Field]) -> TokenStream {
    describe_fields(fields)
}

fn read_fields(fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let (member, read) = (&field.member, read_field(field));
        code!(#member: #read?)
    });
    code!(#(#fields,)*)
}

fn read_field(field: &Field) -> TokenStream {
    let (name, ty) = (&field.name, &field.ty);
    match &field.attributes.default {
        Some(default) => {
            let value = default.expand(ty);
            code! {
                ::larder::__private::read_field_or::<#ty>(
                    fields, #name, budget, || ::core::option::Option::Some(#value),
                )
            }
        }
        None => code!(::larder::__private::read_field::<#ty>(fields, #name, budget)),
    }
}

fn expand_struct(item: &Item, fields: &[Field]) -> (TokenStream, TokenStream) {
    let name = item.ident.to_string();
    let (described, read) = (describe_fields(fields), read_fields(fields));
    (
        code!(::larder::__private::struct_type(#described)),
        code! {
            let fields = ::larder::__private::struct_of(value, #name)?;
            ::core::result::Result::Ok(Self { #read })
        },
    )
}

fn expand_enum(item: &Item) -> (TokenStream, TokenStream) {
    let name = item.ident.to_string();
    let described = item.variants().iter().map(describe_variant);
    let arms = item.variants().iter().map(|variant| {
        let (ident, name, read) = (&variant.ident, &variant.name, read_fields(&variant.fields));
        let fields = if variant.fields.is_empty() {
            code!()
        } else {
            code!(let fields = variant.fields();)
        };
        code! {
            #name => {
                #fields
                ::core::result::Result::Ok(Self::#ident { #read })
            }
        }
    });
    (
        code!(::larder::__private::enum_type([#(#described),*])),
        code! {
            let variant = ::larder::__private::variant_of(value, #name)?;
            match variant.name() {
                #(#arms)*
                other => ::core::result::Result::Err(
                    ::larder::__private::unknown_variant(#name, other)
                ),
            }
        },
    )
}
