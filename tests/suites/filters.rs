//! Filters, sorts and pages of document collections: `filter/*.ndjson`, a case on each line. A file whose
//! name begins with `refused` has filters that must be an error, with `unsupported` those whose operator
//! must be refused by its name, any other what must be found.
//!
//! Cases that are answered otherwise on purpose are listed here, by name, and do not count.

use std::fs;
use std::path::PathBuf;

use larder::{Database, Document, ErrorKind, Readable};
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
        "it is about a projection, which a query does not have yet",
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
        let (agree, of, otherwise) = run_file(&name, &fs::read_to_string(&path).unwrap());
        println!("filter/{name}: {agree} of {of} agree, {otherwise} are answered otherwise");
        let least = least(&minima, &format!("filter/{name}")).unwrap_or(of);
        if agree < least {
            failed.push(format!(
                "filter/{name}: {agree} agree, at least {least} must"
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("; "));
}

fn run_file(file: &str, text: &str) -> (usize, usize, usize) {
    let (mut agree, mut of, mut otherwise) = (0, 0, 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap_or("without a name");
        let answer = answer(line, &case);
        let agrees = if file.starts_with("refused") {
            matches!(answer, Err(Failure::Refused(_)))
        } else if file.starts_with("unsupported") {
            matches!(answer, Err(Failure::Refused(ErrorKind::Unsupported)))
        } else {
            matches!(&answer, Ok(ids) if *ids == expected(&case))
        };
        if agrees {
            agree += 1;
        } else if let Some((_, why)) = OTHERWISE.iter().find(|(part, _)| name.contains(part)) {
            println!("filter/{file}, {name}: otherwise, as {why}");
            otherwise += 1;
            continue;
        } else {
            println!("filter/{file}, {name}: {} gives {answer:?}", case["filter"]);
        }
        of += 1;
    }
    (agree, of, otherwise)
}

#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
enum Failure {
    /// The query is refused.
    Refused(ErrorKind),
    /// Something else went wrong.
    Other(String),
}

/// The ids that the case finds, sorted where their order does not count.
fn answer(line: &str, case: &Value) -> Result<Vec<String>, Failure> {
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
