//! 69,472 real cities: load them, ask, change, reopen, check.
//!
//! `cargo run --release --example cities [PATH]` makes a database at `PATH`, where nothing may be, or
//! in a temporary directory that is removed at the end.

#![allow(clippy::disallowed_methods, reason = "it tells how long things took")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{Collection, Database, ErrorKind, Folded, Query, View, record};
use serde::Deserialize;

/// A city, and the five ways in which it is found.
#[record(
    name = "cities",
    index(by_country_population = (country, population), include = name),
    index(by_size = population, when = population >= 1_000_000)
)]
#[derive(Debug)]
struct City {
    #[key]
    id: u64,
    /// Made of name, country and id, in lower case.
    #[unique]
    slug: String,
    name: String,
    country: String,
    population: u64,
    #[index]
    timezone: String,
    /// One index entry for each name, whatever its case.
    #[index(each, fold)]
    names: Vec<String>,
    location: Location,
}

#[larder::part]
#[derive(Debug, Deserialize)]
struct Location {
    lat: f64,
    lon: f64,
}

/// A line of the data.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: u64,
    name: String,
    country: String,
    population: u64,
    timezone: String,
    loc: Location,
    alt: Vec<String>,
}

impl From<Line> for City {
    fn from(line: Line) -> Self {
        let Line {
            id,
            name,
            country,
            population,
            timezone,
            loc: location,
            mut alt,
        } = line;
        let slug = slug(&name, &country, id);
        // The name is one of the names.
        alt.push(name.clone());
        Self {
            id,
            slug,
            name,
            country,
            population,
            timezone,
            names: alt,
            location,
        }
    }
}

fn slug(name: &str, country: &str, id: u64) -> String {
    let text = format!("{name}-{country}-{id}").replace(' ', "-");
    Folded::new(&text).as_str().to_owned()
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    // Kept until the end, when it removes itself.
    let temporary = tempfile::tempdir()?;
    let path = match std::env::args_os().skip(1).collect::<Vec<_>>().as_slice() {
        [] => temporary.path().join("cities.larder"),
        [path] if !path.to_string_lossy().starts_with('-') => PathBuf::from(path),
        _ => {
            println!("usage: cities [PATH]");
            return Ok(());
        }
    };
    let mut report = Report::default();

    let db = match Database::builder().register::<City>().create(&path) {
        Err(error) if error.is(ErrorKind::AlreadyExists) => {
            return Err(format!("{} exists already; name another file", path.display()).into());
        }
        db => db?,
    };
    load(&db, &mut report)?;
    ask(&db, &mut report)?;
    query(&db, &mut report)?;
    change(&db, &mut report)?;
    db.close()?;
    reopen(&path, &mut report)?;

    println!("\nWhat it did, in {}", path.display());
    report.print();
    Ok(())
}

/// Loads all cities, in batches so that not all of them are in memory at once.
fn load(db: &Database, report: &mut Report) -> Result<()> {
    const BATCH: usize = 20_000;
    let lines = data()?;
    let progress = ProgressBar::new(CITIES).with_style(ProgressStyle::with_template(
        "loading {wide_bar} {pos}/{len} cities",
    )?);
    let started = Instant::now();
    let mut cities = lines.peekable();
    let mut loaded = 0;
    while cities.peek().is_some() {
        loaded += db.try_write(|tx| -> Result<u64> {
            let batch = cities.by_ref().take(BATCH).inspect(|_| progress.inc(1));
            tx.collection::<City>()?.try_load(batch)
        })?;
    }
    progress.finish_and_clear();
    report.add(
        "cities loaded, with five indexes",
        loaded,
        started.elapsed(),
    );
    Ok(())
}

/// Cities in the data, for the progress bar.
const CITIES: u64 = 69_472;

/// Reads the data line by line; an error says in which line.
fn data() -> Result<impl Iterator<Item = Result<City>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/cities.ndjson.zst");
    let file = std::fs::File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines = BufReader::new(zstd::Decoder::new(file)?).lines();
    Ok(lines.enumerate().map(|(number, line)| {
        let city: Line = serde_json::from_str(&line?)
            .map_err(|error| format!("line {} of the data: {error}", number + 1))?;
        Ok(City::from(city))
    }))
}

/// What a person would ask.
fn ask(db: &Database, report: &mut Report) -> Result<()> {
    let tx = db.read()?;
    let cities = tx.collection::<City>()?;

    println!("\nThe largest cities of France");
    let started = Instant::now();
    let mut found = 0;
    for city in cities
        .by(City::BY_COUNTRY_POPULATION)
        .prefix(("FR",))?
        .rev()
        .take(5)
    {
        let city = city?;
        println!("  {:<28} {:>10}", city.name, city.population);
        found += 1;
    }
    report.add("largest cities of a country", found, started.elapsed());

    for name in ["東京", "москва", "KÖLN", "القاهرة"] {
        ask_by_name(&cities, name, report)?;
    }

    let started = Instant::now();
    let count = cities
        .by(City::BY_TIMEZONE)
        .count("Asia/Kathmandu"..="Asia/Kathmandu")?;
    println!("\n{count} cities keep the time of Kathmandu");
    report.add("cities of a time zone, counted", count, started.elapsed());

    let started = Instant::now();
    let range = ("IT", 100_000)..("IT", 150_000);
    let count = cities.by(City::BY_COUNTRY_POPULATION).count(range)?;
    println!("{count} Italian cities have from 100,000 to 150,000 inhabitants");
    report.add(
        "cities of a country in a range, counted",
        count,
        started.elapsed(),
    );

    let started = Instant::now();
    let large = cities.by(City::BY_SIZE);
    let count = large.len()?;
    let largest = large.last()?.ok_or("there is no city of a million")?;
    println!(
        "{count} cities have a million inhabitants; the largest is {}, at {:.2} {:.2}",
        largest.name,
        largest.location.lat.to_native(),
        largest.location.lon.to_native()
    );
    report.add("cities of a million", count, started.elapsed());
    Ok(())
}

