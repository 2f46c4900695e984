//! At which stages the sampled slots of the last hours were lost for each flight: what the page of an
//! advertiser says about a flight without reading the decision log.

use crate::selection::slot_stage::SlotStage;
use crate::selection::snapshot::Snapshot;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// How long slots are counted before they move to the counts before.
const WINDOW_MS: i64 = 12 * 3_600_000;

/// The slots of a flight, by stage: most flights have few stages.
type Counts = SmallVec<[(SlotStage, u64); 2]>;

/// Counts of the current window and of the one before. Memory is bounded by the flights of one snapshot.
#[derive(Default)]
pub(crate) struct RecentStages(Mutex<Windows>);

#[derive(Default)]
struct Windows {
    snapshot: Option<Arc<Snapshot>>,
    started_ms: i64,
    /// By place in `snapshot`: of the current window, and of the one before.
    counts: [Vec<Counts>; 2],
}

impl RecentStages {
    /// Adds the stages of a slot that stands for `weight` slots.
    pub(crate) fn add(
        &self,
        snapshot: &Arc<Snapshot>,
        stages: &[SlotStage],
        weight: u64,
        now_ms: i64,
    ) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.follow(snapshot, now_ms);
        for (counts, stage) in windows.counts[0].iter_mut().zip(stages) {
            match counts.iter_mut().find(|(known, _)| known == stage) {
                Some((_, count)) => *count += weight,
                None => counts.push((*stage, weight)),
            }
        }
    }

    /// The counts of a flight of this snapshot, by stage; empty before any were sampled on it.
    pub(crate) fn of(&self, snapshot: &Arc<Snapshot>, place: usize) -> BTreeMap<SlotStage, u64> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = BTreeMap::new();
        if windows.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, snapshot)) {
            for (stage, count) in windows.counts.iter().filter_map(|all| all.get(place)).flatten() {
                *sum.entry(*stage).or_default() += count;
            }
        }
        sum
    }
}

impl Windows {
    /// Starts another window if it is time, and moves the counts to the places of another snapshot.
    fn follow(&mut self, snapshot: &Arc<Snapshot>, now_ms: i64) {
        if !(0..WINDOW_MS).contains(&now_ms.saturating_sub(self.started_ms)) {
            self.started_ms = now_ms;
            self.counts.rotate_right(1);
            self.counts[0].clear();
        }
        let flights = snapshot.flights.len();
        if let Some(known) = self.snapshot.take().filter(|known| !Arc::ptr_eq(known, snapshot)) {
            let id = |snapshot: &Snapshot, place: usize| {
                snapshot.inventory.flights[snapshot.flights[place].doc].id.to_string()
            };
            let old: HashMap<String, usize> =
                (0..known.flights.len()).map(|place| (id(&known, place), place)).collect();
            for counts in &mut self.counts {
                let mut before = std::mem::take(counts);
                let moved = (0..flights).map(|place| {
                    let place = old.get(&id(snapshot, place));
                    let own = place.and_then(|place| before.get_mut(*place));
                    own.map(std::mem::take).unwrap_or_default()
                });
                *counts = moved.collect();
            }
        }
        self.counts.iter_mut().for_each(|counts| counts.resize(flights, Counts::new()));
        self.snapshot = Some(snapshot.clone());
    }
}
