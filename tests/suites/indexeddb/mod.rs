//! Traces of `IndexedDB` programs: `indexes/indexeddb_traces.ndjson`, a trace on each line, of calls with
//! what each gave. They are made again on documents of Larder, as `store` says.
//!
//! What a call is told before anything is read or written is `IndexedDB`'s front end and computed here:
//! `DataError`, `ReadOnlyError`, `TypeError`. Two errors depend on the moment of a call among the tasks of
//! a browser, which no trace has, `TransactionInactiveError` and `InvalidStateError`: a call that is
//! refused so is not made. Everything that is stored, its order, its conflicts and what is left after an
//! abort is Larder's.

mod cursor;
pub mod keys;
mod store;

use std::collections::BTreeMap;

use larder::{Database, WriteTx};
use serde_json::{Value, json};

use self::cursor::Cursor;
use self::keys::{conditions, is_nothing, mapped, same};
use self::store::{DATA_ERROR, Index, Refusal, Source, Store, Tx};
use super::{lines, report, suite_text};
use crate::support::check;

const FILE: &str = "indexes/indexeddb_traces.ndjson";

/// What is answered otherwise, and why.
const OTHERWISE: [(&str, &str); 0] = [];

#[test]
fn traces_of_indexeddb() {
    let Some(text) = suite_text(FILE) else {
        return;
    };
    let cases = lines(&text).map(|(_, case)| {
        let name = case["name"].as_str().unwrap_or("without a name").to_owned();
        (name, run(&case))
    });
    report(FILE, &OTHERWISE, cases);
}

fn run(case: &Value) -> Result<(), String> {
    let mut session = Session {
        db: Database::in_memory().unwrap(),
        stores: BTreeMap::new(),
        open: None,
        cursors: BTreeMap::new(),
    };
    for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let done = session.step(step);
        done.map_err(|why| format!("step {number}, {}: {why}", step["op"]))?;
    }
    session.end()?;
    check(&session.db);
    match session.cursors.values().find(|cursor| !cursor.is_through()) {
        Some(cursor) => Err(format!("a cursor of {:?} stopped early", cursor.source)),
        None => Ok(()),
    }
}

struct Session {
    db: Database,
    stores: BTreeMap<String, Store>,
    open: Option<Open>,
    cursors: BTreeMap<u64, Cursor>,
}

/// The transaction that is open, and what to come back to where it is aborted.
struct Open {
    tx: Tx,
    aborts: bool,
    /// Whether Larder refused what `IndexedDB` aborts a transaction for.
    failed: bool,
    stores_before: BTreeMap<String, Store>,
    content_before: Vec<String>,
}

impl Open {
    fn writing(&self) -> Result<&WriteTx, Refusal> {
        match &self.tx {
            Tx::Write(tx) => Ok(tx),
            Tx::Read(_) => Err(Refusal::Front("ReadOnlyError")),
        }
    }
}

