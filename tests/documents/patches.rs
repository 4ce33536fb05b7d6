//! Does a patch do what a naive reading of its RFC does? And where it fails, nothing?

use larder::{Database, Document, ErrorKind, ValueRef};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const COLLECTION: &str = "patched";
const KEY: &str = "document";

/// A document whose members have an order, as those of a `Value` have not.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Value),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Tree::Leaf(value) => value.to_string(),
            Tree::List(elements) => {
                let elements: Vec<String> = elements.iter().map(Tree::text).collect();
                format!("[{}]", elements.join(","))
            }
            Tree::Object(members) => {
                let members = members.iter();
                let member =
                    |(key, value): &(String, Tree)| format!("{}:{}", json!(key), value.text());
                let members: Vec<String> = members.map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

fn key() -> impl Strategy<Value = String> {
    let keys = [
        "a", "b", "c", "d", "z", "", "0", "1", "-", "a/b", "m~n", "~1", "é",
    ];
    prop::sample::select(keys.to_vec()).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..300).prop_map(Value::from),
        (-3_i8..3).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        prop::sample::select(vec!["", "a", "b", "1"]).prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf()
        .prop_map(Tree::Leaf)
        .prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
                prop::collection::vec((key(), inner), 0..6).prop_map(|mut members| {
                    let mut seen = Vec::new();
                    members.retain(|(key, _)| {
                        let new = !seen.contains(key);
                        seen.push(key.clone());
                        new
                    });
                    Tree::Object(members)
                }),
            ]
        })
}

/// What an operation is made of once it is known what the ones before it made of the document.
#[derive(Clone, Debug)]
struct Plan {
    kind: u8,
    from: Vec<u8>,
    path: Vec<u8>,
    value: Tree,
}

fn plan() -> impl Strategy<Value = Plan> {
    let steps = || prop::collection::vec(any::<u8>(), 1..5);
    (0..60_u8, steps(), steps(), tree()).prop_map(|(kind, from, path, value)| Plan {
        kind,
        from,
        path,
        value,
    })
}

/// A pointer into a value: mostly to what is there, now and then to what is not.
fn place(root: &Value, steps: &[u8]) -> String {
    let mut pointer = String::new();
    let mut at = Some(root);
    for step in steps {
        let nowhere = ["-", "new", "7", "01", "a", "", "+1"];
        let there = match at {
            Some(Value::Array(elements)) => (0..elements.len()).map(|i| i.to_string()).collect(),
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let step = usize::from(*step);
        let is_enough = step >= 210 && !pointer.is_empty();
        if is_enough || (there.is_empty() && step < 190) {
            return pointer;
        }
        let token = if there.is_empty() || step % 16 == 7 {
            nowhere[step % nowhere.len()].to_owned()
        } else {
            there[step % there.len()].clone()
        };
        at = at.and_then(|value| child(value, &token));
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// The operation that a plan is in this state of the document.
fn operation(plan: &Plan, state: &Value) -> Value {
    let (from, path) = (place(state, &plan.from), place(state, &plan.path));
    let value = plan.value.value();
    match plan.kind {
        0..14 => json!({"op": "add", "path": path, "value": value}),
        14..24 => json!({"op": "remove", "path": path}),
        24..34 => json!({"op": "replace", "path": path, "value": value}),
        34..43 => json!({"op": "move", "from": from, "path": path, "more": 1}),
        43..49 => json!({"op": "copy", "from": from, "path": path}),
        49 => json!({"op": "test", "path": path, "value": value}),
        50..56 => {
            let there = follow(state, &path).cloned();
            json!({"op": "test", "path": path, "value": as_float(there.unwrap_or(value))})
        }
        56 => json!({"op": "add", "path": path}),
        57 => json!({"op": "remove", "path": format!("x{path}")}),
        58 => json!({"op": "remove", "path": format!("{path}/~2")}),
        _ => json!({"op": "none", "path": path}),
    }
}

/// A number as another one of the same worth.
fn as_float(value: Value) -> Value {
    match value.as_i64() {
        Some(integer) => json!(integer as f64),
        None => value,
    }
}

// The reference: each operation as the RFC says it, on a value. `None` is a failure.

fn tokens(pointer: &str) -> Option<Vec<String>> {
    let mut parts = pointer.split('/');
    if parts.next() != Some("") {
        return None;
    }
    parts
        .map(|part| {
            let mut token = String::new();
            let mut chars = part.chars();
            while let Some(char) = chars.next() {
                token.push(match char {
                    '~' => match chars.next() {
                        Some('0') => '~',
                        Some('1') => '/',
                        _ => return None,
                    },
                    other => other,
                });
            }
            Some(token)
        })
        .collect()
}

fn position(token: &str, most: usize) -> Option<usize> {
    (0..=most).find(|i| i.to_string() == token)
}

fn child<'a>(value: &'a Value, token: &str) -> Option<&'a Value> {
    match value {
        Value::Array(elements) => elements.get(position(token, elements.len())?),
        Value::Object(members) => members.get(token),
        _ => None,
    }
}

fn follow<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    tokens(pointer)?
        .iter()
        .try_fold(root, |value, token| child(value, token))
}

