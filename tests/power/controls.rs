//! Would it be seen? Each rule that keeps a file safe is broken once, and the runs that pass while it
//! is kept must fail.

use std::path::Path;

use larder::ErrorKind;
use larder::testing::{Control, Controls, put_raw};

use super::history::{Action, Script, empty_base, play};
use super::oracle::{
    PATH, Setup, Step, apply, catching, check_damaged, read_state, sound_state_of,
};
use super::sim_disk::SimVolume;
use super::{compaction, creation, damage, enumerate, keys, log, sample, secrets, snapshot};

/// Fails unless the run reports a violation that says one of these things.
fn assert_caught<R>(
    control: Control,
    run: impl FnOnce(Controls) -> Result<R, String>,
    says: &[&str],
) {
    let controls = Controls::default().with(control);
    // A file that cannot even be made is caught, too.
    match catching(|| run(controls)) {
        Ok(_) => panic!("{control:?} was not seen"),
        Err(violation) => {
            let first = violation.lines().next().unwrap_or_default();
            println!(
                "{control:?}: {}",
                first.chars().take(160).collect::<String>()
            );
            assert!(
                says.iter().any(|word| violation.contains(word)),
                "{control:?} was seen by something else: {violation}"
            );
        }
    }
}

fn enumerated(controls: Controls) -> Result<(), String> {
    enumerate::usual(controls).map(drop)
}

fn enumerated_unchecked(controls: Controls) -> Result<(), String> {
    enumerate::unchecked(controls).map(drop)
}

fn sampled(controls: Controls) -> Result<(), String> {
    sample::run(controls, 0..sample::SEEDS).map(drop)
}

fn damaged(controls: Controls) -> Result<(), String> {
    damage::run(controls, damage::ROUNDS).map(drop)
}

#[test]
fn a_single_superblock_slot_is_seen() {
    // A check sees it before anything is lost, so none is made.
    assert_caught(
        Control::SingleSlot,
        enumerated_unchecked,
        &["does not open", "may be"],
    );
}

#[test]
fn a_missing_mirror_is_seen() {
    assert_caught(
        Control::NoMirror,
        damaged,
        &["may be", "in none of the states"],
    );
}

#[test]
fn an_opening_that_does_not_write_its_slot_again_is_seen() {
    assert_caught(
        Control::NoRewrite,
        log::killed_at_each_superblock,
        &["may be", "does not open", "in none"],
    );
}

#[test]
fn a_one_phase_commit_is_seen() {
    assert_caught(
        Control::OnePhase,
        enumerated,
        &["not of the kind that survives"],
    );
}

#[test]
fn a_commit_without_the_state_of_the_allocator_is_seen() {
    assert_caught(
        Control::NoQuickRepair,
        enumerated,
        &["redb walked the file"],
    );
}

#[test]
fn zeros_for_damaged_blocks_are_seen() {
    assert_caught(
        Control::ZerosForDamage,
        damaged,
        &["a panic", "in none", "index", "damage is told as"],
    );
}

/// redb's own check repairs what it finds: over an old copy of a block it goes back to the commit
/// before, in the file, and nobody hears of it. Over a whole file it does no harm any more.
#[test]
fn a_check_by_redb_on_the_live_handle_is_seen() {
    assert_caught(Control::CheckOnLiveHandle, damaged, &["a scrub made"]);
}

/// That nothing is written after a failed sync is looked at directly. redb latches its own calls since
/// 4.6, so that no loss follows where the rule is broken; ours holds for the mirror, the header and the
/// cut of a partial block, too, and for a redb that does not.
#[test]
fn a_missing_latch_is_seen() {
    assert_caught(
        Control::NoLatch,
        sampled,
        &["changes of a file after its sync"],
    );
}

#[test]
fn an_error_of_a_sync_that_is_ignored_is_seen() {
    assert_caught(
        Control::IgnoreSyncError,
        log::a_sync_that_fails_anywhere,
        &[
            "does not open",
            "cannot be read",
            "in none",
            "may be",
            "a panic",
        ],
    );
}

#[test]
fn an_acknowledgement_before_the_sync_is_seen() {
    assert_caught(
        Control::AcknowledgeBeforeSync,
        enumerated,
        &["may be", "in none"],
    );
}

#[test]
fn a_directory_that_is_not_synced_is_seen() {
    assert_caught(Control::NoDirectorySync, creation::run, &["it is gone"]);
}

