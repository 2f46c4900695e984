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
use crate::selection::page::Commercial;
use crate::selection::page::Page;
use crate::selection::removed::Removed;
use crate::selection::rules::Case;
use crate::selection::rules::Taken;
use crate::selection::score;
use crate::selection::score::Matched;
use crate::selection::score::Score;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::World;
use crate::selection::snapshot::style_bit;
use smallvec::SmallVec;

/// How often a slot is chosen when reservations fail: then it stays empty.
pub const TRIES: usize = 2;

/// Candidates of one draw: place in rank order and score.
pub type Candidates = SmallVec<[(u32, Score); 64]>;

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
        None => winner(&case, &mut counts).ok_or_else(|| no_fill(&case)),
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
    let plan = snapshot.index.plan(case);
    let mut candidates = Candidates::new();
    index::tiers(case.page.commercial).iter().find_map(|tier| {
        candidates.clear();
        let range = &snapshot.tiers[*tier as usize];
        counts.visited += u32::try_from(range.len()).unwrap_or(u32::MAX);
        for word in range.start / 64..range.end.div_ceil(64) {
            let found = plan.word(word);
            let mut open = found.left & case.world.open[word];
            counts.matched += found.matched.count_ones();
            counts.conflict += (found.matched & !found.left).count_ones();
            counts.closed += (found.left & !open).count_ones();
            while open != 0 {
                let place = word * 64 + open.trailing_zeros() as usize;
                open &= open - 1;
                if range.contains(&place) {
                    consider(case, place, counts, &mut candidates);
                }
            }
        }
        draw_one(case, &candidates)
    })
}

/// The rules that bitmaps cannot hold: dates, lost reservations, pace, relevance.
fn consider(case: &Case<'_>, place: usize, counts: &mut Counts, candidates: &mut Candidates) {
    let snapshot = &*case.world.snapshot;
    let flight = &snapshot.flights[place];
    if case.now_ms < flight.starts_ms || flight.ends_ms <= case.now_ms {
        counts.dates += 1;
        return;
    }
    if case.taken.masked.contains(&place) {
        counts.closed += 1;
        return;
    }
    if !case.on_pace(place, flight) {
        counts.paced += 1;
        return;
    }
    let score = score::score(snapshot, flight, case.page);
    if score.ln_relevance < snapshot.boosts.floor {
        counts.relevance += 1;
        return;
    }
    if candidates.len() >= snapshot.boosts.max_candidates {
        counts.truncated += 1;
        return;
    }
    candidates.push((u32::try_from(place).unwrap_or(u32::MAX), score));
}

/// Draws a flight among candidates, then its creative.
pub fn draw_one(case: &Case<'_>, candidates: &[(u32, Score)]) -> Option<Win> {
    let snapshot = &*case.world.snapshot;
    let flight_of = |place: u32| &snapshot.flights[place as usize];
    let weighted =
        candidates.iter().map(|(place, score)| (flight_of(*place).stable_id, score.ln_score));
    let (won, flight_propensity) =
        draw::race(weighted, case.dice, Purpose::Race, snapshot.boosts.explore)?;
    let (place, score) = candidates[won];
    let flight = flight_of(place);
    let wordings = wordings(case, flight);
    let weighted = wordings.iter().map(|wording| (wording.stable_id, wording.ln_weight));
    let (said, creative_propensity) = draw::race(weighted, case.dice, Purpose::Creative, 0)?;
    let wording = &wordings[said];
    let has = snapshot.creatives[wording.creative as usize].styles;
    let style = case.slot.styles.iter().find(|style| has & style_bit(**style) != 0)?;
    Some(Win {
        place: place as usize,
        creative: wording.creative,
        variant: wording.variant,
        style: *style,
        score,
        matched: score::matched(snapshot, flight, case.page),
        flight_propensity,
        creative_propensity,
    })
}

/// One wording of one creative.
struct Wording {
    creative: u32,
    variant: u8,
    stable_id: u64,
    ln_weight: Q32,
}

/// The wordings a flight may show here: those in the page's language where it has any.
fn wordings(case: &Case<'_>, flight: &FlightRow) -> SmallVec<[Wording; 8]> {
    let snapshot = &*case.world.snapshot;
    let styles = case.styles();
    let shown = |creative: &&u32| {
        let row = &snapshot.creatives[**creative as usize];
        row.styles & styles != 0 && !case.page.shown.contains(*creative)
    };
    let speaks = |creative: &u32| {
        let document = &snapshot.inventory.creatives[*creative as usize];
        document.language.covers(&case.page.language)
    };
    let any_speaks = flight.creatives.iter().filter(shown).any(speaks);
    let usable = flight.creatives.iter().filter(shown).filter(|c| !any_speaks || speaks(c));
    usable
        .flat_map(|creative| {
            let document = &snapshot.inventory.creatives[*creative as usize];
            let stable_id = snapshot.creatives[*creative as usize].stable_id;
            let weights = std::iter::once(document.weight)
                .chain(document.variants.iter().map(|variant| variant.weight));
            (0u8..).zip(weights).map(move |(variant, weight)| Wording {
                creative: *creative,
                variant,
                stable_id: stable_id.wrapping_add(u64::from(variant)),
                ln_weight: Q32::ln_of_int(u64::from(weight.max(1))),
            })
        })
        .collect()
}

/// Flights that are asked why a slot stays empty: the answer is a word, not an audit.
const ASKED: usize = 1_024;

/// Why a slot stays empty: the latest stage that a flight reached whose targeting meets the page;
/// the first thousand in rank order are asked.
pub fn no_fill(case: &Case<'_>) -> NoFill {
    let snapshot = &*case.world.snapshot;
    let plan = snapshot.index.plan(case);
    let targeted = (0..snapshot.index.words).flat_map(|at| {
        let mut bits = plan.word(at).targeted;
        std::iter::from_fn(move || {
            let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(at * 64 + bit)
        })
    });
    let latest = targeted
        .take_while(|place| *place < snapshot.flights.len())
        .take(ASKED)
        .map(|place| stage(case, place, &snapshot.flights[place]))
        .max();
    match (latest, case.page.commercial) {
        (None, Commercial::HouseOnly) => NoFill::HouseOnly,
        (None, _) => NoFill::NoCandidate,
        (Some(stage), _) => stage.no_fill(),
    }
}

/// The stage that removed a flight which no draw took.
pub fn stage(case: &Case<'_>, place: usize, flight: &FlightRow) -> Removed {
    case.against(place, flight).unwrap_or_else(|| {
        let score = score::score(&case.world.snapshot, flight, case.page);
        let relevant = score.ln_relevance >= case.world.snapshot.boosts.floor;
        if relevant { Removed::Truncated } else { Removed::Relevance }
    })
}

impl Snapshot {
    /// The tier of a place in rank order.
    pub fn tier_of(&self, place: usize) -> Tier {
        self.flights[place].tier
    }
}
