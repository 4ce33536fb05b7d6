//! How does a cursor go through a store or an index? Every step is a query of its own, so that it sees what
//! was changed since the last one.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::keys::{compare, is_nothing, mapped, same};
use super::store::{DATA_ERROR, Refusal, Row, Source, Tx};

pub struct Cursor {
    pub source: Source,
    direction: Direction,
    conditions: Value,
    /// Where it stands; `None` before the first row and behind the last.
    pub row: Option<Row>,
    /// What it must come to, row by row.
    expected: Vec<Value>,
    /// Whether it must come behind the last row.
    ends: bool,
    came_to: usize,
    ended: bool,
}

#[derive(Clone, Copy)]
struct Direction {
    backward: bool,
    unique: bool,
}

impl Direction {
    /// What a filter asks of a key that lies ahead, or also just here.
    fn ahead(self, or_here: bool) -> &'static str {
        match (self.backward, or_here) {
            (false, false) => "$gt",
            (false, true) => "$gte",
            (true, false) => "$lt",
            (true, true) => "$lte",
        }
    }
}

impl Cursor {
    /// A cursor in front of its first row, as a step of a trace opens it.
    pub fn new(source: Source, conditions: Value, direction: Option<&Value>, step: &Value) -> Self {
        let direction = direction.and_then(Value::as_str).unwrap_or("next");
        Self {
            source,
            direction: Direction {
                backward: direction.starts_with("prev"),
                unique: direction.ends_with("unique"),
            },
            conditions,
            row: None,
            expected: step["rows"].as_array().cloned().unwrap_or_default(),
            ends: step["end"] == true,
            came_to: 0,
            ended: false,
        }
    }

    /// Goes on so many rows, or to a key.
    pub fn advance(&mut self, tx: &Tx, rows: u64, to: Option<&Value>) -> Result<(), String> {
        for _ in 0..rows {
            let next = self.next(tx, to).map_err(|error| error.to_string())?;
            self.row = next;
            if self.row.is_none() {
                self.ended = true;
                return if self.ends {
                    Ok(())
                } else {
                    Err("the cursor ended too early".to_owned())
                };
            }
        }
        self.compare_row()
    }

    /// The key that a call wants to go on to: it must lie ahead.
    pub fn target(&self, asked: Option<&Value>) -> Result<Option<Value>, Refusal> {
        let Some(asked) = asked.filter(|asked| !is_nothing(asked)) else {
            return Ok(None);
        };
        let target = mapped(asked).ok_or(DATA_ERROR)?;
        let ahead = if self.direction.backward {
            Ordering::Less
        } else {
            Ordering::Greater
        };
        match &self.row {
            Some(row) if compare(&target, &row.key) != ahead => Err(DATA_ERROR),
            _ => Ok(Some(target)),
        }
    }

    fn next(&self, tx: &Tx, to: Option<&Value>) -> larder::Result<Option<Row>> {
        let path = self.source.path();
        let mut all = vec![self.source.filter(&self.conditions)];
        if let Some(row) = &self.row {
            all.push(self.behind(row));
        }
        if let Some(target) = to {
            all.push(json!({ path: { (self.direction.ahead(true)): target } }));
        }
        let sort = match (self.direction.backward, self.direction.unique) {
            (false, _) => self.source.sort(1, 1),
            (true, false) => self.source.sort(-1, -1),
            // Of equal keys the first one comes, also on the way back.
            (true, true) => self.source.sort(-1, 1),
        };
        let filter = json!({ "$and": all });
        let mut found = self.source.find(tx, filter, sort, Some(1))?;
        Ok(found.pop())
    }

    /// What comes after a row.
    fn behind(&self, row: &Row) -> Value {
        let path = self.source.path();
        let operator = self.direction.ahead(false);
        let other_key = json!({ &path: { operator: row.key } });
        if self.direction.unique || self.source.index.is_none() {
            return other_key;
        }
        let same_key = json!({ path: { "$eq": row.key }, "_id": { operator: row.primary } });
        json!({ "$or": [other_key, same_key] })
    }

    fn compare_row(&mut self) -> Result<(), String> {
        let row = self.row.as_ref().expect("a row");
        let Some(expected) = self.expected.get(self.came_to) else {
            return Err(format!("the cursor came to {row:?}, where nothing is"));
        };
        let agrees = mapped(&expected["key"]).is_some_and(|key| same(&key, &row.key))
            && mapped(&expected["primaryKey"]).is_some_and(|key| same(&key, &row.primary))
            // A cursor that gives keys only has no value.
            && expected.get("value").is_none_or(|value| same(value, &row.value));
        if !agrees {
            return Err(format!(
                "the cursor came to {row:?}, expected is {expected}"
            ));
        }
        self.came_to += 1;
        Ok(())
    }

    /// Whether it came to all that it should.
    pub fn is_through(&self) -> bool {
        self.came_to == self.expected.len() && self.ended == self.ends
    }
}
