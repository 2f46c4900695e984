//! What the EthicalAds client reads.

use crate::adapters::ethicalads::request::CampaignType;
use crate::adapters::ethicalads::request::Place;
use crate::http::public::render;
use crate::http::public::reply::Fill;
use serde::Serialize;

/// An address that is one to a client that insists on it, and leads nowhere: for publishers that
/// have no impressions measured.
const NOWHERE: &str = "data:,";

/// A unit in this dialect's words.
#[derive(Serialize)]
pub struct Reply<'a> {
    id: &'a str,
    /// The unit in a line of markup, with its label.
    text: String,
    /// Plain.
    body: String,
    /// The whole unit as one element.
    html: String,
    image: Option<&'a str>,
    link: &'a str,
    link_domain: &'a str,
    /// Our impression: the client loads it once the unit is in view.
    view_url: &'a str,
    /// Empty, which clients take for none: how long any part was in view is no measure of ours.
    view_time_url: &'static str,
    nonce: &'a str,
    display_type: &'a str,
    div_id: &'a str,
    campaign_type: CampaignType,
    copy: Copy<'a>,
    /// Besides the dialect: whoever shows `copy` by itself must show these with it.
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
    /// The unit for a slot.
    pub fn of(fill: &'a Fill<'_>, place: &'a Place, kind: CampaignType, base: &str) -> Reply<'a> {
        let creative = &fill.creative;
        let cta = creative.ctas.first().map_or("", |cta| cta.text);
        let body: Vec<&str> = [creative.headline, creative.body]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        Reply {
            id: creative.id,
            text: render::line(fill),
            body: body.join(" "),
            html: render::uncounted(fill, base),
            image: creative.image.as_ref().map(|image| image.url),
            link: &creative.click_url,
            link_domain: creative.landing_domain,
            view_url: fill.event_urls.impression.as_deref().unwrap_or(NOWHERE),
            view_time_url: "",
            nonce: &fill.decision_id,
            display_type: &place.ad_type,
            div_id: &place.div_id,
            campaign_type: kind,
            copy: Copy { headline: creative.headline, cta, content: creative.body },
            label: Label {
                text: fill.label.text,
                sponsor_line: fill.label.sponsor_line,
                why_url: &fill.transparency.why_url,
            },
        }
    }
}
