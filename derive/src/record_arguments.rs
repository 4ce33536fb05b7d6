//! What did the user write into `#[record(..)]`? The name, the version, what it comes from, and the
//! indexes.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Ident, LitInt, LitStr, Token, TypePath};

use crate::errors::{Errors, did_you_mean};
use crate::index::Index;
use crate::list;
use crate::step_code::Step;

/// The options of a record.
#[derive(Default)]
pub(crate) struct RecordArguments {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) step: Option<Step>,
    pub(crate) indexes: Vec<Index>,
}

/// What belongs together is compared when all is read.
#[derive(Default)]
struct StepOptions {
    /// Whether the options are there, be they right or wrong.
    has_version: bool,
    has_from: bool,
    from: Option<TypePath>,
    downgrade: Option<Span>,
}

impl RecordArguments {
    /// Reads the options; what is wrong with them is added to the errors.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut arguments = Self::default();
        let mut step = StepOptions::default();
        for piece in list::split(tokens) {
            let span = piece.span();
            let option = |input: ParseStream<'_>| -> syn::Result<(Ident, TokenStream)> {
                Ok((input.call(Ident::parse_any)?, input.parse()?))
            };
            match option.parse2(piece) {
                Ok((word, rest)) => arguments.read_option(&word, rest, &mut step, errors),
                Err(_) => errors.add(span, format!("this is no option of `#[record]`; {OPTIONS}")),
            }
        }
        arguments.step = step.finish(arguments.version, errors);
        arguments
    }

    fn read_option(
        &mut self,
        word: &Ident,
        rest: TokenStream,
        step: &mut StepOptions,
        errors: &mut Errors,
    ) {
        match word.to_string().as_str() {
            "name" => {
                let name = value::<LitStr>(rest, word.span(), "name = \"cities\"", errors);
                if let Some(name) = name {
                    check_name(&name, errors);
                    once(&mut self.name, name.value(), word, errors);
                }
            }
            "version" => {
                step.has_version = true;
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
            "from" | "downgrade" => step.read(word, rest, errors),
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
                    did_you_mean(other, WORDS)
                ),
            ),
        }
    }
}

impl StepOptions {
    fn read(&mut self, word: &Ident, rest: TokenStream, errors: &mut Errors) {
        if word == "from" {
            self.has_from = true;
            let from = value::<TypePath>(rest, word.span(), "from = CityV1", errors);
            if let Some(from) = from {
                once(&mut self.from, from, word, errors);
            }
            return;
        }
        if !rest.is_empty() {
            errors.add(
                list::last_span(&rest, word.span()),
                "`downgrade` stands alone; the way back is `impl larder::Downgrade<CityV1> for City`",
            );
        }
        once(&mut self.downgrade, word.span(), word, errors);
    }

    fn finish(self, version: Option<u32>, errors: &mut Errors) -> Option<Step> {
        if let Some(span) = self.downgrade.filter(|_| !self.has_from) {
            errors.add(
                span,
                "`downgrade` is the way back to the record that this one comes from; name that with \
                 `from = CityV1`, or leave `downgrade` out",
            );
        }
        let from = self.from?;
        if !self.has_version {
            errors.add(
                from.span(),
                "without `version` this is version 1, which comes from no other; add `version = 2`, \
                 or a higher one",
            );
        } else if version == Some(1) {
            errors.add(
                from.span(),
                "version 1 is the first and comes from no other; raise `version`, or leave `from` out",
            );
        }
        Some(Step {
            from,
            back: self.downgrade.is_some(),
        })
    }
}

fn value<T: syn::parse::Parse>(
    tokens: TokenStream,
    span: Span,
    example: &str,
    errors: &mut Errors,
) -> Option<T> {
    let span = list::last_span(&tokens, span);
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

const OPTIONS: &str = "there are `name = \"..\"`, `version = ..`, `from = ..`, `downgrade`, \
     `index(..)` and `unique(..)`";

const WORDS: [&str; 6] = ["name", "version", "from", "downgrade", "index", "unique"];
