//! The choice among the winning flight's creatives and their text variants, by the flight's rotation.

use crate::domain::campaign::Rotation;
use crate::domain::taxonomy::TopicIx;
use crate::selection::compiled::{CreativeRow, FlightRow, place_bit};
use crate::selection::dice::Purpose;
use crate::selection::draw;
use crate::selection::fixed::Q32;
use crate::selection::rotation::Row;
use crate::selection::rules::SlotContext;
use smallvec::SmallVec;

/// A creative and a text variant, with its probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The creative's index.
    pub creative: u32,
    /// The text variant: 0 is the creative's own text, `n` its `n`th variant.
    pub variant: u8,
    /// P(creative and variant | flight), in units of 2^-32.
    pub propensity: u32,
}

/// One text variant of one creative.
struct Wording {
    creative: u32,
    variant: u8,
    stable_id: u64,
    ln_weight: Q32,
}

/// A creative that can fill a slot, with its part of the flight's slots.
struct Turn<'a> {
    creative: u32,
    part: u64,
    row: &'a CreativeRow,
}

/// The most creatives of a flight, and texts of a flight, that need no allocation.
type Few<T> = SmallVec<[T; 8]>;

/// Whether the flight has another creative that can fill the slot.
pub(crate) fn has_another(context: &SlotContext<'_>, flight: &FlightRow, creative: u32) -> bool {
    usable(context, flight).iter().any(|one| *one != creative)
}

/// Draws among the texts of the flight at `place` that can fill the slot; `None` if there are none. The topic is
/// what the slot is attributed to if the flight wins it.
pub(crate) fn draw_one(
    context: &SlotContext<'_>,
    place: usize,
    topic: Option<TopicIx>,
) -> Option<Drawn> {
    let flight = &context.world.snapshot.flights[place];
    if is_by_weights(flight) {
        let wordings = wordings(context, flight);
        let weighted = wordings.iter().map(|wording| (wording.stable_id, wording.ln_weight));
        let (drawn, propensity) = draw::race(weighted, context.dice, Purpose::Creative, 0)?;
        let Wording { creative, variant, .. } = wordings[drawn];
        return Some(Drawn { creative, variant, propensity });
    }
    let turns = turns(context, place, topic);
    let weighted = turns.iter().map(|turn| (turn.row.stable_id, Q32::ln_of_int(turn.part)));
    let (drawn, _) = draw::race(weighted, context.dice, Purpose::Creative, 0)?;
    let (turn, sum) = (&turns[drawn], turns.iter().map(|turn| turn.part).sum());
    let texts = (0u64..).zip(&turn.row.wordings);
    let weighted = texts.map(|(variant, ln)| (turn.row.stable_id.wrapping_add(variant), *ln));
    let (variant, _) = draw::race(weighted, context.dice, Purpose::Variant, 0)?;
    Some(Drawn {
        creative: turn.creative,
        variant: u8::try_from(variant).unwrap_or(u8::MAX),
        propensity: propensity(context, turn, sum, variant),
    })
}

/// Every text of the flight at `place` that can fill the slot, with its probability, as [`draw_one`] draws it.
pub(crate) fn chances(
    context: &SlotContext<'_>,
    place: usize,
    topic: Option<TopicIx>,
) -> Vec<Drawn> {
    let flight = &context.world.snapshot.flights[place];
    if is_by_weights(flight) {
        let wordings = wordings(context, flight);
        let weighted = wordings.iter().map(|wording| (wording.stable_id, wording.ln_weight));
        let chance = |(at, one): (usize, &Wording)| Drawn {
            creative: one.creative,
            variant: one.variant,
            propensity: draw::propensity(weighted.clone(), at, 0),
        };
        return wordings.iter().enumerate().map(chance).collect();
    }
    let turns = turns(context, place, topic);
    let sum = turns.iter().map(|turn| turn.part).sum();
    let of_turn = |turn: &Turn<'_>| {
        let chance = |(variant, number): (u8, usize)| Drawn {
            creative: turn.creative,
            variant,
            propensity: propensity(context, turn, sum, number),
        };
        (0u8..).zip(0..turn.row.wordings.len()).map(chance).collect::<Few<Drawn>>()
    };
    turns.iter().flat_map(of_turn).collect()
}

