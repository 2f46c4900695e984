//! The order of a partition's records in a fleet: by what is in them, never by arrival.
//!
//! Each record carries the stamp of a hybrid logical clock, given when it was journaled. It is at least
//! the time, at least the stamp of the records before it, and above every stamp that its incarnation had
//! read. So a record that answers others, such as a credit, comes after them. Records are ordered by
//! (stamp, incarnation, LSN).
//!
//! Up to the *watermark*, the stamp that every writer has reached, the order is complete and the fold is
//! final. Records above it are kept and folded again when something comes in between. What is read
//! after its place was passed makes the fold *incomplete*: it has to start from an earlier state.
//! The exception are events of an incarnation that was declared gone: they count for nothing,
//! wherever they come.

use crate::domain::event::{InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::apply;
use crate::ledger::apply::How;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::partition::{PartitionState, Position};
use crate::ledger::record::{InvalidRecord, Record, RecordId, Stamped};
use crate::ledger::writers::Writers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Gives stamps to the records of this incarnation.
#[derive(Debug)]
pub(crate) struct HybridClock(Mutex<Stamps>);

#[derive(Debug)]
struct Stamps {
    /// The last stamp given.
    given: i64,
    /// Later stamps are above this one.
    above: i64,
}

impl HybridClock {
    /// A clock that gives stamps above `stamp`.
    pub(crate) fn above(stamp: i64) -> HybridClock {
        HybridClock(Mutex::new(Stamps { given: stamp, above: stamp }))
    }

    /// Passes the next stamp to `send`. Records are sent in the order of their stamps.
    pub(crate) fn stamp<T>(&self, at_ms: Option<i64>, send: impl FnOnce(i64) -> T) -> T {
        let mut stamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.given = stamps.given.max(stamps.above + 1).max(at_ms.unwrap_or(i64::MIN));
        send(stamps.given)
    }

    /// Notes the stamp of a record that was read: later stamps are above it.
    pub(crate) fn observe(&self, stamp: i64) {
        let mut stamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.above = stamps.above.max(stamp);
    }

    /// The current time as a stamp: all later stamps are above it.
    pub(crate) fn now(&self, now_ms: i64) -> i64 {
        let mut stamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.above = stamps.above.max(stamps.given).max(now_ms);
        stamps.above
    }
}

/// The place of a record in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) stamp: i64,
    pub(crate) id: RecordId,
}

impl Place {
    /// After every record.
    pub(crate) const END: Place = Place { stamp: i64::MAX, id: LAST };
}

const LAST: RecordId = RecordId { incarnation: u64::MAX, lsn: u64::MAX };
const FIRST: Place = Place { stamp: i64::MIN, id: RecordId { incarnation: 0, lsn: 0 } };

/// A record that was read for the first time.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: RecordId,
    pub(crate) stamped: Arc<Stamped>,
    /// How the running state applies it.
    pub(crate) how: How,
}

/// Whether an event waited in vain for its impression.
pub(crate) fn is_orphan(verdict: Verdict) -> bool {
    verdict == Verdict::Invalid(InvalidReason::OrphanClick)
}

/// What makes an event or credit provisional: its effect on the running state may change.
type Effects<K, V> = BTreeMap<K, V>;

/// The records of one partition, in order.
#[derive(Clone, Debug)]
pub(crate) struct OrderedPartition {
    folded: PartitionState,
    /// The last place folded.
    last: Place,
    /// Records above the watermark.
    window: BTreeMap<Place, Arc<Stamped>>,
    /// What was read of each incarnation.
    received: BTreeMap<u64, Position>,
    /// The writers, by everything read.
    writers: Writers,
    is_incomplete: bool,
    /// The window would have become too large: records are in the log only.
    is_overflowed: bool,
    /// Effects that the running state showed and that are not final.
    verdicts: Effects<RecordId, (Verdict, Micros)>,
    credits: Effects<u128, Micros>,
    differs: bool,
}

impl Default for OrderedPartition {
    fn default() -> OrderedPartition {
        OrderedPartition::from(Saved {
            folded: PartitionState::default(),
            last: FIRST,
            window: Vec::new(),
        })
    }
}

/// The stored form: a final state and the records after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    folded: PartitionState,
    last: Place,
    window: Vec<(Place, Record)>,
}

impl From<Saved> for OrderedPartition {
    fn from(saved: Saved) -> OrderedPartition {
        let Saved { folded, last, window } = saved;
        let mut ordered = OrderedPartition {
            received: folded.positions().clone(),
            writers: folded.writers.clone(),
            folded,
            last,
            window: BTreeMap::new(),
            is_incomplete: false,
            is_overflowed: false,
            verdicts: BTreeMap::new(),
            credits: BTreeMap::new(),
            differs: false,
        };
        // By LSN within each incarnation, as the places are.
        for (Place { stamp, id }, record) in window {
            ordered.take(id, Stamped { stamp, record });
        }
        ordered
    }
}

