//! How serving and delivery are going, for `adjacent status`: what an operator looks at first.

mod alerts;
pub(crate) mod document;

use crate::domain::campaign::PausedBy;
use crate::domain::creative::CreativeState;
use crate::domain::event::EventKind;
use crate::domain::inventory::Inventory;
use crate::reporting::flight_state::{BEHIND, FlightNow};
use crate::reporting::recent_totals::Totals;
use crate::reporting::status::alerts::ALERTS;
use crate::reporting::status::document::{
    ActiveAlert, BudgetLeft, FlightBehind, PausedDocument, RecentPeriod, ServingStatus,
};
use crate::reporting::{Reporting, budget_left};
use crate::world::live::Live;
use crate::world::pace;

/// Periods, in minutes.
const PERIODS: [u32; 3] = [1, 5, 15];

/// The period of alerts about what happened lately, in milliseconds.
const ALERT_MS: i64 = 10 * 60_000;

/// The most rows of each kind.
const MAX_ROWS: usize = 50;
const MAX_PAUSED: usize = 200;

/// The most reasons for no fill of a period.
const MAX_REASONS: usize = 5;

/// Remaining part of a budget below which it is nearly spent.
const NEARLY_SPENT: f64 = 0.05;

impl Reporting {
    /// Adds a sample to the totals of the last minutes.
    pub(crate) fn sample_totals(&self) {
        self.recent_totals.add(self.totals_now());
    }

    fn totals_now(&self) -> Totals {
        let counted = self.ledger.totals().events;
        let events = EventKind::ALL.iter().map(|kind| {
            counted
                .get(kind)
                .map_or((0, 0), |tally| (tally.counted, tally.invalid.values().sum::<u64>()))
        });
        Totals::of(&self.metrics, events.collect(), self.clock.now_ms())
    }

    /// How serving and delivery are going. Looks at every flight: do not call on a request thread.
    pub(crate) fn status(&self) -> ServingStatus {
        // Also sets the metrics that alerts look at.
        let _ = self.scrape();
        let (live, now_ms) = (self.world.live(), self.clock.now_ms());
        let now = self.totals_now();
        let since = |ms: i64| match self.recent_totals.before(now_ms - ms) {
            Some(before) => now.since(&before),
            None => now.since(&now),
        };
        let lately = since(ALERT_MS);
        let alerts = ALERTS.iter().filter_map(|alert| {
            let reason = alert.said(&self.metrics, &lately)?;
            Some(ActiveAlert { name: alert.name, condition: alert.expr, reason })
        });
        let mut behind = self.behind(&live, now_ms);
        let behind_total = behind.len();
        behind.truncate(MAX_ROWS);
        ServingStatus {
            instances: self.ledger.status().instances,
            recent: PERIODS
                .iter()
                .map(|minutes| period(*minutes, &since(i64::from(*minutes) * 60_000)))
                .collect(),
            alerts: alerts.collect(),
            behind,
            behind_total,
            budgets: nearly_spent(&live, now_ms),
            paused: paused(&live.snapshot().inventory),
        }
    }

    fn behind(&self, live: &Live, now_ms: i64) -> Vec<FlightBehind> {
        let inventory = &live.snapshot().inventory;
        let counted = self.counted(inventory);
        let rows = live.snapshot().flights.iter().enumerate().filter_map(|(place, row)| {
            let pace = pace::pace(live, place, now_ms).filter(|pace| *pace < BEHIND)?;
            let flight = inventory.flights[row.doc].id.as_str();
            let counted = counted.get(flight).copied().unwrap_or_default();
            let state = FlightNow { live, place, now_ms, counted }.state(true);
            let is_behind = state.status.is_in_delivery();
            is_behind.then(|| FlightBehind { flight: flight.to_owned(), pace, state: state.words })
        });
        let mut rows: Vec<FlightBehind> = rows.collect();
        rows.sort_by(|a, b| a.pace.total_cmp(&b.pace).then_with(|| a.flight.cmp(&b.flight)));
        rows
    }
}

fn period(minutes: u32, totals: &Totals) -> RecentPeriod {
    let slots = totals.filled + totals.no_fill + totals.refused;
    let of = |pick: fn((u64, u64)) -> u64| {
        EventKind::ALL
            .iter()
            .map(|kind| (kind.to_string(), pick(totals.events_of(*kind))))
            .collect()
    };
    let reasons = totals.main_reasons(MAX_REASONS);
    RecentPeriod {
        minutes,
        seconds: totals.at_ms / 1_000,
        slots,
        filled: totals.filled,
        fill: (slots > 0).then(|| totals.filled as f64 / slots as f64),
        no_fill: reasons.iter().map(|(reason, count)| (reason.to_string(), *count)).collect(),
        counted: of(|(counted, _)| counted),
        invalid: of(|(_, invalid)| invalid),
    }
}

fn nearly_spent(live: &Live, now_ms: i64) -> Vec<BudgetLeft> {
    let inventory = &live.snapshot().inventory;
    let balances = live.budget_balances(now_ms);
    let rows = inventory.campaigns.iter().zip(&balances).filter_map(|(campaign, balance)| {
        let (limit_micros, spent, daily) = budget_left::limit(&campaign.budget, balance)?;
        let left = budget_left::left(limit_micros, spent);
        let owner = inventory.advertisers.iter().find(|one| one.id == campaign.advertiser)?;
        (left < NEARLY_SPENT).then(|| BudgetLeft {
            campaign: campaign.id.to_string(),
            left,
            limit_micros,
            currency: owner.currency,
            daily,
        })
    });
    rows.take(MAX_ROWS).collect()
}

/// What is paused: whole documents first, then parts of sites.
fn paused(inventory: &Inventory) -> Vec<PausedDocument> {
    let mut found = Vec::new();
    let mut add = |what, id: String, by_hand| found.push(PausedDocument::new(what, id, by_hand));
    let by_hand = |by: Option<PausedBy>| by.is_some();
    for one in inventory.publishers.iter().filter(|one| one.is_paused()) {
        add("publisher", one.id.to_string(), one.manual_pauses.site);
    }
    for one in inventory.advertisers.iter().filter(|one| one.is_paused()) {
        add("advertiser", one.id.to_string(), by_hand(one.paused_by));
    }
    for one in inventory.campaigns.iter().filter(|one| one.is_paused()) {
        add("campaign", one.id.to_string(), by_hand(one.paused_by));
    }
    for one in inventory.flights.iter().filter(|one| one.is_paused()) {
        add("flight", one.id.to_string(), by_hand(one.paused_by));
    }
    for one in inventory.creatives.iter().filter(|one| one.state == CreativeState::Paused) {
        add("creative", one.id.to_string(), false);
    }
    for site in &inventory.publishers {
        for path in &site.paused_paths {
            add("path", format!("{} {path}", site.id), false);
        }
        for path in &site.manual_pauses.paths {
            add("path", format!("{} {path}", site.id), true);
        }
        for topic in &site.paused_topics {
            add("topic", format!("{} {topic}", site.id), false);
        }
        for topic in &site.manual_pauses.topics {
            add("topic", format!("{} {topic}", site.id), true);
        }
    }
    found.truncate(MAX_PAUSED);
    found
}
