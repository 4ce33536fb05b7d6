//! How does a pattern that was written for PCRE mean the same to the `regex` crate?
//!
//! - `\\d`, `\\w`, `\\s` and `\\b` are about ASCII (`regex` takes them for Unicode's).
//! - With the option `x`, which passes over spaces and comments, a class in brackets keeps its own.

use regex::{Regex, RegexBuilder};

use crate::codec::key::folded::fold;

/// A compiled pattern, and what is known of the texts that it matches.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    options: String,
    /// What every text that it matches begins with, whatever its case where that is `ignored`.
    start: Option<String>,
    case_ignored: bool,
}

impl Pattern {
    /// A pattern of `$regex`, under the letters of `$options`.
    pub(crate) fn new(pattern: &str, options: &str) -> Result<Self, Refused> {
        let mut builder = RegexBuilder::new(&translate(pattern, options.contains('x')));
        builder
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX);
        for option in options.chars() {
            match option {
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'x' => builder.ignore_whitespace(true),
                'u' => builder.unicode(true),
                _ => return Err(Refused::Option),
            };
        }
        Ok(Self {
            regex: builder.build().map_err(Refused::Pattern)?,
            start: start_of(
                pattern.strip_prefix(CASE_IGNORED).unwrap_or(pattern),
                options,
            ),
            case_ignored: options.contains('i') || pattern.starts_with(CASE_IGNORED),
            options: options.to_owned(),
        })
    }

    /// The pattern of all texts that begin so.
    pub(crate) fn starting(text: &str) -> Result<Self, regex::Error> {
        Ok(Self {
            regex: Regex::new(&format!("^{}", regex::escape(text)))?,
            options: String::new(),
            start: Some(text.to_owned()),
            case_ignored: false,
        })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// What every text that it matches begins with.
    pub(crate) fn start(&self) -> Option<&str> {
        self.start.as_deref().filter(|_| !self.case_ignored)
    }

    /// What every text that it matches begins with once both are folded.
    pub(crate) fn folded_start(&self) -> Option<String> {
        self.start.as_deref().map(fold)
    }
}

/// At the front of a pattern it stands for the option `i`.
const CASE_IGNORED: &str = "(?i)";

/// Why there is no such pattern.
pub(crate) enum Refused {
    Option,
    Pattern(regex::Error),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.options == other.options
    }
}

/// What a compiled pattern may take in memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The letters behind a `^` that stand for themselves. In ASCII only, where every way of ignoring case
/// agrees.
fn start_of(pattern: &str, options: &str) -> Option<String> {
    // Alternatives begin otherwise, lines elsewhere, and spaces may mean nothing.
    if pattern.contains('|') || options.contains(['m', 'x']) || pattern.contains("(?") {
        return None;
    }
    let rest = pattern.strip_prefix('^')?;
    let is_plain =
        |char: &char| char.is_ascii_alphanumeric() || " _-@/:,;=<>!#%&~'\"".contains(*char);
    let mut start: String = rest.chars().take_while(is_plain).collect();
    // What follows may say that the last letter need not be there.
    if matches!(rest.chars().nth(start.len()), Some('*' | '?' | '{')) {
        start.pop();
    }
    (!start.is_empty()).then_some(start)
}

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
