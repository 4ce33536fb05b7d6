//! Is a new database there complete or not at all, wherever its creation is interrupted?

use std::path::Path;

use larder::testing::{Controls, Volume};

use super::CIPHERS;
use super::everywhere;
use super::history::empty_base;
use super::oracle::{PATH, Setup, State, catching, check_image};
use super::sim_disk::{Call, Failure, How, Rng, SimVolume, Tally};

/// Power cuts at each point.
const CUTS: usize = 12;

/// An empty database has no commit of its user's.
fn empty() -> [State; 1] {
    [State::default()]
}

/// Creates, perhaps killed after so many operations; then the power is cut.
fn interrupted(
    setup: &Setup,
    prepare: impl Fn(&SimVolume),
    seed: u64,
    tally: &mut Tally,
) -> Result<bool, String> {
    let volume = SimVolume::new(seed);
    prepare(&volume);
    let created = setup.builder(&volume, seed).create(PATH);
    let acknowledged = created.is_ok();
    let disturbed = volume.is_disturbed();
    let killed = volume.is_killed();
    if let Err(error) = &created
        && !disturbed
    {
        return Err(format!("it cannot be created: {error}"));
    }
    // It is open by now; what closing would write is not to be had.
    volume.kill();
    drop(created);
    tally.merge(&volume.tally());
    if !acknowledged && !killed && volume.exists(Path::new(PATH)) {
        tally.add("names of files whose creation was reported as failed");
    }
    let mut rng = Rng::new(seed);
    for _ in 0..CUTS {
        let remains = volume.cut(&mut rng, tally);
        tally.add("images of a creation");
        match remains.files.get(Path::new(PATH)) {
            Some(image) => {
                check_image(image, setup, &empty(), &[0])
                    .map_err(|error| format!("what has the name is no whole database: {error}"))?;
            }
            None if acknowledged => return Err("its creation was acknowledged, it is gone".into()),
            None => {
                tally.add("creations that left nothing under the name");
                // What was left under other names stands in nobody's way.
                let volume = SimVolume::with_files(remains.files, rng.next()).without_record();
                setup
                    .builder(&volume, rng.next())
                    .create(PATH)
                    .map_err(|error| format!("it cannot be created again: {error}"))?;
            }
        }
    }
    Ok(acknowledged)
}

pub fn run(controls: Controls) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for cipher in CIPHERS {
        let setup = Setup {
            cipher,
            controls,
            ..Setup::default()
        };
        everywhere::killed(|changes| {
            let prepare = |volume: &SimVolume| volume.kill_after(changes);
            let done = interrupted(&setup, prepare, changes, &mut tally)?;
            if !done {
                tally.add("creations that were interrupted");
            }
            Ok(done)
        })
        .map_err(|error| format!("{cipher:?}, {error}"))?;
        for (call, how) in [
            (Call::Write, How::Io),
            (Call::Write, How::Full),
            (Call::SetLen, How::Full),
            (Call::Sync, How::Io),
        ] {
            for lasting in [false, true] {
                for after in 0..40 {
                    let failure = Failure {
                        call,
                        after,
                        lasting,
                        how,
                    };
                    let prepare = |volume: &SimVolume| volume.fail(failure);
                    catching(|| interrupted(&setup, prepare, after, &mut tally))
                        .map_err(|error| format!("{cipher:?}, {failure:?}: {error}"))?;
                }
            }
        }
    }
    Ok(tally)
}

#[test]
fn an_interrupted_creation_leaves_a_whole_database_or_none() {
    let tally = run(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{tally}");
    tally.require(&[
        "creations that were interrupted",
        "creations that left nothing under the name",
        "images of a creation",
        "directory entry lost",
        "set_len lost",
        "set_len late",
        "process kill",
        "EIO on write, once",
        "EIO on sync, once",
        "ENOSPC on write, passing",
        "ENOSPC on set_len, passing",
    ]);
}

/// What exists is never written over, not even when it is only an entry that no sync has seen.
#[test]
fn a_creation_that_finds_something_under_the_name_leaves_it() {
    let base = empty_base(None);
    let volume = SimVolume::with_file(Path::new(PATH), &base.image, 3);
    let error = Setup::default()
        .builder(&volume, 3)
        .create(PATH)
        .unwrap_err();
    assert!(error.is(larder::ErrorKind::AlreadyExists), "{error}");
    assert!(volume.log().is_empty());
}
