//! What was counted of the requests that a canary gets, and of the others, since it began on this instance.

use crate::decision_log::decision_id::time_of;
use crate::domain::event::{EventKind, Verdict};
use crate::ledger::event_log::LedgerUpdate;
use crate::selection::dice::is_canary;
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Buckets of durations: four for each doubling of microseconds.
const BUCKETS: usize = 128;

/// A decision of one arm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArmDecision {
    pub(crate) slots: u64,
    pub(crate) filled: u64,
    /// Whether a reservation failed.
    pub(crate) lost_reservation: bool,
    /// Whether a slot stayed empty because the page is about an advertiser or its competitor.
    pub(crate) subject_conflict: bool,
    pub(crate) took: Duration,
}

/// The requests of one arm. A decision increments some of the counters.
struct Arm {
    decisions: AtomicU64,
    slots: AtomicU64,
    filled: AtomicU64,
    lost: AtomicU64,
    conflicts: AtomicU64,
    impressions: AtomicU64,
    clicks: AtomicU64,
    durations: [AtomicU64; BUCKETS],
}

impl Default for Arm {
    fn default() -> Arm {
        Arm {
            decisions: AtomicU64::new(0),
            slots: AtomicU64::new(0),
            filled: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            impressions: AtomicU64::new(0),
            clicks: AtomicU64::new(0),
            durations: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

/// The counts of one arm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArmTotals {
    pub(crate) decisions: u64,
    pub(crate) slots: u64,
    pub(crate) filled: u64,
    /// Decisions with a failed reservation.
    pub(crate) lost: u64,
    /// Decisions with a slot that stayed empty because of a subject conflict.
    pub(crate) conflicts: u64,
    /// Counted impressions and clicks.
    pub(crate) impressions: u64,
    pub(crate) clicks: u64,
    /// Decisions by the bucket of how long they took.
    pub(super) durations: Vec<u64>,
}

/// The bucket of a duration.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(4);
    let doubling = 63 - micros.leading_zeros();
    let quarter = (micros >> (doubling - 2)) & 3;
    ((doubling as usize - 2) * 4 + usize::try_from(quarter).unwrap_or(0)).min(BUCKETS - 1)
}

/// The end of a bucket, in microseconds.
fn end_of(bucket: usize) -> u64 {
    (5 + bucket as u64 % 4) << (bucket / 4)
}

impl ArmTotals {
    /// The duration in microseconds that one decision in a hundred exceeds.
    pub(crate) fn p99_micros(&self) -> u64 {
        let mut left = self.decisions / 100;
        for (bucket, count) in self.durations.iter().enumerate().rev() {
            if *count > left {
                return end_of(bucket);
            }
            left -= count;
        }
        0
    }

    /// Decisions that took longer than the bucket with this duration in microseconds.
    pub(crate) fn slower_than(&self, micros: u64) -> u64 {
        let from = bucket(Duration::from_micros(micros)) + 1;
        self.durations.iter().skip(from).sum()
    }
}

impl Arm {
    fn totals(&self) -> ArmTotals {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ArmTotals {
            decisions: of(&self.decisions),
            slots: of(&self.slots),
            filled: of(&self.filled),
            lost: of(&self.lost),
            conflicts: of(&self.conflicts),
            impressions: of(&self.impressions),
            clicks: of(&self.clicks),
            durations: self.durations.iter().map(of).collect(),
        }
    }
}

/// Both arms.
pub(crate) struct Arms {
    served: Arm,
    canary: Arm,
    /// From when on, in unix milliseconds, the canary has which share.
    shares: Mutex<Vec<(i64, u32)>>,
}

impl Arms {
    /// Nothing was counted yet.
    pub(crate) fn new() -> Arms {
        Arms { served: Arm::default(), canary: Arm::default(), shares: Mutex::default() }
    }

