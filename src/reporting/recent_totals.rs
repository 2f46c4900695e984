//! Totals of the last quarter of an hour, sampled every ten seconds: what `adjacent status` says of the last
//! minutes without a monitoring system.

use crate::domain::event::{EventKind, NoFill};
use crate::metrics::{Metrics, SlotOutcome};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How long samples are kept, in milliseconds: the longest period, and one sample more.
const KEPT_MS: i64 = 16 * 60_000;

/// Counters since the start of the process, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) at_ms: i64,
    pub(crate) filled: u64,
    pub(crate) no_fill: u64,
    pub(crate) refused: u64,
    /// In the order of [`NoFill::ALL`].
    pub(crate) no_fill_reasons: Vec<u64>,
    /// Counted, and invalid, in the order of [`EventKind::ALL`].
    pub(crate) events: Vec<(u64, u64)>,
    pub(crate) panics: u64,
    pub(crate) log_dropped: u64,
    pub(crate) reloads_refused: u64,
    pub(crate) rewinds: u64,
}

impl Totals {
    /// What the metrics have counted; `events` in the order of [`EventKind::ALL`].
    pub(super) fn of(metrics: &Metrics, events: Vec<(u64, u64)>, at_ms: i64) -> Totals {
        let outcome = |outcome: SlotOutcome| metrics.outcomes[outcome as usize].get();
        Totals {
            at_ms,
            filled: outcome(SlotOutcome::Filled),
            no_fill: outcome(SlotOutcome::NoFill),
            refused: outcome(SlotOutcome::Refused),
            no_fill_reasons: metrics.no_fills.iter().map(|count| count.get()).collect(),
            events,
            panics: metrics.panics.get(),
            log_dropped: metrics.decision_log_dropped.get(),
            reloads_refused: metrics.refused_reloads(),
            rewinds: metrics.journal_rewinds.get(),
        }
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Totals) -> Totals {
        let difference = |now: u64, then: u64| now.saturating_sub(then);
        let reasons = self.no_fill_reasons.iter().enumerate().map(|(at, count)| {
            difference(*count, before.no_fill_reasons.get(at).copied().unwrap_or(0))
        });
        let events = self.events.iter().enumerate().map(|(at, (counted, invalid))| {
            let then = before.events.get(at).copied().unwrap_or_default();
            (difference(*counted, then.0), difference(*invalid, then.1))
        });
        Totals {
            at_ms: self.at_ms - before.at_ms,
            filled: difference(self.filled, before.filled),
            no_fill: difference(self.no_fill, before.no_fill),
            refused: difference(self.refused, before.refused),
            no_fill_reasons: reasons.collect(),
            events: events.collect(),
            panics: difference(self.panics, before.panics),
            log_dropped: difference(self.log_dropped, before.log_dropped),
            reloads_refused: difference(self.reloads_refused, before.reloads_refused),
            rewinds: difference(self.rewinds, before.rewinds),
        }
    }

    /// Counted, and invalid, events of a kind.
    pub(crate) fn events_of(&self, kind: EventKind) -> (u64, u64) {
        let at = EventKind::ALL.iter().position(|one| *one == kind);
        at.and_then(|at| self.events.get(at).copied()).unwrap_or_default()
    }

    /// The most frequent reasons for no fill, with their counts.
    pub(crate) fn main_reasons(&self, most: usize) -> Vec<(NoFill, u64)> {
        let counts = NoFill::ALL.iter().copied().zip(self.no_fill_reasons.iter().copied());
        let mut found: Vec<(NoFill, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        found.truncate(most);
        found
    }
}

/// The samples, oldest first.
#[derive(Default)]
pub(crate) struct RecentTotals(Mutex<VecDeque<Totals>>);

impl RecentTotals {
    pub(super) fn add(&self, sample: Totals) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = sample.at_ms - KEPT_MS;
        while samples.front().is_some_and(|first| first.at_ms < oldest) {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// The newest sample that is at least this old, else the oldest one.
    pub(super) fn before(&self, at_ms: i64) -> Option<Totals> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().rev().find(|one| one.at_ms <= at_ms).or_else(|| samples.front()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_begins_with_the_sample_before_it_and_old_samples_go() {
        let recent = RecentTotals::default();
        assert_eq!(recent.before(0), None);
        for minute in 0..60 {
            recent.add(Totals { at_ms: minute * 60_000, filled: 10, ..Totals::default() });
        }
        assert_eq!(recent.before(50 * 60_000 + 1).unwrap().at_ms, 50 * 60_000);
        assert_eq!(recent.before(0).unwrap().at_ms, 43 * 60_000);
        assert_eq!(recent.0.lock().unwrap().len(), 17);
    }

    #[test]
    fn differences_of_counters_never_wrap() {
        let now = Totals { filled: 7, events: vec![(3, 1)], ..Totals::default() };
        let before = Totals { filled: 9, events: vec![(1, 2), (5, 5)], ..Totals::default() };
        let since = now.since(&before);
        assert_eq!((since.filled, since.events), (0, vec![(2, 0)]));
    }
}
