//! Counts of opportunities (slots that were asked for, filled or not), aggregated for a second and then
//! recorded in the ledger.
//!
//! A decision only increments a counter in memory, so a crash loses at most the last second. No bill
//! depends on these counts: billing records every event.

use crate::domain::event::NoFill;
use crate::domain::region::Country;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::ledger::record::{OpportunityCount, UnfilledSlot};
use crate::ledger::views::{QUARTER_MS, quarter_of};
use crate::selection::snapshot::Snapshot;
use crate::server::attribution::UnitKey;
use crate::server::decide::PageDecision;
use crate::server::{Server, attribution, unit};
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Shards of the counters, to reduce lock contention between workers.
const SHARDS: usize = 8;
/// Maximum rows per record; keeps it far below the journal's size limit.
const ROWS: usize = 2_000;

/// The dimensions of an opportunity, as numbers of its inventory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    quarter: i64,
    inventory: u64,
    publisher: u32,
    placement: Option<u16>,
    topic: Option<u32>,
    entity: Option<u32>,
    country: Option<Country>,
    /// Creative and variant, or the no-fill reason.
    unit: Result<(u32, u8), NoFill>,
}

/// Counts of opportunities that are not recorded yet.
#[derive(Default)]
pub struct Counters {
    shards: [Mutex<HashMap<Key, u64>>; SHARDS],
}

impl Counters {
    /// Counts every slot of a decision.
    pub(super) fn count(&self, decided: &PageDecision) {
        let shard = usize::try_from((decided.request >> 8) % SHARDS as u128).unwrap_or(0);
        let mut counts = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, answer) in decided.slots.iter().enumerate() {
            let page = &decided.page;
            let (topic, entity, country) = match &answer.result {
                Ok(filled) => unit::attributed(page, &filled.win),
                Err(_) => (
                    page.topics.first().map(|topic| topic.0),
                    page.entities.first().map(|(entity, _)| entity.0),
                    page.viewer.country,
                ),
            };
            let placement = page.slots[slot].placement;
            let key = Key {
                quarter: quarter_of(decided.at_ms),
                inventory: decided.live.bindings.inventory,
                publisher: page.publisher,
                placement: placement.and_then(|placement| u16::try_from(placement).ok()),
                topic,
                entity,
                country,
                unit: answer
                    .result
                    .as_ref()
                    .map(|filled| (filled.win.creative, filled.win.variant))
                    .map_err(|reason| *reason),
            };
            *counts.entry(key).or_default() += 1;
        }
    }

    fn take(&self) -> HashMap<Key, u64> {
        let mut all = HashMap::new();
        for shard in &self.shards {
            let counts = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            for (key, count) in counts {
                *all.entry(key).or_default() += count;
            }
        }
        all
    }

    fn restore(&self, counts: impl IntoIterator<Item = (Key, u64)>) {
        let mut first = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in counts {
            *first.entry(key).or_default() += count;
        }
    }
}

impl Server {
    /// Records the opportunities counted since the last call. Counts that cannot be recorded are
    /// retained for the next call.
    pub async fn record_opportunities(self: &Arc<Self>) -> Result<(), JournalError> {
        let mut pending: Vec<(Key, u64)> = self.opportunities.take().into_iter().collect();
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(ROWS));
            let rows = self.resolve(&pending).await;
            if let Err(error) = self.ledger.write(0, &Record::Opportunities(rows)).await {
                self.opportunities.restore(pending.into_iter().chain(rest));
                return Err(error);
            }
            pending = rest;
        }
        Ok(())
    }

    /// Resolves numbers to ids. Rows whose inventory version is unavailable are dropped.
    async fn resolve(self: &Arc<Self>, counts: &[(Key, u64)]) -> Vec<OpportunityCount> {
        let mut rows = Vec::with_capacity(counts.len());
        for (key, count) in counts {
            let Some(snapshot) = self.world.token_version(key.inventory).await else { continue };
            let Some(slot) = key.resolve(&snapshot) else { continue };
            rows.push(OpportunityCount {
                decided_at_ms: key.quarter * QUARTER_MS,
                slot,
                count: *count,
            });
        }
        rows
    }
}

impl Key {
    fn resolve(
        &self,
        snapshot: &Snapshot,
    ) -> Option<Result<Arc<crate::ledger::record::Attribution>, Arc<UnfilledSlot>>> {
        let inventory = &snapshot.inventory;
        match self.unit {
            Ok((creative, variant)) => {
                let unit = UnitKey {
                    creative,
                    variant,
                    publisher: self.publisher,
                    placement: self.placement?,
                    topic: self.topic,
                    entity: self.entity,
                    country: self.country,
                };
                Some(Ok(Arc::new(attribution::of(&unit, snapshot)?)))
            }
            Err(reason) => {
                let publisher = inventory.publishers.get(self.publisher as usize)?;
                let placement =
                    self.placement.and_then(|at| publisher.placements.get(usize::from(at)));
                Some(Err(Arc::new(UnfilledSlot {
                    publisher: publisher.id.as_str().into(),
                    placement: placement
                        .map_or_else(|| "unknown".into(), |placement| placement.id.as_str().into()),
                    topic: attribution::topic(self.topic, inventory),
                    entity: attribution::entity(self.entity, inventory),
                    region: attribution::region(self.country),
                    reason,
                })))
            }
        }
    }
}
