//! Any history of a collection in four versions, by plans and by code, written to, migrated, undone and
//! opened again in between, reads as a model in plain Rust that upgrades values by hand; and a file whose
//! descriptor is any JSON like ours is refused as damaged or is of use, and nothing panics.
#![no_main]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use larder::testing::{Control, Controls, get_raw, put_raw, stored};
use larder::{BoxError, CollectionMut, Database, Downgrade, Error, ErrorKind, Migration};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};

#[path = "../memory.rs"]
mod memory;
#[path = "../panics.rs"]
mod panics;
#[path = "../../tests/support/memory.rs"]
#[allow(dead_code)]
mod volume;

use volume::MemoryVolume;

const PATH: &str = "fuzzed.larder";

mod v1 {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Place {
        pub x: i16,
        pub name: Option<String>,
    }

    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub enum Kind {
        One,
        Two { n: u8 },
    }

    #[larder::record(name = "things")]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Thing {
        #[key]
        pub id: u8,
        #[index]
        pub name: String,
        #[index]
        pub size: u8,
        pub gone: String,
        #[index(each)]
        pub tags: Vec<String>,
        pub place: Place,
        pub kind: Kind,
    }
}

/// Follows without code.
mod v2 {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Place {
        #[default = 7]
        pub more: u8,
        #[renamed(from = "x")]
        pub east: i32,
        pub name: Option<String>,
    }

    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub enum Kind {
        Zero,
        #[renamed(from = "Two")]
        Pair {
            n: u16,
            m: Option<u8>,
        },
        One,
    }

    #[larder::record(name = "things", version = 2)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Thing {
        pub kind: Kind,
        #[key]
        pub id: u8,
        #[index]
        #[renamed(from = "name")]
        pub label: String,
        #[index]
        pub size: u32,
        #[default = "z"]
        #[index]
        pub zone: String,
        #[index(each)]
        pub tags: Vec<String>,
        pub place: Place,
    }
}

/// By code, and there is a way back.
mod v3 {
    #[larder::record(name = "things", version = 3, from = super::v2::Thing, downgrade)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Thing {
        #[key]
        pub id: u8,
        pub label: String,
        #[index]
        pub total: u64,
        #[index(each)]
        pub words: Vec<String>,
    }
}

/// Without code again.
mod v4 {
    #[larder::record(name = "things", version = 4)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Thing {
        #[key]
        pub id: u8,
        #[unique]
        #[renamed(from = "label")]
        pub title: String,
        #[default = true]
        pub open: bool,
        pub total: u64,
        #[index(each)]
        pub words: Vec<String>,
    }
}

/// The last version again, with the code for the whole way.
mod whole {
    #[larder::record(name = "things", version = 4, from = super::v3::Thing, downgrade)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Thing {
        #[key]
        pub id: u8,
        #[unique]
        #[renamed(from = "label")]
        pub title: String,
        #[default = true]
        pub open: bool,
        pub total: u64,
        #[index(each)]
        pub words: Vec<String>,
    }
}

impl From<v2::Thing> for v3::Thing {
    fn from(old: v2::Thing) -> Self {
        Self { id: old.id, label: old.label, total: u64::from(old.size) * 10, words: old.tags }
    }
}

impl Downgrade<v2::Thing> for v3::Thing {
    fn downgrade(self, before: Option<v2::Thing>) -> Result<v2::Thing, BoxError> {
        let before = before.unwrap_or_else(|| v2::Thing {
            kind: v2::Kind::One,
            id: self.id,
            label: String::new(),
            size: 0,
            zone: "back".to_owned(),
            tags: Vec::new(),
            place: v2::Place { more: 1, east: 2, name: None },
        });
        Ok(v2::Thing {
            label: self.label,
            size: u32::try_from(self.total / 10)?,
            tags: self.words,
            ..before
        })
    }
}

impl From<v3::Thing> for whole::Thing {
    fn from(old: v3::Thing) -> Self {
        Self { id: old.id, title: old.label, open: true, total: old.total, words: old.words }
    }
}

impl Downgrade<v3::Thing> for whole::Thing {
    fn downgrade(self, _before: Option<v3::Thing>) -> Result<v3::Thing, BoxError> {
        Ok(v3::Thing { id: self.id, label: self.title, total: self.total, words: self.words })
    }
}

