//! Metrics read from the ledger at scrape time.

use crate::domain::event::{EventKind, InvalidReason};
use crate::journal::JournalStatus;
use crate::ledger::views::Tally;
use crate::metrics::{EventRow, MoneyRows};
use crate::reporting::payers::payers;
use crate::reporting::{Reporting, budget_left};
use crate::store::StoreErrorKind;
use crate::telemetry;
use crate::world::pace;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// Counters never decrease: a credited event stays in `counted`, and the credit is counted separately.
fn row(tally: Option<&Tally>, credited: u64) -> EventRow {
    let reasons = InvalidReason::ALL;
    let Some(tally) = tally else {
        return EventRow { invalid: vec![0; reasons.len()], credited, ..EventRow::default() };
    };
    let count = |reason: &InvalidReason| match reason {
        InvalidReason::Credited => 0,
        _ => tally.invalid.get(reason).copied().unwrap_or(0),
    };
    EventRow {
        received: tally.received,
        counted: tally.counted,
        credited,
        duplicate: tally.duplicate,
        pending: tally.pending,
        invalid: reasons.iter().map(count).collect(),
    }
}

impl Reporting {
    /// The currency that each of these campaigns was billed in, which stays the same. Reads every row
    /// for a campaign that it is asked for the first time.
    fn currencies_of_removed<'a>(&self, campaigns: Vec<&'a str>) -> Vec<(&'a str, String)> {
        let mut known = self.removed_currencies.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = campaigns.iter().copied().filter(|campaign| !known.contains_key(*campaign));
        let unknown: BTreeSet<&str> = unknown.collect();
        if !unknown.is_empty() {
            let views = self.ledger.views();
            for payer in payers(&views, i64::MIN..i64::MAX, |campaign| unknown.contains(campaign)) {
                known.insert(payer.campaign, payer.currency.to_string());
            }
        }
        let currency = |campaign: &'a str| Some((campaign, known.get(campaign)?.clone()));
        campaigns.into_iter().filter_map(currency).collect()
    }

    /// The Prometheus text exposition.
    pub fn scrape(&self) -> String {
        let now_ms = self.clock.now_ms();
        let log_dropped = &self.metrics.log_dropped;
        log_dropped.inc_by(telemetry::dropped_lines().saturating_sub(log_dropped.get()));
        let live = self.world.live();
        self.metrics.set_index_questions(live.snapshot().index_questions());
        let inventory = &live.snapshot().inventory;
        let mut money = MoneyRows { pace: pace::paces(&live, now_ms), ..MoneyRows::default() };
        money.pace.sort_by(|a, b| a.0.cmp(&b.0));
        // Of one moment, so that all sums are consistent.
        let totals = self.ledger.totals();
        let of_kind = |kind: &EventKind| {
            row(totals.events.get(kind), totals.credited.get(kind).copied().unwrap_or(0))
        };
        let events: Vec<EventRow> = EventKind::ALL.iter().map(of_kind).collect();
        for campaign in &inventory.campaigns {
            let owner = inventory.advertisers.iter().find(|a| a.id == campaign.advertiser);
            let currency = owner.map_or_else(String::new, |a| a.currency.to_string());
            let id = campaign.id.as_str();
            let of = |sums: &BTreeMap<Box<str>, u64>| sums.get(id).copied().unwrap_or(0);
            money.spend.push((id.to_owned(), currency.clone(), of(&totals.billed)));
            money.credited.push((id.to_owned(), currency.clone(), of(&totals.credited_micros)));
            money.unbilled.push((id.to_owned(), currency, of(&totals.unbilled)));
        }
        // Counters never decrease: a removed campaign stays in them.
        let served: BTreeSet<&str> =
            inventory.campaigns.iter().map(|one| one.id.as_str()).collect();
        let billed = totals.billed.iter().map(|(id, billed)| (&**id, *billed));
        let removed = billed.filter(|(id, billed)| *billed > 0 && !served.contains(id));
        let removed: BTreeMap<&str, u64> = removed.collect();
        for (id, currency) in self.currencies_of_removed(removed.keys().copied().collect()) {
            let of = |sums: &BTreeMap<Box<str>, u64>| sums.get(id).copied().unwrap_or(0);
            money.spend.push((id.to_owned(), currency.clone(), removed[id]));
            money.credited.push((id.to_owned(), currency.clone(), of(&totals.credited_micros)));
            money.unbilled.push((id.to_owned(), currency, of(&totals.unbilled)));
        }
        for (campaign, campaign_budget) in
            inventory.campaigns.iter().zip(&live.bindings.campaign_budgets)
        {
            let balance = campaign_budget.balance(now_ms);
            if let Some((limit, spent, _)) = budget_left::limit(&campaign.budget, &balance) {
                money.left.push((campaign.id.to_string(), budget_left::left(limit, spent)));
            }
        }
        // Changes of the reason of an invalid event included.
        let mut changes = BTreeMap::new();
        for ((kind, from, to), count) in &totals.changed {
            let labels = (*kind, from.as_str(), to.as_str());
            *changes.entry(labels).or_insert(0) += count;
        }
        self.metrics.set_verdict_changes(&changes);
        self.metrics.snapshot_age.set(self.world.age_ms(now_ms) as f64 / 1_000.0);
        let status = self.ledger.status();
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let is_writing = self.ledger.journal_status() == JournalStatus::Writing;
        self.metrics.journal_up.set(i64::from(is_writing));
        self.metrics.store_up.set(i64::from(is_writing && status.is_up));
        self.metrics.instances.set(i64::try_from(status.instances).unwrap_or(i64::MAX));
        self.metrics.store_clock.set(status.clock_skew_ms as f64 / 1_000.0);
        self.metrics.set_unsent(status.unsent, status.oldest_unsent, status.rewinds);
        let missing = self.ledger.recovery().missing_entries().max(status.missing_here);
        self.metrics.journal_missing.set(i64::try_from(missing).unwrap_or(i64::MAX));
        self.metrics.ledger_lag.set(status.lag.as_secs_f64());
        let final_age_ms = match status.final_until_ms {
            None => 0,
            // Not known since the start.
            Some(i64::MIN) => i64::try_from(status.lag.as_millis()).unwrap_or(i64::MAX),
            Some(stamp) => now_ms.saturating_sub(stamp).max(0),
        };
        self.metrics.ledger_final.set(final_age_ms as f64 / 1_000.0);
        self.metrics.ledger_provisional.set(gauge(status.provisional));
        let waiting = self.ledger.state().waiting();
        self.metrics.ledger_waiting_credits.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.metrics.store_lost_records.set(gauge(status.lost_records));
        self.metrics.journal_unconfirmed.set(gauge(status.unconfirmed));
        self.metrics.store_blocked.set(i64::from(status.is_blocked));
        for kind in StoreErrorKind::ALL {
            let count = status.errors.get(kind).copied().unwrap_or(0);
            self.metrics.set_store_errors(kind.as_str(), count);
        }
        self.set_topic_shares(&live, now_ms);
        let shadow = self.shadow.report();
        let moved = shadow.iter().flat_map(|report| &report.shares);
        self.metrics.set_shadow_shares(moved.map(|one| (&*one.advertiser, one.points)));
        let delivery = self.delivery(&live, &totals.delivery, now_ms);
        self.metrics.scrape(&events, &money, &delivery)
    }
}
