//! How long does a query take, compared with SQLite?
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench queries`: both engines answer the same
//! question in turn, from files that are warm, through statements that are prepared; medians of the
//! rounds' times, and the ratio of one run. Both answers are compared before anything is measured.
//!
//! The documents are the Debian packages under `$LARDER_DATA`, or beside the project in `shared/data`;
//! without them a sample of 158. The records are made.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use larder::serde_json::json;
use larder::{Database, DocumentView, PathIndex, Query, View, record};
use larder_peers::Result;
use rusqlite::{Connection, OpenFlags, Statement, params};

const ROUNDS: usize = 9;
const RECORDS: u64 = 100_000;
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// What SQLite may keep in memory, in KiB, and Larder in bytes.
const CACHE_KIB: i64 = 262_144;

/// A record as an application has it.
#[record(name = "readings")]
struct Reading {
    #[key]
    id: u64,
    station: String,
    kind: String,
    time: u64,
    count: u64,
    value: f64,
}

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    println!("{:<58}{:>11}{:>11}{:>9}", "", "larder", "SQLite", "ratio");
    of_documents(directory.path())?;
    of_records(directory.path())
}

/// An answer, which may come in any order.
trait Answer: PartialEq + std::fmt::Debug {
    /// Puts it in the one order in which it is compared.
    fn settle(&mut self) {}
}

impl Answer for u64 {}

impl Answer for Vec<String> {
    fn settle(&mut self) {
        self.sort();
    }
}

/// How many records, and the sums of two fields.
impl Answer for (u64, u64, f64) {}

/// Two ways to one answer.
struct Question<'q, A> {
    name: &'q str,
    larder: Box<dyn FnMut() -> Result<A> + 'q>,
    sqlite: Box<dyn FnMut() -> Result<A> + 'q>,
}

impl<A: Answer> Question<'_, A> {
    /// Asks both in turn, and prints a line.
    fn measure(mut self) -> Result<()> {
        let (mut one, mut other) = ((self.larder)()?, (self.sqlite)()?);
        one.settle();
        other.settle();
        assert!(one == other, "{}: {one:.200?} and {other:.200?}", self.name);
        let (mut larder, mut sqlite) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Neither is always the one whose memory the other has just pushed out.
            if round % 2 == 0 {
                larder.push(time(&mut self.larder)?);
                sqlite.push(time(&mut self.sqlite)?);
            } else {
                sqlite.push(time(&mut self.sqlite)?);
                larder.push(time(&mut self.larder)?);
            }
        }
        let (larder, sqlite) = (median(larder), median(sqlite));
        println!(
            "{:<58}{:>8.3} ms{:>8.3} ms{:>8.2}x",
            self.name,
            larder * 1e3,
            sqlite * 1e3,
            sqlite / larder
        );
        Ok(())
    }
}

fn time<A>(ask: &mut dyn FnMut() -> Result<A>) -> Result<Duration> {
    let begin = Instant::now();
    std::hint::black_box(ask()?);
    Ok(begin.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}

/// The lines of the packages.
fn packages() -> Result<Vec<String>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("LARDER_DATA").map(PathBuf::from);
    let data = named.unwrap_or_else(|| project.join("../shared/data"));
    let all = data.join("debian_packages.ndjson.zst");
    let reader: Box<dyn Read> = if all.exists() {
        Box::new(zstd::Decoder::new(File::open(all)?)?)
    } else {
        println!("no packages in {}: a sample of 158, whose times mean little", data.display());
        Box::new(File::open(project.join("examples/data/packages.ndjson"))?)
    };
    Ok(BufReader::new(reader).lines().collect::<std::io::Result<_>>()?)
}

fn of_documents(directory: &Path) -> Result<()> {
    let lines = packages()?;
    let db = larder_of(directory, "documents")?;
    let path = directory.join("documents.sqlite");
    fill(&db, &path, &lines)?;
    let sqlite = open_to_read(&path)?;
    let tx = db.read()?;
    let packages = tx.documents("packages")?;

    let unindexed = json!({"arch": "all", "installed_kib": {"$gt": 50_000}});
    let condition =
        "json_extract(doc, '$.arch') = 'all' AND json_extract(doc, '$.installed_kib') > 50000";
    let mut statement =
        sqlite.prepare(&format!("SELECT count(*) FROM packages WHERE {condition}"))?;
    Question {
        name: "two fields without an index, counted",
        larder: Box::new(|| Ok(packages.find(&unindexed)?.count()?)),
        sqlite: Box::new(move || Ok(statement.query_row([], |row| row.get(0))?)),
    }
    .measure()?;
    let mut statement = sqlite.prepare(&format!("SELECT id FROM packages WHERE {condition}"))?;
    Question {
        name: "two fields without an index, their keys",
        larder: Box::new(|| keys(packages.find(&unindexed)?)),
        sqlite: Box::new(move || texts(&mut statement)),
    }
    .measure()?;

    let of_section = json!({"section": "games"});
    let mut field = sqlite.prepare(
        "SELECT json_extract(doc, '$.name') FROM packages WHERE json_extract(doc, '$.section') = 'games'",
    )?;
    Question {
        name: "equal through an index, one field of each",
        larder: Box::new(|| names(packages.find(&of_section)?.require_index())),
        sqlite: Box::new(move || texts(&mut field)),
    }
    .measure()?;
    let of_size = json!({"size": {"$gte": 10_000_000, "$lt": 20_000_000}});
    let mut field = sqlite.prepare(
        "SELECT json_extract(doc, '$.name') FROM packages
         WHERE json_extract(doc, '$.size') >= 10000000 AND json_extract(doc, '$.size') < 20000000",
    )?;
    Question {
        name: "a range through an index, one field of each",
        larder: Box::new(|| names(packages.find(&of_size)?.require_index())),
        sqlite: Box::new(move || texts(&mut field)),
    }
    .measure()?;
    let mut count = sqlite.prepare(
        "SELECT count(*) FROM packages
         WHERE json_extract(doc, '$.size') >= 10000000 AND json_extract(doc, '$.size') < 20000000",
    )?;
    Question {
        name: "a range through an index, counted",
        larder: Box::new(|| Ok(packages.find(&of_size)?.count()?)),
        sqlite: Box::new(move || Ok(count.query_row([], |row| row.get(0))?)),
    }
    .measure()
}

/// The same text into both, and the same indexes.
fn fill(db: &Database, path: &Path, lines: &[String]) -> Result<()> {
    let text = lines.join("\n");
    db.write(|tx| tx.documents("packages")?.import_ndjson(text.as_bytes()))?;
    for path in ["section", "size"] {
        db.create_index("packages", PathIndex::on(path))?;
    }
    db.checkpoint()?;
    let mut sqlite = Connection::open(path)?;
    sqlite.execute_batch(
        "CREATE TABLE packages (id TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID",
    )?;
    let transaction = sqlite.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO packages VALUES (json_extract(?1, '$._id'), ?1)")?;
        for line in lines {
            insert.execute([line])?;
        }
    }
    transaction.commit()?;
    sqlite.execute_batch(
        "CREATE INDEX section ON packages (json_extract(doc, '$.section'));
         CREATE INDEX size ON packages (json_extract(doc, '$.size'));
         ANALYZE",
    )?;
    Ok(())
}

fn larder_of(directory: &Path, name: &str) -> Result<Database> {
    let builder = Database::builder().cache_size(usize::try_from(CACHE_KIB)? << 10);
    Ok(builder.create(directory.join(name).with_extension("larder"))?)
}

fn open_to_read(path: &Path) -> Result<Connection> {
    let sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    sqlite.pragma_update(None, "cache_size", -CACHE_KIB)?;
    sqlite.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    // One transaction for all, as the other side has it.
    sqlite.execute_batch("BEGIN")?;
    Ok(sqlite)
}

/// The keys of the documents.
fn keys(query: Query<'_, DocumentView<'_>>) -> Result<Vec<String>> {
    query.iter()?.map(|found| Ok(found?.key().to_string())).collect()
}

/// The name in each document.
fn names(query: Query<'_, DocumentView<'_>>) -> Result<Vec<String>> {
    let name = |found: larder::Result<DocumentView<'_>>| {
        let package = found?;
        let name = package.pointer("/name")?;
        Ok(name.and_then(|name| name.as_str()).unwrap_or_default().to_owned())
    };
    query.iter()?.map(name).collect()
}

/// The first column of what a statement gives.
fn texts(statement: &mut Statement<'_>) -> Result<Vec<String>> {
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn of_records(directory: &Path) -> Result<()> {
    let db = larder_of(directory, "records")?;
    db.write(|tx| tx.collection::<Reading>()?.load((0..RECORDS).map(reading)))?;
    db.checkpoint()?;
    let path = directory.join("records.sqlite");
    fill_table(&path)?;
    let sqlite = open_to_read(&path)?;
    let tx = db.read()?;
    let readings = tx.collection::<Reading>()?;
    for (share, percent) in [(400, 1), (4000, 10)] {
        let filter = json!({"kind": "kind 1", "count": {"$lt": share}});
        let condition = format!("kind = 'kind 1' AND count < {share}");
        for (parallel, threads) in [(false, "one thread"), (true, "several threads")] {
            let find = || -> Result<_> {
                let query = readings.find(&filter)?;
                Ok(if parallel { query.parallel() } else { query })
            };
            let mut statement =
                sqlite.prepare(&format!("SELECT count(*) FROM readings WHERE {condition}"))?;
            Question {
                name: &format!("{percent} % of the records by two fields, counted, {threads}"),
                larder: Box::new(|| Ok(find()?.count()?)),
                sqlite: Box::new(move || Ok(statement.query_row([], |row| row.get(0))?)),
            }
            .measure()?;
            let mut statement =
                sqlite.prepare(&format!("SELECT sum(time) FROM readings WHERE {condition}"))?;
            Question {
                name: &format!("{percent} % of the records, the sum of a field, {threads}"),
                larder: Box::new(|| Ok(u64::try_from(find()?.sum(Reading::TIME)?.integers)?)),
                sqlite: Box::new(move || Ok(statement.query_row([], |row| row.get(0))?)),
            }
            .measure()?;
        }
        let mut statement = sqlite.prepare(&format!(
            "SELECT count(*), sum(time), sum(value) FROM readings WHERE {condition}"
        ))?;
        Question {
            name: &format!("{percent} % of the records, gone through for two sums"),
            larder: Box::new(|| sums(readings.find(&filter)?)),
            sqlite: Box::new(move || {
                let sums = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                Ok(statement.query_row([], sums)?)
            }),
        }
        .measure()?;
    }
    Ok(())
}

fn sums(query: Query<'_, View<'_, Reading>>) -> Result<(u64, u64, f64)> {
    let (mut count, mut time, mut value) = (0, 0, 0.0);
    for reading in query.iter()? {
        let reading = reading?;
        count += 1;
        time += reading.time.to_native();
        value += reading.value.to_native();
    }
    Ok((count, time, value))
}

/// The record with that number.
fn reading(id: u64) -> Reading {
    let mixed = id.wrapping_add(1).wrapping_mul(SEED);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(SEED);
    Reading {
        id,
        station: format!("station {:03}", mixed % 499),
        kind: format!("kind {}", (mixed >> 20) % 4),
        time: 1_700_000_000 + id,
        count: (mixed >> 40) % 10_000,
        // Quarters: their sums are exact in any order.
        value: f64::from((mixed >> 48) as u16) / 4.0,
    }
}

fn fill_table(path: &Path) -> Result<()> {
    let mut sqlite = Connection::open(path)?;
    sqlite.execute_batch(
        "CREATE TABLE readings (id INTEGER PRIMARY KEY, station TEXT NOT NULL, kind TEXT NOT NULL,
             time INTEGER NOT NULL, count INTEGER NOT NULL, value REAL NOT NULL)",
    )?;
    let transaction = sqlite.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO readings VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for id in 0..RECORDS {
            let Reading { id, station, kind, time, count, value } = reading(id);
            insert.execute(params![id, station, kind, time, count, value])?;
        }
    }
    transaction.commit()?;
    Ok(())
}
