//! A kill or a failure at every place where there can be one: until a run comes to its end undisturbed.

use super::oracle::catching;
use super::sim_disk::{Call, Failure, How};

/// Kills after each operation of the disk's that changes something; `act` says whether it came to its end.
pub fn killed(mut act: impl FnMut(u64) -> Result<bool, String>) -> Result<(), String> {
    for changes in 1.. {
        let done = catching(|| act(changes));
        if done.map_err(|error| format!("killed after {changes} operations: {error}"))? {
            break;
        }
    }
    Ok(())
}

/// Lets each call of the disk's fail, of some one in a few; `act` says whether none did any more.
pub fn failing(
    failures: &[(Call, How, bool)],
    one_in: impl Fn(Call) -> usize,
    mut act: impl FnMut(Failure) -> Result<bool, String>,
) -> Result<(), String> {
    for &(call, how, lasting) in failures {
        for after in (0..).step_by(one_in(call)) {
            let failure = Failure {
                call,
                after,
                lasting,
                how,
            };
            if catching(|| act(failure)).map_err(|error| format!("{failure:?}: {error}"))? {
                break;
            }
        }
    }
    Ok(())
}
