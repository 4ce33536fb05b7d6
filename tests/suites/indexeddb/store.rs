//! What is an object store to Larder? A collection of documents:
//!
//! ```text
//! {"_id": <key>, "i": {"<index>": <key in it, or a list of such>}, "v": <value>}
//! ```
//! with keys as `keys` says them. An index is one of Larder's on the path `i.<index>`, sparse, and unique
//! where it says so.

use larder::{DocumentView, Documents, Error, ErrorKind, PathIndex, ReadTx, Readable, WriteTx};
use serde_json::{Value, json};

use super::keys::{at_path, inject, is_nothing, mapped, number};

/// Where the next keys lie that a store gives by itself, a document for each store.
const GENERATORS: &str = "generators";

/// The greatest key that a store gives by itself: 2^53.
const GENERATED_MAX: u64 = 1 << 53;

#[derive(Clone)]
pub struct Store {
    pub name: String,
    pub key_path: Value,
    pub generates: bool,
    pub indexes: Vec<Index>,
}

#[derive(Clone)]
pub struct Index {
    pub name: String,
    pub key_path: Value,
    pub unique: bool,
    pub multi_entry: bool,
}

/// Why a call is refused.
pub enum Refusal {
    /// By what is in front of the database, under this name.
    Front(&'static str),
    /// By Larder.
    Larder(Error),
    /// What it came to is not what it should have.
    Otherwise(String),
}

impl Refusal {
    /// What `IndexedDB` calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Front(name) => (*name).to_owned(),
            Self::Larder(error) if error.is(ErrorKind::Conflict) => "ConstraintError".to_owned(),
            Self::Larder(error) => error.to_string(),
            Self::Otherwise(why) => why.clone(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Larder(error)
    }
}

pub const DATA_ERROR: Refusal = Refusal::Front("DataError");

#[expect(
    clippy::large_enum_variant,
    reason = "there is one transaction at a time"
)]
pub enum Tx {
    Read(ReadTx),
    Write(WriteTx),
}

impl Tx {
    pub fn documents(&self, store: &str) -> larder::Result<Documents<'_>> {
        match self {
            Self::Read(tx) => tx.documents(store),
            Self::Write(tx) => Readable::documents(tx, store),
        }
    }
}

impl Store {
    /// Stores a value under the key that a call gives, that is in the value, or that the store gives;
    /// says which. Unless it `replaces`, the key must be free.
    pub fn store(&self, tx: &WriteTx, args: &[Value], replaces: bool) -> Result<Value, Refusal> {
        let mut value = args.first().ok_or(Refusal::Front("TypeError"))?.clone();
        let key = self.key_for(tx, &mut value, args.get(1))?;
        self.write(tx, &key, &value, replaces)?;
        Ok(key)
    }

    fn key_for(
        &self,
        tx: &WriteTx,
        value: &mut Value,
        given: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let given = match (self.key_path.is_null(), given) {
            (false, Some(_)) => return Err(DATA_ERROR),
            (false, None) => at_path(value, &self.key_path),
            (true, given) => given.filter(|key| !is_nothing(key)).cloned(),
        };
        let Some(given) = given else {
            return self.generated(tx, value);
        };
        let key = mapped(&given).ok_or(DATA_ERROR)?;
        if let Some(number) = number(&key).filter(|_| self.generates) {
            let next = self.next_key(tx)?;
            if number >= next as f64 {
                let greatest = number.floor().min(GENERATED_MAX as f64) as u64;
                self.set_next_key(tx, greatest + 1)?;
            }
        }
        Ok(key)
    }

    /// The next key of the store, put into the value where that has its key in it.
    fn generated(&self, tx: &WriteTx, value: &mut Value) -> Result<Value, Refusal> {
        if !self.generates {
            return Err(DATA_ERROR);
        }
        let next = self.next_key(tx)?;
        let key = Value::from(next);
        if !self.key_path.is_null() && !inject(value, &self.key_path, &key) {
            return Err(DATA_ERROR);
        }
        if next > GENERATED_MAX {
            return Err(Refusal::Front("ConstraintError"));
        }
        self.set_next_key(tx, next + 1)?;
        mapped(&key).ok_or(DATA_ERROR)
    }

    fn next_key(&self, tx: &WriteTx) -> larder::Result<u64> {
        let generators = tx.documents(GENERATORS)?;
        Ok(generators.pointer(&self.name, "/next")?.unwrap_or(1))
    }

    fn set_next_key(&self, tx: &WriteTx, next: u64) -> larder::Result<()> {
        let mut generators = tx.documents(GENERATORS)?;
        generators.put(&self.name, json!({ "next": next }))?;
        Ok(())
    }

    /// Stores a value under a key.
    pub fn write(
        &self,
        tx: &WriteTx,
        key: &Value,
        value: &Value,
        replaces: bool,
    ) -> larder::Result<()> {
        let mut documents = tx.documents(&self.name)?;
        let body = self.body(key, value);
        let with_key = documents.find(json!({ "_id": { "$eq": key } }))?;
        let stored = with_key.first()?.map(|document| document.key().clone());
        match stored.filter(|_| replaces) {
            Some(stored) => documents.put(&stored, body).map(|_| ()),
            None => documents.insert(body).map(|_| ()),
        }
    }

    fn body(&self, key: &Value, value: &Value) -> Value {
        let mut keys = json!({});
        for index in &self.indexes {
            if let Some(key) = index.key_of(value) {
                keys[&index.name] = key;
            }
        }
        json!({"_id": key, "i": keys, "v": value})
    }

