//! Aggregates over verdicts: by event kind, and by quarter of an hour and reporting dimensions. Older rows
//! are packed, which changes nothing else.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::packed_day::PackedDay;
use crate::ledger::record::{Event, OpportunityCount};
use crate::ledger::rows::{DAY, Quarters, saturating_add};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub(crate) use crate::ledger::rows::{QUARTER_MS, Quarter, RowKey, Tally};

/// How many quarters of an hour back rows stay as they are; older ones are packed. Nearly all events of
/// a decision have come by then: the next one unpacks the day.
const OPEN: i64 = 12;

/// The rows of a UTC day. Each of its quarters of an hour is in one of the two.
#[derive(Clone, Debug, Default)]
pub(crate) struct DayRows {
    open: Arc<Quarters>,
    packed: Option<Arc<PackedDay>>,
}

/// The aggregates of one partition. A clone shares its days with the original until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartitionViews {
    /// Event counts by kind.
    pub(crate) totals: BTreeMap<EventKind, Tally>,
    /// By the decision's UTC day; days and quarters of an hour are counted from 1970-01-01T00Z.
    #[serde(with = "stored_days")]
    days: BTreeMap<i64, DayRows>,
}

/// The aggregates of all partitions, for reports.
#[derive(Clone, Debug, Default)]
pub struct Views(Vec<BTreeMap<i64, DayRows>>);

/// A quarter of an hour in a UTC day, counted from 1970-01-01T00Z, with its rows.
type At = (i64, Arc<Quarter>);

impl Views {
    /// The aggregates of these partitions.
    pub(super) fn of<'a>(partitions: impl Iterator<Item = &'a PartitionViews>) -> Views {
        Views(partitions.map(|partition| partition.days.clone()).collect())
    }

    /// The quarters of an hour that begin in `range`, in no order: each partition has its own.
    pub(crate) fn range(&self, range: Range<i64>) -> impl Iterator<Item = At> {
        let days = range.start.div_euclid(DAY)..range.end.max(range.start).div_euclid(DAY) + 1;
        let days = self.0.iter().flat_map(move |partition| partition.range(days.clone()));
        days.flat_map(|(_, day)| day.quarters()).filter(move |(at, _)| range.contains(at))
    }
}

impl DayRows {
    /// Its quarters of an hour, in no order.
    fn quarters(&self) -> impl Iterator<Item = At> {
        let packed = self.packed.iter().flat_map(|packed| packed.unpack());
        packed.chain(self.open.iter().map(|(at, quarter)| (*at, quarter.clone())))
    }

    fn quarter(&self, at: i64) -> Option<Arc<Quarter>> {
        let packed =
            || self.packed.as_ref().filter(|packed| packed.includes(at))?.unpack().remove(&at);
        self.open.get(&at).cloned().or_else(packed)
    }

    /// All its quarters of an hour.
    fn unpacked(&self) -> Arc<Quarters> {
        match self.packed {
            None => self.open.clone(),
            Some(_) => Arc::new(self.quarters().collect()),
        }
    }

    fn unpack(&mut self) -> &mut Quarters {
        let open = Arc::make_mut(&mut self.open);
        open.extend(self.packed.take().into_iter().flat_map(|packed| packed.unpack()));
        open
    }

    fn has_open(&self, before: i64) -> bool {
        self.open.first_key_value().is_some_and(|(first, _)| *first < before)
    }

    /// The same rows as they are to be at this time: packed, if they are old enough.
    pub(super) fn pack(&self, day: i64, now_ms: i64) -> DayRows {
        self.packed(day, quarter_of(now_ms) - OPEN)
    }

    fn packed(&self, day: i64, before: i64) -> DayRows {
        if !self.has_open(before) {
            return self.clone();
        }
        let mut old = Quarters::clone(&self.unpacked());
        let open = Arc::new(old.split_off(&before));
        DayRows { open, packed: Some(Arc::new(PackedDay::pack(day, &old))) }
    }

    fn is_same(&self, other: &DayRows) -> bool {
        Arc::ptr_eq(&self.open, &other.open)
            && match (&self.packed, &other.packed) {
                (Some(own), Some(other)) => Arc::ptr_eq(own, other),
                (own, other) => own.is_none() && other.is_none(),
            }
    }
}

/// Whether they have the same rows, packed or not.
impl PartialEq for DayRows {
    fn eq(&self, other: &DayRows) -> bool {
        self.is_same(other)
            || self.packed == other.packed && self.open == other.open
            || self.unpacked() == other.unpacked()
    }
}

