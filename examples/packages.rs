//! Real Debian packages as documents: import, read, change, validate, export; and a typed record beside.
//!
//! `cargo run --release --example packages [FILE]` reads packages from `FILE`, one JSON object a line
//! (compressed with zstd if its name ends in `.zst`), or from a sample: git, vim, sqlite3 and what they
//! need. The database is in a temporary directory that is removed at the end. Every claim is checked:
//! it fails where one is not true.

#![allow(clippy::disallowed_methods, reason = "it tells how long things took")]
#![allow(
    clippy::indexing_slicing,
    reason = "in a JSON value, what is missing is null"
)]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use larder::{Database, DocumentKey, ErrorKind, ListRef, PathIndex, Timestamp, ValueRef, record};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What this program looks at in a package; its document has more.
#[derive(Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    installed_kib: u64,
    /// All of these are needed, of each any one.
    #[serde(default)]
    depends: Vec<Vec<Dependency>>,
}

#[derive(Serialize, Deserialize)]
struct Dependency {
    name: String,
}

/// A typed record.
#[record(name = "installed")]
struct Installed {
    #[key]
    name: String,
    version: String,
    when: Timestamp,
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/packages.ndjson");
    let file = std::env::args_os().nth(1).map_or(sample, PathBuf::from);
    // Kept until the end, when it removes itself.
    let temporary = tempfile::tempdir()?;
    let path = temporary.path().join("packages.larder");
    let db = Database::builder().register::<Installed>().create(&path)?;

    import(&db, &file)?;
    let git = find(&db, "git")?;
    read(&db, &git)?;
    walk(&db, "libc6")?;
    ask(&db)?;
    install(&db, "git")?;
    change(&db, &git)?;
    change_at_once(&db, &git)?;
    validate(&db)?;
    record_and_note(&db, &git)?;
    let text = export(&db)?;

    let started = Instant::now();
    let found = db.check()?;
    assert!(found.is_ok(), "{found}");
    let took = time(started, found.records)?;
    println!("\nChecked: {found}; in {took}");
    db.close()?;
    let size = path.metadata()?.len();
    println!("The file has {size} bytes, its log of 1 MiB included; the packages as text {text}");
    Ok(())
}

/// Imports a file, one line of which is in memory at a time. Each document lies under its `_id`.
fn import(db: &Database, file: &Path) -> Result<()> {
    let open = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines: Box<dyn Read> = match file.extension() {
        Some(extension) if extension == "zst" => Box::new(zstd::Decoder::new(open)?),
        _ => Box::new(open),
    };
    let started = Instant::now();
    let count = db.write(|tx| tx.documents("packages")?.import_ndjson(lines))?;
    let took = time(started, count)?;
    println!("Imported {count} packages in {took}");
    assert_eq!(db.read()?.documents("packages")?.len()?, count);
    Ok(())
}

/// The key of the package with that name, such as `git@1:2.39.5-0+deb12u3`.
fn find(db: &Database, name: &str) -> Result<DocumentKey> {
    let tx = db.read()?;
    let packages = tx.documents("packages")?;
    let found = packages.prefix(format!("{name}@"))?.next().transpose()?;
    let found = found.ok_or_else(|| format!("there is no package {name}"))?;
    Ok(found.key().clone())
}

/// The document with that key, as it is now.
fn now(db: &Database, key: &DocumentKey) -> Result<Value> {
    let tx = db.read()?;
    let document = tx.documents("packages")?.get(key)?.ok_or("it is gone")?;
    Ok(document.to_value()?)
}

