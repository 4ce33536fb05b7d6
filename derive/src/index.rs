//! What is an index? `by_x = (a, desc(b), part.field), when = ..`, from the struct or from a field.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Ident, Token};

use crate::condition::Condition;
use crate::errors::{Errors, did_you_mean};
use crate::field_attributes::IndexAttribute;
use crate::field_path::FieldPath;
use crate::list;
use crate::model::Field;
use crate::names::name_of;

/// An index of a record.
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) parts: Vec<Part>,
    pub(crate) condition: Option<Condition>,
    /// The fields that it holds beside its parts.
    pub(crate) include: Vec<FieldPath>,
    /// Whether an option was wrong, so that not all that was meant is known.
    pub(crate) incomplete: bool,
    pub(crate) span: Span,
}

/// One part of an index's key.
pub(crate) struct Part {
    pub(crate) path: FieldPath,
    pub(crate) descending: Option<Span>,
    pub(crate) fold: Option<Span>,
    pub(crate) each: Option<Span>,
}

impl Index {
    /// Reads what stands between the parentheses of `index(..)` or `unique(..)`.
    pub(crate) fn parse(
        tokens: TokenStream,
        unique: bool,
        span: Span,
        errors: &mut Errors,
    ) -> Option<Self> {
        let word = if unique { "unique" } else { "index" };
        let mut pieces = list::split(tokens).into_iter();
        let Some(definition) = pieces.next() else {
            errors.add(
                span,
                format!("an index has a name and parts: `{word}(by_country = country)`"),
            );
            return None;
        };
        let (name, parts) = errors.take(syn::parse2::<Definition>(definition)).map(
            |Definition { name, parts }| (name, parts.map(|parts| read_parts(parts, errors))),
        )?;
        let mut options = Options::default();
        let mut incomplete = false;
        for option in pieces {
            incomplete |= options.read(option, word, errors).is_none();
        }
        let Some(parts) = parts else {
            errors.add(
                name.span(),
                format!(
                    "an index has parts: `{word}({name} = field)` or `{word}({name} = (a, b))`"
                ),
            );
            return None;
        };
        Some(Self {
            name: name_of(&name),
            unique,
            parts: parts?,
            condition: options.condition,
            include: options.include.unwrap_or_default(),
            incomplete,
            span: name.span(),
        })
    }

    /// The index of `#[index]` or `#[unique]` before a field.
    pub(crate) fn of_field(field: &Field, attribute: &IndexAttribute) -> Self {
        let span = attribute.span;
        Self {
            name: format!("by_{}", field.name),
            unique: attribute.unique,
            parts: vec![Part {
                path: FieldPath {
                    steps: vec![crate::field_path::Step {
                        name: field.name.clone(),
                        span: field.span,
                    }],
                },
                descending: None,
                fold: attribute.fold.then_some(span),
                each: attribute.each.then_some(span),
            }],
            condition: None,
            include: attribute.include.iter().map(FieldPath::copied).collect(),
            incomplete: false,
            span,
        }
    }
}

struct Definition {
    name: Ident,
    parts: Option<TokenStream>,
}

impl Parse for Definition {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(
                error.span(),
                "an index starts with its name: `by_country = country`",
            )
        })?;
        if input.is_empty() {
            return Ok(Self { name, parts: None });
        }
        input.parse::<Token![=]>().map_err(|error| {
            syn::Error::new(
                error.span(),
                format!("the parts of an index follow `=`: `{name} = (..)`"),
            )
        })?;
        let parts: TokenStream = input.parse()?;
        Ok(Self {
            name,
            parts: Some(parts).filter(|parts| !parts.is_empty()),
        })
    }
}

/// One part, or several in parentheses.
fn read_parts(tokens: TokenStream, errors: &mut Errors) -> Option<Vec<Part>> {
    let mut trees = tokens.clone().into_iter();
    let pieces = match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => {
            let pieces = list::split(group.stream());
            if pieces.is_empty() {
                errors.add(group.span(), "an index has at least one part; name a field");
                return None;
            }
            pieces
        }
        _ => vec![tokens],
    };
    // All are read, so that all mistakes are found.
    let parts: Vec<Option<Part>> = pieces
        .into_iter()
        .map(|piece| errors.take(syn::parse2(piece)))
        .collect();
    parts.into_iter().collect()
}

