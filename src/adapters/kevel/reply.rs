//! What Kevel's clients read.

use crate::adapters::answers::number;
use crate::adapters::kevel::request::Placement;
use crate::config::settings::AdapterSettings;
use crate::config::settings::ForeignEvent;
use crate::http::public::render;
use crate::http::public::reply::CreativeReply;
use crate::http::public::reply::Fill;
use crate::http::public::reply::LabelReply;
use crate::http::public::reply::Transparency;
use crate::server::explain::Explanation;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

/// The answer to one call. There is no `user`: readers have no key here.
#[derive(Serialize)]
pub struct Reply {
    /// By `divName`; null where there is no unit.
    decisions: Map<String, Value>,
    /// The trace, where an operator asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation>,
}

impl Reply {
    /// Without a unit yet.
    pub fn empty(divs: impl Iterator<Item = String>, explain: Option<Explanation>) -> Reply {
        Reply { decisions: divs.map(|div| (div, Value::Null)).collect(), explain }
    }

    /// Puts a unit into its slot, in a list where the caller asked for more than one.
    pub fn put(&mut self, div: String, unit: Value, several: bool) {
        let unit = if several { Value::Array(vec![unit]) } else { unit };
        self.decisions.insert(div, unit);
    }
}

/// A unit in this dialect's words.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'a, 'u> {
    /// The number of flight and creative together: ours are creatives of one flight.
    pub ad_id: i64,
    /// The creative's number.
    pub creative_id: i64,
    /// The flight's.
    pub flight_id: i64,
    /// The campaign's.
    pub campaign_id: i64,
    advertiser_id: i64,
    click_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    impression_url: Option<&'a str>,
    contents: [Content<'a, 'u>; 1],
    events: Vec<Event<'a>>,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a, 'u> {
    #[serde(rename = "type")]
    kind: &'static str,
    template: &'static str,
    /// The whole unit as one element; the client counts the impression.
    body: String,
    data: Data<'a, 'u>,
}

/// The parts, for a page that shows them in its own way: with the label, always.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a, 'u> {
    title: &'a str,
    decision_id: &'a str,
    sponsor: &'a str,
    campaign: &'a str,
    flight: &'a str,
    creative: &'a CreativeReply<'u>,
    label: &'a LabelReply<'a>,
    transparency: &'a Transparency<'a>,
    rel: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    id: i64,
    url: &'a str,
}

impl<'a, 'u> Answer<'a, 'u> {
    /// The unit for a slot.
    pub fn of(
        fill: &'a Fill<'u>,
        placement: Option<&Placement>,
        settings: &AdapterSettings,
        base: &str,
    ) -> Answer<'a, 'u> {
        let creative = &fill.creative;
        let address = |id: &i64| match settings.events.get(&id.to_string())? {
            ForeignEvent::Viewable => fill.event_urls.viewable.as_deref(),
            ForeignEvent::Copy => creative.command.as_ref().map(|command| &*command.copy_url),
        };
        let wanted = placement.and_then(|asked| asked.event_ids.as_deref()).unwrap_or_default();
        let events =
            wanted.iter().filter_map(|id| Some(Event { id: *id, url: address(id)? })).collect();
        Answer {
            ad_id: number(creative.id),
            creative_id: number(creative.id),
            flight_id: number(fill.flight),
            campaign_id: number(fill.campaign),
            advertiser_id: number(fill.advertiser.id),
            click_url: &creative.click_url,
            impression_url: fill.event_urls.impression.as_deref(),
            contents: [Content {
                kind: "html",
                template: "adjacent",
                body: render::uncounted(fill, base),
                data: Data {
                    title: creative.headline,
                    decision_id: &fill.decision_id,
                    sponsor: fill.advertiser.name,
                    campaign: fill.campaign,
                    flight: fill.flight,
                    creative,
                    label: &fill.label,
                    transparency: &fill.transparency,
                    rel: fill.rel,
                },
            }],
            events,
            // A unit takes the room it is given.
            width: 0,
            height: 0,
        }
    }
}
