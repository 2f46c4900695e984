//! The requests of each publisher and from each country in the last weeks, and the usual week of those that a
//! flight is for.

use crate::domain::attribution::PageKey;
use crate::domain::hours::Hours;
use crate::domain::id::PublisherId;
use crate::domain::region::{Country, Region, Regions};
use crate::domain::targeting::Clause;
use crate::domain::zone::Zone;
use crate::ledger::views::{QUARTER_MS, Views};
use crate::pacing::forecast;
use crate::pacing::forecast::Weekly;
use crate::pacing::plan::{Flat, Traffic};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Requests by quarter of an hour.
type Counts = BTreeMap<i64, u64>;

/// Requests by the value of one dimension.
type CountsBy = HashMap<Box<str>, Counts>;

/// The traffic that is expected.
#[derive(Default)]
pub(crate) struct TrafficHistory {
    by_publisher: CountsBy,
    by_country: CountsBy,
    /// The quarter of an hour in which it was read.
    now: i64,
    /// The usual weeks of what was asked for.
    weeks: HashMap<String, Course>,
}

/// The course of traffic over time; without history the same at all times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course(Option<Arc<Weekly>>);

/// The traffic that a flight is for.
pub(crate) struct Audience<'a> {
    pub(crate) publishers: &'a Clause<PublisherId>,
    pub(crate) regions: &'a Clause<Region>,
    /// The hours in which it runs, and their time zone.
    pub(crate) hours: Option<&'a (Hours, Zone)>,
    /// All regions.
    pub(crate) known: &'a Regions,
}

impl Traffic for Course {
    fn between(&self, from_ms: i64, to_ms: i64) -> f64 {
        match &self.0 {
            Some(week) => week.between(from_ms, to_ms),
            None => Flat.between(from_ms, to_ms),
        }
    }
}

impl Course {
    /// The same traffic at all times of these hours.
    pub(crate) fn flat(hours: Option<&(Hours, Zone)>, now_ms: i64) -> Course {
        let now = now_ms.div_euclid(QUARTER_MS);
        Course(hours.map(|hours| Arc::new(in_hours(&Weekly::flat(), hours, now))))
    }
}

fn in_hours(week: &Weekly, (hours, zone): &(Hours, Zone), now: i64) -> Weekly {
    week.within(now, |quarter| hours.contain(zone, quarter.saturating_mul(QUARTER_MS)))
}

impl TrafficHistory {
    /// Reads the requests before `now_ms`, filled or not. Takes as long as a report.
    pub(crate) fn read(views: &Views, now_ms: i64) -> TrafficHistory {
        let now = now_ms.div_euclid(QUARTER_MS);
        let mut history = TrafficHistory::at(now);
        for (at, quarter) in views.range(now - forecast::HISTORY..now) {
            let served = quarter.served.iter().map(|(unit, count)| (&unit.page, *count));
            let empty = quarter.empty.iter().map(|(slot, count)| (&slot.page, *count));
            served.chain(empty).for_each(|(page, count)| history.add(at, page, count));
        }
        history
    }

    /// A history up to a quarter of an hour, without any requests.
    pub(crate) fn at(now: i64) -> TrafficHistory {
        TrafficHistory { now, ..TrafficHistory::default() }
    }

    /// Adds requests of a quarter of an hour.
    pub(crate) fn add(&mut self, at: i64, page: &PageKey, count: u64) {
        for (by, value) in
            [(&mut self.by_publisher, &page.publisher), (&mut self.by_country, &page.region)]
        {
            if !by.contains_key(value) {
                by.insert(value.clone(), Counts::new());
            }
            if let Some(counts) = by.get_mut(value) {
                *counts.entry(at).or_default() += count;
            }
        }
    }

    /// The course of the traffic on these sites and from these regions, in these hours as the clocks go at
    /// `now_ms`. Between sites and regions no connection is assumed.
    pub(crate) fn of(&mut self, audience: &Audience<'_>, now_ms: i64) -> Course {
        let Audience { publishers, regions, hours, .. } = audience;
        let key = format!("{publishers:?} {regions:?} {hours:?}");
        if let Some(known) = self.weeks.get(&key) {
            return known.clone();
        }
        let week = self.week(audience);
        let week = match hours {
            Some(hours) => {
                let now = now_ms.div_euclid(QUARTER_MS);
                Some(in_hours(&week.unwrap_or_else(Weekly::flat), hours, now))
            }
            None => week,
        };
        let course = Course(week.map(Arc::new));
        self.weeks.insert(key, course.clone());
        course
    }

    fn week(&self, audience: &Audience<'_>) -> Option<Weekly> {
        let Audience { publishers, regions, known, .. } = audience;
        let is_all = |counted: &str| !counted.is_empty();
        let on_site = |id: &str| accepts(publishers, |one| one.as_str() == id);
        let from_country = |code: &str| {
            let country: Option<Country> = code.parse().ok();
            accepts(regions, |one| country.is_some_and(|country| known.covers(one, country)))
        };
        let any_site = publishers.any.is_empty() && publishers.none.is_empty();
        let any_region = regions.any.is_empty() && regions.none.is_empty();
        let of = |by: &CountsBy, is_meant: &dyn Fn(&str) -> bool| {
            let mut sum = Counts::new();
            for (_, counts) in by.iter().filter(|(value, _)| is_meant(value)) {
                counts.iter().for_each(|(at, count)| *sum.entry(*at).or_default() += count);
            }
            Weekly::of(&sum, self.now)
        };
        let all = of(&self.by_publisher, &is_all);
        match (any_site, any_region) {
            (true, true) => all,
            (false, true) => of(&self.by_publisher, &on_site).or(all),
            (true, false) => of(&self.by_country, &from_country).or(all),
            (false, false) => {
                let sites = of(&self.by_publisher, &on_site).or_else(|| all.clone())?;
                let countries = of(&self.by_country, &from_country).or_else(|| all.clone())?;
                Some(sites.of_both(&countries, &all?))
            }
        }
    }
}

/// Whether a value is targeted.
fn accepts<T>(clause: &Clause<T>, is: impl Fn(&T) -> bool) -> bool {
    (clause.any.is_empty() || clause.any.iter().any(&is)) && !clause.none.iter().any(is)
}
