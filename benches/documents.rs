//! How fast is a document beside its JSON text, and how large?
//!
//! 1,000 orders of about 800 bytes of JSON, nested three deep, with the fields that such documents
//! have: text, numbers, times as text, a list of objects. The other side is `serde_json` over the same
//! orders. `cargo bench --bench documents` plays both in short alternating rounds and prints the medians
//! of their ratios, which is what the targets are about: absolute times of a busy machine mean little.
//! Words behind `--` choose the lines that have them all in their names.
//! (This crate's own builds turn on `serde_json/float_roundtrip`; there is one float in each order.)

#![allow(
    clippy::pedantic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::manual_is_multiple_of,
    clippy::unwrap_used,
    reason = "a benchmark measures time, and stops where its own numbers are wrong"
)]

/// Different documents.
const DOCUMENTS: usize = 1_000;
/// Documents in the database, the first of which are read by key: as many as the other side has texts.
const STORED: usize = 20_000;
/// Rounds of each side; the median counts.
const ROUNDS: usize = 41;
/// What each side does in a round, in documents.
const ROUND: usize = 4_000;

use std::hint::black_box;
use std::time::Instant;

use larder::{Database, Document};
use serde::{Deserialize, Serialize};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    number: String,
    placed_at: String,
    status: Status,
    customer: Customer,
    lines: Vec<Line>,
    total_cents: u64,
    weight_kg: f64,
    note: Option<String>,
    tags: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Status {
    Open,
    Shipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Customer {
    id: u64,
    name: String,
    email: String,
    address: Address,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    city: String,
    postal_code: String,
    country: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    title: String,
    quantity: u32,
    cents: u32,
}

fn order(i: usize) -> Order {
    let n = i as u64;
    let line = |k: usize| Line {
        sku: format!("SKU-{:05}", (i * 7 + k * 13) % 99_999),
        title: [
            "Apricot jam, 250 g",
            "Jar with a lid",
            "Cane sugar, 1 kg",
            "Label",
        ][(i + k) % 4]
            .into(),
        quantity: ((i + k) % 12 + 1) as u32,
        cents: ((i * 31 + k * 17) % 5_000 + 99) as u32,
    };
    Order {
        id: 1_000_000 + n,
        number: format!("2026-{i:06}"),
        placed_at: format!("2026-11-{:02}T{:02}:15:00Z", i % 28 + 1, i % 24),
        status: if i % 3 == 0 {
            Status::Open
        } else {
            Status::Shipped
        },
        customer: Customer {
            id: n * 17 % 5_000,
            name: format!("Customer Number {}", n * 17 % 5_000),
            email: format!("customer{}@example.org", n * 17 % 5_000),
            address: Address {
                street: format!("{} Long Street", n % 300 + 1),
                city: ["Pula", "Zagreb", "Split", "Rijeka", "Osijek"][i % 5].into(),
                postal_code: format!("{}", 10_000 + n % 40_000),
                country: "HR".into(),
            },
        },
        lines: (0..6).map(line).collect(),
        total_cents: n * 97 % 100_000,
        weight_kg: (n % 400) as f64 / 8.0,
        note: (i % 4 != 0).then(|| "Please leave it with the neighbours".into()),
        tags: ["gift", "express", "regular"]
            .iter()
            .take(i % 3 + 1)
            .map(|&t| t.into())
            .collect(),
    }
}

fn main() -> Result<()> {
    // `cargo test --benches` and the like only want to know that it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let orders: Vec<Order> = (0..DOCUMENTS).map(order).collect();
    let texts: Vec<Vec<u8>> = orders
        .iter()
        .map(serde_json::to_vec)
        .collect::<Result<_, _>>()?;
    let documents: Vec<Document<'static>> = orders
        .iter()
        .map(|order| Document::of(order))
        .collect::<Result<_, _>>()?;
    for ((order, text), document) in orders.iter().zip(&texts).zip(&documents) {
        assert_eq!(document.decode::<Order>()?, *order);
        assert_eq!(serde_json::from_slice::<Order>(text)?, *order);
        assert_eq!(document.to_json()?.as_bytes(), text);
        assert!(Document::from_json(text)? == *document);
    }

    let directory = tempfile::tempdir()?;
    let db = Database::builder()
        .cache_size(256 << 20)
        .create(directory.path().join("bench"))?;
    db.write(|tx| {
        let mut stored = tx.documents("orders")?;
        for i in 0..STORED {
            stored.put(key(i), &documents[i % DOCUMENTS])?;
        }
        Ok::<_, larder::Error>(())
    })?;
    let tx = db.read()?;
    let stored = tx.documents("orders")?;

    let text_bytes: usize = texts.iter().map(Vec::len).sum();
    println!(
        "{DOCUMENTS} orders, {} bytes of JSON each; medians of {ROUNDS} alternating rounds of this run\n",
        text_bytes / DOCUMENTS
    );
    println!(
        "{:<44}{:>10}{:>12}{:>9}   target",
        "", "larder", "serde_json", "ratio"
    );
    let city = |i: usize| {
        documents[i % DOCUMENTS]
            .pointer("/customer/address/city")
            .unwrap()
            .unwrap()
            .as_str()
            .unwrap()
            .len()
    };
    let parsed_city = |i: usize| {
        let value: serde_json::Value = serde_json::from_slice(&texts[i % DOCUMENTS]).unwrap();
        value["customer"]["address"]["city"].as_str().unwrap().len()
    };
    duel("one nested field, codec alone", 60.0, city, parsed_city);
    let third = |i: usize| {
        documents[i % DOCUMENTS]
            .pointer("/lines/2/cents")
            .unwrap()
            .unwrap()
            .as_u64()
            .unwrap() as usize
    };
    duel("one field in a list, codec alone", 60.0, third, parsed_city);
    let by_key = |i: usize| {
        let order = stored.get(key(i % DOCUMENTS)).unwrap().unwrap();
        order
            .pointer("/customer/address/city")
            .unwrap()
            .unwrap()
            .as_str()
            .unwrap()
            .len()
    };
    duel(
        "one nested field by key, get included",
        12.0,
        by_key,
        parsed_city,
    );
    duel(
        "encode from a serde type",
        1.5,
        |i| {
            Document::of(&orders[i % DOCUMENTS])
                .map(black_box)
                .is_ok()
                .into()
        },
        |i| serde_json::to_vec(&orders[i % DOCUMENTS]).unwrap().len(),
    );
    duel(
        "decode to a serde type",
        1.5,
        |i| {
            documents[i % DOCUMENTS]
                .decode::<Order>()
                .unwrap()
                .lines
                .len()
        },
        |i| {
            serde_json::from_slice::<Order>(&texts[i % DOCUMENTS])
                .unwrap()
                .lines
                .len()
        },
    );
    println!();
    duel(
        "JSON text to document / to Value",
        0.0,
        |i| {
            Document::from_json(&texts[i % DOCUMENTS])
                .map(black_box)
                .is_ok()
                .into()
        },
        |i| {
            serde_json::from_slice::<serde_json::Value>(&texts[i % DOCUMENTS])
                .unwrap()
                .is_object()
                .into()
        },
    );
    let values: Vec<serde_json::Value> = texts
        .iter()
        .map(|text| serde_json::from_slice(text))
        .collect::<Result<_, _>>()?;
    duel(
        "document / Value to JSON text",
        0.0,
        |i| documents[i % DOCUMENTS].to_json().unwrap().len(),
        |i| serde_json::to_string(&values[i % DOCUMENTS]).unwrap().len(),
    );
    let bytes: usize = documents.iter().map(Document::size).sum();
    println!(
        "\nsize: {:.2} of the JSON text (at most 1.3); in the database, keys and pages included, {:.2}",
        bytes as f64 / text_bytes as f64,
        std::fs::metadata(directory.path().join("bench"))?.len() as f64
            / (text_bytes as f64 * (STORED / DOCUMENTS) as f64),
    );
    Ok(())
}

fn key(i: usize) -> u64 {
    1_000_000 + i as u64
}

/// Plays both sides in alternating rounds and prints how many times as fast the first is.
fn duel(name: &str, target: f64, ours: impl Fn(usize) -> usize, theirs: impl Fn(usize) -> usize) {
    let chosen = |word: String| word.starts_with("--") || name.contains(&word);
    if !std::env::args().skip(1).all(chosen) {
        return;
    }
    let round = |work: &dyn Fn(usize) -> usize, count: usize, start: usize| {
        let begun = Instant::now();
        for i in 0..count {
            black_box(work(black_box(start + i)));
        }
        begun.elapsed().as_secs_f64() / count as f64
    };
    round(&ours, ROUND, 0);
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for i in 0..ROUNDS {
        let ours = round(&ours, ROUND, i * ROUND);
        let theirs = round(&theirs, ROUND / 4, i * ROUND / 4);
        times.push((ours, theirs));
        ratios.push(theirs / ours);
    }
    ratios.sort_by(f64::total_cmp);
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, (ours, theirs)) = (ratios[ROUNDS / 2], times[ROUNDS / 2]);
    let verdict = match target {
        0.0 => String::new(),
        target if ratio >= target => format!("{target}x: met"),
        target => format!("{target}x: MISSED"),
    };
    println!(
        "{name:<44}{:>7.0} ns{:>9.0} ns{ratio:>8.2}x   {verdict}",
        ours * 1e9,
        theirs * 1e9,
    );
}
