//! What is a key of `IndexedDB` to Larder?
//!
//! Numbers come before dates, those before strings, those before lists. A key becomes `{"t": rank,
//! "v": value}`: Larder compares objects member by member, so that the rank decides first.

use std::cmp::Ordering;

use larder::Timestamp;
use serde_json::{Value, json};

/// A key as it is stored; `None` for what can be no key. No case has binary keys.
pub fn mapped(key: &Value) -> Option<Value> {
    let (rank, value) = match key {
        Value::Number(_) => (1, key.clone()),
        Value::String(_) => (3, key.clone()),
        Value::Array(keys) => {
            let keys: Option<Vec<Value>> = keys.iter().map(mapped).collect();
            (5, keys?.into())
        }
        Value::Object(_) => match (key["$number"].as_str(), key["$date"].as_i64()) {
            (Some(number), _) if number != "NaN" => (1, json!({ "$float": number })),
            (_, Some(millis)) => {
                let time = Timestamp::from_micros(millis * 1000).to_string();
                (2, json!({ "$time": time }))
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(json!({"t": rank, "v": value}))
}

/// The number that a stored key is.
pub fn number(key: &Value) -> Option<f64> {
    let value = &key["v"];
    match value["$float"].as_str() {
        Some(text) => text.parse().ok(),
        None if key["t"] == 1 => value.as_f64(),
        None => None,
    }
}

/// Compares two stored keys as `IndexedDB` does, for what a program is told before anything is read.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |key: &Value| key["t"].as_u64();
    rank(a).cmp(&rank(b)).then_with(|| {
        let (left, right) = (&a["v"], &b["v"]);
        match (left, right) {
            (Value::String(left), Value::String(right)) => {
                left.encode_utf16().cmp(right.encode_utf16())
            }
            (Value::Array(left), Value::Array(right)) => compare_lists(left, right),
            _ if a["t"] == 2 => time(left).cmp(&time(right)),
            _ => number(a).partial_cmp(&number(b)).unwrap(),
        }
    })
}

fn compare_lists(left: &[Value], right: &[Value]) -> Ordering {
    let elements = left
        .iter()
        .zip(right)
        .map(|(left, right)| compare(left, right));
    let first = elements.into_iter().find(|order| order.is_ne());
    first.unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn time(value: &Value) -> Timestamp {
    value["$time"].as_str().unwrap().parse().unwrap()
}

/// What a key path, a name with dots or a list of those, leads to in a value.
pub fn at_path(value: &Value, path: &Value) -> Option<Value> {
    match path {
        Value::Array(paths) => {
            let parts: Option<Vec<Value>> = paths.iter().map(|path| at_path(value, path)).collect();
            parts.map(Value::from)
        }
        _ => {
            let mut names = path.as_str()?.split('.').filter(|name| !name.is_empty());
            names.try_fold(value.clone(), |value, name| member(&value, name))
        }
    }
}

fn member(value: &Value, name: &str) -> Option<Value> {
    match (value, name) {
        (Value::String(text), "length") => Some(text.encode_utf16().count().into()),
        (Value::Array(list), "length") => Some(list.len().into()),
        _ => value.as_object()?.get(name).cloned(),
    }
}

/// Puts a key where a key path leads to; says whether that is possible.
pub fn inject(value: &mut Value, path: &Value, key: &Value) -> bool {
    let mut place = value;
    for name in path.as_str().unwrap_or_default().split('.') {
        let Value::Object(members) = place else {
            return false;
        };
        place = members.entry(name).or_insert_with(|| json!({}));
    }
    *place = key.clone();
    true
}

/// The conditions of a filter that hold for the keys that a call asks for: one, or a range; or all, where
/// it gives none and `none_is_all` says that it may. `None` is a `DataError`.
pub fn conditions(asked: Option<&Value>, none_is_all: bool) -> Option<Value> {
    let Some(asked) = asked.filter(|asked| !is_nothing(asked)) else {
        return none_is_all.then(|| json!({}));
    };
    let Some(range) = asked.get("$range") else {
        return Some(json!({ "$eq": mapped(asked)? }));
    };
    let mut conditions = json!({});
    for (bound, open, operators) in [
        ("lower", "lowerOpen", ["$gte", "$gt"]),
        ("upper", "upperOpen", ["$lte", "$lt"]),
    ] {
        if !is_nothing(&range[bound]) {
            let operator = operators[usize::from(range[open] == true)];
            conditions[operator] = mapped(&range[bound])?;
        }
    }
    Some(conditions)
}

/// Whether a call gave this for nothing.
pub fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.get("$undefined").is_some()
}

/// Whether two values are the same; a browser's numbers have one type.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            let in_right = |(name, value): (&String, &Value)| {
                right.get(name).is_some_and(|other| same(value, other))
            };
            left.len() == right.len() && left.iter().all(in_right)
        }
        _ => left == right,
    }
}
