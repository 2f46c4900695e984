//! Kevel responses.

use crate::adapters::kevel::request::Placement;
use crate::adapters::response::numeric_id;
use crate::config::adapter_settings::{AdapterSettings, ForeignEvent};
use crate::delivery::rendered_unit::{RenderedUnit, Transparency, UnitCreative, UnitLabel};
use crate::explain::Explanation;
use crate::web;
use serde::Serialize;
use serde_json::{Map, Value};

/// The response.
#[derive(Serialize)]
pub(crate) struct Response {
    user: User,
    /// By `divName`; null or an empty list without a unit.
    decisions: Map<String, Value>,
    /// The decision trace, if an operator requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation>,
}

/// The reader. Clients read the key and require a text.
#[derive(Serialize)]
struct User {
    /// Empty: readers have no key.
    key: &'static str,
}

impl Response {
    /// A response without units: null for every div, or an empty list if the caller expects a list.
    pub(crate) fn empty(
        divs: impl Iterator<Item = (String, bool)>,
        explain: Option<Explanation>,
    ) -> Response {
        let none = |as_list| if as_list { Value::Array(Vec::new()) } else { Value::Null };
        let decisions = divs.map(|(div, as_list)| (div, none(as_list))).collect();
        Response { user: User { key: "" }, decisions, explain }
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
    /// The tier, 1 for the highest.
    priority_id: i64,
    click_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    impression_url: Option<String>,
    contents: [Content<'a, 'u>; 1],
    events: Vec<Event>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
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
struct Event {
    id: i64,
    url: String,
}

/// An address with a query: clients add their parameters to the one that it has, and Ruby's fails without
/// one.
fn with_query(address: &str) -> String {
    format!("{address}?v=1")
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
            ForeignEvent::Viewable => unit.event_urls.viewable,
            ForeignEvent::Copy => creative.command.as_ref().map(|command| command.copy_url),
        };
        let wanted = placement.map(|requested| &*requested.event_ids).unwrap_or_default();
        let event = |id: &i64| Some(Event { id: *id, url: with_query(address(id)?) });
        let events = wanted.iter().filter_map(event).collect();
        let image = creative.image.as_ref();
        Decision {
            ad_id: numeric_id(creative.id),
            creative_id: numeric_id(creative.id),
            flight_id: numeric_id(unit.flight),
            campaign_id: numeric_id(unit.campaign),
            advertiser_id: numeric_id(unit.advertiser.id),
            priority_id: unit.tier as i64 + 1,
            click_url: with_query(creative.click_url),
            impression_url: unit.event_urls.impression.map(with_query),
            contents: [Content {
                kind: "html",
                template: "adjacent",
                body: web::unit::styled(unit, base),
                data: Data {
                    title: creative.headline,
                    image_url: image.map(|image| image.url),
                    width: image.map(|image| image.width),
                    height: image.map(|image| image.height),
                    decision_id: unit.decision_id,
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
