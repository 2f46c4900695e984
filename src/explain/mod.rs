//! Explanations: replays a recorded decision and gives a reason for every flight.

pub(crate) mod document;
pub(crate) mod redact;
pub(crate) mod remote;
pub(crate) mod replay;
pub(crate) mod rotation;
mod terms;
pub(crate) mod want;

pub(crate) use document::Explanation;
pub(crate) use redact::Audience;
pub(crate) use remote::RemoteExplainError;
pub(crate) use replay::{ExplainError, Replay};

use crate::cluster::RecordExchange;
use crate::decision_log::{DecisionLog, LoggedDecision, Lookup, Unreadable};
use crate::metrics::Metrics;
use crate::world::Worlds;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Most unreadable places that are reported: a damaged disk has many.
const MAX_REPORTED: usize = 10_000;

/// The explanation service.
pub(crate) struct Explain {
    records: Arc<Records>,
    world: Arc<Worlds>,
    /// Decision records of other instances.
    exchange: Arc<dyn RecordExchange>,
}

impl Explain {
    /// Explains decisions of `log`, and of other instances.
    pub(crate) fn new(
        log: Arc<DecisionLog>,
        world: Arc<Worlds>,
        exchange: Arc<dyn RecordExchange>,
        metrics: Arc<Metrics>,
    ) -> Explain {
        let records = Arc::new(Records { log, metrics, reported: Mutex::default() });
        Explain { records, world, exchange }
    }

    /// Explains a decision recorded on this instance, redacted for `audience`. Reads files; compiles a
    /// version that is not in memory.
    pub(crate) fn explain(
        &self,
        decision: u128,
        audience: &Audience,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        let found = self.records.find(decision)?;
        replay_on(&self.world, found)?.explained(audience, want)
    }

    /// A decision again with other weights of the catalog, by their hash. Reads files; compiles them.
    pub(crate) fn with_weights(&self, made: Replay, weights: &str) -> Result<Replay, ExplainError> {
        let versions = (&*made.found.world.inventory, weights, &*made.found.world.labels);
        let snapshot = self.world.snapshot_in_passing(versions).map_err(ExplainError::Version)?;
        Ok(made.with_weights(snapshot))
    }
}

/// The decision log of this instance. Counts and logs each place that it cannot read once.
struct Records {
    log: Arc<DecisionLog>,
    metrics: Arc<Metrics>,
    reported: Mutex<BTreeSet<Unreadable>>,
}

impl Records {
    fn find(&self, decision: u128) -> Result<LoggedDecision, ExplainError> {
        let mut found = self.look_up(decision)?;
        if !matches!(found, Lookup::Found(_)) && self.log.is_recent(decision) {
            // It may still be buffered.
            self.log.flush();
            found = self.look_up(decision)?;
        }
        recorded(decision, found)
    }

    fn look_up(&self, decision: u128) -> Result<Lookup, ExplainError> {
        let mut places = Vec::new();
        let found = self.log.find(decision, &mut places);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        for place in places {
            if reported.len() < MAX_REPORTED && reported.insert(place.clone()) {
                self.metrics.decision_log_unreadable.inc();
                let Unreadable { segment, offset, reason } = place;
                tracing::error!(
                    segment,
                    offset,
                    reason,
                    "part of the decision log unreadable; its decisions cannot be explained"
                );
            }
        }
        found.map_err(ExplainError::Log)
    }
}

/// The decision that a lookup found.
///
/// # Errors
/// `NotRecorded`, or `Unreadable`.
pub(crate) fn recorded(decision: u128, found: Lookup) -> Result<LoggedDecision, ExplainError> {
    let id = || uuid::Uuid::from_u128(decision).to_string();
    match found {
        Lookup::Found(found) => Ok(*found),
        Lookup::Unreadable(place) => {
            Err(ExplainError::Unreadable { decision: id(), place: place.to_string() })
        }
        Lookup::Absent => Err(ExplainError::NotRecorded(id())),
    }
}

fn replay_on(world: &Worlds, found: LoggedDecision) -> Result<Replay, ExplainError> {
    let snapshot = world
        .snapshot_of(&found.world.inventory, &found.world.weights, &found.world.labels)
        .map_err(ExplainError::Version)?;
    Ok(Replay::on(found, snapshot))
}

impl Replay {
    /// The explanation, redacted for `audience`; `NotRecorded` for an audience without access.
    pub(crate) fn explained(
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
