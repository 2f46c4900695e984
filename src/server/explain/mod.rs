//! Explanations: replays a recorded decision and gives a reason for every flight.

pub mod document;
pub mod redact;
pub(in crate::server) mod remote;
pub mod want;

pub use document::Explanation;
pub use redact::Audience;
pub use remote::RemoteExplainError;

use crate::catalog::CatalogError;
use crate::decision_log;
use crate::decision_log::LoggedDecision;
use crate::domain::event::NoFill;
use crate::selection::choose::Request;
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Snapshot, World};
use crate::selection::trace;
use crate::selection::trace::SlotTrace;
use crate::server::Server;
use crate::server::decide::{PageDecision, chosen};
use std::sync::Arc;

/// Why a decision cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The decision is not in the decision log.
    #[error(
        "decision `{0}` is not in the decision log: unknown id, beyond retention, or lost in a crash"
    )]
    NotRecorded(String),
    /// The catalog version of the decision is unavailable.
    #[error("cannot read the catalog version of this decision")]
    Version(#[source] CatalogError),
    /// The decision log cannot be read.
    #[error("cannot read the decision log")]
    Log(#[source] std::io::Error),
}

/// A replayed decision.
pub struct Replay {
    /// The recorded decision.
    pub found: LoggedDecision,
    /// The world it was made on.
    pub world: World,
    /// The complete trace of every slot.
    pub slots: Vec<SlotTrace>,
    /// Whether the replay reproduced the recorded choice exactly.
    pub agrees: bool,
}

impl Server {
    /// Replays a decision from this instance's log. Reads files; compiles a version that is not in
    /// memory.
    pub fn replay(&self, decision: u128) -> Result<Replay, ExplainError> {
        self.replay_found(self.record_of(decision)?)
    }

    fn record_of(&self, decision: u128) -> Result<LoggedDecision, ExplainError> {
        let find = || decision_log::find(self.log.folder(), decision).map_err(ExplainError::Log);
        if let Some(found) = find()? {
            return Ok(found);
        }
        // It may still be buffered.
        self.log.flush();
        let missing = || ExplainError::NotRecorded(uuid::Uuid::from_u128(decision).to_string());
        find()?.ok_or_else(missing)
    }

    fn replay_found(&self, found: LoggedDecision) -> Result<Replay, ExplainError> {
        let snapshot = self
            .world
            .snapshot_of(&found.world.inventory, &found.world.weights, &found.world.labels)
            .map_err(ExplainError::Version)?;
        Ok(Replay::on(found, snapshot))
    }

    /// Explains a recorded decision, redacted for `audience`.
    pub fn explain(
        &self,
        decision: u128,
        audience: &Audience,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        self.replay(decision)?.explained(audience, want)
    }

    /// Explains a decision that was just made, for an operator.
    pub fn explain_live(&self, decided: &PageDecision) -> Result<Explanation, ExplainError> {
        self.explain(decided.request, &Audience::Operator, None)
    }
}

impl Replay {
    /// Replays a recorded decision on its snapshot.
    pub fn on(found: LoggedDecision, snapshot: Arc<Snapshot>) -> Replay {
        let world = World::new(snapshot, found.world.state.clone());
        let slots = trace_slots(&world, &found);
        let agrees = found.line.forced.is_some()
            || found.line.slots.iter().zip(&slots).all(|(line, traced)| {
                line.result == Err(NoFill::StaleTooOld)
                    || line.result == traced.result.as_ref().map(chosen).map_err(|reason| *reason)
            });
        Replay { found, world, slots, agrees }
    }

    /// The explanation, redacted for `audience`; `NotRecorded` for an audience without access.
    pub fn explained(
        &self,
        audience: &Audience,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        if !redact::has_access(self, audience) {
            let id = uuid::Uuid::from_u128(self.found.line.request);
            return Err(ExplainError::NotRecorded(id.to_string()));
        }
        let mut explanation = document::explanation(self);
        explanation.want = want.map(|creative| want::want(self, creative));
        redact::redact(&mut explanation, audience);
        Ok(explanation)
    }
}

/// Traces the slots of a recorded decision, with the exclusions of each.
fn trace_slots(world: &World, found: &LoggedDecision) -> Vec<SlotTrace> {
    let line = &found.line;
    let request = Request { world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let masks: Vec<Vec<Mask>> = line.slots.iter().map(|slot| slot.masked.clone()).collect();
    trace::trace(&request, &masks)
}