/// One document: as JSON, one value of it, and as a struct.
fn read(db: &Database, key: &DocumentKey) -> Result<()> {
    let tx = db.read()?;
    let packages = tx.documents("packages")?;
    let started = Instant::now();
    let bytes = packages.get(key)?.ok_or("it is gone")?.to_json()?.len();
    let took = started.elapsed();
    println!("\n{key} is {bytes} bytes of JSON, made in {took:.1?}");

    let started = Instant::now();
    let first: Option<String> = packages.pointer(key, "/depends/0/0/name")?;
    let first = first.ok_or("it needs nothing")?;
    let took = started.elapsed();
    println!("the first it needs is {first}, read alone in {took:.1?}");

    let started = Instant::now();
    let packages = tx.documents_of::<Package>("packages")?;
    let package = packages.get(key)?.ok_or("it is gone")?;
    let needs: Vec<&Dependency> = package.depends.iter().flatten().collect();
    let (count, took) = (needs.len(), started.elapsed());
    println!("it needs {count}, decoded in {took:.1?}");
    assert!(needs.first().is_some_and(|needed| needed.name == first));
    Ok(())
}

/// How many packages need one: by looking only at names, and by making all into structs.
fn walk(db: &Database, name: &str) -> Result<()> {
    let tx = db.read()?;
    let packages = tx.documents("packages")?;
    let all = packages.len()?;
    let started = Instant::now();
    let mut count = 0;
    for package in packages.iter()? {
        let package = package?;
        if let Some(ValueRef::List(groups)) = package.pointer("/depends")? {
            count += u64::from(names(groups, name)?);
        }
    }
    let took = time(started, all)?;
    println!("\n{count} of {all} need {name}, by looking in {took}");

    let started = Instant::now();
    let mut decoded = 0;
    for entry in tx.documents_of::<Package>("packages")?.iter()? {
        let (_, package) = entry?;
        let mut needs = package.depends.iter().flatten();
        decoded += u64::from(needs.any(|needed| needed.name == name));
    }
    let took = time(started, all)?;
    println!("{decoded} of {all} need {name}, by decoding in {took}");
    assert_eq!(count, decoded);
    Ok(())
}

/// Queries: without an index, and with some that are made for them.
fn ask(db: &Database) -> Result<()> {
    let large = json!({"section": "admin", "size": {"$gte": 100_000}});
    let needs = json!({"depends": {"$elemMatch": {"$elemMatch": {"name": "libc6"}}}});
    println!("\nLarge packages for administrators, without an index:");
    let before = explain(db, &large)?;

    let started = Instant::now();
    db.create_index("packages", PathIndex::on("section").and_descending("size"))?;
    db.create_index("packages", PathIndex::on("tags").sparse())?;
    let required = PathIndex::on("name").only(json!({"priority": "required"}));
    db.create_index("packages", required.named("required"))?;
    let took = time(started, db.read()?.documents("packages")?.len()?)?;
    println!("Three indexes made in {took}");
    let after = explain(db, &large)?;
    assert_eq!(before, after);

    let tx = db.read()?;
    let packages = tx.documents("packages")?;
    for index in packages.indexes()? {
        println!("  {index}");
    }
    let largest = packages
        .find(json!({"section": "admin"}))?
        .sort("-size")?
        .limit(3);
    for package in largest.project(["name", "size"])? {
        println!("  {}", package?.to_json()?);
    }
    let plan = largest.explain()?;
    assert!(!plan.sorts_in_memory() && plan.keys() <= 3, "{plan}");
    println!("{plan}");

    let tools = json!({"$or": [{"tags": "role::program"}, {"section": "utils"}]});
    println!("Programs or utilities:");
    explain(db, &tools)?;
    println!("Required ones from a to c, by an index that has no others:");
    explain(
        db,
        &json!({"priority": "required", "name": {"$gte": "a", "$lt": "d"}}),
    )?;
    let sections = packages.find(json!({}))?.count_by("section")?;
    let most = sections
        .iter()
        .max_by_key(|(_, count)| count)
        .ok_or("there is no section")?;
    println!(
        "Of {} sections {} has most packages, {}",
        sections.len(),
        most.0.to_json()?,
        most.1
    );
    let refused = packages.find(&needs)?.require_index().count();
    assert!(refused.is_err_and(|error| error.is(ErrorKind::NoIndex)));
    Ok(())
}