fn follow_mut<'a>(root: &'a mut Value, tokens: &[String]) -> Option<&'a mut Value> {
    tokens.iter().try_fold(root, |value, token| match value {
        Value::Array(elements) => {
            let i = position(token, elements.len())?;
            elements.get_mut(i)
        }
        Value::Object(members) => members.get_mut(token),
        _ => None,
    })
}

fn add(root: &mut Value, pointer: &str, new: Value) -> Option<()> {
    let tokens = tokens(pointer)?;
    let Some((last, parent)) = tokens.split_last() else {
        *root = new;
        return Some(());
    };
    match follow_mut(root, parent)? {
        Value::Array(elements) if last == "-" => elements.push(new),
        Value::Array(elements) => {
            let i = position(last, elements.len())?;
            elements.insert(i, new);
        }
        Value::Object(members) => {
            members.insert(last.clone(), new);
        }
        _ => return None,
    }
    Some(())
}

fn remove(root: &mut Value, pointer: &str) -> Option<Value> {
    let tokens = tokens(pointer)?;
    let (last, parent) = tokens.split_last()?;
    match follow_mut(root, parent)? {
        Value::Array(elements) => {
            let i = position(last, elements.len().checked_sub(1)?)?;
            Some(elements.remove(i))
        }
        Value::Object(members) => members.remove(last),
        _ => None,
    }
}

fn apply(root: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let from = operation["from"].as_str();
    let value = operation.get("value").cloned();
    tokens(path)?;
    match operation["op"].as_str()? {
        "add" => add(root, path, value?),
        "remove" => remove(root, path).map(drop),
        "replace" => {
            *follow_mut(root, &tokens(path)?)? = value?;
            Some(())
        }
        "move" => {
            let from = from?;
            if path.starts_with(&format!("{from}/")) {
                return None;
            }
            let value = remove(root, from)?;
            add(root, path, value)
        }
        "copy" => {
            let value = follow(root, from?)?.clone();
            add(root, path, value)
        }
        "test" => equal(follow(root, path)?, &value?).then_some(()),
        _ => None,
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// `MergePatch` of RFC 7396, section 2.
fn merge(target: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            let before = members.remove(key).unwrap_or(Value::Null);
            members.insert(key.clone(), merge(before, change));
        }
    }
    Value::Object(members)
}

