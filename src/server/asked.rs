//! What was asked for and served, added up for a second and then put on record.
//!
//! A decision only adds to a counter in memory; so a crash loses at most the last second of these
//! counts. No bill depends on them: what is billed is recorded event by event.

use crate::domain::event::NoFill;
use crate::domain::region::Country;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::ledger::record::Asked;
use crate::ledger::record::Empty;
use crate::ledger::views::QUARTER_MS;
use crate::ledger::views::quarter_of;
use crate::selection::snapshot::Snapshot;
use crate::server::Server;
use crate::server::attribution;
use crate::server::attribution::Unit;
use crate::server::decide::Decided;
use crate::server::unit;
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Counters side by side, so that workers do not wait for each other.
const SHARDS: usize = 8;
/// Rows of one record: it stays far below the longest one.
const ROWS: usize = 2_000;

/// What a slot is counted under, in the numbers of its inventory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    quarter: i64,
    inventory: u64,
    publisher: u32,
    placement: Option<u16>,
    topic: Option<u32>,
    entity: Option<u32>,
    country: Option<Country>,
    /// The creative and its wording, or why there is none.
    unit: Result<(u32, u8), NoFill>,
}

/// The counters.
#[derive(Default)]
pub struct Counters {
    shards: [Mutex<HashMap<Key, u64>>; SHARDS],
}

impl Counters {
    /// Counts every slot of a decision.
    pub(super) fn count(&self, decided: &Decided) {
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
                inventory: decided.live.fixtures.inventory,
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

    fn put_back(&self, counts: impl IntoIterator<Item = (Key, u64)>) {
        let mut first = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in counts {
            *first.entry(key).or_default() += count;
        }
    }
}

impl Server {
    /// Puts on record what was asked for since the last time. What cannot be recorded now waits.
    pub async fn note_asked(self: &Arc<Self>) -> Result<(), JournalError> {
        let mut left: Vec<(Key, u64)> = self.asked.take().into_iter().collect();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(ROWS));
            let rows = self.resolve(&left).await;
            if let Err(error) = self.ledger.write(0, &Record::Asked(rows)).await {
                self.asked.put_back(left.into_iter().chain(rest));
                return Err(error);
            }
            left = rest;
        }
        Ok(())
    }

    /// The rows in names. A row whose inventory is gone cannot be named and is left out.
    async fn resolve(self: &Arc<Self>, counts: &[(Key, u64)]) -> Vec<Asked> {
        let mut rows = Vec::with_capacity(counts.len());
        for (key, count) in counts {
            let Some(snapshot) = self.version_at(key.inventory).await else { continue };
            let Some(slot) = key.named(&snapshot) else { continue };
            rows.push(Asked { decided_at_ms: key.quarter * QUARTER_MS, slot, count: *count });
        }
        rows
    }
}

impl Key {
    fn named(
        &self,
        snapshot: &Snapshot,
    ) -> Option<Result<Arc<crate::ledger::record::Attribution>, Arc<Empty>>> {
        let inventory = &snapshot.inventory;
        match self.unit {
            Ok((creative, variant)) => {
                let unit = Unit {
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
                Some(Err(Arc::new(Empty {
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
