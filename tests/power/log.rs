//! Does the commit log keep its order of steps: log, sync, publish, checkpoint, begin anew? Histories made
//! for one rule each.

use std::path::Path;
use std::sync::{Arc, Mutex};

use larder::testing::{Closure, Controls};
use larder::{CommitId, Database, ErrorKind, Outcome};

use super::CIPHERS;
use super::history::{
    Action, Base, NO_ROOM, ROUNDS, Record, Script, empty_base, plain, play, random_transactions,
};
use super::oracle::{
    Damaged, Ending, PATH, Setup, State, Step, Transaction, apply, catching, check_damaged,
    check_image, read_state, state_of,
};
use super::sim_disk::{Call, Failure, How, Image, Op, Rng, SimVolume, Tally};
use super::sweep::{PENDING, Rule, Sweep};

const LOG: u64 = 0x4000;
const LOG_END: u64 = LOG + (64 << 10);

fn put(id: u64) -> Step {
    Step::Put { id, bytes: 60 }
}

fn setup(controls: Controls) -> Setup {
    Setup {
        controls,
        ..Setup::default()
    }
}

/// A file with so many transactions in its log, killed.
fn pending(setup: &Setup, transactions: u64, seed: u64) -> Result<Record, String> {
    let script = Script {
        setup: *setup,
        seed,
        // The first begins the life, and is in the tables.
        actions: (0..=transactions)
            .map(|id| Action::write(vec![put(id + 1)]))
            .collect(),
        ..Script::default()
    };
    play(&empty_base(setup.cipher), &script)
}

/// What is read, as after a kill.
fn left(record: &Record) -> Base {
    Base {
        image: record.volume.image(Path::new(PATH)).unwrap(),
        states: record.states.clone(),
        allowed: record.allowed.clone(),
    }
}

fn failing(call: Call, how: How) -> Failure {
    Failure {
        call,
        after: 0,
        lasting: false,
        how,
    }
}

/// An open database that has logged something already, and has blocks enough for what follows: the next
/// sync is the log's.
fn logging(controls: Controls) -> Result<(SimVolume, Database, State), String> {
    let base = empty_base(None);
    let volume = SimVolume::with_file(Path::new(PATH), &base.image, 1);
    let told = |error: larder::Error| error.to_string();
    let db = setup(controls).open(&volume, 1).map_err(told)?;
    let mut state = base.states[0].clone();
    let large = Step::Note {
        name: 1,
        bytes: 200_000,
    };
    let steps = [large, Step::Forget { name: 1 }, put(1), put(2), put(1)];
    for (step, salt) in steps.into_iter().zip(1..) {
        let steps = [step];
        state = state.after(&steps, salt);
        db.write(|tx| apply(tx, &steps, salt)).map_err(told)?;
        if salt < 4 {
            db.checkpoint().map_err(told)?;
        }
    }
    Ok((volume, db, state))
}

/// Whether a frame is among it: the mark that the sync before left is no more than 128 bytes.
fn has_frame(pending: &[Op]) -> bool {
    pending.iter().any(|op| match op {
        Op::Write { offset, data } => (LOG..LOG_END).contains(offset) && data.len() > 128,
        _ => false,
    })
}

fn is_read(db: &Database, state: &State) -> Result<(), String> {
    let seen = read_state(db).map_err(|error| format!("it cannot be read: {error}"))??;
    if seen.looks_like(state) {
        return Ok(());
    }
    Err(format!("a reader sees {seen:?}"))
}

/// Whether a reader sees nothing that no sync has finished for. Looks whenever one begins.
pub fn readers_see_what_is_durable(controls: Controls) -> Result<(), String> {
    let (volume, db, state) = logging(controls)?;
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let (reader, before, found) = (db.clone(), state.clone(), wrong.clone());
    volume.at_sync(move |pending| {
        if has_frame(pending)
            && let Err(error) = is_read(&reader, &before)
        {
            found.lock().unwrap().push(error);
        }
    });
    let steps = [put(7)];
    db.write(|tx| apply(tx, &steps, 3))
        .map_err(|error| error.to_string())?;
    volume.at_sync(|_| {});
    let wrong = wrong.lock().unwrap();
    match wrong.first() {
        Some(error) => Err(format!("before the sync, {error}")),
        None => is_read(&db, &state.after(&steps, 3)),
    }
}

