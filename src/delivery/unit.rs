//! Renders a chosen unit: texts, claims that are still valid, label, transparency, images. Everything
//! was validated when it was saved.

use crate::delivery::decide::PageDecision;
use crate::delivery::rendered_unit::{
    EventUrls, RenderedUnit, Timestamp, Transparency, UnitAdvertiser, UnitCommand, UnitCreative,
    UnitCta, UnitImage, UnitLabel, UnitPrice, UnitProof,
};
use crate::domain::ad_text;
use crate::domain::creative::{AdText, Creative, EchoText, Proof};
use crate::domain::image::Address;
use crate::domain::party::Style;
use crate::domain::region::Country;
use crate::selection::choose::Winner;
use crate::selection::page::Page;
use crate::selection::snapshot::Snapshot;
use crate::world::images::ServedImage;
use bumpalo::Bump;
use bumpalo::collections::String;
use std::borrow::Cow;

/// The content of a chosen unit: everything but images, ids and URLs. `texts` keeps those that are not in
/// the snapshot as they are shown. `None` only if the label that made it eligible is missing, which cannot
/// happen within one snapshot.
pub(crate) fn content<'a>(
    snapshot: &'a Snapshot,
    page: &Page,
    win: &Winner,
    now_ms: i64,
    texts: &'a Bump,
) -> Option<RenderedUnit<'a>> {
    let inventory = &snapshot.inventory;
    let flight = &snapshot.flights[win.place];
    let campaign = &inventory.campaigns[flight.campaign];
    let advertiser = &inventory.advertisers[flight.advertiser];
    let creative = &inventory.creatives[win.creative as usize];
    let label = snapshot.labels.find(page.viewer.country, &page.language)?;
    let words = snapshot.labels.words(label.words)?;
    let language = snapshot.language_of(win.creative)?;
    let inside = snapshot.labels.words(language)?;
    let wording = usize::from(win.variant).checked_sub(1).and_then(|at| creative.variants.get(at));
    let (headline, body) =
        wording.map_or((None, None), |own| (own.headline.as_ref(), own.body.as_ref()));
    let names = matched_names(snapshot, win);
    let why = match names.topic.or(names.entity) {
        Some(name) => replaced(&words.because, "{match}", name, texts),
        None => &*words.because_site,
    };
    let price = creative.price.as_ref().filter(|price| is_valid(price.valid_until, now_ms));
    let ctas = creative.ctas.iter().map(|cta| UnitCta {
        id: cta.id.as_str(),
        text: &cta.text,
        click_url: "",
    });
    Some(RenderedUnit {
        fill: true,
        decision_id: "",
        tier: flight.tier,
        advertiser: UnitAdvertiser { id: advertiser.id.as_str(), name: &advertiser.name },
        campaign: campaign.id.as_str(),
        flight: inventory.flights[flight.doc].id.as_str(),
        creative: UnitCreative {
            id: creative.id.as_str(),
            hash: &snapshot.creatives[win.creative as usize].hash,
            variant: win.variant,
            style: win.style,
            language: language.as_str(),
            direction: language.direction(),
            kicker: creative.kicker.as_ref().and_then(|kicker| echo(snapshot, kicker, win, texts)),
            headline: text(snapshot, headline.unwrap_or(&creative.headline), win, texts),
            body: text(snapshot, body.unwrap_or(&creative.body), win, texts),
            proof: proof(snapshot, creative, page.viewer.country, now_ms).map(|proof| UnitProof {
                text: &proof.text,
                source: &proof.source,
                as_of: proof.as_of,
            }),
            command: creative.command.as_ref().map(|command| UnitCommand {
                text: &command.text,
                output: &command.output,
                copy_url: "",
                copy_text: &inside.copy,
                copied_text: &inside.copied,
                aria: &inside.command,
            }),
            ctas: ctas.collect(),
            click_url: "",
            landing_domain: landing(snapshot, win),
            logo: None,
            image: None,
            price: price.map(|price| UnitPrice {
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
        label: UnitLabel {
            text: label.text,
            language: label.language.as_str(),
            aria: match label.aria {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => texts.alloc_str(&text),
            },
            sponsor_line: replaced(label.sponsor_line, "{sponsor}", &advertiser.name, texts),
            ruleset: &snapshot.labels.ruleset,
            region_basis: page.viewer.basis,
        },
        transparency: Transparency {
            on_behalf_of: campaign.on_behalf_of.as_deref().unwrap_or(&advertiser.name),
            paid_by: campaign.paid_by.as_deref().unwrap_or(&advertiser.name),
            why,
            why_text: &words.why,
            language: words.language.as_str(),
            why_url: "",
        },
        rel: "sponsored nofollow noopener",
        event_urls: EventUrls::default(),
        impression_until: Timestamp::default(),
        click_until: Timestamp::default(),
        test: false,
        html: None,
        markdown: None,
        text: None,
    })
}

/// The content with the images that are available (stored and intact).
pub(crate) fn with_images<'a>(
    decided: &'a PageDecision,
    win: &Winner,
    texts: &'a Bump,
) -> Option<RenderedUnit<'a>> {
    let live = &*decided.live;
    let mut unit = content(live.snapshot(), &decided.page, win, decided.at_ms, texts)?;
    let images = &live.bindings.images;
    let logo = images.logo(live.snapshot().flights[win.place].advertiser);
    unit.creative.logo = logo.map(|shown| image(shown, unit.advertiser.name));
    let own = live.snapshot().inventory.creatives[win.creative as usize].image.as_ref();
    // The line style has no room for an image.
    if let Some(own) = own.filter(|_| win.style != Style::Line) {
        let shown = images.image(win.creative as usize);
        unit.creative.image = shown.map(|shown| image(shown, &own.alt));
    }
    Some(unit)
}

