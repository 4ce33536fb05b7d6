//! What does a backup take, and what does reading one?
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench snapshot` prints, in one run over 1,000,000
//! records of about 250 bytes with three indexes (`-- RECORDS` for another number):
//!
//! - a snapshot, its verification included, at level 3 and not compressed, against SQLite's `VACUUM INTO`, and against compressing all entries
//!   of the same tables by hand as one stream with the same level of zstd, and as blocks of 16 KiB;
//! - restoring it against inserting the records, 10,000 a transaction;
//! - reading records in no order from the database, and from the snapshot with its blocks in memory or not;
//! - a snapshot of what changed after 1 % of the records did against a whole one, in time and size.
//!
//! Both sides sync what they wrote. Medians of the rounds, in turn.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use larder::{Database, Readable, Snapshot, SnapshotOptions, record};
use larder_peers::Result;
use rusqlite::{Connection, params};

const RECORDS: u64 = 1_000_000;
const ROUNDS: usize = 3;
const READS: u64 = 20_000;
const LEVEL: i32 = 3;
/// What SQLite may keep in memory, in KiB, and Larder in bytes.
const CACHE_KIB: i64 = 262_144;

/// A record of about 250 bytes, with text as people write it.
#[record(index(by_city_name = (city, name)))]
struct Contact {
    #[key]
    id: u64,
    #[unique]
    email: String,
    city: String,
    name: String,
    #[index]
    joined: u64,
    notes: String,
}

/// Numbers without an order.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A word: of two thousand, and some oftener than others.
fn word(random: &mut Random) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "ter", "li", "mon", "sa", "ke", "du", "ran", "ti", "vo", "el", "gar", "ni", "pos",
        "mu", "fen", "ra", "il", "cho", "be",
    ];
    let number = random.below(2_000).min(random.below(2_000)) as usize;
    let mut word = String::from(SYLLABLES[number % 20]);
    word.push_str(SYLLABLES[number / 20 % 20]);
    if number > 400 {
        word.push_str(SYLLABLES[number / 400]);
    }
    word
}

fn contact(id: u64, version: u64) -> Contact {
    let mut random = Random((id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (version << 7));
    random.below(1);
    let mut notes = String::new();
    while notes.len() < 150 {
        notes.push_str(&word(&mut random));
        notes.push(' ');
    }
    Contact {
        id,
        email: format!("{}.{}{id}@example.org", word(&mut random), word(&mut random)),
        city: format!("{} {}", word(&mut random), random.below(20)),
        name: format!("{} {}", word(&mut random), word(&mut random)),
        joined: random.below(2_000_000_000),
        notes,
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let records = arguments.iter().find_map(|argument| argument.parse().ok());
    let records = records.unwrap_or(RECORDS);
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let db = Database::builder()
        .cache_size(CACHE_KIB as usize * 1024)
        .register::<Contact>()
        .create(path("larder"))?;
    let inserting = time(|| fill(&db, records))?;
    let sqlite = fill_sqlite(&path("sqlite"), records)?;
    println!("{records} records");
    println!("  larder's file  {}", mebibytes(&path("larder")));
    println!("  SQLite's file  {}", mebibytes(&path("sqlite")));
    whole(&db, &sqlite, &path)?;
    restoring(inserting, &path)?;
    reading(&db, records, &path)?;
    changed(&db, records, &path)
}

fn fill(db: &Database, records: u64) -> Result<()> {
    for from in (0..records).step_by(10_000) {
        db.write(|tx| {
            let mut contacts = tx.collection::<Contact>()?;
            (from..records.min(from + 10_000)).try_for_each(|id| contacts.insert(&contact(id, 0)).map(drop))
        })?;
    }
    Ok(())
}

fn fill_sqlite(path: &Path, records: u64) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.execute_batch(
        "CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT NOT NULL, city TEXT NOT NULL,
             name TEXT NOT NULL, joined INTEGER NOT NULL, notes TEXT NOT NULL);
         CREATE UNIQUE INDEX emails ON contacts (email);
         CREATE INDEX names ON contacts (city, name);
         CREATE INDEX joined ON contacts (joined);
         BEGIN;",
    )?;
    {
        let mut insert = connection.prepare("INSERT INTO contacts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for id in 0..records {
            let contact = contact(id, 0);
            insert.execute(params![
                id, contact.email, contact.city, contact.name, contact.joined, contact.notes
            ])?;
        }
    }
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(connection)
}

fn whole(db: &Database, sqlite: &Connection, path: &dyn Fn(&str) -> PathBuf) -> Result<()> {
    let (mut snapshot, mut vacuum, mut stream, mut blocks) = (vec![], vec![], vec![], vec![]);
    let (mut unverified, mut stored) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        for name in ["snapshot", "pipe", "stored", "vacuum", "stream", "blocks"] {
            let _ = std::fs::remove_file(path(name));
        }
        snapshot.push(time(|| Ok(db.snapshot_to(path("snapshot"))?))?);
        unverified.push(time(|| {
            let file = File::create(path("pipe"))?;
            db.snapshot_into(BufWriter::with_capacity(1 << 20, &file), SnapshotOptions::new())?;
            Ok(file.sync_data()?)
        })?);
        let not_compressed = SnapshotOptions::new().level(0);
        stored.push(time(|| Ok(db.snapshot_with(path("stored"), not_compressed)?))?);
        vacuum.push(time(|| {
            sqlite.execute("VACUUM INTO ?1", [path("vacuum").to_str()])?;
            Ok(File::open(path("vacuum"))?.sync_data()?)
        })?);
        stream.push(time(|| by_hand(db, &path("stream")))?);
        blocks.push(time(|| by_blocks(db, &path("blocks")))?);
    }
    let snapshot = median(snapshot);
    println!("\na snapshot{:>32.3} s  {}", snapshot, mebibytes(&path("snapshot")));
    let line = |what: &str, seconds: f64, name: &str| {
        let size = bytes(&path("snapshot")) as f64 / bytes(&path(name)) as f64;
        println!(
            "  {what:<38}{seconds:>7.3} s  {}  time of a snapshot {:.2}x, size {size:.2}x",
            mebibytes(&path(name)),
            snapshot / seconds
        );
    };
    line("down a pipe, not verified", median(unverified), "pipe");
    line("not compressed (level 0)", median(stored), "stored");
    line("VACUUM INTO", median(vacuum), "vacuum");
    line("by hand, one stream, zstd 3", median(stream), "stream");
    line("by hand, blocks of 16 KiB, zstd 3", median(blocks), "blocks");
    Ok(())
}

/// What somebody would write who wants the same tables, compressed.
fn by_hand(db: &Database, to: &Path) -> Result<()> {
    let file = File::create(to)?;
    let mut out = zstd::Encoder::new(BufWriter::with_capacity(1 << 20, &file), LEVEL)?;
    larder::testing::each_entry(db, |key, value| {
        for part in [key, value] {
            out.write_all(&(part.len() as u32).to_le_bytes()).expect("the disk has room");
            out.write_all(part).expect("the disk has room");
        }
        Ok(())
    })?;
    out.finish()?.flush()?;
    Ok(file.sync_data()?)
}

/// The same, so that a record can be read without the others.
fn by_blocks(db: &Database, to: &Path) -> Result<()> {
    let file = File::create(to)?;
    let mut out = BufWriter::with_capacity(1 << 20, &file);
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    let mut block = Vec::new();
    let mut write = |block: &mut Vec<u8>| {
        let compressed = compressor.compress(block).expect("it can be compressed");
        out.write_all(&(compressed.len() as u32).to_le_bytes()).expect("the disk has room");
        out.write_all(&compressed).expect("the disk has room");
        block.clear();
    };
    larder::testing::each_entry(db, |key, value| {
        for part in [key, value] {
            block.extend_from_slice(&(part.len() as u32).to_le_bytes());
            block.extend_from_slice(part);
        }
        if block.len() >= 16 << 10 {
            write(&mut block);
        }
        Ok(())
    })?;
    write(&mut block);
    out.flush()?;
    Ok(file.sync_data()?)
}

fn restoring(inserting: f64, path: &dyn Fn(&str) -> PathBuf) -> Result<()> {
    let snapshot = Snapshot::open(path("snapshot"))?;
    let mut restoring = Vec::new();
    for _ in 0..ROUNDS {
        let _ = std::fs::remove_file(path("restored"));
        restoring.push(time(|| Ok(snapshot.restore_to(path("restored"))?))?);
    }
    let restoring = median(restoring);
    println!("\nrestoring{restoring:>33.3} s");
    println!(
        "  {:<38}{inserting:>7.3} s  {:.2}x the time of restoring",
        "inserting, 10,000 a transaction",
        inserting / restoring
    );
    Ok(())
}

fn reading(db: &Database, records: u64, path: &dyn Fn(&str) -> PathBuf) -> Result<()> {
    let open = |bytes: usize| {
        let builder = Database::builder().cache_size(bytes).register::<Contact>();
        builder.open_snapshot(path("snapshot"))
    };
    let (cached, uncached) = (open(1 << 30)?, open(0)?);
    let (tx, cached, uncached) = (db.read()?, cached.read()?, uncached.read()?);
    // Everything comes into memory.
    read(&tx, records, records)?;
    read(&cached, records, records)?;
    let (mut own, mut warm, mut cold) = (vec![], vec![], vec![]);
    for _ in 0..3 * ROUNDS {
        own.push(time(|| read(&tx, records, READS))?);
        warm.push(time(|| read(&cached, records, READS))?);
        cold.push(time(|| read(&uncached, records, READS))?);
    }
    let each = |seconds: f64| seconds / READS as f64 * 1e6;
    let own = each(median(own));
    println!("\na record of the database{own:>18.2} us");
    for (what, seconds) in [("its block in memory", warm), ("its block not in memory", cold)] {
        let seconds = each(median(seconds));
        println!("  of a snapshot, {what:<23}{seconds:>7.2} us  {:.2}x", seconds / own);
    }
    Ok(())
}

fn read(tx: &impl Readable, records: u64, count: u64) -> Result<()> {
    let contacts = tx.collection::<Contact>()?;
    let mut random = Random(88_172_645_463_325_252);
    let mut bytes = 0;
    for _ in 0..count {
        let contact = contacts.get(random.below(records))?.ok_or("a contact is gone")?;
        bytes += contact.notes.len();
    }
    std::hint::black_box(bytes);
    Ok(())
}

fn changed(db: &Database, records: u64, path: &dyn Fn(&str) -> PathBuf) -> Result<()> {
    db.write(|tx| {
        let mut contacts = tx.collection::<Contact>()?;
        let mut random = Random(42);
        (0..records / 100).try_for_each(|_| contacts.put(&contact(random.below(records), 1)).map(drop))
    })?;
    let base = Snapshot::open(path("snapshot"))?;
    let (mut whole, mut since) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let _ = std::fs::remove_file(path("whole"));
        let _ = std::fs::remove_file(path("since"));
        whole.push(time(|| Ok(db.snapshot_to(path("whole"))?))?);
        since.push(time(|| Ok(db.snapshot_since(&base, path("since"))?))?);
    }
    let (whole, since) = (median(whole), median(since));
    println!("\nafter 1 % changed, a whole snapshot{whole:>7.3} s  {}", mebibytes(&path("whole")));
    println!(
        "  {:<38}{since:>7.3} s  {}  {:.2}x as fast, {:.1} % of the size",
        "what changed",
        mebibytes(&path("since")),
        whole / since,
        100.0 * bytes(&path("since")) as f64 / bytes(&path("whole")) as f64
    );
    let chain = Snapshot::open_chain([path("snapshot"), path("since")])?;
    let (chain, tx) = (chain.read()?, db.read()?);
    read(&tx, records, READS)?;
    read(&chain, records, READS)
}

fn time<T>(act: impl FnOnce() -> Result<T>) -> Result<f64> {
    let begin = Instant::now();
    act()?;
    Ok(begin.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn mebibytes(path: &Path) -> String {
    format!("{:>7.1} MiB", bytes(path) as f64 / f64::from(1 << 20))
}
