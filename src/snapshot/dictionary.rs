//! Do the blocks of a table get smaller with a dictionary, and with which? It is trained on samples from all over
//! the table, and used where samples that it was not trained on say that it pays.

use std::collections::VecDeque;
use std::ops::Bound;

use super::block::BlockWriter;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::between;
use crate::store::{ALL, ReadTable};

/// Bytes of a dictionary.
const DICTIONARY_BYTES: usize = 32 << 10;

/// Smaller tables have none.
const ENTRIES_MIN: u64 = 4_096;

/// Samples, and bytes of each of them.
const SAMPLES: usize = 200;
const SAMPLE_BYTES: usize = 4 << 10;

/// One of so many samples is not trained on.
const HELD_BACK: usize = 8;

/// The dictionary for a table; empty where it has none.
pub(super) fn dictionary(table: ReadTable<'_, '_>, level: i32) -> Result<Vec<u8>> {
    if level == super::pack::STORED || table.len()? < ENTRIES_MIN {
        return Ok(Vec::new());
    }
    let samples = samples(table)?;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (i, sample) in samples.into_iter().enumerate() {
        if i % HELD_BACK == 0 {
            &mut test
        } else {
            &mut train
        }
        .push(sample);
    }
    // Where there is too little to learn from, there is none.
    let Ok(dictionary) = zstd::dict::from_samples(&train, DICTIONARY_BYTES) else {
        return Ok(Vec::new());
    };
    let with = compressed(&test, level, &dictionary)?;
    let without = compressed(&test, level, &[])?;
    // A block is four times as large as a sample, and learns more from itself.
    let saved = without.saturating_sub(with) / 4;
    let pays = saved.saturating_mul(20) > without;
    Ok(if pays { dictionary } else { Vec::new() })
}

/// Bytes that samples have when they are compressed.
fn compressed(samples: &[Vec<u8>], level: i32, dictionary: &[u8]) -> Result<usize> {
    let failed = |error| Error::new(ErrorKind::Io, "a sample cannot be compressed").because(error);
    let mut compressor =
        zstd::bulk::Compressor::with_dictionary(level, dictionary).map_err(failed)?;
    samples.iter().try_fold(0, |sum, sample| {
        Ok(sum + compressor.compress(sample).map_err(failed)?.len())
    })
}

/// Some entries at each of many places, about evenly spread over the keys that there could be.
fn samples(table: ReadTable<'_, '_>) -> Result<Vec<Vec<u8>>> {
    let mut ends = table.range(ALL)?;
    let own = |key: &[u8], _: &[u8]| Ok(key.to_vec());
    let (Some(first), Some(last)) = (ends.next_with(own), ends.next_back_with(own)) else {
        return Ok(Vec::new());
    };
    let mut spans = VecDeque::from([(first?, last?)]);
    let mut samples = Vec::new();
    // Where keys lie close together, much of what could lie between them is empty.
    for _ in 0..2 * SAMPLES {
        let Some((from, to)) = spans.pop_front().filter(|_| samples.len() < SAMPLES) else {
            break;
        };
        let Some(middle) = between(&from, &to) else {
            continue;
        };
        let (sample, first, last) = sample(table, &middle)?;
        if first < to {
            samples.push(sample);
        }
        if last < to {
            spans.push_back((last, to));
        }
        spans.push_back((from, middle));
    }
    Ok(samples)
}

/// Some entries from a key on, of which there is one, as they would lie in a block; the first key, and the last.
fn sample(table: ReadTable<'_, '_>, from: &[u8]) -> Result<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut block = BlockWriter::default();
    let mut last = Vec::new();
    let mut bytes = 0;
    table.each(Bound::Included(from), |key, value| {
        block.add(key, Some(value))?;
        bytes += key.len() + value.len();
        last.clear();
        last.extend_from_slice(key);
        Ok(bytes < SAMPLE_BYTES)
    })?;
    let first = block.head().0.to_vec();
    Ok((block.finish(), first, last))
}