impl OrderedPartition {
    /// The stored form; `None` while the window is incomplete.
    pub(crate) fn saved(&self) -> Option<Saved> {
        let window = self.window.iter().map(|(place, one)| (*place, one.record.clone()));
        (!self.is_overflowed).then(|| Saved {
            folded: self.folded.clone(),
            last: self.last,
            window: window.collect(),
        })
    }

    /// The stored form of the final state alone.
    pub(crate) fn without_window(&self) -> Saved {
        Saved { folded: self.folded.clone(), last: self.last, window: Vec::new() }
    }

    /// Takes an entry; `None` if it was taken before.
    pub(crate) fn push(&mut self, entry: &Entry) -> Result<Option<Received>, InvalidRecord> {
        let received = self.received(entry.incarnation);
        if entry.lsn <= received {
            return Ok(None);
        }
        let stamped = Record::decode(&entry.payload)?;
        let id = RecordId { incarnation: entry.incarnation, lsn: entry.lsn };
        Ok(Some(self.take(id, stamped)))
    }

    fn take(&mut self, id: RecordId, mut stamped: Stamped) -> Received {
        let RecordId { incarnation, lsn } = id;
        let received = self.received.entry(incarnation).or_default();
        stamped.stamp = stamped.stamp.max(received.stamp);
        *received = Position { lsn, stamp: stamped.stamp };
        match &stamped.record {
            Record::Join { timeout_ms, predecessors, .. } => {
                self.writers.join(incarnation, lsn, *timeout_ms, predecessors);
            }
            Record::Leave { .. } => self.writers.leave(incarnation, lsn),
            Record::Gone { incarnation: of, lsn: after, .. } => {
                self.writers.declare_gone(*of, *after);
                // Some of what came too late was folded as if it had not.
                self.is_incomplete |= self.folded.position(*of) > *after;
            }
            _ => {}
        }
        let place = Place { stamp: stamped.stamp, id };
        let is_late = self.writers.is_late(incarnation, lsn);
        let stamped = Arc::new(stamped);
        let is_money = matches!(stamped.record, Record::Credit(_) | Record::Refund(_));
        if place < self.last && (stamped.record.is_membership() || is_late && !is_money) {
            // Its place makes no difference.
            let how = How { is_late, settles: false };
            apply::apply_at(&mut self.folded, id, &stamped, how);
        } else {
            self.is_incomplete |= place < self.last;
            if !self.is_overflowed {
                self.window.insert(place, stamped.clone());
            }
        }
        Received { id, stamped, how: How { is_late, settles: false } }
    }

    /// Takes the records above the watermark of the same partition as read elsewhere, as far as they
    /// follow what was read here.
    pub(crate) fn absorb(&mut self, other: &OrderedPartition) {
        for (place, stamped) in &other.window {
            if place.id.lsn == self.received(place.id.incarnation) + 1 && *place > self.last {
                self.take(place.id, Stamped::clone(stamped));
            }
        }
    }

    /// Number of records that a state has and that were not read here.
    pub(crate) fn lacks(&self, state: &PartitionState) -> u64 {
        let positions = state.positions().iter();
        positions.map(|(of, last)| last.lsn.saturating_sub(self.received(*of))).sum()
    }

    /// Notes what the running state showed.
    pub(crate) fn note(&mut self, shown: &ApplyOutcome) {
        for one in &shown.verdicts {
            self.verdicts.insert(one.id, (one.verdict, one.billed));
        }
        self.credits.extend(shown.adjustments.iter().map(|one| (one.id, one.micros)));
    }

    /// The stamp up to which every writer's records were read. `reached` are stamps that writers have
    /// told to have reached, in records that were read or elsewhere.
    pub(crate) fn watermark(&self, reached: &BTreeMap<u64, i64>) -> i64 {
        let reached = |of: u64| {
            // More records may have the stamp of the last one.
            let read = self.received.get(&of).map_or(i64::MIN, |last| last.stamp - 1);
            reached.get(&of).map_or(read, |told| read.max(*told))
        };
        self.writers.awaited().map(|(of, _)| reached(of)).min().unwrap_or(i64::MAX)
    }

    /// Folds the records up to a stamp; `each` receives their final effects.
    pub(crate) fn fold_to_stamp(&mut self, stamp: i64, each: &mut dyn FnMut(&ApplyOutcome)) {
        self.fold(Place { stamp, id: LAST }, each);
    }

