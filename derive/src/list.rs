//! How are the options between parentheses told apart? At their commas, so that a mistake in one
//! does not hide a mistake in the next.

use proc_macro2::{Span, TokenStream, TokenTree};

/// The pieces between the commas; a comma behind the last is allowed.
pub(crate) fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = Vec::new();
    let mut piece = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {
                pieces.push(std::mem::take(&mut piece));
            }
            token => piece.extend([token]),
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Where the last token stands, which is the value of `name = value`, or `otherwise` if there is none.
pub(crate) fn last_span(tokens: &TokenStream, otherwise: Span) -> Span {
    tokens
        .clone()
        .into_iter()
        .last()
        .map_or(otherwise, |token| token.span())
}
