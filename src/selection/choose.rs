//! The choice: for one slot, tier by tier, the matching flights, the rules, the draw.
//!
//! Pure: world, page, now, request id and masks in, the same choice out, on every machine.

use crate::domain::event::NoFill;
use crate::domain::event::Tier;
use crate::domain::party::Style;
use crate::selection::dice::Dice;
use crate::selection::dice::Purpose;
use crate::selection::draw;
use crate::selection::fixed::Q32;
use crate::selection::index;
use crate::selection::index::plan::Relevance;
use crate::selection::index::row;
use crate::selection::index::row::Block;
use crate::selection::no_fill;
use crate::selection::page::Commercial;
use crate::selection::page::Page;
use crate::selection::rules::Case;
use crate::selection::rules::Taken;
use crate::selection::score;
use crate::selection::score::Matched;
use crate::selection::score::Score;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::World;
use crate::selection::snapshot::style_bit;
use crate::selection::wording;
use smallvec::SmallVec;

/// How often a slot is chosen when reservations fail: then it stays empty.
pub const TRIES: usize = 2;

/// How many units a caller may refuse in one slot before it stays empty.
pub const REFUSALS: usize = 32;

/// A flight in a draw.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its place in rank order.
    pub place: u32,
    /// The number its rolls are made of.
    pub stable_id: u64,
    /// Its score, as a logarithm.
    pub ln_score: Q32,
}

/// Candidates of one draw: as many as a draw takes by default need no allocation.
pub type Candidates = SmallVec<[Candidate; 512]>;

/// What the hot path counts of the tiers it visited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Flights of the tiers.
    pub visited: u32,
    /// Those whose targeting met the page, after publisher's wishes and styles.
    pub matched: u32,
    /// Removed since the story is about them or a rival, or they are on the page already.
    pub conflict: u32,
    /// Removed since stopped, or without budget.
    pub closed: u32,
    /// Removed by date.
    pub dates: u32,
    /// Removed by the pace gate.
    pub paced: u32,
    /// Removed by the relevance floor.
    pub relevance: u32,
    /// Left out of a draw that was full.
    pub truncated: u32,
}

/// A slot's winner.
#[derive(Clone, Debug, PartialEq)]
pub struct Win {
    /// The flight's place in rank order.
    pub place: usize,
    /// The creative's number.
    pub creative: u32,
    /// Which wording: 0 is the creative's own, `n` its `n`th variant.
    pub variant: u8,
    /// How it is shown.
    pub style: Style,
    /// What the flight scored.
    pub score: Score,
    /// What of the page it met.
    pub matched: Matched,
    /// P(flight | earlier slots, masks, world), in 2^32nds.
    pub flight_propensity: u32,
    /// P(creative and wording | flight), in 2^32nds.
    pub creative_propensity: u32,
}

/// A slot's outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The winner, or why there is none.
    pub result: Result<Win, NoFill>,
    /// What was counted on the way.
    pub counts: Counts,
}

/// The arguments of a choice, without the slot.
pub struct Request<'a> {
    /// The inventory and its state.
    pub world: &'a World,
    /// The page.
    pub page: &'a Page,
    /// Now, in unix milliseconds.
    pub now_ms: i64,
    /// Made by the server for this call.
    pub id: u128,
}

impl<'a> Request<'a> {
    /// One slot of the request, as the rules see it.
    pub fn case(&'a self, slot: usize, taken: &'a Taken) -> Case<'a> {
        let number = u16::try_from(slot).unwrap_or(u16::MAX);
        Case {
            world: self.world,
            page: self.page,
            slot: &self.page.slots[slot],
            now_ms: self.now_ms,
            dice: Dice::new(self.id, number),
            taken,
        }
    }
}

/// Chooses for one slot, given what the slots before it took.
pub fn choose(request: &Request<'_>, slot: usize, taken: &Taken) -> Outcome {
    let case = request.case(slot, taken);
    let mut counts = Counts::default();
    let result = match refused(&case) {
        Some(reason) => Err(reason),
        None => winner(&case, &mut counts).ok_or_else(|| no_fill::reason(&case)),
    };
    Outcome { result, counts }
}

