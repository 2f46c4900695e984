//! What a machine has read of the shared log and does not find there any more: a store that lost
//! something is told it again by the machines that recorded it, and what stays missing is lost.

use crate::ledger::state::State;
use std::collections::BTreeMap;

/// The last numbers that were ever read, of each process start by partition.
#[derive(Debug, Default)]
pub(super) struct Remembered(BTreeMap<u64, Vec<u64>>);

impl Remembered {
    /// Remembers all that a state has.
    pub fn join(&mut self, state: &State) {
        for (incarnation, numbers) in state.positions() {
            let own = self.0.entry(*incarnation).or_insert_with(|| vec![0; numbers.len()]);
            own.iter_mut().zip(numbers).for_each(|(own, number)| *own = (*own).max(*number));
        }
    }

    /// How many records a state has not.
    pub fn missing(&self, state: &State) -> u64 {
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
