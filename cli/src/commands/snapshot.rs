//! How are backups taken, looked at and used?

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use larder::serde_json::{Value, json};
use larder::{
    Builder, ChangeKind, CollectionKind, Database, Retention, Snapshot, SnapshotDepth,
    SnapshotInfo, SnapshotOptions, SnapshotStore, Timestamp,
};

use crate::args::{ChainArgs, Credentials, Depth, SnapshotCommand, Yes};
use crate::fault::{Code, Fault, Result};
use crate::json::decoded_key;
use crate::out::{self, Out};
use crate::progress::{Progress, is_interrupted, making};
use crate::session::{Session, stands_alone, to_hex};

pub(crate) fn run(session: &Session, command: &SnapshotCommand, out: &mut Out) -> Result<()> {
    match command {
        SnapshotCommand::Take { .. } => take(session, command, out),
        SnapshotCommand::List { out: place } => list(session, place, out),
        SnapshotCommand::Verify { chain, depth } => verify(session, chain, *depth, out),
        SnapshotCommand::Restore { .. } => restore(session, command, out),
        SnapshotCommand::Diff {
            earlier,
            later,
            keys,
        } => diff(session, [earlier, later], *keys, out),
        SnapshotCommand::Prune {
            directory,
            keep_last,
            keep_daily,
            keep_weekly,
            keep_monthly,
            yes,
        } => {
            let rules = [*keep_last, *keep_daily, *keep_weekly, *keep_monthly];
            prune(session, directory, rules, *yes, out)
        }
    }
}

