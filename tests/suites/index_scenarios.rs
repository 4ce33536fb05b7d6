//! Indexes of document collections: `indexes/index_scenarios.ndjson`, a scenario on each line, of steps that
//! insert, make indexes, change, find and count, each with what must come of it.
//!
//! Every scenario runs twice: its indexes are made within a write transaction, and by the database in
//! steps of its own.

use larder::{
    Database, Document, DocumentKey, Documents, DocumentsMut, ErrorKind, PathIndex, WriteTx,
};
use serde_json::{Value, json};

use super::{lines, report, suite_text};
use crate::support::check;

const FILE: &str = "indexes/index_scenarios.ndjson";
const COLLECTION: &str = "cases";

/// What is answered otherwise, and why.
const OTHERWISE: [(&str, &str); 0] = [];

#[test]
fn what_indexes_refuse_and_find() {
    let Some(text) = suite_text(FILE) else {
        return;
    };
    let cases = lines(&text).map(|(line, case)| {
        let name = case["name"].as_str().unwrap_or("without a name").to_owned();
        let both = [Build::InTransaction, Build::InSteps];
        let answer = both.iter().try_for_each(|build| run(line, &case, *build));
        (name, answer)
    });
    report(FILE, &OTHERWISE, cases);
}

/// How an index is made.
#[derive(Clone, Copy, Debug)]
enum Build {
    InTransaction,
    InSteps,
}

fn run(line: &str, case: &Value, build: Build) -> Result<(), String> {
    let scenario = Scenario {
        db: Database::in_memory().unwrap(),
        // Out of the text, since a `Value` forgets the order of members.
        whole: Document::from_json(line).unwrap(),
        case,
        build,
    };
    for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let done = scenario.step(number, step);
        done.map_err(|why| format!("step {number}, {build:?}: {why}"))?;
    }
    check(&scenario.db);
    Ok(())
}

struct Scenario<'a> {
    db: Database,
    whole: Document<'a>,
    case: &'a Value,
    build: Build,
}

impl Scenario<'_> {
    fn step(&self, number: usize, step: &Value) -> Result<(), String> {
        let at = format!("/steps/{number}");
        let expect = &step["expect"];
        if let Some(documents) = step["insert"].as_array() {
            agree(self.insert(&at, documents.len()), expect)
        } else if let Some(index) = step.get("create_index") {
            self.create_index(&at, index, expect)
        } else if let Some(updates) = step["update"].as_array() {
            let result = updates.iter().try_for_each(|update| self.update(update));
            agree((updates.len(), result), expect)
        } else if step.get("find").is_some() {
            self.find(&at, step, expect)
        } else if step.get("count").is_some() {
            self.count(&at, step, expect)
        } else {
            Err(format!("there is no such step: {step}"))
        }
    }

    /// What is in the case at a place.
    fn part(&self, pointer: &str) -> Option<Document<'static>> {
        self.whole.part(pointer).unwrap()
    }

    /// Inserts one after the other up to the first that is refused, all in one transaction, which
    /// goes on after it; gives how many went in.
    fn insert(&self, at: &str, documents: usize) -> (usize, larder::Result<()>) {
        let written = self.db.write(|tx| {
            let mut collection = tx.documents(COLLECTION)?;
            for i in 0..documents {
                let document = self.part(&format!("{at}/insert/{i}")).unwrap();
                if let Err(error) = collection.insert(document) {
                    return Ok((i, Err(error)));
                }
            }
            Ok((documents, Ok(())))
        });
        written.unwrap()
    }

    fn create_index(&self, at: &str, index: &Value, expect: &Value) -> Result<(), String> {
        let defined = self.defined(at, index);
        let before = self.indexes();
        let result = match self.build {
            Build::InSteps => self.db.create_index(COLLECTION, defined),
            Build::InTransaction => {
                let create = |tx: &WriteTx| tx.documents(COLLECTION)?.create_index(defined);
                self.db.write(create)
            }
        };
        agree((1, result), expect)?;
        let grown = self.indexes() - before;
        let detail = &expect["detail"];
        let wanted = match (
            detail["numIndexesAfter"].as_u64(),
            detail["numIndexesBefore"].as_u64(),
        ) {
            (Some(after), Some(before)) => after - before,
            _ => u64::from(expect.get("error").is_none()),
        };
        if grown == wanted {
            Ok(())
        } else {
            Err(format!("{grown} more indexes, {wanted} expected"))
        }
    }

    fn indexes(&self) -> u64 {
        let tx = self.db.read().unwrap();
        let indexes = tx.documents(COLLECTION).unwrap().indexes().unwrap();
        indexes.len() as u64
    }

    fn defined(&self, at: &str, index: &Value) -> PathIndex {
        let mut parts = index["keys"].as_array().unwrap().iter();
        let (path, descending) = part_of(parts.next().unwrap());
        let mut defined = if descending {
            PathIndex::on_descending(path)
        } else {
            PathIndex::on(path)
        };
        for part in parts {
            let (path, descending) = part_of(part);
            defined = if descending {
                defined.and_descending(path)
            } else {
                defined.and(path)
            };
        }
        if index["unique"] == true {
            defined = defined.unique();
        }
        if index["sparse"] == true {
            defined = defined.sparse();
        }
        if let Some(only) = self.part(&format!("{at}/create_index/partialFilterExpression")) {
            defined = defined.only(only.to_value().unwrap());
        }
        defined.named(name_of(index))
    }

    /// Larder changes documents by JSON Pointers and closures: the operators that the scenarios have
    /// are said so.
    fn update(&self, update: &Value) -> larder::Result<()> {
        self.db.write(|tx| {
            let mut collection = tx.documents(COLLECTION)?;
            let found = collection.find(update["q"].clone())?.first()?;
            let key = found.expect("the document that it changes").key().clone();
            for (operator, changes) in update["u"].as_object().unwrap() {
                for (path, value) in changes.as_object().unwrap() {
                    change(&mut collection, &key, operator, path, value)?;
                }
            }
            Ok(())
        })
    }

    fn find(&self, at: &str, step: &Value, expect: &Value) -> Result<(), String> {
        let tx = self.db.read().unwrap();
        let documents = tx.documents(COLLECTION).unwrap();
        let filter = self.part(&format!("{at}/find/filter"));
        let filter = filter.unwrap_or_else(|| Document::from_value(&json!({})).unwrap());
        let sort = self.part(&format!("{at}/find/sort"));
        let found = |index| {
            let ids = found(&documents, &filter, sort.as_ref(), index);
            let mut ids = ids.map_err(|error| error.to_string())?;
            if expect["ordered"] != true {
                ids.sort();
            }
            Ok::<_, String>(ids)
        };
        let index = self.hinted(&step["hint"]);
        let ids = found(index)?;
        if index.is_none_or(holds_everything) {
            // Whether by that index or not: the answer is the same.
            assert_eq!(ids, found(None)?);
        }
        let wanted = expect["ids"].as_array().unwrap();
        let mut wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        if expect["ordered"] != true {
            wanted.sort();
        }
        if ids == wanted {
            Ok(())
        } else {
            Err(format!("it found {ids:?}, expected are {wanted:?}"))
        }
    }

    fn count(&self, at: &str, step: &Value, expect: &Value) -> Result<(), String> {
        let tx = self.db.read().unwrap();
        let documents = tx.documents(COLLECTION).unwrap();
        let filter = self.part(&format!("{at}/count")).unwrap();
        let query = documents.find(filter).map_err(|error| error.to_string())?;
        let query = match self.hinted(&step["hint"]) {
            Some(index) => query.hint(name_of(index)),
            None => query,
        };
        let counted = query.count().map_err(|error| error.to_string())?;
        if Some(counted) == expect["count"].as_u64() {
            Ok(())
        } else {
            Err(format!("it counted {counted}"))
        }
    }

    /// The index that a hint means, by its name or by the paths that it is on.
    fn hinted(&self, hint: &Value) -> Option<&Value> {
        let steps = self.case["steps"].as_array().unwrap();
        let mut indexes = steps.iter().filter_map(|step| step.get("create_index"));
        let is_on = |index: &Value, paths: &serde_json::Map<String, Value>| {
            let keys = index["keys"].as_array().unwrap();
            let is_meant = |key: &Value| paths.get(key[0].as_str().unwrap()) == Some(&key[1]);
            keys.len() == paths.len() && keys.iter().all(is_meant)
        };
        let meant = match hint {
            Value::String(name) => indexes.find(|index| name_of(index) == name),
            Value::Object(paths) => indexes.find(|index| is_on(index, paths)),
            _ => return None,
        };
        Some(meant.expect("an index that the hint means"))
    }
}

