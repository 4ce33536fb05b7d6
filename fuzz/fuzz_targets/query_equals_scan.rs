//! Any query of any documents finds through indexes what it finds without them, each once, in the order
//! that was asked for; whole and in pages.
#![no_main]

use arbitrary::Arbitrary;
use larder::{
    Cursor, Database, DocumentView, DocumentsMut, ErrorKind, PathIndex, Query, Result, WriteTx,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[derive(Debug, Arbitrary)]
struct Case {
    indexes: Vec<Index>,
    documents: Vec<Node>,
    queries: Vec<Asked>,
    changes: Vec<(u8, Option<Node>)>,
}

#[derive(Debug, Arbitrary)]
enum Node {
    Null,
    Bool(bool),
    Small(i8),
    Wide(i64),
    Float(f64),
    Half(i8),
    Text(Letter),
    Texts(Letter, Letter),
    Time(u8),
    Bytes(u8),
    List(Vec<Node>),
    Object(Vec<(Name, Node)>),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Letter {
    A,
    Capital,
    B,
    Sharp,
    Nothing,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Name {
    A,
    B,
    C,
    Zero,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Path {
    One(Name),
    Two(Name, Name),
    Three(Name, Name, Name),
}

#[derive(Debug, Arbitrary)]
struct Index {
    first: (Path, bool),
    others: Vec<(Path, bool)>,
    sparse: bool,
    folded: bool,
    unique: bool,
    only: Option<Filter>,
}

#[derive(Debug, Arbitrary)]
enum Filter {
    Path(Path, Vec<Operator>),
    Equal(Path, Node),
    Members(Path, Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    None(Vec<Filter>),
    Key(u8, u8),
}

#[derive(Debug, Arbitrary)]
enum Operator {
    Eq(Node),
    Ne(Node),
    Gt(Node),
    Gte(Node),
    Lt(Node),
    Lte(Node),
    In(Vec<Node>),
    NotIn(Vec<Node>),
    Exists(bool),
    Type(u8),
    All(Vec<Node>),
    Size(u8),
    Mod(u8, u8),
    Regex(u8, bool),
    Not(Box<Operator>),
    Element(Box<Operator>),
}

#[derive(Debug, Arbitrary)]
struct Asked {
    filter: Filter,
    sort: Vec<(Path, bool)>,
    skip: u8,
    limit: Option<u8>,
    page: u8,
}

impl Letter {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::Capital => "A",
            Self::B => "b",
            Self::Sharp => "ß",
            Self::Nothing => "",
        }
    }
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::Zero => "0",
        }
    }
}

impl Path {
    fn text(self) -> String {
        match self {
            Self::One(a) => a.text().to_owned(),
            Self::Two(a, b) => format!("{}.{}", a.text(), b.text()),
            Self::Three(a, b, c) => format!("{}.{}.{}", a.text(), b.text(), c.text()),
        }
    }

    fn sort(&(path, descending): &(Self, bool)) -> String {
        format!("{}{}", if descending { "-" } else { "" }, path.text())
    }
}

/// How deep what is made of the bytes goes at most.
const DEPTH: u8 = 6;

impl Node {
    fn json(&self, depth: u8) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Small(value) => json!(value),
            Self::Wide(value) => json!(value),
            Self::Float(value) => json!({ "$float": format!("{value:?}") }),
            Self::Half(value) => json!(f64::from(*value) / 2.0),
            Self::Text(letter) => json!(letter.text()),
            Self::Texts(one, other) => json!(format!("{}{}", one.text(), other.text())),
            Self::Time(second) => {
                json!({ "$time": format!("1970-01-01T00:00:{:02}Z", second % 60) })
            }
            Self::Bytes(count) => {
                let bytes = ["", "AQ==", "AQI="][usize::from(count % 3)];
                json!({ "$bytes": bytes })
            }
            Self::List(_) | Self::Object(_) if depth == 0 => Value::Null,
            Self::List(nodes) => nodes.iter().take(8).map(|node| node.json(depth - 1)).collect(),
            Self::Object(members) => {
                let member =
                    |(name, node): &(Name, Node)| (name.text().to_owned(), node.json(depth - 1));
                Value::Object(members.iter().take(8).map(member).collect::<Map<_, _>>())
            }
        }
    }
}

fn list(nodes: &[Node]) -> Value {
    nodes.iter().take(6).map(|node| node.json(3)).collect()
}

const KINDS: [&str; 12] = [
    "null", "bool", "int", "long", "double", "number", "string", "object", "array", "binData",
    "date", "objectId",
];

const PATTERNS: [&str; 7] = ["^a", "^ab?", "^", "b$", "^a|b", "^ss", "^B+"];