/// Whether a reader sees nothing of a commit whose frame cannot be written, or not be made durable.
pub fn readers_see_nothing_that_failed(controls: Controls) -> Result<(), String> {
    for (call, how) in [(Call::Write, How::Full), (Call::Sync, How::Io)] {
        let mut unknown = 0;
        // Writes of redb's come first, which may fail and nothing comes of it.
        for after in 0.. {
            let (volume, db, state) = logging(controls)?;
            volume.fail(Failure {
                after,
                ..failing(call, how)
            });
            let steps = [put(7)];
            let result = db.write(|tx| apply(tx, &steps, 9));
            match &result {
                Ok(()) if !volume.is_disturbed() => break,
                Ok(()) => is_read(&db, &state.after(&steps, 9))?,
                Err(error) if error.is(ErrorKind::OutcomeUnknown) => {
                    unknown += 1;
                    is_read(&db, &state)
                        .map_err(|seen| format!("after {call:?} failed, {seen}"))?;
                }
                Err(_) => {}
            }
            volume.kill();
        }
        if unknown == 0 {
            return Err(format!("no {call:?} of the log failed"));
        }
    }
    Ok(())
}

/// Whether a catalog is not shown before its commit: a bucket that is not there reads as empty, whatever
/// its keys are to be.
pub fn a_new_bucket_is_not_seen_before_its_commit(controls: Controls) -> Result<(), String> {
    let (volume, db, _) = logging(controls)?;
    let reader = db.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let looks = seen.clone();
    volume.at_sync(move |pending| {
        let look = || reader.read()?.bucket_of::<u64>("new")?.len();
        if has_frame(pending) {
            looks.lock().unwrap().push(look());
        }
    });
    db.write(|tx| tx.bucket("new")?.put("key", b"value").map(drop))
        .map_err(|error| error.to_string())?;
    volume.at_sync(|_| {});
    let seen = seen.lock().unwrap();
    match &seen[..] {
        [Ok(0)] => Ok(()),
        other => Err(format!(
            "of a bucket that is not there a reader sees {other:?}"
        )),
    }
}

/// Whether the error of a transaction is told only once it is known that what it saw is there.
pub fn an_error_waits_for_the_fate_of_its_batch(controls: Controls) -> Result<(), String> {
    let (volume, db, _) = logging(controls)?;
    volume.fail(failing(Call::Sync, How::Io));
    let member = |ending| Transaction {
        steps: vec![put(7)],
        ending,
        ..Transaction::default()
    };
    let members = [member(Ending::Commit), member(Ending::Conflict)];
    let closures = members.iter().map(|member| {
        let closure: Closure<'_> = Box::new(|tx| member.perform(tx, 3));
        closure
    });
    let results = db
        .write_together(closures)
        .map_err(|error| error.to_string())?;
    volume.kill();
    match &results[1] {
        Err(error) if error.is(ErrorKind::Conflict) => {
            Err(format!("told early, of what is not there: {error}"))
        }
        _ => Ok(()),
    }
}

/// Whether nothing of a batch is there in which a read failed, at every read in turn.
pub fn a_read_that_fails_within_a_batch(controls: Controls) -> Result<(), String> {
    let setup = setup(controls);
    let member = |id, ending| Transaction {
        steps: vec![
            put(id),
            Step::Remove { id: 1 },
            Step::Insert { bytes: 3000 },
        ],
        ending,
        ..Transaction::default()
    };
    let members = vec![
        member(5, Ending::Commit),
        member(6, Ending::Missing),
        member(7, Ending::Commit),
    ];
    let actions = vec![
        Action::write(vec![put(1)]),
        Action::Together(members.clone()),
        Action::Together(members),
    ];
    let base = left(&pending(&setup, 3, 1)?);
    let played = Setup {
        unchecked: true,
        ..setup
    };
    failing_anywhere(&base, &setup, &played, &actions, Call::Read, 400)
}

