//! What a slot is reported under.

use crate::delivery::Delivery;
use crate::delivery::decide::{DecisionCall, PageDecision, SlotDecision};
use crate::delivery::reported_rows::ReportedTo;
use crate::domain::attribution::{PageNumbers, ReportedValues};
use crate::selection::choose::Winner;
use crate::selection::page::Page;

impl Delivery {
    /// What a slot is reported under. A caller without a key chooses what it declares, so what only it says
    /// makes a bounded number of rows.
    pub(super) fn reported(
        &self,
        decided: &PageDecision,
        call: &DecisionCall<'_>,
        slot: usize,
        answer: &SlotDecision,
    ) -> PageNumbers {
        let win = answer.result.as_ref().ok().map(|filled| &filled.win);
        let mut page = attributed(&decided.page, slot, win);
        page.custom = decided.live.snapshot().context_keys.reported().of_page(&decided.page.custom);
        if decided.unconfirmed_country {
            page.country = None;
        }
        let is_reported = !decided.test && (!call.idle || call.prefetched);
        if call.keyed || !is_reported {
            return page;
        }
        let of = match answer.result.as_ref() {
            Ok(filled) => ReportedTo::Campaign(decided.flight(filled).campaign),
            Err(_) => ReportedTo::Publisher(page.publisher),
        };
        self.reported_rows.bounded(of, page, decided.at_ms)
    }
}

/// What a slot is attributed to: the topic and entity that the winner matched, else the page's first.
fn attributed(page: &Page, slot: usize, win: Option<&Winner>) -> PageNumbers {
    let matched = win.map(|win| win.matched).unwrap_or_default();
    let topic = matched.attributed_topic(page);
    let entity = matched.entity.or_else(|| page.entities.first().map(|(entity, _)| *entity));
    let placement = page.slots[slot].placement;
    PageNumbers {
        publisher: page.publisher,
        placement: placement.and_then(|placement| u16::try_from(placement).ok()),
        topic: topic.map(|ix| ix.0),
        entity: entity.map(|ix| ix.0),
        country: page.viewer.country,
        facts: page.facts,
        custom: ReportedValues::default(),
    }
}
