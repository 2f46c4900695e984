//! The traffic of a usual week, from what was counted in each quarter of an hour of the last four weeks.
//!
//! Only its course is used: how much there is altogether is measured while a flight runs.

use crate::pacing::plan::Traffic;
use std::collections::BTreeMap;

/// Quarters of an hour in a day, and in a week.
const DAY: i64 = 96;
const WEEK: i64 = 7 * DAY;
const QUARTER_MS: i64 = 900_000;

/// How many quarters of an hour back history is used.
pub(crate) const HISTORY: i64 = 4 * WEEK;

/// Neighbours on each side that a quarter of an hour is averaged with.
const NEIGHBOURS: i64 = 2;

/// The least traffic of a quarter of an hour, as a part of the mean: history without any is no proof that
/// there will be none.
const LEAST: f64 = 0.02;

/// A week's traffic, repeated.
#[derive(Clone, Debug)]
pub(crate) struct Weekly {
    /// The traffic before each quarter of an hour of the week, and at its end.
    sums: Box<[f64]>,
}

impl Weekly {
    /// The usual week, from counts by quarter of an hour since 1970-01-01T00Z, up to and without `now`.
    /// Of less than a week all days are taken as alike; `None` of less than a day.
    pub(crate) fn of(counts: &BTreeMap<i64, u64>, now: i64) -> Option<Weekly> {
        let first = counts.range(now - HISTORY..now).find(|(_, count)| **count > 0)?.0;
        let whole = (now - first) / DAY * DAY;
        let period = if whole >= WEEK { WEEK } else { DAY };
        if whole == 0 {
            return None;
        }
        let begin = now - whole / period * period;
        let periods = (whole / period) as f64;
        let mut means = vec![0.0; usize::try_from(period).unwrap_or_default()];
        for (quarter, count) in counts.range(begin..now) {
            means[place(*quarter, period)] += *count as f64 / periods;
        }
        let mean = means.iter().sum::<f64>() / means.len() as f64;
        let smooth = |quarter: i64| {
            let near = (-NEIGHBOURS..=NEIGHBOURS).map(|by| means[place(quarter + by, period)]);
            let sum: f64 = near.sum();
            (sum / (2 * NEIGHBOURS + 1) as f64).max(mean * LEAST)
        };
        Some(Weekly::from_quarters((0..WEEK).map(smooth)))
    }

    /// The same traffic at all times.
    pub(crate) fn flat() -> Weekly {
        Weekly::from_quarters((0..WEEK).map(|_| 1.0))
    }

    /// The traffic of a part, if this is the traffic of another part of the same whole, and neither says
    /// anything about the other.
    pub(crate) fn of_both(&self, part: &Weekly, whole: &Weekly) -> Weekly {
        let quarters = self.quarters().zip(part.quarters()).zip(whole.quarters());
        Weekly::from_quarters(quarters.map(|((own, part), whole)| own * part / whole))
    }

    /// The part of the traffic in the quarters of an hour that are `open`, by their number since
    /// 1970-01-01T00Z, in the week that begins with `now`.
    pub(crate) fn within(&self, now: i64, open: impl Fn(i64) -> bool) -> Weekly {
        let of_week = |at: i64| open(now + (at - now).rem_euclid(WEEK));
        let quarters = (0..).zip(self.quarters());
        Weekly::from_quarters(quarters.map(|(at, traffic)| if of_week(at) { traffic } else { 0.0 }))
    }

    fn from_quarters(quarters: impl Iterator<Item = f64>) -> Weekly {
        let mut sums = vec![0.0];
        for traffic in quarters {
            sums.push(sums[sums.len() - 1] + traffic);
        }
        Weekly { sums: sums.into() }
    }

