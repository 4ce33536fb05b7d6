//! What does the engine cost over redb written by hand, for records with four indexes?
//!
//! 100,000 records of about 250 bytes. *By hand* is what a careful programmer would write over redb
//! alone: the same key and body bytes in five tables, one read transaction and its tables kept open,
//! rkyv unchecked for one field, rkyv's `deserialize` for the whole record, sorted cursor loads, and
//! commits as safe as ours. It trusts its bytes, and knows its indexes at compile time; the engine
//! does neither.
//!
//! `cargo bench --bench records` runs criterion's groups, then plays both sides against each other
//! in short alternating rounds: those ratios, printed last, are what the targets are about. Absolute
//! times of a busy machine mean little, ratios of one run hold.

#![allow(
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::manual_is_multiple_of,
    reason = "a benchmark measures time, and stops where its own numbers are wrong"
)]

/// Records in each database.
const RECORDS: usize = 100_000;
/// Pseudo-random keys (and starts of ranges) that every reading side walks through alike.
const PROBES: usize = 1 << 14;
/// Records read through an index at a time.
const RANGE: usize = 100;
/// Page cache of each side in bytes: everything fits.
const CACHE_BYTES: usize = 256 << 20;
/// Page cache for measuring the memory of a scan: nothing fits.
const SCAN_CACHE_BYTES: usize = 1 << 20;
const SEED: u64 = 0x1A2D_E12D_B0A2_D5ED;

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, SamplingMode};
use larder::rkyv::rancor;
use larder::{AsKey, Collection, Database, Record, record, rkyv};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use tempfile::TempDir;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[record(name = "contacts", index(by_country_score = (country, score)))]
#[derive(Clone, Debug, PartialEq)]
struct Contact {
    #[key]
    id: u64,
    #[unique]
    email: String,
    #[index]
    city: String,
    #[index(each)]
    tags: Vec<String>,
    country: String,
    score: u64,
    name: String,
    note: String,
    created: i64,
    rating: Option<f64>,
    active: bool,
}

fn main() -> Result<()> {
    let workload = Workload::generate(RECORDS);
    let directory = tempfile::tempdir()?;
    larder_of(&directory, "larder", CACHE_BYTES, &workload.shuffled)?.close()?;
    ByHand::create(&directory, "by-hand")?.load(workload.shuffled.clone())?;
    // Opened anew, both fill their caches by the same reads in the same order, or what a load left
    // where in memory would be measured.
    let larder = Database::builder()
        .cache_size(CACHE_BYTES)
        .register::<Contact>()
        .open_existing(directory.path().join("larder"))?;
    let by_hand = ByHand::open(&directory, "by-hand")?;
    // One read transaction on each side, held open with its tables.
    let tx = larder.read()?;
    let contacts = tx.collection::<Contact>()?;
    let tables = by_hand.read()?;
    both_sides_agree(&contacts, &tables, &workload)?;

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    reads(&mut criterion, &contacts, &tables, &workload);
    loads(&mut criterion, &workload);
    criterion.final_summary();

    // Filters and `--test`, `--list` and the like are for criterion alone.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    if arguments.is_empty() {
        println!("\nLarder over redb by hand: median ratios of alternating rounds of this run\n");
        println!(
            "{:<34}{:>10}{:>10}{:>9}   target",
            "", "larder", "by hand", "ratio"
        );
        read_duels(&contacts, &tables, &workload);
        load_duels(&workload);
        scan_memory(&workload)?;
    }
    Ok(())
}

// ---- criterion's groups ----------------------------------------------------------------------

