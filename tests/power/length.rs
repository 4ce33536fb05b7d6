//! Is the length of a file as durable as what is in it?

use std::path::Path;

use super::history::{Action, Script, empty_base, play};
use super::oracle::{PATH, Setup, Step, check_image};
use super::sim_disk::{Call, Failure, How, Op, Tally};

/// The story: a process made its file longer, and the sync of that failed. The next process found the
/// length in the page cache, took it for what it was, and committed with it; the power failed, and the file
/// was as short as before. Its newest header said of it that it was longer, so that it was taken for cut
/// off. So opening sets the length once more, before it syncs.
#[test]
fn a_length_that_a_failed_sync_lost_is_made_durable_by_the_next_opening() {
    let mut tally = Tally::default();
    let base = empty_base(None);
    let large = |name| {
        Action::write(vec![Step::Note {
            name,
            bytes: 60_000,
        }])
    };
    for after in 0..40 {
        let script = Script {
            setup: Setup::default(),
            seed: after,
            actions: vec![large(1), large(2), large(3), large(4)],
            failures: vec![Failure {
                call: Call::Sync,
                after,
                lasting: false,
                how: How::Io,
            }],
            ..Script::default()
        };
        let record = play(&base, &script).unwrap();
        tally.merge(&record.tally);
        let failed = record.log.iter().position(|entry| match &entry.op {
            Op::FailedSync(kept) => !kept.iter().any(|op| matches!(op, Op::SetLen(_))),
            _ => false,
        });
        let set = record.log[..failed.unwrap_or(0)]
            .iter()
            .rev()
            .take_while(|entry| !matches!(entry.op, Op::Sync));
        if set
            .into_iter()
            .any(|entry| matches!(entry.op, Op::SetLen(_)))
        {
            tally.add("lengths that a failed sync lost");
        }
        let durable = record.volume.unsynced(Path::new(PATH)).unwrap().durable;
        check_image(&durable, &script.setup, &record.states, &record.allowed)
            .unwrap_or_else(|error| panic!("sync {after}: {error}"));
    }
    println!("{tally}");
    tally.require(&["EIO on sync, once", "lengths that a failed sync lost"]);
}
