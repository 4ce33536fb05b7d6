//! An application that changes its mind: 69,472 real cities taken through three versions of their record,
//! each with a plan and a migration, and the last one undone.
//!
//! `cargo run --release --example evolve [PATH]` makes a database at `PATH`, where nothing may be, or in a
//! temporary directory that is removed at the end.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{BoxError, Database, Downgrade, Migration};

/// What the first release wrote.
mod first {
    #[larder::part]
    #[derive(Debug, serde::Deserialize)]
    pub struct Location {
        pub lat: f64,
        pub lon: f64,
    }

    #[larder::record(name = "cities")]
    #[derive(Debug, serde::Deserialize)]
    pub struct City {
        #[key]
        #[serde(rename = "_id")]
        pub id: u64,
        #[index]
        pub name: String,
        pub country: String,
        #[serde(rename = "population")]
        pub pop: u32,
        pub timezone: String,
        #[serde(rename = "loc")]
        pub location: Location,
    }
}

/// The second release: one field has a better name and is wider, one is new, one is gone. The old type is
/// not needed for it; here both are in one program, to show it.
mod second {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Location {
        pub lat: f64,
        pub lon: f64,
        pub height: Option<i32>,
    }

    #[larder::record(name = "cities", version = 2)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        pub country: String,
        #[index]
        #[renamed(from = "pop")]
        pub population: u64,
        #[default = "unknown"]
        pub mayor: String,
        pub location: Location,
    }
}

/// The third release: what it keeps cannot be said without code.
#[larder::record(
    name = "cities",
    version = 3,
    from = second::City,
    downgrade,
    index(by_country_size = (country, size))
)]
#[derive(Debug)]
struct City {
    #[key]
    id: u64,
    #[index(fold)]
    name: String,
    country: String,
    size: Size,
    location: second::Location,
}

#[larder::part(key)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Town,
    City,
    Metropolis,
}

impl From<u64> for Size {
    fn from(population: u64) -> Self {
        match population {
            0..100_000 => Self::Town,
            100_000..1_000_000 => Self::City,
            _ => Self::Metropolis,
        }
    }
}

impl TryFrom<second::City> for City {
    type Error = String;

    fn try_from(city: second::City) -> Result<Self, String> {
        if city.country.len() != 2 {
            return Err(format!("{:?} is no country", city.country));
        }
        Ok(Self {
            id: city.id,
            name: city.name,
            country: city.country,
            size: city.population.into(),
            location: city.location,
        })
    }
}

/// The way back, of cities that were written since.
impl Downgrade<second::City> for City {
    fn downgrade(self, before: Option<second::City>) -> Result<second::City, BoxError> {
        let before = before.filter(|before| Size::from(before.population) == self.size);
        let (population, mayor) = match before {
            Some(before) => (before.population, before.mayor),
            None => (self.size.least(), "unknown".to_owned()),
        };
        Ok(second::City {
            id: self.id,
            name: self.name,
            country: self.country,
            population,
            mayor,
            location: self.location,
        })
    }
}

impl Size {
    fn least(self) -> u64 {
        match self {
            Self::Town => 0,
            Self::City => 100_000,
            Self::Metropolis => 1_000_000,
        }
    }
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    // Kept until the end, when it removes itself.
    let temporary = tempfile::tempdir()?;
    let path = match std::env::args_os().skip(1).collect::<Vec<_>>().as_slice() {
        [] => temporary.path().join("evolve.larder"),
        [path] if !path.to_string_lossy().starts_with('-') => PathBuf::from(path),
        _ => {
            println!("usage: evolve [PATH]");
            return Ok(());
        }
    };
    first_release(&path)?;
    second_release(&path)?;
    third_release(&path)?;
    back(&path)
}

fn first_release(path: &Path) -> Result<()> {
    let db = Database::builder().register::<first::City>().create(path)?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/cities.ndjson.zst");
    let lines = BufReader::new(zstd::Decoder::new(std::fs::File::open(data)?)?).lines();
    let cities = lines.map(|line| -> Result<first::City> { Ok(serde_json::from_str(&line?)?) });
    let count = db.try_write(|tx| tx.collection::<first::City>()?.try_load(cities))?;
    println!("The first release wrote {count} cities.\n");
    Ok(db.close()?)
}

fn second_release(path: &Path) -> Result<()> {
    let db = Database::open(path)?;
    // Nothing is done yet: this is what would be.
    println!("{}\n", db.migration_plan_for::<second::City>()?);
    db.register::<second::City>()?;

    // Every city is one of the second version from now on, whatever lies in the file.
    let tx = db.read()?;
    let cities = tx.collection::<second::City>()?;
    let largest = cities
        .by(second::City::BY_POPULATION)
        .range(..)?
        .next_back();
    if let Some(largest) = largest.transpose()? {
        println!("The largest is {:?}\n", largest.to_owned()?);
    }
    drop(cities);
    drop(tx);
    migrate(&db)?;
    Ok(db.close()?)
}

fn third_release(path: &Path) -> Result<()> {
    let db = Database::open(path)?;
    println!("{}\n", db.migration_plan_for::<City>()?);
    db.register::<City>()?;
    let tx = db.read()?;
    let cities = tx.collection::<City>()?;
    let metropolises = cities
        .by(City::BY_COUNTRY_SIZE)
        .range(("FR", Size::Metropolis)..=("FR", Size::Metropolis))?;
    for city in metropolises {
        println!("{:?}", city?.to_owned()?);
    }
    println!();
    drop(cities);
    drop(tx);
    migrate(&db)?;
    // A city is founded, and one grows.
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        cities.insert(&City {
            id: 1,
            name: "Larder".to_owned(),
            country: "HR".to_owned(),
            size: Size::Town,
            location: second::Location {
                lat: 45.0,
                lon: 14.0,
                height: Some(310),
            },
        })?;
        cities.update(3_191_648, |rijeka| rijeka.size = Size::Metropolis)
    })?;
    Ok(db.close()?)
}

/// The third release was a mistake.
fn back(path: &Path) -> Result<()> {
    let db = Database::builder().register::<City>().open(path)?;
    let restored = db.undo_migration::<City>()?;
    println!("{restored} cities were taken back to the second version.\n");
    db.register::<second::City>()?;
    let tx = db.read()?;
    let cities = tx.collection::<second::City>()?;
    for id in [1, 3_191_648, 2_988_507] {
        println!("{:?}", cities.get(id)?);
    }
    println!("\nWhat became of the schema:");
    for entry in db.migration_history()? {
        println!(
            "{}  {:?}, version {} to {}, {} records, {} ms",
            entry.at,
            entry.event,
            entry.from,
            entry.to,
            entry.records,
            entry.duration.as_millis()
        );
    }
    let report = db.check()?;
    println!("\nChecked: {report}");
    Ok(())
}

/// Rewrites all records, and shows how far it is.
fn migrate(db: &Database) -> Result<()> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "migrating {wide_bar} {pos}/{len} records",
    )?);
    let report = db.migrate_with(Migration::new().on_progress(|progress| {
        bar.set_length(progress.records);
        bar.set_position(progress.seen);
        ControlFlow::Continue(())
    }))?;
    bar.finish_and_clear();
    println!("{} records were rewritten.\n", report.records);
    Ok(())
}
