//! The requests of each publisher in the last weeks, and the usual week of those that a flight is for.

use crate::ledger::views::{QUARTER_MS, Views};
use crate::pacing::forecast;
use crate::pacing::forecast::Weekly;
use crate::pacing::plan::{Flat, Traffic};
use std::collections::{BTreeMap, HashMap};

/// Requests by quarter of an hour.
type Counts = BTreeMap<i64, u64>;

/// The traffic that is expected, by the publishers that flights target.
#[derive(Default)]
pub(crate) struct TrafficHistory {
    by_publisher: HashMap<Box<str>, Counts>,
    /// The quarter of an hour in which it was read.
    now: i64,
    /// The usual week of sets of publishers; the empty set is all of them.
    weeks: HashMap<Box<str>, Option<Weekly>>,
}

impl TrafficHistory {
    /// Reads the requests before `now_ms`, filled or not. Takes as long as a report.
    pub(crate) fn read(views: &Views, now_ms: i64) -> TrafficHistory {
        let now = now_ms.div_euclid(QUARTER_MS);
        let mut by_publisher: HashMap<Box<str>, Counts> = HashMap::new();
        for (at, quarter) in views.range(now - forecast::HISTORY..now) {
            let served = quarter.served.iter().map(|(unit, count)| (&unit.page, *count));
            let empty = quarter.empty.iter().map(|(slot, count)| (&slot.page, *count));
            for (page, count) in served.chain(empty) {
                let known = by_publisher.contains_key(&page.publisher);
                if !known {
                    by_publisher.insert(page.publisher.clone(), Counts::new());
                }
                if let Some(counts) = by_publisher.get_mut(&page.publisher) {
                    *counts.entry(at).or_default() += count;
                }
            }
        }
        TrafficHistory { by_publisher, now, weeks: HashMap::new() }
    }

    /// The course of the traffic of these publishers, or of all if there are none; without history the
    /// same traffic at all times.
    pub(crate) fn of<'a>(&mut self, publishers: impl Iterator<Item = &'a str>) -> &dyn Traffic {
        let publishers: Vec<&str> = publishers.collect();
        let set = publishers.join(" ").into_boxed_str();
        let (known, now) = (&self.by_publisher, self.now);
        let week = self.weeks.entry(set).or_insert_with(|| {
            let mut sum = Counts::new();
            let is_meant = |id: &str| publishers.is_empty() || publishers.contains(&id);
            for (_, counts) in known.iter().filter(|(id, _)| is_meant(id)) {
                counts.iter().for_each(|(at, count)| *sum.entry(*at).or_default() += count);
            }
            Weekly::of(&sum, now)
        });
        week.as_ref().map_or(&Flat, |week| week)
    }
}
