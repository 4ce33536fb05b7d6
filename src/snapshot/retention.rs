//! Which snapshots are kept, and why? A pure function: it reads no clock and no disk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::format::Moment;
use crate::codec::timestamp::Timestamp;

/// How many snapshots are kept, and how old ones thin out.
///
/// Which is newer the epochs and sequences of the database say, and only between two of the same commit their
/// times: a clock that was wrong makes nothing older than it is.
///
/// Each rule keeps some, and what any rule keeps is kept; the newest always is. An hour, day, week, month or
/// year in which no snapshot was taken does not count. Hours to years are UTC's, and weeks begin on Monday, as
/// ISO 8601 has them.
///
/// Without a rule, or where all of them are 0, everything is kept.
///
/// ```
/// use larder::Retention;
///
/// let retention = Retention::new().keep_last(7).keep_daily(14).keep_monthly(12);
/// assert!(retention.plan(&[]).forget.is_empty());
/// ```
#[must_use = "these are rules only; `plan` says what they keep"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    last: usize,
    hourly: usize,
    daily: usize,
    weekly: usize,
    monthly: usize,
    yearly: usize,
    within: Duration,
}

/// Why a snapshot is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeptAs {
    /// There is no rule.
    Everything,
    /// It is the newest of its database.
    Newest,
    /// One of the last, by [`Retention::keep_last`].
    Last,
    /// The newest of its hour.
    Hourly,
    /// The newest of its day.
    Daily,
    /// The newest of its week.
    Weekly,
    /// The newest of its month.
    Monthly,
    /// The newest of its year.
    Yearly,
    /// Not much older than the newest, by [`Retention::keep_within`].
    Within,
}

/// What is kept and what is forgotten, each newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionPlan {
    /// What is kept, and all that keeps it.
    pub keep: Vec<(Uuid, Vec<KeptAs>)>,
    /// What no rule keeps.
    pub forget: Vec<Uuid>,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dated {
    pub(crate) database: Uuid,
    pub(crate) moment: Moment,
}

impl Retention {
    /// No rule: everything is kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the `count` newest.
    pub fn keep_last(mut self, count: usize) -> Self {
        self.last = count;
        self
    }

    /// Keeps the newest of each of the last `count` hours that have one.
    pub fn keep_hourly(mut self, count: usize) -> Self {
        self.hourly = count;
        self
    }

    /// Keeps the newest of each of the last `count` days that have one.
    pub fn keep_daily(mut self, count: usize) -> Self {
        self.daily = count;
        self
    }

    /// Keeps the newest of each of the last `count` weeks that have one.
    pub fn keep_weekly(mut self, count: usize) -> Self {
        self.weekly = count;
        self
    }

    /// Keeps the newest of each of the last `count` months that have one.
    pub fn keep_monthly(mut self, count: usize) -> Self {
        self.monthly = count;
        self
    }

    /// Keeps the newest of each of the last `count` years that have one.
    pub fn keep_yearly(mut self, count: usize) -> Self {
        self.yearly = count;
        self
    }

    /// Keeps what is at most this much older than the newest: not than now, so that nothing is lost when no
    /// snapshot is taken any more.
    pub fn keep_within(mut self, age: Duration) -> Self {
        self.within = age;
        self
    }

    /// The snapshots of each database by themselves; an id that is given twice counts once.
    pub(crate) fn plan_dated(&self, given: impl IntoIterator<Item = Dated>) -> RetentionPlan {
        let mut databases = BTreeMap::<Uuid, BTreeMap<Uuid, Moment>>::new();
        for dated in given {
            let ids = databases.entry(dated.database).or_default();
            ids.insert(dated.moment.id, dated.moment);
        }
        let mut planned = Vec::new();
        for ids in databases.into_values() {
            let mut newest_first: Vec<_> = ids.into_values().collect();
            newest_first.sort_unstable_by(|a, b| b.cmp(a));
            planned.extend(self.reasons(&newest_first));
        }
        planned.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        let mut plan = RetentionPlan::default();
        for (Moment { id, .. }, reasons) in planned {
            if reasons.is_empty() {
                plan.forget.push(id);
            } else {
                plan.keep.push((id, reasons));
            }
        }
        plan
    }

    fn reasons(&self, newest_first: &[Moment]) -> Vec<(Moment, Vec<KeptAs>)> {
        let Some(newest) = newest_first.first() else {
            return Vec::new();
        };
        let mut rules = self.rules();
        let keeps_everything = *self == Self::default();
        let each = newest_first.iter().enumerate().map(|(nth, &taken)| {
            let mut reasons = Vec::new();
            if keeps_everything {
                reasons.push(KeptAs::Everything);
            }
            if nth == 0 {
                reasons.push(KeptAs::Newest);
            }
            if nth < self.last {
                reasons.push(KeptAs::Last);
            }
            for rule in &mut rules {
                reasons.extend(rule.keeps(taken.created));
            }
            if !self.within.is_zero()
                && age(newest.created, taken.created) <= self.within.as_micros()
            {
                reasons.push(KeptAs::Within);
            }
            (taken, reasons)
        });
        each.collect()
    }

