//! Report rows of a quarter of an hour: the sums that every report and every metric is a fold over.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::record::UnfilledSlot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Milliseconds of the shortest reporting interval: days of every time zone begin at a quarter hour.
pub(crate) const QUARTER_MS: i64 = 900_000;

/// Event counts by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All received events.
    pub received: u64,
    /// Valid, first of their kind, and not credited since.
    pub counted: u64,
    /// Valid, but seen before.
    pub duplicate: u64,
    /// Waiting for their impression.
    pub(crate) pending: u64,
    pub(crate) invalid: BTreeMap<InvalidReason, u64>,
    /// Billed, before credits.
    pub(crate) billed: Micros,
    /// Credited as invalid traffic.
    pub(crate) credited: Micros,
}

impl Tally {
    /// All invalid events.
    pub(crate) fn invalid_total(&self) -> u64 {
        self.invalid.values().sum()
    }

    /// Events that counted and were credited since.
    pub(crate) fn credited_events(&self) -> u64 {
        self.invalid.get(&InvalidReason::Credited).copied().unwrap_or(0)
    }

    pub(super) fn merge(&mut self, other: &Tally) {
        self.received += other.received;
        self.counted += other.counted;
        self.duplicate += other.duplicate;
        self.pending += other.pending;
        for (reason, count) in &other.invalid {
            *self.invalid.entry(*reason).or_default() += count;
        }
        self.billed = saturating_add(self.billed, other.billed);
        self.credited = saturating_add(self.credited, other.credited);
    }

    pub(crate) fn add(&mut self, verdict: Verdict, billed: Micros) {
        match verdict {
            Verdict::Counted => self.counted += 1,
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Pending => self.pending += 1,
            Verdict::Invalid(reason) => *self.invalid.entry(reason).or_default() += 1,
        }
        self.billed = saturating_add(self.billed, billed);
    }
}

/// The sum of two amounts, at most the largest.
pub(super) fn saturating_add(sum: Micros, amount: Micros) -> Micros {
    sum.checked_add(amount).unwrap_or(Micros::MAX)
}

/// Dimensions of a report row within a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RowKey {
    /// The reporting dimensions.
    pub(crate) attribution: Arc<AttributionKey>,
    /// For clicks, the call to action.
    pub(crate) cta: Option<Box<str>>,
    pub(crate) kind: EventKind,
}

/// Aggregates of decisions made within a quarter of an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quarter {
    /// Event counts.
    pub(crate) events: BTreeMap<RowKey, Tally>,
    /// Units served.
    pub(crate) served: BTreeMap<Arc<AttributionKey>, u64>,
    pub(crate) empty: BTreeMap<Arc<UnfilledSlot>, u64>,
    /// Refunds for a day that begins here.
    pub(crate) refunded: BTreeMap<Arc<AttributionKey>, Micros>,
}

/// Quarters of an hour in a day.
pub(super) const DAY: i64 = 96;

/// Quarters of an hour with their rows.
pub(super) type Quarters = BTreeMap<i64, Arc<Quarter>>;
