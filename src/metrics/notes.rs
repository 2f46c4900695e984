//! What is noted as it happens.

use crate::metrics::Metrics;
use crate::metrics::set;
use std::time::Duration;

impl Metrics {
    /// Notes how long a decision took.
    pub fn decided_in(&self, took: Duration) {
        self.decision_seconds.observe(took.as_secs_f64());
    }

    /// Notes how long an event waited for the disk.
    pub fn acknowledged_in(&self, took: Duration) {
        self.ack_seconds.observe(took.as_secs_f64());
    }

    /// How it stands with what is sent to a shared store.
    pub fn unshipped(&self, records: u64, waiting: Duration, rewinds: u64) {
        self.journal_unshipped.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.journal_oldest_unshipped.set(waiting.as_secs_f64());
        self.journal_rewinds.inc_by(rewinds.saturating_sub(self.journal_rewinds.get()));
    }

    /// How often a trouble of a shared store was met.
    pub fn troubled(&self, trouble: &str, count: u64) {
        set(&self.store_troubles, &[trouble], count);
    }

    /// Counts a reload.
    pub fn reloaded(&self, what: &str, applied: bool) {
        let result = if applied { "applied" } else { "refused" };
        self.reloads.with_label_values(&[what, result]).inc();
    }

    /// Sets how much there is to look at of one sign; says how much there was.
    pub fn found(&self, sign: &str, count: usize) -> usize {
        let gauge = self.findings.with_label_values(&[sign]);
        let before = usize::try_from(gauge.get()).unwrap_or(0);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        before
    }

    /// Counts something over its limit.
    pub fn limited(&self, class: &str) {
        self.rate_limited.with_label_values(&[class]).inc();
    }

    /// Counts a call in a dialect of [`ADAPTERS`](crate::metrics::ADAPTERS) by one of
    /// [`ADAPTER_OUTCOMES`](crate::metrics::ADAPTER_OUTCOMES).
    pub fn adapted(&self, adapter: &str, outcome: &str) {
        self.adapters.with_label_values(&[adapter, outcome]).inc();
    }
}
