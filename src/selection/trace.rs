//! Recomputes a selection flight by flight on the recorded world, for explain. Must agree with
//! [`choose`](crate::selection::choose::choose) bit for bit.

use crate::domain::event::{NoFill, Tier};
use crate::selection::choose::{Request, Winner};
use crate::selection::compiled::place_bit;
use crate::selection::filter_reason::FilterReason;
use crate::selection::rotation::Scope;
use crate::selection::rules::{Exclusions, Mask, SlotContext};
use crate::selection::score::Score;
use crate::selection::snapshot::Ticket;
use crate::selection::wording::Drawn;
use crate::selection::{choose, draw, entrants, index, no_fill, score, wording};
use serde::Serialize;

/// The trace of one slot.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotTrace {
    /// The winner, or why there is none.
    pub result: Result<Winner, NoFill>,
    /// Filtered flights, by position in rank order, with the reason.
    pub filtered: Vec<(usize, FilterReason)>,
    /// The candidates of the draw in the winning tier.
    pub candidates: Vec<Candidate>,
    /// The texts of the winner that can fill the slot, with their probabilities.
    pub creatives: Vec<Drawn>,
    /// The pages of what was learned about the winner's creatives, if they are drawn by that.
    pub learned: Option<Scope>,
}

/// A candidate of the draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its position in rank order.
    pub place: usize,
    pub(crate) score: Score,
    /// P(flight | earlier slots, masks, world), in units of 2^-32.
    pub probability: u32,
}

impl SlotTrace {
    /// Number of flights filtered per reason, in evaluation order, including zeros.
    pub fn stages(&self) -> Vec<(FilterReason, usize)> {
        let count =
            |stage: FilterReason| self.filtered.iter().filter(|(_, by)| *by == stage).count();
        FilterReason::ALL.iter().map(|stage| (*stage, count(*stage))).collect()
    }
}

/// Traces every slot of a request. `masks` holds the recorded exclusions, one list per slot.
pub fn trace(request: &Request<'_>, masks: &[Vec<Mask>]) -> Vec<SlotTrace> {
    let mut exclusions = Exclusions::default();
    (0..request.page.slots.len())
        .map(|slot| {
            let masked = masks.get(slot).map(Vec::as_slice).unwrap_or_default();
            exclusions.begin_slot(masked);
            let mut traced = trace_slot(&request.slot_context(slot, &exclusions));
            if let Some(reason) = choose::gave_up(masked) {
                traced.result = Err(reason);
            }
            if let Ok(win) = &traced.result {
                let flight = &request.world.snapshot.flights[win.place];
                exclusions.advertisers.push(flight.advertiser);
            }
            traced
        })
        .collect()
}

fn trace_slot(context: &SlotContext<'_>) -> SlotTrace {
    let snapshot = &*context.world.snapshot;
    let mut filtered = Vec::new();
    let mut candidates: Vec<(u32, Score)> = Vec::new();
    let mut tickets: Vec<(Ticket, Score)> = Vec::new();
    let mut won: Option<(Winner, Vec<Candidate>)> = None;
    let early = choose::early_no_fill(context);
    for tier in Tier::ALL {
        candidates.clear();
        tickets.clear();
        for place in snapshot.tiers[*tier as usize].clone() {
            let flight = &snapshot.flights[place];
            let reason = context.first_failed(place, flight).or_else(|| {
                let score = score::score(snapshot, flight, context.page, context.now_ms);
                if won.is_some() || early.is_some() {
                    Some(FilterReason::Tier)
                } else if score.ln_relevance < snapshot.boosts.floor {
                    Some(FilterReason::Relevance)
                } else if let Some(ticket) = context.world.ticket(place) {
                    tickets.push((ticket, score));
                    None
                } else if candidates.len() >= snapshot.boosts.max_candidates {
                    Some(FilterReason::Truncated)
                } else {
                    candidates.push((place_bit(place), score));
                    None
                }
            });
            filtered.extend(reason.map(|reason| (place, reason)));
        }
        let allowed = index::tiers(context.page.commercial).contains(tier) && early.is_none();
        if won.is_none() && allowed {
            let mut shares: Vec<Ticket> = tickets.iter().map(|(ticket, _)| *ticket).collect();
            won = choose::draw_one(context, *tier, &mut shares, &drawn(context, &candidates))
                .map(|win| (win, with_probabilities(context, &shares, &tickets, &candidates)));
        }
        // Whose share is spent elsewhere, or whose share this slot is not.
        let held = tickets.iter().filter(|(ticket, _)| won.is_none() || ticket.share == 0);
        filtered.extend(held.map(|(ticket, _)| (ticket.place as usize, FilterReason::Paced)));
    }
    match won {
        Some((win, candidates)) => {
            let topic = win.matched.attributed_topic(context.page);
            let creatives = wording::chances(context, win.place, topic);
            let learned = wording::learned(context, win.place, topic).map(|row| row.scope);
            SlotTrace { result: Ok(win), filtered, candidates, creatives, learned }
        }
        None => {
            let reason = early.unwrap_or_else(|| no_fill::reason(context));
            let (candidates, creatives) = (Vec::new(), Vec::new());
            SlotTrace { result: Err(reason), filtered, candidates, creatives, learned: None }
        }
    }
}

/// Converts candidates to the input of a draw.
fn drawn(context: &SlotContext<'_>, candidates: &[(u32, Score)]) -> Vec<entrants::Candidate> {
    let flights = &context.world.snapshot.flights;
    let candidate = |(place, score): &(u32, Score)| entrants::Candidate {
        place: *place,
        stable_id: flights[*place as usize].stable_id,
        ln_score: score.ln_score,
    };
    candidates.iter().map(candidate).collect()
}

/// The candidates of a tier with their probabilities: `shares`, in order of their turns, and the race.
fn with_probabilities(
    context: &SlotContext<'_>,
    shares: &[Ticket],
    tickets: &[(Ticket, Score)],
    candidates: &[(u32, Score)],
) -> Vec<Candidate> {
    let (_, parts, left) = draw::lottery(shares, 0);
    let of_ticket = |(ticket, part): (&Ticket, &u64)| {
        let score = tickets.iter().find(|(one, _)| one.place == ticket.place)?.1;
        let probability = if *part == 0 { 0 } else { draw::probability(*part) };
        (ticket.share > 0).then_some(Candidate { place: ticket.place as usize, score, probability })
    };
    let in_lottery = shares.iter().zip(&parts).filter_map(of_ticket);
    let snapshot = &*context.world.snapshot;
    let weighted = candidates
        .iter()
        .map(|(place, score)| (snapshot.flights[*place as usize].stable_id, score.ln_score));
    let in_race = candidates.iter().enumerate().map(|(at, (place, score))| {
        let propensity = draw::propensity(weighted.clone(), at, snapshot.boosts.explore);
        let probability = if left == 0 { 0 } else { draw::within(propensity, left) };
        Candidate { place: *place as usize, score: *score, probability }
    });
    in_lottery.chain(in_race).collect()
}
