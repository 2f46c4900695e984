//! Replays a recorded decision on the world that it was made on.

use crate::catalog::CatalogError;
use crate::decision_log::LoggedDecision;
use crate::decision_log::line::Chosen;
use crate::domain::event::NoFill;
use crate::selection::carry::Carry;
use crate::selection::choose::Request;
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Snapshot, World};
use crate::selection::trace;
use crate::selection::trace::SlotTrace;
use std::sync::Arc;

/// Why a decision cannot be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    /// The decision is not in the decision log.
    #[error(
        "decision `{0}` is not in the decision log: unknown id, beyond retention, or lost in a crash"
    )]
    NotRecorded(String),
    /// The decision is, or may be, in a part of the decision log that cannot be read.
    #[error("decision `{decision}` cannot be read from the decision log: {place}")]
    Unreadable {
        /// The decision id.
        decision: String,
        /// Where it is, why it cannot be read, and what to do.
        place: String,
    },
    /// The catalog version of the decision is unavailable.
    #[error("cannot read the catalog version of this decision")]
    Version(#[source] CatalogError),
    /// The decision log cannot be read.
    #[error("cannot read the decision log")]
    Log(#[source] std::io::Error),
}

/// A replayed decision.
pub(crate) struct Replay {
    /// The recorded decision.
    pub(crate) found: LoggedDecision,
    pub(crate) world: World,
    /// The complete trace of every slot.
    pub(crate) slots: Vec<SlotTrace>,
    /// Whether the replay reproduced the recorded choice exactly.
    pub(crate) agrees: bool,
    /// Hash of the weights that it was made with, if it was decided again with others.
    pub(crate) instead_of: Option<String>,
}

impl Replay {
    /// Replays a recorded decision on its snapshot.
    pub(crate) fn on(found: LoggedDecision, snapshot: Arc<Snapshot>) -> Replay {
        let world = World::new(snapshot, found.world.state.clone());
        let slots = trace_slots(&world, &found);
        let agrees = found.line.forced.is_some()
            || found.line.slots.iter().zip(&slots).all(|(line, traced)| {
                line.result == Err(NoFill::StaleTooOld)
                    || line.result
                        == traced.result.as_ref().map(Chosen::from).map_err(|reason| *reason)
            });
        Replay { found, world, slots, agrees, instead_of: None }
    }

    /// The same call with other weights: `snapshot` is the same inventory with these. Its page, its state and its
    /// exclusions are carried over by name, and the request's own numbers are drawn again.
    pub(crate) fn with_weights(self, snapshot: Arc<Snapshot>) -> Replay {
        let carry = Carry::between(&self.world.snapshot, &snapshot);
        let mut found = self.found;
        if let Some(page) = carry.page(&found.line.page, found.line.url.as_deref()) {
            found.line.page = Arc::new(page.into_owned());
        }
        for slot in &mut found.line.slots {
            slot.masked = slot.masked.iter().filter_map(|mask| carry.mask(*mask)).collect();
        }
        found.world.state = carry.whole_state(&found.world.state);
        let instead_of = std::mem::replace(&mut found.world.weights, snapshot.weights_hash.clone());
        let world = World::new(snapshot, found.world.state.clone());
        let slots = trace_slots(&world, &found);
        for (line, traced) in found.line.slots.iter_mut().zip(&slots) {
            line.result = traced.result.as_ref().map(Chosen::from).map_err(|reason| *reason);
        }
        Replay { found, world, slots, agrees: self.agrees, instead_of: Some(instead_of) }
    }

    /// Id of the publisher.
    pub(crate) fn publisher(&self) -> &str {
        let snapshot = &self.world.snapshot;
        let publisher = &snapshot.publishers[self.found.line.page.publisher as usize];
        snapshot.inventory.publishers[publisher.doc].id.as_str()
    }

    /// Id of the campaign that filled a slot.
    pub(crate) fn campaign(&self, slot: usize) -> Option<&str> {
        let snapshot = &self.world.snapshot;
        let chosen = self.found.line.slots.get(slot)?.result.ok()?;
        let flight = snapshot.flights.get(chosen.place as usize)?;
        Some(snapshot.inventory.campaigns[flight.campaign].id.as_str())
    }
}

/// Traces the slots of a recorded decision, with the exclusions of each.
fn trace_slots(world: &World, found: &LoggedDecision) -> Vec<SlotTrace> {
    let line = &found.line;
    let request = Request { world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let masks: Vec<Vec<Mask>> = line.slots.iter().map(|slot| slot.masked.clone()).collect();
    trace::trace(&request, &masks)
}
