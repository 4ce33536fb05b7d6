//! Filters, sorts and pages of document collections: `filter/*.ndjson`, a case on each line. A file whose
//! name begins with `refused` has filters that must be an error, with `unsupported` those whose operator
//! must be refused by its name, any other what must be found.
//!
//! Every case is asked three times: without an index, with one on each path that the filter names, and with
//! one over all of them. The answer must not change.
//!
//! Cases that are answered otherwise on purpose are listed here, by name, and do not count; nor do those
//! that no index can hold: under the one over all paths those whose documents have lists on two of them, and
//! one whose text is longer than a key can be.

use std::fs;
use std::path::PathBuf;

use larder::{Database, Document, ErrorKind, PathIndex, Readable};
use serde_json::Value;

use super::least;

/// What is answered otherwise, and why.
const OTHERWISE: [(&str, &str); 5] = [
    (
        "sift/operations:81",
        "`$nin` with something else than a list is refused, as a case of `refused` asks",
    ),
    (
        "[regex_flags_and_options_conflict]",
        "JSON has no pattern with flags of its own, which the options would conflict with",
    ),
    (
        "[options_before_regex_flags_conflict]",
        "JSON has no pattern with flags of its own, which the options would conflict with",
    ),
    (
        "[find_field_rejects_non_string]",
        "it is about the name of the collection, which the case does not have",
    ),
    (
        "test_find_projection_rejects_string",
        "it is about a projection, which is no JSON here",
    ),
];

#[test]
fn what_a_filter_finds() {
    let Some(directory) = std::env::var_os("LARDER_SUITES").map(PathBuf::from) else {
        println!("skipped: no suites (filter): LARDER_SUITES is not set");
        return;
    };
    let Ok(found) = fs::read_dir(directory.join("filter")) else {
        println!("skipped: no suites (filter): there is no such folder");
        return;
    };
    let mut files: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "ndjson")
    });
    files.sort();
    let minima = std::env::var("LARDER_SUITES_MIN").unwrap_or_default();
    let mut failed = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let least = least(&minima, &format!("filter/{name}"));
        for indexes in [Indexes::None, Indexes::Each, Indexes::Compound] {
            let Counted {
                agree,
                of,
                otherwise,
                without,
            } = run_file(&name, &text, indexes);
            println!(
                "filter/{name}, {}: {agree} of {of} agree, {otherwise} are answered otherwise, \
                 {without} no index can hold",
                indexes.name()
            );
            let least = least.unwrap_or(of + without).min(of + without) - without;
            if agree < least {
                failed.push(format!(
                    "filter/{name}, {}: {agree} agree, at least {least} must",
                    indexes.name()
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("; "));
}

/// Which indexes a case is asked with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indexes {
    None,
    /// On each path that the filter names.
    Each,
    /// One over all of them.
    Compound,
}

impl Indexes {
    fn name(self) -> &'static str {
        match self {
            Self::None => "no index",
            Self::Each => "an index on each path",
            Self::Compound => "an index over all paths",
        }
    }

    fn over(self, paths: &[String]) -> Vec<PathIndex> {
        match (self, paths) {
            (Self::None, _) | (_, []) => Vec::new(),
            (Self::Each, paths) => paths.iter().map(|path| PathIndex::on(path)).collect(),
            (Self::Compound, [first, others @ ..]) => {
                let compound = PathIndex::on(first);
                vec![others.iter().fold(compound, |index, path| index.and(path))]
            }
        }
    }
}

/// The paths that a filter names, each once, but for the key.
fn paths_of(filter: &Value, within: &str, found: &mut Vec<String>) {
    for (key, value) in filter.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("$and" | "$or" | "$nor", Value::Array(filters)) => {
                filters
                    .iter()
                    .for_each(|filter| paths_of(filter, within, found));
            }
            ("$elemMatch" | "$not", condition) => paths_of(condition, within, found),
            ("$all", Value::Array(values)) => {
                values
                    .iter()
                    .for_each(|value| paths_of(value, within, found));
            }
            (key, _) if key.starts_with('$') => {}
            (key, condition) => {
                let path = if within.is_empty() {
                    key.to_owned()
                } else {
                    format!("{within}.{key}")
                };
                let is_path = path
                    .split('.')
                    .all(|name| !name.is_empty() && !name.starts_with('$'));
                if is_path && path.split('.').next() != Some("_id") && !found.contains(&path) {
                    found.push(path.clone());
                }
                let is_operators = |members: &serde_json::Map<String, Value>| {
                    members.keys().any(|key| key.starts_with('$'))
                };
                if condition.as_object().is_some_and(is_operators) {
                    paths_of(condition, &path, found);
                }
            }
        }
    }
}

