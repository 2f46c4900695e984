//! Counts of opportunities (slots that were asked for, filled or not), aggregated for a second and then
//! recorded in the ledger.
//!
//! A decision only increments a counter in memory, so a crash loses at most the last second. No bill
//! depends on these counts: billing records every event.

use crate::domain::attribution::{AttributionKey, PageNumbers, UnitNumbers};
use crate::domain::event::NoFill;
use crate::events::attribution;
use crate::ledger::record::UnfilledSlot;
use crate::selection::snapshot::Snapshot;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Shards of the counters, to reduce lock contention between workers.
const SHARDS: usize = 8;

/// The dimensions of an opportunity, as numbers of its inventory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Opportunity {
    /// Quarter hour of the decision.
    pub(crate) quarter: i64,
    /// The inventory's id in tokens.
    pub(crate) inventory: u64,
    /// Where the slot is.
    pub(crate) page: PageNumbers,
    /// Creative and variant, or the no-fill reason.
    pub(crate) unit: Result<(u32, u8), NoFill>,
}

/// Counts of opportunities that are not recorded yet.
#[derive(Default)]
pub(crate) struct OpportunityCounters {
    shards: [Mutex<HashMap<Opportunity, u64>>; SHARDS],
}

impl OpportunityCounters {
    pub(crate) fn count(&self, request: u128, opportunities: impl Iterator<Item = Opportunity>) {
        let shard = usize::try_from((request >> 8) % SHARDS as u128).unwrap_or(0);
        let mut counts = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        for opportunity in opportunities {
            *counts.entry(opportunity).or_default() += 1;
        }
    }

    pub(super) fn take(&self) -> HashMap<Opportunity, u64> {
        let mut all = HashMap::new();
        for shard in &self.shards {
            let counts = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            for (key, count) in counts {
                *all.entry(key).or_default() += count;
            }
        }
        all
    }

    pub(super) fn restore(&self, counts: impl IntoIterator<Item = (Opportunity, u64)>) {
        let mut first = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in counts {
            *first.entry(key).or_default() += count;
        }
    }
}

impl Opportunity {
    /// Resolves numbers to ids; `None` if a number does not exist in the inventory.
    pub(super) fn resolve(
        &self,
        snapshot: &Snapshot,
    ) -> Option<Result<Arc<AttributionKey>, Arc<UnfilledSlot>>> {
        Some(match self.unit {
            Ok((creative, variant)) => {
                let unit = UnitNumbers { creative, variant, page: self.page };
                Ok(Arc::new(attribution::unit(&unit, snapshot)?))
            }
            Err(reason) => {
                let page = attribution::page(&self.page, snapshot)?;
                Err(Arc::new(UnfilledSlot { page, reason }))
            }
        })
    }
}