impl Operator {
    fn json(&self, depth: u8) -> (&'static str, Value) {
        match self {
            Self::Eq(node) => ("$eq", node.json(3)),
            Self::Ne(node) => ("$ne", node.json(3)),
            Self::Gt(node) => ("$gt", node.json(3)),
            Self::Gte(node) => ("$gte", node.json(3)),
            Self::Lt(node) => ("$lt", node.json(3)),
            Self::Lte(node) => ("$lte", node.json(3)),
            Self::In(nodes) => ("$in", list(nodes)),
            Self::NotIn(nodes) => ("$nin", list(nodes)),
            Self::Exists(there) => ("$exists", json!(there)),
            Self::Type(kind) => ("$type", json!(KINDS[usize::from(*kind) % KINDS.len()])),
            Self::All(nodes) => ("$all", list(nodes)),
            Self::Size(size) => ("$size", json!(size % 4)),
            Self::Mod(by, rest) => ("$mod", json!([by % 5 + 1, rest % 5])),
            Self::Regex(pattern, ignored) => {
                let pattern = PATTERNS[usize::from(*pattern) % PATTERNS.len()];
                let flags = if *ignored { "(?i)" } else { "" };
                ("$regex", json!(format!("{flags}{pattern}")))
            }
            Self::Not(_) | Self::Element(_) if depth == 0 => ("$exists", json!(true)),
            Self::Not(operator) => {
                let (name, value) = operator.json(depth - 1);
                ("$not", json!({ name: value }))
            }
            Self::Element(operator) => {
                let (name, value) = operator.json(depth - 1);
                ("$elemMatch", json!({ name: value }))
            }
        }
    }
}

fn several(name: &str, filters: &[Filter], depth: u8) -> Value {
    if filters.is_empty() {
        return json!({});
    }
    let filters: Value = filters.iter().take(4).map(|filter| filter.json(depth - 1)).collect();
    json!({ name: filters })
}

impl Filter {
    fn json(&self, depth: u8) -> Value {
        match self {
            Self::Path(path, operators) => {
                let operators = operators.iter().take(3).map(|operator| {
                    let (name, value) = operator.json(3);
                    (name.to_owned(), value)
                });
                json!({ path.text(): operators.collect::<Map<_, _>>() })
            }
            Self::Equal(path, node) => json!({ path.text(): node.json(3) }),
            Self::Key(from, to) => json!({ "_id": { "$gte": from, "$lt": to } }),
            _ if depth == 0 => json!({}),
            Self::Members(path, filter) => {
                json!({ path.text(): { "$elemMatch": filter.json(depth - 1) } })
            }
            Self::All(filters) => several("$and", filters, depth),
            Self::Any(filters) => several("$or", filters, depth),
            Self::None(filters) => several("$nor", filters, depth),
        }
    }

    fn names_key(&self) -> bool {
        self.json(DEPTH).to_string().contains("_id")
    }
}

impl Index {
    fn make(&self, number: usize) -> PathIndex {
        let (first, descending) = self.first;
        let first = first.text();
        let mut index =
            if descending { PathIndex::on_descending(&first) } else { PathIndex::on(&first) };
        for (path, descending) in self.others.iter().take(3) {
            let path = path.text();
            index = if *descending { index.and_descending(&path) } else { index.and(&path) };
        }
        index = index.named(&format!("index {number}"));
        if self.sparse {
            index = index.sparse();
        }
        if self.folded {
            index = index.folded();
        }
        if self.unique {
            index = index.unique();
        }
        match &self.only {
            Some(only) if !only.names_key() => index.only(only.json(DEPTH)),
            _ => index,
        }
    }
}

/// Those of the queries whose filters are refused are no cases.
fn query<'a>(
    documents: &'a DocumentsMut<'_>,
    asked: &Asked,
) -> Option<Query<'a, DocumentView<'a>>> {
    let query = match documents.find(asked.filter.json(DEPTH)) {
        Ok(query) => query,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unsupported), "{error}");
            return None;
        }
    };
    let sort: Vec<String> = asked.sort.iter().take(3).map(Path::sort).collect();
    Some(query.sort(sort).unwrap())
}

fn key(found: Result<DocumentView<'_>>) -> i64 {
    found.unwrap().key().to_string().parse().unwrap()
}

/// The keys that a query finds; `None` where lists are in the way of the sort.
fn keys(query: &Query<'_, DocumentView<'_>>) -> Option<Vec<i64>> {
    match query.iter() {
        Ok(found) => Some(found.map(key).collect()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ParallelArrays, "{error}");
            None
        }
    }
}