/// Days are stored unpacked, and packed as they are read: a state that was read is never unpacked as a whole.
mod stored_days {
    use super::*;
    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(
        days: &BTreeMap<i64, DayRows>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(days.iter().map(|(day, rows)| (day, rows.unpacked())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<i64, DayRows>, D::Error> {
        struct Days;
        impl<'de> Visitor<'de> for Days {
            type Value = BTreeMap<i64, DayRows>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("report rows by day")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut days = BTreeMap::new();
                while let Some((day, open)) = map.next_entry::<i64, Arc<Quarters>>()? {
                    if open.keys().any(|at| at.div_euclid(DAY) != day) {
                        return Err(serde::de::Error::custom("report rows of another day"));
                    }
                    let rows = DayRows { open, packed: None };
                    days.insert(day, rows.packed(day, i64::MAX));
                }
                Ok(days)
            }
        }
        deserializer.deserialize_map(Days)
    }
}

impl PartitionViews {
    /// The quarters of an hour whose rows differ from another state's.
    pub(super) fn differences(&self, other: &PartitionViews) -> BTreeSet<i64> {
        let mut found = BTreeSet::new();
        let nothing = DayRows::default();
        for day in self.days.keys().chain(other.days.keys()) {
            let [own, other] = [self, other].map(|one| one.days.get(day).unwrap_or(&nothing));
            if own != other {
                let (own, other) = (own.unpacked(), other.unpacked());
                let all = own.keys().chain(other.keys()).copied();
                found.extend(all.filter(|at| own.get(at) != other.get(at)));
            }
        }
        found
    }

    /// Days with rows to pack at this time.
    pub(super) fn unpacked(&self, now_ms: i64) -> impl Iterator<Item = i64> {
        let before = quarter_of(now_ms) - OPEN;
        let days = self.days.iter().filter(move |(_, rows)| rows.has_open(before));
        days.map(|(day, _)| *day)
    }

    /// Packs the rows of all days that are due.
    pub(crate) fn pack(&mut self, now_ms: i64) {
        for (day, rows) in &mut self.days {
            *rows = rows.pack(*day, now_ms);
        }
    }

    /// The rows of a day, to [pack](DayRows::pack) while the state goes on.
    pub(super) fn day_rows(&self, day: i64) -> DayRows {
        self.days.get(&day).cloned().unwrap_or_default()
    }

    /// Replaces the rows of a day by the same ones packed, unless they have changed since they were read.
    pub(super) fn replace(&mut self, day: i64, read: &DayRows, packed: DayRows) {
        if let Some(rows) = self.days.get_mut(&day).filter(|rows| rows.is_same(read)) {
            *rows = packed;
        }
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
        let quarter = self.days.get(&at.div_euclid(DAY)).and_then(|day| day.quarter(at));
        quarter
            .as_ref()
            .and_then(|q| q.events.get(&key(event)))
            .is_some_and(|tally| tally.counted > 0)
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

    fn quarter(&mut self, at_ms: i64) -> &mut Quarter {
        let at = quarter_of(at_ms);
        Arc::make_mut(self.day(at).entry(at).or_default())
    }

    /// The unpacked quarters of an hour of a day, with `at` if there is such a quarter.
    fn day(&mut self, at: i64) -> &mut Quarters {
        let day = self.days.entry(at.div_euclid(DAY)).or_default();
        match &day.packed {
            Some(packed) if packed.includes(at) && !day.open.contains_key(&at) => day.unpack(),
            _ => Arc::make_mut(&mut day.open),
        }
    }

    fn change(&mut self, event: &Event, change: impl Fn(&mut Tally)) {
        change(self.totals.entry(event.kind).or_default());
        let at = quarter_of(event.decided_at_ms);
        let (day, mut key) = (self.day(at), key(event));
        if !day.get(&at).is_some_and(|quarter| quarter.events.contains_key(&key)) {
            key.attribution = shared(day, at, &key.attribution).unwrap_or(key.attribution);
        }
        change(Arc::make_mut(day.entry(at).or_default()).events.entry(key).or_default());
    }
}

/// The same attribution in a row of the last hour: rows share it, since it is larger than they are.
fn shared(day: &Quarters, at: i64, of: &Arc<AttributionKey>) -> Option<Arc<AttributionKey>> {
    let first = RowKey { attribution: of.clone(), cta: None, kind: EventKind::Impression };
    let quarters = day.range(at - 3..=at).rev();
    let mut rows = quarters.filter_map(|(_, quarter)| quarter.events.range(&first..).next());
    rows.find_map(|(key, _)| (key.attribution == *of).then(|| key.attribution.clone()))
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
