//! Explanations: replays a recorded decision and gives a reason for every flight.

pub mod document;
pub mod redact;
pub mod remote;
pub mod replay;
pub mod want;

pub use document::Explanation;
pub use redact::Audience;
pub use remote::RemoteExplainError;
pub use replay::{ExplainError, Replay};

use crate::decision_log;
use crate::decision_log::{DecisionLog, LoggedDecision};
use crate::ledger::Ledger;
use crate::world::Worlds;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Maximum concurrent record requests to other instances.
const MAX_REMOTE_REQUESTS: usize = 16;

/// The explanation service.
pub struct Explain {
    log: Arc<DecisionLog>,
    world: Arc<Worlds>,
    /// Leads to the shared store of a fleet, through which records of other instances come.
    ledger: Arc<Ledger>,
    record_requests: Semaphore,
}

impl Explain {
    /// Explains decisions of `log`.
    pub fn new(log: Arc<DecisionLog>, world: Arc<Worlds>, ledger: Arc<Ledger>) -> Explain {
        Explain { log, world, ledger, record_requests: Semaphore::new(MAX_REMOTE_REQUESTS) }
    }

    /// Explains a decision recorded on this instance, redacted for `audience`. Reads files; compiles a
    /// version that is not in memory.
    pub fn explain(
        &self,
        decision: u128,
        audience: &Audience,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        let found = find_record(&self.log, decision)?;
        replay_on(&self.world, found)?.explained(audience, want)
    }
}

/// The record of a decision in this instance's log.
fn find_record(log: &DecisionLog, decision: u128) -> Result<LoggedDecision, ExplainError> {
    let find = || decision_log::find(log.folder(), decision).map_err(ExplainError::Log);
    if let Some(found) = find()? {
        return Ok(found);
    }
    // It may still be buffered.
    log.flush();
    let missing = || ExplainError::NotRecorded(uuid::Uuid::from_u128(decision).to_string());
    find()?.ok_or_else(missing)
}

fn replay_on(world: &Worlds, found: LoggedDecision) -> Result<Replay, ExplainError> {
    let snapshot = world
        .snapshot_of(&found.world.inventory, &found.world.weights, &found.world.labels)
        .map_err(ExplainError::Version)?;
    Ok(Replay::on(found, snapshot))
}

impl Replay {
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
