//! Audit and reconciliation: recomputes the ledger from its journal and compares.

use crate::ledger::audit::Mismatch;
use crate::ledger::cluster::ClusterLedger;
use crate::ledger::reconciler::ReconcileReport;
use crate::ledger::{audit, reconciler};
use crate::reporting::Reporting;
use crate::store::StoreError;
use std::io;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

impl Reporting {
    /// Recomputes the ledger from the first available record up to the last applied one and returns
    /// the mismatches. Reads every segment.
    pub fn audit(&self) -> io::Result<Vec<Mismatch>> {
        if let Some(shared) = self.ledger.cluster() {
            return self.audit_cluster(shared);
        }
        let live = self.ledger.state().clone();
        let (truth, _, mut mismatches) = audit::recompute(self.ledger.folder(), live.applied())?;
        self.metrics.ledger_drift.set(audit::drift_micros(&truth, &live));
        mismatches.extend(audit::compare(&truth, &live));
        Ok(mismatches)
    }

    /// The same from the fleet's shared log.
    fn audit_cluster(&self, shared: &ClusterLedger) -> io::Result<Vec<Mismatch>> {
        let (live, places) = shared.snapshot();
        let read = Handle::current().block_on(shared.recompute(&places));
        let (truth, mut mismatches) = read.map_err(io::Error::other)?;
        self.metrics.ledger_drift.set(audit::drift_micros(&truth, &live));
        mismatches.extend(audit::compare(&truth, &live));
        Ok(mismatches)
    }

    /// One reconciliation pass: recomputes from the newest checkpoint and compares; seals and
    /// checkpoints finished segments and removes those beyond retention.
    pub fn reconcile(&self) -> io::Result<ReconcileReport> {
        let days = self.settings.get().store.keep_days;
        let retention = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
        let now = SystemTime::UNIX_EPOCH
            + Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0));
        let outcome = match self.ledger.cluster() {
            None => reconciler::reconcile(&self.ledger, retention, now)?,
            Some(shared) => self.reconcile_cluster(shared)?,
        };
        self.metrics.ledger_drift.set(outcome.drift_micros);
        self.set_mismatches(outcome.mismatches.len());
        for mismatch in &outcome.mismatches {
            tracing::error!(
                what = mismatch.what,
                journal = mismatch.journal,
                ledger = mismatch.ledger,
                "ledger does not match its journal"
            );
        }
        if outcome.removed > 0 {
            tracing::info!(segments = outcome.removed, "removed journal segments beyond retention");
        }
        Ok(outcome)
    }

    /// The same for a fleet's shared ledger; local segments are only sealed.
    fn reconcile_cluster(&self, shared: &ClusterLedger) -> io::Result<ReconcileReport> {
        let sealed = reconciler::seal(&self.ledger)?.sealed;
        if !shared.is_caught_up() {
            return Ok(ReconcileReport { sealed, ..ReconcileReport::default() });
        }
        let (now_ms, hours) = (self.clock.now_ms(), self.settings.get().store.log_hours);
        let cut_ms = (hours > 0).then(|| now_ms - i64::from(hours) * 3_600_000);
        let outcome = Handle::current().block_on(shared.reconcile(now_ms, cut_ms));
        if matches!(outcome, Err(StoreError::UnexpectedData(_))) {
            // The shared log was modified from outside.
            self.set_mismatches(1);
        }
        Ok(ReconcileReport { sealed, ..outcome.map_err(io::Error::other)? })
    }

    fn set_mismatches(&self, mismatches: usize) {
        self.metrics.ledger_mismatches.set(i64::try_from(mismatches).unwrap_or(i64::MAX));
    }

    /// Logs the findings of the journal's recovery and sets its metric.
    pub fn log_recovery(&self) {
        let recovery = self.ledger.recovery();
        let corrupt = i64::try_from(recovery.corrupt.len()).unwrap_or(i64::MAX);
        self.metrics.journal_corrupt.set(corrupt);
        for place in &recovery.corrupt {
            tracing::error!(place, "journal is corrupt; quarantined the bytes");
        }
        tracing::info!(
            segments = recovery.segments,
            records = recovery.entries,
            torn_bytes = recovery.torn_bytes,
            "journal recovered"
        );
    }
}
