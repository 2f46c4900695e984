//! EthicalAds responses.

use crate::adapters::ethicalads::request::{CampaignType, Placement};
use crate::delivery::rendered_unit::RenderedUnit;
use crate::web;
use serde::Serialize;

/// A valid URL that loads nothing: clients require `view_url` even if the publisher does not measure
/// impressions.
const EMPTY_URL: &str = "data:,";

/// A filled slot.
#[derive(Serialize)]
pub(crate) struct Reply<'a> {
    id: &'a str,
    /// The unit as one line of HTML, with its label.
    text: String,
    /// Plain text.
    body: String,
    /// The whole unit as one element, with the class names of the client's stylesheet.
    html: String,
    image: Option<&'a str>,
    link: &'a str,
    link_domain: &'a str,
    /// Impression URL: the client loads it once the unit is in view.
    view_url: &'a str,
    /// Empty, which clients treat as absent: time with any part in view is not MRC viewability.
    view_time_url: &'static str,
    nonce: &'a str,
    display_type: &'a str,
    div_id: &'a str,
    campaign_type: CampaignType,
    copy: Copy<'a>,
    /// Extension: a page that shows `copy` by itself must show these with it.
    label: Label<'a>,
}

#[derive(Serialize)]
struct Copy<'a> {
    headline: &'a str,
    cta: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct Label<'a> {
    text: &'a str,
    sponsor_line: &'a str,
    why_url: &'a str,
}

impl<'a> Reply<'a> {
    /// The response for a filled slot.
    pub(crate) fn of(
        unit: &'a RenderedUnit<'_>,
        place: &'a Placement,
        kind: CampaignType,
    ) -> Reply<'a> {
        let creative = &unit.creative;
        let cta = creative.ctas.first().map_or("", |cta| cta.text);
        let body: Vec<&str> = [creative.headline, creative.body]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        Reply {
            id: creative.id,
            text: web::unit::line(unit),
            body: body.join(" "),
            html: web::unit::ethicalads(unit, place.kind()),
            image: creative.image.as_ref().map(|image| image.url),
            link: creative.click_url,
            link_domain: creative.landing_domain,
            view_url: unit.event_urls.impression.unwrap_or(EMPTY_URL),
            view_time_url: "",
            nonce: unit.decision_id,
            display_type: &place.ad_type,
            div_id: &place.div_id,
            campaign_type: kind,
            copy: Copy { headline: creative.headline, cta, content: creative.body },
            label: Label {
                text: unit.label.text,
                sponsor_line: unit.label.sponsor_line,
                why_url: unit.transparency.why_url,
            },
        }
    }
}
