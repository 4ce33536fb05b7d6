//! Where in a record does a value lie? `location.lat`, as the user wrote it.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprField, Member, Token};

use crate::model::Field;
use crate::names::{hash, member_name};

/// The names from the record down to a value.
pub(crate) struct FieldPath {
    pub(crate) steps: Vec<Step>,
}

/// One name of a path.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl FieldPath {
    /// The path that an expression is, if it is one.
    pub(crate) fn of_expression(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Path(path) if path.qself.is_none() => {
                let ident = path.path.get_ident()?;
                Some(Self {
                    steps: vec![Step::new(&Member::Named(ident.clone()))],
                })
            }
            Expr::Field(ExprField { base, member, .. }) => {
                let mut path = Self::of_expression(base)?;
                path.steps.push(Step::new(member));
                Some(path)
            }
            _ => None,
        }
    }

    pub(crate) fn copied(&self) -> Self {
        let step = |step: &Step| Step {
            name: step.name.clone(),
            span: step.span,
        };
        Self {
            steps: self.steps.iter().map(step).collect(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        let first = self
            .steps
            .first()
            .map_or_else(Span::call_site, |step| step.span);
        let last = self.steps.last().map_or(first, |step| step.span);
        first.join(last).unwrap_or(first)
    }

    #[expect(clippy::indexing_slicing, reason = "a path is never empty")]
    pub(crate) fn first(&self) -> &Step {
        // A path is made with a step and only grows.
        &self.steps[0]
    }

    /// The names as string literals, for the descriptor.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.name.as_str()).collect()
    }

    /// As it is written.
    pub(crate) fn text(&self) -> String {
        self.names().join(".")
    }

    /// The types along the path: of the first field, of the field in it, and so on.
    pub(crate) fn types(&self, fields: &[Field]) -> Option<Vec<TokenStream>> {
        let (first, rest) = self.steps.split_first()?;
        let ty = &fields.iter().find(|field| field.name == first.name)?.ty;
        let mut types = vec![code!(#ty)];
        for step in rest {
            let outer = types.last()?;
            let name = hash(&step.name);
            // With the span of the name, so that the compiler points to it if there is none.
            types.push(quote::quote_spanned! {step.span.resolved_at(Span::mixed_site())=>
                <<#outer as ::larder::__private::Through>::Part as ::larder::__private::FieldAt<#name>>::Type
            });
        }
        Some(types)
    }
}

impl Step {
    fn new(member: &Member) -> Self {
        Self {
            name: member_name(member),
            span: member.span(),
        }
    }
}

impl Parse for FieldPath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut steps = vec![Step::new(&Member::Named(
            input.call(syn::ext::IdentExt::parse_any)?,
        ))];
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            if input.peek(syn::LitFloat) {
                // `pair.0.1` reads as `pair`, `.`, `0.1`.
                let float: syn::LitFloat = input.parse()?;
                steps.extend(float.to_string().split('.').map(|name| Step {
                    name: name.to_owned(),
                    span: float.span(),
                }));
            } else {
                steps.push(Step::new(&input.parse()?));
            }
        }
        Ok(Self { steps })
    }
}
