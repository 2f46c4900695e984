//! What a scrape reads of the ledger: under one lock, so that every sum holds.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::ledger::views::Tally;
use crate::metrics::EventRow;
use crate::metrics::MoneyRows;
use crate::server::Server;
use std::sync::atomic::Ordering;

fn row(tally: Option<&Tally>) -> EventRow {
    let reasons = InvalidReason::ALL;
    let Some(tally) = tally else {
        return EventRow { invalid: vec![0; reasons.len()], ..EventRow::default() };
    };
    // A credit is an entry of its own: counters only grow, and what counted once stays counted.
    let credited = tally.credited_events();
    let count = |reason: &InvalidReason| match reason {
        InvalidReason::Credited => 0,
        _ => tally.invalid.get(reason).copied().unwrap_or(0),
    };
    EventRow {
        received: tally.received,
        counted: tally.counted + credited,
        credited,
        duplicate: tally.duplicate,
        pending: tally.pending,
        invalid: reasons.iter().map(count).collect(),
    }
}

impl Server {
    /// The text of a scrape.
    pub fn scrape(&self) -> String {
        let now_ms = self.clock.now_ms();
        let live = self.live();
        let inventory = &live.snapshot().inventory;
        let forged = self.forged.load(Ordering::Relaxed);
        let mut money = MoneyRows { pace: self.paces(), ..MoneyRows::default() };
        let mut events: Vec<EventRow>;
        {
            let state = self.ledger.state();
            events = EventKind::ALL.iter().map(|kind| row(state.views.totals.get(kind))).collect();
            for campaign in &inventory.campaigns {
                let owner = inventory.advertisers.iter().find(|a| a.id == campaign.advertiser);
                let currency = owner.map_or_else(String::new, |a| a.currency.to_string());
                let account = state.accounts.get(campaign.id.as_str());
                let (net, returned) =
                    account.map_or((0, 0), |account| (account.spent.get(), account.returned.get()));
                let whole = |micros: i64| u64::try_from(micros).unwrap_or(0);
                money.spend.push((
                    campaign.id.to_string(),
                    currency.clone(),
                    whole(net + returned),
                ));
                money.credited.push((campaign.id.to_string(), currency, whole(returned)));
            }
        }
        let reasons = InvalidReason::ALL.iter();
        events.push(EventRow {
            received: forged,
            invalid: reasons
                .map(|r| if *r == InvalidReason::Forged { forged } else { 0 })
                .collect(),
            ..EventRow::default()
        });
        for (campaign, purse) in inventory.campaigns.iter().zip(&live.fixtures.purses) {
            let content = purse.content(now_ms);
            // A limit for life is what ends a campaign; a day's limit is whole again tomorrow, and
            // is not measured by the other.
            let limits = match (campaign.budget.lifetime_micros, campaign.budget.daily_micros) {
                (Some(life), _) => Some((life, content.spent)),
                (None, daily) => daily.map(|daily| (daily, content.spent_today)),
            };
            if let Some((limit, spent)) = limits {
                let ratio = limit.saturating_sub(spent).get() as f64 / limit.get().max(1) as f64;
                money.left.push((campaign.id.to_string(), ratio));
            }
        }
        self.metrics.snapshot_age.set(self.snapshot_age_ms(now_ms) as f64 / 1_000.0);
        self.metrics.store_up.set(i64::from(self.ledger.is_up()));
        self.metrics.scrape(&events, &money)
    }
}