    fn quarters(&self) -> impl Iterator<Item = f64> + '_ {
        self.sums.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The traffic since 1970-01-01T00Z.
    fn until(&self, at_ms: i64) -> f64 {
        let (quarter, rest) = (at_ms.div_euclid(QUARTER_MS), at_ms.rem_euclid(QUARTER_MS));
        let at = place(quarter, WEEK);
        let all = self.sums[self.sums.len() - 1];
        let within = (self.sums[at + 1] - self.sums[at]) * rest as f64 / QUARTER_MS as f64;
        quarter.div_euclid(WEEK) as f64 * all + self.sums[at] + within
    }
}

impl Traffic for Weekly {
    fn between(&self, from_ms: i64, to_ms: i64) -> f64 {
        (self.until(to_ms) - self.until(from_ms)).max(0.0)
    }
}

/// The place of a quarter of an hour in its period.
fn place(quarter: i64, period: i64) -> usize {
    usize::try_from(quarter.rem_euclid(period)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts of a course by quarter of an hour, for this many of them before `now`.
    fn history(now: i64, quarters: i64, course: impl Fn(i64) -> u64) -> BTreeMap<i64, u64> {
        (now - quarters..now).map(|quarter| (quarter, course(quarter))).collect()
    }

    /// Busy by day, and half as much at the weekend.
    fn course(quarter: i64) -> u64 {
        let by_day = if (32..80).contains(&quarter.rem_euclid(DAY)) { 100 } else { 10 };
        if quarter.div_euclid(DAY).rem_euclid(7) < 2 { by_day / 2 } else { by_day }
    }

    #[test]
    fn a_week_like_the_last_ones_is_expected_and_of_less_than_a_week_a_day_like_the_last_ones() {
        let now = 300 * WEEK + 5 * DAY;
        let weekly = Weekly::of(&history(now, HISTORY, course), now).unwrap();
        let of = |weekly: &Weekly, from: i64, to: i64| {
            weekly.between(from * QUARTER_MS, to * QUARTER_MS)
        };
        let monday = 301 * WEEK + 2 * DAY;
        let (busy, quiet) =
            (of(&weekly, monday + 40, monday + 41), of(&weekly, monday + 8, monday + 9));
        assert!((busy / quiet - 10.0).abs() < 0.01, "{busy} {quiet}");
        let (saturday, workday) =
            (of(&weekly, 301 * WEEK, 301 * WEEK + DAY), of(&weekly, monday, monday + DAY));
        assert!((workday / saturday - 2.0).abs() < 0.05, "{saturday} {workday}");

        let daily = Weekly::of(&history(now, 3 * DAY, course), now).unwrap();
        let day = |at: i64| of(&daily, at, at + DAY);
        assert!((day(301 * WEEK) - day(monday)).abs() < 1e-6);
    }

    #[test]
    fn less_than_a_day_is_no_history_and_a_gap_is_little_traffic() {
        let now = 300 * WEEK;
        assert!(Weekly::of(&BTreeMap::new(), now).is_none());
        assert!(Weekly::of(&history(now, DAY - 1, course), now).is_none());
        let with_gap =
            history(now, HISTORY, |quarter| course(quarter) * u64::from(quarter % DAY > 48));
        let weekly = Weekly::of(&with_gap, now).unwrap();
        assert!(weekly.between(now * QUARTER_MS, (now + 40) * QUARTER_MS) > 0.0);
    }

    proptest! {
        #[test]
        fn traffic_of_two_times_in_a_row_is_that_of_both_together(
            from in 0i64..1 << 41, first in 0i64..1 << 31, second in 0i64..1 << 31,
        ) {
            let now = 3_000 * WEEK;
            let weekly = Weekly::of(&history(now, HISTORY, course), now).unwrap();
            let (middle, end) = (from + first, from + first + second);
            let sum = weekly.between(from, middle) + weekly.between(middle, end);
            let whole = weekly.between(from, end);
            prop_assert!((sum - whole).abs() <= 1e-6 * whole.max(1.0), "{sum} {whole}");
        }
    }
}
