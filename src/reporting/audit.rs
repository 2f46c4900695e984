//! Audit and reconciliation: recomputes the ledger from its journal and compares.

use crate::ledger::audit::Mismatch;
use crate::ledger::reconciler::{ReconcileReport, Retention};
use crate::reporting::Reporting;
use std::io;
use std::time::Duration;

impl Reporting {
    /// Recomputes the ledger from the first available record up to the last applied one and returns
    /// the mismatches. Blocks, and reads every record.
    pub fn audit(&self) -> io::Result<Vec<Mismatch>> {
        let report = self.ledger.audit()?;
        self.metrics.ledger_drift.set(report.drift_micros);
        Ok(report.mismatches)
    }

    /// One reconciliation pass: seals finished segments, recomputes from the newest saved sums and
    /// compares; saves newer sums and removes records beyond retention. Blocks.
    pub fn reconcile(&self) -> io::Result<ReconcileReport> {
        let store = &self.settings.get().store;
        let hours = |hours: u64| (hours > 0).then(|| Duration::from_secs(hours * 3_600));
        let retention = Retention {
            segments: hours(u64::from(store.keep_days) * 24),
            shared_log: hours(store.log_hours.into()),
        };
        let outcome = self.ledger.reconcile(retention, self.clock.now_ms());
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            self.set_mismatches(1);
        }
        let outcome = outcome?;
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

    fn set_mismatches(&self, mismatches: usize) {
        self.metrics.ledger_mismatches.set(i64::try_from(mismatches).unwrap_or(i64::MAX));
    }

    /// Logs the findings of the journal's recovery and sets its metric.
    pub(crate) fn log_recovery(&self) {
        let recovery = self.ledger.recovery();
        let corrupt = i64::try_from(recovery.corrupt.len()).unwrap_or(i64::MAX);
        self.metrics.journal_corrupt.set(corrupt);
        for place in &recovery.corrupt {
            tracing::error!(place, "journal is corrupt; quarantined the bytes");
        }
        for loss in &recovery.lost {
            let (segment, bytes) = (&loss.segment, loss.bytes.unwrap_or_default());
            tracing::error!(
                segment,
                kind = ?loss.kind,
                records = loss.entries,
                bytes,
                "acknowledged records are missing in the journal; restore the segment from a copy, or run \
                 `adjacent journal repair`"
            );
        }
        let repaired = i64::try_from(recovery.repaired_entries).unwrap_or(i64::MAX);
        self.metrics.journal_repaired.set(repaired);
        if repaired > 0 {
            tracing::warn!(
                records = repaired,
                "earlier repairs of the journal wrote off lost records"
            );
        }
        tracing::info!(
            segments = recovery.segments,
            records = recovery.entries,
            torn_bytes = recovery.torn_bytes,
            "journal recovered"
        );
    }
}
