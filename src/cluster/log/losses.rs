//! Money that was final and is no more: after the log was rewound, restored or rebuilt, the sums of each
//! campaign are compared with those known before.

use crate::domain::money::Micros;
use crate::ledger::audit::Mismatch;
use crate::ledger::partition::PartitionState;
use crate::ledger::state::State;
use std::collections::BTreeMap;

/// Sums that are missing, by partition and campaign, until they are there again.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<(u8, Box<str>), Sums>);

/// What was final of a campaign.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sums {
    billed: Micros,
    credited: Micros,
    /// Net of credits, by day.
    by_day: BTreeMap<i32, Micros>,
}

impl Losses {
    /// Compares what was final with what it was replaced by.
    pub(crate) fn observe(
        &mut self,
        partition: u8,
        before: &PartitionState,
        after: &PartitionState,
    ) {
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
                self.0.insert(key, known);
            }
        }
    }

    /// What is still missing.
    pub(crate) fn remaining(&mut self, state: &State) -> Vec<Mismatch> {
        let now =
            |(partition, campaign): &(u8, Box<str>)| sums(state.partition(*partition), campaign);
        self.0.retain(|of, known| known.is_more_than(&now(of)));
        let text = |sums: &Sums| {
            format!("{} billed, {} credited, by day {:?}", sums.billed, sums.credited, sums.by_day)
        };
        let mismatch = |(of, known): (&(u8, Box<str>), &Sums)| {
            let what = format!("{} before the log was rebuilt", of.1);
            Mismatch::new(what, text(known), text(&now(of)))
        };
        self.0.iter().map(mismatch).collect()
    }
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
