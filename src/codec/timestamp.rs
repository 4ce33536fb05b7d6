//! What is a point in time, and how is it read and written as text?
//!
//! Text is RFC 3339 in UTC: `2026-11-24T03:55:37.123456Z`. RFC 3339 ends with the year 9999; before
//! year 0 and behind 9999 the year is written with a sign and six digits, the expanded years of
//! ECMA-262 ("Date Time String Format"): `+012026-01-01T00:00:00Z`. So every timestamp has a text,
//! and reading it gives the timestamp back.
//!
//! Dates are computed as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
//! (<https://howardhinnant.github.io/date_algorithms.html>): a year begins in March, so that the
//! leap day is its last, and 400 years are an era of 146,097 days.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{Error, Result};

/// A point in time: microseconds since 1970-01-01 UTC, before it negative.
///
/// It knows no time zone and, as Unix time, no leap seconds. Displayed and parsed as RFC 3339. The
/// fraction is left out when it is zero and has six digits otherwise.
///
/// # Reading and writing
/// ```
/// use larder::Timestamp;
///
/// let time: Timestamp = "2026-11-24T04:55:37.5+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-24T03:55:37.500000Z");
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest: in the year -290308.
    pub const MIN: Self = Self(i64::MIN);

    /// The latest: in the year 294247.
    pub const MAX: Self = Self(i64::MAX);

    /// The point in time `micros` microseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Hours since 1970 began.
    pub(crate) fn hour(self) -> i64 {
        self.0.div_euclid(3600 * MICROS_PER_SECOND)
    }

    /// Days since 1970 began.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
    }

    /// Weeks of ISO 8601, from Monday on, since the one in which 1970 began, on a Thursday.
    pub(crate) fn week(self) -> i64 {
        (self.day() + 3).div_euclid(7)
    }

    /// Months since the year 0 began.
    pub(crate) fn month(self) -> i64 {
        let Date { year, month, .. } = Date::from_days(self.day());
        year * 12 + month - 1
    }

    pub(crate) fn year(self) -> i64 {
        Date::from_days(self.day()).year
    }
}

/// Rounds down to the microsecond.
///
/// # Errors
/// [`Limit`](crate::ErrorKind::Limit) outside of [`Timestamp::MIN`] and [`Timestamp::MAX`].
impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self> {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).ok(),
            Err(before) => {
                let micros = before.duration().as_nanos().div_ceil(NANOS_PER_MICRO);
                0_i64.checked_sub_unsigned(u64::try_from(micros).unwrap_or(u64::MAX))
            }
        };
        micros
            .map(Self)
            .ok_or_else(|| Error::limit("a system time is out of a timestamp's range"))
    }
}

/// # Errors
/// [`Limit`](crate::ErrorKind::Limit) where the system's clock type ends: never on Unix, before
/// 1601 on Windows.
impl TryFrom<Timestamp> for SystemTime {
    type Error = Error;

    fn try_from(time: Timestamp) -> Result<Self> {
        let distance = Duration::from_micros(time.0.unsigned_abs());
        let system = if time.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        system.ok_or_else(|| Error::limit(format!("{time} is out of the system's range of times")))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60,
        );
        let Date { year, month, day } = Date::from_days(seconds.div_euclid(SECONDS_PER_DAY));
        if (0..=9999).contains(&year) {
            write!(f, "{year:04}")?;
        } else {
            write!(f, "{year:+07}")?;
        }
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads RFC 3339, with any offset and with `t` and `z` in either case, and what `Display` writes.
///
/// Digits of the fraction beyond the sixth are cut off. A leap second (`23:59:60` in UTC) is read
/// as the second that follows it, as POSIX counts.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for any other text, a date that does not exist, and a
/// time outside of [`Timestamp::MIN`] and [`Timestamp::MAX`].
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is no time of RFC 3339 such as 2026-11-24T03:55:37Z"
            ))
        })
    }
}

/// As text where the format is for people, as microseconds in others. A document has timestamps.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Inner(Timestamp);
        impl Serialize for Inner {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(&self.0)
                } else {
                    serializer.serialize_i64(self.0.as_micros())
                }
            }
        }
        serializer.serialize_newtype_struct(TIMESTAMP_NAME, &Inner(*self))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TIMESTAMP_NAME, TimestampVisitor)
    }
}

struct TimestampVisitor;

impl<'de> Visitor<'de> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(self)
        } else {
            deserializer.deserialize_i64(self)
        }
    }

    fn visit_i64<E>(self, micros: i64) -> Result<Timestamp, E> {
        Ok(Timestamp::from_micros(micros))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
}

