//! What became of what one process recorded: its share of what many machines say together. Each
//! tells its own, so that their sum is the whole, and no event is told twice.

use crate::domain::event::EventKind;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::apply::Applied;
use crate::ledger::apply::Judged;
use crate::ledger::record::Event;
use crate::ledger::record::Minted;
use crate::ledger::state::State;
use crate::ledger::views::Tally;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

/// One event, as far as one is told from another that waits.
type Waiting = (Minted, EventKind, Option<u8>, i64);

fn key(event: &Event) -> Waiting {
    (event.minted, event.kind, event.cta.as_ref().map(|(at, _)| *at), event.at_ms)
}

/// Sums since the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Judgements by kind; what was credited since is not taken off.
    pub totals: BTreeMap<EventKind, Tally>,
    /// Events that this process took back, by kind.
    pub credited: BTreeMap<EventKind, u64>,
    /// Billed for its events, by campaign, in micros.
    pub billed: BTreeMap<Box<str>, u64>,
    /// What it gave back, by campaign, in micros.
    pub returned: BTreeMap<Box<str>, u64>,
    /// How many that are alike wait, and the entry in which the first of them came.
    waiting: HashMap<Waiting, (u32, u64)>,
    /// The last of its own entries that was noted, by partition.
    noted: BTreeMap<u8, u64>,
}

impl Own {
    /// Notes what an entry changed; `own` is this process start. However often the log is read again,
    /// and in whatever order, each of its events is noted once, and once settled.
    pub fn note(&mut self, applied: &Applied, entry: &Entry, own: u64) {
        let noted = self.noted.entry(entry.partition).or_default();
        let is_new = entry.incarnation == own && entry.lsn > *noted;
        if is_new {
            *noted = entry.lsn;
        }
        for one in applied.judged.iter().filter(|one| one.by == own) {
            if is_new && !one.has_waited {
                self.arrives(one, entry.lsn);
            } else if one.verdict != Verdict::Pending {
                self.settles(one);
            }
        }
        let Some(returned) = applied.returned.as_ref().filter(|_| is_new) else { return };
        add(&mut self.returned, &returned.of.campaign, returned.micros);
        if let Some(event) = &returned.event {
            *self.credited.entry(event.kind).or_default() += 1;
        }
    }

    /// Whether sums of a partition have something in them that was not noted: it must be read where it
    /// happened.
    pub fn lacks(&self, sums: &State, partition: u8, own: u64) -> bool {
        let noted = self.noted.get(&partition).copied().unwrap_or(0);
        let summed = sums.position(own, partition);
        let still: HashSet<Waiting> =
            sums.waiting_of(own, partition).map(|event| key(event)).collect();
        let mut here = self.waiting.iter().filter(|(key, _)| key.0.partition == partition);
        summed > noted || here.any(|(key, (_, lsn))| *lsn <= summed && !still.contains(key))
    }

    fn arrives(&mut self, one: &Judged, lsn: u64) {
        self.totals.entry(one.event.kind).or_default().received += 1;
        if one.verdict == Verdict::Pending {
            self.waiting.entry(key(&one.event)).or_insert((0, lsn)).0 += 1;
        }
        self.judged(one);
    }

    /// An event that waited has its verdict, if it still waits as far as is known here.
    fn settles(&mut self, one: &Judged) {
        let key = key(&one.event);
        let Some((count, _)) = self.waiting.get_mut(&key) else { return };
        *count -= 1;
        if *count == 0 {
            self.waiting.remove(&key);
        }
        self.totals.entry(one.event.kind).or_default().pending -= 1;
        self.judged(one);
    }

    fn judged(&mut self, one: &Judged) {
        self.totals.entry(one.event.kind).or_default().add(one.verdict, one.billed);
        if one.billed > Micros::ZERO {
            add(&mut self.billed, &one.event.attribution.campaign, one.billed);
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
    use crate::domain::event::BillOn;
    use crate::ledger::Record;
    use crate::ledger::Rules;
    use crate::ledger::apply::Fit;
    use crate::ledger::apply::apply_entry;
    use crate::ledger::laws::event;
    use proptest::prelude::*;
    use std::sync::Arc;

    const OWN: u64 = 1;
    const PARTITION: u8 = 3;

    /// Records of two process starts in one order, as the store has them.
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

    fn reads(own: &mut Own, state: &mut State, log: &[Entry]) {
        for entry in log {
            if let Fit::Next(applied) = apply_entry(state, entry).unwrap() {
                own.note(&applied, entry, OWN);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_again_from_wherever_each_event_is_told_once(
            events in prop::collection::vec(
                (prop::sample::select(EventKind::ALL), 0u64..6, 0i64..40_000, 1u64..3), 1..40,
            ),
            cut: prop::sample::Index,
            base: prop::sample::Index,
        ) {
            let here = |of: u64| (of, Record::Here { at_ms: 0, silent_ms: 1_000_000, after: vec![] });
            let mut records = vec![(OWN, Record::Rules(Rules::default())), here(1), here(2)];
            let mut now_ms = 0;
            records.extend(events.into_iter().map(|(kind, seq, after_ms, of)| {
                now_ms += after_ms;
                let event = event(kind, seq, now_ms, BillOn::Impression, 100);
                (of, Record::Event(Arc::new(event)))
            }));
            records.extend([1, 2].map(|of| (of, Record::Tick { at_ms: now_ms + 200_000 })));
            let log = log(&records);
            let (mut once, mut end) = (Own::default(), State::default());
            reads(&mut once, &mut end, &log);

            // It had read so far when it learnt that all is to be read again, from these sums on.
            let mut again = Own::default();
            reads(&mut again, &mut State::default(), &log[..cut.index(log.len())]);
            let base = base.index(log.len());
            let mut sums = State::default();
            reads(&mut Own::default(), &mut sums, &log[..base]);
            let begins = if again.lacks(&sums, PARTITION, OWN) { 0 } else { base };
            let mut sums = if begins == 0 { State::default() } else { sums };
            reads(&mut again, &mut sums, &log[begins..]);

            prop_assert_eq!(&again.totals, &once.totals);
            prop_assert_eq!(&again.billed, &once.billed);
            prop_assert!(again.waiting.is_empty());
        }
    }
}