    fn rules(&self) -> [Rule; 5] {
        let rule = |left, kept_as, period| Rule {
            left,
            kept_as,
            period,
            seen: BTreeSet::new(),
        };
        [
            rule(self.hourly, KeptAs::Hourly, Timestamp::hour),
            rule(self.daily, KeptAs::Daily, Timestamp::day),
            rule(self.weekly, KeptAs::Weekly, Timestamp::week),
            rule(self.monthly, KeptAs::Monthly, Timestamp::month),
            rule(self.yearly, KeptAs::Yearly, Timestamp::year),
        ]
    }
}

/// Keeps the first that it sees of each period.
struct Rule {
    left: usize,
    kept_as: KeptAs,
    period: fn(Timestamp) -> i64,
    /// Not only the last one: a clock may have gone back.
    seen: BTreeSet<i64>,
}

impl Rule {
    fn keeps(&mut self, created: Timestamp) -> Option<KeptAs> {
        let period = (self.period)(created);
        if self.seen.contains(&period) {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.seen.insert(period);
        Some(self.kept_as)
    }
}

/// Microseconds, which may be more than a timestamp has.
fn age(newest: Timestamp, created: Timestamp) -> u128 {
    u128::from(newest.as_micros().abs_diff(created.as_micros()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn dated(id: u128, created: Timestamp) -> Dated {
        Dated {
            database: Uuid::nil(),
            moment: Moment {
                epoch: 0,
                sequence: 0,
                created,
                id: Uuid::from_u128(id),
            },
        }
    }

    fn kept(retention: &Retention, given: &[Dated]) -> Vec<u128> {
        let plan = retention.plan_dated(given.iter().copied());
        plan.keep.iter().map(|(id, _)| id.as_u128()).collect()
    }

    /// Numbered from 0, as they are given.
    fn at(times: &[&str]) -> Vec<Dated> {
        let times = times.iter().map(|time| time.parse().unwrap());
        (0..).zip(times).map(|(id, at)| dated(id, at)).collect()
    }

    #[test]
    fn weeks_go_on_across_the_end_of_a_year() {
        // Week 53 of 2020 is from Monday 2020-12-28 to Sunday 2021-01-03.
        let given = at(&[
            "2020-12-27T23:59:59Z",
            "2020-12-28T00:00:00Z",
            "2020-12-31T23:59:59.999999Z",
            "2021-01-03T23:59:59Z",
            "2021-01-04T00:00:00Z",
        ]);
        assert_eq!(kept(&Retention::new().keep_weekly(3), &given), [4, 3, 0]);
        assert_eq!(kept(&Retention::new().keep_monthly(2), &given), [4, 2]);
        assert_eq!(kept(&Retention::new().keep_yearly(9), &given), [4, 2]);
        assert_eq!(kept(&Retention::new().keep_daily(3), &given), [4, 3, 2]);
        // 2024-12-30 is a Monday, of week 1 of 2025.
        let given = at(&[
            "2024-12-29T12:00:00Z",
            "2024-12-30T12:00:00Z",
            "2025-01-05T12:00:00Z",
        ]);
        assert_eq!(kept(&Retention::new().keep_weekly(5), &given), [2, 0]);
    }

    #[test]
    fn no_rule_keeps_everything_and_any_rule_the_newest() {
        let given = at(&[
            "1969-12-31T23:30:00Z",
            "1970-01-01T00:30:00Z",
            "1970-01-01T00:40:00Z",
        ]);
        assert_eq!(kept(&Retention::new(), &given), [2, 1, 0]);
        assert_eq!(kept(&Retention::new().keep_last(0), &given), [2, 1, 0]);
        assert_eq!(kept(&Retention::new().keep_last(1), &given), [2]);
        assert_eq!(kept(&Retention::new().keep_hourly(2), &given), [2, 0]);
        let within = |minutes: u64| Retention::new().keep_within(Duration::from_secs(minutes * 60));
        assert_eq!(kept(&within(9), &given), [2]);
        assert_eq!(kept(&within(10), &given), [2, 1]);
        let plan = Retention::new()
            .keep_last(1)
            .keep_daily(2)
            .plan_dated(given);
        let newest = vec![KeptAs::Newest, KeptAs::Last, KeptAs::Daily];
        assert_eq!(
            plan.keep,
            [
                (Uuid::from_u128(2), newest),
                (Uuid::from_u128(0), vec![KeptAs::Daily])
            ]
        );
        assert_eq!(plan.forget, [Uuid::from_u128(1)]);
    }

    #[test]
    fn each_database_has_its_own() {
        let mut given = at(&[
            "2026-11-24T03:00:00Z",
            "2026-11-24T04:00:00Z",
            "2026-11-24T05:00:00Z",
        ]);
        given[0].database = Uuid::max();
        assert_eq!(kept(&Retention::new().keep_last(1), &given), [2, 0]);
    }

    #[test]
    fn a_clock_that_was_wrong_makes_nothing_older_than_it_is() {
        let mut given = at(&[
            "2026-11-24T03:00:00Z",
            "2099-01-01T00:00:00Z",
            "2026-11-24T05:00:00Z",
            "2026-11-25T05:00:00Z",
            "2026-11-25T04:59:59Z",
        ]);
        for (sequence, dated) in (1..).zip(&mut given) {
            dated.moment.sequence = sequence;
        }
        assert_eq!(kept(&Retention::new().keep_last(2), &given), [4, 3]);
        assert_eq!(kept(&Retention::new().keep_daily(2), &given), [4, 2]);
        assert_eq!(kept(&Retention::new().keep_daily(9), &given), [4, 2, 1]);
        let hour = Retention::new().keep_within(Duration::from_secs(3600));
        assert_eq!(kept(&hour, &given), [4, 3]);
        // Restored, it counts anew.
        given[0].moment.epoch = 1;
        assert_eq!(kept(&Retention::new().keep_last(2), &given), [0, 4]);
    }

    /// Is there no newer one of the same period, and are there newer ones of fewer than `count` others?
    fn naive(
        count: usize,
        period: impl Fn(&Dated) -> String,
        given: &[Dated],
        one: &Dated,
    ) -> bool {
        let is_newer = |other: &&Dated| other.moment > one.moment;
        let newer: HashSet<_> = given.iter().filter(is_newer).map(&period).collect();
        !newer.contains(&period(one)) && newer.len() < count
    }

    /// The beginning of the time's text is its period.
    fn text(letters: usize) -> impl Fn(&Dated) -> String {
        move |dated| dated.moment.created.to_string()[..letters].to_owned()
    }

    /// How many Mondays there were since 1970-01-05, the first.
    fn mondays(dated: &Dated) -> String {
        let day = dated.moment.created.as_micros() / 86_400_000_000;
        (4..=day).step_by(7).count().to_string()
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_naive_one_keeps(
            minutes in prop::collection::vec(0..2_000_000_i64, 0..40),
            counts in prop::array::uniform6(0..6_usize),
        ) {
            let all = (0..).zip(minutes);
            let given: Vec<_> = all
                .map(|(id, minute)| dated(id, Timestamp::from_micros(minute * 60_000_000)))
                .collect();
            let [last, hourly, daily, weekly, monthly, yearly] = counts;
            let retention = Retention::new().keep_last(last).keep_hourly(hourly).keep_daily(daily).keep_weekly(weekly)
                .keep_monthly(monthly).keep_yearly(yearly);
            let plan = retention.plan_dated(given.iter().copied());
            prop_assert_eq!(plan.keep.len() + plan.forget.len(), given.len());
            let is_kept = |dated: &Dated| plan.keep.iter().any(|(id, _)| *id == dated.moment.id);
            for one in &given {
                let expected = counts == [0; 6]
                    || naive(1, text(0), &given, one)
                    || naive(last, |dated| dated.moment.id.to_string(), &given, one)
                    || naive(hourly, text(13), &given, one)
                    || naive(daily, text(10), &given, one)
                    || naive(weekly, mondays, &given, one)
                    || naive(monthly, text(7), &given, one)
                    || naive(yearly, text(4), &given, one);
                prop_assert_eq!(is_kept(one), expected);
            }
            prop_assert_eq!(&retention.plan_dated(given.iter().rev().copied()), &plan);
            if counts != [0; 6] {
                let more = kept(&retention.keep_weekly(weekly + 1).keep_daily(daily + 1), &given);
                prop_assert!(plan.keep.iter().all(|(id, _)| more.contains(&id.as_u128())));
            }
        }

        #[test]
        fn any_time_has_its_place(micros: [i64; 3]) {
            let all = (0..).zip(micros);
            let given: Vec<_> = all.map(|(id, at)| dated(id, Timestamp::from_micros(at))).collect();
            let retention = Retention::new().keep_weekly(1).keep_within(Duration::MAX);
            prop_assert_eq!(kept(&retention, &given).len(), 3);
        }
    }
}