/// What serde's formats see as the name of the type: a document knows it.
pub(crate) const TIMESTAMP_NAME: &str = "$larder::Timestamp";

fn parse(text: &str) -> Option<Timestamp> {
    let mut text = Text(text.as_bytes());
    let date = text.date()?;
    text.one_of(b"Tt")?;
    let hour = text.number(2, 0, 23)?;
    text.one_of(b":")?;
    let minute = text.number(2, 0, 59)?;
    text.one_of(b":")?;
    let second = text.number(2, 0, 60)?;
    let micros = text.fraction()?;
    let offset = text.offset()?;
    if !text.0.is_empty() {
        return None;
    }
    let second_of_day = hour * 3600 + minute * 60 + second;
    let seconds = date.to_days() * SECONDS_PER_DAY + second_of_day - offset;
    if second == 60 && seconds.rem_euclid(SECONDS_PER_DAY) != 0 {
        return None;
    }
    // Wider than the result, because the whole second below `Timestamp::MIN` is out of range.
    let total = i128::from(seconds) * i128::from(MICROS_PER_SECOND) + i128::from(micros);
    i64::try_from(total).ok().map(Timestamp)
}

/// What of a text is not read yet.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = match self.one_of(b"+-") {
            None => self.number(4, 0, 9999)?,
            Some(b'+') => self.number(6, 0, 999_999)?,
            Some(_) => -self.number(6, 1, 999_999)?,
        };
        self.one_of(b"-")?;
        let month = self.number(2, 1, 12)?;
        self.one_of(b"-")?;
        let day = self.number(2, 1, 31)?;
        let date = Date { year, month, day };
        // A day that the month does not have comes back as one of the next month.
        (Date::from_days(date.to_days()) == date).then_some(date)
    }

    /// Microseconds.
    fn fraction(&mut self) -> Option<i64> {
        if self.one_of(b".").is_none() {
            return Some(0);
        }
        let mut micros = self.digit()? * (MICROS_PER_SECOND / 10);
        let mut unit = MICROS_PER_SECOND / 10;
        while let Some(digit) = self.digit() {
            unit /= 10;
            micros += digit * unit;
        }
        Some(micros)
    }

    /// Seconds that the local time is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hour = self.number(2, 0, 23)?;
        self.one_of(b":")?;
        let minute = self.number(2, 0, 59)?;
        Some(sign * (hour * 3600 + minute * 60))
    }

    fn number(&mut self, digits: usize, least: i64, most: i64) -> Option<i64> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + self.digit()?;
        }
        (least..=most).contains(&number).then_some(number)
    }

    fn digit(&mut self) -> Option<i64> {
        self.one_of(b"0123456789")
            .map(|digit| i64::from(digit - b'0'))
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        bytes.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }
}

/// A day of the proleptic Gregorian calendar; the year before 1 is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i64,
    /// From 1 to 12.
    month: i64,
    /// From 1 to 31.
    day: i64,
}

