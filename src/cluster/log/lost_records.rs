//! Differences between the files of this data directory and the log, by the last LSNs of each incarnation.

use crate::journal::PARTITIONS;
use crate::ledger::state::State;
use std::collections::BTreeMap;

/// Number of entries that the log has of the incarnations in `here`, beyond their last LSNs in the files
/// of this data directory.
pub(crate) fn missing_here(here: &BTreeMap<u64, Vec<u64>>, state: &State) -> u64 {
    differences(here, state, |known, here| known.saturating_sub(here))
}

/// Number of entries in the files of this data directory that the log does not have, of all incarnations
/// but `own`.
pub(crate) fn unsent(here: &BTreeMap<u64, Vec<u64>>, state: &State, own: Option<u64>) -> u64 {
    let mut earlier = here.clone();
    own.into_iter().for_each(|own| drop(earlier.remove(&own)));
    differences(&earlier, state, |known, here| here.saturating_sub(known))
}

fn differences(
    here: &BTreeMap<u64, Vec<u64>>,
    state: &State,
    difference: impl Fn(u64, u64) -> u64,
) -> u64 {
    let of = |(incarnation, lsns): (&u64, &Vec<u64>)| -> u64 {
        let lsns = (0..PARTITIONS).zip(lsns);
        lsns.map(|(at, here)| difference(state.position(*incarnation, at), *here)).sum()
    };
    here.iter().map(of).sum()
}
