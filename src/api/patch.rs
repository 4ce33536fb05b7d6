//! What does a patch make of a document's JSON value?
//!
//! It is the value of a document, and so has the extended forms of
//! [`codec/value/json`](crate::codec::value::json): a merge goes by what they say. A value such as
//! `{"$time": ..}` is no object, neither to be merged into nor to be merged.

use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::json::{LITERAL, only_form, says_what_json_cannot};

/// Applies a JSON Patch (RFC 6902). After an error the value is anything.
pub(super) fn patch(value: &mut Value, patch: &Value) -> Result<()> {
    let patch: Patch = Deserialize::deserialize(patch)
        .map_err(|error| Error::invalid("this is no JSON Patch (RFC 6902)").because(error))?;
    let mut copied = 0;
    for (number, operation) in patch.iter().enumerate() {
        check_room(value, operation, &mut copied)
            .map_err(|error| error.during(format!("operation {number} of the patch")))?;
        apply(value, operation).map_err(|error| {
            let kind = match error {
                PatchErrorKind::TestFailed => ErrorKind::Conflict,
                _ => ErrorKind::Invalid,
            };
            let message = format!(
                "operation {number} of the patch, at {:?}, cannot be done",
                operation.path().as_str()
            );
            Error::new(kind, message).because(error)
        })?;
    }
    Ok(())
}

/// Refuses an operation whose result would be deeper than a document can be, or larger: copies of
/// copies double with each operation, so that a patch of a kilobyte would fill the memory or the stack.
fn check_room(value: &Value, operation: &PatchOperation, added: &mut usize) -> Result<()> {
    let (path, new) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Move(change) => (&change.path, value.pointer(change.from.as_str())),
        PatchOperation::Copy(copy) => (&copy.path, value.pointer(copy.from.as_str())),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let Some(new) = new else { return Ok(()) };
    let above = path.as_str().bytes().filter(|byte| *byte == b'/').count();
    let mut bytes = 0;
    if above + deep(new, &mut bytes) > VALUES_DEEP_MAX {
        return Err(Error::limit("the patch nests values too deep"));
    }
    if matches!(operation, PatchOperation::Copy(_)) {
        *added = added.saturating_add(bytes);
        if *added > COPIED_MAX {
            return Err(Error::limit("a patch makes the document too large"));
        }
    }
    Ok(())
}

/// Deeper than any document's JSON value is, and far from the end of a stack.
const VALUES_DEEP_MAX: usize = 512;

/// How many bytes the copies of one patch may come to: 64 MiB.
const COPIED_MAX: usize = 64 << 20;

/// What a value takes in memory besides its text, about.
const VALUE_BYTES: usize = 64;

/// How deep a value is; adds the bytes that it takes.
fn deep(value: &Value, size: &mut usize) -> usize {
    *size += VALUE_BYTES;
    match value {
        Value::String(text) => *size += text.len(),
        Value::Array(elements) => {
            return 1 + elements.iter().map(|e| deep(e, size)).max().unwrap_or(0);
        }
        Value::Object(members) => {
            return 1 + members
                .iter()
                .map(|(key, value)| {
                    *size += key.len();
                    deep(value, size)
                })
                .max()
                .unwrap_or(0);
        }
        _ => {}
    }
    1
}

/// Applies one operation. One by one, nothing is recorded to undo them: that is not needed, and
/// `json_patch` panics when it undoes a value's move into the place of its own parent.
fn apply(value: &mut Value, operation: &PatchOperation) -> Result<(), PatchErrorKind> {
    match operation {
        PatchOperation::Test(test) => match value.pointer(test.path.as_str()) {
            Some(found) if equal(found, &test.value) => Ok(()),
            Some(_) => Err(PatchErrorKind::TestFailed),
            None => Err(PatchErrorKind::InvalidPointer),
        },
        other => {
            json_patch::patch_unsafe(value, std::slice::from_ref(other)).map_err(|error| error.kind)
        }
    }
}

/// Whether two values are equal as RFC 6902 has it: numbers by what they are worth.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || equal_numbers(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

fn equal_numbers(a: &Number, b: &Number) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// A number as the integer that it is, exactly, where it is one of the size that a float can be equal
/// to.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what has no fraction and is in bounds is cast exactly"
)]
fn integer(number: &Number) -> Option<i128> {
    /// 2^64: above every integer that JSON's numbers are kept as.
    const BOUND: f64 = 18_446_744_073_709_551_616.0;
    let exact = number.as_i64().map(i128::from);
    exact.or(number.as_u64().map(i128::from)).or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= BOUND).then_some(float as i128)
    })
}

/// Applies a JSON Merge Patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = members_of(patch) else {
        *target = patch.clone();
        return;
    };
    let mut members = into_members(target.take());
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.as_str()).or_insert(Value::Null), change);
        }
    }
    *target = object(members);
}

