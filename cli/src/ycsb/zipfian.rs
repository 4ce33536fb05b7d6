//! Which record is asked for, when some are asked for far more often than others?
//!
//! The zipfian generator is that of Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly
//! Generating Billion-Record Synthetic Databases" (SIGMOD 1994), section 3.2, as in YCSB's
//! `ZipfianGenerator`: item `i` of `n` comes with the probability `1 / (i + 1)^θ / ζ(n, θ)`. For the first
//! two items that is exact, for the others close.

use super::splitmix::SplitMix64;

/// YCSB's θ (`ZipfianGenerator.ZIPFIAN_CONSTANT`).
pub(super) const THETA: f64 = 0.99;

/// How many items YCSB scrambles (`ScrambledZipfianGenerator.ITEM_COUNT`): so many more than there are
/// records that how often each comes does not depend on their number.
const SCRAMBLED_ITEMS: u64 = 10_000_000_000;

/// ζ of that many items, which would take minutes (`ScrambledZipfianGenerator.ZETAN`).
const SCRAMBLED_ZETA: f64 = 26.469_028_201_783_02;

/// Gives items from 0 on, each more seldom than the one before.
#[derive(Clone, Debug)]
pub(super) struct Zipfian {
    items: u64,
    /// ζ(items, θ)
    zeta: f64,
    eta: f64,
}

impl Zipfian {
    /// One of so many items, at least 1. Takes time that grows with their number.
    pub(super) fn new(items: u64) -> Self {
        Self::with_zeta(items, zeta(0, items))
    }

    fn with_zeta(items: u64, zeta_items: f64) -> Self {
        Self {
            items,
            zeta: zeta_items,
            eta: eta(items, zeta_items),
        }
    }

    /// Adds items up to that number; takes time that grows with those that are added.
    pub(super) fn grow(&mut self, items: u64) {
        if items > self.items {
            *self = Self::with_zeta(items, self.zeta + zeta(self.items, items));
        }
    }

    pub(super) fn next(&self, random: &mut SplitMix64) -> u64 {
        let unit = random.unit();
        let scaled = unit * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(THETA) {
            return 1.min(self.items - 1);
        }
        let share = (self.eta * unit - self.eta + 1.0).powf(1.0 / (1.0 - THETA));
        truncated(float(self.items) * share).min(self.items - 1)
    }
}

/// Zipfian items, scattered over records by a hash: YCSB's `ScrambledZipfianGenerator`.
#[derive(Clone, Debug)]
pub(super) struct Scrambled {
    zipfian: Zipfian,
    records: u64,
}

impl Scrambled {
    /// One of so many records, at least 1.
    pub(super) fn new(records: u64) -> Self {
        Self {
            zipfian: Zipfian::with_zeta(SCRAMBLED_ITEMS, SCRAMBLED_ZETA),
            records,
        }
    }

    pub(super) fn next(&self, random: &mut SplitMix64) -> u64 {
        fnv_hash(self.zipfian.next(random)) % self.records
    }
}

/// YCSB's `Utils.fnvhash64`: FNV-1a with 64 bits (Fowler, Noll, Vo; RFC 9923) of the eight octets of a
/// number, the lowest first, and of that, taken as signed, the absolute value.
pub(super) fn fnv_hash(number: u64) -> u64 {
    fnv1a(&number.to_le_bytes()).cast_signed().unsigned_abs()
}

fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

/// What the items from `from` up to `to` add to ζ.
fn zeta(from: u64, to: u64) -> f64 {
    (from..to).map(|item| float(item + 1).powf(-THETA)).sum()
}

/// Gray's η. With two items or fewer it has no meaning, and is not asked for.
fn eta(items: u64, zeta_items: f64) -> f64 {
    if items <= 2 {
        return 0.0;
    }
    (1.0 - (2.0 / float(items)).powf(1.0 - THETA)) / (1.0 - zeta(0, 2) / zeta_items)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the distribution is not known to 53 bits"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative; the caller bounds it"
)]
fn truncated(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_and_ycsb_s() {
        // From RFC 9923 (and Noll's `test_fnv.c`).
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
        // As YCSB names its first records.
        assert_eq!(fnv_hash(0), 6_284_781_860_667_377_211);
        assert_eq!(fnv_hash(1), 8_517_097_267_634_966_620);
    }

    #[test]
    fn items_come_as_often_as_the_formula_says() {
        const DRAWS: u32 = 400_000;
        let mut grown = Zipfian::new(1);
        grown.grow(10);
        grown.grow(1_000);
        for zipfian in [Zipfian::new(1_000), grown] {
            let mut random = SplitMix64::new(42);
            let mut counts = vec![0_u32; 1_000];
            for _ in 0..DRAWS {
                counts[usize::try_from(zipfian.next(&mut random)).unwrap()] += 1;
            }
            let expected = |items: std::ops::Range<u64>| {
                zeta(items.start, items.end) / zeta(0, 1_000) * f64::from(DRAWS)
            };
            for (items, tolerance) in [
                (0..1, 0.02),
                (1..2, 0.02),
                (2..10, 0.1),
                (10..100, 0.05),
                (100..1_000, 0.05),
            ] {
                let range =
                    usize::try_from(items.start).unwrap()..usize::try_from(items.end).unwrap();
                let found = f64::from(counts[range].iter().sum::<u32>());
                let expected = expected(items.clone());
                assert!(
                    (found / expected - 1.0).abs() < tolerance,
                    "{items:?}: {found} instead of {expected}"
                );
            }
            assert!(counts.iter().all(|count| *count > 0));
        }
    }

    #[test]
    fn growing_gives_what_beginning_so_gives() {
        let (begun, mut grown) = (Zipfian::new(5_000), Zipfian::new(3));
        grown.grow(70);
        grown.grow(5_000);
        grown.grow(10);
        assert_eq!(grown.items, 5_000);
        assert!((begun.zeta - grown.zeta).abs() < 1e-9);
        assert!((begun.eta - grown.eta).abs() < 1e-9);
    }

    #[test]
    fn items_are_below_their_number_however_few() {
        let mut random = SplitMix64::new(1);
        for items in 1..5 {
            let (zipfian, scrambled) = (Zipfian::new(items), Scrambled::new(items));
            for _ in 0..10_000 {
                assert!(zipfian.next(&mut random) < items);
                assert!(scrambled.next(&mut random) < items);
            }
        }
    }

    #[test]
    fn the_records_that_come_most_often_are_those_that_the_first_items_hash_to() {
        const DRAWS: u32 = 200_000;
        let scrambled = Scrambled::new(1_000);
        let mut random = SplitMix64::new(3);
        let mut counts = vec![0_u32; 1_000];
        for _ in 0..DRAWS {
            counts[usize::try_from(scrambled.next(&mut random)).unwrap()] += 1;
        }
        let most = counts.iter().enumerate().max_by_key(|(_, count)| **count);
        let (record, count) = most.unwrap();
        assert_eq!(record as u64, fnv_hash(0) % 1_000);
        // The first item alone, and about a thousandth of the rest.
        let share = f64::from(*count) / f64::from(DRAWS);
        assert!(
            (share - (1.0 / SCRAMBLED_ZETA + 0.001)).abs() < 0.003,
            "{share}"
        );
        assert!(counts.iter().all(|count| *count > 0));
    }
}
