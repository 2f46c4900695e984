//! The choice among the winning flight's creatives and their text variants.

use crate::selection::compiled::FlightRow;
use crate::selection::dice::Purpose;
use crate::selection::draw;
use crate::selection::fixed::Q32;
use crate::selection::rules::SlotContext;
use smallvec::SmallVec;

/// The drawn creative and text variant.
pub(crate) struct Drawn {
    /// The creative's index.
    pub(crate) creative: u32,
    /// The text variant: 0 is the creative's own text, `n` its `n`th variant.
    pub(crate) variant: u8,
    /// P(creative and variant | flight), in units of 2^-32.
    pub(crate) propensity: u32,
}

/// One text variant of one creative.
struct Wording {
    creative: u32,
    variant: u8,
    stable_id: u64,
    ln_weight: Q32,
}

/// Whether the flight has another creative that can fill the slot.
pub(crate) fn has_another(context: &SlotContext<'_>, flight: &FlightRow, creative: u32) -> bool {
    wordings(context, flight).iter().any(|wording| wording.creative != creative)
}

/// Draws among the texts of the flight that can fill the slot; `None` if there are none.
pub(crate) fn draw_one(context: &SlotContext<'_>, flight: &FlightRow) -> Option<Drawn> {
    let wordings = wordings(context, flight);
    let weighted = wordings.iter().map(|wording| (wording.stable_id, wording.ln_weight));
    let (drawn, propensity) = draw::race(weighted, context.dice, Purpose::Creative, 0)?;
    let Wording { creative, variant, .. } = wordings[drawn];
    Some(Drawn { creative, variant, propensity })
}

/// The texts of the flight that can fill the slot: matching style, not yet on the page, not rejected
/// by the caller, and in the page's language if the flight has any in it.
fn wordings(context: &SlotContext<'_>, flight: &FlightRow) -> SmallVec<[Wording; 8]> {
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
        .flat_map(|creative| {
            let row = &snapshot.creatives[*creative as usize];
            (0u8..).zip(&row.wordings).map(move |(variant, ln_weight)| Wording {
                creative: *creative,
                variant,
                stable_id: row.stable_id.wrapping_add(u64::from(variant)),
                ln_weight: *ln_weight,
            })
        })
        .collect()
}