#[derive(Default)]
struct Counted {
    agree: usize,
    of: usize,
    otherwise: usize,
    without: usize,
}

fn run_file(file: &str, text: &str, indexes: Indexes) -> Counted {
    let mut counted = Counted::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap_or("without a name");
        let answer = answer(line, &case, indexes);
        let agrees = if file.starts_with("refused") {
            matches!(answer, Err(Failure::Refused(_)))
        } else if file.starts_with("unsupported") {
            matches!(answer, Err(Failure::Refused(ErrorKind::Unsupported)))
        } else {
            matches!(&answer, Ok(ids) if *ids == expected(&case))
        };
        if agrees {
            counted.agree += 1;
        } else if let Some((_, why)) = OTHERWISE.iter().find(|(part, _)| name.contains(part)) {
            println!("filter/{file}, {name}: otherwise, as {why}");
            counted.otherwise += 1;
            continue;
        } else if let Err(Failure::NoSuchIndex(why)) = &answer {
            println!("filter/{file}, {name}: no index can hold it: {why:?}");
            counted.without += 1;
            continue;
        } else {
            let how = indexes.name();
            println!(
                "filter/{file}, {name}, {how}: {} gives {answer:?}",
                case["filter"]
            );
        }
        counted.of += 1;
    }
    counted
}

#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
enum Failure {
    /// The indexes cannot be made of the documents.
    NoSuchIndex(ErrorKind),
    /// The query is refused.
    Refused(ErrorKind),
    /// Something else went wrong.
    Other(String),
}

/// The ids that the case finds, sorted where their order does not count.
fn answer(line: &str, case: &Value, indexes: Indexes) -> Result<Vec<String>, Failure> {
    let other = |error: larder::Error| Failure::Other(error.to_string());
    let refused = |error: larder::Error| Failure::Refused(error.kind());
    // Out of the text, since a `Value` forgets the order of members.
    let whole = Document::from_json(line).map_err(refused)?;
    let db = Database::in_memory().unwrap();
    db.write(|tx| {
        let mut documents = tx.documents("cases")?;
        for i in 0..case["documents"].as_array().map_or(0, Vec::len) {
            let document = whole.part(&format!("/documents/{i}"))?.unwrap();
            documents.insert(document)?;
        }
        Ok(())
    })
    .map_err(other)?;
    let mut paths = Vec::new();
    paths_of(&case["filter"], "", &mut paths);
    // The most that one index can have.
    paths.truncate(32);
    for index in indexes.over(&paths) {
        match db.create_index("cases", index) {
            Err(error) if error.is(ErrorKind::ParallelArrays) || error.is(ErrorKind::Limit) => {
                return Err(Failure::NoSuchIndex(error.kind()));
            }
            created => created.map_err(other)?,
        }
    }
    let tx = db.read().unwrap();
    let documents = Readable::documents(&tx, "cases").unwrap();
    let filter = whole.part("/filter").unwrap().unwrap();
    let mut query = documents.find(filter).map_err(refused)?;
    if let Some(sort) = whole.part("/sort").unwrap() {
        query = query.sort(sort).map_err(refused)?;
    }
    if let Some(skip) = case.get("skip") {
        query = query.skip(whole_number(skip)?);
    }
    if let Some(limit) = case.get("limit") {
        query = query.limit(whole_number(limit)?);
    }
    let mut ids = Vec::new();
    for document in query.iter().map_err(refused)? {
        let document = document.map_err(other)?;
        ids.push(document.key().to_string());
    }
    let counted = query.count().map_err(other)?;
    assert_eq!(counted, ids.len() as u64, "{}", case["name"]);
    assert_eq!(query.exists().map_err(other)?, counted > 0);
    if !is_ordered(case) {
        ids.sort();
    }
    Ok(ids)
}

/// What the types of `skip` and `limit` refuse by themselves.
fn whole_number(value: &Value) -> Result<u64, Failure> {
    let whole = value
        .as_f64()
        .filter(|number| number.fract() == 0.0 && (0.0..9.2e18).contains(number));
    whole
        .map(|whole| whole as u64)
        .ok_or(Failure::Refused(ErrorKind::Invalid))
}

fn expected(case: &Value) -> Vec<String> {
    let ids = case["expect"]["ids"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let key = |id: &Value| {
        let document = Document::from_value(&serde_json::json!({ "_id": id })).unwrap();
        let db = Database::in_memory().unwrap();
        db.write(|tx| tx.documents("ids")?.insert(document))
            .unwrap()
            .to_string()
    };
    let mut ids: Vec<String> = ids.iter().map(key).collect();
    if !is_ordered(case) {
        ids.sort();
    }
    ids
}

fn is_ordered(case: &Value) -> bool {
    case["ordered"] == true
}
