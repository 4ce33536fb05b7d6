//! How are the options between parentheses told apart? At their commas, so that a mistake in one
//! does not hide a mistake in the next.

use proc_macro2::{TokenStream, TokenTree};

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