fn in_order(mut keys: Vec<i64>) -> Vec<i64> {
    keys.sort_unstable();
    keys
}

/// The same documents, without indexes and with them.
struct Both<'t> {
    tx: &'t WriteTx,
    plain: DocumentsMut<'t>,
    indexed: DocumentsMut<'t>,
}

/// Fails unless both collections answer alike; `None` where the query is refused.
fn compare(both: &Both<'_>, asked: &Asked) -> Option<()> {
    let right = keys(&query(&both.plain, asked)?)?;
    let all = || query(&both.indexed, asked).unwrap();
    let what = || format!("{}\n{asked:?}\n{}", asked.filter.json(DEPTH), all().explain().unwrap());
    let found = keys(&all()).unwrap();
    assert_eq!(in_order(found.clone()), in_order(right.clone()), "{}", what());
    assert_sorted(both, asked, &found, &what);

    let cut = all().skip(asked.skip.into()).limit(u64::from(asked.limit.unwrap_or(5)).max(1));
    let page = keys(&cut).unwrap();
    let wanted = right.len().saturating_sub(asked.skip.into());
    assert_eq!(page.len(), wanted.min(usize::from(asked.limit.unwrap_or(5)).max(1)), "{}", what());
    assert_eq!(cut.count().unwrap(), page.len() as u64, "{}", what());
    assert_eq!(cut.exists().unwrap(), !page.is_empty(), "{}", what());
    assert_sorted(both, asked, &page, &what);

    let pages = pages(&all, u64::from(asked.page % 4) + 1, right.len());
    assert_eq!(in_order(pages.clone()), in_order(right), "in pages: {}", what());
    assert_sorted(both, asked, &pages, &what);
    Some(())
}

/// Fails where one stands before another that has to be before it: a scan of these two alone, under keys in
/// that order, says whether it may.
fn assert_sorted(both: &Both<'_>, asked: &Asked, found: &[i64], what: &dyn Fn() -> String) {
    if asked.sort.is_empty() {
        return;
    }
    let mut pair = both.tx.documents("pair").unwrap();
    let sort: Vec<String> = asked.sort.iter().take(3).map(Path::sort).collect();
    for neighbours in found.windows(2) {
        for (place, key) in (0_i64..).zip(neighbours) {
            let document = both.plain.get(*key).unwrap().unwrap().to_value().unwrap();
            pair.put(place, &document).unwrap();
        }
        let sorted = pair.find(json!({})).unwrap().sort(sort.clone()).unwrap();
        assert_eq!(keys(&sorted).unwrap(), [0, 1], "{neighbours:?} in {found:?}: {}", what());
    }
}

fn pages<'a>(all: &dyn Fn() -> Query<'a, DocumentView<'a>>, page: u64, most: usize) -> Vec<i64> {
    let mut found = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let mut query = all().limit(page);
        if let Some(after) = &after {
            query = query.after(after);
        }
        let mut iter = query.iter().unwrap();
        let before = found.len();
        found.extend(iter.by_ref().map(key));
        if found.len() == before || found.len() > most {
            return found;
        }
        after = iter.cursor();
    }
}

/// Writes into both collections what the indexes take.
fn write(both: &mut Both<'_>, key: i64, node: &Node) {
    let document = node.json(DEPTH);
    match both.indexed.put(key, &document) {
        Ok(before) => assert_eq!(both.plain.put(key, &document).unwrap(), before),
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::ParallelArrays | ErrorKind::Conflict),
            "{error}"
        ),
    }
}

fuzz_target!(|case: Case| {
    let db = Database::in_memory().unwrap();
    let tx = db.begin_write().unwrap();
    {
        let mut both = Both {
            tx: &tx,
            plain: tx.documents("plain").unwrap(),
            indexed: tx.documents("indexed").unwrap(),
        };
        for (number, index) in case.indexes.iter().take(5).enumerate() {
            // A filter that is refused makes no index.
            let _ = both.indexed.create_index(index.make(number));
        }
        for (key, node) in (0_i64..16).zip(&case.documents) {
            write(&mut both, key, node);
        }
        for asked in case.queries.iter().take(8) {
            compare(&both, asked);
        }
        for (key, node) in case.changes.iter().take(16) {
            let key = i64::from(*key % 20);
            match node {
                Some(node) => write(&mut both, key, node),
                None => {
                    let removed = both.indexed.remove(key).unwrap();
                    assert_eq!(both.plain.remove(key).unwrap(), removed);
                }
            }
        }
        for asked in case.queries.iter().take(8) {
            compare(&both, asked);
        }
    }
    tx.commit().unwrap();
    let report = db.check().unwrap();
    assert!(report.is_ok(), "{report}");
});
