//! Records without their Rust type: as their descriptor in the file has them.

use std::io::Write;

use super::document::IntoDocument;
use super::filter::of_document;
use super::ndjson;
use super::path_index::{IndexInfo, list};
use super::query::{Found, Query, Target, sealed};
use crate::base::Result;
use crate::base::error::Context;
use crate::collection::body::Body;
use crate::collection::read::at;
use crate::collection::tables::Tables;
use crate::schema::catalog::Records;
use crate::schema::json::{to_text, to_value};
use crate::schema::layout::Layout;
use crate::schema::types::RecordType;
use crate::schema::upgrade::lacks_code;
use crate::schema::view::{Slot, ValueRef};
use crate::store::{ALL, Bytes, Range};
use crate::txn::read::ReadTx;

/// The records of a collection whatever their type is, to read: also of a newer version than the program
/// knows.
pub struct AnyRecords<'tx> {
    tables: Tables<'tx>,
    info: &'tx Records,
}

/// A record as its descriptor in the file has it.
pub struct AnyRecord<'a> {
    info: &'a Records,
    body: Body<'a>,
    /// How it lies there where that is not as the current version has it.
    earlier: Option<Box<Layout>>,
}

impl ReadTx {
    /// The records of that name without their Rust type; `None` where there is no such collection.
    ///
    /// ```
    /// # use larder::{Database, record};
    /// # #[record(name = "cities")] pub struct City { #[key] pub id: u64, pub name: String }
    /// # fn main() -> larder::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # db.write(|tx| tx.collection::<City>()?.insert(&City { id: 7, name: "Pula".into() }))?;
    /// let tx = db.read()?;
    /// let cities = tx.records("cities")?.expect("it is there");
    /// assert_eq!(cities.version(), 1);
    /// let pula = cities.find(serde_json::json!({"name": "Pula"}))?.first()?.expect("it is there");
    /// assert_eq!(pula.to_value()?["id"], 7);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when the name is that of a bucket or of documents.
    pub fn records(&self, name: &str) -> Result<Option<AnyRecords<'_>>> {
        let Some((slot, member)) = self.catalog().find(name) else {
            return Ok(None);
        };
        let info = member.records()?;
        info.typed()?;
        Ok(Some(AnyRecords {
            tables: self.tables(slot, info)?,
            info,
        }))
    }
}

impl AnyRecords<'_> {
    /// The version of the records.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.info.upgrades.current
    }

    /// What the records are made of, and their key. The indexes are not in it.
    pub fn description(&self) -> Result<&RecordType> {
        Ok(&self.info.typed()?.current)
    }

    /// The indexes that they have in the file, those that are being built among them.
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        list(Some(self.info), &self.tables)
    }

    /// How many records there are; takes constant time.
    pub fn len(&self) -> Result<u64> {
        self.tables.records().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All records in the order of their keys. One of an earlier version that takes the code of a program
    /// to be brought to the current one is given as it is: see [`AnyRecord::version`].
    pub fn iter(&self) -> Result<impl Iterator<Item = Result<AnyRecord<'_>>>> {
        Ok(AnyIter {
            range: self.tables.records().range(ALL)?,
            info: self.info,
        })
    }

    /// The records for which a filter holds: see [`Documents::find`](crate::Documents::find).
    ///
    /// # Errors
    /// Those of [`Collection::find`](crate::Collection::find);
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) for a record that takes code.
    pub fn find(&self, filter: impl IntoDocument) -> Result<Query<'_, AnyRecord<'_>>> {
        let target = Target::new(&self.info.name, Some(self.info), &self.tables);
        Query::new(target, || of_document(&filter))
    }

    /// Writes every record as a line of JSON: see
    /// [`Collection::export_ndjson`](crate::Collection::export_ndjson).
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the writer fails, and those of reading.
    pub fn export_ndjson(&self, mut to: impl Write) -> Result<u64> {
        let mut count = 0;
        for record in self.iter()? {
            let record = record?;
            let line = record.to_json()?;
            writeln!(to, "{line}").map_err(ndjson::not_written)?;
            count += 1;
        }
        to.flush().map_err(ndjson::not_written)?;
        Ok(count)
    }
}

impl AnyRecord<'_> {
    /// The version that the record is given in: the current one, unless it takes code to bring it there.
    #[must_use]
    pub fn version(&self) -> u32 {
        match self.earlier {
            Some(_) => self.body.envelope.version,
            None => self.info.upgrades.current,
        }
    }

    /// Its revision: see [`View::revision`](crate::View::revision).
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.body.envelope.revision
    }

    /// The record as a value, whose fields are looked at one by one.
    pub fn value(&self) -> Result<ValueRef<'_>> {
        let layout = match &self.earlier {
            Some(layout) => layout,
            None => &self.info.typed()?.layout,
        };
        Slot::record(self.body.bytes(), layout)
    }

    /// The record as a JSON value.
    pub fn to_value(&self) -> Result<serde_json::Value> {
        self.read(to_value)
    }

    /// The record as JSON text.
    pub fn to_json(&self) -> Result<String> {
        self.read(to_text)
    }

    fn read<T>(&self, read: impl FnOnce(ValueRef<'_>, usize) -> Result<T>) -> Result<T> {
        self.value()
            .and_then(|value| read(value, self.body.bytes().len()))
            .context(|| format!("collection {:?}", self.info.name))
    }
}

/// Opens a record: in its current form, or as it is.
fn open<'a>(info: &'a Records, stored: Bytes<'a>) -> Result<AnyRecord<'a>> {
    let body = Body::open_as_it_is(stored)?;
    let version = body.envelope.version;
    let mut earlier = None;
    let body = if version == info.upgrades.current {
        body
    } else {
        match info.upgrades.bring(version, body.bytes()) {
            Ok(bytes) => body.in_form(bytes),
            Err(error) if lacks_code(&error) => {
                earlier = Some(Box::new(info.typed()?.layout_of(version)?));
                body
            }
            Err(error) => return Err(error),
        }
    };
    Ok(AnyRecord {
        info,
        body,
        earlier,
    })
}

struct AnyIter<'a> {
    range: Range<'a>,
    info: &'a Records,
}

impl<'a> Iterator for AnyIter<'a> {
    type Item = Result<AnyRecord<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.range.next()?;
        Some(entry.and_then(|(key, stored)| {
            let record = open(self.info, stored.kept());
            record.map_err(|error| at(error, &self.info.name, &key))
        }))
    }
}

impl sealed::Sealed for AnyRecord<'_> {}
impl<'a> Found<'a> for AnyRecord<'a> {
    fn open(found: sealed::Entry<'a, '_>) -> Result<Self> {
        let info = found.existing()?;
        open(info, found.stored).map_err(|error| at(error, &info.name, found.key))
    }
}

impl std::fmt::Debug for AnyRecords<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyRecords")
            .field("name", &self.info.name)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AnyRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.value() {
            Ok(value) => value.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}