    /// Removes what a filter finds.
    pub fn remove(&self, tx: &WriteTx, filter: Value) -> larder::Result<()> {
        let mut documents = tx.documents(&self.name)?;
        let mut keys = Vec::new();
        for document in documents.find(filter)?.iter()? {
            keys.push(document?.key().clone());
        }
        for key in &keys {
            assert!(documents.remove(key)?);
        }
        Ok(())
    }

    /// Makes an index: first what is stored gets its keys in it.
    pub fn create_index(&mut self, tx: &WriteTx, index: Index) -> larder::Result<()> {
        let defined = index.defined();
        self.indexes.push(index);
        let mut documents = tx.documents(&self.name)?;
        let mut stored = Vec::new();
        for document in documents.iter()? {
            let document = document?;
            stored.push((document.key().clone(), document.to_value()?));
        }
        for (at, document) in stored {
            documents.put(&at, self.body(&document["_id"], &document["v"]))?;
        }
        documents.create_index(defined)
    }
}

impl Index {
    /// The path that the index is on.
    pub fn path(name: &str) -> String {
        format!("i.{name}")
    }

    fn defined(&self) -> PathIndex {
        let defined = PathIndex::on(&Self::path(&self.name)).sparse();
        let defined = if self.unique {
            defined.unique()
        } else {
            defined
        };
        defined.named(&self.name)
    }

    /// The key that a value has in the index, or the list of them.
    fn key_of(&self, value: &Value) -> Option<Value> {
        let key = at_path(value, &self.key_path)?;
        match key {
            Value::Array(keys) if self.multi_entry => {
                let mut entries: Vec<Value> = keys.iter().filter_map(mapped).collect();
                // That a document has the same key twice is no conflict, nor two entries.
                let mut seen = Vec::new();
                entries.retain(|key| {
                    !seen.contains(key) && {
                        seen.push(key.clone());
                        true
                    }
                });
                (!entries.is_empty()).then(|| entries.into())
            }
            key => mapped(&key),
        }
    }
}

/// A document as a reader of a store or an index sees it; the keys are as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: Value,
    pub primary: Value,
    pub value: Value,
}

/// What is read: a store by its keys, or by those of an index.
#[derive(Clone, Debug)]
pub struct Source {
    pub store: String,
    pub index: Option<String>,
}

impl Source {
    /// The path of the keys that it is read by.
    pub fn path(&self) -> String {
        match &self.index {
            Some(index) => Index::path(index),
            None => "_id".to_owned(),
        }
    }

    /// The filter that these conditions are on the key.
    pub fn filter(&self, conditions: &Value) -> Value {
        if conditions == &json!({}) {
            json!({})
        } else {
            json!({ self.path(): conditions })
        }
    }

    /// The order of the keys, 1 or -1, and of the primary keys where those are equal.
    pub fn sort(&self, keys: i8, primary: i8) -> Value {
        match self.index {
            Some(_) => json!([{ self.path(): keys }, { "_id": primary }]),
            None => json!({ "_id": keys }),
        }
    }

    /// The rows whose keys meet conditions, in the order of those, up to so many.
    pub fn rows(
        &self,
        tx: &Tx,
        conditions: &Value,
        limit: Option<u64>,
    ) -> larder::Result<Vec<Row>> {
        // A document with several keys comes where the least of them is, unless one is asked for.
        let sort = if conditions.get("$eq").is_some() {
            json!({ "_id": 1 })
        } else {
            self.sort(1, 1)
        };
        self.find(tx, self.filter(conditions), sort, limit)
    }

    /// The rows that a filter finds, in an order, up to so many. What an index gives, all documents
    /// that have a key in it must give, too.
    pub fn find(
        &self,
        tx: &Tx,
        filter: Value,
        sort: Value,
        limit: Option<u64>,
    ) -> larder::Result<Vec<Row>> {
        let documents = tx.documents(&self.store)?;
        let by = |filter: &Value, hint: Option<&String>| {
            let mut query = documents.find(filter.clone())?.sort(sort.clone())?;
            if let Some(index) = hint {
                query = query.hint(index);
            }
            if let Some(limit) = limit {
                query = query.limit(limit);
            }
            let rows = query.iter()?.map(|document| self.row(&document?));
            rows.collect::<larder::Result<Vec<Row>>>()
        };
        let rows = by(&filter, self.index.as_ref())?;
        if self.index.is_some() {
            let has_key = json!({ self.path(): { "$exists": true } });
            assert_eq!(rows, by(&json!({ "$and": [filter, has_key] }), None)?);
        }
        Ok(rows)
    }

    /// How many keys meet conditions.
    pub fn count(&self, tx: &Tx, conditions: &Value) -> larder::Result<u64> {
        let documents = tx.documents(&self.store)?;
        let query = documents.find(self.filter(conditions))?;
        match &self.index {
            Some(index) => query.hint(index).count(),
            None => query.count(),
        }
    }

    fn row(&self, document: &DocumentView<'_>) -> larder::Result<Row> {
        let mut stored = document.to_value()?;
        let primary = stored["_id"].take();
        let key = match &self.index {
            Some(index) => stored["i"][index].take(),
            None => primary.clone(),
        };
        Ok(Row {
            key,
            primary,
            value: stored["v"].take(),
        })
    }
}
