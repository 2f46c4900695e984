//! What a scrape shows of delivery: events by flight, slots by placement.

use crate::ledger::delivery_totals::DeliveryTotals;
use crate::ledger::views::quarter_of;
use crate::metrics::{DeliveryRows, FlightEvents, Pair};
use crate::reporting::Reporting;
use crate::token;
use crate::world::live::Live;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Quarters of an hour that tell which placements are the most used.
const DAY: i64 = 96;

impl Reporting {
    pub(super) fn delivery(
        &self,
        live: &Live,
        totals: &DeliveryTotals,
        now_ms: i64,
    ) -> DeliveryRows {
        let events = totals.iter().map(|(campaign, flight, kind, delivered, count)| FlightEvents {
            flight: (campaign.into(), flight.into()),
            kind,
            verdict: delivered.as_str(),
            count,
        });
        let mut rows = DeliveryRows { events: events.collect(), ..DeliveryRows::default() };
        if self.metrics.has_room_for_flights() {
            rows.flights = self.by_delivery(live, totals, now_ms);
        }
        if self.metrics.has_room_for_some_placements() {
            rows.earlier_slots = self.last_day(now_ms);
        }
        rows
    }

    /// Flights that run now, or had an event; those that delivered most of all times come first.
    fn by_delivery(&self, live: &Live, totals: &DeliveryTotals, now_ms: i64) -> Vec<Pair> {
        let snapshot = live.snapshot();
        let rows = snapshot.flights.iter().map(|row| (row, &snapshot.inventory.flights[row.doc]));
        let rows = rows.filter(|(row, flight)| {
            (row.starts_ms..row.ends_ms).contains(&now_ms)
                || totals.has(flight.campaign.as_str(), flight.id.as_str())
        });
        let state = self.ledger.state();
        let mut ranked: Vec<(Reverse<u64>, Pair)> = rows
            .map(|(_, flight)| {
                let (campaign, id) = (flight.campaign.as_str(), flight.id.as_str());
                let counts = state.flight_counts(token::partition_of(campaign), id);
                let counted =
                    counts.map_or(0, |counts| counts.counted().iter().map(|(_, n)| n).sum());
                (Reverse(counted), (campaign.into(), id.into()))
            })
            .collect();
        drop(state);
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, flight)| flight).collect()
    }

    /// Slots of the last day, by publisher and placement.
    fn last_day(&self, now_ms: i64) -> BTreeMap<Pair, u64> {
        let now = quarter_of(now_ms);
        let mut slots: BTreeMap<Pair, u64> = BTreeMap::new();
        for (_, quarter) in self.ledger.views().range(now - DAY..now + 1) {
            let served = quarter.served.iter().map(|(unit, count)| (&unit.page, *count));
            let empty = quarter.empty.iter().map(|(slot, count)| (&slot.page, *count));
            for (page, count) in served.chain(empty) {
                let pair = (page.publisher.clone(), page.placement.clone());
                *slots.entry(pair).or_default() += count;
            }
        }
        slots
    }
}