#[test]
fn a_compacted_file_whose_name_is_not_made_durable_is_seen() {
    assert_caught(
        Control::NoDirectorySync,
        compaction::run,
        &["may be", "in none"],
    );
}

#[test]
fn a_compacted_file_that_is_not_synced_before_it_has_its_name_is_seen() {
    assert_caught(
        Control::NoSyncBeforeSwap,
        compaction::run,
        &["does not open"],
    );
}

#[test]
fn a_snapshot_that_is_not_synced_before_it_has_its_name_is_seen() {
    assert_caught(
        Control::NoSyncBeforeSwap,
        snapshot::run,
        &["does not open", "is not whole"],
    );
}

#[test]
fn headers_that_agree_in_the_page_cache_alone_are_seen() {
    assert_caught(
        Control::NoHeaderRewrite,
        |controls| keys::run(controls, 0..keys::SEEDS),
        &["open it, where"],
    );
}

/// Since opening makes both copies of the header durable, it does not matter any more which of them a
/// change writes first. Where opening does not, the file is lost.
#[test]
fn a_key_changed_first_in_the_copy_that_opened_is_seen_where_opening_does_not_settle_both() {
    let first = Controls::default().with(Control::RewrapGoodCopyFirst);
    keys::run(first, 0..keys::SEEDS).unwrap();
    assert_caught(
        Control::NoHeaderRewrite,
        |controls| {
            let both = controls.with(Control::RewrapGoodCopyFirst);
            keys::run_until(both, 1000..4000, |violation| {
                violation.contains("{} open it")
            })
        },
        &["{} open it"],
    );
}

#[test]
fn a_nonce_used_twice_is_seen() {
    assert_caught(Control::NonceReused, secrets::run, &["one nonce at"]);
}

#[test]
fn frames_that_do_not_say_what_was_synced_before_them_are_seen() {
    assert_caught(
        Control::NoSyncedThrough,
        log::rot_of_a_synced_frame_is_told,
        &["may be"],
    );
}

#[test]
fn a_hole_that_is_taken_for_damage_is_seen() {
    assert_caught(Control::HoleIsDamage, enumerated, &["does not open"]);
}

#[test]
fn an_acknowledgement_before_the_sync_of_the_log_is_seen() {
    assert_caught(Control::NoLogSync, enumerated, &["may be", "in none"]);
}

#[test]
fn what_is_shown_before_the_sync_of_the_log_is_seen() {
    let says = &["before the sync, a reader sees"];
    assert_caught(
        Control::PublishBeforeSync,
        log::readers_see_what_is_durable,
        says,
    );
    assert_caught(
        Control::PublishBeforeSync,
        log::readers_see_nothing_that_failed,
        &["after Sync failed"],
    );
}

#[test]
fn a_frame_that_is_written_after_its_commit_is_seen() {
    assert_caught(
        Control::FrameAfterCommit,
        log::readers_see_nothing_that_failed,
        &["after Write failed"],
    );
}

#[test]
fn a_log_that_begins_anew_before_its_checkpoint_has_returned_is_seen() {
    // The frames behind the first one say that it was there.
    assert_caught(
        Control::EarlyRestart,
        enumerated,
        &["may be", "in none", "is in the log and damaged"],
    );
}

#[test]
fn a_life_that_begins_before_the_one_before_it_was_brought_back_is_seen() {
    assert_caught(
        Control::LifeBeforeReplay,
        enumerated,
        &["may be", "in none"],
    );
}

#[test]
fn a_log_that_is_looked_at_only_where_the_file_was_not_closed_is_seen() {
    assert_caught(
        Control::ReplayOnlyUnclean,
        log::a_clean_header_is_no_reason_not_to_look,
        &["may be"],
    );
}

#[test]
fn an_error_that_is_told_before_the_fate_of_its_batch_is_seen() {
    assert_caught(
        Control::EarlyError,
        log::an_error_waits_for_the_fate_of_its_batch,
        &["told early"],
    );
}

#[test]
fn a_catalog_that_is_shown_before_its_commit_is_seen() {
    assert_caught(
        Control::EarlyCatalog,
        log::a_new_bucket_is_not_seen_before_its_commit,
        &["a reader sees"],
    );
}

#[test]
fn a_failure_after_the_sync_that_is_told_as_rolled_back_is_seen() {
    assert_caught(
        Control::RolledBackAfterSync,
        log::a_sync_that_fails_anywhere,
        &["may be", "in none"],
    );
}

