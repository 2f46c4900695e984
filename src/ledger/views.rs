//! Aggregates over verdicts: by event kind, and by quarter of an hour and reporting dimensions. Every
//! report and every metric is a fold over these.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::record::{Event, OpportunityCount, UnfilledSlot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
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

fn saturating_add(sum: Micros, amount: Micros) -> Micros {
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
const DAY: i64 = 96;

/// The aggregates of one partition. A clone shares its days with the original until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartitionViews {
    /// Event counts by kind.
    pub(crate) totals: BTreeMap<EventKind, Tally>,
    /// By the decision's UTC day and quarter of an hour, both counted from 1970-01-01T00Z.
    days: BTreeMap<i64, Arc<BTreeMap<i64, Arc<Quarter>>>>,
}

/// The aggregates of all partitions, for reports.
#[derive(Clone, Debug, Default)]
pub struct Views(pub(super) Vec<PartitionViews>);

impl Views {
    /// The quarters of an hour that begin in `range`, in no order: each partition has its own.
    pub(crate) fn range(&self, range: Range<i64>) -> impl Iterator<Item = (i64, &Quarter)> {
        self.0.iter().flat_map(move |partition| partition.range(range.clone()))
    }

    /// All event rows, with their quarter of an hour.
    #[cfg(test)]
    pub(crate) fn events(&self) -> impl Iterator<Item = (i64, &RowKey, &Tally)> {
        self.0.iter().flat_map(PartitionViews::events)
    }
}

impl PartitionViews {
    /// The quarters of an hour that begin in `range`, in order.
    pub(crate) fn range(&self, range: Range<i64>) -> impl Iterator<Item = (i64, &Quarter)> {
        let days = range.start.div_euclid(DAY)..range.end.max(range.start).div_euclid(DAY) + 1;
        let days = self.days.range(days);
        days.flat_map(move |(_, day)| day.range(range.clone()))
            .map(|(at, quarter)| (*at, &**quarter))
    }

    /// All quarters of an hour, in order.
    pub(crate) fn quarters(&self) -> impl Iterator<Item = (i64, &Quarter)> {
        self.days.values().flat_map(|day| day.iter()).map(|(at, quarter)| (*at, &**quarter))
    }

    /// Counts a received event; its verdict follows.
    pub(super) fn add_received(&mut self, event: &Event) {
        self.change(event, |tally| tally.received += 1);
    }

    /// Counts a verdict, final or `pending`.
    pub(super) fn add_verdict(&mut self, event: &Event, verdict: Verdict, billed: Micros) {
        self.change(event, |tally| tally.add(verdict, billed));
    }

    /// Counts the final verdict of a pending event.
    pub(super) fn settle_pending(&mut self, event: &Event, verdict: Verdict, billed: Micros) {
        self.change(event, |tally| {
            tally.pending -= 1;
            tally.add(verdict, billed);
        });
    }

    /// Whether an event with the same dimensions has counted and not been credited.
    pub(super) fn has_counted(&self, event: &Event) -> bool {
        let at = quarter_of(event.decided_at_ms);
        let quarter = self.days.get(&at.div_euclid(DAY)).and_then(|day| day.get(&at));
        quarter.and_then(|q| q.events.get(&key(event))).is_some_and(|tally| tally.counted > 0)
    }

    /// Turns a counted event into an invalid one, of whose price `credited` was credited.
    pub(super) fn add_credit(&mut self, event: &Event, credited: Micros) {
        self.change(event, |tally| {
            tally.counted -= 1;
            *tally.invalid.entry(InvalidReason::Credited).or_default() += 1;
            tally.credited = saturating_add(tally.credited, credited);
        });
    }

    pub(super) fn add_refund(&mut self, at_ms: i64, of: &Arc<AttributionKey>, credited: Micros) {
        let sum = self.quarter(at_ms).refunded.entry(of.clone()).or_default();
        *sum = saturating_add(*sum, credited);
    }

    pub(super) fn add_opportunities(&mut self, opportunities: &OpportunityCount) {
        let quarter = self.quarter(opportunities.decided_at_ms);
        let count = match &opportunities.slot {
            Ok(attribution) => quarter.served.entry(attribution.clone()).or_default(),
            Err(empty) => quarter.empty.entry(empty.clone()).or_default(),
        };
        *count += opportunities.count;
    }

    /// All event rows, with their quarter of an hour.
    pub(crate) fn events(&self) -> impl Iterator<Item = (i64, &RowKey, &Tally)> {
        self.quarters().flat_map(|(at, quarter)| {
            quarter.events.iter().map(move |(key, tally)| (at, key, tally))
        })
    }

    fn quarter(&mut self, at_ms: i64) -> &mut Quarter {
        let at = quarter_of(at_ms);
        let day = Arc::make_mut(self.days.entry(at.div_euclid(DAY)).or_default());
        Arc::make_mut(day.entry(at).or_default())
    }

    fn change(&mut self, event: &Event, change: impl Fn(&mut Tally)) {
        change(self.totals.entry(event.kind).or_default());
        change(self.quarter(event.decided_at_ms).events.entry(key(event)).or_default());
    }
}

/// The quarter of an hour that contains a time in unix milliseconds.
pub(crate) fn quarter_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(QUARTER_MS)
}

fn key(event: &Event) -> RowKey {
    RowKey {
        attribution: event.attribution.clone(),
        cta: event.cta.as_ref().map(|(_, id)| id.clone()),
        kind: event.kind,
    }
}
