//! Random documents, indexes, filters and sorts, out of so few values that they collide.

use larder::PathIndex;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::compare::Hint;

/// What can be indexed.
const INDEXED: [&str; 7] = ["a", "b", "a.b", "a.c", "c", "a.0", "0"];

/// What can be asked for: what is indexed, and some that lead elsewhere.
const ASKED: [&str; 12] = [
    "a", "b", "a.b", "a.c", "c", "a.0", "a", "b", "a.0.b", "b.a", "0", "_id",
];

const SORTED: [&str; 8] = ["a", "b", "a.b", "a.c", "c", "a.0", "a", "_id"];

/// So many cases, or as many as `PROPTEST_CASES` says.
pub fn config(cases: u32) -> ProptestConfig {
    let told = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig {
        failure_persistence: None,
        cases: if told { default.cases } else { cases },
        ..default
    }
}

/// An index, to be printed and made.
#[derive(Clone, Debug)]
pub struct GivenIndex {
    paths: Vec<(&'static str, bool)>,
    sparse: bool,
    folded: bool,
    unique: bool,
    filter: Option<Value>,
    pub name: String,
}

impl GivenIndex {
    pub fn make(&self) -> PathIndex {
        let mut paths = self.paths.iter();
        let &(first, descending) = paths.next().unwrap();
        let mut index = if descending {
            PathIndex::on_descending(first)
        } else {
            PathIndex::on(first)
        };
        for &(path, descending) in paths {
            index = if descending {
                index.and_descending(path)
            } else {
                index.and(path)
            };
        }
        index = index.named(&self.name);
        if self.sparse {
            index = index.sparse();
        }
        if self.folded {
            index = index.folded();
        }
        if self.unique {
            index = index.unique();
        }
        if let Some(filter) = &self.filter {
            index = index.only(filter);
        }
        index
    }

    /// To go through it.
    pub fn hint(&self) -> Hint {
        Hint {
            name: self.name.clone(),
            holds_all: !self.sparse && self.filter.is_none(),
        }
    }
}

/// A query, to be printed and asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub filter: Value,
    pub sort: Vec<(&'static str, bool)>,
    pub skip: u64,
    pub limit: Option<u64>,
    /// How long the pages are.
    pub page: u64,
}

impl Asked {
    /// The filter, unless it names one of these paths; then one that holds for everything.
    pub fn filter_without(&self, paths: &[&str]) -> Value {
        let text = self.filter.to_string();
        if paths
            .iter()
            .any(|path| text.contains(&format!("\"{path}\"")))
        {
            return json!({});
        }
        self.filter.clone()
    }

    /// The sort as a query takes it.
    pub fn sort(&self) -> Vec<String> {
        self.sort_turned(&[])
    }

    /// The same where the order of some paths is the opposite.
    pub fn sort_turned(&self, turned: &[&str]) -> Vec<String> {
        let part = |&(path, descending): &(&str, bool)| {
            let descending = descending != turned.contains(&path);
            format!("{}{path}", if descending { "-" } else { "" })
        };
        self.sort.iter().map(part).collect()
    }
}

pub fn scalar() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1),
        json!(1.0),
        json!(2),
        json!(1.5),
        json!(-1),
        json!(-0.0),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992.0),
        json!({"$float": "NaN"}),
        json!({"$int": "18446744073709551616"}),
        json!(""),
        json!("a"),
        json!("A"),
        json!("ab"),
        json!("b"),
        json!("Straße"),
        json!("STRASSE"),
        json!("\u{212A}a"),
        json!({"$time": "1970-01-01T00:00:01Z"}),
        json!({"$time": "1970-01-01T00:00:02Z"}),
        json!({"$bytes": ""}),
        json!({"$bytes": "AQ=="}),
    ])
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Value::Array),
            2 => members(inner),
        ]
    })
}

