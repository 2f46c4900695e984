//! What takes part in a draw, and the rules that bitmaps cannot express: dates, lost reservations, pacing, relevance.

use crate::selection::boosts::Boosts;
use crate::selection::compiled::place_bit;
use crate::selection::fixed::Q32;
use crate::selection::price::ShiftsNow;
use crate::selection::rules::SlotContext;
use crate::selection::snapshot::Ticket;
use smallvec::SmallVec;

/// A flight in a draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Its position in rank order.
    pub(crate) place: u32,
    /// The flight's random seed, see [`stable_id`](crate::selection::dice::stable_id).
    pub(crate) stable_id: u64,
    /// The logarithm of its score.
    pub(crate) ln_score: Q32,
}

/// Candidates of one draw. The default `max_candidates` (512) need no allocation.
pub(crate) type Candidates = SmallVec<[Candidate; 512]>;

/// Flights in a lottery.
pub(crate) type Tickets = SmallVec<[Ticket; 8]>;

/// What takes part in a tier.
#[derive(Default)]
pub(crate) struct Entrants {
    pub(crate) tickets: Tickets,
    pub(crate) candidates: Candidates,
    /// Flights with a throttle, whether it lets them in or not.
    pub(super) throttled: SmallVec<[u32; 8]>,
}

impl Entrants {
    pub(super) fn clear(&mut self) {
        self.tickets.clear();
        self.candidates.clear();
        self.throttled.clear();
    }
}

/// The rules that bitmaps cannot express.
pub(super) struct Gate<'a> {
    context: &'a SlotContext<'a>,
    pub(super) boosts: &'a Boosts,
    shifts: ShiftsNow<'a>,
    check_all: bool,
}

impl<'a> Gate<'a> {
    pub(super) fn of(context: &'a SlotContext<'a>) -> Gate<'a> {
        let boosts = &context.world.snapshot.boosts;
        let exclusions = context.exclusions;
        Gate {
            context,
            boosts,
            shifts: boosts.prices.at(context.now_ms),
            check_all: !exclusions.masked.is_empty() || !exclusions.rejected.is_empty(),
        }
    }

    /// The flights of a word of a block that need a check.
    #[inline]
    pub(super) fn to_check(&self, at: usize, word: usize) -> u64 {
        if self.check_all { u64::MAX } else { self.context.world.to_check[at][word] }
    }

    /// Whether the draw is full and there is no relevance floor: flights without a check can be skipped.
    #[inline]
    pub(super) fn is_full(&self, entrants: &Entrants) -> bool {
        entrants.candidates.len() >= self.boosts.max_candidates && self.boosts.floor <= Q32::ZERO
    }

    /// Adds a flight to the entrants if it passes.
    #[inline]
    pub(super) fn admit(
        &self,
        (place, is_checked): (usize, bool),
        ln_relevance: impl FnOnce() -> Q32,
        Entrants { tickets, candidates, throttled }: &mut Entrants,
    ) {
        let (context, boosts) = (self.context, self.boosts);
        let snapshot = &*context.world.snapshot;
        if is_checked && context.world.throttle(place).is_some() {
            throttled.push(place_bit(place));
        }
        if is_checked && !passes(context, place) {
            return;
        }
        let ticket = if is_checked { context.world.ticket(place) } else { None };
        let ln_relevance = ln_relevance();
        if ln_relevance < boosts.floor {
            return;
        }
        if let Some(ticket) = ticket {
            tickets.push(ticket);
        } else if candidates.len() < boosts.max_candidates {
            let inputs = snapshot.index.draw_inputs[place];
            let ln_static = self
                .shifts
                .apply(inputs.currency, inputs.ln_static)
                .unwrap_or_else(|| snapshot.flights[place].ln_weight);
            candidates.push(Candidate {
                place: u32::try_from(place).unwrap_or(u32::MAX),
                stable_id: inputs.stable_id,
                ln_score: boosts.ln_score(ln_static, ln_relevance),
            });
        }
    }
}

/// Checks the rules that need a per-flight check: dates, lost reservations, rejections by the
/// caller, the advertiser's part of the topic, pacing.
fn passes(context: &SlotContext<'_>, place: usize) -> bool {
    let flight = &context.world.snapshot.flights[place];
    let is_excluded = |places: &[usize]| places.contains(&place);
    context.is_running(flight)
        && !is_excluded(&context.exclusions.masked)
        && !is_excluded(&context.exclusions.rejected)
        && context.within_topic_share(flight)
        && context.on_pace(place, flight)
}
