//! Why: a decision made again from what was recorded, flight by flight, with a reason for each.

pub mod document;
pub(in crate::server) mod elsewhere;
pub mod redact;
pub mod want;

pub use document::Explanation;
pub use elsewhere::AnywhereError;
pub use redact::Reader;

use crate::catalog::CatalogError;
use crate::decision_log;
use crate::decision_log::Found;
use crate::domain::event::NoFill;
use crate::selection::choose::Request;
use crate::selection::rules::Mask;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::World;
use crate::selection::trace;
use crate::selection::trace::SlotTrace;
use crate::server::Server;
use crate::server::decide::Decided;
use crate::server::decide::chosen;
use std::sync::Arc;

/// Why a decision cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No such decision is on file.
    #[error(
        "no decision `{0}` is on file: it was never made, is older than the log keeps, or a crash took its record"
    )]
    NotRecorded(String),
    /// The version it was made on is gone.
    #[error("the version this decision was made on cannot be read")]
    Version(#[source] CatalogError),
    /// The log cannot be read.
    #[error("the decision log cannot be read")]
    Log(#[source] std::io::Error),
}

/// A decision with its world and its trace, once more.
pub struct Again {
    /// The line of the log.
    pub found: Found,
    /// The world it was made on.
    pub world: World,
    /// The whole funnel of every slot.
    pub slots: Vec<SlotTrace>,
    /// Whether this choice and the recorded one are the same, bit for bit.
    pub agrees: bool,
}

impl Server {
    /// Makes a decision again that is on file here. Reads files; compiles a version that is not in
    /// memory.
    pub fn again(&self, decision: u128) -> Result<Again, ExplainError> {
        self.made_again(self.record_of(decision)?)
    }

    fn record_of(&self, decision: u128) -> Result<Found, ExplainError> {
        let find = || decision_log::find(self.log.folder(), decision).map_err(ExplainError::Log);
        if let Some(found) = find()? {
            return Ok(found);
        }
        // It may wait for the disk still.
        self.log.flush();
        let missing = || ExplainError::NotRecorded(uuid::Uuid::from_u128(decision).to_string());
        find()?.ok_or_else(missing)
    }

    fn made_again(&self, found: Found) -> Result<Again, ExplainError> {
        let snapshot = self
            .snapshot_of(&found.world.inventory, &found.world.weights, &found.world.labels)
            .map_err(ExplainError::Version)?;
        Ok(Again::on(found, snapshot))
    }

    /// Explains a recorded decision to somebody.
    pub fn explain(
        &self,
        decision: u128,
        reader: &Reader,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        self.again(decision)?.explained(reader, want)
    }

    /// Explains a decision that was made just now.
    pub fn explain_live(&self, decided: &Decided) -> Result<Explanation, ExplainError> {
        self.explain(decided.request, &Reader::Operator, None)
    }
}

impl Again {
    /// Makes a recorded decision again on its snapshot.
    pub fn on(found: Found, snapshot: Arc<Snapshot>) -> Again {
        let world = World::new(snapshot, found.world.state.clone());
        let slots = retrace(&world, &found);
        let agrees = found.line.forced.is_some()
            || found.line.slots.iter().zip(&slots).all(|(line, traced)| {
                line.result == Err(NoFill::StaleTooOld)
                    || line.result == traced.result.as_ref().map(chosen).map_err(|reason| *reason)
            });
        Again { found, world, slots, agrees }
    }

    /// The explanation for somebody; to others the decision does not exist.
    pub fn explained(
        &self,
        reader: &Reader,
        want: Option<&str>,
    ) -> Result<Explanation, ExplainError> {
        if !redact::concerns(self, reader) {
            let id = uuid::Uuid::from_u128(self.found.line.request);
            return Err(ExplainError::NotRecorded(id.to_string()));
        }
        let mut explanation = document::explanation(self);
        explanation.want = want.map(|creative| want::want(self, creative));
        redact::redact(&mut explanation, reader);
        Ok(explanation)
    }
}

/// The traces of a recorded decision's slots, each with the flights that were passed over in it.
fn retrace(world: &World, found: &Found) -> Vec<SlotTrace> {
    let line = &found.line;
    let request = Request { world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let masks: Vec<Vec<Mask>> = line.slots.iter().map(|slot| slot.masked.clone()).collect();
    trace::trace(&request, &masks)
}