fn members(value: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let member = move |some: f64| option::weighted(some, value.clone());
    (member(0.5), member(0.6), member(0.4), member(0.1)).prop_map(|(a, b, c, zero)| {
        let named = [("a", a), ("b", b), ("c", c), ("0", zero)];
        let there = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(there.collect::<Map<_, _>>())
    })
}

pub fn document() -> impl Strategy<Value = Value> {
    let member = |some| option::weighted(some, value());
    let object = (member(0.9), member(0.7), member(0.5)).prop_map(|(a, b, c)| {
        let named = [("a", a), ("b", b), ("c", c)];
        let there = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(there.collect::<Map<_, _>>())
    });
    prop_oneof![12 => object, 1 => vec(value(), 0..3).prop_map(Value::Array), 1 => scalar()]
}

/// Some indexes of one collection.
pub fn indexes() -> impl Strategy<Value = Vec<GivenIndex>> {
    vec(index(), 1..5).prop_map(|mut indexes| {
        for (number, index) in indexes.iter_mut().enumerate() {
            index.name = format!("index {number}");
        }
        indexes
    })
}

fn index() -> impl Strategy<Value = GivenIndex> {
    let paths = vec((select(INDEXED.to_vec()), any::<bool>()), 1..4);
    let filter = option::weighted(0.25, simple_filter());
    (
        paths,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.1),
        filter,
    )
        .prop_map(|(paths, sparse, folded, unique, filter)| GivenIndex {
            paths,
            sparse,
            folded,
            unique,
            filter,
            name: String::new(),
        })
}

/// What partial indexes are of; some queries ask for the very same.
fn simple_filter() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"a": {"$exists": true}}),
        json!({"b": {"$gt": 0}}),
        json!({"b": {"$gte": 1}}),
        json!({"b": {"$lt": 2}}),
        json!({"b": 1}),
        json!({"b": null}),
        json!({"b": {"$ne": null}}),
        json!({"c": {"$in": ["a", "ab", 1]}}),
        json!({"c": {"$type": ["string", "number"]}}),
        json!({"c": "a", "b": {"$exists": true}}),
        json!({"$or": [{"b": 1}, {"c": "a"}]}),
        json!({"a.b": {"$gte": 0}}),
        json!({"a": {"$regex": "^a"}}),
        json!({"a": {"$size": 2}}),
    ])
}

/// A path, and values that may be there: few, or as many as are searched instead of gone through.
pub fn among() -> impl Strategy<Value = (&'static str, Vec<Value>)> {
    let path = select(
        ASKED
            .iter()
            .copied()
            .filter(|path| *path != "_id")
            .collect::<Vec<_>>(),
    );
    (
        path,
        prop_oneof![vec(operand(), 0..4), vec(operand(), 17..24)],
    )
}

fn operand() -> BoxedStrategy<Value> {
    prop_oneof![6 => scalar(), 1 => value()].boxed()
}

/// An object of operators on a value, which compare it with what is given.
pub fn operators(operand: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let other = operand.clone();
    let operand = || operand.clone();
    let listed = || vec(operand(), 0..4);
    let one = prop_oneof![
        3 => operand().prop_map(|value| json!({ "$eq": value })),
        1 => operand().prop_map(|value| json!({ "$ne": value })),
        2 => operand().prop_map(|value| json!({ "$gt": value })),
        2 => operand().prop_map(|value| json!({ "$gte": value })),
        2 => operand().prop_map(|value| json!({ "$lt": value })),
        2 => operand().prop_map(|value| json!({ "$lte": value })),
        2 => (operand(), operand()).prop_map(|(a, b)| json!({ "$gte": a, "$lt": b })),
        1 => (operand(), operand()).prop_map(|(a, b)| json!({ "$gt": a, "$lte": b })),
        3 => listed().prop_map(|values| json!({ "$in": values })),
        1 => listed().prop_map(|values| json!({ "$nin": values })),
        2 => any::<bool>().prop_map(|there| json!({ "$exists": there })),
        2 => kind().prop_map(|kind| json!({ "$type": kind })),
        1 => listed().prop_map(|values| json!({ "$all": values })),
        1 => (0..4_u8).prop_map(|size| json!({ "$size": size })),
        1 => (1..4_i8, 0..2_i8).prop_map(|(by, rest)| json!({ "$mod": [by, rest] })),
        2 => pattern(),
    ];
    one.prop_recursive(2, 4, 2, move |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|operators| json!({ "$not": operators })),
            2 => inner.clone().prop_map(|operators| json!({ "$elemMatch": operators })),
            1 => (inner.clone(), other.clone()).prop_map(|(mut operators, value)| {
                operators["$ne"] = value;
                operators
            }),
            1 => inner.prop_map(|operators| json!({ "$all": [{ "$elemMatch": operators }] })),
        ]
    })
}