/// Says how a query was answered; gives how many it found.
fn explain(db: &Database, filter: &Value) -> Result<u64> {
    let tx = db.read()?;
    let packages = tx.documents("packages")?;
    let query = packages.find(filter)?;
    let started = Instant::now();
    let plan = query.explain()?;
    println!("{plan}, in {:.1?}", started.elapsed());
    Ok(plan.found())
}

/// Whether one of the groups has the name. Nothing is copied.
fn names(groups: ListRef<'_>, name: &str) -> larder::Result<bool> {
    for group in groups.iter() {
        if let ValueRef::List(any_of) = group? {
            for needed in any_of.iter() {
                if needed?.get("name")?.and_then(|found| found.as_str()) == Some(name) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Everything that a package takes: of each group the first, as long as it is a package's name.
fn install(db: &Database, name: &str) -> Result<()> {
    let tx = db.read()?;
    let packages = tx.documents_of::<Package>("packages")?;
    let started = Instant::now();
    let mut seen = BTreeSet::new();
    let mut kib = 0;
    let mut left = vec![name.to_owned()];
    while let Some(name) = left.pop() {
        let Some(found) = packages.prefix(format!("{name}@"))?.next() else {
            continue;
        };
        let (_, package) = found?;
        if seen.insert(name) {
            kib += package.installed_kib;
            let groups = package.depends.into_iter();
            left.extend(groups.filter_map(|any_of| any_of.into_iter().next().map(|d| d.name)));
        }
    }
    let (count, took) = (seen.len(), started.elapsed());
    println!("{name} takes {count} packages, {kib} KiB in {took:.1?}");
    assert!(seen.contains("libc6") && kib > 0);
    Ok(())
}

/// Five ways to change a document; the first is refused, and leaves it as it was.
fn change(db: &Database, key: &DocumentKey) -> Result<()> {
    let before = now(db, key)?;
    let refused = db.write(|tx| {
        let patch = json!([
            {"op": "replace", "path": "/section", "value": "games"},
            {"op": "test", "path": "/name", "value": "hg"},
        ]);
        tx.documents("packages")?.patch(key, &patch)
    });
    println!();
    refused_as(ErrorKind::Conflict, refused)?;
    assert_eq!(now(db, key)?, before);

    let started = Instant::now();
    db.write(|tx| {
        let mut packages = tx.documents("packages")?;
        let patch = json!([
            {"op": "test", "path": "/name", "value": "git"},
            {"op": "add", "path": "/tags/0", "value": "patched"},
        ]);
        packages.patch(key, &patch)?;
        packages.merge_patch(key, &json!({"homepage": null, "seen": {"by": "me"}}))?;
        packages.update(key, |git| git["seen"]["times"] = json!(1))?;
        packages.set(key, "/seen/times", json!(2))
    })?;
    let took = started.elapsed();
    println!("patched, merged, updated and set, durably in {took:.1?}");
    let after = now(db, key)?;
    assert_eq!(after["tags"][0], "patched");
    assert_eq!(after.get("homepage"), None);
    assert_eq!(after["seen"], json!({"by": "me", "times": 2}));
    Ok(())
}

/// Optimistic locking: who replaces what somebody else has changed meanwhile finds out.
fn change_at_once(db: &Database, key: &DocumentKey) -> Result<()> {
    let tx = db.read()?;
    let read = tx.documents("packages")?.get(key)?.ok_or("it is gone")?;
    let theirs = json!({"summary": "theirs"});
    db.write(|tx| tx.documents("packages")?.merge_patch(key, &theirs))?;

    let mine = read.with("/summary", json!("mine"))?;
    let replaced = db.write(|tx| {
        tx.documents("packages")?
            .replace_if(read.revision(), key, mine)
    });
    refused_as(ErrorKind::Conflict, replaced)?;
    assert_eq!(now(db, key)?["summary"], "theirs");
    Ok(())
}

/// A JSON Schema that all packages fit, and a document that does not. It needs the feature
/// `json-schema`, which this crate's examples are built with.
fn validate(db: &Database) -> Result<()> {
    let needed = json!({"required": ["name"], "properties": {"name": {"type": "string"}}});
    let schema = json!({
        "required": ["_id", "name", "version"],
        "properties": {"depends": {"type": "array", "items": {"type": "array", "items": needed}}},
    });
    let started = Instant::now();
    match db.write(|tx| tx.documents("packages")?.set_json_schema(Some(&schema))) {
        Err(error) if error.is(ErrorKind::Unsupported) => {
            println!("\nNot validated: {error}");
            return Ok(());
        }
        set => set?,
    }
    let all = db.read()?.documents("packages")?.len()?;
    let took = time(started, all)?;
    println!("\nAll packages fit the JSON Schema, checked in {took}");

    let depends = json!([[{"name": "libc6"}, {"name": 6}]]);
    let bad = json!({"_id": "bad@1", "name": "bad", "version": "1", "depends": depends});
    let refused = db.write(|tx| tx.documents("packages")?.insert(bad));
    let message = refused_as(ErrorKind::Rejected, refused)?;
    assert!(message.contains("/depends/0/1/name"), "{message}");
    assert!(!db.read()?.documents("packages")?.contains("bad@1")?);
    Ok(())
}

/// A record and a document in one transaction: both, or neither.
fn record_and_note(db: &Database, key: &DocumentKey) -> Result<()> {
    let Package { name, version, .. } = serde_json::from_value(now(db, key)?)?;
    let install = |is_full: bool| {
        db.try_write(|tx| -> Result<()> {
            tx.collection::<Installed>()?.insert(&Installed {
                name: name.clone(),
                version: version.clone(),
                when: Timestamp::now(),
            })?;
            let note = json!({"stars": 5, "lines": ["It", "just works."]});
            tx.documents("notes")?.put(&name, note)?;
            if is_full {
                Err("the disk is full".into())
            } else {
                Ok(())
            }
        })
    };
    let there = || -> Result<_> {
        let tx = db.read()?;
        let record = tx.collection::<Installed>()?.get_owned(&name)?;
        let stars: Option<u8> = tx.documents("notes")?.pointer(&name, "/stars")?;
        Ok((record, stars))
    };

    let error = install(true).err().ok_or("it was not rolled back")?;
    assert!(matches!(there()?, (None, None)));
    println!("\nRolled back, as {error}: neither record nor note is there");
    install(false)?;
    let (record, stars) = there()?;
    let record = record.ok_or("there is no record")?;
    assert_eq!((record.version, stars), (version, Some(5)));
    println!(
        "Committed: {} at {}, and its note",
        record.name, record.when
    );
    Ok(())
}

/// Exports, imports that elsewhere and exports again: the same text. Gives its length.
fn export(db: &Database) -> Result<usize> {
    let mut text = Vec::new();
    let started = Instant::now();
    let count = db.read()?.documents("packages")?.export_ndjson(&mut text)?;
    let took = time(started, count)?;
    println!("\nExported {count} packages in {took}");

    let copy = Database::in_memory()?;
    let imported = copy.write(|tx| tx.documents("packages")?.import_ndjson(text.as_slice()))?;
    assert_eq!(imported, count);
    let mut again = Vec::new();
    copy.read()?
        .documents("packages")?
        .export_ndjson(&mut again)?;
    assert!(text == again, "another text is exported from the copy");
    println!("imported elsewhere and exported again: the same bytes");
    Ok(text.len())
}

/// The message of what must have been refused.
fn refused_as<T>(kind: ErrorKind, outcome: larder::Result<T>) -> Result<String> {
    match outcome {
        Err(error) if error.is(kind) => {
            println!("Refused: {error}");
            Ok(error.to_string())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err(format!("not refused as {kind:?}").into()),
    }
}

/// How long something took, and each of many.
fn time(started: Instant, count: u64) -> Result<String> {
    let took = started.elapsed();
    let each = took / u32::try_from(count.max(1))?;
    Ok(format!("{took:.1?}, {each:.1?} each"))
}