/// The members of what is an object, and not a value that JSON has no other form for.
fn members_of(value: &Value) -> Option<&Map<String, Value>> {
    let members = value.as_object()?;
    match only_form(members) {
        Some(LITERAL) => members.get(LITERAL)?.as_object(),
        Some(_) => None,
        None => Some(members),
    }
}

/// The same to be kept; those of an empty object where the value is none.
fn into_members(value: Value) -> Map<String, Value> {
    let Value::Object(mut members) = value else {
        return Map::new();
    };
    match only_form(&members) {
        Some(LITERAL) => match members.remove(LITERAL) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        },
        Some(_) => Map::new(),
        None => members,
    }
}

/// The object with these members.
fn object(members: Map<String, Value>) -> Value {
    if says_what_json_cannot(&members) {
        let literal = (LITERAL.to_owned(), Value::Object(members));
        return Value::Object(Map::from_iter([literal]));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Document;

    fn patched(document: &Value, changes: &Value) -> Result<Value> {
        Document::from_value(document)?.patch(changes)?.to_value()
    }

    #[test]
    fn a_test_compares_numbers_by_what_they_are_worth() {
        for (a, b, same) in [
            (json!(1), json!(1.0), true),
            (json!([{"a": -0.0}]), json!([{"a": 0}]), true),
            (json!(1), json!(1.5), false),
            (json!(1), json!("1"), false),
            (json!(u64::MAX), json!(18_446_744_073_709_551_616.0), false),
            (json!(1_u64 << 63), json!(9_223_372_036_854_775_808.0), true),
            (
                json!(9_007_199_254_740_993_i64),
                json!(9_007_199_254_740_992.0),
                false,
            ),
            (json!(1e300), json!(1e300), true),
            (json!({"a": 1}), json!({"a": 1, "b": 1}), false),
        ] {
            let test = json!([{"op": "test", "path": "", "value": b}]);
            let result = patched(&a, &test);
            assert_eq!(result.is_ok(), same, "{a} {b}");
            assert!(same || result.is_err_and(|error| error.is(ErrorKind::Conflict)));
        }
    }

    #[test]
    fn a_patch_that_fails_after_a_move_into_the_parents_place_is_an_error() {
        let changes = json!([
            {"op": "move", "from": "/a/b", "path": "/a"},
            {"op": "test", "path": "/a", "value": 2},
        ]);
        let error = patched(&json!({"a": {"b": 1}}), &changes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("operation 1"), "{error}");
    }

    #[test]
    fn a_merge_replaces_a_value_that_json_has_no_other_form_for() {
        for (document, changes, expected) in [
            (
                json!({"a": {"$float": "NaN"}}),
                json!({"a": {"$int": "18446744073709551616"}}),
                json!({"a": {"$int": "18446744073709551616"}}),
            ),
            (
                json!({"a": {"$bytes": ""}}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1}}),
            ),
            (
                json!({"a": {"b": 1}}),
                json!({"a": {"$bytes": ""}}),
                json!({"a": {"$bytes": ""}}),
            ),
            (
                json!({"$literal": {"$bytes": 1}}),
                json!({"a": 1}),
                json!({"$bytes": 1, "a": 1}),
            ),
            (
                json!({"$bytes": 1, "a": 1}),
                json!({"a": null}),
                json!({"$literal": {"$bytes": 1}}),
            ),
        ] {
            let document = Document::from_value(&document).unwrap();
            let merged = document.merge_patch(&changes).unwrap();
            assert_eq!(
                merged.to_value().unwrap(),
                expected,
                "{document:?} {changes}"
            );
        }
    }

    #[test]
    fn members_of_elements_that_moved_up_or_down_keep_their_order() {
        let text = r#"{"l":[{"z":1},{"b":1,"a":{"d":1,"c":2}},{"y":0,"x":[]}]}"#;
        for (changes, expected) in [
            (
                json!([{"op": "remove", "path": "/l/0"}]),
                r#"{"l":[{"b":1,"a":{"d":1,"c":2}},{"y":0,"x":[]}]}"#,
            ),
            (
                json!([{"op": "add", "path": "/l/1", "value": 1}]),
                r#"{"l":[{"z":1},1,{"b":1,"a":{"d":1,"c":2}},{"y":0,"x":[]}]}"#,
            ),
            (
                json!([{"op": "add", "path": "/l/1/a/0", "value": 1},
                       {"op": "add", "path": "/l/-", "value": 1}]),
                r#"{"l":[{"z":1},{"b":1,"a":{"d":1,"c":2,"0":1}},{"y":0,"x":[]},1]}"#,
            ),
        ] {
            let patched = Document::from_json(text).unwrap().patch(&changes);
            assert_eq!(patched.unwrap().to_json().unwrap(), expected);
        }
    }
}