    /// The canary has this share from now on.
    pub(crate) fn set_share(&self, now_ms: i64, share: u32) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.last().is_none_or(|(_, last)| *last != share) {
            shares.push((now_ms, share));
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, of_canary: bool, decision: &ArmDecision) {
        let arm = if of_canary { &self.canary } else { &self.served };
        let add = |count: &AtomicU64, more: u64| count.fetch_add(more, Ordering::Relaxed);
        add(&arm.decisions, 1);
        add(&arm.slots, decision.slots);
        add(&arm.filled, decision.filled);
        add(&arm.lost, u64::from(decision.lost_reservation));
        add(&arm.conflicts, u64::from(decision.subject_conflict));
        add(&arm.durations[bucket(decision.took)], 1);
    }

    /// The arm of a decision: by the share that the canary had when it was made; `None` if it had begun later.
    fn of_decision(&self, decision: u128) -> Option<&Arm> {
        let at_ms = time_of(decision);
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, share) = shares.iter().rfind(|(since, _)| *since <= at_ms)?;
        Some(if is_canary(decision, *share) { &self.canary } else { &self.served })
    }

    /// The counts with the weights being served, and with those of the canary.
    pub(crate) fn totals(&self) -> (ArmTotals, ArmTotals) {
        (self.served.totals(), self.canary.totals())
    }
}

/// The arms of the present canary, for the events of the ledger.
#[derive(Default)]
pub(crate) struct CurrentArms(ArcSwapOption<Arms>);

impl CurrentArms {
    pub(crate) fn set(&self, arms: Option<Arc<Arms>>) {
        self.0.store(arms);
    }

    /// Counts impressions and clicks that counted.
    pub(crate) fn on_ledger_change(&self, change: &LedgerUpdate<'_>) {
        let arms = self.0.load();
        let (Some(arms), LedgerUpdate::Applied(applied)) = (&*arms, change) else { return };
        for one in applied.verdicts.iter().filter(|one| one.verdict == Verdict::Counted) {
            let Some(arm) = arms.of_decision(one.event.decision) else { continue };
            let count = match one.event.kind {
                EventKind::Impression => &arm.impressions,
                EventKind::Click => &arm.clicks,
                _ => continue,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Counts of decisions with one slot each, which took this many microseconds.
    pub(crate) fn totals(decisions: u64, filled: u64, micros: &[u64]) -> ArmTotals {
        let arms = Arms::new();
        for number in 0..decisions {
            let took = micros[usize::try_from(number).unwrap() % micros.len()];
            arms.count(
                true,
                &ArmDecision {
                    slots: 1,
                    filled: u64::from(number < filled),
                    lost_reservation: false,
                    subject_conflict: false,
                    took: Duration::from_micros(took),
                },
            );
        }
        arms.totals().1
    }

    #[test]
    fn one_decision_in_a_hundred_takes_longer_than_the_99th_percentile() {
        let mut micros: Vec<u64> = (0..990).map(|n| 20 + n % 80).collect();
        micros.extend([5_000; 10]);
        let found = totals(1_000, 0, &micros);
        assert!((99..=128).contains(&found.p99_micros()), "{}", found.p99_micros());
        assert_eq!(found.slower_than(found.p99_micros()), 10);
        assert_eq!(
            (totals(10, 0, &[0, 1]).p99_micros(), ArmTotals::default().p99_micros()),
            (5, 0)
        );
        for micros in [4, 5, 7, 8, 100, 1 << 20, u64::MAX / 2] {
            let own = bucket(Duration::from_micros(micros));
            assert!(own == BUCKETS - 1 || micros < end_of(own), "{micros}");
            assert!(own == 0 || own == BUCKETS - 1 || micros >= end_of(own - 1), "{micros}");
        }
    }

    #[test]
    fn an_event_belongs_to_the_arm_that_its_decision_had() {
        let arms = Arms::new();
        let id = |at_ms: u128| (at_ms << 80) | (7 << 76) | (5 << 8) | 1;
        assert!(arms.of_decision(id(999)).is_none(), "before it began");
        arms.set_share(1_000, 0);
        arms.set_share(2_000, u32::MAX);
        let is_canary = |at_ms| std::ptr::eq(arms.of_decision(id(at_ms)).unwrap(), &arms.canary);
        assert!(!is_canary(1_500) && is_canary(2_500));
        assert!(arms.of_decision(id(999)).is_none());
    }
}
