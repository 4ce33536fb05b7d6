//! Is the house in order? What the compiler does not check, read from the source.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, and for each what it may import besides itself.
const FLOORS: [(&str, &[&str]); 9] = [
    ("base", &[]),
    ("codec", &["base"]),
    ("store", &["base", "codec"]),
    ("schema", &["base", "codec", "store"]),
    ("collection", &["base", "codec", "store", "schema"]),
    ("query", &["base", "codec", "store", "schema", "collection"]),
    ("txn", &["base", "codec", "store", "schema", "collection"]),
    (
        "snapshot",
        &["base", "codec", "store", "schema", "collection"],
    ),
    (
        "api",
        &[
            "snapshot",
            "base",
            "codec",
            "store",
            "schema",
            "collection",
            "query",
            "txn",
        ],
    ),
];

/// The files that may hold `unsafe`, each with its argument.
const UNSAFE_FILES: [&str; 2] = ["schema/access.rs", "store/map.rs"];

struct Source {
    /// Relative to `src`, with slashes.
    path: String,
    /// Without comments, and without tests.
    code: String,
    text: String,
}

impl Source {
    fn floor(&self) -> &str {
        self.path.split_once('/').map_or("", |(floor, _)| floor)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let sources: Vec<Source> = paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let relative = path.strip_prefix(&src).unwrap();
            let path = relative.to_str().unwrap().replace('\\', "/");
            let code = if path.ends_with("/tests.rs") {
                String::new()
            } else {
                code_of(&text)
            };
            Source { path, code, text }
        })
        .collect();
    assert!(sources.len() > 40, "the source was not found");
    sources
}

/// The code of a file: no comments, no unit tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Fails with all offenders at once.
fn assert_none(what: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{what}:\n{}", offenders.join("\n"));
}

/// The first names of all paths from the root of the crate that a file mentions.
fn roots_named(source: &Source) -> Vec<String> {
    let depth = source.path.matches('/').count() + usize::from(!source.path.ends_with("/mod.rs"));
    let climb = "super::".repeat(depth);
    let mut named = Vec::new();
    for start in ["crate::", &climb] {
        for (at, _) in source.code.match_indices(start) {
            // Where the path climbs from further up, it was found there.
            let before = &source.code[..at];
            if before.ends_with("super::") || before.ends_with('_') {
                continue;
            }
            let rest = source.code[at + start.len()..].trim_start();
            if let Some(list) = rest.strip_prefix('{') {
                let list = list.split("};").next().unwrap();
                named.extend(list.split(',').map(first_name));
            } else {
                named.push(first_name(rest));
            }
        }
    }
    named
}