/// A record, as the model has it.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    First(v1::Thing),
    Second(v2::Thing),
    Third(v3::Thing),
    Fourth(whole::Thing),
}

fn word(n: u8) -> String {
    let word = ["", "a", "B", "stra\u{df}e", "more than eight bytes of text"][usize::from(n % 5)];
    format!("{word}{}", n / 5 % 20)
}

fn words(n: u8) -> Vec<String> {
    (0..n % 4).map(|at| word(n.wrapping_add(at))).collect()
}

impl Value {
    /// A record of a version that a program writes; now and then one that no earlier version could have.
    fn new(version: u32, id: u8, n: u8) -> Self {
        match version {
            1 => Self::First(v1::Thing {
                id,
                name: word(n),
                size: n,
                gone: word(n.wrapping_mul(7)),
                tags: words(n),
                place: v1::Place { x: i16::from(n) - 100, name: (n % 2 == 0).then(|| word(n)) },
                kind: if n % 3 == 0 { v1::Kind::One } else { v1::Kind::Two { n } },
            }),
            2 => Self::Second(v2::Thing {
                kind: match n % 16 {
                    13 => v2::Kind::Zero,
                    0..6 => v2::Kind::Pair { n: n.into(), m: (n % 2 == 0).then_some(n) },
                    _ => v2::Kind::One,
                },
                id,
                label: word(n),
                size: if n % 32 == 30 { 100_000 } else { n.into() },
                zone: if n % 2 == 0 { "z".to_owned() } else { word(n) },
                tags: words(n),
                place: v2::Place {
                    more: 7,
                    east: if n % 32 == 29 { 1 << 20 } else { n.into() },
                    name: None,
                },
            }),
            3 => Self::Third(v3::Thing {
                id,
                label: word(n),
                total: if n % 32 == 28 { u64::MAX } else { u64::from(n) * 3 },
                words: words(n),
            }),
            _ => Self::Fourth(whole::Thing {
                id,
                title: word(n),
                open: n % 2 == 0,
                total: n.into(),
                words: words(n),
            }),
        }
    }

    fn version(&self) -> u32 {
        match self {
            Self::First(_) => 1,
            Self::Second(_) => 2,
            Self::Third(_) => 3,
            Self::Fourth(_) => 4,
        }
    }

    /// What it is as a later version has it.
    fn to(&self, version: u32) -> Self {
        if self.version() >= version {
            return self.clone();
        }
        let next = match self.clone() {
            Self::First(old) => Self::Second(v2::Thing {
                kind: match old.kind {
                    v1::Kind::One => v2::Kind::One,
                    v1::Kind::Two { n } => v2::Kind::Pair { n: n.into(), m: None },
                },
                id: old.id,
                label: old.name,
                size: old.size.into(),
                zone: "z".to_owned(),
                tags: old.tags,
                place: v2::Place { more: 7, east: old.place.x.into(), name: old.place.name },
            }),
            Self::Second(old) => Self::Third(old.into()),
            Self::Third(old) => Self::Fourth(old.into()),
            last @ Self::Fourth(_) => last,
        };
        next.to(version)
    }

    /// What it is in the version before, if it has a counterpart there; `before` is what it was.
    fn back(self, before: Option<&Self>) -> Option<Self> {
        Some(match self {
            Self::First(_) => return None,
            Self::Second(new) => {
                let Some(Self::First(before)) = before else { return None };
                Self::First(v1::Thing {
                    id: new.id,
                    name: new.label,
                    size: new.size.try_into().ok()?,
                    gone: before.gone.clone(),
                    tags: new.tags,
                    place: v1::Place { x: new.place.east.try_into().ok()?, name: new.place.name },
                    kind: match new.kind {
                        v2::Kind::Zero => return None,
                        v2::Kind::One => v1::Kind::One,
                        v2::Kind::Pair { n, .. } => v1::Kind::Two { n: n.try_into().ok()? },
                    },
                })
            }
            Self::Third(new) => {
                let before = before.map(|before| match before {
                    Self::Second(before) => before.clone(),
                    other => panic!("{other:?} is not of the version before"),
                });
                Self::Second(new.downgrade(before).ok()?)
            }
            Self::Fourth(new) => Self::Third(new.downgrade(None).ok()?),
        })
    }

