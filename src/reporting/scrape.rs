//! Metrics read from the ledger at scrape time, under one lock so that all sums are consistent.

use crate::domain::event::{EventKind, InvalidReason};
use crate::ledger::views::Tally;
use crate::metrics::{EventRow, MoneyRows};
use crate::reporting::Reporting;
use crate::store::StoreErrorKind;
use crate::world::pace;
use std::collections::BTreeMap;

/// Counters never decrease: a credited event stays in `counted`, and the credit is counted separately.
fn row(tally: Option<&Tally>, credited: u64, counted_since: u64) -> EventRow {
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
        counted: tally.counted + counted_since,
        credited,
        duplicate: tally.duplicate,
        pending: tally.pending,
        invalid: reasons.iter().map(count).collect(),
    }
}

impl Reporting {
    /// The Prometheus text exposition.
    pub fn scrape(&self) -> String {
        let now_ms = self.clock.now_ms();
        let live = self.world.live();
        let inventory = &live.snapshot().inventory;
        let mut money = MoneyRows { pace: pace::paces(&live, now_ms), ..MoneyRows::default() };
        let events: Vec<EventRow>;
        let own = self.ledger.cluster().map(|shared| shared.local_totals());
        {
            let state = self.ledger.state();
            let of_kind = |kind: &EventKind| match &own {
                // In a fleet each instance exports only its own events.
                Some(own) => {
                    row(own.totals.get(kind), own.credited.get(kind).copied().unwrap_or(0), 0)
                }
                None => {
                    let tally = state.views.totals.get(kind);
                    let credited = tally.map_or(0, Tally::credited_events);
                    row(tally, credited, credited)
                }
            };
            events = EventKind::ALL.iter().map(of_kind).collect();
            let whole = |micros: i64| u64::try_from(micros).unwrap_or(0);
            for campaign in &inventory.campaigns {
                let owner = inventory.advertisers.iter().find(|a| a.id == campaign.advertiser);
                let currency = owner.map_or_else(String::new, |a| a.currency.to_string());
                let id = campaign.id.as_str();
                let (billed, returned) = match &own {
                    Some(own) => {
                        let of =
                            |sums: &BTreeMap<Box<str>, u64>| sums.get(id).copied().unwrap_or(0);
                        (of(&own.billed), of(&own.credited_micros))
                    }
                    None => state.accounts.get(id).map_or((0, 0), |account| {
                        let returned = account.credited.get();
                        (whole(account.spent.get() + returned), whole(returned))
                    }),
                };
                money.spend.push((id.to_owned(), currency.clone(), billed));
                money.credited.push((id.to_owned(), currency, returned));
            }
        }
        for (campaign, campaign_budget) in
            inventory.campaigns.iter().zip(&live.bindings.campaign_budgets)
        {
            let balance = campaign_budget.balance(now_ms);
            // The lifetime limit ends a campaign, while a daily limit resets, so the ratio uses the
            // lifetime limit if there is one.
            let limits = match (campaign.budget.lifetime_micros, campaign.budget.daily_micros) {
                (Some(life), _) => Some((life, balance.spent)),
                (None, daily) => daily.map(|daily| (daily, balance.spent_today)),
            };
            if let Some((limit, spent)) = limits {
                let ratio = limit.saturating_sub(spent).get() as f64 / limit.get().max(1) as f64;
                money.left.push((campaign.id.to_string(), ratio));
            }
        }
        self.metrics.snapshot_age.set(self.world.age_ms(now_ms) as f64 / 1_000.0);
        let standing = self.ledger.cluster().map(|shared| shared.status());
        let reached = standing.is_none_or(|standing| standing.is_up);
        self.metrics.journal_up.set(i64::from(self.ledger.is_up()));
        self.metrics.store_up.set(i64::from(self.ledger.is_up() && reached));
        let instances = standing.map_or(1, |standing| standing.instances);
        self.metrics.instances.set(i64::try_from(instances).unwrap_or(i64::MAX));
        let ahead_ms = self.ledger.cluster().map_or(0, |shared| shared.clock_skew_ms());
        self.metrics.store_clock.set(ahead_ms as f64 / 1_000.0);
        if let Some(standing) = standing {
            self.metrics.set_unsent(standing.unsent, standing.oldest_unsent, standing.rewinds);
            self.metrics.ledger_lag.set(standing.lag.as_secs_f64());
            self.metrics
                .store_lost_records
                .set(i64::try_from(standing.lost_records).unwrap_or(i64::MAX));
            let unconfirmed = i64::try_from(standing.unconfirmed).unwrap_or(i64::MAX);
            self.metrics.journal_unconfirmed.set(unconfirmed);
            self.metrics.store_blocked.set(i64::from(standing.is_blocked));
        }
        let errors: Vec<(StoreErrorKind, u64)> = match self.ledger.cluster() {
            None => StoreErrorKind::ALL.iter().map(|trouble| (*trouble, 0)).collect(),
            Some(shared) => shared.client().error_counts().collect(),
        };
        for (trouble, count) in errors {
            self.metrics.set_store_errors(trouble.as_str(), count);
        }
        self.metrics.scrape(&events, &money)
    }
}
