//! Metrics that are updated as things happen, rather than at a scrape.

use crate::domain::event::{EventKind, NoFill, TokenRejection};
use crate::metrics::scrape::set;
use crate::metrics::{Metrics, SlotOutcome};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Metrics {
    /// Counts an event token that was rejected.
    pub(crate) fn count_rejected_token(&self, reason: TokenRejection) {
        self.rejected_tokens[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a filled slot.
    pub(crate) fn filled(&self, test: bool) {
        let outcome = if test { SlotOutcome::Test } else { SlotOutcome::Filled };
        self.outcomes[outcome as usize].inc();
    }

    /// Counts a slot without a unit; test slots count as `test` alone.
    pub(crate) fn unfilled(&self, reason: NoFill, test: bool) {
        if test {
            self.outcomes[SlotOutcome::Test as usize].inc();
            return;
        }
        let outcome = match reason {
            NoFill::Overloaded | NoFill::StaleTooOld => SlotOutcome::Refused,
            _ => SlotOutcome::NoFill,
        };
        self.outcomes[outcome as usize].inc();
        self.no_fills[reason as usize].inc();
    }

    /// Counts flights that a stage filtered out.
    pub(crate) fn count_removed(&self, stage: &str, flights: u64) {
        self.removed.with_label_values(&[stage]).inc_by(flights);
    }

    /// Records the duration of a decision request.
    pub(crate) fn observe_decision(&self, took: Duration) {
        self.decision_seconds.observe(took.as_secs_f64());
    }

    /// Records how long an event took to be acknowledged.
    pub(crate) fn observe_event_ack(&self, took: Duration) {
        self.ack_seconds.observe(took.as_secs_f64());
    }

    /// Sets the state of sending the journal to the shared store; `waiting` is the age of the oldest unsent
    /// record.
    pub(crate) fn set_unsent(&self, records: u64, waiting: Duration, rewinds: u64) {
        self.journal_unshipped.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.journal_oldest_unshipped.set(waiting.as_secs_f64());
        self.journal_rewinds.inc_by(rewinds.saturating_sub(self.journal_rewinds.get()));
    }

    /// Sets the number of verdicts that changed, by kind of event, from and to.
    pub(crate) fn set_verdict_changes(&self, counts: &BTreeMap<(EventKind, &str, &str), u64>) {
        for ((kind, from, to), count) in counts {
            set(&self.verdict_changes, &[kind.as_str(), from, to], *count);
        }
    }

    /// Sets the number of shared store errors of one kind.
    pub(crate) fn set_store_errors(&self, kind: &str, count: u64) {
        set(&self.store_errors, &[kind], count);
    }

    pub(crate) fn count_reload(&self, what: &str, applied: bool) {
        let result = if applied { "applied" } else { "refused" };
        self.reloads.with_label_values(&[what, result]).inc();
    }

    /// Sets the number of review findings of one sign; returns the previous number.
    pub(crate) fn set_review_findings(&self, sign: &str, count: usize) -> usize {
        let gauge = self.findings.with_label_values(&[sign]);
        let before = usize::try_from(gauge.get()).unwrap_or(0);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        before
    }

    /// Counts a request or event over a rate limit.
    pub(crate) fn count_rate_limited(&self, class: &str) {
        self.rate_limited.with_label_values(&[class]).inc();
    }

    /// Counts a request to an adapter: `filled` (a unit in every
    /// slot), `no_fill` (at least one slot without a unit) or `refused`.
    pub(crate) fn count_adapter_request(&self, adapter: &str, outcome: &str) {
        self.adapters.with_label_values(&[adapter, outcome]).inc();
    }
}