fn name_of(index: &Value) -> &str {
    index["name"].as_str().unwrap()
}

/// Whether an index has every document in it.
fn holds_everything(index: &Value) -> bool {
    index["sparse"] != true && index.get("partialFilterExpression").is_none()
}

/// The keys of what a query finds, by an index where one is meant.
fn found(
    documents: &Documents<'_>,
    filter: &Document<'_>,
    sort: Option<&Document<'_>>,
    index: Option<&Value>,
) -> larder::Result<Vec<String>> {
    let mut query = documents.find(filter)?;
    if let Some(sort) = sort {
        query = query.sort(sort)?;
    }
    if let Some(index) = index {
        query = query.hint(name_of(index));
    }
    let mut ids = Vec::new();
    for document in query.iter()? {
        ids.push(document?.key().to_string());
    }
    assert_eq!(query.count()?, ids.len() as u64);
    assert_eq!(query.exists()?, !ids.is_empty());
    Ok(ids)
}

fn part_of(part: &Value) -> (&str, bool) {
    (part[0].as_str().unwrap(), part[1] == -1)
}

fn change(
    collection: &mut DocumentsMut<'_>,
    key: &DocumentKey,
    operator: &str,
    path: &str,
    value: &Value,
) -> larder::Result<()> {
    let pointer = format!("/{}", path.replace('.', "/"));
    match operator {
        "$set" => collection.set(key, &pointer, value.clone()),
        "$pull" => collection.update(key, |document| {
            let list = document.pointer_mut(&pointer).and_then(Value::as_array_mut);
            list.unwrap().retain(|element| element != value);
        }),
        _ => panic!("no scenario has {operator}"),
    }
}

/// Compares how many writes went through, and the first refusal, with what is expected: an `error` by
/// its number in `MongoDB`, or in `detail` how many. Where nothing is said all go through.
fn agree((written, result): (usize, larder::Result<()>), expect: &Value) -> Result<(), String> {
    if let Some(wanted) = expect["detail"]["n"].as_u64() {
        return if written as u64 == wanted {
            Ok(())
        } else {
            Err(format!("{written} were written, expected are {wanted}"))
        };
    }
    match (result, expect["error"].as_u64()) {
        (Ok(()), None) => Ok(()),
        (Err(error), Some(11000)) if error.is(ErrorKind::Conflict) => Ok(()),
        (Err(error), Some(171)) if error.is(ErrorKind::ParallelArrays) => Ok(()),
        (Err(error), _) => Err(format!("it is refused: {error}")),
        (Ok(()), Some(code)) => Err(format!("it went through, error {code} is expected")),
    }
}