/// The row of the table that a flight with rotation `optimise` is drawn by; `None` if nothing was learned yet,
/// or the flight rotates otherwise.
pub(crate) fn learned<'a>(
    context: &SlotContext<'a>,
    place: usize,
    topic: Option<TopicIx>,
) -> Option<&'a Row> {
    let snapshot = &*context.world.snapshot;
    let flight = &snapshot.flights[place];
    let is_learned = flight.rotation == Rotation::Optimise && flight.creatives.len() > 1;
    let rotations = &context.world.state.rotations;
    let row = rotations.find(place_bit(place), topic, &snapshot.taxonomy).filter(|_| is_learned)?;
    (row.parts.len() == flight.creatives.len()).then_some(row)
}

/// A flight with one creative has nothing to rotate but texts, whose weights every rotation keeps.
fn is_by_weights(flight: &FlightRow) -> bool {
    flight.rotation == Rotation::Weights || flight.creatives.len() < 2
}

/// The creatives that can fill the slot, each with its part.
fn turns<'a>(context: &SlotContext<'a>, place: usize, topic: Option<TopicIx>) -> Few<Turn<'a>> {
    let snapshot = &*context.world.snapshot;
    let flight = &snapshot.flights[place];
    let row = learned(context, place, topic);
    let turn = |creative: u32| {
        let at = flight.creatives.iter().position(|one| *one == creative);
        let part = row.zip(at).map_or(1, |(row, at)| u64::from(row.parts[at].max(1)));
        Turn { creative, part, row: &snapshot.creatives[creative as usize] }
    };
    usable(context, flight).into_iter().map(turn).collect()
}

/// P(creative and variant | flight): the creative's part of all parts, times the variant's weight of all weights.
fn propensity(context: &SlotContext<'_>, turn: &Turn<'_>, parts: u64, variant: usize) -> u32 {
    let (mut weight, mut weights) = (1, 1);
    if turn.row.wordings.len() > 1 {
        let document = &context.world.snapshot.inventory.creatives[turn.row.doc];
        let variants = document.variants.iter().map(|variant| variant.weight);
        let all = std::iter::once(document.weight).chain(variants).map(|one| u64::from(one.max(1)));
        weight = all.clone().nth(variant).unwrap_or(1);
        weights = all.sum();
    }
    let whole = u128::from(parts) * u128::from(weights);
    let share = (u128::from(turn.part) * u128::from(weight)) << 32;
    draw::probability(u64::try_from(share / whole.max(1)).unwrap_or(u64::MAX))
}

/// The creatives of the flight that can fill the slot: matching style, not yet on the page, not rejected
/// by the caller, and in the page's language if the flight has any in it.
fn usable(context: &SlotContext<'_>, flight: &FlightRow) -> Few<u32> {
    let snapshot = &*context.world.snapshot;
    let styles = context.query().styles();
    let usable = |creative: &&u32| {
        let row = &snapshot.creatives[**creative as usize];
        row.styles & styles != 0 && !context.page.shown.contains(*creative)
    };
    let in_language = |creative: &u32| {
        let language = snapshot.language_of(*creative);
        language.is_some_and(|language| language.covers(&context.page.language))
    };
    // A flight's only creative is used regardless of its language.
    let has_choice = flight.creatives.len() > 1;
    let by_language = has_choice && flight.creatives.iter().filter(usable).any(in_language);
    let creatives = flight.creatives.iter().filter(usable);
    creatives
        .filter(|creative| !by_language || in_language(creative))
        .filter(|creative| !context.exclusions.rejected_creatives.contains(*creative))
        .copied()
        .collect()
}

/// The texts of the flight that can fill the slot.
fn wordings(context: &SlotContext<'_>, flight: &FlightRow) -> Few<Wording> {
    let snapshot = &*context.world.snapshot;
    let creatives = usable(context, flight).into_iter();
    let texts = creatives.flat_map(|creative| {
        let row = &snapshot.creatives[creative as usize];
        (0u8..).zip(&row.wordings).map(move |(variant, ln_weight)| Wording {
            creative,
            variant,
            stable_id: row.stable_id.wrapping_add(u64::from(variant)),
            ln_weight: *ln_weight,
        })
    });
    texts.collect()
}