impl Date {
    /// The day that lies `days` days after 1970-01-01.
    fn from_days(days: i64) -> Self {
        let days = days + DAYS_BEFORE_1970;
        let era = days.div_euclid(DAYS_PER_ERA);
        let day_of_era = days.rem_euclid(DAYS_PER_ERA);
        let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - days_before_year(year_of_era);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - days_before_month(month_from_march) + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * YEARS_PER_ERA + year_of_era + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Days since 1970-01-01.
    fn to_days(self) -> i64 {
        let year_from_march = self.year - i64::from(self.month <= 2);
        let era = year_from_march.div_euclid(YEARS_PER_ERA);
        let year_of_era = year_from_march.rem_euclid(YEARS_PER_ERA);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = days_before_month(month_from_march) + self.day - 1;
        let day_of_era = days_before_year(year_of_era) + day_of_year;
        era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970
    }
}

/// Days of an era before a year of it.
fn days_before_year(year_of_era: i64) -> i64 {
    year_of_era * 365 + year_of_era / 4 - year_of_era / 100
}

/// Days of a year that begins in March before a month of it.
fn days_before_month(month_from_march: i64) -> i64 {
    (153 * month_from_march + 2) / 5
}

const NANOS_PER_MICRO: u128 = 1000;
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const YEARS_PER_ERA: i64 = 400;
const DAYS_PER_ERA: i64 = 146_097;

/// Days from 0000-03-01, where an era begins, to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_micros()
    }

    #[test]
    fn known_times_have_their_text() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (1_795_492_537_123_456, "2026-11-24T03:55:37.123456Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "+010000-01-01T00:00:00Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00Z"),
            (-62_167_219_200_000_001, "-000001-12-31T23:59:59.999999Z"),
            (i64::MAX, "+294247-01-10T04:00:54.775807Z"),
            (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().as_micros(), micros);
        }
    }

    #[test]
    fn offsets_cases_and_long_fractions_are_read() {
        let time = micros("2026-11-24T03:55:37Z");
        assert_eq!(micros("2026-11-24t03:55:37z"), time);
        assert_eq!(micros("2026-11-24T09:25:37+05:30"), time);
        assert_eq!(micros("2026-11-23T16:25:37-11:30"), time);
        assert_eq!(micros("2026-11-24T03:55:37-00:00"), time);
        assert_eq!(micros("2026-11-24T03:55:37.1Z"), time + 100_000);
        assert_eq!(
            micros("2026-11-24T03:55:37.123456999999999999999999Z"),
            time + 123_456
        );
    }

    #[test]
    fn a_leap_second_is_the_second_behind_it() {
        assert_eq!(
            micros("2016-12-31T23:59:60Z"),
            micros("2017-01-01T00:00:00Z")
        );
        assert_eq!(
            micros("1990-12-31T15:59:60-08:00"),
            micros("1991-01-01T00:00:00Z")
        );
        assert!("2016-12-31T12:00:60Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T03:55:37",
            "2026-11-24 03:55:37Z",
            "2026-11-24T03:55Z",
            "2026-11-24T03:55:37.Z",
            "2026-11-24T03:55:37Z ",
            "2026-11-24T03:55:37+0100",
            "2026-11-24T03:55:37+24:00",
            "2026-11-24T24:00:00Z",
            "2026-11-24T03:60:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-00T00:00:00Z",
            "-000000-01-01T00:00:00Z",
            "+10000-01-01T00:00:00Z",
            "+294247-01-10T04:00:54.775808Z",
            "-290308-12-21T19:59:05.224191Z",
            "+999999-12-31T23:59:59Z",
            "2026-11-24T03:55:3\u{0665}Z",
        ] {
            let error = text.parse::<Timestamp>().expect_err(text);
            assert!(error.is(ErrorKind::Invalid), "{error}");
        }
    }

    #[test]
    fn system_times_are_rounded_down() {
        let nano = Duration::from_nanos(1);
        assert_eq!(
            Timestamp::try_from(UNIX_EPOCH + nano).unwrap().as_micros(),
            0
        );
        assert_eq!(
            Timestamp::try_from(UNIX_EPOCH - nano).unwrap().as_micros(),
            -1
        );
    }

    #[test]
    fn each_day_of_two_eras_follows_the_one_before() {
        let mut date = Date {
            year: 1599,
            month: 12,
            day: 31,
        };
        for days in date.to_days() + 1..date.to_days() + 2 * DAYS_PER_ERA {
            let next = Date::from_days(days);
            assert_eq!(next.to_days(), days);
            let same_month = Date {
                day: date.day + 1,
                ..date
            };
            let same_year = Date {
                month: date.month + 1,
                day: 1,
                ..date
            };
            let next_year = Date {
                year: date.year + 1,
                month: 1,
                day: 1,
            };
            let leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
            let last_day = match date.month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match (date.month, date.day) {
                (_, day) if day < last_day => same_month,
                (12, _) => next_year,
                _ => same_year,
            };
            assert_eq!(next, expected);
            date = next;
        }
    }

    proptest! {
        #[test]
        fn text_gives_the_time_back(micros: i64) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }

        #[test]
        fn an_offset_moves_the_text_and_not_the_time(
            micros in -60_000_000_000_000_000..250_000_000_000_000_000_i64,
            minutes in -1439..=1439_i64,
        ) {
            let local = Timestamp::from_micros(micros + minutes * 60 * MICROS_PER_SECOND);
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
            let text = format!("{local}").replace('Z', &format!("{sign}{hour:02}:{minute:02}"));
            prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_micros(), micros);
        }

        /// Where the system's clock type reaches, on every platform.
        #[test]
        fn system_time_gives_the_time_back(micros in -10_000_000_000_000_000..i64::MAX / 16) {
            let time = Timestamp::from_micros(micros);
            let system = SystemTime::try_from(time).unwrap();
            prop_assert_eq!(Timestamp::try_from(system).unwrap(), time);
        }

        #[test]
        fn any_text_is_a_time_or_invalid(
            bytes in prop::collection::vec(prop::sample::select(b"0129-+:.TZtz ".to_vec()), 0..30),
        ) {
            let text = String::from_utf8(bytes).unwrap();
            if let Err(error) = text.parse::<Timestamp>() {
                prop_assert!(error.is(ErrorKind::Invalid));
            }
        }
    }
}
