//! What Kevel's clients send.

use crate::adapters::answers::number;
use crate::adapters::names;
use crate::config::settings::AdapterSettings;
use crate::http::problem::ApiError;
use crate::http::public::request::DecisionRequest;
use crate::selection::choose::Win;
use crate::selection::page::Role;
use crate::selection::resolve::EntityInput;
use crate::selection::resolve::PageInput;
use crate::selection::resolve::SlotInput;
use crate::selection::snapshot::Snapshot;
use crate::server::decide::NotTaken;
use crate::server::live::Live;
use serde::Deserialize;

/// One call. What is not here is passed over unread: all that names or describes a reader (`user`,
/// `ip`, `deviceID`, `consent`, places) above all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The slots.
    pub placements: Vec<Placement>,
    /// Words of the page.
    #[serde(default)]
    keywords: Option<Vec<String>>,
    /// The page's address.
    #[serde(default)]
    url: Option<String>,
    /// Nothing of the viewport, no visitors told apart.
    #[serde(default)]
    notrack: Option<bool>,
    /// Creatives that must not come.
    #[serde(default)]
    blocked_creatives: Option<Vec<i64>>,
}

/// One slot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    #[serde(default)]
    div_name: Option<String>,
    #[serde(default)]
    site_id: Option<i64>,
    #[serde(default)]
    ad_types: Option<Vec<i64>>,
    #[serde(default)]
    zone_ids: Option<Vec<i64>>,
    /// Events of its own that the caller wants addresses for.
    #[serde(default)]
    pub event_ids: Option<Vec<i64>>,
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

/// What a caller says of the page besides keywords.
#[derive(Debug, Default, Deserialize)]
struct Properties {
    #[serde(default)]
    topics: Words,
    #[serde(default)]
    entities: Words,
    #[serde(default)]
    subjects: Words,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

/// A word, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

impl Default for Words {
    fn default() -> Words {
        Words::Several(Vec::new())
    }
}

impl Words {
    fn each(&self) -> impl Iterator<Item = String> {
        let list = match self {
            Words::One(word) => std::slice::from_ref(word),
            Words::Several(words) => words,
        };
        list.iter().cloned()
    }
}

impl Placement {
    /// Whether the caller reads a list.
    pub fn several(&self) -> bool {
        self.count.is_some_and(|count| count > 1)
    }

    /// The names that may say which placement this is, the most telling one first.
    fn names(&self, div: &str) -> Vec<String> {
        let numbered = |word: &'static str, list: &Option<Vec<i64>>| -> Vec<String> {
            list.iter().flatten().map(|id| format!("{word}-{id}")).collect()
        };
        let zones = numbered("zone", &self.zone_ids);
        let types = numbered("type", &self.ad_types);
        std::iter::once(div.to_owned()).chain(zones).chain(types).collect()
    }
}

impl Asked {
    fn div(&self, at: usize) -> String {
        self.placements[at].div_name.clone().unwrap_or_else(|| format!("div{at}"))
    }

    /// The keys of the answer, in request order.
    pub fn divs(&self) -> impl Iterator<Item = String> {
        (0..self.placements.len()).map(|at| self.div(at))
    }

    /// The slot with this key: the first, where there are several.
    pub fn placement(&self, div: &str) -> Option<&Placement> {
        self.divs().position(|own| own == div).map(|at| &self.placements[at])
    }

    /// Whether the caller takes this unit for a slot: it is not blocked, and no other one is named.
    pub fn takes(&self, snapshot: &Snapshot, div: &str, win: &Win) -> Result<(), NotTaken> {
        let inventory = &snapshot.inventory;
        let flight = &snapshot.flights[win.place];
        let campaign = number(inventory.campaigns[flight.campaign].id.as_str());
        let creative = number(inventory.creatives[win.creative as usize].id.as_str());
        let blocked = self.blocked_creatives.iter().flatten().any(|id| *id == creative);
        let is = |wanted: Option<i64>, id: i64| wanted.is_none_or(|wanted| wanted == id);
        let asked = self.placement(div);
        let named = asked.is_none_or(|asked| {
            is(asked.campaign_id, campaign)
                && is(asked.flight_id, number(inventory.flights[flight.doc].id.as_str()))
        });
        match asked.is_none_or(|asked| is(asked.ad_id, creative)) && !blocked {
            _ if !named => Err(NotTaken::Flight),
            false => Err(NotTaken::Creative),
            true => Ok(()),
        }
    }

    /// The same call in our words.
    pub fn request(
        &self,
        settings: &AdapterSettings,
        live: &Live,
    ) -> Result<DecisionRequest, ApiError> {
        let Some(first) = self.placements.first() else {
            return Err(ApiError::refused("placements", "name one placement at least"));
        };
        let site = first
            .site_id
            .ok_or_else(|| ApiError::refused("placements[0].siteId", "is required"))?;
        if let Some(at) = self.placements.iter().position(|one| one.site_id != Some(site)) {
            let reason = "is another than that of the first placement: one call is for one page";
            return Err(ApiError::refused(format!("placements[{at}].siteId"), reason));
        }
        let publisher = names::publisher(settings, &format!("site-{site}"));
        let slot = |(at, one): (usize, &Placement)| {
            let div = self.div(at);
            let name = names::placement(settings, live, &publisher, &one.names(&div));
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
        names::keywords(live.snapshot(), self.keywords.iter().flatten().cloned(), &mut page);
        for said in self.placements.iter().filter_map(|one| one.properties.as_ref()) {
            page.topics.extend(said.topics.each());
            page.entities.extend(said.entities.each().map(EntityInput::Name));
            let subject = |name| EntityInput::Named { name, role: Role::Subject };
            page.entities.extend(said.subjects.each().map(subject));
            page.region = page.region.or_else(|| said.region.clone());
            page.language = page.language.or_else(|| said.language.clone());
        }
        page
    }
}
