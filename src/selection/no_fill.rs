//! Why a slot stays empty: the latest stage that a flight reached whose targeting meets the page.
//!
//! That is the stage at which the last of them fell: each rule is asked of all that are left.

use crate::domain::event::NoFill;
use crate::domain::event::Tier;
use crate::selection::index::plan::Plan;
use crate::selection::index::row;
use crate::selection::index::row::Block;
use crate::selection::page::Commercial;
use crate::selection::removed::Removed;
use crate::selection::rules::Case;
use crate::selection::snapshot::FlightRow;

/// Why a slot stays empty in which no draw found a unit.
pub fn reason(case: &Case<'_>) -> NoFill {
    let snapshot = &*case.world.snapshot;
    let mut plan = snapshot.index.plan(case);
    let all = 0..snapshot.flights.len();
    let blocks = 0..snapshot.index.live.len();
    let latest = blocks.filter_map(|at| latest(case, &mut plan, at, &row::between(&all, at))).max();
    match (latest, case.page.commercial) {
        (None, Commercial::HouseOnly) => NoFill::HouseOnly,
        (None, _) => NoFill::NoCandidate,
        (Some(stage), _) => stage.no_fill(),
    }
}

/// From the flights that are left to those for which a stage holds, of one block.
type Stage<'a> = &'a dyn Fn(&Block) -> Block;

/// The stage at which the last flight of a block fell, of those whose targeting meets the page.
fn latest(case: &Case<'_>, plan: &mut Plan<'_>, at: usize, all: &Block) -> Option<Removed> {
    let mut left = plan.targeted(at, all);
    if row::is_zero(&left) {
        return None;
    }
    let snapshot = &*case.world.snapshot;
    let state = &case.world.state;
    let kept = plan.kept(at);
    let not = |bits: Block| bits.map(|word| !word);
    let listed = |places: &[u32]| not(row::listed(places, at));
    let house_only = case.page.commercial == Commercial::HouseOnly;
    let house = row::between(&snapshot.tiers[Tier::House as usize], at);
    let stages: [(Removed, Stage<'_>); 10] = [
        (Removed::Stopped, &|_| row::and(&snapshot.index.live[at], &listed(&state.stopped))),
        (Removed::Commercial, &|_| if house_only { house } else { *all }),
        (Removed::Sensitive, &|_| kept.sensitive),
        (Removed::Dates, &|left| one_by_one(case, at, left, |_, flight| case.runs(flight))),
        (Removed::Sector, &|_| kept.permitted),
        (Removed::Conflict, &|_| kept.quiet),
        (Removed::Shown, &|_| kept.unshown),
        (Removed::Blocked, &|left| taken(case, at, &row::and(left, &kept.unblocked))),
        (Removed::Style, &|_| kept.style),
        (Removed::Budget, &|_| listed(&state.spent)),
    ];
    for (stage, holds) in stages {
        left = row::and(&left, &holds(&left));
        if row::is_zero(&left) {
            return Some(stage);
        }
    }
    left = one_by_one(case, at, &left, |place, _| !case.taken.masked.contains(&place));
    if row::is_zero(&left) {
        return Some(Removed::Masked);
    }
    left = one_by_one(case, at, &left, |place, flight| case.on_pace(place, flight));
    Some(if row::is_zero(&left) { Removed::Paced } else { Removed::Relevance })
}

/// Those whose unit the caller takes.
fn taken(case: &Case<'_>, at: usize, left: &Block) -> Block {
    match &*case.taken.refused {
        [] => *left,
        refused => one_by_one(case, at, left, |place, _| !refused.contains(&place)),
    }
}

/// The flights of a block for which something holds that each must be asked by itself.
fn one_by_one(
    case: &Case<'_>,
    at: usize,
    left: &Block,
    holds: impl Fn(usize, &FlightRow) -> bool,
) -> Block {
    let flights = &case.world.snapshot.flights;
    let mut kept = *left;
    for (word, kept) in kept.iter_mut().enumerate() {
        let mut bits = *kept;
        while bits != 0 {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            let place = at * row::FLIGHTS + word * 64 + bit as usize;
            if !holds(place, &flights[place]) {
                *kept &= !(1 << bit);
            }
        }
    }
    kept
}
