//! Days and weeks of a time zone: what of the recorded history stands for which future time.
//!
//! Time is cut into quarters of an hour, each of which is of one of 672 kinds: a weekday and a time of day, as
//! clocks in the zone show them. A future quarter is expected to be as the recorded quarters of its kind were
//! on average (the mean of the same weekdays). An hour that a zone repeats or leaves out is repeated or left
//! out.

use crate::forecast::accuracy::Day;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::ops::Range;

const QUARTER_MS: i64 = 900_000;
const DAY: usize = 96;
/// Kinds of quarters of an hour.
pub(super) const KINDS: usize = 7 * DAY;

/// How far ahead forecasts look.
pub(super) const MAX_AHEAD_MS: i64 = 400 * 86_400_000;

/// For each kind of a quarter of an hour, how often each recorded one counts.
pub(super) type KindWeights = Box<[f64]>;

/// The recorded time and the future, in one zone.
pub(super) struct Calendar {
    /// The kinds of the quarters of an hour from now on.
    from: i64,
    kinds: Box<[u16]>,
    /// Quarters of an hour recorded, by kind.
    recorded: Box<[f64]>,
    /// Days from the first to the last one of the history, with their numbers and whether they are whole.
    days: Vec<RecordedDay>,
    zone: TimeZone,
}

/// A day of the history.
#[derive(Clone, Copy)]
struct RecordedDay {
    number: i32,
    weekday: usize,
    has_decisions: bool,
    is_whole: bool,
}

fn time_of(quarter: i64) -> Timestamp {
    Timestamp::from_millisecond(quarter.saturating_mul(QUARTER_MS)).unwrap_or_default()
}

/// The number of the day, and the kind, of a time.
fn day_and_kind(zone: &TimeZone, at: Timestamp) -> (i32, usize) {
    let local = zone.to_datetime(at);
    let weekday = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
    let quarter = usize::from(local.hour().unsigned_abs()) * 4
        + usize::from(local.minute().unsigned_abs()) / 15;
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = local.date().since(epoch).map_or(0, |span| span.get_days());
    (day, weekday * DAY + quarter)
}

impl Calendar {
    /// Recorded from `recorded.start` to now, its end. `active` are the days of the zone with a decision; the
    /// others are missing, not without traffic.
    pub(super) fn new(
        zone: TimeZone,
        recorded: Range<i64>,
        times: impl Iterator<Item = i64>,
    ) -> Calendar {
        let day_of = |at_ms: i64| {
            let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
            day_and_kind(&zone, at)
        };
        let active: BTreeSet<i32> = times.map(|at_ms| day_of(at_ms).0).collect();
        let (first, last) = (day_of(recorded.start).0, day_of(recorded.end).0);
        let mut days: Vec<RecordedDay> = Vec::new();
        let mut counts = vec![0.0; KINDS];
        let quarters =
            recorded.start.div_euclid(QUARTER_MS)..recorded.end.div_euclid(QUARTER_MS) + 1;
        for quarter in quarters {
            let (number, kind) = day_and_kind(&zone, time_of(quarter));
            let has_decisions = active.contains(&number);
            if days.last().is_none_or(|day| day.number != number) {
                let is_whole = has_decisions && number != first && number != last;
                days.push(RecordedDay { number, weekday: kind / DAY, has_decisions, is_whole });
            }
            if has_decisions {
                counts[kind] += within(quarter, &recorded);
            }
        }
        let from = recorded.end.div_euclid(QUARTER_MS);
        let ahead = (0..MAX_AHEAD_MS / QUARTER_MS).map(|by| {
            let (_, kind) = day_and_kind(&zone, time_of(from + by));
            u16::try_from(kind).unwrap_or_default()
        });
        let kinds = ahead.collect();
        Calendar { from, kinds, recorded: counts.into(), days, zone }
    }

    /// The kind of a recorded time.
    pub(super) fn kind(&self, at_ms: i64) -> usize {
        day_and_kind(&self.zone, Timestamp::from_millisecond(at_ms).unwrap_or_default()).1
    }

