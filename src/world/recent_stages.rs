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
        let passed = now_ms.saturating_sub(self.started_ms);
        if !(0..WINDOW_MS).contains(&passed) {
            self.started_ms = now_ms;
            self.counts.rotate_right(1);
            self.counts[0].clear();
            if passed >= 2 * WINDOW_MS {
                self.counts[1].clear();
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::synth;
    use crate::domain::inventory::Inventory;
    use crate::domain::label::LabelTable;
    use crate::domain::weights::Weights;
    use crate::selection::compile::compile;

    fn compiled(inventory: Inventory) -> Arc<Snapshot> {
        Arc::new(compile(inventory, &Weights::default(), &LabelTable::default()))
    }

    fn place_of(snapshot: &Snapshot, id: &str) -> usize {
        let own = |row: &crate::selection::compiled::FlightRow| {
            snapshot.inventory.flights[row.doc].id.as_str() == id
        };
        snapshot.flights.iter().position(own).unwrap()
    }

    /// A slot that this flight wins.
    fn won_by(snapshot: &Snapshot, id: &str) -> Vec<SlotStage> {
        let mut stages = vec![SlotStage::Draw; snapshot.flights.len()];
        stages[place_of(snapshot, id)] = SlotStage::Won;
        stages
    }

    #[test]
    fn counts_follow_a_flight_to_its_place_in_another_inventory() {
        let all = synth::inventory(20, 1);
        let mut fewer = all.clone();
        let (removed, kept) = (fewer.flights.remove(0).id, all.flights[7].id.to_string());
        let (all, fewer) = (compiled(all), compiled(fewer));
        let recent = RecentStages::default();
        recent.add(&all, &won_by(&all, &kept), 5, 0);
        let of = |snapshot: &Arc<Snapshot>, id: &str| recent.of(snapshot, place_of(snapshot, id));
        assert_eq!(of(&all, &kept), BTreeMap::from([(SlotStage::Won, 5)]));
        assert_eq!(of(&all, removed.as_str()), BTreeMap::from([(SlotStage::Draw, 5)]));
        assert!(of(&fewer, &kept).is_empty(), "nothing was sampled on it");

        recent.add(&fewer, &vec![SlotStage::Unfillable; fewer.flights.len()], 2, 1);
        let expected = BTreeMap::from([(SlotStage::Won, 5), (SlotStage::Unfillable, 2)]);
        assert_eq!(of(&fewer, &kept), expected);
    }

    #[test]
    fn counts_are_those_of_the_last_twelve_to_twenty_four_hours() {
        let snapshot = compiled(synth::inventory(5, 1));
        let recent = RecentStages::default();
        let stages = vec![SlotStage::Draw; snapshot.flights.len()];
        let count_at = |now_ms: i64| {
            recent.add(&snapshot, &stages, 1, now_ms);
            recent.of(&snapshot, 0)[&SlotStage::Draw]
        };
        let hour_ms = 3_600_000;
        let hours = [0, 11, 12, 23, 24, 30, 40, 80];
        assert_eq!(hours.map(|hour| count_at(START_MS + hour * hour_ms)), [1, 2, 3, 4, 3, 4, 3, 1]);
    }

    const START_MS: i64 = 1_780_000_000_000;
}