    fn text(&self) -> &str {
        match self {
            Self::First(thing) => &thing.name,
            Self::Second(thing) => &thing.label,
            Self::Third(thing) => &thing.label,
            Self::Fourth(thing) => &thing.title,
        }
    }
}

/// A type of a program, for one version.
trait Known: larder::Record<Key = u8> {
    fn make(value: &Value) -> Self;
    fn value(self) -> Value;
    /// The keys of the records by each index of the collection, in order, and as the model has them.
    fn by_indexes(
        things: &larder::Collection<'_, Self>,
        model: &[Value],
    ) -> Vec<(Vec<u8>, Vec<u8>)>;
    fn retain_below(things: &mut CollectionMut<'_, Self>, end: u8) -> larder::Result<u64>;
}

macro_rules! known {
    ($type:ty, $variant:ident, [$($index:ident: |$thing:ident| $keys:expr),*]) => {
        impl Known for $type {
            fn make(value: &Value) -> Self {
                let Value::$variant(value) = value.clone() else { panic!("{value:?}") };
                value
            }
            fn value(self) -> Value {
                Value::$variant(self)
            }
            fn by_indexes(
                things: &larder::Collection<'_, Self>,
                model: &[Value],
            ) -> Vec<(Vec<u8>, Vec<u8>)> {
                let mut found = Vec::new();
                $(
                    let ids = things.by(Self::$index).iter().unwrap();
                    let ids = ids.map(|thing| thing.unwrap().id).collect();
                    let mut expected: Vec<_> = model
                        .iter()
                        .map(Self::make)
                        .flat_map(|$thing| {
                            let id = $thing.id;
                            $keys.into_iter().map(move |key| (key, id)).collect::<Vec<_>>()
                        })
                        .collect();
                    expected.sort();
                    expected.dedup();
                    found.push((ids, expected.into_iter().map(|(_, id)| id).collect()));
                )*
                found
            }
            fn retain_below(things: &mut CollectionMut<'_, Self>, end: u8) -> larder::Result<u64> {
                things.retain(|thing| thing.id < end)
            }
        }
    };
}

known!(v1::Thing, First, [
    BY_NAME: |thing| [thing.name],
    BY_SIZE: |thing| [thing.size],
    BY_TAGS: |thing| thing.tags
]);
known!(v2::Thing, Second, [
    BY_LABEL: |thing| [thing.label],
    BY_SIZE: |thing| [thing.size],
    BY_ZONE: |thing| [thing.zone],
    BY_TAGS: |thing| thing.tags
]);
known!(v3::Thing, Third, [
    BY_TOTAL: |thing| [thing.total],
    BY_WORDS: |thing| thing.words
]);
known!(whole::Thing, Fourth, [
    BY_TITLE: |thing| [thing.title],
    BY_WORDS: |thing| thing.words
]);

/// Does something with the type of a version.
macro_rules! with_type {
    ($version:expr, $type:ident => $done:expr) => {
        match $version {
            1 => {
                type $type = v1::Thing;
                $done
            }
            2 => {
                type $type = v2::Thing;
                $done
            }
            3 => {
                type $type = v3::Thing;
                $done
            }
            _ => {
                type $type = whole::Thing;
                $done
            }
        }
    };
}

/// A record as it lies in the file.
#[derive(Clone, Debug)]
struct Row {
    value: Value,
    /// Whether somebody wrote it so, and no migration.
    written: bool,
    /// What it was when it became a record of a version.
    before: BTreeMap<u32, (Value, bool)>,
}

/// What is in the file.
#[derive(Clone, Debug)]
struct Model {
    /// The versions that the collection had, the current one last, and whether code leads to the last one.
    versions: Vec<u32>,
    whole: bool,
    rows: BTreeMap<u8, Row>,
    /// A migration that was cancelled: the version that it leads to, and the last record it looked at.
    under_way: Option<(u32, u8)>,
}

impl Model {
    fn current(&self) -> u32 {
        *self.versions.last().unwrap()
    }

    fn values(&self) -> Vec<Value> {
        self.rows.values().map(|row| row.value.to(self.current())).collect()
    }

    /// Whether a record may have that text as its title: no other one has it.
    fn is_free(&self, id: u8, text: &str) -> bool {
        let current = self.current();
        current < 4
            || self
                .rows
                .iter()
                .all(|(other, row)| *other == id || row.value.to(current).text() != text)
    }

