//! How does a pattern that was written for PCRE mean the same to the `regex` crate?
//!
//! - `\\d`, `\\w`, `\\s` and `\\b` are about ASCII (`regex` takes them for Unicode's).
//! - With the option `x`, which passes over spaces and comments, a class in brackets keeps its own.

/// The pattern for `regex`; `extended` says whether the option `x` is on.
pub(super) fn translate(pattern: &str, extended: bool) -> String {
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped) => match ascii_class(escaped, in_class) {
                    Some(class) => translated.push_str(class),
                    None => translated.extend(['\\', escaped]),
                },
                None => translated.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                translated.push('[');
            }
            ']' => {
                in_class = false;
                translated.push(']');
            }
            ' ' | '#' | '\t' | '\n' if in_class && extended => translated.extend(['\\', char]),
            char => translated.push(char),
        }
    }
    translated
}

fn ascii_class(escaped: char, in_class: bool) -> Option<&'static str> {
    Some(match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => "[ \\t\\n\\r\\x0B\\x0C]",
        'S' => "[^ \\t\\n\\r\\x0B\\x0C]",
        'b' if !in_class => "(?-u:\\b)",
        'B' if !in_class => "(?-u:\\B)",
        _ => return None,
    })
}
