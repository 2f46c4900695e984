//! What was judged, added up: by kind, and by quarter of an hour under what it is reported under.
//! Every report and every metric is a fold over these.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::ledger::record::Asked;
use crate::ledger::record::Attribution;
use crate::ledger::record::Empty;
use crate::ledger::record::Event;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Milliseconds of the finest report's interval: every zone's days begin at a quarter of an hour.
pub const QUARTER_MS: i64 = 900_000;

/// How many events of one kind were judged how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All that were received.
    pub received: u64,
    /// Valid, first of their kind, and not credited since.
    pub counted: u64,
    /// Valid, seen before.
    pub duplicate: u64,
    /// Waiting for their impression.
    pub pending: u64,
    /// Invalid, by reason.
    pub invalid: BTreeMap<InvalidReason, u64>,
    /// What was billed for them, credits not taken off.
    pub billed: Micros,
    /// What was given back of that as invalid traffic.
    pub credited: Micros,
}

impl Tally {
    /// All that are invalid.
    pub fn invalid_total(&self) -> u64 {
        self.invalid.values().sum()
    }

    /// Those that counted once and were credited since.
    pub fn credited_events(&self) -> u64 {
        self.invalid.get(&InvalidReason::Credited).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, verdict: Verdict, billed: Micros) {
        match verdict {
            Verdict::Counted => self.counted += 1,
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Pending => self.pending += 1,
            Verdict::Invalid(reason) => *self.invalid.entry(reason).or_default() += 1,
        }
        self.billed = plus(self.billed, billed);
    }
}

fn plus(sum: Micros, amount: Micros) -> Micros {
    sum.checked_add(amount).unwrap_or(Micros::MAX)
}

/// Under what events of a quarter of an hour are added up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// What they are reported under.
    pub attribution: Arc<Attribution>,
    /// The call to action of clicks.
    pub cta: Option<Box<str>>,
    /// What happened.
    pub kind: EventKind,
}

/// A quarter of an hour of decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quarter {
    /// Their events.
    pub events: BTreeMap<RowKey, Tally>,
    /// Units served.
    pub served: BTreeMap<Arc<Attribution>, u64>,
    /// Slots that stayed empty.
    pub empty: BTreeMap<Arc<Empty>, u64>,
    /// Money given back for a day that begins here.
    pub refunded: BTreeMap<Arc<Attribution>, Micros>,
}

/// All of it. A clone shares its quarters with the original until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Views {
    /// Judgements by kind.
    pub totals: BTreeMap<EventKind, Tally>,
    /// By quarters of an hour since 1970-01-01T00Z of the decision.
    pub quarters: BTreeMap<i64, Arc<Quarter>>,
}

impl Views {
    /// An event came; its judgement follows.
    pub(super) fn received(&mut self, event: &Event) {
        self.change(event, |tally| tally.received += 1);
    }

    /// An event was judged, for good or `pending`.
    pub(super) fn judged(&mut self, event: &Event, verdict: Verdict, billed: Micros) {
        self.change(event, |tally| tally.add(verdict, billed));
    }

    /// An event that was pending was judged for good.
    pub(super) fn settled(&mut self, event: &Event, verdict: Verdict, billed: Micros) {
        self.change(event, |tally| {
            tally.pending -= 1;
            tally.add(verdict, billed);
        });
    }

    /// Whether an event like this has counted and not been credited.
    pub(super) fn has_counted(&self, event: &Event) -> bool {
        let quarter = self.quarters.get(&quarter_of(event.decided_at_ms));
        quarter.and_then(|q| q.events.get(&key(event))).is_some_and(|tally| tally.counted > 0)
    }

    /// A counted event counts no more, and `given` of what it cost came back.
    pub(super) fn credited(&mut self, event: &Event, given: Micros) {
        self.change(event, |tally| {
            tally.counted -= 1;
            *tally.invalid.entry(InvalidReason::Credited).or_default() += 1;
            tally.credited = plus(tally.credited, given);
        });
    }

    /// Money came back.
    pub(super) fn refunded(&mut self, at_ms: i64, of: &Arc<Attribution>, given: Micros) {
        let sum = self.quarter(at_ms).refunded.entry(of.clone()).or_default();
        *sum = plus(*sum, given);
    }

    /// Slots were asked for.
    pub(super) fn asked(&mut self, asked: &Asked) {
        let quarter = self.quarter(asked.decided_at_ms);
        let count = match &asked.slot {
            Ok(attribution) => quarter.served.entry(attribution.clone()).or_default(),
            Err(empty) => quarter.empty.entry(empty.clone()).or_default(),
        };
        *count += asked.count;
    }

    /// Every row of events with its quarter.
    pub fn events(&self) -> impl Iterator<Item = (i64, &RowKey, &Tally)> {
        self.quarters
            .iter()
            .flat_map(|(at, quarter)| quarter.events.iter().map(|(key, tally)| (*at, key, tally)))
    }

    fn quarter(&mut self, at_ms: i64) -> &mut Quarter {
        Arc::make_mut(self.quarters.entry(quarter_of(at_ms)).or_default())
    }

    fn change(&mut self, event: &Event, change: impl Fn(&mut Tally)) {
        change(self.totals.entry(event.kind).or_default());
        change(self.quarter(event.decided_at_ms).events.entry(key(event)).or_default());
    }
}

/// The quarter of an hour of a moment in unix milliseconds.
pub fn quarter_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(QUARTER_MS)
}

fn key(event: &Event) -> RowKey {
    RowKey {
        attribution: event.attribution.clone(),
        cta: event.cta.as_ref().map(|(_, id)| id.clone()),
        kind: event.kind,
    }
}