fn take(session: &Session, command: &SnapshotCommand, out: &mut Out) -> Result<()> {
    let SnapshotCommand::Take {
        out: to,
        since,
        incremental,
        level,
        plain,
        rate,
        ..
    } = command
    else {
        return Ok(());
    };
    let db = session.reader()?;
    let base = match since.as_slice() {
        [] => None,
        chain => Some(session.unlocked(|builder| builder.open_snapshot_chain(chain))?),
    };
    let progress = Progress::bytes(out.quiet, None);
    let mut options = SnapshotOptions::new().level(*level).on_progress(|bytes| {
        progress.set(bytes);
        if is_interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if let Some(base) = &base {
        options = options.since(base);
    }
    if *plain {
        options = options.plain();
    }
    if let Some(rate) = rate {
        options = options.rate(rate << 20);
    }
    let info = if to.is_dir() {
        let store = store(session, to)?;
        if *incremental {
            store.take_incremental_with(db, options)?
        } else {
            store.take_with(db, options)?
        }
    } else if *incremental {
        let what = format!("{} is no directory of snapshots", to.display());
        return Err(Fault::refused(what).hint("--since names the snapshot that it builds on"));
    } else {
        db.snapshot_with(to, options)?
    };
    drop(progress);
    out.result(&chain_value(&info), |out| {
        out.line(&format!("snapshot taken into {}", to.display()))?;
        show_snapshot(&info, out)
    })
}

/// A snapshot as JSON.
pub(crate) fn chain_value(info: &SnapshotInfo) -> Value {
    json!({
        "id": info.id.to_string(),
        "base": info.base.map(|base| base.to_string()),
        "database": info.database.to_string(),
        "epoch": info.epoch,
        "sequence": info.commit.sequence(),
        "created": info.created.to_string(),
        "encrypted": info.is_encrypted,
        "bytes": info.bytes,
    })
}

pub(crate) fn show_snapshot(info: &SnapshotInfo, out: &mut Out) -> Result<()> {
    let base = info
        .base
        .map_or_else(|| "nothing".to_owned(), |base| base.to_string());
    out.pairs(&[
        ("id", info.id.to_string()),
        ("builds on", base),
        ("database", info.database.to_string()),
        ("commit", info.commit.sequence().to_string()),
        ("taken", info.created.to_string()),
        ("encrypted", yes_or_no(info.is_encrypted)),
        ("size", out::bytes(info.bytes)),
    ])
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn store(session: &Session, directory: &Path) -> Result<SnapshotStore> {
    if !directory.is_dir() {
        return Err(Fault::not_found(format!(
            "{} is no directory",
            directory.display()
        )));
    }
    session.unlocked(|builder| builder.open_snapshot_store(directory))
}

fn list(session: &Session, place: &Path, out: &mut Out) -> Result<()> {
    if !place.is_dir() {
        let info = Snapshot::read_info(place)?;
        return out.result(&chain_value(&info), |out| show_snapshot(&info, out));
    }
    let listing = store(session, place)?.list()?;
    let damaged: Vec<String> = listing
        .damaged
        .iter()
        .map(|(path, error)| format!("{}: {error}", path.display()))
        .collect();
    let value = json!({
        "snapshots": listing.snapshots.iter().map(chain_value).collect::<Vec<_>>(),
        "forgotten": listing.forgotten.iter().map(chain_value).collect::<Vec<_>>(),
        "damaged": damaged,
    });
    out.result(&value, |out| {
        if listing.snapshots.is_empty() {
            out.line("no snapshots")?;
        } else {
            let rows: Vec<Vec<String>> = listing.snapshots.iter().map(row).collect();
            out.table(&["id", "taken", "commit", "builds on", "bytes"], &rows)?;
        }
        if !listing.forgotten.is_empty() {
            let count = out::counted(listing.forgotten.len() as u64, "snapshot");
            out.line(&format!("and {count} that `prune` would remove"))?;
        }
        damaged
            .iter()
            .try_for_each(|damaged| out.line(&format!("damaged: {damaged}")))
    })?;
    if damaged.is_empty() {
        return Ok(());
    }
    let count = out::counted(damaged.len() as u64, "file");
    Err(Fault::new(
        Code::Damaged,
        format!("{count} in {} cannot be read", place.display()),
    ))
}

fn row(info: &SnapshotInfo) -> Vec<String> {
    vec![
        info.id.to_string(),
        info.created.to_string(),
        info.commit.sequence().to_string(),
        info.base.map_or_else(String::new, |base| base.to_string()),
        info.bytes.to_string(),
    ]
}

/// The snapshot of a file and what it builds on, or the newest of a directory.
fn open(session: &Session, chain: &ChainArgs) -> Result<Snapshot> {
    if chain.out.is_dir() {
        let store = store(session, &chain.out)?;
        let newest = store.latest()?;
        let newest = newest.ok_or_else(|| nothing_in(&chain.out))?;
        return store_snapshot(session, &chain.out, newest.id);
    }
    if chain.base.is_empty() {
        stands_alone(&chain.out)?;
    }
    let files: Vec<&PathBuf> = chain.base.iter().chain([&chain.out]).collect();
    session.unlocked(|builder| builder.open_snapshot_chain(&files))
}

/// A snapshot of a directory, and what it builds on.
fn store_snapshot(session: &Session, directory: &Path, id: larder::uuid::Uuid) -> Result<Snapshot> {
    session.unlocked(|builder| builder.open_snapshot_store(directory)?.open_snapshot(id))
}

fn nothing_in(directory: &Path) -> Fault {
    Fault::not_found(format!("{} holds no such snapshot", directory.display()))
}

fn verify(session: &Session, chain: &ChainArgs, depth: Depth, out: &mut Out) -> Result<()> {
    let snapshot = open(session, chain)?;
    let waiting = Progress::waiting(out.quiet, "verifying");
    snapshot.verify(match depth {
        Depth::Manifest => SnapshotDepth::Manifest,
        Depth::Blocks => SnapshotDepth::Blocks,
        Depth::Restore => SnapshotDepth::Restore,
    })?;
    drop(waiting);
    let mut value = chain_value(&snapshot.info());
    if let Some(members) = value.as_object_mut() {
        members.insert(
            "verified".into(),
            format!("{depth:?}").to_lowercase().into(),
        );
    }
    out.result(&value, |out| {
        let what = match depth {
            Depth::Manifest => "its beginning and end are whole; blocks were not read",
            Depth::Blocks => "every block is whole",
            Depth::Restore => "it was restored to memory, and everything is as it should be",
        };
        out.line(&format!("snapshot {}: {what}", snapshot.info().id))
    })
}

fn restore(session: &Session, command: &SnapshotCommand, out: &mut Out) -> Result<()> {
    let SnapshotCommand::Restore {
        chain,
        new_file,
        sequence,
        time,
        plain,
    } = command
    else {
        return Ok(());
    };
    let snapshot = if sequence.is_some() || time.is_some() {
        at(session, &chain.out, *sequence, time.as_deref())?
    } else {
        open(session, chain)?
    };
    let builder = sealed_like(session, &snapshot, *plain)?;
    making(new_file);
    let waiting = Progress::waiting(out.quiet, "restoring");
    snapshot.restore_with(new_file, builder)?;
    drop(waiting);
    let mut value = chain_value(&snapshot.info());
    if let Some(members) = value.as_object_mut() {
        members.insert("restored".into(), new_file.display().to_string().into());
    }
    out.result(&value, |out| {
        let sequence = snapshot.info().commit.sequence();
        out.line(&format!(
            "{} is the database as of commit {sequence}",
            new_file.display()
        ))
    })
}

/// What opens the restored file: the same as the snapshot, unless nothing shall.
fn sealed_like(session: &Session, snapshot: &Snapshot, plain: bool) -> Result<Builder> {
    if plain || !snapshot.info().is_encrypted {
        return Ok(Database::builder());
    }
    session.builder()
}

/// The snapshot of a directory as of a commit or time.
fn at(
    session: &Session,
    directory: &Path,
    sequence: Option<u64>,
    time: Option<&str>,
) -> Result<Snapshot> {
    let store = store(session, directory)?;
    let info = match (sequence, time) {
        (Some(sequence), _) => store.at_sequence(sequence)?,
        (None, time) => {
            let time = time.unwrap_or_default();
            let time: Timestamp = time.parse().map_err(|error| {
                Fault::usage(format!("{time} is no time: {error}"))
                    .hint("such as 2026-11-26T10:00:00Z")
            })?;
            store.at_time(time)?
        }
    };
    let info = info.ok_or_else(|| nothing_in(directory))?;
    store_snapshot(session, directory, info.id)
}

fn diff(session: &Session, files: [&PathBuf; 2], keys: bool, out: &mut Out) -> Result<()> {
    let open = |file: &PathBuf| -> Result<Snapshot> {
        stands_alone(file)?;
        session.unlocked(|builder| builder.open_snapshot(file))
    };
    let [earlier, later] = [open(files[0])?, open(files[1])?];
    let kinds = kinds(&earlier)?.into_iter().chain(kinds(&later)?);
    let kinds: BTreeMap<String, CollectionKind> = kinds.collect();
    let mut failed = Ok(());
    let diff = earlier.diff_with(&later, |change| {
        if !keys || failed.is_err() {
            return Ok(());
        }
        let kind = match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            _ => "changed",
        };
        let of = kinds.get(change.collection);
        let key = of.and_then(|of| decoded_key(of, change.key));
        failed = match (out.json, key) {
            (true, Some(key)) => {
                let value =
                    json!({"collection": change.collection, "key": key, "change": kind});
                out.line(&value.to_string())
            }
            (true, None) => {
                let encoded = to_hex(change.key);
                let value = json!({"collection": change.collection, "encoded_key": encoded, "change": kind});
                out.line(&value.to_string())
            }
            (false, Some(key)) => out.line(&format!("{} {key}: {kind}", change.collection)),
            (false, None) => out.line(&change.to_string()),
        };
        Ok(())
    })?;
    failed?;
    let collections: Value = diff
        .collections
        .iter()
        .map(|one| {
            json!({
                "collection": one.name,
                "added": one.added,
                "removed": one.removed,
                "changed": one.changed,
            })
        })
        .collect();
    out.result(&collections, |out| {
        if diff.is_empty() {
            return out.line("they hold the same");
        }
        let rows: Vec<Vec<String>> = diff
            .collections
            .iter()
            .map(|one| {
                let counts = [one.added, one.removed, one.changed].map(|count| count.to_string());
                [vec![one.name.clone()], counts.to_vec()].concat()
            })
            .collect();
        out.table(&["collection", "added", "removed", "changed"], &rows)
    })
}

/// What its collections are.
fn kinds(snapshot: &Snapshot) -> Result<Vec<(String, CollectionKind)>> {
    let all = snapshot.database().read()?.collections()?;
    Ok(all.into_iter().map(|info| (info.name, info.kind)).collect())
}

fn prune(
    session: &Session,
    directory: &Path,
    rules: [Option<usize>; 4],
    yes: Yes,
    out: &mut Out,
) -> Result<()> {
    let [last, daily, weekly, monthly] = rules;
    if rules.iter().all(Option::is_none) {
        let what = "which are kept? Without a rule all of them are";
        return Err(Fault::usage(what).hint("such as --keep-daily 7 --keep-weekly 4"));
    }
    let retention = Retention::new()
        .keep_last(last.unwrap_or(0))
        .keep_daily(daily.unwrap_or(0))
        .keep_weekly(weekly.unwrap_or(0))
        .keep_monthly(monthly.unwrap_or(0));
    let store = store(session, directory)?;
    if !yes.yes {
        let plan = store.plan(&retention)?;
        let ids =
            |ids: &[larder::uuid::Uuid]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let kept: Vec<larder::uuid::Uuid> = plan.keep.iter().map(|(id, _)| *id).collect();
        let value = json!({"keep": ids(&kept), "forget": ids(&plan.forget), "done": false});
        return out.result(&value, |out| {
            for (id, reasons) in &plan.keep {
                let reasons: Vec<String> = reasons
                    .iter()
                    .map(|reason| format!("{reason:?}").to_lowercase())
                    .collect();
                out.line(&format!("keeps {id} ({})", reasons.join(", ")))?;
            }
            for id in &plan.forget {
                out.line(&format!("would remove {id}"))?;
            }
            out.line("nothing was done; --yes does it")
        });
    }
    store.forget(&retention)?;
    let report = store.prune()?;
    let removed: Vec<String> = report
        .removed
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let value = json!({"removed": removed, "bytes": report.bytes, "in_use": report.in_use.len(), "done": true});
    out.result(&value, |out| {
        let count = out::counted(removed.len() as u64, "file");
        out.line(&format!("{count} removed, {}", out::bytes(report.bytes)))
    })
}

/// What the session of a command without a database file is: only what opens its snapshots.
pub(crate) fn session_of(command: &SnapshotCommand, credentials: &Credentials) -> Session {
    let file = match command {
        SnapshotCommand::Take { file, .. } => file.file.clone(),
        SnapshotCommand::List { out } => out.clone(),
        SnapshotCommand::Verify { chain, .. } | SnapshotCommand::Restore { chain, .. } => {
            chain.out.clone()
        }
        SnapshotCommand::Diff { later, .. } => later.clone(),
        SnapshotCommand::Prune { directory, .. } => directory.clone(),
    };
    Session::new(file, credentials.clone())
}
