//! What did the user write into `#[record(..)]`? The name, the version and the indexes.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Ident, LitInt, LitStr, Token};

use crate::errors::{Errors, did_you_mean};
use crate::index::Index;
use crate::list;

/// The options of a record.
#[derive(Default)]
pub(crate) struct RecordArguments {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) indexes: Vec<Index>,
}

impl RecordArguments {
    /// Reads the options; what is wrong with them is added to the errors.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut arguments = Self::default();
        for piece in list::split(tokens) {
            let span = piece.span();
            let option = |input: ParseStream<'_>| -> syn::Result<(Ident, TokenStream)> {
                Ok((input.call(Ident::parse_any)?, input.parse()?))
            };
            match option.parse2(piece) {
                Ok((word, rest)) => arguments.read_option(&word, rest, errors),
                Err(_) => errors.add(span, format!("this is no option of `#[record]`; {OPTIONS}")),
            }
        }
        arguments
    }

    fn read_option(&mut self, word: &Ident, rest: TokenStream, errors: &mut Errors) {
        match word.to_string().as_str() {
            "name" => {
                let name = value::<LitStr>(rest, word.span(), "name = \"cities\"", errors);
                if let Some(name) = name {
                    check_name(&name, errors);
                    once(&mut self.name, name.value(), word, errors);
                }
            }
            "version" => {
                let version = value::<LitInt>(rest, word.span(), "version = 2", errors);
                if let Some(version) = version {
                    let number = version.base10_parse::<u32>().unwrap_or(0);
                    if number == 0 {
                        errors.add(
                            version.span(),
                            "versions are counted from 1, up to 4294967295",
                        );
                    }
                    once(&mut self.version, number, word, errors);
                }
            }
            kind @ ("index" | "unique") => {
                let content = |input: ParseStream<'_>| -> syn::Result<TokenStream> {
                    let content;
                    syn::parenthesized!(content in input);
                    content.parse()
                };
                match content.parse2(rest) {
                    Ok(content) => self.indexes.extend(Index::parse(
                        content,
                        kind == "unique",
                        word.span(),
                        errors,
                    )),
                    Err(_) => errors.add(
                        word.span(),
                        format!("an index has a name and parts: `{kind}(by_country = country)`"),
                    ),
                }
            }
            other => errors.add(
                word.span(),
                format!(
                    "`#[record]` has no option `{other}`; {OPTIONS}{}",
                    did_you_mean(other, ["name", "version", "index", "unique"])
                ),
            ),
        }
    }
}

fn value<T: syn::parse::Parse>(
    tokens: TokenStream,
    span: Span,
    example: &str,
    errors: &mut Errors,
) -> Option<T> {
    let span = if tokens.is_empty() {
        span
    } else {
        tokens.span()
    };
    let value = |input: ParseStream<'_>| -> syn::Result<T> {
        input.parse::<Token![=]>()?;
        input.parse()
    };
    let value = value.parse2(tokens);
    if value.is_err() {
        errors.add(span, format!("this option is written `{example}`"));
    }
    value.ok()
}

fn once<T>(place: &mut Option<T>, value: T, word: &Ident, errors: &mut Errors) {
    if place.replace(value).is_some() {
        errors.add(
            word.span(),
            format!("`{word}` stands here twice; leave one out"),
        );
    }
}

fn check_name(name: &LitStr, errors: &mut Errors) {
    let text = name.value();
    if text.is_empty() {
        errors.add(
            name.span(),
            "the name of a collection is empty; leave `name` out to use the struct's",
        );
    }
    if text.len() > NAME_BYTES_MAX {
        errors.add(
            name.span(),
            format!(
                "the name of a collection has {} bytes, the most is {NAME_BYTES_MAX}",
                text.len()
            ),
        );
    }
    if text.chars().any(char::is_control) {
        errors.add(
            name.span(),
            "the name of a collection has no control characters; leave them out",
        );
    }
    if text.starts_with("__") {
        errors.add(
            name.span(),
            "names that start with two underscores are larder's own; choose another",
        );
    }
}

/// The bound of `larder::base::limits`.
pub(crate) const NAME_BYTES_MAX: usize = 128;

const OPTIONS: &str = "there are `name = \"..\"`, `version = ..`, `index(..)` and `unique(..)`";
