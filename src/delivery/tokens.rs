//! Event tokens and URLs of a decision: one sealed token for each event that it can have.

use crate::delivery::decide::{Filled, PageDecision, measurement};
use crate::delivery::rendered_unit::{EventUrls, RenderedUnit, Timestamp};
use crate::delivery::{Delivery, unit};
use crate::domain::attribution::{PageNumbers, UnitNumbers};
use crate::domain::event::{EventKind, NoFill, Pricing};
use crate::domain::money::Micros;
use crate::domain::party::Measurement;
use crate::selection::page::RegionBasis;
use crate::token::keyring::TOKEN_CHARS;
use crate::token::{Keyring, Token};
use bumpalo::Bump;
use bumpalo::collections::String;
use std::sync::Arc;

impl Delivery {
    fn impression_token(&self, decided: &PageDecision, slot: usize, filled: &Filled) -> Token {
        let basis = decided.page.viewer.basis;
        Token {
            kind: EventKind::Impression,
            cta: 0,
            incarnation: filled.decision_key.incarnation,
            partition: filled.decision_key.partition,
            seq: filled.decision_key.seq,
            decision: decided.slots[slot].id,
            inventory: decided.live.bindings.inventory,
            unit: UnitNumbers {
                creative: filled.win.creative,
                variant: filled.win.variant,
                page: PageNumbers {
                    country: decided.page.viewer.country,
                    ..decided.reported[slot]
                },
            },
            observed: basis == RegionBasis::Observed,
            declared: decided.unconfirmed_country,
            price: price(decided, filled, EventKind::Impression),
            issued_ms: decided.at_ms,
            test: decided.test,
            basic: decided.basic,
            idle: decided.idle && !decided.prefetched,
        }
    }

    /// Seals the tokens of a slot.
    pub(super) fn tokens<'d>(
        &self,
        decided: &'d PageDecision,
        slot: usize,
        filled: &'d Filled,
    ) -> Tokens<'d> {
        let token = self.impression_token(decided, slot, filled);
        Tokens { keyring: self.parts.keyring.load_full(), token, decided, filled }
    }

    /// When the windows of a decision's impressions, and of its other events, end.
    pub(super) fn windows(&self, decided: &PageDecision) -> [Timestamp; 2] {
        let windows = self.parts.settings.get().windows;
        [windows.impression_seconds, windows.click_seconds]
            .map(|seconds| Timestamp(decided.at_ms + i64::from(seconds) * 1_000))
    }

    /// The unit of a slot with its event URLs, or the no-fill reason. `texts` keeps its texts.
    pub(crate) fn rendered<'d>(
        &self,
        decided: &'d PageDecision,
        slot: usize,
        texts: &'d Bump,
    ) -> Result<RenderedUnit<'d>, NoFill> {
        let filled = decided.slots[slot].result.as_ref().map_err(|reason| *reason)?;
        let mut unit =
            unit::with_images(decided, &filled.win, texts).ok_or(NoFill::LabelUnavailable)?;
        let mut tokens = self.tokens(decided, slot, filled);
        let public_url = &*self.parts.public_url;
        let address = |path: &str, last: &str| {
            let length = public_url.len() + path.len() + last.len();
            let mut address = String::with_capacity_in(length, texts);
            [public_url, path, last].iter().for_each(|part| address.push_str(part));
            address.into_bump_str()
        };
        let mut url = |kind, cta| {
            let path = if kind == EventKind::Click { "/c/" } else { "/e/" };
            address(path, tokens.seal(kind, cta, &mut [0; TOKEN_CHARS]))
        };
        let measurement = measurement(decided);
        let observes = measurement == Measurement::Full;
        unit.event_urls = EventUrls {
            impression: (measurement != Measurement::None).then(|| url(EventKind::Impression, 0)),
            viewable: observes.then(|| url(EventKind::Viewable, 0)),
        };
        for (at, cta) in (0u8..).zip(&mut unit.creative.ctas) {
            cta.click_url = url(EventKind::Click, at);
        }
        let first = unit.creative.ctas.first();
        unit.creative.click_url = first.map(|cta| cta.click_url).unwrap_or_default();
        if let Some(command) = &mut unit.creative.command {
            command.copy_url = url(EventKind::Copy, 0);
        }
        [unit.impression_until, unit.click_until] = self.windows(decided);
        unit.decision_id = id_text(decided.slots[slot].id, texts);
        unit.transparency.why_url = address("/w/", unit.decision_id);
        unit.test = decided.test;
        Ok(unit)
    }
}

/// The tokens of a slot, which differ in kind, call to action and price.
pub(super) struct Tokens<'d> {
    keyring: Arc<Keyring>,
    token: Token,
    decided: &'d PageDecision,
    filled: &'d Filled,
}

impl Tokens<'_> {
    /// The token for an event, written to `text`.
    pub(super) fn seal<'t>(
        &mut self,
        kind: EventKind,
        cta: u8,
        text: &'t mut [u8; TOKEN_CHARS],
    ) -> &'t str {
        self.token.kind = kind;
        self.token.cta = cta;
        self.token.price = price(self.decided, self.filled, kind);
        self.keyring.seal_into(&self.token, text)
    }
}

/// The text of an id.
pub(crate) fn id_text(id: u128, texts: &Bump) -> &str {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    texts.alloc_str(uuid::Uuid::from_u128(id).hyphenated().encode_lower(&mut text))
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
