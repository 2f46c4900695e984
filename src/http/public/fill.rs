//! Builds the reply from a decision: the texts and URLs of every slot.

use crate::delivery::decide::{Filled, PageDecision};
use crate::delivery::unit::Unit;
use crate::delivery::{Delivery, unit};
use crate::domain::event::{EventKind, NoFill};
use crate::domain::image::Address;
use crate::domain::party::{Measurement, Style};
use crate::http::AppState;
use crate::http::public::reply::{
    AdvertiserReply, CommandReply, CreativeReply, CtaReply, EventUrls, Fill, ImageReply,
    LabelReply, NoFillReply, PriceReply, ProofReply, Transparency, rfc3339,
};
use crate::selection::choose::Winner;
use crate::world::images::ServedImage;
use crate::world::live::Live;
use smallvec::SmallVec;
use std::borrow::Cow;

/// Builds the event URLs of one slot.
struct EventUrlBuilder<'s> {
    delivery: &'s Delivery,
    public_url: &'s str,
    decided: &'s PageDecision,
    filled: &'s Filled,
    token: crate::token::Token,
}

impl EventUrlBuilder<'_> {
    fn url(&mut self, kind: EventKind, cta: u8) -> String {
        let path = if kind == EventKind::Click { "/c/" } else { "/e/" };
        let base = self.public_url;
        let mut url = String::with_capacity(base.len() + path.len() + 128);
        url.push_str(base);
        url.push_str(path);
        self.delivery.seal(&mut self.token, self.decided, self.filled, kind, cta, &mut url);
        url
    }
}

/// One slot's unit with its texts and URLs. `html` is left empty; [`super::render`] fills it.
pub fn fill<'a>(
    app: &AppState,
    decided: &'a PageDecision,
    slot: usize,
    filled: &'a Filled,
    unit: &'a Unit<'a>,
) -> Fill<'a> {
    let mut urls = EventUrlBuilder {
        delivery: &app.delivery,
        public_url: &app.public_url,
        decided,
        filled,
        token: app.delivery.impression_token(decided, slot, filled),
    };
    let windows = app.settings.get().windows;
    let snapshot = decided.live.snapshot();
    let publisher = &snapshot.publishers[decided.page.publisher as usize];
    let measurement = snapshot.inventory.publishers[publisher.doc].measurement;
    let observes = measurement == Measurement::Full && !decided.basic;
    let impression = (measurement != Measurement::None).then(|| urls.url(EventKind::Impression, 0));
    let viewable = observes.then(|| urls.url(EventKind::Viewable, 0));
    let ctas: SmallVec<[CtaReply<'a>; 2]> = (0u8..)
        .zip(&unit.creative.ctas)
        .map(|(at, cta)| CtaReply {
            id: cta.id.as_str(),
            text: &cta.text,
            click_url: urls.url(EventKind::Click, at),
        })
        .collect();
    let id = uuid::Uuid::from_u128(decided.slots[slot].id).to_string();
    let UnitImages { logo, image } = images_of(&decided.live, &filled.win, unit);
    Fill {
        fill: true,
        tier: decided.flight(filled).tier,
        advertiser: AdvertiserReply { id: unit.advertiser.0, name: unit.advertiser.1 },
        campaign: unit.campaign,
        flight: unit.flight,
        creative: CreativeReply {
            id: unit.creative.id.as_str(),
            hash: unit.hash,
            variant: filled.win.variant,
            style: filled.win.style,
            language: unit.creative.language.as_str(),
            direction: unit.creative.language.direction(),
            kicker: unit.kicker.as_deref().map(Cow::Borrowed),
            headline: unit.headline,
            body: unit.body,
            proof: unit.proof.map(|proof| ProofReply {
                text: &proof.text,
                source: &proof.source,
                as_of: proof.as_of,
            }),
            command: unit.creative.command.as_ref().map(|command| CommandReply {
                text: &command.text,
                output: &command.output,
                copy_url: urls.url(EventKind::Copy, 0),
                copy_text: &unit.inside.copy,
                copied_text: &unit.inside.copied,
                aria: &unit.inside.command,
            }),
            click_url: ctas.first().map(|cta| cta.click_url.clone()).unwrap_or_default(),
            ctas,
            landing_domain: unit.landing_domain,
            logo,
            image,
            price: unit.price.map(|price| PriceReply {
                text: &price.text,
                amount_micros: price.amount_micros.get(),
                currency: price.currency,
                per: &price.per,
                tax_included: price.tax_included,
                audience: price.audience,
                note: price.note.as_deref(),
                valid_until: price.valid_until,
            }),
        },
        label: LabelReply {
            text: &unit.label.text,
            language: unit.label.language.as_str(),
            aria: &unit.label.aria,
            sponsor_line: &unit.sponsor_line,
            ruleset: unit.ruleset,
            region_basis: decided.page.viewer.basis,
        },
        transparency: Transparency {
            on_behalf_of: unit.on_behalf_of,
            paid_by: unit.paid_by,
            why: &unit.why,
            why_text: &unit.words.why,
            language: unit.words.language.as_str(),
            why_url: format!("{}/w/{id}", app.public_url),
        },
        decision_id: id,
        rel: "sponsored nofollow noopener",
        event_urls: EventUrls { impression, viewable },
        impression_until: rfc3339::Timestamp(
            decided.at_ms + i64::from(windows.impression_seconds) * 1_000,
        ),
        click_until: rfc3339::Timestamp(decided.at_ms + i64::from(windows.click_seconds) * 1_000),
        test: decided.test,
        html: None,
    }
}

/// The images of a chosen unit.
pub struct UnitImages<'a> {
    /// The advertiser's logo.
    pub logo: Option<ImageReply<'a>>,
    /// The creative's image.
    pub image: Option<ImageReply<'a>>,
}

/// The images of a choice that are available (stored and intact).
pub fn images_of<'a>(live: &'a Live, win: &Winner, unit: &Unit<'a>) -> UnitImages<'a> {
    let images = &live.bindings.images;
    let logo = images.logo(live.snapshot().flights[win.place].advertiser);
    // The line style has no room for an image.
    let own = unit.creative.image.as_ref().filter(|_| win.style != Style::Line);
    let image = own.and_then(|own| {
        images.image(win.creative as usize).map(|shown| image_reply(shown, &own.alt))
    });
    UnitImages { logo: logo.map(|shown| image_reply(shown, unit.advertiser.1)), image }
}

fn image_reply<'a>(shown: &'a ServedImage, alt: &'a str) -> ImageReply<'a> {
    let Address { width, height, format, .. } = shown.address;
    ImageReply { url: &shown.url, width, height, alt, content_type: format.content_type() }
}

/// The texts of every filled slot, in request order; `None` where there is no unit.
pub fn units(decided: &PageDecision) -> SmallVec<[Option<Unit<'_>>; 2]> {
    let snapshot = decided.live.snapshot();
    let slots = decided.slots.iter();
    slots
        .map(|slot| {
            let filled = slot.result.as_ref().ok()?;
            unit::unit(snapshot, &decided.page, &filled.win, decided.at_ms)
        })
        .collect()
}

/// The answer for a slot without a unit.
pub fn no_fill(id: u128, reason: NoFill) -> NoFillReply {
    NoFillReply { fill: false, decision_id: uuid::Uuid::from_u128(id).to_string(), reason }
}
