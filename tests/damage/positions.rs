//! Does a change of any single byte of a file go unnoticed?

use super::examine::{Nature, Outcomes, examine};
use super::files::{DATA, LOG, Sample};
use crate::support::random::Random;

/// Every so many bytes of the log, which is not used yet, and of blocks that were never written.
const SPARSE: usize = 1021;

/// Flips a bit, or the whole byte, at every `step`th position of all four kinds of files.
fn flip_positions(step: usize) {
    for sample in Sample::all(12) {
        let mut random = Random(step as u64);
        let mut outcomes = Outcomes::default();
        let mut flip = |at: usize, outcomes: &mut Outcomes| {
            let mut bytes = sample.bytes.clone();
            let mask = [0xFF, 1 << random.below(8)][random.below(2)];
            bytes[at] ^= mask;
            let what = format!("byte {at} ^ {mask:#04x}");
            examine(&sample, &what, bytes, Nature::Damage, outcomes);
        };
        let written: Vec<usize> = (1..=sample.blocks())
            .filter(|n| sample.is_written(*n))
            .collect();
        // The pages of headers and superblocks are mostly zeros: of those every position, too.
        for at in (0..LOG).step_by(step) {
            flip(at, &mut outcomes);
        }
        for at in (LOG..DATA).step_by(SPARSE) {
            flip(at, &mut outcomes);
        }
        for number in 1..=sample.blocks() {
            let step = if sample.is_written(number) {
                step
            } else {
                SPARSE
            };
            // Beginning elsewhere in each block, so that all positions get their turn.
            for at in sample.block(number).skip(number % step).step_by(step) {
                flip(at, &mut outcomes);
            }
        }
        outcomes.conclude(&format!(
            "{}: one byte changed, every {step}th position, {} of {} blocks written",
            sample.name,
            written.len(),
            sample.blocks()
        ));
    }
}

#[test]
fn a_changed_byte_anywhere_is_told_or_does_no_harm() {
    flip_positions(128);
}

/// `cargo test --test main damage::positions -- --ignored --nocapture`
#[test]
#[ignore = "takes many minutes"]
fn a_changed_byte_at_every_position_is_told_or_does_no_harm() {
    flip_positions(1);
}
