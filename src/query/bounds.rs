//! Which values of a document may pass a test? As spans of their encoding in an index over paths.
//!
//! Where this gives spans, every document in which a value passes has a key with a part in them
//! (`schema/filter/tuples.rs` gives the keys, `schema/filter/path.rs` what a test looks at). The other way
//! it need not be: the filter is asked again.

use super::plan::SPANS_MAX;
use super::span::{Span, Spans};
use crate::codec::key::KeyReader;
use crate::codec::key::document::{
    self, BOOL, BYTES, LIST, NULL, NUMBER, OBJECT, STRING, TIMESTAMP,
};
use crate::codec::key::folded::fold;
use crate::codec::key::range::successor;
use crate::codec::key::text::{encode_start, encode_str};
use crate::schema::filter::{Comparison, Constant, Kind, Path, Pattern, Test};
use crate::schema::index::EMPTY_LIST;

/// The spans of values at the end of a path that may pass, `None` where any may.
pub(crate) fn of_test(test: &Test, path: &Path, folded: bool) -> Option<Spans> {
    // A position may be passed over, where a member of that name is missing. In a document that is a list
    // what lies at one is spread, and has no key for each element.
    if path.begins_with_position() || (path.has_positions() && test.passes_missing()) {
        return None;
    }
    let spans = match test {
        Test::Compare(Comparison::Equal, constant) => equal(constant, folded),
        Test::Compare(comparison, constant) => compared(*comparison, constant, folded)?,
        Test::In(constants) if constants.len() > SPANS_MAX => return None,
        Test::In(constants) => {
            let equal = constants
                .iter()
                .flat_map(|constant| equal(constant, folded));
            equal.collect()
        }
        Test::Regex(pattern) => vec![matched(pattern, folded)],
        Test::Mod { .. } => vec![Span::starting(vec![NUMBER])],
        Test::Type(kinds) => {
            let spans: Option<Vec<Vec<Span>>> = kinds.iter().map(|kind| of_kind(*kind)).collect();
            spans?.concat()
        }
        // What is named by its position is not spread: then the empty list is there itself.
        Test::Size(0) => vec![
            Span::only(vec![EMPTY_LIST]),
            Span::only(vec![LIST, document::END]),
        ],
        Test::Size(_) | Test::Exists | Test::Element { .. } => return None,
    };
    Some(Spans::of(spans))
}

fn equal(constant: &Constant, folded: bool) -> Vec<Span> {
    if let (Some(text), true) = (constant.text(), folded) {
        let mut key = vec![STRING];
        encode_str(&fold(text), &mut key);
        return vec![Span::only(key)];
    }
    let key = constant.key();
    let mut spans = vec![Span::only(key.to_vec())];
    // A list has keys for its elements only; it may be an element itself.
    if let Some((&LIST, elements)) = key.split_first() {
        spans.push(match elements.first() {
            Some(&document::END) => Span::only(vec![EMPTY_LIST]),
            Some(&STRING) if folded => Span::starting(vec![STRING]),
            _ => first_element(elements),
        });
    }
    spans
}

fn first_element(elements: &[u8]) -> Span {
    let mut reader = KeyReader::new(elements);
    let skipped = reader
        .take()
        .and_then(|[tag]| document::skip_behind_tag(tag, &mut reader));
    let length = elements.len() - reader.rest().len();
    match (skipped, elements.get(..length)) {
        (Ok(()), Some(first)) => Span::only(first.to_vec()),
        _ => Span::ALL,
    }
}

fn compared(comparison: Comparison, constant: &Constant, folded: bool) -> Option<Vec<Span>> {
    let key = constant.key().to_vec();
    let tag = *key.first()?;
    // What has a key for each of its elements is not sorted as a whole.
    if tag == LIST || (folded && tag == STRING) {
        return None;
    }
    let of_tag = Span::starting(vec![tag]);
    let span = match comparison {
        Comparison::Equal => Some(Span::only(key)),
        Comparison::Less => Span::between(of_tag.lower, Some(key)),
        Comparison::LessOrEqual => Span::between(of_tag.lower, successor(key)),
        Comparison::Greater => Span::between(successor(key)?, of_tag.upper),
        Comparison::GreaterOrEqual => Span::between(key, of_tag.upper),
    };
    Some(span.into_iter().collect())
}

fn matched(pattern: &Pattern, folded: bool) -> Span {
    let start = if folded {
        pattern.folded_start()
    } else {
        pattern.start().map(str::to_owned)
    };
    let mut key = vec![STRING];
    encode_start(start.unwrap_or_default().as_bytes(), &mut key);
    Span::starting(key)
}

fn of_kind(kind: Kind) -> Option<Vec<Span>> {
    let tag = match kind {
        Kind::Null => return Some(vec![Span::only(vec![NULL])]),
        Kind::Bool => BOOL,
        Kind::Int | Kind::Long | Kind::Double | Kind::Number => NUMBER,
        Kind::String => STRING,
        Kind::Object => OBJECT,
        Kind::Bytes => BYTES,
        Kind::Date => TIMESTAMP,
        // A list has keys for its elements only.
        Kind::Array => return None,
        Kind::Foreign => return Some(Vec::new()),
    };
    Some(vec![Span::starting(vec![tag])])
}
