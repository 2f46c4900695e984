//! What an inventory holds, by id: looked up once for every reference in it.

use crate::domain::campaign::Campaign;
use crate::domain::campaign::Flight;
use crate::domain::creative::Creative;
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::region::Regions;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Ids of one list and the documents behind them.
pub(super) struct Names<'a, T> {
    /// What one of them is called, for messages.
    pub what: &'static str,
    by_id: HashMap<&'a str, &'a T>,
}

impl<'a, T> Names<'a, T> {
    pub fn new(
        what: &'static str,
        list: impl IntoIterator<Item = &'a T>,
        id: impl Fn(&'a T) -> &'a str,
    ) -> Self {
        Names { what, by_id: list.into_iter().map(|one| (id(one), one)).collect() }
    }

    pub fn find(&self, id: &str) -> Option<&'a T> {
        self.by_id.get(id).copied()
    }

    pub fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.by_id.keys().copied()
    }
}

/// Everything that can be referred to.
pub(super) struct Known<'a> {
    pub topics: Names<'a, crate::domain::taxonomy::TopicDoc>,
    pub entities: Names<'a, crate::domain::entity::EntityDoc>,
    pub sectors: Names<'a, crate::domain::party::Sector>,
    pub advertisers: Names<'a, Advertiser>,
    pub campaigns: Names<'a, Campaign>,
    pub flights: Names<'a, Flight>,
    pub publishers: Names<'a, crate::domain::party::Publisher>,
    pub placements: Names<'a, crate::domain::party::Placement>,
    pub regions: Regions,
    /// Names of topics and entities, as copy would echo them.
    pub called: BTreeMap<&'a str, &'a str>,
}

impl<'a> Known<'a> {
    pub fn of(inventory: &'a Inventory) -> Known<'a> {
        let slots = inventory.publishers.iter().flat_map(|publisher| &publisher.placements);
        let topics = inventory.topics.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        let entities = inventory.entities.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        Known {
            topics: Names::new("topic", &inventory.topics, |one| one.id.as_str()),
            entities: Names::new("entity", &inventory.entities, |one| one.id.as_str()),
            sectors: Names::new("sector", &inventory.sectors, |one| one.id.as_str()),
            advertisers: Names::new("advertiser", &inventory.advertisers, |one| one.id.as_str()),
            campaigns: Names::new("campaign", &inventory.campaigns, |one| one.id.as_str()),
            flights: Names::new("flight", &inventory.flights, |one| one.id.as_str()),
            publishers: Names::new("publisher", &inventory.publishers, |one| one.id.as_str()),
            placements: Names::new("placement", slots, |one| one.id.as_str()),
            regions: Regions::build(&inventory.regions).unwrap_or_default(),
            called: entities.chain(topics).collect(),
        }
    }

    /// Who pays for a flight.
    pub fn payer(&self, flight: &Flight) -> Option<&'a Advertiser> {
        self.advertisers.find(self.campaigns.find(flight.campaign.as_str())?.advertiser.as_str())
    }

    /// Who pays for a creative.
    pub fn advertiser_of(&self, creative: &Creative) -> Option<&'a Advertiser> {
        self.payer(self.flights.find(creative.flight.as_str())?)
    }
}
