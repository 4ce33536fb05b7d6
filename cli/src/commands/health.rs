//! Is the file whole, and is it no larger than it has to be?

use larder::serde_json::json;

use crate::fault::{Code, Fault, Result};
use crate::out::{self, Out};
use crate::progress::{Progress, making};
use crate::session::Session;

const DAMAGED: &str = "`larder snapshot restore SNAPSHOT NEW_FILE` makes a new file of a backup; `larder export` \
                       saves what can still be read of this one, a collection at a time";

pub(crate) fn check(session: &Session, out: &mut Out) -> Result<()> {
    let waiting = Progress::waiting(out.quiet, "checking");
    let report = session.reader()?.check()?;
    drop(waiting);
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    let value = json!({
        "ok": report.is_ok(),
        "collections": report.collections,
        "records": report.records,
        "index_entries": report.index_entries,
        "problems": problems,
        "problem_count": report.problem_count,
    });
    out.result(&value, |out| {
        out.line(&format!(
            "{}, {}, {} in indexes",
            out::counted(report.collections, "collection"),
            out::counted(report.records, "record"),
            report.index_entries,
        ))?;
        problems_or(&problems, "everything is as it should be", out)
    })?;
    verdict(
        session,
        report.is_ok(),
        &out::counted(report.problem_count, "problem"),
    )
}

/// The problems, or that there are none.
fn problems_or(problems: &[String], none: &str, out: &mut Out) -> Result<()> {
    if problems.is_empty() {
        return out.line(none);
    }
    problems.iter().try_for_each(|problem| out.line(problem))
}

/// The exit code of a file that is looked at.
fn verdict(session: &Session, is_ok: bool, found: &str) -> Result<()> {
    if is_ok {
        return Ok(());
    }
    let what = format!("{found} in {}", session.file.display());
    Err(Fault::new(Code::Damaged, what).hint(DAMAGED))
}

pub(crate) fn scrub(session: &Session, rate: Option<u64>, out: &mut Out) -> Result<()> {
    let db = session.reader()?;
    let progress = Progress::pieces(out.quiet, Some(0));
    let report = db.scrub(rate.map(|rate| rate << 20), |done| {
        progress.set_total(done.blocks_total);
        progress.set(done.blocks_done);
        if crate::progress::is_interrupted() {
            // Nothing is written meanwhile.
            let fault = crate::progress::interrupted();
            eprintln!("larder: {fault}");
            std::process::exit(fault.code as i32);
        }
    })?;
    drop(progress);
    let value = json!({
        "ok": report.is_ok(),
        "blocks": report.blocks,
        "damaged": report.damaged,
        "damaged_count": report.damaged_count,
        "problems": report.problems,
    });
    out.result(&value, |out| {
        out.line(&format!(
            "{} verified",
            out::counted(report.blocks, "block")
        ))?;
        problems_or(&report.problems, "every block that is in use is whole", out)
    })?;
    verdict(
        session,
        report.is_ok(),
        &out::counted(report.damaged_count, "damaged block"),
    )
}

pub(crate) fn compact(session: &Session, out: &mut Out) -> Result<()> {
    let db = session.writer()?;
    making(&session.file);
    let waiting = Progress::waiting(out.quiet, "compacting");
    let report = db.compact()?;
    drop(waiting);
    let value = json!({"bytes_before": report.bytes_before, "bytes_after": report.bytes_after});
    out.result(&value, |out| {
        out.line(&format!("{} before", out::bytes(report.bytes_before)))?;
        out.line(&format!("{} now", out::bytes(report.bytes_after)))
    })
}

pub(crate) fn checkpoint(session: &Session, out: &mut Out) -> Result<()> {
    let db = session.writer()?;
    let replayed = db.recovery_report().replayed;
    db.checkpoint()?;
    let value = json!({"replayed": replayed, "sequence": db.commit_sequence()});
    out.result(&value, |out| {
        out.line(&format!(
            "{} brought into the tables",
            out::counted(replayed, "transaction")
        ))
    })
}