fn image<'a>(shown: &'a ServedImage, alt: &'a str) -> UnitImage<'a> {
    let Address { width, height, format, .. } = shown.address;
    UnitImage { url: &shown.url, width, height, alt, content_type: format.content_type() }
}

/// Host of a chosen unit's main call to action.
pub(crate) fn landing<'a>(snapshot: &'a Snapshot, win: &Winner) -> &'a str {
    let creative = &snapshot.inventory.creatives[win.creative as usize];
    creative.ctas.first().map_or("", |cta| host(&cta.url))
}

/// Names of the topic and entity on which the flight matched the page.
struct MatchedNames<'a> {
    topic: Option<&'a str>,
    entity: Option<&'a str>,
}

fn matched_names<'a>(snapshot: &'a Snapshot, win: &Winner) -> MatchedNames<'a> {
    MatchedNames {
        topic: win.matched.topic.map(|topic| snapshot.taxonomy.name(topic)),
        entity: win.matched.entity.map(|entity| snapshot.entities.name(entity)),
    }
}

/// A text with its slots filled.
fn text<'a>(snapshot: &Snapshot, text: &'a AdText, win: &Winner, texts: &'a Bump) -> &'a str {
    match text {
        AdText::Plain(text) => text,
        AdText::Echo(text) => echo(snapshot, text, win, texts).unwrap_or_default(),
    }
}

/// A text with the matched names in its slots, if it lists them; else its fallback.
fn echo<'a>(
    snapshot: &Snapshot,
    own: &'a EchoText,
    win: &Winner,
    texts: &'a Bump,
) -> Option<&'a str> {
    if !own.text.contains('{') {
        return Some(&own.text);
    }
    let listed = |id: &str| own.echo.iter().any(|one| one == id);
    let topic = win.matched.topic.filter(|topic| listed(snapshot.taxonomy.id(*topic).as_str()));
    let entity = win.matched.entity.filter(|e| listed(snapshot.entities.id(*e).as_str()));
    let filled = ad_text::fill(
        &own.text,
        topic.map(|topic| snapshot.taxonomy.name(topic)),
        entity.map(|entity| snapshot.entities.name(entity)),
    );
    filled.map(|filled| &*texts.alloc_str(&filled)).or(own.fallback.as_deref())
}

/// A text with `name` in place of `placeholder`.
fn replaced<'a>(text: &str, placeholder: &str, name: &str, texts: &'a Bump) -> &'a str {
    let mut filled = String::with_capacity_in(text.len() + name.len(), texts);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let after = from.strip_prefix(placeholder);
        filled.push_str(before);
        filled.push_str(after.map_or("{", |_| name));
        rest = after.unwrap_or(&from[1..]);
    }
    filled.push_str(rest);
    filled.into_bump_str()
}

fn proof<'a>(
    snapshot: &Snapshot,
    creative: &'a Creative,
    country: Option<Country>,
    now_ms: i64,
) -> Option<&'a Proof> {
    creative.proofs.iter().filter(|proof| is_valid(proof.valid_until, now_ms)).find(|proof| {
        let covers = |region| country.is_some_and(|c| snapshot.regions.covers(region, c));
        let clause = &proof.regions;
        (clause.any.is_empty() || clause.any.iter().any(covers)) && !clause.none.iter().any(covers)
    })
}

fn is_valid(until: jiff::Timestamp, now_ms: i64) -> bool {
    until.as_millisecond() > now_ms
}

/// The host of a validated URL.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let end = rest.bytes().position(|byte| b"/?#:".contains(&byte));
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_every_place_of_its_placeholder_and_no_other() {
        let texts = Bump::new();
        for text in ["{x}", "a{x}b", "{x}{x}", "{y} {x", "{", "ü{x}ü{", "{{x}}", ""] {
            assert_eq!(replaced(text, "{x}", "{x}y", &texts), text.replace("{x}", "{x}y"));
        }
    }
}