    fn write(&mut self, id: u8, value: Value) {
        let current = self.current();
        let mut before = BTreeMap::new();
        if let Some(old) = self.rows.remove(&id) {
            before = old.before;
            if old.value.version() != current {
                before.insert(current, (old.value, old.written));
            }
        }
        self.rows.insert(id, Row { value, written: true, before });
    }

    /// Migrates so many steps, or to the end; gives how many records became new.
    fn migrate(&mut self, steps: usize) -> u64 {
        let current = self.current();
        let after = match self.under_way {
            Some((to, after)) if to == current => Some(after),
            _ => None,
        };
        let mut migrated = 0;
        let behind = |id: &u8| after.is_none_or(|after| *id > after);
        let ids: Vec<u8> = self.rows.keys().copied().filter(behind).collect();
        let seen = ids.len().min(steps.saturating_mul(STEP));
        for id in &ids[..seen] {
            let row = self.rows.get_mut(id).unwrap();
            if row.value.version() != current {
                migrated += 1;
                let new = row.value.to(current);
                let old = std::mem::replace(&mut row.value, new);
                row.before.insert(current, (old, row.written));
                row.written = false;
            }
        }
        // A full step does not know that it was the last.
        self.under_way = match ids[..seen].last() {
            Some(last) if seen == steps.saturating_mul(STEP) => Some((current, *last)),
            _ => None,
        };
        migrated
    }

    /// Goes back, if every record has a counterpart.
    fn undo(&mut self) -> Option<u64> {
        let current = self.current();
        let target = *self.versions.iter().rev().nth(1)?;
        let mut rows = self.rows.clone();
        let mut restored = 0;
        for row in rows.values_mut() {
            if row.value.version() <= target {
                continue;
            }
            restored += 1;
            let before = row.before.remove(&current);
            if let Some((old, written)) = &before
                && (!row.written || old.to(current) == row.value)
            {
                (row.value, row.written) = (old.clone(), *written);
                continue;
            }
            while row.value.version() > target {
                let to = row.value.version() - 1;
                let before = before.as_ref().map(|(before, _)| before);
                let before = before.filter(|before| before.version() <= to);
                let before = before.map(|before| before.to(to));
                row.value = row.value.clone().back(before.as_ref())?;
            }
            row.written = true;
            // What it was is kept for the next step back.
            if let Some((old, written)) = before
                && old.version() < target
            {
                row.before.insert(target, (old, written));
            }
        }
        self.rows = rows;
        self.versions.pop();
        self.under_way = None;
        Some(restored)
    }
}

/// Records of a step, of those that tests make.
const STEP: usize = 16;

#[derive(Debug, Arbitrary)]
enum Input {
    History(Vec<Operation>),
    Descriptor { sample: u8, edits: Vec<Edit>, register: [u8; 2] },
}

#[derive(Debug, Arbitrary)]
enum Operation {
    Write {
        changes: Vec<Change>,
        commit: bool,
    },
    Fill {
        count: u8,
        n: u8,
    },
    /// The type of a version, the last with code or without.
    Register {
        version: u8,
        whole: bool,
    },
    Migrate {
        steps: Option<u8>,
    },
    Undo,
    Forget,
    Reopen,
    Compare,
}

#[derive(Debug, Arbitrary)]
enum Change {
    Insert(u8, u8),
    Put(u8, u8),
    Update(u8, u8),
    /// Written as it is.
    Touch(u8),
    Remove(u8),
    RetainBelow(u8),
}

/// Keys that operations name.
const IDS: u8 = 40;

struct Program {
    volume: MemoryVolume,
    db: Option<Database>,
    model: Model,
}

impl Program {
    fn builder(volume: &MemoryVolume) -> larder::Builder {
        Database::builder()
            .volume(Arc::new(volume.clone()))
            .controls(Controls::default().with(Control::SmallSteps))
            .cache_size(1 << 18)
            .log_size(1 << 16)
    }

    fn new() -> Self {
        let volume = MemoryVolume::default();
        let db = Self::builder(&volume).register::<v1::Thing>().create(PATH).unwrap();
        Self {
            volume,
            db: Some(db),
            model: Model {
                versions: vec![1],
                whole: false,
                rows: BTreeMap::new(),
                under_way: None,
            },
        }
    }

    fn db(&self) -> &Database {
        self.db.as_ref().unwrap()
    }

    fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { changes, commit } => {
                let model = self.model.clone();
                with_type!(self.model.current(), Thing => self.write::<Thing>(changes, *commit));
                if !commit {
                    self.model = model;
                }
            }
            Operation::Fill { count, n } => {
                let changes: Vec<_> =
                    (0..count % IDS).map(|id| Change::Insert(id, n.wrapping_add(id))).collect();
                with_type!(self.model.current(), Thing => self.write::<Thing>(&changes, true));
            }
            Operation::Register { version, whole } => self.register(version % 4 + 1, *whole),
            Operation::Migrate { steps } => self.migrate(steps.map(|steps| steps % 3 + 1)),
            Operation::Undo => self.undo(),
            Operation::Forget => {
                let rows = self.model.rows.values_mut();
                rows.for_each(|row| row.before.clear());
                self.db().forget_migration("things").unwrap();
            }
            Operation::Reopen => {
                self.db.take().unwrap().close().unwrap();
                self.db = Some(Self::builder(&self.volume).open_existing(PATH).unwrap());
                let version = self.model.current();
                if version == 4 {
                    self.register_without_code();
                }
                with_type!(version, Thing => self.db().register::<Thing>()).unwrap();
            }
            Operation::Compare => self.compare(),
        }
    }

    /// In a program that knows no code, records that take it are in the way.
    fn register_without_code(&self) {
        let needs = if self.model.whole { 3 } else { 2 };
        let mut rows = self.model.rows.values();
        let lost = rows.any(|row| row.value.version() <= needs);
        match self.db().register::<v4::Thing>() {
            Ok(()) => assert!(!lost, "the code is not there"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
                assert!(lost, "{error}");
            }
        }
    }

    fn write<T: Known>(&mut self, changes: &[Change], commit: bool) {
        let tx = self.db.as_ref().unwrap().begin_write().unwrap();
        {
            let mut things = tx.collection::<T>().unwrap();
            for change in changes {
                apply(&mut things, &mut self.model, change);
            }
        }
        if commit {
            tx.commit().unwrap();
        }
    }

    fn register(&mut self, version: u8, whole: bool) {
        let (version, current) = (u32::from(version), self.model.current());
        let result = match (version, whole) {
            (4, false) => self.db().register::<v4::Thing>(),
            _ => with_type!(version, Thing => self.db().register::<Thing>()),
        };
        let kind = result.as_ref().err().map(Error::kind);
        if version < current {
            assert_eq!(kind, Some(ErrorKind::NewerSchema), "{result:?}");
        } else if version == current {
            result.unwrap();
        } else if version == 4 && !whole && current < 3 {
            assert_eq!(kind, Some(ErrorKind::SchemaChanged), "{result:?}");
        } else {
            let mut texts: Vec<_> = self.model.rows.values().map(|row| row.value.text()).collect();
            texts.sort_unstable();
            if version == 4 && texts.windows(2).any(|pair| pair[0] == pair[1]) {
                assert_eq!(kind, Some(ErrorKind::Conflict), "{result:?}");
                return;
            }
            result.unwrap();
            self.model.versions.push(version);
            self.model.whole = whole;
        }
    }

    fn migrate(&mut self, steps: Option<u8>) {
        let mut left = steps;
        let report = self.db().migrate_with(Migration::new().on_progress(|_| {
            if let Some(left) = &mut left {
                *left -= 1;
            }
            if left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }));
        let report = report.unwrap();
        let migrated = self.model.migrate(steps.map_or(usize::MAX, usize::from));
        assert_eq!(report.records, migrated);
        assert_eq!((report.set_aside, report.unregistered.len()), (0, 0));
    }

    fn undo(&mut self) {
        let current = self.model.current();
        let result = with_type!(current, Thing => self.db().undo_migration::<Thing>());
        let expected = if self.model.versions.len() < 2 {
            ErrorKind::NotFound
        } else {
            ErrorKind::NotMigrated
        };
        match (result, self.model.undo()) {
            (Ok(records), Some(restored)) => {
                assert_eq!(records, restored);
                with_type!(self.model.current(), Thing => self.db().register::<Thing>()).unwrap();
            }
            (Err(error), None) => assert_eq!(error.kind(), expected, "{error}"),
            (result, model) => panic!("{result:?} where the model has {model:?}"),
        }
    }

    fn compare(&self) {
        let report = self.db().check().unwrap();
        assert!(report.is_ok(), "{report}");
        with_type!(self.model.current(), Thing => self.compare_as::<Thing>());
        let lies = stored(self.db(), "things").unwrap().unwrap();
        assert_eq!(lies.version, self.model.current());
        assert_eq!(lies.coming, None);
        let versions = lies.records.iter().map(|(key, (version, _))| (key[0], *version));
        let rows = self.model.rows.iter();
        assert!(versions.eq(rows.map(|(id, row)| (*id, row.value.version()))));
    }

    fn compare_as<T: Known>(&self) {
        let model = self.model.values();
        let tx = self.db().read().unwrap();
        let things = tx.collection::<T>().unwrap();
        let all: Vec<Value> = things
            .iter()
            .unwrap()
            .map(|thing| thing.unwrap().to_owned().unwrap().value())
            .collect();
        assert_eq!(all, model);
        for (found, expected) in T::by_indexes(&things, &model) {
            assert_eq!(found, expected);
        }
        let any = tx.records("things").unwrap().unwrap();
        for (value, thing) in model.iter().zip(any.iter().unwrap()) {
            let json = thing.unwrap().to_value().unwrap();
            let text = ["name", "label", "title"].iter().find_map(|name| json.get(name));
            assert_eq!(text.and_then(Json::as_str), Some(value.text()));
        }
        let name = ["name", "label", "label", "title"][self.model.current() as usize - 1];
        if let Some(first) = model.first() {
            let same = model.iter().filter(|value| value.text() == first.text()).count();
            let found = things.find(json!({ name: first.text() })).unwrap();
            assert_eq!(found.count().unwrap(), same as u64);
        }
    }
}

