//! Decisions for operators who watch.

use crate::delivery::Delivery;
use crate::delivery::decide::PageDecision;
use crate::domain::attribution::UNKNOWN;
use crate::world::live_feed::{FeedEntry, FeedKind, time};

impl Delivery {
    /// Adds the decisions of a call to the feed. Only called while someone watches.
    #[cold]
    pub(super) fn feed(&self, decided: &PageDecision) {
        let snapshot = decided.live.snapshot();
        let row = &snapshot.publishers[decided.page.publisher as usize];
        let publisher = &snapshot.inventory.publishers[row.doc];
        let entries = decided.slots.iter().enumerate().map(|(slot, answer)| {
            let placement = decided.page.slots[slot].placement;
            let placement = placement.and_then(|at| publisher.placements.get(at as usize));
            let chosen = answer.result.as_ref().ok().map(|filled| {
                let flight = &snapshot.inventory.flights[decided.flight(filled).doc];
                let creative = &snapshot.inventory.creatives[filled.win.creative as usize];
                (flight.id.to_string(), creative.id.to_string())
            });
            let (flight, creative) = chosen.unzip();
            FeedEntry {
                number: 0,
                at: time(decided.at_ms),
                kind: FeedKind::Decision,
                decision: uuid::Uuid::from_u128(answer.id).to_string(),
                publisher: publisher.id.to_string(),
                placement: placement.map_or(UNKNOWN, |one| one.id.as_str()).to_owned(),
                flight,
                creative,
                what: if answer.result.is_ok() { "filled" } else { "no_fill" },
                cta: None,
                verdict: None,
                reason: answer.result.as_ref().err().map(|reason| reason.as_str()),
                billed_micros: None,
                class: match (decided.test, decided.idle) {
                    (true, _) => Some("test"),
                    (false, true) => Some("idle"),
                    (false, false) => None,
                },
            }
        });
        self.parts.feed.add(entries, decided.at_ms);
    }
}
