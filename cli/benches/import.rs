//! How fast does `larder import` take documents in, against `serde_json` that only parses the same lines, and in
//! how much memory?
//!
//! ```text
//! LARDER_DATA=DIRECTORY cargo bench --package larder-cli --bench import
//! ```
//! where the directory has `debian_packages.ndjson.zst`, one document on each line. The two take turns; medians are
//! printed.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench measures time, and its data is known"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use larder::serde_json::{self, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;

/// The larger file has so many times the documents.
const COPIES: usize = 8;

fn main() -> Result<()> {
    let Some(data) = std::env::var_os("LARDER_DATA") else {
        println!("LARDER_DATA names no directory: nothing is measured");
        return Ok(());
    };
    let packed = Path::new(&data).join("debian_packages.ndjson.zst");
    let lines = zstd::decode_all(File::open(packed)?)?;
    let directory = tempfile::tempdir()?;
    let input = directory.path().join("packages.ndjson");
    fs::write(&input, &lines)?;
    let mut parsed = Vec::new();
    let mut imported = Vec::new();
    let mut peak = 0;
    for round in 0..ROUNDS {
        let begin = Instant::now();
        let count = parse(&lines)?;
        parsed.push(begin.elapsed());
        let file = directory.path().join(format!("{round}.larder"));
        let begin = Instant::now();
        peak = import(&file, &input)?;
        imported.push(begin.elapsed());
        if round == 0 {
            println!("{count} documents, {:.1} MB", megabytes(lines.len()));
            compare(&file, &lines)?;
        }
    }
    let (parse, import_time) = (median(&mut parsed), median(&mut imported));
    let rate = |time: Duration| megabytes(lines.len()) / time.as_secs_f64();
    println!(
        "serde_json parses them in {parse:.3?}: {:.1} MB/s",
        rate(parse)
    );
    println!(
        "larder imports them in {import_time:.3?}: {:.1} MB/s",
        rate(import_time)
    );
    println!(
        "import at {:.2} of the speed of parsing",
        rate(import_time) / rate(parse)
    );
    let large = directory.path().join("many.ndjson");
    multiply(&lines, &large)?;
    let more = import(&directory.path().join("many.larder"), &large)?;
    println!("most memory: {peak} KiB; for {COPIES} times the documents: {more} KiB");
    Ok(())
}

fn parse(lines: &[u8]) -> Result<usize> {
    let mut count = 0;
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        std::hint::black_box(serde_json::from_slice::<Value>(line)?);
        count += 1;
    }
    Ok(count)
}

/// Imports in a process of its own; gives the most memory that it had, in KiB.
fn import(file: &Path, input: &Path) -> Result<u64> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_larder"))
        .arg("import")
        .args([file, Path::new("packages"), input])
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory_of(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        return Err(format!("import ended with {status}").into());
    }
    Ok(peak)
}

/// The most memory that a process had so far; 0 where the system does not say.
fn memory_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}

/// Exports, and compares every value with what was imported.
fn compare(file: &Path, lines: &[u8]) -> Result<()> {
    let child = Command::new(env!("CARGO_BIN_EXE_larder"))
        .arg("export")
        .args([file, Path::new("packages")])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut expected = std::collections::HashMap::new();
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let value: Value = serde_json::from_slice(line)?;
        expected.insert(value["_id"].to_string(), value);
    }
    let mut count = 0;
    for line in BufReader::new(child.stdout.ok_or("there is no output")?).lines() {
        let value: Value = serde_json::from_str(&line?)?;
        if expected.get(&value["_id"].to_string()) != Some(&value) {
            return Err(format!("{} is another document", value["_id"]).into());
        }
        count += 1;
    }
    if count != expected.len() {
        return Err(format!("{count} documents were exported").into());
    }
    println!("export gives the same {count} values");
    Ok(())
}

/// Writes the documents several times, each time under other keys.
fn multiply(lines: &[u8], to: &Path) -> Result<()> {
    let mut to = std::io::BufWriter::new(File::create(to)?);
    for copy in 0..COPIES {
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let mut value: Value = serde_json::from_slice(line)?;
            value["_id"] = format!("{copy} {}", value["_id"]).into();
            writeln!(to, "{value}")?;
        }
    }
    Ok(to.flush()?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
