//! Do documents agree with acceptance cases from elsewhere? Those are no part of the project:
//! `LARDER_SUITES` is the directory that they lie in, a folder for each suite, and every `.json` file
//! in the folder is a list of cases. Where there is none, the tests say so and pass.
//!
//! All cases of a file must agree, or as many as `LARDER_SUITES_MIN` says of it: a list of
//! `folder/file=number` with commas between, such as
//! `json-patch/tests.json=90,merge-patch/cases.json=18`.

mod documents;
mod filters;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// Runs a suite: `case` says of each whether it agrees, and if not, why. `None` is of what is no case.
fn run(suite: &str, case: impl Fn(&Value) -> Option<Result<(), String>>) {
    let Some(directory) = std::env::var_os("LARDER_SUITES").map(PathBuf::from) else {
        println!("skipped: no suites ({suite}): LARDER_SUITES is not set");
        return;
    };
    let files = json_files(&directory.join(suite));
    if files.is_empty() {
        println!("skipped: no suites ({suite}): there is no JSON file in its folder");
        return;
    }
    let minima = std::env::var("LARDER_SUITES_MIN").unwrap_or_default();
    let (mut agree, mut of, mut failed) = (0, 0, Vec::new());
    for path in files {
        let name = format!("{suite}/{}", path.file_name().unwrap().to_string_lossy());
        let (file_agrees, file_of) = run_file(&name, &path, &case);
        let least = least(&minima, &name).unwrap_or(file_of);
        if file_agrees < least {
            failed.push(format!(
                "{name}: {file_agrees} agree, at least {least} must"
            ));
        }
        agree += file_agrees;
        of += file_of;
    }
    println!("{suite}: {agree} of {of} agree");
    assert!(failed.is_empty(), "{}", failed.join("; "));
}

/// How many cases of a file agree, and of how many.
fn run_file(
    name: &str,
    path: &PathBuf,
    case: impl Fn(&Value) -> Option<Result<(), String>>,
) -> (usize, usize) {
    let text = fs::read(path).unwrap();
    let content: Value =
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (mut agree, mut of) = (0, 0);
    for (number, entry) in entries(&content).into_iter().enumerate() {
        match case(entry) {
            None => {}
            Some(Ok(())) => {
                agree += 1;
                of += 1;
            }
            Some(Err(why)) => {
                of += 1;
                println!("{name}, entry {number} ({}): {why}", said(entry));
            }
        }
    }
    (agree, of)
}

/// The JSON files of a folder in the order of their names; none where there is no such folder.
fn json_files(folder: &PathBuf) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = found
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

/// The entries of a file: its list, or the lists that are members of its object.
fn entries(content: &Value) -> Vec<&Value> {
    match content {
        Value::Array(entries) => entries.iter().collect(),
        Value::Object(members) => members
            .values()
            .filter_map(Value::as_array)
            .flatten()
            .collect(),
        _ => Vec::new(),
    }
}

/// What an entry says of itself.
fn said(entry: &Value) -> &str {
    let names = ["comment", "name", "description"];
    let said = names.iter().find_map(|name| entry.get(name)?.as_str());
    said.unwrap_or("without a name")
}

/// How many cases of a file must agree, where `LARDER_SUITES_MIN` says it.
fn least(minima: &str, name: &str) -> Option<usize> {
    let given = minima.split(',').filter_map(|part| part.split_once('='));
    let mut of_file = given.filter(|(file, _)| file.trim() == name);
    of_file.next().map(|(_, number)| {
        let number = number.trim();
        let parsed = number.parse();
        parsed.unwrap_or_else(|_| panic!("LARDER_SUITES_MIN: {number:?} is no number"))
    })
}

#[test]
fn a_minimum_is_that_of_its_file() {
    let minima = "json-patch/tests.json=90, merge-patch/cases.json = 18";
    assert_eq!(least(minima, "json-patch/tests.json"), Some(90));
    assert_eq!(least(minima, "merge-patch/cases.json"), Some(18));
    assert_eq!(least(minima, "cases.json"), None);
    assert_eq!(least("", "cases.json"), None);
}