/// One path, or several in parentheses.
pub(crate) fn read_paths(tokens: TokenStream) -> syn::Result<Vec<FieldPath>> {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => {
            list::split(group.stream())
                .into_iter()
                .map(syn::parse2)
                .collect()
        }
        _ => Ok(vec![syn::parse2(tokens)?]),
    }
}

/// What stands behind the parts.
#[derive(Default)]
struct Options {
    condition: Option<Condition>,
    include: Option<Vec<FieldPath>>,
}

impl Options {
    /// Reads one of them; `None` if something is wrong with it.
    fn read(&mut self, tokens: TokenStream, word: &str, errors: &mut Errors) -> Option<()> {
        let span = tokens.span();
        let option = |input: ParseStream<'_>| -> syn::Result<(Ident, TokenStream)> {
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            Ok((name, input.parse()?))
        };
        let Ok((name, value)) = syn::parse::Parser::parse2(option, tokens) else {
            errors.add(
                span,
                format!(
                    "several parts stand in parentheses: `{word}(by_x = (a, b))`; behind them there \
                     may be `when = ..` and `include = ..`"
                ),
            );
            return None;
        };
        if name == "when" {
            self.read_condition(&name, value, errors)
        } else if name == "include" {
            self.read_include(&name, value, errors)
        } else {
            errors.add(
                name.span(),
                format!(
                    "an index has no option `{name}`; behind its parts there may be `when = ..` and \
                     `include = ..`{}",
                    did_you_mean(&name.to_string(), ["when", "include"])
                ),
            );
            None
        }
    }

    fn read_condition(
        &mut self,
        name: &Ident,
        value: TokenStream,
        errors: &mut Errors,
    ) -> Option<()> {
        if self.condition.is_some() {
            errors.add(
                name.span(),
                "an index has one condition; join them with `&&`",
            );
            return None;
        }
        if value.is_empty() {
            errors.add(
                name.span(),
                "`when` needs a condition: `when = population > 1000`",
            );
            return None;
        }
        self.condition = Some(Condition::parse(value, errors)?);
        Some(())
    }

    fn read_include(
        &mut self,
        name: &Ident,
        value: TokenStream,
        errors: &mut Errors,
    ) -> Option<()> {
        if self.include.is_some() {
            errors.add(
                name.span(),
                "an index includes once; name several fields in parentheses: `include = (a, b)`",
            );
            return None;
        }
        if value.is_empty() {
            errors.add(
                name.span(),
                "`include` needs fields: `include = name` or `include = (a, b)`",
            );
            return None;
        }
        self.include = Some(errors.take(read_paths(value))?);
        Some(())
    }
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        let word = ahead.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(
                error.span(),
                "a part of an index is a field, a path such as `location.lat`, or one of them in \
                 `desc(..)`, `fold(..)` or `each(..)`",
            )
        })?;
        if !ahead.peek(syn::token::Paren) {
            let path = input.parse()?;
            if !input.is_empty() {
                return Err(input.error("a part of an index is only the path of a field"));
            }
            return Ok(Self {
                path,
                descending: None,
                fold: None,
                each: None,
            });
        }
        input.call(Ident::parse_any)?;
        let content;
        syn::parenthesized!(content in input);
        let mut part: Self = content.parse()?;
        let place = match word.to_string().as_str() {
            "desc" => &mut part.descending,
            "fold" => &mut part.fold,
            "each" => &mut part.each,
            other => {
                return Err(syn::Error::new(
                    word.span(),
                    format!(
                        "a part of an index has no `{other}(..)`; there are `desc`, `fold` and \
                         `each`{}",
                        did_you_mean(other, ["desc", "fold", "each"])
                    ),
                ));
            }
        };
        if place.replace(word.span()).is_some() {
            return Err(syn::Error::new(
                word.span(),
                format!("`{word}` stands here twice; leave one out"),
            ));
        }
        Ok(part)
    }
}