    /// Which of the days of the history a time is in.
    pub(super) fn day(&self, at_ms: i64) -> Option<usize> {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        let number = day_and_kind(&self.zone, at).0;
        self.days.binary_search_by_key(&number, |day| day.number).ok()
    }

    /// The days of the history with what was found on each, of those that are whole.
    pub(super) fn whole_days(&self, found: &[f64]) -> Vec<Day> {
        let days = self.days.iter().zip(found);
        days.map(|(day, found)| Day {
            weekday: day.weekday,
            supply: day.is_whole.then_some(*found),
        })
        .collect()
    }

    /// Days of the history, also of those without a decision.
    pub(super) fn number_of_days(&self) -> usize {
        self.days.len()
    }

    /// Days with decisions, and days before today without any.
    pub(super) fn days_used_and_missing(&self) -> (usize, usize) {
        let used = self.days.iter().filter(|day| day.has_decisions).count();
        let before = self.days.split_last().map_or(&self.days[..], |(_, before)| before);
        (used, before.iter().filter(|day| !day.has_decisions).count())
    }

    /// Days with decisions from midnight to midnight.
    pub(super) fn number_of_whole_days(&self) -> usize {
        self.days.iter().filter(|day| day.is_whole).count()
    }

    /// How often what was recorded in each kind of quarter of an hour is expected in a future time. Kinds
    /// that were not recorded are expected to be as the same time on other weekdays, or as the mean.
    pub(super) fn weights(&self, times: &Range<i64>) -> KindWeights {
        let mut wanted = [0.0; KINDS];
        let from = times.start.div_euclid(QUARTER_MS).max(self.from);
        let until = times.end.div_euclid(QUARTER_MS) + 1;
        let now_ms = self.from * QUARTER_MS;
        let times = times.start.max(now_ms)..times.end;
        let ahead = |quarter: i64| usize::try_from(quarter - self.from).ok();
        for quarter in from..until {
            let Some(kind) = ahead(quarter).and_then(|at| self.kinds.get(at)) else { break };
            wanted[usize::from(*kind)] += within(quarter, &times);
        }
        let mut of_time = [(0.0, 0.0); DAY];
        for (kind, wanted) in wanted.iter().enumerate() {
            let (missing, recorded) = &mut of_time[kind % DAY];
            *recorded += self.recorded[kind];
            if self.recorded[kind] <= 0.0 {
                *missing += wanted;
            }
        }
        let nowhere: f64 =
            of_time.iter().filter(|(_, recorded)| *recorded <= 0.0).map(|(m, _)| m).sum();
        let everything: f64 = self.recorded.iter().sum();
        let rest = if everything > 0.0 { nowhere / everything } else { 0.0 };
        let of_kind = |kind: usize| {
            let own = self.recorded[kind];
            let (missing, recorded) = of_time[kind % DAY];
            let own = if own > 0.0 { wanted[kind] / own } else { 0.0 };
            own + rest + if recorded > 0.0 { missing / recorded } else { 0.0 }
        };
        (0..KINDS).map(of_kind).collect()
    }
}