/// Plays actions once for each call of that kind, which fails then, and cuts the power behind them.
fn failing_anywhere(
    base: &Base,
    setup: &Setup,
    played: &Setup,
    actions: &[Action],
    call: Call,
    most: u64,
) -> Result<(), String> {
    let name = match call {
        Call::Read => "read",
        Call::Sync => "sync",
        _ => unreachable!("nobody asks for it"),
    };
    let mut failed = 0;
    for after in 0..most {
        let script = Script {
            setup: *played,
            seed: after,
            actions: actions.to_vec(),
            failures: vec![Failure {
                after,
                ..failing(call, How::Io)
            }],
            ..Script::default()
        };
        let failure = |error: String| format!("{name} {after}: {error}");
        let record = play(base, &script).map_err(failure)?;
        if record.tally.count(&format!("EIO on {name}, once")) == 0 {
            break;
        }
        failed += 1;
        let unsynced = record.volume.unsynced(Path::new(PATH)).unwrap();
        for image in [unsynced.durable, left(&record).image] {
            check_image(&image, setup, &record.states, &record.allowed).map_err(failure)?;
        }
    }
    if failed == 0 {
        return Err(format!("no {name} failed"));
    }
    Ok(())
}

/// Whether nothing is lost and nothing comes back, whichever sync fails, in the next process and after a
/// power cut.
pub fn a_sync_that_fails_anywhere(controls: Controls) -> Result<(), String> {
    let setup = setup(controls);
    let base = left(&pending(&setup, 2, 1)?);
    let actions = [
        Action::write(vec![put(1)]),
        Action::buffered(vec![put(2)]),
        Action::write(vec![put(3)]),
        Action::Checkpoint,
        Action::buffered(vec![put(4)]),
        Action::Sync,
        Action::write(vec![Step::ClearNotes]),
        Action::write(vec![put(5)]),
    ];
    failing_anywhere(&base, &setup, &setup, &actions, Call::Sync, 60)
}

/// Whether the rot of any frame is told that was synced. The last one is protected by the mark behind
/// it, which is in the file as the process left it.
pub fn rot_of_a_synced_frame_is_told(controls: Controls) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (cipher, seed) in CIPHERS.into_iter().zip(0..) {
        let setup = Setup {
            cipher,
            ..setup(controls)
        };
        let record = pending(&setup, 4, seed)?;
        let base = left(&record);
        let frames: Vec<(u64, usize)> = log_writes(&record);
        let mut rng = Rng::new(seed);
        for (offset, len) in frames {
            for _ in 0..40 {
                let mut image = base.image.clone();
                let at = offset + rng.below(len) as u64;
                let mut byte = [0];
                image.read(at, &mut byte).unwrap();
                image.write(at, &[byte[0] ^ 1 << rng.below(8)]);
                let found = check_damaged(&image, &setup, &base.states, &base.allowed)
                    .map_err(|error| format!("rot at {at} of a frame at {offset}: {error}"))?;
                tally.add(match found {
                    Damaged::Harmless => "rot of a mark, or behind a frame",
                    Damaged::Told => "rot of a frame that was told",
                });
            }
        }
    }
    Ok(tally)
}

/// Where frames and marks were written, and how long they are.
fn log_writes(record: &Record) -> Vec<(u64, usize)> {
    let writes = record.log.iter().filter_map(|entry| match &entry.op {
        Op::Write { offset, data } if (LOG..LOG_END).contains(offset) => {
            Some((*offset, data.len()))
        }
        _ => None,
    });
    writes.collect()
}

/// Whether what the log holds is brought back whatever redb's header says: an opening that cannot read
/// the log fails, and redb closes its file properly all the same.
pub fn a_clean_header_is_no_reason_not_to_look(controls: Controls) -> Result<(), String> {
    let setup = setup(controls);
    let base = left(&pending(&setup, 3, 1)?);
    let mut refused = 0;
    for after in 0..400 {
        let volume = SimVolume::with_file(Path::new(PATH), &base.image, after);
        volume.fail(Failure {
            after,
            ..failing(Call::Read, How::Io)
        });
        match setup.open(&volume, after) {
            Ok(db) if !volume.is_disturbed() => {
                drop(db);
                break;
            }
            Ok(_) => {}
            Err(_) => refused += 1,
        }
        volume.kill();
        let left = volume.image(Path::new(PATH)).unwrap();
        check_image(&left, &setup, &base.states, &base.allowed)
            .map_err(|error| format!("after read {after} failed: {error}"))?;
    }
    if refused == 0 {
        return Err("no opening failed".to_owned());
    }
    Ok(())
}

