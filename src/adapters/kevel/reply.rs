//! Kevel responses.

use crate::adapters::kevel::request::Placement;
use crate::adapters::response::numeric_id;
use crate::config::adapter_settings::{AdapterSettings, ForeignEvent};
use crate::delivery::rendered_unit::{RenderedUnit, Transparency, UnitCreative, UnitLabel};
use crate::explain::Explanation;
use crate::web;
use serde::Serialize;
use serde_json::{Map, Value};

/// The response. It has no `user`: readers have no key.
#[derive(Serialize)]
pub(crate) struct Response {
    /// By `divName`; null without a unit.
    decisions: Map<String, Value>,
    /// The decision trace, if an operator requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation>,
}

impl Response {
    /// A response with null for every div.
    pub(crate) fn empty(
        divs: impl Iterator<Item = String>,
        explain: Option<Explanation>,
    ) -> Response {
        Response { decisions: divs.map(|div| (div, Value::Null)).collect(), explain }
    }

    /// Sets the decision of a div, as a one-element list if the caller expects a list.
    pub(crate) fn insert(&mut self, div: String, unit: Value, as_list: bool) {
        let unit = if as_list { Value::Array(vec![unit]) } else { unit };
        self.decisions.insert(div, unit);
    }
}

/// A filled slot.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision<'a, 'u> {
    /// Kevel's flight-creative pair; a creative belongs to one flight, so this is the creative's id.
    pub(crate) ad_id: i64,
    /// Numeric id of the creative.
    pub(crate) creative_id: i64,
    /// Numeric id of the flight.
    pub(crate) flight_id: i64,
    /// Numeric id of the campaign.
    pub(crate) campaign_id: i64,
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
    /// The whole unit as one element; the client reports the impression.
    body: String,
    data: Data<'a, 'u>,
}

/// The unit's parts, for pages with their own markup, which must show the label too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a, 'u> {
    title: &'a str,
    decision_id: &'a str,
    sponsor: &'a str,
    campaign: &'a str,
    flight: &'a str,
    creative: &'a UnitCreative<'u>,
    label: &'a UnitLabel<'a>,
    transparency: &'a Transparency<'a>,
    rel: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    id: i64,
    url: &'a str,
}

impl<'a, 'u> Decision<'a, 'u> {
    /// The decision of a filled slot.
    pub(crate) fn of(
        unit: &'a RenderedUnit<'u>,
        placement: Option<&Placement>,
        settings: &AdapterSettings,
        base: &str,
    ) -> Decision<'a, 'u> {
        let creative = &unit.creative;
        let address = |id: &i64| match settings.events.get(&id.to_string())? {
            ForeignEvent::Viewable => unit.event_urls.viewable.as_deref(),
            ForeignEvent::Copy => creative.command.as_ref().map(|command| &*command.copy_url),
        };
        let wanted =
            placement.and_then(|requested| requested.event_ids.as_deref()).unwrap_or_default();
        let events =
            wanted.iter().filter_map(|id| Some(Event { id: *id, url: address(id)? })).collect();
        Decision {
            ad_id: numeric_id(creative.id),
            creative_id: numeric_id(creative.id),
            flight_id: numeric_id(unit.flight),
            campaign_id: numeric_id(unit.campaign),
            advertiser_id: numeric_id(unit.advertiser.id),
            click_url: &creative.click_url,
            impression_url: unit.event_urls.impression.as_deref(),
            contents: [Content {
                kind: "html",
                template: "adjacent",
                body: web::unit::styled(unit, base),
                data: Data {
                    title: &creative.headline,
                    decision_id: &unit.decision_id,
                    sponsor: unit.advertiser.name,
                    campaign: unit.campaign,
                    flight: unit.flight,
                    creative,
                    label: &unit.label,
                    transparency: &unit.transparency,
                    rel: unit.rel,
                },
            }],
            events,
            // A unit fills the size of its container.
            width: 0,
            height: 0,
        }
    }
}
