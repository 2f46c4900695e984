//! Metrics that are updated as things happen, rather than at a scrape.

use crate::domain::event::{EventKind, NoFill, TokenRejection};
use crate::metrics::scrape::set;
use crate::metrics::series::OTHER;
use crate::metrics::{Metrics, PlacementSlots, RELOADED, ReloadResult, SlotOutcome};
use crate::traffic::review::Indicator;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Metrics {
    /// Counts an event token that was rejected.
    pub(crate) fn count_rejected_token(&self, reason: TokenRejection) {
        self.rejected_tokens[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a slot, filled or not, of a placement; test slots count as `test` alone.
    #[inline]
    pub(crate) fn count_slot(
        &self,
        no_fill: Option<NoFill>,
        test: bool,
        placement: &PlacementSlots,
    ) {
        let outcome = match no_fill {
            _ if test => SlotOutcome::Test,
            None => SlotOutcome::Filled,
            Some(NoFill::Overloaded | NoFill::StaleTooOld) => SlotOutcome::Refused,
            Some(_) => SlotOutcome::NoFill,
        };
        self.outcomes[outcome as usize].inc();
        placement.count(outcome);
        if let Some(reason) = no_fill.filter(|_| !test) {
            self.no_fills[reason as usize].inc();
        }
    }

    /// Counts a slot that is refused because of overload.
    pub(crate) fn count_shed_slot(&self, test: bool) {
        self.count_slot(Some(NoFill::Overloaded), test, self.undeclared_slots());
    }

    /// Sets the number of the catalog's change that is served.
    pub(crate) fn set_catalog_version(&self, number: u64) {
        self.catalog_version.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// The number of the catalog's change that is served.
    pub(crate) fn catalog_version(&self) -> u64 {
        u64::try_from(self.catalog_version.get()).unwrap_or(0)
    }

    /// Counts a change of the catalog, by who made it.
    pub(crate) fn count_catalog_change(&self, who: &str) {
        let mut names = self.changers.lock().unwrap_or_else(PoisonError::into_inner);
        names.admit(who.to_owned());
        let who = if names.has(&who.to_owned()) { who } else { OTHER };
        self.catalog_changes.with_label_values(&[who]).inc();
    }

    /// Counts the body of a decision request.
    pub(crate) fn count_body(&self, is_known: bool) {
        self.decision_bodies[usize::from(!is_known)].inc();
    }

    /// Counts a unit in a reply.
    pub(crate) fn count_unit(&self, is_known: bool) {
        self.units_written[usize::from(!is_known)].inc();
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

    pub(crate) fn count_reload(&self, what: &str, result: ReloadResult) {
        self.reloads.with_label_values(&[what, result.as_str()]).inc();
    }

    /// Reloads of files that were refused.
    pub(crate) fn refused_reloads(&self) -> u64 {
        RELOADED.iter().map(|what| self.reloads.with_label_values(&[*what, "refused"]).get()).sum()
    }

    /// Traffic review findings of all signs.
    pub(crate) fn review_findings(&self) -> i64 {
        let findings = Indicator::ALL.iter();
        findings.map(|sign| self.findings.with_label_values(&[sign.as_str()]).get()).sum()
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