#[test]
fn nobody_sees_what_could_still_be_lost() {
    readers_see_what_is_durable(Controls::default()).unwrap();
    readers_see_nothing_that_failed(Controls::default()).unwrap();
    a_new_bucket_is_not_seen_before_its_commit(Controls::default()).unwrap();
    an_error_waits_for_the_fate_of_its_batch(Controls::default()).unwrap();
}

#[test]
fn a_sync_that_fails_loses_nothing_and_brings_nothing_back() {
    a_sync_that_fails_anywhere(Controls::default()).unwrap();
}

#[test]
fn a_read_that_fails_within_a_batch_fails_all_of_it() {
    a_read_that_fails_within_a_batch(Controls::default()).unwrap();
}

#[test]
fn rot_in_the_log_is_told() {
    let tally = rot_of_a_synced_frame_is_told(Controls::default()).unwrap();
    println!("{tally}");
    tally.require(&[
        "rot of a frame that was told",
        "rot of a mark, or behind a frame",
    ]);
}

#[test]
fn an_opening_that_cannot_read_the_log_loses_nothing_of_it() {
    a_clean_header_is_no_reason_not_to_look(Controls::default()).unwrap();
}

/// Bulky transactions that fill the log, cut after every operation: the checkpoint in the middle comes by itself.
#[test]
fn a_log_that_is_three_quarters_full_begins_anew_and_loses_nothing() {
    let mut total = Sweep::default();
    for (cipher, seed) in CIPHERS.into_iter().zip(0..) {
        let setup = Setup {
            cipher,
            ..Setup::default()
        };
        let mut rng = Rng::new(seed);
        let actions = (0..11).map(|number| {
            let steps = vec![
                put(number % 3 + 1),
                Step::Note {
                    name: number as u8,
                    bytes: 5000 + rng.below(4000),
                },
            ];
            match number % 3 {
                0 => Action::buffered(steps),
                _ => Action::write(steps),
            }
        });
        let script = Script {
            setup,
            seed,
            actions: actions.collect(),
            ..Script::default()
        };
        let record = play(&empty_base(cipher), &script).unwrap();
        assert!(record.tally.count(ROUNDS) > 0, "it was never full");
        let mut sweep = Sweep::default();
        let all = record.log.len();
        sweep
            .sample(&record, &script, all, 15, &mut rng)
            .unwrap_or_else(|violation| panic!("{violation}"));
        total.merge(&sweep);
    }
    println!("{} images\n{}", total.images(), total.tally);
    total.tally.require(&[PENDING, ROUNDS]);
}

