//! How fast is this disk? YCSB, against a file that is made for it.

use std::ops::ControlFlow;
use std::path::Path;

use larder::Durability;
use larder::serde_json::{Value, json};

use crate::args::{BenchArgs, DurabilityName};
use crate::fault::{Fault, Result};
use crate::out::Out;
use crate::progress::{Progress, interrupted, is_interrupted};
use crate::session::Session;
use crate::ycsb::{self, Parameters, Phase, Workload};

pub(crate) fn run(session: &Session, args: &BenchArgs, out: &mut Out) -> Result<()> {
    let all = Workload::ALL;
    let chosen = if args.workload.is_empty() {
        all.as_slice()
    } else {
        &args.workload
    };
    let parameters = Parameters {
        records: args.records,
        operations: args.operations,
        threads: usize::from(args.threads),
        seed: args.seed,
    };
    if args.file.exists() {
        let what = format!(
            "{} is there already; a measurement makes a file of its own",
            args.file.display()
        );
        return Err(Fault::refused(what));
    }
    let measured = chosen
        .iter()
        .try_for_each(|workload| measure(session, args, &parameters, *workload, out));
    // Also after a failure.
    remove(&args.file);
    measured
}

/// Each workload begins with a file that was just loaded, as YCSB asks for those that insert.
fn measure(
    session: &Session,
    args: &BenchArgs,
    parameters: &Parameters,
    workload: Workload,
    out: &mut Out,
) -> Result<()> {
    remove(&args.file);
    let durability = match args.durability {
        DurabilityName::Synced => Durability::Synced,
        DurabilityName::Buffered => Durability::Buffered,
    };
    let db = session
        .builder()?
        .durability(durability)
        .create(&args.file)?;
    let progress = Progress::pieces(out.quiet, Some(parameters.records + parameters.operations));
    let go_on = |before: u64| {
        let progress = &progress;
        move |done: u64| {
            progress.set(before + done);
            if is_interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    };
    let load = ycsb::load(&db, parameters, go_on(0))?;
    let phase = ycsb::run(&db, workload, parameters, go_on(parameters.records))?;
    if is_interrupted() {
        return Err(interrupted());
    }
    drop(progress);
    db.close()?;
    let value = json!({
        "workload": format!("{workload:?}"),
        "records": parameters.records,
        "threads": parameters.threads,
        "durability": format!("{:?}", args.durability).to_lowercase(),
        "load_per_second": load.throughput(),
        "operations": phase.operations,
        "seconds": phase.elapsed.as_secs_f64(),
        "per_second": phase.throughput(),
        "not_found": phase.not_found,
        "latencies": phase.by_kind.iter().map(latency_value).collect::<Vec<_>>(),
    });
    out.result(&value, |out| show(workload, &load, &phase, out))
}

/// The file of a measurement, which nobody else made.
fn remove(path: &Path) {
    drop(std::fs::remove_file(path));
}

/// Operations a second, for people.
fn per_second(phase: &Phase) -> String {
    format!("{:.0}", phase.throughput())
}

fn latency_value(of: &ycsb::Latencies) -> Value {
    // Whole nanoseconds.
    let micros = |duration: std::time::Duration| (duration.as_secs_f64() * 1e9).round() / 1e3;
    json!({
        "operation": of.kind.name(),
        "count": of.count,
        "mean_us": micros(of.mean),
        "p50_us": micros(of.p50),
        "p95_us": micros(of.p95),
        "p99_us": micros(of.p99),
        "max_us": micros(of.max),
    })
}

fn show(workload: Workload, load: &Phase, phase: &Phase, out: &mut Out) -> Result<()> {
    out.line(&format!(
        "workload {workload:?}: {}",
        workload.description()
    ))?;
    out.line(&format!(
        "{} records loaded, {} a second; {} operations, {} a second",
        load.operations,
        per_second(load),
        phase.operations,
        per_second(phase)
    ))?;
    let micros = |duration: std::time::Duration| format!("{:.1}", duration.as_secs_f64() * 1e6);
    let rows: Vec<Vec<String>> = phase
        .by_kind
        .iter()
        .map(|of| {
            let times = [of.mean, of.p50, of.p95, of.p99, of.max].map(micros);
            [
                vec![of.kind.name().to_owned(), of.count.to_string()],
                times.to_vec(),
            ]
            .concat()
        })
        .collect();
    out.table(
        &[
            "operation",
            "count",
            "mean us",
            "p50 us",
            "p95 us",
            "p99 us",
            "max us",
        ],
        &rows,
    )?;
    out.line("")
}
