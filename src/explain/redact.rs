//! Redaction of explanations: parties see stages, counts and their own parts, never a competitor's name
//! or price.

use crate::explain::document::{Explanation, advertiser_id};
use crate::explain::replay::Replay;

/// The party that an explanation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Sees everything.
    Operator,
    /// Publisher id; sees decisions on its pages.
    Publisher(String),
    /// Advertiser id; sees what has_access its flights.
    Advertiser(String),
}

/// Whether the audience has access: operators to all decisions, a publisher to those on its pages, an
/// advertiser to those on an inventory with its flights.
pub(crate) fn has_access(replay: &Replay, audience: &Audience) -> bool {
    let snapshot = &*replay.world.snapshot;
    match audience {
        Audience::Operator => true,
        Audience::Publisher(id) => {
            let row = &snapshot.publishers[replay.found.line.page.publisher as usize];
            snapshot.inventory.publishers[row.doc].id.as_str() == id
        }
        Audience::Advertiser(id) => {
            (0..snapshot.flights.len()).any(|place| advertiser_id(snapshot, place) == id)
        }
    }
}

/// Removes what the audience may not see.
pub(crate) fn redact(explanation: &mut Explanation, audience: &Audience) {
    match audience {
        Audience::Operator => {}
        Audience::Publisher(_) => {
            for slot in &mut explanation.slots {
                slot.removed.clear();
                // What its advertiser learned about its own creatives.
                slot.result.rotation = None;
                for candidate in &mut slot.candidates {
                    candidate.score = None;
                    candidate.terms = None;
                }
            }
            explanation.want = None;
        }
        Audience::Advertiser(own) => {
            explanation.page.url = None;
            for slot in &mut explanation.slots {
                slot.removed.retain(|removed| removed.advertiser == *own);
                slot.candidates.retain(|candidate| candidate.advertiser == *own);
                if slot.result.advertiser.as_ref().is_some_and(|winner| winner != own) {
                    slot.result.advertiser = None;
                    slot.result.flight = None;
                    slot.result.creative = None;
                    slot.result.variant = None;
                    slot.result.style = None;
                    slot.result.flight_propensity = None;
                    slot.result.creative_propensity = None;
                    slot.result.rotation = None;
                }
            }
            let mine: Vec<String> = explanation
                .slots
                .iter()
                .flat_map(|slot| {
                    let removed = slot.removed.iter().map(|removed| removed.flight.clone());
                    removed.chain(slot.candidates.iter().map(|c| c.flight.clone()))
                })
                .collect();
            if let Some(wants) = &mut explanation.want {
                wants.retain(|want| want.flight.as_ref().is_some_and(|f| mine.contains(f)));
            }
        }
    }
}
