//! Totals of the events recorded by one process: its share of the fleet's metrics. Each instance
//! exports its own, so that their sum is the total and no event is counted twice.

use crate::domain::event::{EventKind, Verdict};
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::event_log::EventTotals;
use crate::ledger::outcome::{ApplyOutcome, EventVerdict};
use crate::ledger::record::{DecisionKey, Event};
use crate::ledger::state::State;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Identifies a pending event.
type PendingKey = (DecisionKey, EventKind, Option<u8>, i64);

fn key(event: &Event) -> PendingKey {
    (event.decision_key, event.kind, event.cta.as_ref().map(|(at, _)| *at), event.at_ms)
}

/// Totals since the start of the process.
#[derive(Debug, Default)]
pub(super) struct LocalTotals {
    totals: EventTotals,
    /// Number of pending events with this key, and the LSN of the first of them.
    pending: HashMap<PendingKey, (u32, u64)>,
    /// The last of its own entries that was counted, by partition.
    counted: BTreeMap<u8, u64>,
}

impl LocalTotals {
    pub(crate) fn totals(&self) -> &EventTotals {
        &self.totals
    }

    /// Counts the effect of an entry; `own` is this incarnation. However often and from wherever
    /// the log is read again, each of its events is counted once, and settled once.
    pub(crate) fn record(&mut self, applied: &ApplyOutcome, entry: &Entry, own: u64) {
        let counted = self.counted.entry(entry.partition).or_default();
        let is_new = entry.incarnation == own && entry.lsn > *counted;
        if is_new {
            *counted = entry.lsn;
        }
        for one in applied.verdicts.iter().filter(|one| one.recorded_by == own) {
            if is_new && !one.was_pending {
                self.add_event(one, entry.lsn);
            } else if one.verdict != Verdict::Pending {
                self.settle(one);
            }
        }
        let Some(returned) = applied.adjustment.as_ref().filter(|_| is_new) else { return };
        add(&mut self.totals.credited_micros, &returned.attribution.campaign, returned.micros);
        if let Some(event) = &returned.event {
            *self.totals.credited.entry(event.kind).or_default() += 1;
        }
    }

    /// Whether a partition's state contains effects that were not counted: the log must then be
    /// read from an earlier point.
    pub(crate) fn is_missing(&self, sums: &State, partition: u8, own: u64) -> bool {
        let counted = self.counted.get(&partition).copied().unwrap_or(0);
        let summed = sums.position(own, partition);
        let still_pending: HashSet<PendingKey> =
            sums.pending_of(own, partition).map(|event| key(event)).collect();
        let mut here = self.pending.iter().filter(|(key, _)| key.0.partition == partition);
        summed > counted
            || here.any(|(key, (_, lsn))| *lsn <= summed && !still_pending.contains(key))
    }

    fn add_event(&mut self, one: &EventVerdict, lsn: u64) {
        self.totals.events.entry(one.event.kind).or_default().received += 1;
        if one.verdict == Verdict::Pending {
            self.pending.entry(key(&one.event)).or_insert((0, lsn)).0 += 1;
        }
        self.add_verdict(one);
    }

    /// Counts the final verdict of a pending event, if it is pending here.
    fn settle(&mut self, one: &EventVerdict) {
        let key = key(&one.event);
        let Some((count, _)) = self.pending.get_mut(&key) else { return };
        *count -= 1;
        if *count == 0 {
            self.pending.remove(&key);
        }
        self.totals.events.entry(one.event.kind).or_default().pending -= 1;
        self.add_verdict(one);
    }

    fn add_verdict(&mut self, one: &EventVerdict) {
        self.totals.events.entry(one.event.kind).or_default().add(one.verdict, one.billed);
        if one.billed > Micros::ZERO {
            add(&mut self.totals.billed, &one.event.attribution.campaign, one.billed);
        }
    }
}

fn add(sums: &mut BTreeMap<Box<str>, u64>, campaign: &str, micros: Micros) {
    let sum = sums.entry(campaign.into()).or_default();
    *sum += u64::try_from(micros.get()).unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Pricing;
    use crate::ledger::apply::{EntryOutcome, apply_entry};
    use crate::ledger::properties::event;
    use crate::ledger::{Record, Rules};
    use proptest::prelude::*;
    use std::sync::Arc;

    const OWN: u64 = 1;
    const PARTITION: u8 = 3;

    /// Records of two incarnations in one order, as in the store's log.
    fn log(records: &[(u64, Record)]) -> Vec<Entry> {
        let mut last = HashMap::new();
        let entry = |(incarnation, record): &(u64, Record)| {
            let lsn = last.entry(*incarnation).or_insert(0);
            *lsn += 1;
            let payload = record.encode();
            Entry { incarnation: *incarnation, partition: PARTITION, lsn: *lsn, payload }
        };
        records.iter().map(entry).collect()
    }

    fn read(own: &mut LocalTotals, state: &mut State, log: &[Entry]) {
        for entry in log {
            if let EntryOutcome::Next(applied) = apply_entry(state, entry).unwrap() {
                own.record(&applied, entry, OWN);
            }
        }
    }

    proptest! {
        #[test]
        fn each_event_is_counted_once_wherever_the_log_is_read_again_from(
            events in prop::collection::vec(
                (prop::sample::select(EventKind::ALL), 0u64..6, 0i64..40_000, 1u64..3), 1..40,
            ),
            cut: prop::sample::Index,
            base: prop::sample::Index,
        ) {
            let here = |of: u64| (of, Record::Join { at_ms: 0, timeout_ms: 1_000_000, predecessors: vec![] });
            let mut records = vec![(OWN, Record::Rules(Rules::default())), here(1), here(2)];
            let mut now_ms = 0;
            records.extend(events.into_iter().map(|(kind, seq, after_ms, of)| {
                now_ms += after_ms;
                let event = event(kind, seq, now_ms, Pricing::Cpm, 100);
                (of, Record::Event(Arc::new(event)))
            }));
            records.extend([1, 2].map(|of| (of, Record::Tick { at_ms: now_ms + 200_000 })));
            let log = log(&records);
            let (mut once, mut end) = (LocalTotals::default(), State::default());
            read(&mut once, &mut end, &log);

            // The reader had come this far when it learnt that it must start again from `sums`.
            let mut again = LocalTotals::default();
            read(&mut again, &mut State::default(), &log[..cut.index(log.len())]);
            let base = base.index(log.len());
            let mut sums = State::default();
            read(&mut LocalTotals::default(), &mut sums, &log[..base]);
            let start = if again.is_missing(&sums, PARTITION, OWN) { 0 } else { base };
            let mut sums = if start == 0 { State::default() } else { sums };
            read(&mut again, &mut sums, &log[start..]);

            prop_assert_eq!(&again.totals.events, &once.totals.events);
            prop_assert_eq!(&again.totals.billed, &once.totals.billed);
            prop_assert!(again.pending.is_empty());
        }
    }
}
