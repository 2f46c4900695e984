//! Indexes of an inventory by id, for checking references.

use crate::domain::campaign::{Campaign, Flight};
use crate::domain::creative::Creative;
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::region::Regions;
use crate::domain::zone::Zone;
use std::collections::{BTreeMap, HashMap};

/// The documents of one list by id.
pub(super) struct IdIndex<'a, T> {
    /// The kind of document, for messages: `topic`.
    pub(crate) what: &'static str,
    by_id: HashMap<&'a str, &'a T>,
}

impl<'a, T> IdIndex<'a, T> {
    pub(crate) fn new(
        what: &'static str,
        list: impl IntoIterator<Item = &'a T>,
        id: impl Fn(&'a T) -> &'a str,
    ) -> Self {
        IdIndex { what, by_id: list.into_iter().map(|one| (id(one), one)).collect() }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&'a T> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.by_id.keys().copied()
    }
}

/// Every list that documents can refer to.
pub(super) struct Index<'a> {
    pub(crate) topics: IdIndex<'a, crate::domain::taxonomy::TopicDoc>,
    pub(crate) entities: IdIndex<'a, crate::domain::entity::EntityDoc>,
    pub(crate) categories: IdIndex<'a, crate::domain::party::Category>,
    pub(crate) context_keys: IdIndex<'a, crate::domain::context_key::ContextKey>,
    pub(crate) advertisers: IdIndex<'a, Advertiser>,
    pub(crate) campaigns: IdIndex<'a, Campaign>,
    pub(crate) flights: IdIndex<'a, Flight>,
    pub(crate) publishers: IdIndex<'a, crate::domain::party::Publisher>,
    pub(crate) placements: IdIndex<'a, crate::domain::party::Placement>,
    pub(crate) regions: Regions,
    /// Display names of topics and entities by id, as a kicker would echo them.
    pub(crate) names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(inventory: &'a Inventory) -> Index<'a> {
        let slots = inventory.publishers.iter().flat_map(|publisher| &publisher.placements);
        let topics = inventory.topics.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        let entities = inventory.entities.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        Index {
            topics: IdIndex::new("topic", &inventory.topics, |one| one.id.as_str()),
            entities: IdIndex::new("entity", &inventory.entities, |one| one.id.as_str()),
            context_keys: IdIndex::new("context key", &inventory.context_keys, |one| {
                one.id.as_str()
            }),
            categories: IdIndex::new("category", &inventory.categories, |one| one.id.as_str()),
            advertisers: IdIndex::new("advertiser", &inventory.advertisers, |one| one.id.as_str()),
            campaigns: IdIndex::new("campaign", &inventory.campaigns, |one| one.id.as_str()),
            flights: IdIndex::new("flight", &inventory.flights, |one| one.id.as_str()),
            publishers: IdIndex::new("publisher", &inventory.publishers, |one| one.id.as_str()),
            placements: IdIndex::new("placement", slots, |one| one.id.as_str()),
            regions: Regions::build(&inventory.regions).unwrap_or_default(),
            names: entities.chain(topics).collect(),
        }
    }

    pub(crate) fn advertiser_of(&self, creative: &Creative) -> Option<&'a Advertiser> {
        self.advertisers.find(self.campaign_of(creative)?.advertiser.as_str())
    }

    /// The time zone of a flight's advertiser.
    pub(crate) fn zone_of(&self, flight: &Flight) -> Option<&'a Zone> {
        let campaign = self.campaigns.find(flight.campaign.as_str())?;
        Some(&self.advertisers.find(campaign.advertiser.as_str())?.time_zone)
    }

    fn campaign_of(&self, creative: &Creative) -> Option<&'a Campaign> {
        self.campaigns.find(self.flights.find(creative.flight.as_str())?.campaign.as_str())
    }

    /// Whether neither the campaign nor the advertiser of a creative has a language.
    pub(crate) fn has_no_language(&self, creative: &Creative) -> bool {
        self.campaign_of(creative).is_some_and(|campaign| campaign.language.is_none())
            && self.advertiser_of(creative).is_some_and(|advertiser| advertiser.language.is_none())
    }
}
