//! Which constants name the fields and indexes of an item?

use proc_macro2::TokenStream;

use crate::index::Index;
use crate::index_code;
use crate::model::{Field, Item};
use crate::names::token_of;

/// The constants of the named fields and of the indexes.
pub(crate) fn expand(item: &Item, fields: &[Field], indexes: &[Index]) -> TokenStream {
    let (ident, vis) = (&item.ident, &item.vis);
    let named = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| is_named(field));
    let fields = named.map(|(position, field)| {
        // Only a hint: the field is found by its name where it is wrong.
        let position = u16::try_from(position).unwrap_or(u16::MAX);
        let (token, name, ty) = (token_of(&field.name, field.span), &field.name, &field.ty);
        let doc = format!("The field `{name}`, for filters and sorts.");
        code! {
            #[doc = #doc]
            #vis const #token: ::larder::Field<#ident, #ty> = ::larder::Field::new(#name, #position);
        }
    });
    let indexes = indexes.iter().filter_map(|index| {
        let key = index_code::key_type(index, item.fields())?;
        let (token, name) = (token_of(&index.name, index.span), &index.name);
        let kind = if index.unique {
            code!(Unique)
        } else {
            code!(Index)
        };
        let doc = format!(
            "The {}index `{name}`.",
            if index.unique { "unique " } else { "" }
        );
        Some(code! {
            #[doc = #doc]
            #vis const #token: ::larder::#kind<#ident, #key> = ::larder::#kind::new(#name);
        })
    });
    code! {
        #[automatically_derived]
        #[allow(dead_code, private_interfaces, reason = "not every program needs every constant")]
        impl #ident {
            #(#fields)*
            #(#indexes)*
        }
    }
}

/// Fields of a tuple have numbers, which are no names of constants.
pub(crate) fn is_named(field: &Field) -> bool {
    matches!(field.member, syn::Member::Named(_))
}
