//! Why: the whole funnel again, flight by flight, on the recorded world. Must agree with
//! [`choose`](crate::selection::choose::choose) bit for bit.

use crate::domain::event::NoFill;
use crate::domain::event::Tier;
use crate::selection::choose;
use crate::selection::choose::Request;
use crate::selection::choose::Win;
use crate::selection::draw;
use crate::selection::index;
use crate::selection::no_fill;
use crate::selection::removed::Removed;
use crate::selection::rules::Case;
use crate::selection::rules::Mask;
use crate::selection::rules::Taken;
use crate::selection::score;
use crate::selection::score::Score;
use serde::Serialize;

/// Everything that happened in one slot.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotTrace {
    /// The winner, or why there is none.
    pub result: Result<Win, NoFill>,
    /// Flights that were removed, by place in rank order, with the stage.
    pub removed: Vec<(usize, Removed)>,
    /// Flights that were drawn among, in the tier that won.
    pub candidates: Vec<Candidate>,
}

/// One flight of the draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its place in rank order.
    pub place: usize,
    /// Its score.
    pub score: Score,
    /// P(it | earlier slots, masks, world), in 2^32nds.
    pub probability: u32,
}

impl SlotTrace {
    /// How many flights each stage removed, in the order of the funnel; stages that removed none
    /// are there, too.
    pub fn stages(&self) -> Vec<(Removed, usize)> {
        let count = |stage: Removed| self.removed.iter().filter(|(_, by)| *by == stage).count();
        Removed::ALL.iter().map(|stage| (*stage, count(*stage))).collect()
    }
}

/// Traces every slot of a request. `masks` are the flights that were passed over, a list a slot.
pub fn trace(request: &Request<'_>, masks: &[Vec<Mask>]) -> Vec<SlotTrace> {
    let mut taken = Taken::default();
    (0..request.page.slots.len())
        .map(|slot| {
            let masked = masks.get(slot).map(Vec::as_slice).unwrap_or_default();
            taken.begin(masked);
            let refused = masked.iter().filter(|mask| mask.is_refused()).count();
            let mut traced = trace_slot(&request.case(slot, &taken));
            if masked.len() - refused >= choose::TRIES {
                traced.result = Err(NoFill::BudgetsSpent);
            } else if refused >= choose::REFUSALS {
                traced.result = Err(NoFill::PublisherBlocked);
            }
            if let Ok(win) = &traced.result {
                let flight = &request.world.snapshot.flights[win.place];
                taken.advertisers.push(flight.advertiser);
            }
            traced
        })
        .collect()
}

fn trace_slot(case: &Case<'_>) -> SlotTrace {
    let snapshot = &*case.world.snapshot;
    let mut removed = Vec::new();
    let mut candidates: Vec<(u32, Score)> = Vec::new();
    let mut won: Option<(Win, Vec<Candidate>)> = None;
    let refused = choose::refused(case);
    for tier in Tier::ALL {
        candidates.clear();
        for place in snapshot.tiers[*tier as usize].clone() {
            let flight = &snapshot.flights[place];
            let against = case.against(place, flight).or_else(|| {
                let score = score::score(snapshot, flight, case.page);
                if won.is_some() || refused.is_some() {
                    Some(Removed::Tier)
                } else if score.ln_relevance < snapshot.boosts.floor {
                    Some(Removed::Relevance)
                } else if candidates.len() >= snapshot.boosts.max_candidates {
                    Some(Removed::Truncated)
                } else {
                    candidates.push((u32::try_from(place).unwrap_or(u32::MAX), score));
                    None
                }
            });
            removed.extend(against.map(|stage| (place, stage)));
        }
        let asked = index::tiers(case.page.commercial).contains(tier) && refused.is_none();
        if won.is_none() && asked {
            won = choose::draw_one(case, &drawn(case, &candidates))
                .map(|win| (win, odds(case, &candidates)));
        }
    }
    match won {
        Some((win, candidates)) => SlotTrace { result: Ok(win), removed, candidates },
        None => {
            let reason = refused.unwrap_or_else(|| no_fill::reason(case));
            SlotTrace { result: Err(reason), removed, candidates: Vec::new() }
        }
    }
}

/// The candidates as a draw takes them.
fn drawn(case: &Case<'_>, candidates: &[(u32, Score)]) -> Vec<choose::Candidate> {
    let flights = &case.world.snapshot.flights;
    let one = |(place, score): &(u32, Score)| choose::Candidate {
        place: *place,
        stable_id: flights[*place as usize].stable_id,
        ln_score: score.ln_score,
    };
    candidates.iter().map(one).collect()
}

/// Each candidate's probability in its draw.
fn odds(case: &Case<'_>, candidates: &[(u32, Score)]) -> Vec<Candidate> {
    let snapshot = &*case.world.snapshot;
    let weighted = candidates
        .iter()
        .map(|(place, score)| (snapshot.flights[*place as usize].stable_id, score.ln_score));
    candidates
        .iter()
        .enumerate()
        .map(|(at, (place, score))| Candidate {
            place: *place as usize,
            score: *score,
            probability: draw::propensity(weighted.clone(), at, snapshot.boosts.explore),
        })
        .collect()
}
