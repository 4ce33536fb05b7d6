//! What does a durable commit cost, alone and with others?
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench commit`: every engine in turn on one disk
//! in short rounds, until the commit log was full twenty times; medians of the rounds' ratios. Times of
//! a busy machine mean little, ratios in one run do. Words behind `--` choose among `1`, `16` and `32`
//! writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_peers::{Larder, Redb, Result, Side, Sqlite};

/// Commits of a round, by one writer.
const ROUND: u64 = 500;
/// A mebibyte of log takes about 1,050 of them to three quarters.
const ROUNDS: usize = 45;

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let chosen: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for writers in [1, 16, 32] {
        match writers {
            _ if !chosen.is_empty() && !chosen.contains(&writers) => {}
            1 => {
                single()?;
                turns()?;
            }
            _ => many(writers)?,
        }
    }
    Ok(())
}

struct Peer {
    name: &'static str,
    side: Arc<dyn Side>,
    next: AtomicU64,
    rounds: Vec<f64>,
    latencies: Vec<Duration>,
}

fn peers(directory: &std::path::Path) -> Result<Vec<Peer>> {
    let sides: [(&str, Arc<dyn Side>); 4] = [
        ("larder", Arc::new(Larder::create(directory)?)),
        ("redb", Arc::new(Redb::create(directory, false)?)),
        ("redb, two-phase + quick-repair", Arc::new(Redb::create(directory, true)?)),
        ("SQLite, WAL, FULL", Arc::new(Sqlite::create(directory)?)),
    ];
    Ok(sides
        .into_iter()
        .map(|(name, side)| Peer {
            name,
            side,
            next: AtomicU64::new(1),
            rounds: Vec::new(),
            latencies: Vec::new(),
        })
        .collect())
}

fn single() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut peers = peers(directory.path())?;
    for _ in 0..ROUNDS {
        for peer in &mut peers {
            let begin = Instant::now();
            for _ in 0..ROUND {
                let one = Instant::now();
                peer.side.commit(peer.next.fetch_add(1, Ordering::Relaxed))?;
                peer.latencies.push(one.elapsed());
            }
            peer.rounds.push(begin.elapsed().as_secs_f64() / ROUND as f64);
        }
    }
    println!("one writer, {} commits each, checkpoints included", ROUND * ROUNDS as u64);
    println!("{:<34}{:>10}{:>10}{:>10}{:>9}{:>12}", "", "median", "p50", "p99", "ratio", "bytes each");
    let rounds: Vec<Vec<f64>> = peers.iter().map(|peer| peer.rounds.clone()).collect();
    for peer in &mut peers {
        peer.latencies.sort();
        let at = |part: f64| peer.latencies[(peer.latencies.len() as f64 * part) as usize];
        let bytes = peer.side.written() / (ROUND * ROUNDS as u64);
        println!(
            "{:<34}{:>7.0} us{:>7.0} us{:>7.0} us{:>8.2}x{:>12}",
            peer.name,
            median(&peer.rounds) * 1e6,
            at(0.5).as_secs_f64() * 1e6,
            at(0.99).as_secs_f64() * 1e6,
            ratio(&rounds[0], &peer.rounds),
            if bytes == 0 { "-".to_owned() } else { bytes.to_string() },
        );
    }
    println!("ratio: larder's time to that engine's; targets 0.6 of redb, 0.35 of two-phase; bytes a sixth of redb's\n");
    Ok(())
}

/// What taking turns costs a writer who has no competition.
fn turns() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let larder = Larder::create(directory.path())?;
    let db = larder.database();
    let value = [7; 250];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS as u64 {
        for id in round * ROUND..(round + 1) * ROUND {
            let key = id.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            let begin = Instant::now();
            larder::testing::put_straight(db, "straight", &key, &value)?;
            times[0].push(begin.elapsed().as_secs_f64());
            let begin = Instant::now();
            db.write(|tx| tx.bucket("turns")?.put(&key[..], value).map(drop))?;
            times[1].push(begin.elapsed().as_secs_f64());
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    let [straight, turns] = &times;
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let at = (straight.len() as f64 * part) as usize;
        println!(
            "one writer in turn, to the log alone, {name}: {:.0} us to {:.0} us, {:.3}x   at most 1.05",
            turns[at] * 1e6,
            straight[at] * 1e6,
            turns[at] / straight[at]
        );
    }
    println!();
    Ok(())
}

fn many(writers: u64) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut peers = peers(directory.path())?;
    let count = 1024 / writers;
    for _ in 0..ROUNDS / 2 {
        for peer in &mut peers {
            let begin = Instant::now();
            std::thread::scope(|scope| -> Result<()> {
                let threads: Vec<_> = (0..writers)
                    .map(|_| {
                        let (side, next) = (&peer.side, &peer.next);
                        scope.spawn(move || -> Result<()> {
                            for _ in 0..count {
                                side.commit(next.fetch_add(1, Ordering::Relaxed))?;
                            }
                            Ok(())
                        })
                    })
                    .collect();
                threads.into_iter().try_for_each(|thread| match thread.join() {
                    Ok(result) => result,
                    Err(_) => Err("a writer panicked".into()),
                })
            })?;
            peer.rounds.push(begin.elapsed().as_secs_f64() / (writers * count) as f64);
        }
    }
    println!("{writers} writers, {} commits each engine, checkpoints included", ROUNDS as u64 / 2 * 1024);
    println!("{:<34}{:>12}{:>22}", "", "commits/s", "larder does");
    let rounds: Vec<Vec<f64>> = peers.iter().map(|peer| peer.rounds.clone()).collect();
    for peer in &peers {
        println!(
            "{:<34}{:>12.0}{:>20.1} x",
            peer.name,
            1.0 / median(&peer.rounds),
            1.0 / ratio(&rounds[0], &peer.rounds),
        );
    }
    println!("targets: 10 times redb's, 4 times SQLite's\n");
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ratio(larder: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = larder.iter().zip(other).map(|(a, b)| a / b).collect();
    median(&ratios)
}
