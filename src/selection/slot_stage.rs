//! At which stage a slot was lost for a flight, or that it won: for funnels and metrics. Agrees with
//! [`trace`](crate::selection::trace), and looks at one flight only.

use crate::domain::event::NoFill;
use crate::selection::choose;
use crate::selection::compiled::FlightRow;
use crate::selection::filter_reason::FilterReason;
use crate::selection::fixed::Q32;
use crate::selection::rules::SlotContext;
use crate::selection::score;

/// The stage at which a slot was lost for a flight, in evaluation order, or that it won.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotStage {
    /// A rule filtered the flight.
    Filtered(FilterReason),
    /// The slot could not be filled with any flight.
    Unfillable,
    /// It took part in the draw, and another flight of its tier won.
    Draw,
    /// It won.
    Won,
}

impl SlotStage {
    /// The stages before the draw, in order.
    pub fn before_draw() -> impl Iterator<Item = SlotStage> {
        let filters = FilterReason::ALL.iter().map(|reason| SlotStage::Filtered(*reason));
        filters.chain([SlotStage::Unfillable])
    }

    /// The last stage that is about targeting: a slot that is lost later is one that the flight fits.
    pub(crate) const LAST_OF_TARGETING: SlotStage = SlotStage::Filtered(FilterReason::Custom);

    /// Its name in metrics and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            SlotStage::Filtered(reason) => reason.as_str(),
            SlotStage::Unfillable => "unfillable",
            SlotStage::Draw => "draw",
            SlotStage::Won => "won",
        }
    }

    /// Why the slot was lost, as a sentence about the flight.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            SlotStage::Filtered(FilterReason::Tier) => "a flight of a higher tier won",
            SlotStage::Filtered(reason) => reason.sentence(),
            SlotStage::Unfillable => {
                "the slot could not be filled: its page or site is paused, its placement is unknown, the page \
                 allows no units, or the inventory was too old"
            }
            SlotStage::Draw => "another flight of its tier won the draw",
            SlotStage::Won => "it won",
        }
    }

    /// Whether it is about the pages and readers that the flight targets.
    pub(crate) const fn is_targeting(self) -> bool {
        matches!(self, SlotStage::Filtered(reason) if reason.is_targeting())
    }
}

/// The stage of one flight in a slot with this recorded result: the winner's place, or the no-fill reason.
pub fn of_flight(
    context: &SlotContext<'_>,
    place: usize,
    result: Result<usize, NoFill>,
) -> SlotStage {
    let flight = &context.world.snapshot.flights[place];
    if result == Ok(place) {
        return SlotStage::Won;
    }
    if let Some(reason) = context.first_failed(place, flight) {
        return SlotStage::Filtered(reason);
    }
    let relevance =
        score::score(&context.world.snapshot, flight, context.page, context.now_ms).ln_relevance;
    let entrant = Entrant { place, flight, relevance };
    after_rules(context, &entrant, result, || !choose::is_candidate(context, place))
}

/// Passes the stage of every flight, by place.
pub fn of_all(
    context: &SlotContext<'_>,
    result: Result<usize, NoFill>,
    mut each: impl FnMut(usize, SlotStage),
) {
    let snapshot = &*context.world.snapshot;
    for range in &snapshot.tiers {
        let mut candidates = 0;
        for place in range.clone() {
            let flight = &snapshot.flights[place];
            if let Some(reason) = context.first_failed(place, flight) {
                // A forced creative wins whatever the rules say.
                let won = result == Ok(place);
                each(place, if won { SlotStage::Won } else { SlotStage::Filtered(reason) });
                continue;
            }
            let relevance =
                score::score(snapshot, flight, context.page, context.now_ms).ln_relevance;
            let is_in_race =
                relevance >= snapshot.boosts.floor && context.world.ticket(place).is_none();
            let is_truncated = is_in_race && candidates >= snapshot.boosts.max_candidates;
            candidates += usize::from(is_in_race);
            let entrant = Entrant { place, flight, relevance };
            each(place, after_rules(context, &entrant, result, || is_truncated));
        }
    }
}

/// A flight that passed every rule.
struct Entrant<'a> {
    place: usize,
    flight: &'a FlightRow,
    relevance: Q32,
}

/// The stage of a flight that passed every rule.
fn after_rules(
    context: &SlotContext<'_>,
    entrant: &Entrant<'_>,
    result: Result<usize, NoFill>,
    is_truncated: impl FnOnce() -> bool,
) -> SlotStage {
    let (snapshot, place) = (&*context.world.snapshot, entrant.place);
    let gave_up = match result {
        Ok(won) if won == place => return SlotStage::Won,
        Ok(_) => false,
        // While a flight passes every rule, the last two only say that the attempts at the slot ran out.
        Err(reason) => matches!(
            reason,
            NoFill::StaleTooOld
                | NoFill::Overloaded
                | NoFill::BudgetsSpent
                | NoFill::PublisherBlocked
        ),
    };
    if gave_up || choose::early_no_fill(context).is_some() {
        return SlotStage::Unfillable;
    }
    let won = result.ok();
    let tier = entrant.flight.tier as usize;
    if won.is_some_and(|won| (snapshot.tier_of(won) as usize) < tier) {
        return SlotStage::Filtered(FilterReason::Tier);
    }
    if entrant.relevance < snapshot.boosts.floor {
        return SlotStage::Filtered(FilterReason::Relevance);
    }
    let same_tier = won.filter(|won| snapshot.tier_of(*won) as usize == tier);
    if let Some(ticket) = context.world.ticket(place) {
        // Another ticket with an earlier turn took the slot; otherwise the slot is outside its share.
        let is_ahead = |won: usize| {
            let other = context.world.ticket(won);
            other.is_some_and(|other| (other.turn, other.place) < (ticket.turn, ticket.place))
        };
        let is_lost = ticket.share > 0 && same_tier.is_some_and(is_ahead);
        return if is_lost { SlotStage::Draw } else { SlotStage::Filtered(FilterReason::Paced) };
    }
    match same_tier {
        Some(_) if !is_truncated() => SlotStage::Draw,
        _ => SlotStage::Filtered(FilterReason::Truncated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_targeting_is_looked_at_after_its_last_stage() {
        for stage in SlotStage::before_draw() {
            assert!(!stage.is_targeting() || stage <= SlotStage::LAST_OF_TARGETING, "{stage:?}");
        }
        assert!(SlotStage::LAST_OF_TARGETING.is_targeting());
    }
}
