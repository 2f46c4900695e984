//! What a flight says once it has won: which of its creatives, in which wording.

use crate::selection::dice::Purpose;
use crate::selection::draw;
use crate::selection::fixed::Q32;
use crate::selection::rules::Case;
use crate::selection::snapshot::FlightRow;
use smallvec::SmallVec;

/// A drawn wording.
pub struct Drawn {
    /// The creative's number.
    pub creative: u32,
    /// Which wording: 0 is the creative's own, `n` its `n`th variant.
    pub variant: u8,
    /// P(it | flight), in 2^32nds.
    pub propensity: u32,
}

/// One wording of one creative.
struct Wording {
    creative: u32,
    variant: u8,
    stable_id: u64,
    ln_weight: Q32,
}

/// Whether a flight may show another creative here than this one.
pub fn has_another(case: &Case<'_>, flight: &FlightRow, creative: u32) -> bool {
    wordings(case, flight).iter().any(|wording| wording.creative != creative)
}

/// Draws among the wordings a flight may show here; `None` when there is none.
pub fn draw_one(case: &Case<'_>, flight: &FlightRow) -> Option<Drawn> {
    let wordings = wordings(case, flight);
    let weighted = wordings.iter().map(|wording| (wording.stable_id, wording.ln_weight));
    let (said, propensity) = draw::race(weighted, case.dice, Purpose::Creative, 0)?;
    let Wording { creative, variant, .. } = wordings[said];
    Some(Drawn { creative, variant, propensity })
}

/// The wordings a flight may show here: those in the page's language where it has any, but for those
/// that the caller does not take.
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
    // An only creative is shown whatever it speaks.
    let chooses = flight.creatives.len() > 1;
    let any_speaks = chooses && flight.creatives.iter().filter(shown).any(speaks);
    let usable = flight.creatives.iter().filter(shown).filter(|c| !any_speaks || speaks(c));
    usable
        .filter(|creative| !case.taken.refused_creatives.contains(*creative))
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
