//! Back up 69,472 real cities: whole, and what changed; damage a backup and see it named; ask it where it lies;
//! restore and compare; make the file as small as it can be.
//!
//! `cargo run --release --example backup`, in a temporary directory that is removed at the end.

#![allow(clippy::disallowed_methods, reason = "it tells how long things took")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use larder::{Database, ErrorKind, Readable, Snapshot, SnapshotDepth, record};
use serde::Deserialize;

#[record(name = "cities", index(by_country_population = (country, population)))]
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct City {
    #[key]
    #[serde(rename = "_id")]
    id: u64,
    name: String,
    country: String,
    population: u64,
    #[index]
    timezone: String,
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let db = Database::builder()
        .register::<City>()
        .create(path("cities.larder"))?;
    let loaded =
        db.try_write(|tx| -> Result<u64> { tx.collection::<City>()?.try_load(cities()?) })?;
    println!(
        "{loaded} cities in a file of {}",
        size(&path("cities.larder"))?
    );

    let monday = told("a whole snapshot", || {
        db.snapshot_to(path("monday.snapshot"))
    })?;
    println!(
        "  {} bytes, of commit {}",
        monday.bytes,
        monday.commit.sequence()
    );

    // Croatia grows.
    let grown = db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        let of = |city: larder::Result<larder::View<'_, City>>| city?.to_owned();
        let range = cities
            .by(City::BY_COUNTRY_POPULATION)
            .range(("HR", 0)..=("HR", u64::MAX))?;
        let croatian: Vec<City> = range.map(of).collect::<larder::Result<_>>()?;
        for city in &croatian {
            let population = city.population + 1_000;
            cities.put(&City {
                population,
                ..city.clone()
            })?;
        }
        cities.remove(3_186_886)?; // Zagreb has moved.
        Ok(croatian.len())
    })?;
    let base = Snapshot::open(path("monday.snapshot"))?;
    let tuesday = told(&format!("what {grown} changed cities are"), || {
        db.snapshot_since(&base, path("tuesday.snapshot"))
    })?;
    println!("  {} bytes", tuesday.bytes);

    let chain = [path("monday.snapshot"), path("tuesday.snapshot")];
    let chain = Snapshot::open_chain(&chain)?;
    for found in told("what changed", || base.diff(&chain))?.collections {
        println!(
            "  {}: {} changed, {} removed",
            found.name, found.changed, found.removed
        );
    }

    println!("One byte of a copy is changed:");
    damage(&path("monday.snapshot"), &path("damaged.snapshot"))?;
    let damaged = Snapshot::open(path("damaged.snapshot"))?;
    let error = damaged
        .verify(SnapshotDepth::Blocks)
        .expect_err("a byte is another");
    assert!(error.is(ErrorKind::Corrupt));
    println!("  {error}");
    let error = damaged
        .restore_to(path("damaged.larder"))
        .expect_err("a byte is another");
    assert!(!path("damaged.larder").exists());
    println!("  {error}");

    println!("The three largest cities of Croatia, from the snapshots where they lie:");
    for (day, snapshot) in [("monday", &base), ("tuesday", &chain)] {
        let tx = snapshot.read()?;
        let cities = tx.collection::<City>()?;
        let largest = cities
            .by(City::BY_COUNTRY_POPULATION)
            .range(("HR", 0)..=("HR", u64::MAX))?;
        let largest: Vec<String> = largest
            .rev()
            .take(3)
            .map(|city| city.map(|city| format!("{} {}", city.name, city.population)))
            .collect::<larder::Result<_>>()?;
        println!("  {day}: {}", largest.join(", "));
    }

    told("verified in depth", || chain.verify(SnapshotDepth::Restore))?;
    told("restored", || chain.restore_to(path("again.larder")))?;
    let again = Database::open_existing(path("again.larder"))?;
    assert!(again.check()?.is_ok());
    assert_eq!(all(&again.read()?)?, all(&db.read()?)?);
    println!(
        "The restored database has the same {} cities.",
        all(&again.read()?)?.len()
    );

    drop((base, chain));
    let report = told("compacted", || db.compact())?;
    println!(
        "  {} bytes were {}",
        report.bytes_after, report.bytes_before
    );
    Ok(())
}

/// Does something, and tells how long it took.
fn told<T>(what: &str, act: impl FnOnce() -> larder::Result<T>) -> Result<T> {
    let begin = Instant::now();
    let result = act()?;
    println!("{what}: {:.1?}", begin.elapsed());
    Ok(result)
}

/// Copies a file, and changes a byte in its middle.
fn damage(from: &Path, to: &Path) -> Result<()> {
    let mut bytes = std::fs::read(from)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Ok(std::fs::write(to, bytes)?)
}

fn all(tx: &impl Readable) -> larder::Result<Vec<City>> {
    let cities = tx.collection::<City>()?;
    cities.iter()?.map(|city| city?.to_owned()).collect()
}

fn size(path: &Path) -> Result<String> {
    Ok(format!("{} bytes", std::fs::metadata(path)?.len()))
}

/// The cities, a line of JSON each.
fn cities() -> Result<impl Iterator<Item = Result<City>>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/data/cities.ndjson.zst");
    let file = zstd::Decoder::new(std::fs::File::open(path)?)?;
    let lines = BufReader::new(file).lines();
    Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
}