impl Session {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        let larder = |error: larder::Error| error.to_string();
        match op(step) {
            "createStore" => self.create_store(step).map_err(larder),
            "begin" => {
                self.end()?;
                self.begin(step).map_err(larder)
            }
            "createIndex" => self.create_index(step),
            _ => self.call(step),
        }
    }

    fn create_store(&mut self, step: &Value) -> larder::Result<()> {
        let store = Store {
            name: text(step, "store"),
            key_path: step["keyPath"].clone(),
            generates: step["autoIncrement"] == true,
            indexes: Vec::new(),
        };
        match self.open.as_ref().map(|open| &open.tx) {
            Some(Tx::Write(tx)) => tx.documents(&store.name).map(|_| ())?,
            _ => self.db.write(|tx| tx.documents(&store.name).map(|_| ()))?,
        }
        self.stores.insert(store.name.clone(), store);
        Ok(())
    }

    fn begin(&mut self, step: &Value) -> larder::Result<()> {
        let content_before = self.content()?;
        let tx = if step["mode"] == "readonly" {
            Tx::Read(self.db.read()?)
        } else {
            Tx::Write(self.db.begin_write()?)
        };
        self.open = Some(Open {
            tx,
            aborts: step["outcome"] == "abort",
            failed: false,
            stores_before: self.stores.clone(),
            content_before,
        });
        Ok(())
    }

    /// Ends the transaction that is open, as the trace says. An abort leaves what was there before.
    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        match open.tx {
            Tx::Write(tx) if open.aborts => tx.rollback(),
            Tx::Write(_) if open.failed => return Err("it should be aborted".to_owned()),
            Tx::Write(tx) => tx.commit().map(|_| ()).map_err(|error| error.to_string())?,
            Tx::Read(_) => {}
        }
        if !open.aborts {
            return Ok(());
        }
        self.stores = open.stores_before;
        let content = self.content().map_err(|error| error.to_string())?;
        if content == open.content_before {
            Ok(())
        } else {
            Err(format!("an abort left {content:?}"))
        }
    }

    /// All that is committed.
    fn content(&self) -> larder::Result<Vec<String>> {
        let tx = self.db.read()?;
        let mut content = Vec::new();
        for store in self.stores.keys() {
            let documents = tx.documents(store)?;
            content.push(format!("{store}, {:?}", documents.indexes()?));
            for document in documents.iter()? {
                content.push(document?.to_json()?);
            }
        }
        Ok(content)
    }

    fn create_index(&mut self, step: &Value) -> Result<(), String> {
        let open = self.open.as_mut().ok_or("no transaction is open")?;
        let store = self.stores.get_mut(&text(step, "store"));
        let index = Index {
            name: text(step, "index"),
            key_path: step["keyPath"].clone(),
            unique: step["unique"] == true,
            multi_entry: step["multiEntry"] == true,
        };
        let Tx::Write(tx) = &open.tx else {
            return Err("the transaction only reads".to_owned());
        };
        match store.expect("a store").create_index(tx, index) {
            // What is stored already is in conflict: the transaction will be aborted.
            Err(error) if error.is(larder::ErrorKind::Conflict) => open.failed = true,
            result => result.map_err(|error| error.to_string())?,
        }
        Ok(())
    }

    /// Makes a call, and compares what it gives with what the trace has.
    fn call(&mut self, step: &Value) -> Result<(), String> {
        let refused = step["throws"].as_str().or_else(|| step["error"].as_str());
        match refused {
            Some("TransactionInactiveError" | "InvalidStateError") => return Ok(()),
            // It was still waiting when the transaction was aborted; that takes back whatever it did.
            Some("AbortError") => return self.call_in_vain(step),
            _ => {}
        }
        match (self.answer(step), refused) {
            (Ok(answer), None) => compare(step, &answer),
            (Ok(answer), Some(refused)) => Err(format!("it gives {answer}, not {refused}")),
            (Err(refusal), Some(refused)) if refusal.name() == refused => Ok(()),
            (Err(refusal), _) => Err(format!("it is refused: {}", refusal.name())),
        }
    }

    fn call_in_vain(&mut self, step: &Value) -> Result<(), String> {
        let open = self.open.as_ref().ok_or("no transaction is open")?;
        if !open.aborts {
            return Err("the transaction is not aborted".to_owned());
        }
        if !open.failed {
            self.answer(step).map_err(|refusal| refusal.name())?;
        }
        Ok(())
    }

    fn answer(&mut self, step: &Value) -> Result<Value, Refusal> {
        let args = step["args"].as_array().map_or(&[][..], Vec::as_slice);
        match op(step) {
            "openCursor" | "openKeyCursor" => self.open_cursor(step, args),
            "cursor.continue" | "cursor.advance" => self.move_cursor(step, args),
            "cursor.update" | "cursor.delete" => self.change_at_cursor(step, args),
            "add" | "put" | "delete" | "clear" => self.change(step, args),
            _ => self.read(step, args),
        }
    }

    fn read(&self, step: &Value, args: &[Value]) -> Result<Value, Refusal> {
        let open = self.open.as_ref().expect("a transaction");
        let source = source(step);
        let gets_one = matches!(op(step), "get" | "getKey");
        if gets_one && args.is_empty() {
            return Err(Refusal::Front("TypeError"));
        }
        let conditions = conditions(args.first(), !gets_one).ok_or(DATA_ERROR)?;
        if op(step) == "count" {
            return Ok(source.count(&open.tx, &conditions)?.into());
        }
        let limit = args.get(1).and_then(Value::as_u64);
        let limit = if gets_one { Some(1) } else { limit };
        let rows = source.rows(&open.tx, &conditions, limit)?;
        let mut found = rows.into_iter().map(|row| match op(step) {
            "getKey" | "getAllKeys" => row.primary,
            _ => row.value,
        });
        if gets_one {
            Ok(found.next().unwrap_or_else(undefined))
        } else {
            Ok(found.collect())
        }
    }

    fn change(&self, step: &Value, args: &[Value]) -> Result<Value, Refusal> {
        let tx = self.open.as_ref().expect("a transaction").writing()?;
        let store = &self.stores[&text(step, "store")];
        match op(step) {
            "add" => return store.store(tx, args, false),
            "put" => return store.store(tx, args, true),
            "clear" => tx.documents(&store.name)?.clear()?,
            _ => {
                let conditions = conditions(args.first(), false).ok_or(DATA_ERROR)?;
                store.remove(tx, source(step).filter(&conditions))?;
            }
        }
        Ok(undefined())
    }

    fn open_cursor(&mut self, step: &Value, args: &[Value]) -> Result<Value, Refusal> {
        let conditions = conditions(args.first(), true).ok_or(DATA_ERROR)?;
        let cursor = Cursor::new(source(step), conditions, args.get(1), step);
        let id = step["id"].as_u64().expect("an id");
        self.cursors.insert(id, cursor);
        self.advance(id, 1, None)
    }

    fn move_cursor(&mut self, step: &Value, args: &[Value]) -> Result<Value, Refusal> {
        let id = step["cursor"].as_u64().expect("an id");
        if op(step) == "cursor.advance" {
            let rows = args.first().and_then(Value::as_u64);
            let rows = rows.filter(|rows| *rows > 0);
            return self.advance(id, rows.ok_or(Refusal::Front("TypeError"))?, None);
        }
        let target = self.cursors[&id].target(args.first())?;
        self.advance(id, 1, target.as_ref())
    }

    /// What the cursor comes to is compared there; in a trace it stands where the cursor was opened.
    fn advance(&mut self, id: u64, rows: u64, to: Option<&Value>) -> Result<Value, Refusal> {
        let open = self.open.as_ref().expect("a transaction");
        let cursor = self.cursors.get_mut(&id).expect("a cursor");
        match cursor.advance(&open.tx, rows, to) {
            Ok(()) => Ok(undefined()),
            Err(why) => Err(Refusal::Otherwise(why)),
        }
    }

    fn change_at_cursor(&self, step: &Value, args: &[Value]) -> Result<Value, Refusal> {
        let value = match (op(step), args.first()) {
            ("cursor.update", None) => return Err(Refusal::Front("TypeError")),
            (_, value) => value,
        };
        let tx = self.open.as_ref().expect("a transaction").writing()?;
        let cursor = &self.cursors[&step["cursor"].as_u64().expect("an id")];
        let store = &self.stores[&cursor.source.store];
        let primary = &cursor.row.as_ref().expect("a row").primary;
        let Some(value) = value else {
            store.remove(tx, json!({ "_id": { "$eq": primary } }))?;
            return Ok(undefined());
        };
        // A key in the value must stay what it is.
        if !store.key_path.is_null() {
            let key = keys::at_path(value, &store.key_path).and_then(|key| mapped(&key));
            if !key.is_some_and(|key| same(&key, primary)) {
                return Err(DATA_ERROR);
            }
        }
        store.write(tx, primary, value, true)?;
        Ok(primary.clone())
    }
}

/// Compares what a call gave, with keys as they are stored, with what the trace has.
fn compare(step: &Value, answer: &Value) -> Result<(), String> {
    let Some(result) = step.get("result") else {
        return Ok(());
    };
    let expected = match (op(step), result) {
        ("add" | "put" | "getKey" | "cursor.update", key) if !is_nothing(key) => mapped(key),
        ("getAllKeys", Value::Array(keys)) => keys.iter().map(mapped).collect(),
        _ => Some(result.clone()),
    };
    if expected.is_some_and(|expected| same(&expected, answer)) {
        Ok(())
    } else {
        Err(format!("it gives {answer}, expected is {result}"))
    }
}

fn source(step: &Value) -> Source {
    Source {
        store: text(step, "store"),
        index: step["index"].as_str().map(str::to_owned),
    }
}

fn op(step: &Value) -> &str {
    step["op"].as_str().unwrap_or_default()
}

fn text(step: &Value, name: &str) -> String {
    step[name].as_str().expect("a name").to_owned()
}

fn undefined() -> Value {
    json!({ "$undefined": 1 })
}