fn reads(
    criterion: &mut Criterion,
    contacts: &Collection<'_, Contact>,
    tables: &Tables,
    workload: &Workload,
) {
    let mut group = criterion.benchmark_group("one field by key");
    let mut ids = workload.ids.iter().cycle();
    group.bench_function("larder", |b| b.iter(|| field(contacts, next(&mut ids))));
    let mut ids = workload.ids.iter().cycle();
    group.bench_function("by_hand", |b| b.iter(|| tables.field(next(&mut ids))));
    group.finish();

    let mut group = criterion.benchmark_group("whole record by key");
    let mut ids = workload.ids.iter().cycle();
    group.bench_function("larder", |b| b.iter(|| whole(contacts, next(&mut ids))));
    let mut ids = workload.ids.iter().cycle();
    group.bench_function("by_hand", |b| b.iter(|| tables.whole(next(&mut ids))));
    group.finish();

    let mut group = criterion.benchmark_group("100 records through an index");
    let mut starts = workload.starts.iter().cycle();
    group.bench_function("larder", |b| b.iter(|| range(contacts, next(&mut starts))));
    let mut starts = workload.starts.iter().cycle();
    group.bench_function("by_hand", |b| {
        b.iter(|| tables.range(next(&mut starts), unchecked))
    });
    let mut starts = workload.starts.iter().cycle();
    group.bench_function("by_hand_validating", |b| {
        b.iter(|| tables.range(next(&mut starts), validated));
    });
    group.finish();
}