/// Makes one change, which does what the model says.
fn apply<T: Known>(things: &mut CollectionMut<'_, T>, model: &mut Model, change: &Change) {
    let current = model.current();
    match *change {
        Change::Insert(id, n) | Change::Put(id, n) => {
            let id = id % IDS;
            let value = Value::new(current, id, n);
            let inserts = matches!(change, Change::Insert(..));
            let fits =
                model.is_free(id, value.text()) && !(inserts && model.rows.contains_key(&id));
            let made = T::make(&value);
            let result =
                if inserts { things.insert(&made).map(drop) } else { things.put(&made).map(drop) };
            match result {
                Ok(()) => assert!(fits, "it should have been refused"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    assert!(!fits, "{error}");
                }
            }
            if fits {
                model.write(id, value);
            }
        }
        Change::Update(id, n) => {
            let id = id % IDS;
            let value = Value::new(current, id, n);
            let fits = model.is_free(id, value.text());
            match things.update(id, |thing| *thing = T::make(&value)) {
                Ok(()) => assert!(fits && model.rows.contains_key(&id)),
                Err(error) if error.is(ErrorKind::NotFound) => {
                    assert!(!model.rows.contains_key(&id))
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    assert!(!fits, "{error}");
                }
            }
            if fits && model.rows.contains_key(&id) {
                model.write(id, value);
            }
        }
        Change::Touch(id) => {
            let id = id % IDS;
            let found = things.update(id, |_| {});
            assert_eq!(found.is_ok(), model.rows.contains_key(&id), "{found:?}");
            if let Some(row) = model.rows.get(&id) {
                let value = row.value.to(current);
                model.write(id, value);
            }
        }
        Change::Remove(id) => {
            let id = id % IDS;
            let removed = things.remove(id).unwrap();
            assert_eq!(removed, model.rows.remove(&id).is_some());
        }
        Change::RetainBelow(id) => {
            let before = model.rows.len();
            model.rows.retain(|other, _| *other < id);
            let removed = T::retain_below(things, id).unwrap();
            assert_eq!(removed, (before - model.rows.len()) as u64);
        }
    }
}

/// One change of a tree of JSON; its nodes have numbers.
#[derive(Debug, Arbitrary)]
enum Edit {
    Set(u16, Plain),
    /// What is elsewhere in the tree.
    Copy(u16, u16),
    Swap(u16, u16),
    Remove(u16),
    /// Once more, at the end of its list.
    Twice(u16),
    /// What the collection is, under `coming`.
    Coming,
}

#[derive(Debug, Arbitrary)]
enum Plain {
    Null,
    Bool(bool),
    Small(u8),
    Number(i64),
    Float(f64),
    Word(u8),
    Empty,
    Nothing,
}

