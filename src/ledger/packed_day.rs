//! Report rows in few bytes: what an attribution had in a day stands together, its texts are numbers in a
//! list of the day, and each quarter of an hour is a few integers. Nothing is lost: rows are the same after
//! unpacking, so packing changes no report, in any time zone and at any granularity. Equal rows have equal
//! bytes.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use crate::ledger::record::UnfilledSlot;
use crate::ledger::rows::{DAY, Quarter, Quarters, RowKey, Tally};
use crate::ledger::stored_attribution::{StoredUnfilled, StoredUnit};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Some quarters of an hour of one day, packed. Only in memory: a stored state has them unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedDay {
    day: i64,
    /// The last of its quarters.
    last: i64,
    bytes: Box<[u8]>,
}

/// What there was in each quarter of the day that has any.
type ByQuarter<T> = Vec<(u8, T)>;

/// `S` is a text, `T` the sums of a row.
#[derive(Serialize, Deserialize)]
struct Content<S, T> {
    texts: Vec<S>,
    units: Vec<(StoredUnit<u32>, Rows<T>)>,
    unfilled: Vec<(StoredUnfilled<u32>, ByQuarter<u64>)>,
}

/// The rows of one attribution, each with its quarter of the day.
#[derive(Serialize, Deserialize)]
struct Rows<T> {
    events: Vec<(Option<u32>, EventKind, ByQuarter<T>)>,
    served: ByQuarter<u64>,
    refunded: ByQuarter<Micros>,
}

#[derive(Default)]
struct Collected<'a> {
    events: BTreeMap<(Option<&'a str>, EventKind), ByQuarter<&'a Tally>>,
    served: ByQuarter<u64>,
    refunded: ByQuarter<Micros>,
}

impl<'a> Collected<'a> {
    fn rows(self, texts: &BTreeMap<&str, u32>) -> Rows<&'a Tally> {
        let events = self.events.into_iter();
        let events = events.map(|((cta, kind), rows)| (cta.map(|cta| texts[cta]), kind, rows));
        Rows { events: events.collect(), served: self.served, refunded: self.refunded }
    }
}

impl PackedDay {
    /// Packs quarters of an hour of one day.
    pub(super) fn pack(day: i64, quarters: &Quarters) -> PackedDay {
        let mut units: BTreeMap<&AttributionKey, Collected<'_>> = BTreeMap::new();
        let mut unfilled: BTreeMap<&UnfilledSlot, ByQuarter<u64>> = BTreeMap::new();
        for (at, quarter) in quarters {
            let at = u8::try_from(at - day * DAY).expect("a quarter of an hour of this day");
            for (RowKey { attribution, cta, kind }, tally) in &quarter.events {
                let events = &mut units.entry(attribution).or_default().events;
                events.entry((cta.as_deref(), *kind)).or_default().push((at, tally));
            }
            for (of, count) in &quarter.served {
                units.entry(of).or_default().served.push((at, *count));
            }
            for (of, micros) in &quarter.refunded {
                units.entry(of).or_default().refunded.push((at, *micros));
            }
            for (of, count) in &quarter.empty {
                unfilled.entry(of).or_default().push((at, *count));
            }
        }
        let mut texts: BTreeMap<&str, u32> = BTreeMap::new();
        for (of, rows) in &units {
            StoredUnit::of(of, |text| texts.insert(text, 0));
            texts.extend(rows.events.keys().filter_map(|(cta, _)| Some(((*cta)?, 0))));
        }
        for of in unfilled.keys() {
            StoredUnfilled::of(of, |text| texts.insert(text, 0));
        }
        (0..).zip(texts.values_mut()).for_each(|(number, text)| *text = number);
        let content = Content {
            units: units
                .into_iter()
                .map(|(of, own)| (StoredUnit::of(of, |text| texts[text]), own.rows(&texts)))
                .collect(),
            unfilled: unfilled
                .into_iter()
                .map(|(of, own)| (StoredUnfilled::of(of, |text| texts[text]), own))
                .collect(),
            texts: texts.keys().collect(),
        };
        let bytes = postcard::to_stdvec(&content).expect("rows are plain data").into();
        let last = quarters.last_key_value().map_or(day * DAY, |(last, _)| *last);
        PackedDay { day, last, bytes }
    }

    /// Whether it may have rows of a quarter of an hour.
    pub(super) fn includes(&self, at: i64) -> bool {
        at <= self.last
    }

    /// The quarters of an hour, as they were.
    pub(super) fn unpack(&self) -> Quarters {
        let content: Content<&str, Tally> =
            postcard::from_bytes(&self.bytes).expect("this process packed it");
        let mut quarters: BTreeMap<i64, Quarter> = BTreeMap::new();
        let text = |number: u32| Box::from(content.texts[number as usize]);
        let at = |at: u8| self.day * DAY + i64::from(at);
        for (of, rows) in content.units {
            let of: Result<_, postcard::Error> = of.unit(text);
            let of = Arc::new(of.expect("this process packed it"));
            for (cta, kind, rows) in rows.events {
                for (quarter, tally) in rows {
                    let key = RowKey { attribution: of.clone(), cta: cta.map(text), kind };
                    quarters.entry(at(quarter)).or_default().events.insert(key, tally);
                }
            }
            for (quarter, count) in rows.served {
                quarters.entry(at(quarter)).or_default().served.insert(of.clone(), count);
            }
            for (quarter, micros) in rows.refunded {
                quarters.entry(at(quarter)).or_default().refunded.insert(of.clone(), micros);
            }
        }
        for (of, rows) in content.unfilled {
            let of: Result<_, postcard::Error> = of.slot(text);
            let of = Arc::new(of.expect("this process packed it"));
            for (quarter, count) in rows {
                quarters.entry(at(quarter)).or_default().empty.insert(of.clone(), count);
            }
        }
        quarters.into_iter().map(|(at, quarter)| (at, Arc::new(quarter))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{InvalidReason, Pricing, Verdict};
    use crate::ledger::properties::{event, micros};

    /// The rows of a day in which each of 1,000 attributions has impressions in every hour.
    #[test]
    fn a_packed_row_takes_less_than_sixteen_bytes() {
        let mut quarters = Quarters::new();
        let unit = event(EventKind::Impression, 0, 0, Pricing::Cpm, 70).attribution;
        let (mut rows, mut events) = (0, 0);
        for at in 0..1_000u32 {
            let mut own = AttributionKey::clone(&unit);
            own.page.topic = format!("topic-number-{}", at % 40).into();
            own.page.entity = format!("entity-number-{at}").into();
            let attribution = Arc::new(own);
            for hour in 0..24i64 {
                let mut tally = Tally::default();
                for number in 0..4 + hour % 3 {
                    tally.received += 1;
                    let verdict = match number {
                        0 => Verdict::Invalid(InvalidReason::RateLimited),
                        _ => Verdict::Counted,
                    };
                    tally.add(verdict, micros(70));
                    events += 1;
                }
                let key = RowKey {
                    attribution: attribution.clone(),
                    cta: None,
                    kind: EventKind::Impression,
                };
                let quarter = Arc::make_mut(quarters.entry(hour * 4).or_default());
                quarter.events.insert(key, tally);
                rows += 1;
            }
        }
        let packed = PackedDay::pack(0, &quarters);
        let bytes = packed.bytes.len();
        assert!(
            bytes < rows * 16 && bytes < events * 4,
            "{bytes} bytes, {rows} rows, {events} events"
        );
        assert_eq!(packed.unpack(), quarters);
    }
}