/// What the log holds is not brought back where there is no room for it, the file stays as it is, and
/// opens once there is room; after a power cut in between, too.
#[test]
fn a_disk_too_full_to_bring_back_the_log_says_so_and_loses_nothing() {
    let mut tally = Tally::default();
    for (cipher, seed) in CIPHERS.into_iter().zip(0..) {
        let setup = Setup {
            cipher,
            ..Setup::default()
        };
        let script = Script {
            setup,
            seed,
            actions: (0..8)
                .map(|name| Action::write(vec![Step::Note { name, bytes: 5000 }]))
                .collect(),
            ..Script::default()
        };
        let record = play(&empty_base(cipher), &script).unwrap();
        // As the last sync left it: the file is as long as the last checkpoint made it.
        let image = shortest(&record);
        let base = Base {
            image,
            ..left(&record)
        };
        for (call, lasting) in [
            (Call::SetLen, false),
            (Call::SetLen, true),
            (Call::Write, true),
        ] {
            for after in 0..30 {
                let volume = SimVolume::with_file(Path::new(PATH), &base.image, after);
                volume.fail(Failure {
                    call,
                    after,
                    lasting,
                    how: How::Full,
                });
                let opened = setup.open(&volume, after);
                let failed = volume.is_disturbed();
                match &opened {
                    Ok(_) if failed => {}
                    Ok(_) => break,
                    Err(error) if error.is(ErrorKind::Full) => tally.add(NO_ROOM),
                    // A sync that fails for lack of room, or a commit of redb's.
                    Err(error) => panic!("{call:?} {after}: {error:?}"),
                }
                // Dropped by a process that goes on, as it is when it only reports the error.
                drop(opened);
                volume.kill();
                let unsynced = volume.unsynced(Path::new(PATH)).unwrap();
                let mut rng = Rng::new(after);
                let mut images = vec![volume.image(Path::new(PATH)).unwrap()];
                images.push(unsynced.cut(&mut rng, &mut tally));
                for image in images {
                    check_image(&image, &setup, &base.states, &base.allowed)
                        .unwrap_or_else(|error| panic!("{call:?} {after}: {error}"));
                    tally.add("images after an opening without room");
                }
            }
        }
    }
    println!("{tally}");
    tally.require(&[NO_ROOM, "images after an opening without room"]);
}

/// The image without what redb wrote since its last checkpoint: as after a power cut.
fn shortest(record: &Record) -> Image {
    record.volume.unsynced(Path::new(PATH)).unwrap().durable
}

/// What an id is said to have come to, in a file as it is read now.
fn outcomes(volume: &SimVolume, seed: u64, ids: &[CommitId]) -> Vec<Outcome> {
    volume.kill();
    let db = Setup::default().open(volume, seed).unwrap();
    let outcomes = ids.iter().map(|id| db.outcome(*id).unwrap()).collect();
    volume.kill();
    drop(db);
    outcomes
}

/// The story: a life was remembered with the commit of its last checkpoint. Those behind it came back from
/// the log, and were said to be rolled back: whoever believed that did their work twice.
#[test]
fn a_commit_brought_back_from_the_log_is_said_to_be_committed() {
    let (volume, db, _) = logging(Controls::default()).unwrap();
    let ids: Vec<CommitId> = (5..8)
        .map(|id| {
            db.write(|tx| {
                apply(tx, &[put(id)], id)?;
                Ok(tx.commit_id())
            })
            .unwrap()
        })
        .collect();
    volume.kill();
    drop(db);
    for life in 0..3 {
        assert_eq!(
            outcomes(&volume, 10 + life, &ids),
            [Outcome::Committed; 3],
            "after opening {life}"
        );
    }
}

/// The story: the first commit of an opening failed and was lost with the power. Of that opening nothing
/// was in the file, which was taken for having been forgotten.
#[test]
fn the_first_commit_of_an_opening_is_said_to_be_rolled_back_when_nothing_of_it_stayed() {
    let (volume, db, _) = logging(Controls::default()).unwrap();
    db.close().unwrap();
    let db = Setup::default().open(&volume, 2).unwrap();
    volume.fail(failing(Call::Sync, How::Io));
    let error = db.write(|tx| apply(tx, &[put(1)], 1)).unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    let id = error.commit().unwrap();
    volume.kill();
    drop(db);
    assert_eq!(outcomes(&volume, 3, &[id]), [Outcome::RolledBack]);
}

/// The story: a transaction that failed by itself left its sequence to the next one of its batch. The
/// commit of the batch failed, each was told so with its sequence, and after opening again the one that
/// had failed was said to be committed.
#[test]
fn a_transaction_that_was_undone_is_not_told_of_the_outcome_of_another() {
    let (volume, db, state) = logging(Controls::default()).unwrap();
    volume.fail(failing(Call::Sync, How::Io));
    let member = |id, ending| Transaction {
        steps: vec![put(id)],
        ending,
        ..Transaction::default()
    };
    let members = [
        member(5, Ending::Commit),
        member(6, Ending::Missing),
        member(7, Ending::Commit),
    ];
    let mut closures: Vec<Closure<'_>> = Vec::new();
    for member in &members {
        closures.push(Box::new(|tx| member.perform(tx, 3)));
    }
    // One that only reads has nothing to commit, either.
    closures.push(Box::new(|tx| tx.bucket("notes")?.get("step").map(drop)));
    let results = db.write_together(closures).unwrap();
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().map_err(larder::Error::kind))
        .collect();
    let unknown = Err(ErrorKind::OutcomeUnknown);
    let poisoned = Err(ErrorKind::Poisoned);
    assert_eq!(kinds, [unknown, poisoned, unknown, poisoned]);
    let ids = |at: usize| results[at].as_ref().unwrap_err().commit();
    assert_eq!(ids(0).unwrap().sequence(), state.sequence + 1);
    assert_eq!(ids(2).unwrap().sequence(), state.sequence + 2);
    assert_eq!((ids(1), ids(3)), (None, None));
}

