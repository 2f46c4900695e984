//! Kevel requests.

use crate::adapters::response::numeric_id;
use crate::adapters::{lenient, names};
use crate::config::adapter_settings::{AdapterSettings, ForeignEvent};
use crate::delivery::decide::Rejection;
use crate::domain::event::EventKind;
use crate::domain::event_kinds::EventKinds;
use crate::http::problem::ApiError;
use crate::http::public::request::DecisionRequest;
use crate::selection::choose::Winner;
use crate::selection::input_text::InputText;
use crate::selection::page::Role;
use crate::selection::resolve::{EntityInput, PageInput, SlotInput};
use crate::selection::snapshot::Snapshot;
use crate::world::live::Live;
use serde::{Deserialize, Deserializer};

/// A decision request. Other fields are ignored, above all those that identify or describe a reader
/// (`user`, `ip`, `deviceID`, `consent`, location).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The slots.
    #[serde(deserialize_with = "lenient::objects")]
    pub(crate) placements: Vec<Placement>,
    /// Keywords of the page.
    #[serde(default, deserialize_with = "lenient::texts")]
    keywords: Vec<String>,
    /// The page's URL.
    #[serde(default, deserialize_with = "lenient::text")]
    url: Option<String>,
    /// No viewability measurement and no visitor key.
    #[serde(default, deserialize_with = "lenient::switch")]
    notrack: bool,
    /// Numeric ids of creatives to exclude.
    #[serde(default, deserialize_with = "lenient::integers")]
    blocked_creatives: Vec<i64>,
}

/// The longest name of a placement, in characters, as in a decision request.
const MAX_NAME_CHARS: usize = 128;

/// One slot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Placement {
    #[serde(default, deserialize_with = "lenient::text")]
    div_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::integer")]
    site_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integers")]
    ad_types: Vec<i64>,
    #[serde(default, deserialize_with = "lenient::integers")]
    zone_ids: Vec<i64>,
    /// Kevel event ids for which the caller requests URLs.
    #[serde(default, deserialize_with = "lenient::integers")]
    pub(crate) event_ids: Vec<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    count: Option<i64>,
    #[serde(default, deserialize_with = "number_of_one")]
    campaign_id: Option<i64>,
    #[serde(default, deserialize_with = "number_of_one")]
    flight_id: Option<i64>,
    #[serde(default, deserialize_with = "number_of_one")]
    ad_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient::object")]
    properties: Option<Properties>,
}

/// Page context besides keywords. Sites choose these names for themselves, so a value that is not of the
/// expected type is not an error.
#[derive(Debug, Default, Deserialize)]
struct Properties {
    #[serde(default, deserialize_with = "lenient::texts")]
    topics: Vec<String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    entities: Vec<String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    subjects: Vec<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    region: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    language: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    sentiment: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    verified: Option<String>,
}

/// The number of the one object that a slot accepts; -1, which no object has, if it cannot be read.
fn number_of_one<'de, D: Deserializer<'de>>(source: D) -> Result<Option<i64>, D::Error> {
    let value = serde_json::Value::deserialize(source)?;
    if value.is_null() {
        return Ok(None);
    }
    lenient::integer(value).map(|number| number.or(Some(-1))).map_err(serde::de::Error::custom)
}

impl Placement {
    /// Viewable impressions, unless the caller requests the URL of an event that is mapped to them.
    fn unreported(&self, settings: &AdapterSettings) -> EventKinds {
        let is_viewable =
            |id: &i64| settings.events.get(&id.to_string()) == Some(&ForeignEvent::Viewable);
        match self.event_ids.iter().any(is_viewable) {
            true => EventKinds::NONE,
            false => EventKinds::of(&[EventKind::Viewable]),
        }
    }

    /// Whether the caller expects a list (`count` above 1).
    pub(crate) fn returns_list(&self) -> bool {
        self.count.is_some_and(|count| count > 1)
    }

    /// Candidate placement names, most specific first.
    fn names(&self, div: &str) -> Vec<String> {
        let numbered = |word: &'static str, list: &[i64]| -> Vec<String> {
            list.iter().map(|id| format!("{word}-{id}")).collect()
        };
        let zones = numbered("zone", &self.zone_ids);
        let types = numbered("type", &self.ad_types);
        std::iter::once(div.to_owned()).chain(zones).chain(types).collect()
    }
}

