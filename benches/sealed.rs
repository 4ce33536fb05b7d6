//! What does it cost that every block is verified, or encrypted?
//!
//! The same redb, the same calls and the same data over three storages: redb's own file, the sealed file
//! plain, and the sealed file encrypted. `cargo bench --bench sealed` plays each sealed one against
//! redb's own in short alternating rounds and prints the medians of their ratios, which is what the
//! targets are about: absolute times of a busy machine mean little. Words behind `--` choose the lines
//! that have them all in their names.

#![allow(
    clippy::pedantic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark measures time, and stops where its own numbers are wrong"
)]

/// Rows of each database.
const ROWS: u64 = 100_000;
/// Bytes of a value.
const VALUE_BYTES: usize = 250;
/// Page cache when everything is to fit.
const WARM_CACHE_BYTES: usize = 256 << 20;
/// Page cache when nothing is to fit.
const COLD_CACHE_BYTES: usize = 1 << 20;
/// Rows read in a round.
const PROBES: u64 = 20_000;
/// Rows of a small commit.
const COMMIT_ROWS: u64 = 3;

use std::hint::black_box;
use std::time::{Duration, Instant};

use larder::testing::{CipherKind, sealed_backend};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("t");

#[derive(Clone, Copy, PartialEq)]
enum Storage {
    Redb,
    Plain,
    Encrypted(CipherKind),
}

fn main() -> Result<()> {
    // `cargo test --benches` and the like only want to know that it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    println!("{ROWS} rows of {VALUE_BYTES} bytes; medians of alternating rounds of this run\n");
    println!(
        "{:<34}{:>10}{:>10}{:>9}   target",
        "", "sealed", "redb", "ratio"
    );
    for (name, storage, load, cold) in [
        ("plain", Storage::Plain, Some(1.15), Some(1.3)),
        (
            "XAES-256-GCM",
            Storage::Encrypted(CipherKind::Xaes256Gcm),
            Some(1.3),
            Some(2.2),
        ),
        (
            "XChaCha20-Poly1305",
            Storage::Encrypted(CipherKind::XChaCha20Poly1305),
            None,
            None,
        ),
    ] {
        duel(
            &format!("bulk load, {name}"),
            11,
            1,
            load,
            [storage, Storage::Redb].map(loader),
        )?;
        reads(name, "warm", storage, WARM_CACHE_BYTES, Some(1.05))?;
        reads(name, "cold", storage, COLD_CACHE_BYTES, cold)?;
        commits(name, storage)?;
    }
    Ok(())
}

fn open(storage: Storage, cache_bytes: usize) -> Result<(redb::Database, tempfile::TempDir)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("file");
    let mut builder = redb::Database::builder();
    builder.set_cache_size(cache_bytes);
    let key = [7; 32];
    let db = match storage {
        Storage::Redb => builder.create(path)?,
        Storage::Plain => {
            builder.create_with_backend(sealed_backend(&path, None, CipherKind::Xaes256Gcm)?)?
        }
        Storage::Encrypted(kind) => {
            builder.create_with_backend(sealed_backend(&path, Some(key), kind)?)?
        }
    };
    Ok((db, directory))
}

fn load(db: &redb::Database) -> Result<()> {
    let tx = begin_write(db)?;
    {
        let mut table = tx.open_table(TABLE)?;
        let mut cursor = table.upper_bound_mut(std::ops::Bound::<&[u8]>::Unbounded)?;
        let mut value = [0; VALUE_BYTES];
        for id in 0..ROWS {
            value[..8].copy_from_slice(&id.to_le_bytes());
            cursor.insert_before(id.to_be_bytes().as_slice(), value.as_slice())?;
        }
        cursor.close()?;
    }
    tx.commit()?;
    Ok(())
}

fn begin_write(db: &redb::Database) -> Result<redb::WriteTransaction> {
    let mut tx = db.begin_write()?;
    tx.set_two_phase_commit(true);
    tx.set_quick_repair(true);
    Ok(tx)
}

fn loader(storage: Storage) -> Box<dyn FnMut() -> Result<Duration>> {
    Box::new(move || {
        let (db, _directory) = open(storage, WARM_CACHE_BYTES)?;
        let begin = Instant::now();
        load(&db)?;
        Ok(begin.elapsed())
    })
}

fn reads(
    name: &str,
    kind: &str,
    storage: Storage,
    cache_bytes: usize,
    target: Option<f64>,
) -> Result<()> {
    let sides = [storage, Storage::Redb].map(|storage| -> Result<_> {
        let (db, directory) = open(storage, cache_bytes)?;
        load(&db)?;
        let mut seed = 1_u64;
        Ok(Box::new(move || {
            let _keep = &directory;
            let tx = db.begin_read()?;
            let table = tx.open_table(TABLE)?;
            let begin = Instant::now();
            let mut sum = 0;
            for _ in 0..PROBES {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let id = (seed >> 33) % ROWS;
                let found = ReadableTable::get(&table, id.to_be_bytes().as_slice())?;
                sum += u64::from(found.expect("a row").value()[0]);
            }
            black_box(sum);
            Ok(begin.elapsed())
        }) as Box<dyn FnMut() -> Result<Duration>>)
    });
    let [one, other] = sides;
    let name = format!("{kind} reads, {name}");
    duel(&name, 41, PROBES, target, [one?, other?])
}

fn commits(name: &str, storage: Storage) -> Result<()> {
    let sides = [storage, Storage::Redb].map(|storage| -> Result<_> {
        let (db, directory) = open(storage, WARM_CACHE_BYTES)?;
        load(&db)?;
        let mut next = ROWS;
        Ok(Box::new(move || {
            let _keep = &directory;
            let begin = Instant::now();
            for _ in 0..20 {
                let tx = begin_write(&db)?;
                for _ in 0..COMMIT_ROWS {
                    let mut table = tx.open_table(TABLE)?;
                    table.insert(next.to_be_bytes().as_slice(), [1; VALUE_BYTES].as_slice())?;
                    next += 1;
                }
                tx.commit()?;
            }
            Ok(begin.elapsed())
        }) as Box<dyn FnMut() -> Result<Duration>>)
    });
    let [one, other] = sides;
    duel(
        &format!("durable commits, {name}"),
        11,
        20,
        None,
        [one?, other?],
    )
}

/// Plays two sides against each other and prints the median of the rounds' ratios. A side gives the
/// time of a round of so many operations.
fn duel(
    name: &str,
    rounds: usize,
    operations: u64,
    target: Option<f64>,
    [mut one, mut other]: [Box<dyn FnMut() -> Result<Duration>>; 2],
) -> Result<()> {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    if !wanted.iter().all(|part| name.contains(part)) {
        return Ok(());
    }
    let (mut ones, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first round fills caches.
    one()?;
    other()?;
    for round in 0..rounds {
        // Whoever goes first finds the processor's caches as the other left them: take turns.
        let (a, b);
        if round % 2 == 0 {
            a = one()?.as_secs_f64();
            b = other()?.as_secs_f64();
        } else {
            b = other()?.as_secs_f64();
            a = one()?.as_secs_f64();
        }
        ones.push(a / operations as f64);
        others.push(b / operations as f64);
        ratios.push(a / b);
    }
    let ratio = median(ratios);
    let verdict = match target {
        Some(most) if ratio <= most => format!("<= {most}  MET"),
        Some(most) => format!("<= {most}  MISSED"),
        None => "for information".to_owned(),
    };
    let (one, other) = (show(median(ones)), show(median(others)));
    println!("{name:<34}{one:>10}{other:>10}{ratio:>8.2}x   {verdict}");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn show(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
