//! What flights delivered so far, and what a won slot delivers: measured where there is enough of it, else assumed.

use crate::domain::event::EventKind;
use crate::domain::goal::ByGoal;
use crate::domain::money::Micros;
use crate::forecast::history::HISTORY_MS;
use crate::ledger::views::{QUARTER_MS, Views};
use crate::world::pace::assumed;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// Slots won and what they delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    won: u64,
    events: ByGoal<u64>,
}

/// Deliveries; empty where no ledger is at hand.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(super) flights: HashMap<Box<str>, Counts>,
    pub(super) publishers: HashMap<Box<str>, Counts>,
    /// What counted for the goals of each flight; `None` if that is not known.
    pub(crate) delivered: Option<HashMap<Box<str>, ByGoal<u64>>>,
    /// What each campaign spent, today and altogether, of those with a budget.
    pub(crate) spent: HashMap<Box<str>, (Micros, Micros)>,
}

/// What a won slot delivers, and how that is known.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Rate {
    /// Events of a won slot.
    pub(crate) rate: f64,
    /// `measured` or `assumed`.
    pub(crate) basis: &'static str,
    /// What it was measured of: a flight, publishers or all publishers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
}

/// Won slots that a rate is measured of, at least; as many slots count for what is assumed.
const fn trusted(kind: EventKind) -> u64 {
    match kind {
        EventKind::Click | EventKind::Copy => 2_000,
        EventKind::Impression | EventKind::Viewable => 50,
    }
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.won += other.won;
        self.events.impressions += other.events.impressions;
        self.events.viewables += other.events.viewables;
        self.events.clicks += other.events.clicks;
    }

    fn rate(&self, kind: EventKind) -> Option<f64> {
        let trusted = trusted(kind);
        let events = self.events.get(kind).copied()?;
        let rate = (events as f64 + assumed(kind) * trusted as f64) / (self.won + trusted) as f64;
        (self.won >= trusted).then_some(rate)
    }
}

impl Measured {
    /// Reads what the units of the last four weeks delivered. Takes as long as a report.
    pub(crate) fn read(views: &Views, now_ms: i64) -> Measured {
        let mut measured = Measured::default();
        let until = now_ms.div_euclid(QUARTER_MS);
        for (_, quarter) in views.range(until - HISTORY_MS / QUARTER_MS..until) {
            for (unit, won) in &quarter.served {
                let counts = Counts { won: *won, ..Counts::default() };
                measured.add(&unit.flight, &unit.page.publisher, &counts);
            }
            for (row, tally) in &quarter.events {
                let mut counts = Counts::default();
                if let Some(events) = counts.events.get_mut(row.kind) {
                    *events = tally.counted;
                    let unit = &row.attribution;
                    measured.add(&unit.flight, &unit.page.publisher, &counts);
                }
            }
        }
        measured
    }

    fn add(&mut self, flight: &str, publisher: &str, counts: &Counts) {
        let add = |map: &mut HashMap<Box<str>, Counts>, id: &str| match map.get_mut(id) {
            Some(known) => known.add(counts),
            None => drop(map.insert(id.into(), *counts)),
        };
        add(&mut self.flights, flight);
        add(&mut self.publishers, publisher);
    }

    /// What a won slot of a flight delivers: its own rate, else that of its publishers, else of all.
    pub(super) fn rate(&self, flight: &str, publishers: &[&str], kind: EventKind) -> Rate {
        let own = self.flights.get(flight).and_then(|counts| counts.rate(kind));
        if let Some(rate) = own {
            return Rate { rate, basis: "measured", of: Some(format!("flight {flight}")) };
        }
        let sum = |is_meant: &dyn Fn(&str) -> bool| {
            let mut all = Counts::default();
            let meant = self.publishers.iter().filter(|(id, _)| is_meant(id));
            meant.for_each(|(_, counts)| all.add(counts));
            all.rate(kind)
        };
        if !publishers.is_empty()
            && let Some(rate) = sum(&|id| publishers.contains(&id))
        {
            let of = format!("publisher {}", publishers.join(", "));
            return Rate { rate, basis: "measured", of: Some(of) };
        }
        match sum(&|_| true) {
            Some(rate) => Rate { rate, basis: "measured", of: Some("all publishers".to_owned()) },
            None => Rate { rate: assumed(kind), basis: "assumed", of: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_flight_then_of_its_publishers_then_assumed() {
        let mut measured = Measured::default();
        let rate = |of: &Measured, kind| of.rate("f", &["p"], kind);
        assert_eq!(
            rate(&measured, EventKind::Click),
            Rate { rate: 0.005, basis: "assumed", of: None }
        );
        let counts = |won: u64, impressions: u64| Counts {
            won,
            events: ByGoal { impressions, ..ByGoal::default() },
        };
        measured.add("other", "p", &counts(1_000, 500));
        let of_site = rate(&measured, EventKind::Impression);
        assert_eq!((of_site.basis, of_site.of.as_deref()), ("measured", Some("publisher p")));
        assert!((of_site.rate - 0.519).abs() < 0.001, "{}", of_site.rate);
        assert_eq!(rate(&measured, EventKind::Click).basis, "assumed");
        measured.add("f", "q", &counts(10_000, 9_900));
        let own = rate(&measured, EventKind::Impression);
        assert!(own.of.as_deref() == Some("flight f") && own.rate > 0.98);
    }
}
