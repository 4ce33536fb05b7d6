//! Do documents agree with acceptance cases from elsewhere? Those are no part of the project:
//! `LARDER_SUITES` is the directory that they lie in, a folder for each suite, and every `.json` file
//! in the folder is a list of cases. Where there is none, the tests say so and pass.
//!
//! All cases of a file must agree, or as many as `LARDER_SUITES_MIN` says of it: a list of
//! `folder/file=number` with commas between, such as
//! `json-patch/tests.json=90,merge-patch/cases.json=18`.
//!
//! What is answered otherwise on purpose stands in a list of the test's, by name and with its reason.

mod documents;
mod filters;
mod index_scenarios;
mod indexeddb;
mod key_order;

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

/// The text of a file of the suites; `None`, and a line that says so, where there is none.
fn suite_text(file: &str) -> Option<String> {
    let Some(directory) = std::env::var_os("LARDER_SUITES").map(PathBuf::from) else {
        println!("skipped: no suites ({file}): LARDER_SUITES is not set");
        return None;
    };
    let text = fs::read_to_string(directory.join(file));
    text.inspect_err(|error| println!("skipped: no suites ({file}): {error}"))
        .ok()
}

/// The cases of a file that has one on each line.
fn lines(text: &str) -> impl Iterator<Item = (&str, Value)> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| (line, serde_json::from_str(line).unwrap()))
}

/// Says of the cases of a file, each with its name, how many agree. What `otherwise` names is answered
/// otherwise on purpose, for the reason that stands there, and does not count; it is at most a
/// twentieth of the file, and nothing that agrees.
fn report(
    file: &str,
    otherwise: &[(&str, &str)],
    cases: impl Iterator<Item = (String, Result<(), String>)>,
) {
    let (mut agree, mut of, mut failed) = (0, 0, Vec::new());
    for (name, answer) in cases {
        of += 1;
        let listed = otherwise.iter().find(|(listed, _)| *listed == name);
        match (answer, listed) {
            (Ok(()), None) => agree += 1,
            (Err(why), None) => println!("{file}, {name}: {why}"),
            (Err(_), Some((_, why))) => println!("{file}, {name}: otherwise, as {why}"),
            (Ok(()), Some(_)) => failed.push(format!("{name} is listed and agrees")),
        }
    }
    let counted = of - otherwise.len();
    println!(
        "{file}: {agree} of {counted} agree, {} are answered otherwise",
        otherwise.len()
    );
    let minima = std::env::var("LARDER_SUITES_MIN").unwrap_or_default();
    let least = least(&minima, file).unwrap_or(counted);
    if agree < least {
        failed.push(format!("{agree} agree, at least {least} must"));
    }
    if otherwise.len() * 20 > of {
        failed.push("too much is answered otherwise".to_owned());
    }
    assert!(failed.is_empty(), "{file}: {}", failed.join("; "));
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
