//! What are things called? Names, tokens and hashes from identifiers.

use syn::ext::IdentExt;
use syn::{Ident, Member};

/// The name of an identifier, `type` for `r#type`.
pub(crate) fn name_of(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The name of a field, `0` for the first of a tuple.
pub(crate) fn member_name(member: &Member) -> String {
    match member {
        Member::Named(ident) => name_of(ident),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// `country_code` for `CountryCode`.
pub(crate) fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, character) in characters.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| characters.get(i));
        let after = characters.get(i + 1);
        let starts_word = character.is_uppercase()
            && before.is_some_and(|before| {
                *before != '_'
                    && (!before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()))
            });
        if starts_word {
            out.push('_');
        }
        out.extend(character.to_lowercase());
    }
    out
}

/// The constant for that name: `BY_COUNTRY` for `by_country`, with the span of what it names.
pub(crate) fn token_of(name: &str, span: proc_macro2::Span) -> Ident {
    let name = snake_case(name).to_uppercase();
    // Upper case leaves one keyword as it is: none. But `_` alone is no identifier.
    if name == "_" {
        Ident::new("__", span)
    } else {
        Ident::new(&name, span)
    }
}

/// FNV-1a, 64 bits (draft-eastlake-fnv): how `FieldAt` and `UnitVariant` are told a name.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(snake_case("CountryCode"), "country_code");
        assert_eq!(snake_case("HTTPServer2"), "http_server2");
        assert_eq!(snake_case("already_snake"), "already_snake");
        assert_eq!(snake_case("A"), "a");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }
}