/// Why nothing at all is chosen for a slot, whatever the inventory holds.
pub fn refused(case: &Case<'_>) -> Option<NoFill> {
    let rules = [
        (case.page.stopped, NoFill::Stopped),
        (case.slot.placement.is_none(), NoFill::UnknownPlacement),
        (case.page.commercial == Commercial::None, NoFill::CommercialOff),
        (!case.labelled(), NoFill::LabelUnavailable),
    ];
    rules.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

fn winner(case: &Case<'_>, counts: &mut Counts) -> Option<Win> {
    let snapshot = &*case.world.snapshot;
    let mut plan = snapshot.index.plan(case);
    let mut candidates = Candidates::new();
    index::tiers(case.page.commercial).iter().find_map(|tier| {
        candidates.clear();
        let range = &snapshot.tiers[*tier as usize];
        counts.visited += u32::try_from(range.len()).unwrap_or(u32::MAX);
        for at in range.start / row::FLIGHTS..range.end.div_ceil(row::FLIGHTS) {
            let Some(met) = plan.met(at, &row::between(range, at)) else { continue };
            let open = row::and(&met.left, &case.world.open[at]);
            counts.matched += row::count(&met.matched);
            counts.conflict += row::count(&row::and_not(&met.matched, &met.left));
            counts.closed += row::count(&row::and_not(&met.left, &open));
            if !row::is_zero(&open) {
                gather(case, (at, &open), &plan.relevance(at), counts, &mut candidates);
            }
        }
        draw_one(case, &candidates)
    })
}

/// Puts those of a block into the draw whom no rule keeps out that bitmaps cannot hold: dates,
/// lost reservations, pace, relevance.
fn gather(
    case: &Case<'_>,
    (at, open): (usize, &Block),
    relevance: &Relevance,
    counts: &mut Counts,
    candidates: &mut Candidates,
) {
    let snapshot = &*case.world.snapshot;
    let boosts = &snapshot.boosts;
    let all_asked = !case.taken.masked.is_empty() || !case.taken.refused.is_empty();
    for (word, open) in open.iter().enumerate() {
        let mut open = *open;
        let asked = if all_asked { u64::MAX } else { case.world.asked[at][word] };
        while open != 0 {
            if candidates.len() >= boosts.max_candidates && boosts.floor <= Q32::ZERO {
                // Full, and no relevance is too low: the rest need not be looked at.
                counts.truncated += (open & !asked).count_ones();
                open &= asked;
                if open == 0 {
                    break;
                }
            }
            let bit = open.trailing_zeros();
            open &= open - 1;
            let place = at * row::FLIGHTS + word * 64 + bit as usize;
            if asked >> bit & 1 == 1 && !passes(case, place, counts) {
                continue;
            }
            let ln_relevance = relevance.of(boosts, word, bit);
            if ln_relevance < boosts.floor {
                counts.relevance += 1;
            } else if candidates.len() >= boosts.max_candidates {
                counts.truncated += 1;
            } else {
                let runner = snapshot.index.runners[place];
                candidates.push(Candidate {
                    place: u32::try_from(place).unwrap_or(u32::MAX),
                    stable_id: runner.stable_id,
                    ln_score: boosts.ln_score(runner.ln_static, ln_relevance),
                });
            }
        }
    }
}

/// The rules that a flight must be asked about by itself: dates, lost reservations, what the caller
/// does not take, pace.
fn passes(case: &Case<'_>, place: usize, counts: &mut Counts) -> bool {
    let flight = &case.world.snapshot.flights[place];
    if !case.runs(flight) {
        counts.dates += 1;
        return false;
    }
    if case.taken.masked.contains(&place) || case.taken.refused.contains(&place) {
        counts.closed += 1;
        return false;
    }
    let on_pace = case.on_pace(place, flight);
    counts.paced += u32::from(!on_pace);
    on_pace
}

/// Draws a flight among candidates, then its creative.
pub fn draw_one(case: &Case<'_>, candidates: &[Candidate]) -> Option<Win> {
    let snapshot = &*case.world.snapshot;
    let weighted = candidates.iter().map(|one| (one.stable_id, one.ln_score));
    let (won, flight_propensity) =
        draw::race(weighted, case.dice, Purpose::Race, snapshot.boosts.explore)?;
    let place = candidates[won].place as usize;
    let flight = &snapshot.flights[place];
    let drawn = wording::draw_one(case, flight)?;
    let has = snapshot.creatives[drawn.creative as usize].styles;
    let style = case.slot.styles.iter().find(|style| has & style_bit(**style) != 0)?;
    Some(Win {
        place,
        creative: drawn.creative,
        variant: drawn.variant,
        style: *style,
        score: score::score(snapshot, flight, case.page),
        matched: score::matched(snapshot, flight, case.page),
        flight_propensity,
        creative_propensity: drawn.propensity,
    })
}

impl Snapshot {
    /// The tier of a place in rank order.
    pub fn tier_of(&self, place: usize) -> Tier {
        self.flights[place].tier
    }
}