impl Plain {
    fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => json!(value),
            Self::Small(value) => json!(value),
            Self::Number(value) => json!(value),
            Self::Float(value) => json!(value),
            Self::Word(number) => json!(WORDS[usize::from(*number) % WORDS.len()]),
            Self::Empty => json!([]),
            Self::Nothing => json!({}),
        }
    }
}

/// What stands in descriptors.
const WORDS: [&str; 24] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "i16",
    "i32",
    "string",
    "bytes",
    "bool",
    "f64",
    "char",
    "timestamp",
    "id",
    "name",
    "label",
    "title",
    "size",
    "tags",
    "place",
    "kind",
    "",
    "records",
    "documents",
    "bucket",
];

/// Paths of all nodes below the root.
fn nodes(tree: &Json) -> Vec<String> {
    fn walk(node: &Json, path: &str, found: &mut Vec<String>) {
        let mut below = |step: &str, node: &Json| {
            let step = step.replace('~', "~0").replace('/', "~1");
            let path = format!("{path}/{step}");
            found.push(path.clone());
            walk(node, &path, found);
        };
        match node {
            Json::Object(fields) => fields.iter().for_each(|(name, node)| below(name, node)),
            Json::Array(list) => {
                let numbered = list.iter().enumerate();
                numbered.for_each(|(at, node)| below(&at.to_string(), node));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(tree, "", &mut found);
    found
}

fn edit(tree: &mut Json, edit: &Edit) {
    let paths = nodes(tree);
    if paths.is_empty() || paths.len() > 4000 {
        return;
    }
    let path = |number: u16| paths[usize::from(number) % paths.len()].as_str();
    let put = |tree: &mut Json, at: &str, value: Json| {
        if let Some(node) = tree.pointer_mut(at) {
            *node = value;
        }
    };
    let get = |tree: &Json, at: &str| tree.pointer(at).cloned().unwrap_or(Json::Null);
    match edit {
        Edit::Set(at, plain) => put(tree, path(*at), plain.json()),
        Edit::Copy(at, from) => {
            let value = get(tree, path(*from));
            put(tree, path(*at), value);
        }
        Edit::Swap(one, other) => {
            let (first, second) = (get(tree, path(*one)), get(tree, path(*other)));
            put(tree, path(*one), second);
            put(tree, path(*other), first);
        }
        Edit::Remove(at) | Edit::Twice(at) => {
            let Some((parent, name)) = path(*at).rsplit_once('/') else { return };
            let value = get(tree, path(*at));
            match (tree.pointer_mut(parent), edit) {
                (Some(Json::Object(fields)), Edit::Remove(_)) => {
                    fields.remove(name);
                }
                (Some(Json::Array(list)), Edit::Remove(_)) => {
                    list.remove(name.parse().unwrap());
                }
                (Some(Json::Array(list)), _) => list.push(value),
                _ => {}
            }
        }
        Edit::Coming => {
            let coming = tree.clone();
            if let Some(fields) = tree.as_object_mut() {
                fields.insert("coming".to_owned(), coming);
            }
        }
    }
}

const ROW: &[u8] = b"catalog/things";

struct Sample {
    volume_bytes: Vec<u8>,
    row: Json,
}

/// Files of one version, of two with old and new records, of four by a leap, undone, and with one coming.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let register = |version: u8| Operation::Register { version: version - 1, whole: true };
    let histories = [
        vec![],
        vec![register(2)],
        vec![register(2), Operation::Migrate { steps: Some(0) }],
        vec![register(2), Operation::Migrate { steps: None }, register(3)],
        vec![register(4), Operation::Migrate { steps: Some(0) }],
        vec![register(3), Operation::Migrate { steps: None }, Operation::Undo],
    ];
    let made = histories.iter().map(|history| {
        let mut program = Program::new();
        program.run(&Operation::Fill { count: 25, n: 3 });
        history.iter().for_each(|operation| program.run(operation));
        program.db.take().unwrap().close().unwrap();
        Sample::of(program.volume.bytes(PATH))
    });
    let mut made: Vec<_> = made.collect();
    let coming = (1..).find_map(|writes| Sample::interrupted(&made[0], writes));
    made.extend(coming);
    made
});

impl Sample {
    fn of(volume_bytes: Vec<u8>) -> Self {
        let volume = MemoryVolume::with(PATH, volume_bytes.clone());
        let db = Program::builder(&volume).open_existing(PATH).unwrap();
        let row = get_raw(&db, "larder", ROW).unwrap().unwrap();
        Self { volume_bytes, row: serde_json::from_slice(&row).unwrap() }
    }

    /// The file when a version was being registered, if that was begun after so many writes and one step
    /// of building an index was done.
    fn interrupted(before: &Self, writes: u64) -> Option<Self> {
        let volume = MemoryVolume::with(PATH, before.volume_bytes.clone());
        let db = Program::builder(&volume).open_existing(PATH).unwrap();
        volume.fail_after(writes);
        db.register::<v2::Thing>().expect_err("nothing was coming before it came");
        drop(db);
        let sample = Self::of(volume.bytes(PATH));
        sample.row["coming"].to_string().contains("after").then_some(sample)
    }
}

/// Puts the row in place of ours, and does with the file what a program does.
fn with_descriptor(sample: &Sample, row: &Json, register: [u8; 2]) {
    let volume = MemoryVolume::with(PATH, sample.volume_bytes.clone());
    let db = Program::builder(&volume).open_existing(PATH).unwrap();
    let row = serde_json::to_vec(row).unwrap();
    put_raw(&db, "larder", ROW, Some(&row)).unwrap();
    db.close().unwrap();
    let db = match Program::builder(&volume).open_existing(PATH) {
        Ok(db) => db,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
            return;
        }
    };
    use_everything(&db);
    for version in register {
        let registered = with_type!(u32::from(version % 4 + 1), Thing => {
            db.register::<Thing>().and_then(|()| use_as::<Thing>(&db))
        });
        if let Err(error) = registered {
            assert_told(&error);
        }
        use_everything(&db);
    }
    for result in [
        db.migrate().map(drop),
        db.migration_plan().map(drop),
        db.migration_history().map(drop),
        with_type!(u32::from(register[0] % 4 + 1), Thing => db.undo_migration::<Thing>().map(drop)),
        db.forget_migration("things").map(drop),
    ] {
        if let Err(error) = result {
            assert_told(&error);
        }
    }
    use_everything(&db);
    let _ = db.close();
    if let Err(error) = Program::builder(&volume).open_existing(PATH) {
        assert_told(&error);
    }
}

