//! Entries that were read from the log and are no longer in it. A store that lost entries gets them
//! again from the instances that recorded them; those that stay missing are lost. And the reverse:
//! entries of this data directory that the log has, and its files do not.

use crate::ledger::state::State;
use std::collections::BTreeMap;

/// Number of entries that the log has of the incarnations in `here`, beyond their last LSNs in the files
/// of this data directory.
pub(crate) fn missing_here(here: &BTreeMap<u64, Vec<u64>>, state: &State) -> u64 {
    let of = |(incarnation, lsns): (&u64, &Vec<u64>)| -> u64 {
        let known = state.positions().get(incarnation).into_iter().flatten();
        known.zip(lsns).map(|(known, here)| known.saturating_sub(*here)).sum()
    };
    here.iter().map(of).sum()
}

/// The highest LSNs ever read, by incarnation and partition.
#[derive(Debug, Default)]
pub(super) struct SeenPositions(BTreeMap<u64, Vec<u64>>);

impl SeenPositions {
    /// Includes the positions of a state.
    pub(crate) fn observe(&mut self, state: &State) {
        for (incarnation, numbers) in state.positions() {
            let own = self.0.entry(*incarnation).or_insert_with(|| vec![0; numbers.len()]);
            own.iter_mut().zip(numbers).for_each(|(own, number)| *own = (*own).max(*number));
        }
    }

    /// Number of entries that a state lacks.
    pub(crate) fn missing(&self, state: &State) -> u64 {
        let numbers = |incarnation| state.positions().get(incarnation);
        let missing = self.0.iter().map(|(incarnation, remembered)| {
            let found = numbers(incarnation);
            let found = |at: usize| found.and_then(|found| found.get(at)).copied().unwrap_or(0);
            remembered
                .iter()
                .enumerate()
                .map(|(at, one)| one.saturating_sub(found(at)))
                .sum::<u64>()
        });
        missing.sum()
    }
}
