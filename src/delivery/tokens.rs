//! Event tokens of a decision: one sealed token for each event that it can have.

use crate::delivery::decide::{Filled, PageDecision};
use crate::delivery::{Delivery, unit};
use crate::domain::event::{EventKind, Pricing};
use crate::domain::money::Micros;
use crate::selection::page::RegionBasis;
use crate::token::Token;

impl Delivery {
    /// The impression token; tokens of other events differ in kind, call to action and price.
    pub fn impression_token(&self, decided: &PageDecision, slot: usize, filled: &Filled) -> Token {
        let (topic, entity, country) = unit::attributed(&decided.page, &filled.win);
        let placement = decided.page.slots[slot].placement.unwrap_or(0);
        let basis = decided.page.viewer.basis;
        Token {
            kind: EventKind::Impression,
            cta: 0,
            incarnation: filled.decision_key.incarnation,
            partition: filled.decision_key.partition,
            seq: filled.decision_key.seq,
            decision: decided.slots[slot].id,
            inventory: decided.live.bindings.inventory,
            publisher: decided.page.publisher,
            placement: u16::try_from(placement).unwrap_or(u16::MAX),
            creative: filled.win.creative,
            variant: filled.win.variant,
            topic,
            entity,
            country,
            observed: basis == RegionBasis::Observed,
            declared: basis == RegionBasis::Declared,
            price: price(decided, filled, EventKind::Impression),
            issued_ms: decided.at_ms,
            test: decided.test,
            basic: decided.basic,
        }
    }

    /// Sets kind, call to action and price, and appends the sealed token to `out`.
    pub fn seal(
        &self,
        token: &mut Token,
        decided: &PageDecision,
        filled: &Filled,
        kind: EventKind,
        cta: u8,
        out: &mut String,
    ) {
        token.kind = kind;
        token.cta = cta;
        token.price = price(decided, filled, kind);
        self.parts.keyring.load().seal_into(token, out);
    }
}

/// The amount that an event of a decision bills if it counts.
fn price(decided: &PageDecision, filled: &Filled, kind: EventKind) -> Micros {
    let flight = decided.flight(filled);
    match (kind, flight.pricing) {
        (EventKind::Copy, _) => flight.copy_price,
        (EventKind::Impression, Pricing::Cpm)
        | (EventKind::Viewable, Pricing::Vcpm)
        | (EventKind::Click, Pricing::Cpc) => flight.price,
        _ => Micros::ZERO,
    }
}
