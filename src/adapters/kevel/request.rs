//! Kevel requests.

use crate::adapters::names;
use crate::adapters::response::numeric_id;
use crate::config::adapter_settings::AdapterSettings;
use crate::delivery::decide::Rejection;
use crate::http::problem::ApiError;
use crate::http::public::request::DecisionRequest;
use crate::selection::choose::Winner;
use crate::selection::page::Role;
use crate::selection::resolve::{EntityInput, PageInput, SlotInput};
use crate::selection::snapshot::Snapshot;
use crate::world::live::Live;
use serde::Deserialize;

/// A decision request. Other fields are ignored, above all those that identify or describe a reader
/// (`user`, `ip`, `deviceID`, `consent`, location).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The slots.
    pub(crate) placements: Vec<Placement>,
    /// Keywords of the page.
    #[serde(default)]
    keywords: Option<Vec<String>>,
    /// The page's URL.
    #[serde(default)]
    url: Option<String>,
    /// No viewability measurement and no visitor key.
    #[serde(default)]
    notrack: Option<bool>,
    /// Numeric ids of creatives to exclude.
    #[serde(default)]
    blocked_creatives: Option<Vec<i64>>,
}

/// One slot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Placement {
    #[serde(default)]
    div_name: Option<String>,
    #[serde(default)]
    site_id: Option<i64>,
    #[serde(default)]
    ad_types: Option<Vec<i64>>,
    #[serde(default)]
    zone_ids: Option<Vec<i64>>,
    /// Kevel event ids for which the caller requests URLs.
    #[serde(default)]
    pub(crate) event_ids: Option<Vec<i64>>,
    #[serde(default)]
    count: Option<i64>,
    #[serde(default)]
    campaign_id: Option<i64>,
    #[serde(default)]
    flight_id: Option<i64>,
    #[serde(default)]
    ad_id: Option<i64>,
    #[serde(default)]
    properties: Option<Properties>,
}

/// Page context besides keywords.
#[derive(Debug, Default, Deserialize)]
struct Properties {
    #[serde(default)]
    topics: OneOrMany,
    #[serde(default)]
    entities: OneOrMany,
    #[serde(default)]
    subjects: OneOrMany,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

/// One string or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> OneOrMany {
        OneOrMany::Many(Vec::new())
    }
}

impl OneOrMany {
    fn each(&self) -> impl Iterator<Item = String> {
        let list = match self {
            OneOrMany::One(word) => std::slice::from_ref(word),
            OneOrMany::Many(words) => words,
        };
        list.iter().cloned()
    }
}

impl Placement {
    /// Whether the caller expects a list (`count` above 1).
    pub(crate) fn returns_list(&self) -> bool {
        self.count.is_some_and(|count| count > 1)
    }

    /// Candidate placement names, most specific first.
    fn names(&self, div: &str) -> Vec<String> {
        let numbered = |word: &'static str, list: &Option<Vec<i64>>| -> Vec<String> {
            list.iter().flatten().map(|id| format!("{word}-{id}")).collect()
        };
        let zones = numbered("zone", &self.zone_ids);
        let types = numbered("type", &self.ad_types);
        std::iter::once(div.to_owned()).chain(zones).chain(types).collect()
    }
}

impl Request {
    fn div(&self, at: usize) -> String {
        self.placements[at].div_name.clone().unwrap_or_else(|| format!("div{at}"))
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
        let blocked = self.blocked_creatives.iter().flatten().any(|id| *id == creative);
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
    ) -> Result<DecisionRequest, ApiError> {
        let Some(first) = self.placements.first() else {
            return Err(ApiError::invalid_field(
                "placements",
                "must contain at least one placement",
            ));
        };
        let site = first
            .site_id
            .ok_or_else(|| ApiError::invalid_field("placements[0].siteId", "is required"))?;
        if let Some(at) = self.placements.iter().position(|one| one.site_id != Some(site)) {
            let reason = "must equal that of the first placement: one request is for one page";
            return Err(ApiError::invalid_field(format!("placements[{at}].siteId"), reason));
        }
        let publisher = names::publisher_id(settings, &format!("site-{site}"));
        let slot = |(at, one): (usize, &Placement)| {
            let div = self.div(at);
            let name = names::placement_id(settings, live, &publisher, &one.names(&div));
            SlotInput { name, key: Some(div), styles: Vec::new() }
        };
        let placements = self.placements.iter().enumerate().map(slot).collect();
        Ok(DecisionRequest {
            page: self.page(live),
            placements,
            basic: self.notrack == Some(true),
            publisher,
            ..DecisionRequest::default()
        })
    }

    fn page(&self, live: &Live) -> PageInput {
        let mut page = PageInput { url: self.url.clone(), ..PageInput::default() };
        names::add_keywords(live.snapshot(), self.keywords.iter().flatten().cloned(), &mut page);
        for properties in self.placements.iter().filter_map(|one| one.properties.as_ref()) {
            page.topics.extend(properties.topics.each());
            page.entities.extend(properties.entities.each().map(EntityInput::Name));
            let subject = |name| EntityInput::Named { name, role: Role::Subject };
            page.entities.extend(properties.subjects.each().map(subject));
            page.region = page.region.or_else(|| properties.region.clone());
            page.language = page.language.or_else(|| properties.language.clone());
        }
        page
    }
}