/// What a query finds, and how.
fn query(db: &Database, report: &mut Report) -> Result<()> {
    let tx = db.read()?;
    let cities = tx.collection::<City>()?;

    println!("\nLarge cities of Croatia and its neighbour, by a filter");
    let near = City::COUNTRY
        .one_of(["HR", "SI"])
        .and(City::POPULATION.ge(100_000));
    let large = cities.find(&near)?.sort(City::POPULATION.desc())?.limit(5);
    for city in large.select((City::NAME, City::COUNTRY, City::POPULATION))? {
        let (name, country, population) = city?;
        println!("  {name:<28} {country} {population:>10}");
    }
    told("cities by two conditions, sorted", &large, report)?;

    let french = cities
        .find(City::COUNTRY.eq("FR"))?
        .sort(City::POPULATION.desc())?
        .limit(5);
    told("largest cities, sorted by the index", &french, report)?;
    let mut names = french.select((City::NAME, City::POPULATION))?;
    for name in names.by_ref() {
        name?;
    }
    println!(
        "  their names alone: {}",
        names.explain().to_string().replace('\n', "; ")
    );

    let north = City::LOCATION.then(Location::LAT).gt(69.5);
    told("cities far in the north", &cities.find(&north)?, report)?;
    told(
        "cities far in the north, two threads",
        &cities.find(&north)?.parallel(),
        report,
    )?;

    let started = Instant::now();
    let inhabitants = cities.find(&near)?.sum(City::POPULATION)?;
    report.add("inhabitants, summed", inhabitants.count, started.elapsed());
    println!(
        "{} people live in {} of them",
        inhabitants.integers, inhabitants.count
    );
    Ok(())
}

/// Carries a query out, and says how.
fn told<'a>(what: &str, query: &Query<'a, View<'a, City>>, report: &mut Report) -> Result<()> {
    let started = Instant::now();
    let plan = query.explain()?;
    report.add(what, plan.found(), started.elapsed());
    println!("  {what}: {}", plan.to_string().replace('\n', "; "));
    Ok(())
}

/// The cities that somebody calls by that name, in any script and any case.
fn ask_by_name(cities: &Collection<'_, City>, name: &str, report: &mut Report) -> Result<()> {
    let started = Instant::now();
    let mut found = Vec::new();
    for city in cities.by(City::BY_NAMES).equal(name)? {
        let city = city?;
        found.push(format!("{} ({})", city.name, city.country));
    }
    report.add(
        format!("cities called {name}"),
        found.len() as u64,
        started.elapsed(),
    );
    println!("\nCalled {name}: {}", found.join(", "));
    Ok(())
}

/// A change that is kept, and one that is not.
fn change(db: &Database, report: &mut Report) -> Result<()> {
    const PARIS: u64 = 2_988_507;
    let started = Instant::now();
    db.write(|tx| {
        tx.collection::<City>()?
            .update(PARIS, |city| city.population += 1)
    })?;
    report.add("city updated, durably", 1, started.elapsed());

    let before = db.read()?.collection::<City>()?.len()?;
    let refused = db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        let paris = cities.take(PARIS)?;
        if let Some(mut city) = paris {
            // Two of one slug: the second is refused, and the transaction with it.
            cities.insert(&city)?;
            city.id = 1;
            cities.insert(&city)?;
        }
        Ok(())
    });
    match refused {
        Err(error) if error.is(ErrorKind::Conflict) => println!("\nRefused: {error}"),
        other => return Err(format!("a second Paris was not refused: {other:?}").into()),
    }
    let after = db.read()?.collection::<City>()?.len()?;
    println!("{before} cities before, {after} after: the whole transaction was rolled back");
    Ok(())
}

/// Opens the file again and checks everything in it.
fn reopen(path: &Path, report: &mut Report) -> Result<()> {
    let started = Instant::now();
    let db = Database::builder().register::<City>().open_existing(path)?;
    report.add("database reopened", 1, started.elapsed());

    let started = Instant::now();
    let found = db.check()?;
    report.add(
        "records and index entries checked",
        found.records + found.index_entries,
        started.elapsed(),
    );
    if !found.is_ok() {
        return Err(found.to_string().into());
    }
    db.close()?;
    Ok(())
}

/// What was done, how many and how long it took.
#[derive(Default)]
struct Report(Vec<(String, u64, Duration)>);

impl Report {
    fn add(&mut self, what: impl Into<String>, count: u64, took: Duration) {
        self.0.push((what.into(), count, took));
    }

    fn print(&self) {
        println!("{:>9}  {:<42} {:>12}", "count", "what", "time");
        for (what, count, took) in &self.0 {
            println!("{count:>9}  {what:<42} {:>12}", format!("{took:.1?}"));
        }
    }
}