fn loads(criterion: &mut Criterion, workload: &Workload) {
    let mut group = criterion.benchmark_group("bulk load of 100,000");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("larder", |b| {
        b.iter_batched(
            || EmptyLarder::new(workload),
            |(larder, records)| larder.load(records),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("by_hand", |b| {
        b.iter_batched(
            || EmptyByHand::new(workload),
            |(by_hand, records)| by_hand.load(records),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("larder_one_by_one", |b| {
        b.iter_batched(
            || EmptyLarder::new(workload),
            |(larder, records)| larder.insert_one_by_one(records),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn next<'w, T>(probes: &mut impl Iterator<Item = &'w T>) -> &'w T {
    probes.next().expect("a cycle does not end")
}

// ---- the duels: short rounds of both sides in turn, so that noise meets both -----------------

fn read_duels(contacts: &Collection<'_, Contact>, tables: &Tables, workload: &Workload) {
    const ROUNDS: usize = 101;
    let Workload { ids, starts, .. } = workload;
    duel(
        "one field by key",
        ROUNDS,
        Target::AtMost(1.15),
        ids.len(),
        [
            &mut || timed(|| ids.iter().map(|id| field(contacts, id)).sum::<u64>()),
            &mut || timed(|| ids.iter().map(|id| tables.field(id)).sum::<u64>()),
        ],
    );
    duel(
        "whole record by key",
        ROUNDS,
        Target::AtMost(1.3),
        ids.len(),
        [
            &mut || {
                timed(|| {
                    ids.iter()
                        .for_each(|id| drop(black_box(whole(contacts, id))))
                })
            },
            &mut || timed(|| ids.iter().for_each(|id| drop(black_box(tables.whole(id))))),
        ],
    );
    let starts = &starts[..500];
    duel(
        "100 records through an index",
        ROUNDS,
        Target::AtMost(1.2),
        starts.len(),
        [
            &mut || {
                timed(|| {
                    starts
                        .iter()
                        .map(|start| range(contacts, start))
                        .sum::<u64>()
                })
            },
            &mut || {
                timed(|| {
                    starts
                        .iter()
                        .map(|start| tables.range(start, unchecked))
                        .sum::<u64>()
                })
            },
        ],
    );
    duel(
        "  the same, by hand validating",
        ROUNDS,
        Target::None,
        starts.len(),
        [
            &mut || {
                timed(|| {
                    starts
                        .iter()
                        .map(|start| range(contacts, start))
                        .sum::<u64>()
                })
            },
            &mut || {
                timed(|| {
                    starts
                        .iter()
                        .map(|start| tables.range(start, validated))
                        .sum::<u64>()
                })
            },
        ],
    );
}

fn load_duels(workload: &Workload) {
    let load = || {
        let (larder, records) = EmptyLarder::new(workload);
        timed(|| larder.load(records))
    };
    duel(
        "bulk load of 100,000",
        9,
        Target::AtMost(1.2),
        1,
        [&mut { load }, &mut || {
            let (by_hand, records) = EmptyByHand::new(workload);
            timed(|| by_hand.load(records))
        }],
    );
    println!("{:<34}{:>10}{:>10}", "", "one by one", "load");
    duel(
        "insert one by one, over load",
        3,
        Target::AtLeast(3.0),
        1,
        [
            &mut || {
                let (larder, records) = EmptyLarder::new(workload);
                timed(|| larder.insert_one_by_one(records))
            },
            &mut { load },
        ],
    );
}

enum Target {
    AtMost(f64),
    AtLeast(f64),
    None,
}

/// Plays two sides against each other and prints the median of the rounds' ratios. A side gives the
/// time of a round of so many operations.
fn duel(
    name: &str,
    rounds: usize,
    target: Target,
    operations: usize,
    [one, other]: [&mut dyn FnMut() -> Duration; 2],
) {
    let (mut ones, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        // Whoever goes first finds the processor's caches as the other left them: take turns.
        let (a, b);
        if round % 2 == 0 {
            a = one().as_secs_f64();
            b = other().as_secs_f64();
        } else {
            b = other().as_secs_f64();
            a = one().as_secs_f64();
        }
        ones.push(a / operations as f64);
        others.push(b / operations as f64);
        ratios.push(a / b);
    }
    let ratio = median(ratios);
    let verdict = match target {
        Target::AtMost(most) => format!("<= {most}  {}", met(ratio <= most)),
        Target::AtLeast(least) => format!(">= {least}  {}", met(ratio >= least)),
        Target::None => "for information".to_owned(),
    };
    let (one, other) = (show(median(ones)), show(median(others)));
    println!("{name:<34}{one:>10}{other:>10}{ratio:>8.2}x   {verdict}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn met(met: bool) -> &'static str {
    if met { "MET" } else { "MISSED" }
}

fn show(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

// ---- one side: larder ------------------------------------------------------------------------

fn field(contacts: &Collection<'_, Contact>, id: &u64) -> u64 {
    contacts
        .field(*id, Contact::SCORE)
        .expect("a read")
        .expect("a contact")
}

fn whole(contacts: &Collection<'_, Contact>, id: &u64) -> Contact {
    contacts.get_owned(*id).expect("a read").expect("a contact")
}

/// The sum of one field of the next records in the order of country and score.
fn range(contacts: &Collection<'_, Contact>, (country, score): &(String, u64)) -> u64 {
    contacts
        .by(Contact::BY_COUNTRY_SCORE)
        .range((country.as_str(), *score)..)
        .expect("a range")
        .take(RANGE)
        .map(|contact| contact.expect("a contact").score.to_native())
        .sum()
}

fn larder_of(
    directory: &TempDir,
    name: &str,
    cache_bytes: usize,
    records: &[Contact],
) -> Result<Database> {
    let path = directory.path().join(name);
    let db = Database::builder()
        .cache_size(cache_bytes)
        .register::<Contact>()
        .create(path)?;
    if !records.is_empty() {
        db.write(|tx| tx.collection::<Contact>()?.insert_many(records))?;
    }
    Ok(db)
}

/// A database that waits for its records, in a directory of its own.
struct EmptyLarder {
    db: Database,
    _directory: TempDir,
}

impl EmptyLarder {
    fn new(workload: &Workload) -> (Self, Vec<Contact>) {
        let directory = tempfile::tempdir().expect("a directory");
        let db = larder_of(&directory, "larder", CACHE_BYTES, &[]).expect("a database");
        (
            Self {
                db,
                _directory: directory,
            },
            workload.shuffled.clone(),
        )
    }

    /// Gives itself back, so that closing and deleting are not timed.
    fn load(self, records: Vec<Contact>) -> Self {
        let count = self
            .db
            .write(|tx| tx.collection::<Contact>()?.load(records));
        assert_eq!(count.expect("a load"), RECORDS as u64);
        self
    }

    fn insert_one_by_one(self, records: Vec<Contact>) -> Self {
        let inserted = self.db.write(|tx| {
            let mut contacts = tx.collection::<Contact>()?;
            for record in records {
                contacts.insert(&record)?;
            }
            Ok(())
        });
        inserted.expect("a load");
        self
    }
}

// ---- the other side: redb by hand ------------------------------------------------------------

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;
/// Key and value of a table's entry.
type Entry = (Vec<u8>, Vec<u8>);

const CONTACTS: Definition = TableDefinition::new("contacts");
const BY_EMAIL: Definition = TableDefinition::new("by_email");
const BY_CITY: Definition = TableDefinition::new("by_city");
const BY_TAGS: Definition = TableDefinition::new("by_tags");
const BY_COUNTRY_SCORE: Definition = TableDefinition::new("by_country_score");
const ALL_TABLES: [Definition; 5] = [CONTACTS, BY_EMAIL, BY_CITY, BY_TAGS, BY_COUNTRY_SCORE];

struct ByHand {
    db: redb::Database,
}

impl ByHand {
    fn create(directory: &TempDir, name: &str) -> Result<Self> {
        let path = directory.path().join(name);
        let db = redb::Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)?;
        let tx = begin_write(&db)?;
        for table in ALL_TABLES {
            tx.open_table(table)?;
        }
        tx.commit()?;
        Ok(Self { db })
    }

    fn open(directory: &TempDir, name: &str) -> Result<Self> {
        let db = redb::Database::builder()
            .set_cache_size(CACHE_BYTES)
            .open(directory.path().join(name))?;
        Ok(Self { db })
    }

    fn read(&self) -> Result<Tables> {
        let tx = self.db.begin_read()?;
        Ok(Tables {
            contacts: tx.open_table(CONTACTS)?,
            by_country_score: tx.open_table(BY_COUNTRY_SCORE)?,
            _tx: tx,
        })
    }

    /// Encodes everything, sorts the entries of each table, and appends them.
    fn load(&self, records: Vec<Contact>) -> Result<()> {
        let mut entries: [Vec<Entry>; 5] = Default::default();
        for contact in &records {
            let key = contact.id.to_be_bytes();
            let body = rkyv::to_bytes::<rancor::Error>(contact)?;
            let index_key = |encode: &dyn Fn(&mut Vec<u8>)| {
                let mut entry = Vec::with_capacity(40);
                encode(&mut entry);
                entry.extend_from_slice(&key);
                (entry, Vec::new())
            };
            let [contacts, by_email, by_city, by_tags, by_country_score] = &mut entries;
            contacts.push((key.to_vec(), body.to_vec()));
            let mut email = Vec::with_capacity(40);
            AsKey::<String>::encode_as(&contact.email, &mut email);
            by_email.push((email, key.to_vec()));
            by_city.push(index_key(&|out| {
                AsKey::<String>::encode_as(&contact.city, out)
            }));
            for tag in &contact.tags {
                by_tags.push(index_key(&|out| AsKey::<String>::encode_as(tag, out)));
            }
            by_country_score.push(index_key(&|out| {
                encode_start(&contact.country, contact.score, out);
            }));
        }
        let tx = begin_write(&self.db)?;
        for (definition, entries) in ALL_TABLES.into_iter().zip(&mut entries) {
            entries.sort_unstable();
            let mut table = tx.open_table(definition)?;
            let mut cursor = table.upper_bound_mut(std::ops::Bound::<&[u8]>::Unbounded)?;
            for (key, value) in entries {
                cursor.insert_before(key.as_slice(), value.as_slice())?;
            }
            cursor.close()?;
        }
        tx.commit()?;
        Ok(())
    }
}

/// A transaction whose commit is as safe as one of ours, and as quick to recover from.
fn begin_write(db: &redb::Database) -> Result<redb::WriteTransaction> {
    let mut tx = db.begin_write()?;
    tx.set_two_phase_commit(true);
    tx.set_quick_repair(true);
    Ok(tx)
}

fn encode_start(country: &str, score: u64, out: &mut Vec<u8>) {
    AsKey::<(String, u64)>::encode_as(&(country, score), out);
}

struct Tables {
    contacts: Table,
    by_country_score: Table,
    _tx: redb::ReadTransaction,
}

impl Tables {
    fn field(&self, id: &u64) -> u64 {
        let key = id.to_be_bytes();
        let guard = ReadableTable::get(&self.contacts, key.as_slice());
        unchecked(guard.expect("a read").expect("a contact").value())
    }

    fn whole(&self, id: &u64) -> Contact {
        let key = id.to_be_bytes();
        let guard = ReadableTable::get(&self.contacts, key.as_slice());
        let guard = guard.expect("a read").expect("a contact");
        rkyv::deserialize::<Contact, rancor::Error>(in_place(guard.value())).expect("a contact")
    }

    fn range(&self, (country, score): &(String, u64), score_of: fn(&[u8]) -> u64) -> u64 {
        let mut start = Vec::with_capacity(16);
        encode_start(country, *score, &mut start);
        let entries = ReadableTable::range::<&[u8]>(&self.by_country_score, start.as_slice()..);
        let mut sum = 0;
        for entry in entries.expect("a range").take(RANGE) {
            let (entry, _) = entry.expect("an entry");
            let (_, key) = entry
                .value()
                .split_last_chunk::<8>()
                .expect("an entry ends in a key");
            let guard = ReadableTable::get(&self.contacts, key.as_slice());
            sum += score_of(guard.expect("a read").expect("a contact").value());
        }
        sum
    }
}

fn unchecked(body: &[u8]) -> u64 {
    in_place(body).score.to_native()
}

fn validated(body: &[u8]) -> u64 {
    let contact = rkyv::access::<ArchivedContact, rancor::Error>(body).expect("a contact");
    contact.score.to_native()
}

#[expect(
    unsafe_code,
    reason = "what the engine is measured against trusts its bytes"
)]
fn in_place(body: &[u8]) -> &ArchivedContact {
    // SAFETY: the bodies of this database were written by `ByHand::load` in this very process.
    unsafe { rkyv::access_unchecked::<ArchivedContact>(body) }
}

/// A database that waits for its records, in a directory of its own.
struct EmptyByHand {
    by_hand: ByHand,
    _directory: TempDir,
}

impl EmptyByHand {
    fn new(workload: &Workload) -> (Self, Vec<Contact>) {
        let directory = tempfile::tempdir().expect("a directory");
        let by_hand = ByHand::create(&directory, "by-hand").expect("a database");
        (
            Self {
                by_hand,
                _directory: directory,
            },
            workload.shuffled.clone(),
        )
    }

    fn load(self, records: Vec<Contact>) -> Self {
        self.by_hand.load(records).expect("a load");
        self
    }
}

// ---- the memory of a scan --------------------------------------------------------------------

/// Prints how far memory grows while all records are read, of few and of many, with a page cache
/// that holds neither. It must not grow with their number.
fn scan_memory(workload: &Workload) -> Result<()> {
    let few = peak_of_scan(&workload.shuffled[..RECORDS / 10])?;
    let many = peak_of_scan(&workload.shuffled)?;
    let flat = many <= few + few / 10 + (64 << 10);
    println!(
        "\nmemory of a full scan, with a page cache of {} KiB: grows by at most {} KiB over \
         {} records, by {} KiB over {RECORDS}   flat  {}",
        SCAN_CACHE_BYTES >> 10,
        few >> 10,
        RECORDS / 10,
        many >> 10,
        met(flat),
    );
    Ok(())
}

fn peak_of_scan(records: &[Contact]) -> Result<usize> {
    let directory = tempfile::tempdir()?;
    larder_of(&directory, "larder", CACHE_BYTES, records)?.close()?;
    let db = Database::builder()
        .cache_size(SCAN_CACHE_BYTES)
        .register::<Contact>()
        .open_existing(directory.path().join("larder"))?;
    let tx = db.read()?;
    let contacts = tx.collection::<Contact>()?;
    let mut count = 0;
    let peak = Counting::peak_of(|| -> Result<()> {
        for contact in contacts.iter()? {
            black_box(contact?.score);
            count += 1;
        }
        Ok(())
    })?;
    assert_eq!(count, records.len());
    Ok(peak)
}

/// The system's allocator, which on request notes how far the memory in use rises.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

impl Counting {
    fn peak_of<T>(work: impl FnOnce() -> Result<T>) -> Result<usize> {
        IN_USE.store(0, Relaxed);
        PEAK.store(0, Relaxed);
        COUNTING.store(true, Relaxed);
        let result = work();
        COUNTING.store(false, Relaxed);
        result.map(|_| PEAK.load(Relaxed).unsigned_abs())
    }

    fn grow(bytes: isize) {
        // Off while anything is timed, for the price of one read that is always cached.
        if COUNTING.load(Relaxed) {
            let in_use = IN_USE.fetch_add(bytes, Relaxed) + bytes;
            PEAK.fetch_max(in_use, Relaxed);
        }
    }
}

#[expect(unsafe_code, reason = "an allocator cannot be counted otherwise")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::grow(layout.size().cast_signed());
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::grow(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::grow(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

// ---- the workload ----------------------------------------------------------------------------

struct Workload {
    /// The records in the order in which they arrive.
    shuffled: Vec<Contact>,
    /// Keys to read.
    ids: Vec<u64>,
    /// Where in the index of country and score to read a range, each with enough behind it.
    starts: Vec<(String, u64)>,
}

impl Workload {
    fn generate(records: usize) -> Self {
        let mut random = Random(SEED);
        let mut shuffled: Vec<Contact> = (0..records as u64)
            .map(|id| Contact::generate(id, &mut random))
            .collect();
        for i in (1..records).rev() {
            shuffled.swap(i, random.below(i + 1));
        }
        let ids = (0..PROBES).map(|_| random.below(records) as u64).collect();
        let mut starts: Vec<(String, u64)> = shuffled
            .iter()
            .map(|contact| (contact.country.clone(), contact.score))
            .collect();
        starts.sort_unstable();
        starts.truncate(records - RANGE);
        let starts = (0..PROBES)
            .map(|_| starts[random.below(starts.len())].clone())
            .collect();
        Self {
            shuffled,
            ids,
            starts,
        }
    }
}

impl Contact {
    fn generate(id: u64, random: &mut Random) -> Self {
        let name = format!("{} {}", random.word(2), random.word(3));
        Self {
            id,
            email: format!("{}.{id}@{}.example", random.word(3), random.word(2)),
            city: format!("city of {:04}", random.below(2000)),
            tags: vec![
                format!("colour-{:03}", random.below(200)),
                format!("shape-{:03}", random.below(200)),
            ],
            country: format!("{:02}", random.below(60)),
            score: random.below(1_000_000) as u64,
            name,
            note: random.word(30),
            created: random.below(1 << 40) as i64,
            rating: (id % 3 != 0).then_some(id as f64 / 7.0),
            active: id % 2 == 0,
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A word of so many syllables.
    fn word(&mut self, syllables: usize) -> String {
        const SYLLABLES: [&str; 16] = [
            "ba", "re", "mi", "fo", "so", "la", "ti", "du", "ka", "ne", "pi", "ro", "su", "va",
            "ze", "jo",
        ];
        (0..syllables)
            .map(|_| SYLLABLES[self.below(SYLLABLES.len())])
            .collect()
    }
}

/// Both sides hold the same records in the same bytes, or the comparison would mean nothing.
fn both_sides_agree(
    contacts: &Collection<'_, Contact>,
    tables: &Tables,
    workload: &Workload,
) -> Result<()> {
    assert_eq!(contacts.len()?, RECORDS as u64);
    assert_eq!(tables.contacts.len()?, RECORDS as u64);
    for (id, start) in workload.ids.iter().zip(&workload.starts).take(1000) {
        assert_eq!(whole(contacts, id), tables.whole(id));
        assert_eq!(field(contacts, id), tables.field(id));
        assert_eq!(range(contacts, start), tables.range(start, validated));
    }
    let mut bytes = 0;
    for contact in &workload.shuffled {
        let mut body = Vec::new();
        contact.encode(&mut body)?;
        bytes += body.len();
        assert_eq!(*body, *rkyv::to_bytes::<rancor::Error>(contact)?);
    }
    println!("{RECORDS} records of {} bytes on average", bytes / RECORDS);
    Ok(())
}