/// The story: a commit that dropped a collection and made it anew was durable and visible, and the copy of
/// its superblock failed. Readers had the tables of after it, and the catalog of before: where records
/// were, they saw none.
#[test]
fn after_a_commit_that_failed_half_way_readers_see_it_whole_or_not_at_all() {
    let mut seen_after = 0;
    for after in 0.. {
        let (volume, db, before) = logging(Controls::default()).unwrap();
        let steps = [Step::DropSpecimens, put(13)];
        let then = before.after(&steps, 9);
        volume.fail(Failure {
            after,
            ..failing(Call::Sync, How::Io)
        });
        let result = db.write(|tx| apply(tx, &steps, 9));
        if result.is_ok() {
            break;
        }
        if let Ok(seen) = read_state(&db) {
            let seen = seen.unwrap();
            let is =
                |state: &State| (&seen.specimens, &seen.notes) == (&state.specimens, &state.notes);
            assert!(is(&before) || is(&then), "sync {after}: {seen:?}");
            seen_after += u64::from(is(&then));
        }
        volume.kill();
    }
    assert!(seen_after > 0, "the commit was never visible");
}

/// Superblocks in the page cache alone: a process is killed after each write of one, and the power fails
/// in the life after it.
pub fn killed_at_each_superblock(controls: Controls) -> Result<Sweep, String> {
    let rule = Rule {
        all_up_to: 2,
        random: 1,
        again_in: 1000,
    };
    let mut total = Sweep::default();
    let setup = Setup {
        controls,
        unchecked: true,
        ..Setup::default()
    };
    let mut script = Script {
        setup,
        seed: 5,
        actions: vec![
            Action::write(vec![put(1)]),
            Action::write(vec![put(2)]),
            Action::Checkpoint,
            Action::write(vec![put(3)]),
            Action::write(vec![Step::ClearNotes]),
        ],
        ..Script::default()
    };
    let base = empty_base(None);
    let log = play(&base, &script)?.log;
    for (changes, entry) in (1..).zip(&log) {
        if !matches!(
            entry.op,
            Op::Write {
                offset: 0x2000 | 0x3000,
                ..
            }
        ) {
            continue;
        }
        script.kill_after = Some(changes);
        let record = play(&base, &script)?;
        let mut sweep = Sweep::default();
        catching(|| sweep.exhaust(&record, &script, rule, &mut Rng::new(changes)))?;
        total.merge(&sweep);
    }
    Ok(total)
}

#[test]
fn a_process_that_is_killed_at_a_superblock_leaves_the_next_one_safe() {
    let sweep = killed_at_each_superblock(Controls::default()).unwrap();
    println!("{} images\n{}", sweep.images(), sweep.tally);
    sweep.tally.require(&["process kill"]);
}

/// Histories of everything, of which only the last read state counts: closed, opened, and read again.
#[test]
fn what_was_closed_has_nothing_in_its_log() {
    let mut rng = Rng::new(3);
    let script = Script {
        seed: 3,
        actions: plain(random_transactions(&mut rng, 6, 9)),
        close: true,
        ..Script::default()
    };
    let record = play(&empty_base(None), &script).unwrap();
    let volume = record.volume;
    let db = Setup::default().open(&volume, 9).unwrap();
    assert_eq!(db.recovery_report().replayed, 0);
    state_of(&db, &record.states, &record.allowed).unwrap();
}