impl Request {
    fn div(&self, at: usize) -> String {
        let own = self.placements[at].div_name.clone().filter(|name| !name.is_empty());
        own.unwrap_or_else(|| format!("div{at}"))
    }

    /// Keys of the response, in request order.
    pub(crate) fn divs(&self) -> impl Iterator<Item = String> {
        (0..self.placements.len()).map(|at| self.div(at))
    }

    /// The first slot with this key.
    pub(crate) fn placement(&self, div: &str) -> Option<&Placement> {
        self.divs().position(|own| own == div).map(|at| &self.placements[at])
    }

    /// Rejects a blocked unit, and any other than the campaign, flight or ad that the slot requests.
    pub(crate) fn accepts(
        &self,
        snapshot: &Snapshot,
        div: &str,
        win: &Winner,
    ) -> Result<(), Rejection> {
        let inventory = &snapshot.inventory;
        let flight = &snapshot.flights[win.place];
        let campaign = numeric_id(inventory.campaigns[flight.campaign].id.as_str());
        let creative = numeric_id(inventory.creatives[win.creative as usize].id.as_str());
        let blocked = self.blocked_creatives.contains(&creative);
        let is = |wanted: Option<i64>, id: i64| wanted.is_none_or(|wanted| wanted == id);
        let requested = self.placement(div);
        let named = requested.is_none_or(|requested| {
            is(requested.campaign_id, campaign)
                && is(requested.flight_id, numeric_id(inventory.flights[flight.doc].id.as_str()))
        });
        match requested.is_none_or(|requested| is(requested.ad_id, creative)) && !blocked {
            _ if !named => Err(Rejection::Flight),
            false => Err(Rejection::Creative),
            true => Ok(()),
        }
    }

    /// Translates the request.
    pub(crate) fn decision_request(
        &self,
        settings: &AdapterSettings,
        live: &Live,
    ) -> Result<DecisionRequest<'_>, ApiError> {
        let Some(first) = self.placements.first() else {
            return Err(ApiError::invalid_field(
                "placements",
                "must contain at least one placement",
            ));
        };
        let site = first.site_id.ok_or_else(|| {
            ApiError::invalid_field("placements[0].siteId", "is required, as a number")
        })?;
        let is_another = |one: &Placement| one.site_id.is_some_and(|own| own != site);
        if let Some(at) = self.placements.iter().position(is_another) {
            let reason = "must equal that of the first placement: one request is for one page";
            return Err(ApiError::invalid_field(format!("placements[{at}].siteId"), reason));
        }
        let publisher = names::publisher_id(settings, &format!("site-{site}"));
        let slot = |(at, one): (usize, &Placement)| {
            let div = self.div(at);
            let name = names::placement_id(settings, live, &publisher, &one.names(&div));
            // The key stays whole: the answer has it.
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            SlotInput {
                name: name.into(),
                key: Some(div.into()),
                unreported: one.unreported(settings),
                ..SlotInput::default()
            }
        };
        let placements = self.placements.iter().enumerate().map(slot).collect();
        Ok(DecisionRequest {
            page: self.page(live),
            placements,
            basic: self.notrack,
            publisher: publisher.into(),
            ..DecisionRequest::default()
        })
    }

    fn page(&self, live: &Live) -> PageInput<'_> {
        let url = self.url.as_deref().map(Into::into);
        let mut page = PageInput { url, ..PageInput::default() };
        names::add_keywords(live.snapshot(), self.keywords.iter().cloned(), &mut page);
        for properties in self.placements.iter().filter_map(|one| one.properties.as_ref()) {
            page.topics.extend(texts(&properties.topics));
            page.entities.extend(texts(&properties.entities).map(EntityInput::Name));
            let subject = |name| EntityInput::Named { name, role: Role::Subject };
            page.entities.extend(texts(&properties.subjects).map(subject));
            for (fact, value) in
                [("sentiment", &properties.sentiment), ("verified", &properties.verified)]
            {
                if let Some(value) = value {
                    page.state(fact, value);
                }
            }
            page.region = page.region.or_else(|| properties.region.as_deref().map(Into::into));
            page.language =
                page.language.or_else(|| properties.language.as_deref().map(Into::into));
        }
        page
    }
}

fn texts(list: &[String]) -> impl Iterator<Item = InputText<'_>> {
    list.iter().map(|text| text.as_str().into())
}
