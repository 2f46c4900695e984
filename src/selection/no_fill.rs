//! The no-fill reason of a slot: the latest filter stage reached by any flight whose targeting
//! matches the page.
//!
//! Each stage is applied to all remaining flights; the stage that filters the last one is the reason.

use crate::domain::event::{NoFill, Tier};
use crate::selection::bitmap;
use crate::selection::bitmap::Block;
use crate::selection::compiled::FlightRow;
use crate::selection::filter_reason::FilterReason;
use crate::selection::page::Commercial;
use crate::selection::plan::Plan;
use crate::selection::rules::SlotContext;

/// The no-fill reason of a slot for which no draw found a unit.
pub(crate) fn reason(context: &SlotContext<'_>) -> NoFill {
    let snapshot = &*context.world.snapshot;
    let mut plan = snapshot.index.plan(&context.query());
    let all = 0..snapshot.flights.len();
    let blocks = 0..snapshot.index.live.len();
    let latest =
        blocks.filter_map(|at| latest(context, &mut plan, at, &bitmap::between(&all, at))).max();
    match (latest, context.page.commercial) {
        (None, Commercial::HouseOnly) => NoFill::HouseOnly,
        (None, _) => NoFill::NoCandidate,
        (Some(stage), _) => stage.no_fill(),
    }
}

/// Maps the remaining flights of a block to a block that includes those that pass the stage.
type Stage<'a> = &'a dyn Fn(&Block) -> Block;

/// The stage that filters the last flight of a block, among those whose targeting matches the page.
fn latest(
    context: &SlotContext<'_>,
    plan: &mut Plan<'_>,
    at: usize,
    all: &Block,
) -> Option<FilterReason> {
    let mut left = plan.targeted(at, all);
    if bitmap::is_zero(&left) {
        return None;
    }
    let snapshot = &*context.world.snapshot;
    let state = &context.world.state;
    let passing = plan.passing(at);
    let not = |bits: Block| bits.map(|word| !word);
    let listed = |places: &[u32]| not(bitmap::listed(places, at));
    let house_only = context.page.commercial == Commercial::HouseOnly;
    let house = bitmap::between(&snapshot.tiers[Tier::House as usize], at);
    let stages: [(FilterReason, Stage<'_>); 11] = [
        (FilterReason::Paused, &|_| bitmap::and(&snapshot.index.live[at], &listed(&state.paused))),
        (FilterReason::Commercial, &|_| if house_only { house } else { *all }),
        (FilterReason::Sensitive, &|_| passing.sensitive),
        (FilterReason::Dates, &|left| {
            filter_each(context, at, left, |_, flight| context.is_running(flight))
        }),
        (FilterReason::Category, &|_| passing.permitted),
        (FilterReason::Conflict, &|_| passing.no_conflict),
        (FilterReason::Shown, &|_| passing.separated),
        (FilterReason::Blocked, &|left| {
            not_rejected(context, at, &bitmap::and(left, &passing.unblocked))
        }),
        (FilterReason::Style, &|_| passing.style),
        (FilterReason::Unreported, &|_| passing.reported),
        (FilterReason::Budget, &|_| listed(&state.spent)),
    ];
    for (stage, passes) in stages {
        left = bitmap::and(&left, &passes(&left));
        if bitmap::is_zero(&left) {
            return Some(stage);
        }
    }
    left = filter_each(context, at, &left, |place, _| !context.exclusions.masked.contains(&place));
    if bitmap::is_zero(&left) {
        return Some(FilterReason::Masked);
    }
    left = filter_each(context, at, &left, |_, flight| context.within_topic_share(flight));
    if bitmap::is_zero(&left) {
        return Some(FilterReason::TopicShare);
    }
    // Of the flights with a ticket, none has won.
    left = filter_each(context, at, &left, |place, flight| {
        context.on_pace(place, flight) && context.world.ticket(place).is_none()
    });
    Some(if bitmap::is_zero(&left) { FilterReason::Paced } else { FilterReason::Relevance })
}

/// The flights of a block that the caller has not rejected.
fn not_rejected(context: &SlotContext<'_>, at: usize, left: &Block) -> Block {
    match &*context.exclusions.rejected {
        [] => *left,
        rejected => filter_each(context, at, left, |place, _| !rejected.contains(&place)),
    }
}

/// The flights of a block that pass a per-flight check.
fn filter_each(
    context: &SlotContext<'_>,
    at: usize,
    left: &Block,
    passes: impl Fn(usize, &FlightRow) -> bool,
) -> Block {
    let flights = &context.world.snapshot.flights;
    let mut passing = *left;
    for (word, passing) in passing.iter_mut().enumerate() {
        let mut bits = *passing;
        while bits != 0 {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            let place = at * bitmap::FLIGHTS + word * 64 + bit as usize;
            if !passes(place, &flights[place]) {
                *passing &= !(1 << bit);
            }
        }
    }
    passing
}
