//! What became of what one process recorded: its share of what many machines say together. Each
//! tells its own, so that their sum is the whole, and no event is told twice.

use crate::domain::event::EventKind;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::apply::Applied;
use crate::ledger::apply::Judged;
use crate::ledger::record::Minted;
use crate::ledger::views::Tally;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// One event, among those that wait.
type Waiting = (Minted, EventKind, Option<u8>, i64);

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
    waiting: HashMap<Waiting, u32>,
    /// The last of its own entries that was noted, by partition.
    noted: BTreeMap<u8, u64>,
}

impl Own {
    /// Notes what an entry changed; `own` is this process start. Its entries are noted once, however
    /// often the log is read again.
    pub fn note(&mut self, applied: &Applied, entry: &Entry, own: u64) {
        let by = entry.incarnation;
        if by == own {
            let noted = self.noted.entry(entry.partition).or_default();
            if entry.lsn <= *noted {
                return;
            }
            *noted = entry.lsn;
        }
        for one in applied.judged.iter().filter(|one| one.by == own) {
            self.judged(one);
        }
        let Some(returned) = applied.returned.as_ref().filter(|_| by == own) else { return };
        add(&mut self.returned, &returned.of.campaign, returned.micros);
        if let Some(event) = &returned.event {
            *self.credited.entry(event.kind).or_default() += 1;
        }
    }

    fn judged(&mut self, one: &Judged) {
        let event = &one.event;
        let key = (event.minted, event.kind, event.cta.as_ref().map(|(at, _)| *at), event.at_ms);
        let tally = self.totals.entry(event.kind).or_default();
        match self.waiting.get_mut(&key) {
            Some(count) if one.verdict != Verdict::Pending => {
                tally.pending -= 1;
                *count -= 1;
                if *count == 0 {
                    self.waiting.remove(&key);
                }
            }
            _ => tally.received += 1,
        }
        if one.verdict == Verdict::Pending {
            *self.waiting.entry(key).or_default() += 1;
        }
        tally.add(one.verdict, one.billed);
        if one.billed > Micros::ZERO {
            add(&mut self.billed, &event.attribution.campaign, one.billed);
        }
    }
}

fn add(sums: &mut BTreeMap<Box<str>, u64>, campaign: &str, micros: Micros) {
    let sum = sums.entry(campaign.into()).or_default();
    *sum += u64::try_from(micros.get()).unwrap_or(0);
}
