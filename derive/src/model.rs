//! What does an item consist of? Its fields and variants, with our attributes taken off.

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Ident, Index, Member, Type, Visibility};

use crate::errors::Errors;
use crate::field_attributes::{FieldAttributes, take_field_attributes};
use crate::names::{member_name, name_of};
use crate::refused_types::check_type;
use crate::renamed::{self, OldName};
use crate::taken_names;

/// A field of a struct or of a variant.
pub(crate) struct Field {
    pub(crate) member: Member,
    /// As the file has it: `type` for `r#type`, `0` for the first of a tuple.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) vis: Visibility,
    pub(crate) attributes: FieldAttributes,
    pub(crate) span: Span,
}

/// A variant of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    /// Its earlier names, the latest first.
    pub(crate) renamed: Vec<OldName>,
    pub(crate) fields: Vec<Field>,
}

/// What stands in a struct or an enum.
pub(crate) enum Body {
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

/// A struct or an enum.
pub(crate) struct Item {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) body: Body,
    /// The item as the user wrote it, without our attributes.
    pub(crate) source: DeriveInput,
}

impl Item {
    /// Reads an item and takes our attributes off it. What a record and a part both refuse is
    /// added to the errors.
    pub(crate) fn read(mut source: DeriveInput, what: &str, errors: &mut Errors) -> Self {
        check_generics(&source, what, errors);
        check_attributes(&source.attrs, errors);
        let owner = source.ident.clone();
        let body = match &mut source.data {
            Data::Struct(data) => Body::Struct(read_fields(&mut data.fields, &owner, errors)),
            Data::Enum(data) => Body::Enum(read_variants(data, &owner, errors)),
            Data::Union(data) => {
                errors.add(
                    data.union_token.span(),
                    format!("a union cannot be a {what}; use an enum with `#[larder::part]`"),
                );
                Body::Struct(Vec::new())
            }
        };
        Self {
            ident: owner,
            vis: source.vis.clone(),
            body,
            source,
        }
    }

    /// The item without our attributes and the mistakes, so that nothing else fails for them.
    pub(crate) fn with_errors(&self, errors: Errors) -> TokenStream {
        let source = &self.source;
        let errors = errors.into_code();
        code!(#source #errors)
    }

    /// Every field, also of the variants.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &Field> {
        let (fields, variants): (&[Field], &[Variant]) = match &self.body {
            Body::Struct(fields) => (fields, &[]),
            Body::Enum(variants) => (&[], variants),
        };
        fields
            .iter()
            .chain(variants.iter().flat_map(|variant| &variant.fields))
    }

    /// The fields of a struct, none of an enum.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.body {
            Body::Struct(fields) => fields,
            Body::Enum(_) => &[],
        }
    }

    /// The variants of an enum, none of a struct.
    pub(crate) fn variants(&self) -> &[Variant] {
        match &self.body {
            Body::Struct(_) => &[],
            Body::Enum(variants) => variants,
        }
    }

    pub(crate) fn is_union(&self) -> bool {
        matches!(self.source.data, Data::Union(_))
    }
}

/// Reads an item, or gives its tokens back with the mistake.
pub(crate) fn parse(item: &TokenStream, what: &str) -> Result<DeriveInput, TokenStream> {
    syn::parse2(item.clone()).map_err(|_| {
        let error = syn::Error::new(
            Span::call_site(),
            format!(
                "`#[{what}]` stands before a struct{}",
                if what == "part" { " or an enum" } else { "" }
            ),
        )
        .to_compile_error();
        code!(#item #error)
    })
}

fn read_variants(data: &mut DataEnum, owner: &Ident, errors: &mut Errors) -> Vec<Variant> {
    taken_names::qualify(data);
    let variants: Vec<Variant> = data
        .variants
        .iter_mut()
        .map(|variant| {
            let renamed = renamed::take(&mut variant.attrs, errors);
            check_attributes(&variant.attrs, errors);
            if let Some((_, discriminant)) = &variant.discriminant {
                errors.add(
                    discriminant.span(),
                    "a variant is stored as its position, so it cannot have a number of its own; \
                     leave the number out",
                );
            }
            Variant {
                ident: variant.ident.clone(),
                name: name_of(&variant.ident),
                renamed,
                fields: read_fields(&mut variant.fields, owner, errors),
            }
        })
        .collect();
    let names = variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.renamed.as_slice()));
    renamed::check("variant", names, errors);
    variants
}

fn read_fields(fields: &mut Fields, owner: &Ident, errors: &mut Errors) -> Vec<Field> {
    let fields: Vec<Field> = fields
        .iter_mut()
        .enumerate()
        .map(|(i, field)| {
            let member = field
                .ident
                .clone()
                .map_or_else(|| Member::Unnamed(Index::from(i)), Member::Named);
            let attributes = take_field_attributes(&mut field.attrs, errors);
            check_attributes(&field.attrs, errors);
            check_type(&field.ty, owner, errors);
            Field {
                name: member_name(&member),
                span: field
                    .ident
                    .as_ref()
                    .map_or_else(|| field.ty.span(), Ident::span),
                member,
                ty: field.ty.clone(),
                vis: field.vis.clone(),
                attributes,
            }
        })
        .collect();
    let names = fields
        .iter()
        .map(|field| (field.name.as_str(), field.attributes.renamed.as_slice()));
    renamed::check("field", names, errors);
    fields
}

fn check_generics(source: &DeriveInput, what: &str, errors: &mut Errors) {
    if !source.generics.params.is_empty() {
        errors.add(
            source.generics.params.span(),
            format!(
                "a {what} cannot be generic or borrow: what is stored has one type; write one \
                 {what} for each type, with owned fields"
            ),
        );
    } else if let Some(clause) = &source.generics.where_clause {
        errors.add(
            clause.span(),
            format!("a {what} cannot have a `where` clause; leave it out"),
        );
    }
}

/// Refuses the attributes that would change what is stored behind our back.
fn check_attributes(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        if attribute.path().is_ident("rkyv") || attribute.path().is_ident("bytecheck") {
            errors.add(
                attribute.path().span(),
                "how a record is archived is a promise of the file format; leave this attribute out",
            );
        }
        if attribute.path().is_ident("cfg") {
            errors.add(
                attribute.path().span(),
                "what is stored cannot depend on `cfg`: two builds of a program read the same \
                 file; leave it out, or write two items and choose between them",
            );
        }
    }
}
