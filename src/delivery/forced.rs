//! A creative forced by an operator regardless of the page; always a test.

use crate::selection::choose::{Request, Winner};
use crate::selection::compiled::style_bit;
use crate::selection::score;

/// The creative `id` in a style that the slot accepts, else in its own first style. `None` if the
/// creative does not exist, its flight is not compiled, or no label is available for the reader.
pub(crate) fn win(request: &Request<'_>, slot: usize, id: &str) -> Option<Winner> {
    let taken = crate::selection::rules::Exclusions::default();
    let case = request.slot_context(slot, &taken);
    let snapshot = &*request.world.snapshot;
    let number = *snapshot.creative_by_id.get(id)?;
    let row = &snapshot.creatives[number as usize];
    let place = row.flight.filter(|_| case.has_label())?;
    let document = &snapshot.inventory.creatives[row.doc];
    let accepted = case.slot.styles.iter().find(|style| row.styles & style_bit(**style) != 0);
    let flight = &snapshot.flights[place];
    Some(Winner {
        place,
        creative: number,
        variant: 0,
        style: *accepted.or_else(|| document.styles.first())?,
        score: score::score(snapshot, flight, request.page, request.now_ms),
        matched: score::matched(snapshot, flight, request.page),
        flight_propensity: u32::MAX,
        creative_propensity: u32::MAX,
    })
}