fn kind() -> impl Strategy<Value = Value> {
    let names = [
        "null", "bool", "int", "long", "double", "number", "string", "object", "array", "binData",
        "date", "objectId",
    ];
    prop_oneof![
        3 => select(names.to_vec()).prop_map(|name| json!(name)),
        1 => vec(select(names.to_vec()), 1..3).prop_map(|names| json!(names)),
    ]
}

fn pattern() -> impl Strategy<Value = Value> {
    let patterns = [
        "^a", "^ab?", "^A", "^", "b$", "^a|b", "^stras", "^k", "^a+", "^ab*$",
    ];
    (
        select(patterns.to_vec()),
        select(vec!["", "i", "m", "x", "s"]),
    )
        .prop_map(|(pattern, options)| json!({ "$regex": pattern, "$options": options }))
}

/// A path and what it has to be.
fn condition() -> impl Strategy<Value = Value> {
    let asked = prop_oneof![2 => operand(), 5 => operators(operand())];
    let of_members = (
        select(vec!["a", "b", "c", "0", "0.b"]),
        operators(operand()),
    )
        .prop_map(|(name, asked)| json!({ "$elemMatch": { name: asked } }));
    let asked = prop_oneof![8 => asked, 1 => of_members];
    (select(ASKED.to_vec()), asked).prop_map(|(path, asked)| json!({ path: asked }))
}

fn filter() -> impl Strategy<Value = Value> {
    joined(prop_oneof![
        8 => condition(),
        2 => simple_filter(),
        1 => Just(json!({})),
    ])
}

/// Conditions, joined to others.
fn joined(one: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    one.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            4 => vec(inner.clone(), 1..4).prop_map(|all| json!({ "$and": all })),
            2 => vec(inner.clone(), 1..4).prop_map(|any| json!({ "$or": any })),
            1 => vec(inner.clone(), 1..3).prop_map(|none| json!({ "$nor": none })),
            2 => (inner.clone(), inner).prop_map(|(mut one, other)| {
                one.as_object_mut().unwrap().extend(other.as_object().cloned().unwrap());
                one
            }),
        ]
    })
}

/// A query of documents.
pub fn asked() -> impl Strategy<Value = Asked> {
    asked_of(filter(), &SORTED)
}

/// A query of records: of conditions on these paths, each with a value that it may have.
pub fn asked_of_records(
    paths: &'static [&'static str],
    condition: impl Strategy<Value = Value> + 'static,
) -> impl Strategy<Value = Asked> {
    asked_of(joined(condition), paths)
}

fn asked_of(
    filter: impl Strategy<Value = Value>,
    sorted: &'static [&'static str],
) -> impl Strategy<Value = Asked> {
    let sort = prop_oneof![
        2 => Just(Vec::new()),
        3 => vec((select(sorted), any::<bool>()), 1..3),
    ];
    let skip = prop_oneof![2 => Just(0), 1 => 0..4_u64];
    let limit = option::of(1..6_u64);
    (filter, sort, skip, limit, 1..4_u64).prop_map(|(filter, sort, skip, limit, page)| Asked {
        filter,
        sort,
        skip,
        limit,
        page,
    })
}