fn first_name(path: &str) -> String {
    path.trim()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn imports_go_only_downward() {
    let mut offenders = Vec::new();
    let mut checked = 0;
    for source in sources().iter().filter(|source| source.path.contains('/')) {
        let floor = FLOORS.iter().find(|(name, _)| *name == source.floor());
        let (name, below) = floor.unwrap_or_else(|| panic!("{} is on no floor", source.path));
        for named in roots_named(source) {
            let is_floor = FLOORS.iter().any(|(floor, _)| *floor == named);
            if is_floor {
                checked += 1;
                if named != *name && !below.contains(&named.as_str()) {
                    offenders.push(format!("{} imports {named}", source.path));
                }
            }
        }
    }
    assert_none("imports that go upward or sideways", &offenders);
    assert!(
        checked > 100,
        "only {checked} imports were found: the test is blind"
    );
}

#[test]
fn redb_is_named_only_in_the_store() {
    let offenders: Vec<String> = sources()
        .iter()
        .filter(|source| source.floor() != "store" && source.code.contains("redb"))
        .map(|source| source.path.clone())
        .collect();
    assert_none("files outside store/ that name redb", &offenders);
}

#[test]
fn what_commits_in_one_phase_is_never_called() {
    // On a second redb over memory, and where a test breaks this very rule.
    let checked = mentions(
        &[".check_integrity("],
        &["store/scrub.rs", "store/store.rs"],
    );
    assert_none("checks by redb on the live handle", &checked);
    // In a file that nobody has yet.
    let compacted = mentions(&[".compact("], &["store/compact.rs"]);
    assert_none("compactions by redb of the live handle", &compacted);
    let banned = ["savepoint(", "set_durability(Durability::None"];
    let offenders = mentions(&banned, &[]);
    assert_none(
        "calls that redb answers with a one-phase commit",
        &offenders,
    );
}

#[test]
fn clocks_locks_and_atomics_come_from_base() {
    let clocks = mentions(&["SystemTime::now", "Instant::now"], &["base/clock.rs"]);
    assert_none("clocks read elsewhere than in base/clock.rs", &clocks);
    let locks = mentions(
        &[
            "parking_lot::",
            "std::sync::atomic",
            "std::sync::Mutex",
            "std::sync::RwLock",
        ],
        &["base/sync.rs"],
    );
    assert_none("locks and atomics from elsewhere than base/sync.rs", &locks);
}

#[test]
fn unsafe_stands_only_where_it_is_argued() {
    let offenders = mentions(
        &["unsafe ", "allow(unsafe_code", "expect(unsafe_code"],
        &UNSAFE_FILES,
    );
    assert_none("unsafe code elsewhere", &offenders);
}

#[test]
fn nothing_is_left_to_do() {
    let mut offenders = mentions(&["todo!", "unimplemented!", "dbg!"], &[]);
    for source in sources() {
        for word in ["TODO", "FIXME", "XXX", "HACK"] {
            if source.text.contains(word) {
                offenders.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_none("loose ends", &offenders);
}

#[test]
fn every_file_begins_with_the_question_it_answers() {
    let offenders: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    assert_none("files without a first line", &offenders);
}

#[test]
fn every_public_item_is_documented() {
    let items = [
        "pub fn ",
        "pub struct ",
        "pub enum ",
        "pub trait ",
        "pub const ",
        "pub type ",
    ];
    let mut offenders = Vec::new();
    let mut checked = 0;
    for source in sources()
        .iter()
        .filter(|source| source.code.contains("pub "))
    {
        let lines: Vec<&str> = source.text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if !items.iter().any(|item| line.trim_start().starts_with(item)) {
                continue;
            }
            checked += 1;
            // Attributes may stand between the comment and the item, over several lines.
            let documented = lines[..i]
                .iter()
                .rev()
                .map(|line| line.trim())
                .take_while(|line| !line.is_empty() && !line.ends_with('}'))
                .any(|line| line.starts_with("///") || line.starts_with("#[doc"));
            if !documented {
                offenders.push(format!("{}:{}: {}", source.path, i + 1, line.trim()));
            }
        }
    }
    assert_none("public items without documentation", &offenders);
    assert!(
        checked > 100,
        "only {checked} items were found: the test is blind"
    );
}

#[test]
fn no_path_of_a_machine_is_committed() {
    let mut paths = Vec::new();
    for directory in ["src", "derive/src", "tests", "examples", "benches", "fuzz"] {
        let directory = root().join(directory);
        if directory.exists() {
            files(&directory, &mut paths);
        }
    }
    paths.extend(["README.md", "DESIGN.md", "CHANGELOG.md", "Cargo.toml"].map(|f| root().join(f)));
    // In two pieces, so that this file is not one of them.
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    let mut offenders = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        if path.components().any(|part| part.as_os_str() == "target") {
            continue;
        }
        for word in banned {
            if text.contains(word) {
                offenders.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert_none("paths of a machine", &offenders);
}

/// The files, but for those excepted, whose code mentions one of the words.
fn mentions(words: &[&str], except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !except.contains(&source.path.as_str()))
    {
        for word in words {
            if source.code.contains(word) {
                found.push(format!("{}: {word}", source.path));
            }
        }
    }
    found
}