/// Fails where an error is one that a descriptor cannot be the cause of.
fn assert_told(error: &Error) {
    assert!(
        !matches!(
            error.kind(),
            ErrorKind::NotADatabase | ErrorKind::UnsupportedFormat | ErrorKind::WrongKey
        ),
        "{error:?}"
    );
}

fn use_everything(db: &Database) {
    if let Err(error) = db.check() {
        assert_told(&error);
    }
    let read = || {
        let tx = db.read()?;
        let Some(things) = tx.records("things")? else { return Ok(()) };
        for thing in things.iter()? {
            let _ = thing.and_then(|thing| thing.to_value());
        }
        let found = things.find(json!({ "size": { "$gte": 3 } }))?;
        found.count().map(drop)
    };
    if let Err(error) = read() {
        assert_told(&error);
    }
}

fn use_as<T: Known>(db: &Database) -> larder::Result<()> {
    let tx = db.read()?;
    let things = tx.collection::<T>()?;
    for thing in things.iter()? {
        let _ = thing.and_then(|thing| thing.to_owned());
    }
    drop(things);
    drop(tx);
    db.write(|tx| {
        let mut things = tx.collection::<T>()?;
        things.remove(3)?;
        things.put(&T::make(&Value::new(T::VERSION, 3, 9)))?;
        things.update(4, |_| {})
    })
}

fuzz_target!(|input: Input| {
    panics::let_redb_panic();
    match input {
        Input::History(operations) => {
            let mut program = Program::new();
            operations.iter().take(40).for_each(|operation| program.run(operation));
            program.compare();
            program.run(&Operation::Reopen);
            program.compare();
        }
        Input::Descriptor { sample, edits, register } => {
            let sample = &SAMPLES[usize::from(sample) % SAMPLES.len()];
            let mut row = sample.row.clone();
            edits.iter().take(12).for_each(|change| edit(&mut row, change));
            let bytes = sample.volume_bytes.len() + row.to_string().len();
            memory::bounded(bytes, || with_descriptor(sample, &row, register));
        }
    }
});