/// Nothing is lost without the life in each frame, as long as the rest holds: a life begins with a
/// checkpoint that has a commit of its own, so that its first frame has a sequence that no first frame of
/// an earlier life had, and every other one says the checksum of the one before it. The life says the same
/// once more, also where a checksum should meet its like.
#[test]
fn frames_without_life_do_no_harm_as_long_as_their_chain_holds() {
    let without = Controls::default().with(Control::FramesWithoutLife);
    enumerate::run(without, false, enumerate::USUAL, 0, enumerate::IMAGES / 10).unwrap();
    sample::run(without, 0..sample::SEEDS / 10).unwrap();
}

/// redb does nothing more after an error of the disk, so that such a batch is not committed all the same.
/// But it is told as one of which nothing is known, though nothing of it was logged.
#[test]
fn what_is_undone_after_an_error_of_redbs_is_seen() {
    assert_caught(
        Control::UndoAfterError,
        log::a_read_that_fails_within_a_batch,
        &["an unknown outcome of no commit"],
    );
}

fn read_only(controls: Controls) -> Result<(), String> {
    let base = empty_base(None);
    let setup = Setup {
        controls,
        ..Setup::default()
    };
    let volume = SimVolume::with_file(Path::new(PATH), &base.image, 1);
    let db = setup
        .builder(&volume, 1)
        .open_read_only(PATH)
        .map_err(|error| format!("it does not open: {error}"));
    let state = db.and_then(|db| sound_state_of(&db, &setup, &base.states, &base.allowed));
    let written = volume.tally().count("write through a read-only handle");
    if written > 0 || !volume.log().is_empty() {
        return Err(format!(
            "{written} writes to a file that was opened read-only"
        ));
    }
    state.map(drop)
}

#[test]
fn a_read_only_opening_that_writes_is_seen() {
    read_only(Controls::default()).unwrap();
    assert_caught(Control::ReadOnlyWrites, read_only, &["opened read-only"]);
}

/// What the gate is for: redb takes a block of a one-phase commit that does not agree for one that the
/// crash lost, and silently goes back to the commit before, though this one was acknowledged.
fn one_phase_file_with_an_old_block(gate: Controls) -> Result<(), String> {
    let writer = Controls::default()
        .with(Control::OnePhase)
        .with(Control::NoPhaseGate);
    let base = empty_base(None);
    let script = Script {
        setup: Setup {
            controls: writer,
            unchecked: true,
            ..Setup::default()
        },
        actions: vec![Action::write(vec![Step::Put { id: 1, bytes: 100 }])],
        ..Script::default()
    };
    let record = play(&base, &script)?;
    let durable = record.volume.unsynced(Path::new(PATH)).unwrap().durable;
    let reader = Setup {
        controls: gate,
        ..Setup::default()
    };
    for number in 0..damage::blocks(&base.image) {
        let mut image = durable.clone();
        damage::put_block(&mut image, number, &damage::block(&base.image, number));
        check_damaged(&image, &reader, &record.states, &record.allowed)?;
    }
    Ok(())
}

#[test]
fn a_missing_gate_for_one_phase_commits_is_seen() {
    one_phase_file_with_an_old_block(Controls::default()).unwrap();
    assert_caught(
        Control::NoPhaseGate,
        one_phase_file_with_an_old_block,
        &["may be", "in none", "a panic", "damage is told as"],
    );
}

#[test]
fn one_forgotten_deletion_from_an_index_is_seen() {
    let base = empty_base(None);
    let setup = Setup::default();
    let volume = SimVolume::with_file(Path::new(PATH), &base.image, 1).without_record();
    let db = setup.open(&volume, 1).unwrap();
    db.write(|tx| {
        apply(
            tx,
            &[
                Step::Put { id: 1, bytes: 40 },
                Step::Put { id: 2, bytes: 40 },
            ],
            7,
        )
    })
    .unwrap();
    assert!(read_state(&db).unwrap().is_ok());
    // The record goes behind the engine's back: its entries in the indexes stay.
    for table in 1..9 {
        put_raw(&db, &format!("r{table}"), &1_u64.to_be_bytes(), None).unwrap();
    }
    let found = read_state(&db);
    let seen = match &found {
        Ok(Ok(_)) => false,
        Ok(Err(text)) => text.contains("index"),
        Err(error) => error.is(ErrorKind::Corrupt),
    };
    assert!(seen, "{found:?}");
    assert!(!db.check().unwrap().is_ok());
}
