//! What has a field in records that are older than it? `#[default]`, or `#[default = ..]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Type};

use crate::errors::Errors;
use crate::list;

/// `#[default]` or `#[default = ..]`.
pub(crate) struct DefaultValue {
    pub(crate) span: Span,
    /// `None` is what the type has of itself.
    value: Option<Expr>,
}

impl DefaultValue {
    /// Reads the attribute into the place of its field; what is wrong is added to the errors.
    pub(crate) fn read(attribute: &Attribute, place: &mut Option<Self>, errors: &mut Errors) {
        let span = attribute.path().span();
        let value = match &attribute.meta {
            Meta::Path(_) => None,
            Meta::NameValue(meta) => Some(meta.value.clone()),
            Meta::List(list) => {
                return errors.add(list::last_span(&list.tokens, span), SPELLINGS);
            }
        };
        if place.replace(Self { span, value }).is_some() {
            errors.add(span, "`#[default]` stands here twice; leave one out");
        }
    }

    /// The value, as an expression of the type. If the type has none such, the error stands where
    /// the value does.
    pub(crate) fn expand(&self, ty: &Type) -> TokenStream {
        let value = self.expand_value();
        code!({
            let value: #ty = #value;
            value
        })
    }

    fn expand_value(&self) -> TokenStream {
        let Some(value) = &self.value else {
            let span = self.span.resolved_at(Span::mixed_site());
            return quote_spanned!(span=> ::core::default::Default::default());
        };
        if !is_text(value) {
            return value.to_token_stream();
        }
        let span = value.span().resolved_at(Span::mixed_site());
        quote_spanned! {span=>
            ::core::convert::From::<&'static ::core::primitive::str>::from(#value)
        }
    }
}

/// A literal of text, perhaps handed through a macro of the user's.
fn is_text(value: &Expr) -> bool {
    match value {
        Expr::Group(group) => is_text(&group.expr),
        Expr::Lit(ExprLit { lit, .. }) => matches!(lit, Lit::Str(_)),
        _ => false,
    }
}

const SPELLINGS: &str = "a default is written `#[default]` for that of the type, or `#[default = 5]` \
     for a value";
