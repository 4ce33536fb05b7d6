//! What does it cost to change one's mind? `cargo bench --bench migrations` prints, in one run:
//!
//! - migrating a million records (a field renamed, a field added) against loading the same records, and
//!   undoing it, in records a second, and the most memory that each held;
//! - reading a record of the old version against reading one of the current version: a view, the owned
//!   record, one field, and all of them one after the other.

#![allow(
    clippy::pedantic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark measures time, and stops where its own numbers are wrong"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use larder::{Database, Record};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Records that are loaded and migrated.
const RECORDS: u64 = 1_000_000;
/// Records of one call of `load`.
const BATCH: u64 = 50_000;
/// Records that are read lazily.
const READ: u64 = 100_000;
/// Rounds of reads, each old and new in turn.
const ROUNDS: usize = 15;

mod old {
    #[larder::part]
    #[derive(Clone)]
    pub struct Location {
        pub lat: f64,
        pub lon: f64,
    }

    #[larder::record(name = "cities")]
    #[derive(Clone)]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        pub country: String,
        pub pop: u64,
        pub timezone: String,
        pub names: Vec<String>,
        pub location: Location,
    }
}

mod new {
    #[larder::record(name = "cities", version = 2)]
    #[derive(Clone)]
    pub struct City {
        #[key]
        pub id: u64,
        pub name: String,
        pub country: String,
        #[renamed(from = "pop")]
        pub population: u64,
        pub timezone: String,
        pub names: Vec<String>,
        pub location: super::old::Location,
        #[default = 7]
        pub rating: u32,
    }
}

fn city(id: u64) -> old::City {
    old::City {
        id,
        name: format!("City number {id}"),
        country: "HR".to_owned(),
        pop: id * 17 % 1_000_003,
        timezone: "Europe/Zagreb".to_owned(),
        names: vec![format!("Grad {id}"), format!("Stadt {id}")],
        location: old::Location {
            lat: 45.5,
            lon: id as f64,
        },
    }
}

fn main() -> Result<()> {
    // `cargo test --benches` and the like only want to know that it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    migrate()?;
    read()
}

fn load(db: &Database, records: u64) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for start in (0..records).step_by(BATCH as usize) {
        let batch: Vec<old::City> = (start..records.min(start + BATCH)).map(city).collect();
        let began = Instant::now();
        db.write(|tx| tx.collection::<old::City>()?.load(batch))?;
        took += began.elapsed();
    }
    Ok(took)
}

fn migrate() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let db = Database::create(directory.path().join("migrate.larder"))?;
    reset_peak();
    let loaded = load(&db, RECORDS)?;
    let load_peak = peak();
    db.register::<new::City>()?;
    reset_peak();
    let began = Instant::now();
    let report = db.migrate()?;
    let migrated = began.elapsed();
    let migrate_peak = peak();
    assert_eq!(report.records, RECORDS);
    let speed = |took: Duration| RECORDS as f64 / took.as_secs_f64() / 1e6;
    println!("{RECORDS} records, {} bytes each", body_bytes());
    println!(
        "load      {:6.3} M/s, at most {load_peak} MiB",
        speed(loaded)
    );
    println!(
        "migrate   {:6.3} M/s, at most {migrate_peak} MiB",
        speed(migrated)
    );
    println!(
        "migrate has {:.2} of the speed of load   target 0.5",
        speed(migrated) / speed(loaded)
    );
    reset_peak();
    let began = Instant::now();
    assert_eq!(db.undo_migration::<new::City>()?, RECORDS);
    let undone = began.elapsed();
    println!(
        "undo      {:6.3} M/s, at most {} MiB\n",
        speed(undone),
        peak()
    );
    Ok(())
}

fn body_bytes() -> usize {
    let mut body = Vec::new();
    city(500_000)
        .encode(&mut body)
        .map(|()| body.len())
        .unwrap_or(0)
}

fn read() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let databases = [0, 1].map(|number| -> Result<Database> {
        let path = directory.path().join(format!("{number}.larder"));
        let db = Database::builder().cache_size(256 << 20).create(path)?;
        load(&db, READ)?;
        db.register::<new::City>()?;
        Ok(db)
    });
    let [old, new] = databases;
    let (old, new) = (old?, new?);
    new.migrate()?;
    type Work = fn(&larder::Collection<'_, new::City>, u64) -> larder::Result<u64>;
    let works: [(&str, Work); 4] = [
        ("get", |cities, id| {
            Ok(cities
                .get(id)?
                .map_or(0, |city| city.population.to_native()))
        }),
        ("get_owned", |cities, id| {
            Ok(cities.get_owned(id)?.map_or(0, |city| city.population))
        }),
        ("field", |cities, id| {
            Ok(cities.field(id, new::City::POPULATION)?.unwrap_or(0))
        }),
        ("iter", |cities, id| {
            // A hundred at a time.
            let mut sum = 0;
            for city in cities.range(id..id + 100)? {
                sum += city?.population.to_native();
            }
            Ok(sum)
        }),
    ];
    println!("one read, medians of {ROUNDS} rounds     old      new   ratio   target 3");
    for (name, work) in works {
        let mut times: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (db, times) in [&old, &new].into_iter().zip(&mut times) {
                let tx = db.read()?;
                let cities = tx.collection::<new::City>()?;
                let began = Instant::now();
                let count = if name == "iter" { 1_000 } else { 20_000 };
                for i in 0..count {
                    let id = i * 7_919 % (READ - 100);
                    black_box(work(&cities, id)?);
                }
                let each = if name == "iter" { count * 100 } else { count };
                times.push(began.elapsed().as_secs_f64() * 1e9 / each as f64);
            }
        }
        let [old, new] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        println!("{name:<30}{old:>8.0} {new:>8.0} ns {:>5.2}", old / new);
    }
    Ok(())
}

/// The most memory that the process had since it was reset, in MiB; 0 where nobody says.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) / 1024
}

fn reset_peak() {
    // Where it cannot be reset the figure is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
