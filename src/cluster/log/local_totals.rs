//! Totals of the events recorded by one process: its share of the fleet's metrics. Each instance
//! exports its own, so that their sum is the total and no event is counted twice.

use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::ledger::event_log::EventTotals;
use crate::ledger::outcome::{Adjustment, ApplyOutcome, EventVerdict};
use crate::ledger::partition::PartitionState;
use crate::ledger::record::RecordId;
use std::collections::{BTreeMap, BTreeSet};

/// Totals since the start of the process.
#[derive(Debug, Default)]
pub(super) struct LocalTotals {
    totals: EventTotals,
    /// Its own events whose verdict is not final, by partition and LSN, as counted.
    open: BTreeMap<(u8, u64), (Verdict, Micros)>,
    /// Its own credits and refunds, as counted.
    credits: BTreeMap<u128, Micros>,
    /// The last of its own entries that was counted, by partition.
    counted: BTreeMap<u8, u64>,
}

impl LocalTotals {
    pub(crate) fn totals(&self) -> &EventTotals {
        &self.totals
    }

    /// Counts the effect of a record that was read for the first time; `own` is this incarnation.
    /// However often and from wherever the log is read again, each event is counted once, and a changed
    /// verdict as a change.
    pub(crate) fn record(
        &mut self,
        applied: &ApplyOutcome,
        partition: u8,
        record: RecordId,
        own: u64,
    ) {
        let counted = self.counted.entry(partition).or_default();
        let before = *counted;
        if record.incarnation == own {
            *counted = record.lsn.max(before);
        }
        for one in applied.verdicts.iter().filter(|one| one.id.incarnation == own) {
            self.observe(one, partition, one.id.lsn > before);
        }
        applied
            .adjustments
            .iter()
            .filter(|one| one.recorded_by == own)
            .for_each(|one| self.credit(one));
    }

    /// Counts what the running state shows since it was folded again: of each event, the last verdict.
    pub(crate) fn replace(&mut self, shown: &[ApplyOutcome], partition: u8, own: u64) {
        let verdicts = shown.iter().flat_map(|applied| &applied.verdicts);
        let own_verdicts = verdicts.filter(|one| one.id.incarnation == own);
        let last: BTreeMap<u64, &EventVerdict> =
            own_verdicts.map(|one| (one.id.lsn, one)).collect();
        for (lsn, one) in last {
            let counted = self.counted.entry(partition).or_default();
            // Another instance had read it first, and has given it back to a store that lost it.
            let is_new = lsn > *counted;
            *counted = lsn.max(*counted);
            self.observe(one, partition, is_new);
        }
        let adjustments = shown.iter().flat_map(|applied| &applied.adjustments);
        adjustments.filter(|one| one.recorded_by == own).for_each(|one| self.credit(one));
    }

    /// Counts final effects.
    pub(crate) fn finish(&mut self, applied: &ApplyOutcome, partition: u8, own: u64) {
        let own_verdicts = applied.verdicts.iter().filter(|one| one.id.incarnation == own);
        for one in own_verdicts {
            let counted = self.counted.entry(partition).or_default();
            let is_new = one.id.lsn > *counted;
            *counted = one.id.lsn.max(*counted);
            if is_new || one.verdict != Verdict::Pending {
                self.observe(one, partition, is_new);
            }
            if one.verdict != Verdict::Pending {
                self.open.remove(&(partition, one.id.lsn));
            }
        }
        applied
            .adjustments
            .iter()
            .filter(|one| one.recorded_by == own)
            .for_each(|one| self.credit(one));
    }

    /// Whether a partition's state contains effects that were not counted: the log must then be
    /// read from an earlier point.
    pub(crate) fn is_missing(&self, sums: &PartitionState, partition: u8, own: u64) -> bool {
        let counted = self.counted.get(&partition).copied().unwrap_or(0);
        let summed = sums.position(own);
        let pending: BTreeSet<u64> = sums.pending_of(own).map(|id| id.lsn).collect();
        let mut open = self.open.range((partition, 0)..=(partition, summed));
        summed > counted || open.any(|((_, lsn), _)| !pending.contains(lsn))
    }

    fn observe(&mut self, one: &EventVerdict, partition: u8, is_new: bool) {
        let (kind, now) = (one.event.kind, (one.verdict, one.billed));
        let key = (partition, one.id.lsn);
        let Some(was) = self.open.insert(key, now) else {
            if is_new {
                self.totals.events.entry(kind).or_default().received += 1;
                self.add(one);
            } else {
                // Final, and counted.
                self.open.remove(&key);
            }
            return;
        };
        if was == now {
            return;
        }
        let tally = self.totals.events.entry(kind).or_default();
        if was.0 == Verdict::Pending {
            tally.pending -= 1;
            self.add(one);
            return;
        }
        *self.totals.changed.entry((kind, was.0, now.0)).or_default() += 1;
        if now.0 == Verdict::Pending {
            tally.pending += 1;
        }
        let campaign = &one.event.attribution.campaign;
        add(&mut self.totals.billed, campaign, now.1.saturating_sub(was.1));
        add(&mut self.totals.unbilled, campaign, was.1.saturating_sub(now.1));
    }

