//! The probability of every flight in a slot, computed on the bitmap path that
//! [`choose`](crate::selection::choose::choose) takes, without a draw: the lottery's shares of a tier, the
//! race's shares of what is left, then the next tier with what is left after that.
//!
//! Probabilities are conditional on the slot's world, exclusions and throttles: a throttle lets its flight in
//! or not as the request's own number says, because independent throttles have no closed form.

use crate::domain::event::Tier;
use crate::selection::choose::{Request, enter};
use crate::selection::entrants::Entrants;
use crate::selection::rules::{Exclusions, SlotContext};
use crate::selection::snapshot::Ticket;
use crate::selection::wording::Drawn;
use crate::selection::{choose, draw, fixed, index, score, wording};
use std::ops::Range;

/// A flight's probability in one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// The flight's position in rank order.
    pub place: u32,
    /// P(flight wins the slot), from 0 to 1, over all tiers.
    pub probability: f64,
    /// Its share of the lottery, in units of 2^-32, or its weight in the race.
    amount: u64,
}

/// A tier with chances in it.
#[derive(Clone, Debug)]
struct Round {
    /// Its chances: first those of the lottery, then from `race` on those of the race.
    chances: Range<usize>,
    race: usize,
    /// The sum of the race's weights.
    sum: u128,
    /// What the lottery leaves to the race, in units of 2^-32.
    left: u64,
}

/// The probabilities of one slot. Reused from slot to slot, it allocates nothing.
#[derive(Default)]
pub struct Odds {
    /// Flights that can win the slot: by tier, the lottery in the order of its turns, then the race by rank.
    pub chances: Vec<Chance>,
    /// P(no flight wins the slot).
    pub empty: f64,
    rounds: Vec<Round>,
    explore: u32,
    entrants: Entrants,
}

/// A slot in units of 2^-32.
const WHOLE: f64 = 4_294_967_296.0;

impl Odds {
    /// Computes the probabilities of one slot, given the exclusions from earlier slots. The request's id
    /// decides about throttles only.
    pub fn compute(&mut self, request: &Request<'_>, slot: usize, exclusions: &Exclusions) {
        self.clear();
        let context = request.slot_context(slot, exclusions);
        if choose::early_no_fill(&context).is_some() {
            return;
        }
        let snapshot = &*context.world.snapshot;
        self.explore = snapshot.boosts.explore;
        let mut plan = snapshot.index.plan(&context.query());
        for tier in index::tiers(context.page.commercial) {
            enter(&context, &mut plan, *tier, &mut self.entrants);
            self.add_round();
            if self.empty <= 0.0 {
                break;
            }
        }
    }

    /// Makes them those of a slot that no flight can win.
    pub fn clear(&mut self) {
        self.chances.clear();
        self.rounds.clear();
        self.empty = 1.0;
    }

    /// P(flight | its tier is reached, earlier slots, masks, world), in units of 2^-32, as
    /// [`choose`](crate::selection::choose::choose) records it for a winner. `None` if it cannot win.
    pub fn propensity(&self, place: u32) -> Option<u32> {
        let at = self.chances.iter().position(|one| one.place == place)?;
        let amount = self.chances[at].amount;
        let round = self.rounds.iter().find(|round| round.chances.contains(&at))?;
        if at < round.race {
            return Some(draw::probability(amount));
        }
        let count = (round.chances.end - round.race) as u64;
        let mixed = draw::mixed(u128::from(amount), (round.sum, count), self.explore);
        Some(draw::within(mixed, round.left))
    }

    /// Adds the chances of a tier, from its entrants.
    fn add_round(&mut self) {
        let Entrants { tickets, candidates, .. } = &mut self.entrants;
        let (reach, start) = (self.empty, self.chances.len());
        let mut left = 1u64 << 32;
        if !tickets.is_empty() {
            tickets.sort_unstable_by_key(|ticket| (ticket.turn, ticket.place));
            let (_, shares, rest) = draw::lottery(tickets, 0);
            let of_ticket = |(ticket, share): (&Ticket, u64)| Chance {
                place: ticket.place,
                probability: reach * share as f64 / WHOLE,
                amount: share,
            };
            let shares = tickets.iter().zip(shares).filter(|(_, share)| *share > 0);
            self.chances.extend(shares.map(of_ticket));
            left = rest;
        }
        let (race, reach) = (self.chances.len(), reach * left as f64 / WHOLE);
        self.empty = reach;
        let mut sum = 0u128;
        if left > 0 && !candidates.is_empty() {
            let top = candidates.iter().map(|one| one.ln_score).max().unwrap_or_default();
            self.chances.extend(candidates.iter().map(|one| {
                let amount = fixed::exp_neg(top - one.ln_score);
                sum += u128::from(amount);
                Chance { place: one.place, probability: 0.0, amount }
            }));
            let explore = f64::from(self.explore) / WHOLE;
            let scored = reach * (1.0 - explore) / sum as f64;
            let even = reach * explore / candidates.len() as f64;
            for chance in &mut self.chances[race..] {
                chance.probability = chance.amount as f64 * scored + even;
            }
            self.empty = 0.0;
        }
        if self.chances.len() > start {
            self.rounds.push(Round { chances: start..self.chances.len(), race, sum, left });
        }
    }
}

/// P(creative and variant | flight) of every text of a flight that can fill a slot, in units of 2^-32, as
/// [`choose`](crate::selection::choose::choose) records it for a winner.
pub fn creatives(
    request: &Request<'_>,
    slot: usize,
    exclusions: &Exclusions,
    place: u32,
) -> Vec<Drawn> {
    let context = request.slot_context(slot, exclusions);
    let snapshot = &*request.world.snapshot;
    let Some(flight) = snapshot.flights.get(place as usize) else { return Vec::new() };
    let topic = score::attributed_topic(snapshot, flight, request.page);
    wording::chances(&context, place as usize, topic)
}

/// Calls `each` with the place and the weight, relative to others of its tier, of every flight that may have a
/// slot, whatever comes before it: in rank order, over all tiers.
pub(crate) fn entrants(
    context: &SlotContext<'_>,
    scratch: &mut Entrants,
    each: &mut dyn FnMut(Tier, u32, f64),
) {
    if choose::early_no_fill(context).is_some() {
        return;
    }
    let mut plan = context.world.snapshot.index.plan(&context.query());
    for tier in index::tiers(context.page.commercial) {
        enter(context, &mut plan, *tier, scratch);
        for one in &scratch.candidates {
            each(*tier, one.place, one.ln_score.to_f64().exp());
        }
    }
}
