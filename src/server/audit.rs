//! The running ledger against its own journal: the same sum, made again.

use crate::ledger::audit;
use crate::ledger::audit::Difference;
use crate::server::Server;
use std::io;

impl Server {
    /// Recomputes the ledger from the journal's files up to what has been applied, and says what
    /// differs. Reads every segment.
    pub fn audit(&self) -> io::Result<Vec<Difference>> {
        let live = self.ledger.state().clone();
        let (truth, _) =
            audit::recompute(self.ledger.folder(), self.ledger.rules(), live.applied())?;
        self.metrics.ledger_drift.set(audit::drift_micros(&truth, &live));
        Ok(audit::compare(&truth, &live))
    }

    /// Says what the recovery of the journal found.
    pub fn note_recovery(&self) {
        let recovery = self.ledger.recovery();
        let damaged = i64::try_from(recovery.damaged.len()).unwrap_or(i64::MAX);
        self.metrics.journal_damaged.set(damaged);
        for place in &recovery.damaged {
            tracing::error!(place, "the journal is damaged here: the bytes were put aside");
        }
        tracing::info!(
            segments = recovery.segments,
            records = recovery.entries,
            torn_bytes = recovery.torn_bytes,
            "the journal is recovered"
        );
    }
}
