//! Money that was final and is missing: after the log was rewound, restored or rebuilt, the sums of each
//! campaign are compared with those known before.

use crate::domain::money::Micros;
use crate::ledger::audit::Mismatch;
use crate::ledger::partition::{PartitionState, Position};
use crate::ledger::state::State;
use std::collections::BTreeMap;

/// Sums that are missing, by partition and campaign, until they or the records behind them are there again.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<(u8, Box<str>), Loss>);

#[derive(Debug)]
struct Loss {
    known: Sums,
    /// The last known LSNs, by incarnation, if records are missing.
    records: Option<BTreeMap<u64, Position>>,
}

/// What was final of a campaign.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sums {
    billed: Micros,
    credited: Micros,
    /// Net of credits, by day.
    by_day: BTreeMap<i32, Micros>,
}

impl Losses {
    /// Compares what was final with what it was replaced by. With all records of before and others,
    /// `has_more`, the sums may be lower: what was final lacked a writer that was not known.
    pub(crate) fn observe(
        &mut self,
        partition: u8,
        before: &PartitionState,
        after: &PartitionState,
        has_more: bool,
    ) {
        let records = before.positions();
        let is_missing = !has_all(after, records);
        if has_more && !is_missing {
            return;
        }
        for campaign in before.accounts.keys() {
            let (known, now) = (sums(before, campaign), sums(after, campaign));
            let key = (partition, campaign.clone());
            if known.is_more_than(&now) && !self.0.contains_key(&key) {
                tracing::error!(
                    partition,
                    %campaign,
                    billed_before = known.billed.get(),
                    billed_now = now.billed.get(),
                    credited_before = known.credited.get(),
                    credited_now = now.credited.get(),
                    "money is missing after the log was rebuilt; it comes back with the journals that have \
                     its records"
                );
                let records = is_missing.then(|| records.clone());
                self.0.insert(key, Loss { known, records });
            }
        }
    }

    /// What is still missing.
    pub(crate) fn remaining(&mut self, state: &State) -> Vec<Mismatch> {
        let now =
            |(partition, campaign): &(u8, Box<str>)| sums(state.partition(*partition), campaign);
        self.0.retain(|of, Loss { known, records }| {
            let is_back = |records| has_all(state.partition(of.0), records);
            known.is_more_than(&now(of)) && !records.as_ref().is_some_and(is_back)
        });
        let text = |sums: &Sums| {
            format!("{} billed, {} credited, by day {:?}", sums.billed, sums.credited, sums.by_day)
        };
        let mismatch = |(of, Loss { known, .. }): (&(u8, Box<str>), &Loss)| {
            let what = format!("{} before the log was rebuilt", of.1);
            Mismatch::new(what, text(known), text(&now(of)))
        };
        self.0.iter().map(mismatch).collect()
    }
}

/// Whether a state has these records.
fn has_all(state: &PartitionState, records: &BTreeMap<u64, Position>) -> bool {
    records.iter().all(|(of, last)| state.position(*of) >= last.lsn)
}

impl Sums {
    /// Whether money that was final here is not in `now`. Later events add to it, later credits to
    /// `credited`.
    fn is_more_than(&self, now: &Sums) -> bool {
        let is_less_on = |(day, micros): (&i32, &Micros)| {
            *micros > now.by_day.get(day).copied().unwrap_or_default()
        };
        self.billed > now.billed
            || self.credited > now.credited
            || self.credited == now.credited && self.by_day.iter().any(is_less_on)
    }
}

fn sums(state: &PartitionState, campaign: &str) -> Sums {
    let Some(account) = state.accounts.get(campaign) else { return Sums::default() };
    Sums {
        billed: account.spent.checked_add(account.credited).unwrap_or(Micros::MAX),
        credited: account.credited,
        by_day: account.by_day.clone(),
    }
}
