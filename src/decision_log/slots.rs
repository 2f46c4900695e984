//! The slots of a logged decision as the rules saw them, without choosing again.

use crate::decision_log::line::DecisionLine;
use crate::domain::event::NoFill;
use crate::selection::choose::Request;
use crate::selection::rules::{Exclusions, SlotContext};
use crate::selection::snapshot::World;

/// Passes each slot of a decision on the world that it was made on, with its recorded result: the place
/// of the winner, or the no-fill reason. Later slots see the winners of earlier ones.
pub(crate) fn each_slot(
    world: &World,
    line: &DecisionLine,
    mut each: impl FnMut(&SlotContext<'_>, Result<usize, NoFill>),
) {
    let request = Request { world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let mut exclusions = Exclusions::default();
    for (number, slot) in line.slots.iter().enumerate().take(line.page.slots.len()) {
        exclusions.begin_slot(&slot.masked);
        let result = slot.result.map(|chosen| chosen.place as usize);
        each(&request.slot_context(number, &exclusions), result);
        if let Some(winner) = result.ok().and_then(|place| world.snapshot.flights.get(place)) {
            exclusions.advertisers.push(winner.advertiser);
        }
    }
}