/// Fails unless the members of each object that was there before, in the same place, are in the order
/// that they had, and new ones behind them. In a list of another length no place is the same.
fn assert_order_kept(before: ValueRef<'_>, after: ValueRef<'_>) {
    match (before, after) {
        (ValueRef::Map(before), ValueRef::Map(after)) => {
            let keys = |map: larder::MapRef<'_>| -> Vec<String> {
                map.iter()
                    .map(|member| member.unwrap().0.as_str().unwrap().to_owned())
                    .collect()
            };
            let (old, new) = (keys(before), keys(after));
            let kept = old.iter().filter(|key| new.contains(key));
            let come = new.iter().filter(|key| !old.contains(key));
            let expected: Vec<&String> = kept.chain(come).collect();
            assert_eq!(new.iter().collect::<Vec<_>>(), expected);
            for key in &new {
                if let Some(before) = before.get(key).unwrap() {
                    assert_order_kept(before, after.get(key).unwrap().unwrap());
                }
            }
        }
        (ValueRef::List(before), ValueRef::List(after)) if before.len() == after.len() => {
            for (before, after) in before.iter().zip(after.iter()) {
                assert_order_kept(before.unwrap(), after.unwrap());
            }
        }
        _ => {}
    }
}

/// Changes a stored document, and compares what becomes of it with what should.
fn assert_becomes(
    tree: &Tree,
    expected: Option<&Value>,
    change: impl Fn(&mut larder::DocumentsMut<'_>) -> larder::Result<()>,
) {
    let db = Database::in_memory().unwrap();
    let before = Document::from_json(tree.text()).unwrap();
    db.write(|tx| tx.documents(COLLECTION)?.put(KEY, &before))
        .unwrap();
    let stored = db.read().unwrap();
    let stored = stored.documents(COLLECTION).unwrap();
    let revision = stored.get(KEY).unwrap().unwrap().revision();
    // The transaction is committed, so that what a refused change wrote would be seen.
    let result = db
        .write(|tx| Ok(change(&mut tx.documents(COLLECTION)?)))
        .unwrap();
    let tx = db.read().unwrap();
    let documents = tx.documents(COLLECTION).unwrap();
    let after = documents.get(KEY).unwrap().unwrap();
    match (result, expected) {
        (Ok(()), Some(expected)) => {
            assert_eq!(after.to_value().unwrap(), *expected);
            assert_order_kept(before.value().unwrap(), after.value().unwrap());
        }
        (Err(error), None) => {
            assert!(
                error.is(ErrorKind::Invalid) || error.is(ErrorKind::Conflict),
                "{error}"
            );
            assert_eq!(after.to_json().unwrap(), tree.text());
            assert_eq!(after.revision(), revision);
        }
        (result, expected) => panic!("{result:?}, expected was {expected:?}"),
    }
    assert!(db.check().unwrap().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_json_patch_does_what_each_of_its_operations_says_or_nothing(
        tree in tree(),
        plans in prop::collection::vec(plan(), 0..6),
    ) {
        let mut state = Some(tree.value());
        let mut operations = Vec::new();
        let mut seen = tree.value();
        for plan in &plans {
            let operation = operation(plan, &seen);
            if let Some(mut value) = state.take()
                && apply(&mut value, &operation).is_some()
            {
                seen = value.clone();
                state = Some(value);
            }
            operations.push(operation);
        }
        let patch = Value::Array(operations);
        assert_becomes(&tree, state.as_ref(), |documents| documents.patch(KEY, &patch));
    }

    #[test]
    fn a_merge_patch_does_what_its_rfc_says(tree in tree(), patch in tree()) {
        let patch = patch.value();
        let expected = merge(tree.value(), &patch);
        assert_becomes(&tree, Some(&expected), |documents| documents.merge_patch(KEY, &patch));
    }

    #[test]
    fn a_merge_patch_of_objects_merges_them(
        members in prop::collection::vec((key(), tree()), 2..6),
        taken in prop::collection::vec(any::<bool>(), 6),
    ) {
        let mut seen = Vec::new();
        let mut members = members;
        members.retain(|(key, _)| {
            let new = !seen.contains(key);
            seen.push(key.clone());
            new
        });
        let patch = members.iter().rev().zip(&taken).map(|((key, value), taken)| {
            let value = if *taken { Value::Null } else { json!({"x": value.value(), "a": null}) };
            (key.clone(), value)
        });
        let patch = Value::Object(patch.collect());
        let tree = Tree::Object(members);
        let expected = merge(tree.value(), &patch);
        assert_becomes(&tree, Some(&expected), |documents| documents.merge_patch(KEY, &patch));
    }
}