/// The part of a quarter of an hour that is in a time.
fn within(quarter: i64, times: &Range<i64>) -> f64 {
    let (start, end) = (quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS);
    (end.min(times.end) - start.max(times.start)).max(0) as f64 / QUARTER_MS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    /// A calendar with one decision each hour, except at times that are left out, and the sum of the weights
    /// of these decisions in a time.
    fn expected(
        zone: &str,
        recorded: Range<i64>,
        skip: impl Fn(i64) -> bool,
        times: Range<i64>,
    ) -> f64 {
        let zone = TimeZone::get(zone).unwrap();
        let hours = || (recorded.start..recorded.end).step_by(3_600_000).filter(|at| !skip(*at));
        let calendar = Calendar::new(zone, recorded.clone(), hours());
        let weights = calendar.weights(&times);
        hours().map(|at| weights[calendar.kind(at)]).sum()
    }

    #[test]
    fn a_day_of_25_hours_has_25_hours_of_traffic_and_one_of_23_has_23() {
        let autumn = at("2026-09-28T00:00:00Z")..at("2026-10-20T00:00:00Z");
        let day = |recorded: &Range<i64>, from: &str, to: &str| {
            expected("Europe/Berlin", recorded.clone(), |_| false, at(from)..at(to))
        };
        let long = day(&autumn, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert!((long - 25.0).abs() < 1e-6, "{long}");
        let spring = at("2027-02-28T00:00:00Z")..at("2027-03-20T00:00:00Z");
        let short = day(&spring, "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z");
        assert!((short - 23.0).abs() < 1e-6, "{short}");
        // A history that has the change in it.
        let across = at("2026-10-12T22:00:00Z")..at("2026-11-02T23:00:00Z");
        let usual = day(&across, "2026-11-09T23:00:00Z", "2026-11-10T23:00:00Z");
        assert!((usual - 24.0).abs() < 1e-6, "{usual}");
    }

    #[test]
    fn the_times_of_a_day_are_those_of_the_clocks_in_the_zone_before_and_after_a_change() {
        // Recorded from nine to ten in the morning in summer, seven to eight in UTC.
        let recorded = at("2026-09-28T00:00:00Z")..at("2026-10-19T00:00:00Z");
        let hour = |from: &str, to: &str| {
            let in_the_morning = |at_ms: i64| (at_ms / HOUR).rem_euclid(24) == 7;
            let skip = |at_ms: i64| !in_the_morning(at_ms);
            expected("Europe/Berlin", recorded.clone(), skip, at(from)..at(to))
        };
        let summer = hour("2026-10-21T07:00:00Z", "2026-10-21T08:00:00Z");
        let winter = hour("2026-10-26T08:00:00Z", "2026-10-26T09:00:00Z");
        assert!((summer - 1.0).abs() < 1e-6 && (winter - 1.0).abs() < 1e-6, "{summer} {winter}");
        assert_eq!(hour("2026-10-26T07:00:00Z", "2026-10-26T08:00:00Z"), 0.0);
    }

    #[test]
    fn missing_days_are_not_zeros_and_weekdays_are_like_their_own() {
        let recorded = at("2026-06-01T00:00:00Z")..at("2026-06-29T00:00:00Z");
        let day = 24 * HOUR;
        let gone = |at_ms: i64| {
            (at_ms - recorded.start) / day % 7 == 2 && (at_ms - recorded.start) / day > 8
        };
        let next = recorded.end..recorded.end + 7 * day;
        let sum = expected("UTC", recorded.clone(), gone, next.clone());
        assert!((sum - 7.0 * 24.0).abs() < 1e-6, "{sum}");
        // Mondays have nothing but a first decision.
        let quiet = |at_ms: i64| {
            let since = at_ms - recorded.start;
            since / day % 7 == 0 && since % day != 0
        };
        let monday = recorded.end..recorded.end + day;
        assert!((expected("UTC", recorded.clone(), quiet, monday) - 1.0).abs() < 1e-6);
        let calendar = Calendar::new(TimeZone::UTC, recorded.clone(), [recorded.start].into_iter());
        assert_eq!(calendar.days_used_and_missing(), (1, 27));
    }

    #[test]
    fn less_than_a_week_stands_for_all_weekdays() {
        let recorded = at("2026-06-01T05:00:00Z")..at("2026-06-03T08:00:00Z");
        let next = recorded.end..recorded.end + 7 * 24 * HOUR;
        let sum = expected("UTC", recorded.clone(), |_| false, next);
        assert!((sum - 7.0 * 24.0).abs() < 1e-6, "{sum}");
        let few = at("2026-06-01T05:00:00Z")..at("2026-06-01T08:00:00Z");
        let next = few.end..few.end + 24 * HOUR;
        assert!((expected("UTC", few, |_| false, next) - 24.0).abs() < 1e-6);
    }

    #[test]
    fn the_past_and_a_time_too_far_ahead_have_nothing() {
        let recorded = at("2026-06-01T00:00:00Z")..at("2026-06-29T00:00:00Z");
        assert_eq!(expected("UTC", recorded.clone(), |_| false, recorded.clone()), 0.0);
        let far = recorded.end + 2 * MAX_AHEAD_MS;
        assert_eq!(expected("UTC", recorded, |_| false, far..far + HOUR), 0.0);
    }
}