    fn add(&mut self, one: &EventVerdict) {
        self.totals.delivery.add(one);
        self.totals.events.entry(one.event.kind).or_default().add(one.verdict, one.billed);
        add(&mut self.totals.billed, &one.event.attribution.campaign, one.billed);
    }

    fn credit(&mut self, one: &Adjustment) {
        let before = self.credits.insert(one.id, one.micros);
        let more = one.micros.saturating_sub(before.unwrap_or_default());
        add(&mut self.totals.credited_micros, &one.attribution.campaign, more);
        if let Some(event) = one.event.as_ref().filter(|_| before.is_none()) {
            *self.totals.credited.entry(event.kind).or_default() += 1;
        }
    }
}

fn add(sums: &mut BTreeMap<Box<str>, u64>, campaign: &str, micros: Micros) {
    if micros > Micros::ZERO {
        *sums.entry(campaign.into()).or_default() += u64::try_from(micros.get()).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{EventKind, InvalidReason, Pricing};
    use crate::journal::Entry;
    use crate::ledger::apply;
    use crate::ledger::order::OrderedPartition;
    use crate::ledger::properties::event;
    use crate::ledger::{Record, Rules};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::Arc;

    const OWN: u64 = 1;
    const PARTITION: u8 = 3;

    /// Records of two incarnations in the order of their arrival.
    fn log(records: &[(u64, Record)]) -> Vec<Entry> {
        let mut last = HashMap::new();
        let entry = |(incarnation, record): &(u64, Record)| {
            let lsn = last.entry(*incarnation).or_insert(0);
            *lsn += 1;
            let mut payload = record.encode();
            crate::ledger::record::set_stamp(&mut payload, record.at_ms().unwrap_or(0));
            Entry { incarnation: *incarnation, partition: PARTITION, lsn: *lsn, payload }
        };
        records.iter().map(entry).collect()
    }

    /// Reads entries as they arrive, as the running state does.
    fn read(totals: &mut LocalTotals, ordered: &mut OrderedPartition, log: &[Entry]) {
        let mut running = ordered.provisional(&mut |_| {});
        for entry in log {
            let Some(received) = ordered.push(entry).unwrap() else { continue };
            let id = received.id;
            let applied = apply::apply_at(&mut running, id, &received.stamped, received.how);
            ordered.note(&applied);
            totals.record(&applied, PARTITION, id, OWN);
        }
    }

    /// Folds everything in order.
    fn settle(totals: &mut LocalTotals, ordered: &mut OrderedPartition) {
        ordered.fold_to_stamp(i64::MAX, &mut |applied| totals.finish(applied, PARTITION, OWN));
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
            let mut records = vec![(OWN, Record::Rules(Rules::default()))];
            let mut now_ms = 0;
            records.extend(events.into_iter().map(|(kind, seq, after_ms, of)| {
                now_ms += after_ms;
                let event = event(kind, seq, now_ms, Pricing::Cpm, 100);
                (of, Record::Event(Arc::new(event)))
            }));
            records.extend([1, 2].map(|of| (of, Record::Tick { at_ms: now_ms + 200_000 })));
            let log = log(&records);
            let (mut once, mut whole) = (LocalTotals::default(), OrderedPartition::default());
            read(&mut once, &mut whole, &log);
            settle(&mut once, &mut whole);

            // The reader had come this far when it learnt that it must start again from `sums`.
            let (mut again, mut first) = (LocalTotals::default(), OrderedPartition::default());
            read(&mut again, &mut first, &log[..cut.index(log.len())]);
            let mut sums = OrderedPartition::default();
            let mut unused = LocalTotals::default();
            read(&mut unused, &mut sums, &log[..base.index(log.len())]);
            let last = sums.incarnations().map(|(_, last)| last.stamp).max().unwrap_or(0);
            sums.fold_to_stamp(last - 1, &mut |_| {});
            if again.is_missing(sums.folded(), PARTITION, OWN) {
                sums = OrderedPartition::default();
            }
            for entry in &log {
                sums.push(entry).unwrap();
            }
            settle(&mut again, &mut sums);

            prop_assert_eq!(&again.totals.events, &once.totals.events);
            prop_assert_eq!(&again.totals.billed, &once.totals.billed);
            prop_assert_eq!(&again.totals.delivery, &once.totals.delivery);
            prop_assert!(again.open.is_empty());
        }
    }

    #[test]
    fn a_verdict_that_the_order_changes_is_a_change_of_its_own() {
        let at = |kind, at_ms| Record::Event(Arc::new(event(kind, 1, at_ms, Pricing::Cpc, 100)));
        // The retry is read first, and the click seems to be too soon after it.
        let log = log(&[
            (OWN, at(EventKind::Impression, 1_600)),
            (OWN, at(EventKind::Click, 2_000)),
            (2, at(EventKind::Impression, 1_000)),
        ]);
        let (mut totals, mut ordered) = (LocalTotals::default(), OrderedPartition::default());
        read(&mut totals, &mut ordered, &log);
        let too_fast = Verdict::Invalid(InvalidReason::TooFast);
        assert_eq!(totals.totals.events[&EventKind::Click].invalid_total(), 1);

        settle(&mut totals, &mut ordered);
        assert!(ordered.differs());
        let change = (EventKind::Click, too_fast, Verdict::Counted);
        assert_eq!(totals.totals.changed[&change], 1);
        assert_eq!(totals.totals.billed["c"], 100);
    }
}
