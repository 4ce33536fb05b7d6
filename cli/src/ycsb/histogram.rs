//! How long did operations take, in memory that does not grow with their number?

use std::time::Duration;

/// Durations, counted in buckets whose width grows with what they hold: 32 for each power of two of
/// nanoseconds, as in Gil Tene's `HdrHistogram`. A percentile is off by half a bucket at most, 1.6 %; below
/// 64 ns it is exact. It takes 15 KiB.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    /// Of all durations, in nanoseconds.
    sum: u128,
    max: u64,
}

/// Each power of two has 2^5 buckets.
const BITS: u32 = 5;

/// What is below has a bucket of its own.
const EXACT: u64 = 1 << BITS;

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![0; bucket_of(u64::MAX) + 1],
            count: 0,
            sum: 0,
            max: 0,
        }
    }

    /// Adds a duration; one of more than 584 years counts as that.
    pub(super) fn add(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(nanoseconds)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += u128::from(nanoseconds);
        self.max = self.max.max(nanoseconds);
    }

    /// Adds all that another has.
    pub(super) fn merge(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// `None` where there is nothing.
    pub(super) fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }

    /// The duration that so many in a hundred do not exceed, by nearest rank; `None` where there is
    /// nothing.
    pub(super) fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (u128::from(self.count) * u128::from(percent))
            .div_ceil(100)
            .max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(Duration::from_nanos(middle_of(bucket).min(self.max)));
            }
        }
        None
    }
}

/// The number of the bucket for a value: the place of its highest bit, then the five bits below.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 2,000 buckets"
)]
fn bucket_of(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    (u64::from(shift + 1) * EXACT + ((value >> shift) - EXACT)) as usize
}

/// The value in the middle of a bucket.
fn middle_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let shift = bucket / EXACT - 1;
    let least = (EXACT + bucket % EXACT) << shift;
    least + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ycsb::splitmix::SplitMix64;

    #[test]
    fn a_value_is_in_a_bucket_whose_middle_is_within_two_percent_of_it() {
        let mut random = SplitMix64::new(9);
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let values = edges.chain((0..10_000).map(|_| {
            let bits = random.below(64);
            random.next() >> bits
        }));
        for value in values.chain([u64::MAX]) {
            let middle = middle_of(bucket_of(value));
            assert!(middle.abs_diff(value) <= value / 50, "{value} {middle}");
        }
        for bucket in 0..bucket_of(u64::MAX) {
            assert_eq!(bucket_of(middle_of(bucket)), bucket);
        }
        assert!(bucket_of(u64::MAX) < 2_000);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut random = SplitMix64::new(5);
        for count in [1, 2, 3, 99, 100, 101, 10_000] {
            let (mut halves, mut values) = ([Histogram::new(), Histogram::new()], Vec::new());
            for i in 0..count {
                let bits = random.below(40);
                let value = random.next() >> 20 >> bits;
                values.push(value);
                halves[i % 2].add(Duration::from_nanos(value));
            }
            let [mut all, other] = halves;
            all.merge(&other);
            values.sort_unstable();
            for percent in [1, 50, 95, 99, 100] {
                let rank = (count * percent).div_ceil(100);
                let exact = values[rank - 1];
                let found = all.percentile(percent as u64).unwrap().as_nanos();
                let off = found.abs_diff(u128::from(exact));
                assert!(
                    off <= u128::from(exact / 50),
                    "{count} {percent}: {found} {exact}"
                );
            }
            let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
            assert_eq!(all.mean().unwrap().as_nanos(), sum / count as u128);
            assert_eq!(all.max().as_nanos(), u128::from(values[count - 1]));
            assert_eq!(all.count(), count as u64);
        }
    }

    #[test]
    fn nothing_has_no_percentiles() {
        let nothing = Histogram::new();
        assert_eq!(nothing.percentile(50), None);
        assert_eq!(nothing.mean(), None);
        assert_eq!(nothing.max(), Duration::ZERO);
    }
}
