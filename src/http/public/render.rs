//! Renders a reply's unit as HTML: the same fields, through escaping templates.

use crate::http::public::reply::{Fill, ImageReply};
use crate::web::unit;
use crate::web::unit::{
    CommandView, CtaView, ImageView, LabelView, PriceView, ProofView, UnitView,
};

/// Content type of every page.
pub const HTML: &str = "text/html; charset=utf-8";

fn view<'v>(fill: &'v Fill<'_>, as_of: &'v str) -> UnitView<'v> {
    let creative = &fill.creative;
    UnitView {
        style: creative.style.as_str(),
        language: creative.language,
        direction: creative.direction,
        label: LabelView {
            text: fill.label.text,
            language: fill.label.language,
            aria: fill.label.aria,
            line: fill.label.sponsor_line,
        },
        logo: creative.logo.as_ref().map(image),
        image: creative.image.as_ref().map(image),
        kicker: creative.kicker.as_deref(),
        headline: creative.headline,
        body: Some(creative.body).filter(|body| !body.is_empty()),
        proof: creative.proof.as_ref().map(|proof| ProofView {
            text: proof.text,
            source: proof.source,
            as_of,
        }),
        command: creative.command.as_ref().map(|command| CommandView {
            text: command.text,
            output: Some(command.output).filter(|output| !output.is_empty()),
            aria: command.aria,
        }),
        ctas: creative
            .ctas
            .iter()
            .map(|cta| CtaView { text: cta.text, click_url: &cta.click_url })
            .collect(),
        click_url: Some(&creative.click_url),
        price: creative
            .price
            .as_ref()
            .map(|price| PriceView { text: price.text, note: price.note }),
        why: fill.transparency.why,
        why_language: fill.transparency.language,
        why_text: fill.transparency.why_text,
        why_url: Some(&fill.transparency.why_url),
        rel: fill.rel,
        impression_url: fill.event_urls.impression.as_deref(),
    }
}

fn image<'v>(reply: &ImageReply<'v>) -> ImageView<'v> {
    let ImageReply { url, width, height, alt, .. } = *reply;
    ImageView { url, width, height, alt }
}

fn as_of(fill: &Fill<'_>) -> String {
    fill.creative.proof.as_ref().map(|proof| proof.as_of.to_string()).unwrap_or_default()
}

/// A complete unit, for pages that insert it into their own HTML.
pub fn fragment(fill: &Fill<'_>) -> String {
    unit::fragment(&view(fill, &as_of(fill)))
}

/// The same with a link to the stylesheet at `public_url` and without the impression pixel, for pages
/// that report the impression themselves and do not load our stylesheet.
pub fn styled_fragment(fill: &Fill<'_>, public_url: &str) -> String {
    unit::styled(&UnitView { impression_url: None, ..view(fill, &as_of(fill)) }, public_url)
}

/// The label and one paid link on one line, for text-only placements.
pub fn line(fill: &Fill<'_>) -> String {
    unit::line(&view(fill, &as_of(fill)))
}

/// A page with only the unit; an empty page without one.
pub fn page(fill: Option<&Fill<'_>>, language: &str) -> String {
    match fill {
        Some(fill) => unit::page(Some(&view(fill, &as_of(fill))), language),
        None => unit::page(None, language),
    }
}
