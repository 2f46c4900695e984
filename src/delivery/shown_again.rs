//! Units that were shown before, for another decision.

use crate::delivery::Delivery;
use crate::delivery::decide::{Filled, PageDecision, measurement};
use crate::delivery::json_text::JsonText;
use crate::delivery::known_units::{EventToken, KnownUnit, TIME, UNIT_BYTES};
use crate::domain::creative::Creative;
use crate::selection::repeats::Question;
use crate::token::keyring::TOKEN_CHARS;
use bumpalo::Bump;
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

/// All that the text of a unit depends on, except what belongs to one decision and the time.
fn question(decided: &PageDecision, filled: &Filled) -> Question {
    let mut question = Question::default();
    let (win, page) = (&filled.win, &decided.page);
    // Its address stays its own as long as a unit refers to it.
    Arc::as_ptr(&decided.live.bindings).hash(&mut question);
    (win.place, win.creative, win.variant, win.style).hash(&mut question);
    (win.matched.topic, win.matched.entity).hash(&mut question);
    (page.viewer.country, page.viewer.basis as u8, &page.language).hash(&mut question);
    (measurement(decided) as u8).hash(&mut question);
    // An image may be lost at any time.
    let images = &decided.live.bindings.images;
    let logo = images.logo(decided.flight(filled).advertiser);
    (logo.is_some(), images.image(win.creative as usize).is_some()).hash(&mut question);
    question
}

/// From `now_ms` until the next of its claims or its price ends.
fn same_from(creative: &Creative, now_ms: i64) -> Range<i64> {
    let ends = creative.proofs.iter().map(|proof| proof.valid_until);
    let ends = ends.chain(creative.price.as_ref().map(|price| price.valid_until));
    let next = ends.map(|end| end.as_millisecond()).filter(|end| *end > now_ms).min();
    now_ms..next.unwrap_or(i64::MAX)
}

impl Delivery {
    /// The unit of a filled slot as JSON, if it was shown before; otherwise it is to be rendered.
    pub(crate) fn known_unit<'t>(
        &self,
        decided: &PageDecision,
        slot: usize,
        texts: &'t Bump,
    ) -> Option<&'t [u8]> {
        let filled = decided.slots[slot].result.as_ref().ok().filter(|_| !decided.test)?;
        let question = question(decided, filled);
        let question = question.bytes()?;
        if !self.known_units.has_seen(question) {
            return None;
        }
        let known = self.known_units.get(question, &decided.live.bindings, decided.at_ms);
        let known = known.or_else(|| {
            let written = self.written(decided, (slot, filled), texts)?;
            Some(self.known_units.keep(question, written))
        })?;
        let json = texts.alloc_slice_copy(&known.json);
        self.renew(&known, decided, (slot, filled), json);
        Some(json)
    }

    /// Writes what belongs to a decision into a unit.
    fn renew(
        &self,
        known: &KnownUnit,
        decided: &PageDecision,
        (slot, filled): (usize, &Filled),
        json: &mut [u8],
    ) {
        let mut put = |at: usize, text: &[u8]| json[at..at + text.len()].copy_from_slice(text);
        let id = uuid::Uuid::from_u128(decided.slots[slot].id);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let id = id.hyphenated().encode_lower(&mut text).as_bytes();
        known.ids.iter().for_each(|at| put(*at, id));
        let mut tokens = self.tokens(decided, slot, filled);
        for EventToken { kind, cta, places } in &known.tokens {
            let mut text = [0; TOKEN_CHARS];
            let token = tokens.seal(*kind, *cta, &mut text).as_bytes();
            places.iter().for_each(|at| put(*at, token));
        }
        let mut times = JsonText::with_capacity(2 * TIME);
        self.windows(decided).iter().for_each(|end| times.time("", end.seconds()));
        let times = times.into_bytes();
        for (at, time) in known.times.iter().zip(times.chunks_exact(TIME)) {
            put(*at, time);
        }
    }

    /// The unit as it is written for this decision; `None` if it has no label.
    fn written(
        &self,
        decided: &PageDecision,
        (slot, filled): (usize, &Filled),
        texts: &Bump,
    ) -> Option<KnownUnit> {
        let unit = self.rendered(decided, slot, texts).ok()?;
        let mut json = JsonText::with_capacity(usize::try_from(UNIT_BYTES).unwrap_or_default());
        unit.write(&mut json);
        let creatives = &decided.live.snapshot().inventory.creatives;
        let same = same_from(&creatives[filled.win.creative as usize], decided.at_ms);
        KnownUnit::new(&unit, json.into_bytes(), &decided.live.bindings, same)
    }
}