    /// Folds the records up to a place.
    pub(crate) fn fold(&mut self, until: Place, each: &mut dyn FnMut(&ApplyOutcome)) {
        while let Some(first) = self.window.first_entry().filter(|one| *one.key() <= until) {
            let (place, stamped) = first.remove_entry();
            let is_late = self.writers.is_late(place.id.incarnation, place.id.lsn);
            let how = How { is_late, settles: true };
            let applied = apply::apply_at(&mut self.folded, place.id, &stamped, how);
            self.last = self.last.max(place);
            self.compare(&applied);
            each(&applied);
        }
        if self.window.is_empty() {
            self.verdicts.retain(|_, (verdict, _)| *verdict == Verdict::Pending);
            self.credits.clear();
        }
    }

    /// Folds the first records of a window that is longer than `most`.
    pub(crate) fn fold_excess(&mut self, most: usize, each: &mut dyn FnMut(&ApplyOutcome)) {
        if self.window.len() > most {
            let middle = self.window.keys().nth(self.window.len() / 2).copied();
            middle.into_iter().for_each(|middle| self.fold(middle, each));
        }
    }

    /// Compares final effects with what the running state showed. Orphans are shown as pending until
    /// they are final: the caller settles them in the running state.
    fn compare(&mut self, applied: &ApplyOutcome) {
        for one in applied.verdicts.iter().filter(|one| one.verdict != Verdict::Pending) {
            let shown = self.verdicts.remove(&one.id);
            let is_orphan = one.was_pending && is_orphan(one.verdict);
            let is_same = shown == Some((one.verdict, one.billed))
                || is_orphan && shown == Some((Verdict::Pending, Micros::ZERO));
            self.differs |= !is_same;
        }
        for one in &applied.adjustments {
            self.differs |= self.credits.remove(&one.id) != Some(one.micros);
        }
    }

    /// The final state with everything above it, folded in order. `each` receives the effects of the
    /// latter.
    pub(crate) fn provisional(&mut self, each: &mut dyn FnMut(&ApplyOutcome)) -> PartitionState {
        let mut state = self.folded.clone();
        let pending = self.folded.pending.values().flatten();
        self.verdicts = pending.map(|(id, _)| (*id, (Verdict::Pending, Micros::ZERO))).collect();
        self.credits.clear();
        self.differs = false;
        let window = std::mem::take(&mut self.window);
        for (place, stamped) in &window {
            let is_late = self.writers.is_late(place.id.incarnation, place.id.lsn);
            let how = How { is_late, settles: false };
            let applied = apply::apply_at(&mut state, place.id, stamped, how);
            self.note(&applied);
            each(&applied);
        }
        self.window = window;
        state
    }

    /// Whether the running state showed something else than what is final.
    pub(crate) fn differs(&self) -> bool {
        self.differs
    }

    /// Whether the fold has to start from an earlier state.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Whether everything that was read is in its place in memory.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_incomplete && !self.is_overflowed
    }

    /// Accepts records at places that were passed: there is no earlier state.
    pub(crate) fn accept_incomplete(&mut self) {
        self.is_incomplete = false;
    }

    /// Drops the window; the records must be read again to be folded.
    pub(crate) fn overflow(&mut self) {
        self.is_overflowed = true;
        self.window.clear();
    }

    /// Whether records have to be read again to be folded.
    pub(crate) fn is_overflowed(&self) -> bool {
        self.is_overflowed
    }

    /// Packs older report rows of the final state.
    pub(crate) fn pack_rows(&mut self, now_ms: i64) {
        self.folded.views.pack(now_ms);
    }

    /// The final state.
    pub(crate) fn folded(&self) -> &PartitionState {
        &self.folded
    }

    /// What the running state should show, if it has other sums although the verdicts that it shows are the same.
    pub(crate) fn misstated(&self, running: &PartitionState) -> Option<PartitionState> {
        let mut copy = self.clone();
        let due = copy.provisional(&mut |_| {});
        let has_same = (&copy.verdicts, &copy.credits) == (&self.verdicts, &self.credits);
        let is_wrong = due.accounts != running.accounts || due.views != running.views;
        (has_same && is_wrong && !self.is_overflowed).then_some(due)
    }

    /// The last place folded.
    pub(crate) fn last(&self) -> Place {
        self.last
    }

    /// Records above the watermark.
    pub(crate) fn window(&self) -> impl ExactSizeIterator<Item = (RecordId, &Arc<Stamped>)> {
        self.window.iter().map(|(place, stamped)| (place.id, stamped))
    }

    /// The last LSN read of an incarnation.
    pub(crate) fn received(&self, incarnation: u64) -> u64 {
        self.received.get(&incarnation).map_or(0, |last| last.lsn)
    }

    /// Every incarnation whose records were read, and how far.
    pub(crate) fn incarnations(&self) -> impl Iterator<Item = (u64, Position)> {
        self.received.iter().map(|(of, last)| (*of, *last))
    }

    /// The writers, by everything read.
    pub(crate) fn writers(&self) -> &Writers {
        &self.writers
    }
}
